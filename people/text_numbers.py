"""The phone number of a client for text messages."""

from base.phones import e164
from models import Clinic, Venue


def number(clinic: Clinic, phone: str) -> str | None:
    """The complete phone number; None if the text is no number. Without a country code it is read
    as a number of a country in which the clinic has a venue.
    """
    return e164(phone, *dict.fromkeys(venue.country for venue in Venue.listed(clinic)))
