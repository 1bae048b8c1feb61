"""Free times: laws for any openings, taken times, gaps and days of the year."""

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import scheduling
from base.slots import DAY, MINUTE, Hindrance, Need, SlotRules, TakenTime, full, hindrances, slots

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIVE, TEN, HOUR = 5 * MINUTE, 10 * MINUTE, 60 * MINUTE
EIGHT, NOON = 8 * HOUR, 12 * HOUR

moments = st.integers(0, 3 * DAY // MINUTE).map(lambda minutes: minutes * MINUTE)
lengths = st.integers(1, 300).map(lambda minutes: minutes * MINUTE)
gaps = st.one_of(st.just(0), st.integers(0, 90), st.just(26 * 60)).map(lambda m: m * MINUTE)
stretches = st.builds(lambda start, length: (start, start + length), moments, lengths)
held = st.builds(
    lambda start, length, before, after: TakenTime(start, start + length, before, after),
    moments,
    st.one_of(st.just(0), lengths),
    gaps,
    gaps,
)
needs = st.builds(Need, lengths, gaps, gaps)
rules = st.builds(
    SlotRules,
    st.sampled_from([5, 7, 10, 15, 20, 30, 45]).map(lambda minutes: minutes * MINUTE),
    st.one_of(st.just(0), lengths),
    st.one_of(st.none(), moments),
    st.one_of(st.just([]), st.lists(stretches, max_size=3)),
)
questions = st.fixed_dictionaries(
    {
        "openings": st.lists(stretches, max_size=6),
        "taken": st.lists(held, max_size=12),
        "need": needs,
        "rules": rules,
        "now": moments,
    }
)


def fits(start: int, openings, taken, need, rules, now) -> bool:
    """The definition, written as one would say it."""
    end = start + need.length
    in_step = any(
        opens <= start and end <= closes and (start - opens) % rules.grid_step == 0
        for opens, closes in openings
    )
    in_time = now + rules.notice <= start and (
        rules.horizon is None or start <= now + rules.horizon
    )
    in_full = any(begins <= start < ends for begins, ends in rules.full)
    apart = all(
        one.starts >= end + max(need.after, one.before)
        or start >= one.ends + max(need.before, one.after)
        for one in taken
        if one.starts < one.ends
    )
    return in_step and in_time and not in_full and apart


@given(questions)
def test_exactly_the_starts_that_fit_are_found(asked):
    opens = {
        start
        for first, last in asked["openings"]
        for start in range(first, last, asked["rules"].grid_step)
    }
    assert slots(**asked) == sorted(start for start in opens if fits(start, **asked))


@given(questions, moments)
def test_a_time_is_a_slot_exactly_where_nothing_hinders_it(asked, at):
    found = set(slots(**asked))
    for start in {at, *found}:
        assert (start in found) == (hindrances(**asked, at=start) == [])


@given(questions)
def test_every_step_of_the_openings_is_a_slot_or_hindered(asked):
    found = set(slots(**asked))
    for opens, closes in asked["openings"]:
        for start in range(opens, closes + 1, asked["rules"].grid_step):
            assert (start in found) == (not hindrances(**asked, at=start)), start


def test_a_hindrance_says_what_is_in_the_way():
    taken = [
        TakenTime(NOON, NOON + HOUR, 0, 15 * MINUTE),
        TakenTime(NOON + 2 * HOUR, NOON + 3 * HOUR),
    ]

    def why(at, length=HOUR, before=0, now=0):
        need, rules = Need(length, before), SlotRules(10 * MINUTE, 0, DAY)
        return hindrances([(EIGHT, 2 * NOON)], taken, need, rules, now, at)

    assert why(EIGHT) == []
    assert why(EIGHT, now=EIGHT + 1) == [Hindrance("notice")]
    assert why(EIGHT + FIVE) == [Hindrance("step")]
    assert why(2 * NOON) == [Hindrance("hours")]
    assert why(2 * NOON + DAY) == [Hindrance("horizon"), Hindrance("hours")]
    assert why(NOON + HOUR) == [Hindrance("gap", 0)]
    rules = SlotRules(HOUR, full=[(EIGHT, NOON)])
    assert hindrances([(EIGHT, 2 * NOON)], [], Need(HOUR), rules, 0, NOON) == []
    assert hindrances([(EIGHT, 2 * NOON)], [], Need(HOUR), rules, 0, EIGHT) == [Hindrance("full")]
    assert why(NOON + 30 * MINUTE) == [Hindrance("taken", 0)]
    assert why(NOON + 30 * MINUTE, 2 * HOUR) == [Hindrance("taken", 0), Hindrance("taken", 1)]
    assert why(NOON + 3 * HOUR, HOUR, 10 * MINUTE) == [Hindrance("gap", 1)]


@given(st.lists(stretches, max_size=4), st.lists(moments, max_size=9), st.integers(0, 4))
def test_a_day_is_full_once_as_many_begin_in_it(days, starts, most):
    for day in days:
        inside = [start for start in starts if day[0] <= start < day[1]]
        assert (day in full(days, starts, most)) == (len(inside) >= most)


@given(questions, held)
def test_something_taken_never_adds_a_slot(asked, more):
    assert set(slots(**asked | {"taken": [*asked["taken"], more]})) <= set(slots(**asked))


@given(questions, st.randoms(use_true_random=False))
def test_the_order_of_what_is_given_does_not_matter(asked, chance: random.Random):
    mixed = asked | {
        name: chance.sample(asked[name], len(asked[name])) for name in ("openings", "taken")
    }
    assert slots(**mixed) == slots(**asked)


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        (Need(TEN, 0, 0), [NOON + 15 * MINUTE]),  # the neighbour's fifteen
        (Need(TEN, 10 * MINUTE, 0), [NOON + 15 * MINUTE]),  # the larger, not the sum
        (Need(TEN, 20 * MINUTE, 0), [NOON + 20 * MINUTE]),
    ],
)
def test_the_larger_of_two_neighbours_gaps_counts(need, expected):
    before = TakenTime(NOON - HOUR, NOON, 0, 15 * MINUTE)
    assert slots([(NOON - HOUR, NOON + 30 * MINUTE)], [before], need, SlotRules(FIVE), 0)[:1] == (
        expected
    )


