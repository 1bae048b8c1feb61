"""Letters that wait to be sent, as rows.

They are written in the transaction of the change that causes them, so that each exists exactly
once.

No text of a letter is stored here: `letters` renders it when it is sent, from the rows as they are
then. The secrets of one-time tokens and of signed addresses are derived at that moment, too.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from peewee import (
    SQL,
    BooleanField,
    CharField,
    Check,
    DeferredForeignKey,
    Expression,
    IntegerField,
    ModelSelect,
    TextField,
    fn,
)

from base import scheduling, vault
from base.database import Base, InstantField, JSONText, database, now

from .audit import AuditEntry
from .bulk import tuples

PHASES = ("waiting", "sent", "dropped", "failed")
# Longer than sending one letter takes: a letter leased by a killed worker is free again after it.
LEASE = timedelta(minutes=3)
# After a failed try; the last one repeats.
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=1),
)
# A person waits at a page for these, so they go before all other letters.
URGENT = ("visitor_code", "reset", "address", "sign_up", "invite", "earlier")
PATIENCE = timedelta(days=1)  # after the first failed try
MOST_TRIES = 60  # more than PATIENCE allows: a letter that kills its worker each time is given up
KEPT = timedelta(days=30)
MINUTE = timedelta(minutes=1)
MAIL = "mail"  # the queue of letters; all others are for text messages


@dataclass(frozen=True)
class MailSetup:
    """The settings of mail. `smtp_url` None: nothing is sent, and nothing is queued."""

    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = ""
    per_minute: int = 60
    answer_seconds: float = 30  # the longest wait for one answer of the mail server
    letter_seconds: float = 60  # how long one letter may take in all


_setup = MailSetup()


def set_up(setup: MailSetup) -> None:
    """Set how mail is sent from now on. Connects to nothing."""
    global _setup
    _setup = setup


def setup() -> MailSetup:
    """The value last given to `set_up`."""
    return _setup


def is_set_up() -> bool:
    """Whether mail can be sent at all."""
    return _setup.smtp_url is not None


class Letter(Base):
    """One letter to one person.

    Its key (kind, about, sequence) is unique, so that no change causes two letters.

    `about`: the id of a user, an account or a booking, by `kind`. `sequence` tells apart what is
    told about one row. `detail` contains ids and times, never a name or a token. `phase`: "waiting"
    (due at `due_at`), "sent", "dropped" (its reason was gone), or "failed" (`word` says why: the
    server's code, or one word of ours). `failing_since`: the first failed try. `waits_for_server`:
    it waits because of the server itself. `queue`: by which server it leaves, MAIL or a clinic's
    service for text messages; each has its own trouble.
    """

    clinic = DeferredForeignKey("Clinic", null=True, on_delete="CASCADE")
    kind = CharField(20)
    about = IntegerField()
    sequence = CharField(80)
    sealed_to = TextField()
    language = CharField(10, default="en")
    detail = JSONText(default=dict)
    phase = CharField(10, default="waiting", constraints=[Check(f"phase IN {PHASES}")])
    word = CharField(40, default="")
    due_at = InstantField(default=now)
    tries = IntegerField(default=0)
    tried_at = InstantField(null=True)
    failing_since = InstantField(null=True)
    waits_for_server = BooleanField(default=False, column_name="is_held")
    queue = CharField(30, default=MAIL)
    lease = CharField(40, null=True)
    leased_until = InstantField(null=True)
    created_at = InstantField(default=now)
    ended_at = InstantField(null=True)

    class Meta:
        indexes = (
            (("kind", "about", "sequence"), True),
            (("phase", "due_at"), False),
            (("clinic", "phase"), False),
        )

    @classmethod
    def write(
        cls,
        clinic: Base | int | None,
        kind: str,
        about: Base,
        sequence: object,
        to: str,
        due_at: datetime | None = None,
        language: str = "en",
        queue: str = MAIL,
        **detail: Any,
    ) -> bool:
        """Queue a letter, in the transaction of the change that it is about. False if it is queued
        already, or mail is not set up.
        """
        if queue == MAIL and not is_set_up():
            return False
        row = {
            "clinic": clinic,
            "kind": kind,
            "about": about.id,
            "sequence": str(sequence),
            "sealed_to": vault.seal(to),
            "language": language,
            "detail": detail,
            "due_at": due_at or now(),
            "queue": queue,
        }
        is_new = bool(list(cls.insert(row).on_conflict_ignore().returning(cls.id).execute()))
        if is_new:
            database.will_wake("letter" if queue == MAIL else "text")
        return is_new

    @classmethod
    def _is_unleased(cls, at: datetime) -> Expression:
        return cls.leased_until.is_null() | (cls.leased_until <= at)

    @classmethod
    def due(cls, at: datetime, queue: str = MAIL) -> "ModelSelect[Letter]":
        """The letters of a queue that may be sent now and that no worker has leased: first those
        for which a person waits, then the oldest.
        """
        free = cls._is_unleased(at)
        return cls.select().where(
            cls.phase == "waiting", cls.due_at <= at, cls.queue == queue, free
        )

    @classmethod
    def queues_of_texts(cls, at: datetime) -> list[str]:
        """The queues of text messages with some due, the longest waiting first."""
        rows = cls.select(cls.queue, fn.MIN(cls.due_at)).where(
            cls.phase == "waiting", cls.due_at <= at, cls.queue != MAIL
        )
        return [name for name, _at in tuples(rows.group_by(cls.queue).order_by(SQL("2")))]

    @classmethod
    def claim(cls, at: datetime, per_minute: int, queue: str = MAIL) -> "Letter | None":
        """Lease the next letter of a queue: one for which a person waits, else the oldest.

        None if none is due, if enough were tried within the last minute, or if the server itself
        was in trouble then: it is tried only once a minute, however many letters wait.
        """
        if (
            cls.select()
            .where(
                cls.phase == "waiting",
                cls.waits_for_server,
                cls.queue == queue,
                cls.tried_at > at - MINUTE,
            )
            .exists()
        ):
            return None
        recent = cls.alias()
        tried = recent.select(fn.COUNT(recent.id)).where(
            recent.tried_at > at - MINUTE, recent.queue == queue
        )
        if tried.scalar() >= per_minute:
            return None
        for letter_id in cls._next(at, queue):
            columns = {
                "lease": secrets.token_hex(16),
                "leased_until": at + LEASE,
                "tries": cls.tries + 1,
                "tried_at": at,
                "waits_for_server": False,
            }
            free = cls._is_unleased(at)
            if (
                cls.update(columns)
                .where(cls.id == letter_id, cls.phase == "waiting", free, tried < per_minute)
                .execute()
            ):
                return cls.get_by_id(letter_id)
        return None

    @classmethod
    def _next(cls, at: datetime, queue: str) -> list[int]:
        """The ids of the first few due letters, in the index's order: there may be thousands."""
        is_urgent = cls.kind.in_(URGENT)
        for which in (is_urgent, ~is_urgent):
            rows = cls.due(at, queue).select(cls.id).where(which).order_by(cls.due_at, cls.id)
            # all read at once: SQLite refuses to write while a row is still being read
            if found := [letter_id for (letter_id,) in tuples(rows.limit(20))]:
                return found
        return []

    def renew(self, at: datetime) -> bool:
        """Lease the letter for longer, right before it is handed over.

        False: another worker has it by now.
        """
        return self._set(leased_until=at + LEASE)

    def sent(self, at: datetime, final_kind: str = "") -> None:
        """Note that the server accepted it. `final_kind`: the kind that the letter had when
        it was sent.
        """
        more = {"detail": {**self.detail, "said": final_kind}} if final_kind else {}
        self._end("sent", at, "", **more)

    def drop(self, at: datetime) -> None:
        """Do not send the letter, since its reason is gone. This does not count as a try."""
        self._end("dropped", at, "", tried_at=None)

    def put_off(self, until: datetime) -> None:
        """Make the letter due later. This does not count as a try."""
        self._set(due_at=until, tries=self.tries - 1, tried_at=None, lease=None, leased_until=None)

    def fail(self, at: datetime, word: str) -> None:
        """Note that the letter cannot be delivered. It is not tried again."""
        self._end("failed", at, word, failing_since=self.failing_since or at)

    def retry(
        self,
        at: datetime,
        word: str,
        waits_for_server: bool = False,
        least: timedelta = timedelta(0),
    ) -> datetime | None:
        """Try again later, after a longer wait each time, at least `least`.

        None if that went on for a day: then the letter has failed.
        """
        since = self.failing_since or at
        if at >= since + PATIENCE or self.tries >= MOST_TRIES:
            self.fail(at, word)
            return None
        due_at = at + max(WAITS[min(self.tries, len(WAITS)) - 1], min(least, PATIENCE))
        self._set(
            due_at=due_at,
            word=word,
            failing_since=since,
            waits_for_server=waits_for_server,
            lease=None,
            leased_until=None,
        )
        return due_at

    @classmethod
    def wait_for_server(cls, at: datetime, until: datetime, word: str, queue: str = MAIL) -> None:
        """Postpone all letters of the queue that are due before `until`, since the server itself is
        in trouble.
        """
        cls.update(
            due_at=until,
            word=word,
            waits_for_server=True,
            failing_since=fn.COALESCE(cls.failing_since, scheduling.number(at)),
        ).where(cls.id.in_(cls.due(at, queue).select(cls.id))).execute()

    @classmethod
    def go_on(cls, at: datetime, queue: str = MAIL) -> None:
        """Make the letters that waited for the server due now: it works again."""
        cls.update(due_at=at, waits_for_server=False).where(
            cls.phase == "waiting", cls.waits_for_server, cls.queue == queue
        ).execute()

    @classmethod
    def send_again(cls, clinic: Base, actor: Base, at: datetime) -> int:
        """Try again, for a day, the letters that failed since `at`, and count them.

        Letters of a restored backup are left out: they probably went out. Lock the clinic first.
        """
        columns = {"phase": "waiting", "due_at": now(), "tries": 0, "word": "", "ended_at": None}
        count = (
            cls.update(failing_since=None, waits_for_server=False, **columns)
            .where(
                cls.clinic == clinic,
                cls.phase == "failed",
                cls.kind != "text_trial",
                cls.word != "restored",
                cls.ended_at > at,
            )
            .execute()
        )
        if count:
            AuditEntry.note(clinic, actor, "letters.again", clinic, count=int(count))
            database.will_wake("letter")
            database.will_wake("text")
        return int(count)

    @classmethod
    def stop_after_restore(cls) -> None:
        """Mark letters as not delivered that were waiting when the backup was made. They were
        probably sent since then, and must not be sent twice.
        """
        cls.update(phase="failed", word="restored", ended_at=now()).where(
            cls.phase == "waiting", cls.due_at <= now()
        ).execute()

    @property
    def to(self) -> str:
        """The address. Raises vault.CannotOpen."""
        return vault.unseal(self.sealed_to)

    def _end(self, phase: str, at: datetime, word: str, **columns: Any) -> None:
        self._set(
            phase=phase, word=word[:40], ended_at=at, lease=None, leased_until=None, **columns
        )

    def _set(self, **columns: Any) -> bool:
        """Change the row while the lease is ours."""
        return bool(
            Letter.update(columns)
            .where(Letter.id == self.id, Letter.lease == self.lease, Letter.phase == "waiting")
            .execute()
        )


def clean_up(at: datetime) -> None:
    """Delete letters that ended long ago."""
    Letter.delete().where(Letter.ended_at < at - KEPT).execute()
