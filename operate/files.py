"""Files that must survive a power cut or a kill, and the lock on the instance folder.

The files are flushed to the disk, belong to the right owner, and are deleted if a killed command
left them.
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
    """Make a written file or folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(file: Path, content: str) -> None:
    """Write a small file, readable by its owner alone, either completely or not at all."""
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
    """Delete files of a killed backup or restore: they contain clients' records."""
    for left in folder.glob(f"{prefix}*"):
        if time.time() - left.stat().st_mtime >= older_than.total_seconds():
            shutil.rmtree(left, ignore_errors=True)


def give_back(*paths: Path, like: Path | None = None) -> None:
    """Give files that root made in another user's folder to the owner of that folder.

    The owner is that of `like`, or else of the folder that contains them. Otherwise the service
    could not open the files.
    """
    for path in paths:
        folder = (like or path.parent).stat()
        if os.geteuid() == 0 and path.exists():
            os.chown(path, folder.st_uid, folder.st_gid)


def sentence(error: Exception) -> str:
    """The system's reason for an error, in words only; any other error's own text."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.strerror}: {error.filename}." if error.filename else f"{error.strerror}."


class InUse(Exception):
    """Another process uses this instance folder now."""


@contextmanager
def used(instance: Path, alone: bool = False) -> Iterator[None]:
    """Mark the folder as used by this process and its children within the block.

    `alone`: also refuse all other processes. Raises InUse. A missing or read-only folder is not
    marked: no restore is possible there either.
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
