"""Bookings moved by hand: their new place, and how a move is undone."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from base import scheduling
from base.database import alone
from base.scheduling import BadTime, Span
from base.tables.audit import AuditEntry

from .changes import Changed
from .clashes import SlotTaken, clashes, overlapped_now, spare_untold
from .steps import NewValues


def shifted(
    span: Span,
    zone: ZoneInfo,
    there: ZoneInfo,
    day: date | None = None,
    by: int = 0,
    longer: int = 0,
) -> tuple[Span, str | None]:
    """Move a span to another `day`, to start `by` minutes later on the clock and to last `longer`
    minutes more. Returns the new span, and what is odd about its start: None, "gap" or "twice".

    The old times are read on the clock of `zone`; the new ones are on the clock of `there`. The
    length is kept in elapsed time, also over a clock change, and so is the start if nothing moves
    it. A move within an hour that comes twice stays in its pass. Raises BadTime, for whole days as
    well.
    """
    if span.all_day:
        raise BadTime("whole_days")
    local = span.starts_at.astimezone(zone)
    day = day or local.date()
    length = span.duration + timedelta(minutes=longer)
    if day == local.date() and not by and zone == there:
        return Span(span.starts_at, span.starts_at + length), None
    wall = datetime.combine(day, local.time()) + timedelta(minutes=by)
    starts_at, odd = scheduling.instant(wall.date(), wall.time(), there)
    is_near = zone == there and wall.date() == local.date()
    if odd == "twice" and is_near and scheduling.comes_twice(local):
        starts_at, odd = span.starts_at + timedelta(minutes=by), None
    return Span(starts_at, starts_at + length), odd


def places_before(rows: Sequence[Any]) -> dict[str, Any]:
    """The places of bookings before they move together. The history stores them, so that the move
    can be undone.
    """
    return {
        "places": {
            str(row.id): [*_written(row.span), row.practitioner_id, row.sequence + 1]
            for row in rows
        },
        "over": overlapped_now(rows),
    }


def undo_move(row: Any, actor: Any, entry: int) -> Changed | None:
    """Undo a move: a booking, and those moved with it, get the place from before the change.
    `entry`: the change, by its id in the history.

    None if the change was no move of this booking; if the booking's time, calendar or status
    changed since; or if the person may not book in the earlier calendar. Later changes of other
    values stay. Another booking of the move stays if it was moved since (`kept`, "since"), if it is
    a colleague's, or if something new takes its old time (`skipped`). Raises SlotTaken if none
    could go back, and ClosedCalendar.
    """
    with alone(row):
        found = AuditEntry.about(row).where(AuditEntry.id == entry).first()
        if found is None or "places" not in found.detail:
            return None
        steps, kept = _steps_back(row, actor, found.detail["places"])
        if not steps or steps[0].row.id != row.id:
            return None
        over = {int(key): set(names) for key, names in found.detail["over"].items()}
        skipped = spare_untold(steps, over)
        if not steps:
            raise SlotTaken(skipped)
        was = row.span
        rows = row.carry_out(steps, actor, clashes(steps))
        moved = {name for step in steps for name in step.changes}
        times = {"was": was.starts_at.isoformat(), "now": row.starts_at.isoformat()}
        row.note(actor, "booking.moved", rows, fields=sorted(moved), **times)
        return Changed(rows, kept, skipped)


def _steps_back(
    row: Any, actor: Any, places: Mapping[str, Sequence[Any]]
) -> tuple[list[NewValues], dict[str, int]]:
    """The steps for the bookings that may move back, this booking first if it may."""
    table, calendars = type(row), type(row.practitioner)
    venue = calendars.venue.rel_model
    named = {place[2] for place in places.values()}
    there = {
        calendar.id: calendar
        for calendar in calendars.select(calendars, venue)
        .join(venue)
        .where(calendars.id.in_(list(named)), calendars.clinic == row.clinic_id)
    }
    others = (
        table.select(table, calendars)
        .join(calendars)
        .where(table.id.in_([int(key) for key in places]), table.clinic == row.clinic_id)
        .order_by(table.starts_at, table.id)
    )
    steps, kept = [], {"since": 0, "colleague": 0}
    for one in [row, *(other for other in others if other.id != row.id)]:
        starts, ends, calendar_id, sequence = places.get(str(one.id), ("", "", 0, -1))
        calendar = there.get(calendar_id)
        if sequence != one.sequence or calendar is None:
            kept["since"] += 1
        elif not actor.books_for_all and {calendar.user_id, one.practitioner.user_id} != {actor.id}:
            kept["colleague"] += 1
        else:
            steps.append(NewValues(one, _read(starts, ends, calendar.zone), calendar))
    for calendar in {step.calendar for step in steps if "practitioner" in step.changes}:
        calendar.check_open()
    return steps, kept


def _written(span: Span) -> tuple[str, str]:
    """A span as two texts: dates for whole days, else instants."""
    if span.starts_on and span.ends_on:
        return span.starts_on.isoformat(), span.ends_on.isoformat()
    return span.starts_at.isoformat(), span.ends_at.isoformat()


def _read(starts: str, ends: str, zone: ZoneInfo) -> Span:
    if len(starts) == len("2026-11-26"):
        last = date.fromisoformat(ends) - timedelta(days=1)
        return scheduling.whole_days(date.fromisoformat(starts), last, zone)
    return Span(datetime.fromisoformat(starts), datetime.fromisoformat(ends))
