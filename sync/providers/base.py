"""The interface of a calendar provider, and its plain values."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sync.events.event import Delta, Event, Mark, RemoteEvent, Window

from .errors import ProviderError
from .line import Client
from .wire import AccessToken

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
    """A channel as the provider keeps it; its ids and end may differ from those asked for."""

    channel_id: str
    resource_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelCall:
    """One message about a channel. `what`: "opened", "changed" (read), "renew" (it ends soon unless
    renewed), "removed" (it has ended) or "missed" (messages were lost: read). Compare `secret`
    before anything else. `remote_id` and `etag`: the version of the event that changed, where the
    provider says so; etag "": it was deleted.
    """

    channel_id: str
    secret: str = field(repr=False)
    what: str = "changed"
    remote_id: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Create:
    """Make an event. `remote_id` comes from `new_id`; the result has the id that counts from then
    on. `resume`: the answer to an earlier try was lost, so that an event with this mark may exist,
    and is then told as Exists.
    """

    remote_id: str
    event: Event
    mark: Mark
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """Write an event of ours; a deleted one is restored where the provider can. `etag` "": whatever
    its version. `keeps_guests`: guests whom somebody invited stay invited; else all are removed.
    Some providers write to guests by themselves, which cannot be stopped.
    """

    remote_id: str
    event: Event
    mark: Mark
    etag: str = ""
    keeps_guests: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an event. `etag` "": whatever its version. One that is said not to be there gives
    Gone: the caller makes sure.
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
    error: ProviderError | None = None


# ---- the interface ----


class Provider(Protocol):
    """One connected account. It decides nothing and stores nothing, and every method may raise a
    ProviderError. Ids are opaque.

    Certain about one event are: the answer to a call about that event alone, a complete list, and a
    tombstone. A refusal of a batch as a whole says nothing about its items, whatever the status
    (`writing.of_the_whole`). Where one answer says that an event exists and another that it does
    not, a third is asked for, and no tombstone is told.
    """

    kind: str
    batch_size: int  # so many operations go out in one request
    longest_window: timedelta  # that can be pulled at once
    marks_occurrences: bool  # single occurrences are told with the mark of their series
    keeps_ids: bool  # what is moved to another calendar keeps its id, and nothing else has it

    @property
    def channels(self) -> "Channels | None":
        """None: it never calls us, and is asked again and again."""

    def __init__(self, http: Client, access_token: AccessToken, api_url: str) -> None:
        """Nothing is asked of the provider yet. `api_url`: the provider's own, or a sandbox."""

    def keep_pages(self, pages: "Pages") -> None:
        """Store pages of lists there from now on."""

    def email(self) -> str:
        """The account's e-mail address."""

    def calendars(self) -> list[Calendar]:
        """Every calendar that the account's owner can open and that has an id."""

    def calendar(self, calendar_id: str) -> Calendar:
        """One calendar of the account's owner that we made, by its id. Raises Gone."""

    def create_calendar(self, name: str, zone_name: str, description: str = "") -> Calendar:
        """A new calendar of the account's owner. Not safe to repeat after Unanswered: look for it
        among `calendars` first. Raises NameTaken where names must differ.
        """

    def delete_calendar(self, calendar_id: str) -> None:
        """Delete the calendar with its events. One that is gone already counts as deleted."""

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

        `unrolled`: repeats come as single occurrences, and what left the window counts as a
        tombstone. Otherwise, for our own calendar, a repeat comes as one event (`is_series`), and a
        change outside the window is told like any other. A tombstone may be of an unknown event, or
        of a whole series: its occurrences are then gone, except those in `changed`. Of a series
        that is `relisted` they are those in `changed`, as far as a list can be believed.

        A look that finds nothing where a change was told is no tombstone: the answer is then a
        complete one. `over`: ids of events that are known to be deleted, which cost no further
        request. An event that cannot be read does not affect the others: it is told as `unread`.
        Raises SyncTokenExpired.
        """

    def get(self, calendar_id: str, remote_id: str) -> RemoteEvent | None:
        """The event as it is now; None where this answer says that it was deleted or never
        existed.
        """

    def look(
        self,
        calendar_id: str,
        remote_ids: Sequence[str],
        closely: bool = False,
        is_again: bool = False,
    ) -> dict[str, RemoteEvent | None]:
        """The event at each of these ids, in batches; None where the answer says that there is
        none. An id is left out where nothing is known now.

        `closely`, for events that a list lacks: one of ours that was deleted and can still be
        looked up counts as not there. So does an external one that a list lacked before
        (`is_again`); else it is left out.
        """

    def outline(
        self, calendar_id: str, installation: str, window: Window | None = None
    ) -> dict[str, tuple[str, Mark | None]]:
        """Etag and mark, by id, of every living event, whenever it takes place, with nothing more
        asked for; a repeat is one event. None: it has no mark of this installation. With a `window`
        the ids alone of single events and occurrences that overlap it: ("", None) for each.
        """

    def find_marked(
        self, calendar_id: str, installation: str, is_quick: bool = False
    ) -> list[RemoteEvent]:
        """Every event with this installation's mark, whenever it takes place; copies that a person
        made included. `is_quick`: rely on a filter of the provider's, for calendars with many other
        events.
        """

    def new_id(self, mark: Mark, secret: bytes) -> str:
        """The id for a new event: the same for the same mark and secret, and not to be guessed
        without the secret.
        """

    def write(self, calendar_id: str, operations: Iterable[Operation]) -> Iterator[Result]:
        """One result per operation, in order; sent in batches as results are asked for. Never
        raises: each result has its own error.

        After RateLimited, or a batch in which nothing went through, the rest comes back Unsent.
        Nobody is invited, told or reminded.
        """


class Channels(Protocol):
    """The channels of one account: the provider calls us when something changes. Every method may
    raise a ProviderError.
    """

    def open(
        self, calendar_id: str, channel_id: str, address: str, secret: str, expires_at: datetime
    ) -> OpenChannel:
        """Ask to be called at an address whenever the calendar changes; `secret` (≤ 128 characters)
        comes with every call. Store both before: the first call may arrive before this answer.
        """

    def renew(self, channel: OpenChannel, expires_at: datetime) -> OpenChannel | None:
        """The same channel with a later end; None where the provider cannot extend it, so that a
        new one is to be opened. Raises Gone.
        """

    def close(self, channel: OpenChannel) -> None:
        """End the calls. A channel that is gone already counts as closed."""


class Webhook(Protocol):
    """What a provider sends to our webhook, and what it expects back. Of no account: who calls is
    not known yet.
    """

    def calls(self, headers: Mapping[str, str], body: bytes) -> list[ChannelCall]:
        """The messages in one request."""

    def handshake(self, query: Mapping[str, str]) -> str | None:
        """What to answer where a request asks whether our webhook exists; None for any other
        request.
        """

    def answer(self, is_believed: bool) -> int:
        """The status with which `calls` are answered."""


class Pages(Protocol):
    """Where the pages of a long read are kept, so that it may be interrupted and continued."""

    def kept(self, address: str) -> dict[str, Any] | None:
        """The page at this address, where it was read before."""

    def keep(self, address: str, page: dict[str, Any], goes_on: bool) -> None:
        """Keep a page that was read; `goes_on`: there are more. May raise to end the read."""


class Unkept:
    """Keeps no pages."""

    def kept(self, address: str) -> dict[str, Any] | None:
        """None: each page is read."""
        return None

    def keep(self, address: str, page: dict[str, Any], goes_on: bool) -> None:
        """Does nothing."""
        return None
