"""What both sides last agreed on: one row for each booking and its event outside."""

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, fn

from base.database import Base, InstantField
from base.tables.many import tuples
from base.tables.outside import ID_LENGTH
from models import Booking

from .accounts import Account
from .strays import Stray


class MappingRow(Base):
    """A booking and its event outside, as both sides last agreed
    (`sync.events.event.EventMapping`). `problem`: why it cannot be written, in one word; nothing is
    tried until `retry_at`. `writes` counts writes in the hour from `counted_at`, to notice
    something that undoes them again and again. `doubted_at`: when one answer said that the event is
    not there. `written_at`: when we wrote what no reading has confirmed since.
    """

    account = ForeignKeyField(Account, backref="mappings", on_delete="CASCADE")
    uid = CharField(36)
    booking = ForeignKeyField(Booking, null=True, on_delete="SET NULL")
    is_away = BooleanField(default=False)  # it is time off, and no booking
    remote_id = CharField(ID_LENGTH, default="")
    etag = CharField(300, default="")
    sequence = IntegerField(default=0)
    fingerprint = CharField(120, default="")
    wanted = CharField(120, default="")
    phase = CharField(10)
    generation = IntegerField(default=1)
    updated_at = InstantField(null=True)
    # how many somebody added to the event outside; None: not known
    guests = IntegerField(null=True)
    guests_told = IntegerField(null=True)  # of how many the person was told
    problem = CharField(60, default="")
    tries = IntegerField(default=0)
    retry_at = InstantField(null=True)
    writes = IntegerField(default=0)
    counted_at = InstantField(null=True)
    doubted_at = InstantField(null=True)
    written_at = InstantField(null=True)

    class Meta:
        table_name = "mapping"
        indexes = ((("account", "uid"), True), (("account", "phase"), False))


def left_outside(account: Account) -> int:
    """How many events of ours are still outside by our records, strays included."""
    standing = MappingRow.select().where(
        MappingRow.account == account, MappingRow.phase.in_(("synced", "frozen", "deleting"))
    )
    return int(standing.count() + Stray.select().where(Stray.account == account).count())


def counts(account: Account) -> dict[str, int]:
    """How many bookings' events are outside ("synced"), are waiting to be written ("waiting"), or
    failed ("failed").
    """
    of_phase = (
        MappingRow.select(MappingRow.phase, fn.COUNT(MappingRow.id))
        .where(MappingRow.account == account)
        .group_by(MappingRow.phase)
    )
    rows: dict[str, int] = dict(tuples(of_phase))
    failed = (
        MappingRow.select().where(MappingRow.account == account, MappingRow.problem != "").count()
    )
    return {
        "synced": rows.get("synced", 0),
        "waiting": rows.get("creating", 0) + rows.get("deleting", 0),
        "failed": failed,
    }
