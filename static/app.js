// What the pages need beyond htmx: copying, dialogs that trap focus, focus on the summary of
// errors.
(() => {
  "use strict";

  // The first clinic's zone, as this browser has it.
  document.addEventListener("DOMContentLoaded", () => {
    const zone = document.querySelector("input[data-guess]");
    if (zone && !zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  });

  // The server knows narrow screens, so that the team's day comes to them as a list at once. Where
  // one was turned since, it is asked again.
  const screen = matchMedia("(max-width: 63.99rem)");
  const tellWidth = () => {
    const [kept, age] = screen.matches ? [1, 31536000] : ["", 0];
    document.cookie = `narrow=${kept}; path=/; max-age=${age}; samesite=lax`;
    if (screen.matches || !document.querySelector("[data-narrow]")) return;
    const select = "#day-grid, #by-time, #legend";
    htmx.ajax("GET", location.href, { target: "#by-time", select, swap: "outerHTML" });
  };
  document.addEventListener("DOMContentLoaded", tellWidth);
  screen.addEventListener("change", tellWidth);

  document.addEventListener("click", async (click) => {
    const button = click.target.closest("[data-copy]");
    if (button) {
      const field = document.getElementById(button.dataset.copy);
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
      } catch {
        document.execCommand("copy");
      }
      button.dataset.state = "done";
      if (button.localName === "button") button.lastChild.textContent = " Copied";
      document.getElementById(button.getAttribute("aria-describedby"))?.removeAttribute("hidden");
    }
    if (click.target.closest("[data-print]")) window.print();
    const close = click.target.closest("dialog [data-close]");
    if (close) {
      click.preventDefault();
      close.closest("dialog").close();
    }
    for (const menu of document.querySelectorAll("details.menu[open]"))
      if (!menu.contains(click.target)) menu.open = false;
  });

  document.addEventListener("keydown", (key) => {
    const menu = key.key === "Escape" && document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  const within = (root, what) => (root.matches?.(what) ? [root] : root.querySelectorAll(what));
  const settle = (root) => {
    for (const dialog of within(root, "dialog[open]:not([data-modal])")) {
      dialog.dataset.modal = "";
      dialog.open = false; // close() has an event, which may come after the next one's
      dialog.showModal();
    }
    within(root, "#errors, [data-errors]")[0]?.focus();
  };
  // A link to a part that is folded opens it.
  const unfold = () => {
    const part = location.hash && document.querySelector("details:target, :target > details");
    if (part) part.open = true;
  };
  addEventListener("hashchange", unfold);
  document.addEventListener("DOMContentLoaded", () => {
    settle(document);
    unfold();
  });
  // Open pages look for changes by themselves while they can be seen and no card lies over them.
  // What had the focus in the week keeps it.
  const look = () => {
    if (!document.hidden && !document.querySelector("dialog[open]"))
      document.dispatchEvent(new Event("look"));
  };
  setInterval(look, 5000);
  document.addEventListener("visibilitychange", look);
  // What has the focus before a part is replaced. Gone with it, the focus goes to what was said, or
  // to the part itself.
  let held = document.body;
  document.addEventListener("htmx:beforeSwap", () => {
    held = document.activeElement;
  });
  document.addEventListener("htmx:afterSwap", ({ detail: { elt } }) => {
    settle(elt);
    if (held.isConnected || document.activeElement !== document.body) return;
    const same = elt.querySelector(`a[href="${CSS.escape(held.getAttribute("href"))}"]`);
    const next =
      same ||
      (elt.id !== "week" && document.querySelector("#flash > *")) ||
      elt.querySelector("h2");
    if (next && !same) next.tabIndex = -1;
    next?.focus({ preventScroll: true });
  });

  // What is typed in one form is not lost by a press in another, or by a link: the browser asks
  // first, and a part that is replaced gets it back.
  const typed = new Set();
  let replaced = [];
  document.addEventListener("input", ({ target: { form, type } }) => {
    if (type !== "search" && form?.matches("[method=post]:not([hx-trigger])")) typed.add(form);
  });
  document.addEventListener("submit", ({ target }) => typed.delete(target), true);
  document.addEventListener("click", ({ target }) =>
    typed.delete(target.closest("form a")?.closest("form")),
  ); // Cancel
  document.addEventListener("htmx:sendError", ({ detail: { elt } }) => {
    if (elt.matches("form")) typed.add(elt);
  });
  const isOpen = (form) => form.isConnected && form.getClientRects().length > 0;
  addEventListener("beforeunload", (leaving) => {
    if ([...typed].some(isOpen)) leaving.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", () => {
    replaced = [...typed].filter(isOpen);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const old of replaced.splice(0).filter((form) => !form.isConnected)) {
      typed.delete(old);
      const again = [...document.forms].find(
        (form) => form.getAttribute("action") === old.getAttribute("action"),
      );
      for (const was of again ? old.elements : []) {
        const field =
          was.name &&
          !["hidden", "file"].includes(was.type) &&
          [...again.elements].find(
            (one) =>
              one.name === was.name &&
              (!["radio", "checkbox"].includes(one.type) || one.value === was.value),
          );
        if (field) {
          field.value = was.value;
          field.checked = was.checked;
        }
      }
      if (again) typed.add(again);
    }
    document
      .querySelectorAll("form [data-errors]")
      .forEach((fault) => typed.add(fault.closest("form")));
  });

  // The way to sync that is chosen, and not begun, stays chosen whichever part of its page comes.
  document.addEventListener("htmx:configRequest", ({ detail: { elt, boosted, parameters } }) => {
    const marked = document.querySelector("#mode > form :checked");
    const isChosen = marked?.closest("[data-wanted]") || marked?.defaultChecked === false;
    if (isChosen && !boosted && elt.closest("#sync")) parameters.mode = marked.value;
  });

  document.addEventListener("htmx:afterRequest", (done) => delete done.detail.elt.dataset.sent);
})();
