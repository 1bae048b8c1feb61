"""One-time tokens, by which a person signs in without a password; and the limit on guesses."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self

from peewee import Case, CharField, Check, ForeignKeyField, IntegerField, ModelSelect, TextField, fn

from base import scheduling, vault
from base.database import Base, InstantField, database, now
from base.tables import faulty
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter
from models import User

MOST_RESETS = 3  # that one address is sent within RESETS_WITHIN
MOST_OF_STRANGERS = 6  # the same, where each further one comes from another network
RESETS_WITHIN = timedelta(hours=1)
RESET_DAYS = 1


class OneTimeToken(Base):
    """An invitation or a password reset. It works once and for a while, also beside other unused
    ones.

    Its secret follows from `salt` and the server's key. The row is found by a hash of the secret;
    the secret itself is not stored.
    """

    user = ForeignKeyField(User, backref="one_time_tokens", on_delete="CASCADE")
    purpose = CharField(10, constraints=[Check("purpose IN ('invite', 'reset')")])
    secret_hash = CharField(64, unique=True)
    salt = CharField(32, default="")
    expires_at = InstantField()

    @classmethod
    @database.atomic()
    def issue(
        cls, user: User, purpose: str, actor: User | None, days: int, by_mail: bool = False
    ) -> str:
        """Make a new token for the user and return its secret; with `by_mail` queue its letter.

        Earlier ones work until one is used.
        """
        token = cls(
            user=user,
            purpose=purpose,
            salt=secrets.token_hex(16),
            expires_at=scheduling.utc_now() + timedelta(days=days),
        )
        secret = token._candidates()[0]
        token.secret_hash = vault.hash_of(secret)
        token.save()
        if by_mail:
            Letter.write(user.clinic, purpose, user, token.salt, user.email)
        AuditEntry.note(user.clinic, actor, f"user.{purpose}_link", user)
        return secret

    @classmethod
    def newest(cls, user: User, purpose: str) -> Self | None:
        """The user's newest token that was not used. It may have expired."""
        rows = cls.select().where(cls.user == user, cls.purpose == purpose)
        newest: Self | None = rows.order_by(cls.id.desc()).first()
        return newest

    @classmethod
    def of(cls, user: User, token_id: int) -> Self | None:
        """The user's unused token with this id."""
        found: Self | None = cls.get_or_none(cls.id == token_id, cls.user == user)
        return found

    @property
    def secret(self) -> str | None:
        """The secret of the token; None if the key from which it follows is no longer known."""
        return next(
            (
                candidate
                for candidate in self._candidates()
                if vault.hash_of(candidate) == self.secret_hash
            ),
            None,
        )

    def _candidates(self) -> list[str]:
        return vault.derived("one-time link", f"{self.user_id}|{self.purpose}|{self.salt}")

    @classmethod
    def find(cls, secret: str) -> "OneTimeToken | None":
        """The unused token with this secret, if it has not expired."""
        found = cls.get_or_none(
            cls.secret_hash == vault.hash_of(secret), cls.expires_at > scheduling.utc_now()
        )
        return found if found and found.user.is_active else None

    @database.atomic()
    def use(self, password: str) -> User | None:
        """Set the password and use the token up.

        None if the token was withdrawn, or somebody used it meanwhile: if two use it at once, one
        succeeds.
        """
        self.user.clinic.lock()  # before any other row, as every change does
        if not OneTimeToken.delete().where(OneTimeToken.id == self.id).execute():
            return None
        self.user.set_password(password, self.user)
        return self.user


class ResetRequest(Base):
    """A request for a one-time token to set a new password, by anybody, for an address.

    The row is the same whether or not anybody has the address, so the answer tells nothing and
    takes the same time; `answer_all` looks the address up later. `key`: a keyed hash of the
    address.
    """

    key = CharField(64)
    origin = CharField(64, default="")  # a keyed hash of who asked: a known browser, or a network
    sealed = TextField(default="")  # the address, until it is looked at
    created_at = InstantField(default=now)

    class Meta:
        indexes = ((("key", "created_at"), False),)

    @classmethod
    def ask(cls, key: str, origin: str, is_known: bool, email: str) -> None:
        """Store the request, unless there were a few for the same address within the last hour,
        whose tokens still work.

        Strangers cannot use up a person's requests. Requests from a browser in which this person
        signed in before (`is_known`) are counted apart. A network that has not asked yet may ask
        although others have, up to a limit.
        """
        lately = [
            row.origin
            for row in cls.select(cls.origin).where(
                cls.key == key, cls.created_at > scheduling.utc_now() - RESETS_WITHIN
            )
        ]
        own = lately.count(origin)
        if is_known:
            is_few = own < MOST_RESETS
        else:
            is_few = len(lately) < (MOST_RESETS if own else MOST_OF_STRANGERS)
        if is_few:
            cls.create(key=key, origin=origin, sealed=vault.seal(email))
        database.will_wake("letter")  # in either case, so that nobody can tell

    @classmethod
    def waiting(cls) -> "ModelSelect[ResetRequest]":
        """Requests that nobody has looked at."""
        return cls.select().where(cls.sealed != "").order_by(cls.id)

    @classmethod
    def answer_all(cls) -> None:
        """Issue a token for each request whose address belongs to somebody who works here, and
        forget the addresses.
        """
        faulty.each("reset_requests", cls.waiting(), cls._answer_once, most=200)

    @database.atomic()
    def _answer_once(self) -> None:
        cls = type(self)
        if cls.update(sealed="").where(cls.id == self.id, cls.sealed != "").execute():
            self._answer()

    def _answer(self) -> None:
        try:
            user = User.get_or_none(User.email == vault.unseal(self.sealed))
        except vault.CannotOpen:
            return
        is_fresh = self.created_at > scheduling.utc_now() - timedelta(
            days=RESET_DAYS
        )  # not for requests in a restored backup
        if user and user.is_active and is_fresh:
            OneTimeToken.issue(user, "reset", user, RESET_DAYS, by_mail=True)


