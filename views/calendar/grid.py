"""The grid of a day: places in it as minutes of the local day, or as "09:25"."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from base import region
from base.scheduling import Span

SHORTEST = 15  # the least height of a block, in minutes


def fitting(lanes: int) -> int:
    """The number of lanes for so many blocks: a divisor of the twelve columns of a day's grid."""
    return next(of for of in (1, 2, 3, 4, 6, 12) if of >= lanes)


def place(starts_at: datetime, ends_at: datetime, window: Span, zone: ZoneInfo) -> tuple[int, int]:
    """Start and end in minutes of the local day, rounded to fives, and high enough to be read."""
    start = 0 if starts_at <= window.starts_at else five(starts_at.astimezone(zone))
    ends = ends_at.astimezone(zone)
    end = (
        1440
        if ends_at >= window.ends_at
        else -(-(ends.hour * 60 + ends.minute + (ends.second > 0)) // 5) * 5
    )
    start = min(start, 1440 - SHORTEST)
    return start, max(end, start + SHORTEST)


def pieces(gap: Span, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """A free stretch cut at whole hours, so that a person can press near the wanted start."""
    starts, ends = gap.starts_at.astimezone(zone), gap.ends_at.astimezone(zone)
    start = (
        -(-(starts.hour * 60 + starts.minute + (starts.second + starts.microsecond > 0)) // 5) * 5
    )
    end = five(ends) if ends.date() == starts.date() else 1440
    while end - start >= SHORTEST:
        hour = -(-(start + SHORTEST) // 60) * 60
        cut = hour if end - hour >= SHORTEST else end
        yield wall(start), wall(cut)
        start = cut


def now_line(local: datetime, first: int, last: int) -> tuple[str, str, str] | None:
    """The line of the present time in a grid of these hours: the text, and the start and end of its
    place.
    """
    start = five(local)
    if not first <= local.hour < last:
        return None
    return region.clear_clock(local), wall(start), wall(start + 5)


def minutes(clock: str) -> int:
    """The minutes of the day of a text such as "09:25"."""
    return int(clock[:2]) * 60 + int(clock[3:5])


def wall(minutes_of_day: int) -> str:
    """The text of so many minutes of the day, such as "09:25"."""
    return f"{minutes_of_day // 60:02}:{minutes_of_day % 60:02}"


def five(at: datetime) -> int:
    """Minutes of the day, rounded down to a multiple of five."""
    return (at.hour * 60 + at.minute) // 5 * 5
