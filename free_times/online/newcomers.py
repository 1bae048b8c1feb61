"""Clients that came by online booking, and whose record nobody has looked at yet: it may be a
second one of somebody known.
"""

from datetime import timedelta

from peewee import ModelSelect

from base import scheduling
from base.audit import AuditEntry
from base.database import alone
from models import Booking, Clinic, Patient, User

from .bookings import OnlineBooking

MOST = 50  # named at once
LATELY = timedelta(days=90)  # of whom the list tells; their own page tells it for longer


def waiting(clinic: Clinic) -> list[Patient]:
    """The clients to check, the latest first: one query. Whose booking was called off is none."""
    since = scheduling.utc_now() - LATELY
    ids = _unchecked().where(OnlineBooking.clinic == clinic, OnlineBooking.made_at > since)
    rows = Patient.select().where(Patient.id.in_(ids), Patient.merged_into.is_null())
    return list(rows.order_by(Patient.id.desc()).limit(MOST))


def _unchecked() -> "ModelSelect[OnlineBooking]":
    rows = OnlineBooking.select(Booking.patient).join(Booking)
    return rows.where(OnlineBooking.is_to_check, Booking.status != "cancelled")


def is_to_check(client: Patient) -> bool:
    """Whether nobody has looked at this record yet."""
    return _unchecked().where(Booking.patient == client).exists()


def check(client: Patient, actor: User) -> bool:
    """Somebody has looked: it is a client of their own, or was merged. False: somebody had."""
    with alone(client):
        theirs = Booking.select(Booking.id).where(Booking.patient == client)
        done = (
            OnlineBooking.update(is_to_check=False)
            .where(OnlineBooking.booking.in_(theirs), OnlineBooking.is_to_check)
            .execute()
        )
        if done:
            AuditEntry.note(client.clinic, actor, "patient.checked", client)
        return bool(done)
