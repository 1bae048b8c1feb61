"""Why somebody cannot be booked at a time: the same question as for free times, answered for one
time with names instead of for many without.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from base import scheduling
from base.scheduling import Walls
from base.slots import MINUTE, Hindrance, Rules, hindrances
from base.tables.outside import ExternalEvent
from base.working_time import DAY, Stretch
from models import Booking, Patient, Practitioner, Service, User, Venue

from .finding import Wish
from .reading import Working, number, read


@dataclass(frozen=True)
class Reason:
    """One thing that is in the way.

    `kind`: "past" (before the earliest that was asked for), "notice" and "horizon" (online only:
    fewer or more than so many `minutes` ahead), "full" (online only: as many bookings as may be on
    that day, `most`), "hours" (`hours` are those of the day,
    `name` why they are not the usual ones), "step" (starts lie `minutes` apart), "booking", "event"
    (a calendar outside) or "time_off" where it is overlapped, and "gap" where a booking, event or
    time off leaves fewer than the `minutes` that are kept free `side` ("before" or "after") the
    visit.
    """

    kind: str
    booking: Booking | None = None
    event: ExternalEvent | None = None
    off: Stretch | None = None
    minutes: int = 0
    most: int = 0
    side: str = ""
    hours: Walls = field(default_factory=list)
    name: str = ""


def reasons(
    wishes: Sequence[Wish],
    at: datetime,
    step: int,
    *,
    earliest: datetime | None = None,
    but: Collection[int] = (),
) -> list[list[Reason]]:
    """For each visit that is wished for: what is in the way of it at the time; nothing exactly
    where `finding.free_times` with the same step lists it. `earliest`: no visit begins before it
    (None: however early), and notice and horizon of wishes with rules are counted from it (None:
    from the present); bookings in `but` do not count. Six queries at most.
    """
    longest = timedelta(minutes=max((wish.minutes for wish in wishes), default=0))
    calendars = [wish.calendar for wish in wishes]
    own = [wish.rules for wish in wishes]
    working = read(calendars, at - DAY, at + longest + DAY, but=but, rules=own, with_sources=True)
    since = earliest or (scheduling.utc_now() if any(own) else at)
    found = [
        hindrances(
            there.openings,
            there.taken,
            wish.need,
            _rules(wish, step, there, since),
            number(since if wish.rules or earliest else at),
            number(at),
        )
        for wish, there in zip(wishes, working, strict=True)
    ]
    rows = _rows(working, found)
    return [
        [
            _of_rules(one, wish, at, since) or _reason(one, wish, at, step, there, rows)
            for one in hindering
        ]
        for wish, there, hindering in zip(wishes, working, found, strict=True)
    ]


def _rules(wish: Wish, step: int, there: Working, since: datetime) -> Rules:
    """As whole numbers; the team's own ways know no notice and no horizon."""
    if wish.rules is None:
        return Rules(step * MINUTE)
    notice, horizon = (
        number(since + ahead) - number(since) for ahead in (wish.rules.notice, wish.rules.horizon)
    )
    return Rules(step * MINUTE, notice, horizon, there.full)


def _of_rules(one: Hindrance, wish: Wish, at: datetime, since: datetime) -> Reason | None:
    """The reason, where it is neither hours nor step nor anything that is taken."""
    if one.why == "notice" and (wish.rules is None or at < since):
        return Reason("past")
    if wish.rules is None or one.why not in ("notice", "horizon", "full"):
        return None
    ahead = wish.rules.notice if one.why == "notice" else wish.rules.horizon
    return Reason(one.why, minutes=ahead // timedelta(minutes=1), most=wish.rules.most_a_day or 0)


def _reason(
    one: Hindrance,
    wish: Wish,
    at: datetime,
    step: int,
    there: Working,
    rows: dict[tuple[str, Any], Any],
) -> Reason:
    if one.why == "step":
        return Reason("step", minutes=step)
    if one.which is None:
        return _hours(at, there)
    kind, key = there.sources[one.which]
    row = key if kind == "off" else rows.get((kind, key))
    if one.why == "taken":
        return Reason("time_off" if kind == "off" else kind, **{kind: row})
    starts, _, before, after = there.taken[one.which][:4]
    is_later = starts > number(at)
    kept = max(before, wish.need.after) if is_later else max(after, wish.need.before)
    side = "after" if is_later else "before"
    return Reason("gap", minutes=kept // MINUTE, side=side, **{kind: row})


def _hours(at: datetime, there: Working) -> Reason:
    """The hours of the local day, and what makes them others than usual."""
    rota = there.rota
    assert rota is not None  # every calendar that was read has one
    day = scheduling.local_day(at, rota.zone)
    return Reason("hours", hours=rota.hours_on(day), name=rota.names.get(day, ""))


def _rows(
    working: Sequence[Working], found: Sequence[Sequence[Hindrance]]
) -> dict[tuple[str, Any], Any]:
    """The bookings and events that are in the way, with all that names them: two queries at
    most.
    """
    named = [
        there.sources[one.which]
        for there, hindering in zip(working, found, strict=True)
        for one in hindering
        if one.which is not None
    ]
    ids = {kind: [key for of, key in named if of == kind] for kind in ("booking", "event")}
    rows: dict[tuple[str, Any], Any] = {}
    if ids["booking"]:
        bookings = (
            Booking.select(Booking, Practitioner, Venue, User, Patient, Service)
            .join(Practitioner)
            .join(Venue)
            .switch(Practitioner)
            .join(User)
            .switch(Booking)
            .left_outer_join(Patient, on=(Booking.patient == Patient.id))
            .switch(Booking)
            .left_outer_join(Service, on=(Booking.service == Service.id))
        )
        rows |= {("booking", row.id): row for row in bookings.where(Booking.id.in_(ids["booking"]))}
    if ids["event"]:
        calendar: Any = ExternalEvent.calendar.rel_model  # type: ignore[attr-defined]
        events = ExternalEvent.select(ExternalEvent, calendar).join(calendar)
        rows |= {("event", row.id): row for row in events.where(ExternalEvent.id.in_(ids["event"]))}
    return rows
