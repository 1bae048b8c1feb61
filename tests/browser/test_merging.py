"""Two people with one form open, and taken times of a series, as a person meets them.

With scripts, on a phone, without barriers.
"""

import os
from datetime import timedelta

import pytest
from conftest import NOW
from playwright.sync_api import expect

from base.scheduling import Span
from models import Booking, Clinic, Patient

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def look(page, name: str) -> None:
    """Keep a picture, where somebody wants to see them."""
    if folder := os.environ.get("KEEP_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("size", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk"]
)
def test_two_versions_of_a_note_are_compared_and_one_chosen(
    enter, no_barriers, linden, size, scheme
):
    page = enter("maya@linden.test", viewport=size, color_scheme=scheme)
    page.goto(f"/clients/{linden.patient.id}/edit")
    page.get_by_label("Notes").fill("Prefers mornings.\nParks at the back.")
    linden.patient.change(linden.pat, notes="Allergic to latex. Use the other gloves.")
    page.get_by_role("button", name="Save").click()
    section = page.locator("#errors")
    expect(section).to_contain_text("Someone else changed this while you had it open")
    expect(section).to_contain_text("Allergic to latex")
    expect(page.get_by_label("Notes", exact=True)).to_have_value(
        "Prefers mornings.\nParks at the back."
    )
    no_barriers(page)
    look(page, f"differences-{scheme}")
    section.get_by_label("Both, theirs first").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flash")).to_contain_text("The record is changed")
    assert (
        "latex" in Patient.get_by_id(linden.patient.id).notes
        and "mornings" in Patient.get_by_id(linden.patient.id).notes
    )
    page.get_by_text("Earlier notes").click()
    look(page, f"earlier-{scheme}")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"]
)
def test_taken_times_of_a_series_are_shown_while_one_fills_in_the_form(
    enter, no_barriers, linden, clock, size, scheme
):
    day = NOW.replace(hour=9, minute=0) + timedelta(days=6)
    for week in (1, 2, 4):
        start = day + timedelta(days=7 * week)
        Booking.book(
            linden.calendar,
            [Span(start, start + timedelta(minutes=50))],
            linden.pat,
            patient=linden.patient,
        )
    page = enter(viewport=size, color_scheme=scheme)
    page.goto(f"/bookings/new?day={day:%Y-%m-%d}&from=09:00")
    if size == PHONE:
        page.locator("#repeats > summary").click()
    for fill in (
        lambda: page.get_by_label("Service").select_option(str(linden.service.id)),
        lambda: page.get_by_label("Every week").check(),
        lambda: (
            page.get_by_label("Number of appointments").fill("6"),
            page.get_by_label("Number of appointments").blur(),
        ),
    ):
        with page.expect_response("**/bookings/check**"):
            fill()
    expect(page.locator("#overlap")).to_contain_text("3 of 6 times are taken")
    expect(page.locator("#overlap")).to_contain_text("The next free time for all of them is 10:00")
    no_barriers(page)
    look(page, f"series-{scheme}")
    page.get_by_label("Skip these").check()
    page.get_by_role("button", name="Save booking").click()
    expect(page.locator("#flash")).to_contain_text("Skipped, because the time is taken")
    assert Booking.select().where(Booking.series.is_null(False)).count() == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_card_of_the_settings_is_saved(enter, no_barriers, linden):
    page = enter("maya@linden.test", viewport=PHONE)
    page.goto("/settings/")
    for folded in page.locator("#settings-form summary").all():
        folded.click()
    page.get_by_label("Contact for help").fill("Maya")
    page.get_by_label("Calendars that others share with a person may block their time").check()
    no_barriers(page)
    look(page, "settings")
    page.locator("#links-form").get_by_role("button", name="Save settings").click()
    expect(page.locator("#flash")).to_contain_text("Saved.")
    clinic = Clinic.get_by_id(linden.clinic.id)
    assert clinic.contact == "Maya" and clinic.sync_shared
    page.goto(f"/team/{linden.pat.id}")
    look(page, "person")
