"""The calendar for receptionists: cards with an address, places that are kept, keys, lost
connections.
"""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from program import until

from base.scheduling import Span
from models import Booking, Patient
from tests.conftest import session_cookies

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
WEEK = "/calendar?day=2026-11-26"
PHONE = {"width": 390, "height": 700}


@pytest.fixture
def booking(linden, clock):
    late = Span(NINE + timedelta(hours=8), NINE + timedelta(hours=9))
    return Booking.book(linden.calendar, [late], linden.pat, patient=linden.patient)[0]


class Past:
    """The pages to which a browser goes back and forward, as the browser itself knows them: a
    moment after the page does.
    """

    def __init__(self, page):
        self._send = page.context.new_cdp_session(page).send

    def wait_for(self, address: str) -> None:
        """Wait until the browser is at an address with this in it."""
        until(lambda: address in self._entries()[0]["url"])

    def go_forward(self) -> None:
        """Begin to go on to the next page."""
        self._send("Page.navigateToHistoryEntry", {"entryId": self._entries()[1]["id"]})

    def _entries(self) -> list[dict]:
        """The page that is shown, and those after it."""
        known = self._send("Page.getNavigationHistory")
        return known["entries"][known["currentIndex"] :]


def test_a_card_has_an_address_and_back_closes_it(enter, booking):
    page = enter(viewport=PHONE)
    page.goto(WEEK)
    card, past = page.get_by_role("dialog"), Past(page)
    for close in (page.go_back, lambda: page.keyboard.press("Escape")):
        page.locator("#week .booking").first.click()
        expect(card).to_be_visible()
        past.wait_for(f"/bookings/{booking.id}")
        close()
        expect(card).to_be_hidden()
        past.wait_for(WEEK)
    past.go_forward()
    expect(card).to_be_visible()
    page.get_by_role("link", name="Close").click()
    expect(card).to_be_hidden()


def test_a_card_is_closed_once_and_only_by_a_person(enter, booking):
    """What closes goes back a page: an event too many would go back two."""
    page = enter(viewport=PHONE)
    page.goto(WEEK)
    card = page.get_by_role("dialog")
    page.evaluate("closings = 0, document.addEventListener('close', () => { closings++ }, true)")
    for count in range(3):
        page.locator("#week .booking").first.click()
        expect(card).to_be_visible()
        assert page.evaluate("closings") == count
        page.keyboard.press("Escape")
        expect(card).to_be_hidden()
        page.wait_for_url(f"**{WEEK}")


@pytest.mark.parametrize("path", [WEEK, "/calendar/team?day=2026-11-26"])
def test_a_new_status_leaves_the_page_and_the_focus_where_they_were(enter, linden, booking, path):
    for minutes in range(0, 400, 40):  # enough for a list that is longer than a phone
        span = Span(NINE + timedelta(minutes=minutes), NINE + timedelta(minutes=minutes + 30))
        Booking.book(linden.calendar, [span], linden.pat)
    page = enter(viewport=PHONE)
    page.goto(path)
    block = page.locator(".booking:visible", has_text="Małgorzata")
    block.scroll_into_view_if_needed()
    block.click()
    before = block.bounding_box()["y"]
    assert page.evaluate("scrollY") > 100
    page.get_by_role("button", name="Mark as arrived").click()
    arrived = page.locator('.booking[data-status="arrived"]:visible')
    expect(arrived).to_be_focused()
    assert abs(arrived.bounding_box()["y"] - before) < 5


def test_what_a_form_of_its_own_changed_is_shown_where_it_is_now(enter, linden, booking):
    for minutes in range(0, 400, 40):
        span = Span(NINE + timedelta(minutes=minutes), NINE + timedelta(minutes=minutes + 30))
        Booking.book(linden.calendar, [span], linden.pat)
    page = enter(viewport=PHONE)
    page.goto("/calendar/team?day=2026-11-26")
    page.locator(".booking:visible", has_text="Małgorzata").click()
    page.get_by_role("link", name="Change or move").click()
    page.get_by_label("Notes").fill("Bring the scans")
    page.get_by_role("button", name="Save changes").click()
    changed = page.locator("#by-time .booking", has_text="Małgorzata")
    expect(changed).to_be_focused()
    expect(changed).to_be_in_viewport()


