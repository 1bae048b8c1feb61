"""What every calendar provider looks like from inside: one interface, inert values, few errors, and
HTTP for one account.
"""

import logging
import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpx

from sync.events.event import Delta, Event, Mark, RemoteEvent, Window

from .line import Client, until

# Google compresses only what a User-Agent with "gzip" in it asks for.
HEADERS = {"User-Agent": "Kalends (gzip)"}
MOST_PAGES = 1000
TIMEOUT = httpx.Timeout(30, connect=10)  # of each step of a call
LONGEST_SECONDS = 180  # of one whole exchange
LARGEST_OCTETS = 50_000_000  # of one answer, unpacked
OF_THE_LINE = (
    "content-encoding",
    "content-length",
    "transfer-encoding",
)  # headers that say how an answer was sent

AccessToken = Callable[[str | None], str]
"""Gives the access token of an account, or one other than the stale one that is named. The lock
and the storing are the caller's. Raises AuthExpired, or another ProviderError when none can be had
now.
"""


# ---- values ----


@dataclass(frozen=True, slots=True)
class Calendar:
    """One calendar of an account. `access` is "owner", "writer", "reader" or "times" (no titles);
    `zone_name` may be unknown.
    """

    calendar_id: str
    name: str
    access: str
    is_primary: bool = False
    zone_name: str = ""
    description: str = ""

    @property
    def can_write(self) -> bool:
        """Whether our events may go there and can be seen there by us again."""
        return self.access in ("owner", "writer")


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """A channel as the provider keeps it; ids and end may be others than asked for."""

    channel_id: str
    resource_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelCall:
    """What a provider tells our webhook about one channel. `what`: "opened", "changed" (look),
    "renew" (it ends soon unless renewed),
    "removed" (it has ended) or "missed" (messages were lost: look). Believe nothing before `secret`
    is compared. `remote_id` and `etag`: the
    version of the event that changed, where the provider says so; etag "": it was deleted."""

    channel_id: str
    secret: str = field(repr=False)
    what: str = "changed"
    remote_id: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Create:
    """Make an event. `remote_id` is what `new_id` promised; the result tells the id that counts
    from then on. `resume`: the answer to an
    earlier try was lost, so an event with this mark may stand there already, and is then told as
    Exists.
    """

    remote_id: str
    event: Event
    mark: Mark
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """Make an event of ours what it should be; a deleted one is brought back where the provider
    can. `etag` "": whatever is there.
    `keeps_guests`: whom somebody invited stays invited; else nobody is. Where the provider writes
    to guests by itself, it cannot be stopped.
    """

    remote_id: str
    event: Event
    mark: Mark
    etag: str = ""
    keeps_guests: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Take an event away. `etag` "": whatever is there. One that is said not to be there comes back
    as Gone: whoever asked makes sure.
    """

    remote_id: str
    etag: str = ""


Operation = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one operation: done when there is no error, and `event` is then what the
    provider answered (None after a Delete).
    """

    operation: Operation
    event: RemoteEvent | None = None
    error: "ProviderError | None" = None


# ---- errors ----


class ProviderError(Exception):
    """A provider refused or could not do something, and trying again unchanged does not help.
    `reason` is its own word, `status` the
    HTTP code or 0; no id, address or text of an event is in them, so they may be logged and shown.
    """

    def __init__(self, reason: str = "", status: int = 0):
        super().__init__(f"{status or 'no answer'} {reason}".strip())
        self.reason, self.status = reason, status


class AuthExpired(ProviderError):
    """Final for this connection: the person must connect again."""


class ScopeMissing(ProviderError):
    """The person has not allowed this; connecting again, with every box ticked, helps."""


class NotConfigured(ProviderError):
    """Whoever runs Kalends must act: wrong client id or secret, or the API is not switched on."""


class Forbidden(ProviderError):
    """No right on this calendar or event."""


class NoMailbox(ProviderError):
    """The account signs in, and has no calendars that programs can reach: a guest, no licence, or a
    server of its own. Final.
    """


class NameTaken(ProviderError):
    """There is a calendar of this name already."""


class Gone(ProviderError):
    """One answer says that the event is not there; from `pull`, `find_marked` and for a Create:
    that the calendar is not, or is no longer
    ours to see. Providers say so of what lives, too: believe it only together with a tombstone, a
    complete list, or a later answer.
    """


class SyncTokenExpired(ProviderError):
    """Changes since this sync token cannot be told: one complete pull is due."""


class PreconditionFailed(ProviderError):
    """The event changed since this etag: `get` it and decide anew."""


class RateLimited(ProviderError):
    """Not done: too much at once. `retry_after_seconds` is None when the provider does not say how
    long to wait.
    """

    def __init__(self, reason: str = "", status: int = 0, retry_after_seconds: int | None = None):
        super().__init__(reason, status)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(ProviderError):
    """Trouble at the provider. A write may have been done: repeat it later, with the same id."""


class Unreadable(Unavailable):
    """An event, as it was told, cannot be read; `reason` is one of `Unread`'s. That says nothing
    about any other.
    """


