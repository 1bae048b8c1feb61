// Keys for what a page offers: each control names its own (aria-keyshortcuts). They rest while one
// types, under a card, and where they were switched off on this device.
(() => {
  "use strict";

  const OFF = "keys-off";
  const isOff = () => localStorage.getItem(OFF) !== null;
  const HELD = "input, select, textarea, [contenteditable], dialog[open]";

  const use = (control) => {
    if (control.localName === "input") {
      control.focus();
      control.select?.();
    } else if (control.localName === "summary") {
      control.parentElement.open = true;
      control.parentElement.querySelector("input:not([type=hidden]), a, button").focus();
    } else control.click();
  };

  // The sheet is the page of Help about keys, over the page where one is.
  const sheet = async (address) => {
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok) return location.assign(address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = page.getElementById("sheet");
    if (!part || document.querySelector("dialog[open]")) return;
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-labelledby", "keys");
    dialog.append(part);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    show(dialog);
    dialog.showModal();
  };
  const show = (root) => {
    for (const box of root.querySelectorAll("[data-keys]")) {
      box.checked = !isOff();
      box.addEventListener("change", () => {
        if (box.checked) localStorage.removeItem(OFF);
        else localStorage.setItem(OFF, "yes");
      });
    }
  };
  document.addEventListener("DOMContentLoaded", () => show(document));

  document.addEventListener("keydown", (press) => {
    const { key, target } = press;
    const isOther = press.altKey || press.ctrlKey || press.metaKey || press.isComposing;
    if (press.defaultPrevented || isOther) return;
    const rests = isOff() || target.closest(HELD) || document.querySelector("dialog[open]");
    if (key.length !== 1 || rests) return;
    const control = [...document.querySelectorAll("[aria-keyshortcuts]")].find(
      (one) => one.getAttribute("aria-keyshortcuts") === key && one.checkVisibility(),
    );
    if (!control) return;
    press.preventDefault();
    if (key === "?") sheet(control.href);
    else use(control);
  });
})();
