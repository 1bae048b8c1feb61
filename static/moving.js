// A booking moved in the columns of the calendar: dragged by mouse or pen, by a finger that rests
// on it first, or by keyboard (M, arrows, Enter). Only how far it goes is sent; what may be is
// decided on the server, which asks where the form would.
(() => {
  "use strict";

  const CALLED_OFF = ["cancelled", "no_show"];
  const EDGE = 7; // pixels at the lower edge that make it longer
  const SLACK = 5; // pixels that a press may wander
  const REST = 450; // milliseconds that a finger rests on a booking before it drags
  const NEAR = 56; // pixels from an edge of what is seen, within which it scrolls on
  const FAST = 900; // pixels a second, at the edge itself
  const minutes = (clock) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));
  const two = (number) => String(number).padStart(2, "0");
  const wall = (total) => `${two(Math.floor(total / 60) % 24)}:${two(total % 60)}`;
  const columnOf = (element) => element.closest("section").querySelector("ol[data-kind=timed]");
  const columns = () =>
    [...document.querySelectorAll("#week > section[data-open] > ol[data-kind=timed]")].filter(
      (column) => column.getClientRects().length,
    );

  let move = null; // what is being moved, and how far
  let pressed = null; // a press on a booking that may become a drag

  // What can be moved at this place: a booking of the page that begins and ends on one day.
  const movable = (target) => {
    const link = target.closest?.("#week section[data-open] li[data-seen] > a.booking");
    if (!link || CALLED_OFF.includes(link.dataset.status)) return null;
    const block = link.parentElement;
    const times = link.querySelector("span");
    const said = /^(\d\d:\d\d)\u2013(\d\d:\d\d)$/.exec(times?.textContent ?? "");
    if (!said || minutes(said[2]) <= minutes(said[1])) return null;
    return { link, block, times, start: minutes(said[1]), end: minutes(said[2]) };
  };

  const status = () => {
    let bar = document.getElementById("moving");
    if (!bar) {
      bar = document.createElement("p");
      bar.id = "moving";
      bar.setAttribute("role", "status");
      document.body.append(bar);
    }
    return bar;
  };

  const begin = (found, keys) => {
    const grid = document.getElementById("week");
    const hours = grid.querySelectorAll("[data-kind=clock] > li:not([data-kind])");
    const hour = hours[0].getBoundingClientRect().height;
    move = {
      ...found,
      keys,
      home: columnOf(found.link),
      column: columnOf(found.link),
      by: 0,
      longer: 0,
      step: Number(grid.dataset.snap),
      pixels: hour / 60, // of a minute
      first: minutes(hours[0].dataset.from),
      last: minutes(hours[0].dataset.from) + hours.length * 60,
      said: found.times.textContent,
    };
    move.block.dataset.moving = "";
    show();
  };

  const show = () => {
    const { block, column, home, by, longer, pixels, times, start, end } = move;
    const aside = column.getBoundingClientRect().left - home.getBoundingClientRect().left;
    block.style.translate = `${aside}px ${by * pixels}px`;
    block.style.marginBlockEnd = `${-longer * pixels}px`;
    times.textContent = `${wall(start + by)}\u2013${wall(end + by + longer)}`;
    const heading = column.closest("section").querySelector("h2");
    const link = heading.querySelector("a");
    const where = link.getAttribute("aria-label") ?? link.textContent.replace(/\s+/g, " ").trim();
    const keys =
      "Arrows move it. Shift with ↑ ↓ changes its length. Enter saves, Escape leaves it.";
    status().textContent = `${where}, ${times.textContent}.${move.keys ? ` ${keys}` : ""}`;
    if (move.keys) block.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  const leave = (sentence = "") => {
    const { block, times, said } = move;
    delete block.dataset.moving;
    block.style.translate = block.style.marginBlockEnd = "";
    times.textContent = said;
    status().textContent = sentence;
    if (sentence) setTimeout(() => move || status().replaceChildren(), 4000);
    move = null;
  };

  // Within the hours that are shown, by whole steps from where it lay.
  const shift = (by, longer, column) => {
    const { start, end, first, last, step } = move;
    const steps = (least, most, wanted) =>
      Math.min(
        Math.floor(most / step),
        Math.max(Math.ceil(least / step), Math.round(wanted / step)),
      ) * step || 0;
    move.longer = steps(Math.min(5 - (end - start), 0), last - end - move.by, longer);
    move.by = steps(first - start, last - end - move.longer, by);
    move.column = column;
    show();
  };

  const save = () => {
    const { block, link, by, longer, column, home } = move;
    if (!by && !longer && column === home) return leave();
    const section = column.closest("section");
    const form = document.createElement("form");
    form.method = "post";
    form.action = `${link.pathname}/move${link.search}`;
    const token = document.querySelector("input[name=csrf_token]").value;
    const { calendar, day } = section.dataset;
    const values = { csrf_token: token, seen: block.dataset.seen, by, longer, calendar, day };
    for (const [name, value] of Object.entries(values)) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      form.append(field);
    }
    document.body.append(form);
    move.isSent = true;
    form.requestSubmit();
  };

  // ---- by mouse, pen or finger; a finger that moves at once scrolls ----

  // Where the pointer stands over the columns, however far these were scrolled meanwhile.
  const follow = () => {
    if (!pressed?.at || !move || move.isSent) return;
    const { x, y } = pressed.at;
    const far = y - move.home.getBoundingClientRect().top - pressed.depth;
    const under = columns().find((column) => {
      const { left, right } = column.getBoundingClientRect();
      return left <= x && x < right;
    });
    if (pressed.isEdge) shift(0, far / move.pixels, move.home);
    else shift(far / move.pixels, 0, under ?? move.column);
  };
  document.addEventListener("scroll", follow, true);

  // What is seen of a box that scrolls, without the names and hours that stick to its edges.
  const frameOf = (box) => {
    if (box === document.scrollingElement)
      return { top: 0, left: 0, right: innerWidth, bottom: innerHeight };
    const { top, left, right, bottom } = box.getBoundingClientRect();
    const { scrollPaddingTop, scrollPaddingLeft } = getComputedStyle(box);
    return {
      top: Math.max(top, 0) + parseFloat(scrollPaddingTop),
      left: Math.max(left, 0) + parseFloat(scrollPaddingLeft),
      right: Math.min(right, innerWidth),
      bottom: Math.min(bottom, innerHeight),
    };
  };
  // How fast it scrolls along one axis: towards an edge that the pointer went to, while something
  // lies beyond it.
  const push = (at, from, low, high, first, last) => {
    const back = at < Math.min(low + NEAR, from) && first < low;
    const on = at > Math.max(high - NEAR, from) && last > high;
    if (back) return Math.max((at - low - NEAR) / NEAR, -1);
    return on ? Math.min((at - high + NEAR) / NEAR, 1) : 0;
  };
  const roll = () => {
    if (pressed.rolls) return;
    let before = performance.now();
    const next = () => {
      if (!pressed?.rolls || !move || move.isSent) return;
      const now = performance.now();
      const pixels = (FAST * Math.min(now - before, 50)) / 1000;
      before = now;
      const { x, y } = pressed.at;
      const all = columns().map((column) => column.getBoundingClientRect());
      const { top, bottom } = move.home.getBoundingClientRect();
      for (const box of [move.home.closest("[data-kind=scroll]"), document.scrollingElement]) {
        const frame = box && frameOf(box);
        if (!frame) continue;
        const down = push(y, pressed.y, frame.top, frame.bottom, top, bottom);
        const aside = pressed.isEdge
          ? 0
          : push(x, pressed.x, frame.left, frame.right, all[0].left, all.at(-1).right);
        if (down || aside)
          box.scrollBy({ top: down * pixels, left: aside * pixels, behavior: "instant" });
      }
      requestAnimationFrame(next);
    };
    pressed.rolls = true;
    requestAnimationFrame(next);
  };

  let isLeft = false; // by Escape, while the pointer is down still
  const drop = () => {
    isLeft = false;
    clearTimeout(pressed?.rest);
    pressed = null;
    if (move && !move.isSent) leave();
  };
  document.addEventListener("pointerdown", (down) => {
    drop();
    const found = down.button === 0 && down.isPrimary && movable(down.target);
    if (!found || down.ctrlKey || down.metaKey || down.shiftKey || move) return;
    const isTouch = down.pointerType === "touch";
    const { bottom, height } = found.block.getBoundingClientRect();
    const isEdge = !isTouch && bottom - down.clientY <= Math.min(EDGE, height / 3);
    const top = columnOf(found.link).getBoundingClientRect().top;
    const depth = down.clientY - top;
    pressed = { found, isEdge, isTouch, x: down.clientX, y: down.clientY, depth };
    if (isTouch) pressed.rest = setTimeout(() => begin(found, false), REST);
  });
  // Once a booking is held, the page neither scrolls under the finger nor opens a menu of the link.
  const hold = (event) => {
    if (pressed?.isTouch && move) event.preventDefault();
  };
  document.addEventListener("touchmove", hold, { passive: false });
  document.addEventListener("contextmenu", hold);
  document.addEventListener("dragstart", (drag) => {
    if (pressed) drag.preventDefault(); // of the link as a link
  });
  document.addEventListener("pointermove", (to) => {
    if (!pressed) return;
    if (!to.buttons) return drop(); // let go outside the window
    if (!move) {
      const far = Math.hypot(to.clientX - pressed.x, to.clientY - pressed.y);
      if (pressed.isTouch && far > 2 * SLACK) return drop();
      if (pressed.isTouch || far < SLACK) return;
      begin(pressed.found, false);
    }
    if (move.isSent) return;
    pressed.at = { x: to.clientX, y: to.clientY };
    follow();
    roll();
  });
  document.addEventListener("pointerup", () => {
    const isDrop = pressed && move && !move.isSent;
    if (isDrop || isLeft) {
      const swallow = (click) => {
        click.preventDefault();
        click.stopPropagation();
      };
      addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => removeEventListener("click", swallow, { capture: true }));
      if (isDrop) save();
    }
    isLeft = false;
    clearTimeout(pressed?.rest);
    pressed = null;
  });
  document.addEventListener("pointercancel", drop);

  // ---- by keyboard ----

  document.addEventListener(
    "keydown",
    (press) => {
      const { key, shiftKey } = press;
      if (press.altKey || press.ctrlKey || press.metaKey) return;
      if (!move) {
        const found = key.toLowerCase() === "m" && !pressed && movable(press.target);
        if (!found || document.querySelector("dialog[open]")) return;
        press.preventDefault();
        begin(found, true);
        return;
      }
      if (move.isSent) {
        press.preventDefault(); // the answer is on its way: nothing else is opened meanwhile
        press.stopPropagation();
        return;
      }
      if (key === "Escape") {
        isLeft = Boolean(pressed);
        pressed = null;
        leave("Not moved.");
      } else if (!move.keys) return;
      else if (key === "Enter") save();
      else if (key === "Tab") {
        leave("Not moved.");
        return;
      } else if (key === "ArrowUp" || key === "ArrowDown") {
        const step = key === "ArrowUp" ? -move.step : move.step;
        if (shiftKey) shift(move.by, move.longer + step, move.column);
        else shift(move.by + step, move.longer, move.column);
      } else if (key === "ArrowLeft" || key === "ArrowRight") {
        const all = columns();
        const beside = all[all.indexOf(move.column) + (key === "ArrowLeft" ? -1 : 1)];
        shift(move.by, move.longer, beside ?? move.column);
      } else return;
      press.preventDefault();
      press.stopPropagation();
    },
    true,
  );

  // The page is not renewed under what is being moved; it looks again later.
  document.addEventListener("htmx:beforeRequest", (request) => {
    if (move && request.detail.requestConfig?.triggeringEvent?.type === "look")
      request.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (swap) => {
    if (move && swap.detail.target?.id === "week") swap.detail.shouldSwap = false;
  });
  addEventListener("pageshow", (shown) => {
    if (shown.persisted && move) leave();
  });
})();
