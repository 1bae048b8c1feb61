"""The faults of the database and its disk, told apart from those of a program or a row."""

import errno
import sqlite3
from collections.abc import Iterator

from peewee import InterfaceError, OperationalError, PeeweeException
from playhouse.pool import MaxConnectionsExceeded

from .database import is_sqlite

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


# SQLite's codes for what a disk refused to write or to keep; the words are those of any disk error
_UNWRITTEN = {
    f"SQLITE_IOERR_{step}"
    for step in ("WRITE", "FSYNC", "DIR_FSYNC", "TRUNCATE", "DELETE", "SHMOPEN", "SHMSIZE")
}


# The system's codes for a file that cannot be written, such as that of an upload
OF_SYSTEM = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EFBIG: "full",
    errno.EROFS: "read-only",
}


def trouble(error: BaseException) -> str | None:
    """The fault of the database or the disk behind this error: "behind" (this program), "full",
    "read-only" (nothing can be written), "busy" or "away"; None: the fault is another.

    SQLite tells it only in words; PostgreSQL with an error code
    (https://www.postgresql.org/docs/current/errcodes-appendix.html), which is missing if the
    connection was lost.
    """
    if isinstance(error, MaxConnectionsExceeded):
        return "busy"
    if isinstance(error, OSError):
        return OF_SYSTEM.get(error.errno or 0)
    if not isinstance(error, PeeweeException):
        return None
    if _is_about_rollback(error):
        return next(filter(None, map(trouble, _before(error))), None)
    if getattr(error.__context__, "sqlite_errorname", None) in _UNWRITTEN:
        return "read-only"
    text, code = str(error).lower(), getattr(error.__cause__ or error.__context__, "sqlstate", None)
    found = next(
        (name for name, words in _WORDS.items() if any(word in text for word in words)), None
    )
    if found or is_sqlite():
        return found
    if code is None:
        return "away" if isinstance(error, (OperationalError, InterfaceError)) else None
    return next((name for name, codes in _CODES.items() if code.startswith(codes)), None)


def words(error: BaseException) -> str:
    """The reason of an error of the database in one line, for the server administrator."""
    if _is_about_rollback(error):
        error = next((one for one in _before(error) if trouble(one)), error)
    return (str(error).splitlines() or [type(error).__name__])[0]


def _is_about_rollback(error: BaseException) -> bool:
    """Whether SQLite rolled back itself, so that the reason is in an error before."""
    return isinstance(error.__context__, sqlite3.OperationalError) and "cannot rollback" in str(
        error
    )


def _before(error: BaseException) -> Iterator[BaseException]:
    """The errors that were being handled when this error was raised, the latest first."""
    before = error.__context__
    while before is not None:
        yield before
        before = before.__context__
