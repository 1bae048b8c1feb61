"""The interface of a calendar provider, and its plain values."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from base.outgoing.line import HttpClient
from sync.events.event import Delta, Event, Mark, RemoteEvent, Window

from .errors import ProviderError
from .wire import AccessToken

# ---- values ----


@dataclass(frozen=True, slots=True)
class ListedCalendar:
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
        """Whether we may write our events there and can see them there afterwards."""
        return self.access in ("owner", "writer")


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """A channel as the provider keeps it; its ids and end may differ from the requested ones."""

    channel_id: str
    resource_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelCall:
    """One message about a channel. `what`: "opened", "changed" (read), "renew" (it ends soon unless
    renewed), "removed" (it has ended) or "missed" (messages were lost: read). Compare `secret`
    before anything else. `remote_id` and `etag`: the version of the event that changed, if the
    provider names it; etag "": it was deleted.
    """

    channel_id: str
    secret: str = field(repr=False)
    what: str = "changed"
    remote_id: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Create:
    """Make an event. `remote_id` comes from the provider’s row (`registry.ProviderRow.new_id`); the
    result has the final id. `resume`: the answer to an earlier try was lost, so an event with
    this mark may exist, and is then reported as Exists.
    """

    remote_id: str
    event: Event
    mark: Mark
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """Write an event of ours; a deleted one is restored where the provider can. `etag` "": any
    version. `keeps_guests`: guests whom somebody invited stay invited; else all are removed.
    Some providers write to guests by themselves, which cannot be stopped.
    """

    remote_id: str
    event: Event
    mark: Mark
    etag: str = ""
    keeps_guests: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an event. `etag` "": any version. If the answer is that it does not exist, the result
    is Gone, and the caller makes sure.
    """

    remote_id: str
    etag: str = ""


Operation = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one operation. Without an error the operation is done, and `event` is the
    provider's answer (None after a Delete).
    """

    operation: Operation
    event: RemoteEvent | None = None
    error: ProviderError | None = None


# ---- the interface ----


class Provider(Protocol):
    """One connected account. It decides nothing and stores nothing, and every method may raise a
    ProviderError. Ids are opaque.

    Three things are certain about one event: the answer to a call about that event alone, a
    complete list, and a tombstone. A refusal of a batch as a whole says nothing about its items,
    whatever the status (`writing.of_the_whole`). If one answer says that an event exists and
    another that it does not, a third is asked for, and no tombstone is reported.
    """

    batch_size: int  # operations in one request, at most
    longest_window: timedelta  # the longest window that can be pulled at once
    marks_occurrences: bool  # single occurrences come with the mark of their series
    may_have_none: bool  # whether an account may have no calendar at all
    keeps_ids: bool  # whether an event keeps its id in another calendar, and no other event has it

    @property
    def channels(self) -> "Channels | None":
        """None: the provider never calls us, and its accounts are polled."""

    def __init__(self, http: HttpClient, access_token: AccessToken, api_url: str) -> None:
        """Sends no request yet. `api_url`: the provider's own, or a sandbox."""

    def keep_pages(self, pages: "Pages") -> None:
        """Store pages of lists in `pages` from now on."""

    def email(self) -> str:
        """The account's e-mail address."""

    def calendars(self) -> list[ListedCalendar]:
        """Every calendar that the account's owner can open and that has an id."""

    def calendar(self, calendar_id: str) -> ListedCalendar:
        """One calendar of the account's owner that we made, by its id. Raises Gone."""

    def create_calendar(self, name: str, zone_name: str, description: str = "") -> ListedCalendar:
        """A new calendar of the account's owner. Not safe to repeat after Unanswered: look for it
        among `calendars` first. Raises NameInUse if names must be unique.
        """

    def delete_calendar(self, calendar_id: str) -> None:
        """Delete the calendar with its events. A missing calendar counts as deleted."""

    def pull(
        self,
        calendar_id: str,
        sync_token: str | None,
        window: Window,
        unrolled: bool = True,
        over: Container[str] = (),
    ) -> Delta:
        """Changes since a sync token, or without one every event that overlaps the window. A token
        belongs to one window and one `unrolled`.

        `unrolled`: repeats come as single occurrences, and an event that left the window counts as
        a tombstone. Otherwise, for our own calendar, a repeat comes as one event (`is_series`), and
        a change outside the window is told like any other. A tombstone may name an unknown event,
        or a whole series: its occurrences are then gone, except those in `changed`. The occurrences
        of a `relisted` series are those in `changed`, as far as a list can be relied on.

        If a change was reported and the event is then not found, that is no tombstone: the answer
        is a complete delta. `over`: ids of events that are known to be deleted, for which no
        request is sent. An event that cannot be read does not affect the others: it is reported as
        `unread`. Raises SyncTokenExpired.
        """

    def get(self, calendar_id: str, remote_id: str) -> RemoteEvent | None:
        """The present state of the event, asked for alone so that the answer is certain; None if
        the answer is that it was deleted or never existed.
        """

    def look(
        self,
        calendar_id: str,
        remote_ids: Sequence[str],
        closely: bool = False,
        is_again: bool = False,
    ) -> dict[str, RemoteEvent | None]:
        """The event at each of these ids, in batches; None if the answer is that there is none. An
        id is left out if nothing is known now.

        `closely`, for events that a list lacks: an event of ours that was deleted and can still be
        looked up counts as missing. So does an external one that a list lacked before (`is_again`);
        else it is left out.
        """

    def outline(
        self, calendar_id: str, installation: str, window: Window | None = None
    ) -> dict[str, tuple[str, Mark | None]]:
        """Etag and mark of every existing event, by id, at any time, and nothing more; a repeat is
        one event. A mark is None if the event has none of this installation. With a `window` only
        the ids of single events and occurrences that overlap it: ("", None) for each.
        """

    def find_marked(
        self, calendar_id: str, installation: str, is_quick: bool = False
    ) -> list[RemoteEvent]:
        """Every event with this installation's mark, whenever it takes place; copies that a person
        made included. `is_quick`: rely on the provider's filter, for calendars with many other
        events.
        """

    def write(self, calendar_id: str, operations: Iterable[Operation]) -> Iterator[Result]:
        """One result per operation, in order; sent in batches as results are asked for. Never
        raises: each result has its own error.

        After RateLimited, or a batch in which nothing succeeded, the rest is Unsent. Nobody is
        invited, notified or reminded.
        """


