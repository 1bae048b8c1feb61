"""What a person should know or decide about an account."""

from collections.abc import Iterable

from peewee import CharField, ForeignKeyField, ModelSelect

from base.database import Base, InstantField, JSONText, now
from base.tables.outside import ExternalEvent
from models import Booking, Clinic

from .accounts import Account, RemoteCalendar

# what a notice may be about, as `Notice` tells
KINDS = (
    "moved",
    "edited",
    "repeated",
    "deleted",
    "deletes",
    "empty",
    "source_empty",
    "double",
    "stray",
    "guests",
    "reconnect",
    "calendar_gone",
    "sync_reminder",
)
EDIT_NOTICES = ("moved", "edited", "repeated", "deleted", "double", "guests")


class Notice(Base):
    """Something that a person should know or decide. At most one open notice of an account has a
    topic.

    `kind`: "moved", "edited", "repeated", "deleted" (our event, outside; `is_put_back` tells what
    we did), "deletes" and "empty" (a safety stop), "source_empty", "double" (an external event
    overlaps a booking), "stray" (an event of ours in another calendar that we may not delete),
    "guests" (somebody invited others to our event), "reconnect", "calendar_gone", "sync_reminder"
    (an owner's or manager's). `detail`: numbers and times, never a name or a title.
    """

    SAFETY_STOP = "safety stop"  # the topic of "deletes" and "empty"

    clinic = ForeignKeyField(Clinic, backref="notices")
    account = ForeignKeyField(Account, backref="notices", on_delete="CASCADE")
    kind = CharField(16)
    topic = CharField(80)
    booking = ForeignKeyField(Booking, null=True, on_delete="CASCADE")
    calendar = ForeignKeyField(RemoteCalendar, null=True, on_delete="CASCADE")
    event = ForeignKeyField(ExternalEvent, null=True, on_delete="CASCADE")
    detail = JSONText(default=dict)
    created_at = InstantField(default=now)
    settled_at = InstantField(null=True)
    settled_as = CharField(16, default="")

    class Meta:
        indexes = ((("account", "topic"), False), (("account", "settled_at"), False))

    @property
    def is_of_whole(self) -> bool:
        """Whether a complete reading of our calendar raised it, so that only another one can tell
        the same again.
        """
        return bool(self.detail.get("whole"))

    @classmethod
    def give(
        cls,
        account: Account,
        kind: str,
        topic: str | None = None,
        still_open: Iterable["Notice"] | None = None,
        **columns: object,
    ) -> "Notice":
        """Tell the person, or update the open notice on this topic. Inside the account's lease, or
        a transition. `still_open`: the open notices, where they were read already.
        """
        if kind not in KINDS:  # its page would have no words for it
            raise ValueError(kind)
        topic = topic or kind
        if still_open is None:
            still_open = cls.select().where(
                cls.account == account, cls.topic == topic, cls.settled_at.is_null()
            )
        row = next((row for row in still_open if row.topic == topic), None)
        row = row or cls(clinic=account.clinic_id, account=account, topic=topic)
        row.kind = kind
        for name, value in columns.items():
            setattr(row, name, value)
        row.save()
        return row

    @classmethod
    def open_of(cls, account: Account) -> "ModelSelect[Notice]":
        """What waits for the account's person, the newest first."""
        rows = cls.select().where(cls.account == account, cls.settled_at.is_null())
        return rows.order_by(cls.id.desc())

    @classmethod
    def question(cls, account: Account) -> "Notice | None":
        """What the account's person is asked about a plan, and has not answered yet."""
        found: Notice | None = cls.open_of(account).where(cls.topic == cls.SAFETY_STOP).first()
        return found

    @classmethod
    def settle(cls, account: Account, topic: str | None, how: str) -> None:
        """Close the open notices on a topic (None: all of the account)."""
        about = [cls.topic == topic] if topic else []
        cls.update(settled_at=now(), settled_as=how).where(
            cls.account == account, cls.settled_at.is_null(), *about
        ).execute()

    def close(self, how: str) -> bool:
        """Settle this one. False where somebody already did: of two who press at once, one
        decides.
        """
        return bool(
            Notice.update(settled_at=now(), settled_as=how)
            .where(Notice.id == self.id, Notice.settled_at.is_null())
            .execute()
        )
