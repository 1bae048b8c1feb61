"""Letters to clients about their bookings, rendered from what is true when they are sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import current_app

from base import day_names, scheduling
from base.bookings import client_letters
from base.bookings.client_letters import LetterSettings, State
from base.catalogue import _, lazy, ngettext
from base.tables import outbox
from base.tables.outbox import Letter
from free_times.online import by_letter, managing, names
from free_times.online.bookings import OnlineBooking
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Patient, Practitioner
from sync.events import visit
from sync.events.event import Event, Face

from . import itip
from .text import Text, address, one_line, paragraph

HEADINGS = {  # the first line of each kind; the rest stands in templates
    "booked": lazy("You are booked"),
    "waits": lazy("We have your request"),
    "approved": lazy("Your appointment is confirmed"),
    "offered": lazy("We offer you another time"),
    "declined": lazy("Your request is declined"),
    "lapsed": lazy("Your request has ended"),
    "moved": lazy("Your appointment has changed"),
    "cancelled": lazy("Your appointment is cancelled"),
    "reminder": lazy("Your appointment is coming up"),
}
OVER = ("declined", "lapsed", "cancelled")  # kinds after which the booking is none any more
WORDINGS = {  # what a clinic may say in its own words, by kind
    "booked": lazy("We look forward to seeing you."),
    "waits": lazy("It is not confirmed yet. We keep the time for you until we answer."),
    "approved": lazy("We look forward to seeing you."),
    "offered": lazy("Your time was not possible. We keep this one for you until you answer."),
    "declined": lazy("We cannot offer this time. Please choose another one, or call us."),
    "lapsed": lazy(
        "We are sorry: nobody answered in time. Please choose a time again, or call us."
    ),
    "moved": lazy("Please note the new time."),
    "cancelled": lazy("If you need another appointment, please book again or call us."),
    "reminder": lazy("We look forward to seeing you. If you cannot come, please tell us soon."),
}


@dataclass(frozen=True)
class Visit:
    """One appointment of a letter, in words."""

    day: str
    clock: str
    zone: str
    where: str
    map_url: str
    length: str
    person: str
    service: str
    was: str
    google_url: str
    outlook_url: str


def changed(letter: Letter) -> Text | None:
    """What became of a client's bookings. None where there is nothing to say any more."""
    client = Patient.get_or_none(
        Patient.id == letter.detail["client"], Patient.clinic == letter.clinic_id
    )
    client = client and client.standing
    settings = LetterSettings.of(letter.clinic_id)
    if client is None or not client.email:
        return None
    rows = client_letters.what(letter, _bookings(letter), client)
    rows = [one for one in rows if settings.writes_about(one[0])]
    if not rows:
        return None
    made = made_of(rows[0][0])
    kind = _kind(rows[0][1], made)
    return _text(letter, settings, client, kind, made, rows)


def _bookings(letter: Letter) -> Sequence[Booking]:
    ids = [row_id for row_id, _was in letter.detail["rows"]]
    return list(
        by_letter.rows()
        .where(Booking.id.in_(ids), Booking.clinic == letter.clinic_id)
        .order_by(Booking.starts_at)
    )


def made_of(booking: Booking) -> OnlineBooking | None:
    """What is known of it as an online booking; None where the team made it."""
    row: OnlineBooking | None = OnlineBooking.get_or_none(OnlineBooking.booking == booking)
    if row is not None:
        row.booking = booking
    return row


def _kind(kind: str, made: OnlineBooking | None) -> str:
    """The kind, as the clinic's answer to a request names it."""
    answer = made.answer if made else ""
    if answer in ("declined", "lapsed") and kind == "cancelled":
        return answer
    return "offered" if answer == "offered" and kind in ("moved", "waits") else kind


