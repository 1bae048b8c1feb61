"""Requests: bookings that visitors made and the clinic has not confirmed yet.

A request holds its time as a booking does. The clinic confirms it (as any pending booking), offers
another time or declines; unanswered it lapses. An answer that is taken back makes it a request
again. What a visitor said of themselves is forgotten a
while after a request came to nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from peewee import ModelSelect

from base import scheduling
from base.bookings.changes import Changed, ChangedMeanwhile, when_pending
from base.bookings.clashes import SlotTaken
from base.database import EPOCH, alone
from base.scheduling import Span
from base.tables.notes import NoteVersion
from free_times import finding
from free_times.finding import Free, Wish
from free_times.offers import terms
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Patient, Practitioner, Service, User, Venue

from . import team_letters
from .bookings import OnlineBooking
from .taking import approve_by

KEPT = timedelta(days=30)  # what visitors said, after a request came to nothing
NOTHING = ("declined", "lapsed")
MOST = 100  # at once on a page
_RUNS = OnlineBooking.approve_by > EPOCH  # not null: said so that an index serves


def open_ones(clinic: Clinic, user: User | None = None) -> "ModelSelect[OnlineBooking]":
    """The clinic's requests that wait for an answer, the soonest first, with booking, client,
    service and calendar at hand: one query. `user`: in this person's calendars alone.
    """
    rows = (
        _open()
        .select(OnlineBooking, Booking, Practitioner, Venue, User, Patient, Service)
        .join(Practitioner)
        .join(Venue)
        .switch(Practitioner)
        .join(User)
        .switch(Booking)
        .left_outer_join(Patient, on=(Booking.patient == Patient.id))
        .switch(Booking)
        .left_outer_join(Service, on=(Booking.service == Service.id))
        .where(OnlineBooking.clinic == clinic)
        .order_by(Booking.starts_at, OnlineBooking.id)
        .limit(MOST)
    )
    return rows if user is None else rows.where(Practitioner.user == user)


def _open() -> "ModelSelect[OnlineBooking]":
    return OnlineBooking.select().join(Booking).where(_RUNS, Booking.status == "pending")


def of(booking: Booking) -> OnlineBooking | None:
    """The request that this booking is; None where it is none, or was answered."""
    return _open().where(OnlineBooking.booking == booking).get_or_none()


def decline(made: OnlineBooking, actor: User, seen: int | None = None) -> Changed | None:
    """Say no: the time is free again. None where it was answered meanwhile. Raises ChangedMeanwhile
    where `seen` is not the booking's sequence any more.
    """
    with alone(made.booking) as booking:
        if of(booking) is None:
            return None
        if seen not in (None, booking.sequence):
            raise ChangedMeanwhile
        changed = booking.cancel(actor)
        _come_to(made, "declined")
        return changed


def other_times(made: OnlineBooking, start: datetime, end: datetime) -> Iterator[Free]:
    """Times that can be offered instead, in the same calendar and as long, by the rules of the
    team's own ways: without notice and horizon.
    """
    booking = made.booking
    if _is_closed(booking):
        return
    minutes = int(booking.span.duration.total_seconds()) // 60
    calendar, service = booking.practitioner, booking.service
    wish = Wish(calendar, minutes)
    if service is not None:
        wish = Wish.of(terms(calendar, service), service, minutes)
    step = booking.clinic.step_minutes
    for free in finding.free_times([wish], start, end, step, but=[booking.id]):
        if free.starts_at != booking.starts_at:
            yield free


def offer(
    made: OnlineBooking, starts_at: datetime, actor: User, seen: int | None = None
) -> Changed | None:
    """Offer another time: the booking moves there, and waits for the visitor. None where it was
    answered meanwhile. Raises SlotTaken, and ChangedMeanwhile as `decline`.
    """
    with alone(made.booking) as booking:
        if of(booking) is None:
            return None
        if seen not in (None, booking.sequence):
            raise ChangedMeanwhile
        is_over = starts_at <= scheduling.utc_now()
        if is_over or next(other_times(made, starts_at, starts_at), None) is None:
            raise SlotTaken
        changed = booking.change(actor, Span(starts_at, starts_at + booking.span.duration))
        made.answered_sequence = booking.sequence
        made.approve_by = approve_by(OnlineSettings.of(booking.clinic), starts_at)
        made.save(only=[OnlineBooking.answered_sequence, OnlineBooking.approve_by])
        return changed


def accept(made: OnlineBooking, starts_at: datetime | None) -> bool:
    """The visitor takes the time that was offered, and that the page showed. False where it is
    offered no more; a second press changes nothing. Raises SlotTaken.
    """
    with alone(made.booking) as booking:
        if booking.status == "confirmed":
            return True
        made.answered_sequence = OnlineBooking.get_by_id(made.id).answered_sequence
        is_there = made.answer == "offered" and booking.starts_at == starts_at
        if not is_there or _is_closed(booking) or booking.starts_at <= scheduling.utc_now():
            return False
        booking.set_status("confirmed", None)
        team_letters.visitor_did(booking, "booked")
        return True


def _is_closed(booking: Booking) -> bool:
    """Whether nothing new is booked in its calendar."""
    return booking.practitioner.archived or booking.practitioner.venue.archived


@when_pending
def ask_again(bookings: Sequence[Booking]) -> None:
    """Make bookings of visitors that wait for an answer again requests again: with the time that
    was left, or else the clinic's whole time. What has begun is none.
    """
    at = scheduling.utc_now()
    ahead = {booking.id: booking for booking in bookings if booking.starts_at > at}
    for made in OnlineBooking.select().where(OnlineBooking.booking.in_(list(ahead))):
        if made.approve_by is None or made.approve_by <= at:
            booking = ahead[made.booking_id]
            made.approve_by = approve_by(OnlineSettings.of(booking.clinic), booking.starts_at)
            made.save(only=[OnlineBooking.approve_by])


def lapse() -> int:
    """End the requests that nobody answered in time, in short transactions. How many."""
    at, ended = scheduling.utc_now(), 0
    late = (OnlineBooking.approve_by <= at) | (Booking.starts_at <= at)
    due = OnlineBooking.select(OnlineBooking, Booking).join(Booking).where(_RUNS, late)
    for made in due.limit(MOST):
        with alone(made.booking) as booking:
            fresh = OnlineBooking.get_by_id(made.id)
            fresh.booking = booking
            if booking.status != "pending":  # answered: nothing lapses any more
                _forget_the_end(fresh)
            elif fresh.lapses_at and fresh.lapses_at <= at:
                booking.cancel(None)
                _come_to(fresh, "lapsed")
                _forget_the_end(fresh)
                ended += 1
    return ended


def _come_to(made: OnlineBooking, outcome: str) -> None:
    made.outcome, made.decided_at = outcome, scheduling.utc_now()
    made.answered_sequence = made.booking.sequence
    columns = OnlineBooking.outcome, OnlineBooking.decided_at, OnlineBooking.answered_sequence
    made.save(only=columns)


def _forget_the_end(made: OnlineBooking) -> None:
    made.approve_by = None
    made.save(only=[OnlineBooking.approve_by])


def forget(at: datetime) -> None:
    """Delete what visitors said of themselves where their request came to nothing long ago: note,
    consent, and the client's record where it was made for the request and nobody has used or
    checked it since.
    """
    rows = (
        OnlineBooking.select(OnlineBooking, Booking)
        .join(Booking)
        .where(
            OnlineBooking.outcome.in_(NOTHING),
            OnlineBooking.decided_at < at - KEPT,
            Booking.status == "cancelled",
            OnlineBooking.answered_sequence == Booking.sequence,
        )
        .limit(MOST)
    )
    for made in rows:
        with alone(made.booking) as booking:
            client = _unchecked_newcomer(made)
            is_theirs = client is not None and booking.patient_id == client.id
            unnamed = {"notes": ""} | ({"patient": None} if is_theirs else {})
            Booking.update(**unnamed).where(Booking.id == booking.id).execute()
            NoteVersion.forget(booking)
            made.delete_instance()
            if client is not None and _is_unused(client):
                NoteVersion.forget(client)
                client.delete_instance()
            Booking.bump(booking.clinic, booking.practitioner)


def _unchecked_newcomer(made: OnlineBooking) -> Patient | None:
    """The client that was added by it, where nobody has looked at the record yet. Whoever the
    booking was given to since was not.
    """
    fresh = OnlineBooking.get_by_id(made.id)
    return Patient.get_or_none(Patient.id == fresh.newcomer) if fresh.is_to_check else None


def _is_unused(client: Patient) -> bool:
    """Whether nothing but the request refers to the record, and nobody wrote in it."""
    refers = client.bookings, client.led_on, client.merges, client.merges_away
    return not (client.notes or client.merged_into_id or any(rows.exists() for rows in refers))
