"""The events of one calendar with their marks:
https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from sync.events.event import Mark, RemoteEvent, Unread
from sync.providers.errors import Gone, ProviderError, Unanswered, Unreadable
from sync.providers.multipart import Call, CallAnswer
from sync.providers.parsing import all_apart, answered, each, etag, identity, reading
from sync.providers.values import written
from sync.providers.writing import OF_ANY_LOOK

from .graph import Graph, failure
from .items import with_ids
from .shapes import (
    ACCOUNT,
    EVENT_FIELDS,
    MARK,
    OWN_FIELDS,
    PROVISIONAL,
    VIEW_FIELDS,
    begins_with_mark,
    expanded,
    found_by,
    is_provisional,
    mark_text,
    property_of,
    target,
    to_event,
    to_mark,
)

PAGE_SIZE = 500

Found = RemoteEvent | None | ProviderError
Listed = tuple[list[RemoteEvent], list[Unread]]


class GraphContents:
    """Lists and single reads of one calendar. `counts_guests`: only for a calendar of ours, since
    Graph names the guests.
    """

    def __init__(self, graph: Graph, calendar_id: str, counts_guests: bool = True):
        self._graph, self._calendar = graph, calendar_path(calendar_id)
        self._path = f"{self._calendar}/events"
        self._own = {
            "$select": OWN_FIELDS if counts_guests else EVENT_FIELDS,
            "$expand": expanded(MARK, ACCOUNT),
        }

    def everything(self) -> Listed:
        """Every event, at any time, a repeat as one. More reliable than Graph's filters."""
        return all_apart(
            self._graph.items(target(self._path, self._own | {"$top": PAGE_SIZE})), to_event
        )

    def outline(self) -> Iterator[tuple[str, str, Mark | None]]:
        """Id, etag and mark of every event, and nothing more."""
        items = self._graph.items(
            target(
                self._path, {"$select": "id", "$expand": expanded(MARK, ACCOUNT), "$top": PAGE_SIZE}
            )
        )
        return (
            (item["id"], etag(item.get("@odata.etag")), to_mark(item))
            for item in each(list(items))
            if identity(item.get("id"))
        )

    def view(
        self,
        bounds: Mapping[str, str],
        is_in_doubt: Callable[[set[str]], bool] = lambda ids: False,
    ) -> Listed:
        """Single events and occurrences within a window.

        The next page of a list says how many items to skip, so an event that is deleted in between
        hides another. If `is_in_doubt` says so for the ids in a list of several pages, it is read
        once more with other page ends, and the events of both lists exist.
        """
        changed, unread, is_long = self._view(bounds, PAGE_SIZE)
        if not is_long or not is_in_doubt(
            {one.remote_id for one in changed} | {one.remote_id for one in unread}
        ):
            return changed, unread
        again, unread_again, _ = self._view(bounds, PAGE_SIZE - 1)
        found: dict[str, RemoteEvent] = {one.remote_id: one for one in (*changed, *again)}
        return list(found.values()), [
            one for one in {*unread, *unread_again} if one.remote_id not in found
        ]

    def _view(self, bounds: Mapping[str, str], size: int) -> tuple[*Listed, bool]:
        query = {
            **bounds,
            "$select": VIEW_FIELDS,
            "$expand": expanded(MARK, ACCOUNT),
            "$top": size,
        }
        pages = list(self._graph.pages(target(f"{self._calendar}/calendarView", query)))
        items = (item for page in pages for item in page["value"])
        return *all_apart(items, to_event), len(pages) > 1

    def ids(self, bounds: Mapping[str, str]) -> set[str]:
        """The ids of single events and occurrences within a window, and nothing more."""
        query = {**bounds, "$select": "id", "$top": PAGE_SIZE}
        items = self._graph.items(target(f"{self._calendar}/calendarView", query))
        return {item["id"] for item in each(list(items)) if identity(item.get("id"))}

    def marked(self, installation: str) -> list[RemoteEvent]:
        """The events with a mark of this installation, as Graph's filter finds them; where it
        cannot, every event.
        """
        try:
            query = self._own | {"$filter": begins_with_mark(installation), "$top": PAGE_SIZE}
            return all_apart(self._graph.items(target(self._path, query)), to_event)[0]
        except ProviderError as error:
            if error.status != 400:
                raise
        return self.everything()[0]

    def path(self, remote_id: str) -> str:
        """The path of one event."""
        return f"{self._path}/{quote(remote_id, safe='')}"

    def get(self, remote_id: str) -> RemoteEvent | None:
        """The event with an id, or with a provisional id; None if there is none, or no such
        calendar.
        """
        (found,) = self.looks([remote_id])
        if isinstance(found, ProviderError) and not isinstance(found, Gone):
            raise found
        return None if isinstance(found, Gone) else found

    def has(self, remote_id: str) -> bool:
        """Whether the event is in this calendar. A look by id is not enough: it also finds deleted
        events.
        """
        found = self.get(remote_id)
        return found is not None and self.standing([found]).get(found.remote_id, True)

    def looks(self, remote_ids: Sequence[str]) -> list[Found]:
        """The event at each of these ids, or the reason why it is unknown. Gone for a provisional
        id: there is no such calendar.
        """
        where = [
            self._by_provisional_id(one)
            if is_provisional(one)
            else target(self.path(one), self._own)
            for one in remote_ids
        ]
        answers = self._graph.together([Call("GET", one) for one in where])
        found = [_found(one, answer) for one, answer in zip(remote_ids, answers, strict=True)]
        found = [
            _of_its_own(one, look, remote_ids) for one, look in zip(remote_ids, found, strict=True)
        ]
        refused = [
            place
            for place, (one, look) in enumerate(zip(remote_ids, found, strict=True))
            if is_provisional(one) and isinstance(look, ProviderError) and look.status == 400
        ]
        for place, one in zip(
            refused, self._searched([remote_ids[place] for place in refused]), strict=True
        ):
            found[place] = one
        return found

    def surely(self, remote_ids: Iterable[str]) -> dict[str, RemoteEvent | Unread | None]:
        """The event at each of these ids; `Unread("refused")` if Graph refuses to show one. Raises
        errors that all of them meet.
        """
        stands = dict(zip(asked := sorted(remote_ids), self.looks(asked), strict=True))
        return {remote_id: _shown(remote_id, found) for remote_id, found in stands.items()}

    def standing(self, events: Iterable[RemoteEvent]) -> dict[str, bool]:
        """Whether each of these events of ours is in this calendar. The calendar is asked by a
        filter for their marks, since a look by id also finds deleted events. Events that stay
        uncertain are left out.
        """
        marks = {event.remote_id: event.mark for event in events if event.mark}
        queries = [
            {"$select": "id", "$filter": found_by(MARK, mark_text(mark)), "$top": PAGE_SIZE}
            for mark in marks.values()
        ]
        answers = self._graph.together(
            [Call("GET", target(self._path, query)) for query in queries]
        )
        refusals = [error for error in map(failure, answers) if error]
        for error in refusals:
            if isinstance(error, OF_ANY_LOOK):
                raise error
        if any(error.status == 400 for error in refusals):
            listed = {remote_id for remote_id, *_ in self.outline()}
            return {remote_id: remote_id in listed for remote_id in marks}
        with reading():
            return {
                remote_id: remote_id in {item["id"] for item in answer.body["value"]}
                for remote_id, answer in zip(marks, answers, strict=True)
                if isinstance(answer, CallAnswer) and failure(answer) is None
            }

    def shown(self, events: Sequence[RemoteEvent]) -> dict[str, bool]:
        """Whether the calendar's view shows each of these events at its own times. Events for which
        that stays unknown are left out. Raises errors that all of them meet.
        """
        answers = self._graph.together([Call("GET", self._at(event)) for event in events])
        for error in map(failure, answers):
            if isinstance(error, OF_ANY_LOOK):
                raise error
        with reading():
            return {
                event.remote_id: event.remote_id
                in {item["id"] for item in each(answer.body["value"])}
                for event, answer in zip(events, answers, strict=True)
                if isinstance(answer, CallAnswer) and failure(answer) is None
            }

    def _at(self, event: RemoteEvent) -> str:
        """The view of the times of an event; whole days are on the clock of the calendar."""
        spare = timedelta(days=1) if event.starts_on else timedelta(seconds=1)
        bounds = {
            "startDateTime": written(event.starts_at - spare),
            "endDateTime": written(event.ends_at + spare),
        }
        return target(
            f"{self._calendar}/calendarView", bounds | {"$select": "id", "$top": PAGE_SIZE}
        )

    def _by_provisional_id(self, provisional_id: str) -> str:
        query = {
            "$expand": expanded(MARK, ACCOUNT, PROVISIONAL),
            "$filter": found_by(PROVISIONAL, provisional_id),
        }
        return target(self._path, self._own | query)

    def _searched(self, provisional_ids: list[str]) -> list[Found]:
        """The events with these provisional ids, for servers on which Graph does not filter one
        calendar by our properties, as some report.
        """
        if not provisional_ids:
            return []
        try:
            with reading():
                items = list(
                    self._graph.items(
                        target(
                            self._path,
                            {"$select": "id", "$expand": expanded(PROVISIONAL), "$top": PAGE_SIZE},
                        )
                    )
                )
                named = with_ids(items)
                ids = {
                    property_of(item, PROVISIONAL): item["id"]
                    for item in sorted(named, key=lambda item: item["id"], reverse=True)
                }
        except ProviderError as error:
            return [error] * len(provisional_ids)
        standing = [one for one in provisional_ids if one in ids]
        found = dict(zip(standing, self.looks([ids[one] for one in standing]), strict=True))
        return [found.get(one) for one in provisional_ids]


