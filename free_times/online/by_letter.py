"""The booking link in a letter about an appointment that the team booked. It shows the appointment,
cancels it within the clinic's rule, and ends reminders. Anybody who has the link may use it.

The link is derived from the server's key, the booking and its client. It works until 30 days after
the appointment.
"""

from datetime import datetime

from base import scheduling, vault
from free_times.own_terms import ServiceTerms, online_terms
from free_times.rules import OnlineSettings
from models import Booking, Patient

from . import present_client
from .managing import ENDS_AFTER, cancel_for_client, is_good, uuid_of

_PURPOSE = "an appointment in a letter"


def token(booking: Booking) -> str:
    """The secret part of the booking link: 43 characters."""
    return vault.derived(_PURPOSE, present_client.named(str(booking.uuid), booking))[0]


def find_by_letter(uuid: str, given: str) -> Booking | None:
    """The booking with this booking link; None for every kind of refusal, after the same query."""
    wanted = uuid_of(uuid)
    row: Booking | None = Booking.in_full().where(Booking.uuid == wanted).get_or_none()
    is_known = is_good(_PURPOSE, present_client.names(str(wanted), row), given)
    if row is None or not is_known or scheduling.utc_now() >= row.ends_at + ENDS_AFTER:
        return None
    return row


def may_cancel(booking: Booking, settings: OnlineSettings) -> bool:
    """Whether the client may cancel the appointment now."""
    return booking.is_expected and settings.is_changeable(booking.starts_at)


def bookable_terms(booking: Booking) -> list[ServiceTerms]:
    """The terms of the booking's service at its venue for clients who book online."""
    if booking.service is None:
        return []
    venue = booking.practitioner.venue_id
    return [one for one in online_terms(booking.service) if one.calendar.venue_id == venue]


def may_move(booking: Booking, settings: OnlineSettings) -> bool:
    """Whether the client may take another time that becomes free: clients book online, and may book
    this service.
    """
    return settings.is_on and may_cancel(booking, settings) and bookable_terms(booking) != []


def cancel(booking: Booking, shown: datetime | None = None) -> None:
    """Cancel the appointment; a second press changes nothing. Raises TooLate. Raises
    ChangedMeanwhile if the appointment is no longer at the time that the page showed (None: a page
    of an earlier version), and AnotherClient.
    """
    with present_client.alone_with(booking) as row:
        if row.status != "cancelled":
            row.will_change_online()
            cancel_for_client(row, shown, may_cancel(row, OnlineSettings.of(row.clinic)))


def client(booking: Booking) -> Patient | None:
    """The client of the appointment; after a merge, the record in use."""
    found: Patient | None = booking.patient and booking.patient.record_in_use
    return found


def set_reminded(booking: Booking, wanted: bool) -> None:
    """Stop the reminders of all appointments of this booking's client, or start them again. A
    second press changes nothing. Raises AnotherClient.
    """
    with present_client.alone_with(booking):
        row = client(booking)
        if row is not None and (row.unreminded_at is None) != wanted:
            row.unreminded_at = None if wanted else scheduling.utc_now()
            row.save(only=[Patient.unreminded_at])
