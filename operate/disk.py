"""A check whether the disks can be written. It writes a small file into the folders of the database
and of the embedded Redis. Free space alone says too little: a quota, a limit on files or a
read-only disk may refuse as well.
"""

import os
import tempfile
from pathlib import Path

from base.catalogue import _
from base.database_faults import OF_SYSTEM

OCTETS = 256 * 1024  # octets of the file: SQLite and Redis need some space for each change


def faults(settings) -> list[str]:
    """The faults of the disk, such as "disk full"; [] if all is well."""
    return sorted({fault for folder in _folders(settings) if (fault := _fault(folder))})


def _folders(settings) -> set[Path]:
    """The folders on this machine in which Kalends writes."""
    folders = {settings.instance} if settings.embedded_redis else set()
    if settings.database_url.startswith("sqlite:"):
        folders.add(Path(settings.database_url.removeprefix("sqlite:///")).parent)
    return folders


def _fault(folder: Path) -> str | None:
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".try-") as file:
            file.write(b"\0" * OCTETS)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return f"disk {OF_SYSTEM.get(error.errno, _('cannot be written'))}"
    return None