class Endless(Unavailable):
    """A list that goes on for more pages than any calendar has, or in a circle. Asking again soon
    does not help and costs as much.
    """


class Unanswered(ProviderError):
    """No answer came. A write may have been done, so it has not failed: repeat it later, with the
    same id.
    """


class Unsent(ProviderError):
    """Not sent, since an earlier operation met trouble that would meet this one too."""


class Exists(ProviderError):
    """The promised id is taken. `event` is what lies there; an Update with `etag` makes it what it
    should be. `event` None: its tombstone,
    where `etag` is told; otherwise nothing was found there, which is no more to be believed than
    Gone.
    """

    def __init__(self, event: RemoteEvent | None, etag: str):
        super().__init__("exists", 409)
        self.event, self.etag = event, etag


def word(value: object) -> str:
    """A provider's own word for a refusal, "" for what is no single word and could hold
    anything.
    """
    return value if isinstance(value, str) and re.fullmatch(r"[\w.-]{1,60}", value) else ""


# ---- the interface ----


class Provider(Protocol):
    """One connected account. It holds no policy and no truth, and every method may raise a
    ProviderError. Ids are opaque.

    What is a verdict about one event: an answer to a call about that event alone, and what a whole
    list or a tombstone says. What refuses
    a batch as a whole says nothing about any of its items, with whatever status
    (`writing.of_the_whole`). Where one answer says that an
    event lives and another that it does not, a third is asked for, and none of them is told as a
    tombstone.
    """

    kind: str
    batch_size: int  # so many operations go out in one request
    longest_window: timedelta  # that can be pulled at once
    marks_occurrences: bool  # single occurrences are told with the mark of their series

    def keep_pages(self, pages: "Pages") -> None:
        """From now on keep there what lists tell, page by page."""

    def email(self) -> str:
        """The account's e-mail address."""

    def calendars(self) -> list[Calendar]:
        """Every calendar that the account's owner can open and that can be told by its id."""

    def calendar(self, calendar_id: str) -> Calendar:
        """One calendar of the account's owner that we made, asked for by its id. Raises Gone."""

    def create_calendar(self, name: str, zone_name: str, description: str = "") -> Calendar:
        """A new calendar of the account's owner. Not safe to repeat after Unanswered: look for it
        among `calendars` first. Raises
        NameTaken where names must differ."""

    def delete_calendar(self, calendar_id: str) -> None:
        """The calendar and all in it. One that is gone already is done."""

    def pull(
        self,
        calendar_id: str,
        sync_token: str | None,
        window: Window,
        unrolled: bool = True,
        over: Container[str] = (),
    ) -> Delta:
        """Changes since a sync token, or without one everything that overlaps the window. Tokens
        belong to one window and one `unrolled`.

        `unrolled`: repeats come as their single occurrences, and what left the window counts as a
        tombstone; otherwise, for our own
        calendar, a repeat comes as one event (`is_series`) and a change outside the window is told
        like any other. A tombstone may
        be of an event nobody knows, or of a whole series (then its occurrences are gone, but for
        those that `changed` tells: it wins).
        A look that finds nothing where a change was told is no tombstone: the answer is then a
        complete one. `over`: ids of events that
        are known to be gone; that they are is no news, and costs no further request. One event that
        cannot be read never spoils the others:
        it is told as `unread`. Raises SyncTokenExpired.
        """

    def get(self, calendar_id: str, remote_id: str) -> RemoteEvent | None:
        """The event as it is now; None when it was deleted or never was, or so this one answer
        says.
        """

    def look(self, calendar_id: str, remote_ids: Sequence[str]) -> dict[str, RemoteEvent | None]:
        """What stands at each of these ids, in batches; None where the one answer says that there
        is nothing. An id is left out where nothing
        can be told of it now."""

    def look_closely(
        self, calendar_id: str, remote_ids: Sequence[str]
    ) -> dict[str, RemoteEvent | None]:
        """As `look`, for what a list lacks: an event that lies among deleted things, where a look
        may find it, is not there.
        """

    def outline(self, calendar_id: str, installation: str) -> dict[str, tuple[str, Mark]]:
        """Etag and mark, by id, of what `find_marked` finds, with nothing more asked for."""

    def find_marked(
        self, calendar_id: str, installation: str, is_quick: bool = False
    ) -> list[RemoteEvent]:
        """Every living event, whenever it takes place, with this installation's mark. A copy that a
        person made of one may be among them.
        `is_quick`: a filter of the provider's may be relied on, for calendars that hold much else.
        """

    def new_id(self, mark: Mark, secret: bytes) -> str:
        """The id to promise for an event: the same for the same mark and secret, and to be guessed
        by nobody without the secret.
        """

    def write(self, calendar_id: str, operations: Iterable[Operation]) -> Iterator[Result]:
        """One result per operation, in order; sent in batches as results are asked for. Never
        raises: each result has its own error.

        After RateLimited, or a batch in which nothing went through, the rest comes back Unsent.
        Nobody is invited, told or reminded.
        """

    def open_channel(
        self, calendar_id: str, channel_id: str, address: str, secret: str, expires_at: datetime
    ) -> OpenChannel:
        """Ask to be called at an address whenever the calendar changes; `secret` (≤ 128 characters)
        comes with every call. Store both
        before: the first call may arrive before this answer."""

    def renew_channel(self, channel: OpenChannel, expires_at: datetime) -> OpenChannel | None:
        """The same channel with a later end; None where the provider cannot, so that a new one is
        to be opened. Raises Gone.
        """

    def close_channel(self, channel: OpenChannel) -> None:
        """No more calls. A channel that is gone already is done."""

    @staticmethod
    def scopes(existing: bool = False, shared: bool = False) -> tuple[str, ...]:
        """What to ask the account's owner for: see `registry.Row.scopes`."""

    @staticmethod
    def calls(headers: Mapping[str, str], body: bytes) -> list[ChannelCall]:
        """What one request to our webhook says, of which channels. Empty for what this provider
        never sends.
        """

    @staticmethod
    def handshake(query: Mapping[str, str]) -> str | None:
        """What to send back as it is, where a request asks whether our webhook is there; None for
        any other request.
        """

    @staticmethod
    def answer_to_calls(is_believed: bool) -> int:
        """The status with which `calls` are answered."""


