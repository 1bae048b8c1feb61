"""Things that a person should know or decide about an account."""

from collections.abc import Iterable

from peewee import CharField, ForeignKeyField, ModelSelect

from base.database import Base, InstantField, JSONText, now
from base.tables.outside import ExternalEvent
from models import Booking, Clinic

from .accounts import Account, RemoteCalendar

CHANGES = ("moved", "edited", "repeated", "deleted")  # what became of an event of ours outside
# the kinds of a notice, see `Notice`
KINDS = (
    *CHANGES,
    "deletes",
    "empty",
    "source_empty",
    "double",
    "stray",
    "stray_unknown",
    "guests",
    "reconnect",
    "calendar_gone",
    "sync_reminder",
)
EDIT_NOTICES = (*CHANGES, "double", "guests")


class Notice(Base):
    """Something that a person should know or decide. An account has at most one open notice for
    each topic.

    `kind`: "moved", "edited", "repeated", "deleted" (our event, outside; `is_put_back` tells what
    we did), "deletes" and "empty" (a safety stop), "source_empty", "double" (an external event
    overlaps a booking), "stray" (an event of ours in another calendar that we may not delete),
    "stray_unknown" (one of a booking that is not known here; `stray` is its row), "guests"
    (somebody invited others to our event), "reconnect", "calendar_gone", "sync_reminder" (an
    owner's or manager's). `detail`: numbers and times, never a name or a title.
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
        """Whether a complete reading of our calendar raised it, so that only another complete
        reading can raise it again.
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
        """Add a notice, or update the open one on this topic. Call it inside the account's lease,
        or a transition. `still_open`: the open notices, if they were read already.
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
        """The open notices of the account's person, newest first."""
        rows = cls.select().where(cls.account == account, cls.settled_at.is_null())
        return rows.order_by(cls.id.desc())

    @classmethod
    def question(cls, account: Account) -> "Notice | None":
        """The open question about a plan that the account's person must answer."""
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
        """Settle this notice. False if somebody already did: if two press at once, one decides."""
        return bool(
            Notice.update(settled_at=now(), settled_as=how)
            .where(Notice.id == self.id, Notice.settled_at.is_null())
            .execute()
        )
