"""The notice that the team gets when it books a time that a client is booking online at this
moment. The team may do so; the client is asked to choose another time.
"""

from collections.abc import Iterable

from flask import flash

from base import scheduling
from base.catalogue import ngettext
from base.scheduling import LAST_DAY
from base.tables.time_off import TimeOff
from free_times.online import holds
from free_times.online.holds import Hold
from models import Booking, Practitioner

from . import display


def warn_of_held_times(rows: Iterable[Booking]) -> None:
    """Say on the next page that clients were booking the times of these bookings online. One query,
    and those for the calendars of the bookings.
    """
    busy = [row for row in rows if row.is_busy]
    if not busy:
        return
    people = {row.practitioner.user_id for row in busy}
    bounds = min(row.starts_at for row in busy), max(row.ends_at for row in busy)
    found = holds.touching(people, *bounds)
    _warn(
        hold
        for row in busy
        for hold in found.get(row.practitioner.user_id, ())
        if hold.span.overlaps(row.span)
    )


def warn_of_time_off(calendar: Practitioner) -> None:
    """Say on the next page that clients were booking times at which the calendar's person is away
    now.
    """
    person, ends = calendar.user_id, scheduling.midnight(LAST_DAY, calendar.zone)
    found = holds.touching({person}, scheduling.utc_now(), ends)[person]
    _warn(one for one in found if TimeOff.blocking(person, [one.span], one.practitioner.zone))


def _warn(found: Iterable[Hold]) -> None:
    rows = list({hold.id: hold for hold in found}.values())
    if not rows:
        return
    times = display.some([display.from_to(one.span, one.practitioner.zone) for one in rows])
    sentence = ngettext(
        "A client was booking this time online just now: {times}. The client is asked to choose"
        " another time, or gets a free colleague where anyone will do.",
        "Clients were booking these times online just now: {times}. They are asked to choose"
        " other times, or get a free colleague where anyone will do.",
        len(rows),
        times=times,
    )
    flash(sentence, "warning")
