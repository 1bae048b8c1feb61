"""Who gets a visit for which anyone will do: a fair share of the work, newcomers included.

Pure. The calendar that is least booked comes first: booked ÷ open time of the 28 days that end with
the day of the visit, of the days on which its person was there. The 28 days that end on each of the
six days after it count too, each less than the one before, since the visit stands in them as well,
and old days leave them that nobody can change any more. Nobody gets more than twice an equal share
of a week's visits that way, so that a newcomer, who is booked least, is not flooded.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul

from .slots import DAY, MINUTE, Stretch

LOOK_BACK_DAYS = 28
LOOK_AHEAD_DAYS = 6  # after the day of the visit: what `Share` must know for an answer
_WEIGHTS = [0.7**ahead for ahead in range(LOOK_AHEAD_DAYS + 1)]  # of the 28 days that end so late
_MONDAY = 4  # 5 January 1970 was one: days since 1970, minus this, count weeks from Monday
_LONG = DAY // 2  # no visit: whole days, of which only the open hours count


@dataclass
class Share:
    """What one calendar has, as numbers.

    Open and booked minutes by day since 1970, when it was booked, and how many visits for anyone it
    got by week.
    """

    calendar: int
    open: dict[int, int]
    booked: dict[int, int]
    starts: Sequence[int]
    given: dict[int, int]
    _sums: "_Sums | None" = None

    @classmethod
    def of(
        cls,
        calendar: int,
        openings: Collection[Stretch],
        booked: Collection[Sequence[int]],
        given: Collection[int],
    ) -> "Share":
        """From instants: open stretches, booked ones (each begins with from and to), and the starts
        of visits for anyone.
        """
        weeks: dict[int, int] = {}
        for start in given:
            weeks[week(start)] = weeks.get(week(start), 0) + 1
        starts = sorted([one[0] for one in booked])
        if any(one[1] - one[0] > DAY for one in openings):  # hours that touch midnight are one
            openings = [part for one in openings for part in _parts(*one)]
        visits = [one for one in booked if one[1] - one[0] < _LONG]
        if len(visits) < len(booked):
            blocks = [one for one in booked if one[1] - one[0] >= _LONG]
            visits += [
                (max(opens, one[0]), min(closes, one[1]))
                for opens, closes in openings
                for one in blocks
                if one[0] < closes and opens < one[1]
            ]
        return cls(calendar, _by_day(openings), _by_day(visits), starts, weeks)

    def use(self, at: int) -> float:
        """Booked ÷ open time of the 28 days that end with the day of `at`."""
        return self._known().use(at // DAY)

    def burden(self, at: int) -> float:
        """What is compared: the use of the 28 days that end with the day of `at`, and with each of
        the next, weighted.
        """
        return self._known().burden(at // DAY)

    def is_new(self, at: int) -> bool:
        """Whether it was not open in the first of the four weeks that end with the day of `at`."""
        return not self._known().was_open(at // DAY - LOOK_BACK_DAYS, 7)

    def open_in_week(self, number: int) -> int:
        """Open minutes of a week."""
        return self._known().was_open(7 * number + _MONDAY - 1, 7)

    def forget(self) -> None:
        """Add up anew what was counted since."""
        self._sums = None

    def _known(self) -> "_Sums":
        if self._sums is None:
            self._sums = _Sums(self.open, self.booked)
        return self._sums

    def last_start(self, before: int) -> int:
        """When it was booked last; 0: never."""
        earlier = bisect_left(self.starts, before)
        return self.starts[earlier - 1] if earlier else 0


class _Sums:
    """Open and booked time up to each day, so that no question adds up its days again."""

    def __init__(self, opened: dict[int, int], booked: dict[int, int]):
        self._first = first = min(opened, default=0)
        days = range(first, max(opened, default=first) + LOOK_BACK_DAYS + LOOK_AHEAD_DAYS)
        before = [0] * LOOK_BACK_DAYS
        o = self._open = [*before, *accumulate([opened.get(day, 0) for day in days], initial=0)]
        b = [*before, *accumulate([booked.get(day, 0) for day in days], initial=0)]
        since, until = slice(0, -LOOK_BACK_DAYS), slice(LOOK_BACK_DAYS, None)
        four_weeks = zip(b[since], b[until], o[since], o[until], strict=True)
        # of the 28 days up to each, the day before the first included
        self._uses = [(b1 - b0) / max(1, o1 - o0) for b0, b1, o0, o1 in four_weeks]
        shifted = [self._uses[ahead:] for ahead in range(LOOK_AHEAD_DAYS + 1)]
        self._burdens = [sum(map(mul, _WEIGHTS, uses)) for uses in zip(*shifted, strict=False)]

    def use(self, last: int) -> float:
        """Booked ÷ open time of the 28 days up to and including `last`."""
        return _at(self._uses, last + 1 - self._first)

    def burden(self, day: int) -> float:
        """The weighted sum of what is used up to `day` and up to each of the next."""
        return _at(self._burdens, day + 1 - self._first)

    def was_open(self, after: int, days: int) -> int:
        """Open minutes of so many days after the day `after`."""
        most = len(self._open) - 1
        since = after + 1 - self._first + LOOK_BACK_DAYS
        first, last = (min(max(place, 0), most) for place in (since, since + days))
        return self._open[last] - self._open[first]


def _at(values: list[float], place: int) -> float:
    """The value at the place; 0 where nothing is known."""
    return values[place] if 0 <= place < len(values) else 0.0


def week(at: int) -> int:
    """The week of an instant, counted from Monday (UTC)."""
    return (at // DAY - _MONDAY) // 7


class Turns:
    """Who gets a visit at a time, among all who take part in the week (`sharing`). What holds for
    a whole day is worked out once.
    """

    def __init__(self, sharing: Sequence[Share]):
        self._sharing = sharing
        self._ranks: dict[int, list[tuple[bool, float]]] = {}  # by day
        self._parts: dict[int, list[tuple[int, int, int]]] = {}  # by week

    def first(self, at: int, free: Sequence[int]) -> int:
        """Of the places in `sharing` that are free at this time the one that gets the visit.

        The least booked; of equal ones the one that was booked longest ago. One that has its part
        of the week comes only where nobody else is free.
        """
        day = at // DAY
        ranks = self._ranks.get(day)
        if ranks is None:
            ranks = self._ranks[day] = self._rank(at)
        best = min([ranks[place] for place in free])
        equal = [place for place in free if ranks[place] == best]
        if len(equal) == 1:
            return equal[0]
        sharing = self._sharing
        return min(equal, key=lambda n: (sharing[n].last_start(at), sharing[n].calendar))

    def _rank(self, at: int) -> list[tuple[bool, float]]:
        """Of each whether it has its part of the week, and how much it is booked.

        Twice an equal part of the visits: of all for a newcomer; else of those who are there in the
        week, or by the hours of each where that is more, since many who work few hours would else
        leave hardly anything for one who works many.
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
        """Of each how many visits of the week it has, and how many it may: as a newcomer, and
        otherwise.
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


def _parts(opens: int, closes: int) -> Iterator[Stretch]:
    """A stretch cut at midnights (UTC)."""
    while opens < closes:
        stop = min(closes, (opens // DAY + 1) * DAY)
        yield opens, stop
        opens = stop


def _by_day(stretches: Collection[Sequence[int]]) -> dict[int, int]:
    """Minutes by the day on which a stretch begins. Without calls for each, since there may be
    thousands.
    """
    days: defaultdict[int, int] = defaultdict(int)
    for one in stretches:
        days[one[0] // DAY] += one[1] - one[0]
    return {day: length // MINUTE for day, length in days.items()}
