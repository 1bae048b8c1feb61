"""Whether a database contains a clinic, asked before it is opened as ours."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg


class CannotAsk(Exception):
    """The database does not answer; the message is its own text, without a password."""


def has_clinic(database_url: str) -> bool:
    """Whether there are data in the database. Creates nothing. Raises CannotAsk."""
    try:
        if not database_url.startswith("sqlite:"):
            with psycopg.connect(database_url, connect_timeout=5) as server:
                return server.execute("SELECT 1 FROM clinic LIMIT 1").fetchone() is not None
        path = Path(database_url.removeprefix("sqlite:///"))
        if not path.exists():
            return False
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        ) as file:
            return file.execute("SELECT 1 FROM clinic LIMIT 1").fetchone() is not None
    except psycopg.errors.UndefinedTable:
        return False
    except (psycopg.Error, sqlite3.Error, OSError, UnicodeError) as error:
        if isinstance(error, sqlite3.OperationalError) and "no such table" in str(error):
            return False
        raise CannotAsk((str(error).splitlines() or [type(error).__name__])[0]) from None
