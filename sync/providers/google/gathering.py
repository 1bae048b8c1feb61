"""The combined result of the pages of one pull."""

from typing import Any

from sync.events.event import RemoteEvent, Unread, Window
from sync.providers.parsing import apart, identity, reading

from .shapes import is_tombstone, to_event


class Gathered:
    """The combined result of the pages of one pull. The last state of an existing event counts, and
    `told_both` are events that were also reported as deleted. With a window, events outside it
    count as gone.
    """

    def __init__(self, window: Window | None):
        self.changed: dict[str, RemoteEvent] = {}
        self.tombstones: set[str] = set()
        self.unread: dict[str, Unread] = {}
        self.nameless: list[Unread] = []
        self.window, self.outside = window, 0
        self._deleted: set[str] = set()
        self.told_both: set[str] = set()

    def add(self, page: dict[str, Any]) -> None:
        """Add a page. Raises Unavailable for one of another shape."""
        with reading():
            for item in page.get("items", ()):
                found = apart(item, living)
                self._put(identity(item.get("id")) if isinstance(item, dict) else "", found)

    def _put(self, remote_id: str, found: RemoteEvent | Unread | None) -> None:
        if not remote_id:
            self.nameless.append(Unread("", "no_id"))
            return
        stands = remote_id in self.changed or remote_id in self.unread
        if found is None:
            self._deleted.add(remote_id)
        if remote_id in self._deleted and (found or stands):
            self.told_both.add(remote_id)
        if found is None and stands:
            return
        if (
            isinstance(found, RemoteEvent)
            and self.window
            and not self.window.touches(found.starts_at, found.ends_at)
        ):
            found, self.outside = None, self.outside + 1
        self.changed.pop(remote_id, None)
        self.unread.pop(remote_id, None)
        self.tombstones.discard(remote_id)
        if found is None:
            self.tombstones.add(remote_id)
        elif isinstance(found, Unread):
            self.unread[remote_id] = found
        else:
            self.changed[remote_id] = found


def living(item: dict[str, Any]) -> RemoteEvent | None:
    """The event, None for a tombstone. Raises Unreadable."""
    return None if is_tombstone(item) else to_event(item)
