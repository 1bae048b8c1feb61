"""Why a time cannot be booked. The rules are those of `finding`, for one time, and the reasons have
names.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from base import scheduling
from base.opening_hours import Walls
from base.scheduling import number
from base.slots import MINUTE, Hindrance, SlotRules, hindrances
from base.tables.outside import ExternalEvent
from base.working_time import DAY, Stretch
from models import Booking

from .finding import Wish
from .question_rows import Working, read_rows


@dataclass(frozen=True)
class Reason:
    """One reason against a time.

    `kind`: "past" (before the earliest that was asked for), "notice" and "horizon" (online only:
    fewer or more than so many `minutes` ahead), "full" (online only: the day has `most` bookings,
    as many as allowed), "hours" (`hours` are those of the day, `name` why they are not the usual
    ones), "step" (starts lie `minutes` apart), "booking", "event" (of a calendar outside) or
    "time_off" for an overlap, and "gap" if a booking, event or time off leaves fewer than the
    `minutes` that are kept free `side` ("before" or "after") the visit.
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
    grid_step: int,
    *,
    earliest: datetime | None = None,
    but: Collection[int] = (),
) -> list[list[Reason]]:
    """The reasons against the time, for each wish. A wish has none exactly if `finding.free_times`
    with the same grid step lists the time.

    `earliest`: no visit begins before it (None: no bound); booking notice and horizon of wishes
    with rules are counted from it (None: from the present). Bookings in `but` do not count. Six
    queries at most.
    """
    longest = timedelta(minutes=max((wish.minutes for wish in wishes), default=0))
    calendars = [wish.calendar for wish in wishes]
    own = [wish.rules for wish in wishes]
    working = read_rows(
        calendars, at - DAY, at + longest + DAY, but=but, rules=own, with_sources=True
    )
    since = earliest or (scheduling.utc_now() if any(own) else at)
    found = [
        hindrances(
            there.openings,
            there.taken,
            wish.need,
            _rules(wish, grid_step, there, since),
            number(since if wish.rules or earliest else at),
            number(at),
        )
        for wish, there in zip(wishes, working, strict=True)
    ]
    rows = _rows(working, found)
    return [
        [
            _of_rules(one, wish, at, since) or _reason(one, wish, at, grid_step, there, rows)
            for one in hindering
        ]
        for wish, there, hindering in zip(wishes, working, found, strict=True)
    ]


def _rules(wish: Wish, grid_step: int, there: Working, since: datetime) -> SlotRules:
    """The rules of the wish as whole numbers, in microseconds; a wish of the team has no booking
    notice and no horizon.
    """
    if wish.rules is None:
        return SlotRules(grid_step * MINUTE)
    notice, horizon = (
        number(since + ahead) - number(since) for ahead in (wish.rules.notice, wish.rules.horizon)
    )
    return SlotRules(grid_step * MINUTE, notice, horizon, there.full)


def _of_rules(one: Hindrance, wish: Wish, at: datetime, since: datetime) -> Reason | None:
    """The reason for one hindrance of the kinds "notice" (also "past"), "horizon" and "full"; None
    for the other kinds.
    """
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
    grid_step: int,
    there: Working,
    rows: dict[tuple[str, Any], Any],
) -> Reason:
    if one.why == "step":
        return Reason("step", minutes=grid_step)
    if one.which is None:
        return _hours(at, there)
    kind, key = there.sources[one.which]
    row = key if kind == "off" else rows.get((kind, key))
    in_the_way = Reason("gap")
    if kind == "booking":
        in_the_way = replace(in_the_way, booking=row)
    elif kind == "event":
        in_the_way = replace(in_the_way, event=row)
    else:
        in_the_way = replace(in_the_way, off=row)
    if one.why == "taken":
        return replace(in_the_way, kind="time_off" if kind == "off" else kind)
    starts, _, before, after = there.taken[one.which][:4]
    is_later = starts > number(at)
    kept = max(before, wish.need.after) if is_later else max(after, wish.need.before)
    side = "after" if is_later else "before"
    return replace(in_the_way, minutes=kept // MINUTE, side=side)


def _hours(at: datetime, there: Working) -> Reason:
    """The hours of the local day, and why they differ from the usual ones."""
    rota = there.rota
    day = scheduling.local_day(at, rota.zone)
    return Reason("hours", hours=rota.hours_on(day), name=rota.names.get(day, ""))


def _rows(
    working: Sequence[Working], found: Sequence[Sequence[Hindrance]]
) -> dict[tuple[str, Any], Any]:
    """The bookings and events in the way, with everything that names them. Two queries at most."""
    named = [
        there.sources[one.which]
        for there, hindering in zip(working, found, strict=True)
        for one in hindering
        if one.which is not None
    ]
    ids = {kind: [key for of, key in named if of == kind] for kind in ("booking", "event")}
    rows: dict[tuple[str, Any], Any] = {}
    if ids["booking"]:
        bookings = Booking.in_full()
        rows |= {("booking", row.id): row for row in bookings.where(Booking.id.in_(ids["booking"]))}
    if ids["event"]:
        calendar: Any = ExternalEvent.calendar.rel_model  # type: ignore[attr-defined]
        events = ExternalEvent.select(ExternalEvent, calendar).join(calendar)
        rows |= {("event", row.id): row for row in events.where(ExternalEvent.id.in_(ids["event"]))}
    return rows
