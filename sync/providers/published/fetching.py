"""Requests for a published calendar: with conditions if the server supports them, and no second
request for the same document.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import httpx

from base.outgoing import exchange
from base.outgoing.line import HttpClient
from sync.providers.errors import (
    Forbidden,
    Gone,
    ProviderError,
    RateLimited,
    Unanswered,
    Unavailable,
    retry_after_seconds,
)

WHOLE_EVERY = timedelta(days=1)  # some answer "not modified" to everything
HEADERS = {"Accept": "text/calendar"}
# Refusals of `base.outgoing` that last until somebody acts.
LASTING = ("address", "plain", "private", "certificate", "unknown", "large", "moved")


@dataclass(frozen=True)
class PublishedToken:
    """The facts of the last answer. `digest` and `whole_at`: of the last one with a body, and its
    time, in ISO 8601. `sample` and `by_time`: see `contents`.
    """

    etag: str = ""
    modified: str = ""
    digest: str = ""
    whole_at: str = ""
    sample: dict[str, str] = field(default_factory=dict)
    by_time: bool = False

    def written(self) -> str:
        """The token as text, to be stored."""
        return json.dumps(asdict(self), separators=(",", ":"))


def read_token(text: str | None) -> PublishedToken:
    """The stored token; an empty one if it cannot be read."""
    try:
        return PublishedToken(**json.loads(text)) if text else PublishedToken()
    except (TypeError, ValueError):
        return PublishedToken()


def https(typed: str) -> str:
    """The address to ask: "webcal" means https. Raises exchange.RequestFailed."""
    plain = typed.strip()
    for scheme in ("webcal://", "webcals://", "feed://"):
        if plain.lower().startswith(scheme):
            plain = f"https://{plain[len(scheme) :]}"
    exchange.judged(plain)
    return plain


def fetch(
    http: HttpClient, address: str, token: PublishedToken, at: datetime
) -> httpx.Response | None:
    """The answer with the calendar; None: it has not changed. Raises a ProviderError; if
    `base.outgoing` refused, its reason is that word.
    """
    headers = dict(HEADERS)
    if token.whole_at and at - datetime.fromisoformat(token.whole_at) < WHOLE_EVERY:
        headers |= {"If-None-Match": token.etag} if token.etag else {}
        headers |= {"If-Modified-Since": token.modified} if token.modified else {}
    try:
        answer = exchange.exchange(http, "GET", https(address), headers=headers)
    except exchange.RequestFailed as refused:
        if refused.word in LASTING:
            raise ProviderError(refused.word) from None
        raise (Unanswered if refused.may_have_arrived else Unavailable)(refused.word) from None
    if answer.status_code == 304 and len(headers) > 1:
        return None
    if answer.status_code == 200:
        return answer
    raise _meaning(answer)


def _meaning(answer: httpx.Response) -> ProviderError:
    status = answer.status_code
    if status in (404, 410):
        return Gone("not_found", status)
    if status == 401:
        return Forbidden("password", status)
    if status == 403:
        return Forbidden("refused", status)
    if status in (429, 503):
        return RateLimited("", status, retry_after_seconds(answer.headers))
    return Unavailable("", status) if status >= 500 else ProviderError("unexpected", status)
