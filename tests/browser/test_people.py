"""Clients, services, team and settings in a real browser, by mouse, keyboard and on a phone."""

import pytest
from barriers import DARK_PHONE, LIGHT_DESK, barriers, see
from playwright.sync_api import expect

from models import Feed, Patient, Practitioner, User
from tests.conftest import PASSWORD

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")


@pytest.fixture
def desk(enter, linden):
    """The page of Olive, the owner, signed in; `open(path)` leads on."""
    page = enter(linden.olive.email, reduced_motion="reduce")
    page.open = page.goto
    return page


def test_no_page_keeps_anyone_out_or_scrolls_sideways(desk, linden):
    pat, calendar = linden.pat.id, linden.calendar.id
    for path in (
        "/clients/",
        "/clients/new",
        f"/clients/{linden.patient.id}",
        f"/clients/{linden.patient.id}/edit",
        "/services/",
        "/services/new",
        "/team/",
        "/team/new",
        f"/team/{pat}",
        f"/team/{pat}/leaving",
        f"/team/{pat}/calendars/{calendar}/closing",
        "/settings/",
        "/settings/venues/new",
        f"/settings/venues/{linden.street.id}/archival",
        "/settings/plan",
        "/settings/history",
        "/profile",
    ):
        desk.open(path)
        for look in (DARK_PHONE, LIGHT_DESK):
            see(desk, *look)
            assert barriers(desk) == "", (path, look)
            assert desk.evaluate("document.documentElement.scrollWidth") <= look[0], path


def test_results_follow_the_typing(desk, linden):
    Patient.add(linden.clinic, None, first_name="Tomáš", last_name="Dvořák")
    desk.open("/clients/")
    expect(desk.locator("#client-results")).to_contain_text("Tomáš")
    desk.get_by_label("Find by").press_sequentially("wojc")
    expect(desk.locator("#client-results caption")).to_have_text("1 client found for “wojc”")
    expect(desk.locator("#client-results")).not_to_contain_text("Tomáš")
    assert desk.get_by_label("Find by").input_value() == "wojc"
    assert desk.url.endswith("/clients/")


def test_a_search_without_a_find_keeps_its_words_out_of_the_address(desk, linden):
    linden.patient.set_archived(True, None)
    desk.open("/clients/")
    desk.get_by_label("Find by").fill("wojcik")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Nobody found for “wojcik”")).to_be_visible()
    assert barriers(desk) == ""
    desk.get_by_role("button", name="Look among archived clients").click()
    expect(desk.locator("#client-results")).to_contain_text("Małgorzata")
    assert desk.url.endswith("/clients/matches")


def test_an_id_in_the_search_box_of_any_page_opens_the_record(desk, linden):
    desk.set_viewport_size({"width": 1280, "height": 844})
    desk.open("/services/")
    desk.get_by_label("Find a client by name or ID").fill("k-2041")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Małgorzata Wójcik")).to_be_visible()
    code, heading = (
        desk.locator("main code").bounding_box(),
        desk.get_by_role("heading", level=1).bounding_box(),
    )
    assert code["y"] < heading["y"] and code["x"] - heading["x"] < 12


def test_a_faulty_form_says_so_in_place_and_takes_the_focus(desk, linden):
    desk.open("/clients/new")
    desk.get_by_label("Last name").fill("Nameless")
    desk.get_by_role("button", name="Add the client").click()
    expect(desk.locator("#errors")).to_be_focused()
    assert desk.get_by_label("Last name").input_value() == "Nameless"
    desk.get_by_role("link", name="Write a first name").click()
    expect(desk.get_by_label("First name")).to_be_focused()
    desk.keyboard.type("Una")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Una Nameless")).to_be_visible()
    assert Patient.select().count() == 2


def test_an_invitation_is_shown_once_to_copy(desk, linden):
    desk.open("/team/new")
    desk.get_by_label("Name", exact=True).fill("Nia New")
    desk.get_by_label("E-mail").fill("nia@linden.test")
    desk.get_by_label("Linden Street").check()
    desk.get_by_role("button", name="Create the invitation").click()
    shown = desk.get_by_label("One-time link")
    assert "/invitations/" in shown.input_value()
    desk.get_by_role("button", name="Copy").click()
    expect(desk.locator("#link-copied")).to_be_visible()
    desk.reload()
    expect(shown).to_have_count(0)


