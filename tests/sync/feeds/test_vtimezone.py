"""Zone definitions against the zone data.

Hour by hour for readers that go by instant, and by wall time as most do.
"""

import zoneinfo
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from rfc5545 import Zone, parse

from base import scheduling
from sync.feeds import vtimezone as vtimezones
from sync.feeds.vtimezone import vtimezone

ALL_ZONES = sorted(
    name for name in zoneinfo.available_timezones() if scheduling.is_zone(name) and name != "UTC"
)
HISTORIC = (
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Gaza",
    "Asia/Beirut",
    "Europe/Moscow",
    "America/Havana",
    "America/Boa_Vista",
    "Asia/Tehran",
    "America/Caracas",
)
YEARS = (2024, 2028)


def defined(name: str, first: int, last: int) -> Zone:
    """The definition as a reader of the feed sees it."""
    body = "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:x",
            *vtimezone(name, first, last),
            "END:VCALENDAR",
            "",
        ]
    )
    return Zone(parse(body.encode()).children[0], last)


def probes(zone: Zone, real: ZoneInfo, first: int, last: int) -> set[datetime]:
    """A sample every ten days, every hour of the ten days in which the offset really changes, and
    around each claimed change.
    """
    begin, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    tens = [begin + timedelta(days=10 * n) for n in range((end - begin).days // 10)]
    offsets = [at.astimezone(real).utcoffset() for at in tens]
    turning = [
        early for early, was, now in zip(tens, offsets, offsets[1:], strict=False) if was != now
    ]
    around = {at + timedelta(hours=n) for at in turning for n in range(241)}
    claimed = {
        onset.at + timedelta(hours=n, seconds=s)
        for onset in zone.onsets
        for n in range(-4, 5)
        for s in (-1, 0)
    }
    return {at for at in {*tens, *around, *claimed} if begin <= at < end}


def check(name: str, first: int, last: int) -> None:
    """By instant, and by wall time wherever the clocks show it once.

    A time shown twice goes out in UTC.
    """
    real, zone = ZoneInfo(name), defined(name, first, last)
    for at in probes(zone, real, first, last):
        local = at.astimezone(real)
        assert zone.offset_at(at) == local.utcoffset(), (name, at)
        assert zone.name_at(at) == local.tzname(), (name, at)
        if local.replace(fold=1 - local.fold).utcoffset() == local.utcoffset():
            assert zone.instant(local.replace(tzinfo=None, fold=0)) == at, (name, at)


@pytest.mark.parametrize("name", HISTORIC)
def test_a_definition_is_right_over_half_a_century(name):
    check(name, 1990, 2040)


@pytest.mark.parametrize("part", range(4))
def test_every_definition_is_right_around_every_change(part):
    for name in ALL_ZONES[part::4]:
        check(name, *YEARS)


def test_every_definition_has_the_changes_of_the_zone_data():
    """The claimed changes of offset are the real ones, one for one.

    Found by a walk of six hours a step.
    """
    for name in ALL_ZONES[::3]:
        real, zone = ZoneInfo(name), defined(name, *YEARS)
        begin, end = datetime(YEARS[0], 1, 1, tzinfo=UTC), datetime(YEARS[1] + 1, 1, 1, tzinfo=UTC)
        claimed = sum(begin < o.at < end and o.before != o.after for o in zone.onsets)
        steps = [
            (begin + timedelta(hours=6 * n)).astimezone(real).utcoffset()
            for n in range((end - begin).days * 4)
        ]
        assert claimed == sum(a != b for a, b in pairwise(steps)), name


def test_outlook_finds_the_present_rule_in_the_last_parts():
    """It keeps the STANDARD and the DAYLIGHT part that begin last, so these must be the rule that
    holds now.
    """
    ruled = 0
    for name in ALL_ZONES:
        yearly = vtimezones._yearly(vtimezones.posix_rule(name))
        kept = defined(name, 2026, 2029).outlook()  # Cuba skips a change in 2026
        if not yearly:
            continue
        ruled += 1
        for rule in yearly:
            part = kept["DAYLIGHT" if rule.after > rule.before else "STANDARD"]
            assert f"RRULE:{part.get('RRULE')}" == str(rule), name
            assert part.get("DTSTART").endswith(rule.wall.strftime("T%H%M%S")), name
    assert ruled > 100


def test_a_zone_without_summer_time_is_one_standard_part():
    for name in (
        "Asia/Kolkata",
        "America/Sao_Paulo",
        "Asia/Kathmandu",
        "Pacific/Pago_Pago",
        "Pacific/Kiritimati",
    ):
        (part,) = defined(name, 2026, 2027).parts
        assert part.name == "STANDARD" and part.get("RRULE") is None


def test_years_of_another_rule_come_before_the_present_rule():
    """São Paulo's last summer time ended in February 2019; New York's rule moved in 2007."""
    assert [p.get("RRULE") for p in defined("America/Sao_Paulo", 2018, 2019).parts] == [None] * 6
    parts = defined("America/New_York", 2005, 2010).parts
    ruled = [p for p in parts if p.get("RRULE")]
    assert parts[-2:] == ruled and [p.get("DTSTART") for p in ruled] == [
        "20070311T020000",
        "20071104T020000",
    ]


def test_a_rule_is_not_claimed_for_years_that_only_look_like_it():
    """Lisbon moved on the same Sundays in 1993 and in 1996 but between other offsets, and Tonga's
    2016 summer time never came back.
    """
    assert len([p for p in defined("Europe/Lisbon", 1993, 1999).parts if p.get("RRULE")]) == 2
    check("Europe/Lisbon", 1990, 1999)
    check("Pacific/Tongatapu", 1999, 2020)


def test_the_time_before_the_first_change_is_defined():
    """Cuba kept its summer time from 2004 to 2006.

    Atolls changed sides in 1969, before the oldest booking there can be.
    """
    check("America/Havana", 2006, 2016)
    for name in ("Pacific/Kwajalein", "Africa/Monrovia", "Europe/London", "America/Sao_Paulo"):
        check(name, 1970, 1973)


@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("America/Boa_Vista", 2000),
        ("America/Recife", 2000),
        ("America/Noronha", 2000),
        ("Asia/Gaza", 2040),
        ("Asia/Gaza", 2054),
    ],
)
def test_two_changes_in_one_week_are_both_seen(name, year):
    days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(366)]
    offsets = [at.astimezone(ZoneInfo(name)).utcoffset() for at in days]
    changes = sum(a != b for a, b in pairwise(offsets))
    for first in range(year - 7, year + 1):
        assert (
            sum(line.startswith(f"DTSTART:{year}") for line in vtimezone(name, first, year))
            == changes
            >= 2
        )


def test_the_shortest_feed_is_short():
    """Two yearly parts, no list of years."""
    assert len(vtimezone("Europe/London", 2026, 2027)) == 17
