"""Files that updates and restores move aside in the instance folder, and how long they are kept.

They contain clients' records in clear text, so they must be deleted in time.
"""

import shutil
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from base import scheduling

NEWEST = 3  # so many of each kind are kept, however old
LEAST = timedelta(days=30)
KINDS = ("before-update-", "before-restore-")


def clear(instance: Path) -> list[str]:
    """Remove files that were moved aside more than 30 days ago, except the newest three of each
    kind. Removes nothing while a restore is unfinished. Files that cannot be removed stay. Returns
    the names.
    """
    if (instance / "restore-unfinished").exists():
        return []
    at, gone = scheduling.utc_now(), []
    for kind in KINDS:
        dated = [(made_at(file, kind), file) for file in instance.glob(f"{kind}*")]
        known = sorted((at, file) for at, file in dated if at is not None)
        for made, file in known[:-NEWEST]:
            if made > at - LEAST:
                continue
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file, ignore_errors=True)
            else:
                with suppress(OSError):
                    file.unlink(missing_ok=True)
            if not file.exists():
                gone.append(file.name)
    return gone


def made_at(file: Path, kind: str) -> datetime | None:
    """When the file was moved aside, read from its name; None for a name that Kalends did
    not give.
    """
    text = file.name.removeprefix(kind).removesuffix(".tar.gz")
    try:
        return datetime.strptime(text + "+0000", "%Y%m%d-%H%M%S-%f%z")
    except ValueError:
        return None
