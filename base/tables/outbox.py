"""Letters that wait to be sent, as rows.

Written in the transaction of the change that causes them, so that each exists exactly once.

Nothing of a letter's text is kept here: `letters` renders it when it is sent, from what is true
then. It also derives one-time links.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from peewee import (
    BooleanField,
    Case,
    CharField,
    Check,
    DeferredForeignKey,
    IntegerField,
    ModelSelect,
    TextField,
    fn,
)

from base import vault
from base.database import Base, InstantField, JSONText, database, now

from .many import tuples

PHASES = ("waiting", "sent", "dropped", "failed")
# Longer than one letter may take; a killed worker's letter waits for so long.
LEASE = timedelta(minutes=3)
# After a failed try; the last one repeats.
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=1),
)
# Somebody waits for these before a page; they go before what is merely due.
URGENT = ("visitor_code", "reset", "address", "sign_up", "invite")
PATIENCE = timedelta(days=1)  # after the first failed try
MOST_TRIES = 60  # more than PATIENCE allows: a letter that ends its worker each time is given up
KEPT = timedelta(days=30)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Setup:
    """What the settings say about mail. `smtp_url` None: nothing is sent, and nothing is queued."""

    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = ""
    per_minute: int = 60
    answer_seconds: float = 30  # how long we wait for one answer of the mail server
    letter_seconds: float = 60  # how long one letter may take in all


_setup = Setup()


def set_up(setup: Setup) -> None:
    """Say how mail is sent from now on. Connects to nothing."""
    global _setup
    _setup = setup


def setup() -> Setup:
    """What `set_up` was told."""
    return _setup


def is_set_up() -> bool:
    """Whether mail can be sent at all."""
    return _setup.smtp_url is not None


class Letter(Base):
    """One letter to one person.

    Its key (kind, about, sequence) is unique, so that no change is told twice.

    `about`: the id of a user, an account or a booking, by `kind`. `sequence` tells apart what is
    told about one row. `detail` holds ids and times, never a name or a token. `phase`: "waiting"
    (due at `due_at`), "sent", "dropped" (its reason was gone), or "failed" (`word` says why: the
    server's code, or one word of ours). `failing_since`: the first failed try. `is_held`: it waits
    because of the mail server itself.
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
    is_held = BooleanField(default=False)
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
        clinic: Base | None,
        kind: str,
        about: Base,
        sequence: object,
        to: str,
        due_at: datetime | None = None,
        language: str = "en",
        **detail: Any,
    ) -> bool:
        """Queue a letter, in the transaction of what it tells of.

        False where it is there already, or mail is not set up.
        """
        if not is_set_up():
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
        }
        is_new = bool(list(cls.insert(row).on_conflict_ignore().returning(cls.id).execute()))
        if is_new:
            database.will_wake("letter")
        return is_new

    @classmethod
    def due(cls, at: datetime) -> "ModelSelect[Letter]":
        """Letters to be sent now that no worker holds: those that somebody waits for, then the
        oldest.
        """
        free = cls.leased_until.is_null() | (cls.leased_until <= at)
        return (
            cls.select()
            .where(cls.phase == "waiting", cls.due_at <= at, free)
            .order_by(Case(None, [(cls.kind.in_(URGENT), 0)], 1), cls.due_at, cls.id)
        )

    @classmethod
    def claim(cls, at: datetime, per_minute: int) -> "Letter | None":
        """The next letter to send, leased to the caller.

        None where none is due, where enough were tried within the last minute, or where the mail
        server itself was in trouble then: however many letters come up, it is asked once a minute.
        """
        if (
            cls.select()
            .where(cls.phase == "waiting", cls.is_held, cls.tried_at > at - MINUTE)
            .exists()
        ):
            return None
        recent = cls.alias()
        tried = recent.select(fn.COUNT(recent.id)).where(recent.tried_at > at - MINUTE)
        for (letter_id,) in list(
            tuples(cls.due(at).select(cls.id).limit(20))
        ):  # SQLite refuses to write while a row is still being read
            columns = {
                "lease": secrets.token_hex(16),
                "leased_until": at + LEASE,
                "tries": cls.tries + 1,
                "tried_at": at,
                "is_held": False,
            }
            free = cls.leased_until.is_null() | (cls.leased_until <= at)
            if (
                cls.update(columns)
                .where(cls.id == letter_id, cls.phase == "waiting", free, tried < per_minute)
                .execute()
            ):
                return cls.get_by_id(letter_id)
        return None

    def renew(self, at: datetime) -> bool:
        """Lease it for longer, last thing before it is handed over.

        False: another worker has it by now.
        """
        return self._set(leased_until=at + LEASE)

    def sent(self, at: datetime, said: str = "") -> None:
        """The server took it. `said`: what kind of letter it had become by then."""
        more = {"detail": {**self.detail, "said": said}} if said else {}
        self._end("sent", at, "", **more)

    def drop(self, at: datetime) -> None:
        """Its reason is gone: it is not sent, and does not count as a try."""
        self._end("dropped", at, "", tried_at=None)

    def put_off(self, until: datetime) -> None:
        """It is not its time: it is due later, and this does not count as a try."""
        self._set(due_at=until, tries=self.tries - 1, tried_at=None, lease=None, leased_until=None)

    def fail(self, at: datetime, word: str) -> None:
        """It cannot be delivered, and is not tried again."""
        self._end("failed", at, word, failing_since=self.failing_since or at)

    def retry(self, at: datetime, word: str, is_held: bool = False) -> datetime | None:
        """Try again later, further off each time.

        None where that has gone on for a day: then it has failed.
        """
        since = self.failing_since or at
        if at >= since + PATIENCE or self.tries >= MOST_TRIES:
            self.fail(at, word)
            return None
        due_at = at + WAITS[min(self.tries, len(WAITS)) - 1]
        self._set(
            due_at=due_at,
            word=word,
            failing_since=since,
            is_held=is_held,
            lease=None,
            leased_until=None,
        )
        return due_at

    @classmethod
    def hold_back(cls, at: datetime, until: datetime, word: str) -> None:
        """Try none of the letters that are due before `until`.

        The mail server itself is in trouble.
        """
        cls.update(
            due_at=until,
            word=word,
            is_held=True,
            failing_since=fn.COALESCE(cls.failing_since, InstantField().db_value(at)),
        ).where(cls.id.in_(cls.due(at).select(cls.id).order_by())).execute()

    @classmethod
    def go_on(cls, at: datetime) -> None:
        """The mail server is well again: what waited for that is due now."""
        cls.update(due_at=at, is_held=False).where(cls.phase == "waiting", cls.is_held).execute()

    @classmethod
    def send_again(cls, clinic: Base, at: datetime) -> int:
        """Try what could not be delivered since `at` once more, with a day of patience. How many.

        Not what a backup brought back: as far as anybody knows, that went out.
        """
        columns = {"phase": "waiting", "due_at": now(), "tries": 0, "word": "", "ended_at": None}
        count = (
            cls.update(failing_since=None, is_held=False, **columns)
            .where(
                cls.clinic == clinic,
                cls.phase == "failed",
                cls.word != "restored",
                cls.ended_at > at,
            )
            .execute()
        )
        if count:
            database.will_wake("letter")
        return int(count)

    @classmethod
    def stop_after_restore(cls) -> None:
        """Send nothing again that waited when a backup was made.

        It went out since, as far as anybody knows; it is told as not delivered.
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
        """Change it while the lease is ours."""
        return bool(
            Letter.update(columns)
            .where(Letter.id == self.id, Letter.lease == self.lease, Letter.phase == "waiting")
            .execute()
        )


def clean_up(at: datetime) -> None:
    """Forget letters that ended long ago."""
    Letter.delete().where(Letter.ended_at < at - KEPT).execute()
