"""Free times for visitors: by the clinic's rules, and without the times that others hold."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from base import scheduling
from base.scheduling import number
from base.slots import Need, TakenTime
from free_times import finding
from free_times.finding import FreeTime, Wish, is_barred, is_off
from free_times.own_terms import ServiceTerms
from free_times.rules import OnlineRules
from models import Practitioner, Service

from .holds import held_of_others
from .page import OnlinePage


def free_times(
    page: OnlinePage,
    service: Service,
    terms: Sequence[ServiceTerms],
    start: datetime,
    end: datetime,
    *,
    form_use: str | None = None,
    but: Collection[int] = (),
    judged_at: datetime | None = None,
    with_holds: bool = True,
    proposes: bool = True,
) -> Iterator[FreeTime]:
    """Times that begin in [start, end], soonest first, at which one of these calendars is free for
    the service. `form_use`: the one whose own hold does not count. Bookings in `but` do not count.
    `judged_at`: when the visitor chose, if that was earlier; the booking notice counts from then.
    `with_holds`: held times count as taken. `proposes`: as in `finding.free_times`.
    """
    now = scheduling.utc_now()
    wishes = [Wish.online(one, service, page.settings) for one in terms]
    needs = {wish.calendar.id: wish.need for wish in wishes}
    people = {one.calendar.user_id for one in terms}
    held = held_of_others(people, form_use) if with_holds else {}

    def suits(at: datetime, calendar: Practitioner) -> bool:
        taken = held.get(calendar.user_id)
        return not taken or not meets(at, needs[calendar.id], taken)

    return finding.free_times(
        wishes,
        max(start, now),
        end,
        page.clinic.step_minutes,
        but=but,
        suits=suits,
        now=judged_at,
        proposes=proposes,
    )


def is_taken(free: FreeTime, held: Collection[TakenTime]) -> bool:
    """Whether a time that was free a moment ago is taken now: by another visitor's hold on its
    person's time (`held`), a booking, an external event, or time off. Two queries.
    """
    wish, at = free.wish, free.starts_at
    return meets(at, wish.need, held) or is_barred(wish, at) or is_off(wish, at)


def meets(at: datetime, need: Need, taken: Collection[TakenTime]) -> bool:
    """Whether a visit that begins then would come too near to one of these taken times."""
    start = number(at)
    return any(
        one.starts - need.length - max(one.before, need.after)
        < start
        < one.ends + max(one.after, need.before)
        for one in taken
    )


def latest(page: OnlinePage, service: Service, terms: Sequence[ServiceTerms]) -> datetime:
    """The last instant at which a time may begin."""
    horizons = [OnlineRules.of(page.settings, service, one.calendar).horizon for one in terms]
    return scheduling.utc_now() + max(horizons, default=timedelta())
