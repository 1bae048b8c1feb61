"""External events in a browser: a card over the calendar, and a page that follows changes outside
without disturbing the person.
"""

from datetime import UTC, datetime, timedelta

import external
import pytest
from playwright.sync_api import expect

from sync.tables.accounts import Account

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")

ONE = datetime(2026, 11, 20, 13, tzinfo=UTC)


@pytest.fixture
def add(linden, clock):
    """`add(title, start)`: an hour of Pat's taken in Google, and open pages are told."""
    source = external.source(linden.pat)

    def make(title, start):
        external.event(
            source, title, f"{start:%Y-%m-%d %H:%M}", f"{start + timedelta(hours=1):%Y-%m-%d %H:%M}"
        )
        Account.get().show_anew()

    return make


@pytest.mark.parametrize("look", [("light", 390, 844), ("dark", 1280, 900)], ids=["phone", "desk"])
def test_calendar_and_card_have_no_barriers(enter, add, no_barriers, look):
    add("Dentist", ONE)
    theme, width, height = look
    page = enter(color_scheme=theme, viewport={"width": width, "height": height})
    for view in ("week", "day", "agenda"):
        page.goto(f"/calendar?view={view}")
        no_barriers(page)
    page.get_by_role("link", name="Dentist").click()
    expect(page.get_by_role("dialog", name="Dentist")).to_be_visible()
    no_barriers(page)


def test_an_open_week_shows_by_itself_what_came_and_keeps_focus_and_scroll(enter, add):
    add("Dentist", ONE)
    page = enter(viewport={"width": 1280, "height": 500})
    dentist = page.get_by_role("link", name="Dentist")
    dentist.focus()
    scrolled = page.evaluate("() => { scrollBy(0, -40); return scrollY }")
    assert scrolled > 0
    add("Doctor", ONE + timedelta(hours=2))
    expect(page.get_by_role("link", name="Doctor")).to_be_visible()
    expect(dentist).to_be_focused()
    assert page.evaluate("scrollY") == scrolled


def test_an_open_card_stays_open_and_the_week_follows_once_it_is_closed(enter, add):
    add("Dentist", ONE)
    page = enter()
    page.get_by_role("link", name="Dentist").click()
    card = page.get_by_role("dialog", name="Dentist")
    expect(card).to_be_visible()
    add("Doctor", ONE + timedelta(hours=2))
    # a look that began would have sent its request by the time the page has asked for another
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.evaluate("fetch(location.href).then((answer) => answer.text())")
    page.wait_for_load_state("networkidle")
    expect(card).to_be_visible()
    assert page.locator(".booking", has_text="Doctor").count() == 0
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Doctor")).to_be_visible()


def test_without_scripts_a_card_opens_and_closes(enter, add):
    add("Dentist", ONE)
    page = enter(java_script_enabled=False)
    page.get_by_role("link", name="Dentist").click()
    expect(page.get_by_text("Change it in Google; it syncs back.")).to_be_visible()
    page.get_by_role("link", name="Close").click()
    page.wait_for_url("**/calendar?**")
