"""Next free as a receptionist uses it: few presses, phone and desktop, with scripts and without."""

import re

import pytest
from barriers import DARK_PHONE, DESK, LIGHT_DESK, PHONE, see

from models import Booking

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")


def test_a_time_with_anyone_is_two_presses_away(linden, clock, enter):
    page = enter("maya@linden.test")
    page.get_by_role("link", name="Next free").click()
    page.locator("#free-times").get_by_role("link").first.click()
    assert page.get_by_label("From").input_value() == "11:45"
    assert page.get_by_label("To", exact=True).input_value() == "12:35"
    page.get_by_role("button", name="Save booking").click()
    page.wait_for_url(re.compile("/calendar"))
    assert Booking.get().anyone and Booking.get().service == linden.service


def test_the_pages_have_no_barriers(linden, clock, enter, no_barriers):
    page = enter("maya@linden.test", reduced_motion="reduce")
    for path in ("/free-times/", f"/services/{linden.service.id}/people", "/free-times/?day=x"):
        page.goto(path)
        for look in (PHONE, DESK, LIGHT_DESK, DARK_PHONE):
            see(page, *look)
            no_barriers(page)


def test_it_works_without_scripts(linden, clock, enter):
    page = enter("maya@linden.test", java_script_enabled=False)
    page.goto("/free-times/")
    page.get_by_label("Time of day").select_option("afternoon")
    page.get_by_role("button", name="Show free times").click()
    assert "12:00" in page.locator("#free-times h2").inner_text()
