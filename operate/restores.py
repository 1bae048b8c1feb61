"""Replacing the present database by a backup.

A restore is marked in the instance folder until it is done, and the new database carries the number
of the mark: after a kill, the next process knows which database, and so which key, is there.
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
from base.database import is_sqlite, name_of_this_process
from base.tables.outbox import Letter
from base.text import places
from letters import reminders, team
from models import Clinic
from people.sessions import Session

from . import archive, files, kept, migrate, postgres_tools, processes
from .backups import Refused, copy_sqlite, damaged, inspect, key_file, sqlite_path
from .keeper import CannotStart

log = logging.getLogger("kalends.restore")


def restore(settings, file: Path) -> str:
    """Put the backup in the place of the present database, and keep that aside.

    Return the sentences to say. Raises Refused, OSError.
    """
    inspect(file)
    try:
        with (
            processes.only_one(settings.instance),  # nor may it start meanwhile
            files.used(settings.instance, alone=True),
        ):
            return _restore(settings, file)
    except processes.AlreadyRuns:
        raise Refused(_("Kalends is running. Stop it first.")) from None
    except files.InUse:
        raise Refused(
            _(
                "A part of Kalends (web, worker or clock) or another command still uses"
                " {instance}. Stop it first.",
                instance=settings.instance,
            )
        ) from None
    except CannotStart as error:
        raise Refused(str(error)) from None
    except archive.Damaged:
        raise Refused(damaged(file)) from None


def _put_in_place(settings, wanted: Path, aside: Path, mark: "_Mark") -> None:
    """Replace the database by the wanted one; what was there before is kept aside."""
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
                # the database may never have been brought up to date
                *migrate.EARLIER_NAMES,
            ],
            str(mark.number),
        )


def _restore(settings, file: Path) -> str:
    files.clear_away(settings.instance, ".restore-")
    files.give_back(settings.instance / "running")
    settle_key(settings)  # of an earlier one that was killed: what is kept aside goes together
    if not is_sqlite():
        _refuse_while_used(settings)
    aside = settings.instance / f"before-restore-{scheduling.utc_now():%Y%m%d-%H%M%S-%f}"
    with (
        archive.unpacked(file, settings.instance) as there,
        postgres_tools.refusing(Refused),
    ):
        wanted = "kalends.db" if is_sqlite() else "kalends.dump"
        if not any((there / part).exists() for part in ("kalends.db", "kalends.dump")):
            raise Refused(damaged(file))
        if not (there / wanted).exists():
            raise Refused(_("This backup is of the other kind of database. Check DATABASE_URL."))
        fresh_key = there / "secret_key"
        mark = _Mark(
            secrets.randbelow(2**31 - 1) + 1,
            fresh_key.read_text().strip() if fresh_key.exists() else "",
            aside.name,
        )
        if is_sqlite():
            _check_sqlite(there / wanted)
            _stamp(there / wanted, mark)
        before = _mark_file(settings).read_text() if is_unfinished(settings) else None
        aside.mkdir(mode=0o700)
        files.give_back(aside)
        files.write_whole(_mark_file(settings), json.dumps(asdict(mark)))
        try:
            _put_in_place(settings, there / wanted, aside / wanted, mark)
        except (Refused, postgres_tools.ToolRefused, OSError):
            if _is_there(settings, mark) is False:
                _leave_as_before(settings, before, aside)
            raise
        settle_key(settings)
    _take_back()
    kept.clear(settings.instance)
    return _("Restored. What was there before is kept in {aside}.", aside=aside)


def _refuse_while_used(settings) -> None:
    """Raises Refused where parts of Kalends, on whichever machine, are connected to PostgreSQL."""
    with postgres_tools.refusing(Refused):
        others = postgres_tools.others(settings.database_url, name_of_this_process())
    if others:
        raise Refused(
            _(
                "The database is still used by: {others}. Stop these parts of Kalends first, on"
                " every machine.",
                others="; ".join(others),
            )
        )


@dataclass(frozen=True)
class _Mark:
    """A restore that is not done.

    `number`: what its database carries; `key`: the backup's own, or "" where it has none; `aside`:
    the folder's name.
    """

    number: int
    key: str
    aside: str


def _mark_file(settings) -> Path:
    """The file that exists while a restore is not done."""
    return settings.instance / "restore-unfinished"


def is_unfinished(settings) -> bool:
    """Whether a restore was begun here and not done to its end."""
    return _mark_file(settings).exists()


def _mark(settings) -> _Mark | None:
    """The restore that is not done.

    None also for one of an earlier version, which left an empty file.
    """
    try:
        return _Mark(**json.loads(_mark_file(settings).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _stamp(fresh: Path, mark: _Mark) -> None:
    with closing(sqlite3.connect(fresh)) as there:
        there.execute(f"PRAGMA user_version = {mark.number}")


def _is_there(settings, mark: _Mark) -> bool | None:
    """Whether the present database is the one that this restore brought; None: it does not say."""
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
    """Remove a half copy that was kept aside, which would be taken for a whole one, and put the
    earlier mark back: nothing was replaced.
    """
    shutil.rmtree(aside, ignore_errors=True)
    if mark is None:
        _mark_file(settings).unlink(missing_ok=True)
    else:
        files.write_whole(_mark_file(settings), mark)


def settle_key(settings) -> bool:
    """Put the backup's own key in its place where a restore brought its database.

    Gives whether the key changed.
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
    """Put the backup's key in the place of the kept one, so that its private links go on.

    A key from the environment stays in force.
    """
    present, aside = key_file(settings), settings.instance / mark.aside / "secret_key"
    if present.exists():
        files.write_whole(aside, present.read_text())
    files.write_whole(present, mark.key)