def test_a_lost_line_is_told_beside_the_button_with_the_focus(visitor, app, address, booking):
    for name, value in session_cookies(app, "pat@linden.test").items():
        visitor.context.add_cookies([{"name": name, "value": value, "url": address}])
    page = visitor
    page.set_viewport_size(PHONE)
    page.goto(address + WEEK)
    page.locator("#week .booking").first.click()
    page.route("**/status", lambda route: route.abort())
    page.get_by_role("button", name="Mark as arrived").click()
    said = page.get_by_role("dialog").get_by_role("alert")
    expect(said).to_contain_text("It may not be saved")
    expect(said).to_be_focused()
    expect(said).to_be_in_viewport()
    page.unroute("**/status")
    page.get_by_role("button", name="Mark as arrived").click()
    expect(page.locator('#week .booking[data-status="arrived"]')).to_have_count(1)


def test_keys_do_what_the_sheet_says_and_rest_while_one_types_or_switched_off(enter, booking):
    page = enter()
    page.goto(WEEK)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_be_visible()
    said = {text for text in sheet.locator("kbd").all_inner_texts() if len(text) == 1}
    named = page.eval_on_selector_all(
        "[aria-keyshortcuts]", "all => all.map(one => one.getAttribute('aria-keyshortcuts'))"
    )
    assert said == {*named, "m"}
    page.keyboard.press("n")  # nothing happens under a sheet
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_label("Find a client by name or ID")).to_be_focused()
    page.keyboard.type("dn")
    expect(page.get_by_label("Find a client by name or ID")).to_have_value("dn")
    page.keyboard.press("Tab")
    page.keyboard.press("g")
    expect(page.get_by_label("Date", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.wait_for_url(re.compile("view=agenda"))
    page.keyboard.press("?")
    sheet.get_by_label("Use single keys on this device").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.press("?")
    expect(sheet).to_have_count(0)
    assert "view=agenda" in page.url


def test_now_is_in_sight_when_the_calendar_opens(enter, booking, clock):
    clock.now = NINE + timedelta(hours=8.5)
    page = enter(viewport=PHONE)
    page.goto(WEEK)
    expect(page.locator('#week section [data-kind="now"]').first).to_be_in_viewport()


def test_a_slow_answer_says_that_it_is_awaited(enter, booking):
    page = enter()
    page.goto(WEEK)
    waiting = []
    page.route("**/bookings/*", lambda route: waiting.append(route))
    page.locator("#week .booking").first.click()
    expect(page.get_by_text("Loading …")).to_be_visible()
    waiting[0].continue_()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_text("Loading …")).to_be_hidden()


@pytest.mark.parametrize("path", [WEEK, f"{WEEK}&view=day", "/calendar/team?day=2026-11-26"])
def test_paper_takes_one_sheet_with_what_the_blocks_mean(enter, booking, path):
    page = enter()
    page.goto(path)
    paper = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
    width, height = map(float, re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", paper).groups())
    assert (round(width), round(height)) == (842, 595)  # A4, landscape, in points
    page.emulate_media(media="print")
    expect(page.get_by_role("list", name="What the blocks mean")).to_be_visible()
    expect(page.locator("#week .booking > span").first).to_contain_text("17:00")


WHOLE = """block => [...block.querySelectorAll("strong, span")].filter(
    line => line.getClientRects().length).map(line => {
  const style = getComputedStyle(line), at = line.getBoundingClientRect();
  return line.scrollWidth <= line.clientWidth
    && at.bottom <= block.getBoundingClientRect().bottom
    && parseFloat(style.lineHeight) >= 1.2 * parseFloat(style.fontSize);  // accents of capitals
})"""


@pytest.mark.parametrize("path", [WEEK, f"{WEEK}&view=day", "/calendar/team?day=2026-11-26"])
@pytest.mark.parametrize("minutes", [20, 50])
def test_paper_shows_a_cancelled_booking_whole(enter, booking, linden, path, minutes):
    ends_at = booking.starts_at + timedelta(minutes=minutes)
    Booking.update(status="cancelled", ends_at=ends_at).where(Booking.id == booking.id).execute()
    Patient.update(first_name="Élodie", last_name="Ý").execute()
    page = enter(viewport={"width": 1060, "height": 733})  # what 8 mm of margin leave of A4
    page.goto(path)
    page.emulate_media(media="print")
    block = page.locator('#week .booking[data-status="cancelled"]')
    lines = block.evaluate(WHOLE)
    assert lines == [True, True]


def test_a_week_has_room_for_times_of_a_12_hour_clock(enter, linden, booking):
    linden.clinic.change(linden.olive, twelve_hours=True)
    span = Span(NINE + timedelta(hours=0.5), NINE + timedelta(minutes=80))
    Booking.update(starts_at=span.starts_at, ends_at=span.ends_at, service=linden.service).execute()
    page = enter(viewport={"width": 1280, "height": 900})
    page.goto(WEEK)
    line, mark = (page.locator(f"#week .booking > {one}").first for one in ("span", "b"))
    expect(line).to_have_text("9:30–10:20 am")
    assert line.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert mark.bounding_box()["y"] >= sum(line.bounding_box()[one] for one in ("y", "height"))


def test_paper_has_room_for_a_time_that_crosses_noon(enter, linden, booking):
    linden.clinic.change(linden.olive, twelve_hours=True)
    noon = Span(NINE + timedelta(hours=2.5), NINE + timedelta(hours=3))
    Booking.update(starts_at=noon.starts_at, ends_at=noon.ends_at).execute()
    page = enter(viewport={"width": 960, "height": 700})
    page.goto(WEEK)
    page.emulate_media(media="print")
    line = page.locator("#week .booking > span").first
    expect(line).to_have_text("11:30 am–12:00 pm")
    assert line.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_the_installed_app_without_connection_shows_a_page_without_clients(enter, booking):
    page = enter()
    page.goto(WEEK)
    manifest = page.request.get(page.locator("link[rel=manifest]").get_attribute("href")).json()
    sizes = [page.request.get(icon["src"]).body()[16:24].hex() for icon in manifest["icons"]]
    assert sizes == [f"{n:08x}{n:08x}" for n in (192, 192, 512, 512)]  # as the pictures say it
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function(
        "navigator.serviceWorker.getRegistration().then(one => one.active?.state === 'activated')"
    )
    page.reload()
    page.context.set_offline(True)
    page.goto(WEEK)
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    assert page.locator(".card").evaluate("e => getComputedStyle(e).borderTopStyle") == "solid"
    kept = page.evaluate(
        "caches.keys().then(names => Promise.all(names.map(name => caches.open(name).then(one =>"
        " one.keys())))).then(all => all.flat().map(one => new URL(one.url).pathname))"
    )
    assert "/offline" in kept and {path.split("/")[1] for path in kept} == {"offline", "static"}
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.locator("#week, #day-grid").first).to_be_visible()


def test_sync_is_short_on_a_phone_until_something_is_set_up(enter, linden):
    """What it is, and a choice for each provider; the rest is folded until its turn comes."""
    linden.pat.change_sync(sync_allowed=False)
    page = enter(viewport=PHONE)
    page.goto("/sync/")
    assert page.evaluate("document.documentElement.scrollHeight") <= 1900
    choice = page.get_by_role("group", name="How should clients appear?")
    expect(choice).to_be_hidden()
    page.get_by_label("Let my bookings appear in calendars outside Kalends").check()
    expect(choice).to_be_visible()
    page.get_by_text("For your clients").first.click()
    expect(page.get_by_role("heading", name="For your clients")).to_be_visible()


def test_a_long_name_leaves_ids_and_phones_on_one_line(enter, linden):
    Patient.create(clinic=linden.clinic, first_name="Hubert Blaine " * 8, internal_id="K-7")
    Patient.update(phone="+44 7700 900052").where(Patient.id == linden.patient.id).execute()
    page = enter()
    page.goto("/clients/")
    row = page.locator("tr", has_text="+44 7700 900052")
    for cell in (row.locator("code"), row.locator("[href^='tel:']")):
        assert cell.evaluate("one => one.getClientRects().length") == 1
