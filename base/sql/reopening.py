"""Connections that could not write are not used again.

On a disk that is read-only for a while SQLite opens the file for reading alone, without a word, and
such a connection never writes again. So it is with a connection to a PostgreSQL server that became
a standby. A pool would go on giving them out after all is well.
"""

import sqlite3
from typing import Any

from peewee import PeeweeException

READ_ONLY_TRANSACTION = "25006"


def is_read_only(error: PeeweeException) -> bool:
    """Whether the database refused a statement since this connection may only read."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, sqlite3.OperationalError):  # one of our own has no code
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
    return getattr(cause, "sqlstate", None) == READ_ONLY_TRANSACTION


class Reopening:
    """A pooled database that opens its connections again after one of them might only read.

    A statement that was refused so has changed nothing. Outside of a transaction it is tried once
    more, on a new connection; inside of one the error is raised as ever.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        self._left: set[int] = set()  # connections in use that are closed when they come back
        super().__init__(*args, **kwargs)

    def execute_sql(self, *statement: Any, **more: Any) -> Any:
        """Run a statement. Raises PeeweeException."""
        try:
            return super().execute_sql(*statement, **more)  # type: ignore[misc]
        except PeeweeException as error:
            if not self._is_replaced(error):
                raise
        return super().execute_sql(*statement, **more)  # type: ignore[misc]

    def begin(self, *how: Any, **more: Any) -> None:
        """Begin a transaction. Raises PeeweeException."""
        try:
            return super().begin(*how, **more)  # type: ignore[misc,no-any-return]
        except PeeweeException as error:
            if not self._is_replaced(error):
                raise
        super().begin(*how, **more)  # type: ignore[misc]

    def _is_replaced(self, error: PeeweeException) -> bool:
        """Whether this thread has another connection now. Raises PeeweeException."""
        pool: Any = self
        if not is_read_only(error):
            return False
        self._leave_connections()
        if pool.in_transaction():
            return False
        within = pool._state.ctx  # the blocks that are to close the connection at their end
        try:
            pool.close()
            pool.connect()
        finally:
            pool._state.ctx = within
        return True

    def _leave_connections(self) -> None:
        pool: Any = self
        with pool._pool_lock:
            self._left = {*pool._in_use}
            pool.close_idle()

    def _can_reuse(self, conn: Any) -> bool:
        key = self.conn_key(conn)  # type: ignore[attr-defined]
        if key in self._left:
            self._left.discard(key)
            return False
        can: bool = super()._can_reuse(conn)  # type: ignore[misc]
        return can
