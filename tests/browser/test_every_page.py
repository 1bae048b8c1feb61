"""Every page that a link leads to, in the sample clinic.

No barrier that axe can find, no sideways scroll, nothing on the console.
"""

import re
from urllib.parse import urljoin, urlsplit

import pytest

LOOKS = {"phone, light": ("light", 390, 844), "desk, dark": ("dark", 1280, 900)}
# Kinds of page that each is known to reach.
LEAST = {
    "owner@sample.test": 40,
    "lea@sample.test": 28,
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


@pytest.mark.parametrize("email", LEAST)
@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_whole(live, enter, no_barriers, email, look):
    theme, width, height = LOOKS[look]
    page = enter(email, at=live, color_scheme=theme, viewport={"width": width, "height": height})
    opened = []
    for address in pages(page, live.address):
        opened.append(address)
        no_barriers(page)
    assert len(opened) >= LEAST[email], sorted(opened)
