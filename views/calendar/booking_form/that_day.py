"""The rest of the day beside the form of a booking."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from base import scheduling
from base.bookings.statuses import STATUSES
from base.catalogue import _
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from base.tables.time_off import TimeOff
from base.working_time import Stretch
from models import Booking, Practitioner
from views.kit import display

from .. import columns
from .fields import BookingForm


@dataclass(frozen=True)
class Entry:
    """A line of the day beside the form. `is_new`: the booking that is being made."""

    start: str
    title: str
    status: str
    is_new: bool = False


def entries(form: BookingForm, day: date, spans: list[Span]) -> list[Entry]:
    """The person's day as it is, with bookings and external events, and with the new booking among
    them.
    """
    practitioner, zone = form.practitioner, form.practitioner.zone
    window = Span(
        scheduling.midnight(day, zone), scheduling.midnight(day + timedelta(days=1), zone)
    )
    rows = [
        row
        for row in Booking.of_person(practitioner.user, window.starts_at, window.ends_at)
        if form.booking is None or row.id != form.booking.id
    ]
    events = [
        event
        for event in columns.external(practitioner, window.starts_at, window.ends_at)
        if columns.touches(event, day, window)
    ]
    off = TimeOff.between(practitioner.user_id, window.starts_at, window.ends_at, zone)
    found = [
        Entry(_entry_start(row.span, window.starts_at, zone), row.title, row.status) for row in rows
    ]
    found += [
        Entry(
            _entry_start(event, window.starts_at, zone),
            _entry_title(event, practitioner),
            "external",
        )
        for event in events
    ]
    found += [
        Entry(_entry_start(one, window.starts_at, zone), columns.off_title(one), "away")
        for one in off
    ]
    if spans:
        status = form.status.data if form.status.data in STATUSES else "confirmed"
        found.append(
            Entry(
                _entry_start(spans[0], window.starts_at, zone), _("This one"), status, is_new=True
            )
        )
    return sorted(found, key=lambda entry: (entry.start[0].isdigit(), entry.start))


def _entry_title(event: ExternalEvent, practitioner: Practitioner) -> str:
    title = columns.external_title(event, columns.shows_titles(practitioner))
    return title if event.blocks else _("{title}, does not block", title=title)


def _entry_start(span: Span | ExternalEvent | Stretch, midnight: datetime, zone: ZoneInfo) -> str:
    return _("All day") if span.all_day else display.clock(max(span.starts_at, midnight), zone)
