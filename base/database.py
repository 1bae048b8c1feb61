"""The database that the tables use: its connections, field types, and transactions."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from peewee import (
    AutoField,
    BigIntegerField,
    IntegrityError,
    Model,
    SqliteDatabase,
    TextField,
)
from playhouse.pool import PooledSqliteDatabase

from base import scheduling

from .sql.after_commit import WakingDatabase
from .sql.bounded_postgresql import STATEMENTS_KEPT, BoundedPostgresql
from .sql.guarded import Guarded
from .sql.reopening import Reopening
from .sql.statements import ShortContext
from .sql.write_order import InTurn

database = WakingDatabase()
SQLITE_PATIENCE = 10  # seconds


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
            BoundedPostgresql(
                url.replace("postgres://", "postgresql://", 1),
                prefer_psycopg3=True,
                max_connections=64,
                stale_timeout=300,
                timeout=10,
                connect_timeout=5,
                tcp_user_timeout=20_000,
            )
        )


class _Sqlite(Reopening, InTurn, Guarded, PooledSqliteDatabase):
    context_class = ShortContext


def connect_afresh() -> None:
    """Make sure that this thread's connection answers. The pool checks each connection that it
    gives out, but not one that the thread has kept.
    """
    disconnect()
    database.connect(reuse_if_open=True)


def is_doubtful() -> bool:
    """Whether the database gave no answer last time, so that a new connection may take long to be
    refused.
    """
    return getattr(database.obj, "is_doubtful", False)


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
