"""The part of the page beside the form of a booking: its conflicts, in words."""

from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from flask import url_for
from flask_login import current_user

from base import scheduling
from base.bookings.clashes import Clash, SlotTaken
from base.bookings.statuses import FREE_STATUSES, STATUSES
from base.catalogue import _
from base.scheduling import BadTime, Span
from base.tables.outside import ExternalEvent
from base.working_time import Stretch
from free_times import why
from free_times.online import holds
from models import Booking, Practitioner
from views.kit import display

from .. import booking_remarks, columns, why_words
from . import next_time
from .fields import BookingForm
from .next_time import Together

MOST_SHOWN = 3  # conflicts of one time, at most


@dataclass(frozen=True)
class Obstacle:
    """Why a time is not free, in words. `free`: the next free time, and its value for the button
    "take".

    `dates`: for each taken time of several, when it is and what takes it. `asked`: how many times
    were asked for. `keys`: the conflicts to which a person agrees by booking anyway.
    """

    heading: str = ""
    conflicts: list[str] = field(default_factory=list)
    dates: list[tuple[str, str]] = field(default_factory=list)
    asked: int = 1
    keys: str = ""
    free: tuple[str, str] | None = None
    outside_hours: str = ""
    remarks: list[str] = field(default_factory=list)
    why: str = ""  # the page with all conflicts

    def __bool__(self) -> bool:
        return bool(self.conflicts or self.outside_hours or self.remarks)


def obstacle(form: BookingForm, spans: list[Span], refusal: SlotTaken | None = None) -> Obstacle:
    """The conflicts of the spans, and of the other bookings of a series that would move with them.
    `refusal`: these conflicts, if they were found already.
    """
    remarks = [*form.remarks, *_not_offered(form)]
    if not spans:
        return Obstacle(remarks=remarks)
    first = spans[0]
    taken = refusal or SlotTaken(_clashes(form, spans))
    day = form.day.data
    words = [_booked(row, form.practitioner, day) for row in taken.conflicts]
    words += [_external(event, form.practitioner, day) for event in taken.outside]
    words += [_off(stretch, form.practitioner, day) for stretch in taken.away]
    if len(words) > MOST_SHOWN:
        words[MOST_SHOWN:] = [_("And {count} more.", count=len(words) - MOST_SHOWN)]
    asked = Together.of(form, spans).count
    dates = (
        [(_date(clash, form), " ".join(_what(clash))) for clash in taken.clashes]
        if asked > 1
        else []
    )
    next_free = next_time.next_free_time(form, spans) if words and not first.all_day else None
    keys = " ".join(sorted({key for clash in taken.clashes for key in clash.keys}))
    return Obstacle(
        _heading(taken, form) if words else "",
        words,
        dates,
        asked,
        keys,
        next_free,
        booking_remarks.outside_hours(form.practitioner, _own_spans(form, spans)),
        [*remarks, *_gaps(form, spans), *_held(form, spans)],
        _why_url(form, first) if words else "",
    )


def _own_spans(form: BookingForm, spans: list[Span]) -> list[Span]:
    """The spans; if a series moves, also those of its other bookings in this person's calendars."""
    together, first = Together.of(form, spans), spans[0]
    if not form.booking or first == form.booking.span:
        return spans
    try:
        targets = list(together.targets(first))
    except BadTime:  # another part of the page says it
        return spans
    own = form.practitioner.user_id
    return [span for calendar, span in targets if calendar.user_id == own]


def _gaps(form: BookingForm, spans: list[Span]) -> list[str]:
    """Sentences about gaps that a single visit does not keep. Lists of free times keep gaps; the
    team may book anyway.
    """
    first = spans[0]
    if len(spans) > 1 or first.all_day or form.status.data in FREE_STATUSES:
        return []
    wish, moving = next_time.wish_of(form, first), Together.of(form, spans).moving
    (found,) = why.reasons([wish], first.starts_at, next_time.grid_step(), but=moving)
    day = scheduling.local_day(first.starts_at, form.practitioner.zone)
    return [why_words.gap(one, wish, day) for one in found if one.kind == "gap"]


def _held(form: BookingForm, spans: list[Span]) -> list[str]:
    """A warning about times that clients are booking online at this moment. The team may
    book them.
    """
    if form.status.data in FREE_STATUSES:
        return []
    calendar, last = form.practitioner, max(span.ends_at for span in spans)
    held = holds.touching([calendar.user_id], spans[0].starts_at, last)[calendar.user_id]
    return [
        why_words.held(hold, calendar.zone)
        for hold in held
        if any(hold.span.overlaps(span) for span in spans)
    ]


