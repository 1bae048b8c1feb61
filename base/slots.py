"""Free times: the starts at which a visit fits into working hours, between times that are taken.

Pure arithmetic on whole numbers (microseconds since 1970), without rows, zones, requests or a
clock. Two neighbours share the larger of their two gaps, not the sum: the time to tidy up after one
is also the time to prepare the next.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
FAR = 10**18  # a bound: thirty thousand years

FromTo = tuple[int, int]  # from, to (not included)


class TakenTime(NamedTuple):
    """Time that is taken, and how much must stay free before and after it."""

    starts: int
    ends: int
    before: int = 0
    after: int = 0


TakenRow = Sequence[int]  # begins like a `TakenTime`, and may have more fields


class Need(NamedTuple):
    """The length of a visit, and how much must be free before and after it."""

    length: int
    before: int = 0
    after: int = 0


class SlotRules(NamedTuple):
    """Which starts are offered.

    They are every `grid_step` from the opening hour, at least `notice` after now, at
    most `horizon` after now (None: no limit), and in none of the stretches that are `full`.
    """

    grid_step: int
    notice: int = 0
    horizon: int | None = None
    full: Sequence[FromTo] = ()


def full(days: Iterable[FromTo], starts: Collection[int], most: int) -> list[FromTo]:
    """The days (from, to) on which at least `most` visits begin."""
    return [
        (begins, ends)
        for begins, ends in days
        if sum(begins <= start < ends for start in starts) >= most
    ]


def slots(
    openings: Iterable[FromTo], taken: Collection[TakenRow], need: Need, rules: SlotRules, now: int
) -> list[int]:
    """Every start at which the need fits, in order.

    A visit lies in one opening; its gaps may reach past the opening, since nobody else comes then.
    """
    if need.length <= 0 or rules.grid_step <= 0:
        raise ValueError("a visit lasts, and starts lie apart")
    grid_step, earliest = rules.grid_step, now + rules.notice
    latest = None if rules.horizon is None else now + rules.horizon
    left = _left(taken, need, rules.full)
    ends = [last for _, last in left]
    found: set[int] = set()
    for opens, closes in openings:
        first, last = max(opens, earliest), closes - need.length
        if latest is not None:
            last = min(last, latest)
        for start, stop in left[bisect_left(ends, first) :]:
            if start > last:
                break
            # Written without calls: there may be hundreds.
            ahead = (start if start > first else first) - opens
            soonest = opens - (-ahead // grid_step) * grid_step
            found.update(range(soonest, (stop if stop < last else last) + 1, grid_step))
    return sorted(found)


class Hindrance(NamedTuple):
    """The reason why no visit may begin at a time: "notice", "horizon", "full" (the day has enough
    visits), "hours" (no opening contains the visit), "step" (the start lies between two steps),
    "taken", or "gap" (too near to a taken time).

    `which`: for "taken" and "gap", the index in the list of taken times.
    """

    why: str
    which: int | None = None


def hindrances(
    openings: Iterable[FromTo],
    taken: Iterable[TakenRow],
    need: Need,
    rules: SlotRules,
    now: int,
    at: int,
) -> list[Hindrance]:
    """Why the time `at` is not among the `slots` for the same arguments; empty if it is."""
    found = []
    if at < now + rules.notice:
        found.append(Hindrance("notice"))
    if rules.horizon is not None and at > now + rules.horizon:
        found.append(Hindrance("horizon"))
    if any(begins <= at < ends for begins, ends in rules.full):
        found.append(Hindrance("full"))
    end = at + need.length
    around = [opens for opens, closes in openings if opens <= at and end <= closes]
    if not around:
        found.append(Hindrance("hours"))
    elif all((at - opens) % rules.grid_step for opens in around):
        found.append(Hindrance("step"))
    for place, one in enumerate(taken):
        low, high = barred(one, need)
        if one[0] < one[1] and low < at < high:
            overlaps = one[0] < end and at < one[1]
            found.append(Hindrance("taken" if overlaps else "gap", place))
    return found


def barred(one: TakenRow, need: Need) -> FromTo:
    """The stretch in which no start may lie because of one taken time. Both ends may be starts: a
    visit that begins there touches the taken time and does not overlap it.
    """
    return (
        one[0] - need.length - max(one[2], need.after),
        one[1] + max(one[3], need.before),
    )


def _left(taken: Collection[TakenRow], need: Need, full: Iterable[FromTo]) -> list[FromTo]:
    """The stretches in which a start may lie, both ends included, in order.

    No start lies in `full`, nor at its first moment. Written without a call for each, since
    thousands of times may be taken.
    """
    days = [day for day in full if day[0] < day[1]]
    lows, highs = [begins - 1 for begins, _ in days], [ends for _, ends in days]
    length, wants_before, wants_after = need
    lows += [
        one[0] - length - (one[2] if one[2] > wants_after else wants_after)
        for one in taken
        if one[0] < one[1]
    ]
    highs += [
        one[1] + (one[3] if one[3] > wants_before else wants_before)
        for one in taken
        if one[0] < one[1]
    ]
    # A start is free if as many barred stretches have ended as have begun. So the free parts lie
    # between an end and the next beginning, each sorted by itself, whichever belong together.
    lows.sort()
    highs.sort()
    return [
        (high, low) for high, low in zip([-FAR, *highs], [*lows, FAR], strict=True) if high <= low
    ]
