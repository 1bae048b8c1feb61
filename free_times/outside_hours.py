"""Bookings outside the working hours of their day, listed when hours change."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from base import scheduling
from base.bookings.statuses import FREE_STATUSES
from base.scheduling import number
from base.tables import time_off
from base.working_time import Rota
from models import Booking, Practitioner, Venue

from .openings import openings_of

AHEAD = timedelta(days=366)  # how far ahead to look when the hours of every week change


def bookings(owner: Practitioner | Venue, days: Collection[date]) -> list[Booking]:
    """The future bookings of this calendar, or of every calendar of this venue, that begin on one
    of these local days, take time, and are outside the working hours. Soonest first; four
    queries.
    """
    if not days:
        return []
    zone = owner.zone
    start, end = scheduling.midnight(min(days), zone), scheduling.midnight(max(days), zone)
    found = _between(owner, start, end + timedelta(days=2))
    return [row for row in found if scheduling.local_day(row.starts_at, zone) in days]


def to_come(owner: Practitioner | Venue) -> list[Booking]:
    """The bookings of the coming year that lie outside the owner's working hours, soonest first."""
    at = scheduling.utc_now()
    return _between(owner, at - scheduling.LONGEST, at + AHEAD)


def _between(owner: Practitioner | Venue, start: datetime, end: datetime) -> list[Booking]:
    mine = Practitioner.venue == owner if isinstance(owner, Venue) else Practitioner.id == owner.id
    calendars = list(Practitioner.select(Practitioner, Venue).join(Venue).where(mine))
    if not calendars:
        return []
    rotas = time_off.rotas(calendars, start, end)
    when = Booking.starts_at, Booking.ends_at, Booking.starts_on, Booking.ends_on
    rows = Booking.select(Booking.id, Booking.practitioner, *when).where(
        Booking.practitioner.in_(list(rotas)),
        Booking.starts_at >= start,
        Booking.starts_at < end,
        Booking.ends_at > scheduling.utc_now(),
        Booking.status.not_in(FREE_STATUSES),
    )
    return [
        row
        for row in rows.order_by(Booking.starts_at, Booking.id)
        if not _is_within(row, rotas[row.practitioner_id])
    ]


def _is_within(row: Booking, rota: Rota) -> bool:
    """Whether the booking is within working hours. Whole days only need a day with hours: nobody
    works all night.
    """
    if row.starts_on is not None:
        return bool(rota.hours_on(row.starts_on))
    starts, ends = number(row.starts_at), number(row.ends_at)
    openings = openings_of(rota, row.starts_at, row.ends_at)
    return any(opens <= starts and ends <= closes for opens, closes in openings)
