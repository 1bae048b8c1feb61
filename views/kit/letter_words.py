"""What the pages say about letters: waiting, sent, or not delivered and why.

Nothing is decided, and no text of a letter is shown.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

from base import scheduling
from base.bookings import client_letters
from base.catalogue import _, lazy
from base.tables.outbox import Letter
from models import Booking, Clinic, User

from . import display, sync_words

LATELY = timedelta(days=7)
MOST_NAMED = 3
_WHY = {
    "address": lazy("it is not a usable address"),
    "restored": lazy("a backup was restored before it was sent"),
    "fault": lazy("something went wrong on our side"),
}

_NAMES = {  # what a letter to a client had become when it was sent
    "booked": lazy("Confirmation"),
    "waits": lazy("Request received"),
    "approved": lazy("Request confirmed"),
    "offered": lazy("Another time offered"),
    "declined": lazy("Request declined"),
    "lapsed": lazy("Request ended"),
    "moved": lazy("Change"),
    "cancelled": lazy("Cancellation"),
    "reminder": lazy("Reminder"),
}


def _letters(clinic: Clinic):
    """What the program wrote to people of the clinic, the newest first."""
    return Letter.select().where(Letter.clinic == clinic).order_by(Letter.id.desc())


def of_person(person: User) -> tuple[str, str] | None:
    """(tone, sentence) about the last letter that brought the person a one-time link.

    None where there is none.
    """
    row = (
        _letters(person.clinic)
        .where(
            Letter.kind.in_(("invite", "reset")),
            Letter.about == person.id,
            Letter.phase != "dropped",
        )
        .first()
    )
    if row is None:
        return None
    if row.phase == "sent":
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


def mail(clinic: Clinic, zone: ZoneInfo) -> tuple[str, str, str]:
    """(badge, state, more) about the clinic's letters, the weightiest first."""
    at = scheduling.utc_now()
    waiting = _letters(clinic).where(
        Letter.phase == "waiting", Letter.due_at <= at + timedelta(days=1)
    )
    stuck = (
        waiting.where(Letter.failing_since.is_null(False)).order_by(Letter.failing_since).first()
    )
    failed = list(_letters(clinic).where(Letter.phase == "failed", Letter.ended_at > at - LATELY))
    sent = (
        _letters(clinic)
        .where(Letter.phase == "sent", Letter.ended_at > at - timedelta(days=1))
        .count()
    )
    counted = _(
        "{sent} sent within a day, {count} waiting.", sent=f"{sent:,}", count=f"{waiting.count():,}"
    )
    if stuck:
        since = display.moment(stuck.failing_since, zone)
        return (
            "trouble",
            _("Not working"),
            _(
                "E-mails cannot be sent since {since}: {why}. We go on trying. {counted}",
                since=since,
                why=_why(stuck),
                counted=counted,
            ),
        )
    if failed:
        return "waiting", _("Not all delivered"), f"{_named(failed)} {counted}"
    return "ok", _("Set up"), counted


def may_send_again(clinic: Clinic) -> bool:
    """Whether something could not be delivered lately that can be tried again."""
    since = scheduling.utc_now() - LATELY
    failed = Letter.phase == "failed", Letter.word != "restored", Letter.ended_at > since
    return bool(_letters(clinic).where(*failed).exists())


def of_booking(booking: Booking, zone: ZoneInfo) -> list[str]:
    """What went out to the client about a booking, the newest first: what, and when or why not."""
    rows = [*client_letters.of_booking(booking), *_reminders(booking)]
    rows.sort(key=lambda row: row.id, reverse=True)
    return [_of_letter(row, zone) for row in rows if row.phase != "dropped"]


def _reminders(booking: Booking) -> list[Letter]:
    return list(Letter.select().where(Letter.kind == "reminder", Letter.about == booking.id))


def _of_letter(row: Letter, zone: ZoneInfo) -> str:
    said = row.detail.get("said") or ("reminder" if row.kind == "reminder" else "")
    name = _NAMES.get(said, _("E-mail to the client"))
    if row.phase == "sent" and row.ended_at:
        return _("{name}: sent {when}", name=name, when=display.moment(row.ended_at, zone))
    if row.phase == "failed":
        return _("{name}: not delivered, {why}", name=name, why=_why(row))
    if row.failing_since:
        return _("{name}: not sent yet, {why}", name=name, why=_why(row))
    if row.due_at > scheduling.utc_now():
        return _("{name}: will be sent {when}", name=name, when=display.moment(row.due_at, zone))
    return _("{name}: on its way", name=name)


def _named(failed: list[Letter]) -> str:
    """To whom something could not be delivered, and why."""
    said = [
        _("To {name}: {why}.", name=name, why=_why(row))
        for row in failed[:MOST_NAMED]
        if (name := _reader(row))
    ]
    return _(
        "{count} could not be delivered within the last week. {said}",
        count=sync_words.count(len(failed), "e-mail"),
        said=" ".join(said),
    )


def _reader(letter: Letter) -> str:
    """The name of the person at the clinic whom it was for."""
    ids = {
        "invite": letter.about,
        "reset": letter.about,
        "sync_trouble": letter.detail.get("reader"),
        "address": letter.detail.get("reader"),
    }
    person = User.get_or_none(User.id == ids.get(letter.kind), User.clinic == letter.clinic_id)
    return person.name if person else ""


def _why(letter: Letter) -> str:
    """What kept it from being delivered, in words."""
    if letter.word in _WHY:
        return _WHY[letter.word]
    if letter.word[:1].isdigit():
        return _("the mail server answered {word}", word=letter.word)
    return _("the mail server cannot be reached ({word})", word=letter.word)
