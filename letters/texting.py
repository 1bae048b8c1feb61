"""Text messages to clients who asked for them, rendered when they are sent, and the job that passes
them to each clinic's own service.

A message names the time of an appointment, and never the service or the practitioner.
"""

import hashlib
import time
from datetime import datetime, timedelta
from functools import partial

from base import day_names, jobs, region, scheduling, vault
from base.bookings import client_letters
from base.catalogue import _, lazy, ngettext
from base.outgoing import exchange
from base.outgoing.line import HttpClient
from base.phones import e164
from base.tables import texts
from base.tables.outbox import Letter
from base.tables.texts import TextSettings
from free_times.online.made_online import made_of
from free_times.rules import OnlineSettings
from models import Booking, Clinic

from . import loading, reminders, to_clients
from .mail_text import one_line
from .sending import attempt
from .smtp import LetterRefused
from .text_service import Message, hand_over

PER_MINUTE = 60  # messages to one service
ANSWER_SECONDS = 15  # seconds for one exchange
SECONDS = 20  # seconds of one pass: other chores wait for the same worker
WORDS = {
    "booked": lazy("{clinic}: your appointment is on {when}."),
    "waits": lazy("{clinic}: we have your request for {when}. It is not confirmed yet."),
    "approved": lazy("{clinic}: your appointment on {when} is confirmed."),
    "offered": lazy("{clinic}: your time was not possible. We offer you {when}."),
    "declined": lazy("{clinic}: we cannot offer you an appointment on {when}."),
    "lapsed": lazy("{clinic}: your request for {when} has ended without an answer."),
    "moved": lazy("{clinic}: your appointment has moved to {when}."),
    "changed": lazy("{clinic}: your appointment on {when} has changed."),
    "cancelled": lazy("{clinic}: your appointment on {when} is cancelled."),
    "reminder": lazy("{clinic}: your appointment is on {when}. If you cannot come, tell us."),
}
CHOICE_OF = {
    "approved": "booked",
    "offered": "moved",
    "changed": "moved",
    "declined": "cancelled",
    "lapsed": "cancelled",
}


def send_due() -> None:
    """Job of the queue `chores`: send due messages, to one service after the other.

    The rest stays due in the database, and the next pass sends it.
    """
    ends_at = time.monotonic() + SECONDS
    with exchange.http_client(ANSWER_SECONDS) as http:
        for queue in Letter.queues_of_texts(scheduling.utc_now()):
            while letter := Letter.claim(scheduling.utc_now(), PER_MINUTE, queue):
                settings = TextSettings.of(letter.clinic_id)
                attempt(letter, _prepared, partial(_post, http, settings))
                if time.monotonic() > ends_at:
                    jobs.enqueue("chores", send_due)
                    return


def _post(http: HttpClient, settings: TextSettings, message: Message) -> None:
    try:
        url, secret = settings.url, settings.secret
    except vault.CannotOpen:
        raise LetterRefused("sealed", is_server=True) from None
    hand_over(http, url, secret, message)


def _prepared(letter: Letter) -> Message | None:
    """The message, or None where there is no reason for it any more."""
    settings = TextSettings.of(letter.clinic_id)
    if not settings.is_ready or letter.clinic is None:
        return None
    render = {
        texts.ABOUT: _about,
        texts.REMINDER: _reminder,
        texts.TRIAL: _trial,
    }[letter.kind]
    with region.using(letter.clinic.region):
        return render(letter, settings)


def _about(letter: Letter, settings: TextSettings) -> Message | None:
    """A message about changes of a client's bookings."""
    client = loading.client(letter)
    if client is None or not client.texts:
        return None
    found = to_clients.bookings_in(letter, client)
    kept = [
        (booking, kind)
        for booking, due, was in found
        if settings.sends
        and CHOICE_OF.get(kind := _kind(booking, due, was), kind) in settings.kinds
    ]
    if not kept:
        return None
    booking, kind = kept[0]
    number = e164(client.phone, booking.practitioner.venue.country)
    if number is None:
        return None
    if len(kept) == 1:
        return _message(letter, number, kind, _sentence(letter.clinic, kind, booking), booking)
    content = ngettext(
        "{clinic}: {count} of your appointments has changed. The next is on {when}.",
        "{clinic}: {count} of your appointments have changed. The next is on {when}.",
        len(kept),
        clinic=one_line(letter.clinic.name),
        when=_when(booking),
    )
    return _message(letter, number, kind, f"{content} {_questions(letter.clinic)}".strip(), booking)


def _kind(booking: Booking, due: str, was: client_letters.ClientFacts | None) -> str:
    """The kind of message: the kind of the letter, and whether the time itself has changed."""
    kind = to_clients.kind_of(due, made_of(booking))
    now = client_letters.ClientFacts.of(booking)
    same_time = was is not None and was.place[:2] == now.place[:2]
    return "changed" if kind == "moved" and same_time else kind


def _reminder(letter: Letter, settings: TextSettings) -> Message | None:
    """A reminder, if it is still wanted. Raises NotNow at night."""
    if not settings.wants("reminder"):
        return None
    found = reminders.wanted(letter, lambda booking: True)
    if found is None:
        return None
    booking, client = found
    number = e164(client.phone, booking.practitioner.venue.country)
    if number is None or not client.texts:
        return None
    content = _sentence(letter.clinic, "reminder", booking)
    return _message(letter, number, "reminder", content, booking)


def _trial(letter: Letter, settings: TextSettings) -> Message:
    """A trial message from somebody at the clinic."""
    content = _(
        "{clinic}: this is a trial. If you read it, text messages arrive.",
        clinic=one_line(letter.clinic.name),
    )
    expires = letter.created_at + timedelta(days=1)
    return Message(_id(letter), letter.to, content, "trial", letter.language, expires.isoformat())


def _sentence(clinic: Clinic, kind: str, booking: Booking) -> str:
    content = str(WORDS[kind]).format(clinic=one_line(clinic.name), when=_when(booking))
    return f"{content} {_questions(clinic)}".strip()


def _when(booking: Booking) -> str:
    """Tue 2 Dec, 14:00, on the clock of the venue."""
    zone = booking.practitioner.zone
    day = day_names.short(booking.starts_on or booking.starts_at.astimezone(zone))
    if booking.all_day:
        return day
    return _("{day}, {clock}", day=day, clock=region.clock_in(booking.starts_at, zone))


def _questions(clinic: Clinic) -> str:
    phone = one_line(OnlineSettings.of(clinic).phone)
    return _("Questions? Call {phone}.", phone=phone) if phone else ""


def _message(letter: Letter, number: str, kind: str, content: str, booking: Booking) -> Message:
    ends: datetime = booking.starts_at if kind != "cancelled" else booking.ends_at
    return Message(_id(letter), number, content, kind, letter.language, ends.isoformat())


def _id(letter: Letter) -> str:
    """An id derived from the letter's key, so that a repeat is recognised as the same message."""
    key = f"{letter.clinic.installation}|{letter.kind}|{letter.about}|{letter.sequence}"
    return hashlib.sha256(key.encode()).hexdigest()[:32]
