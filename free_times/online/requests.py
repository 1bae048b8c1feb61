"""Requests: bookings that visitors made and the clinic has not confirmed yet.

A request takes its time as a booking does. The clinic confirms it (as any pending booking), offers
another time or declines; without an answer it lapses; the team or the visitor may cancel it as any
booking. Undoing an answer makes it a request again. A visitor's details are deleted some time after
a request ended without a booking.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from peewee import ModelSelect

from base import scheduling
from base.bookings.changes import Changed, ChangedMeanwhile, when_status_changes
from base.bookings.clashes import SlotTaken
from base.bookings.statuses import UNCONFIRMED_STATUSES
from base.database import alone
from base.scheduling import EPOCH, Span
from base.tables import faulty
from base.tables.notes import NoteVersion
from free_times import finding
from free_times.finding import FreeTime, Wish
from free_times.own_terms import terms
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Patient, Practitioner, User

from .made_online import OnlineBooking
from .making import approve_by

KEPT = timedelta(days=30)  # visitors' details, if a request came to nothing
MOST = 100  # rows on a page
_OFFERED = [
    OnlineBooking.answered_sequence,
    OnlineBooking.approve_by,
    OnlineBooking.pressed_at,
    OnlineBooking.looked,
]
_RUNS = OnlineBooking.approve_by > EPOCH  # "not null" lets an index serve


def open_ones(clinic: Clinic, user: User | None = None) -> "ModelSelect[OnlineBooking]":
    """The clinic's requests that wait for an answer, soonest first, with booking, client, service
    and calendar: one query. `user`: in this person's calendars alone.
    """
    rows = (
        Booking.in_full(_open())
        .where(OnlineBooking.clinic == clinic)
        .order_by(Booking.starts_at, OnlineBooking.id)
        .limit(MOST)
    )
    return rows if user is None else rows.where(Practitioner.user == user)


def _open() -> "ModelSelect[OnlineBooking]":
    return OnlineBooking.select().join(Booking).where(_RUNS, Booking.status == "pending")


def request_of(booking: Booking) -> OnlineBooking | None:
    """The request of this booking; None if the booking is no request, or was answered."""
    return _open().where(OnlineBooking.booking == booking).get_or_none()


def decline(made: OnlineBooking, actor: User, seen: int | None = None) -> Changed | None:
    """Decline the request, so that its time is free again. None if it was answered meanwhile.
    Raises ChangedMeanwhile if `seen` is no longer the booking's sequence.
    """
    with alone(made.booking) as booking:
        if request_of(booking) is None:
            return None
        if seen not in (None, booking.sequence):
            raise ChangedMeanwhile
        changed = booking.cancel(actor)
        _come_to(made, "declined")
        return changed


def other_times(made: OnlineBooking, start: datetime, end: datetime) -> Iterator[FreeTime]:
    """Times that can be offered instead, in the same calendar and of the same length. The team's
    rules hold: no booking notice and no horizon.
    """
    booking = made.booking
    if is_closed(booking):
        return
    minutes = int(booking.span.duration.total_seconds()) // 60
    calendar, service = booking.practitioner, booking.service
    wish = Wish(calendar, minutes)
    if service is not None:
        wish = Wish.of(terms(calendar, service), service, minutes)
    grid_step = booking.clinic.step_minutes
    for free in finding.free_times([wish], start, end, grid_step, but=[booking.id]):
        if free.starts_at != booking.starts_at:
            yield free


def propose_time(
    made: OnlineBooking, starts_at: datetime, actor: User, seen: int | None = None
) -> Changed | None:
    """Offer another time: the booking moves there, and waits for the visitor. None if it was
    answered meanwhile. Raises SlotTaken, and ChangedMeanwhile as `decline` does.
    """
    with alone(made.booking) as booking:
        if request_of(booking) is None:
            return None
        if seen not in (None, booking.sequence):
            raise ChangedMeanwhile
        is_over = starts_at <= scheduling.utc_now()
        if is_over or next(other_times(made, starts_at, starts_at), None) is None:
            raise SlotTaken
        changed = booking.change(actor, Span(starts_at, starts_at + booking.span.duration))
        made.answered_sequence, made.pressed_at, made.looked = booking.sequence, None, ""
        made.approve_by = approve_by(OnlineSettings.of(booking.clinic), starts_at)
        made.save(only=_OFFERED)
        return changed


def is_closed(booking: Booking) -> bool:
    """Whether its calendar is closed for new bookings."""
    calendar: Practitioner = booking.practitioner
    return calendar.archived or calendar.venue.archived


@when_status_changes
def update_requests(changed: Sequence[tuple[Booking, str]]) -> None:
    """Bring requests up to date after any change of status: a cancelled request has ended, a
    restored one has not, and a pending booking is a request again.
    """
    rows = {booking.id: (booking, was) for booking, was in changed if booking.online}
    if not rows:
        return
    for made in OnlineBooking.select().where(OnlineBooking.booking.in_(list(rows))):
        made.booking, was = rows[made.booking_id]
        status = made.booking.status
        if status == "cancelled" and was in UNCONFIRMED_STATUSES:
            _come_to(made, "cancelled")
        elif was == "cancelled" and made.outcome:
            _come_to(made, "")
        if status == "pending":
            _ask_again(made)


def _ask_again(made: OnlineBooking) -> None:
    """Make the booking a request again. The clinic gets the rest of its time to answer, or else its
    full time. A booking that has begun does not become a request.
    """
    at, booking = scheduling.utc_now(), made.booking
    if booking.starts_at > at and (made.approve_by is None or made.approve_by <= at):
        made.approve_by = approve_by(OnlineSettings.of(booking.clinic), booking.starts_at)
        made.save(only=[OnlineBooking.approve_by])


def lapse() -> None:
    """End the requests that nobody answered in time, those with the earliest end first."""
    at = scheduling.utc_now()
    late = (OnlineBooking.approve_by <= at) | (Booking.starts_at <= at)
    due = OnlineBooking.select(OnlineBooking, Booking).join(Booking).where(_RUNS, late)
    order = OnlineBooking.approve_by, OnlineBooking.id
    faulty.each("requests", due.order_by(*order), lambda made: _lapse(made, at), most=MOST)


def _lapse(made: OnlineBooking, at: datetime) -> None:
    with alone(made.booking) as booking:
        fresh = OnlineBooking.get_by_id(made.id)
        fresh.booking = booking
        if booking.status != "pending":  # all answered: nothing is left to lapse
            _forget_the_end(fresh)
        elif fresh.lapses_at and fresh.lapses_at <= at:
            booking.cancel(None)
            _come_to(fresh, "lapsed")
            _forget_the_end(fresh)


def _come_to(made: OnlineBooking, outcome: str) -> None:
    """Store how the request ended; "": it has not ended."""
    made.outcome, made.decided_at = outcome, scheduling.utc_now()
    made.answered_sequence = made.booking.sequence if outcome else None
    columns = OnlineBooking.outcome, OnlineBooking.decided_at, OnlineBooking.answered_sequence
    made.save(only=columns)


def _forget_the_end(made: OnlineBooking) -> None:
    made.approve_by = None
    made.save(only=[OnlineBooking.approve_by])


def forget(at: datetime) -> None:
    """Delete the details of visitors whose request ended long ago without a booking: note, consent,
    and the client's record if it was made for the request and nobody has used or checked it since.
    The team's part of the booking's note stays. Each request is a transaction of its own.
    """
    came_to_nothing = (
        OnlineBooking.outcome != "",
        OnlineBooking.decided_at < at - KEPT,
        Booking.status == "cancelled",
    )
    rows = OnlineBooking.select(OnlineBooking, Booking).join(Booking)

    def forget_one(made: OnlineBooking) -> bool:
        with alone(made.booking) as booking:
            is_still = rows.where(*came_to_nothing, OnlineBooking.id == made.id)
            fresh = is_still.get_or_none()
            return fresh is not None and _forget(fresh, booking)

    found = rows.where(*came_to_nothing).order_by(OnlineBooking.id)
    faulty.each("ended_requests", found, forget_one, most=MOST)


def _forget(made: OnlineBooking, booking: Booking) -> bool:
    """Delete the details of one request. False while its client waits for an earlier time."""
    # the client that this request added; one to whom the booking was given later does not count
    client = Patient.get_or_none(Patient.id == made.newcomer) if made.is_to_check else None
    if client is not None and _waits(client):
        return False
    is_theirs = client is not None and booking.patient_id == client.id
    unnamed = {"patient": None} if is_theirs else {}
    Booking.update(notes=NoteVersion.forget_first(booking), **unnamed).where(
        Booking.id == booking.id
    ).execute()
    made.delete_instance()
    if client is not None and _is_unused(client):
        NoteVersion.forget(client)
        client.delete_instance(recursive=True)  # with its merges that were undone
    Booking.bump(booking.clinic, booking.practitioner)
    return True


def _waits(client: Patient) -> bool:
    """Whether the client wants to be told of an earlier time."""
    its: Any = client  # their table stands above
    entries = its.waiting_entries
    found: bool = entries.where(entries.model.phase == "waiting").exists()
    return found


def _is_unused(client: Patient) -> bool:
    """Whether only the request refers to the record, and nobody wrote in it."""
    its: Any = client  # the tables of merges and of the waiting list stand above
    merges = [rows.where(rows.model.undone_at.is_null()) for rows in (its.merges, its.merges_away)]
    waits = its.waiting_entries
    waiting = waits.where(waits.model.phase == "waiting")
    refers = its.bookings, its.led_on, *merges, waiting
    return not (client.notes or client.merged_into_id or any(rows.exists() for rows in refers))
