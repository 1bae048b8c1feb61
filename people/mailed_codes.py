"""Codes by e-mail: a visitor whose browser cannot compute a proof of work shows that they read an
address.

They type six digits from the letter into the form that is still open. The digits are derived from
the server's key and a salt; no row contains them.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from peewee import CharField, ForeignKeyField, IntegerField, TextField

from base import vault
from base.database import Base, InstantField, database, now
from base.tables.outbox import Letter
from models import Clinic

LASTS = timedelta(minutes=30)
TRIES = 5  # tries for one code
WITHIN = timedelta(hours=1)
MOST_TO_ADDRESS, MOST_OF_FORM_USE, MOST_OF_CLINIC = 3, 3, 200  # codes within that time


class MailedCode(Base):
    """A code for an address and one form use.

    `form_use` and `key` (of the address) are hashes. `sealed`: the address, encrypted. `tries`: how
    many were wrong.
    """

    clinic = ForeignKeyField(Clinic, on_delete="CASCADE")
    form_use = CharField(64, index=True, column_name="visit")
    key = CharField(43, index=True)
    sealed = TextField()
    salt = CharField(32)
    tries = IntegerField(default=0)
    created_at = InstantField(default=now)
    expires_at = InstantField(index=True)

    @classmethod
    @database.atomic()
    def send(cls, clinic: Clinic, form_use: str, email: str) -> bool:
        """Send a code, unless the newest of this form use went to the same address and still works.

        False, and nothing is sent, if too many were sent within the last hour: to the address, for
        the form use or by the clinic.
        """
        clinic.lock()
        key = _key(email)
        newest = cls._newest(form_use, key)
        if newest and newest.tries < TRIES:
            return True
        recent = cls.created_at > now() - WITHIN
        bounds = (
            (cls.key == key, MOST_TO_ADDRESS),
            (cls.form_use == form_use, MOST_OF_FORM_USE),
            (cls.clinic == clinic, MOST_OF_CLINIC),
        )
        if any(cls.select().where(which, recent).count() >= most for which, most in bounds):
            return False
        row = cls.create(
            clinic=clinic,
            form_use=form_use,
            key=key,
            sealed=vault.seal(email),
            salt=secrets.token_hex(16),
            expires_at=now() + LASTS,
        )
        Letter.write(clinic, "visitor_code", row, row.salt, email)
        return True

    @classmethod
    def accept(cls, form_use: str, email: str, typed: str) -> bool:
        """Whether these are the digits that were sent to this address for this form use.

        Each try is counted before it is judged, so never call it in a transaction that may be
        rolled back. The right digits are not counted, and stay good until the code ends, since a
        form use makes one booking.
        """
        row = cls._newest(form_use, _key(email))
        tried = (
            cls.update(tries=cls.tries + 1)
            .where(cls.id == (row.id if row else 0), cls.tries < TRIES)
            .execute()
        )
        if row is None or not tried:
            return False
        digits = "".join(typed.split()).encode("utf-8", "replace")
        is_right = True in [hmac.compare_digest(one, digits) for one in row.digits]
        if is_right:
            cls.update(tries=cls.tries - 1).where(cls.id == row.id).execute()
        return is_right

    @classmethod
    def _newest(cls, form_use: str, key: str) -> "MailedCode | None":
        found: MailedCode | None = (
            cls.select()
            .where(cls.form_use == form_use, cls.key == key, cls.expires_at > now())
            .order_by(cls.id.desc())
            .first()
        )
        return found

    @property
    def digits(self) -> list[bytes]:
        """The six digits, for each key in force, the newest first."""
        found = vault.derived("mailed code", f"{self.form_use}|{self.salt}")
        return [
            b"%06d" % (int.from_bytes(hashlib.sha256(one.encode()).digest()[:8]) % 10**6)
            for one in found
        ]

    @property
    def email(self) -> str:
        """The address. Raises vault.CannotOpen."""
        return vault.unseal(self.sealed)

    @classmethod
    def clean_up(cls, at: datetime) -> None:
        """Delete codes that ended long ago."""
        cls.delete().where(cls.expires_at < at - WITHIN).execute()


def _key(email: str) -> str:
    return vault.derived("address", email.casefold())[0]
