"""Pure arithmetic on times: spans, overlaps, repeats, lanes.

Knows no database and no request. Instants are aware datetimes in UTC; days are `date`; wall times
are `time` without a zone and always go with the `ZoneInfo` of their place. Zone data come from the
pinned `tzdata` package alone, so that every machine writes the same bytes into the same feed.
"""

import zoneinfo
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

zoneinfo.reset_tzpath(to=())

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2099, 12, 31)
LONGEST = timedelta(days=31)
SERVICE_MINUTES = range(5, 721)  # how long a service may take
MOST_REPEATS = 104
# by so much the clocks of two machines differ; a later instant of what has happened is wrong
SKEW = timedelta(minutes=5)


class BadTime(ValueError):
    """A time that cannot be booked; `fact` is a key for which views have a sentence."""

    def __init__(self, fact: str):
        super().__init__(fact)
        self.fact = fact


def is_possible_day(day: date) -> bool:
    """Whether something may be stored for the day."""
    return FIRST_DAY <= day <= LAST_DAY


def comes_twice(local: datetime) -> bool:
    """Whether the wall time of this aware local time comes twice, as a clock is set back."""
    return local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset()


def utc_now() -> datetime:
    """The present instant (aware, UTC). The only clock of the program; tests replace it."""
    return datetime.now(UTC)


def is_recent(at: datetime, within: timedelta) -> bool:
    """Whether something happened at most so long ago. An instant in the future by more than SKEW
    was stored by a clock that was ahead: nobody knows when it was, and it does not count.
    """
    return -SKEW <= utc_now() - at <= within


def number(at: datetime) -> int:
    """An instant as microseconds since 1970, as in columns and for `slots`.

    Raises TypeError for a datetime without a zone.
    """
    return (at - EPOCH) // _MICROSECOND


def of_number(microseconds: int) -> datetime:
    """The instant (UTC) of a number of microseconds since 1970: see `number`."""
    return EPOCH + timedelta(microseconds=microseconds)


def is_zone(name: str) -> bool:
    """Whether `name` is an IANA zone of the tzdata package that a venue can lie in."""
    return name == "UTC" or ("/" in name and not name.startswith("Etc/") and name in _known_zones())


@cache
def _known_zones() -> frozenset[str]:  # reads hundreds of file names
    return frozenset(zoneinfo.available_timezones())


def zone_names() -> list[str]:
    """The names of all zones that a venue can lie in."""
    return sorted(filter(is_zone, _known_zones()))


@dataclass(frozen=True)
class Span:
    """The time from an instant to a later one.

    Whole days also have dates; `ends_on` is the day after the last.
    """

    starts_at: datetime
    ends_at: datetime
    starts_on: date | None = None
    ends_on: date | None = None

    def __post_init__(self) -> None:
        if self.ends_at <= self.starts_at:
            raise BadTime("ends_before_start")
        if self.ends_at - self.starts_at > LONGEST + timedelta(hours=25):
            raise BadTime("too_long")

    @property
    def all_day(self) -> bool:
        """Whether the span is whole days rather than times of day."""
        return self.starts_on is not None

    @property
    def duration(self) -> timedelta:
        """How long it takes, as time that passes."""
        return self.ends_at - self.starts_at

    def overlaps(self, other: "Span") -> bool:
        """Half-open: a span that ends when the other starts does not overlap it."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


def show_alike(one: ZoneInfo, other: ZoneInfo, since: datetime, until: datetime) -> bool:
    """Whether clocks in both zones show the same at all of these instants, as far as one a day
    tells.
    """
    days = (since + timedelta(days=n) for n in range((until - since).days + 2))
    return all(at.astimezone(one).utcoffset() == at.astimezone(other).utcoffset() for at in days)


def instant(day: date, wall: time, zone: ZoneInfo) -> tuple[datetime, str | None]:
    """The instant of a wall time, and what is odd about it: None, "gap" or "twice".

    A wall time in a spring gap does not exist: the answer is the same distance after the gap. A
    wall time in the repeated autumn hour exists twice: the answer is the first (RFC 5545 §3.3.5),
    or the second if the wall time has `fold`.
    """
    if not is_possible_day(day):
        raise BadTime("year")
    local = datetime.combine(day, wall, zone)
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first, None
    if (
        first > second
        # before a gap the offset is smaller, so the earlier offset gives the later instant (PEP
        # 495)
    ):
        return first, "gap"
    return second if wall.fold else first, "twice"


def first_at(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The first instant of a local time of day. Where the clocks skip it: the end of what they
    skip. Raises BadTime.
    """
    at, odd = instant(day, wall.replace(fold=0), zone)
    if odd != "gap":
        return at
    before = datetime.combine(day, wall.replace(fold=1), zone).astimezone(UTC)
    after = at.astimezone(zone).utcoffset()
    skipped = range(int((at - before).total_seconds()) + 1)

    def is_past(seconds: int) -> bool:
        there = (before + timedelta(seconds=seconds)).astimezone(zone)
        return there.utcoffset() == after

    return before + timedelta(seconds=bisect_left(skipped, True, key=is_past))


