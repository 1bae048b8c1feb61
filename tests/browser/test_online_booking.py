"""A visitor books, moves and cancels in Chromium: with and without script, on small and large
screens, by touch and by keyboard alone; axe finds nothing on the way.
"""

import pytest
from console import is_fault
from online_world import switch_on

from free_times.online import proofs
from free_times.online.proofs import SpentProof
from models import Booking, Patient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

KINDS = {
    "320 without script": {"width": 320, "script": False},
    "390 in the dark": {"width": 390, "scheme": "dark", "zone": "Europe/Lisbon"},
    "1280 by keyboard": {"width": 1280, "keys": True, "zone": "America/New_York"},
}


class Way:
    """What a visitor presses, with a finger or with keys, and how often."""

    def __init__(self, page, keys: bool):
        self.page, self.keys, self.presses = page, keys, 0

    def press(self, name: str):
        """Press the first button or link with these words, and wait for what it opens: nothing is
        asked of a page that is being left.
        """
        self.presses += 1
        if self.keys:
            self.reach(name)
            with self.page.expect_navigation():
                self.page.keyboard.press("Enter")
        else:
            with self.page.expect_navigation():
                self.page.locator("a, button, summary").filter(has_text=name).first.click()

    def reach(self, name: str):
        """Go on with Tab until it has the focus."""
        for _ in range(150):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(
                "() => document.activeElement.textContent + '|' + document.activeElement.id"
            )
            if name in " ".join(focused.split()):
                return
        raise AssertionError(f"no way to {name} with Tab")

    def type(self, field: str, text: str):
        """Fill in a field."""
        if self.keys:
            self.reach(f"|{field}")
            self.page.keyboard.type(text)
        else:
            self.page.locator(f"#{field}").fill(text)


@pytest.fixture
def open_page(chromium, address):
    contexts, faults = [], []

    def visit(width, scheme="light", script=True, zone="Europe/London", keys=False):
        context = chromium.new_context(
            base_url=address,
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=script,
            timezone_id=zone,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: faults.append(said.text) if is_fault(said) else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return Way(page, keys)

    yield visit
    for context in contexts:
        assert context.cookies() == []
        context.close()
    assert faults == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_visitor_books_moves_and_cancels(open_page, linden, clock, no_barriers, kind):
    switch_on(
        linden, change_hours=1, welcome="Welcome!", consent="You may keep my name.",
        phone="+44 20 7946 0000",
    )  # fmt: skip
    way = open_page(**KINDS[kind])
    page, has_script = way.page, KINDS[kind].get("script", True)

    def look(words):
        page.get_by_role("heading", name=words).first.wait_for()
        if has_script:
            no_barriers(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.goto("/book/linden/linden-street/")
    look("Book an appointment")
    way.press("Shoulder")
    look("Choose a time")
    if has_script and "zone" in KINDS[kind] and "York" in KINDS[kind]["zone"]:
        assert "New York time" in page.locator("main").inner_text()
    way.press("Earliest")
    look("Your details")
    way.press("Continue")  # nothing is typed yet
    look("Your details")
    assert "3 things to fix" in page.locator("main").inner_text()
    way.presses -= 1
    way.type("name", "Nora Visitor")
    way.type("email", "nora@visitor.test")
    if way.keys:
        way.reach("|agrees")
        page.keyboard.press("Space")
    else:
        page.locator("#agrees").check()
    way.press("Continue")
    look("Is this right?")
    way.press("Book")
    look("You are booked" if has_script else "Request sent")
    assert way.presses == 5 - 1  # service, time, continue, book
    row = Booking.get()
    assert row.patient.name == "Nora Visitor" and Patient.select().count() == 2
    assert row.status == ("confirmed" if has_script else "pending")
    assert "Nora" not in page.content() and "Nora" not in page.title()
    way.press("Move to another time")
    look("Move to another time")
    if way.keys:
        way.reach("Monday")
        page.keyboard.press("Enter")
        page.wait_for_function("document.activeElement.name === 'time'")
        page.keyboard.press("Enter")
    else:
        page.locator("summary").nth(1).click()
        page.locator("details[open] button[name=time]").last.click()
    look("You are booked" if has_script else "Request sent")
    assert Booking.get().starts_at > row.starts_at
    way.press("Cancel")
    look("Cancel this booking?")
    way.press("Yes, cancel it")
    look("Cancelled")
    assert Booking.get().status == "cancelled"


def test_a_kept_time_is_told_and_kept_longer(open_page, linden, clock, no_barriers):
    switch_on(linden)
    way = open_page(390)
    page = way.page
    page.goto("/book/linden/linden-street/")
    way.press("Shoulder")
    way.press("Earliest")
    page.locator("#name").fill("Half a name")
    page.get_by_role("button", name="Keep it longer").click()
    assert page.locator("#name").input_value() == "Half a name"
    no_barriers(page)


def test_a_press_before_the_proof_of_work_is_done_waits_for_it(open_page, linden, clock):
    switch_on(linden)
    proofs.TRIES = range(3_000, 3_001)
    way = open_page(390)
    way.page.goto("/book/linden/linden-street/")
    way.press("Shoulder")
    way.press("Earliest")
    way.type("name", "Nora Visitor")
    way.type("email", "nora@visitor.test")
    way.press("Continue")
    way.press("Book")
    way.page.get_by_role("heading", name="You are booked").wait_for()
    assert (Booking.get().status, SpentProof.select().count()) == ("confirmed", 1)


def test_a_press_waits_also_where_the_proof_is_slow_to_load(open_page, linden, clock):
    """The part that solves it comes last: a press as soon as there is a button is not too early."""
    switch_on(linden)
    way = open_page(390)
    asked = []
    way.page.route("**/vendor/altcha-3.2.2.min.js*", lambda route: asked.append(route))
    way.page.goto("/book/linden/linden-street/")
    way.press("Shoulder")
    way.press("Earliest")
    way.type("name", "Nora Visitor")
    way.type("email", "nora@visitor.test")
    way.press("Continue")
    way.page.get_by_role("button", name="Book").click(no_wait_after=True)
    way.page.locator("button[aria-busy=true]").wait_for()
    asked[0].continue_()
    way.page.get_by_role("heading", name="You are booked").wait_for()
    assert Booking.get().status == "confirmed"
