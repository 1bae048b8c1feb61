"""Holding a chosen time while the visitor types, within bounds: holds help, and nobody can shut a
clinic with them. Beyond the bounds times are booked without.
"""

from datetime import timedelta

from base import scheduling
from base.database import database
from base.slots import TakenTime
from free_times.finding import Wish
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


def hold(page: Page, ticket: Ticket, origin: str) -> Hold | None:
    """Hold the ticket's time for ten minutes from now, in place of what this visit held before.
    `origin`: where the visitor comes from, as a keyed hash. None where the bounds do not allow it.

    Raises JustTaken where the time is not free.
    """
    with database.atomic():
        page.clinic.lock()
        before = holds.of(ticket.visitor)
        service, free = taking.still_free(page, ticket)
        calendar = free.wish.calendar
        terms = page.terms_of(service, calendar.id)
        if before is not None and before.sealed:
            return before  # it is being booked
        holds.forget(ticket.visitor)
        if not _is_within_bounds(page, service, terms, free.wish, ticket, origin):
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
    page: Page, service: Service, terms: Terms, wish: Wish, ticket: Ticket, origin: str
) -> bool:
    now = scheduling.utc_now()
    if now - ticket.issued_at > EXTENDED_FOR:
        return False
    living = Hold.select().where(Hold.clinic == page.clinic, Hold.expires_at > now)
    if living.where(Hold.origin == origin).count() >= MOST_OF_ORIGIN:
        return False
    zone = terms.calendar.zone
    day = scheduling.local_day(ticket.starts_at, zone)
    begin, end = (scheduling.midnight(day + timedelta(days=n), zone) for n in (0, 1))
    that_day = living.where(
        Hold.practitioner == terms.calendar, Hold.starts_at >= begin, Hold.starts_at < end
    )
    if that_day.count() < ALWAYS:
        return True
    free = times.free_times(page, service, [terms], begin, end, with_holds=False)
    every, gaps, user_id = [one.starts_at for one in free], wish.need, terms.calendar.user_id
    own = TakenTime(number(ticket.starts_at), number(ticket.ends_at), gaps.before, gaps.after)
    held = [own, *holds.held_of_others([user_id], ticket.visitor).get(user_id, ())]
    left = [at for at in every if not times.meets(at, gaps, held)]
    return 2 * len(left) >= len(every)
