"""What stands in the calendars before an import."""

from datetime import datetime

from models import Booking, Clinic, Practitioner


def bookings(clinic: Clinic, start: datetime, end: datetime):
    """What stands in [start, end): tuples of person, calendar, client (ids), from, to, status."""
    columns = (
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
        .where(Booking.clinic == clinic, *Booking.touching(start, end))
        .order_by(Booking.starts_at)
        .tuples()
    )
