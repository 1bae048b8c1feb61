"""Requests to one CalDAV server, at its pace: signed in, within limits, and only to the account's
host.

The HTTP client (`base.outgoing`) refuses private addresses. Redirects are followed by discovery
alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx

from base.outgoing.exchange import MOVED, RequestFailed, exchange
from base.outgoing.line import HttpClient
from sync.providers.errors import AuthExpired, ProviderError, Unanswered, Unavailable
from sync.providers.wire import AccessToken

from . import hrefs, login, xml
from .challenge import Digest, is_basic_alone, is_digest_alone
from .login import Login
from .refusals import error_of
from .spacing import TURNS, AccountTurns

LARGEST_OCTETS = 64_000_000  # octets of one answer, unpacked
XML_TYPE = "application/xml; charset=utf-8"
One = TypeVar("One")
Answer = TypeVar("Answer")


class Dav:
    """The requests to one account's server, each in its turn."""

    def __init__(self, http: HttpClient, access_token: AccessToken, turns: AccountTurns = TURNS):
        self._http, self._access_token, self._turns = http, access_token, turns
        self._login: Login | None = None
        self._digest: Digest | None = None  # of a server that takes no Basic
        self._moved = ""  # where the account's host sends every request now

    @property
    def login(self) -> Login:
        """The account's login. Raises AuthExpired if it cannot be decrypted."""
        if self._login is None:
            try:
                self._login = login.read_login(self._access_token(None))
            except ValueError:
                raise AuthExpired("no login") from None
        return self._login

    @property
    def takes_digest(self) -> bool:
        """Whether the server takes answers to a challenge, and no Basic."""
        return self._digest is not None

    def url(self, place: str) -> str:
        """The address of a path, or of a whole address on a host that may get the password. Raises
        ProviderError for any other host.
        """
        url = hrefs.absolute(self.login.url, place)
        if not hrefs.may_carry(self.login.url, url):
            raise ProviderError("other host")
        return hrefs.elsewhere(url, hrefs.origin(self.login.url), self._moved)

    def id_of(self, url: str) -> str:
        """The id of a calendar at this address: its path if that is on the account's host, or where
        that has moved; else the whole address.
        """
        here = hrefs.elsewhere(url, self._moved, hrefs.origin(self.login.url))
        return hrefs.shortest(self.login.url, here)

    def send(
        self,
        method: str,
        place: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str = XML_TYPE,
    ) -> httpx.Response:
        """The answer with any status but 401, which a second request checks. Raises AuthExpired,
        Unavailable, Unanswered.
        """
        answer = self.sent(method, place, content, headers, content_type)
        if answer.status_code == 401:
            raise self._judged()
        return answer

    def _judged(self) -> ProviderError:
        """The meaning of a 401: another request shows whether it is about the account."""
        body = xml.propfind(["d:current-user-principal"])
        answer = self.sent("PROPFIND", self.login.url, body, {"Depth": "0"})
        if answer.status_code == 401:
            return AuthExpired("", 401)
        if answer.status_code >= 300:
            return Unavailable("", answer.status_code)
        return ProviderError("", 401)

    def sent(
        self,
        method: str,
        place: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str = XML_TYPE,
        follows: bool = True,
    ) -> httpx.Response:
        """The answer to one request, whatever its status. Raises Unavailable, Unanswered.

        A server may have moved (iCloud's do): one redirect is followed, if the new host may get the
        password. Where only the host is another, further requests go there at once.
        """
        url = self.url(place)
        answer = self._asked(method, url, content, headers, content_type)
        there = answer.headers.get("Location", "") if answer.status_code in MOVED else ""
        moved = hrefs.absolute(str(answer.url), there) if there and follows else ""
        if moved and hrefs.may_carry(self.login.url, moved):
            if self.id_of(url) != url:  # at the account's own host
                self._moved = hrefs.moved_to(url, moved) or self._moved
            return self._asked(method, moved, content, headers, content_type)
        return answer

    def _asked(
        self,
        method: str,
        url: str,
        content: bytes | None,
        headers: Mapping[str, str] | None,
        content_type: str,
    ) -> httpx.Response:
        sent = dict(headers or {})
        if content is not None:
            sent["Content-Type"] = content_type
        refusal = None
        if self._digest is None and self.login.takes_digest:
            self._digest = Digest(self.login.user, self.login.secret)
        if self._digest is None:
            answer = self._exchanged(method, url, content, sent, is_basic=True)
            if not is_digest_alone(answer):
                return answer
            refusal, self._digest = answer, Digest(self.login.user, self.login.secret)

        def send(signed: dict[str, str]) -> httpx.Response:
            return self._exchanged(method, url, content, sent | signed)

        answer = self._digest.ask(method, url, send, refusal)
        if is_basic_alone(answer):  # it was set up otherwise since discovery
            return self._exchanged(method, url, content, sent, is_basic=True)
        return answer

    def _exchanged(
        self,
        method: str,
        url: str,
        content: bytes | None,
        headers: Mapping[str, str],
        is_basic: bool = False,
    ) -> httpx.Response:
        self._turns.wait((self.login.origin, self.login.user), self.login.seconds_between)
        try:
            return exchange(
                self._http,
                method,
                url,
                login=(self.login.user, self.login.secret) if is_basic else None,
                headers=headers,
                content=content,
                largest_octets=LARGEST_OCTETS,
                redirects=0,
            )
        except RequestFailed as refused:
            kind = Unanswered if refused.may_have_arrived else Unavailable
            raise kind(refused.word) from None

    def multistatus(
        self, method: str, place: str, content: bytes, depth: str = "0"
    ) -> xml.Multistatus:
        """The answer 207 to a PROPFIND or REPORT. Raises the meaning of any other answer."""
        answer = self.send(method, place, content, {"Depth": depth})
        if answer.status_code == 207:
            return xml.multistatus(answer.content)
        if answer.status_code < 300:
            raise Unavailable("not_caldav", answer.status_code)
        raise error_of(answer)

    def each(self, values: Iterable[One], ask: Callable[[One], Answer]) -> Sequence[Answer]:
        """The result of `ask` for each value, several at once, in order. Raises the first error."""
        every = list(values)
        if len(every) < 2:
            return [ask(one) for one in every]
        _ = self.login  # opened here: other threads have no connection to the database
        with ThreadPoolExecutor(self.login.connections) as threads:
            return list(threads.map(ask, every))
