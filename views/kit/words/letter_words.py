"""Sentences about letters: waiting, sent, or not delivered and why.

They only word facts, and contain no text of a letter.
"""

from zoneinfo import ZoneInfo

from base import scheduling
from base.bookings import client_letters
from base.catalogue import _, lazy
from base.tables import texts
from base.tables.outbox import MAIL, Letter
from letters import queues, refusal_words
from letters.queues import Queue
from models import Booking, Clinic, User
from people import row_names

from .. import display
from . import sync_words, text_words

MOST_NAMED = 3
_WHY = {
    "address": lazy("it is not a usable address"),
    "restored": lazy("a backup was restored, and it may have gone out before"),
    "fault": lazy("something went wrong on our side"),
}

_NAMES = {  # the final kind of a letter to a client, known when it was sent
    "booked": lazy("Confirmation"),
    "waits": lazy("Request received"),
    "approved": lazy("Request confirmed"),
    "offered": lazy("Another time offered"),
    "declined": lazy("Request declined"),
    "lapsed": lazy("Request ended"),
    "moved": lazy("Change"),
    "changed": lazy("Change"),
    "cancelled": lazy("Cancellation"),
    "reminder": lazy("Reminder"),
}


def of_person(person: User) -> tuple[str, str] | None:
    """(tone, sentence) about the last letter that brought the person a one-time token. None if
    there is none.
    """
    row = queues.last_token(person)
    if row is None:
        return None
    if row.phase == "sent" and row.ended_at:
        return "info", _("The link was e-mailed {ago}.", ago=display.ago(row.ended_at))
    if row.phase == "failed":
        return (
            "warning",
            (
                _(
                    "The e-mail with the link could not be delivered: {why}. Check the address,"
                    " or make a new link and pass it on.",
                    why=_why(row),
                )
            ),
        )
    if row.failing_since:
        return (
            "warning",
            (
                _(
                    "The e-mail with the link is not sent yet: {why}. We go on trying for a day."
                    " You can pass the link on yourself.",
                    why=_why(row),
                )
            ),
        )
    return "info", _("The e-mail with the link is on its way.")


def mail(clinic: Clinic, queue: Queue, zone: ZoneInfo) -> tuple[str, str, str]:
    """(badge, state, more) about the clinic's letters, the most serious first."""
    counted = text_words.sent_and_waiting(queue)
    if queue.stuck_since:
        return (
            "trouble",
            _("Not working"),
            _(
                "E-mails cannot be sent since {since}: {why}. We go on trying. {counted}",
                since=display.moment(queue.stuck_since, zone),
                why=_why_of(queue.stuck_word),
                counted=counted,
            ),
        )
    if queue.failed:
        return "waiting", _("Not all delivered"), f"{_named(clinic, queue.failed)} {counted}"
    return "ok", _("Set up"), counted


def of_booking(booking: Booking, zone: ZoneInfo) -> list[str]:
    """The letters to the client about a booking, the newest first: which, and when they were sent
    or why not.
    """
    letters = (
        client_letters.of_booking(booking, kind) for kind in (client_letters.KIND, texts.ABOUT)
    )
    rows = [row for some in (*letters, queues.reminders(booking)) for row in some]
    rows.sort(key=lambda row: row.id, reverse=True)
    return [_of_letter(row, zone) for row in rows if row.phase != "dropped"]


def _of_letter(row: Letter, zone: ZoneInfo) -> str:
    is_reminder = row.kind in ("reminder", texts.REMINDER)
    final_kind = row.detail.get("said") or ("reminder" if is_reminder else "")
    if row.queue == MAIL:
        name = _NAMES.get(final_kind, _("E-mail to the client"))
    else:
        name = _("Text message, {what}", what=_NAMES.get(final_kind, _("about the appointment")))
    if row.phase == "sent" and row.ended_at:
        return _("{name}: sent {when}", name=name, when=display.moment(row.ended_at, zone))
    if row.phase == "failed":
        return _("{name}: not delivered, {why}", name=name, why=_why(row))
    if row.failing_since:
        return _("{name}: not sent yet, {why}", name=name, why=_why(row))
    if row.due_at > scheduling.utc_now():
        return _("{name}: will be sent {when}", name=name, when=display.moment(row.due_at, zone))
    return _("{name}: on its way", name=name)


def _named(clinic: Clinic, count: int) -> str:
    """The people to whom a letter could not be delivered, and why."""
    rows = queues.failed_lately(clinic, MOST_NAMED)
    readers = {row.id: _reader(row) for row in rows}
    names = row_names.users(clinic, readers.values())
    sentences = [
        _("To {name}: {why}.", name=names[readers[row.id]], why=_why(row))
        for row in rows
        if readers[row.id] in names
    ]
    return _(
        "{count} could not be delivered within the last week. {reasons}",
        count=sync_words.count(count, "e-mail"),
        reasons=" ".join(sentences),
    )


def _reader(letter: Letter) -> int:
    """The id of the person at the clinic to whom it was sent; 0: nobody there."""
    return letter.about if letter.kind in ("invite", "reset") else letter.detail.get("reader") or 0


def _why(letter: Letter) -> str:
    """The reason why a letter was not delivered, in words."""
    return text_words.why(letter.word) if letter.queue != MAIL else _why_of(letter.word)


def _why_of(word: str) -> str:
    """The reason why an e-mail was not delivered, in words."""
    if found := _WHY.get(word) or refusal_words.WHY.get(word):
        return str(found)
    if word[:1].isdigit():
        return _("the mail server answered {word}", word=word)
    return _("the mail server cannot be reached ({word})", word=word)
