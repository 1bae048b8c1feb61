"""The team's day in a browser.

A receptionist's ten tasks by counted presses, keys, narrow screens, paper. Typing, Tab and Enter
are free.
"""

import re
from datetime import date, time

import pytest

from base.scheduling import timed
from base.tables.time_off import TimeOff
from models import Booking, Patient

FRIDAY = date(2026, 11, 20)
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = ON_SQLITE


@pytest.fixture
def booked(linden, clock):
    """Two bookings of today and one of a month ago."""

    def make(day, start, end, **fields):
        span, _ = timed(day, time.fromisoformat(start), time.fromisoformat(end), linden.street.zone)
        fields = {"patient": linden.patient, "service": linden.service} | fields
        return Booking.book(linden.calendar, [span], linden.maya, **fields)[0]

    return [
        make(FRIDAY, "14:00", "14:50"),
        make(FRIDAY, "15:30", "16:20", status="cancelled"),
        make(date(2026, 10, 19), "10:00", "10:50", status="delivered"),
    ]


class Presses:
    """A page on which presses are counted."""

    def __init__(self, page):
        self.page, self.count = page, 0

    def press(self, what):
        what.click()
        self.count += 1

    def link(self, name):
        return self.page.locator("main").get_by_role("link", name=name)

    def free(self, start, calendar):
        """The free stretch that begins then, in this calendar's column."""
        column = self.page.locator(f'section[data-calendar="{calendar.id}"]')
        return column.locator(f'[data-kind="free"] a[href*="from={start}"]')

    def enter(self, field, text=None):
        """Type into the field, press Enter, and wait for the page that follows."""
        if text is not None:
            field.fill(text)
        with self.page.expect_navigation():
            field.press("Enter")


@pytest.fixture
def desk(enter, linden, receptionist, booked):
    page = enter(receptionist.email, viewport={"width": 1280, "height": 900})
    return Presses(page)


def test_the_whole_team_s_day_takes_no_press(desk, linden):
    assert desk.page.url.endswith("/calendar/team")
    assert desk.page.locator("section[data-calendar]:visible").count() == 3
    assert desk.count == 0


def test_the_next_free_time_with_anyone_takes_two(desk, linden):
    desk.press(desk.link("Next free"))
    desk.press(desk.page.locator("main a[href*='/bookings/new']").first)
    desk.page.get_by_role("heading", name="New booking").wait_for()
    assert desk.page.locator("#starts").input_value() == "11:45"
    assert desk.count <= 2


def test_a_new_client_with_a_telephone_number_takes_five(desk, linden):
    desk.press(desk.page.get_by_role("navigation", name="Main").get_by_role("link", name="Clients"))
    desk.press(desk.page.get_by_role("link", name=re.compile("^(Add|New)")).first)
    desk.page.get_by_label("First name").fill("Ann")
    desk.enter(desk.page.get_by_label("Phone"), "+44 7700 900123")
    assert Patient.get(Patient.first_name == "Ann").phone.endswith("900123")
    assert desk.count <= 5


def test_moving_to_thursday_takes_four_without_dragging(desk, linden, booked):
    desk.press(desk.page.locator(f'a.booking[href^="/bookings/{booked[0].id}?"]'))
    desk.press(desk.page.get_by_role("link", name="Change or move"))
    desk.enter(desk.page.get_by_label("Day", exact=True), "2026-11-26")
    moved = Booking.get_by_id(booked[0].id)
    assert moved.starts_at.date() == date(2026, 11, 26)
    assert desk.page.url.endswith("/calendar/team?day=2026-11-26")
    assert desk.count <= 4


def test_offering_a_freed_time_takes_two(desk, linden):
    freed = desk.free("15:30", linden.calendar)
    freed.click(position={"x": 20, "y": 20})  # beside what was called off
    desk.count += 1
    assert desk.page.locator("#starts").input_value() == "15:30"
    assert desk.count <= 2


def test_what_somebody_had_takes_three(desk, linden):
    desk.enter(desk.page.get_by_label("Find a client by name or ID"), "K-2041")
    if "/clients/" not in desk.page.url or desk.page.url.endswith("/clients/"):
        desk.press(desk.page.get_by_role("link", name="Małgorzata Wójcik").first)
    assert "19 Oct" in desk.page.locator("main").inner_text()
    assert desk.count <= 3


