"""From the calendar to a calendar app: a link shows bookings made, moved and cancelled in the
browser at its next read.
"""

import urllib.request
from contextlib import nullcontext
from datetime import UTC, datetime
from urllib.parse import urlsplit

import icalendar
import pytest
from playwright.sync_api import expect

NINE = datetime(2026, 11, 26, 9, tzinfo=UTC)


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def has_scripts(request):
    return request.param


@pytest.fixture
def pat(has_scripts, clock, enter):
    return enter(java_script_enabled=has_scripts)


@pytest.fixture
def looked(has_scripts, pat):
    """`with looked():` a field is changed; afterwards the form has looked whether the time is free.

    htmx tells the console of a look cut short.
    """
    return lambda: pat.expect_response("**/check?**") if has_scripts else nullcontext()


def the_event(address: str, link: str):
    """The one event that a calendar app finds at the link."""
    with urllib.request.urlopen(address + urlsplit(link).path, timeout=10) as answer:
        (event,) = icalendar.Calendar.from_ical(answer.read()).walk("VEVENT")
    return event


def open_card(page):
    page.goto("/calendar?day=2026-11-20")
    page.get_by_role("link", name="Next week").click()
    page.locator("#week .booking").first.click()
    card = page.locator("#booking-card")
    expect(card).to_be_visible()
    return card


def test_a_booking_is_made_moved_and_cancelled_in_the_link_too(pat, has_scripts, looked, address):
    pat.goto("/sync/links/")
    if (asked := pat.get_by_label("How should clients appear?")).count():  # before the first one
        asked.select_option("internal_id")
    pat.get_by_role("button", name="Generate feed URL").click()
    link = pat.get_by_label("Private address").input_value()

    pat.goto("/bookings/new?day=2026-11-26&from=09:00")
    with looked():
        pat.get_by_label("Service").select_option(label="Shoulder, 50 min, £65")
    pat.get_by_role("button", name="Save booking").click()
    expect(pat.locator("#flash")).to_contain_text("Booked: Thursday 26 November, 09:00–09:50.")
    made = the_event(address, link)
    assert (made["SUMMARY"], made.start.astimezone(UTC), made["SEQUENCE"]) == ("Shoulder", NINE, 0)

    open_card(pat).get_by_role("link", name="Change or move").click()
    begins, ends = (pat.get_by_label(name, exact=True) for name in ("From", "To"))
    with looked():
        begins.fill("14:00")
        begins.blur()
    if has_scripts:
        expect(ends).to_have_value("14:50")  # it follows from the start
    else:
        ends.fill("14:50")
    pat.get_by_role("button", name="Save").click()
    expect(pat.locator("#flash")).to_contain_text("14:00–14:50")
    moved = the_event(address, link)
    assert (moved["UID"], moved.start.astimezone(UTC), moved["SEQUENCE"]) == (
        made["UID"],
        NINE.replace(hour=14),
        1,
    )

    open_card(pat).get_by_role("button", name="Cancel booking").click()
    expect(pat.locator("#flash")).to_contain_text("ancelled")
    gone = the_event(address, link)
    assert (gone["UID"], gone["STATUS"], gone["SUMMARY"]) == (
        made["UID"],
        "CANCELLED",
        "Cancelled: Shoulder",
    )
    pat.goto("about:blank")
