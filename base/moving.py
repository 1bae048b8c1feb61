"""One booking moved by hand: where it comes to lie, and how that is taken back."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from . import scheduling
from .audit import AuditEntry
from .changes import Changed
from .clashes import overlapped_now
from .database import alone
from .rows import Calendar
from .scheduling import BadTime, Span


def shifted(
    span: Span,
    zone: ZoneInfo,
    there: ZoneInfo,
    day: date | None = None,
    by: int = 0,
    longer: int = 0,
) -> tuple[Span, str | None]:
    """The span begun on another day, `by` minutes later on the clock, and `longer` by minutes.

    Read on the clock of `zone`, meant on that of `there`. Also what is odd about the new start:
    None, "gap" or "twice". A length stays what it is as time that passes, over a clock change too,
    and so does the start where nothing moves it. Raises BadTime, for whole days as well.
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
    return Span(starts_at, starts_at + length), odd


def place_before(row: Any) -> dict[str, Any]:
    """What the history keeps of a timed booking that is about to move alone: enough to go back."""
    return {
        "place": [row.starts_at.isoformat(), row.ends_at.isoformat(), row.practitioner_id],
        "over": overlapped_now([row]).get(str(row.id), []),
        "sequence": row.sequence + 1,
    }


def take_back(row: Any, actor: Any, entry: int) -> Changed | None:
    """Move a booking back to where it lay before the change that the history has as `entry`.

    None where that was no move of this booking alone, where time, calendar or status changed since,
    or where the earlier calendar is not the person's to book in. What else was changed since stays.
    Raises SlotTaken where the time holds more than it did then, and ClosedCalendar.
    """
    with alone(row):
        found = AuditEntry.about(row).where(AuditEntry.id == entry).first()
        detail = found.detail if found else {}
        if "place" not in detail or detail["sequence"] != row.sequence:
            return None
        starts_at, ends_at, calendar_id = detail["place"]
        calendars: Any = row.practitioner.__class__
        calendar: Calendar = calendars.get_by_id(calendar_id)
        if not (actor.books_for_all or calendar.user_id == actor.id):
            return None
        span = Span(datetime.fromisoformat(starts_at), datetime.fromisoformat(ends_at))
        changed: Changed = row.change(
            actor, span, practitioner=calendar, allow_overlap=set(detail["over"])
        )
        return changed
