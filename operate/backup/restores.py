"""Replacing the present database by a backup.

The instance folder has a mark until a restore is finished, and the new database contains the number
of the mark. After a kill the next process can therefore see which of the two databases, and so
which key, is there.
"""

import json
import logging
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import models
from base import scheduling
from base.catalogue import _
from base.database import is_sqlite
from base.sql.bounded_postgresql import name_of_this_process
from base.tables.outbox import Letter
from base.text import places
from letters import reminders, to_team
from models import Clinic
from people.sessions import Session

from .. import files, migrate, processes
from ..keeper import CannotStart
from . import archive, files_aside, postgres_tools
from .backups import BackupRefused, copy_sqlite, damaged, inspect, key_file, sqlite_path

log = logging.getLogger("kalends.restore")


def restore(settings, file: Path) -> str:
    """Replace the present database by the backup, and keep the present one aside. Returns sentences
    about it. Raises BackupRefused, OSError.
    """
    inspect(file)
    try:
        with (
            processes.only_one(settings.instance),  # Kalends must not start meanwhile either
            files.used(settings.instance, alone=True),
        ):
            return _restore(settings, file)
    except processes.AlreadyRuns:
        raise BackupRefused(_("Kalends is running. Stop it first.")) from None
    except files.InUse:
        raise BackupRefused(
            _(
                "A part of Kalends (web, worker or clock) or another command still uses"
                " {instance}. Stop it first.",
                instance=settings.instance,
            )
        ) from None
    except CannotStart as error:
        raise BackupRefused(str(error)) from None
    except archive.Damaged:
        raise BackupRefused(damaged(file)) from None


def _put_in_place(settings, wanted: Path, aside: Path, mark: "_Mark") -> None:
    """Replace the database by the wanted one; the one before is kept aside."""
    if is_sqlite():
        _replace_sqlite(sqlite_path(settings), wanted, aside)
    else:
        postgres_tools.dump(settings.database_url, aside)
        files.give_back(aside)
        postgres_tools.replace(
            settings.database_url,
            wanted,
            [
                *(table._meta.table_name for table in migrate.TABLES),
                # the database may never have been migrated
                *migrate.EARLIER_NAMES,
            ],
            str(mark.number),
        )


def _restore(settings, file: Path) -> str:
    files.clear_away(settings.instance, ".restore-")
    files.give_back(settings.instance / "running")
    settle_key(settings)  # after a killed restore, whose files belong into the same folder
    if not is_sqlite():
        _refuse_while_used(settings)
    aside = settings.instance / f"before-restore-{scheduling.utc_now():%Y%m%d-%H%M%S-%f}"
    with (
        archive.unpacked(file, settings.instance) as there,
        postgres_tools.refusing(BackupRefused),
    ):
        wanted = "kalends.db" if is_sqlite() else "kalends.dump"
        if not any((there / part).exists() for part in ("kalends.db", "kalends.dump")):
            raise BackupRefused(damaged(file))
        if not (there / wanted).exists():
            raise BackupRefused(
                _("This backup is of the other kind of database. Check DATABASE_URL.")
            )
        fresh_key = there / "secret_key"
        mark = _Mark(
            secrets.randbelow(2**31 - 1) + 1,
            fresh_key.read_text().strip() if fresh_key.exists() else "",
            aside.name,
        )
        if is_sqlite():
            _check_sqlite(there / wanted)
            with closing(sqlite3.connect(there / wanted)) as copy:
                copy.execute(f"PRAGMA user_version = {mark.number}")
        before = _mark_file(settings).read_text() if is_unfinished(settings) else None
        aside.mkdir(mode=0o700)
        files.give_back(aside)
        files.write_whole(_mark_file(settings), json.dumps(asdict(mark)))
        try:
            _put_in_place(settings, there / wanted, aside / wanted, mark)
        except (BackupRefused, postgres_tools.ToolRefused, OSError):
            if _is_there(settings, mark) is False:
                _leave_as_before(settings, before, aside)
            raise
        settle_key(settings)
    _end_what_must_not_return()
    files_aside.clear(settings.instance)
    return _("Restored. What was there before is kept in {aside}.", aside=aside)


def _refuse_while_used(settings) -> None:
    """Raise BackupRefused if parts of Kalends, on any machine, are connected to PostgreSQL."""
    with postgres_tools.refusing(BackupRefused):
        others = postgres_tools.others(settings.database_url, name_of_this_process())
    if others:
        raise BackupRefused(
            _(
                "The database is still used by: {others}. Stop these parts of Kalends first, on"
                " every machine.",
                others="; ".join(others),
            )
        )


@dataclass(frozen=True)
class _Mark:
    """An unfinished restore.

    `number`: the number in its database. `key`: the backup's own key, "" if it has none. `aside`:
    the name of the folder for the earlier database.
    """

    number: int
    key: str
    aside: str


def _mark_file(settings) -> Path:
    """The file that exists until a restore is finished."""
    return settings.instance / "restore-unfinished"


def is_unfinished(settings) -> bool:
    """Whether a restore was begun here and not finished."""
    return _mark_file(settings).exists()