def test_hours_are_set_by_hand(desk, linden):
    desk.open(f"/team/{linden.pat.id}")
    desk.get_by_label("Monday, again from").fill("18:00")
    desk.get_by_label("Monday, again to").fill("20:00")
    desk.locator(f"#calendar-{linden.calendar.id}").get_by_role("button", name="Save").click()
    expect(desk.locator("#flash")).to_contain_text("Pat Linden is changed")
    assert Practitioner.get_by_id(linden.calendar.id).hours["mon"] == [
        ["09:00", "17:00"],
        ["18:00", "20:00"],
    ]


def test_leaving_asks_and_escape_keeps_everything(desk, linden):
    Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)
    desk.open(f"/team/{linden.pat.id}")
    desk.get_by_role("link", name="Remove Pat Linden").click()
    dialog = desk.get_by_role("dialog", name="Pat Linden leaves the clinic?")
    expect(dialog).to_contain_text("1 private link stops at once.")
    expect(dialog).to_have_attribute("data-modal", "")  # it comes open; a script makes it modal
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    desk.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    assert User.get_by_id(linden.pat.id).is_active
    desk.get_by_role("link", name="Remove Pat Linden").click()
    dialog.get_by_role("button", name="Remove Pat Linden").click()
    expect(desk.get_by_role("button", name="Bring back")).to_be_visible()
    assert not User.get_by_id(linden.pat.id).is_active


def test_a_lower_ceiling_is_chosen_with_the_keyboard(desk, linden):
    desk.open("/settings/")
    desk.locator("#privacy-form > summary").press("Enter")
    desk.locator("[name=privacy_ceiling][value=full_name]").focus()
    desk.keyboard.press("ArrowUp")
    desk.locator("#privacy-form").get_by_role("button", name="Save").click()
    expect(desk.locator("#flash")).to_contain_text(
        "Private links and connected calendars follow at once"
    )
    assert (
        desk.locator("[name=privacy_ceiling]:checked").get_attribute("value")
        == "first_name_last_initial"
    )


def test_everything_works_without_scripts(chromium, address, linden):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/sign-in?next=/clients/new")
    page.get_by_label("E-mail").fill(linden.olive.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Add the client").click()
    expect(page.locator("#errors")).to_contain_text("Write a first name")
    page.get_by_label("First name").fill("Una")
    page.get_by_role("button", name="Add the client").click()
    expect(page.get_by_role("heading", name="Una")).to_be_visible()
    page.goto(f"{address}/team/{linden.quinn.id}/leaving")
    page.get_by_role("dialog").get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    context.close()


def test_opening_a_calendar_keeps_what_was_typed_beside_it(desk, linden):
    desk.open(f"/team/{linden.pat.id}")
    desk.locator("#name").fill("Pat Other")
    desk.get_by_role("button", name="Open a calendar there").click()
    expect(desk.locator("#flash")).to_contain_text("has a calendar at")
    assert User.get_by_id(linden.pat.id).name == "Pat Other"
    assert Practitioner.get(user=linden.pat, venue=linden.harbour)


@pytest.mark.parametrize("press", ["Create a one-time link", "Remove Pat Linden"])
def test_the_browser_asks_before_something_typed_is_left(desk, linden, press):
    desk.open(f"/team/{linden.pat.id}")
    desk.locator("#name").fill("Pat Other")
    with desk.expect_event("dialog") as asked:
        desk.on("dialog", lambda dialog: dialog.dismiss())
        desk.locator("aside").get_by_text(press, exact=False).last.click(no_wait_after=True)
    assert asked.value.type == "beforeunload"
    expect(desk.locator("#name")).to_have_value("Pat Other")


def test_a_part_that_is_replaced_gives_back_what_was_typed(desk, linden):
    desk.open("/sync/links/")
    desk.get_by_label("Who or what is it for?").fill("My tablet")
    with desk.expect_response("**/sync/links/privacy"):
        desk.get_by_label("Hide sensitive information").check()
    expect(desk.locator("#hide")).to_contain_text("Every link of yours")
    expect(desk.get_by_label("Who or what is it for?")).to_have_value("My tablet")
