"""Events of ours outside whose text shows more than may be shown now."""

from collections.abc import Iterable

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField

from base.database import Base, InstantField
from base.tables.bulk import insert_many_rows, tuples
from base.tables.outside import ID_LENGTH

from .accounts import Account


class Excess(Base):
    """An event of ours, in any calendar of the account, whose text shows more than may be shown
    now, and that no plan writes. The row stays until the text is removed, whatever happens in
    between. `is_certain`: remove the text whatever it is. The next try is at `retry_at`. The table
    has the name of an earlier version.
    """

    account = ForeignKeyField(Account, on_delete="CASCADE")
    calendar_id = CharField(ID_LENGTH)
    remote_id = CharField(ID_LENGTH)
    is_certain = BooleanField(default=False)
    tries = IntegerField(default=0)
    retry_at = InstantField(null=True)

    class Meta:
        table_name = "wordy"
        indexes = ((("account", "calendar_id", "remote_id"), True),)

    @classmethod
    def note(
        cls, account: Account, calendar_id: str, ids: Iterable[str], is_certain: bool = False
    ) -> None:
        """Note these events, inside the account's lease."""
        mine = cls.account == account, cls.calendar_id == calendar_id
        known = {remote_id for (remote_id,) in tuples(cls.select(cls.remote_id).where(*mine))}
        ids = set(ids)
        if is_certain and ids & known:
            cls.update(is_certain=True, retry_at=None).where(
                *mine, cls.remote_id.in_(sorted(ids & known))
            ).execute()
        insert_many_rows(
            cls,
            [
                cls(account=account, calendar_id=calendar_id, remote_id=key, is_certain=is_certain)
                for key in sorted(ids - known)
            ],
        )

    @classmethod
    def of(cls, account: Account) -> int:
        """The number of such events in an account."""
        return int(cls.select().where(cls.account == account).count())
