"""The phone number of a client for text messages."""

from base.phones import e164
from models import Clinic, Venue


def number(clinic: Clinic, phone: str) -> str | None:
    """The complete number; None if it is none. Without a country code it is read as one of a
    country in which the clinic has a venue.
    """
    return e164(phone, *dict.fromkeys(venue.country for venue in Venue.listed(clinic)))