def _text(
    letter: Letter,
    settings: LetterSettings,
    client: Patient,
    kind: str,
    made: OnlineBooking | None,
    rows: Sequence[tuple[Booking, str, State | None]],
) -> Text:
    clinic = letter.clinic
    shown = [visit_of(clinic, settings, booking, was, kind) for booking, _kind, was in rows]
    online = OnlineSettings.of(clinic)
    facts = {
        "kind": kind,
        "heading": HEADINGS[kind],
        "words": words(settings, kind),
        "clinic": one_line(clinic.name),
        "visits": shown,
        "is_over": kind in OVER,
        "by_client": letter.detail.get("by") == "client",
        "phone": one_line(online.phone),
        "rule": paragraph(online.cancellation) if kind not in OVER else "",
        "until": until(online, rows[0][0]) if len(rows) == 1 and kind not in OVER else "",
        "answer_until": _moment(made.lapses_at, rows[0][0]) if made and kind == "offered" else "",
        "manage_url": manage_url(rows[0][0], made) if len(rows) == 1 else "",
        "again_url": _again(clinic, online) if kind in OVER else "",
    }
    return written(letter, settings, client.email, "client", facts, [row[0] for row in rows])


def written(
    letter: Letter,
    settings: LetterSettings,
    to: str,
    template: str,
    facts: dict[str, Any],
    bookings: Sequence[Booking] = (),
    leave_url: str = "",
) -> Text:
    """A letter to a client, with the calendar part for these bookings. `leave_url`: where one press
    ends letters of this kind.
    """
    env = current_app.jinja_env
    clinic = letter.clinic
    return Text(
        to,
        visit.title(one_line(clinic.name)),
        env.get_template(f"mail/{template}.txt").render(**facts),
        html=env.get_template(f"mail/{template}.html").render(**facts),
        sender=one_line(clinic.name),
        reply_to=settings.reply_to,
        calendar=_calendar(letter, settings, to, facts, bookings) if bookings else None,
        leave_url=leave_url,
        said=facts["kind"],
    )


def preview(clinic: Clinic, kind: str, own: str) -> str:
    """A letter of this kind as a page, about an appointment that there is not."""
    settings = LetterSettings.of(clinic)
    calendar = Practitioner.listed(clinic).first()
    starts_at = scheduling.midnight(scheduling.utc_now().date(), ZoneInfo("UTC"))
    starts_at += timedelta(days=7, hours=10)
    visits = []
    if calendar is not None:
        span = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=50)}
        booking = Booking(clinic=clinic, practitioner=calendar, **span)
        visits = [visit_of(clinic, settings, booking, None, kind)]
    online = OnlineSettings.of(clinic)
    facts = {
        "kind": kind,
        "heading": HEADINGS[kind],
        "words": own or str(WORDINGS[kind]),
        "clinic": one_line(clinic.name),
        "visits": visits,
        "is_over": kind in OVER,
        "phone": one_line(online.phone),
        "rule": paragraph(online.cancellation) if kind not in OVER else "",
        "manage_url": "#",
        "cannot_url": "#" if kind == "reminder" else "",
        "leave_url": "#" if kind == "reminder" else "",
    }
    return current_app.jinja_env.get_template("mail/client.html").render(**facts)


def _calendar(
    letter: Letter,
    settings: LetterSettings,
    to: str,
    facts: dict[str, Any],
    bookings: Sequence[Booking],
) -> itip.Part:
    events = [_event(letter, settings, booking, facts["is_over"]) for booking in bookings]
    method = "CANCEL" if facts["is_over"] else settings.method
    if len(events) > 1:
        method = "PUBLISH"
    names_client = settings.method == "REQUEST"
    organizer = parseaddr(outbox.setup().mail_from)[1]
    return itip.part(method, events, organizer, to if names_client else "")


def _event(letter: Letter, settings: LetterSettings, booking: Booking, is_over: bool) -> Event:
    venue = booking.practitioner.venue
    title = visit.title(one_line(letter.clinic.name))
    if settings.names_service and booking.service:
        title = f"{one_line(booking.service.name)}, {one_line(letter.clinic.name)}"
    tentative = booking.status in ("pending", "offered")
    return Event(
        visit.uid(booking.uuid),
        booking.sequence,
        "cancelled" if is_over else "tentative" if tentative else "confirmed",
        Face(title, "", one_line(venue.address)),
        booking.starts_at,
        booking.ends_at,
        booking.created_at,
        letter.created_at,
        venue.zone_name,
        booking.starts_on,
        booking.ends_on,
    )


