"""Who gets a visit where anyone will do: after a thousand of them everybody had an equal part."""

import random
from itertools import product

import pytest

from base.sharing import Share, Turns, week
from base.slots import DAY, MINUTE, Need, SlotRules, TakenTime, slots
from bench.sharing import POINTS, Clinic

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
    shares = {p: Share.of(p, opened[p], [], []) for p in HOURS}
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
            for start in slots(that_day, taken, Need(length), SlotRules(15 * MINUTE), now):
                free.setdefault(start, []).append(p)
        start = chance.choice(sorted(free))
        chosen = whose_turn(start, [shares[p] for p in free[start]], [shares[p] for p in here])
        p = chosen.calendar
        booked[p].append((start, start + length))
        shares[p] = Share.of(p, opened[p], booked[p], [one[0] for one in booked[p]])
    return shares


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


@pytest.mark.parametrize("seed", range(12))
def test_in_any_clinic_only_what_one_alone_could_take_sets_people_apart(seed):
    """With other people, hours, lengths and leave. A visit is a point of everybody's time at most:
    where one alone is more, no rule keeps two points. `make bench` plays 150 clinics.
    """
    clinic = Clinic(seed).play()
    assert clinic.spread_of_choices <= POINTS
    if clinic.alone <= 0.3:
        assert clinic.spread <= POINTS
    assert sum(len(one.got) for one in clinic.people) > clinic.visits * 0.9


@pytest.mark.parametrize("seed", range(30))
def test_where_somebody_has_no_time_in_common_nobody_could_share_better(seed):
    """Against every assignment there is: what only one can take is booked, and then come visits
    for which two or three are free, but the last perhaps not.
    """
    chance, number = random.Random(seed), 3
    hours = [chance.choice([5, 8, 10]) for _ in range(number)]
    shares = [share(n, hours=hours[n]) for n in range(number)]
    common = list(range(number)) if chance.random() < 0.5 else [0, 1]
    alone = [[chance.randrange(number)] for _ in range(chance.randrange(4))]
    who, got = [*alone, *[common] * 4], [0] * number
    for visit, free in enumerate(who):
        at = FIRST * DAY + (9 + visit) * HOUR
        one = whose_turn(at, [shares[n] for n in free], shares)
        got[one.calendar] += 1
        one.booked[FIRST] += 30
        one.forget()

    def apart(visits) -> float:
        use = [
            30 * count / (60 * open_hours) for count, open_hours in zip(visits, hours, strict=True)
        ]
        return max(use) - min(use)

    best = min(apart([choice.count(n) for n in range(number)]) for choice in product(*who))
    assert apart(got) <= best + 30 / (60 * min(hours))


def test_whole_days_count_by_the_open_hours_in_them():
    openings = [(day * DAY + 9 * HOUR, day * DAY + 17 * HOUR) for day in range(FIRST, FIRST + 4)]
    block = (FIRST * DAY, (FIRST + 2) * DAY)
    assert Share.of(1, openings, [block], []).use((FIRST + 3) * DAY) == 0.5


def test_who_is_there_day_and_night_is_open_on_each_day():
    always = Share.of(
        1, [(FIRST * DAY, (FIRST + 60) * DAY)], [(FIRST * DAY, FIRST * DAY + HOUR)], []
    )
    assert always.use(FIRST * DAY) == 1 / 24
    assert always.use((FIRST + 40) * DAY) == 0
    assert always.open_in_week(week(FIRST * DAY)) == 7 * 24 * 60


def test_one_who_works_many_hours_among_many_who_work_few_has_their_part():
    """Twice an equal part by count would be a fifth, though most hours are theirs."""
    openings = [
        [(day * DAY, day * DAY + hours * HOUR) for day in range(FIRST - 28, FIRST + 14)]
        for hours in [8, *[1] * 9]
    ]
    full_time, *others = [Share.of(n, own, [], []) for n, own in enumerate(openings)]
    for other in [full_time] * 5 + others[:5]:
        other.given[week(FIRST * DAY)] = other.given.get(week(FIRST * DAY), 0) + 1
        other.booked[FIRST] = other.booked.get(FIRST, 0) + 20
    assert whose_turn(FIRST * DAY, [full_time, others[0]], [full_time, *others]) is full_time


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
