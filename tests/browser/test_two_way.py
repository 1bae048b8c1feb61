"""Two-way sync by clicking, with the real server, workers and imitation provider: the steps of the
README for a first-time user.
"""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from program import until
from two_way_pages import Outside, connect, start

ACCOUNTS = {
    "Google": ("tomasz@sample.test", "ana.costa@gmail.example"),
    "Outlook": ("kenji@sample.test", "ana.costa@outlook.example"),
}


@pytest.fixture(params=ACCOUNTS)
def outside(request, live):
    return Outside(live, request.param, ACCOUNTS[request.param][1])


def test_a_person_connects_and_both_calendars_agree_whatever_they_do(live, enter, outside):
    provider, there = (
        outside.provider,
        "Google Calendar" if outside.provider == "Google" else "Outlook",
    )
    page = enter(ACCOUNTS[provider][0], at=live)
    connect(page, outside.email, provider)
    text = page.locator("[id^=status-]").inner_text()
    count = int(re.search(r"([\d,]+) of ([\d,]+) bookings", text)[2].replace(",", ""))
    assert len(outside.ours()) == count > 10
    expect(page.locator("#two-way")).to_contain_text("made for this")

    # moved there: put back, and told without a reload
    ahead = [
        event
        for event in outside.ours()
        if outside.starts_at(event) > f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"
    ]
    moved, (calendar,) = ahead[0], outside.calendars_of_ours()
    starts_at = datetime.fromisoformat(outside.starts_at(moved)) + timedelta(minutes=10)
    outside.do(
        "move",
        event_id=moved["id"],
        start=starts_at.isoformat(),
        end=(starts_at + timedelta(hours=1)).isoformat(),
        calendar=calendar,
    )
    expect(page.get_by_role("heading", name=f"Moved in {provider}, put back")).to_be_visible()
    until(
        lambda: (
            outside.starts_at(next(event for event in outside.ours() if event["id"] == moved["id"]))
            == outside.starts_at(moved)
        )
    )
    page.get_by_role("button", name="Keep the booking as it is").click()
    expect(page.get_by_role("heading", name=f"Moved in {provider}, put back")).to_have_count(0)

    # a busy time there is locked here within seconds
    for name in ("Family", "Your main calendar"):
        page.get_by_role("button", name=f"Sync {name}").click()
        expect(
            page.locator("#two-way li", has_text=name).get_by_text("Synced", exact=True)
        ).to_be_visible()
    day = datetime.now(UTC).date()
    page.goto(f"/calendar?view=day&day={day}")
    outside.add("Piano lesson", f"{day}T12:00", f"{day}T12:30")
    expect(page.locator(".booking[data-status=external]", has_text="Piano lesson")).to_be_visible()

    # one way and back (ten times: test_sync_run): exactly one copy of everything
    page.goto("/sync/")
    for _ in range(3):
        page.get_by_label("One way, by private link").check()
        page.get_by_role("link", name="Go one way").last.click()
        page.get_by_role("button", name="Go one way").click()
        sync_again(page)
        assert outside.ours() == []
        start(page)
        assert len(outside.ours()) == count
    assert len(outside.calendars_of_ours()) == 1

    # and away
    page.get_by_label(f"More for {there}").click()
    page.get_by_role("link", name="Disconnect").click()
    page.get_by_role("button", name="Disconnect").click()
    until(lambda: outside.calendars_of_ours() == [])
    page.goto(f"/sync/?mode={'google' if provider == 'Google' else 'microsoft'}")
    expect(page.get_by_role("link", name=f"Connect with {provider}")).to_be_visible()


def sync_again(page):
    """From "off" to the form that begins anew."""
    again = page.get_by_text("Sync again")
    expect(again).to_be_visible()
    if not page.get_by_role("button", name="Start sync").is_visible():
        again.click()


@pytest.mark.parametrize("look", [("light", 390, 844), ("dark", 1280, 900)], ids=["phone", "desk"])
def test_a_connected_page_has_no_barriers(live, enter, no_barriers, look):
    theme, width, height = look
    page = enter(
        "hannah@sample.test",
        at=live,
        color_scheme=theme,
        viewport={"width": width, "height": height},
    )
    page.goto("/sync/")
    if page.locator("[id^=status-]").count() == 0:
        connect(page, "kim.larsen@gmail.example")
    no_barriers(page)
    for link in ("Settings of Family", "Change this"):
        if page.get_by_role("button", name="Sync Family").count():
            page.get_by_role("button", name="Sync Family").click()
            expect(
                page.locator("#two-way li", has_text="Family").get_by_text("Synced", exact=True)
            ).to_be_visible()
        page.get_by_role("link", name=link, exact=True).click()
        no_barriers(page)
        page.go_back()
    page.goto("/sync/accounts/one-way")
    no_barriers(page)
    page.goto("/sync/accounts/history")
    no_barriers(page)


def test_it_works_without_javascript(live, enter):
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
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Allow").click()
    until(lambda: page.goto("/sync/") and page.get_by_role("button", name="Start sync").count())
    page.get_by_role("button", name="Start sync").click()
    until(
        lambda: page.goto("/sync/") and "Up to date." in page.locator("[id^=status-]").inner_text()
    )
    page.goto("/sync/accounts/disconnection")
    page.get_by_role("button", name="Disconnect").click()
    until(lambda: page.goto("/sync/") and page.locator("[id^=status-]").count() == 0)
