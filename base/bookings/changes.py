"""What came of a change of bookings."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from base.database import Base

from .clashes import Clash


class ChangedMeanwhile(Exception):
    """Somebody changed the row after the page that now wants to change it was opened."""


Told = Callable[[Sequence[Any]], object]

_pending: list[Told] = []


def when_pending(tell: Told) -> Told:
    """Have `tell` called with the bookings that become pending by a change, in its transaction.

    For rules whose tables stand above the bookings.
    """
    _pending.append(tell)
    return tell


def are_pending(rows: Sequence[Any]) -> None:
    """Say that these bookings became pending."""
    for tell in _pending if rows else ():
        tell(rows)


class Changed(list[Any]):
    """The bookings that were changed.

    `kept` counts the others by reason, `skipped` are the times that were taken and left out,
    `entry` is the id in the history of a change that can be taken back: of status, or one move.
    `is_again`: nothing was made, an earlier press of the same form had made these.

    Reasons: "colleague" (another person's booking), "settled" (delivered, paid, cancelled … keep
    status, time and rate), "own" (a value that was set for that one alone).
    """

    def __init__(
        self,
        rows: Iterable[Base] = (),
        kept: dict[str, int] | None = None,
        skipped: Sequence[Clash] = (),
        entry: int | None = None,
        is_again: bool = False,
    ):
        super().__init__(rows)
        self.entry, self.is_again = entry, is_again
        self.kept, self.skipped = (
            {why: count for why, count in (kept or {}).items() if count},
            skipped,
        )
