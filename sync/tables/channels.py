"""Push channels, through which providers tell us about changes."""

import secrets
import uuid
from datetime import datetime

from peewee import BooleanField, CharField, ForeignKeyField

from base import vault
from base.database import Base, InstantField, now
from models import Clinic

from .accounts import Account, RemoteCalendar


class Channel(Base):
    """A push channel: the provider calls `/webhooks/<kind>/<uuid>`. Only a hash of its secret is
    kept. `channel_id` is the provider's.
    """

    clinic = ForeignKeyField(Clinic)
    account = ForeignKeyField(Account, backref="channels", on_delete="CASCADE")
    calendar = ForeignKeyField(RemoteCalendar, backref="channels", on_delete="CASCADE")
    uuid = CharField(36, unique=True, default=lambda: str(uuid.uuid4()))
    channel_id = CharField(200, default="")
    resource_id = CharField(300, default="")
    secret_hash = CharField(64)
    opened_at = InstantField(default=now)
    expires_at = InstantField()
    called_at = InstantField(null=True)
    is_open = BooleanField(default=False)
    wants = CharField(10, default="")  # "renew" or "removed", as the provider said

    class Meta:
        indexes = ((("channel_id",), False),)

    @classmethod
    def prepare(cls, calendar: RemoteCalendar, expires_at: datetime) -> tuple["Channel", str]:
        """A channel and its secret, stored before the provider is asked: its first call may come
        before its answer.
        """
        secret = secrets.token_urlsafe(32)
        ours = {"clinic": calendar.clinic_id, "account": calendar.account_id, "calendar": calendar}
        return cls.create(**ours, secret_hash=vault.hash_of(secret), expires_at=expires_at), secret
