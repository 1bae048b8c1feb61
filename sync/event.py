"""The vocabulary of sync: inert values, standard library only."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Face:
    """What a booking shows outside: plain text, nothing escaped."""

    title: str
    description: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One calendar entry on its way out. Instants are aware UTC; whole days carry dates, `ends_on` exclusive.

    `status` is "confirmed", "tentative" or "cancelled"; `changed_at` is the last change of anything the event shows.
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
class Mark:
    """What every event that we write carries in a private property: never personal data."""

    installation: str
    reference: str  # the booking's uid
    generation: int  # grows with every fresh start, so that a reset never meets its own tombstones


@dataclass(frozen=True, slots=True)
class RemoteEvent:
    """One event as the provider told it. `mark` None: foreign. Whole days carry dates (`ends_on` exclusive) beside instants at UTC midnight.

    `busy` is "busy", "free", "tentative", "away" or "elsewhere"; `series_id` names the series it is an occurrence of.
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


@dataclass(frozen=True, slots=True)
class Delta:
    """One pull. `complete`: everything in the window was told, so what is missing there is gone; else only changes were."""

    changed: tuple[RemoteEvent, ...]
    tombstones: frozenset[str]
    sync_token: str | None
    complete: bool


@dataclass(frozen=True, slots=True)
class Link:
    """Both sides of one booking as they last agreed. `phase`: "creating" (the id is promised, the answer not seen), "synced",
    "deleting", or "frozen" (left the window; nothing is done to it)."""

    uid: str
    remote_id: str
    etag: str
    sequence: int
    fingerprint: str
    phase: str
