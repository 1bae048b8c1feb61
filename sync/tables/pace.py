"""How fast each account's provider may be asked, and what waits between two runs: webhook messages,
pages of unfinished reads, access to revoke.
"""

from datetime import datetime, timedelta

from peewee import CharField, ForeignKeyField, IntegerField, TextField

from base.database import Base, InstantField, now
from base.tables.outside import ID_LENGTH

from .accounts import Account, RemoteCalendar
from .mappings import MappingRow

KEPT_PAGES = timedelta(hours=1)  # beyond the time that the provider wanted us to wait
LONGEST_READ = timedelta(days=2)  # a page that is older is read again
LONGEST_REST_SECONDS = 900


class Pace(Base):
    """What was learnt about one account's provider. `batch`: how many operations it takes at once
    (None: as many as the adapter sends). `rest_seconds`: how long it last refused after
    `limited_at`. `channels_wait_until`: no push channel is asked for before.
    """

    account = ForeignKeyField(Account, unique=True, on_delete="CASCADE")
    batch = IntegerField(null=True)
    rest_seconds = IntegerField(default=0)
    limited_at = InstantField(null=True)
    channels_wait_until = InstantField(null=True)

    @classmethod
    def of(cls, account: Account) -> "Pace":
        """The account's row, new where nothing was learnt yet."""
        return cls.get_or_none(cls.account == account) or cls(account=account)

    def went_on(self, at: datetime) -> bool:
        """Something went through at this instant: whether that is news, after a refusal. Saves
        nothing.
        """
        if self.limited_at is None:
            return False
        rest = int((at - self.limited_at).total_seconds())
        self.rest_seconds, self.limited_at = min(max(rest, 0), LONGEST_REST_SECONDS), None
        return True


class ToldChange(Base):
    """A webhook message about one version of an event in our calendar that came during a run: it
    may tell of that run's own writing.
    """

    account = ForeignKeyField(Account, on_delete="CASCADE")
    remote_id = CharField(ID_LENGTH)
    etag = CharField(300)

    @classmethod
    def take(cls, account: Account) -> bool:
        """Delete the account's messages. Whether any told something that we do not know. Inside the
        lease.
        """
        rows = list(cls.select().where(cls.account == account))
        if rows:
            cls.delete().where(cls.id.in_([row.id for row in rows])).execute()
        return any(not is_known(account.id, row.remote_id, row.etag) for row in rows)


class ReadPage(Base):
    """One page, sealed, of a read that ended with its time slice: the next slice continues after
    it. `place`: a hash of its address.
    """

    calendar = ForeignKeyField(RemoteCalendar, on_delete="CASCADE")
    place = CharField(64)
    purpose = CharField(10, default="")  # what it was read for: "" (what changed) or "search"
    sealed = TextField()
    read_at = InstantField(default=now)

    class Meta:
        indexes = ((("calendar", "place"), True),)


class Revocation(Base):
    """Sealed credentials that are to be revoked: the provider could not be reached when the account
    was disconnected. By `email_hash` we recognise the account when somebody connects it again.
    """

    kind = CharField(20)
    email_hash = CharField(64)
    sealed = TextField()
    tries = IntegerField(default=0)
    retry_at = InstantField()
    given_up_at = InstantField()


def is_known(account_id: int, remote_id: str, etag: str) -> bool:
    """Whether this is the version of the event that our last write or read left. `etag` "": that it
    is deleted.
    """
    ours = MappingRow.select().where(
        MappingRow.account == account_id, MappingRow.remote_id == remote_id
    )
    return ours.where(
        (MappingRow.etag == etag) & (MappingRow.phase == "synced")
        if etag
        else MappingRow.phase == "gone"
    ).exists()


def clean_up(at: datetime) -> None:
    """Delete pages of reads that nobody continued, though the provider let us."""
    waiting = (
        RemoteCalendar.select(RemoteCalendar.id)
        .join(Account)
        .where(Account.wait_until > at - KEPT_PAGES)
    )
    is_given_up = (ReadPage.read_at < at - KEPT_PAGES) & ReadPage.calendar.not_in(waiting)
    ReadPage.delete().where(is_given_up | (ReadPage.read_at < at - LONGEST_READ)).execute()
