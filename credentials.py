"""Ways in beside the password: one-time links; and the brake on guessing."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from peewee import Case, CharField, Check, ForeignKeyField, IntegerField, fn

import scheduling
from audit import AuditEntry
from database import Base, InstantField, database
from models import User


class OneTimeLink(Base):
    """An invitation or a password reset: works once, for a while. Only a hash of its secret is kept."""

    user = ForeignKeyField(User, backref="one_time_links", on_delete="CASCADE")
    purpose = CharField(10, constraints=[Check("purpose IN ('invite', 'reset')")])
    secret_hash = CharField(64, unique=True)
    expires_at = InstantField()

    @classmethod
    @database.atomic()
    def issue(cls, user: User, purpose: str, actor: User | None, days: int) -> str:
        """A fresh secret for the user; earlier links of that purpose die."""
        secret = secrets.token_urlsafe(32)
        cls.delete().where(cls.user == user, cls.purpose == purpose).execute()
        cls.create(user=user, purpose=purpose, secret_hash=cls._hash(secret), expires_at=scheduling.utc_now() + timedelta(days=days))
        AuditEntry.note(user.clinic, actor, f"user.{purpose}_link", user)
        return secret

    @classmethod
    def find(cls, secret: str) -> "OneTimeLink | None":
        """The living link with this secret."""
        found = cls.get_or_none(cls.secret_hash == cls._hash(secret), cls.expires_at > scheduling.utc_now())
        return found if found and found.user.is_active else None

    @database.atomic()
    def use(self, password: str) -> User | None:
        """Set the password, which burns the link. None where somebody used it meanwhile, or it was withdrawn: of two at once one gets in."""
        self.user.clinic.hold()  # before any other row, as every change does
        if not OneTimeLink.delete().where(OneTimeLink.id == self.id).execute():
            return None
        self.user.set_password(password, self.user)
        return self.user

    @staticmethod
    def _hash(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()


class Throttle(Base):
    """Failed tries per account and per address, both only as keyed hashes."""

    key = CharField(64, primary_key=True)
    failures = IntegerField(default=0)
    blocked_until = InstantField(null=True)
    updated_at = InstantField()

    @classmethod
    def wait_seconds(cls, keys: Iterable[str]) -> int:
        """How long these keys must still wait; 0: go on."""
        latest = cls.select(fn.MAX(cls.blocked_until)).where(cls.key.in_(list(keys))).scalar()
        left = (InstantField().python_value(latest) - scheduling.utc_now()).total_seconds() if latest else 0
        return max(0, int(left + 0.999))

    @classmethod
    @database.atomic()
    def fail(cls, key: str, free: int) -> None:
        """Count a failure. After `free` of them each further one doubles the wait, from a minute up to an hour.

        One statement counts and holds the row, so that tries at once all count.
        """
        now = scheduling.utc_now()
        more = Case(None, [(cls.updated_at < now - timedelta(hours=6), 1)], cls.failures + 1)
        counting = cls.insert(key=key, failures=1, updated_at=now).on_conflict(
            conflict_target=[cls.key], update={cls.failures: more, cls.updated_at: now})
        failures = next(iter(counting.returning(cls.failures).execute())).failures
        wait = timedelta(seconds=min(3600, 60 * 2 ** min(failures - free, 6))) if failures >= free else None
        cls.update(blocked_until=wait and now + wait).where(cls.key == key).execute()

    @classmethod
    def forget(cls, *keys: str) -> None:
        cls.delete().where(cls.key.in_(keys)).execute()
