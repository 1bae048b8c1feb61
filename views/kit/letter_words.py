"""What the pages say about letters: waiting, sent, or not delivered and why.

Nothing is decided, and no text of a letter is shown.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

from base import scheduling
from base.outbox import Letter
from models import Clinic, User

from . import display, sync_words

LATELY = timedelta(days=7)
MOST_NAMED = 3
_WHY = {
    "address": "it is not a usable address",
    "restored": "a backup was restored before it was sent",
    "fault": "something went wrong on our side",
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
        return "info", f"The link was e-mailed {display.ago(row.ended_at)}."
    if row.phase == "failed":
        return (
            "warning",
            (
                f"The e-mail with the link could not be delivered: {_why(row)}. Check the address,"
                " or make a new link and pass it on."
            ),
        )
    if row.failing_since:
        return (
            "warning",
            (
                f"The e-mail with the link is not sent yet: {_why(row)}. We go on trying for a day."
                " You can pass the link on yourself."
            ),
        )
    return "info", "The e-mail with the link is on its way."


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
    counted = f"{sent:,} sent within a day, {waiting.count():,} waiting."
    if stuck:
        since = display.moment(stuck.failing_since, zone)
        return (
            "trouble",
            "Not working",
            f"E-mails cannot be sent since {since}: {_why(stuck)}. We go on trying. {counted}",
        )
    if failed:
        return "waiting", "Not all delivered", f"{_named(failed)} {counted}"
    return "ok", "Set up", counted


def _named(failed: list[Letter]) -> str:
    """To whom something could not be delivered, and why."""
    said = [f"To {name}: {_why(row)}." for row in failed[:MOST_NAMED] if (name := _reader(row))]
    return (
        f"{sync_words.count(len(failed), 'e-mail')} could not be delivered within the last week."
        f" {' '.join(said)}"
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
        return f"the mail server answered {letter.word}"
    return f"the mail server cannot be reached ({letter.word})"
