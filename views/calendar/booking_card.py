"""The card of a booking: its time, next steps, overlaps, history."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import flash

from base import scheduling
from base.bookings.changes import Changed
from base.bookings.clashes import SlotTaken
from base.bookings.statuses import STATUSES
from base.catalogue import _, paragraph
from base.tables.notes import NoteVersion
from base.tables.outside import ExternalEvent
from base.tables.time_off import TimeOff
from base.working_time import Stretch
from free_times.earlier import entries
from models import AuditEntry, Booking, Patient
from people import calendars
from views.kit import access, display, held_times
from views.kit.words import history_words, letter_words

from . import booking_remarks, columns, places
from .waiting_list import waiting_for

MOST_EARLIER = 50  # earlier versions of a note on one page
NEXT = {  # the usual next statuses, the likeliest first
    "offered": ("confirmed", "pending"),
    "pending": ("confirmed",),
    "confirmed": ("arrived", "no_show"),
    "arrived": ("delivered", "no_show"),
    "delivered": ("paid", "invoiced"),
    "invoiced": ("paid",),
    "paid": (),
    "cancelled": ("confirmed",),
    "no_show": ("arrived",),
}


@dataclass(frozen=True)
class BookingCard:
    booking: Booking
    when: str
    day: date
    place: str
    may_change: bool
    may_book: bool
    may_shorten: bool
    next: tuple[str, ...]
    others: list[str]
    overlaps: list[tuple[str, str, str]]
    history: list[tuple[str, str, str]]
    series: tuple[int, int] | None
    wanted: str | None = None
    in_the_way: list[tuple[str, str, str]] = field(default_factory=list)
    agreed: str = ""
    earlier: list[tuple[str, str, str]] = field(default_factory=list)
    changed_meanwhile: str = ""
    letters: list[str] = field(default_factory=list)
    may_wait: bool = False
    waits: bool = False
    could_come: str = ""


def card(
    booking: Booking,
    wanted: str | None = None,
    refusal: SlotTaken | None = None,
    changed_meanwhile: str = "",
) -> BookingCard:
    """The card of a booking.

    `wanted`: the status that was refused because of a conflict. `changed_meanwhile`: nothing was
    done, since somebody changed its "status" or its "time" meanwhile.
    """
    practitioner, status = booking.practitioner, booking.status
    may_change = access.is_own(practitioner)
    zone = f", {display.zone_name(practitioner.zone)}" if places.zone_differs(practitioner) else ""
    entries = list(AuditEntry.about(booking, most=30)) if may_change else []
    calendars = _calendar_names(entries)
    return BookingCard(
        booking,
        when(booking),
        first_day(booking),
        f"{practitioner.user.name}, {practitioner.venue.name}{zone}",
        may_change,
        access.may_book(practitioner),
        booking.span.duration > timedelta(minutes=15),
        NEXT[status],
        [one for one in STATUSES if one not in (*NEXT[status], status, "cancelled")],
        _overlaps(booking) if booking.is_busy and not refusal else [],
        [_sentence(entry, practitioner.zone, calendars) for entry in entries],
        _place_in_series(booking),
        wanted,
        _told(booking, refusal.conflicts, refusal.outside, refusal.away) if refusal else [],
        " ".join(sorted({key for clash in refusal.clashes for key in clash.keys}))
        if refusal
        else "",
        earlier_notes(booking, practitioner.zone) if may_change else [],
        changed_meanwhile,
        letter_words.of_booking(booking, practitioner.zone) if may_change else [],
        *_waiting(booking, may_change),
    )


def _waiting(booking: Booking, may_change: bool) -> tuple[bool, bool, str]:
    """Three values: whether the booking's client may go on the waiting list, whether they are on it
    already, and how many others could take the booking's time.
    """
    if not may_change:
        return False, False, ""
    waits = entries.may_wait(booking)
    return waits, waits and entries.of_booking(booking) is not None, waiting_for(booking)


def earlier_notes(row: Booking | Patient, zone: ZoneInfo) -> list[tuple[str, str, str]]:
    """Earlier texts of the notes, newest first: the text, who changed it, when. Only for people who
    may read the notes.
    """
    return [
        (one.text, one.user.name if one.user else "Kalends", display.moment(one.at, zone))
        for one in NoteVersion.of(row, MOST_EARLIER)
    ]


def _overlaps(booking: Booking) -> list[tuple[str, str, str]]:
    person, spans, zone = booking.practitioner.user, [booking.span], booking.practitioner.zone
    return _told(
        booking,
        Booking.conflicts(person, spans, [booking.id]),
        ExternalEvent.blocking(person, spans, zone),
        TimeOff.blocking(person, spans, zone),
    )


def _told(
    booking: Booking,
    others: Sequence[Booking],
    events: Sequence[ExternalEvent],
    off: Sequence[Stretch],
) -> list[tuple[str, str, str]]:
    """The other entries at the booking's time: title, time, and status or place."""
    zone, day, is_own = (
        booking.practitioner.zone,
        first_day(booking),
        columns.shows_titles(booking.practitioner),
    )
    sentences = [
        (row.title, display.brief(row, zone, day), display.STATUS_NAMES[row.status].lower())
        for row in others
    ]
    sentences += [
        (columns.off_title(stretch), display.brief(stretch, zone, day), _("time off"))
        for stretch in off
    ]
    return sentences + [
        (
            columns.external_title(event, is_own),
            display.brief(event, zone, day),
            _("in a calendar outside"),
        )
        for event in events
    ]


