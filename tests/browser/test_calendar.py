"""The calendar in a real browser.

Cards open over it, the form answers while one types, the keyboard is enough.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from barriers import DESK, PHONE, barriers, see
from playwright.sync_api import expect

from base.scheduling import Span
from models import Booking, User

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
WEEK = "/calendar?day=2026-11-26"


@pytest.fixture
def address(address, linden, clock):
    """A server on which Pat has a booking on a Thursday and three Fridays."""
    Booking.book(
        linden.calendar,
        [Span(NINE, NINE + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
        service=linden.service,
    )
    fridays = [
        Span(NINE + timedelta(days=1 + 7 * n), NINE + timedelta(days=1 + 7 * n, hours=1))
        for n in range(3)
    ]
    Booking.book(linden.calendar, fridays, linden.pat, patient=linden.patient)
    return address


@pytest.fixture
def visit(enter, address):
    """`visit(path, width=…, theme=…, scripts=…)`: a page with Pat signed in."""

    def open_page(path: str, width: int = 1280, theme: str = "light", scripts: bool = True, **more):
        more |= {"viewport": {"width": width, "height": 900}, "color_scheme": theme}
        page = enter(java_script_enabled=scripts, **more)
        page.goto(path)
        return page

    return open_page


PAGES = (WEEK, f"{WEEK}&view=day", f"{WEEK}&view=agenda", "/bookings/new?day=2026-11-26&from=09:30")


def test_no_page_keeps_anyone_out_or_scrolls_sideways(visit, linden):
    page = visit(WEEK, reduced_motion="reduce")
    first = Booking.select().order_by(Booking.starts_at)[0]
    for path in (*PAGES, f"/bookings/{first.id}", f"/bookings/{first.id}/edit"):
        page.goto(path)
        for look in (PHONE, DESK):
            see(page, *look)
            assert page.evaluate("document.documentElement.scrollWidth") <= look[0], path
            assert barriers(page) == "", (path, look)


def test_on_a_phone_the_same_page_shows_one_day(visit):
    page = visit(WEEK, width=390)
    expect(page.locator(".week [data-shown] .booking")).to_be_visible()
    expect(page.locator(".week section:not([data-shown]) .booking")).to_be_hidden()


def test_on_a_phone_the_label_of_free_time_is_not_hidden_by_an_offered_booking(visit, linden):
    Booking.book(
        linden.calendar,
        [Span(NINE + timedelta(hours=1), NINE + timedelta(hours=2))],
        linden.pat,
        status="offered",
    )
    page = visit(WEEK, width=390)
    labels = page.locator(".week [data-shown] [data-kind='free'] > a:not([tabindex])")
    on_top = (
        "a => { a.scrollIntoView({block: 'center'}); const box = a.getBoundingClientRect();"
        " return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === a }"
    )
    assert labels.count() > 0
    assert all(label.evaluate(on_top) for label in labels.all())


def test_a_block_stands_where_its_time_is(visit):
    page = visit(WEEK)
    box = page.locator("#week .booking").first.bounding_box()
    nine, ten = (
        page.locator(f'.week [data-kind="clock"] [data-from="{hour}:00"]').bounding_box()["y"]
        for hour in ("09", "10")
    )
    assert abs(box["height"] - (ten - nine) * 50 / 60) < 6
    assert (
        page.locator("#week .booking > b")
        .first.evaluate("e => getComputedStyle(e).maskImage")
        .endswith('status/check.svg")')
    )


@pytest.mark.parametrize(("width", "is_shown"), [(390, True), (1280, False)])
def test_half_an_hour_shows_its_time_where_all_of_it_fits_beside_the_name(
    visit, linden, width, is_shown
):
    at = NINE + timedelta(hours=2)
    linden.patient.last_name = "Wójcik of the Seven Bridges"
    linden.patient.save()
    Booking.book(
        linden.calendar, [Span(at, at + timedelta(minutes=30))], linden.pat, patient=linden.patient
    )
    page = visit(WEEK, width=width)
    block = page.locator(".week [data-shown] .booking" if width == 390 else ".week .booking")
    block = block.filter(has_text="11:00–11:30")
    around, time = block.bounding_box(), block.locator("span").first.bounding_box()
    is_inside = around["y"] <= time["y"] and (
        time["y"] + time["height"] <= around["y"] + around["height"]
    )
    is_beyond = time["y"] >= around["y"] + around["height"]
    assert is_inside if is_shown else is_beyond, (around, time)


def test_a_card_opens_over_the_week_by_keyboard_and_closes_with_escape(visit):
    page = visit(WEEK)
    page.locator("#week .booking").first.focus()
    page.keyboard.press("Enter")
    card = page.get_by_role("dialog", name="Małgorzata Wójcik")
    expect(card).to_be_visible()
    assert page.evaluate("document.querySelector('#booking-card').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.locator("#week .booking").nth(1).click()
    expect(page.get_by_role("dialog")).to_contain_text("1 of 3")


def test_cancelling_one_of_a_series_asks_in_the_card_and_can_be_undone(visit):
    page = visit(WEEK)
    page.locator("#week .booking").nth(1).click()
    page.get_by_role("link", name="Cancel …").click()
    page.get_by_label("The whole series").check()
    page.get_by_role("button", name="Cancel booking").click()
    expect(page.locator("#flash")).to_contain_text("3 bookings are cancelled")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#flash")).to_contain_text("Taken back")
    assert Booking.select().where(Booking.status == "cancelled").count() == 0


def test_a_status_is_two_presses_away(visit):
    page = visit(WEEK)
    page.locator("#week .booking").first.click()
    page.get_by_role("button", name="Mark as arrived").click()
    expect(page.locator('#week .booking[data-status="arrived"]')).to_have_count(1)


def test_clients_appear_as_one_types_and_a_gap_becomes_a_booking(visit):
    page = visit(WEEK)
    page.get_by_role("link", name="Book from 09:50").first.click()
    page.get_by_label("Client", exact=True).press_sequentially("wojc", delay=20)
    page.get_by_text("K-2041").click()
    page.get_by_label("Service").select_option(label="Shoulder, 50 min, £65")
    expect(page.get_by_label("To", exact=True)).to_have_value("10:40")
    expect(page.get_by_label("Rate", exact=True)).to_have_value("65")
    page.get_by_role("button", name="Save booking").click()
    expect(page.locator("#flash")).to_contain_text("Booked: Thursday 26 November, 09:50–10:40.")


def test_a_conflict_shows_while_one_types_and_the_free_time_is_one_press(visit):
    page = visit("/bookings/new?day=2026-11-26&from=09:00")
    page.get_by_label("To", exact=True).fill("09:30")
    page.get_by_label("To", exact=True).blur()
    expect(page.locator("#overlap")).to_contain_text("Małgorzata Wójcik is here until 09:50")
    expect(page.locator("#that-day")).to_contain_text("This one")
    page.get_by_role("button", name="Use this time").click()
    expect(page.get_by_label("From", exact=True)).to_have_value("10:00")
    expect(page.locator("#overlap")).not_to_contain_text("is here")


def test_a_refused_form_keeps_what_was_typed_and_takes_one_to_what_is_wrong(visit):
    page = visit("/bookings/new?day=2026-11-26&from=09:00")
    page.get_by_label("Notes").fill("bring the scan")
    page.get_by_label("Every week").check()
    page.get_by_role("button", name="Save booking").click()
    expect(page.locator("#errors")).to_be_focused()
    expect(page.get_by_label("Notes")).to_have_value("bring the scan")
    expect(page.get_by_label("Number of appointments")).to_be_visible()


def test_what_only_whole_days_and_repeats_need_stays_away_until_then(visit):
    page = visit("/bookings/new?day=2026-11-26")
    last, starts, count = (
        page.get_by_label("Last day"),
        page.get_by_label("From", exact=True),
        page.get_by_label("Number of appointments"),
    )
    expect(last).to_be_hidden()
    expect(count).to_be_hidden()
    page.get_by_label("All day").check()
    expect(last).to_be_visible()
    expect(starts).to_be_hidden()


def test_without_javascript_everything_can_be_done_too(visit):
    page = visit(WEEK, scripts=False)
    page.locator("#week .booking").first.click()
    expect(page.locator("#booking-card")).to_contain_text("Thursday 26 November, 09:00–09:50")
    page.get_by_role("link", name="Close").click()
    page.locator('a[href*="day=2026-11-26&from=11:00"]').click(force=True)
    page.get_by_label("Client", exact=True).fill("wojc")
    page.get_by_role("button", name="Find").click()
    page.get_by_text("K-2041").click()
    page.get_by_label("Service").select_option(label="Shoulder, 50 min, £65")
    page.get_by_role("button", name="Save booking").click()
    expect(page.locator("#flash")).to_contain_text("Booked: Thursday 26 November, 11:00–11:50.")


def test_on_paper_the_whole_week_is_there_without_buttons(visit):
    page = visit(WEEK, width=700)
    page.emulate_media(media="print")
    assert page.locator("#week .booking:visible").count() == 2
    assert page.locator('.week [data-kind="free"]:visible').count() == 0
    expect(page.get_by_role("navigation", name="View")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1000, 1280])
def test_the_arrows_step_by_what_is_shown_and_clients_are_found_everywhere(visit, width):
    page = visit(WEEK, width=width)
    is_narrow = width < 1024
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Thu 26 Nov" if is_narrow else "November 2026", use_inner_text=True
    )
    page.get_by_role("link", name="Next day" if is_narrow else "Next week").click()
    page.wait_for_url(lambda url: f"day={'2026-11-27' if is_narrow else '2026-12-03'}" in url)
    expect(page.get_by_role("link", name="Next week" if is_narrow else "Next day")).to_have_count(0)
    if is_narrow:
        page.get_by_role("button", name="Menu").click()
    search = page.get_by_role(
        "searchbox", name="Search clients" if is_narrow else "Find a client by name or ID"
    )
    search.fill("K-2041")
    search.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Wójcik")


def test_five_at_once_stand_side_by_side_and_nothing_is_wider_than_a_small_screen(visit, linden):
    User.update(name="Wolfeschlegelstein Fanshawe").where(User.id == linden.pat.id).execute()
    for n in range(4):
        span = Span(NINE + timedelta(minutes=5 * n), NINE + timedelta(minutes=50))
        Booking.create(
            clinic=linden.clinic,
            practitioner=linden.calendar,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
        )
    page = visit(WEEK, 320)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    blocks = page.locator('.week section li[data-lane] > a[href*="/bookings/"]:visible')
    assert blocks.count() == 5
    boxes = [block.bounding_box() for block in blocks.all()]
    edges = sorted((box["x"], box["x"] + box["width"]) for box in boxes)
    assert all(right <= left + 0.5 for (_, right), (left, _) in pairwise(edges))