class Pages(Protocol):
    """Where the pages of a long read are kept, so that it may be cut short and go on later."""

    def kept(self, address: str) -> dict[str, Any] | None:
        """The page at this address, where it was read before."""

    def keep(self, address: str, page: dict[str, Any], goes_on: bool) -> None:
        """A good page was read; `goes_on`: there are more. May raise whatever ends the read."""


class Unkept:
    """Nothing is kept, and no read is cut short."""

    def kept(self, address: str) -> dict[str, Any] | None:
        """None: each page is read."""
        return None

    def keep(self, address: str, page: dict[str, Any], goes_on: bool) -> None:
        """Forget it."""
        return None


# ---- HTTP ----


def http_client(
    transport: httpx.BaseTransport | None = None,
    timeout: httpx.Timeout = TIMEOUT,
    longest_seconds: float = LONGEST_SECONDS,
) -> Client:
    """How Kalends calls providers: each step and one whole exchange bounded, no redirects, and no
    address in the log (they hold e-mail addresses and sync tokens).
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return Client(longest_seconds, transport=transport, headers=HEADERS, timeout=timeout)


def request(http: Client, method: str, url: str, **parts) -> httpx.Response:
    """The answer, whatever it says. Raises Unavailable when the provider was not reached,
    Unanswered when it may have been, and when head or body of the answer come in drops or without
    end.
    """
    ends_at, told = time.monotonic() + http.longest_seconds, bytearray()
    try:
        with until(ends_at), http.stream(method, url, **parts) as answer:
            if "," in answer.headers.get("Content-Encoding", ""):
                raise Unanswered("packed twice")  # a few octets could be unpacked to gigabytes
            for some in answer.iter_bytes():
                told += some
                if time.monotonic() > ends_at or len(told) > LARGEST_OCTETS:
                    raise Unanswered("endless answer")
        headers = [
            (name, value) for name, value in answer.headers.multi_items() if name not in OF_THE_LINE
        ]
        return httpx.Response(
            answer.status_code, headers=headers, content=bytes(told), request=answer.request
        )
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Unavailable(type(error).__name__) from None
    except httpx.HTTPError as error:
        raise Unanswered(type(error).__name__) from None


class Wire:
    """HTTP for one account, with its access token; a dead one is replaced once."""

    def __init__(self, http: Client, access_token: AccessToken):
        self._http, self._access_token = http, access_token
        self._used: str | None = None

    def send(self, method: str, url: str, **parts) -> httpx.Response:
        """The answer, 401 only when a fresh token is refused as well. Raises as `request` and
        AccessToken do.
        """
        answer = self._send(method, url, **parts)
        if answer.status_code != 401:
            return answer
        self.renew()
        return self._send(method, url, **parts)

    def renew(self) -> None:
        """The token last used is dead: get another."""
        self._used = self._access_token(self._used)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **parts
    ) -> httpx.Response:
        self._used = self._used or self._access_token(None)
        return request(
            self._http,
            method,
            url,
            headers={"Authorization": f"Bearer {self._used}", **(headers or {})},
            **parts,
        )


def following(seen: set[str], place: object) -> str:
    """The place of the next page, after those that were `seen` (the set grows). Raises Endless, and
    TypeError for what is no place.
    """
    if place in seen or len(seen) >= MOST_PAGES:
        raise Endless("endless pages")
    seen.add(place)
    return place


def retry_after_seconds(headers: Mapping[str, str]) -> int | None:
    """How long to wait by a Retry-After header (RFC 9110, 10.2.3): seconds, or a date. None: it
    does not say.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 8:
        return int(text)
    try:
        return max(0, round((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()))
    except (TypeError, ValueError):
        return None


@contextmanager
def reading() -> Iterator[None]:
    """Around whatever takes an answer apart: raises Unavailable for one of another shape. What is
    in it is not told.
    """
    try:
        yield
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ):
        raise Unavailable("unreadable answer") from None
