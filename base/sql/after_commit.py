"""What is to be woken once a change is committed.

Whoever writes something due says so in the same transaction. After the commit of the outermost
transaction whoever listens is told once, with all that was noted; after a rollback nothing is, nor
of a savepoint that was rolled back alone. A wake-up is a convenience: what is due is due in the
database, and a sweep finds it. So a listener that fails fails no change.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Any

from peewee import DatabaseProxy
from rq.timeouts import JobTimeoutException

from base.text import places

log = logging.getLogger("kalends")

Due = Mapping[str, Set[int]]  # what kind of thing → ids
Listener = Callable[[Due], object]

_listeners: tuple[Listener, ...] = ()


class _Noted(threading.local):
    """What the transaction of this thread noted so far, in order."""

    def __init__(self) -> None:
        self.marks: list[tuple[str, int]] = []
        self.gathered: list[tuple[str, int]] | None = None  # of transactions that are over


_noted = _Noted()


def listen(*listeners: Listener) -> None:
    """Say who is told from now on, in place of whoever was told before."""
    global _listeners
    _listeners = listeners


class WakingDatabase(DatabaseProxy):
    """The database, with a memory of what each transaction makes due."""

    def will_wake(self, kind: str, row_id: int = 0) -> None:
        """Have `kind` with this id woken after the commit; outside of a transaction at once."""
        _noted.marks.append((kind, row_id))
        self.obj.after_commit(_committed)

    @contextmanager
    def waking_once(self) -> Iterator[None]:
        """Several transactions of this thread wake together, when the block is left in whichever
        way: for those of them that were committed.
        """
        if _noted.gathered is not None:
            yield
            return
        _noted.gathered = []
        try:
            yield
        finally:
            marks, _noted.gathered = _noted.gathered, None
            _tell(marks)

    def begin(self, *args: Any, **kwargs: Any) -> Any:
        """Begin a transaction, which has noted nothing."""
        _noted.marks.clear()
        return self.obj.begin(*args, **kwargs)

    def rollback(self) -> Any:
        """Roll back the transaction, and what it noted."""
        _noted.marks.clear()
        return self.obj.rollback()

    def savepoint(self) -> Any:
        """A savepoint that takes back with itself what was noted inside."""
        return _Savepoint(super().savepoint())


class _Savepoint:
    def __init__(self, savepoint: Any):
        self._savepoint, self._before = savepoint, 0

    def __enter__(self) -> Any:
        self._before = len(_noted.marks)
        return self._savepoint.__enter__()

    def __exit__(self, kind: Any, *error: Any) -> Any:
        if kind is not None:
            del _noted.marks[self._before :]
        return self._savepoint.__exit__(kind, *error)


def _committed() -> None:
    """The transaction is over; it may have asked for this several times."""
    marks, _noted.marks = _noted.marks, []
    if _noted.gathered is None:
        _tell(marks)
    else:
        _noted.gathered += marks


def _tell(marks: list[tuple[str, int]]) -> None:
    due: dict[str, set[int]] = defaultdict(set)
    for kind, row_id in marks:
        due[kind].add(row_id)
    for listener in _listeners if due else ():
        try:
            listener(due)
        except JobTimeoutException:  # the job's own end, which it waits for
            raise
        except Exception as error:
            log.warning("not woken: %s at %s", type(error).__name__, places(error))
