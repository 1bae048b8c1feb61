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
