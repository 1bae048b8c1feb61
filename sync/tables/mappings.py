"""The state that both sides last agreed on: one row for each booking and its event outside."""

from collections.abc import Collection

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, ModelSelect, fn

from base.database import Base, InstantField
from base.tables.bulk import tuples
from base.tables.outside import ID_LENGTH
from models import Booking, Practitioner

from .accounts import Account
from .strays import Stray


class MappingRow(Base):
    """A booking and its event outside, as both sides last agreed
    (`sync.events.event.EventMapping`). `problem`: why it cannot be written, in one word; it is
    tried again at `retry_at`. `writes` counts writes in the hour from `counted_at`, to notice
    something that undoes them again and again. `doubted_at`: when one answer said that the event
    is not there. `written_at`: when we wrote or deleted what no reading has confirmed since.
    """

    account = ForeignKeyField(Account, backref="mappings", on_delete="CASCADE")
    uid = CharField(36)
    booking = ForeignKeyField(Booking, null=True, on_delete="SET NULL")
    is_away = BooleanField(default=False)  # whether it is time off, not a booking
    remote_id = CharField(ID_LENGTH, default="")
    etag = CharField(300, default="")
    sequence = IntegerField(default=0)
    fingerprint = CharField(120, default="")
    wanted = CharField(120, default="")
    phase = CharField(10)
    generation = IntegerField(default=1)
    updated_at = InstantField(null=True)
    # guests that somebody added to the event outside; None: unknown
    guests = IntegerField(null=True)
    guests_told = IntegerField(null=True)  # guests that the person knows from a notice
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


OUTSIDE = MappingRow.phase.in_(("synced", "frozen", "deleting"))  # the event is still there


def left_outside(account: Account) -> int:
    """The number of events of ours that are still outside by our records, with strays."""
    standing = MappingRow.select().where(MappingRow.account == account, OUTSIDE)
    return int(standing.count() + Stray.select().where(Stray.account == account).count())


def counts(account: Account) -> dict[str, int]:
    """The number of bookings whose events are outside ("synced"), wait to be written ("waiting"),
    or failed ("failed").
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


def with_problems(accounts: Collection[int], most: int) -> "ModelSelect[MappingRow]":
    """Mappings of these accounts (by id) that cannot be written, each with its booking; without
    those that a person kept outside.
    """
    return (
        MappingRow.select(MappingRow, Booking)
        .left_outer_join(Booking)
        .where(MappingRow.account.in_(list(accounts)), MappingRow.problem.not_in(("", "kept")))
        .limit(most)
    )


def beyond(account: Account, covers: Collection[int] | None) -> int:
    """The number of events outside whose bookings lie in other calendars than these (by id; None:
    all of the person's).
    """
    own = Practitioner.select(Practitioner.id).where(Practitioner.user == account.user_id)
    going = own if covers is None else list(covers)
    rows = (
        MappingRow.select()
        .join(Booking)
        .where(
            MappingRow.account == account,
            MappingRow.phase.in_(("synced", "frozen")),
            Booking.practitioner.not_in(going),
        )
    )
    return int(rows.count())