def last_at(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The last instant of a local time of day: the second where it comes twice. Where the clocks
    skip it: the end of what they skip. Raises BadTime.
    """
    at, odd = instant(day, wall.replace(fold=1), zone)
    return first_at(day, wall, zone) if odd == "gap" else at


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day begins. Where clocks skip midnight, it is the first instant
    of that day.
    """
    if not FIRST_DAY <= day <= LAST_DAY + timedelta(days=1):
        raise BadTime("year")
    return datetime.combine(day, time(), zone).astimezone(UTC)


def timed(day: date, start: time, end: time, zone: ZoneInfo) -> tuple[Span, str | None]:
    """Two values: a span on a local day, and what is odd about either end. An end at or before the
    start lies on the next day.
    """
    starts_at, odd_start = instant(day, start, zone)
    ends_at, odd_end = instant(day if end > start else day + timedelta(days=1), end, zone)
    return Span(starts_at, ends_at), odd_start or odd_end


def whole_days(first: date, last: date, zone: ZoneInfo) -> Span:
    """Whole local days, `last` included."""
    if last < first:
        raise BadTime("ends_before_start")
    if last > LAST_DAY:
        raise BadTime("year")
    return Span(
        midnight(first, zone),
        midnight(last + timedelta(days=1), zone),
        first,
        last + timedelta(days=1),
    )


def shifted(
    span: Span,
    zone: ZoneInfo,
    days: int,
    start: time | None = None,
    duration: timedelta | None = None,
) -> Span:
    """The span `days` later at the same wall time, or at `start`.

    It lasts `duration` if given.

    Wall time counts, not hours: a weekly 09:00 stays at 09:00 over a clock change, and keeps its
    length.
    """
    if span.starts_on and span.ends_on:
        length = duration.days if duration else (span.ends_on - span.starts_on).days
        first = span.starts_on + timedelta(days=days)
        return whole_days(first, first + timedelta(days=max(length, 1) - 1), zone)
    local = span.starts_at.astimezone(zone)
    starts_at, _ = instant(local.date() + timedelta(days=days), start or local.time(), zone)
    return Span(starts_at, starts_at + (duration or span.duration))


def repeats(
    span: Span,
    zone: ZoneInfo,
    every_weeks: int,
    count: int | None = None,
    until: date | None = None,
) -> list[Span]:
    """The span and its repeats every n weeks: `count` spans in all, or up to and including the
    local day `until`.
    """
    if every_weeks < 1 or every_weeks > 52:
        raise BadTime("interval")
    spans = [span]
    while len(spans) < min(count or MOST_REPEATS + 1, MOST_REPEATS + 1):
        following = shifted(span, zone, 7 * every_weeks * len(spans))
        if until and local_day(following.starts_at, zone) > until:
            break
        spans.append(following)
    if len(spans) > MOST_REPEATS:
        raise BadTime("too_many")
    return spans


def check_apart(spans: Sequence[Span]) -> None:
    """Raise BadTime if one of the spans overlaps another: the bookings of a series must not overlap
    each other.
    """
    in_order = sorted(spans, key=lambda span: span.starts_at)
    for earlier, later in pairwise(in_order):
        if earlier.overlaps(later):
            raise BadTime("each_other")


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The day in the zone at an instant."""
    return at.astimezone(zone).date()


def week_of(day: date) -> list[date]:
    """The seven days of the ISO week that contains `day`, Monday first."""
    monday = day - timedelta(days=day.weekday())
    return [monday + timedelta(days=n) for n in range(7)]


def within(span: Span, stretches: Iterable[Span]) -> bool:
    """Whether one stretch contains the whole span."""
    return any(s.starts_at <= span.starts_at and span.ends_at <= s.ends_at for s in stretches)


def gaps(
    stretches: Sequence[Span], taken: Iterable[Span], shortest: timedelta = timedelta(minutes=15)
) -> Iterator[Span]:
    """The parts of the stretches that the taken spans leave free, in order.

    Parts shorter than `shortest` are left out.
    """
    busy = sorted(taken, key=lambda s: s.starts_at)
    for stretch in sorted(stretches, key=lambda s: s.starts_at):
        cursor = stretch.starts_at
        for span in busy:
            if span.ends_at <= cursor or span.starts_at >= stretch.ends_at:
                continue
            if span.starts_at - cursor >= shortest:
                yield Span(cursor, span.starts_at)
            cursor = span.ends_at
        if stretch.ends_at - cursor >= shortest:
            yield Span(cursor, stretch.ends_at)


def lanes(spans: Sequence[tuple[int, int]], most: int = 12) -> list[tuple[int, int]]:
    """Side-by-side places for blocks of (from, to) minutes: for each block its lane, and the number
    of lanes in its group. Lanes count from 1.

    A group is a run of blocks that overlap one another, directly or through others. Blocks past
    `most` lanes share the last.
    """
    order = sorted(range(len(spans)), key=lambda i: spans[i])
    placed: dict[int, int] = {}
    answer: list[tuple[int, int]] = [(1, 1)] * len(spans)

    def close() -> None:
        width = min(max(placed.values(), default=1), most)
        for i, lane in placed.items():
            answer[i] = (min(lane, width), width)
        placed.clear()

    lane_ends: list[int] = []
    for i in order:
        start, end = spans[i]
        if lane_ends and start >= max(lane_ends):
            close()
            lane_ends = []
        free = next((n for n, ends in enumerate(lane_ends) if ends <= start), len(lane_ends))
        lane_ends[free : free + 1] = [end]
        placed[i] = free + 1
    close()
    return answer


class BusyTimes:
    """The time that is taken, by person (any key).

    It is stored by day, so that one span is compared with few.
    """

    def __init__(self, taken: dict[int, Iterable[tuple[datetime, datetime]]]):
        self._days: dict[tuple[int, int], list[tuple[datetime, datetime]]] = {}
        for person, spans in taken.items():
            for starts_at, ends_at in spans:
                for day in range(starts_at.toordinal(), ends_at.toordinal() + 1):
                    self._days.setdefault((person, day), []).append((starts_at, ends_at))

    def overlap(self, person: int, span: Span) -> bool:
        """Whether some of the span is taken."""
        days = range(span.starts_at.toordinal(), span.ends_at.toordinal() + 1)
        return any(
            starts_at < span.ends_at and span.starts_at < ends_at
            for day in days
            for starts_at, ends_at in self._days.get((person, day), ())
        )


def first_free(
    starts: Iterable[datetime],
    spans_of: Callable[[datetime], Iterable[tuple[int, Span]]],
    busy: BusyTimes,
) -> datetime | None:
    """The first of these starts for which every span is free.

    `spans_of(start)` gives (person, span) pairs.
    """
    for start in starts:
        try:
            if not any(busy.overlap(person, span) for person, span in spans_of(start)):
                return start
        except BadTime:
            continue
    return None
