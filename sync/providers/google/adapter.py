"""Google Calendar: https://developers.google.com/workspace/calendar/api/v3/reference

Reads are paged lists; writes go out as batches of single PUT, POST and DELETE calls, told to
nobody. Ids are our own, so a write whose answer was lost is found again by its id. `shapes.py` and
`errors.py` know the meaning of shapes and refusals.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from base.outgoing.line import HttpClient
from sync.events.event import Delta, Mark, RemoteEvent, Window
from sync.providers.base import ListedCalendar, Operation, Pages, Result
from sync.providers.errors import (
    Exists,
    Gone,
    SyncTokenExpired,
)
from sync.providers.multipart import Call
from sync.providers.parsing import (
    all_apart,
    all_told,
    answered,
    each,
    etag,
    identity,
    of_installation,
    reading,
    sure_identity,
)
from sync.providers.values import written
from sync.providers.wire import AccessToken
from sync.providers.writing import carried_out, told_by

from .calendar_api import LIST, CalendarApi
from .channels import GoogleChannels
from .gathering import Gathered, living
from .shapes import EVENT_FIELDS, INSTALLATION, is_tombstone, to_calendar, to_mark
from .writing import (
    ANSWER,
    calendar_path,
    event_path,
    item_address,
    lies_there,
    to_call,
    to_result,
)

BATCH_SIZE = 50  # 1000 are allowed; small batches lose little when a connection dies
OUTLINE_FIELDS = "id,etag,status,recurringEventId,extendedProperties/private"
PAGE_SIZE, LIST_SIZE = 2500, 250
# with so many single occurrences outside the window in one increment, a complete pull, which has
# limits, is cheaper
MOST_OUTSIDE = 5000
# whole days have no zone here, so windows are compared with a day to spare
EDGE = timedelta(days=1)


class Google:
    """The adapter for one account; see `base.Provider`. `api_url` is https://www.googleapis.com, or
    a sandbox.
    """

    batch_size, longest_window = BATCH_SIZE, timedelta(days=200 * 365)
    marks_occurrences, keeps_ids, may_have_none = True, False, False

    def __init__(self, http: HttpClient, access_token: AccessToken, api_url: str):
        self._api = CalendarApi(http, access_token, api_url)
        self.channels = GoogleChannels(self._api)

    def keep_pages(self, pages: Pages) -> None:
        self._api.kept = pages

    def email(self) -> str:
        """The id of the primary calendar: it is the account's address, as implementers report."""
        with reading():
            return sure_identity(self._api.json("GET", f"{LIST}/primary", params={"fields": "id"}))

    # ---- calendars ----

    def calendars(self) -> list[ListedCalendar]:
        with reading():
            # a hidden event of ours still exists
            pages = self._api.pages(LIST, {"maxResults": LIST_SIZE, "showHidden": "true"})
            return all_told((item for page in pages for item in page.get("items", ())), to_calendar)

    def calendar(self, calendar_id: str) -> ListedCalendar:
        with reading():
            return replace(
                to_calendar(self._api.json("GET", calendar_path(calendar_id))), access="owner"
            )

    def create_calendar(self, name: str, zone_name: str, description: str = "") -> ListedCalendar:
        body = {
            "summary": name,
            "timeZone": zone_name,
            **({"description": description} if description else {}),
        }
        with reading():
            return replace(
                to_calendar(self._api.json("POST", "/calendars", json=body)), access="owner"
            )

    def delete_calendar(self, calendar_id: str) -> None:
        self._api.done_if_gone("DELETE", calendar_path(calendar_id))

    # ---- reading ----

    def pull(
        self,
        calendar_id: str,
        sync_token: str | None,
        window: Window,
        unrolled: bool = True,
        over: Container[str] = (),
    ) -> Delta:
        query = {
            "maxResults": PAGE_SIZE,
            "singleEvents": str(unrolled).lower(),
            "fields": f"kind,nextPageToken,nextSyncToken,items({EVENT_FIELDS})",
        }
        bounds = {"timeMin": written(window.starts_at), "timeMax": written(window.ends_at)}
        query |= {"syncToken": sync_token} if sync_token else bounds  # Google refuses both together
        gathered = Gathered(
            Window(window.starts_at - EDGE, window.ends_at + EDGE) if unrolled else None
        )
        page = {}
        for page in self._api.pages(f"{calendar_path(calendar_id)}/events", query):
            gathered.add(page)
            if sync_token and gathered.outside > MOST_OUTSIDE:
                raise SyncTokenExpired("an endless series")
        if sync_token and gathered.told_both:
            # one of the two answers is wrong: a complete list shows which
            raise SyncTokenExpired("removed and living")
        return Delta(
            tuple(gathered.changed.values()),
            frozenset(gathered.tombstones),
            page.get("nextSyncToken"),
            not sync_token,
            window,
            (*gathered.unread.values(), *gathered.nameless),
        )

    def get(self, calendar_id: str, remote_id: str) -> RemoteEvent | None:
        try:
            return answered(
                self._api.json("GET", event_path(calendar_id, remote_id), params=ANSWER), living
            )
        except Gone:
            return None

    def look(
        self,
        calendar_id: str,
        remote_ids: Sequence[str],
        closely: bool = False,
        is_again: bool = False,
    ) -> dict[str, RemoteEvent | None]:
        """Look up events by id. `closely` changes nothing: a deleted event always comes as a
        tombstone.
        """
        found: dict[str, RemoteEvent | None] = {}
        for start in range(0, len(remote_ids), BATCH_SIZE):
            some = remote_ids[start : start + BATCH_SIZE]
            answers = self._api.send(
                [Call("GET", item_address(calendar_id, one, ANSWER)) for one in some]
            )
            looks = zip(some, map(lies_there, some, answers), strict=True)
            found |= told_by(
                {one: look.event if isinstance(look, Exists) else look for one, look in looks}
            )
        return found

    def outline(
        self, calendar_id: str, installation: str, window: Window | None = None
    ) -> dict[str, tuple[str, Mark | None]]:
        """A changed occurrence of a repeat is told beside it; it counts only with a mark."""
        if window:
            return dict.fromkeys(self._ids(calendar_id, window), ("", None))
        with reading():
            items = [
                (item, of_installation(to_mark(item), installation))
                for item in self._all(calendar_id, OUTLINE_FIELDS)
                if identity(item.get("id")) and not is_tombstone(item)
            ]
            return {
                item["id"]: (etag(item.get("etag")), mark)
                for item, mark in items
                if mark or not item.get("recurringEventId")
            }

    def _ids(self, calendar_id: str, window: Window) -> set[str]:
        query = {
            "maxResults": PAGE_SIZE,
            "singleEvents": "true",
            "timeMin": written(window.starts_at),
            "timeMax": written(window.ends_at),
            "fields": "kind,nextPageToken,items(id,status)",
        }
        pages = self._api.pages(f"{calendar_path(calendar_id)}/events", query)
        with reading():
            return {
                item["id"]
                for page in pages
                for item in each(page.get("items", ()))
                if identity(item.get("id")) and not is_tombstone(item)
            }

    def find_marked(
        self, calendar_id: str, installation: str, is_quick: bool = False
    ) -> list[RemoteEvent]:
        with reading():
            ours = {"privateExtendedProperty": f"{INSTALLATION}={installation}"}
            return all_apart(self._all(calendar_id, EVENT_FIELDS, **ours), living)[0]

    def _all(self, calendar_id: str, fields: str, **choice: str) -> Iterator[dict[str, Any]]:
        """Every event, a series as one. `choice`: further parameters of the request."""
        query = {
            "maxResults": PAGE_SIZE,
            "singleEvents": "false",
            **choice,
            "fields": f"kind,nextPageToken,items({fields})",
        }
        return (
            item
            for page in self._api.pages(f"{calendar_path(calendar_id)}/events", query)
            for item in page.get("items", ())
        )

    # ---- writing ----

    def write(self, calendar_id: str, operations: Iterable[Operation]) -> Iterator[Result]:
        return carried_out(operations, BATCH_SIZE, lambda group: self._write(calendar_id, group))

    def _write(self, calendar_id: str, group: list[Operation]) -> list[Result]:
        """Write one batch, and look up the events whose ids exist."""
        answers = self._api.send([to_call(calendar_id, operation) for operation in group])
        results = [
            to_result(operation, answer) for operation, answer in zip(group, answers, strict=True)
        ]
        existing = [
            number for number, result in enumerate(results) if isinstance(result.error, Exists)
        ]
        looks = self._api.send(
            [
                Call("GET", item_address(calendar_id, group[number].remote_id, ANSWER))
                for number in existing
            ]
        )
        for number, answer in zip(existing, looks, strict=True):
            results[number] = Result(
                group[number], error=lies_there(group[number].remote_id, answer)
            )
        return results
