"""Internal IDs of clients that the program itself had to change, for the owner to read."""

from peewee import CharField, ForeignKeyField

from base.database import Base, database
from base.tables.audit import AuditEntry
from models import Clinic, Patient, User


class IdChange(Base):
    """A client to whom an upgrade gave another internal ID, because an older client has the same ID
    in other capitals. `was`: the earlier ID.
    """

    clinic = ForeignKeyField(Clinic, on_delete="CASCADE")
    patient = ForeignKeyField(Patient, on_delete="CASCADE")
    was = CharField(20)

    @classmethod
    def listed(cls, clinic: Clinic) -> list["IdChange"]:
        """The changes of internal IDs in the clinic, with the clients as they are now."""
        return list(
            cls.select(cls, Patient).join(Patient).where(cls.clinic == clinic).order_by(cls.id)
        )

    @classmethod
    @database.atomic()
    def put_away(cls, clinic: Clinic, actor: User) -> None:
        """Note that the owner has read the list."""
        if cls.delete().where(cls.clinic == clinic).execute():
            AuditEntry.note(clinic, actor, "clinic.ids_read", clinic)