def _mark(settings) -> _Mark | None:
    """The unfinished restore. None also for one of an earlier version, which left an empty file."""
    try:
        return _Mark(**json.loads(_mark_file(settings).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _is_there(settings, mark: _Mark) -> bool | None:
    """Whether the present database is the one of this restore; None: that is unknown."""
    if not is_sqlite():
        found = postgres_tools.mark_of(settings.database_url)
        return None if found is None else found == str(mark.number)
    present = sqlite_path(settings)
    if not present.exists():
        return False
    try:
        with closing(sqlite3.connect(present, timeout=10)) as there:
            return there.execute("PRAGMA user_version").fetchone() == (mark.number,)
    except sqlite3.OperationalError:
        return None
    except sqlite3.DatabaseError:  # damaged, as it was before
        return False


def _leave_as_before(settings, mark: str | None, aside: Path) -> None:
    """Remove an incomplete copy that was kept aside, since it could be mistaken for a complete one,
    and restore the earlier mark: nothing was replaced.
    """
    shutil.rmtree(aside, ignore_errors=True)
    if mark is None:
        _mark_file(settings).unlink(missing_ok=True)
    else:
        files.write_whole(_mark_file(settings), mark)


def settle_key(settings) -> bool:
    """Put the backup's own key into its place if a restore has brought the backup's database.
    Returns whether the key changed.
    """
    mark = _mark(settings)
    if mark is None or not mark.key or not _is_there(settings, mark):
        return False
    present = key_file(settings)
    if present.exists() and present.read_text().strip() == mark.key:
        present.chmod(0o600)
        return False
    _replace_key(settings, mark)
    return True


def _replace_key(settings, mark: _Mark) -> None:
    """Replace the stored key by the backup's, so that its private links still work. A key from the
    environment stays in use.
    """
    present, aside = key_file(settings), settings.instance / mark.aside / "secret_key"
    if present.exists():
        files.write_whole(aside, present.read_text())
    files.write_whole(present, mark.key)


def finish_restore(settings) -> None:
    """Do the remaining steps of a restore. Called at its end, and at the next start if it was
    killed at any step.
    """
    if not is_unfinished(settings):
        return
    settle_key(settings)
    _end_what_must_not_return()
    with _connected():
        if migrate.state() == "current":
            Clinic.void_after_restore()
    _mark_file(settings).unlink()


@contextmanager
def _connected() -> Iterator[None]:
    """The database, open within the block. A connection that was open before stays open."""
    is_ours = models.database.connect(reuse_if_open=True)
    try:
        yield
    finally:
        if is_ours:
            models.database.close()


def _end_what_must_not_return() -> None:
    """End everything in a backup that must not work again. People may have signed out since,
    one-time tokens may have been used, and letters may have been sent. Calendar apps read all
    again: none takes its own copy for the newest.
    """
    with _connected():
        if migrate.state() == "current":
            Clinic.age_faces()
        elif Clinic.table_exists():
            Clinic.age_revisions()
        if Session.table_exists():  # a backup of an older version lacks the table
            Session.delete().execute()
        for name in ("one_time_token", "one_time_link"):  # the second: in earlier versions
            if models.database.table_exists(name):
                models.database.execute_sql(f"DELETE FROM {name} WHERE purpose = 'reset'")
        if migrate.state() == "current":
            _write_what_was_due()
        if Letter.table_exists():
            Letter.stop_after_restore()


def _write_what_was_due() -> None:
    """Write the letters that have become due since the backup, so that they are stopped together
    with those that the backup contains. The replaced database has probably sent these reminders and
    lists.
    """
    for write_due in (reminders.write_due, to_team.write_due):
        try:
            write_due()
        except Exception as error:  # the restore is finished anyway
            log.error("letters not stopped: %s at %s", type(error).__name__, places(error))


def _copy_damaged(source: Path, target: Path) -> None:
    """Keep a file that SQLite cannot read, unchanged, with its log. Some of it may be recovered
    later.
    """
    for rest in ("", "-wal", "-shm"):
        if (part := source.with_name(source.name + rest)).exists():
            kept = target.with_name(target.name + rest)
            kept.touch(mode=0o600)
            shutil.copyfile(part, kept)
            files.to_disk(kept)


def _check_sqlite(fresh: Path) -> None:
    try:
        with closing(sqlite3.connect(fresh)) as copy:
            is_whole = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            has_rows = copy.execute("SELECT 1 FROM clinic LIMIT 1").fetchone() is not None
    except sqlite3.DatabaseError:
        is_whole = has_rows = False
    if not (is_whole and has_rows):
        raise BackupRefused(_("The database in this backup is damaged."))


def _replace_sqlite(present: Path, fresh: Path, aside: Path) -> None:
    """Replace the present file by the fresh one, and keep a copy of it aside.

    The log beside the present file belongs to it and must be gone before the fresh file comes. So
    the log's content is first written into the file: a crash at any step leaves one complete
    database there, and the copy aside.
    """
    models.database.obj.close_all()
    present = present.resolve()  # a symbolic link stays a link
    present.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if present.parent != aside.parent.parent:
        files.clear_away(present.parent, ".restore-")
    if present.exists():
        try:
            copy_sqlite(present, aside)
            files.to_disk(aside)
            with closing(sqlite3.connect(present, timeout=10)) as there:
                is_busy, *__ = there.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if is_busy:
                raise sqlite3.OperationalError("something still reads it")
        except sqlite3.OperationalError as error:
            raise BackupRefused(
                _(
                    "The present database cannot be kept aside: {error}. Make room, or stop"
                    " whatever still uses it.",
                    error=error,
                )
            ) from None
        except sqlite3.DatabaseError:
            _copy_damaged(present, aside)
    files.give_back(*aside.parent.iterdir())
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=present.parent) as folder:
        near = Path(folder) / "kalends.db"  # on the same disk, so that one step replaces it
        shutil.move(fresh, near)
        files.give_back(near, like=present.parent)
        files.to_disk(near)
        for rest in ("-wal", "-shm"):
            present.with_name(present.name + rest).unlink(missing_ok=True)
        near.replace(present)
    files.to_disk(present.parent)
