"""Free times: where a visit fits into working hours, between what is taken.

Pure arithmetic on whole numbers (microseconds since 1970): knows no row, no zone, no request and no
clock. Two neighbours keep the larger of their two gaps, not the sum: what one needs for tidying up
serves the other to get ready.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
FAR = 10**18  # thirty thousand years

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
            start = max(start, first)
            found.update(
                range(opens + _up(start - opens, rules.step), min(stop, last) + 1, rules.step)
            )
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
        low, high = barred(one, need)
        if one[0] < one[1] and low < at < high:
            overlaps = one[0] < end and at < one[1]
            found.append(Hindrance("taken" if overlaps else "gap", place))
    return found


def barred(one: Sequence[int], need: Need) -> Stretch:
    """Where no start may lie: strictly between the two.

    A start at an end touches what is taken and does not overlap it.
    """
    return (
        one[0] - need.length - max(one[2], need.after),
        one[1] + max(one[3], need.before),
    )


def _left(taken: Iterable[TakenTime], need: Need, full: Iterable[Stretch]) -> list[Stretch]:
    """Where a start may lie, both ends included, in order: what all that is taken leaves.

    Nothing begins in what is full, its first moment included. Written without calls for each, since
    thousands may be taken.
    """
    days = [day for day in full if day[0] < day[1]]
    lows, highs = [begins - 1 for begins, _ in days], [ends for _, ends in days]
    columns = list(zip(*taken, strict=False))  # rows may carry more
    if columns:
        starts, ends, before, after = columns[:4]
        ahead = {gap: need.length + max(gap, need.after) for gap in set(before)}
        behind = {gap: max(gap, need.before) for gap in set(after)}
        lows += [
            at - ahead[gap] for at, end, gap in zip(starts, ends, before, strict=True) if at < end
        ]
        highs += [
            end + behind[gap] for at, end, gap in zip(starts, ends, after, strict=True) if at < end
        ]
    # A start is free where as many are over as have begun. So the gaps lie between an end and the
    # next beginning, each in its own order, whichever belong together.
    lows.sort()
    highs.sort()
    return [
        (high, low) for high, low in zip([-FAR, *highs], [*lows, FAR], strict=True) if high <= low
    ]


def _up(distance: int, step: int) -> int:
    """The next whole number of steps."""
    return -(-distance // step) * step
