"""Clients that came by online booking, and whose record nobody has looked at yet: it may be a
second one of somebody known.
"""

from collections.abc import Sequence
from datetime import timedelta

from peewee import ModelSelect

from base import scheduling
from base.database import alone
from base.tables.audit import AuditEntry
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
    is_theirs = OnlineBooking.newcomer == Booking.patient  # and no longer somebody else's
    return rows.where(OnlineBooking.is_to_check, is_theirs, Booking.status != "cancelled")


def is_to_check(client: Patient) -> bool:
    """Whether nobody has looked at this record yet."""
    return _unchecked().where(Booking.patient == client).exists()


def check(client: Patient, actor: User) -> list[int]:
    """Somebody has looked: it is a client of their own, or was merged. Gives what was to check
    before, for `uncheck`; nothing where somebody had looked.
    """
    with alone(client):
        theirs = Booking.select(Booking.id).where(Booking.patient == client)
        rows = OnlineBooking.select(OnlineBooking.id).where(
            OnlineBooking.booking.in_(theirs), OnlineBooking.is_to_check
        )
        ids = [row.id for row in rows]
        OnlineBooking.update(is_to_check=False).where(OnlineBooking.id.in_(ids)).execute()
        if ids:
            AuditEntry.note(client.clinic, actor, "patient.checked", client)
        return ids


def uncheck(clinic: Clinic, ids: Sequence[int]) -> None:
    """What `check` gave is to check again."""
    rows = OnlineBooking.update(is_to_check=True)
    rows.where(OnlineBooking.clinic == clinic, OnlineBooking.id.in_(ids)).execute()
