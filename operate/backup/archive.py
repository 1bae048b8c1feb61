"""The file of a backup: a tar file of its parts.

`about.json` (its description), `kalends.db` (SQLite) or `kalends.dump` (PostgreSQL), and
`secret_key` where Kalends made its own.
"""

import gzip
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..files import give_back, to_disk

PARTS = ("about.json", "kalends.db", "kalends.dump", "secret_key")
_DAMAGES = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)


class Damaged(Exception):
    """The file is not a backup of Kalends, or not complete."""


def pack(folder: Path, file: Path) -> None:
    """Put the parts that lie in the folder into one file, readable by its owner alone.

    The file is complete or absent, and survives a power cut. Raises FileExistsError, OSError.
    """
    packed = folder / "packed"
    with tarfile.open(packed, "x:gz") as archive:
        for part in PARTS:
            if (folder / part).exists():
                archive.add(folder / part, arcname=part, filter=_private)
    packed.chmod(0o600)
    to_disk(packed)
    try:
        os.link(packed, file)  # unlike a renaming, it does not write over another's
    except FileExistsError:
        raise
    except OSError:  # a disk without links
        packed.rename(file)
    to_disk(file.absolute().parent)


def about(file: Path) -> Mapping[str, Any]:
    """The backup's description of itself. Raises Damaged."""
    try:
        with tarfile.open(file) as archive:
            member = archive.extractfile("about.json")
            found = json.loads(member.read(100_000)) if member else None
    except (*_DAMAGES, KeyError, ValueError, OSError):
        raise Damaged from None
    if not isinstance(found, dict):
        raise Damaged
    return found


@contextmanager
def unpacked(file: Path, near: Path) -> Iterator[Path]:
    """The known parts as plain files that only their owner can read.

    Other parts of the archive are left out. The archive is read to its end, where the checksum is.
    Raises Damaged, OSError.
    """
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=near) as folder:
        give_back(Path(folder))
        try:
            with _opened(file) as stream:
                with tarfile.open(fileobj=stream, mode="r|") as archive:
                    for member in archive:
                        _extract(archive, member, Path(folder))
                while stream.read(1 << 20):
                    pass
        except _DAMAGES:
            raise Damaged from None
        yield Path(folder)


def _opened(file: Path) -> BinaryIO:
    """The file's content. It may be uncompressed, since browsers remove the compression."""
    with open(file, "rb") as start:
        is_packed = start.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(file)) if is_packed else open(file, "rb")


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    source = archive.extractfile(member) if member.isfile() and member.name in PARTS else None
    if source is None:
        return
    with suppress(FileExistsError):  # of two parts with one name the first counts
        target = os.open(folder / member.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(target, "wb") as into:
            shutil.copyfileobj(source, into)


def _private(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The entry with permissions for its owner only, whatever program unpacks it."""
    entry.mode, entry.uname, entry.gname, entry.uid, entry.gid = 0o600, "", "", 0, 0
    return entry
