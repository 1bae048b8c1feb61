"""Which connection writes to a SQLite file next.

SQLite has no queue. A connection that finds the file locked sleeps longer and longer between two
tries, while others come at the right moment: under load some wait for ever. Here the threads of a
process go in the order in which they came, and the first thread of each process tries equally
often.

SQLite also cannot begin to write for a connection that is still reading once another has written.
So all rows of a query are read before the first is used, and code that goes through them may write.
"""

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from types import TracebackType
from typing import Any

from peewee import OperationalError

TRIED_EVERY = 0.001  # seconds


def _waited_too_long() -> sqlite3.OperationalError:
    """The error for a wait that was too long, in SQLite's words."""
    return sqlite3.OperationalError("database is locked")


class ThreadTurns:
    """The threads of this process that want to begin a transaction: one at a time, in the order in
    which they came.

    `seconds`: the longest wait. Raises `sqlite3.OperationalError`.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._forget()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._mutex = threading.Lock()
        self._has_turn = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        if self._process != os.getpid():  # after a fork, perhaps while another thread had the turn
            self._forget()
        with self._mutex:
            if not self._has_turn:
                self._has_turn = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=self._seconds):
            return
        with self._mutex:
            if mine in self._waiting:
                self._waiting.remove(mine)
                raise _waited_too_long()
        # This thread got the turn at the last moment.

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._has_turn = False


class WholeCursor(sqlite3.Cursor):
    """A cursor that leaves no query open, except inside a transaction."""

    _left: Iterator[Any] | None = None

    def execute(self, *statement: Any) -> "WholeCursor":
        """Run the statement, and read the whole answer."""
        super().execute(*statement)
        self.__dict__.clear()  # rows of the statement before
        if self.description is not None and not self.connection.in_transaction:
            self._left = left = iter(super().fetchall())
            self.fetchone = partial(next, left, None)  # type: ignore[method-assign]
            self.fetchall = partial(list, left)  # type: ignore[method-assign]
        return self

    def __iter__(self) -> Any:
        return super().__iter__() if self._left is None else self._left


class InTurn:
    """A SQLite database whose transactions begin in turn."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._turns = ThreadTurns(kwargs["timeout"])

    def cursor(self, named_cursor: None = None) -> WholeCursor:
        """A cursor for one statement."""
        plain: sqlite3.Cursor = super().cursor()  # type: ignore[misc]
        return plain.connection.cursor(WholeCursor)

    def begin(self, lock_type: str | None = None) -> None:
        """Begin, in turn with all other writers. Raises `peewee.OperationalError`."""
        database: Any = self
        try:
            how = f"BEGIN {lock_type or database._lock_type}"
            begin_statement(self._turns, database.connection(), how)
        except sqlite3.OperationalError as error:
            raise OperationalError(*error.args) from error


def begin_statement(turns: ThreadTurns, connection: sqlite3.Connection, statement: str) -> None:
    """Begin a transaction that writes, when it is this thread's turn and nobody else writes.

    Tries at equal intervals for as long as the connection would wait (`busy_timeout`). Raises
    `sqlite3.OperationalError`.
    """
    with turns:
        (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
        connection.execute("PRAGMA busy_timeout = 0")  # SQLite itself must not sleep
        try:
            _try(lambda: connection.execute(statement), patience / 1000)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {patience}")


def _try(do: Callable[[], object], seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while True:
        try:
            do()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() >= ends_at:
                raise _waited_too_long() from error
        time.sleep(TRIED_EVERY)
