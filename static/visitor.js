// What the booking pages do besides working without it: the visitor's own zone, focus on
// what was said or opened.
(() => {
  "use strict";

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("[data-errors]")?.focus();
    for (const day of document.querySelectorAll("[data-day]"))
      day.querySelector("summary").addEventListener("click", () =>
        setTimeout(() => day.open && day.querySelector("li button").focus()),
      );
    const hold = document.querySelector("[data-until]");
    if (hold) {
      const left = () => Number(hold.dataset.until) * 1000 - Date.now();
      const tell = () => {
        for (const part of hold.querySelectorAll("[data-at]"))
          part.hidden =
            part.dataset.at !== (left() > 120_000 ? "held" : left() > 0 ? "soon" : "over");
      };
      setInterval(tell, 5_000);
      tell();
    }
    const zone = document.querySelector("[data-zone]");
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const address = new URL(location.href);
    if (zone && own && own !== zone.dataset.zone && !address.searchParams.has("zone")) {
      // in a week of the year ahead, since the clocks change on other days, or not at all
      const differs = [...Array(54).keys()].some((week) => {
        const at = new Date(Date.now() + week * 604_800_000);
        const wall = (name) => at.toLocaleString("en", { timeZone: name });
        return wall(own) !== wall(zone.dataset.zone);
      });
      if (!differs) return;
      address.searchParams.set("zone", own);
      if (address.pathname.endsWith("/times")) location.replace(address);
    }
  });
})();
