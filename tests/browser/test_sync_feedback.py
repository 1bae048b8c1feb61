"""The messages after a press on Calendar sync: they are in sight, and the keyboard focus continues
there.
"""

import external
import pytest
from playwright.sync_api import expect

from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")


@pytest.fixture
def account(linden, clock) -> Account:
    source = external.source(linden.pat, checked_at=clock.now, listed_at=clock.now)
    RemoteCalendar.create(
        clinic=linden.clinic,
        account=source.account,
        calendar_id="ours",
        role="destination",
        name="Kalends",
        read_at=clock.now,
    )
    return source.account


def test_after_a_press_far_down_the_sentence_is_in_sight_and_has_the_focus(enter, account):
    page = enter(viewport={"width": 390, "height": 844})
    page.goto("/sync/")
    page.get_by_role("button", name="Stop syncing Family").click()
    said = page.locator("#flash > *")
    expect(said).to_contain_text("blocks nothing here any more")
    expect(said).to_be_in_viewport()
    expect(said).to_be_focused()


def test_a_notice_that_goes_leaves_the_focus_on_what_was_said(enter, account):
    Notice.give(account, "sync_reminder", detail={"at": account.created_at.isoformat()})
    Account.update(health="reconnect").execute()
    page = enter()
    page.goto("/sync/")
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#flash > *")).to_be_focused()


def test_a_way_to_sync_that_is_chosen_outlasts_what_is_saved_elsewhere(enter, linden):
    """The answer to a press replaces the whole page of Calendar sync, or a part of it."""
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    page = enter()
    page.goto("/sync/")
    link = page.get_by_role("radio", name="One way, by private link")
    other = page.locator("#mode input[name=mode]:enabled:not(:checked)").first
    chosen = other.get_attribute("value")
    other.check()
    expect(page.locator(f"#mode input[value={chosen}]")).to_be_checked()

    page.get_by_text("How clients appear").first.click()
    page.get_by_role("radio", name="Initials", exact=False).first.check()
    page.locator("#identifier").get_by_role("button", name="Save").click()
    expect(page.locator("#flash > *")).to_contain_text("Saved")
    expect(page.locator(f"#mode input[value={chosen}]")).to_be_checked()
    expect(link).not_to_be_checked()

    page.get_by_label("Let my bookings appear").uncheck()
    expect(page.get_by_label("Let my bookings appear")).not_to_be_checked()
    expect(page.locator(f"#mode input[value={chosen}]")).to_be_checked()


def test_no_way_to_sync_can_be_chosen_while_something_is_saved(enter, linden):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    page, waiting = enter(), []
    page.goto("/sync/")
    page.route("**/sync/identifier", lambda route: waiting.append(route))
    page.get_by_text("How clients appear").first.click()
    page.locator("#identifier").get_by_role("button", name="Save").click()
    expect(page.locator("#mode input").first).to_be_disabled()
    waiting[0].continue_()
    expect(page.locator("#flash > *")).to_contain_text("Saved")
    expect(page.locator("#mode input").first).to_be_enabled()


def test_on_paper_nothing_stands_where_the_menu_was(enter, account):
    page = enter(viewport={"width": 1280, "height": 900})
    page.goto("/calendar")
    page.emulate_media(media="print")
    assert page.locator("#main").bounding_box()["x"] < 30
