"""A press that is interrupted by a second one, at a chosen moment of the first.

Two requests at once are certain here: one stands still before a chosen statement, the other runs
from its beginning to its end on a thread of its own, and the first goes on.
"""

import threading
from collections.abc import Callable
from typing import Any

import peewee

import models


class Interruption:
    """The moments of a press at which nothing is locked by it: before each statement outside a
    transaction, and before each transaction.
    """

    def __init__(self, monkeypatch):
        self._thread: threading.Thread | None = None
        self._left, self._other, self.answer = 0, None, None
        self.met = 0  # moments that the last press had
        begin, execute = type(models.database.obj).begin, peewee.Database.execute_sql

        def stopping(call: Callable) -> Callable:
            def stopped(database, *args: Any, **options: Any):
                self._meet(database)
                return call(database, *args, **options)

            return stopped

        monkeypatch.setattr(peewee.Database, "execute_sql", stopping(execute))
        monkeypatch.setattr(type(models.database.obj), "begin", stopping(begin))

    def _meet(self, database) -> None:
        is_mine = threading.current_thread() is self._thread
        if not is_mine or self._is_away or database.in_transaction():
            return
        self.met += 1
        if self.met - 1 == self._moment:
            self._is_away = True
            other = threading.Thread(target=self._run)
            other.start()
            other.join()
            self._is_away = False

    def _run(self) -> None:
        self.answer = self._other()

    def within(self, press: Callable, other: Callable, moment: int) -> tuple[Any, Any]:
        """The answers of `press`, and of `other`, which runs before the moment with this number
        (from 0) of the first; None if it has fewer moments.
        """
        self._thread, self._moment, self._other = threading.current_thread(), moment, other
        self.answer, self.met, self._is_away = None, 0, False
        try:
            return press(), self.answer
        finally:
            self._thread = None
