"""Who gets a visit where anyone will do: after a thousand of them everybody had an equal part."""

import random

import pytest

from base.sharing import Share, Turns, week
from base.slots import DAY, MINUTE, Need, Rules, TakenTime, slots

HOUR = 60 * MINUTE
FIRST = 20_003  # a Monday, in days since 1970
WEEKS, VISITS, NEWCOMER, CAME = 12, 1000, 5, FIRST + 8 * 7
HOURS = {0: 8, 1: 8, 2: 6, 3: 5, 4: 8, NEWCOMER: 8}  # a day


def whose_turn(at: int, free, sharing) -> Share:
    """Of those that are free the one that gets the visit."""
    everyone = list(sharing)
    places = [n for n, share in enumerate(everyone) if any(share is one for one in free)]
    return everyone[Turns(everyone).first(at, places)]


def openings(person: int, first: int) -> list[tuple[int, int]]:
    days = range(first, FIRST + 7 * (WEEKS + 2))
    return [
        (day * DAY + 9 * HOUR, day * DAY + (9 + HOURS[person]) * HOUR)
        for day in days
        if (day - FIRST) % 7 < 5
    ]


@pytest.fixture(scope="module")
def history() -> dict[int, Share]:
    """A thousand visits over twelve weeks, each up to two weeks ahead, each at one of the times
    that were offered; somebody joins after eight weeks.
    """
    chance = random.Random(1)
    opened = {p: openings(p, CAME if p == NEWCOMER else FIRST) for p in HOURS}
    booked = {p: [] for p in HOURS}
    for visit in range(VISITS):
        now = FIRST * DAY + visit * WEEKS * 7 * DAY // VISITS
        here = [p for p in HOURS if p != NEWCOMER or now >= CAME * DAY]
        length = chance.choice([30, 50, 60]) * MINUTE
        ahead = range(now // DAY + 1, now // DAY + 15)
        day = chance.choice([day for day in ahead if (day - FIRST) % 7 < 5])
        free: dict[int, list[int]] = {}
        for p in here:
            that_day = [one for one in opened[p] if one[0] // DAY == day]
            taken = [TakenTime(*one) for one in booked[p] if one[0] // DAY == day]
            for start in slots(that_day, taken, Need(length), Rules(15 * MINUTE), now):
                free.setdefault(start, []).append(p)
        start = chance.choice(sorted(free))
        shares = {p: Share.of(p, opened[p], booked[p], [one[0] for one in booked[p]]) for p in here}
        chosen = whose_turn(start, [shares[p] for p in free[start]], shares.values())
        booked[chosen.calendar].append((start, start + length))
    return {p: Share.of(p, opened[p], booked[p], [one[0] for one in booked[p]]) for p in HOURS}


def test_everybody_there_for_four_weeks_is_equally_booked(history):
    at = (FIRST + 7 * WEEKS) * DAY - 1
    use = {person: 100 * share.use(at) for person, share in history.items()}
    assert max(use.values()) - min(use.values()) <= 2
    assert min(use.values()) > 20


def test_a_newcomer_gets_at_most_twice_an_equal_part_of_each_week(history):
    weeks = range(week(CAME * DAY), week((FIRST + 7 * WEEKS) * DAY))
    for one in weeks:
        given = {person: share.given.get(one, 0) for person, share in history.items()}
        assert given[NEWCOMER] <= 2 * sum(given.values()) / len(given)
        assert given[NEWCOMER] > 0


def share(calendar: int, booked: int = 0, given: int = 0, hours: int = 8) -> Share:
    day = FIRST * DAY
    starts = [day + 9 * HOUR] * given
    return Share.of(calendar, [(day, day + hours * HOUR)], [(day, day + booked * MINUTE)], starts)


def test_the_least_booked_for_their_hours_comes_first():
    full_time, part_time = share(1, 100, hours=8), share(2, 60, hours=4)
    assert whose_turn(FIRST * DAY, [part_time, full_time], [part_time, full_time]) is full_time


def test_who_has_twice_an_equal_part_comes_only_where_nobody_else_is_free():
    new, other, third = share(1, 0, given=6), share(2, 400, given=2), share(3, 300, given=1)
    everyone = [new, other, third]
    assert whose_turn(FIRST * DAY, everyone, everyone) is third
    assert whose_turn(FIRST * DAY, [new], everyone) is new
    assert whose_turn((FIRST + 7) * DAY, everyone, everyone) is new  # another week


def test_one_visit_a_week_is_nobody_s_double_part():
    everyone = [share(n) for n in range(1, 6)]
    assert whose_turn(FIRST * DAY, everyone, everyone) is everyone[0]
