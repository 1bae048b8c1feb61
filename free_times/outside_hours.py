"""Bookings that lie outside the working hours of their day: what is told where hours change."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta

from base import scheduling
from base.bookings.statuses import FREE_STATUSES
from base.tables import time_off
from base.working_time import Rota
from models import Booking, Practitioner, Venue

from .reading import number, openings_of


def bookings(owner: Practitioner | Venue, days: Collection[date]) -> list[Booking]:
    """The bookings to come of this calendar, or of every calendar of this venue, that begin on one
    of these local days, hold time, and lie outside the working hours. The soonest first; four
    queries.
    """
    calendars = _calendars(owner)
    if not calendars or not days:
        return []
    zone = owner.zone
    start, end = scheduling.midnight(min(days), zone), scheduling.midnight(max(days), zone)
    end += timedelta(days=2)
    rotas = time_off.rotas(calendars, start, end)
    rows = Booking.select().where(
        Booking.practitioner.in_(list(rotas)),
        Booking.starts_at >= start,
        Booking.starts_at < end,
        Booking.ends_at > scheduling.utc_now(),
        Booking.status.not_in(FREE_STATUSES),
    )
    return [
        row
        for row in rows.order_by(Booking.starts_at, Booking.id)
        if scheduling.local_day(row.starts_at, zone) in days
        and not _is_within(row, rotas[row.practitioner_id])
    ]


def _calendars(owner: Practitioner | Venue) -> Sequence[Practitioner]:
    mine = Practitioner.venue == owner if isinstance(owner, Venue) else Practitioner.id == owner.id
    return list(Practitioner.select(Practitioner, Venue).join(Venue).where(mine))


def _is_within(row: Booking, rota: Rota) -> bool:
    """Whole days need a day with hours: nobody works all night."""
    if row.starts_on is not None:
        return bool(rota.hours_on(row.starts_on))
    starts, ends = number(row.starts_at), number(row.ends_at)
    openings = openings_of(rota, row.starts_at, row.ends_at)
    return any(opens <= starts and ends <= closes for opens, closes in openings)
