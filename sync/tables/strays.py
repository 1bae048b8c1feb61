"""Events of ours in calendars other than ours."""

from peewee import CharField, ForeignKeyField, IntegerField

from base.database import Base
from base.tables.outside import ID_LENGTH

from .accounts import Account


class Stray(Base):
    """An event of ours in a calendar other than ours. `uid`: the booking's, "" if there is none.
    `tries`: deletions that were refused in a row. `problem`: why it cannot be deleted, in one word;
    the person was told then. `decided`: "remove" or "keep", the person's decision if its booking is
    unknown here.
    """

    account = ForeignKeyField(Account, backref="strays", on_delete="CASCADE")
    calendar_id = CharField(ID_LENGTH)
    name = CharField(300)  # the calendar's name
    remote_id = CharField(ID_LENGTH)
    uid = CharField(36)
    fingerprint = CharField(120)
    tries = IntegerField(default=0)
    problem = CharField(60, default="")
    decided = CharField(8, default="")
