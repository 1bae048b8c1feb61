"""Working time: hours on dates, time off over clock changes and years, and invalid time off."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import opening_hours, scheduling, working_time
from base.scheduling import BadTime, Span
from base.working_time import Off, Rota

LONDON, NEW_YORK, SYDNEY = map(ZoneInfo, ("Europe/London", "America/New_York", "Australia/Sydney"))
WEEKDAYS = {day: [["09:00", "17:00"]] for day in opening_hours.WEEKDAYS[:5]}


def at(day: str, wall: str, zone=UTC) -> datetime:
    return datetime.fromisoformat(f"{day}T{wall}").replace(tzinfo=zone).astimezone(UTC)


def rota(zone=LONDON, own=None, venue=None, off=(), weekly=WEEKDAYS) -> Rota:
    return Rota(zone, weekly, own or {}, venue or {}, off)


def walls(spans, zone=LONDON) -> list[str]:
    clock = "%d %H:%M"
    return [
        f"{s.starts_at.astimezone(zone):{clock}}–{s.ends_at.astimezone(zone):%H:%M}" for s in spans
    ]


# ---- hours ----


def test_hours_of_a_date_take_the_place_of_the_weekly_ones():
    saturday, monday = date(2026, 11, 21), date(2026, 11, 23)
    own = {saturday: [["10:00", "13:00"]], monday: []}
    openings = rota(own=own).openings(at("2026-11-20", "12:00"), at("2026-11-25", "00:00"))
    assert walls(openings) == ["20 12:00–17:00", "21 10:00–13:00", "24 09:00–17:00"]


def test_a_venue_that_closes_early_cuts_everyones_hours_and_an_open_one_makes_nobody_work():
    friday, saturday = date(2026, 11, 20), date(2026, 11, 21)
    venue = {friday: [["08:00", "12:00"]], saturday: [["09:00", "15:00"]]}
    own = {saturday: [["10:00", "18:00"]]}
    window = at("2026-11-20", "00:00"), at("2026-11-22", "00:00")
    assert walls(rota(venue=venue).openings(*window)) == ["20 09:00–12:00"]
    assert walls(rota(venue=venue, own=own).openings(*window)) == [
        "20 09:00–12:00",
        "21 10:00–15:00",
    ]
    assert rota(venue={friday: []}).openings(*window) == []


def test_hours_may_reach_midnight():
    day = date(2026, 11, 20)
    late = {"fri": [["18:00", "00:00"]], "sat": [["00:00", "02:00"]]}
    openings = rota(weekly=late).openings(at("2026-11-20", "12:00"), at("2026-11-21", "12:00"))
    assert openings == [
        Span(at("2026-11-20", "18:00"), at("2026-11-21", "00:00")),
        Span(at("2026-11-21", "00:00"), at("2026-11-21", "02:00")),
    ]
    assert rota(weekly={}, own={day: [["00:00", "00:00"]]}).open_on(day)[0].duration == (
        timedelta(days=1)
    )
    assert opening_hours.check_walls([["18:00", "00:00"]]) == [["18:00", "00:00"]]
    assert working_time.common([["18:00", "00:00"]], [["12:00", "20:00"], ["22:00", "00:00"]]) == [
        ["18:00", "20:00"],
        ["22:00", "00:00"],
    ]
    with pytest.raises(BadTime):
        opening_hours.check_walls([["18:00", "00:00"], ["00:00", "01:00"], ["20:00", "21:00"]])


@given(
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.sampled_from([LONDON, NEW_YORK, SYDNEY]),
    st.integers(0, 47),
    st.integers(0, 47),
)
def test_openings_are_the_weekly_hours_where_no_date_says_otherwise(day, zone, start, length):
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=30 * start)
    ends = begins + timedelta(minutes=30 * length + 30)
    openings = rota(zone=zone).openings(begins, ends)
    plain = [
        span
        for n in (-1, 0, 1, 2)
        for span in opening_hours.open_spans(WEEKDAYS, day + timedelta(days=n), zone)
        if span.starts_at < ends and begins < span.ends_at
    ]
    assert [span.duration for span in openings] == [
        min(span.ends_at, ends) - max(span.starts_at, begins) for span in plain
    ]
    assert all(begins <= span.starts_at and span.ends_at <= ends for span in openings)


# ---- time off ----


def closed(off: Off, start: str, end: str, zone=LONDON) -> list[tuple[datetime, datetime]]:
    found = rota(zone=zone, off=[off]).closed(at(start, "00:00"), at(end, "00:00"))
    return [(one.starts_at, one.ends_at) for one in found]


def test_lunch_stays_at_its_hour_when_the_clocks_change():
    lunch = Off(1, date(2027, 3, 26), date(2027, 3, 26), time(12), time(13), LONDON, weekly=True)
    assert closed(lunch, "2027-03-20", "2027-04-05") == [
        (at("2027-03-26", "12:00"), at("2027-03-26", "13:00")),
        (at("2027-04-02", "11:00"), at("2027-04-02", "12:00")),
    ]


def test_a_night_over_a_clock_change_is_an_hour_shorter_or_longer():
    spring = Off(1, date(2027, 3, 27), date(2027, 3, 28), time(22), time(6), LONDON)
    autumn = Off(1, date(2027, 10, 30), date(2027, 10, 31), time(22), time(6), LONDON)
    ((a, b),), ((c, d),) = (
        closed(spring, "2027-03-20", "2027-04-05"),
        closed(autumn, "2027-10-20", "2027-11-05"),
    )
    assert (b - a, d - c) == (timedelta(hours=7), timedelta(hours=9))


def test_what_the_clocks_skip_is_not_there():
    gone = Off(1, date(2027, 3, 28), date(2027, 3, 28), time(1), time(2), LONDON)
    assert closed(gone, "2027-03-20", "2027-04-05") == []


@pytest.mark.parametrize(
    ("day", "starts", "ends", "zone", "minutes"),
    [
        (date(2027, 3, 28), time(1, 30), time(2, 15), LONDON, [(60, 75)]),
        (date(2027, 3, 28), time(0, 30), time(1, 30), LONDON, [(30, 60)]),
        (date(2027, 3, 28), time(1, 15), time(1, 45), LONDON, []),
        (date(2027, 10, 3), time(2, 10), time(4), ZoneInfo("Australia/Lord_Howe"), [(120, 210)]),
        (date(2027, 9, 5), time(0, 20), time(2), ZoneInfo("America/Santiago"), [(0, 60)]),
        (date(2027, 10, 31), time(0, 30), time(1, 30), LONDON, [(30, 150)]),
        (date(2027, 10, 31), time(1, 30), time(2), LONDON, [(90, 180)]),
        (date(2027, 11, 7), time(1), time(1, 15), ZoneInfo("America/New_York"), [(60, 135)]),
    ],
)
def test_time_off_lasts_as_long_as_the_clock_shows_its_times(day, starts, ends, zone, minutes):
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    found = [Off(1, day, day, starts, ends, zone).on(day, zone)]
    assert [
        tuple((one - midnight).total_seconds() / 60 for one in (off.starts_at, off.ends_at))
        for off in found
        if off
    ] == minutes
    for minute in range(0, 8 * 60, 5):
        local = (midnight + timedelta(minutes=minute)).astimezone(zone)
        if local.date() == day and starts <= local.time().replace(fold=0) < ends:
            assert any(a <= minute < b for a, b in minutes), "off by the clock, yet free"


def test_whole_days_are_those_of_the_venue_that_asks():
    leave = Off(1, date(2026, 12, 21), date(2027, 1, 3))
    assert closed(leave, "2026-12-01", "2027-02-01", LONDON) == [
        (at("2026-12-21", "00:00"), at("2027-01-04", "00:00"))
    ]
    assert closed(leave, "2026-12-01", "2027-02-01", SYDNEY) == [
        (at("2026-12-20", "13:00"), at("2027-01-03", "13:00"))
    ]


def test_time_off_may_last_for_years():
    leave = Off(1, date(2026, 6, 1), date(2029, 5, 31))
    assert closed(leave, "2028-02-01", "2028-02-02") == [
        (at("2026-06-01", "00:00", LONDON), at("2029-06-01", "00:00", LONDON))
    ]
    day = Span(at("2028-02-01", "09:00"), at("2028-02-01", "17:00"))
    (stretch,) = leave.between(day.starts_at, day.ends_at, LONDON)
    assert working_time.cut([stretch], [day]) == [day]


def test_weekly_time_off_ends_where_it_says_and_leaves_days_out():
    first = date(2026, 11, 3)
    rule = {"weekly": True, "until": date(2026, 12, 1), "skipped": frozenset({date(2026, 11, 17)})}
    off = Off(1, first, first, time(12), time(13), LONDON, **rule)
    assert [a.date().day for a, _ in closed(off, "2026-01-01", "2028-01-01")] == [3, 10, 24, 1]


def test_a_weekly_night_is_found_on_the_morning_after():
    night = Off(1, date(2026, 11, 2), date(2026, 11, 3), time(22), time(6), LONDON, weekly=True)
    assert closed(night, "2026-11-24", "2026-11-25") == [
        (at("2026-11-23", "22:00"), at("2026-11-24", "06:00"))
    ]


def test_the_last_day_of_all_is_no_fault():
    last = scheduling.LAST_DAY
    assert closed(Off(1, last, last), "2099-12-30", "2100-01-01")
    weekly = Off(1, last - timedelta(days=7), last - timedelta(days=2), weekly=True)
    assert len(closed(weekly, "2099-12-20", "2100-01-01")) == 2


@pytest.mark.parametrize(
    ("first", "last", "more", "fact"),
    [
        ("2026-11-20", "2026-11-19", {}, "ends_before_start"),
        ("2026-11-20", "2026-11-20", {"starts": time(9), "ends": time(9)}, "ends_before_start"),
        ("2026-11-20", "2026-11-20", {"starts": time(9), "ends": time(8)}, "ends_before_start"),
        ("2026-11-20", "2036-11-20", {}, "off_too_long"),
        ("1969-11-20", "1969-11-20", {}, "year"),
        ("2099-12-31", "2100-01-01", {}, "year"),
        ("2026-11-20", "2026-11-27", {"weekly": True}, "off_overlaps_itself"),
        (
            "2026-11-20",
            "2026-11-27",
            {"weekly": True, "starts": time(9), "ends": time(10)},
            "off_overlaps_itself",
        ),
        ("2026-11-20", "2026-11-20", {"weekly": True, "until": date(2026, 11, 19)}, "until"),
    ],
)
def test_what_is_no_time_off(first, last, more, fact):
    with pytest.raises(BadTime) as refused:
        Off(1, date.fromisoformat(first), date.fromisoformat(last), zone=LONDON, **more)
    assert refused.value.fact == fact


@given(
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.integers(0, 6),
    st.sampled_from([LONDON, NEW_YORK, SYDNEY]),
    st.dates(date(2026, 1, 1), date(2028, 6, 30)),
    st.integers(1, 60),
    st.booleans(),
)
def test_a_window_finds_every_week_that_touches_it(first, length, zone, day, days, timed):
    walls = {"starts": time(22), "ends": time(1, 30)} if timed else {}
    length = max(length, 1) if timed else length
    off = Off(1, first, first + timedelta(days=length), zone=zone, weekly=True, **walls)
    start, end = at(day.isoformat(), "03:00"), at(day.isoformat(), "03:00") + timedelta(days=days)
    begun = [first + timedelta(days=7 * n) for n in range(160)]
    all_of_them = [stretch for one in begun if (stretch := off.on(one, zone))]
    assert list(off.between(start, end, zone)) == [
        one for one in all_of_them if one.starts_at < end and start < one.ends_at
    ]
