"""Internal IDs of clients that the program itself had to change, for the owner to read."""

from peewee import CharField, ForeignKeyField

from base.database import Base, database
from base.tables.audit import AuditEntry
from models import Clinic, Patient, User


class IdChange(Base):
    """An upgrade gave the client another internal ID, since an older client has the same in other
    capitals. `was`: the earlier one.
    """

    clinic = ForeignKeyField(Clinic, on_delete="CASCADE")
    patient = ForeignKeyField(Patient, on_delete="CASCADE")
    was = CharField(20)

    @classmethod
    def listed(cls, clinic: Clinic) -> list["IdChange"]:
        """The clinic's, with the clients as they are now."""
        return list(
            cls.select(cls, Patient).join(Patient).where(cls.clinic == clinic).order_by(cls.id)
        )

    @classmethod
    @database.atomic()
    def put_away(cls, clinic: Clinic, actor: User) -> None:
        """Note that the owner has read the list."""
        if cls.delete().where(cls.clinic == clinic).execute():
            AuditEntry.note(clinic, actor, "clinic.ids_read", clinic)
