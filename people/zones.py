"""In which zone a person reads times."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from models import Practitioner, User


def among(calendars: Iterable[Practitioner], user: User) -> ZoneInfo:
    """The zone of the person's own oldest venue, else of the oldest among these calendars."""
    first = min(calendars, key=lambda one: (one.user_id != user.id, one.venue_id), default=None)
    return first.zone if first else ZoneInfo("UTC")


def of(user: User) -> ZoneInfo:
    """The zone in which letters tell the person times."""
    return among(Practitioner.listed(user.clinic), user)
