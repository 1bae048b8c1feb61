"""The answer: free times in order, and who is proposed where anyone will do."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from base import scheduling
from base.sharing import Turns
from base.slots import MINUTE, Need, Rules, barred, slots
from models import Practitioner, Service

from .offers import Terms
from .reading import barring, instant, number, read
from .rules import OnlineRules, OnlineSettings


@dataclass(frozen=True)
class Wish:
    """What is looked for in one calendar: a visit of so many minutes, and the minutes kept free
    before and after it.
    """

    calendar: Practitioner
    minutes: int
    before: int = 0
    after: int = 0
    rules: OnlineRules | None = None  # None: as the team books

    @classmethod
    def of(cls, terms: Terms, service: Service, minutes: int | None = None) -> "Wish":
        """For the service as the calendar offers it, or for so many minutes."""
        before, after = service.gap_before_minutes, service.buffer_minutes
        return cls(terms.calendar, minutes or terms.minutes, before, after)

    @classmethod
    def online(cls, terms: Terms, service: Service, settings: OnlineSettings) -> "Wish":
        """The same as clients book it themselves, by the rules of the clinic, the service and the
        calendar.
        """
        rules = OnlineRules.of(settings, service, terms.calendar)
        return replace(cls.of(terms, service), rules=rules)

    @property
    def need(self) -> Need:
        """The time that is needed, with what is kept free around it."""
        return Need(self.minutes * MINUTE, self.before * MINUTE, self.after * MINUTE)


@dataclass(frozen=True)
class Free:
    """A time at which somebody is free: who is proposed, and who else is free then and has the same
    time on the clock.
    """

    starts_at: datetime
    wish: Wish
    others: list[Wish]

    @property
    def ends_at(self) -> datetime:
        """When it would end, in UTC."""
        return self.starts_at + timedelta(minutes=self.wish.minutes)


def free_times(
    wishes: Sequence[Wish],
    start: datetime,
    end: datetime,
    step: int,
    *,
    but: Collection[int] = (),
    suits: Callable[[datetime, Practitioner], bool] | None = None,
    now: datetime | None = None,
    proposes: bool = True,
) -> Iterator[Free]:
    """Free times that begin in [start, end], soonest first, every `step` minutes from each opening
    hour. `suits` leaves out times of the day. Gaps are kept. Wishes with rules also keep to the
    notice and horizon of these, counted from `now` (None: the present). Without `proposes` the one
    named is any who is free: whose turn it is needs five more weeks of everybody's bookings.
    """
    if end < start:
        return
    now = now or scheduling.utc_now()
    takes_turns = proposes and len(wishes) > 1
    working = read(
        [wish.calendar for wish in wishes],
        start,
        end,
        but=but,
        rules=[wish.rules for wish in wishes],
        need=_widest(wishes),
        with_shares=takes_turns,
    )
    by_zone: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for n, (wish, one) in enumerate(zip(wishes, working, strict=True)):
        by_start = by_zone[wish.calendar.venue.zone_name]
        soonest, latest = start, end
        if wish.rules:
            soonest = max(start, now + wish.rules.notice)
            latest = min(end, now + wish.rules.horizon)
        rules = Rules(step * MINUTE, 0, number(latest) - number(soonest), one.full)
        for at in slots(one.openings, one.taken, wish.need, rules, number(soonest)):
            by_start[at].append(n)
    turns = Turns([one.share for one in working if one.share])
    for at, zone in sorted((at, zone) for zone, starts in by_zone.items() for at in starts):
        begins, there = instant(at), by_zone[zone][at]
        if suits:
            there = [n for n in there if suits(begins, wishes[n].calendar)]
        if there:
            is_anyone = len(there) == 1 or not takes_turns
            first = there[0] if is_anyone else turns.first(at, there)
            yield Free(begins, wishes[first], [wishes[n] for n in there if n != first])


def is_held(wish: Wish, at: datetime) -> bool:
    """Whether a booking or an event outside is too near to a visit that begins then. One query."""
    blocks = wish.rules is None or wish.rules.outside_blocks
    return any(
        low < number(at) < high
        for low, high in (
            barred(one, wish.need) for one in barring(wish.calendar, at, wish.need, blocks)
        )
    )


def _widest(wishes: Sequence[Wish]) -> Need:
    """As long, and as much free before and after, as any of them wants."""
    needs = [wish.need for wish in wishes]
    return (
        Need(*(max(values, default=0) for values in zip(*needs, strict=True))) if needs else Need(0)
    )


def next_free(
    wish: Wish, after: datetime, days: int, step: int, but: Collection[int] = ()
) -> datetime | None:
    """The first free start from `after` on, within so many days. Bookings in `but` do not count."""
    end = after + timedelta(days=days)
    found = next(free_times([wish], after, end, step, but=but), None)
    return found and found.starts_at


def in_part(part: str) -> Callable[[datetime, Practitioner], bool]:
    """Whether a time begins in this part of the day, on the clock of the calendar's venue."""
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
