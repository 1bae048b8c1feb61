"""Arithmetic on times, above all where the clocks change.

Properties over many zones, then the awkward days by name.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from base import opening_hours, scheduling
from base.scheduling import (
    BadTime,
    Span,
    instant,
    lanes,
    midnight,
    repeats,
    shifted,
    timed,
    whole_days,
)

LONDON, NEW_YORK, LORD_HOWE = (
    ZoneInfo("Europe/London"),
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),
)
ZONES = [
    LONDON,
    NEW_YORK,
    LORD_HOWE,
    *map(
        ZoneInfo,
        (
            "America/Sao_Paulo",
            "Pacific/Apia",
            "Africa/Casablanca",
            "America/Santiago",
            "Asia/Beirut",
            "America/Havana",
            "Africa/Cairo",
            "Pacific/Pago_Pago",
            "Pacific/Kiritimati",
            "Asia/Kathmandu",
            "Pacific/Chatham",
            "Europe/Dublin",
            "America/St_Johns",
            "UTC",
        ),
    ),
]
ZERO = timedelta()

zones = st.sampled_from(ZONES)
days = st.dates(date(1990, 1, 1), date(2040, 12, 31))
walls = st.builds(time, st.integers(0, 23), st.sampled_from((0, 1, 15, 30, 59)))
# 1990 to 2040.
moments = st.integers(631152000, 2208988800).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
lengths = st.integers(1, 60 * 24 * 3).map(lambda minutes: timedelta(minutes=minutes))
spans = st.builds(lambda at, length: Span(at, at + length), moments, lengths)


def changes(zone: ZoneInfo, first: int = 2000, last: int = 2030) -> list[datetime]:
    """The instants at which the zone's offset changes."""
    found = []
    for hours in range(0, (last - first) * 366 * 24, 24 * 3):
        low = datetime(first, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
        high = low + timedelta(days=3)
        offset = low.astimezone(zone).utcoffset()
        if offset == high.astimezone(zone).utcoffset():
            continue
        while high - low > timedelta(minutes=1):
            middle = low + (high - low) // 2
            low, high = (
                (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
            )
        found.append(high.replace(second=0, microsecond=0))
    return found


@cache
def all_changes() -> list[tuple[ZoneInfo, datetime]]:
    return [(zone, at) for zone in ZONES for at in changes(zone)]


def wall_of(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


# ---- instants ----


@given(days, walls, zones)
def test_an_instant_shows_the_wall_time_it_was_asked_for_unless_that_is_skipped(day, wall, zone):
    at, odd = instant(day, wall, zone)
    assert (wall_of(at, zone) == datetime.combine(day, wall)) == (odd != "gap")


@pytest.mark.parametrize("minutes", [-150, -60, -31, -1, 0, 1, 29, 30, 59, 60, 150])
def test_near_every_change_an_instant_is_read_back_or_named_odd(minutes):
    for zone, change in all_changes():
        at = change + timedelta(minutes=minutes)
        local = at.astimezone(zone)
        again, odd = instant(local.date(), local.time(), zone)
        assert again == at and odd in (None, "twice")
        twice = local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset()
        assert (odd == "twice") == twice
        assert instant(local.date(), local.time().replace(fold=0), zone)[0] == (
            at if not local.fold else at - back(zone, change)
        )


def back(zone: ZoneInfo, change: datetime) -> timedelta:
    """How far the clocks are put back at a change."""
    return (change - timedelta(minutes=1)).astimezone(zone).utcoffset() - change.astimezone(
        zone
    ).utcoffset()


def test_a_skipped_wall_time_is_moved_by_the_length_of_the_gap():
    skipped = 0
    for zone, change in all_changes():
        jump = -back(zone, change)
        if jump <= ZERO:
            continue
        # The first wall time that is skipped.
        before = wall_of(change - timedelta(minutes=1), zone) + timedelta(minutes=1)
        for minutes in (0, 1, jump // timedelta(minutes=1) - 1):
            wall = before + timedelta(minutes=minutes)
            for fold in (0, 1):
                at, odd = instant(wall.date(), wall.time().replace(fold=fold), zone)
                assert odd == "gap" and at == change + timedelta(minutes=minutes)
                skipped += 1
    assert skipped > 1000


@pytest.mark.parametrize(
    ("zone", "day", "wall", "at", "odd"),
    [
        (LONDON, date(2027, 3, 28), time(1, 30), "2027-03-28T01:30Z", "gap"),
        (LONDON, date(2027, 10, 31), time(1, 30), "2027-10-31T00:30Z", "twice"),
        (LONDON, date(2027, 10, 31), time(1, 30, fold=1), "2027-10-31T01:30Z", "twice"),
        (LONDON, date(2027, 10, 31), time(2, 0), "2027-10-31T02:00Z", None),
        (LORD_HOWE, date(2027, 10, 3), time(2, 15), "2027-10-02T15:45Z", "gap"),
        (LORD_HOWE, date(2027, 4, 4), time(1, 45), "2027-04-03T14:45Z", "twice"),
        (ZoneInfo("America/Sao_Paulo"), date(2018, 11, 4), time(0, 30), "2018-11-04T03:30Z", "gap"),
        (
            ZoneInfo("America/Sao_Paulo"),
            date(2018, 2, 17),
            time(23, 30),
            "2018-02-18T01:30Z",
            "twice",
        ),
        (ZoneInfo("Pacific/Apia"), date(2011, 12, 30), time(9, 0), "2011-12-30T19:00Z", "gap"),
        (ZoneInfo("America/Santiago"), date(2026, 9, 6), time(0, 0), "2026-09-06T04:00Z", "gap"),
    ],
)
def test_the_odd_hours_by_name(zone, day, wall, at, odd):
    assert instant(day, wall, zone) == (datetime.fromisoformat(at), odd)


@pytest.mark.parametrize(
    "call",
    [
        lambda day: instant(day, time(9), LONDON),
        lambda day: timed(day, time(9), time(10), LONDON),
        lambda day: whole_days(day, day, LONDON),
        lambda day: whole_days(date(2099, 12, 1), max(day, date(2100, 1, 1)), LONDON),
    ],
)
@pytest.mark.parametrize("day", [date.min, date(1970, 1, 1), date(2100, 1, 1), date.max])
def test_years_out_of_reach_are_refused_and_not_a_fault(call, day):
    with pytest.raises(BadTime) as caught:
        call(day)
    assert caught.value.fact == "year"


# ---- days ----


@given(days, zones)
@example(date(2026, 9, 6), ZoneInfo("America/Santiago"))  # midnight is skipped
@example(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo"))
@example(date(2026, 3, 29), ZoneInfo("Asia/Beirut"))
@example(date(2027, 11, 7), ZoneInfo("America/Havana"))  # midnight comes twice
def test_a_day_begins_with_its_first_instant(day, zone):
    assume((day, zone.key) != (date(2011, 12, 30), "Pacific/Apia"))  # there was no such day
    begins = midnight(day, zone)
    assert begins.astimezone(zone).date() == day
    assert (begins - timedelta(seconds=1)).astimezone(zone).date() < day


def test_days_follow_on_one_another_without_gap_or_overlap():
    for zone, change in all_changes():
        day = wall_of(change, zone).date()
        for n in range(-2, 3):
            if zone.key == "Pacific/Apia" and day + timedelta(days=n) == date(2011, 12, 30):
                continue
            span = whole_days(day + timedelta(days=n), day + timedelta(days=n), zone)
            assert (
                timedelta(hours=23) - timedelta(minutes=30) < span.duration <= timedelta(hours=25)
            )
            assert span.ends_at == midnight(day + timedelta(days=n + 1), zone)
            assert span.all_day and span.ends_on - span.starts_on == timedelta(days=1)


def test_a_day_that_an_island_left_out_cannot_be_booked():
    with pytest.raises(BadTime):
        whole_days(date(2011, 12, 30), date(2011, 12, 30), ZoneInfo("Pacific/Apia"))
    assert whole_days(
        date(2011, 12, 29), date(2011, 12, 31), ZoneInfo("Pacific/Apia")
    ).duration == timedelta(days=2)


@given(days, st.integers(0, 30), zones)
def test_whole_days_reach_from_midnight_to_midnight(day, more, zone):
    assume(
        not (zone.key == "Pacific/Apia" and day <= date(2011, 12, 30) <= day + timedelta(days=more))
    )
    span = whole_days(day, day + timedelta(days=more), zone)
    assert scheduling.local_day(span.starts_at, zone) == day
    assert scheduling.local_day(span.ends_at - timedelta(microseconds=1), zone) == day + timedelta(
        days=more
    )


def test_a_span_ends_after_it_begins_and_is_not_endless():
    at = datetime(2026, 11, 20, tzinfo=UTC)
    for ends_at, fact in (
        (at, "ends_before_start"),
        (at - timedelta(hours=1), "ends_before_start"),
        (at + timedelta(days=40), "too_long"),
    ):
        with pytest.raises(BadTime) as caught:
            Span(at, ends_at)
        assert caught.value.fact == fact
    with pytest.raises(BadTime):
        whole_days(date(2026, 11, 21), date(2026, 11, 20), LONDON)


def test_an_end_before_the_start_is_on_the_next_day():
    span, odd = timed(date(2026, 11, 20), time(22), time(6), LONDON)
    assert (
        span == Span(datetime(2026, 11, 20, 22, tzinfo=UTC), datetime(2026, 11, 21, 6, tzinfo=UTC))
        and odd is None
    )
    assert timed(date(2026, 11, 20), time(9), time(9), LONDON)[0].duration == timedelta(days=1)
    assert timed(date(2027, 3, 27), time(22), time(1, 30), LONDON)[1] == "gap"


# ---- shifts and repeats ----


@given(spans, zones, st.integers(-400, 400))
def test_a_shift_keeps_wall_time_and_length(span, zone, by):
    local = span.starts_at.astimezone(zone)
    found = shifted(span, zone, by)
    _, odd = instant(local.date() + timedelta(days=by), local.time(), zone)
    assert found.duration == span.duration
    if odd != "gap":
        assert wall_of(found.starts_at, zone) == wall_of(span.starts_at, zone) + timedelta(days=by)


@given(spans, zones)
def test_a_shift_by_nothing_is_the_same_span(span, zone):
    assert shifted(span, zone, 0) == span


def test_in_a_repeated_hour_either_pass_stays_where_it_is():
    for zone, change in all_changes():
        for minutes in (-20, 5, 20, 50):
            span = Span(
                change + timedelta(minutes=minutes), change + timedelta(minutes=minutes + 45)
            )
            assert shifted(span, zone, 0) == span


@given(days, st.integers(1, 10), st.integers(-60, 60), zones)
def test_whole_days_shift_as_days(day, count, by, zone):
    assume(zone.key != "Pacific/Apia")
    last = day + timedelta(days=count - 1)
    assert shifted(whole_days(day, last, zone), zone, by) == whole_days(
        day + timedelta(days=by), last + timedelta(days=by), zone
    )


def test_a_shift_to_another_time_or_length():
    span = timed(date(2026, 10, 20), time(9), time(9, 50), LONDON)[0]
    moved = shifted(span, LONDON, 7, time(14), timedelta(minutes=30))
    assert moved == timed(date(2026, 10, 27), time(14), time(14, 30), LONDON)[0]
    days_off = whole_days(date(2026, 10, 20), date(2026, 10, 21), LONDON)
    assert shifted(days_off, LONDON, 7, duration=timedelta(days=3)) == whole_days(
        date(2026, 10, 27), date(2026, 10, 29), LONDON
    )


@given(spans, zones, st.integers(1, 8), st.integers(1, 12))
def test_repeats_are_whole_weeks_apart_on_the_wall(span, zone, every, count):
    found = repeats(span, zone, every, count)
    assert len(found) == count and found[0] == span
    for n, repeat in enumerate(found):
        wall = wall_of(span.starts_at, zone) + timedelta(weeks=every * n)
        assert repeat.duration == span.duration
        shown = wall_of(repeat.starts_at, zone)
        assert shown == wall or instant(wall.date(), wall.time(), zone)[1] == "gap"


def test_repeats_end_with_the_day_named():
    span = timed(date(2026, 10, 6), time(9), time(10), LONDON)[0]
    found = repeats(span, LONDON, 1, until=date(2026, 11, 3))
    assert [wall_of(s.starts_at, LONDON).isoformat() for s in found] == [
        "2026-10-06T09:00:00",
        "2026-10-13T09:00:00",
        "2026-10-20T09:00:00",
        "2026-10-27T09:00:00",
        "2026-11-03T09:00:00",
    ]
    assert repeats(span, LONDON, 1, until=date(2020, 1, 1)) == [span]


@pytest.mark.parametrize(
    ("every", "count", "until", "fact"),
    [
        (0, 3, None, "interval"),
        (53, 3, None, "interval"),
        (1, None, None, "too_many"),
        (1, 105, None, "too_many"),
        (1, 10**12, None, "too_many"),
        (1, None, date(2090, 1, 1), "too_many"),
    ],
)
def test_a_series_is_bounded(every, count, until, fact):
    with pytest.raises(BadTime) as caught:
        repeats(timed(date(2026, 10, 6), time(9), time(10), LONDON)[0], LONDON, every, count, until)
    assert caught.value.fact == fact
    assert (
        len(repeats(timed(date(2026, 10, 6), time(9), time(10), LONDON)[0], LONDON, 1, 104)) == 104
    )


# ---- free and taken ----


stretch_lists = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 120)), max_size=6)
ORIGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)


def minutes(start: int, end: int) -> Span:
    return Span(ORIGIN + timedelta(minutes=start), ORIGIN + timedelta(minutes=end))


def covered(found: list[Span]) -> set[int]:
    return {
        n
        for s in found
        for n in range(
            (s.starts_at - ORIGIN) // timedelta(minutes=1),
            (s.ends_at - ORIGIN) // timedelta(minutes=1),
        )
    }


@given(stretch_lists, stretch_lists)
def test_what_is_free_and_what_is_taken_make_up_the_stretches_exactly(openings, bookings):
    stretches, cursor = [], 0
    for pause, length in openings:
        stretches.append(minutes(cursor + pause, cursor + pause + length))
        cursor += pause + length + 1
    taken = [minutes(start, start + length) for start, length in bookings]
    free = list(scheduling.gaps(stretches, taken, shortest=timedelta(minutes=1)))
    assert covered(free) == covered(stretches) - covered(taken)
    assert not any(a.overlaps(b) for a in free for b in taken)
    assert all(a.ends_at < b.starts_at or b.starts_at >= a.ends_at for a, b in pairwise(free))
    assert sum((s.duration for s in free), ZERO) == timedelta(minutes=len(covered(free)))


@given(stretch_lists)
def test_pieces_too_short_to_use_are_left_out(bookings):
    taken = [minutes(start, start + length) for start, length in bookings]
    every = list(scheduling.gaps([minutes(0, 400)], taken, shortest=timedelta(minutes=1)))
    assert list(scheduling.gaps([minutes(0, 400)], taken)) == [
        s for s in every if s.duration >= timedelta(minutes=15)
    ]


def test_spans_that_only_touch_do_not_overlap():
    assert not minutes(0, 60).overlaps(minutes(60, 90))
    assert minutes(0, 61).overlaps(minutes(60, 90)) and minutes(60, 90).overlaps(minutes(0, 61))
    assert scheduling.within(minutes(10, 20), [minutes(0, 10), minutes(10, 20)])
    assert not scheduling.within(minutes(5, 15), [minutes(0, 10), minutes(10, 20)])


blocks = st.lists(
    st.tuples(st.integers(0, 600), st.integers(1, 200)).map(lambda b: (b[0], b[0] + b[1])),
    max_size=14,
)


@given(blocks, st.integers(1, 14))
def test_blocks_that_overlap_never_share_a_lane_below_the_last(found, most):
    places = lanes(found, most)
    for n, ((start, end), (lane, width)) in enumerate(zip(found, places, strict=True)):
        assert 1 <= lane <= width <= most
        for (other_start, other_end), (other_lane, other_width) in zip(
            found[:n], places[:n], strict=True
        ):
            if start < other_end and other_start < end:
                assert width == other_width
                assert lane != other_lane or lane == most


@given(blocks)
def test_no_group_is_wider_than_the_most_that_overlap_at_once(found):
    for (start, end), (_, width) in zip(found, lanes(found, 99), strict=True):
        group, reach = {(start, end)}, None
        while group != reach:
            reach = group
            group = {b for b in found if any(b[0] < e and s < b[1] for s, e in reach)}
        assert width == max(sum(b in group and b[0] <= at < b[1] for b in found) for at, _ in group)


def test_one_block_alone_has_the_whole_width():
    assert lanes([]) == [] and lanes([(540, 600), (600, 660)]) == [(1, 1), (1, 1)]
    assert lanes([(540, 600), (570, 660), (600, 630)]) == [(1, 2), (2, 2), (1, 2)]


# ---- opening hours and zones ----


def test_opening_hours_are_instants_of_their_day():
    hours = {"sun": [["09:00", "12:30"], ["13:30", "17:00"]]}
    summer, winter = date(2027, 3, 28), date(2027, 10, 31)
    assert [s.starts_at.hour for s in opening_hours.open_spans(hours, summer, LONDON)] == [8, 12]
    assert [s.starts_at.hour for s in opening_hours.open_spans(hours, winter, LONDON)] == [9, 13]
    assert opening_hours.open_spans(hours, date(2027, 3, 29), LONDON) == []


def test_a_stretch_inside_the_skipped_hour_is_not_there_and_breaks_nothing():
    assert opening_hours.open_spans(
        {"sun": [["01:00", "02:00"], ["09:00", "10:00"]]}, date(2027, 3, 28), LONDON
    ) == [Span(datetime(2027, 3, 28, 8, tzinfo=UTC), datetime(2027, 3, 28, 9, tzinfo=UTC))]
    assert (
        opening_hours.open_spans(
            {"sun": [["00:30", "01:00"]]}, date(2026, 9, 6), ZoneInfo("America/Santiago")
        )
        == []
    )


@pytest.mark.parametrize(
    ("hours", "open_minutes"),
    [
        (["00:00", "01:30"], (0, 60)),
        (["01:30", "04:00"], (60, 180)),
        (["01:15", "01:45"], None),
        (["01:30", "02:15"], (60, 75)),
    ],
)
def test_nobody_works_at_times_beside_the_skipped_hour(hours, open_minutes):
    day = date(2027, 3, 28)
    found = opening_hours.open_spans({"sun": [hours]}, day, LONDON)
    minutes = [tuple(at.hour * 60 + at.minute for at in (s.starts_at, s.ends_at)) for s in found]
    assert minutes == ([open_minutes] if open_minutes else [])


@given(st.lists(st.tuples(walls, walls), max_size=3), days, zones)
def test_opening_hours_never_fail_on_any_day(pairs, day, zone):
    stretches = [[f"{a:%H:%M}", f"{b:%H:%M}"] for a, b in pairs]
    try:
        hours = opening_hours.check_hours(dict.fromkeys(opening_hours.WEEKDAYS, stretches))
    except BadTime:
        flat = [wall for stretch in sorted(stretches) for wall in stretch]
        assert any(a >= b for a, b in pairwise(flat))
        return
    for span in opening_hours.open_spans(hours, day, zone):
        assert span.duration > ZERO


@pytest.mark.parametrize(
    "bad",
    [
        [["17:00", "09:00"]],
        [["09:00", "09:00"]],
        [["09:00"]],
        [["09:00", "12:00", "13:00", "14:00"]],
        [["nine", "ten"]],
        [["09:00", "12:00"], ["11:00", "13:00"]],
        [["09:00", "12:00"], ["12:00", "13:00"]],
        [["09:00+01:00", "08:00"]],
        [["", ""]],
    ],
)
def test_hours_that_make_no_sense_are_refused(bad):
    with pytest.raises(BadTime) as caught:
        opening_hours.check_hours({"mon": bad})
    assert caught.value.fact == "hours"


def test_hours_come_back_in_order_and_in_one_form():
    assert opening_hours.check_hours(
        {"mon": [["13:00", "17:00"], ["0900", "12:00:00"]], "tue": [], "xyz": [["a", "b"]]}
    ) == {"mon": [["09:00", "12:00"], ["13:00", "17:00"]]}


@given(days)
def test_a_week_is_seven_days_from_monday(day):
    week = scheduling.week_of(day)
    assert (
        day in week
        and week[0].weekday() == 0
        and [d - week[0] for d in week] == [timedelta(days=n) for n in range(7)]
    )


def test_a_venue_needs_an_existing_zone():
    for name in ("UTC", "Europe/London", "America/Argentina/Buenos_Aires", "Pacific/Kiritimati"):
        assert scheduling.is_zone(name)
    for name in (
        "",
        "London",
        "GMT",
        "Etc/GMT+5",
        "Mars/Olympus",
        "../../etc/passwd",
        "Europe/London\n",
        "GMT Standard Time",
    ):
        assert not scheduling.is_zone(name)


def test_the_zone_data_are_the_pinned_ones():
    import zoneinfo

    assert zoneinfo.TZPATH == ()
