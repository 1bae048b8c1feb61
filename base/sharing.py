"""The choice of a practitioner for a visit that anyone may take. Everybody gets a fair share of the
work, and newcomers get no flood of it.

Pure. The calendar that is least booked comes first. What counts is booked ÷ open time of the 28
days that end with the day of the visit, without days on which the person was away. The 28 days that
end on each of the next six days count too, each less than the one before: they include the visit,
and leave out old days that nobody can change any more. Nobody gets more than twice an equal share
of a week's visits this way, so a newcomer, who is booked least, does not get too many.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import NamedTuple

from .slots import DAY, FAR, MINUTE, FromTo

SHARED_DAYS_BACK = 28
SHARED_DAYS_AHEAD = 6  # days after the visit that `Share` must know
_WEIGHTS = [0.7**ahead for ahead in range(SHARED_DAYS_AHEAD + 1)]  # by end of the 28 days
_MONDAY = 4  # 5 January 1970 was a Monday: days since 1970, minus this, count weeks from Monday
LONG = DAY // 2  # no visit: whole days, which count only by their open hours


class DaySum(NamedTuple):
    """The booked time of a calendar on one day (UTC): of all visits shorter than `LONG`, or of one
    longer booking. `long_until`: the end of the longer booking, else 0.

    Lengths in microseconds. `given`: how many of the visits were for anyone. `last_start`: the last
    start before the time that is asked about; 0: there is none.
    """

    starts: int
    long_until: int
    length: int
    given: int
    last_start: int


@dataclass
class Share:
    """The numbers of one calendar: open and booked minutes by day since 1970, the starts of its
    bookings, and how many visits for anyone it got in each week.
    """

    calendar: int
    open: dict[int, int]
    booked: dict[int, int]
    starts: Sequence[int]
    given: dict[int, int]
    _sums: "_Sums | None" = None
    _in_order: list[int] | None = None  # the starts, sorted at the first question

    @classmethod
    def of(
        cls,
        calendar: int,
        openings: Collection[FromTo],
        booked: Collection[Sequence[int]],
        given: Collection[int],
    ) -> "Share":
        """Make a share from instants: open stretches, booked ones (each begins with from and to),
        and starts of visits for anyone.
        """
        days, blocks = _by_day(booked, LONG)
        starts = [one[0] for one in booked]
        weeks = _by_week([(start, 1) for start in given])
        return cls._with(calendar, openings, days, blocks, starts, weeks)

    @classmethod
    def summed(
        cls, calendar: int, openings: Collection[FromTo], sums: Collection["DaySum"]
    ) -> "Share":
        """Make a share from sums, for a question about one time only."""
        days = [one for one in sums if not one.long_until]
        return cls._with(
            calendar,
            openings,
            {one.starts // DAY: one.length // MINUTE for one in days},
            [(one.starts, one.long_until) for one in sums if one.long_until],
            [max(one.last_start for one in sums)] if sums else [],
            _by_week([(one.starts, one.given) for one in sums if one.given]),
        )

    @classmethod
    def _with(
        cls,
        calendar: int,
        openings: Collection[FromTo],
        booked: dict[int, int],
        blocks: Collection[Sequence[int]],
        starts: Sequence[int],
        given: dict[int, int],
    ) -> "Share":
        """Make a share. `booked`: minutes by day, without bookings as long as `LONG`, which are in
        `blocks`.
        """
        if any(one[1] - one[0] > DAY for one in openings):  # hours that touch midnight are one
            openings = [part for one in openings for part in _parts(*one)]
        for day, minutes in _by_day(_common(openings, blocks))[0].items():
            booked[day] = booked.get(day, 0) + minutes
        return cls(calendar, _by_day(openings)[0], booked, starts, given)

    def use(self, at: int) -> float:
        """Booked ÷ open time of the 28 days that end with the day of `at`."""
        return self._known().use(at // DAY)

    def burden(self, at: int) -> float:
        """The number by which calendars are compared. It weighs the use of the 28 days that end
        with the day of `at`, and of those that end with each of the next days.
        """
        return self._known().burden(at // DAY)

    def is_new(self, at: int) -> bool:
        """Whether the calendar had no open time in the first of the four weeks that end with the
        day of `at`.
        """
        return not self._known().was_open(at // DAY - SHARED_DAYS_BACK, 7)

    def open_in_week(self, number: int) -> int:
        """Open minutes of a week."""
        return self._known().was_open(7 * number + _MONDAY - 1, 7)

    def forget(self) -> None:
        """Drop the sums, since a value changed; the next question adds them up again."""
        self._sums = self._in_order = None

    def _known(self) -> "_Sums":
        if self._sums is None:
            self._sums = _Sums(self.open, self.booked)
        return self._sums

    def last_start(self, before: int) -> int:
        """The start of its last booking before this time; 0: none."""
        if self._in_order is None:
            self._in_order = sorted(self.starts)
        earlier = bisect_left(self._in_order, before)
        return self._in_order[earlier - 1] if earlier else 0


class _Sums:
    """Open and booked time up to each day, so that no question adds up its days again."""

    def __init__(self, opened: dict[int, int], booked: dict[int, int]):
        self._first = first = min(opened, default=0)
        days = range(first, max(opened, default=first) + SHARED_DAYS_BACK + SHARED_DAYS_AHEAD)
        before = [0] * SHARED_DAYS_BACK
        o = self._open = [*before, *accumulate([opened.get(day, 0) for day in days], initial=0)]
        b = [*before, *accumulate([booked.get(day, 0) for day in days], initial=0)]
        since, until = slice(0, -SHARED_DAYS_BACK), slice(SHARED_DAYS_BACK, None)
        four_weeks = zip(b[since], b[until], o[since], o[until], strict=True)
        # of the 28 days up to each, the day before the first included
        self._uses = [(b1 - b0) / max(1, o1 - o0) for b0, b1, o0, o1 in four_weeks]
        shifted = [self._uses[ahead:] for ahead in range(SHARED_DAYS_AHEAD + 1)]
        self._burdens = [sum(map(mul, _WEIGHTS, uses)) for uses in zip(*shifted, strict=False)]

    def use(self, last: int) -> float:
        """Booked ÷ open time of the 28 days up to and including `last`."""
        return _at(self._uses, last + 1 - self._first)

    def burden(self, day: int) -> float:
        """The weighted sum of the use up to `day` and up to each of the next days."""
        return _at(self._burdens, day + 1 - self._first)

    def was_open(self, after: int, days: int) -> int:
        """Open minutes of so many days after the day `after`."""
        most = len(self._open) - 1
        since = after + 1 - self._first + SHARED_DAYS_BACK
        first, last = (min(max(place, 0), most) for place in (since, since + days))
        return self._open[last] - self._open[first]


def _at(values: list[float], place: int) -> float:
    """The value at the place; 0 where nothing is known."""
    return values[place] if 0 <= place < len(values) else 0.0


def week(at: int) -> int:
    """The week of an instant, counted from Monday (UTC)."""
    return (at // DAY - _MONDAY) // 7


class Turns:
    """Decides who gets a visit, among all who take part in the week (`sharing`). Results valid
    for a whole day are kept.
    """

    def __init__(self, sharing: Sequence[Share]):
        self._sharing = sharing
        # by day, and whether some have the same rank then
        self._ranks: dict[int, tuple[list[tuple[bool, float]], bool]] = {}
        self._parts: dict[int, list[tuple[int, int, int]]] = {}  # by week

    def first(self, at: int, free: Sequence[int]) -> int:
        """The index in `sharing` that gets a visit at this time, out of the indexes that are free
        then.

        The calendar with the fewest bookings comes first; if several are equal, the one that was
        booked longest ago. A calendar that has its full share of the week comes only if nobody else
        is free.
        """
        day = at // DAY
        if day not in self._ranks:
            ranks = self._rank(at)
            self._ranks[day] = ranks, len(set(ranks)) < len(ranks)
        ranks, some_are_equal = self._ranks[day]
        first = min(free, key=ranks.__getitem__)
        if not some_are_equal:
            return first
        equal = [place for place in free if ranks[place] == ranks[first]]
        sharing = self._sharing
        return min(equal, key=lambda n: (sharing[n].last_start(at), sharing[n].calendar))

    def _rank(self, at: int) -> list[tuple[bool, float]]:
        """For each calendar: whether it has its full share of the week, and how much it is booked.

        The full share is twice an equal share of the week's visits. For a newcomer, the visits are
        divided by the number of all calendars; for anybody else, by the number of those that are
        open in the week, or in proportion to the open hours if that gives more. Otherwise one
        person with many hours would get hardly any visits beside many people with few.
        """
        this = week(at)
        parts = self._parts.get(this)
        if parts is None:
            parts = self._parts[this] = self._parts_of(this)
        return [
            (bool(given) and given >= (new if share.is_new(at) else most), share.burden(at))
            for share, (given, new, most) in zip(self._sharing, parts, strict=True)
        ]

    def _parts_of(self, this: int) -> list[tuple[int, int, int]]:
        """For each calendar: its visits of the week, the most that it may have as a newcomer, and
        the most otherwise.
        """
        sharing = self._sharing
        given = [share.given.get(this, 0) for share in sharing]
        double = 2 * (sum(given) + 1)
        hours = [share.open_in_week(this) for share in sharing]
        there, all_hours = max(1, sum([own > 0 for own in hours])), max(1, sum(hours))
        new = max(1, double // max(1, len(sharing)))
        return [
            (has, new, max(1, double // there, double * own // all_hours))
            for has, own in zip(given, hours, strict=True)
        ]


def _parts(opens: int, closes: int) -> Iterator[FromTo]:
    """A stretch cut at midnights (UTC)."""
    while opens < closes:
        stop = min(closes, (opens // DAY + 1) * DAY)
        yield opens, stop
        opens = stop


def _common(openings: Collection[FromTo], blocks: Collection[Sequence[int]]) -> list[FromTo]:
    """The time that is in both lists."""
    return [
        (max(opens, one[0]), min(closes, one[1]))
        for one in blocks
        for opens, closes in openings
        if one[0] < closes and opens < one[1]
    ]


def _by_week(counts: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Counts at instants, by the week in which each lies."""
    weeks: dict[int, int] = {}
    for at, count in counts:
        weeks[week(at)] = weeks.get(week(at), 0) + count
    return weeks


def _by_day(
    stretches: Collection[Sequence[int]], limit: int = FAR
) -> tuple[dict[int, int], list[Sequence[int]]]:
    """Two values: the minutes of the stretches that are shorter than `limit`, by the day on which
    each begins; and the other stretches. No function is called for a stretch, since there may be
    thousands.
    """
    days: defaultdict[int, int] = defaultdict(int)
    longer = []
    for one in stretches:
        length = one[1] - one[0]
        if length < limit:
            days[one[0] // DAY] += length
        else:
            longer.append(one)
    return {day: length // MINUTE for day, length in days.items()}, longer
