"""How the letters and text messages of a clinic are doing. Each has a queue, and one query counts
both.

No text of a letter is read.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import ModelSelect, fn

from base import scheduling
from base.tables import texts
from base.tables.bulk import tuples
from base.tables.outbox import MAIL, Letter
from models import Booking, Clinic, User

LATELY = timedelta(days=7)


@dataclass
class Queue:
    """One queue: the number of rows `sent` within a day, `waiting`, and `failed` within a week.
    `again`: how many of the failed ones can be tried again. `stuck_since`: the first try of the
    letters that cannot be sent now. `stuck_word`, `failed_word`: why, as in `Letter.word`.
    """

    sent: int = 0
    waiting: int = 0
    failed: int = 0
    again: int = 0
    stuck_since: datetime | None = None
    stuck_word: str = ""
    failed_word: str = ""
    last_failed: int = 0  # the id of the newest


def queues_of(clinic: Clinic) -> dict[str, Queue]:
    """The clinic's two queues, by name: for e-mails and for its text messages."""
    names = MAIL, texts.queue_of(clinic.id)
    found = {name: Queue() for name in names}
    rows = (
        Letter.select(
            Letter.queue,
            Letter.phase,
            Letter.word,
            fn.COUNT(Letter.id),
            fn.MIN(Letter.failing_since),
            fn.MAX(Letter.id),
        )
        .where(Letter.clinic == clinic, Letter.queue.in_(names), _counts(scheduling.utc_now()))
        .group_by(Letter.queue, Letter.phase, Letter.word)
    )
    for name, *row in tuples(rows):
        _add(found[name], *row)
    return found


def _counts(at: datetime) -> Any:
    """A condition: the row counts. Trial messages do not."""
    day = timedelta(days=1)
    return (Letter.kind != texts.TRIAL) & (
        (Letter.phase == "waiting") & (Letter.due_at <= at + day)
        | (Letter.phase == "failed") & (Letter.ended_at > at - LATELY)
        | (Letter.phase == "sent") & (Letter.ended_at > at - day)
    )


def _add(queue: Queue, phase: str, word: str, count: int, since: Any, last: int) -> None:
    if phase == "sent":
        queue.sent += count
    elif phase == "waiting":
        queue.waiting += count
        if since and (queue.stuck_since is None or since < queue.stuck_since):
            queue.stuck_since, queue.stuck_word = since, word
    else:
        queue.failed += count
        queue.again += count if word != "restored" else 0
        if last > queue.last_failed:
            queue.last_failed, queue.failed_word = last, word


def newest(clinic: Clinic, kind: str) -> Letter | None:
    """The last letter of this kind that the clinic wrote."""
    found: Letter | None = (
        Letter.select()
        .where(Letter.clinic == clinic, Letter.kind == kind)
        .order_by(Letter.id.desc())
        .first()
    )
    return found


def _by_mail(clinic: Clinic) -> "ModelSelect[Letter]":
    """The e-mails to people of the clinic, the newest first."""
    return (
        Letter.select()
        .where(Letter.clinic == clinic, Letter.queue == MAIL)
        .order_by(Letter.id.desc())
    )


def last_token(person: User) -> Letter | None:
    """The last letter with a one-time token for the person, unless it was dropped."""
    found: Letter | None = (
        _by_mail(person.clinic)
        .where(
            Letter.kind.in_(("invite", "reset")),
            Letter.about == person.id,
            Letter.phase != "dropped",
        )
        .first()
    )
    return found


def failed_lately(clinic: Clinic, most: int) -> list[Letter]:
    """The e-mails that could not be delivered within a week, the newest first, at most so many."""
    failed = Letter.phase == "failed", Letter.ended_at > scheduling.utc_now() - LATELY
    return list(_by_mail(clinic).where(*failed).limit(most))


def reminders(booking: Booking) -> list[Letter]:
    """The reminders of one booking, by e-mail and by text message."""
    kinds = ("reminder", texts.REMINDER)
    return list(Letter.select().where(Letter.kind.in_(kinds), Letter.about == booking.id))
