"""The store of the sandbox: plain dictionaries under one lock, on request kept in a JSON file."""

import json
import os
import threading
from pathlib import Path

TABLES = (
    "accounts",
    "calendars",
    "clients",
    "grants",
    "codes",
    "access_tokens",
    "refresh_tokens",
    "channels",
)
SAVE_DELAY_SECONDS = 0.5


class Store:
    """Hold `lock` while reading or writing the tables; call `changed()` after a write.

    With a `path` the tables are kept there.
    """

    def __init__(self, path: str | Path | None = None):
        self.path = Path(path) if path else None
        self.lock = threading.RLock()
        self.revision = 0
        self._timer = None
        for table in TABLES:
            setattr(self, table, {})
        if self.path and self.path.exists():
            self._load()

    def tick(self) -> int:
        """The next revision.

        It grows with every change anywhere, and is used as version, etag and place in the history.
        """
        self.revision += 1
        self.changed()
        return self.revision

    def changed(self) -> None:
        """Write the file soon, once for many changes."""
        if self.path and self._timer is None:
            self._timer = threading.Timer(SAVE_DELAY_SECONDS, self.save)
            self._timer.daemon = True
            self._timer.start()

    def save(self) -> None:
        """Write the file now, completely or not at all."""
        if self.path is None:
            return
        with self.lock:
            self._timer = None
            kept = {table: getattr(self, table) for table in TABLES} | {"revision": self.revision}
            unfinished = self.path.with_suffix(f".{id(self):x}.new")  # another may save there, too
            with open(
                os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                "w",
                encoding="utf-8",
            ) as file:
                json.dump(kept, file)
            unfinished.replace(self.path)

    def _load(self) -> None:
        kept = json.loads(self.path.read_text(encoding="utf-8"))
        self.revision = kept["revision"]
        for table in TABLES:
            setattr(self, table, kept[table])
