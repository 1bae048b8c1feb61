"""A delta in groups: events with a mapping, others with our mark, and external ones."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync.events.event import Delta, EventMapping, RemoteEvent
from sync.events.fingerprint import times

# seconds between a provider's own clocks, and between the precisions of its answers
SKEW = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Reading:
    """A delta in groups. Numbers of laws: see `plan`."""

    told: dict[str, RemoteEvent]  # by id
    # ours by their mark, without a mapping; the one to keep comes first
    copies: dict[str, list[RemoteEvent]]
    external: tuple[RemoteEvent, ...]
    delta: Delta
    settled: datetime | None = None

    def seen(self, mapping: EventMapping) -> RemoteEvent | None:
        """The event of a mapping in the delta, unless it is outdated (law 3). An event in a
        complete delta exists, even if it was known as gone.
        """
        seen = self.told.get(mapping.remote_id)
        if seen is None or (
            mapping.phase == "gone" and seen.etag == mapping.etag and not self.delta.complete
        ):
            return None
        if not seen.updated_at or not mapping.updated_at:
            return seen
        is_behind = seen.updated_at < mapping.updated_at - SKEW
        is_settled = self.settled is not None and mapping.updated_at < self.settled
        return None if is_behind and not is_settled else seen

    def is_gone(self, mapping: EventMapping) -> bool:
        """Whether a mapping's event certainly does not exist (law 2)."""
        unread = {one.remote_id for one in self.delta.unread}  # "": it could be any
        unread |= self.delta.unsure
        if not mapping.remote_id or mapping.remote_id in self.told or mapping.remote_id in unread:
            return False
        looked_at = self.delta.complete and bool(mapping.fingerprint) and "" not in unread
        window = self.delta.window
        return mapping.remote_id in self.delta.tombstones or (
            looked_at and (window is None or window.clearly_contains(*times(mapping.fingerprint)))
        )


def sort_delta(
    delta: Delta,
    mappings: Iterable[EventMapping],
    installation: str,
    account: str = "",
    settled: datetime | None = None,
) -> Reading:
    """The delta in groups, by mappings and by the mark of this installation and account (law 4)."""
    by_id = _whole(delta.changed)
    mapped = {mapping.remote_id for mapping in mappings}
    copies: defaultdict[str, list[RemoteEvent]] = defaultdict(list)
    external: list[RemoteEvent] = []
    for seen in by_id.values():
        if seen.remote_id not in mapped:
            ours = seen.mark is not None and (seen.mark.installation, seen.mark.account) == (
                installation,
                account,
            )
            (copies[seen.own_mark.reference] if ours else external).append(seen)
    for found in copies.values():
        found.sort(key=lambda seen: (-seen.own_mark.generation, seen.remote_id))
    return Reading(by_id, dict(copies), tuple(external), delta, settled)


def _whole(changed: Iterable[RemoteEvent]) -> dict[str, RemoteEvent]:
    """The newest state of each event, by id. An occurrence is stored under its series' id with an
    empty etag: only the master's etag is valid for the series.
    """
    by_id: dict[str, RemoteEvent] = {}
    for seen in changed:
        known = by_id.get(seen.series_id) if seen.series_id else None
        if not seen.series_id:
            by_id[seen.remote_id] = seen
        elif known is None or not known.is_series:
            by_id[seen.series_id] = replace(
                seen, remote_id=seen.series_id, etag="", series_id=None, is_series=True
            )
    return by_id
