"""Events of ours in other calendars than ours."""

from peewee import CharField, ForeignKeyField

from base.database import Base
from base.tables.outside import ID_LENGTH

from .accounts import Account


class Stray(Base):
    """An event of ours in another calendar than ours. `uid`: the booking's, "" where there is none.
    `problem`: why it cannot be deleted, in one word; the person was told then.
    """

    account = ForeignKeyField(Account, backref="strays", on_delete="CASCADE")
    calendar_id = CharField(ID_LENGTH)
    name = CharField(300)  # the calendar's
    remote_id = CharField(ID_LENGTH)
    uid = CharField(36)
    fingerprint = CharField(120)
    problem = CharField(60, default="")
