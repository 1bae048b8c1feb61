"""The database that the tables use: its connections, field types, and transactions."""

import json
import os
import platform
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from peewee import (
    AutoField,
    BigIntegerField,
    IntegrityError,
    InterfaceError,
    Model,
    OperationalError,
    PeeweeException,
    Psycopg3Adapter,
    SqliteDatabase,
    TextField,
)
from playhouse.pool import MaxConnectionsExceeded, PooledPostgresqlDatabase, PooledSqliteDatabase

from base import scheduling

from .sql.after_commit import WakingDatabase
from .sql.guarded import Guarded
from .sql.statements import ShortContext
from .sql.write_order import InTurn

database = WakingDatabase()
SQLITE_PATIENCE = 10  # seconds
STATEMENTS_KEPT = 400  # by a connection; pages and rounds of sync use three hundred


class AlreadyUsed(Exception):
    """The name, ID or e-mail address already belongs to another row."""


def open_database(url: str) -> None:
    """Point the tables at `sqlite:///path` or `postgresql://…`.

    Connections are pooled, one per thread at a time.

    SQLite: write-ahead log, each commit on the disk before it counts (ADR 22), foreign keys on, a
    wait of up to ten seconds for other writers, and every transaction IMMEDIATE, so that nothing
    comes between a check and the write after it.
    """
    if url.startswith("sqlite:"):
        pragmas = {
            "journal_mode": "wal",
            "foreign_keys": 1,
            "synchronous": 2,
            "cache_size": -32000,
            "temp_store": 2,
            "busy_timeout": SQLITE_PATIENCE * 1000,
        }
        database.initialize(
            _Sqlite(
                url.removeprefix("sqlite:///"),
                pragmas=pragmas,
                timeout=SQLITE_PATIENCE,
                lock_type="IMMEDIATE",
                max_connections=64,
                check_same_thread=False,  # the pool hands one to one thread at a time
                cached_statements=STATEMENTS_KEPT,
            )
        )
    else:
        database.initialize(
            _Postgresql(
                url.replace("postgres://", "postgresql://", 1),
                prefer_psycopg3=True,
                max_connections=64,
                stale_timeout=300,
                timeout=10,
                connect_timeout=5,
                tcp_user_timeout=20_000,
            )
        )


class _Sqlite(InTurn, Guarded, PooledSqliteDatabase):
    context_class = ShortContext


class _Connection(psycopg.Connection):
    """A connection that is closed when an answer takes longer than its thread allows."""

    server: "_Postgresql"

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
    def connect(self, db: "_Postgresql", **parameters: Any) -> "_Connection":
        parameters["application_name"] = name_of_this_process()
        if db.is_doubtful:
            parameters["connect_timeout"] = 2  # the least that PostgreSQL's library takes
        connection = _Connection.connect(db.database, **parameters)
        connection.server = db
        connection.prepared_max = STATEMENTS_KEPT
        return connection


class _Postgresql(Guarded, PooledPostgresqlDatabase):
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


def is_doubtful() -> bool:
    """Whether the database gave no answer last time, so that a new connection may take long to be
    refused.
    """
    return getattr(database.obj, "is_doubtful", False)


def trouble(error: BaseException) -> str | None:
    """The fault of the database itself behind this error: "behind" (this program), "full",
    "read-only", "busy" or "away"; None: the fault is another.

    SQLite tells it only in words; PostgreSQL with an error code
    (https://www.postgresql.org/docs/current/errcodes-appendix.html), which is missing if the
    connection was lost.
    """
    if isinstance(error, MaxConnectionsExceeded):
        return "busy"
    if not isinstance(error, PeeweeException):
        return None
    if isinstance(error.__context__, sqlite3.OperationalError) and "cannot rollback" in str(
        error
    ):  # SQLite rolled back itself; the reason is in the error before
        return next(filter(None, map(trouble, _before(error))), None)
    text, code = str(error).lower(), getattr(error.__cause__ or error.__context__, "sqlstate", None)
    found = next(
        (name for name, words in _WORDS.items() if any(word in text for word in words)), None
    )
    if found or is_sqlite():
        return found
    if code is None:
        return "away" if isinstance(error, (OperationalError, InterfaceError)) else None
    return next((name for name, codes in _CODES.items() if code.startswith(codes)), None)


def _before(error: BaseException) -> Iterator[BaseException]:
    """The errors that were being handled when this error was raised, the latest first."""
    before = error.__context__
    while before is not None:
        yield before
        before = before.__context__


