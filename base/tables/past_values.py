"""Earlier values of the columns of a row, and until when they lasted.

Text outside is composed from settings of several rows, and its date should change only when the
text does.

A row keeps its last few changes in `before`: pairs of the second (since 1970) that ended a state,
and the columns' values in that state, newest first. A pair with null stands for everything earlier:
unknown.
"""

from typing import Any

MOST = 6
Before = list[Any]  # of [second, the columns' values until then; None: unknown]


class Unknown(Exception):
    """The row's values at that time are unknown."""


def kept(before: Before, at: int, old: dict[str, Any]) -> Before:
    """`before` with the values that the columns had until this second.

    After MOST changes the past is unknown.
    """
    if not old:
        return before
    at = max(at, before[0][0]) if before else at  # a clock may be set back
    changes: Before = [[at, old], *before]
    return changes if len(changes) <= MOST else [*changes[: MOST - 1], [changes[MOST - 1][0], None]]


class AsOf:
    """A row as it was right before a second (since 1970, UTC). Its columns can be read by their
    names, not set. Raises Unknown where a former value was not kept.
    """

    def __init__(self, row: Any, second: int):
        self._row = row
        self._past: dict[str, Any] = {}
        for until, old in row.before:
            if until < second:
                break
            if old is None:
                raise Unknown
            self._past.update(old)

    def __getattr__(self, column: str) -> Any:
        return self._past[column] if column in self._past else getattr(self._row, column)
