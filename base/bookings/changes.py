"""The result of changing bookings, and the rules that other rooms add to a change."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from base.database import Base
from base.scheduling import Span

from .clashes import Clash


class ChangedMeanwhile(Exception):
    """The row was changed after a page showed it; the page's own change is refused."""


StatusListener = Callable[[Sequence[tuple[Any, str]]], object]
GivenAwayListener = Callable[[Any, Sequence[tuple[Any, Any, Span]]], object]

_status_listeners: list[StatusListener] = []
_given_away_listeners: list[GivenAwayListener] = []


def when_status_changes(listener: StatusListener) -> StatusListener:
    """Register a rule for bookings whose status changes.

    `listener` is called in the transaction of the change, with each booking and its former status.
    So rooms above the bookings can have rules for them.
    """
    _status_listeners.append(listener)
    return listener


def have_other_status(rows: Sequence[tuple[Any, str]]) -> None:
    """Call the rules for bookings whose status changed; each is paired with the status it had."""
    for listener in _status_listeners if rows else ():
        listener(rows)


def when_given_away(listener: GivenAwayListener) -> GivenAwayListener:
    """Register a rule for bookings that move to another person's calendar.

    `listener` is called in the transaction of the change, with the person who made it, and with
    each booking, its former calendar and its former time.
    """
    _given_away_listeners.append(listener)
    return listener


def are_given_away(actor: Any, rows: Sequence[tuple[Any, Any, Span]]) -> None:
    """Call the rules for bookings that moved away from these calendars and times."""
    for listener in _given_away_listeners if rows else ():
        listener(actor, rows)


class Changed(list[Any]):
    """The bookings that were changed.

    `kept` counts the bookings that were left alone, by reason; `skipped` has the times that were
    taken and left out. `entry` is the id in the history of a change that can be undone: of status,
    or one move. `is_again`: nothing was made, because the same form was sent before and made these.

    Reasons: "colleague" (another person's booking), "settled" (delivered, paid, cancelled … keep
    status, time and rate), "own" (a value that was set for that booking alone).
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
