"""Letters to clients about their bookings, rendered from what is true when they are sent."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app

from base import scheduling
from base.bookings import client_letters
from base.bookings.client_letters import ClientFacts, LetterSettings
from base.catalogue import lazy
from base.tables import outbox
from base.tables.outbox import Letter
from free_times.online import by_letter, managing, names
from free_times.online.made_online import OnlineBooking, made_of
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Patient, Practitioner
from sync.events import visit
from sync.events.event import Event, Face

from . import itip, loading, visits
from .mail_text import Text, address, ascii_domain, mailbox, one_line, paragraph

HEADINGS = {  # the first line of each kind; the rest is in templates
    "booked": lazy("You are booked"),
    "waits": lazy("We have your request"),
    "approved": lazy("Your appointment is confirmed"),
    "offered": lazy("We offer you another time"),
    "declined": lazy("Your request is declined"),
    "lapsed": lazy("Your request has ended"),
    "moved": lazy("Your appointment has changed"),
    "cancelled": lazy("Your appointment is cancelled"),
    "reminder": lazy("Your appointment is coming up"),
    "earlier": lazy("An earlier time is free"),
}
OF_SEVERAL = {  # the same for a letter about several appointments
    "moved": lazy("Your appointments have changed"),
    "cancelled": lazy("Your appointments are cancelled"),
}
WORDINGS = {  # the texts that a clinic may replace by its own, by kind
    "booked": lazy("We look forward to seeing you."),
    "waits": lazy("It is not confirmed yet. We keep the time for you until we answer."),
    "approved": lazy("We look forward to seeing you."),
    "offered": lazy("Your time was not possible. We keep this one for you until you answer."),
    "declined": lazy("We cannot offer this time. Please choose another one, or call us."),
    "lapsed": lazy(
        "We are sorry: nobody answered in time. Please choose a time again, or call us."
    ),
    "moved": lazy("Please note what has changed."),
    "cancelled": lazy("If you need another appointment, please book again or call us."),
    "reminder": lazy("We look forward to seeing you. If you cannot come, please tell us soon."),
    "earlier": lazy("You asked us to tell you. Others may be asked after you, so please answer."),
}


def changed(letter: Letter) -> Text | None:
    """The letter about changes of a client's bookings. None if there is nothing left to report."""
    client = loading.client(letter)
    settings = LetterSettings.of(letter.clinic_id)
    if client is None or not client.email:
        return None
    rows = [one for one in bookings_in(letter, client) if settings.writes_about(one[0])]
    if not rows:
        return None
    made = made_of(rows[0][0])
    kind = kind_of(rows[0][1], made)
    return _text(letter, settings, client, kind, made, rows)


def bookings_of(letter: Letter) -> Sequence[Booking]:
    """The bookings that a letter is about, as they are now."""
    ids = [row_id for row_id, _was in letter.detail["rows"]]
    return Booking.of_ids(letter.clinic_id, ids)


def bookings_in(letter: Letter, client: Patient) -> list[tuple[Booking, str, ClientFacts | None]]:
    """The contents of the letter, by booking: the booking, its change, and the state that the
    client knows. A booking that the client no longer has is described as they knew it.
    """
    return [
        (visits.as_known(booking, was) if kind == "cancelled" else booking, kind, was)
        for booking, kind, was in client_letters.what(letter, bookings_of(letter), client)
    ]


def kind_of(kind: str, made: OnlineBooking | None) -> str:
    """The kind of letter; for a request the kind depends on the clinic's answer."""
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
    rows: Sequence[tuple[Booking, str, ClientFacts | None]],
) -> Text:
    clinic = letter.clinic
    shown = [visits.visit_of(clinic, settings, booking, was, kind) for booking, _kind, was in rows]
    if len(rows) > 1 and kind not in visits.OVER:
        shown = visits.several(shown, [manage_url(row, None) for row, _kind, _was in rows])
    online = OnlineSettings.of(clinic)
    holder = rows[0][0].patient
    is_theirs = holder is not None and holder.record_in_use.id == client.id
    has_bound = len(rows) == 1 and kind not in (*visits.OVER, "offered")
    facts = {
        **facts_of(clinic, settings, online, kind, shown),
        "heading": HEADINGS[kind] if len(rows) == 1 else OF_SEVERAL.get(kind, HEADINGS[kind]),
        "by_client": letter.detail.get("by") == "client",
        "until": until(online, rows[0][0]) if has_bound else "",
        "answer_until": visits.moment(made.lapses_at, rows[0][0])
        if made and kind == "offered"
        else "",
        "manage_url": manage_url(rows[0][0], made) if is_theirs and len(rows) == 1 else "",
        "again_url": again_url(clinic, online) if kind in visits.OVER else "",
    }
    return written(letter, settings, client.email, "client", facts, [row[0] for row in rows])


