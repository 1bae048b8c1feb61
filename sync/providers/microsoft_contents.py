"""What stands in one calendar of ours, with its marks: https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get"""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from ..event import RemoteEvent
from .base import Gone, ProviderError, reading
from .graph import Graph, failure
from .microsoft_mapping import EVENT_FIELDS, MARK, PROMISE, expanded, found_by, is_promised, property_of, target, to_event
from .multipart import Answer, Call

PAGE_SIZE = 500
OWN = {"$select": EVENT_FIELDS, "$expand": expanded(MARK)}


class Contents:
    """Iterated, it is every event there, whenever it takes place: a repeat as one. Surer than any of Graph's filters."""

    def __init__(self, graph: Graph, calendar_id: str):
        self._graph, self._path = graph, f"{calendar_path(calendar_id)}/events"

    def __iter__(self) -> Iterator[RemoteEvent]:
        return map(to_event, self._graph.items(target(self._path, OWN | {"$top": PAGE_SIZE})))

    def path(self, remote_id: str) -> str:
        return f"{self._path}/{quote(remote_id, safe='')}"

    def get(self, remote_id: str) -> RemoteEvent | None:
        """The event with an id, or with one that was only promised; None when there is none, nor a calendar."""
        found, = self.looks([remote_id])
        if isinstance(found, ProviderError) and not isinstance(found, Gone):
            raise found
        return None if isinstance(found, Gone) else found

    def looks(self, remote_ids: Sequence[str]) -> list[RemoteEvent | None | ProviderError]:
        """What stands at each of these ids, or why that cannot be told. Gone for a promised id: there is no such calendar."""
        answers = self._graph.in_turn([Call("GET", self._promised(one) if is_promised(one) else target(self.path(one), OWN)) for one in remote_ids])
        return [self._found(one, answer) for one, answer in zip(remote_ids, answers, strict=True)]

    def _promised(self, promise: str) -> str:
        return target(self._path, OWN | {"$filter": found_by(PROMISE, promise)})

    def _found(self, remote_id: str, answer: Answer | ProviderError) -> RemoteEvent | None | ProviderError:
        error = failure(answer)
        try:
            if is_promised(remote_id) and error and error.status == 400:
                return self._searched(remote_id)
            if isinstance(error, Gone) and not is_promised(remote_id):
                return None
            with reading():
                return error or (_first(answer.body["value"]) if is_promised(remote_id) else to_event(answer.body))
        except ProviderError as trouble:
            return trouble

    def _searched(self, promise: str) -> RemoteEvent | None:
        """The event that was promised, where Graph does not filter one calendar by our properties, as some report."""
        everything = self._graph.items(target(self._path, {"$select": "id", "$expand": expanded(PROMISE), "$top": PAGE_SIZE}))
        with reading():
            found = [item["id"] for item in everything if property_of(item, PROMISE) == promise]
        return self.get(min(found)) if found else None


def calendar_path(calendar_id: str) -> str:
    return f"/me/calendars/{quote(calendar_id, safe='')}"


def _first(items: list[dict]) -> RemoteEvent | None:
    """A person may have copied the event, promise and all; the copy is the plan's to find."""
    return min(map(to_event, items), key=lambda event: event.remote_id, default=None)
