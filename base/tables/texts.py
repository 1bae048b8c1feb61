"""Text messages through a clinic's own service: its settings.

The messages themselves are rows of the outbox, in a queue for each clinic.
"""

import hashlib
import secrets
from contextlib import suppress
from typing import Any

from peewee import BooleanField, DeferredForeignKey, TextField

from base import vault
from base.database import Base, JSONText, transition

from .audit import AuditEntry
from .traits import ClinicSettings

ABOUT, REMINDER, TRIAL = "text", "text_reminder", "text_trial"  # kinds of rows of the outbox
KINDS = ("booked", "waits", "moved", "cancelled", "reminder")
USUAL = ("moved", "cancelled", "reminder")
# Kinds of changes of a booking, by what the clinic can choose.
CHOICE_OF = {"approved": "booked"}


class TextSettings(ClinicSettings):
    """A clinic's text messages. A clinic without a row has set up none.

    `sealed_url`: the encrypted address of the service, which often contains a key. `sealed_secret`:
    the encrypted key that signs each message. `kinds`: those of KINDS that are sent. `is_on`:
    whether messages are sent to clients.
    """

    action = "texts.changed"
    clinic = DeferredForeignKey("Clinic", unique=True, on_delete="CASCADE")
    sealed_url = TextField(default="")
    sealed_secret = TextField(default="")
    kinds = JSONText(default=lambda: list(USUAL))
    is_on = BooleanField(default=False)

    @property
    def is_ready(self) -> bool:
        """Whether messages can be sent."""
        return bool(self.sealed_url and self.sealed_secret)

    @property
    def sends(self) -> bool:
        """Whether clients get messages."""
        return bool(self.is_on and self.is_ready)

    def wants(self, kind: str) -> bool:
        """Whether clients get a message of this kind; the names are those of `client_letters.due`
        and reminders.
        """
        return self.sends and CHOICE_OF.get(kind, kind) in self.kinds

    @property
    def url(self) -> str:
        """The address of the service; "" if none is set. Raises vault.CannotOpen."""
        return vault.unseal(self.sealed_url) if self.sealed_url else ""

    @property
    def mark(self) -> str:
        """A short text that changes with each new address, and says nothing of it."""
        return hashlib.sha256(self.sealed_url.encode()).hexdigest()[:16] if self.sealed_url else ""

    def has(self, url: str) -> bool:
        """Whether this is the address that is stored."""
        with suppress(vault.CannotOpen):
            return bool(self.sealed_url) and self.url == url.strip()
        return False

    @property
    def secret(self) -> str:
        """The secret that signs messages. Raises vault.CannotOpen."""
        return vault.unseal(self.sealed_secret)

    def change(self, /, actor: Base | None, url: str = "", **columns: Any) -> None:
        """Set columns, and a new address if one is given."""
        super().change(actor, **columns, **({"sealed_url": vault.seal(url)} if url else {}))

    @transition
    def make_secret(self, actor: Base | None) -> str:
        """Make a new secret in place of the one before, and return it. If this person made one
        within SAME_PRESS: that one, since a button was pressed twice and either answer may be
        shown.
        """
        if AuditEntry.is_second_press(self, actor, "texts.secret") and (same := self._readable()):
            return same
        made = secrets.token_urlsafe(32)
        self.sealed_secret = vault.seal(made)
        self.save(only=["sealed_secret"])
        AuditEntry.note(self.clinic, actor, "texts.secret", self)
        return made

    def _readable(self) -> str:
        """The secret; "" if there is none that can be read."""
        with suppress(vault.CannotOpen):
            return self.secret if self.sealed_secret else ""
        return ""

    @transition
    def forget(self, actor: Base | None) -> None:
        """Delete address and secret: nothing is sent any more."""
        if not self.sealed_url and not self.sealed_secret and not self.is_on:
            return  # a second press
        self.sealed_url = self.sealed_secret = ""
        self.is_on = False
        self.save(only=["sealed_url", "sealed_secret", "is_on"])
        AuditEntry.note(self.clinic, actor, "texts.removed", self)


def queue_of(clinic_id: int) -> str:
    """The queue of the outbox for messages of this clinic: one slow service must not
    delay another.
    """
    return f"texts {clinic_id}"
