"""Bookings moved in a browser: by mouse and by keyboard, in the week and the team's day."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from base.scheduling import Span
from models import Booking

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")

SEVEN_PAST = datetime(
    2026, 11, 26, 10, 7, tzinfo=UTC
)  # a Thursday; the clock stands at 20 November
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def booking(linden, clock):
    """On no step: begins at seven minutes past."""
    span = Span(SEVEN_PAST, SEVEN_PAST + timedelta(minutes=48))
    return Booking.book(linden.calendar, [span], linden.pat, patient=linden.patient)[0]


@pytest.fixture
def page(enter, address, receptionist, linden, booking):
    page = enter(receptionist.email, viewport={"width": 1280, "height": 1100})
    page.base = address
    return page


def week(page, linden):
    page.goto(f"{page.base}/calendar?calendar={linden.calendar.id}&day=2026-11-26")
    return page


def block(page):
    return page.locator("#week li[data-seen] > .booking").first


def hour(page) -> float:
    return page.locator("#week [data-kind=clock] > li").first.bounding_box()["height"]


def drag(page, x: float = 0, y: float = 0, bottom: bool = False):
    box = block(page).bounding_box()
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] - (2 if bottom else 20)
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + x / 2, at[1] + y / 2)
    page.mouse.move(at[0] + x, at[1] + y)


def dropped(page):
    with page.expect_navigation():
        page.mouse.up()


AT_REST = "(y => setTimeout(() => done(y === scrollY), 100))(scrollY)"


def until(page, so: str):
    """Wait until this is so. The policy of the pages lets no text be evaluated later on."""
    for _ in range(100):
        if page.evaluate(so):
            return
        page.wait_for_timeout(50)
    raise AssertionError(so)


def place(booking) -> tuple[datetime, timedelta]:
    row = Booking.get_by_id(booking.id)
    return row.starts_at, row.ends_at - row.starts_at


MINUTES = timedelta(minutes=48)


def test_a_drag_moves_to_another_day_and_hour_and_undo_takes_it_back(page, linden, booking):
    week(page, linden)
    wide = page.locator("#week section ol").first.bounding_box()["width"]
    drag(page, x=-wide, y=2 * hour(page) + 2)
    expect(page.locator("#moving")).to_contain_text("12:07–12:55")
    dropped(page)
    assert place(booking) == (SEVEN_PAST - DAY + 2 * HOUR, MINUTES)
    expect(page.locator("#flash")).to_contain_text("Moved")
    with page.expect_navigation():
        page.get_by_role("button", name="Undo").click()
    assert place(booking) == (SEVEN_PAST, MINUTES)


def test_the_lower_edge_makes_it_longer(page, linden, booking):
    week(page, linden)
    drag(page, y=hour(page) / 2, bottom=True)
    dropped(page)
    assert place(booking) == (SEVEN_PAST, MINUTES + HOUR / 2)


def test_escape_leaves_a_drag_and_a_press_still_opens_the_card(page, linden, booking):
    week(page, linden)
    drag(page, y=hour(page))
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(block(page)).to_contain_text("10:07–10:55")
    page.goto(f"{page.base}/calendar/team?day=2026-11-26")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    drag(page, y=-14)  # let go over the booking itself, where a press opens its card
    expect(page.locator("[data-moving]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("[data-moving]")).to_have_count(0)
    page.mouse.up()
    page.evaluate("new Promise(requestAnimationFrame)")
    assert asked == []
    week(page, linden)
    block(page).click()
    expect(page.get_by_role("dialog")).to_contain_text("+15 min")


def test_keys_move_and_lengthen_and_the_focus_stays_on_it(page, linden, booking):
    week(page, linden)
    block(page).focus()
    for key in ("m", "ArrowDown", "ArrowDown", "ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(page.get_by_role("status").filter(has_text="Enter saves")).to_contain_text(
        "Friday 27 November, 10:37–11:40"
    )
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert place(booking) == (SEVEN_PAST + DAY + HOUR / 2, MINUTES + HOUR / 4)
    expect(block(page)).to_be_focused()


def test_in_the_team_s_day_it_goes_to_a_colleague_and_the_day_comes_again(page, linden, booking):
    page.goto(f"{page.base}/calendar/team?day=2026-11-26")
    goal = page.locator(f'section[data-calendar="{linden.colleague_calendar.id}"] > ol')
    box, own = goal.bounding_box(), block(page).bounding_box()
    drag(page, x=box["x"] + box["width"] / 2 - own["x"] - own["width"] / 2)
    dropped(page)
    assert Booking.get_by_id(booking.id).practitioner == linden.colleague_calendar
    assert place(booking) == (SEVEN_PAST, MINUTES)
    assert "/calendar/team" in page.url


def test_near_the_lower_edge_a_drag_scrolls_to_hours_that_are_not_seen(page, linden, booking):
    page.set_viewport_size({"width": 1280, "height": 560})
    week(page, linden)
    block(page).scroll_into_view_if_needed()
    box = block(page).bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, 400)
    page.mouse.move(box["x"] + 30, 555)
    bottom = "document.querySelector('#week > section > ol').getBoundingClientRect().bottom"
    until(page, f"{bottom} <= innerHeight + 2")
    page.mouse.move(box["x"] + 30, 500)
    moved = page.evaluate("scrollY")
    wall = page.locator("#moving").inner_text().split(", ")[-1][:5]
    page.mouse.move(box["x"] + 30, 5)  # and up again
    until(page, f"scrollY < {moved}")
    page.mouse.move(box["x"] + 30, 300)
    dropped(page)
    assert wall >= "15:00" and place(booking)[1] == MINUTES


def test_in_the_team_s_day_a_drag_scrolls_aside_to_colleagues(page, linden, booking):
    page.goto(f"{page.base}/calendar/team?day=2026-11-26")
    page.evaluate("document.querySelector('#week').style.minInlineSize = '2400px'")  # many people
    box = block(page).bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(1100, box["y"] + 10)
    page.mouse.move(1240, box["y"] + 10)
    until(page, "document.querySelector('[data-kind=scroll]').scrollLeft > 0")
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.get_by_role("dialog")).to_have_count(0)  # what was left is no press
    assert place(booking) == (SEVEN_PAST, MINUTES)


def test_a_drop_on_taken_time_opens_the_form_with_the_wish(page, linden, booking):
    span = Span(SEVEN_PAST + 2 * HOUR, SEVEN_PAST + 3 * HOUR)
    Booking.book(linden.calendar, [span], linden.pat)
    week(page, linden)
    drag(page, y=2 * hour(page))
    dropped(page)
    expect(page.get_by_label("From", exact=True)).to_have_value("12:07")
    expect(page.locator("#flash")).to_contain_text("The time is taken")
    assert place(booking) == (SEVEN_PAST, MINUTES)


class Finger:
    """One finger on a screen of that size, by the browser's own protocol."""

    def __init__(self, page, x: float, y: float):
        self._send = page.context.new_cdp_session(page).send
        self.x, self.y = x, y
        self._touch("touchStart")

    def _touch(self, kind: str) -> None:
        points = [] if kind == "touchEnd" else [{"x": self.x, "y": self.y}]
        self._send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def go(self, x: float = 0, y: float = 0) -> None:
        for _ in range(4):
            self.x, self.y = self.x + x / 4, self.y + y / 4
            self._touch("touchMove")

    def lift(self) -> None:
        self._touch("touchEnd")


