// The proof of work in a visitor's form: ALTCHA's widget computes it unseen while the form is
// filled in. A press that comes before it is done waits for it; where a browser cannot compute it,
// the form goes without, as without script. Loaded where it stands in the page, before the button:
// no press is earlier than this.
(() => {
  const PATIENCE = 20_000; // milliseconds that a press waits
  const OVER = ["verified", "error", "code", "expired"];

  async function solve(place) {
    await import("./vendor/altcha-3.2.2.min.js");
    globalThis.$altcha.algorithms.set("PBKDF2/SHA-256", () => new Worker(place.dataset.worker));
    const widget = document.createElement("altcha-widget");
    const { proof: challenge } = place.dataset;
    const settings = { auto: "onload", display: "invisible", name: "proof", challenge };
    for (const [name, value] of Object.entries(settings)) widget.setAttribute(name, value);
    const solved = new Promise((resolve) => {
      widget.addEventListener("statechange", ({ detail }) => {
        if (OVER.includes(detail.state)) resolve();
      });
    });
    place.append(widget);
    await solved;
  }

  for (const place of document.querySelectorAll("[data-proof]")) {
    const form = place.closest("form");
    form.noValidate = true; // the widget's own box must be ticked, and nobody sees it
    let isOver = false;
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE));
    const over = Promise.race([solve(place).catch(() => {}), patience]).then(() => (isOver = true));
    form.addEventListener(
      "submit",
      async (event) => {
        if (isOver) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        event.submitter?.setAttribute("aria-busy", "true");
        await over;
        event.submitter?.removeAttribute("aria-busy");
        event.target.requestSubmit(event.submitter);
      },
      { capture: true },
    );
  }
})();
