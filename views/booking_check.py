"""What stands beside the form of a booking: what is in the way of it, what is free next, and the rest of that day."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import scheduling
from models import FREE_STATUSES, STATUSES, Booking
from scheduling import Span

from . import display
from .booking_form import BookingForm

MOST_SAID = 3


@dataclass(frozen=True)
class Obstacle:
    """Why a span is not simply free, in words. `free` is the next free time, and as the button "take" sends it back."""

    heading: str = ""
    conflicts: list[str] = field(default_factory=list)
    free: tuple[str, str] | None = None
    outside_hours: bool = False
    remarks: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.conflicts or self.outside_hours or self.remarks)


def obstacle(form: BookingForm, spans: list[Span], conflicts: list[Booking] | None = None) -> Obstacle:
    """What stands in the way of the spans; `conflicts` where they were already found."""
    if not spans:
        return Obstacle(remarks=form.remarks)
    zone, first, but = form.practitioner.zone, spans[0], [form.booking.id] if form.booking else []
    holds_time = form.status.data not in FREE_STATUSES
    found = conflicts or (Booking.conflicts(form.practitioner.user, spans, but) if holds_time else [])
    words = [f"{row.title}{_at_other(row, form)}, {_brief(row.span, zone, form.day.data)}, {display.STATUS_NAMES[row.status].lower()}."
             for row in found]
    if len(words) > MOST_SAID:
        words[MOST_SAID:] = [f"And {len(words) - MOST_SAID} more."]
    heading = f"{found[0].title} is here {_until(found[0].span, zone, form.day.data)}" if found else ""
    offer = _offer(form, first, but) if found and not first.all_day else None
    return Obstacle(heading, words, offer, form.practitioner.outside_hours(first), form.remarks)


def _offer(form: BookingForm, wanted: Span, but: list[int]) -> tuple[str, str] | None:
    """The next free time of that length that has not begun, in words and as "2026-11-20T15:20 50"."""
    zone = form.practitioner.zone
    after = max(wanted.starts_at, scheduling.utc_now() + timedelta(minutes=5))
    free = form.practitioner.next_free(after.replace(minute=after.minute // 5 * 5, second=0, microsecond=0), wanted.duration, but)
    if free is None:
        return None
    span = Span(free.starts_at, free.starts_at + wanted.duration)
    return _brief(span, zone, form.day.data), f"{span.starts_at.astimezone(zone):%Y-%m-%dT%H:%M} {wanted.duration // timedelta(minutes=1)}"


def _at_other(row: Booking, form: BookingForm) -> str:
    return "" if row.practitioner_id == form.practitioner.id else f" at {row.practitioner.venue.name}"


def _brief(span: Span, zone: ZoneInfo, day: date) -> str:
    """14:30–15:20, with the day before it unless it is `day`."""
    starts_on = span.starts_on or scheduling.local_day(span.starts_at, zone)
    times = "all day" if span.all_day else f"{display.clock(span.starts_at, zone)}–{display.clock(span.ends_at, zone)}"
    return times if starts_on == day else f"{display.short_day(starts_on)} {times}"


def _until(span: Span, zone: ZoneInfo, day: date) -> str:
    if span.all_day:
        return "all day"
    ends_on = scheduling.local_day(span.ends_at, zone)
    return f"until {display.clock(span.ends_at, zone)}" + ("" if ends_on == day else f" on {display.short_day(ends_on)}")


@dataclass(frozen=True)
class Entry:
    """A line of the day beside the form; without a booking it is the one being made."""

    start: str
    title: str
    status: str
    booking: Booking | None = None


def that_day(form: BookingForm, day: date, spans: list[Span]) -> list[Entry]:
    """The person's day as it is, with what is being booked among it."""
    zone = form.practitioner.zone
    start = scheduling.midnight(day, zone)
    rows = [row for row in form.practitioner.user.bookings_between(start, scheduling.midnight(day + timedelta(days=1), zone))
            if form.booking is None or row.id != form.booking.id]
    entries = [Entry(_entry_start(row.span, start, zone), row.title, row.status, row) for row in rows]
    if spans:
        entries.append(Entry(_entry_start(spans[0], start, zone), "This one", form.status.data if form.status.data in STATUSES else "confirmed"))
    return sorted(entries, key=lambda entry: (entry.start[0].isdigit(), entry.start))


def _entry_start(span: Span, midnight: datetime, zone: ZoneInfo) -> str:
    return "All day" if span.all_day else display.clock(max(span.starts_at, midnight), zone)
