"""What every calendar provider looks like from inside: one interface and inert values."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sync.events.event import Delta, Event, Mark, RemoteEvent, Window

from .errors import ProviderError

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
    error: ProviderError | None = None


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

    def outline(self, calendar_id: str, installation: str) -> dict[str, tuple[str, Mark | None]]:
        """Etag and mark, by id, of every living event, whenever it takes place, with nothing more
        asked for; a repeat is one event. None: it has no mark of this installation.
        """

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
