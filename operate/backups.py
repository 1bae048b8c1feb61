"""One archive with everything that cannot be made again: the database, and the key that the private links follow from.

A tar file of `about.json` (what it is), `kalends.db` (SQLite) or `kalends.dump` (PostgreSQL), and `secret_key` where Kalends made
its own. What comes from the environment stays there.
"""

import json
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

import models
import scheduling
from models import Clinic

from . import migrate, processes

PARTS = ("about.json", "kalends.db", "kalends.dump", "secret_key")


class Refused(Exception):
    """The message is a sentence for the person at the keyboard."""


def write(settings, file: Path) -> str:
    """Make the backup, readable by its owner alone; Kalends may go on meanwhile. Gives what to say. Raises Refused, OSError."""
    if file.exists():
        raise Refused(f"{file} exists already. Name another file.")
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.absolute().parent) as folder:
        there = Path(folder)
        about = {"made_at": scheduling.utc_now().isoformat(), "migrations": sorted(migrate.applied())}
        (there / "about.json").write_text(json.dumps(about))
        _copy_sqlite(_sqlite_path(settings), there / "kalends.db") if models.is_sqlite() else _dump(settings.database_url, there / "kalends.dump")
        key = _kept_key(settings)
        if key:
            shutil.copyfile(key, there / "secret_key")
        packed = there / "packed"
        with tarfile.open(packed, "x:gz") as archive:
            for part in PARTS:
                if (there / part).exists():
                    archive.add(there / part, arcname=part)
        packed.chmod(0o600)
        packed.rename(file)
    return f"Written: {file}. " + ("The secret key is in it." if key else "The secret key is not in it: keep KALENDS_SECRET_KEY as safe.")


def inspect(file: Path) -> datetime:
    """When the backup was made. Raises Refused for what is none, or a newer version's."""
    try:
        with tarfile.open(file) as archive:
            about = json.loads(archive.extractfile("about.json").read(100_000))
            newer = set(about["migrations"]) - migrate.known()
            made_at = datetime.fromisoformat(about["made_at"])
    except (tarfile.TarError, KeyError, ValueError, AttributeError, EOFError, OSError):
        raise Refused(f"{file} is not a backup of Kalends, or is damaged.") from None
    if newer:
        raise Refused("This backup was made by a newer version of Kalends. Update the program first.")
    return made_at


def restore(settings, file: Path) -> str:
    """Put the backup in the place of the present database, and keep that aside. Gives what to say. Raises Refused, OSError."""
    inspect(file)
    if processes.is_running(settings.instance):
        raise Refused("Kalends is running. Stop it first.")
    aside = settings.instance / f"before-restore-{scheduling.utc_now():%Y%m%d-%H%M%S}"
    settings.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _unpacked(file, settings.instance) as there:
        wanted = "kalends.db" if models.is_sqlite() else "kalends.dump"
        if not (there / wanted).exists():
            raise Refused("This backup is of the other kind of database. Check DATABASE_URL.")
        if models.is_sqlite():
            _check_sqlite(there / wanted)
        aside.mkdir(mode=0o700)
        if models.is_sqlite():
            _replace_sqlite(_sqlite_path(settings), there / wanted, aside / wanted)
        else:
            _dump(settings.database_url, aside / wanted)
            _run_tool("pg_restore", settings.database_url, "--clean", "--if-exists", "--no-owner", "--single-transaction", str(there / wanted))
        _replace_key(settings, there / "secret_key", aside / "secret_key")
    with models.database.connection_context():
        Clinic.age_faces()
    return f"Restored. What was there before is kept in {aside}."


def _sqlite_path(settings) -> Path:
    return Path(settings.database_url.removeprefix("sqlite:///"))


def _kept_key(settings) -> Path | None:
    """The file of the key that Kalends made itself, where it is the one in use."""
    key = settings.instance / "secret_key"
    return key if key.exists() and key.read_text().strip() == settings.secret_keys[0] else None


def _copy_sqlite(source: Path, target: Path) -> None:
    """SQLite's online backup: a consistent copy, whatever is written meanwhile."""
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
        here.execute("PRAGMA journal_mode = DELETE")
    target.chmod(0o600)


def _check_sqlite(fresh: Path) -> None:
    try:
        with closing(sqlite3.connect(fresh)) as copy:
            is_whole = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except sqlite3.DatabaseError:
        is_whole = False
    if not is_whole:
        raise Refused("The database in this backup is damaged.")


def _replace_sqlite(present: Path, fresh: Path, aside: Path) -> None:
    models.database.obj.close_all()
    if present.exists():
        _copy_sqlite(present, aside)
    for rest in ("-wal", "-shm"):  # they belong to the database that goes
        present.with_name(present.name + rest).unlink(missing_ok=True)
    fresh.replace(present)


def _replace_key(settings, fresh: Path, aside: Path) -> None:
    """The kept key is the backup's from now on, so that its private links go on; a key from the environment stays in force."""
    present = settings.instance / "secret_key"
    if fresh.exists():
        if present.exists():
            present.replace(aside)
        fresh.chmod(0o600)
        fresh.replace(present)


@contextmanager
def _unpacked(file: Path, near: Path) -> Iterator[Path]:
    """The known parts of the archive as plain files, whatever else it holds."""
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=near) as folder, tarfile.open(file) as archive:
        for member in archive:
            if member.isfile() and member.name in PARTS:
                with archive.extractfile(member) as source, open(Path(folder) / member.name, "xb") as target:
                    shutil.copyfileobj(source, target)
        yield Path(folder)


def _dump(url: str, target: Path) -> None:
    _run_tool("pg_dump", url, "--format=custom", f"--file={target}")


def _run_tool(tool: str, url: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own tools on the database. The password goes through a file: a process's arguments can be read by all."""
    if shutil.which(tool) is None:
        raise Refused(f"{tool} is not installed here. Install PostgreSQL's client tools of the server's version (Debian: postgresql-client).")
    parts = conninfo_to_dict(url)
    with tempfile.NamedTemporaryFile("w", prefix=".pgpass-") as passwords:  # made with mode 0600
        passwords.write("*:*:*:*:" + str(parts.pop("password", "")).replace("\\", "\\\\").replace(":", "\\:") + "\n")
        passwords.flush()
        done = subprocess.run([tool, "--dbname", make_conninfo(**parts, passfile=passwords.name), *arguments],  # noqa: S603 (no shell)
                              capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{tool} refused: {(done.stderr.strip().splitlines() or ['it did not say why'])[0]}")
