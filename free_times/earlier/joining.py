"""Putting a client on the waiting list, or changing what suits them."""

import json
from typing import Any
from uuid import UUID

from base import vault
from base.database import alone
from base.tables.audit import AuditEntry
from free_times.online import present_client
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Patient, Service, User

from . import entries, matching
from .entries import EarlierSettings, WaitingEntry, Wanted
from .matching import Sight

MOST_OF_CONTACT = 3  # entries without an appointment, of one e-mail address


class CannotWait(Exception):
    """The appointment is over, cancelled or nobody's, or the person waits often enough."""


def may_ask(booking: Booking, may_move: bool) -> bool:
    """Whether the client of an appointment may put themselves on the waiting list. `may_move`:
    whether they may go to another time at all.
    """
    is_open = may_move and EarlierSettings.of(booking.clinic).visitors_ask
    return is_open and entries.may_wait(booking)


def ask_for(booking: Booking, wanted: Wanted, actor: User | None) -> WaitingEntry:
    """Put the client of an appointment on the list, or change what suits them. Times that are free
    now are not offered. `actor` None: the client, by a booking link. Raises CannotWait, and
    AnotherClient.
    """
    with alone(booking) if actor else present_client.alone_with(booking):
        client = booking.patient
        if client is None or not entries.may_wait(booking):
            raise CannotWait
        entry = entries.of_booking(booking) or WaitingEntry(
            clinic=booking.clinic,
            booking=booking,
            service=booking.service,
            by_team=actor is not None,
        )
        entry.patient = client.record_in_use
        if _set(entry, wanted):
            AuditEntry.note(booking.clinic, actor, "earlier.asked", entry)
        return entry


def ask_without(
    clinic: Clinic,
    service: Service,
    wanted: Wanted,
    who: Patient | dict[str, Any],
    actor: User | None,
    key: UUID | None = None,
) -> WaitingEntry:
    """Put a client without an appointment on the list. `who`: their record, or the details that a
    visitor typed (name, email, phone, zone, and what they agreed to). A record that waits for this
    service already gets the new wishes; a visitor's form never changes an existing entry. `key`: a
    second call with the same key returns the entry of the first. Raises CannotWait.
    """
    with alone(clinic):
        if key and (made := entries.made_before(clinic, key)):
            return made
        entry = WaitingEntry(clinic=clinic, service=service, by_team=actor is not None)
        if isinstance(who, Patient):
            entry.patient = who.record_in_use
        else:
            entry.sealed = vault.seal(json.dumps(who))
        others = entries.waiting(clinic).where(WaitingEntry.booking.is_null())
        readable = [one for one in others if one.patient_id or vault.opens(one.sealed)]
        same = [one for one in readable if one.contact.key == entry.contact.key]
        again = next((one for one in same if actor and one.service_id == service.id), None)
        if again is None and len(same) >= MOST_OF_CONTACT:
            raise CannotWait
        entry = again or entry
        entry.uuid = key or entry.uuid
        if _set(entry, wanted):
            AuditEntry.note(clinic, actor, "earlier.asked", entry)
        return entry


def _set(entry: WaitingEntry, wanted: Wanted) -> bool:
    """Set the wishes and save. False: they were the same before."""
    was = {name: getattr(entry, name) for name in wanted.columns}
    is_changed = entry.id is None or was != wanted.columns
    for name, value in wanted.columns.items():
        setattr(entry, name, value)
    clinic = entry.clinic
    starts = Sight(clinic, OnlineSettings.of(clinic), [entry]).starts(entry)
    entry.known = matching.runs(starts, clinic.step_minutes)
    entry.sequence = entry.booking.sequence if entry.booking else None
    entry.save(force_insert=entry.id is None)
    return is_changed
