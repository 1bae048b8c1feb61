"""The feed over HTTP: who may read it, and what travels with it."""

from datetime import UTC, datetime, timedelta

import icalendar
import pytest

from models import Booking, Feed
from scheduling import Span
from sync import feed as feeds

KEY = "a key of the tests"


@pytest.fixture
def booking(linden, clock):
    start = datetime(2026, 11, 26, 14, 0, tzinfo=UTC)
    return Booking.book(linden.calendar, [Span(start, start + timedelta(minutes=50))], linden.pat,
                        patient=linden.patient, service=linden.service)[0]


@pytest.fixture
def link(linden, clock):
    return Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)


def test_a_link_gives_the_bookings(app, link, booking):
    answer = app.test_client().get(feeds.path(KEY, link))
    assert answer.status_code == 200
    assert answer.content_type == "text/calendar; charset=utf-8"
    (event,) = icalendar.Calendar.from_ical(answer.data).walk("VEVENT")
    assert event["SUMMARY"] == "Shoulder"
    assert event["UID"] == str(booking.uuid)
    assert event.start == datetime(2026, 11, 26, 14, 0, tzinfo=UTC)
