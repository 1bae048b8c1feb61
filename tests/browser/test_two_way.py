"""Two-way sync by clicking, with the real server, workers and imitation provider: what the readme promises a first-time user."""

import re
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import expect

SECONDS = 1000  # Playwright counts thousandths


class Outside:
    """The person's account at the sandbox Google, by its own addresses."""

    def __init__(self, live, email):
        self.http, self.email = httpx.Client(base_url=live.sandbox, timeout=20), email

    def do(self, what, **choice):
        answer = self.http.post(f"/sandbox/users/{self.email}/{what}", json=choice)
        assert answer.status_code == 200, answer.text
        return answer.json()["answer"]

    def ours(self) -> list[dict]:
        """Events of ours in calendars of ours; and that there are no two of a booking."""
        events = [event for calendar in self.calendars_of_ours() for event in self.do("events", calendar=calendar)]
        references = [event["extendedProperties"]["private"]["kalendsReference"] for event in events]
        assert len(references) == len(set(references))
        return events

    def calendars_of_ours(self) -> list[str]:
        return [calendar["id"] for calendar in self.do("list_calendars") if "kalends:" in calendar["description"]]


@pytest.fixture
def outside(live):
    return Outside(live, "ana.costa@gmail.example")


def connect(page, email, provider="Google"):
    """From the empty page to "In step", as a person clicks."""
    page.goto("/sync/")
    if not page.get_by_label("Let my bookings appear").is_checked():
        page.get_by_label("Let my bookings appear").check()
        expect(page.locator("#flash")).to_contain_text("may appear")
    page.get_by_label("Initials").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#flash")).to_contain_text("Saved")
    page.get_by_label(f"Both ways, with {provider}").check()
    page.get_by_role("link", name=f"Connect with {provider}").click()
    page.get_by_label(email).check()
    page.get_by_role("button", name="Allow").click()
    expect(page.locator("#flash")).to_contain_text("Connected")
    start(page)


def start(page):
    page.get_by_role("button", name="Start sync").click()
    in_step(page)


def in_step(page):
    expect(page.locator("[id^=status-]")).to_contain_text("In step.", timeout=150 * SECONDS)  # the imitation, too, asks us to slow down


def until(holds, seconds=20):
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)
    return found


def test_a_person_connects_and_both_calendars_agree_whatever_they_do(live, enter, outside):
    page = enter("tomasz@sample.test", at=live)
    connect(page, outside.email)
    text = page.locator("[id^=status-]").inner_text()
    count = int(re.search(r"([\d,]+) of ([\d,]+) bookings", text)[2].replace(",", ""))
    assert len(outside.ours()) == count > 10
    expect(page.locator("#two-way")).to_contain_text("made for this")

    # moved there: put back, and told without a reload
    ahead = [event for event in outside.ours() if event["start"].get("dateTime", "") > f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"]
    moved, (there,) = ahead[0], outside.calendars_of_ours()
    starts_at = datetime.fromisoformat(moved["start"]["dateTime"]) + timedelta(minutes=10)
    outside.do("move", event_id=moved["id"], start=starts_at.isoformat(), end=(starts_at + timedelta(hours=1)).isoformat(), calendar=there)
    expect(page.get_by_role("heading", name="Moved in Google, put back")).to_be_visible(timeout=20 * SECONDS)
    until(lambda: next(event for event in outside.ours() if event["id"] == moved["id"])["start"] == moved["start"])
    page.get_by_role("button", name="Leave it as it is here").click()
    expect(page.get_by_role("heading", name="Moved in Google, put back")).to_have_count(0)

    # a busy time there is locked here within seconds
    page.get_by_role("button", name="Sync Family").click()
    expect(page.locator("#two-way li", has_text="Family").get_by_text("Synced", exact=True)).to_be_visible(timeout=20 * SECONDS)
    page.get_by_role("button", name="Sync Your main calendar").click()
    expect(page.locator("#two-way li", has_text="Your main calendar").get_by_text("Synced", exact=True)).to_be_visible(timeout=20 * SECONDS)
    day = datetime.now(ZoneInfo("Europe/Lisbon")).date()
    page.goto(f"/calendar?view=day&day={day}")
    outside.do("add", summary="Piano lesson", start=f"{day}T12:00", end=f"{day}T12:30")
    expect(page.locator(".booking[data-status=external]", has_text="Piano lesson")).to_be_visible(timeout=20 * SECONDS)

    # one way and back, ten times: exactly one copy of everything
    page.goto("/sync/")
    for _ in range(10):
        page.get_by_label("One way, by private link").check()
        page.get_by_role("link", name="Go one way").last.click()
        page.get_by_role("button", name="Go one way").click()
        expect(page.get_by_role("button", name="Start sync")).to_be_visible(timeout=30 * SECONDS)
        assert outside.ours() == []
        start(page)
        assert len(outside.ours()) == count
    assert len(outside.calendars_of_ours()) == 1

    # and away
    page.get_by_label("More for Google Calendar").click()
    page.get_by_role("link", name="Disconnect").click()
    page.get_by_role("button", name="Disconnect").click()
    until(lambda: outside.calendars_of_ours() == [])
    page.goto("/sync/?mode=google")
    expect(page.get_by_role("link", name="Connect with Google")).to_be_visible()


@pytest.mark.parametrize("look", [("light", 390, 844), ("dark", 1280, 900)], ids=["phone", "desk"])
def test_a_connected_page_has_no_barriers(live, enter, no_barriers, look):
    theme, width, height = look
    page = enter("hannah@sample.test", at=live, color_scheme=theme, viewport={"width": width, "height": height})
    page.goto("/sync/")
    if page.locator("[id^=status-]").count() == 0:
        connect(page, "kim.larsen@gmail.example")
    no_barriers(page)
    for link in ("Settings of Family", "change"):
        if page.get_by_role("button", name="Sync Family").count():
            page.get_by_role("button", name="Sync Family").click()
            expect(page.locator("#two-way li", has_text="Family").get_by_text("Synced", exact=True)).to_be_visible(timeout=20 * SECONDS)
        page.get_by_role("link", name=link, exact=True).click()
        no_barriers(page)
        page.go_back()
    page.goto("/sync/accounts/one-way")
    no_barriers(page)
    page.goto("/sync/accounts/history")
    no_barriers(page)


def test_it_works_without_javascript(live, enter, outside):
    page = enter("amara@sample.test", at=live, java_script_enabled=False)
    page.goto("/sync/")
    if not page.get_by_label("Let my bookings appear").is_checked():
        page.get_by_label("Let my bookings appear").check()
        page.locator("#opt-in").get_by_role("button", name="Save").click()
        page.get_by_label("Initials").check()
        page.locator("#identifier").get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Both ways, with Google").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("link", name="Connect with Google").click()
    page.get_by_label("or any other e-mail address").fill("amara.o@gmail.example")
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("button", name="Start sync").click()
    until(lambda: page.goto("/sync/") and "In step." in page.locator("[id^=status-]").inner_text(), 60)
    page.goto("/sync/accounts/disconnection")
    page.get_by_role("button", name="Disconnect").click()
    until(lambda: page.goto("/sync/") and page.locator("[id^=status-]").count() == 0, 30)
