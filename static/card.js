// A card over the calendar has an address, so Back closes it; after a press in it, or a move, the
// page is where it was, with the booking in focus.
(() => {
  "use strict";

  // Of the session: how far the page was scrolled, and which booking was pressed.
  const PLACE = "place";
  const isCard = () => Boolean(history.state?.card);
  const open = () => document.querySelector("dialog#booking-card[open]");

  document.addEventListener("htmx:afterSwap", ({ detail: { requestConfig, target } }) => {
    if (requestConfig.verb !== "get" || target.id !== "booking-card" || isCard() || !open()) return;
    history.pushState({ card: true }, "", requestConfig.path);
  });
  addEventListener("popstate", () => {
    if (isCard()) location.reload(); // forward, to a card that was closed
    else open()?.close();
  });
  document.addEventListener(
    "close",
    ({ target }) => {
      if (target.id !== "booking-card" || target.open) return;
      const back = target.querySelector("[data-close]")?.href;
      if (isCard()) history.back();
      else if (back && location.pathname !== new URL(back).pathname)
        history.replaceState(null, "", back); // the page came with the card
    },
    true,
  );

  const calendar = () => document.querySelector("#week, #by-time");
  const grid = () => document.querySelector('[data-kind="scroll"]');
  const block = (path) =>
    [...document.querySelectorAll("#week a.booking, #by-time a.booking")].find(
      (link) => link.pathname === path && link.getClientRects().length,
    );
  document.addEventListener("submit", ({ target }) => {
    const link = /^\/bookings\/\d+/.exec(new URL(target.action).pathname)?.[0];
    if (!link) return;
    const top = block(link)?.getBoundingClientRect().top;
    const place = { link, top, page: calendar() && scrollY, box: grid()?.scrollTop };
    sessionStorage.setItem(PLACE, JSON.stringify(place));
  });
  const back = (place) => {
    if (place.page === null) {
      const changed = block(place.link); // by a form of its own: it is shown where it is now
      changed?.scrollIntoView({ block: "center", behavior: "instant" });
      return changed?.focus({ preventScroll: true });
    }
    if (grid()) grid().scrollTop = place.box ?? 0;
    scrollTo({ top: place.page, behavior: "instant" });
    const same = block(place.link);
    const said = document.querySelector("#flash > *");
    // What is said lies above: the booking stays where the eye is, unless it would lie below that.
    const clear = (said?.offsetHeight ?? 0) + 16;
    if (same && place.top > clear)
      scrollBy({ top: same.getBoundingClientRect().top - place.top, behavior: "instant" });
    if (!same && said) said.tabIndex = -1;
    (same ?? said)?.focus({ preventScroll: !same });
  };
  document.addEventListener("DOMContentLoaded", () => {
    const place = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
    sessionStorage.removeItem(PLACE);
    if (!place || !calendar() || open()) return;
    // On a phone the team's day comes as a list of its own, a moment later.
    const list = document.querySelector("#by-time[data-width]");
    if (!list?.getClientRects().length) return back(place);
    document.addEventListener("htmx:afterSettle", () => back(place), { once: true });
  });
})();
