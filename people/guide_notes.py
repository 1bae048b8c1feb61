"""Feedback of the clinic's people about the guides of Help, for the contact and the managers."""

import re
from datetime import datetime, timedelta

from peewee import BooleanField, CharField, ForeignKeyField, ModelSelect, TextField

from base.database import Base, InstantField, database, now
from base.tables.outbox import Letter
from models import Clinic, User

LETTER = "guide_note"  # the kind of its letter
KEPT = timedelta(days=365)
MOST = 200  # answers of one clinic that are kept: the newest
LONGEST = 1000  # characters of a note


class GuideNote(Base):
    """One answer to "Was this page helpful?". `page`: the guide's name in its address."""

    clinic = ForeignKeyField(Clinic, on_delete="CASCADE")
    user = ForeignKeyField(User, null=True, on_delete="SET NULL")
    page = CharField(40)
    is_helpful = BooleanField()
    note = TextField(default="")
    created_at = InstantField(default=now)

    @classmethod
    @database.atomic()
    def give(cls, user: User, page: str, is_helpful: bool, note: str) -> "GuideNote":
        """Keep the answer, and write to the contact if there is a note."""
        row = cls.create(clinic=user.clinic, user=user, page=page, is_helpful=is_helpful, note=note)
        oldest = cls.select(cls.id).where(cls.clinic == user.clinic).order_by(cls.id.desc())
        kept = [one.id for one in oldest.limit(MOST)]
        cls.delete().where(cls.clinic == user.clinic, cls.id < kept[-1]).execute()
        if note or not is_helpful:
            for address in addresses(user.clinic):
                Letter.write(user.clinic, LETTER, row, address, address)
        return row

    @classmethod
    def listed(cls, clinic: Clinic) -> "ModelSelect[GuideNote]":
        """The clinic's answers, the newest first, each with the person who gave it."""
        rows = cls.select(cls, User).left_outer_join(User, attr="by")
        return rows.where(cls.clinic == clinic).order_by(cls.id.desc())

    @classmethod
    def forget(cls, clinic: Clinic) -> None:
        """Delete all answers of the clinic."""
        cls.delete().where(cls.clinic == clinic).execute()


def addresses(clinic: Clinic) -> list[str]:
    """The addresses for the letter: the contact, if it is an address; else the owners."""
    contact = clinic.contact.strip()
    if re.fullmatch(r"[^@\s]+@[^@\s]+", contact):
        return [contact]
    owners = User.clinic == clinic, User.role == "owner", User.left_at.is_null()
    return [user.email for user in User.select().where(*owners).order_by(User.id)]


def clean_up(at: datetime) -> None:
    """Delete old answers."""
    GuideNote.delete().where(GuideNote.created_at < at - KEPT).execute()
