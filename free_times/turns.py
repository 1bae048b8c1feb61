"""The turns at one time, from some forty sums for each practitioner by one query. Reading five
weeks of bookings would take longer.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from peewee import SQL, Case, fn

from base.bookings.statuses import FREE_STATUSES
from base.sharing import LONG, DaySum, Share, Turns
from base.slots import DAY
from models import LONGEST_GAP, Booking

from .question_rows import Working, fetch_planned, open_time, weeks_of


def at_one_time(working: Sequence[Working], at: datetime, but: Collection[int] = ()) -> Turns:
    """The turns of these practitioners, read `with_weeks`, for a visit that begins at this time.
    Bookings in `but` do not count.
    """
    weeks = weeks_of(at, at)
    sums: dict[int, list[DaySum]] = defaultdict(list)
    calendars = [one.calendar.id for one in working]
    for calendar, *one in fetch_planned(_sums(calendars, weeks, at, but)):
        sums[calendar].append(DaySum(*one))
    return Turns(
        [
            Share.summed(its, open_time(one.calendar, one.rota, *weeks), sums[its])
            for its, one in zip(calendars, working, strict=True)
        ]
    )


def _sums(
    calendars: Collection[int],
    weeks: tuple[datetime, datetime],
    at: datetime,
    but: Collection[int],
) -> Any:
    """Rows with a calendar's id and the values of its `DaySum`."""
    is_long = Booking.ends_at - Booking.starts_at >= LONG
    starts = Case(None, [(is_long, Booking.starts_at)], Booking.starts_at / DAY * DAY)
    long_until = Case(None, [(is_long, Booking.ends_at)], 0)
    earlier = Case(None, [(Booking.starts_at < at, Booking.starts_at)], 0)
    return (
        Booking.select(
            Booking.practitioner,
            starts,
            long_until,
            fn.SUM(Booking.ends_at - Booking.starts_at).cast("BIGINT"),
            fn.SUM(Case(None, [(Booking.anyone, 1)], 0)),
            fn.MAX(earlier),
        )
        .where(
            Booking.practitioner.in_(list(calendars)),
            *Booking.touching(weeks[0] - LONGEST_GAP, weeks[1] + LONGEST_GAP),
            Booking.status.not_in(FREE_STATUSES),
            Booking.id.not_in(list(but)),
        )
        .group_by(
            SQL("1"), SQL("2"), SQL("3")
        )  # with values in its text, PostgreSQL could not reuse its plan
    )
