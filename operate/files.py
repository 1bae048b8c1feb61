"""Files that must survive, and who uses the instance folder.

They are brought to the disk, kept their owner's, and cleared away when a killed command left them.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path


def to_disk(path: Path) -> None:
    """What was written there survives a power cut from now on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(file: Path, content: str) -> None:
    """A small file, readable by its owner alone, that is there whole or as it was before."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as into:
        into.write(content)
        into.flush()
        os.fsync(into.fileno())
    give_back(fresh)
    fresh.replace(file)
    to_disk(file.parent)


def clear_away(folder: Path, prefix: str, older_than: timedelta = timedelta()) -> None:
    """Remove what a killed backup or restore left behind: it holds clients' records."""
    for left in folder.glob(f"{prefix}*"):
        if time.time() - left.stat().st_mtime >= older_than.total_seconds():
            shutil.rmtree(left, ignore_errors=True)


def give_back(*paths: Path, like: Path | None = None) -> None:
    """Where root made files in a folder that is somebody else's, let them be that one's.

    They get the owner of the folder (`like`, or else the one they lie in). Otherwise the
    service could not open them.
    """
    for path in paths:
        folder = (like or path.parent).stat()
        if os.geteuid() == 0 and path.exists():
            os.chown(path, folder.st_uid, folder.st_gid)


def sentence(error: Exception) -> str:
    """What the system refused, in words alone; any other error as it says itself."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.strerror}: {error.filename}." if error.filename else f"{error.strerror}."


class InUse(Exception):
    """Others work with this instance folder now."""


@contextmanager
def used(instance: Path, alone: bool = False) -> Iterator[None]:
    """Say that this process works with the folder while the block runs.

    Those that it forks do so as well. `alone`: and nobody else does. Raises InUse. A folder
    that is not there, or cannot be written, is nobody's: nothing is restored there either.
    """
    try:
        file = os.open(instance / "in-use", os.O_RDWR | os.O_CREAT, 0o600)
        give_back(instance / "in-use")
    except OSError:
        yield
        return
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise InUse from None
    try:
        yield
    finally:
        os.close(file)
