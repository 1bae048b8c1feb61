"""VTIMEZONE components in the one form that every big calendar program reads the same way.

Yearly RRULEs with a single BYDAY, from the POSIX rule that ends a TZif file (RFC 8536 §3.3), each
part beginning at a real change, in wall time before the change (RFC 5545 §3.6.5). Lists of RDATEs,
as icalendar 7.3 writes them, put events an hour off in Thunderbird and Outlook. Changes that the
rule does not explain become single parts before it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_NAME, _RULE = r"(?:<([^>]+)>|([A-Za-z]+))", r",M(\d+)\.(\d)\.(\d)(?:/([-+\d:]+))?"
_POSIX = re.compile(rf"{_NAME}([-+\d:]+){_NAME}([-+\d:]*){_RULE}{_RULE}$")
_DAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
# no zone changes twice within so short a time (Gaza will within seven days)
_STEP = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of offset or name; `wall` is the clock's time before it."""

    wall: datetime
    before: timedelta
    after: timedelta
    name: str


@dataclass(frozen=True, slots=True)
class _Yearly:
    """A change that happens every year on the nth weekday (0: Sunday) of a month; nth
    5: the last.
    """

    month: int
    nth: int
    weekday: int
    wall: time
    before: timedelta
    after: timedelta
    name: str

    def in_year(self, year: int) -> _Change:
        first = date(year, self.month, 1)
        day = first + timedelta(days=(self.weekday - first.isoweekday()) % 7 + 7 * (self.nth - 1))
        if day.month != self.month:  # there is no fifth
            day -= timedelta(days=7)
        return _Change(datetime.combine(day, self.wall), self.before, self.after, self.name)

    def __str__(self) -> str:
        nth = -1 if self.nth == 5 else self.nth
        return f"RRULE:FREQ=YEARLY;BYMONTH={self.month};BYDAY={nth}{_DAYS[self.weekday]}"


def posix_rule(zone_name: str) -> str:
    """The last line of the zone's TZif file, such as "GMT0BST,M3.5.0/1,M10.5.0"."""
    return (
        files("tzdata")
        .joinpath("zoneinfo", *zone_name.split("/"))
        .read_bytes()
        .rsplit(b"\n", 2)[1]
        .decode()
    )


def _span(text: str) -> timedelta:
    """The duration of a text such as "-10:30" or "2"."""
    hours, minutes, seconds = (int(part) for part in f"{text.lstrip('+-')}:0:0".split(":")[:3])
    return timedelta(hours=hours, minutes=minutes, seconds=seconds) * (
        -1 if text.startswith("-") else 1
    )


def _yearly(rule: str) -> list[_Yearly]:
    """The two yearly changes of a POSIX rule; None if it has no summer time.

    None also if an hour lies outside its day (Israel, Greenland, Chile): that shifts the weekday,
    which one BYDAY cannot express. Single parts are written instead.
    """
    if not (match := _POSIX.match(rule)):
        return []
    standard = -_span(match[3])
    summer = -_span(match[6]) if match[6] else -_span(match[3]) + timedelta(hours=1)
    found = []
    for first, before, after, name in (
        (7, standard, summer, match[4] or match[5]),
        (11, summer, standard, match[1] or match[2]),
    ):
        month, nth, weekday = (int(part) for part in match.group(first, first + 1, first + 2))
        wall = _span(match[first + 3] or "2")
        if not timedelta() <= wall < timedelta(days=1):
            return []
        found.append(
            _Yearly(
                month,
                nth,
                weekday,
                time(wall.seconds // 3600, wall.seconds // 60 % 60, wall.seconds % 60),
                before,
                after,
                name,
            )
        )
    return found


def _changes(zone: ZoneInfo, first: int, last: int) -> list[_Change]:
    """The actual changes in the years [first, last], in order."""
    found = []
    at, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    while at < end:
        then = at + _STEP
        if _state(zone, at) != _state(zone, then):
            low, high = at, then
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (
                    (low, middle) if _state(zone, middle) != _state(zone, at) else (middle, high)
                )
            change = high.replace(microsecond=0)
            before, _ = _state(zone, change - timedelta(seconds=1))
            after, name = _state(zone, change)
            found.append(_Change((change + before).replace(tzinfo=None), before, after, name))
        at = then
    return found


def _state(zone: ZoneInfo, at: datetime) -> tuple[timedelta, str]:
    """Offset and name of the zone's time at an instant."""
    local = at.astimezone(zone)
    return local.utcoffset() or timedelta(0), local.tzname() or ""


def _offset(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    tail = f"{seconds % 60:02d}" if seconds % 60 else ""
    return f"{sign}{seconds // 3600:02d}{seconds // 60 % 60:02d}{tail}"


def _part(change: _Change, rule: _Yearly | None = None) -> list[str]:
    # The larger offset is the DAYLIGHT part, also for Dublin, whose zone data name it the other way
    # round.
    kind = "DAYLIGHT" if change.after > change.before else "STANDARD"
    lines = [
        f"BEGIN:{kind}",
        f"DTSTART:{change.wall:%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_offset(change.before)}",
        f"TZOFFSETTO:{_offset(change.after)}",
        f"TZNAME:{change.name}",
    ]
    return [*lines, *([str(rule)] if rule else []), f"END:{kind}"]


@cache
def vtimezone(zone_name: str, first_year: int, last_year: int) -> list[str]:
    """The content lines of the zone's VTIMEZONE, right for every instant of the years given,
    unfolded.
    """
    zone, yearly = ZoneInfo(zone_name), _yearly(posix_rule(zone_name))
    real = _changes(zone, first_year - 1, last_year)
    by_rule = sorted(
        (each.in_year(year) for year in range(first_year - 1, last_year + 1) for each in yearly),
        key=lambda c: c.wall,
    )
    ruled = 0  # how many of the last changes follow the rule
    while ruled < min(len(real), len(by_rule)) and real[-ruled - 1] == by_rule[-ruled - 1]:
        ruled += 1
    single, tail = real[: len(real) - ruled], real[len(real) - ruled :]
    parts = [_part(change) for change in single]
    for change in tail[:2]:
        rule = next(each for each in yearly if each.month == change.wall.month)
        parts.append(_part(change, rule))
    # the time before the first change; yearly rules alone reach back far enough
    if single or not tail:
        offset, name = _state(zone, datetime(first_year - 1, 1, 1, tzinfo=UTC))
        base = datetime(min(1970, first_year - 1), 1, 1)  # noqa: DTZ001  wall time
        parts.insert(0, _part(_Change(base, offset, offset, name)))
    return [
        "BEGIN:VTIMEZONE",
        f"TZID:{zone_name}",
        *(line for part in parts for line in part),
        "END:VTIMEZONE",
    ]
