"""HTTP for Microsoft Graph: https://learn.microsoft.com/graph/use-the-api

One request at a time for one mailbox: Outlook refuses more than four at once, and Graph works on
four calls of a batch at a time.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from base.outgoing.line import HttpClient
from sync.providers.base import Pages, Unkept
from sync.providers.errors import (
    Gone,
    NameInUse,
    ProviderError,
    RateLimited,
    SyncTokenExpired,
    Unanswered,
    Unavailable,
    Unsent,
)
from sync.providers.multipart import Call, CallAnswer
from sync.providers.parsing import following, is_of_another_shape, reading, within
from sync.providers.wire import AccessToken, Wire
from sync.providers.writing import HOPELESS, answers_to, judged

from . import json_batch
from .errors import error_of
from .shapes import target

# Ids that stay the same after a move, plain text, UTC: on every request, since each needs them.
# https://learn.microsoft.com/graph/outlook-immutable-id
NAMING = "POST", "/me/calendars"  # the only call that may be refused because a name is in use
PREFER = 'IdType="ImmutableId", outlook.body-content-type="text", outlook.timezone="UTC"'


class Graph:
    """Graph for one account. `api_url` is https://graph.microsoft.com/v1.0, or a sandbox."""

    def __init__(self, http: HttpClient, access_token: AccessToken, api_url: str):
        self._url = api_url.rstrip("/")
        known, allowed = (
            f"{self._url}{target(path, {'$select': 'id'})}" for path in ("/me", "/me/calendar")
        )
        self._wire = Wire(http, access_token, known, allowed, {"Prefer": PREFER})
        self.kept: Pages = Unkept()

    def is_ours(self, address: str) -> bool:
        """Whether a complete address, as Graph gives it for further pages, leads to
        Graph itself.
        """
        return urlsplit(address)[:2] == urlsplit(self._url)[:2]

    def json(self, method: str, path: str, prefer: str = "", **parts: Any) -> dict[str, Any]:
        """The body of an answer, as from `send`."""
        answer = self.send(method, path, prefer, **parts)
        with reading():
            return dict(answer.json())

    def send(self, method: str, path: str, prefer: str = "", **parts: Any) -> httpx.Response:
        """Send a request, and return the answer. `path`: below the base address, or a complete
        address at Graph. Raises ProviderError for every status from 300 on.
        """
        address = path if self.is_ours(path) else f"{self._url}{path}"
        headers = {"Prefer": f"{PREFER}, {prefer}"} if prefer else {}
        answer = self._wire.send(method, address, headers=headers, **parts)
        if answer.status_code >= 300:
            error = self._wire.judged(error_of(answer.status_code, _body(answer), answer.headers))
            raise error if (method, path) == NAMING else _nameless(error)
        return answer

    def pages(
        self, path: str, prefer: str = "", is_short: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Every page of one list; a page may be empty and not the last. An answer of another shape
        is an error, not an empty list. `is_short`: see `parsing.following`.
        """
        seen, address = {path}, path
        while True:
            page = self.kept.kept(address) or self.json("GET", address, prefer)
            if is_of_another_shape(page.get("value")):
                raise Unavailable("no page")
            link = page.get("@odata.nextLink")
            self.kept.keep(address, page, link is not None)
            yield page
            if link is None:
                return
            if not isinstance(link, str) or not self.is_ours(link):
                raise Unavailable("a page elsewhere")
            address = following(seen, link, is_short)

    def items(self, path: str, is_short: bool = False) -> Iterator[dict[str, Any]]:
        """The items on the pages of one list."""
        pages = self.pages(path, is_short=is_short)
        return (item for page in pages for item in page["value"])

    # ---- batches ----

    def together(self, calls: Sequence[Call]) -> list[CallAnswer | ProviderError]:
        """The result of each call. Graph works on four calls of a batch at a time, as many as a
        mailbox allows, so batches are sent one after another. No call may depend on another of
        its batch.

        After RateLimited, or a batch in which nothing succeeded, the rest is Unsent.
        """
        answers: list[CallAnswer | ProviderError] = [Unsent()] * len(calls)
        for start in range(0, len(calls), json_batch.MOST):
            came = self._batch_once_more(list(calls[start : start + json_batch.MOST]))
            answers[start : start + len(came)] = came
            troubles = [failure(answer) for answer in came]
            if any(isinstance(trouble, RateLimited) for trouble in troubles) or all(
                isinstance(trouble, HOPELESS) for trouble in troubles
            ):
                break
        return answers

    def _batch_once_more(self, calls: list[Call]) -> list[CallAnswer | ProviderError]:
        """The answers to one batch. Calls that met an expired access token did nothing, and are
        sent once more with another.
        """
        answers = answers_to(calls, self._batch)
        refused = _unsigned(answers)
        if refused and self._renew():
            for number, answer in zip(
                refused,
                answers_to([calls[number] for number in refused], self._batch),
                strict=True,
            ):
                answers[number] = answer
        elif refused:
            return answers  # there is no other token
        return judged(answers, failure, self._wire.judged)

    def _renew(self) -> bool:
        """Get another access token; whether there is one."""
        try:
            self._wire.renew()
        except ProviderError:
            return False
        return True

    def _batch(self, calls: Sequence[Call]) -> list[CallAnswer | ProviderError]:
        """The answers to one batch. Raises the error of a batch that was refused as a whole."""
        document = self.json("POST", "/$batch", json=json_batch.written(calls, {"Prefer": PREFER}))
        with reading():
            answers = json_batch.read_answers(document, len(calls))
        return [answer or Unanswered("no answer in the batch") for answer in answers]


def _unsigned(answers: Sequence[CallAnswer | ProviderError]) -> list[int]:
    """The indexes of answers that refuse the access token."""
    return [
        number
        for number, answer in enumerate(answers)
        if isinstance(answer, CallAnswer) and answer.status == 401
    ]


def failure(answer: CallAnswer | ProviderError) -> ProviderError | None:
    """The error that the answer to a call of a batch means; None for a good one."""
    if isinstance(answer, ProviderError):
        return answer
    if answer.status < 300:
        return None
    error = error_of(answer.status, answer.body, answer.headers)
    # no call has a sync token
    return (
        Gone(error.reason, error.status)
        if isinstance(error, SyncTokenExpired)
        else _nameless(error)
    )


def _nameless(error: ProviderError) -> ProviderError:
    """The meaning of "name in use" for a call without a name."""
    return ProviderError(error.reason, error.status) if isinstance(error, NameInUse) else error


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        return within(answer.json())
    except ValueError:
        return {}
