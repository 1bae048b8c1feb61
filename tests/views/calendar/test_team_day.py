"""The team's day over HTTP: whose columns, what in them, for whom, and at what cost."""

import logging
import re
from datetime import date, time, timedelta

import pytest

from base.scheduling import timed
from models import Booking, Practitioner, User
from tests.conftest import WEEKDAYS

FRIDAY = date(2026, 11, 20)  # the day of the tests' clock, 11:40 in London
PARTIAL = {"HX-Request": "true"}


@pytest.fixture
def book(linden, clock):
    def make(start: str, end: str, calendar=None, day: date = FRIDAY, **fields):
        calendar = calendar or linden.calendar
        span, _ = timed(day, time.fromisoformat(start), time.fromisoformat(end), calendar.zone)
        fields = {"patient": linden.patient, "service": linden.service} | fields
        fields = {"allow_overlap": True} | fields
        return Booking.book(calendar, [span], linden.maya, **fields)[0]

    return make


@pytest.fixture
def desk(signed_in, receptionist, clock):
    return signed_in(receptionist)


def page(browser, **query) -> str:
    answer = browser.get("/calendar/team", query_string=query)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def column(html: str, calendar) -> str:
    """The column of the calendar, as HTML; empty where there is none."""
    start = f'<section aria-labelledby="c{calendar.id}"'
    return html.partition(start)[2].partition("</section>")[0]


def blocks(html: str, calendar) -> list[tuple[str, str, str]]:
    return re.findall(
        r'<li data-from="([\d:]+)" data-to="([\d:]+)"[^>]*><a class="booking".*?<strong>(.*?)<',
        column(html, calendar),
        re.DOTALL,
    )


def free(html: str, calendar) -> list[str]:
    return re.findall(
        r"/bookings/new\?calendar=\d+&amp;day=[\d-]+&amp;from=([\d:]+)", column(html, calendar)
    )


def test_everyone_has_a_column_with_bookings_and_free_stretches(desk, linden, book):
    booking = book("12:00", "12:50")
    book("14:00", "15:00", linden.colleague_calendar)
    html = page(desk)
    assert "<h1>Friday 20 November 2026</h1>" in html
    assert blocks(html, linden.calendar) == [("12:00", "12:50", "Małgorzata Wójcik")]
    assert blocks(html, linden.colleague_calendar) == [("14:00", "15:00", "Małgorzata Wójcik")]
    assert free(html, linden.calendar) == ["11:40", "12:50", "14:00", "15:00", "16:00"]
    assert f'data-booking="{booking.id}"' in column(html, linden.calendar)
    assert f'href="/bookings/{booking.id}?view=team&amp;shown=2026-11-20"' in html
    listed = desk.get("/calendar/team/list?day=2026-11-20", headers=PARTIAL).get_data(as_text=True)
    assert "<span>12:00–12:50</span> <strong>Małgorzata Wójcik</strong>" in listed
    assert "<span>12:50–17:00</span> <strong>Free</strong><span>Pat Linden" in listed


def test_a_full_day_stays_small_in_bytes_and_queries(signed_in, linden, book, clock, caplog):
    linden.harbour.set_archived(True, linden.olive)
    calendars = [linden.calendar, linden.colleague_calendar]
    for n in range(10):
        person = User.create(
            clinic=linden.clinic, email=f"p{n}@linden.test", name=f"Person Number{n} Linden"
        )
        calendars.append(
            Practitioner.create(
                clinic=linden.clinic, user=person, venue=linden.street, hours=WEEKDAYS
            )
        )
    for calendar in calendars:
        for n in range(10):
            book(f"{8 + n:02}:00", f"{8 + n:02}:40", calendar, day=FRIDAY + timedelta(days=3))
    sizes, counts = [], []
    for who in (linden.maya, linden.pat):
        browser = signed_in(who)
        with caplog.at_level(logging.DEBUG, logger="peewee"):
            caplog.clear()
            answer = browser.get("/calendar/team?day=2026-11-23")
        queries = [r for r in caplog.records if r.name == "peewee" and "SELECT" in str(r.msg)]
        sizes.append(len(answer.data))
        counts.append(len(queries))
        assert answer.get_data(as_text=True).count("data-calendar=") == 12
    assert max(counts) <= 8 and min(counts) > 0, counts
    assert max(sizes) <= 80_000, sizes
