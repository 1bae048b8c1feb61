"""Google Calendar: https://developers.google.com/workspace/calendar/api/v3/reference

Reads are paged lists; writes go out as batches of single PUT, POST and DELETE calls, told to
nobody. Ids are our own, so a write whose answer was lost is found again by its id. What the shapes
and refusals mean stands in `mapping.py` and `errors.py`.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from sync.events.event import Delta, Mark, RemoteEvent, Window
from sync.providers import multipart
from sync.providers.base import Calendar, ChannelCall, OpenChannel, Operation, Pages, Result, Unkept
from sync.providers.errors import (
    Exists,
    Gone,
    ProviderError,
    SyncTokenExpired,
    Unanswered,
    Unavailable,
)
from sync.providers.line import Client
from sync.providers.multipart import Answer, Call
from sync.providers.parsing import (
    all_apart,
    all_told,
    answered,
    etag,
    following,
    identity,
    is_of_another_shape,
    of_installation,
    reading,
    sure_identity,
)
from sync.providers.values import written
from sync.providers.wire import AccessToken, Wire
from sync.providers.writing import answers_to, carried_out, told_by

from .errors import error_of
from .gathering import Gathered, living
from .mapping import EVENT_FIELDS, INSTALLATION, event_id, is_tombstone, to_calendar, to_mark
from .writing import (
    ANSWER,
    API,
    calendar_path,
    event_path,
    item_address,
    lies_there,
    may_pass_now,
    to_call,
    to_result,
)

BATCH = "/batch/calendar/v3"
LIST = "/users/me/calendarList"
SCOPE = "https://www.googleapis.com/auth/calendar."

BATCH_SIZE = 50  # 1000 are allowed; small batches lose little when a connection dies
OUTLINE_FIELDS = "id,etag,status,recurringEventId,extendedProperties/private"
PAGES = ("calendar#events", "calendar#calendarList")
PAGE_SIZE, LIST_SIZE = 2500, 250
# single occurrences outside the window in one increment; a complete pull, which has bounds, is
# cheaper
MOST_OUTSIDE = 5000
# whole days have no zone here, so windows are compared with a day to spare
EDGE = timedelta(days=1)


class Google:
    """The adapter for one account; see `base.Provider`. `api_url` is https://www.googleapis.com, or
    a sandbox.
    """

    kind, batch_size, longest_window = "google", BATCH_SIZE, timedelta(days=200 * 365)
    marks_occurrences = True

    def __init__(self, http: Client, access_token: AccessToken, api_url: str):
        self._url = api_url.rstrip("/")
        known = f"{self._url}{API}{LIST}/primary?{urlencode({'fields': 'id'})}"
        self._wire = Wire(http, access_token, known)
        self._kept: Pages = Unkept()

    def keep_pages(self, pages: Pages) -> None:
        self._kept = pages

    @staticmethod
    def scopes(existing: bool = False, shared: bool = False) -> tuple[str, ...]:
        """What to ask for: to make a calendar and write to it, to list calendars, to read one's
        own. `existing`: also to write to calendars
        that one has already; `shared`: also to read other people's.
        https://developers.google.com/workspace/calendar/api/auth
        """
        names = [
            "app.created",
            "calendarlist.readonly",
            "events.owned" if existing else "events.owned.readonly",
        ]
        return tuple(SCOPE + name for name in names + ["events.readonly"] * shared)

    def email(self) -> str:
        """The id of a primary calendar is the account's address, as implementers report."""
        with reading():
            return sure_identity(self._json("GET", f"{LIST}/primary", params={"fields": "id"}))

    # ---- calendars ----

    def calendars(self) -> list[Calendar]:
        with reading():
            # one of ours that was hidden is there all the same
            pages = self._pages(LIST, {"maxResults": LIST_SIZE, "showHidden": "true"})
            return all_told((item for page in pages for item in page.get("items", ())), to_calendar)

    def calendar(self, calendar_id: str) -> Calendar:
        with reading():
            return replace(
                to_calendar(self._json("GET", calendar_path(calendar_id))), access="owner"
            )

    def create_calendar(self, name: str, zone_name: str, description: str = "") -> Calendar:
        body = {
            "summary": name,
            "timeZone": zone_name,
            **({"description": description} if description else {}),
        }
        with reading():
            return replace(to_calendar(self._json("POST", "/calendars", json=body)), access="owner")

    def delete_calendar(self, calendar_id: str) -> None:
        self._done_if_gone("DELETE", calendar_path(calendar_id))

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
        for page in self._pages(f"{calendar_path(calendar_id)}/events", query):
            gathered.add(page)
            if sync_token and gathered.outside > MOST_OUTSIDE:
                raise SyncTokenExpired("an endless series")
        if sync_token and gathered.told_both:
            # one of the two is wrong: everything tells which
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
                self._json("GET", event_path(calendar_id, remote_id), params=ANSWER), living
            )
        except Gone:
            return None

    def look(self, calendar_id: str, remote_ids: Sequence[str]) -> dict[str, RemoteEvent | None]:
        found: dict[str, RemoteEvent | None] = {}
        for start in range(0, len(remote_ids), BATCH_SIZE):
            some = remote_ids[start : start + BATCH_SIZE]
            answers = self._send(
                [Call("GET", item_address(calendar_id, one, ANSWER)) for one in some]
            )
            looks = zip(some, map(lies_there, answers), strict=True)
            found |= told_by(
                {one: look.event if isinstance(look, Exists) else look for one, look in looks}
            )
        return found

    def look_closely(
        self, calendar_id: str, remote_ids: Sequence[str]
    ) -> dict[str, RemoteEvent | None]:
        return self.look(calendar_id, remote_ids)  # what was deleted is told as a tombstone

    def outline(self, calendar_id: str, installation: str) -> dict[str, tuple[str, Mark | None]]:
        """A changed occurrence of a repeat is told beside it; it counts only with a mark."""
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

    def find_marked(
        self, calendar_id: str, installation: str, is_quick: bool = False
    ) -> list[RemoteEvent]:
        with reading():
            ours = {"privateExtendedProperty": f"{INSTALLATION}={installation}"}
            return all_apart(self._all(calendar_id, EVENT_FIELDS, **ours), living)[0]

    def _all(self, calendar_id: str, fields: str, **choice: str) -> Iterator[dict[str, Any]]:
        """Every event, a repeat as one; `choice`: what else to ask for."""
        query = {
            "maxResults": PAGE_SIZE,
            "singleEvents": "false",
            **choice,
            "fields": f"kind,nextPageToken,items({fields})",
        }
        return (
            item
            for page in self._pages(f"{calendar_path(calendar_id)}/events", query)
            for item in page.get("items", ())
        )

    # ---- writing ----

    def new_id(self, mark: Mark, secret: bytes) -> str:
        return event_id(mark, secret)

    def write(self, calendar_id: str, operations: Iterable[Operation]) -> Iterator[Result]:
        return carried_out(operations, BATCH_SIZE, lambda group: self._write(calendar_id, group))

    def _write(self, calendar_id: str, group: list[Operation]) -> list[Result]:
        """One batch, and a look at what lies at ids that were taken."""
        answers = self._send([to_call(calendar_id, operation) for operation in group])
        results = [
            to_result(operation, answer) for operation, answer in zip(group, answers, strict=True)
        ]
        taken = [
            number for number, result in enumerate(results) if isinstance(result.error, Exists)
        ]
        looks = self._send(
            [
                Call("GET", item_address(calendar_id, group[number].remote_id, ANSWER))
                for number in taken
            ]
        )
        for number, answer in zip(taken, looks, strict=True):
            results[number] = Result(group[number], error=lies_there(answer))
        return results

    def _send(self, calls: list[Call]) -> list[Answer | ProviderError]:
        """What each call came to. Those that met a dead access token, or one another, did nothing
        and are sent once more.
        """
        answers = answers_to(calls, self._send_once)
        again = [number for number, answer in enumerate(answers) if may_pass_now(answer)]
        try:
            if any(answers[number].status == 401 for number in again):
                self._wire.renew()
            repeated = answers_to([calls[number] for number in again], self._send_once)
        except ProviderError as error:
            repeated = [error] * len(again)
        for number, answer in zip(again, repeated, strict=True):
            answers[number] = answer
        return self._judged(answers)

    def _judged(self, answers: list[Answer | ProviderError]) -> list[Answer | ProviderError]:
        """The answers; those that a fresh token was refused for, as what that means."""
        refused = next(
            (one for one in answers if isinstance(one, Answer) and one.status == 401), None
        )
        if refused is None:
            return answers
        meaning = self._wire.judged(error_of(401, refused.body, refused.headers))
        return [
            meaning if isinstance(one, Answer) and one.status == 401 else one for one in answers
        ]

    def _send_once(self, calls: Sequence[Call]) -> list[Answer | ProviderError]:
        """The answers to one batch. Raises what refuses it as a whole."""
        content_type, content = multipart.written(calls)
        answer = self._wire.send(
            "POST", f"{self._url}{BATCH}", content=content, headers={"Content-Type": content_type}
        )
        self._refuse(answer)
        parts = multipart.read(answer.headers.get("Content-Type", ""), answer.content, len(calls))
        return [part or Unanswered("no part") for part in parts]

    # ---- channels ----

    def open_channel(
        self, calendar_id: str, channel_id: str, address: str, secret: str, expires_at: datetime
    ) -> OpenChannel:
        body = {
            "id": channel_id,
            "type": "web_hook",
            "address": address,
            "token": secret,
            "expiration": str(int(expires_at.timestamp() * 1000)),
        }
        answer = self._json("POST", f"{calendar_path(calendar_id)}/events/watch", json=body)
        with reading():
            ends_at = (
                datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC)
                if answer.get("expiration")
                else expires_at
            )
            return OpenChannel(answer["id"], answer["resourceId"], ends_at)

    def renew_channel(self, channel: OpenChannel, expires_at: datetime) -> OpenChannel | None:
        # Google knows no renewal:
        # https://developers.google.com/workspace/calendar/api/guides/push#renewing-notification-channels
        return None

    def close_channel(self, channel: OpenChannel) -> None:
        self._done_if_gone(
            "POST",
            "/channels/stop",
            json={"id": channel.channel_id, "resourceId": channel.resource_id},
        )

    @staticmethod
    def calls(headers: Mapping[str, str], body: bytes) -> list[ChannelCall]:
        """Everything stands in the headers. "sync" only says that the channel was made."""
        channel_id = headers.get("X-Goog-Channel-ID", "")
        state = headers.get("X-Goog-Resource-State", "")
        if not channel_id or state not in ("sync", "exists", "not_exists"):
            return []
        return [
            ChannelCall(
                channel_id,
                headers.get("X-Goog-Channel-Token", ""),
                "opened" if state == "sync" else "changed",
            )
        ]

    @staticmethod
    def handshake(query: Mapping[str, str]) -> str | None:
        return None

    @staticmethod
    def answer_to_calls(is_believed: bool) -> int:
        return 200 if is_believed else 404

    # ---- HTTP ----

    def _json(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        answer = self._wire.send(method, f"{self._url}{API}{path}", **parts)
        self._refuse(answer)
        return _body(answer)

    def _done_if_gone(self, method: str, path: str, **parts: Any) -> None:
        answer = self._wire.send(method, f"{self._url}{API}{path}", **parts)
        if answer.status_code not in (404, 410):
            self._refuse(answer)

    def _refuse(self, answer: httpx.Response) -> None:
        """Raises the error that a refusal stands for."""
        if answer.status_code >= 300:
            try:
                body = answer.json()
            except ValueError:
                body = {}
            raise self._wire.judged(error_of(answer.status_code, body, answer.headers))

    def _pages(self, path: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Every page of one query; a page may be empty and not the last. What is no page is an
        error, not an empty list.
        """
        seen: set[str] = set()
        while True:
            address = f"{path}?{urlencode(query)}"
            page = self._kept.kept(address) or self._json("GET", path, params=query)
            if page.get("kind") not in PAGES or is_of_another_shape(page.get("items", [])):
                raise Unavailable("no page")
            self._kept.keep(address, page, "nextPageToken" in page)
            yield page
            if "nextPageToken" not in page:
                return
            with reading():
                place = following(seen, page["nextPageToken"], is_short=path == LIST)
            query = {**query, "pageToken": place}


def _body(answer: httpx.Response) -> dict[str, Any]:
    with reading():
        return dict(answer.json())
