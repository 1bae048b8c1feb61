"""Every page that a link leads to, in the sample clinic.

No barrier that axe can find, no sideways scroll (with letters twice as large neither), nothing on
the console.
"""

import re
from urllib.parse import urljoin, urlsplit

import pytest
from barriers import DESK, see

PHONE = (320, "light")  # a small one
# Kinds of page that each is known to reach, and the looks: a page is opened in the first, and then
# seen in the second, as where somebody turns a tablet. What both reach opens in both.
LEAST = {
    "owner@sample.test": (40, PHONE, DESK),
    "lea@sample.test": (28, DESK, PHONE),
}


def kind(address: str) -> str:
    """Pages that differ only by their row are of one kind."""
    return re.sub(r"\d+", "N", urlsplit(address).path)


def pages(page, start: str):
    """Open each kind of page once, following the links, and yield its address."""
    waiting, seen = [start], set()
    while waiting:
        address = waiting.pop(0)
        if kind(address) in seen:
            continue
        seen.add(kind(address))
        answer = page.goto(address)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        assert answer.status == 200, f"{kind(address)} answers {answer.status}"
        yield kind(address)
        hrefs = page.eval_on_selector_all(
            "a[href]:not([download])", "links => links.map(link => link.getAttribute('href'))"
        )
        found = [urljoin(address, href) for href in hrefs if not href.startswith("#")]
        waiting += [
            link
            for link in found
            if link.startswith(start) and not urlsplit(link).path.startswith(("/static/", "/api/"))
        ]


def with_large_letters(page) -> int:
    """By how many pixels the page scrolls sideways on a phone whose letters are twice as large, or
    cuts the name in the bar at the top.
    """
    page.set_viewport_size({"width": 390, "height": 844})
    return page.evaluate(
        """() => {
          const whole = document.documentElement
          whole.style.fontSize = "200%"
          const over = (box) => (box ? box.scrollWidth - box.clientWidth : 0)
          const most = Math.max(over(whole), over(document.querySelector("header summary > span")))
          whole.style.fontSize = ""
          return most
        }"""
    )


@pytest.mark.parametrize("email", LEAST)
def test_every_page_is_whole(live, enter, no_barriers, email):
    least, first, second = LEAST[email]
    page = enter(email, at=live, reduced_motion="reduce")
    see(page, *first)
    opened, too_wide = [], []
    for address in pages(page, live.address):
        opened.append(address)
        no_barriers(page)
        see(page, *second)
        no_barriers(page)
        if with_large_letters(page) > 0:
            too_wide.append(address)
        see(page, *first)
    assert too_wide == [], "these scroll sideways or cut the name with large letters"
    assert len(opened) >= least, sorted(opened)
