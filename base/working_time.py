"""Working time: weekly hours, other hours on a date, and time in which they are closed.

Pure: without rows, requests or a clock. Wall times become instants day by day in the zone of their
place, so that both changes of the clocks come out right.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from base import opening_hours, scheduling
from base.opening_hours import Hours, Walls
from base.scheduling import BadTime, Span

LONGEST_DAYS = 5 * 366  # of one stretch of time off
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stretch:
    """A closed time, and its reason: `off`, any key.

    A stretch of whole days also has their dates; `ends_on` is the day after the last. A stretch may
    be longer than any booking.
    """

    off: object
    starts_at: datetime
    ends_at: datetime
    starts_on: date | None = None
    ends_on: date | None = None

    @property
    def all_day(self) -> bool:
        """Whether the stretch is whole days rather than times of day."""
        return self.starts_on is not None

    @property
    def key(self) -> str:
        """A short key of this closed time and its present place.

        Agreements store the key, so that a later conflict can be compared with them.
        """
        return f"t{self.off}.{int(self.starts_at.timestamp())}"

    def overlaps(self, span: Span) -> bool:
        """Whether the span lies partly in the stretch. Both are half-open: an end that is the
        other's start is no overlap.
        """
        return self.starts_at < span.ends_at and span.starts_at < self.ends_at


@dataclass(frozen=True)
class Off:
    """The rule of one time off.

    Whole days from `first_on` to `last_on`, or from the wall time `starts` on the first to `ends`
    on the last, in `zone`.

    `weekly` repeats it every seven days, up to and including those that begin on `until` (None:
    without end), except those that begin on one of the days in `skipped`. Raises BadTime.
    """

    key: object
    first_on: date
    last_on: date
    starts: time | None = None
    ends: time | None = None
    zone: ZoneInfo | None = None
    weekly: bool = False
    until: date | None = None
    skipped: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        days = (self.last_on - self.first_on).days
        if days < 0 or (not days and self.starts and self.ends and self.ends <= self.starts):
            raise BadTime("ends_before_start")
        if not (self.first_on >= scheduling.FIRST_DAY and self.last_on <= scheduling.LAST_DAY):
            raise BadTime("year")
        if days >= LONGEST_DAYS:
            raise BadTime("off_too_long")
        over = days >= 7 and (
            self.starts is None or self.ends is None or days > 7 or self.ends > self.starts
        )
        if self.weekly and over:
            raise BadTime("off_overlaps_itself")
        if self.weekly and self.until and self.until < self.first_on:
            raise BadTime("until")

    @property
    def all_day(self) -> bool:
        """Whether the time off is whole days rather than times of day."""
        return self.starts is None

    @property
    def takes_time(self) -> bool:
        """Whether there is any time in it: the clocks may skip all of it."""
        return self.weekly or self.zone is None or self.on(self.first_on, self.zone) is not None

    def on(self, day: date, zone: ZoneInfo) -> Stretch | None:
        """The stretch that begins on the day, as long as the clock shows its times, both passes of
        an hour that comes twice included. Whole days are those of `zone`.

        None where the clocks skip all of it.
        """
        last = min(day + (self.last_on - self.first_on), scheduling.LAST_DAY)
        if self.starts is None or self.ends is None or self.zone is None:
            after = last + DAY
            ends = scheduling.midnight(after, zone)
            return Stretch(self.key, scheduling.midnight(day, zone), ends, day, after)
        starts_at = scheduling.first_at(day, self.starts, self.zone)
        ends_at = scheduling.last_at(last, self.ends, self.zone)
        return Stretch(self.key, starts_at, ends_at) if starts_at < ends_at else None

    def days(self, last: date) -> Iterator[date]:
        """Every day up to and including the last on which a stretch begins."""
        return self._days(self.first_on, last)

    def between(self, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[Stretch]:
        """Every stretch that touches [start, end), in order of time and not cut to it."""
        for day in self._days(start.date() - 2 * DAY, end.date() + 2 * DAY):
            stretch = self.on(day, zone)
            if stretch and stretch.starts_at < end and start < stretch.ends_at:
                yield stretch

    def _days(self, first: date, last: date) -> Iterator[date]:
        """The days on which a stretch begins that may touch the days from `first` to `last`."""
        if not self.weekly:
            yield self.first_on
            return
        length = self.last_on - self.first_on
        weeks = max(0, -(-(first - length - self.first_on).days // 7))
        end = min(last, self.until or last, scheduling.LAST_DAY)
        day = self.first_on + timedelta(days=7 * weeks)
        while day <= end:
            if day not in self.skipped:
                yield day
            day += timedelta(days=7)


@dataclass(frozen=True)
class Rota:
    """The times at which a practitioner works at one venue.

    `weekly`: hours of each weekday. `own`: hours on dates that differ. `venue`: the venue's hours
    on dates that differ (a holiday has none). `off`: time off.

    The practitioner's hours on a date replace the weekly ones. The venue's hours on a date limit
    both: nobody works in a closed venue, and an open venue does not make anybody work. The venue's
    weekly hours (`house`) limit them only for online booking (`within_house`), and only if it has
    any.
    """

    zone: ZoneInfo
    weekly: Hours
    own: Mapping[date, Walls]
    venue: Mapping[date, Walls]
    off: Sequence[Off] = ()
    names: Mapping[date, str] = field(default_factory=dict)  # the names of dates with other hours
    house: Hours = field(default_factory=dict)
    is_within_house: bool = False

    def within_house(self) -> "Rota":
        """This rota, cut to the venue's weekly hours as well."""
        return replace(self, is_within_house=True)

    def hours_on(self, day: date) -> Walls:
        """The working hours of a local day as wall times."""
        walls = self.own.get(day, opening_hours.walls_of(self.weekly, day))
        if day in self.venue:
            return common(walls, self.venue[day])
        if self.is_within_house and any(self.house.values()):
            return common(walls, opening_hours.walls_of(self.house, day))
        return walls

    def open_on(self, day: date) -> list[Span]:
        """The working hours of a local day as instants."""
        return opening_hours.spans_of(self.hours_on(day), day, self.zone)

    def openings(self, start: datetime, end: datetime) -> list[Span]:
        """The working hours in [start, end), cut to it, in order of time.

        Time off is not cut out of them.
        """
        first = max(scheduling.local_day(start, self.zone), scheduling.FIRST_DAY)
        last = min(scheduling.local_day(end, self.zone), scheduling.LAST_DAY)
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        spans = (span for day in days for span in self.open_on(day))
        return [
            Span(max(span.starts_at, start), min(span.ends_at, end))
            for span in spans
            if span.starts_at < end and start < span.ends_at
        ]

    def closed(self, start: datetime, end: datetime) -> list[Stretch]:
        """The time off that touches [start, end), in order of time, in its whole length."""
        found = (stretch for off in self.off for stretch in off.between(start, end, self.zone))
        return sorted(found, key=lambda stretch: (stretch.starts_at, stretch.ends_at))


def common(one: Walls, other: Walls) -> Walls:
    """The hours that two lists of hours share."""
    both = [
        (max(a, c), min(b, d))
        for a, b in map(opening_hours.minutes_of, one)
        for c, d in map(opening_hours.minutes_of, other)
    ]
    return [[_wall(a), _wall(b)] for a, b in sorted(both) if a < b]


def _wall(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def cut(stretches: Iterable[Stretch], spans: Sequence[Span]) -> list[Span]:
    """The parts of these spans that the stretches take."""
    return [
        Span(max(stretch.starts_at, span.starts_at), min(stretch.ends_at, span.ends_at))
        for stretch in stretches
        for span in spans
        if stretch.overlaps(span)
    ]
