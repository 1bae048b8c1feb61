"""Reminders of appointments, by the rule of each clinic: so many days before, at a wall time of the
venue.

Rows are written a little ahead of their time (`write_due`), and whether a reminder is still wanted
is asked when it is sent (`reminder`). Nobody is reminded of what they booked or moved after its
time had come, and nobody at night.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from peewee import fn

from base import scheduling
from base.bookings import client_letters
from base.bookings.client_letters import LetterSettings
from base.tables import outbox
from base.tables.outbox import Letter
from free_times.online import by_letter
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Patient, Practitioner, Venue

from . import clients
from .text import NotNow, Text, address, one_line, paragraph

KIND = "reminder"
AHEAD = timedelta(hours=1)  # so long before its time a row is written
MOST_DAYS = 14
MORNING, NIGHT = time(7), time(21, 30)  # of the venue: before and after nobody is written to
LATE = time(8)  # when what is late at night is sent
LEAST = timedelta(hours=1)  # before the start: later than that a reminder says nothing new


def write_due() -> None:
    """Chore: queue the reminders whose time comes within the hour, or came while nobody looked."""
    if not outbox.is_set_up():
        return
    at = scheduling.utc_now()
    soon = Booking.select(Booking.clinic).where(
        Booking.starts_at > at, Booking.starts_at < at + timedelta(days=MOST_DAYS + 1)
    )
    for clinic in Clinic.select().where(Clinic.id.in_(soon)):
        settings = LetterSettings.of(clinic)
        if settings.to_clients != "none" and settings.reminders:
            _write_for(clinic, settings, at)


def _write_for(clinic: Clinic, settings: LetterSettings, at: datetime) -> None:
    days = max(rule["days"] for rule in settings.reminders)
    rows = (
        Booking.select(Booking, Patient, Practitioner, Venue)
        .join(Patient, on=(Booking.patient == Patient.id))
        .switch(Booking)
        .join(Practitioner)
        .join(Venue)
        .where(
            Booking.clinic == clinic,
            Booking.starts_at > at + LEAST,
            Booking.starts_at < at + timedelta(days=days + 1) + AHEAD,
            Booking.status == "confirmed",
            Patient.email != "",
            Patient.unreminded_at.is_null(),
        )
    )
    due = [
        (row, rule, due_at)
        for row in rows
        if settings.writes_about(row) and (found := _rule(settings, row, at))
        for rule, due_at in [found]
    ]
    told = _told([row.id for row, _rule, _at in due])
    for row, rule, due_at in due:
        if max(row.created_at, told.get(row.id, row.created_at)) < due_at:
            Letter.write(
                clinic,
                KIND,
                row,
                f"{_start(row)} {rule['days']} {rule['at']}",
                row.patient.email,
                due_at=max(due_at, at),
                language=row.patient.language,
                starts=_start(row),
                rule=rule,
            )


def _start(booking: Booking) -> str:
    """When it starts, as the client knows it: of whole days the day, whatever the venue's zone."""
    return (booking.starts_on or booking.starts_at).isoformat()


def _told(ids: list[int]) -> dict[int, datetime]:
    """When the client was last written to about each booking."""
    latest: dict[int, datetime] = {}
    if ids:
        rows = (
            Letter.select(Letter.about, fn.MAX(Letter.created_at).alias("last"))
            .where(Letter.kind == client_letters.KIND, Letter.about.in_(ids))
            .group_by(Letter.about)
        )
        latest = {row.about: _instant(row.last) for row in rows}
    return latest


def _instant(value: object) -> datetime:
    found: datetime = Letter.created_at.python_value(value)
    return found


def _rule(
    settings: LetterSettings, booking: Booking, at: datetime
) -> tuple[dict[str, object], datetime] | None:
    """The last of the clinic's rules whose time has come for this booking, or comes within the
    hour, and that time.
    """
    zone = booking.practitioner.zone
    found = [
        (rule, due_at)
        for rule in settings.reminders
        if (due_at := due_at_of(rule, scheduling.local_day(booking.starts_at, zone), zone))
        <= at + AHEAD
        and due_at < booking.starts_at
    ]
    return max(found, key=lambda one: one[1]) if found else None


def due_at_of(rule: dict[str, object], day: date, zone: ZoneInfo) -> datetime:
    """When a rule's time comes for an appointment on this day."""
    wall = time.fromisoformat(str(rule["at"]))
    return scheduling.instant(day - timedelta(days=int(str(rule["days"]))), wall, zone)[0]


def reminder(letter: Letter) -> Text | None:
    """The reminder, as the booking is now. Raises NotNow at night where it comes late."""
    booking: Booking | None = (
        by_letter.rows()
        .where(Booking.id == letter.about, Booking.clinic == letter.clinic_id)
        .get_or_none()
    )
    settings = LetterSettings.of(letter.clinic)
    if booking is None or not _is_wanted(letter, settings, booking):
        return None
    client = by_letter.client(booking)
    if client is None or not client.email or client.unreminded_at is not None:
        return None
    _not_at_night(booking)
    return _text(letter, settings, booking, client.email)


def _is_wanted(letter: Letter, settings: LetterSettings, booking: Booking) -> bool:
    """Whether it is still the same appointment, far enough ahead, and the clinic's rule."""
    return (
        booking.status == "confirmed"
        and _start(booking) == letter.detail["starts"]
        and booking.starts_at > scheduling.utc_now() + LEAST
        and settings.writes_about(booking)
        and letter.detail["rule"] in settings.reminders
    )


def _not_at_night(booking: Booking) -> None:
    zone = booking.practitioner.zone
    local = scheduling.utc_now().astimezone(zone)
    if MORNING <= local.time() < NIGHT:
        return
    day = local.date() + timedelta(days=1 if local.time() >= NIGHT else 0)
    raise NotNow(scheduling.instant(day, LATE, zone)[0])


def _text(letter: Letter, settings: LetterSettings, booking: Booking, to: str) -> Text:
    clinic = letter.clinic
    online, made = OnlineSettings.of(clinic), clients.made_of(booking)
    way = {"uuid": str(booking.uuid), "token": by_letter.token(booking)}
    leave_url = address("by_letter.ask_leave", **way)
    until = clients.until(online, booking)
    facts = {
        "kind": KIND,
        "heading": clients.HEADINGS[KIND],
        "words": clients.words(settings, KIND),
        "clinic": one_line(clinic.name),
        "visits": [clients.visit_of(clinic, settings, booking, None, KIND)],
        "is_over": False,
        "phone": one_line(online.phone),
        "rule": paragraph(online.cancellation),
        "until": until,
        "manage_url": clients.manage_url(booking, made),
        "cannot_url": clients.cancel_url(booking, made) if until else "",
        "leave_url": leave_url,
    }
    return clients.written(letter, settings, to, "client", facts, leave_url=leave_url)
