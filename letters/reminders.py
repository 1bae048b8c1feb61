"""Reminders of appointments, by the rules of each clinic: so many days before, at a wall time of
the venue.

`write_due` writes the rows a little early. When a reminder is sent, `reminder` checks whether it is
still wanted. Nobody is reminded of an appointment that they booked or moved after the reminder's
time, and nobody is reminded at night.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from peewee import fn

from base import scheduling
from base.bookings import client_letters
from base.bookings.client_letters import LetterSettings
from base.phones import e164
from base.tables import faulty, outbox, texts
from base.tables.bulk import tuples
from base.tables.outbox import Letter
from base.tables.texts import TextSettings
from free_times.online import by_letter
from free_times.online.made_online import made_of
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Patient, Practitioner, Venue

from . import loading, to_clients, visits
from .mail_text import NotNow, Text, address

KIND = "reminder"
AHEAD = timedelta(hours=1)  # how early a row is written
MOST_DAYS = 14
MORNING, NIGHT = time(7), time(21, 30)  # by the venue's clock: nobody gets letters before and after
LATE = time(8)  # when a reminder that is late at night is sent
LEAST = timedelta(hours=1)  # before the start: a later reminder says nothing new


def write_due() -> None:
    """Chore: queue the reminders whose time comes within the hour, or came while no worker ran."""
    at = scheduling.utc_now()
    soon = Booking.select(Booking.clinic).where(
        Booking.starts_at > at, Booking.starts_at < at + timedelta(days=MOST_DAYS + 1)
    )
    clinics = Clinic.select().where(Clinic.id.in_(soon))
    faulty.each("reminders", clinics, lambda clinic: _write_where_wanted(clinic, at))


def _write_where_wanted(clinic: Clinic, at: datetime) -> None:
    settings = LetterSettings.of(clinic)
    by_text = TextSettings.of(clinic).wants("reminder")
    by_mail = outbox.is_set_up() and settings.to_clients != "none"
    if settings.reminders and (by_mail or by_text):
        _write_for(clinic, settings, at, by_mail, by_text)


def _write_for(
    clinic: Clinic, settings: LetterSettings, at: datetime, by_mail: bool, by_text: bool
) -> None:
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
            (Patient.email != "") | Patient.texts,
            Patient.unreminded_at.is_null(),
        )
    )
    found = list(rows)
    reminded = _told([row.id for row in found])

    def write(row: Booking) -> None:
        client, its_rule = row.patient, _rule(settings, row, at)
        if client is None or its_rule is None:
            return
        rule, due_at = its_rule
        told_at = max(row.created_at, reminded.get(row.id, row.created_at))
        if min(told_at, at) >= due_at:  # later than now: by a clock that was ahead
            return
        due_at = max(due_at, at)
        if by_mail and client.email and settings.writes_about(row):
            _write(clinic, KIND, outbox.MAIL, client.email, row, client, rule, due_at)
        number = by_text and client.texts and e164(client.phone, row.practitioner.venue.country)
        if number:
            queue = texts.queue_of(clinic.id)
            _write(clinic, texts.REMINDER, queue, number, row, client, rule, due_at)

    faulty.each("reminder", found, write)


def _write(
    clinic: Clinic,
    kind: str,
    queue: str,
    to: str,
    row: Booking,
    client: Patient,
    rule: dict[str, object],
    due_at: datetime,
) -> None:
    Letter.write(
        clinic,
        kind,
        row,
        f"{_start(row)} {rule['days']} {rule['at']}",
        to,
        due_at=due_at,
        language=client.language,
        queue=queue,
        starts=_start(row),
        rule=rule,
    )


def _start(booking: Booking) -> str:
    """The start as the client knows it: the instant, or for whole days the day, whatever the
    venue's zone.
    """
    return (booking.starts_on or booking.starts_at).isoformat()


def _told(ids: list[int]) -> dict[int, datetime]:
    """The last time that the client got a letter about each booking."""
    latest: dict[int, datetime] = {}
    if ids:
        rows = (
            Letter.select(Letter.about, fn.MAX(Letter.created_at).alias("last"))
            .where(Letter.kind.in_((client_letters.KIND, texts.ABOUT)), Letter.about.in_(ids))
            .group_by(Letter.about)
        )
        latest = dict(tuples(rows))
    return latest


def _rule(
    settings: LetterSettings, booking: Booking, at: datetime
) -> tuple[dict[str, object], datetime] | None:
    """The last of the clinic's rules that is due for this booking, or will be within the hour; and
    the time when it is due.
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
    """The reminder, with the present booking. Raises NotNow if it is late, at night."""
    settings = LetterSettings.of(letter.clinic)
    found = wanted(letter, settings.writes_about)
    if found is None or not found[1].email:
        return None
    booking, client = found
    return _text(letter, settings, booking, client.email)


def wanted(
    letter: Letter, writes_about: Callable[[Booking], bool]
) -> tuple[Booking, Patient] | None:
    """The appointment and its client, if a reminder is still to be sent. Raises NotNow at night."""
    booking = loading.booking(letter, letter.about)
    rules = LetterSettings.of(letter.clinic).reminders
    if booking is None or not (_is_wanted(letter, rules, booking) and writes_about(booking)):
        return None
    client = by_letter.client(booking)
    if client is None or client.unreminded_at is not None:
        return None
    _not_at_night(booking)
    return booking, client


def _is_wanted(letter: Letter, rules: list[dict[str, Any]], booking: Booking) -> bool:
    """Whether the appointment is still the same and far enough ahead, and the clinic still has the
    rule.
    """
    return (
        booking.status == "confirmed"
        and _start(booking) == letter.detail["starts"]
        and booking.starts_at > scheduling.utc_now() + LEAST
        and letter.detail["rule"] in rules
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
    online, made = OnlineSettings.of(clinic), made_of(booking)
    way = {"uuid": str(booking.uuid), "token": by_letter.token(booking)}
    leave_url = address("by_letter.ask_leave", **way)
    until = to_clients.until(online, booking)
    shown = [visits.visit_of(clinic, settings, booking, None, KIND)]
    facts = {
        **to_clients.facts_of(clinic, settings, online, KIND, shown),
        "until": until,
        "manage_url": to_clients.manage_url(booking, made),
        "cannot_url": to_clients.cancel_url(booking, made) if until else "",
        "leave_url": leave_url,
    }
    return to_clients.written(letter, settings, to, "client", facts, leave_url=leave_url)
