"""Free times: where a visit fits into working hours, between what is taken.

Pure arithmetic on whole numbers (microseconds since 1970): knows no row, no zone, no request and no
clock. Two neighbours keep the larger of their two gaps, not the sum: what one needs for tidying up
serves the other to get ready.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE

Stretch = tuple[int, int]  # from, to (not included)


class TakenTime(NamedTuple):
    """Time that is held, and what must stay free before and after it."""

    starts: int
    ends: int
    before: int = 0
    after: int = 0


class Need(NamedTuple):
    """How long a visit lasts, and what it wants free before and after it."""

    length: int
    before: int = 0
    after: int = 0


class Rules(NamedTuple):
    """Which starts are offered.

    They lie every `step` from the opening hour on, at least `notice` after now, at most `horizon`
    after now (None: however late), and in none of the stretches that are `full`.
    """

    step: int
    notice: int = 0
    horizon: int | None = None
    full: Sequence[Stretch] = ()


def full(days: Iterable[Stretch], starts: Collection[int], most: int) -> list[Stretch]:
    """Those of the days in which `most` visits or more begin already."""
    return [
        (begins, ends)
        for begins, ends in days
        if sum(begins <= start < ends for start in starts) >= most
    ]


def slots(
    openings: Iterable[Stretch], taken: Iterable[TakenTime], need: Need, rules: Rules, now: int
) -> list[int]:
    """Every start at which the need fits, in order.

    A visit lies in one opening; its gaps may reach past the opening, since nobody else comes then.
    What is taken may carry more than `TakenTime` says.
    """
    if need.length <= 0 or rules.step <= 0:
        raise ValueError("a visit lasts, and starts lie apart")
    earliest = now + rules.notice
    latest = None if rules.horizon is None else now + rules.horizon
    barred = _barred(taken, need, rules.full)
    begins = [stretch[0] for stretch in barred]
    found: set[int] = set()
    for opens, closes in openings:
        last = closes - need.length
        if latest is not None:
            last = min(last, latest)
        for start, stop in _left(max(opens, earliest), last, barred, begins):
            found.update(range(opens + _up(start - opens, rules.step), stop + 1, rules.step))
    return sorted(found)


class Hindrance(NamedTuple):
    """Why no slot begins at a time.

    "notice", "horizon", "full", "hours" (no opening holds the visit), "step" (a start between two
    steps), "taken", or "gap" (too near to what is taken). `which` is the place in the list of what
    is taken.
    """

    why: str
    which: int | None = None


def hindrances(
    openings: Iterable[Stretch],
    taken: Iterable[TakenTime],
    need: Need,
    rules: Rules,
    now: int,
    at: int,
) -> list[Hindrance]:
    """Why the time `at` is not among the `slots` of the same question; nothing where it is."""
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
    elif all((at - opens) % rules.step for opens in around):
        found.append(Hindrance("step"))
    for place, one in enumerate(taken):
        if any(low < at < high for low, high in _barred([one], need)):
            overlaps = one[0] < end and at < one[1]
            found.append(Hindrance("taken" if overlaps else "gap", place))
    return found


def _barred(taken: Iterable[TakenTime], need: Need, full: Iterable[Stretch] = ()) -> list[Stretch]:
    """Where no start may lie: strictly between the two ends, in order and apart.

    A start at an end touches what is taken and does not overlap it. Nothing begins in what is full,
    its first moment included.
    """
    length, wants_before, wants_after = need
    single = [  # written without calls, since thousands may be taken
        (
            one[0] - length - (one[2] if one[2] > wants_after else wants_after),
            one[1] + (one[3] if one[3] > wants_before else wants_before),
        )
        for one in taken
        if one[0] < one[1]
    ]
    single += [(begins - 1, ends) for begins, ends in full if begins < ends]
    single.sort()
    joined: list[Stretch] = []
    for low, high in single:
        if joined and low < joined[-1][1]:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    return joined


def _left(
    first: int, last: int, barred: Sequence[Stretch], begins: Sequence[int]
) -> Iterator[Stretch]:
    """What is left of the starts from `first` to `last` (both included)."""
    at = bisect_left(begins, first)
    if at and barred[at - 1][1] > first:
        first = barred[at - 1][1]
    while first <= last:
        if at == len(barred) or barred[at][0] >= last:
            yield first, last
            return
        yield first, barred[at][0]
        first, at = barred[at][1], at + 1


def _up(distance: int, step: int) -> int:
    """The next whole number of steps."""
    return -(-distance // step) * step
