"""The result of changing bookings, and the rules that other rooms add to a change."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from base.database import Base
from base.scheduling import Span

from .clashes import Clash


class ChangedMeanwhile(Exception):
    """The row was changed after a page showed it; the page's own change is refused."""


Listener = TypeVar("Listener", bound=Callable[..., object])


class Listeners:
    """Rules that rooms above the bookings have for a kind of change. They are called in its
    transaction.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[..., object]] = []

    def register(self, listener: Listener) -> Listener:
        """Call this function from now on."""
        self._listeners.append(listener)
        return listener

    def call(self, rows: Sequence[object], *facts: object) -> None:
        """Call each rule with the facts and the changed rows, if there are any."""
        for listener in self._listeners if rows else ():
            listener(*facts, rows)


_of_status, _of_giving_away = Listeners(), Listeners()
# with each booking and its former status
when_status_changes = _of_status.register
# with the person who moves bookings to another person's calendar, and with each booking, its former
# calendar and its former time
when_given_away = _of_giving_away.register


def have_other_status(rows: Sequence[tuple[Any, str]]) -> None:
    """Call the rules for bookings whose status changed; each is paired with the status it had."""
    _of_status.call(rows)


def are_given_away(actor: Any, rows: Sequence[tuple[Any, Any, Span]]) -> None:
    """Call the rules for bookings that moved away from these calendars and times."""
    _of_giving_away.call(rows, actor)


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