class Throttle(Base):
    """Failed tries per account and per address, both only as keyed hashes."""

    FORGOTTEN = timedelta(hours=6)  # after that time without a try, counting begins again
    MOST = 20_000  # rows

    key = CharField(64, primary_key=True)
    failures = IntegerField(default=0)
    blocked_until = InstantField(null=True)
    updated_at = InstantField()

    @classmethod
    def wait_seconds(cls, keys: Iterable[str]) -> int:
        """Seconds that these keys must still wait; 0: none. What was counted before the clock was
        set back says nothing.
        """
        at = scheduling.utc_now()
        counted = cls.key.in_(list(keys)), cls.updated_at <= at + scheduling.SKEW
        latest = cls.select(fn.MAX(cls.blocked_until)).where(*counted).scalar()
        left = (latest - at).total_seconds() if latest else 0
        return max(0, int(left + 0.999))

    @classmethod
    def admit(cls, limits: dict[str, int]) -> int:
        """Count a try under each key and return 0; if one of them must still wait, count nothing
        and return the seconds.

        Tries are counted before their result is known, so that many at once cannot slip through
        together.
        """
        with database.atomic() as transaction:
            at = scheduling.utc_now()
            counted = [cls._count(key, limits[key], at) for key in sorted(limits)]
            if any(is_new for _, is_new in counted):
                cls._bound()
            until = [moment for moment, _ in counted]
            left = max(((moment - at).total_seconds() for moment in until if moment), default=0)
            if left > 0:
                transaction.rollback()
        return max(0, int(left + 0.999))

    @classmethod
    @database.atomic()
    def fail(cls, key: str, free: int) -> None:
        """Count a failure.

        After `free` of them each further one doubles the wait, from a minute up to an hour.
        """
        _, is_new = cls._count(key, free, scheduling.utc_now())
        if is_new:
            cls._bound()

    @classmethod
    def _count(cls, key: str, free: int, at: datetime) -> tuple[datetime | None, bool]:
        """Two values: until when this key had to wait before this try, and whether this try is the
        first one.

        One statement counts and locks the row, so that simultaneous tries all count.
        """
        is_ahead = cls.updated_at > at + scheduling.SKEW  # the clock was set back since
        begins_again = (cls.updated_at < at - cls.FORGOTTEN) | is_ahead
        more = Case(None, [(begins_again, 1)], cls.failures + 1)
        counting = cls.insert(key=key, failures=1, updated_at=at).on_conflict(
            conflict_target=[cls.key], update={cls.failures: more, cls.updated_at: at}
        )
        row = next(iter(counting.returning(cls.failures, cls.blocked_until).execute()))
        wait = (
            timedelta(seconds=min(3600, 60 * 2 ** min(row.failures - free, 6)))
            if row.failures >= free
            else None
        )
        if wait or row.blocked_until:
            cls.update(blocked_until=wait and at + wait).where(cls.key == key).execute()
        is_first = row.failures == 1
        return None if is_first else row.blocked_until, is_first

    @classmethod
    def _bound(cls) -> None:
        """Keep the table small: if it has too many rows, those with the fewest tries, then the
        oldest, are deleted.
        """
        over = cls.select().count() - cls.MOST
        if over > 0:
            least = (
                cls.select(cls.key)
                .order_by(cls.failures, cls.updated_at)
                .limit(over + cls.MOST // 20)
            )
            cls.delete().where(cls.key.in_([row.key for row in least])).execute()

    @classmethod
    @database.atomic()
    def count_one_less(cls, limits: dict[str, int]) -> None:
        """Count one try less, since the try did not fail."""
        for key in sorted(limits):
            cls.update(failures=cls.failures - 1).where(cls.key == key, cls.failures > 0).execute()
            cls.update(blocked_until=None).where(
                cls.key == key, cls.failures < limits[key]
            ).execute()

    @classmethod
    def forget(cls, *keys: str) -> None:
        """Delete what was counted under these keys."""
        cls.delete().where(cls.key.in_(keys)).execute()


def clean_up(at: datetime) -> None:
    """Forget dead one-time tokens, requests for them, and failed tries of yesterday."""
    OneTimeToken.delete().where(OneTimeToken.expires_at <= at).execute()
    answered = ResetRequest.sealed == ""
    over = (ResetRequest.created_at <= at - RESETS_WITHIN) & answered | (
        ResetRequest.created_at <= at - timedelta(days=RESET_DAYS)
    )
    ResetRequest.delete().where(over).execute()
    Throttle.delete().where(Throttle.updated_at < at - timedelta(days=1)).execute()