def _why_url(form: BookingForm, first: Span) -> str:
    """The address of the page with all conflicts of one time."""
    if first.all_day:
        return ""
    local = first.starts_at.astimezone(form.practitioner.zone)
    minutes = -(-first.duration // next_time.MINUTE)
    return url_for(
        "why.show",
        calendar=form.practitioner.id,
        venue="",
        service=form.service.data or "",
        minutes=minutes if minutes in scheduling.SERVICE_MINUTES else None,
        day=local.date().isoformat(),
        at=f"{local:%H:%M}",
    )


def _not_offered(form: BookingForm) -> list[str]:
    """A note that this person does not offer the service; the team may book it."""
    if form.terms is None or form.terms.is_offered:
        return []
    who, venue = form.practitioner.user.name, form.practitioner.venue.name
    return [
        _(
            "{who} does not offer {chosen_service} at {venue}. You can book it anyway.",
            who=who,
            chosen_service=form.chosen_service.name,
            venue=venue,
        )
    ]


def _clashes(form: BookingForm, spans: list[Span]) -> list[Clash]:
    """The conflicts, time by time, as saving would find them."""
    if form.booking is None:
        return [] if form.status.data in FREE_STATUSES else Booking.taken(form.practitioner, spans)
    try:
        return form.booking.clashes(current_user, spans[0], **_change(form))
    except BadTime:
        return []


def _change(form: BookingForm) -> dict:
    """The changes in the form that matter for the booking's time."""
    status = (
        {"status": form.status.data}
        if form.status.data in STATUSES and form.status.data != form.booking.status
        else {}
    )
    return {"which": form.which.data or "one", "practitioner": form.practitioner, **status}


def _heading(taken: SlotTaken, form: BookingForm) -> str:
    zone, day = form.practitioner.zone, form.day.data
    if taken.conflicts:
        return _(
            "{title} is here {until}",
            title=taken.conflicts[0].title,
            until=_until(taken.conflicts[0].span, zone, day),
        )
    if not taken.outside:
        off = taken.away[0]
        name = form.practitioner.user.name
        return _("{name} is away {until}", name=name, until=_until(off, zone, day))
    event = taken.outside[0]
    title = event.title if event.user_id == current_user.id else ""
    until = _until(event, zone, day)
    if title:
        return _("{title} is in your other calendar {until}", title=title, until=until)
    return _("Busy outside {until}", until=until)


def _date(clash: Clash, form: BookingForm) -> str:
    """The time of a conflict in the zone of its own calendar; with the calendar's name if it is not
    the form's calendar.
    """
    whose = (
        ""
        if clash.calendar.id == form.practitioner.id
        else f" ({clash.calendar.user.name}, {display.zone_name(clash.calendar.zone)})"
    )
    return display.from_to(clash.span, clash.calendar.zone) + whose


def _what(clash: Clash) -> list[str]:
    day = display.first_day(clash.span, clash.calendar.zone)
    return [
        *(_booked(row, clash.calendar, day) for row in clash.bookings),
        *(_external(event, clash.calendar, day) for event in clash.events),
        *(_off(stretch, clash.calendar, day) for stretch in clash.away),
    ]


def _booked(row: Booking, calendar: Practitioner, day: date) -> str:
    times = display.brief(row, calendar.zone, day)
    return (
        f"{row.title}{_at_other(row, calendar)}, {times},"
        f" {display.STATUS_NAMES[row.status].lower()}."
    )


def _external(event: ExternalEvent, calendar: Practitioner, day: date) -> str:
    """A conflict with an external event; only the owner sees its title and calendar."""
    is_own = event.user_id == current_user.id
    times = display.brief(event, calendar.zone, day)
    return (
        f"{columns.external_title(event, is_own)},"
        f" {times}{_(', in {calendar}', calendar=_calendar(event)) if is_own else ''}."
    )


def _off(stretch: Stretch, calendar: Practitioner, day: date) -> str:
    """A conflict with time off; only people who may see its kind see it."""
    return f"{columns.off_title(stretch)}, {display.brief(stretch, calendar.zone, day)}."


def _calendar(event: ExternalEvent) -> str:
    return (
        _("your main calendar")
        if event.calendar.is_primary
        else _("your calendar {calendar}", calendar=event.calendar.name)
    )


def _at_other(row: Booking, calendar: Practitioner) -> str:
    return (
        ""
        if row.practitioner_id == calendar.id
        else _(" at {venue}", venue=row.practitioner.venue.name)
    )


def _until(span: Span | ExternalEvent | Stretch, zone: ZoneInfo, day: date) -> str:
    if span.all_day:
        return _("all day")
    ends_on = scheduling.local_day(span.ends_at, zone)
    return _("until {time}", time=display.clock(span.ends_at, zone)) + (
        "" if ends_on == day else _(" on {day}", day=display.short_day(ends_on))
    )
