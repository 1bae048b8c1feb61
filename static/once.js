// One press per form, on the team's pages and on those for visitors.
(() => {
  "use strict";

  // A second press must not book twice: the button rests until the answer is there (or the page
  // comes back).
  document.addEventListener("submit", (submit) => {
    if (submit.defaultPrevented || submit.target.method !== "post") return;
    if (submit.target.dataset.sent) return submit.preventDefault();
    submit.target.dataset.sent = "yes";
  });
  // Only where it was kept while away: a page that is shown for the first time may have a press
  // behind it.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted)
      document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });
})();
