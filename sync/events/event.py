"""The vocabulary of sync: inert values, standard library only."""

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
        """Whether any of these times lies inside."""
        return ends_at > self.starts_at and starts_at < self.ends_at

    def clearly_holds(self, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether all of these times lie inside with a day to spare: whole days are laid in the
        calendar's own zone, which we do not know.
        """
        spare = timedelta(days=1)
        return starts_at >= self.starts_at + spare and ends_at <= self.ends_at - spare


@dataclass(frozen=True, slots=True)
class Mark:
    """What every event that we write carries in private properties: never personal data."""

    installation: str
    reference: str  # the booking's uid
    generation: int  # grows with every fresh start, so that a reset never meets its own tombstones
    # whose event it is: several people may write to one calendar; "": written by an earlier version
    account: str = ""


@dataclass(frozen=True, slots=True)
class RemoteEvent:
    """One event as the provider told it. `mark` None: external. Whole days carry dates (`ends_on`
    exclusive) beside instants at UTC midnight.

    `busy` is "busy", "free", "tentative", "away" or "elsewhere"; `series_id` names the series it is
    an occurrence of.
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


@dataclass(frozen=True, slots=True)
class Unread:
    """An event that is there and could not be read. `remote_id` may be "". `reason`: "no_start",
    "no_end", "bad_start", "bad_end",
    "backwards", "zone" (an unknown one), "no_id", "refused" (the provider does not show it) or
    "shape".
    """

    remote_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delta:
    """One pull. `complete`: everything in the window (None: of all times) was told, so what is
    missing there is gone; else only
    changes were. A tombstone is an event that is surely gone, known to us or not. About what is
    `unread` only its being there is known; about what is `unsure` (ids that it lacks) nothing.
    """

    changed: tuple[RemoteEvent, ...]
    tombstones: frozenset[str]
    sync_token: str | None
    complete: bool
    window: Window | None = None
    unread: tuple[Unread, ...] = ()
    unsure: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EventMapping:
    """Both sides of one booking as they last agreed.

    `phase`: "creating" (the id is promised, the answer not seen), "synced", "deleting" (asked for,
    the answer not seen), "frozen" (left
    the window; nothing is done to it) or "gone" (nothing stands there; the row keeps the
    generation, so that its id is not used again).
    """

    uid: str
    remote_id: str
    etag: str
    sequence: int
    fingerprint: str  # what stood there, as the provider told it; "" while nobody has seen it
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
    """What a plan is made under. `edits`: what becomes of times and text that someone changed
    outside: "put_back", "ask" first, or
    "follow" times. A plan that takes away more than `few` events and more than `share` of all, or
    finds `several` suddenly gone and
    nothing left, stops for a person."""

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
    """One thing to do about one booking. `mapping` is the row to store before any call is made;
    those
    without a call are then done.
    """

    mapping: EventMapping


@dataclass(frozen=True, slots=True)
class Relink(Step):
    """News of etag or fingerprint only."""


@dataclass(frozen=True, slots=True)
class Freeze(Step):
    """The booking left the window: what stands there stays, and is let be."""


@dataclass(frozen=True, slots=True)
class Forget(Step):
    """Nothing stands there any more, and nothing should."""


@dataclass(frozen=True, slots=True)
class AdoptRemote(Step):
    """An event with our mark that no mapping holds is the one: hold it."""


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
    only step that changes a booking. Store
    the mapping, with the booking's new sequence, together with the move; when it is refused, store
    it
    with `wanted` "", and it is put back.
    """

    event: Event
    seen: RemoteEvent


@dataclass(frozen=True, slots=True)
class DeleteRemote(Step):
    """Take an event away. `mapping.phase` is "deleting"; or "stale" for a copy that no mapping
    holds:
    nothing is stored for it, so the new sync
    token must wait until it is gone.

    `mapping.remote_id` "": the answer to its creation was lost, so look for it by its mark. `etag`
    "":
    whatever is there.
    """


@dataclass(frozen=True, slots=True)
class UpdateRemote(Step):
    """Make the event what it should be, if its etag still is the mapping's. `then`: the mapping's
    phase
    afterwards.
    """

    event: Event
    then: str = "synced"


@dataclass(frozen=True, slots=True)
class PutBack(Step):
    """Undo what somebody did outside: an update that a person is told of. `change` as in Ask."""

    event: Event
    seen: RemoteEvent
    change: str


@dataclass(frozen=True, slots=True)
class CreateRemote(Step):
    """Write a new event, under an id made from `mapping.generation`. `resume`: an answer was lost,
    so
    look for the event first.
    """

    event: Event
    resume: bool = False
    then: str = "synced"


@dataclass(frozen=True, slots=True)
class Recreate(Step):
    """Write the event anew, as the next generation. `change`: "deleted" (tell a person), or "" when
    it was not outsiders' doing.
    """

    event: Event
    change: str


@dataclass(frozen=True, slots=True)
class SafetyStop:
    """Why a plan stopped for a person. `reason`: "deletes" (`count` of `total` events would be
    taken away) or "empty" (all are gone).
    """

    reason: str
    count: int
    total: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order to take them, none while there is a `stop`; and the events in our calendar
    that are not ours, told this time.
    """

    steps: tuple[Step, ...]
    external: tuple[RemoteEvent, ...] = ()
    stop: SafetyStop | None = None
