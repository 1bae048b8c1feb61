"""One archive with everything that cannot be made again.

The database, and the key that the private links follow from.

A tar file of `about.json` (what it is), `kalends.db` (SQLite) or `kalends.dump` (PostgreSQL), and
`secret_key` where Kalends made its own. What comes from the environment stays there. Whatever is
written is written beside, brought to the disk, and then renamed.
"""

import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import models
from base import scheduling
from base.database import is_sqlite
from base.outbox import Letter
from base.settings import CannotAsk, has_clinic
from models import Clinic
from people.sessions import Session

from . import keys, migrate, postgres_tools, processes
from .keeper import CannotStart

PARTS = ("about.json", "kalends.db", "kalends.dump", "secret_key")


class Refused(Exception):
    """The message is a sentence for the person at the keyboard."""


def write(settings, file: Path) -> str:
    """Make the backup, readable by its owner alone; Kalends may go on meanwhile.

    Gives what to say. Raises Refused, OSError.
    """
    if file.exists():
        raise Refused(f"{file} exists already. Name another file.")
    if not file.absolute().parent.is_dir():
        raise Refused(
            f"There is no folder {file.absolute().parent}. Make it, or name a file in another."
        )
    _check_worth(settings)
    _clear_away(file.absolute().parent, ".backup-", timedelta(days=1))  # another one may be at work
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.absolute().parent) as folder:
        there = Path(folder)
        about = {
            "made_at": scheduling.utc_now().isoformat(),
            "migrations": sorted(migrate.applied()),
        }
        (there / "about.json").write_text(json.dumps(about))
        try:
            with postgres_tools.refusing(Refused):
                (
                    _copy_sqlite(_sqlite_path(settings), there / "kalends.db")
                    if is_sqlite()
                    else postgres_tools.dump(settings.database_url, there / "kalends.dump")
                )
        except sqlite3.Error as error:
            raise Refused(f"The backup was not written: {error}.") from None
        key = _kept_key(settings)
        if key:
            shutil.copyfile(key, there / "secret_key")
        packed = there / "packed"
        with tarfile.open(packed, "x:gz") as archive:
            for part in PARTS:
                if (there / part).exists():
                    archive.add(there / part, arcname=part, filter=_private)
        packed.chmod(0o600)
        _to_disk(packed)
        packed.rename(file)
        _to_disk(file.absolute().parent)
    return f"Written: {file}. " + (
        "The secret key is in it."
        if key
        else "The secret key is not in it: keep KALENDS_SECRET_KEY as safe."
    )


def _check_worth(settings) -> None:
    """Raise Refused where the backup would not be what it seems.

    It would be of an empty database, or with a key that is not its own.
    """
    where = _sqlite_path(settings) if is_sqlite() else "that DATABASE_URL names"
    if not _has_clinic(settings):
        raise Refused(
            f"There is no clinic in the database {where}. Nothing was written. Run this with the"
            " service's own settings: KALENDS_SETTINGS_FILE names the file that holds them."
        )
    if (
        "server_key" in models.database.get_tables()
        and keys.state(settings.secret_keys) == "foreign"
    ):
        raise Refused(f"Nothing was written. {keys.FOREIGN}")


def _has_clinic(settings) -> bool:
    try:
        return has_clinic(settings.database_url)
    except CannotAsk as error:
        raise Refused(f"The database cannot be used: {error}.") from None


def inspect(file: Path) -> datetime:
    """When the backup was made. Raises Refused for what is none, or a newer version's."""
    try:
        with tarfile.open(file) as archive:
            about = json.loads(archive.extractfile("about.json").read(100_000))
            newer = set(about["migrations"]) - migrate.known()
            made_at = datetime.fromisoformat(about["made_at"])
    except (tarfile.TarError, KeyError, ValueError, AttributeError, TypeError, EOFError, OSError):
        raise Refused(f"{file} is not a backup of Kalends, or is damaged.") from None
    if newer:
        raise Refused(
            "This backup was made by a newer version of Kalends. Update the program first."
        )
    return made_at


def restore(settings, file: Path) -> str:
    """Put the backup in the place of the present database, and keep that aside.

    Gives what to say. Raises Refused, OSError.
    """
    inspect(file)
    try:
        with processes.only_one(settings.instance):  # nor may it start meanwhile
            return _restore(settings, file)
    except processes.AlreadyRuns:
        raise Refused("Kalends is running. Stop it first.") from None
    except CannotStart as error:
        raise Refused(str(error)) from None


def _restore(settings, file: Path) -> str:
    _clear_away(settings.instance, ".restore-")
    aside = settings.instance / f"before-restore-{scheduling.utc_now():%Y%m%d-%H%M%S-%f}"
    with _unpacked(file, settings.instance) as there, postgres_tools.refusing(Refused):
        wanted = "kalends.db" if is_sqlite() else "kalends.dump"
        if not (there / wanted).exists():
            raise Refused("This backup is of the other kind of database. Check DATABASE_URL.")
        if is_sqlite():
            _check_sqlite(there / wanted)
        aside.mkdir(mode=0o700)
        _unfinished(settings).touch(mode=0o600)
        _to_disk(settings.instance)
        if is_sqlite():
            _replace_sqlite(_sqlite_path(settings), there / wanted, aside / wanted)
        else:
            postgres_tools.dump(settings.database_url, aside / wanted)
            postgres_tools.replace(
                settings.database_url,
                there / wanted,
                [
                    *(table._meta.table_name for table in migrate.TABLES),
                    *migrate.EARLIER_NAMES,  # the database may never have been brought up to date
                ],
            )
        _replace_key(settings, there / "secret_key", aside / "secret_key")
    _take_back()
    return f"Restored. What was there before is kept in {aside}."


