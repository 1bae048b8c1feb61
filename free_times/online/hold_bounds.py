"""Holding a chosen time while the visitor types, within bounds: holds help, and nobody can shut a
clinic with them. Beyond the bounds times are booked without.
"""

from collections.abc import Sequence
from datetime import timedelta

from base import scheduling
from base.database import database
from base.slots import TakenTime
from free_times.finding import Free
from free_times.offers import Terms
from free_times.reading import number
from models import Service

from . import holds, taking, times
from .forms import Ticket
from .holds import LASTS, Hold
from .page import Page

MOST_OF_ORIGIN = 5  # holds at a time from one network
ALWAYS = 3  # holds of one practitioner on one day, however few times are left
EXTENDED_FOR = timedelta(hours=2)  # after the time was chosen


def hold(
    page: Page, ticket: Ticket, origin: str, found: tuple[Service, Free] | None = None
) -> Hold | None:
    """Hold the ticket's time for ten minutes from now, in place of what this visit held before.
    `origin`: where the visitor comes from, as a keyed hash. `found`: the service and the free time,
    where who calls has just looked. None where the bounds do not allow it.

    By every rule the time is free before the clinic is held; while it is, only what holds time is
    read again. Raises JustTaken where the time is not free.
    """
    service, free = found or taking.still_free(page, ticket)
    calendar = free.wish.calendar
    with database.atomic():
        page.clinic.lock()
        around = holds.around([calendar.user_id], ticket.visitor, origin)
        before = next((one for one in around if one.visitor == ticket.visitor), None)
        if before is not None and before.sealed:
            return before  # it is being booked
        if times.is_taken(free, [one for one in around if one is not before]):
            raise taking.JustTaken
        terms = page.terms_of(service, calendar.id)
        if not _is_within_bounds(page, service, terms, free, ticket, origin, around):
            holds.forget(ticket.visitor)
            return None
        return holds.keep(
            calendar,
            service,
            ticket.visitor,
            origin,
            (free.starts_at, free.ends_at),
            scheduling.utc_now() + LASTS,
        )


def _is_within_bounds(
    page: Page,
    service: Service,
    terms: Terms,
    free: Free,
    ticket: Ticket,
    origin: str,
    around: Sequence[Hold],
) -> bool:
    now = scheduling.utc_now()
    if now - ticket.issued_at > EXTENDED_FOR:
        return False
    living = [one for one in around if one.expires_at > now and one.visitor != ticket.visitor]
    if sum(one.origin == origin and one.clinic_id == page.clinic.id for one in living) >= (
        MOST_OF_ORIGIN
    ):
        return False
    zone = terms.calendar.zone
    day = scheduling.local_day(ticket.starts_at, zone)
    begin, end = (scheduling.midnight(day + timedelta(days=n), zone) for n in (0, 1))
    of_calendar = [one for one in living if one.practitioner_id == terms.calendar.id]
    if sum(begin <= one.starts_at < end for one in of_calendar) < ALWAYS:
        return True
    need = free.wish.need
    every = [
        one.starts_at
        for one in times.free_times(page, service, [terms], begin, end, with_holds=False)
    ]
    own = TakenTime(number(free.starts_at), number(free.ends_at), need.before, need.after)
    held = [own, *(one.taken for one in living if one.user_id == terms.calendar.user_id)]
    left = [at for at in every if not times.meets(at, need, held)]
    return 2 * len(left) >= len(every)
