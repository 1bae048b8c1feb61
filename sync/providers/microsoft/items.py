"""The meaning of an item of a list or of a delta."""

from collections.abc import Iterable
from typing import Any

from sync.events.event import RemoteEvent, Unread, Window
from sync.providers.parsing import (
    identity,
)
from sync.providers.values import written


def bounds(window: Window) -> dict[str, str]:
    """The window as parameters of a list of occurrences."""
    return {"startDateTime": written(window.starts_at), "endDateTime": written(window.ends_at)}


def with_ids(items: Iterable[Any]) -> list[dict[str, Any]]:
    """The items of a list that have an id; any other value is left out."""
    return [item for item in items if isinstance(item, dict) and identity(item.get("id"))]


def is_hidden(found: RemoteEvent | Unread | None) -> bool:
    """Whether a look did not show an event that the delta reports. The list may show it."""
    return found is None or (isinstance(found, Unread) and found.reason == "refused")


def is_of_series(item: dict[str, Any]) -> bool:
    """Whether the item is a series, or one occurrence of a series."""
    return item.get("type") in ("seriesMaster", "occurrence", "exception")


def event_of(item: dict[str, Any]) -> str:
    """The event of an item in a delta: the item itself, or its series if it is an occurrence."""
    return identity(item.get("seriesMasterId")) or item["id"]
