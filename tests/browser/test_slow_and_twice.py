"""Moving, merging and the team's day with a slow network, presses that come twice, and Back."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from base.scheduling import Span
from base.tables.audit import AuditEntry
from models import Booking, Patient
from people.merges import ClientMerge

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")

TWO = datetime(2026, 11, 20, 14, tzinfo=UTC)  # the clock stands at 11:40 of this Friday
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)


@pytest.fixture
def booking(linden, clock):
    return Booking.book(linden.calendar, [Span(TWO, TWO + HOUR)], linden.pat)[0]


@pytest.fixture
def page(enter, receptionist, linden, booking):
    page = enter(
        receptionist.email,
        viewport={"width": 1280, "height": 1000},
        service_workers="block",  # what one sends passes by the routes of `Slow`
    )
    return page


AGAIN = "pressed again"  # what a page tells its console


class Slow:
    """Requests to such addresses wait until they are let go."""

    def __init__(self, page, address: str, method: str = "POST"):
        self._page, self._waiting, self._told = page, [], []
        page.on("console", lambda message: self._told.append(message.text))
        page.route(re.compile(address), self._hold)
        self._method = method

    def _hold(self, route) -> None:
        if route.request.method == self._method:
            self._waiting.append(route)
        else:
            route.continue_()

    def let_go(self, sentence: str, again: bool = True) -> None:
        """Let the one that waits go on, and wait for the page that says so.

        Where `again`, not before the page has told its console of the second press.
        """
        for _ in range(200):
            if self._waiting and (not again or AGAIN in self._told):
                break
            self._page.wait_for_timeout(20)
        assert len(self._waiting) == 1
        for route in self._waiting:
            route.continue_()
        expect(self._page.locator("main")).to_contain_text(sentence)
        self._page.wait_for_load_state("networkidle")


def twice(button) -> None:
    """Two presses, a moment apart; nobody waits for the page that follows."""
    button.evaluate("""one => {
        one.click();
        setTimeout(() => { one.click(); console.debug("pressed again"); }, 50);
    }""")


def length(booking) -> timedelta:
    row = Booking.get_by_id(booking.id)
    return row.ends_at - row.starts_at


def card(page, booking):
    page.goto(f"/bookings/{booking.id}?view=team&shown=2026-11-20")
    return page.get_by_role("dialog")


def test_a_second_press_while_the_answer_is_slow_lengthens_once(page, booking):
    longer = card(page, booking).get_by_role("button", name="+15 min")
    slow = Slow(page, "/move")
    twice(longer)
    slow.let_go("Changed: ")
    assert length(booking) == HOUR + QUARTER
    expect(page.locator("#flash")).not_to_contain_text("Someone else")


def test_undo_that_is_pressed_twice_goes_back_once(page, booking):
    with page.expect_navigation():
        card(page, booking).get_by_role("button", name="+15 min").click()
    undo = page.get_by_role("button", name="Undo")
    slow = Slow(page, "/undo")
    twice(undo)
    slow.let_go("Taken back")
    assert length(booking) == HOUR
    assert AuditEntry.about(booking).count() == 3  # made, lengthened, taken back


def test_presses_on_a_page_that_has_just_come_count_once(page, booking):
    """The first comes before the page is shown for good, the second after."""
    page.goto(f"/bookings/{booking.id}?view=team&shown=2026-11-20")
    slow = Slow(page, "/move")
    page.add_init_script("""
        addEventListener("load", () => {
          const buttons = [...document.querySelectorAll("form[action*='/move'] button")];
          const longer = buttons.find((one) => one.textContent.includes("+15"));
          longer?.click();
          addEventListener("pageshow", () => setTimeout(() => {
            longer?.click();
            console.debug("pressed again");
          }, 50));
        });
    """)
    page.reload(wait_until="commit")
    slow.let_go("Changed: ")
    assert length(booking) == HOUR + QUARTER


def test_a_drag_while_the_answer_is_slow_is_sent_once(page, booking):
    page.goto("/calendar/team?day=2026-11-20")
    block = page.locator("#week li[data-seen] > .booking").first
    slow = Slow(page, "/move")
    block.focus()
    for key in ("m", "ArrowDown", "Enter", "Enter", "m", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    slow.let_go("Moved: ", again=False)
    assert Booking.get_by_id(booking.id).starts_at == TWO + QUARTER
    assert AuditEntry.about(booking).count() == 2


def test_back_after_a_move_shows_the_new_place_and_allows_another_move(page, booking):
    page.goto("/calendar/team?day=2026-11-20")
    block = page.locator("#week li[data-seen] > .booking").first
    with page.expect_navigation():
        block.focus()
        for key in ("m", "ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
    page.go_back()
    expect(block).to_contain_text("14:30–15:30")
    with page.expect_navigation():
        block.focus()
        for key in ("m", "ArrowDown", "Enter"):
            page.keyboard.press(key)
    assert Booking.get_by_id(booking.id).starts_at == TWO + 3 * QUARTER
    expect(page.locator("#flash")).not_to_contain_text("Someone else")


def test_back_from_a_card_leads_to_the_team_s_day_it_was_opened_on(page, booking):
    page.goto("/calendar/team?day=2026-11-20")
    page.locator("#week li[data-seen] > .booking").first.click()
    page.get_by_role("dialog").get_by_role("link", name="Change or move").click()
    page.wait_for_url("**/edit**")
    page.go_back()
    expect(page.locator("#week li[data-seen]").first).to_be_visible()
    expect(page.locator("#menu [aria-current=page]")).to_contain_text("Team’s day")


def test_the_day_that_was_pressed_last_is_shown(page, booking):
    page.goto("/calendar/team?day=2026-11-20")
    with page.expect_navigation(url="**day=2026-11-21"):
        page.get_by_label("Next day").click()
    page.get_by_label("Next day").dblclick()
    page.wait_for_url(re.compile("/calendar/team.day=2026-11-2[23]"))
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("21 November")


def test_a_merge_that_is_pressed_twice_and_gone_back_from_merges_once(page, linden):
    double = Patient.add(linden.clinic, linden.pat, first_name="Malgorzata", last_name="Wojcik")
    page.goto(f"/clients/{linden.patient.id}/merge?other={double.id}")
    merge = page.get_by_role("button", name=re.compile("^Merge"))
    slow = Slow(page, "/merge$")
    twice(merge)
    slow.let_go("Two records were merged here")
    assert ClientMerge.select().count() == 1
    page.go_back()
    assert page.url.endswith(f"/clients/{linden.patient.id}")  # one record has nothing to compare
    expect(page.locator("main")).to_contain_text("Two records were merged here")
    assert ClientMerge.select().count() == 1
