"""Future bookings in closed calendars (of people who left, or closed calendars and venues).
Somebody must take them over, or cancel them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from peewee import Case, ModelSelect, fn

from base import scheduling, working_time
from base.bookings.changes import ChangedMeanwhile
from base.bookings.clashes import SlotTaken
from base.tables import outside
from base.tables.outside import ExternalEvent
from base.tables.time_off import TimeOff
from models import Booking, Clinic, Patient, Practitioner, Service, User, Venue


def to_come() -> tuple[Any, ...]:
    """Conditions for bookings that are not over and not cancelled.

    An offered booking counts, though it takes no time: a client was told of it.
    """
    at = scheduling.utc_now()
    return (
        Booking.ends_at > at,
        Booking.starts_at > at - scheduling.LONGEST - timedelta(days=2),
        Booking.status.not_in(("cancelled", "no_show")),
    )


def count(owner: Practitioner | Venue | User | Service) -> int:
    """The number of bookings to come in this calendar, at this venue, of this person or service."""
    column = {
        Practitioner: Booking.practitioner,
        Venue: Practitioner.venue,
        User: Practitioner.user,
        Service: Booking.service,
    }[type(owner)]
    rows = Booking.select().join(Practitioner).where(*to_come(), column == owner)
    return int(rows.count())


def _with_open_ones(clinic: Clinic, also: Sequence[Any] = ()) -> "ModelSelect[Practitioner]":
    """The clinic's open calendars, and its closed ones with future bookings.

    `left`: the number of future bookings; None for open calendars. `also`: a condition; calendars
    with a booking that meets it are included too.
    """
    closed = Practitioner.archived | Venue.archived
    ahead = Booking.select(fn.COUNT(Booking.id)).where(
        Booking.practitioner == Practitioner.id, *to_come()
    )
    left = Case(None, [(closed, ahead)], None)
    rows = (
        Practitioner.select(Practitioner, User, Venue, left.alias("left"))
        .join(User)
        .switch(Practitioner)
        .join(Venue)
    )
    wanted = ~closed | (ahead > 0)
    if also:
        booked = Booking.select(Booking.practitioner).where(Booking.clinic == clinic, *also)
        wanted |= Practitioner.id.in_(booked)
    return rows.where(Practitioner.clinic == clinic, wanted)


def in_menu(clinic: Clinic, reader: User, most: int) -> list[Practitioner]:
    """The calendars for the menu: the reader's own first, then colleagues' by venue, the oldest
    first; closed ones with future bookings come last. At most so many; each with `left`.
    """
    order = Practitioner.user == reader.id, Practitioner.archived | Venue.archived
    rows = _with_open_ones(clinic).order_by(*(one.desc() for one in order), Venue.id, User.name)
    return list(rows.limit(most))


def in_days(clinic: Clinic, start: datetime, end: datetime) -> list[Practitioner]:
    """The open calendars, and closed ones with bookings in [start, end), by venue and name; each
    with `left`.
    """
    rows = _with_open_ones(clinic, Booking.touching(start, end))
    return list(rows.order_by(Venue.name, Venue.id, User.name, Practitioner.id))


def calendars(clinic: Clinic) -> list[Practitioner]:
    """The closed calendars with future bookings, by name."""
    rows = _with_open_ones(clinic).where(Practitioner.archived | Venue.archived)
    return list(rows.order_by(User.name, Venue.name))


def bookings(calendar: Practitioner) -> list[Booking]:
    """Future and present bookings of a calendar, soonest first, with client and service."""
    rows = (
        Booking.select(Booking, Patient, Service)
        .left_outer_join(Patient, on=(Booking.patient == Patient.id))
        .switch(Booking)
        .left_outer_join(Service, on=(Booking.service == Service.id))
        .where(Booking.practitioner == calendar, *to_come())
    )
    return list(rows.order_by(Booking.starts_at, Booking.id))


def free_for(calendar: Practitioner, rows: Sequence[Booking]) -> int:
    """The number of these bookings that fit into the person's free time, each checked alone.

    An offer needs no free time. Three queries.
    """
    spans = [_there(row, calendar) for row in rows if row.is_busy]
    taken = [
        row.span for row in Booking.conflicts(calendar.user_id, spans, [row.id for row in rows])
    ]
    taken += outside.cut(
        ExternalEvent.blocking(calendar.user, spans, calendar.zone), spans, calendar.zone
    )
    taken += working_time.cut(TimeOff.blocking(calendar.user_id, spans, calendar.zone), spans)
    return len(rows) - sum(any(span.overlaps(other) for other in taken) for span in spans)


@dataclass
class HandedOver:
    """The result of handing bookings over.

    It has the bookings that were handed over; those that stayed because their new person is busy
    then, with the keys of the conflicts by booking (id); and those that somebody `changed`
    meanwhile.
    """

    done: list[Booking] = field(default_factory=list)
    stayed: list[Booking] = field(default_factory=list)
    changed: list[Booking] = field(default_factory=list)
    keys: dict[int, set[str]] = field(default_factory=dict)


def hand_over(
    rows: Iterable[Booking],
    to: Practitioner,
    actor: User,
    anyway: Mapping[int, Collection[str]] = MappingProxyType({}),
) -> HandedOver:
    """Give bookings to another calendar at their own times, one by one.

    A booking stays if its new person is busy, except for the overlaps that `anyway` allows for its
    id (as `allow_overlap`). A booking stays, too, if somebody moves or cancels it meanwhile. Raises
    ClosedCalendar.
    """
    result = HandedOver()
    for booking in rows:
        try:
            booking.change(
                actor,
                _there(booking, to),
                practitioner=to,
                allow_overlap=anyway.get(booking.id, ()),
                seen_sequence=booking.sequence,
            )
            result.done.append(booking)
        except SlotTaken as refusal:
            result.stayed.append(booking)
            result.keys[booking.id] = {key for clash in refusal.clashes for key in clash.keys}
        except ChangedMeanwhile:  # perhaps by a second press of the same button
            is_there = booking.practitioner_id == to.id
            (result.done if is_there else result.changed).append(booking)
    return result


def _there(booking: Booking, to: Practitioner) -> scheduling.Span:
    """The booking's time in another calendar: the same instants, or the same whole days at the
    other venue.
    """
    return (
        scheduling.whole_days(booking.starts_on, booking.ends_on - timedelta(days=1), to.zone)
        if booking.starts_on and booking.ends_on
        else booking.span
    )
