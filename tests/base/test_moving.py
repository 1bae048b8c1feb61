"""Where a booking moved by hand comes to lie, and taking that back, on both databases."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import moving
from base.scheduling import BadTime, Span
from models import AuditEntry, Booking

LONDON, BERLIN = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin")
FIRST, LAST = (
    datetime.fromisoformat(day) for day in ("2026-01-01", "2027-12-01")
)  # on no clock yet
NINE, HOUR = datetime(2026, 11, 26, 9, tzinfo=UTC), timedelta(hours=1)


@given(
    st.datetimes(FIRST, LAST),
    st.integers(1, 600),
    st.integers(-600, 600),
    st.dates(date(2026, 1, 1), date(2027, 12, 1)),
)
def test_a_move_keeps_the_length_and_says_what_is_odd(start, length, by, day):
    at = start.replace(tzinfo=UTC, microsecond=0)
    span = Span(at, at + timedelta(minutes=length))
    moved, odd = moving.shifted(span, LONDON, BERLIN, day, by)
    assert moved.duration == span.duration
    local = at.astimezone(LONDON)
    wall = datetime.combine(day, local.time()) + timedelta(minutes=by)
    assert odd == "gap" or moved.starts_at.astimezone(BERLIN).replace(tzinfo=None, fold=0) == wall


@given(st.datetimes(FIRST, LAST), st.integers(1, 600))
def test_a_change_of_length_leaves_the_start_alone(start, longer):
    at = start.replace(tzinfo=UTC)
    span = Span(at, at + HOUR)
    day = at.astimezone(LONDON).date()
    moved, odd = moving.shifted(span, LONDON, LONDON, day, 0, longer)
    assert (moved.starts_at, odd) == (at, None)
    assert moved.duration == HOUR + timedelta(minutes=longer)


def test_nothing_is_made_shorter_than_nothing():
    with pytest.raises(BadTime):
        moving.shifted(Span(NINE, NINE + HOUR), LONDON, LONDON, longer=-60)


def test_a_move_is_taken_back_once_and_by_its_own_entry_alone(linden, clock):
    span = Span(NINE, NINE + HOUR)
    row = Booking.book(linden.calendar, [span], linden.pat, patient=linden.patient)[0]
    moved = row.change(linden.pat, Span(NINE + HOUR, NINE + 2 * HOUR))
    assert moved.entry == AuditEntry.about(row).first().id
    assert moving.take_back(row, linden.pat, moved.entry + 1) is None
    back = moving.take_back(Booking.get_by_id(row.id), linden.pat, moved.entry)
    assert [one.id for one in back] == [row.id]
    fresh = Booking.get_by_id(row.id)
    assert (fresh.span, fresh.sequence) == (span, 2)
    assert moving.take_back(fresh, linden.pat, moved.entry) is None


def test_what_is_more_than_a_move_offers_no_way_back(linden, clock):
    spans = [
        Span(NINE + timedelta(days=7 * n), NINE + timedelta(days=7 * n, hours=1)) for n in (0, 1)
    ]
    first, _ = Booking.book(linden.calendar, spans, linden.pat, patient=linden.patient)
    later = Span(NINE + HOUR, NINE + 2 * HOUR)
    assert first.change(linden.pat, later, which="all").entry is None
    assert first.change(linden.pat, spans[0], notes="left shoulder").entry is None
    assert first.change(linden.pat, spans[0], notes="").entry is None