def test_a_slot_fits_exactly_between_two():
    taken = [TakenTime(EIGHT, NOON), TakenTime(NOON + HOUR, NOON + 2 * HOUR)]
    assert slots([(EIGHT, NOON + 2 * HOUR)], taken, Need(HOUR), SlotRules(FIVE), 0) == [NOON]


def test_a_gap_longer_than_a_day_reaches_over_the_night():
    openings = [(EIGHT + day * DAY, NOON + day * DAY) for day in range(3)]
    taken = [TakenTime(EIGHT, EIGHT + HOUR, 0, 26 * HOUR)]
    assert slots(openings, taken, Need(HOUR), SlotRules(HOUR), 0) == [
        DAY + 11 * HOUR,
        *(2 * DAY + hour * HOUR for hour in (8, 9, 10, 11)),
    ]


def test_a_step_that_does_not_divide_the_opening_leaves_its_end_unused():
    assert slots(
        [(EIGHT, EIGHT + 65 * MINUTE)], [], Need(20 * MINUTE), SlotRules(20 * MINUTE), 0
    ) == [
        EIGHT,
        EIGHT + 20 * MINUTE,
        EIGHT + 40 * MINUTE,
    ]


def test_starts_are_counted_from_the_opening_hour_and_not_from_now():
    now = EIGHT + 7 * MINUTE
    found = slots([(EIGHT, NOON)], [], Need(HOUR), SlotRules(15 * MINUTE), now)
    assert found[0] == EIGHT + 15 * MINUTE


def test_a_visit_that_lasts_no_time_is_a_mistake():
    with pytest.raises(ValueError, match="lasts"):
        slots([(EIGHT, NOON)], [], Need(0), SlotRules(FIVE), 0)


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("Europe/London", [date(2026, 3, 29), date(2026, 10, 25)]),
        ("America/New_York", [date(2026, 3, 8), date(2026, 11, 1)]),
        ("Australia/Sydney", [date(2026, 4, 5), date(2026, 10, 4)]),
        ("Australia/Lord_Howe", [date(2026, 4, 5), date(2026, 10, 4)]),
        ("America/Santiago", [date(2026, 4, 4), date(2026, 9, 6)]),  # at midnight
    ],
)
def test_each_hour_of_a_day_is_offered_once_over_both_changes_of_the_clocks(zone, changes):
    """An hour that the clocks skip does not exist; of one that comes twice each pass is one."""
    for change in changes:
        for day in (change - timedelta(days=1), change, change + timedelta(days=1)):
            there = ZoneInfo(zone)
            start, end = (
                (scheduling.midnight(one, there) - EPOCH) // timedelta(microseconds=1)
                for one in (day, day + timedelta(days=1))
            )
            found = slots([(start, end)], [], Need(30 * MINUTE), SlotRules(30 * MINUTE), 0)
            walls = [(EPOCH + timedelta(microseconds=at)).astimezone(there).time() for at in found]
            assert len(found) == (end - start) // (30 * MINUTE)
            skipped = {
                time(n // 2, 30 * (n % 2))
                for n in range(48)
                if scheduling.instant(day, time(n // 2, 30 * (n % 2)), there)[1] == "gap"
            }
            assert set(walls).isdisjoint(skipped)
            assert len(set(walls)) == 48 - len(skipped)
