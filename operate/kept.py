"""Files that updates and restores set aside in the instance folder, and how long they stay.

They hold clients' records in the clear, so they are deleted in time.
"""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from base import scheduling

NEWEST = 3  # of each kind, which stay however old they are
LEAST = timedelta(days=30)
KINDS = ("before-update-", "before-restore-")


def clear(instance: Path) -> list[str]:
    """Remove what was set aside more than 30 days ago, but for the newest three of each kind.

    Nothing while a restore is not done. What cannot be removed stays. Gives the names.
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
                _remove(file)
            if not file.exists():
                gone.append(file.name)
    return gone


def made_at(file: Path, kind: str) -> datetime | None:
    """When it was set aside, by its name; None for a name that Kalends did not give."""
    text = file.name.removeprefix(kind).removesuffix(".tar.gz")
    try:
        return datetime.strptime(text + "+0000", "%Y%m%d-%H%M%S-%f%z")
    except ValueError:
        return None


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return
