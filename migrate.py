"""Bring the database to this program's tables, forwards only, with Peewee's own migration runner."""

from pathlib import Path

from peewee import OperationalError, PeeweeException
from playhouse.migrations import Runner

import models

DIRECTORY = Path(__file__).parent / "migrations"


class CannotMigrate(Exception):
    """The database cannot be brought up to date; the message is a sentence for the person at the keyboard."""


def _runner() -> Runner:
    return Runner(models.database.obj, str(DIRECTORY))


def state() -> str:
    """"current", "behind" (run `migrate`), or "newer" (made by a later version of Kalends). Reads only."""
    known = {path.stem for path in DIRECTORY.glob("[0-9]*.py")}
    try:
        applied = {name for (name,) in models.database.execute_sql("SELECT name FROM schema_migration").fetchall()}
    except PeeweeException:
        return "behind"
    return "newer" if applied - known else "current" if applied == known else "behind"


def migrate() -> list[str]:
    """Apply what is missing, each step in one transaction. Gives the names applied. Raises CannotMigrate."""
    try:
        models.database.connect(reuse_if_open=True)
        if state() == "newer":
            raise CannotMigrate("This database was made by a newer version of Kalends. Update the program, or restore a backup made before.")
        return [str(name) for name in _runner().up() or []] if state() == "behind" else []
    except OperationalError as error:
        raise CannotMigrate(f"The database cannot be used: {str(error).splitlines()[0]}. "
                            "Check that its file or server exists and may be written to.") from None
