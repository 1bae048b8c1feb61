"""Free times as visitors see them: by the clinic's rules, and without what others hold."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from base import scheduling
from base.slots import Need, TakenTime
from free_times import finding
from free_times.finding import Free, Wish, is_held
from free_times.offers import Terms
from free_times.reading import number
from free_times.rules import OnlineRules
from models import Practitioner, Service

from .holds import Hold, held_of_others
from .page import Page


def free_times(
    page: Page,
    service: Service,
    terms: Sequence[Terms],
    start: datetime,
    end: datetime,
    *,
    visitor: str | None = None,
    but: Collection[int] = (),
    judged_at: datetime | None = None,
    with_holds: bool = True,
    proposes: bool = True,
) -> Iterator[Free]:
    """Times at which one of these calendars is free for the service, that begin in [start, end],
    soonest first. `visitor`: whose own hold does not count. Bookings in `but` do not count.
    `judged_at`: when the visitor chose, where that was earlier (the notice counts from then).
    `with_holds`: whether what visitors hold is taken. `proposes`: as `finding.free_times` has it.
    """
    now = scheduling.utc_now()
    wishes = [Wish.online(one, service, page.settings) for one in terms]
    needs = {wish.calendar.id: wish.need for wish in wishes}
    people = {one.calendar.user_id for one in terms}
    held = held_of_others(people, visitor) if with_holds else {}

    def suits(at: datetime, calendar: Practitioner) -> bool:
        taken = held.get(calendar.user_id)
        return not taken or not meets(at, needs[calendar.id], taken)

    def found(proposes: bool) -> Iterator[Free]:
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

    if proposes and start == end:  # of one time: whose turn it is only where there is a choice
        few = list(found(False))
        if not any(one.others for one in few):
            yield from few
            return
    yield from found(proposes)


def is_taken(free: Free, held: Collection[Hold]) -> bool:
    """Whether a time that was free a moment ago is taken now: by a booking, by an event outside, or
    by what visitors hold of its person (`held`, of anybody). One query.
    """
    wish, at = free.wish, free.starts_at
    own = [one.taken for one in held if one.user_id == wish.calendar.user_id]
    return meets(at, wish.need, own) or is_held(wish, at)


def meets(at: datetime, need: Need, taken: Collection[TakenTime]) -> bool:
    """Whether a visit that begins then would come too near to something of this."""
    start = number(at)
    return any(
        one.starts - need.length - max(one.before, need.after)
        < start
        < one.ends + max(one.after, need.before)
        for one in taken
    )


def latest(page: Page, service: Service, terms: Sequence[Terms]) -> datetime:
    """Until when there may be times at all."""
    horizons = [OnlineRules.of(page.settings, service, one.calendar).horizon for one in terms]
    return scheduling.utc_now() + max(horizons, default=timedelta())
