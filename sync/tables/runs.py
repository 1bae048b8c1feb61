"""Runs, for the progress bar and the history; and deleting old history."""

from datetime import datetime, timedelta

from peewee import CharField, ForeignKeyField, IntegerField

from base.database import Base, InstantField, JSONText, now
from models import Booking, Clinic

from .accounts import Account
from .channels import Channel
from .notices import EDIT_NOTICES, Notice

KEPT_RUNS = timedelta(days=90)
OVER = timedelta(days=2)  # after a booking nobody need decide about it


class SyncRun(Base):
    """A run that had something to do or met trouble, for the progress bar and the history. `counts`
    by what was done: created, updated, deleted, adopted, put_back, failed; imported, changed,
    removed; and `held` (stopped for a person). Never a title or a name.
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
    repeated = IntegerField(default=0)  # how often the same trouble came again right after

    class Meta:
        indexes = ((("account", "started_at"), False),)


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