def finish_restore(settings) -> None:
    """What must follow a restore, and was not done or not all of it.

    At the end of one, and at the next start after one that was killed at any step.
    """
    if not is_unfinished(settings):
        return
    _take_back()
    with _connected():
        if migrate.state() == "current":
            Clinic.void_after_restore()
    _unfinished(settings).unlink()


def is_unfinished(settings) -> bool:
    """Whether a restore was begun here and not done to its end."""
    return _unfinished(settings).exists()


def _unfinished(settings) -> Path:
    """A file that is there while a restore is not done."""
    return settings.instance / "restore-unfinished"


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
    """What a backup holds and must not come to life again.

    Sessions, since somebody may have signed out meanwhile, and letters that went out. No calendar
    app may keep what it shows as the newest.
    """
    with _connected():
        if migrate.state() == "current":
            Clinic.age_faces()
        elif Clinic.table_exists():
            Clinic.age_revisions()
        if Session.table_exists():  # an older version's backup has none
            Session.delete().execute()
        if Letter.table_exists():
            Letter.stop_after_restore()


def before_update(settings) -> Path | None:
    """Make a backup in the instance folder before tables are changed.

    None where there is nothing to keep yet. Raises Refused, OSError.
    """
    if not _has_clinic(settings):
        return None
    file = settings.instance / f"before-update-{scheduling.utc_now():%Y%m%d-%H%M%S-%f}.tar.gz"
    write(settings, file)
    return file


def _sqlite_path(settings) -> Path:
    return Path(settings.database_url.removeprefix("sqlite:///"))


def _kept_key(settings) -> Path | None:
    """The file of the key that Kalends made itself, where it is the one in use."""
    key = settings.instance / "secret_key"
    return key if key.exists() and key.read_text().strip() == settings.secret_keys[0] else None


def _private(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Whatever unpacks it, only its owner reads it."""
    entry.mode, entry.uname, entry.gname, entry.uid, entry.gid = 0o600, "", "", 0, 0
    return entry


def _clear_away(folder: Path, prefix: str, older_than: timedelta = timedelta()) -> None:
    """Remove what a killed backup or restore left behind: it holds clients' records."""
    for left in folder.glob(f"{prefix}*"):
        if time.time() - left.stat().st_mtime >= older_than.total_seconds():
            shutil.rmtree(left, ignore_errors=True)


def _to_disk(path: Path) -> None:
    """What was written there survives a power cut from now on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _copy_sqlite(source: Path, target: Path) -> None:
    """SQLite's online backup: a consistent copy, whatever is written meanwhile."""
    target.touch(mode=0o600)
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
        here.execute("PRAGMA journal_mode = DELETE")


def _copy_damaged(source: Path, target: Path) -> None:
    """What SQLite cannot read is kept as it is, with its log.

    Somebody may still get something out of it.
    """
    for rest in ("", "-wal", "-shm"):
        if (part := source.with_name(source.name + rest)).exists():
            kept = target.with_name(target.name + rest)
            kept.touch(mode=0o600)
            shutil.copyfile(part, kept)
            _to_disk(kept)


def _check_sqlite(fresh: Path) -> None:
    try:
        with closing(sqlite3.connect(fresh)) as copy:
            is_whole = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except sqlite3.DatabaseError:
        is_whole = False
    if not is_whole:
        raise Refused("The database in this backup is damaged.")


def _replace_sqlite(present: Path, fresh: Path, aside: Path) -> None:
    """The log beside the present file belongs to it and must go before the fresh one comes.

    What it held is written into the file first, so that a crash at any step leaves one whole
    database there and the copy aside.
    """
    models.database.obj.close_all()
    present.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if present.exists():
        try:
            _copy_sqlite(present, aside)
            _to_disk(aside)
            with closing(sqlite3.connect(present, timeout=10)) as there:
                there.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as error:
            raise Refused(
                f"The present database cannot be kept aside: {error}. Make room, or stop whatever"
                " still uses it."
            ) from None
        except sqlite3.DatabaseError:
            _copy_damaged(present, aside)
    for rest in ("-wal", "-shm"):
        present.with_name(present.name + rest).unlink(missing_ok=True)
    _to_disk(fresh)
    (
        shutil.move(fresh, present)
        if present.parent.stat().st_dev != fresh.stat().st_dev
        else fresh.replace(present)
    )
    _to_disk(present.parent)


def _replace_key(settings, fresh: Path, aside: Path) -> None:
    """The kept key is the backup's from now on, so that its private links go on.

    A key from the environment stays in force.
    """
    present = settings.instance / "secret_key"
    if fresh.exists():
        if present.exists():
            shutil.copyfile(present, aside)
            aside.chmod(0o600)
        _to_disk(fresh)
        fresh.replace(present)
        _to_disk(present.parent)


@contextmanager
def _unpacked(file: Path, near: Path) -> Iterator[Path]:
    """The known parts of the archive as plain files that only their owner reads.

    Whatever else it holds is left alone.
    """
    with (
        tempfile.TemporaryDirectory(prefix=".restore-", dir=near) as folder,
        tarfile.open(file) as archive,
    ):
        for member in archive:
            if member.isfile() and member.name in PARTS:
                target = os.open(
                    Path(folder) / member.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
                )
                with archive.extractfile(member) as source, open(target, "wb") as into:
                    shutil.copyfileobj(source, into)
        yield Path(folder)