class Channels(Protocol):
    """The channels of one account: the provider calls us when something changes. Every method may
    raise a ProviderError.
    """

    def open(
        self, calendar_id: str, channel_id: str, address: str, secret: str, expires_at: datetime
    ) -> OpenChannel:
        """Open a channel: the provider calls this address whenever the calendar changes, with
        `secret` (≤ 128 characters) in every call. Store channel and secret before: the first call
        may arrive before this method returns.
        """

    def renew(self, channel: OpenChannel, expires_at: datetime) -> OpenChannel | None:
        """Extend the channel until a later end; None if the provider cannot, so that a new one must
        be opened. Raises Gone.
        """

    def close(self, channel: OpenChannel) -> None:
        """Close the channel. A missing channel counts as closed."""


class Webhook(Protocol):
    """The messages that a provider sends to our webhook, and the answers that it expects. A webhook
    belongs to no account, since the caller is not known yet.
    """

    def calls(self, headers: Mapping[str, str], body: bytes) -> list[ChannelCall]:
        """The messages in one request."""

    def handshake(self, query: Mapping[str, str]) -> str | None:
        """The answer to a request that asks whether our webhook exists; None
        for any other request.
        """

    def answer(self, is_genuine: bool) -> int:
        """The status with which `calls` are answered."""


class Pages(Protocol):
    """The store for pages of a long read, so that it may be interrupted and continued."""

    def kept(self, address: str) -> dict[str, Any] | None:
        """The page of this address, if it was read before."""

    def keep(self, address: str, page: dict[str, Any], goes_on: bool) -> None:
        """Keep a page; `goes_on`: more pages follow. May raise to end the read."""


class Unkept:
    """Keeps no pages."""

    def kept(self, address: str) -> dict[str, Any] | None:
        """None: each page is read."""
        return None

    def keep(self, address: str, page: dict[str, Any], goes_on: bool) -> None:
        """Does nothing."""
        return None


class Polled:
    """The common part of adapters for servers that never call us and answer a list in one piece:
    their accounts are polled.
    """

    longest_window = timedelta(days=200 * 365)
    marks_occurrences, keeps_ids, may_have_none = False, False, True
    channels = None

    def keep_pages(self, pages: Pages) -> None:
        """There are no pages: a list that was interrupted is read again with one request."""
