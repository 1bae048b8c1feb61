"""Security events: sign-ins, failed tries, refused forms. They are kept for a while, for the owner
to read; they contain no name and no address in clear text.
"""

from datetime import datetime, timedelta

from peewee import SQL, CharField, ForeignKeyField, IntegerField, ModelSelect, fn

from base.database import Base, InstantField, database, now
from models import Clinic, User

KEPT = timedelta(days=90)
TOGETHER = timedelta(hours=1)  # a repetition within it is counted, not listed
MOST = 200  # rows of one kind that strangers can cause within that time; more are only counted
KINDS = (
    "signed_in",
    "new_device",
    "refused",
    "braked",
    "form_refused",
    "signed_out",
    "session_ended",
    "everywhere",
    "password",
    "link_used",
    "link_refused",
)


class SecurityEvent(Base):
    """One security event, or several equal ones.

    `source`: a keyed hash of the network address, to tell sources apart. `device`: a word such as
    "Firefox on Windows". `clinic` and `user`: those concerned; None if the typed name or address is
    unknown.
    """

    clinic = ForeignKeyField(Clinic, null=True, on_delete="CASCADE")
    user = ForeignKeyField(User, null=True, on_delete="CASCADE")
    kind = CharField(20)
    source = CharField(16, default="")
    device = CharField(60, default="")
    count = IntegerField(default=1)
    first_at = InstantField(default=now)
    at = InstantField(default=now)

    class Meta:
        indexes = ((("clinic", "at"), False), (("kind", "at"), False))

    @classmethod
    @database.atomic()
    def note(
        cls, kind: str, clinic_id: int | None, user_id: int | None, source: str, device: str
    ) -> None:
        """Add an event, or count it with an equal one of the last hour."""
        at = now()
        recent = cls.kind == kind, cls.at > at - TOGETHER
        if cls.select().where(*recent).count() >= MOST:
            source, device = "", ""
        same = (
            cls.clinic == clinic_id,
            cls.user == user_id,
            cls.source == source,
            cls.device == device,
        )
        if not cls.update(count=cls.count + 1, at=at).where(*recent, *same).execute():
            cls.create(clinic=clinic_id, user=user_id, kind=kind, source=source, device=device)

    @classmethod
    def listed(cls, clinic: Clinic) -> "ModelSelect[SecurityEvent]":
        """The clinic's events, newest first, with the person each concerns.

        If there is only one clinic, events of unknown people are among them.
        """
        alone = ~fn.EXISTS(Clinic.select(SQL("1")).where(Clinic.id != clinic.id))
        own = (cls.clinic == clinic) | cls.clinic.is_null() & alone
        return (
            cls.select(cls, User)
            .left_outer_join(User)
            .where(own)
            .order_by(cls.at.desc(), cls.id.desc())
        )

    @classmethod
    def clean_up(cls, at: datetime) -> None:
        """Delete events that were kept long enough."""
        cls.delete().where(cls.at < at - KEPT).execute()