def finish_restore(settings) -> None:
    """Do what must follow a restore, as far as it was not done.

    Called at the end of one, and at the next start after one that was killed at any step.
    """
    if not is_unfinished(settings):
        return
    settle_key(settings)
    _take_back()
    with _connected():
        if migrate.state() == "current":
            Clinic.void_after_restore()
    _mark_file(settings).unlink()


@contextmanager
def _connected() -> Iterator[None]:
    """The database, open for this; what was open before stays so."""
    is_ours = models.database.connect(reuse_if_open=True)
    try:
        yield
    finally:
        if is_ours:
            models.database.close()


def _take_back() -> None:
    """End values in a backup that must not work again.

    Sessions, since somebody may have signed out meanwhile; links to set a password, which may have
    been used; letters that were sent. No calendar app may keep its copy as the newest.
    """
    with _connected():
        if migrate.state() == "current":
            Clinic.age_faces()
        elif Clinic.table_exists():
            Clinic.age_revisions()
        if Session.table_exists():  # an older version's backup has none
            Session.delete().execute()
        for name in ("one_time_token", "one_time_link"):  # the latter in an earlier version's
            if models.database.table_exists(name):
                models.database.execute_sql(f"DELETE FROM {name} WHERE purpose = 'reset'")
        if migrate.state() == "current":
            _write_what_was_due()
        if Letter.table_exists():
            Letter.stop_after_restore()


def _write_what_was_due() -> None:
    """Write the letters whose time has come since the backup, so that they are stopped with those
    that waited in it: reminders and lists went out then, as far as anybody knows.
    """
    for write_due in (reminders.write_due, team.write_due):
        try:
            write_due()
        except Exception as error:  # a restore ends all the same
            log.error("letters not stopped: %s at %s", type(error).__name__, places(error))


def _copy_damaged(source: Path, target: Path) -> None:
    """Keep what SQLite cannot read as it is, with its log.

    Somebody may still get something out of it.
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
        raise Refused(_("The database in this backup is damaged."))


def _replace_sqlite(present: Path, fresh: Path, aside: Path) -> None:
    """Put the fresh file in the place of the present one, and a copy of that aside.

    The log beside the present file belongs to it and must go before the fresh one comes; what it
    held is written into the file first, so that a crash at any step leaves one whole database there
    and the copy aside.
    """
    models.database.obj.close_all()
    present = present.resolve()  # a link to it stays one
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
            raise Refused(
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
