"""Microsoft Graph, calendars in Outlook:
https://learn.microsoft.com/graph/api/resources/calendar?view=graph-rest-1.0

Changes come from the delta of a calendar's view,
https://learn.microsoft.com/graph/delta-query-events, which knows neither marks nor whole
occurrences, and reports events as removed that only left its window. So the delta says where to
look, and lists give the present state.

`shapes.py` and `errors.py` know the meaning of shapes and refusals; a calendar of ours is read in
`contents.py` and written in `writing.py`; channels are in `channels.py`.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from base import scheduling
from base.outgoing.line import HttpClient
from sync.events.event import Delta, Mark, RemoteEvent, Unread, Window
from sync.providers.base import ListedCalendar, Operation, Pages, Result
from sync.providers.errors import Gone, ProviderError, SyncTokenExpired
from sync.providers.parsing import (
    all_apart,
    all_told,
    events_and_unread,
    of_installation,
    reading,
)
from sync.providers.wire import AccessToken
from sync.providers.writing import OF_ANY_LOOK, carried_out, told_by

from . import json_batch
from .channels import GraphChannels
from .contents import PAGE_SIZE, GraphContents, calendar_path
from .graph import Graph
from .items import bounds, event_of, is_hidden, is_of_series, with_ids
from .shapes import (
    ACCOUNT,
    MARK,
    NOTE,
    PROPERTIES,
    VIEW_FIELDS,
    expanded,
    is_provisional,
    target,
    to_calendar,
    to_event,
)
from .writing import GraphWriter

LIST_SIZE = 100
FEW_TOLD = 60  # with more than this, the whole list costs fewer requests than one for each event
FEW_SERIES = 10


class Microsoft:
    """The adapter for one account; see `base.Provider`. `api_url` is
    https://graph.microsoft.com/v1.0, or a sandbox.
    """

    batch_size, longest_window = json_batch.MOST, timedelta(days=4 * 365)
    marks_occurrences, keeps_ids, may_have_none = False, True, False

    def __init__(
        self,
        http: HttpClient,
        access_token: AccessToken,
        api_url: str,
        clock: Callable[[], datetime] = lambda: scheduling.utc_now(),
    ):
        self._graph = Graph(http, access_token, api_url)
        self.channels = GraphChannels(self._graph, clock)

    def keep_pages(self, pages: Pages) -> None:
        self._graph.kept = pages

    def email(self) -> str:
        with reading():
            mail, name = self._addresses()
            return mail or name

    def _addresses(self) -> tuple[str, str]:
        """The mailbox's address, if it has one, and the name to sign in with."""
        person = self._graph.json("GET", target("/me", {"$select": "mail,userPrincipalName"}))
        return person.get("mail") or "", person["userPrincipalName"]

    # ---- calendars ----

    def calendars(self) -> list[ListedCalendar]:
        with reading():
            own = frozenset(address.lower() for address in self._addresses() if address)
            return all_told(self._calendars(), lambda item: to_calendar(item, own))

    def _calendars(self) -> list[dict[str, Any]]:
        """The calendars, with the notes by which ours are recognised, if these can be read."""
        query = {"$top": LIST_SIZE}
        try:
            noted = target("/me/calendars", query | {"$expand": expanded(NOTE)})
            return list(self._graph.items(noted, is_short=True))
        except ProviderError as error:
            if error.status != 400:
                raise
        return list(self._graph.items(target("/me/calendars", query), is_short=True))

    def calendar(self, calendar_id: str) -> ListedCalendar:
        with reading():
            return replace(
                to_calendar(self._graph.json("GET", calendar_path(calendar_id)), frozenset()),
                access="owner",
            )

    def create_calendar(self, name: str, zone_name: str, description: str = "") -> ListedCalendar:
        """A new calendar. Graph's calendars have no zone, and no description: it becomes a property
        that nobody sees.
        """
        note = {PROPERTIES: [{"id": NOTE, "value": description}]} if description else {}
        try:
            made = self._graph.json("POST", "/me/calendars", json={"name": name} | note)
        except ProviderError as error:
            if error.status != 400 or not note:
                raise
            made, description = self._graph.json("POST", "/me/calendars", json={"name": name}), ""
        with reading():
            return ListedCalendar(made["id"], made["name"], "owner", description=description)

    def delete_calendar(self, calendar_id: str) -> None:
        try:
            self._graph.send("DELETE", calendar_path(calendar_id))
        except Gone:
            return

    # ---- reading ----

    def pull(
        self,
        calendar_id: str,
        sync_token: str | None,
        window: Window,
        unrolled: bool = True,
        over: Container[str] = (),
    ) -> Delta:
        if sync_token is None:
            return self._everything(calendar_id, window, unrolled)
        reported, removed, token = self._since(sync_token)
        with reading():
            living = list(reported.values())
            if not unrolled:
                return self._ours(
                    calendar_id,
                    {event_of(item) for item in living},
                    {one for one in removed if one not in over},
                    token,
                )
            singles, series = (
                {event_of(item) for item in living if is_of_series(item) == is_series}
                for is_series in (False, True)
            )
            # removed and existing: the list decides
            if len(series) > FEW_SERIES or len(singles) > FEW_TOLD or removed & singles:
                return self._everything(calendar_id, window, unrolled)
            looks = self._shown(calendar_id, singles, series, window)
            if looks is None:
                return self._everything(calendar_id, window, unrolled)
            changed, unread = events_and_unread(looks)
            return Delta(
                tuple(changed),
                frozenset(removed - {one.remote_id for one in looks}),
                token,
                False,
                window,
                tuple(unread),
                relisted=frozenset(series - removed),
            )

    def _shown(
        self, calendar_id: str, singles: set[str], series: set[str], window: Window
    ) -> list[RemoteEvent | Unread] | None:
        """The events at these ids and the occurrences of these series; None if one of them was
        reported and is not shown: one of the two answers is wrong.
        """
        looks: list[RemoteEvent | Unread] = []
        for one in (
            GraphContents(self._graph, calendar_id, counts_guests=False).surely(singles).values()
        ):
            if one is None or is_hidden(one):
                return None
            looks.append(one)
        for series_id in sorted(series):
            occurrences = self._occurrences(series_id, window)
            if occurrences is None:
                return None
            looks += occurrences
        return looks

    def _everything(self, calendar_id: str, window: Window, unrolled: bool) -> Delta:
        """Everything in the calendar. The sync token is requested before the list, so that changes
        between the two requests are reported by the next round. For our own calendar the list has
        events of all times. The list is in doubt if it lacks an event that the first round
        reported: another event that was deleted meanwhile may have hidden it.
        """
        reported, _, token, _ = self._round(
            target(f"{calendar_path(calendar_id)}/calendarView/delta", bounds(window))
        )
        stood = {key for key, item in reported.items() if item.get("type") != "seriesMaster"}
        with reading():
            contents = GraphContents(self._graph, calendar_id)
            changed, unread = (
                contents.view(
                    bounds(window), lambda listed: bool(stood - listed) or self._has_news(token)
                )
                if unrolled
                else contents.everything()
            )
        return Delta(
            tuple(changed), frozenset(), token, True, window if unrolled else None, tuple(unread)
        )

    def _has_news(self, place: str | None) -> bool:
        """Whether the history has any change since this token. True also if the history is not
        available.
        """
        try:
            reported, removed, _ = self._since(place or "")
        except SyncTokenExpired:
            return True
        return bool(reported or removed)

    def _since(self, sync_token: str) -> tuple[dict[str, dict[str, Any]], set[str], str | None]:
        """The history since a sync token, as from `_round`. A token that Graph cannot read counts
        as expired.
        """
        if not self._graph.is_ours(sync_token):
            raise SyncTokenExpired("another service")
        try:
            living, removed, token, nameless = self._round(sync_token)
            if nameless:
                raise SyncTokenExpired("no id")  # the list shows its present state
            return living, removed, token
        except ProviderError as error:
            if error.status == 400:
                raise SyncTokenExpired(error.reason, 400) from None
            raise

    def _round(self, address: str) -> tuple[dict[str, dict[str, Any]], set[str], str | None, bool]:
        """All pages of one delta: existing events by id, ids of removed events, the address of the
        next delta, and whether an item had no id. An event that was moved away and back is in both
        sets, and needs a look.
        """
        living: dict[str, dict[str, Any]] = {}
        removed: set[str] = set()
        nameless = False
        with reading():
            for page in self._graph.pages(address, f"odata.maxpagesize={PAGE_SIZE}"):
                items = with_ids(page["value"])
                removed |= {item["id"] for item in items if "@removed" in item}
                living |= {item["id"]: item for item in items if "@removed" not in item}
                nameless |= len(items) < len(page["value"])
            return living, removed, page.get("@odata.deltaLink"), nameless

    def _occurrences(self, series_id: str, window: Window) -> list[RemoteEvent | Unread] | None:
        """The occurrences of one series; None if it is not shown. The delta has only some of them,
        and perhaps no removal.
        """
        query = bounds(window) | {
            "$select": VIEW_FIELDS,
            "$expand": expanded(MARK, ACCOUNT),
            "$top": PAGE_SIZE,
        }
        try:
            address = target(f"/me/events/{quote(series_id, safe='')}/instances", query)
            events, unread = all_apart(self._graph.items(address), to_event)
            return [*events, *unread]
        except OF_ANY_LOOK:
            raise
        except ProviderError:
            return None

    def _ours(
        self, calendar_id: str, living: set[str], removed: set[str], token: str | None
    ) -> Delta:
        """The changes in our calendar that the delta points to. "Removed" may also mean out of its
        window, and a look may find nothing for an existing event, or find a deleted one. The
        list decides both. An event that it lacks and nobody removed is not reported.
        """
        contents, looked_at = GraphContents(self._graph, calendar_id), living - removed
        stands = contents.surely(looked_at) if len(looked_at) <= FEW_TOLD else {}
        unsure = removed | {
            remote_id for remote_id in looked_at if is_hidden(stands.get(remote_id))
        }
        if unsure:
            listed = {one.remote_id: one for some in contents.everything() for one in some}
            stands |= {remote_id: listed.get(remote_id) for remote_id in unsure}
        changed, unread = events_and_unread(stands.values())
        return Delta(
            tuple(changed),
            frozenset(remote_id for remote_id in removed if stands[remote_id] is None),
            token,
            False,
            unread=tuple(unread),
        )

    def get(self, calendar_id: str, remote_id: str) -> RemoteEvent | None:
        return GraphContents(self._graph, calendar_id).get(remote_id)

    def look(
        self,
        calendar_id: str,
        remote_ids: Sequence[str],
        closely: bool = False,
        is_again: bool = False,
    ) -> dict[str, RemoteEvent | None]:
        contents = GraphContents(self._graph, calendar_id)
        found = told_by(dict(zip(remote_ids, contents.looks(remote_ids), strict=True)))
        return _as_listed(contents, found, is_again) if closely else found

    def outline(
        self, calendar_id: str, installation: str, window: Window | None = None
    ) -> dict[str, tuple[str, Mark | None]]:
        contents = GraphContents(self._graph, calendar_id)
        with reading():
            if window:
                return dict.fromkeys(contents.ids(bounds(window)), ("", None))
            return {
                remote_id: (etag, of_installation(mark, installation))
                for remote_id, etag, mark in contents.outline()
            }

    def find_marked(
        self, calendar_id: str, installation: str, is_quick: bool = False
    ) -> list[RemoteEvent]:
        with reading():
            contents = GraphContents(self._graph, calendar_id, counts_guests=False)
            found = contents.marked(installation) if is_quick else contents.everything()[0]
            return [
                event for event in found if event.mark and event.mark.installation == installation
            ]

    # ---- writing ----

    def write(self, calendar_id: str, operations: Iterable[Operation]) -> Iterator[Result]:
        return carried_out(operations, self.batch_size, GraphWriter(self._graph, calendar_id).write)


def _as_listed(
    contents: GraphContents, found: dict[str, RemoteEvent | None], is_again: bool
) -> dict[str, RemoteEvent | None]:
    """The events found, except those that were deleted and can still be looked up: None for ours,
    left out for others, or None if a list lacked them before (`is_again`).
    """
    by_id = {one: event for one, event in found.items() if event and not is_provisional(one)}
    external = [event for event in by_id.values() if event.mark is None]
    shown = contents.shown(external)
    for event in external:
        if not event.is_series and not shown.get(event.remote_id):
            del found[event.remote_id]
            if is_again and event.remote_id in shown:
                found[event.remote_id] = None
    by_id = {one: event for one, event in by_id.items() if event.mark}
    stands = contents.standing(by_id.values())
    for one, event in by_id.items():
        if event.remote_id not in stands:
            del found[one]
        elif not stands[event.remote_id]:
            found[one] = None
    return found