def visit_of(
    clinic: Clinic, settings: LetterSettings, booking: Booking, was: State | None, kind: str
) -> Visit:
    """An appointment in words. `was`: what the client knows of it."""
    venue, zone = booking.practitioner.venue, booking.practitioner.zone
    entry = visit.title(one_line(clinic.name)), booking.starts_at, booking.ends_at, venue.address
    place = one_line(venue.address)
    names_service = settings.names_service and booking.service
    return Visit(
        day=day(booking.starts_at, zone),
        clock=_clock(booking),
        zone=_zone(zone),
        where=", ".join(part for part in (one_line(venue.name), place) if part),
        map_url=f"https://www.openstreetmap.org/search?{urlencode({'query': place})}"
        if place
        else "",
        length=_length(booking),
        person=one_line(booking.practitioner.user.name),
        service=one_line(booking.service.name) if names_service else "",
        was=_was(was, booking) if kind in ("moved", "offered") else "",
        google_url="" if kind in OVER else visit.google_url(*entry),
        outlook_url="" if kind in OVER else visit.outlook_url(*entry),
    )


def _clock(booking: Booking) -> str:
    """From when until when, on the clock of the venue."""
    if booking.starts_on and booking.ends_on:
        days = (booking.ends_on - booking.starts_on).days
        return ngettext("all day", "{count} whole days", days)
    zone = booking.practitioner.zone
    start, end = (at.astimezone(zone) for at in (booking.starts_at, booking.ends_at))
    return f"{start:%H:%M}–{end:%H:%M}"


def _length(booking: Booking) -> str:
    if booking.all_day:
        return ""
    minutes = int(booking.span.duration / timedelta(minutes=1))
    return _("{minutes} minutes", minutes=minutes)


def _zone(zone: ZoneInfo) -> str:
    """A zone in words: London time."""
    city = str(zone).rpartition("/")[2].replace("_", " ")
    return _("{city} time", city=city)


def day(at: datetime, zone: ZoneInfo) -> str:
    """Tuesday 2 December 2026."""
    return day_names.full(at.astimezone(zone), year=True)


def words(settings: LetterSettings, kind: str) -> str:
    """The clinic's own words, or ours."""
    return paragraph(settings.wordings.get(kind, "")) or str(WORDINGS[kind])


def _was(was: State | None, booking: Booking) -> str:
    """The time before, where it changed."""
    if was is None or (was.starts, was.ends) == State.of(booking).place[:2]:
        return ""
    zone = booking.practitioner.zone
    start, end = (datetime.fromisoformat(at) for at in (was.starts, was.ends))
    if start.astimezone(zone).time() == end.astimezone(zone).time() == time.min:
        return day(start, zone)  # of whole days
    return _moment(start, booking)


def _moment(at: datetime | None, booking: Booking) -> str:
    if at is None:
        return ""
    zone = booking.practitioner.zone
    return f"{day(at, zone)}, {at.astimezone(zone):%H:%M}"


def until(online: OnlineSettings, booking: Booking) -> str:
    """Until when it can be changed online; "" where that is over."""
    last = by_letter.until(booking, online)
    return _moment(last, booking) if last > scheduling.utc_now() else ""


def manage_url(booking: Booking, made: OnlineBooking | None) -> str:
    """The address of the client's own page about it."""
    if made is None:
        way = {"uuid": str(booking.uuid), "token": by_letter.token(booking)}
        return address("by_letter.show", **way)
    return _managed("managed.show", booking, made)


def cancel_url(booking: Booking, made: OnlineBooking | None) -> str:
    """The address of the page that asks whether to cancel it."""
    if made is None:
        return manage_url(booking, made)
    return _managed("managed.ask_cancel", booking, made)


def _managed(endpoint: str, booking: Booking, made: OnlineBooking) -> str:
    name = names.in_force(booking.clinic)
    if name is None:
        return ""
    return address(endpoint, name=name, uuid=str(booking.uuid), token=managing.token(made))


def _again(clinic: Clinic, online: OnlineSettings) -> str:
    """Where to book another time; "" where nobody can."""
    name = names.in_force(clinic) if online.is_on else None
    return address("choosing.start", name=name) if name else ""
