"""Runs, for the progress bar and the history; and the deletion of old ones."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from peewee import CharField, ForeignKeyField, IntegerField, ModelSelect

from base.database import Base, InstantField, JSONText, now
from models import Booking, Clinic

from .accounts import Account
from .channels import Channel
from .notices import EDIT_NOTICES, Notice

KEPT_RUNS = timedelta(days=90)
ENOUGH_DONE, LONG_ENOUGH = 10, timedelta(seconds=5)  # to tell how long the rest takes
OVER = timedelta(days=2)  # how long a booking's notices stay open after it is over


class SyncRun(Base):
    """A run that had something to do or met trouble, for the progress bar and the history. `counts`
    by what was done: created, updated, deleted, adopted, put_back, failed; imported, changed,
    removed; and `stopped` (a person must decide; `held` in older rows). Never a title or a name.
    """

    clinic = ForeignKeyField(Clinic)
    account = ForeignKeyField(Account, backref="runs", on_delete="CASCADE")
    because = CharField(10)
    total = IntegerField(default=0)
    done = IntegerField(default=0)
    counts = JSONText(default=dict)
    error = CharField(20, default="")
    word = CharField(60, default="")
    wait_until = InstantField(null=True)
    started_at = InstantField(default=now)
    ended_at = InstantField(null=True)
    repeated = IntegerField(default=0)  # repetitions of the same trouble right after it

    class Meta:
        indexes = ((("account", "started_at"), False),)

    @classmethod
    def of(cls, accounts: Sequence[Account], most: int | None = None) -> "ModelSelect[SyncRun]":
        """The runs of these accounts, newest first, at most so many."""
        mine = cls.account.in_([account.id for account in accounts])
        rows = cls.select(cls, Account).join(Account).where(mine)
        return rows.order_by(cls.id.desc()).limit(most)

    def left(self, at: datetime) -> timedelta | None:
        """The estimated remaining time; None while too little is done to estimate."""
        rest, since = self.total - self.done, at - self.started_at
        if self.done < ENOUGH_DONE or since < LONG_ENOUGH or rest <= 0:
            return None
        return since / self.done * rest

    @property
    def was_stopped(self) -> bool:
        """Whether a person had to decide. Rows of earlier versions say `held`."""
        return bool(self.counts.get("stopped") or self.counts.get("held"))


def count_changes(clinic: Clinic, since: datetime) -> int:
    """How many changes outside were followed or put back by runs that began after this instant."""
    rows = SyncRun.select(SyncRun.counts).where(
        SyncRun.clinic == clinic, SyncRun.started_at > since
    )
    return sum(row.counts.get("adopted", 0) + row.counts.get("put_back", 0) for row in rows)


def clean_up(at: datetime) -> None:
    """Delete old runs and notices and ended channels, and settle notices about bookings that are
    over.
    """
    SyncRun.delete().where(SyncRun.started_at < at - KEPT_RUNS).execute()
    Notice.delete().where(Notice.settled_at < at - KEPT_RUNS).execute()
    over = Booking.select(Booking.id).where(Booking.ends_at < at - OVER)
    stale = Notice.settled_at.is_null(), Notice.kind.in_(EDIT_NOTICES), Notice.booking.in_(over)
    Notice.update(settled_at=at, settled_as="over").where(*stale).execute()
    Channel.delete().where(Channel.expires_at < at - timedelta(days=1)).execute()
