"""Free times in order, and the calendar that is proposed if anyone will do."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import NamedTuple

from base import scheduling
from base.scheduling import Span, number, of_number
from base.sharing import Turns
from base.slots import MINUTE, Need, SlotRules, barred, slots
from base.tables.time_off import TimeOff
from models import Practitioner, Service

from .own_terms import ServiceTerms
from .question_rows import Working, barring, read_rows
from .rules import OnlineRules, OnlineSettings
from .turns import at_one_time


@dataclass(frozen=True)
class Wish:
    """A visit to look for in one calendar: its minutes, and the minutes kept free before and after
    it.
    """

    calendar: Practitioner
    minutes: int
    before: int = 0
    after: int = 0
    rules: OnlineRules | None = None  # None: booked by the team

    @classmethod
    def of(cls, terms: ServiceTerms, service: Service, minutes: int | None = None) -> "Wish":
        """A wish for the service with the calendar's own length, or for so many minutes."""
        before, after = service.gap_before_minutes, service.buffer_minutes
        return cls(terms.calendar, minutes or terms.minutes, before, after)

    @classmethod
    def online(cls, terms: ServiceTerms, service: Service, settings: OnlineSettings) -> "Wish":
        """A wish by the rules of online booking, from the clinic, the service and the calendar."""
        rules = OnlineRules.of(settings, service, terms.calendar)
        return replace(cls.of(terms, service), rules=rules)

    @property
    def need(self) -> Need:
        """The time that is needed, with what is kept free around it."""
        return Need(self.minutes * MINUTE, self.before * MINUTE, self.after * MINUTE)


class FreeTime(NamedTuple):
    """A free time: the calendar that is proposed, and the others that are free at the same time on
    the clock.
    """

    starts_at: datetime
    wish: Wish
    others: list[Wish]

    @property
    def ends_at(self) -> datetime:
        """The end in UTC."""
        return self.starts_at + timedelta(minutes=self.wish.minutes)


def free_times(
    wishes: Sequence[Wish],
    start: datetime,
    end: datetime,
    grid_step: int,
    *,
    but: Collection[int] = (),
    suits: Callable[[datetime, Practitioner], bool] | None = None,
    now: datetime | None = None,
    proposes: bool = True,
) -> Iterator[FreeTime]:
    """Free times that begin in [start, end], soonest first, every `grid_step` minutes from each
    opening hour.

    `suits`: a test of the time of day, which leaves out some. Gaps are kept. Wishes with rules also
    keep to the rules' booking notice and horizon, counted from `now` (None: the present). If
    several calendars are free at a time, the one whose turn it is gets proposed; to find it, five
    more weeks of bookings are read, or for a single time one more query is made. Without `proposes`
    any of the free calendars is proposed.
    """
    if end < start:
        return
    takes_turns = proposes and len(wishes) > 1
    with_shares = takes_turns and start < end
    working = read_rows(
        [wish.calendar for wish in wishes],
        start,
        end,
        but=but,
        rules=[wish.rules for wish in wishes],
        need=_widest(wishes),
        with_shares=with_shares,
        with_weeks=takes_turns,
    )
    by_zone = _by_zone(wishes, working, (start, end), grid_step, now or scheduling.utc_now())
    turns = Turns([one.share for one in working if one.share]) if with_shares else None
    for at, zone in sorted((at, zone) for zone, starts in by_zone.items() for at in starts):
        begins, there = of_number(at), by_zone[zone][at]  # indexes of wishes
        if suits:
            there = [n for n in there if suits(begins, wishes[n].calendar)]
        if takes_turns and len(there) > 1:
            turns = turns or at_one_time(working, start, but)
            first = turns.first(at, there)
            there.remove(first)
            there.insert(0, first)
        if there:
            yield FreeTime(begins, wishes[there[0]], [wishes[n] for n in there[1:]])


def _by_zone(
    wishes: Sequence[Wish],
    working: Sequence[Working],
    between: tuple[datetime, datetime],
    grid_step: int,
    now: datetime,
) -> dict[str, dict[int, list[int]]]:
    """The indexes of the wishes that fit at each start, by zone."""
    by_zone: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for n, (wish, one) in enumerate(zip(wishes, working, strict=True)):
        by_start = by_zone[wish.calendar.venue.zone_name]
        soonest, latest = between
        if wish.rules:
            soonest = max(soonest, now + wish.rules.notice)
            latest = min(latest, now + wish.rules.horizon)
        rules = SlotRules(grid_step * MINUTE, 0, number(latest) - number(soonest), one.full)
        for at in slots(one.openings, one.taken, wish.need, rules, number(soonest)):
            by_start[at].append(n)
    return by_zone


def is_barred(wish: Wish, at: datetime) -> bool:
    """Whether a booking or an external event is too near to a visit that begins then. One query."""
    blocks = wish.rules is None or wish.rules.outside_blocks
    return any(
        low < number(at) < high
        for low, high in (
            barred(one, wish.need) for one in barring(wish.calendar, at, wish.need, blocks)
        )
    )


def is_off(wish: Wish, at: datetime) -> bool:
    """Whether the person's time off is too near to a visit that begins then. One query."""
    begins = at - timedelta(minutes=wish.before)
    ends = at + timedelta(minutes=wish.minutes + wish.after)
    calendar = wish.calendar
    return bool(TimeOff.blocking(calendar.user_id, [Span(begins, ends)], calendar.zone))


def _widest(wishes: Sequence[Wish]) -> Need:
    """A need that covers all wishes: the longest visit, and the longest time free before and after
    it.
    """
    needs = [wish.need for wish in wishes]
    return (
        Need(*(max(values, default=0) for values in zip(*needs, strict=True))) if needs else Need(0)
    )


def next_free(
    wish: Wish, after: datetime, days: int, grid_step: int, but: Collection[int] = ()
) -> datetime | None:
    """The first free start after `after`, within so many days. Bookings in `but` do not count."""
    end = after + timedelta(days=days)
    found = next(free_times([wish], after, end, grid_step, but=but), None)
    return found.starts_at if found else None


def in_part(part: str) -> Callable[[datetime, Practitioner], bool]:
    """A test whether a time begins in this part of the day, on the clock of the
    calendar's venue.
    """
    begins, ends = PARTS[part]

    def suits(at: datetime, calendar: Practitioner) -> bool:
        wall = at.astimezone(calendar.zone).time()
        return begins <= wall and (ends is None or wall < ends)

    return suits


PARTS = {
    "any": (time(), None),
    "morning": (time(), time(12)),
    "afternoon": (time(12), time(17)),
    "evening": (time(17), None),
}
