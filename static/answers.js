// While an answer is awaited, and where none came: what is said stands where the press was.
(() => {
  "use strict";

  const SOON = 300; // milliseconds without a word
  const LONG = 20_000; // after which nothing is awaited any more: a file that was saved, say
  let waits = null;

  const end = () => {
    clearTimeout(waits);
    waits = null;
    const sign = document.getElementById("loading");
    if (sign?.matches(":popover-open")) sign.hidePopover();
    document.querySelectorAll("[aria-busy]").forEach((one) => one.removeAttribute("aria-busy"));
  };
  const begin = () => {
    clearTimeout(waits);
    waits = setTimeout(() => {
      document.getElementById("loading")?.showPopover();
      waits = setTimeout(end, LONG);
    }, SOON);
  };
  const isLook = ({ detail }) => detail.requestConfig.triggeringEvent?.type === "look";

  document.addEventListener("submit", ({ submitter }) =>
    submitter?.setAttribute("aria-busy", "true"),
  );
  addEventListener("beforeunload", (leaving) => leaving.defaultPrevented || begin());
  addEventListener("pageshow", end);
  document.addEventListener("htmx:beforeRequest", (request) => isLook(request) || begin());
  document.addEventListener("htmx:afterRequest", (request) => isLook(request) || end());

  // Where Kalends cannot be reached at all, a page says so.
  addEventListener("load", () => navigator.serviceWorker?.register("/worker.js").catch(() => {}));

  // In the form or the card that asked, else on top, where it stays in sight.
  const tell = ({ detail: { elt, requestConfig } }, words) => {
    document.querySelectorAll("[data-fault]").forEach((old) => old.remove());
    const note = document.getElementById("fault").content.firstElementChild.cloneNode(true);
    note.querySelector("p").textContent = words;
    const place = elt.closest("form, dialog[open]");
    if (place) place.append(note);
    else document.getElementById("flash").replaceChildren(note);
    if (requestConfig.triggeringEvent?.type === "submit") note.focus();
  };
  const usual = (name) => document.getElementById("fault").dataset[name];

  document.addEventListener("htmx:sendError", (request) => {
    if (!isLook(request)) tell(request, usual("offline"));
  });
  document.addEventListener("htmx:responseError", (request) => {
    if (isLook(request)) return;
    // what the error page would say
    const page = new DOMParser()
      .parseFromString(request.detail.xhr.responseText, "text/html")
      .querySelector("main .card");
    const words = [page?.querySelector("h1"), page?.querySelector("p")]
      .map((part) => part?.textContent.trim())
      .filter(Boolean)
      .join(". ");
    tell(request, words || usual("other"));
  });
  document.addEventListener("htmx:afterOnLoad", (request) => {
    if (request.detail.successful && !isLook(request))
      document.querySelectorAll("[data-fault]").forEach((old) => old.remove());
  });
})();
