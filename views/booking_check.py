"""What stands beside the form of a booking: what is in the way of it, what is free next, and the rest of that day."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import scheduling
from models import FREE_STATUSES, STATUSES, Booking, Practitioner, SlotTaken
from outside import ExternalEvent
from scheduling import Span

from . import columns, display
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


def obstacle(form: BookingForm, spans: list[Span], refusal: SlotTaken | None = None) -> Obstacle:
    """What stands in the way of the spans; `refusal` where that was already found."""
    if not spans:
        return Obstacle(remarks=form.remarks)
    practitioner, first, but = form.practitioner, spans[0], [form.booking.id] if form.booking else []
    taken = refusal or SlotTaken((), ())
    if refusal is None and form.status.data not in FREE_STATUSES:
        found = Booking.conflicts(practitioner.user, spans, but), ExternalEvent.blocking(practitioner.user_id, spans, practitioner.zone)
        taken = SlotTaken(*found)
    words = [*(_booked(row, form) for row in taken.conflicts), *(_foreign(event, form) for event in taken.outside)]
    if len(words) > MOST_SAID:
        words[MOST_SAID:] = [f"And {len(words) - MOST_SAID} more."]
    offer = _offer(form, first, but) if words and not first.all_day else None
    return Obstacle(_heading(taken, form) if words else "", words, offer, practitioner.outside_hours(first), form.remarks)


def _heading(taken: SlotTaken, form: BookingForm) -> str:
    zone, day = form.practitioner.zone, form.day.data
    if taken.conflicts:
        return f"{taken.conflicts[0].title} is here {_until(taken.conflicts[0].span, zone, day)}"
    event = taken.outside[0]
    title = event.title if columns.shows_titles(form.practitioner) else ""
    return f"{f'{title} is in your other calendar' if title else 'Busy outside'} {_until(event, zone, day)}"


def _booked(row: Booking, form: BookingForm) -> str:
    times = display.brief(row, form.practitioner.zone, form.day.data)
    return f"{row.title}{_at_other(row, form)}, {times}, {display.STATUS_NAMES[row.status].lower()}."


def _foreign(event: ExternalEvent, form: BookingForm) -> str:
    """A busy time outside; what it is and in which calendar is for its owner alone."""
    zone, is_own = form.practitioner.zone, columns.shows_titles(form.practitioner)
    times = display.brief(event, zone, form.day.data)
    return f"{columns.foreign_title(event, is_own)}, {times}{f', in {_calendar(event)}' if is_own else ''}."


def _calendar(event: ExternalEvent) -> str:
    return "your main calendar" if event.calendar.is_primary else f"your calendar {event.calendar.name}"


def _offer(form: BookingForm, wanted: Span, but: list[int]) -> tuple[str, str] | None:
    """The next free time of that length that has not begun, in words and as "2026-11-20T15:20 50"."""
    zone = form.practitioner.zone
    after = max(wanted.starts_at, scheduling.utc_now() + timedelta(minutes=5))
    free = form.practitioner.next_free(after.replace(minute=after.minute // 5 * 5, second=0, microsecond=0), wanted.duration, but)
    if free is None:
        return None
    span = Span(free.starts_at, free.starts_at + wanted.duration)
    return display.brief(span, zone, form.day.data), f"{span.starts_at.astimezone(zone):%Y-%m-%dT%H:%M} {wanted.duration // timedelta(minutes=1)}"


def _at_other(row: Booking, form: BookingForm) -> str:
    return "" if row.practitioner_id == form.practitioner.id else f" at {row.practitioner.venue.name}"


def _until(span: Span | ExternalEvent, zone: ZoneInfo, day: date) -> str:
    if span.all_day:
        return "all day"
    ends_on = scheduling.local_day(span.ends_at, zone)
    return f"until {display.clock(span.ends_at, zone)}" + ("" if ends_on == day else f" on {display.short_day(ends_on)}")


@dataclass(frozen=True)
class Entry:
    """A line of the day beside the form; one `is_new` is being made."""

    start: str
    title: str
    status: str
    is_new: bool = False


def that_day(form: BookingForm, day: date, spans: list[Span]) -> list[Entry]:
    """The person's day as it is, here and outside, with what is being booked among it."""
    practitioner, zone = form.practitioner, form.practitioner.zone
    window = Span(scheduling.midnight(day, zone), scheduling.midnight(day + timedelta(days=1), zone))
    rows = [row for row in practitioner.user.bookings_between(window.starts_at, window.ends_at) if form.booking is None or row.id != form.booking.id]
    events = [event for event in columns.foreign(practitioner, window.starts_at, window.ends_at) if columns.touches(event, day, window)]
    entries = [Entry(_entry_start(row.span, window.starts_at, zone), row.title, row.status) for row in rows]
    entries += [Entry(_entry_start(event, window.starts_at, zone), _entry_title(event, practitioner), "external") for event in events]
    if spans:
        status = form.status.data if form.status.data in STATUSES else "confirmed"
        entries.append(Entry(_entry_start(spans[0], window.starts_at, zone), "This one", status, is_new=True))
    return sorted(entries, key=lambda entry: (entry.start[0].isdigit(), entry.start))


def _entry_title(event: ExternalEvent, practitioner: Practitioner) -> str:
    title = columns.foreign_title(event, columns.shows_titles(practitioner))
    return title if event.blocks else f"{title}, does not block"


def _entry_start(span: Span | ExternalEvent, midnight: datetime, zone: ZoneInfo) -> str:
    return "All day" if span.all_day else display.clock(max(span.starts_at, midnight), zone)
