"""The vocabulary of sync: plain values, standard library only."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

# Earlier and later times count as these, so that every sum with them is safe (`datetime` ends with
# the year 9999).
EARLIEST, LATEST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Face:
    """The text that a booking shows outside: plain, nothing escaped."""

    title: str
    description: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One calendar entry on its way out. Instants are aware UTC; whole days carry dates, `ends_on`
    exclusive.

    `status` is "confirmed", "tentative", "cancelled", or "free" if it takes no time; `changed_at`
    is the last change of anything that the event shows.
    """

    uid: str
    sequence: int
    status: str
    face: Face
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    changed_at: datetime
    zone_name: str
    starts_on: date | None = None
    ends_on: date | None = None


# ---- two-way sync: events outside, and the state that both sides last agreed on ----


@dataclass(frozen=True, slots=True)
class Window:
    """A time span for which a calendar is read or written: aware instants, the end exclusive."""

    starts_at: datetime
    ends_at: datetime

    def touches(self, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether any part of this time lies inside."""
        return ends_at > self.starts_at and starts_at < self.ends_at

    def clearly_contains(self, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether this time lies inside with a day to spare: the zone in which the provider puts
        whole days is unknown.
        """
        spare = timedelta(days=1)
        return starts_at >= self.starts_at + spare and ends_at <= self.ends_at - spare


@dataclass(frozen=True, slots=True)
class Mark:
    """The mark that we store with every event of ours in private properties. No personal data."""

    installation: str
    reference: str  # the booking's uid
    generation: int  # grows with every fresh start, so that a reset never meets its own tombstones
    # the account that wrote it, since several people may write to one calendar; "": an earlier
    # version wrote it
    account: str = ""

    @classmethod
    def read(
        cls, installation: str, reference: str, generation: str, account: str
    ) -> "Mark | None":
        """The mark in these texts of an event; None if there is none, or not all of it."""
        if not (installation and reference and generation.isascii() and generation.isdigit()):
            return None
        return cls(installation, reference, int(generation[:9]), account)


@dataclass(frozen=True, slots=True)
class RemoteEvent:
    """One event as the provider reported it. `mark` None: an external event. Whole days carry dates
    (`ends_on` exclusive) and instants at UTC midnight.

    `busy` is "busy", "free", "tentative", "away" or "elsewhere"; `series_id` is the series that it
    is an occurrence of.
    """

    remote_id: str
    etag: str
    starts_at: datetime
    ends_at: datetime
    title: str
    description: str = ""
    location: str = ""
    status: str = "confirmed"
    busy: str = "busy"
    starts_on: date | None = None
    ends_on: date | None = None
    mark: Mark | None = None
    series_id: str | None = None
    is_series: bool = False  # the master of a repeat that somebody made outside
    is_private: bool = False
    updated_at: datetime | None = None  # the provider's time of the last change, if known
    guests: int | None = (
        None  # how many others are invited; their names are not kept. None: unknown
    )

    @property
    def ids(self) -> set[str]:
        """The event's own id, and that of its series."""
        return {self.remote_id, self.series_id} if self.series_id else {self.remote_id}

    @property
    def own_mark(self) -> Mark:
        """The mark of an event of ours. Raises ValueError for an external event."""
        if self.mark is None:
            raise ValueError("an external event")
        return self.mark


@dataclass(frozen=True, slots=True)
class Unread:
    """An event that exists and could not be read. `remote_id` may be "". `reason`: "no_start",
    "no_end", "bad_start", "bad_end", "backwards", "zone" (unknown), "no_id", "refused" (the
    provider does not show the event) or "shape".
    """

    remote_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delta:
    """The result of one pull. `complete`: it contains everything in the window (None: of all
    times), so that missing events are gone; else only changes. A tombstone names a deleted event,
    perhaps one unknown to us. `unread`: events that exist and could not be read. `unsure`: ids that
    a pull lacks, and about which the provider gave no answer. `relisted`: series whose
    occurrences were all listed again, so that missing ones are gone. `called`: the name that the
    calendar has in its document, if no list of calendars gives it.
    """

    changed: tuple[RemoteEvent, ...]
    tombstones: frozenset[str]
    sync_token: str | None
    complete: bool
    window: Window | None = None
    unread: tuple[Unread, ...] = ()
    unsure: frozenset[str] = frozenset()
    relisted: frozenset[str] = frozenset()
    called: str = ""

    @property
    def reported(self) -> set[str]:
        """The ids of all events that it reports, changed or deleted."""
        return {key for seen in self.changed for key in seen.ids} | self.tombstones


UNWRITTEN = "unwritten"


@dataclass(frozen=True, slots=True)
class EventMapping:
    """A booking and its event outside, as both sides last agreed.

    `phase`: "creating" (asked for, no answer yet), "synced", "deleting" (asked for, no answer yet),
    "frozen" (left the window; not touched any more) or "gone" (no event; the row keeps the
    generation, so that its id is not used again).
    """

    uid: str
    remote_id: str
    etag: str
    sequence: int
    fingerprint: str  # the event's content as the provider reported it; "" until it was read
    phase: str
    # the content that we last wanted there; "" while a write of ours is under way or due;
    # `UNWRITTEN` while that is so of a frozen event, since less may be shown
    wanted: str = ""
    generation: int = 1
    updated_at: datetime | None = None
    guests: int | None = (
        # guests whom somebody invited to our event; not part of the fingerprint. None: unknown
        None
    )


# ---- two-way sync: steps to take ----


FEW, SHARE = 5, 0.2  # how much a plan may delete without asking


def is_much(count: int, total: int, few: int = FEW, share: float = SHARE) -> bool:
    """Whether a person is asked before `count` of `total` events are deleted: it is more than `few`
    and more than `share` of all.
    """
    return count > few and count > total * share


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """The conditions of a plan. `edits`: what to do with times and text that somebody changed
    outside: "put_back", "ask" first, or "follow" times. A plan stops for a person when it would
    delete more than `few` events and more than `share` of all, or when `several` events are gone
    and none is left.
    """

    installation: str
    generation: int
    window: Window
    edits: str = "put_back"
    refresh: bool = False  # what may be shown has changed: frozen texts too
    few: int = FEW
    share: float = SHARE
    several: int = 3
    account: str = ""  # the account's part of a mark: events with another are not ours
    # no answer is older than this: for an event that nobody is known to have changed since, every
    # difference is a new change, whatever its server's clock said
    settled: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do for one booking. Store `mapping` before any call to the provider. For a step
    without a call, that is all.
    """

    mapping: EventMapping


@dataclass(frozen=True, slots=True)
class Relink(Step):
    """Store a new etag or fingerprint."""


@dataclass(frozen=True, slots=True)
class Freeze(Step):
    """Leave the event as it is, since the booking left the window."""


@dataclass(frozen=True, slots=True)
class Forget(Step):
    """Note that there is no event, and that there should be none."""


@dataclass(frozen=True, slots=True)
class AdoptRemote(Step):
    """Map an event with our mark and no mapping."""


@dataclass(frozen=True, slots=True)
class Ask(Step):
    """Somebody changed our event outside, and a person decides. `change`: "moved", "edited",
    "repeated" or "deleted" (`seen` None).
    """

    event: Event
    seen: RemoteEvent | None
    change: str


@dataclass(frozen=True, slots=True)
class MoveLocal(Step):
    """Move the booking, since somebody moved our event outside: `event` has the new times. The only
    step that changes a booking. Store the mapping, with the booking's new sequence, in the
    transaction of the move. If the move is refused, store it with `wanted` "": the event is then
    put back.
    """

    event: Event
    seen: RemoteEvent


@dataclass(frozen=True, slots=True)
class DeleteRemote(Step):
    """Delete an event. `mapping.phase` is "deleting"; or "stale" for a copy without a mapping:
    nothing is stored for it, so keep the old sync token until it is gone.

    `mapping.remote_id` "": the answer to its creation was lost, so look for it by its mark. `etag`
    "": any version.
    """


@dataclass(frozen=True, slots=True)
class UpdateRemote(Step):
    """Write the event, if its etag is still the mapping's. `then`: the phase of the mapping
    afterwards.
    """

    event: Event
    then: str = "synced"


@dataclass(frozen=True, slots=True)
class PutBack(Step):
    """Undo a change that somebody made outside, and tell a person. `change` as in Ask."""

    event: Event
    seen: RemoteEvent
    change: str


@dataclass(frozen=True, slots=True)
class CreateRemote(Step):
    """Create an event, under an id made from `mapping.generation`. `resume`: an answer was lost, so
    look for the event first.
    """

    event: Event
    resume: bool = False
    then: str = "synced"


@dataclass(frozen=True, slots=True)
class Recreate(Step):
    """Create the event again, as the next generation. `change`: "deleted" (tell a person), or ""
    when nobody outside deleted it.
    """

    event: Event
    change: str


Write = UpdateRemote | PutBack | CreateRemote | Recreate  # steps after which an event exists
SentStep = Write | DeleteRemote  # steps that the provider carries out


@dataclass(frozen=True, slots=True)
class SafetyStop:
    """Why a plan stopped for a person. `reason`: "deletes" (`count` of `total` events would be
    deleted) or "empty" (all are gone).
    """

    reason: str
    count: int
    total: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in their order, none if there is a safety `stop`; and the events in our calendar that
    are not ours, as far as this delta lists them.
    """

    steps: tuple[Step, ...]
    external: tuple[RemoteEvent, ...] = ()
    stop: SafetyStop | None = None