_WORDS = {
    "behind": ("behind this program",),
    "full": ("database or disk is full", "no space left on device"),
    "read-only": ("readonly database", "read-only transaction"),
    "busy": ("database is locked", "database table is locked"),
    "away": ("unable to open database", "disk i/o error"),
}
_CODES = {
    "full": ("53100",),
    "read-only": ("25006",),
    "busy": ("53", "55P03", "57014"),
    "away": ("08", "57P", "58"),
}


def connect_afresh() -> None:
    """Make sure that this thread's connection answers. The pool checks each connection that it
    gives out, but not one that the thread has kept.
    """
    disconnect()
    database.connect(reuse_if_open=True)


def disconnect() -> None:
    """Give this thread's connection back, unless a transaction is open."""
    if not database.is_closed() and not database.in_transaction():
        database.close()


def is_sqlite() -> bool:
    """Whether the database is SQLite, not PostgreSQL."""
    return isinstance(database.obj, SqliteDatabase)


def lock_everything() -> None:
    """Inside a transaction: make others who call this wait until it ends.

    SQLite has only one writing transaction at a time anyway.
    """
    if not is_sqlite():
        database.execute_sql("SELECT pg_advisory_xact_lock(75341)")


def now() -> datetime:
    """The present in UTC, as the default of a column."""
    # Looked up at each call, so that a replaced clock counts for new rows too.
    return scheduling.utc_now()


class InstantField(BigIntegerField):
    """An aware UTC datetime, kept as microseconds since 1970."""

    def db_value(self, value: object) -> object:
        """Raises ValueError for a datetime without a zone."""
        if not isinstance(value, datetime):
            return value
        if value.tzinfo is None:
            raise ValueError("an instant needs a zone")
        return scheduling.number(value)

    def python_value(self, value: object) -> Any:
        """The instant in UTC."""
        return scheduling.of_number(value) if isinstance(value, int) else value


class JSONText(TextField):
    """A small JSON value in a text column, keys sorted, the same in both databases."""

    def db_value(self, value: object) -> str | None:
        """The value as text; None stays None."""
        return None if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)

    def python_value(self, value: str | None) -> Any:
        """The value that the stored text stands for."""
        return None if value is None else json.loads(value)


@contextmanager
def joined() -> Iterator[None]:
    """A transaction of its own, or a part of the open one: an error inside ends the whole
    transaction.
    """
    if database.in_transaction():
        yield
        return
    with database.atomic():
        yield


class Base(Model):
    """A row of any of our tables."""

    id: "AutoField[int]"  # Peewee makes it

    class Meta:
        database = database
        legacy_table_names = False


Row = TypeVar("Row", bound=Base)
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def in_one_transaction(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Run a function in one transaction. Unlike `transition` it locks nothing."""
    made: Callable[Given, Answer] = database.atomic()(function)
    return made


def transition(
    method: Callable[Concatenate[Row, Given], Answer],
) -> Callable[Concatenate[Row, Given], Answer]:
    """Run a method of a clinic's row in one transaction that locks the clinic first.

    The second of two changes in a clinic waits, and then sees the result of the first: the row is
    read again once the clinic is locked. All changes lock the clinic's row before any other, so no
    two wait for each other (ADR 5). Raises DoesNotExist if the row was deleted.
    """

    @wraps(method)
    def in_one(row: Row, /, *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        with alone(row):
            return method(row, *args, **kwargs)

    return in_one


@contextmanager
def alone(row: Row) -> Iterator[Row]:
    """One transaction that locks the row's clinic and reads the row again.

    Decisions inside it are based on the present values.
    """
    with database.atomic():
        clinic: Any = getattr(row, "clinic", row)
        clinic.lock()
        _read_again(row)
        yield row


def _read_again(row: Base) -> None:
    """Read the columns again, and drop related rows that are no longer the row's."""
    fresh = type(row).get_by_id(row.id).__data__
    for name in [
        name
        for name, related in row.__rel__.items()
        if related is None or related.get_id() != fresh[name]
    ]:
        del row.__rel__[name]
    row.__data__ = fresh
    row._dirty.clear()  # type: ignore[attr-defined]  # its stubs lack it


@contextmanager
def unique() -> Iterator[None]:
    """Turn the schema's refusal of a duplicate inside this block into AlreadyUsed.

    Nothing of the block is kept then.
    """
    try:
        with database.atomic():
            yield
    except IntegrityError:
        raise AlreadyUsed from None
