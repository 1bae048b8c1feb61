"""The time of one person that is taken, as instants."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from peewee import fn

from base.bookings.statuses import FREE_STATUSES
from base.tables import time_off
from base.tables.bulk import tuples
from base.tables.outside import ExternalEvent
from models import LONGEST_GAP, Booking, Practitioner, Service


def busy_times(
    user_id: int,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    but: Iterable[int] = (),
    gaps: tuple[int, int] = (0, 0),
) -> list[tuple[datetime, datetime]]:
    """The stretches (from, to) of [start, end) in which the person's time is taken: by bookings,
    except those in `but`; by external events; by time off. `gaps`: minutes that a visit needs free
    before and after it; each stretch is longer by them. Between two neighbours the larger gap
    counts.
    """
    wants_before, wants_after = gaps
    rows = (
        Booking.select(
            Booking.starts_at,
            Booking.ends_at,
            fn.COALESCE(Service.gap_before_minutes, 0),
            fn.COALESCE(Service.buffer_minutes, 0),
        )
        .join(Practitioner)
        .switch(Booking)
        .left_outer_join(Service, on=(Booking.service == Service.id))
        .where(
            Practitioner.user == user_id,
            *Booking.touching(start - LONGEST_GAP, end + LONGEST_GAP),
            Booking.status.not_in(FREE_STATUSES),
            Booking.id.not_in(list(but)),
        )
    )
    taken = list(tuples(rows))
    taken += [
        (*event.taken(zone), 0, 0)
        for event in ExternalEvent.between(user_id, start, end).where(ExternalEvent.blocks)
    ]
    taken += [
        (stretch.starts_at, stretch.ends_at, 0, 0)
        for stretch in time_off.TimeOff.between(user_id, start, end, zone)
    ]
    found = (
        (
            max(begins, start) - timedelta(minutes=max(before, wants_after)),
            min(ends, end) + timedelta(minutes=max(after, wants_before)),
        )
        for begins, ends, before, after in taken
    )
    return [(begins, ends) for begins, ends in found if begins < ends]