def test_printing_the_day_takes_two(desk, linden):
    desk.page.evaluate("window.print = () => { window.printed = true; }")
    desk.press(desk.page.locator("summary[aria-label=More]"))
    desk.press(desk.page.get_by_role("button", name="Print this day"))
    assert desk.page.evaluate("window.printed") and desk.count <= 2


def test_six_weeks_on_takes_two(desk, linden):
    desk.press(desk.page.locator("summary", has_text="Go to"))
    desk.press(desk.page.get_by_role("link", name=re.compile("In 6 weeks")))
    assert desk.page.get_by_role("heading", name="Friday 1 January 2027").is_visible()
    assert desk.count <= 2


def test_blocking_lunch_takes_three(desk, linden):
    desk.press(desk.free("12:00", linden.calendar))
    desk.press(desk.page.get_by_role("link", name="Block this time"))
    desk.page.get_by_label("What for").select_option("lunch")  # by its first letter
    desk.enter(desk.page.get_by_label("Until", exact=True))
    row = TimeOff.get()
    assert (row.kind, row.starts, row.user_id) == ("lunch", "12:00", linden.pat.id)
    assert "/calendar/team" in desk.page.url and desk.count <= 3


def test_two_weeks_of_leave_take_five(desk, linden):
    desk.press(desk.free("12:00", linden.calendar))
    desk.press(desk.page.get_by_role("link", name="Block this time"))
    desk.press(desk.page.get_by_label("Whole days"))
    desk.page.get_by_label("What for").select_option("leave")
    desk.page.get_by_label("From", exact=True).fill("2026-12-07")
    desk.enter(desk.page.get_by_label("To", exact=True), "2026-12-18")
    row = TimeOff.get()
    assert (row.first_on, row.last_on) == (date(2026, 12, 7), date(2026, 12, 18))
    assert desk.count <= 5


def test_arrows_turn_the_day_and_go_from_block_to_block(desk, linden, booked):
    desk.page.keyboard.press("ArrowRight")
    desk.page.wait_for_url("**/calendar/team?day=2026-11-21")
    desk.page.keyboard.press("ArrowLeft")
    desk.page.wait_for_url("**/calendar/team?day=2026-11-20")
    first = desk.page.locator(f'a.booking[href^="/bookings/{booked[0].id}?"]')
    first.focus()
    desk.page.keyboard.press("ArrowDown")
    href = "document.activeElement.getAttribute('href')"
    assert "from=14:50" in desk.page.evaluate(href)
    desk.page.keyboard.press("ArrowUp")
    assert f"/bookings/{booked[0].id}" in desk.page.evaluate(href)
    desk.page.keyboard.press("ArrowRight")
    beside = desk.page.evaluate("document.activeElement.closest('section').dataset.calendar")
    assert beside != str(linden.calendar.id)
    assert "day=2026-11-20" in desk.page.url  # in the columns they do not turn the day


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_no_barriers(enter, linden, receptionist, booked, no_barriers, width, scheme):
    page = enter(receptionist.email, viewport={"width": width, "height": 844}, color_scheme=scheme)
    if width < 1024:
        page.locator("#by-time .booking").first.wait_for()
        assert "Pat Linden" in page.locator("#by-time").inner_text()
        assert page.locator("#day-grid").count() == 0
    no_barriers(page)


def test_a_narrow_screen_gets_the_list_at_once_and_columns_where_it_is_turned(
    enter, linden, receptionist, booked
):
    page = enter(receptionist.email, viewport={"width": 390, "height": 844})
    page.locator("#by-time .booking").first.wait_for()  # the first page asks for it
    answer = page.goto(page.url).text()
    assert "#booking-card" in answer and 'id="day-grid"' not in answer
    page.set_viewport_size({"width": 1280, "height": 844})
    page.locator("#day-grid section").first.wait_for()
    assert 'id="day-grid"' in page.goto(page.url).text()


def test_without_scripts_a_narrow_screen_has_columns_and_a_way_to_the_list(
    enter, linden, receptionist, booked
):
    page = enter(
        receptionist.email, java_script_enabled=False, viewport={"width": 390, "height": 844}
    )
    assert page.locator("#day-grid section").first.is_visible()
    page.get_by_role("link", name="Show as a list by time").click()
    page.locator("#by-time .booking", has_text="Wójcik").first.click()
    assert page.locator("#booking-card").is_visible()
    page.get_by_label("Close").click()
    assert page.url.endswith("/calendar/team?day=2026-11-20")