def facts_of(
    clinic: Clinic,
    settings: LetterSettings,
    online: OnlineSettings,
    kind: str,
    shown: Sequence[visits.Visit],
) -> dict[str, Any]:
    """The values for the template of every kind of letter to clients. `shown`: its appointments."""
    is_over = kind in visits.OVER
    return {
        "kind": kind,
        "heading": HEADINGS[kind],
        "words": words(settings, kind),
        "clinic": one_line(clinic.name),
        "visits": shown,
        "is_over": is_over,
        "phone": one_line(online.phone),
        "rule": "" if is_over else paragraph(online.cancellation),
    }


def written(
    letter: Letter,
    settings: LetterSettings,
    to: str,
    template: str,
    facts: dict[str, Any],
    bookings: Sequence[Booking] = (),
    leave_url: str = "",
) -> Text:
    """A letter to a client, with the calendar part for these bookings. `leave_url`: the address
    that ends letters of this kind with one press.
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
        calendar=_calendar(letter, settings, to, facts, bookings) if bookings else (),
        leave_url=leave_url,
        final_kind=facts["kind"],
    )


def preview(clinic: Clinic, kind: str, own: str) -> str:
    """A letter of this kind as a page, about an invented appointment."""
    settings = LetterSettings.of(clinic)
    calendar = Practitioner.listed(clinic).first()
    starts_at = scheduling.midnight(scheduling.utc_now().date(), ZoneInfo("UTC"))
    starts_at += timedelta(days=7, hours=10)
    shown = []
    if calendar is not None:
        span = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=50)}
        booking = Booking(clinic=clinic, practitioner=calendar, **span)
        shown = [visits.visit_of(clinic, settings, booking, None, kind)]
    facts = {
        **facts_of(clinic, settings, OnlineSettings.of(clinic), kind, shown),
        "words": own or str(WORDINGS[kind]),
        "manage_url": "#",
        "cannot_url": "#" if kind == "reminder" else "",
        "leave_url": "#" if kind in ("reminder", "earlier") else "",
        "now": "",
    }
    template = "earlier" if kind == "earlier" else "client"
    return current_app.jinja_env.get_template(f"mail/{template}.html").render(**facts)


def _calendar(
    letter: Letter,
    settings: LetterSettings,
    to: str,
    facts: dict[str, Any],
    bookings: Sequence[Booking],
) -> Sequence[itip.CalendarPart]:
    """The entries for the client's calendar: new ones in one part, and a part for each cancelled
    one, since CANCEL may name only one (RFC 5546 §3.2.5).
    """
    events = [_event(letter, settings, booking, facts["is_over"]) for booking in bookings]
    attendee = ascii_domain(to) if settings.method == "REQUEST" else ""
    organizer = mailbox(outbox.setup().mail_from)
    if facts["is_over"]:
        return [itip.part("CANCEL", [event], organizer, attendee) for event in events]
    method = settings.method if len(events) == 1 else "PUBLISH"
    return [itip.part(method, events, organizer, attendee)]


def _event(letter: Letter, settings: LetterSettings, booking: Booking, is_over: bool) -> Event:
    venue = booking.practitioner.venue
    service = one_line(settings.service_named(booking))
    title = visit.title(one_line(letter.clinic.name), service)
    return Event(
        visit.uid(booking.uuid),
        booking.sequence,
        "cancelled" if is_over else "tentative" if booking.is_unconfirmed else "confirmed",
        Face(title, "", one_line(venue.address)),
        booking.starts_at,
        booking.ends_at,
        booking.created_at,
        letter.created_at,
        venue.zone_name,
        booking.starts_on,
        booking.ends_on,
    )


def words(settings: LetterSettings, kind: str) -> str:
    """The clinic's own words, or ours."""
    return paragraph(settings.wordings.get(kind, "")) or str(WORDINGS[kind])


def until(online: OnlineSettings, booking: Booking) -> str:
    """The last time for changing the booking online, in words; "" if that time is over."""
    if not online.is_changeable(booking.starts_at):
        return ""
    return visits.moment(online.last_change(booking.starts_at), booking)


def manage_url(booking: Booking, made: OnlineBooking | None) -> str:
    """The address of the client's own page about the booking."""
    if made is None:
        way = {"uuid": str(booking.uuid), "token": by_letter.token(booking)}
        return address("by_letter.show", **way)
    return _managed("managed.show", booking, made)


def cancel_url(booking: Booking, made: OnlineBooking | None) -> str:
    """The address of the page that asks whether to cancel the booking."""
    if made is None:
        return manage_url(booking, made)
    return _managed("managed.ask_cancel", booking, made)


def _managed(endpoint: str, booking: Booking, made: OnlineBooking) -> str:
    name = names.in_force(booking.clinic)
    if name is None:
        return ""
    return address(endpoint, name=name, uuid=str(booking.uuid), token=managing.token(made))


def again_url(clinic: Clinic, online: OnlineSettings) -> str:
    """The address to book another time; "" if nobody can book online."""
    name = names.in_force(clinic) if online.is_on else None
    return address("choosing.start", name=name) if name else ""
