"""E-mail addresses that are not proved yet.

Kalends sends an address proof in a letter to the address. A person who opens it shows that they
read that mail.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

from peewee import CharField, ForeignKeyField, TextField

from base import vault
from base.database import AlreadyUsed, Base, InstantField, database, now
from base.tables import outbox
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter
from models import Clinic, User

LASTS = timedelta(days=1)
MOST, WITHIN = 3, timedelta(hours=1)  # letters to one address


class AddressProof(Base):
    """A proof of an address: a secret that is sent to it, and works once.

    It serves to sign up (`user` None), or to change the address with which `user` signs in.

    `sealed`: the address, encrypted; `key`: its keyed hash. The secret follows from `salt` and the
    server's key, and only its hash is kept.
    """

    clinic = ForeignKeyField(Clinic, null=True, on_delete="CASCADE")
    user = ForeignKeyField(User, null=True, on_delete="CASCADE")
    key = CharField(43, index=True)
    sealed = TextField()
    salt = CharField(32)
    secret_hash = CharField(64, unique=True)
    created_at = InstantField(default=now)
    expires_at = InstantField()

    @classmethod
    @database.atomic()
    def ask(cls, email: str, user: User | None = None) -> None:
        """Send an address proof, unless a few went to the address within the last hour. The work is
        the same whether or not somebody has the address.
        """
        key = vault.derived("address", email)[0]
        if cls.select().where(cls.key == key, cls.created_at > now() - WITHIN).count() >= MOST:
            return
        if user:
            cls.update(expires_at=now()).where(cls.user == user).execute()  # the newest wish counts
        row = cls(
            clinic=user and user.clinic_id,
            user=user,
            key=key,
            sealed=vault.seal(email),
            salt=secrets.token_hex(16),
            expires_at=now() + LASTS,
        )
        row.secret_hash = vault.hash_of(row._candidates()[0])
        row.save()
        details: dict[str, Any] = {"reader": user.id} if user else {}
        Letter.write(
            user.clinic if user else None,
            "address" if user else "sign_up",
            row,
            row.salt,
            email,
            **details,
        )

    @property
    def email(self) -> str:
        """The address, decrypted. Raises vault.CannotOpen."""
        return vault.unseal(self.sealed)

    @property
    def secret(self) -> str | None:
        """The secret in the letter; None if the key from which it follows is no longer known."""
        return next(
            (one for one in self._candidates() if vault.hash_of(one) == self.secret_hash), None
        )

    def _candidates(self) -> list[str]:
        return vault.derived("address proof", self.salt)

    @classmethod
    def find(cls, secret: str) -> "AddressProof | None":
        """The unused proof with this secret, if it has not expired."""
        row = cls.get_or_none(cls.secret_hash == vault.hash_of(secret), cls.expires_at > now())
        return (
            row
            if row and vault.opens(row.sealed) and (row.user is None or row.user.is_active)
            else None
        )

    @classmethod
    def waiting(cls, user: User) -> "AddressProof | None":
        """The proof of the person's new sign-in address, while it is not used."""
        row = (
            cls.select()
            .where(cls.user == user, cls.expires_at > now())
            .order_by(cls.id.desc())
            .first()
        )
        return row if row and vault.opens(row.sealed) else None

    @database.atomic()
    def confirm(self) -> User | None:
        """Use the proof up: its person signs in with this address from now on.

        None if the proof was used meanwhile. Raises AlreadyUsed.
        """
        if self.user is not None:
            self.user.clinic.lock()
        if not self.use_up():
            return None
        person = User.get_by_id(self.user_id)
        person.change(person, name=person.name, email=self.email, role=person.role)
        return person

    def use_up(self) -> bool:
        """Use the proof up, inside the transaction of its purpose.

        False if somebody did meanwhile.
        """
        return bool(
            AddressProof.update(expires_at=now())
            .where(AddressProof.id == self.id, AddressProof.expires_at > now())
            .execute()
        )

    @classmethod
    def clean_up(cls, at: datetime) -> None:
        """Delete proofs that ended long ago."""
        cls.delete().where(cls.expires_at < at - WITHIN).execute()


def person_at(email: str) -> User | None:
    """The person who signs in with this address, also one who left."""
    found: User | None = User.get_or_none(User.email == email)
    return found


def change_person(person: User, actor: User, *, name: str, email: str, role: str) -> bool:
    """Change a person as `User.change` does.

    Where mail is set up, somebody who signs in already must prove a new address first: then an
    address proof is sent, and the answer is True. Raises AlreadyUsed, LastOwner.
    """
    if (
        User.select()
        .where(User.clinic == person.clinic_id, User.email == email, User.id != person.id)
        .exists()
    ):
        raise AlreadyUsed  # people of other clinics learn nothing
    is_to_prove = email != person.email and person.password_hash is not None and outbox.is_set_up()
    person.change(actor, name=name, email=person.email if is_to_prove else email, role=role)
    if is_to_prove:
        AddressProof.ask(email, person)
        AuditEntry.note(person.clinic, actor, "user.address_asked", person)
    return is_to_prove
