"""The desk answers requests in Chromium: with and without script, on a phone and on a desk; axe
finds nothing on the way.
"""

import pytest
from online_world import TYPED, book, switch_on

from free_times.online.made_online import OnlineBooking
from models import Booking

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

KINDS = {
    "320 without script": {"viewport": {"width": 320, "height": 700}, "java_script_enabled": False},
    "390 in the dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_desk_declines_offers_and_confirms(app, enter, linden, clock, no_barriers, kind):
    page_of_clinic = switch_on(linden, needs_approval=True)
    visitor = app.test_client(use_cookies=False)
    for n in range(3):
        person = {"name": f"Nora Visitor{'abc'[n]}", "email": f"nora{n}@visitor.test"}
        book(visitor, page_of_clinic.path, TYPED | person, at=20 + 6 * n)
    desk = enter("maya@linden.test", **KINDS[kind])
    has_script = "java_script_enabled" not in KINDS[kind]

    def look(path=None):
        if path:
            desk.goto(path)
        if has_script:
            no_barriers(desk)
        assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth")

    look("/calendar/team")
    panel = desk.locator("#requests")
    assert "3 requests to answer" in panel.inner_text()
    panel.get_by_text("1 more").click()
    assert panel.get_by_role("button", name="Confirm").count() == 3
    panel.get_by_role("button", name="Decline").first.click()
    desk.get_by_text("The time is free again.").wait_for()
    desk.get_by_role("button", name="Undo").first.click()
    desk.get_by_text("3 requests to answer").wait_for()
    desk.locator("#requests").get_by_role("link", name="Offer another time").first.click()
    desk.get_by_role("heading", name="Offer another time").wait_for()
    look()
    desk.locator("main form button[name=time]").first.click()
    desk.get_by_text("Offered: ").wait_for()
    desk.locator("#requests").get_by_role("button", name="Confirm").nth(1).click()
    desk.get_by_text("Confirmed: ").first.wait_for()
    statuses = sorted(row.status for row in Booking.select())
    assert statuses == ["confirmed", "pending", "pending"]
    assert sum(row.answer == "offered" for row in OnlineBooking.select()) == 1
    look("/clients/")
    desk.get_by_role("link", name="Nora Visitora").first.click()
    desk.get_by_role("heading", name="Nora Visitora").first.wait_for()
    look()
    desk.get_by_role("button", name="It is a new client").click()
    desk.get_by_text("Checked: this is a new client.").wait_for()
