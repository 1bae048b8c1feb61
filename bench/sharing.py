"""A thousand visits that anyone may take, in many clinics: how different the use of the people's
time is at the end.

If only one person is free, nobody is chosen. No rule gives such visits to that person, so the law
leaves them out; the whole spread is printed beside it.
"""

import os
import random
from dataclasses import dataclass
from functools import cached_property

from base.sharing import SHARED_DAYS_BACK, Share, Turns, week
from base.slots import DAY, MINUTE

from .tables import show, verdict

CLINICS = 150
WEEKS, VISITS, AHEAD = 12, 1000, 14  # each visit is made up to so many days ahead
FIRST = 20_003  # a Monday, in days since 1970
LAST = 7 * WEEKS - 1  # the day on which is measured, counted from the first
STEP = 15  # minutes from one start to the next; a day is one number, a bit for each step
POINT = 1  # of a hundred, that one visit may be of anybody's 28 days: a law of two points needs it
POINTS = 2  # of a hundred, that the use of people's time may lie apart
LENGTHS = ((30, 50, 60), (30,), (20, 45), (60,), (45, 90), (15, 30, 60, 90))


@dataclass
class Person:
    """One person: when they work, and the visits that they got, each with day and minutes, and with
    whether anyone else was free.
    """

    hours: tuple[int, int]  # from and to, in steps
    weekdays: frozenset[int]
    leave: range
    came: int
    share: Share
    got: list[tuple[int, int, bool]]

    def is_open(self, day: int) -> bool:
        """Whether the person works on a day."""
        return day >= self.came and day % 7 in self.weekdays and day not in self.leave

    @cached_property
    def free(self) -> dict[int, int]:
        """The free steps of each day, as bits."""
        begin, end = self.hours
        bits = ((1 << (end - begin)) - 1) << begin
        return {day: bits for day in range(LAST + AHEAD + 2) if self.is_open(day)}

    @property
    def was_there(self) -> bool:
        """Whether the person worked through the last 28 days, without leave."""
        since = LAST + 1 - SHARED_DAYS_BACK
        return self.came <= since and not set(self.leave) & set(range(since, LAST + 1))

    def points(self, but_alone: bool = False) -> float:
        """How much of the open time of the last 28 days is booked, of a hundred. `but_alone`:
        without the visits that nobody else could take.
        """
        since = LAST + 1 - SHARED_DAYS_BACK
        opened = sum(self.is_open(day) for day in range(since, LAST + 1))
        minutes = [
            length
            for day, length, was_alone in self.got
            if since <= day <= LAST and not (was_alone and but_alone)
        ]
        return 100 * sum(minutes) / (opened * (self.hours[1] - self.hours[0]) * STEP)

    def take(self, day: int, start: int, length: int, was_alone: bool) -> None:
        """Give the person a visit."""
        steps = -(-length // STEP)
        self.free[day] &= ~(((1 << steps) - 1) << start)
        self.got.append((day, length, was_alone))
        number, at = FIRST + day, (FIRST + day) * DAY + start * STEP * MINUTE
        share = self.share
        share.booked[number] = share.booked.get(number, 0) + length
        share.starts = sorted([*share.starts, at])
        share.given[week(at)] = share.given.get(week(at), 0) + 1
        share.forget()


class Clinic:
    """People with random hours, leave and a newcomer, and their visits."""

    def __init__(self, seed: int):
        chance = self.chance = random.Random(seed)
        number = chance.choice((2, 3, 4, 5, 6, 8, 10, 12))
        new = chance.randrange(number) if number > 2 and chance.random() < 0.5 else None
        self.people = [self._person(n, n == new) for n in range(number)]
        least = min(
            len(one.weekdays) * 4 * (one.hours[1] - one.hours[0]) * STEP for one in self.people
        )
        longest = least * POINT // 100
        self.lengths = [n for n in chance.choice(LENGTHS) if n <= longest] or [
            longest // STEP * STEP
        ]
        steps = sum(sum(map(int.bit_count, one.free.values())) for one in self.people)
        load = chance.choice((0.2, 0.3, 0.4))
        mean = sum(self.lengths) / len(self.lengths)
        self.visits = min(VISITS, int(load * steps * STEP / mean * WEEKS / (WEEKS + 2)))

    def _person(self, number: int, is_new: bool) -> Person:
        chance = self.chance
        begin, length = chance.choice((32, 34, 36, 38, 40)), chance.choice((20, 24, 28, 32, 36))
        weekdays = chance.choice(((0, 1, 2, 3, 4),) * 2 + ((0, 1, 3, 4), (0, 2, 4)))
        away = chance.randrange(7 * WEEKS)
        leave = range(away, away + (chance.choice((1, 3, 7, 14)) if chance.random() < 0.4 else 0))
        came = chance.choice((14, 35, 56)) if is_new else 0
        person = Person(
            (begin, begin + length),
            frozenset(weekdays),
            leave,
            came,
            Share(number, {}, {}, [], {}),
            [],
        )
        person.share.open |= {FIRST + day: length * STEP for day in person.free}
        return person

    def play(self) -> "Clinic":
        """Give every visit to the person whose turn it is."""
        chance = self.chance
        for visit in range(self.visits):
            now, length = visit * WEEKS * 7 // self.visits, chance.choice(self.lengths)
            day = chance.choice([d for d in range(now + 1, now + AHEAD + 1) if d % 7 < 5])
            here = [one for one in self.people if one.came <= now]
            fits = [_fits(one.free.get(day, 0), -(-length // STEP)) for one in here]
            starts = [n for n in range(24 * 60 // STEP) if any(bits >> n & 1 for bits in fits)]
            if not starts:
                continue
            start = chance.choice(starts)
            free = [n for n, bits in enumerate(fits) if bits >> start & 1]
            at = (FIRST + day) * DAY + start * STEP * MINUTE
            first = Turns([one.share for one in here]).first(at, free)
            here[first].take(day, start, length, len(free) == 1)
        return self

    @property
    def spread(self) -> float:
        """The difference between the most and the least used time, of people who were there."""
        points = [one.points() for one in self.people if one.was_there]
        return max(points, default=0) - min(points, default=0)

    @property
    def spread_of_choices(self) -> float:
        """The largest difference between one person's use, without visits that nobody else could
        take, and another person's whole use.
        """
        there = [one for one in self.people if one.was_there]
        return max(
            [
                one.points(but_alone=True) - other.points()
                for one in there
                for other in there
                if one is not other
            ],
            default=0,
        )

    @property
    def alone(self) -> float:
        """The largest part of anybody's visits for which nobody else was free."""
        parts = [
            sum(was_alone for *_, was_alone in one.got) / max(1, len(one.got))
            for one in self.people
            if one.was_there
        ]
        return max(parts, default=0)


def _fits(bits: int, steps: int) -> int:
    """The starts of runs of so many free steps."""
    fits = bits
    for n in range(1, steps):
        fits &= bits >> n
    return fits


def run() -> None:
    """Simulate many clinics."""
    count = int(os.environ.get("BENCH_CLINICS", CLINICS))
    clinics = [Clinic(seed).play() for seed in range(count)]
    spreads = sorted(clinic.spread for clinic in clinics)
    choices = max(clinic.spread_of_choices for clinic in clinics)
    together = [clinic.spread for clinic in clinics if clinic.alone <= 0.2]
    rows = [
        ["visits", f"{sum(clinic.visits for clinic in clinics):,}"],
        ["spread, median", f"{spreads[count // 2]:.2f}"],
        ["spread, 90 %", f"{spreads[count * 9 // 10]:.2f}"],
        [
            f"spread, largest of the {len(together)} where people work together",
            f"{max(together):.2f}",
        ],
        ["largest by visits that another could take", f"{choices:.2f}"],
    ]
    show(f"{count} clinics: whose turn it is, in points of a hundred", ["", ""], rows)
    print(f"\n  {choices:.2f}, {verdict(choices, POINTS, False)}")
