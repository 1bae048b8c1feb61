"""The new place of a booking moved by hand, and undoing the move, on both databases."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import external
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import scheduling
from base.bookings import moving
from base.bookings.clashes import ClosedCalendar, overlapped_now
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


# An hour that comes twice, or half an hour: the first instant of its first pass, and its length.
TWICE = {
    "Europe/London": (datetime(2027, 10, 31, 0, tzinfo=UTC), HOUR),
    "America/New_York": (datetime(2027, 11, 7, 5, tzinfo=UTC), HOUR),
    "Australia/Lord_Howe": (datetime(2027, 4, 3, 14, 30, tzinfo=UTC), HOUR / 2),
}


@pytest.mark.parametrize("by", [10, -10])
@pytest.mark.parametrize("second", [0, 1])
@pytest.mark.parametrize("place", TWICE)
def test_a_move_within_an_hour_that_comes_twice_stays_in_its_pass(place, second, by):
    zone, (begins, lasts) = ZoneInfo(place), TWICE[place]
    at = begins + second * lasts + lasts / 2
    minutes = timedelta(minutes=by)
    moved, odd = moving.shifted(Span(at, at + HOUR), zone, zone, None, by)
    assert (moved.starts_at, odd) == (at + minutes, None)
    assert scheduling.comes_twice(at.astimezone(zone)), "the case itself"


def test_a_move_into_an_hour_that_comes_twice_is_asked_about():
    before = Span(datetime(2027, 10, 30, 23, 45, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC))
    moved, odd = moving.shifted(before, LONDON, LONDON, None, 30)
    assert (moved.starts_at, odd) == (datetime(2027, 10, 31, 0, 15, tzinfo=UTC), "twice")


def test_nothing_is_made_shorter_than_nothing():
    with pytest.raises(BadTime):
        moving.shifted(Span(NINE, NINE + HOUR), LONDON, LONDON, longer=-60)


def test_a_move_is_taken_back_once_and_by_its_own_entry_alone(linden, clock):
    span = Span(NINE, NINE + HOUR)
    row = Booking.book(linden.calendar, [span], linden.pat, patient=linden.patient)[0]
    moved = row.change(linden.pat, Span(NINE + HOUR, NINE + 2 * HOUR))
    assert moved.entry == AuditEntry.about(row).first().id
    assert moving.undo_move(row, linden.pat, moved.entry + 1) is None
    back = moving.undo_move(Booking.get_by_id(row.id), linden.pat, moved.entry)
    assert [one.id for one in back] == [row.id]
    fresh = Booking.get_by_id(row.id)
    assert (fresh.span, fresh.sequence) == (span, 2)
    assert moving.undo_move(fresh, linden.pat, moved.entry) is None


WEEK = timedelta(days=7)


@pytest.fixture
def series(linden, clock):
    """Four Thursdays at nine."""
    spans = [Span(NINE + n * WEEK, NINE + n * WEEK + HOUR) for n in range(4)]
    return Booking.book(linden.calendar, spans, linden.pat, patient=linden.patient)


def starts(series) -> list[int]:
    """How many hours after nine each of them begins."""
    rows = Booking.select().where(Booking.id.in_([row.id for row in series])).order_by(Booking.id)
    return [(row.starts_at - NINE - n * WEEK) // HOUR for n, row in enumerate(rows)]


def test_what_is_more_than_a_move_offers_no_way_back(linden, series):
    first = series[0]
    assert first.change(linden.pat, first.span, notes="left shoulder").entry is None
    later = Span(NINE + HOUR, NINE + 2 * HOUR)
    assert first.change(linden.pat, later, which="all", notes="right").entry is None


def test_a_moved_series_goes_back_as_one(linden, series):
    second = series[1]
    later = Span(second.starts_at + 2 * HOUR, second.ends_at + 2 * HOUR)
    moved = second.change(linden.pat, later, which="following")
    assert starts(series) == [0, 2, 2, 2]
    back = moving.undo_move(second, linden.pat, moved.entry)
    assert (len(back), starts(series)) == (3, [0, 0, 0, 0])
    assert [AuditEntry.about(row).first().action for row in series[1:]] == ["booking.moved"] * 3
    assert moving.undo_move(second, linden.pat, moved.entry) is None


def test_undoing_a_move_leaves_bookings_moved_since_or_whose_time_is_taken(linden, series):
    moved = series[0].change(linden.pat, Span(NINE + 2 * HOUR, NINE + 3 * HOUR), which="all")
    second = Booking.get_by_id(series[1].id)
    second.change(linden.pat, Span(NINE + WEEK + 5 * HOUR, NINE + WEEK + 6 * HOUR))
    Booking.get_by_id(series[3].id).set_status("cancelled", linden.pat)
    Booking.book(linden.calendar, [Span(NINE + 2 * WEEK, NINE + 2 * WEEK + HOUR)], linden.pat)
    back = moving.undo_move(series[0], linden.pat, moved.entry)
    assert starts(series) == [0, 5, 2, 2]
    assert (len(back), back.kept, len(back.skipped)) == (1, {"since": 2}, 1)


def test_undoing_a_move_leaves_a_colleagues_booking_unless_one_may_change_it(linden, series):
    series[2].change(linden.maya, series[2].span, practitioner=linden.colleague_calendar)
    moved = series[0].change(linden.maya, Span(NINE + HOUR, NINE + 2 * HOUR), which="all")
    assert starts(series) == [1, 1, 1, 1]
    back = moving.undo_move(series[0], linden.pat, moved.entry)
    assert (starts(series), back.kept) == ([0, 0, 1, 0], {"colleague": 1})


def test_a_series_goes_back_to_its_calendar_while_that_is_open(linden, series):
    there = linden.colleague_calendar
    moved = series[0].change(linden.maya, series[0].span, which="all", practitioner=there)
    linden.calendar.set_archived(True, linden.maya)
    with pytest.raises(ClosedCalendar):
        moving.undo_move(series[0], linden.maya, moved.entry)
    linden.calendar.set_archived(False, linden.maya)
    assert len(moving.undo_move(Booking.get_by_id(series[0].id), linden.maya, moved.entry)) == 4
    rows = Booking.select().where(Booking.practitioner == linden.calendar)
    assert rows.count() == 4


@pytest.mark.parametrize("to", ["days", "times"])
def test_whole_days_go_back_to_whole_days(linden, clock, to):
    day = date(2026, 11, 26)
    was = scheduling.whole_days(day, day + timedelta(days=1), linden.street.zone)
    row = Booking.book(linden.calendar, [was], linden.pat)[0]
    later = scheduling.whole_days(date(2026, 12, 1), date(2026, 12, 1), linden.street.zone)
    moved = row.change(linden.pat, later if to == "days" else Span(NINE, NINE + HOUR))
    moving.undo_move(row, linden.pat, moved.entry)
    assert Booking.get_by_id(row.id).span == was


def test_what_a_series_overlaps_is_read_with_few_queries(linden, series, caplog):
    spans = [Span(NINE + n * WEEK, NINE + n * WEEK + HOUR / 2) for n in (1, 3)]
    over = Booking.book(linden.calendar, spans, linden.pat, allow_overlap=True)
    external.event(external.source(linden.pat), "Call", "2026-11-26 09:30", "2026-11-26 10:30")
    rows = Booking.get_by_id(series[0].id).in_series("all")
    caplog.set_level("DEBUG", "peewee")
    caplog.clear()
    found = overlapped_now(rows)
    assert len([one for one in caplog.records if one.name == "peewee"]) <= 4
    assert [len(found.get(str(row.id), [])) for row in rows] == [1, 1, 0, 1]
    assert found[str(rows[1].id)][0].startswith(f"b{over[0].id}.")
