"""HTTP for one account, with a time limit for each step and for each whole exchange."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from base.outgoing.line import HttpClient, until

from .errors import (
    AuthExpired,
    NotConfigured,
    ProviderError,
    ScopeDoubted,
    ScopeMissing,
    Unanswered,
    Unavailable,
)

# Google compresses only for a User-Agent that contains "gzip".
HEADERS = {"User-Agent": "Kalends (gzip)"}
TIMEOUT = httpx.Timeout(30, connect=10)  # seconds for each step of a call
LONGEST_SECONDS = 180  # seconds for one whole exchange
LARGEST_OCTETS = 50_000_000  # octets of one answer, unpacked
# headers about the encoding of an answer
OF_THE_LINE = (
    "content-encoding",
    "content-length",
    "transfer-encoding",
)

AccessToken = Callable[[str | None], str]
"""Gives the access token of an account, or one other than the stale one that is named. The lock
and the storing are the caller's. Raises AuthExpired, or another ProviderError when none can be had
now.
"""


def http_client(
    transport: httpx.BaseTransport | None = None,
    timeout: httpx.Timeout = TIMEOUT,
    longest_seconds: float = LONGEST_SECONDS,
) -> HttpClient:
    """The HTTP client for providers: each step and one whole exchange have time-outs; no redirects;
    no address is logged (they contain e-mail addresses and sync tokens).
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return HttpClient(longest_seconds, transport=transport, headers=HEADERS, timeout=timeout)


def request(http: HttpClient, method: str, url: str, **parts: Any) -> httpx.Response:
    """The answer, whatever its status. Raises Unavailable when the provider was not reached;
    Unanswered when it may have been, or when its answer is too slow or has no end.
    """
    ends_at, received = time.monotonic() + http.longest_seconds, bytearray()
    try:
        with until(ends_at), http.stream(method, url, **parts) as answer:
            if "," in answer.headers.get("Content-Encoding", ""):
                raise Unanswered("packed twice")  # a few octets could be unpacked to gigabytes
            for some in answer.iter_bytes():
                received += some
                if time.monotonic() > ends_at or len(received) > LARGEST_OCTETS:
                    raise Unanswered("endless answer")
        headers = [
            (name, value) for name, value in answer.headers.multi_items() if name not in OF_THE_LINE
        ]
        return httpx.Response(
            answer.status_code, headers=headers, content=bytes(received), request=answer.request
        )
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Unavailable(type(error).__name__) from None
    except httpx.HTTPError as error:
        raise Unanswered(type(error).__name__) from None


def is_of_access(error: ProviderError | None) -> bool:
    """Whether an error says that a fresh token is refused or allows too little, or that Kalends is
    not admitted. One such answer alone may be wrong (`Wire.judged`).
    """
    return isinstance(error, (NotConfigured, ScopeMissing)) or (
        isinstance(error, AuthExpired) and error.status == 401
    )


class Wire:
    """HTTP for one account, with its access token; an expired token is replaced once. `known` is an
    address that the provider answers for every good token, `allowed` one that it answers for
    every token with the scopes that we ask for. `headers` are sent with every request.
    """

    def __init__(
        self,
        http: HttpClient,
        access_token: AccessToken,
        known: str,
        allowed: str,
        headers: Mapping[str, str] | None = None,
    ):
        self._http, self._access_token = http, access_token
        self._known, self._allowed = known, allowed
        self._headers = dict(headers or {})
        self._used: str | None = None

    def send(self, method: str, url: str, **parts: Any) -> httpx.Response:
        """The answer; 401 only when a fresh token is refused as well. Raises as `request` and
        AccessToken do.
        """
        answer = self._send(method, url, **parts)
        if answer.status_code != 401:
            return answer
        self.renew()
        return self._send(method, url, **parts)

    def renew(self) -> None:
        """Get another access token."""
        self._used = self._access_token(self._used)

    def judged(self, error: ProviderError) -> ProviderError:
        """The meaning of a refusal with a fresh token. A refusal that would end access
        (`is_of_access`) may be about the account, or only about this request: another request with
        the same token shows it. Unavailable if it stays unknown.
        """
        if not is_of_access(error):
            return error
        is_scope = isinstance(error, ScopeMissing)
        try:
            status = self._send("GET", self._allowed if is_scope else self._known).status_code
        except ProviderError as trouble:
            return trouble
        if status == error.status or (is_scope and status == 401):
            return error
        if status >= 300:
            return Unavailable(error.reason, error.status)
        return (ScopeDoubted if is_scope else ProviderError)(error.reason, error.status)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **parts: Any
    ) -> httpx.Response:
        self._used = self._used or self._access_token(None)
        return request(
            self._http,
            method,
            url,
            headers=self._headers | {"Authorization": f"Bearer {self._used}", **(headers or {})},
            **parts,
        )
