"""The owner's board in a real browser.

No barriers, it follows by itself, and asks before it resyncs everyone.
"""

from datetime import timedelta

import external
import pytest
from playwright.sync_api import expect

from sync.tables.accounts import Account

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")


@pytest.fixture
def account(linden, clock):
    return external.source(linden.pat, checked_at=clock.now - timedelta(seconds=40)).account


@pytest.mark.parametrize("look", [("light", 390, 844), ("dark", 1280, 900)], ids=["phone", "desk"])
def test_the_board_and_the_question_have_no_barriers(
    enter, account, linden, clock, no_barriers, look
):
    external.source(
        linden.quinn,
        health="reconnect",
        failing_since=clock.now,
        consented_at=clock.now - timedelta(days=7),
    )
    theme, width, height = look
    page = enter(
        "olive@linden.test", color_scheme=theme, viewport={"width": width, "height": height}
    )
    page.goto("/health/")
    no_barriers(page)
    page.get_by_role("link", name="Resync everyone").click()
    expect(page.get_by_role("dialog", name="Resync everyone?")).to_be_visible()
    no_barriers(page)
    page.get_by_role("button", name="Resync 1 calendar").click()
    expect(page.get_by_text("One calendar is being read again and compared.")).to_be_visible()


def test_an_open_board_shows_by_itself_what_happened(enter, account, clock):
    page = enter("olive@linden.test")
    page.goto("/health/")
    Account.update(health="reconnect", failing_since=clock.now).execute()
    expect(page.get_by_text("Needs reconnecting")).to_be_visible()
    expect(page.get_by_role("button", name="Ask Pat to reconnect")).to_be_visible()


def test_without_scripts_one_person_is_asked(enter, account, clock):
    Account.update(health="reconnect", failing_since=clock.now).execute()
    page = enter("olive@linden.test", java_script_enabled=False)
    page.goto("/health/")
    page.get_by_role("button", name="Ask Pat to reconnect").click()
    expect(page.get_by_text("Pat Linden finds a notice on Calendar sync.")).to_be_visible()
    expect(page.get_by_text("Asked just now")).to_be_visible()
