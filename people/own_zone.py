"""The zone of the times that a person reads."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from models import Clinic, Practitioner, User, Venue


def among(calendars: Iterable[Practitioner], user: User) -> ZoneInfo:
    """The zone of the person's own oldest venue, else of the oldest among these calendars."""
    first = min(calendars, key=lambda one: (one.user_id != user.id, one.venue_id), default=None)
    return first.zone if first else ZoneInfo("UTC")


def zone_in_letters(user: User) -> ZoneInfo:
    """The zone of times in letters to the person."""
    return among(Practitioner.listed(user.clinic), user)


def differ(clinic: Clinic) -> bool:
    """Whether the clinic's open venues lie in several zones, so that each time must say in which
    zone it is.
    """
    venues = Venue.listed(clinic).order_by().select(Venue.zone_name)
    return bool(venues.distinct().count() > 1)
