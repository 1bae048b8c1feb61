"""The working hours of a rota as plain numbers: microseconds since 1970, from and to. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from base import opening_hours, scheduling
from base.scheduling import number
from base.slots import DAY, MINUTE, FromTo
from base.working_time import Rota, Stretch


def openings_of(rota: Rota, start: datetime, end: datetime) -> list[FromTo]:
    """The working hours of the local days that [start, end) touches, not cut to it. Hours that end
    at midnight are joined with those that begin then.
    """
    first, last = (scheduling.local_day(at, rota.zone) for at in (start, end))
    joined: list[FromTo] = []
    for opens, closes in _stretches(rota, first, last):
        if joined and opens <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(closes, joined[-1][1])
        else:
            joined.append((opens, closes))
    return joined


def _stretches(rota: Rota, first: date, last: date) -> Iterator[FromTo]:
    known: dict[date | int, list[tuple[int, int]]] = {}  # minutes by date or weekday
    for day, weekday, begins in _days(first, last, rota.zone):
        if begins is None:  # the clocks change on this day
            for span in rota.open_on(day):
                yield number(span.starts_at), number(span.ends_at)
            continue
        kind = day if day in rota.own or day in rota.venue else weekday
        if kind not in known:
            known[kind] = [*map(opening_hours.minutes_of, rota.hours_on(day))]
        for opens, closes in known[kind]:
            yield begins + opens * MINUTE, begins + closes * MINUTE


@lru_cache(maxsize=200)
def _days(first: date, last: date, zone: ZoneInfo) -> list[tuple[date, int, int | None]]:
    """The local days, each with its weekday, and with its beginning if the day has 24 hours."""
    every = (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))
    return [(day, day.weekday(), _even_day(day, zone)) for day in every]


@lru_cache(maxsize=10_000)
def _even_day(day: date, zone: ZoneInfo) -> int | None:
    """The beginning of a local day that has 24 hours, so that wall times can be added to it; None
    for other days.
    """
    begins = number(scheduling.midnight(day, zone))
    ends = number(scheduling.midnight(day + timedelta(days=1), zone))
    return begins if ends - begins == DAY else None


def midnight(day: str | date, zone: ZoneInfo) -> int:
    """The instant at which a local day begins."""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    day = min(max(day, scheduling.FIRST_DAY), scheduling.LAST_DAY)  # an event may last for ever
    begins = _even_day(day, zone)
    return number(scheduling.midnight(day, zone)) if begins is None else begins


def stretches_of(off: Iterable[Stretch]) -> list[FromTo]:
    """The closed stretches as numbers."""
    return [(number(stretch.starts_at), number(stretch.ends_at)) for stretch in off]


def without(openings: Iterable[FromTo], closed: Sequence[FromTo]) -> Iterator[FromTo]:
    """The parts of the openings that the closed stretches leave, in order."""
    for opens, closes in openings:
        for start, end in closed:
            if start < closes and opens < end:
                if opens < start:
                    yield opens, start
                opens = end
        if opens < closes:
            yield opens, closes


def within_history(at: datetime) -> datetime:
    """The instant; or the first or last instant that has a local day in every zone, if it lies
    beyond that.
    """
    first, last = scheduling.FIRST_DAY, scheduling.LAST_DAY
    spare = timedelta(days=2)
    earliest, latest = (
        scheduling.midnight(day, ZoneInfo("UTC")) for day in (first + spare, last - spare)
    )
    return min(max(at, earliest), latest)
