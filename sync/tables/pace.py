"""How fast each account's provider may be asked, and rows that wait between two runs: webhook
messages, pages of unfinished reads, accesses to revoke.
"""

from datetime import datetime, timedelta

from peewee import CharField, ForeignKeyField, IntegerField, TextField

from base.database import Base, InstantField, now
from base.tables.outside import ID_LENGTH

from .accounts import Account, RemoteCalendar
from .mappings import MappingRow

MOST_HALVINGS = 4
RECOVERED = timedelta(days=1)  # time without a refusal after which the pace doubles again
KEPT_PAGES = timedelta(hours=1)  # added to the wait that the provider asked for
LONGEST_READ = timedelta(days=2)  # an older page is read again
LONGEST_REST_SECONDS = 900


class Pace(Base):
    """The pace that one account's provider allows. `batch`: how many operations it accepts at once
    (None: as many as the adapter sends). `rest_seconds`: how long it last refused after
    `limited_at`. `channels_wait_until`: no push channel is opened before. `halvings`: how often
    the pace of single requests was halved, last at `halved_at`.
    """

    account = ForeignKeyField(Account, unique=True, on_delete="CASCADE")
    batch = IntegerField(null=True)
    rest_seconds = IntegerField(default=0)
    limited_at = InstantField(null=True)
    channels_wait_until = InstantField(null=True)
    halvings = IntegerField(default=0)
    halved_at = InstantField(null=True)

    @classmethod
    def of(cls, account: Account) -> "Pace":
        """The account's row; a new one if there is none yet."""
        return cls.get_or_none(cls.account == account) or cls(account=account)

    @classmethod
    def halvings_of(cls, account: Account, at: datetime) -> int:
        """The present number of halvings. Each day without a refusal takes one back."""
        pace = cls.of(account)
        return max(0, pace.halvings - _days(pace.halved_at, at)) if pace.halvings else 0

    def halve(self, at: datetime) -> None:
        """Halve the pace, since the provider refused because of too many requests.
        Saves nothing.
        """
        left = max(0, self.halvings - _days(self.halved_at, at))
        self.halvings, self.halved_at = min(left + 1, MOST_HALVINGS), at

    def went_on(self, at: datetime) -> bool:
        """Note that a request succeeded. Returns whether that ends a time of refusals. Saves
        nothing.
        """
        if self.limited_at is None:
            return False
        rest = int((at - self.limited_at).total_seconds())
        self.rest_seconds, self.limited_at = min(max(rest, 0), LONGEST_REST_SECONDS), None
        return True


def _days(since: datetime | None, at: datetime) -> int:
    return max(0, (at - since) // RECOVERED) if since else 0


class ToldChange(Base):
    """A webhook message about one version of an event in our calendar that came during a run: that
    run may have written the version itself.
    """

    account = ForeignKeyField(Account, on_delete="CASCADE")
    remote_id = CharField(ID_LENGTH)
    etag = CharField(300)

    @classmethod
    def collect(cls, account: Account) -> bool:
        """Delete the account's messages, and return whether any of them is about a version that we
        do not know. Call it inside the lease.
        """
        rows = list(cls.select().where(cls.account == account))
        if rows:
            cls.delete().where(cls.id.in_([row.id for row in rows])).execute()
        return any(not is_known(account.id, row.remote_id, row.etag) for row in rows)


class ReadPage(Base):
    """One page, encrypted, of a read that ended with its time slice: the next slice continues after
    it. `place`: a hash of its address.
    """

    calendar = ForeignKeyField(RemoteCalendar, on_delete="CASCADE")
    place = CharField(64)
    purpose = CharField(10, default="")  # the purpose of the read: "" (changes) or "search"
    sealed = TextField()
    read_at = InstantField(default=now)

    class Meta:
        indexes = ((("calendar", "place"), True),)


class Revocation(Base):
    """Encrypted credentials whose access must still be revoked: the provider could not be reached
    when the account was disconnected. `email_hash` recognises the account if somebody connects
    it again.
    """

    kind = CharField(20)
    email_hash = CharField(64)
    sealed = TextField()
    tries = IntegerField(default=0)
    retry_at = InstantField()
    given_up_at = InstantField()


def is_known(account_id: int, remote_id: str, etag: str) -> bool:
    """Whether this version of the event is the one of our last write or read. `etag` "": a deleted
    event.
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
    """Delete pages of reads that nobody continued."""
    waiting = (
        RemoteCalendar.select(RemoteCalendar.id)
        .join(Account)
        .where(Account.wait_until > at - KEPT_PAGES)
    )
    is_given_up = (ReadPage.read_at < at - KEPT_PAGES) & ReadPage.calendar.not_in(waiting)
    ReadPage.delete().where(is_given_up | (ReadPage.read_at < at - LONGEST_READ)).execute()
