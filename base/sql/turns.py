"""Who begins to write to a SQLite file next.

SQLite has no queue. Whoever finds the file locked sleeps longer and longer between two tries, while
others come at the right moment: under load somebody waits for ever. Here the threads of a process
go in the order in which they came, and of several processes the first of each tries as often as the
others.
"""

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

from peewee import OperationalError

TRIED_EVERY = 0.001  # seconds


def _waited_too_long() -> sqlite3.OperationalError:
    """Others had the file for longer than one may wait: in SQLite's words."""
    return sqlite3.OperationalError("database is locked")


class Turns:
    """The threads of this process that want to begin: one at a time, first come first served.

    `seconds`: how long one waits at most. Raises `sqlite3.OperationalError`.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._forget()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._mutex = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        if self._process != os.getpid():  # forked, perhaps while another thread had the turn
            self._forget()
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
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
        # It was given to this thread at the last moment.

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
                self._is_taken = False


class InTurn:
    """A SQLite database whose transactions begin in turn."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._turns = Turns(kwargs["timeout"])

    def begin(self, lock_type: str | None = None) -> None:
        """Begin, in turn with all others that write. Raises `peewee.OperationalError`."""
        database: Any = self
        try:
            how = f"BEGIN {lock_type or database._lock_type}"
            begin(self._turns, database.connection(), how)
        except sqlite3.OperationalError as error:
            raise OperationalError(*error.args) from error


def begin(turns: Turns, connection: sqlite3.Connection, statement: str) -> None:
    """Begin a transaction that writes, when it is this thread's turn and nobody else writes.

    Tries at equal distances for as long as the connection would wait (`busy_timeout`). Raises
    `sqlite3.OperationalError`.
    """
    with turns:
        (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
        connection.execute("PRAGMA busy_timeout = 0")  # no sleeping of SQLite's own
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
