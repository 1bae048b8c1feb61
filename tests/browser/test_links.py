"""Calendar sync and private links in a real browser.

Generate, copy, look, regenerate, stop; with JavaScript and without.
"""

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from barriers import DARK_PHONE, DESK, LIGHT_DESK, PHONE, barriers, see, unfold
from playwright.sync_api import expect

from base.scheduling import Span
from models import Booking

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")


@pytest.fixture
def booking(linden):
    start = datetime.now(UTC).replace(hour=14, minute=0, second=0, microsecond=0) + timedelta(
        days=3
    )
    return Booking.book(
        linden.calendar,
        [Span(start, start + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
        service=linden.service,
    )[0]


@pytest.fixture
def enter(enter, booking):
    """`enter(**context)`: a page signed in as Pat, who has a booking."""
    return enter


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def pat(request, enter):
    return enter(java_script_enabled=request.param)


def generate(page, name: str) -> str:
    """Make a link; gives its address."""
    page.goto("/sync/links/")
    page.get_by_label("Who or what is it for?").fill(name)
    if (asked := page.get_by_label("How should clients appear?")).count():  # before the first one
        asked.select_option("internal_id")
    page.get_by_role("button", name="Generate feed URL").click()
    card = page.get_by_role("article", name=name)
    expect(card.get_by_text("Never read")).to_be_visible()
    return card.get_by_label("Private address").input_value()


def status(address: str, link: str) -> int:
    """What a calendar app gets at this link."""
    try:
        return urllib.request.urlopen(address + urlsplit(link).path, timeout=10).status
    except urllib.error.HTTPError as refusal:
        return refusal.code


def test_a_link_is_generated_and_answers(pat, address):
    link = generate(pat, "My phone")
    assert status(address, link) == 200
    expect(pat.get_by_text("“My phone” is ready.")).to_be_visible()


def test_the_newest_link_is_on_top_and_what_happened_is_in_sight(enter):
    page = enter(viewport={"width": 390, "height": 700})
    generate(page, "My phone")
    generate(page, "My laptop")
    card = page.get_by_role("article", name="My laptop")
    assert page.locator("#links article").first.get_attribute("id") == card.get_attribute("id")
    expect(card.get_by_label("Private address")).to_be_focused()
    expect(page.get_by_text("“My laptop” is ready.")).to_be_in_viewport()
    page.get_by_label("Hide sensitive information in all my links and connected calendars").check()
    expect(page.get_by_text("Every link of yours now says “Busy”")).to_be_in_viewport()
    page.get_by_label("More for My phone").click()
    page.get_by_role("link", name="Stop this link").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop this link").click()
    expect(page.get_by_text("“My phone” is stopped.")).to_be_in_viewport()


def test_regenerating_makes_the_old_address_refuse(pat, address):
    old = generate(pat, "My phone")
    pat.get_by_label("More for My phone").click()
    pat.get_by_role("link", name="Regenerate feed URL").click()
    question = pat.get_by_role("dialog", name="Regenerate the link “My phone”?")
    expect(question).to_contain_text("at once")
    assert status(address, old) == 200
    question.get_by_role("button", name="Regenerate").click()
    expect(pat.get_by_text("has a new address; the old one is dead")).to_be_visible()
    expect(question).to_have_count(0)
    new = pat.get_by_role("article", name="My phone").get_by_label("Private address").input_value()
    assert [status(address, old), status(address, new)] == [404, 200]


def test_who_keeps_the_old_one_keeps_it(pat, address):
    old = generate(pat, "My phone")
    pat.get_by_label("More for My phone").click()
    pat.get_by_role("link", name="Regenerate feed URL").click()
    pat.get_by_role("link", name="Keep the old one").click()
    expect(pat.get_by_role("dialog")).to_have_count(0)
    assert (
        pat.get_by_role("article", name="My phone").get_by_label("Private address").input_value()
        == old
    )
    assert status(address, old) == 200


def test_a_link_is_stopped_and_cleared(pat, address):
    link = generate(pat, "Old laptop")
    pat.get_by_label("More for Old laptop").click()
    pat.get_by_role("link", name="Stop this link").click()
    pat.get_by_role("dialog").get_by_role("button", name="Stop this link").click()
    expect(pat.get_by_role("article", name="Old laptop")).to_contain_text("You stopped it on")
    assert status(address, link) == 404
    pat.get_by_role("button", name="Clear Old laptop from this list").click()
    expect(pat.get_by_role("article", name="Old laptop")).to_have_count(0)


def test_hiding_and_opting_out_work(pat, address):
    link = generate(pat, "My phone")

    def titles():
        return urllib.request.urlopen(address + urlsplit(link).path, timeout=10).read()

    pat.get_by_label("Hide sensitive information in all my links and connected calendars").check()
    save(pat, "#hide")
    expect(pat.get_by_text("Every link of yours now says “Busy”")).to_be_visible()
    assert b"SUMMARY:Busy" in titles()
    pat.goto("/sync/")
    pat.get_by_label("Let my bookings appear in calendars outside Kalends").uncheck()
    save(pat, "#opt-in")
    expect(pat.get_by_text("One link of yours stopped answering")).to_be_visible()
    assert status(address, link) == 404


def save(page, form: str) -> None:
    """Without JavaScript a form that saves itself has a button for it."""
    button = page.locator(f"{form} noscript button")
    if button.count() and button.is_visible():
        button.click()


def test_the_preview_follows_the_choice(enter):
    page = enter()
    page.goto("/sync/")
    for choice, title in (
        ("Initials", "Shoulder · M. W."),
        ("Not at all", "Shoulder"),
        ("Internal ID", "Shoulder · K-2041"),
    ):
        page.get_by_role("radio", name=choice).check()
        expect(page.locator("#preview .preview").first.locator("li")).to_contain_text(title)
    page.reload()
    assert page.locator("[name=identifier]:checked").count() == 0  # looked at, not saved


def test_without_javascript_the_preview_has_a_button(enter):
    page = enter(java_script_enabled=False)
    page.goto("/sync/")
    page.get_by_role("radio", name="Initials").check()
    page.get_by_role("button", name="Show preview").click()
    expect(page.locator("#preview .preview").first).to_contain_text("Shoulder · M. W.")
    expect(page.get_by_role("radio", name="Initials")).to_be_checked()


def test_a_full_name_is_saved_only_after_the_second_confirmation(pat):
    pat.goto("/sync/")
    pat.get_by_role("radio", name="Full name").check()
    pat.locator("#identifier").get_by_role("button", name="Save", exact=True).click()
    expect(pat.locator("#errors")).to_contain_text("Tick that you understand")
    pat.get_by_label("I understand, and I want full names in my calendar").check()
    pat.locator("#identifier").get_by_role("button", name="Save", exact=True).click()
    expect(pat.get_by_text("Saved. Next, choose how you would like to sync.")).to_be_visible()
    expect(pat.locator("#identifier summary")).to_contain_text("Full name")


def test_copy_puts_the_address_on_the_clipboard(enter):
    page = enter(permissions=["clipboard-read", "clipboard-write"])
    link = generate(page, "My phone")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    expect(page.get_by_text("Now paste it into your calendar app.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.goto("/sync/")
    page.get_by_text("Other ways to subscribe").click()
    page.evaluate("navigator.clipboard.writeText('')")
    page.locator("#other-ways").get_by_role("button", name="Copy").click()
    expect(page.locator("#other-ways").get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link


def test_own_choices_appear_where_they_are_asked_for(pat):
    generate(pat, "My phone")
    pat.get_by_label("More for My phone").click()
    pat.get_by_role("link", name="Change what it shows").first.click()
    expect(pat.get_by_label("Days ahead")).to_be_hidden()
    pat.get_by_label("Time span").select_option("own")
    pat.get_by_label("Days ahead").fill("90")
    pat.get_by_role("button", name="Save", exact=True).click()
    expect(pat.get_by_text("“My phone” is changed.")).to_be_visible()
    pat.get_by_text("What it shows", exact=True).click()
    expect(pat.get_by_text("30 days back, 90 days ahead")).to_be_visible()


def test_the_pages_keep_nobody_out(enter):
    page = enter(reduced_motion="reduce")
    generate(page, "My phone")
    paths = (
        "/sync/",
        "/sync/preview?identifier=full_name",
        "/sync/links/",
        "/sync/links/1",
        "/sync/links/1/card",
        "/sync/links/1/rotation",
    )
    number = page.get_by_role("article", name="My phone").get_attribute("id").removeprefix("link-")
    for path in paths:
        page.goto(path.replace("links/1", f"links/{number}"))
        unfold(page)
        for look in (PHONE, DESK, LIGHT_DESK, DARK_PHONE):
            see(page, *look)
            assert page.evaluate("document.documentElement.scrollWidth") <= look[0], path
            assert barriers(page) == "", (path, look)
