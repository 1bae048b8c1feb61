"""Wake-ups after a commit.

Code that makes something due notes it in the same transaction. After the commit of the outermost
transaction the listeners are called once with all notes. After a rollback they are not called, nor
for a savepoint that was rolled back. A wake-up only saves time: due work is stored in the database,
and a sweep finds it. So a failing listener does not make a change fail.
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
    """The notes of this thread's transaction so far, in order."""

    def __init__(self) -> None:
        self.marks: list[tuple[str, int]] = []
        self.gathered: list[tuple[str, int]] | None = None  # of ended transactions


_noted = _Noted()


def listen(*listeners: Listener) -> None:
    """Set the listener for commits, in place of the one before."""
    global _listeners
    _listeners = listeners


class WakingDatabase(DatabaseProxy):
    """A database that remembers what each transaction makes due."""

    def will_wake(self, kind: str, row_id: int = 0) -> None:
        """Wake `kind` with this id after the commit; outside of a transaction at once."""
        _noted.marks.append((kind, row_id))
        self.obj.after_commit(_committed)

    @contextmanager
    def waking_once(self) -> Iterator[None]:
        """Let several transactions of this thread wake once, when the block ends, even by an error:
        for those that were committed.
        """
        if _noted.gathered is not None:
            yield
            return
        _noted.gathered = []
        try:
            yield
        finally:
            marks, _noted.gathered = _noted.gathered, None
            _call_listeners(marks)

    def begin(self, *args: Any, **kwargs: Any) -> Any:
        """Begin a transaction without notes."""
        _noted.marks.clear()
        return self.obj.begin(*args, **kwargs)

    def rollback(self) -> Any:
        """Roll back the transaction, and its notes."""
        _noted.marks.clear()
        return self.obj.rollback()

    def savepoint(self) -> Any:
        """A savepoint; its rollback also drops what was noted inside."""
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
    """Call the listeners after the commit, once for each transaction."""
    marks, _noted.marks = _noted.marks, []
    if _noted.gathered is None:
        _call_listeners(marks)
    else:
        _noted.gathered += marks


def _call_listeners(marks: list[tuple[str, int]]) -> None:
    due: dict[str, set[int]] = defaultdict(set)
    for kind, row_id in marks:
        due[kind].add(row_id)
    for listener in _listeners if due else ():
        try:
            listener(due)
        except JobTimeoutException:  # RQ ends the job with it, and waits for it
            raise
        except Exception as error:
            log.warning("not woken: %s at %s", type(error).__name__, places(error))
