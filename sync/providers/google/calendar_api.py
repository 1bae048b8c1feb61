"""Requests to Google Calendar and its batches, and their results. Refusals are raised."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx

from base.outgoing.line import HttpClient
from sync.providers import multipart
from sync.providers.base import Pages, Unkept
from sync.providers.errors import ProviderError, Unanswered, Unavailable
from sync.providers.multipart import Call, CallAnswer
from sync.providers.parsing import following, is_of_another_shape, reading
from sync.providers.wire import AccessToken, Wire
from sync.providers.writing import answers_to, judged

from .errors import error_of
from .writing import API, failure, may_pass_now

BATCH = "/batch/calendar/v3"
LIST = "/users/me/calendarList"
PAGES = ("calendar#events", "calendar#calendarList")


class CalendarApi:
    """The API for one account. Pages of lists are stored in `kept`."""

    def __init__(self, http: HttpClient, access_token: AccessToken, api_url: str):
        self._url = api_url.rstrip("/")
        known = f"{self._url}{API}{LIST}/primary?{urlencode({'fields': 'id'})}"
        self._wire = Wire(http, access_token, known, allowed=known)
        self.kept: Pages = Unkept()

    def json(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        """The answer to one request."""
        answer = self._wire.send(method, f"{self._url}{API}{path}", **parts)
        self._refuse(answer)
        with reading():
            return dict(answer.json())

    def done_if_gone(self, method: str, path: str, **parts: Any) -> None:
        """Send one request; a missing object counts as success."""
        answer = self._wire.send(method, f"{self._url}{API}{path}", **parts)
        if answer.status_code not in (404, 410):
            self._refuse(answer)

    def _refuse(self, answer: httpx.Response) -> None:
        """Raise the error that a refusal means."""
        if answer.status_code >= 300:
            try:
                body = answer.json()
            except ValueError:
                body = {}
            raise self._wire.judged(error_of(answer.status_code, body, answer.headers))

    def pages(self, path: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Every page of one query; a page may be empty and not the last. An answer of another shape
        is an error, not an empty list.
        """
        seen: set[str] = set()
        while True:
            address = f"{path}?{urlencode(query)}"
            page = self.kept.kept(address) or self.json("GET", path, params=query)
            if page.get("kind") not in PAGES or is_of_another_shape(page.get("items", [])):
                raise Unavailable("no page")
            self.kept.keep(address, page, "nextPageToken" in page)
            yield page
            if "nextPageToken" not in page:
                return
            with reading():
                place = following(seen, page["nextPageToken"], is_short=path == LIST)
            query = {**query, "pageToken": place}

    def send(self, calls: list[Call]) -> list[CallAnswer | ProviderError]:
        """The result of each call. Calls that met an expired access token, or each other, did
        nothing and are sent once more.
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
        return judged(answers, failure, self._wire.judged)

    def _send_once(self, calls: Sequence[Call]) -> list[CallAnswer | ProviderError]:
        """The answers to one batch. Raises the error of a batch that was refused as a whole."""
        content_type, content = multipart.written(calls)
        answer = self._wire.send(
            "POST", f"{self._url}{BATCH}", content=content, headers={"Content-Type": content_type}
        )
        self._refuse(answer)
        parts = multipart.read_parts(
            answer.headers.get("Content-Type", ""), answer.content, len(calls)
        )
        return [part or Unanswered("no part") for part in parts]