@pytest.fixture
def phone(enter, address, receptionist, linden, booking):
    size = {"width": 390, "height": 844}
    page = enter(receptionist.email, viewport=size, has_touch=True, is_mobile=True)
    page.goto(f"{address}/calendar?calendar={linden.calendar.id}&day=2026-11-26&view=day")
    block(page).scroll_into_view_if_needed()
    return page


def finger_on(page) -> Finger:
    box = block(page).bounding_box()
    return Finger(page, box["x"] + box["width"] / 2, box["y"] + 15)


def test_a_finger_that_rests_on_a_booking_drags_it(phone, booking):
    finger = finger_on(phone)
    phone.locator("#week [data-moving]").wait_for()
    scrolled = phone.evaluate("scrollY")
    finger.go(y=hour(phone))
    expect(phone.locator("#moving")).to_contain_text("11:07–11:55")
    assert phone.evaluate("scrollY") == scrolled
    with phone.expect_navigation():
        finger.lift()
    assert place(booking) == (SEVEN_PAST + HOUR, MINUTES)


def test_a_finger_that_moves_at_once_scrolls_and_a_tap_opens_the_card(phone, booking):
    finger = finger_on(phone)
    finger.go(y=-200)
    finger.lift()
    until(phone, "scrollY > 0")
    until(phone, f"new Promise(done => {AT_REST})")  # a tap on a page that still rolls stops it
    assert phone.locator("#week [data-moving]").count() == 0
    block(phone).tap()
    expect(phone.get_by_role("dialog")).to_contain_text("+15 min")
    assert place(booking) == (SEVEN_PAST, MINUTES)


def test_near_the_edge_a_finger_scrolls_on(phone, booking):
    finger = finger_on(phone)
    phone.locator("#week [data-moving]").wait_for()
    scrolled = phone.evaluate("scrollY")
    finger.go(y=835 - finger.y)
    until(phone, f"scrollY > {scrolled}")
    phone.keyboard.press("Escape")
    finger.lift()
    assert place(booking) == (SEVEN_PAST, MINUTES)


def test_a_finger_that_rests_and_lifts_changes_nothing(phone, booking):
    finger = finger_on(phone)
    phone.locator("#week [data-moving]").wait_for()
    finger.lift()
    expect(phone.locator("#week [data-moving]")).to_have_count(0)
    assert phone.get_by_role("dialog").count() == 0
    assert place(booking) == (SEVEN_PAST, MINUTES)
