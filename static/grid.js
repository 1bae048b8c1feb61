// Columns of the calendar, in the week and in the team's day: going about by keyboard, and now in
// sight. How a booking is moved stands in moving.js.
(() => {
  "use strict";

  const seen = (element) => element.getClientRects().length > 0;
  const middle = (element) => {
    const place = element.getBoundingClientRect();
    return (place.top + place.bottom) / 2;
  };
  // What can be pressed in a column, from the top down.
  const stops = (column) =>
    [...column.querySelectorAll(":scope > :is(ul, ol) a[href]")]
      .filter((link) => seen(link) && link.tabIndex >= 0)
      .sort((one, other) => middle(one) - middle(other));

  // The next stop from this one: in its column, or the nearest in the column beside it.
  const next = (link, key) => {
    const column = link.closest("section");
    if (key === "ArrowUp" || key === "ArrowDown") {
      const own = stops(column);
      return own[own.indexOf(link) + (key === "ArrowUp" ? -1 : 1)];
    }
    const back = key === "ArrowLeft";
    let beside = column;
    while ((beside = back ? beside.previousElementSibling : beside.nextElementSibling)) {
      const near = stops(beside).sort(
        (one, other) =>
          Math.abs(middle(one) - middle(link)) - Math.abs(middle(other) - middle(link)),
      );
      if (near.length) return near[0];
    }
    return null;
  };

  document.addEventListener("keydown", (press) => {
    const { key, target } = press;
    if (press.defaultPrevented || press.altKey || press.ctrlKey || press.metaKey || press.shiftKey)
      return;
    if (!key.startsWith("Arrow") || document.querySelector("dialog[open]")) return;
    const link = target.closest('.week:not([data-view="agenda"]) > section > :is(ul, ol) a');
    if (link) {
      const other = next(link, key);
      if (!other) return;
      press.preventDefault();
      other.focus();
      return;
    }
    // Elsewhere the arrows turn to the day or week before and after.
    if (target.closest("input, select, textarea, [contenteditable], [data-kind=scroll], .menu"))
      return;
    const step = { ArrowLeft: "-1", ArrowRight: "1" }[key];
    const way = step && [...document.querySelectorAll(`[data-step="${step}"]`)].find(seen);
    if (!way) return;
    press.preventDefault();
    way.click();
  });

  document.addEventListener("DOMContentLoaded", () => {
    const now = [...document.querySelectorAll('#week section [data-kind="now"]')].find(seen);
    const box = now?.closest('[data-kind="scroll"]');
    if (box) box.scrollTop += middle(now) - middle(box);
    const [{ type }] = performance.getEntriesByType("navigation");
    const isBelow = now && !box && type === "navigate" && middle(now) > innerHeight * 0.8;
    if (isBelow) scrollBy({ top: middle(now) - innerHeight / 2, behavior: "instant" });
  });
})();
