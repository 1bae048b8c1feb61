"""Opening hours: weekly hours and the hours of a day, as wall times and as instants. Pure."""

from collections.abc import Sequence
from datetime import date, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from .scheduling import BadTime, Span, first_at, midnight

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Walls = list[list[str]]  # the hours of a day: [["09:00", "12:30"], ["13:30", "00:00"]]
Hours = dict[str, Walls]  # {"mon": [["09:00", "12:30"], …], …}; a missing day is closed


def walls_of(hours: Hours, day: date) -> Walls:
    """The hours of the day's weekday."""
    return hours.get(WEEKDAYS[day.weekday()], [])


def minutes_of(stretch: Sequence[str]) -> tuple[int, int]:
    """From and to in minutes of the day. An end of "00:00" is the end of the day."""
    opens, closes = stretch
    return _minutes(opens), _minutes(closes) or 24 * 60


@lru_cache(maxsize=24 * 60)
def _minutes(wall: str) -> int:
    return 60 * int(wall[:2]) + int(wall[3:5])


def spans_of(walls: Walls, day: date, zone: ZoneInfo) -> list[Span]:
    """The stretches of a local day as instants.

    The hour skipped in spring is left out, also as a part of a stretch. A stretch ends at the first
    pass of an hour that comes twice.
    """
    ends = [
        (
            first_at(day, time.fromisoformat(opens), zone),
            midnight(day + timedelta(days=1), zone)
            if closes == "00:00"
            else first_at(day, time.fromisoformat(closes), zone),
        )
        for opens, closes in walls
    ]
    return [Span(starts_at, ends_at) for starts_at, ends_at in ends if starts_at < ends_at]


def open_spans(hours: Hours, day: date, zone: ZoneInfo) -> list[Span]:
    """The opening hours of one local day, from weekly hours, as spans of instants."""
    return spans_of(walls_of(hours, day), day, zone)


def check_hours(hours: Hours) -> Hours:
    """Check weekly hours and return them sorted.

    Raises BadTime("hours") when a stretch is malformed, backwards, or overlaps or touches the next.
    """
    checked = {day: check_walls(hours.get(day) or []) for day in WEEKDAYS}
    return {day: walls for day, walls in checked.items() if walls}


def check_walls(walls: Walls) -> Walls:
    """Check the hours of one day and return them sorted.

    The last stretch may close at "00:00", the end of the day. Raises BadTime("hours").
    """
    try:
        stretches = sorted([f"{time.fromisoformat(wall):%H:%M}" for wall in s] for s in walls)
    except ValueError:
        raise BadTime("hours") from None
    if any(len(s) != 2 for s in stretches):
        raise BadTime("hours")
    flat = [minute for s in stretches for minute in minutes_of(s)]
    if any(a >= b for a, b in pairwise(flat)):
        raise BadTime("hours")
    return stretches
