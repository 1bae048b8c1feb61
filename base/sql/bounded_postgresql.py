"""PostgreSQL whose answers are waited for only so long."""

import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from peewee import Psycopg3Adapter
from playhouse.pool import PooledPostgresqlDatabase

from .guarded import Guarded
from .reopening import Reopening
from .statements import ShortContext

STATEMENTS_KEPT = 400  # by a connection; pages and rounds of sync use three hundred


class _Connection(psycopg.Connection):
    """A connection that is closed when an answer takes longer than its thread allows."""

    server: "BoundedPostgresql"

    def wait(self, generator: Any, *more: Any, **named: Any) -> Any:  # type: ignore[override]
        limit, begun = self.server.limit(), time.monotonic()
        try:
            answer = super().wait(
                generator, *more, **{**named, "timeout": limit} if limit else named
            )
        except psycopg.OperationalError:
            if limit and time.monotonic() - begun >= limit:
                self.close()
                self.server.pause()
            raise
        self.server.is_doubtful = False
        return answer


def name_of_this_process() -> str:
    """The name under which PostgreSQL lists this process's connections."""
    return f"Kalends {os.getpid()} on {platform.node()}"[:63]


class _Adapter(Psycopg3Adapter):
    def connect(self, db: "BoundedPostgresql", **parameters: Any) -> "_Connection":
        parameters["application_name"] = name_of_this_process()
        if db.is_doubtful:
            parameters["connect_timeout"] = 2  # the least that PostgreSQL's library takes
        connection = _Connection.connect(db.database, **parameters)
        connection.server = db
        connection.prepared_max = STATEMENTS_KEPT
        return connection


class BoundedPostgresql(Reopening, Guarded, PooledPostgresqlDatabase):
    """PostgreSQL, with a pause after a connection got no answer, so that not every request waits
    for it.

    After the pause the database is tried with shorter limits until it answers.
    """

    PAUSE_SECONDS = 5
    # seconds: for an answer while the server is in doubt; and to check a connection of the pool
    DOUBTFUL_SECONDS = 1
    psycopg3_adapter = _Adapter
    context_class = ShortContext
    is_doubtful = False
    _again_at = 0.0

    def limit(self) -> float | None:
        """Seconds that this thread waits for an answer; None: for as long as it takes."""
        most = getattr(_patience, "seconds", None) or _answer_seconds
        return min(most, self.DOUBTFUL_SECONDS) if most and self.is_doubtful else most

    def pause(self) -> None:
        """Ask the server nothing for `PAUSE_SECONDS`: an answer took too long."""
        self.is_doubtful, self._again_at = True, time.monotonic() + self.PAUSE_SECONDS

    def _connect(self) -> Any:
        self._check_pause()
        with self._pool_lock:  # one thread tries, the others use the result
            self._check_pause()
            begun = time.monotonic()
            try:
                return super()._connect()
            except psycopg.OperationalError:
                if time.monotonic() - begun > 1:
                    self.pause()
                raise

    def _is_closed(self, conn: Any) -> bool:
        with answer_within(self.DOUBTFUL_SECONDS):
            is_closed: bool = super()._is_closed(conn)
        self._check_pause()
        return is_closed

    def _check_pause(self) -> None:
        if time.monotonic() < self._again_at:
            raise psycopg.OperationalError("the server did not answer a moment ago")


_answer_seconds: float | None = None
_patience = threading.local()


def wait_at_most(seconds: float | None) -> None:
    """Set for all threads of this process how many seconds they wait for PostgreSQL; None: no
    limit.
    """
    global _answer_seconds
    _answer_seconds = seconds


@contextmanager
def answer_within(seconds: float) -> Iterator[None]:
    """Let this thread wait at most so many seconds for PostgreSQL, within the block."""
    before = getattr(_patience, "seconds", None)
    _patience.seconds = seconds
    try:
        yield
    finally:
        _patience.seconds = before
