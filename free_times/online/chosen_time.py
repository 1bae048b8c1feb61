"""Holds of a chosen time while the visitor types, within limits, so that nobody can block a clinic
with holds. Past the limits, times are booked without a hold.
"""

from collections.abc import Sequence
from datetime import timedelta

from base import scheduling
from base.database import database
from base.scheduling import number
from base.slots import TakenTime
from free_times.finding import FreeTime
from free_times.own_terms import ServiceTerms
from models import Service

from . import holds, making, visitor_times
from .holds import LASTS, Hold
from .page import OnlinePage
from .tickets import Ticket

MOST_OF_ORIGIN = 5  # holds from one network at the same time
ALWAYS = 3  # holds of one practitioner on one day, however few times are left
EXTENDED_FOR = timedelta(hours=2)  # how long after the choice


def hold(
    page: OnlinePage, ticket: Ticket, origin: str, found: tuple[Service, FreeTime] | None = None
) -> Hold | None:
    """Hold the ticket's time for ten minutes from now, in place of an earlier hold of its form use.
    `origin`: the visitor's network, as a keyed hash. `found`: the service and the free time, if the
    caller has just found them. None if the limits allow no hold.

    All rules are checked before the clinic is locked; under the lock only rows that take time are
    read again. Raises JustTaken if the time is not free.
    """
    service, free = found or making.still_free(page, ticket)
    calendar = free.wish.calendar
    with database.atomic():
        page.clinic.lock()
        around = holds.around([calendar.user_id], ticket.form_use, origin)
        before = next((one for one in around if one.form_use == ticket.form_use), None)
        if before is not None and before.asked_at:
            return before  # it is being booked
        others = [one for one in around if one is not before and one.user_id == calendar.user_id]
        if visitor_times.is_taken(free, [one.taken for one in others]):
            raise making.JustTaken
        terms = page.terms_of(service, calendar.id)
        if terms is None or not _is_within_bounds(
            page, service, terms, free, ticket, origin, around
        ):
            holds.forget(ticket.form_use)
            return None
        return holds.keep(
            calendar,
            service,
            ticket.form_use,
            origin,
            (free.starts_at, free.ends_at),
            scheduling.utc_now() + LASTS,
        )


def _is_within_bounds(
    page: OnlinePage,
    service: Service,
    terms: ServiceTerms,
    free: FreeTime,
    ticket: Ticket,
    origin: str,
    around: Sequence[Hold],
) -> bool:
    now = scheduling.utc_now()
    if now - ticket.issued_at > EXTENDED_FOR:
        return False
    living = [one for one in around if one.expires_at > now and one.form_use != ticket.form_use]
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
        for one in visitor_times.free_times(page, service, [terms], begin, end, with_holds=False)
    ]
    own = TakenTime(number(free.starts_at), number(free.ends_at), need.before, need.after)
    held = [own, *(one.taken for one in living if one.user_id == terms.calendar.user_id)]
    left = [at for at in every if not visitor_times.meets(at, need, held)]
    return 2 * len(left) >= len(every)
