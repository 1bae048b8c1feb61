"""The bookings that exist before an import, or are made by others during it."""

from collections.abc import Iterable
from datetime import datetime

from models import Booking, Clinic, Practitioner


def bookings(clinic: Clinic, start: datetime, end: datetime, own: Iterable[list[int]] = ()):
    """The bookings in [start, end), in order of time: tuples of id, person, calendar, client (ids),
    from, to, status. `own`: ranges of ids to leave out, both ends included.
    """
    columns = (
        Booking.id,
        Practitioner.user,
        Booking.practitioner,
        Booking.patient,
        Booking.starts_at,
        Booking.ends_at,
        Booking.status,
    )
    return (
        Booking.select(*columns)
        .join(Practitioner)
        .where(
            Booking.clinic == clinic,
            *Booking.touching(start, end),
            *(~Booking.id.between(first, last) for first, last in own),
        )
        .order_by(Booking.starts_at)
        .tuples()
    )