def _place_in_series(booking: Booking) -> tuple[int, int] | None:
    """The booking's place in its series and the length of the series: (3, 8) is the third
    of eight.
    """
    if booking.series is None:
        return None
    ids = [row.id for row in booking.in_series("all")]
    return ids.index(booking.id) + 1, len(ids)


def first_day(booking: Booking) -> date:
    """The day on which the booking begins at its venue."""
    return display.first_day(booking, booking.practitioner.zone)


def back(booking: Booking, came: dict[str, str]) -> str:
    """The address of the view from which the booking was opened; if that view does not show it, its
    week.
    """
    return places.address(booking.practitioner, places.around(first_day(booking), came), came)


def stay(booking: Booking, came: dict[str, str]) -> str:
    """The address of the view from which the booking was opened, unchanged, after an action that
    moved nothing there.
    """
    shown = came.get("shown")
    day = date.fromisoformat(shown) if shown else first_day(booking)
    return places.address(booking.practitioner, day, came)


def message_about(
    booking: Booking, came: dict[str, str], text: str, **more: object
) -> dict[str, object]:
    """The message for the next page about the booking, with a link if that page does not show it.
    `more`: the button that undoes the change.
    """
    is_there = places.shows(first_day(booking), came)
    return {"text": text, **({} if is_there else {"show": back(booking, came)}), **more}


def flash_undone(
    booking: Booking, undone: Changed, came: dict[str, str], one: str, many: str
) -> None:
    """Say on the next page that a change was undone: `one` if it was this booking only, `many` for
    several; and which others stay as they are.
    """
    is_one = len(undone) == 1 and booking in undone
    flash(message_about(booking, came, one if is_one else many))
    if left := booking_remarks.left_alone(undone, _("Not taken back")):
        flash(" ".join(left), "warning")
    held_times.warn_of_held_times(undone)


def when(booking: Booking) -> str:
    """The booking's time in words, in the venue's zone."""
    return display.from_to(booking, booking.practitioner.zone)


def flash_made_before(rows: Sequence[Booking]) -> None:
    """Say on the next page, for a form that was sent twice, the booking's present time and whether
    the booking still exists.
    """
    first, many = rows[0], _(" and {count} more", count=len(rows) - 1) if len(rows) > 1 else ""
    flash(f"{_('Booked')}: {when(first)}{many}.")
    if not any(row.is_busy for row in rows):
        status = display.STATUS_NAMES[first.status].lower()
        sentence = _("You booked it with this form before. It is {status} now.", status=status)
        flash(paragraph(sentence, _("To book the time again, open a new form.")), "warning")


def flash_moved(booking: Booking) -> None:
    """Say on the next page that the client or the team changed the booking's time meanwhile."""
    sentence = _("It was moved meanwhile, to {when}. Nothing was changed.", when=when(booking))
    flash(message_about(booking, places.came_from(), sentence), "warning")


def flash_answered(booking: Booking) -> None:
    """Say on the next page that the client or the team answered the request meanwhile."""
    sentence = _(
        "This request was answered meanwhile. It is {status} now.",
        status=display.STATUS_NAMES[booking.status].lower(),
    )
    flash(message_about(booking, places.came_from(), sentence), "warning")


def _sentence(entry: AuditEntry, zone: ZoneInfo, calendars: dict[int, str]) -> tuple[str, str, str]:
    """A history entry as a sentence: the action, who did it, and when."""
    verb, detail = entry.action.removeprefix("booking."), entry.detail
    sentence = {
        "made": _("Booked"),
        "changed": _("Changed"),
        "undone": _("Last change taken back"),
    }.get(verb) or display.STATUS_NAMES.get(verb, _("Changed"))
    if verb == "moved":
        was, now = (
            datetime.fromisoformat(detail[key]) if key in detail else None for key in ("was", "now")
        )
        sentence = (
            _("Moved")
            if was is None
            else _("Moved from {was} to {now}", was=_short(was, zone), now=_short(now, zone))
            if was != now
            else _("Made longer or shorter")
        )
    if "from" in detail:
        start, end = (calendars.get(detail[side], _("a calendar")) for side in ("from", "to"))
        sentence = (
            _("Given from {start} to {end}", start=start, end=end)
            if verb == "given"
            else _(
                "{sentence}, given from {start} to {end}", sentence=sentence, start=start, end=end
            )
        )
    if fields := history_words.field_words(detail):
        sentence += f" ({fields})" if verb == "changed" else _(", changed {fields}", fields=fields)
    if verb in ("moved", "changed", "given") and detail.get("status"):
        sentence += _(", now {status}", status=display.STATUS_NAMES[detail["status"]].lower())
    if detail.get("count", 1) > 1:
        sentence += _(", with {count} more of the series", count=detail["count"] - 1)
    return (
        sentence + (_(", with its series") if entry.part_of else ""),
        entry.user.name if entry.user else "Kalends",
        display.moment(entry.at, zone),
    )


def _calendar_names(entries: Sequence[AuditEntry]) -> dict[int, str]:
    """The names of the calendars from and to which the booking went."""
    ids = {
        entry.detail[side] for entry in entries for side in ("from", "to") if side in entry.detail
    }
    return {
        number: f"{row.user.name} ({row.venue.name})"
        for number, row in calendars.by_id(ids).items()
    }


def _short(at: datetime, zone: ZoneInfo) -> str:
    return f"{display.short_day(scheduling.local_day(at, zone))} {display.clock(at, zone)}"
