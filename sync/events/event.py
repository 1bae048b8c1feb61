"""The vocabulary of sync: plain values, standard library only."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Face:
    """What a booking shows outside: plain text, nothing escaped."""

    title: str
    description: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One calendar entry on its way out. Instants are aware UTC; whole days carry dates, `ends_on`
    exclusive.

    `status` is "confirmed", "tentative", "cancelled", or "free" for what takes no time;
    `changed_at` is the last change of anything the event shows.
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


# ---- two-way sync: what a calendar outside holds, and what both sides last agreed on ----


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that a calendar is read or written for: aware instants, the end
    exclusive.
    """

    starts_at: datetime
    ends_at: datetime

    def touches(self, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether any part of this time lies inside."""
        return ends_at > self.starts_at and starts_at < self.ends_at

    def clearly_holds(self, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether this time lies inside with a day to spare: we do not know the zone in which the
        provider lays whole days.
        """
        spare = timedelta(days=1)
        return starts_at >= self.starts_at + spare and ends_at <= self.ends_at - spare


@dataclass(frozen=True, slots=True)
class Mark:
    """What we store with every event of ours in private properties. No personal data."""

    installation: str
    reference: str  # the booking's uid
    generation: int  # grows with every fresh start, so that a reset never meets its own tombstones
    # whose event it is: several people may write to one calendar; "": written by an earlier version
    account: str = ""


@dataclass(frozen=True, slots=True)
class RemoteEvent:
    """One event as the provider told it. `mark` None: external. Whole days carry dates (`ends_on`
    exclusive) and instants at UTC midnight.

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
    is_series: bool = False  # the master of a repeat, made by someone outside
    is_private: bool = False
    updated_at: datetime | None = None  # the provider's time of the last change, where it tells one
    guests: int | None = (
        None  # how many others are invited; who they are is not kept. None: not told
    )

    @property
    def ids(self) -> set[str]:
        """Its own id, and that of its series."""
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
    provider does not show it) or "shape".
    """

    remote_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delta:
    """The result of one pull. `complete`: it holds everything in the window (None: of all times),
    so that what it lacks is gone; else only changes. A tombstone names a deleted event, which may
    be unknown to us. Of `unread` events we know only that they exist. `unsure` are ids that a
    pull lacks and that could not be looked up: neither there nor gone. `relisted`: series whose
    occurrences were all listed anew, so that those which the list lacks are gone.
    """

    changed: tuple[RemoteEvent, ...]
    tombstones: frozenset[str]
    sync_token: str | None
    complete: bool
    window: Window | None = None
    unread: tuple[Unread, ...] = ()
    unsure: frozenset[str] = frozenset()
    relisted: frozenset[str] = frozenset()


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
    fingerprint: str  # what the event showed, as the provider told it; "" until it was read
    phase: str
    # what we last wanted there; "" while a write of ours is under way or due, whatever the booking
    # says
    wanted: str = ""
    generation: int = 1
    updated_at: datetime | None = None
    guests: int | None = (
        # invited to our event by somebody outside; no part of the fingerprint. None: not known
        None
    )


# ---- two-way sync: what is to be done about it ----


@dataclass(frozen=True, slots=True)
class Terms:
    """The conditions of a plan. `edits`: what to do with times and text that somebody changed
    outside: "put_back", "ask" first, or "follow" times. A plan stops for a person when it would
    delete more than `few` events and more than `share` of all, or when `several` events are gone
    and none is left.
    """

    installation: str
    generation: int
    window: Window
    edits: str = "put_back"
    refresh: bool = (
        False  # what may be shown has changed: also texts that are frozen are written anew
    )
    few: int = 5
    share: float = 0.2
    several: int = 3
    account: str = ""  # the account's part of a mark: events with another are not ours
    # no answer is behind for as long as this: of an event that nobody was seen to change since, all
    # that differs is news, whatever the clock of the server that changed it said
    settled: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do about one booking. Store `mapping` before any call to the provider. Steps
    without a call are then done.
    """

    mapping: EventMapping


@dataclass(frozen=True, slots=True)
class Relink(Step):
    """Store a new etag or fingerprint."""


@dataclass(frozen=True, slots=True)
class Freeze(Step):
    """The booking left the window: leave its event as it is."""


@dataclass(frozen=True, slots=True)
class Forget(Step):
    """There is no event, and there should be none."""


@dataclass(frozen=True, slots=True)
class AdoptRemote(Step):
    """An event with our mark and no mapping: map it."""


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
    """Somebody moved our event outside, and the booking follows: `event` has the new times. The
    only step that changes a booking. Store the mapping, with the booking's new sequence, in the
    transaction of the move. When the move is refused, store it with `wanted` "": the event is then
    put back.
    """

    event: Event
    seen: RemoteEvent


@dataclass(frozen=True, slots=True)
class DeleteRemote(Step):
    """Delete an event. `mapping.phase` is "deleting"; or "stale" for a copy without a mapping:
    nothing is stored for it, so keep the old sync token until it is gone.

    `mapping.remote_id` "": the answer to its creation was lost, so look for it by its mark. `etag`
    "": whatever its version.
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
    """Undo what somebody changed outside: an update that a person is told of. `change` as in
    Ask.
    """

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


Write = UpdateRemote | PutBack | CreateRemote | Recreate  # steps after which an event stands there
Sent = Write | DeleteRemote  # steps that the provider carries out


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
    """Steps in the order to take them, none where there is a safety `stop`; and the events in our
    calendar that are not ours, as far as this delta tells them.
    """

    steps: tuple[Step, ...]
    external: tuple[RemoteEvent, ...] = ()
    stop: SafetyStop | None = None
