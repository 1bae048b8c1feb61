"""Sessions of people who signed in: one row each, so that the server can end any of them."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from base import vault
from base.database import Base, InstantField, database, is_sqlite, now
from models import Clinic, User

IDLE, LONGEST, REMEMBERED = timedelta(hours=12), timedelta(days=7), timedelta(days=30)
MOST = 40  # sessions of one person; the least recently used one ends
SEEN_EVERY = timedelta(minutes=5)  # precision of `seen_at`


class Session(Base):
    """A browser in which somebody is signed in.

    The browser's cookie contains a random secret; only a hash of the secret is stored here.

    A session ends when its row is deleted, when the person's `epoch` grows, or by its age.
    `contents`: messages and unfinished steps, encrypted; see `views.kit.sessions`. `device`: words
    such as "Firefox on Windows".
    """

    user = ForeignKeyField(User, backref="sessions", on_delete="CASCADE")
    secret_hash = CharField(64, unique=True)
    epoch = IntegerField()
    remembered = BooleanField(default=False)
    device = CharField(60, default="")
    started_at = InstantField(default=now)
    seen_at = InstantField(default=now)
    contents = TextField(default="", column_name="held")

    @classmethod
    @database.atomic()
    def begin(cls, user: User, remembered: bool, device: str) -> tuple["Session", str]:
        """Two values: a new session, and its secret for the cookie."""
        secret = secrets.token_urlsafe(32)
        row = cls.create(
            user=user,
            secret_hash=vault.hash_of(secret),
            epoch=user.epoch,
            remembered=remembered,
            device=device,
        )
        # By their ids: all but those that are kept would also be one that begins at this moment.
        own = cls.select(cls.id).where(cls.user == user)
        newest = [one.id for one in own.order_by(cls.seen_at.desc(), cls.id.desc())]
        if beyond := newest[MOST:]:
            cls.delete().where(cls.id.in_(beyond)).execute()
        return row, secret

    def _locked(self) -> "Session | None":
        """The row as it is now, locked: another page of the same browser may have changed it. None
        if the row is gone.
        """
        query = Session.select(Session.id, Session.contents).where(Session.id == self.id)
        found: Session | None = (query if is_sqlite() else query.for_update()).get_or_none()
        return found

    def see(self) -> None:
        """Note that the session is used now."""
        Session.update(seen_at=now()).where(Session.id == self.id).execute()

    @database.atomic()
    def keep(self, packed_onto: Callable[[str], str]) -> None:
        """Store new contents, made by `packed_onto` from the stored ones. Does nothing if the row
        is gone.
        """
        row = self._locked()
        if row:
            Session.update(contents=packed_onto(row.contents)).where(Session.id == row.id).execute()

    def end(self) -> None:
        """Sign this browser out."""
        self.delete_instance()

    @classmethod
    def find(cls, secret: str) -> "Session | None":
        """The living session with this secret, with its person and clinic: one query."""
        row = (
            cls.select(cls, User, Clinic)
            .join(User)
            .join(Clinic)
            .where(cls.secret_hash == vault.hash_of(secret), cls.epoch == User.epoch)
            .get_or_none()
        )
        return row if row and row.user.is_active and row.lives else None

    @property
    def lives(self) -> bool:
        """Whether the session is neither too old nor unused for too long."""
        at = now()
        idle, longest = (REMEMBERED, REMEMBERED) if self.remembered else (IDLE, LONGEST)
        return bool(at - self.started_at <= longest and at - self.seen_at <= idle)

    @classmethod
    def listed(cls, user: User) -> list["Session"]:
        """The person's living sessions, the one used last first."""
        rows = (
            cls.select()
            .where(cls.user == user, cls.epoch == user.epoch)
            .order_by(cls.seen_at.desc(), cls.id.desc())
        )
        return [row for row in rows if row.lives]

    @classmethod
    def clean_up(cls, at: datetime) -> None:
        """Delete sessions that no cookie can open any more."""
        old = cls.remembered & (cls.started_at < at - REMEMBERED) | ~cls.remembered & (
            (cls.seen_at < at - IDLE) | (cls.started_at < at - LONGEST)
        )
        cls.delete().where(old).execute()
