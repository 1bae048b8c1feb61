"""Clients that online booking added and nobody has checked yet: the record may be a second one of a
known client.
"""

from collections.abc import Sequence
from datetime import timedelta

from peewee import Function, ModelSelect, fn

from base import scheduling
from base.database import alone
from base.tables.audit import AuditEntry
from models import Booking, Clinic, Patient, User

from .made_online import OnlineBooking

MOST = 50  # the most that a page shows
LATELY = timedelta(days=90)  # days on the list; the client's own page shows it for longer


def waiting(clinic: Clinic) -> list[Patient]:
    """The clients to check, the latest first, without those whose booking was
    cancelled. One query.
    """
    since = scheduling.utc_now() - LATELY
    ids = _unchecked().where(OnlineBooking.clinic == clinic, OnlineBooking.made_at > since)
    rows = Patient.select().where(Patient.id.in_(ids), Patient.merged_into.is_null())
    return list(rows.order_by(Patient.id.desc()).limit(MOST))


def _unchecked() -> "ModelSelect[OnlineBooking]":
    return _added().where(Booking.status != "cancelled")


def _added() -> "ModelSelect[OnlineBooking]":
    rows = OnlineBooking.select(Booking.patient).join(Booking)
    is_theirs = OnlineBooking.newcomer == Booking.patient  # and the booking is still theirs
    return rows.where(OnlineBooking.is_to_check, is_theirs)


def is_to_check(client: Patient) -> bool:
    """Whether this record must still be checked."""
    return _unchecked().where(Booking.patient == client).exists()


def are_added_online() -> Function:
    """A condition: a visitor's booking, even a cancelled one, added this client's record, and
    nobody has checked it.
    """
    return fn.EXISTS(_added().where(Booking.patient == Patient.id))


def mark_checked(client: Patient, actor: User) -> list[int]:
    """Note that the record was checked: it is a client of its own, or was merged. Returns the ids
    of the rows that are changed, for `uncheck`; none if the record was checked before.
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
    """Undo `mark_checked`. `ids`: its answer."""
    rows = OnlineBooking.update(is_to_check=True)
    rows.where(OnlineBooking.clinic == clinic, OnlineBooking.id.in_(ids)).execute()
