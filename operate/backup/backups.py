"""Database and key in one file: all data that cannot be restored from elsewhere.

Feeds are derived from the key. A key from the environment is not in the backup.
"""

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from base import scheduling
from base.catalogue import _
from base.config.occupied import CannotAsk, has_clinic
from base.database import is_sqlite

from .. import files, keys, migrate
from . import archive, postgres_tools


class BackupRefused(Exception):
    """The message is a sentence for the person at the keyboard."""


def write(settings, file: Path) -> str:
    """Make the backup, readable by its owner alone, also while Kalends runs.

    Returns sentences for the person. Raises BackupRefused, OSError.
    """
    exists = _("{file} exists already. Name another file.", file=file)
    if file.exists():
        raise BackupRefused(exists)
    if not file.absolute().parent.is_dir():
        raise BackupRefused(
            _(
                "There is no folder {parent}. Make it, or name a file in another.",
                parent=file.absolute().parent,
            )
        )
    _check_worth(settings)
    # another process may be making one
    files.clear_away(file.absolute().parent, ".backup-", timedelta(days=1))
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.absolute().parent) as folder:
        there = Path(folder)
        about = {
            "made_at": scheduling.utc_now().isoformat(),
            "migrations": sorted(migrate.applied()),
        }
        (there / "about.json").write_text(json.dumps(about))
        try:
            with postgres_tools.refusing(BackupRefused):
                (
                    copy_sqlite(sqlite_path(settings), there / "kalends.db")
                    if is_sqlite()
                    else postgres_tools.dump(settings.database_url, there / "kalends.dump")
                )
        except sqlite3.Error as error:
            raise BackupRefused(_("The backup was not written: {error}.", error=error)) from None
        key = key_file(settings)
        is_ours = key.exists() and key.read_text().strip() == settings.secret_keys[0]
        if is_ours:
            shutil.copyfile(key, there / "secret_key")
        try:
            archive.pack(there, file)
        except FileExistsError:
            raise BackupRefused(exists) from None
    return _("Written: {file}. ", file=file) + (
        _("The secret key is in it.")
        if is_ours
        else _("The secret key is not in it: keep KALENDS_SECRET_KEY as safe.")
    )


def _check_worth(settings) -> None:
    """Raise BackupRefused if the backup would be misleading: of an empty database, or with a key
    that does not belong to it.
    """
    where = sqlite_path(settings) if is_sqlite() else _("that DATABASE_URL names")
    if not _has_clinic(settings):
        raise BackupRefused(
            _(
                "There is no clinic in the database {where}. Nothing was written. Run this with the"
                " service's own settings: KALENDS_SETTINGS_FILE names the file with them.",
                where=where,
            )
        )
    if keys.state(settings.secret_keys) == "another":
        raise BackupRefused(_("Nothing was written. {foreign}", foreign=keys.OF_ANOTHER))


def is_too_early(settings, file: Path) -> bool:
    """Whether nothing can be backed up yet, and nothing can have been lost: the database has this
    program's tables and no clinic, and there is no other backup in the file's folder. Raises
    BackupRefused.
    """
    others = file.absolute().parent.glob("*.tar.gz")
    return not _has_clinic(settings) and not migrate.unfit() and not any(others)


def _has_clinic(settings) -> bool:
    try:
        return has_clinic(settings.database_url)
    except CannotAsk as error:
        raise BackupRefused(_("The database cannot be used: {error}.", error=error)) from None


def inspect(file: Path) -> datetime:
    """The time of the backup. Raises BackupRefused for another file, or a newer version's."""
    try:
        about = archive.about(file)
        newer = set(about["migrations"]) - migrate.known()
        made_at = datetime.fromisoformat(about["made_at"])
    except (archive.Damaged, KeyError, ValueError, TypeError):
        raise BackupRefused(damaged(file)) from None
    if newer:
        raise BackupRefused(
            _("This backup was made by a newer version of Kalends. Update the program first.")
        )
    return made_at


def damaged(file: Path) -> str:
    """The sentence about a file that is not a backup, or not complete."""
    return _("{file} is not a backup of Kalends, or is damaged.", file=file)


def before_update(settings) -> Path | None:
    """Make a backup in the instance folder before tables are changed.

    None if there is nothing to back up yet. Raises BackupRefused, OSError.
    """
    if not _has_clinic(settings):
        return None
    file = settings.instance / f"before-update-{scheduling.utc_now():%Y%m%d-%H%M%S-%f}.tar.gz"
    write(settings, file)
    return file


def sqlite_path(settings) -> Path:
    """The file of the database."""
    return Path(settings.database_url.removeprefix("sqlite:///"))


def key_file(settings) -> Path:
    """The file of the key that Kalends made itself."""
    return settings.instance / "secret_key"


def copy_sqlite(source: Path, target: Path) -> None:
    """SQLite's online backup: a consistent copy, even while others write."""
    target.touch(mode=0o600)
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
        here.execute("PRAGMA journal_mode = DELETE")
