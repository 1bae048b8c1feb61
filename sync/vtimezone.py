"""VTIMEZONE components in the one form that every big calendar program reads the same way.

Yearly RRULEs with a single BYDAY, from the POSIX rule that ends a TZif file (RFC 8536 §3.3), each part beginning at a
real change, in wall time before the change (RFC 5545 §3.6.5). Lists of RDATEs, as icalendar 7.3 writes them, put events an
hour off in Thunderbird and Outlook. Changes that the rule does not explain become single parts before it.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_POSIX_NAME = r"(<[^>]+>|[A-Za-z]+)"
_POSIX = re.compile(rf"{_POSIX_NAME}([-+\d:]+)(?:{_POSIX_NAME}([-+\d:]*),M(\d+)\.(\d)\.(\d)(?:/([-+\d:]+))?,M(\d+)\.(\d)\.(\d)(?:/([-+\d:]+))?)?$")
_DAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")


@cache
def _posix_rule(zone_name: str) -> str:
    """The last line of the zone's TZif file, such as "GMT0BST,M3.5.0/1,M10.5.0"."""
    return files("tzdata").joinpath("zoneinfo", *zone_name.split("/")).read_bytes().rsplit(b"\n", 2)[1].decode()


def _changes(zone: ZoneInfo, first: int, last: int) -> list[tuple[datetime, timedelta, timedelta, bool, str]]:
    """Offset changes in the years [first, last]: (wall time before, offset before, offset after, whether to summer time, name)."""
    found = []
    at, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    while at < end:
        then = at + timedelta(days=7)  # no zone changes twice within a week and back
        if _state(zone, at) != _state(zone, then):
            low, high = at, then
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (low, middle) if _state(zone, middle) != _state(zone, at) else (middle, high)
            change = high.replace(microsecond=0)
            before, after = (change - timedelta(seconds=1)).astimezone(zone), change.astimezone(zone)
            wall = (change + before.utcoffset()).replace(tzinfo=None)
            # The larger offset is the DAYLIGHT part, also for Dublin, whose zone data name it the other way round.
            found.append((wall, before.utcoffset(), after.utcoffset(), after.utcoffset() > before.utcoffset(), after.tzname()))
        at = then
    return found


def _state(zone: ZoneInfo, at: datetime) -> tuple:
    local = at.astimezone(zone)
    return local.utcoffset(), local.tzname()


def _offset(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    tail = f"{seconds % 60:02d}" if seconds % 60 else ""
    return f"{sign}{seconds // 3600:02d}{seconds // 60 % 60:02d}{tail}"


def _part(is_summer: bool, wall: datetime, before: timedelta, after: timedelta, name: str, rule: str = "") -> list[str]:
    kind = "DAYLIGHT" if is_summer else "STANDARD"
    lines = [f"BEGIN:{kind}", f"DTSTART:{wall:%Y%m%dT%H%M%S}", f"TZOFFSETFROM:{_offset(before)}", f"TZOFFSETTO:{_offset(after)}", f"TZNAME:{name}"]
    return [*lines, *([rule] if rule else []), f"END:{kind}"]


def _yearly(rule: str) -> dict[int, str]:
    """Month of each yearly change of a POSIX rule → RRULE; empty where the rule has no summer time."""
    match = _POSIX.match(rule)
    if not match or not match[5]:
        return {}
    rules = {}
    for month, week, day, wall in (match.group(5, 6, 7, 8), match.group(9, 10, 11, 12)):
        hours = int((wall or "2").split(":")[0])
        if not 0 <= hours < 24:
            return {}  # Greenland, Israel: the weekday shifts, which one BYDAY cannot say; single parts do
        nth = -1 if week == "5" else int(week)
        rules[int(month)] = f"RRULE:FREQ=YEARLY;BYMONTH={int(month)};BYDAY={nth}{_DAYS[int(day)]}"
    return rules


def _is_explained(wall: datetime, rule: str) -> bool:
    """Whether a change lies on the day that the RRULE of its month names."""
    nth, day = re.search(r"BYDAY=(-?\d)(\w\w)", rule).groups()
    if _DAYS[wall.isoweekday() % 7] != day:
        return False
    return (wall + timedelta(days=7)).month != wall.month if nth == "-1" else (wall.day - 1) // 7 + 1 == int(nth)


@cache
def vtimezone(zone_name: str, first_year: int, last_year: int) -> list[str]:
    """The content lines of the zone's VTIMEZONE, right for every instant of the years given, unfolded."""
    zone = ZoneInfo(zone_name)
    changes = _changes(zone, first_year - 1, last_year)
    rules = _yearly(_posix_rule(zone_name))
    ruled = len(changes)
    while ruled and (rule := rules.get(changes[ruled - 1][0].month)) and _is_explained(changes[ruled - 1][0], rule):
        ruled -= 1
    begin = datetime(first_year - 1, 1, 1, tzinfo=UTC).astimezone(zone)
    base = datetime.combine(date(1970, 1, 1), datetime.min.time())
    parts = [_part(bool(begin.dst()), base, begin.utcoffset(), begin.utcoffset(), begin.tzname())]
    tail = changes[ruled:] if len({change[0].month for change in changes[ruled:]}) == 2 else []
    for wall, before, after, is_summer, name in changes[: len(changes) - len(tail)]:
        parts.append(_part(is_summer, wall, before, after, name))
    seen = set()
    for wall, before, after, is_summer, name in tail:
        if wall.month not in seen:
            seen.add(wall.month)
            parts.append(_part(is_summer, wall, before, after, name, rules[wall.month]))
    if tail and not changes[:ruled]:
        parts = parts[1:]  # the yearly rules say everything from their first change on
    kinds = {part[0] for part in parts}
    if "BEGIN:STANDARD" not in kinds:
        parts.insert(0, _part(False, base, begin.utcoffset(), begin.utcoffset(), begin.tzname()))
    return ["BEGIN:VTIMEZONE", f"TZID:{zone_name}", *(line for part in parts for line in part), "END:VTIMEZONE"]
