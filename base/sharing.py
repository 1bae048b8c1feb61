"""Who gets a visit for which anyone will do: a fair share of the work, newcomers included.

Pure. The calendar that is least booked comes first: booked ÷ open time of the 28 days that end with
the day of the visit, of the days on which its person was there. Nobody gets more than twice an
equal share of a week's visits that way, so that a newcomer, who is booked least, is not flooded.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate

from .slots import DAY, MINUTE, Stretch

LOOK_BACK_DAYS = 28
_MONDAY = 4  # 5 January 1970 was one: days since 1970, minus this, count weeks from Monday


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
        return cls(calendar, _by_day(openings), _by_day(booked), starts, weeks)

    def use(self, at: int) -> float:
        """Booked ÷ open time of the 28 days that end with the day of `at`."""
        if self._sums is None:
            self._sums = _Sums(self.open, self.booked)
        return self._sums.use(at // DAY)

    def last_start(self, before: int) -> int:
        """When it was booked last; 0: never."""
        earlier = bisect_left(self.starts, before)
        return self.starts[earlier - 1] if earlier else 0


class _Sums:
    """Open and booked time up to each open day, so that no question adds up its days again."""

    def __init__(self, opened: dict[int, int], booked: dict[int, int]):
        self._days = sorted(opened)
        self._open = [0, *accumulate(opened[day] for day in self._days)]
        self._booked = [0, *accumulate(booked.get(day, 0) for day in self._days)]

    def use(self, last: int) -> float:
        """Booked ÷ open time of the 28 days up to and including `last`."""
        since, until = (bisect_right(self._days, day) for day in (last - LOOK_BACK_DAYS, last))
        return (self._booked[until] - self._booked[since]) / max(
            1, self._open[until] - self._open[since]
        )


def week(at: int) -> int:
    """The week of an instant, counted from Monday (UTC)."""
    return (at // DAY - _MONDAY) // 7


class Turns:
    """Who gets a visit at a time, among all who take part in the week (`sharing`). What holds for
    a whole day is worked out once.
    """

    def __init__(self, sharing: Sequence[Share]):
        self._sharing = sharing
        self._ranks: dict[int, list[tuple[bool, float]]] = {}

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
        """Of each whether it has its part of the week, and how much it is booked."""
        this = week(at)
        all_given = sum([share.given.get(this, 0) for share in self._sharing]) + 1
        most = max(1, 2 * all_given // max(1, len(self._sharing)))
        return [(share.given.get(this, 0) >= most, share.use(at)) for share in self._sharing]


def _by_day(stretches: Collection[Sequence[int]]) -> dict[int, int]:
    """Minutes by the day on which a stretch begins. Without calls for each, since there may be
    thousands.
    """
    days: defaultdict[int, int] = defaultdict(int)
    for one in stretches:
        days[one[0] // DAY] += one[1] - one[0]
    return {day: length // MINUTE for day, length in days.items()}
