"""The link in a letter about an appointment that the team booked: it shows the appointment, cancels
it within the clinic's rule, and ends reminders. Whoever has it may.

It follows from the server's key and the booking; it ends 30 days after the appointment.
"""

import hmac
from datetime import datetime, timedelta

from peewee import ModelSelect

from base import scheduling, vault
from base.bookings import client_letters
from base.bookings.statuses import OPEN_STATUSES
from base.database import alone
from free_times.rules import OnlineSettings
from models import Booking, Patient, Practitioner, Service, User, Venue

from . import team_letters
from .managing import ENDS_AFTER, TooLate, uuid_of

_PURPOSE = "an appointment in a letter"


def token(booking: Booking) -> str:
    """The secret part of the link: 43 characters."""
    return _candidates(booking.uuid)[0]


def _candidates(uuid: object) -> list[str]:
    return vault.derived(_PURPOSE, f"{uuid}")


def rows() -> "ModelSelect[Booking]":
    """Bookings with what a letter, or the page behind its link, says of them."""
    return (
        Booking.select(Booking, Practitioner, Venue, User, Service)
        .join(Practitioner)
        .join(Venue)
        .switch(Practitioner)
        .join(User)
        .switch(Booking)
        .left_outer_join(Service, on=(Booking.service == Service.id))
    )


def find(uuid: str, given: str) -> Booking | None:
    """The booking behind a link; None for every kind of refusal, after the same query."""
    wanted = uuid_of(uuid)
    row: Booking | None = rows().where(Booking.uuid == wanted).get_or_none()
    known = [hmac.compare_digest(one.encode(), given.encode()) for one in _candidates(wanted)]
    if row is None or not any(known) or scheduling.utc_now() >= row.ends_at + ENDS_AFTER:
        return None
    return row


def until(booking: Booking, settings: OnlineSettings) -> datetime:
    """Until when the client may cancel it."""
    return booking.starts_at - timedelta(hours=settings.change_hours)


def may_cancel(booking: Booking, settings: OnlineSettings) -> bool:
    """Whether the client may cancel it now."""
    is_open = booking.status in OPEN_STATUSES and booking.status != "arrived"
    return is_open and scheduling.utc_now() < until(booking, settings)


def cancel(booking: Booking) -> None:
    """Cancel it; a second press changes nothing. Raises TooLate."""
    with alone(booking) as row:
        if row.status == "cancelled":
            return
        if not may_cancel(row, OnlineSettings.of(row.clinic)):
            raise TooLate
        row.cancel(None)
        client_letters.by_client(row)
        team_letters.visitor_did(row, "cancelled")


def client(booking: Booking) -> Patient | None:
    """Whose appointment it is, by the record that stands for them now."""
    found: Patient | None = booking.patient and booking.patient.standing
    return found


def set_reminded(booking: Booking, wanted: bool) -> None:
    """Send the client of this booking no reminders any more, of any appointment; or send them
    again. A second press changes nothing.
    """
    with alone(booking):
        row = client(booking)
        if row is not None and (row.unreminded_at is None) != wanted:
            row.unreminded_at = None if wanted else scheduling.utc_now()
            row.save(only=[Patient.unreminded_at])
