"""A button changes nothing if its booking is no longer as the page showed it. The page says so and
asks again.
"""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from base.scheduling import Span
from free_times.online import by_letter
from models import Booking
from tests.pages import Filled, forms_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def booking(linden, clock):
    span = Span(NINE, NINE + timedelta(minutes=50))
    return Booking.book(linden.calendar, [span], None, patient=linden.patient)[0]


@pytest.fixture
def maya(signed_in, linden, booking):
    return signed_in(linden.maya)


def again(booking) -> Booking:
    return Booking.get_by_id(booking.id)


def moved(booking, linden):
    booking = again(booking)
    booking.change(None, Span(booking.starts_at + DAY, booking.ends_at + DAY))


def given(booking, linden):
    booking = again(booking)
    booking.change(None, booking.span, practitioner=linden.colleague_calendar)


def button(page, end, value=None) -> Filled:
    """A form of the card, pressed by this button."""
    found = Filled(next(one for one in forms_of(page) if one["action"].endswith(end)))
    return found if value is None else found.put(status=value)


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True)).split())


HOW = pytest.mark.parametrize("meanwhile", [moved, given], ids=lambda one: one.__name__)


@HOW
@pytest.mark.parametrize(
    ("end", "value"),
    [("/cancellation", None), ("/status", "no_show"), ("/status", "arrived")],
)
def test_a_card_asks_again_where_the_booking_was_moved(
    maya, booking, linden, meanwhile, end, value
):
    press = button(maya.get(f"/bookings/{booking.id}"), end, value)
    meanwhile(booking, linden)
    refused = press.send(maya)
    assert refused.status_code == 422 and again(booking).status == "confirmed"
    said = text(refused)
    now = "Friday 27 November" if meanwhile is moved else "with Quinn Linden, Linden Street"
    assert "Someone else changed this booking It is" in said and now in said
    assert "Nothing was changed. Press again if you still want to." in said
    assert button(refused, end, value).send(maya).status_code == 303
    assert again(booking).status == (value or "cancelled")


@HOW
def test_cancelling_a_series_asks_if_the_booking_changed(maya, booking, linden, meanwhile):
    other = Booking(**{k: v for k, v in again(booking).__data__.items() if k not in ("id", "uuid")})
    other.place(Span(NINE + 7 * DAY, NINE + 7 * DAY + timedelta(hours=1)))
    other.save(force_insert=True)
    Booking.update(series=uuid4()).execute()
    press = button(maya.get(f"/bookings/{booking.id}/cancellation"), "/cancellation")
    meanwhile(booking, linden)
    refused = press.put(which="all").send(maya)
    assert refused.status_code == 422 and "Someone else changed this booking" in text(refused)
    assert {row.status for row in Booking.select()} == {"confirmed"}
    ask = button(refused, "/cancellation")
    assert ask["which"] == "all"
    assert ask.send(maya).status_code == 303
    assert {row.status for row in Booking.select()} == {"cancelled"}


def test_a_press_that_comes_twice_cancels_once_and_says_nothing_odd(maya, booking):
    press = button(maya.get(f"/bookings/{booking.id}"), "/cancellation")
    assert press.send(maya).status_code == press.send(maya).status_code == 303
    assert again(booking).status == "cancelled"


def test_cancelling_left_bookings_asks_if_they_changed(maya, booking, linden):
    span = Span(NINE + 2 * DAY, NINE + 2 * DAY + timedelta(hours=1))
    other = Booking.book(linden.calendar, [span], None)[0]
    linden.calendar.set_archived(True, None)
    way = f"/team/hand-over/{linden.calendar.id}"
    ids = [str(booking.id), str(other.id)]
    press = button(maya.post(way, data={"booking": ids, "to": "cancel"}), way)
    moved(booking, linden)
    refused = press.send(maya)
    assert refused.status_code == 409
    said = text(refused)
    assert "1 booking cancelled." in said and "Someone else changed 1 booking" in said
    assert (again(booking).status, again(other).status) == ("confirmed", "cancelled")
    press = button(maya.post(way, data={"booking": ids[:1], "to": "cancel"}), way)
    assert press.send(maya).status_code == 303 and again(booking).status == "cancelled"


def test_cancelling_by_letter_asks_if_the_booking_changed(app, booking, linden):
    visitor = app.test_client(use_cookies=False)
    way = f"/appointment/{booking.uuid}/{by_letter.token(booking)}"
    press = button(visitor.get(f"{way}/"), "/cancel")
    moved(booking, linden)
    refused = press.send(visitor)
    assert refused.status_code == 409 and again(booking).status == "confirmed"
    assert "Someone else changed the time of your appointment." in text(refused)
    assert "Friday 27 November" in text(refused)
    assert button(refused, "/cancel").send(visitor).status_code == 303
    assert again(booking).status == "cancelled"
    assert press.send(visitor).status_code == 303  # twice, and late
    assert again(booking).changed_online