def _found(remote_id: str, answer: CallAnswer | ProviderError) -> Found:
    error = failure(answer)
    if error or isinstance(answer, ProviderError):
        return None if isinstance(error, Gone) and not is_provisional(remote_id) else error
    try:
        with reading():
            return (
                _first(answer.body["value"], remote_id)
                if is_provisional(remote_id)
                else answered(answer.body, to_event)
            )
    except ProviderError as trouble:
        return trouble


def _shown(remote_id: str, found: Found) -> RemoteEvent | Unread | None:
    if isinstance(found, OF_ANY_LOOK):
        raise found
    if isinstance(found, ProviderError):
        return Unread(remote_id, found.reason if isinstance(found, Unreadable) else "refused")
    return found


def calendar_path(calendar_id: str) -> str:
    """The path of a calendar."""
    return f"/me/calendars/{quote(calendar_id, safe='')}"


def _of_its_own(remote_id: str, found: Found, asked: Sequence[str]) -> Found:
    """A look, unless its answer is about another event that was asked for."""
    if isinstance(found, RemoteEvent) and found.remote_id in set(asked) - {remote_id}:
        return Unanswered("another event")
    return found


def _first(items: list[dict[str, Any]], provisional_id: str) -> RemoteEvent | None:
    """The first item with a provisional id as an event, whatever else the filter let through. A
    person may have copied the event with its provisional id; the plan finds the copy by its mark.
    """
    bearing = [item for item in items if property_of(item, PROVISIONAL) == provisional_id]
    return min(map(to_event, bearing), key=lambda event: event.remote_id, default=None)
