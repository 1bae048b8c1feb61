"""What a note said before it was changed.

Notes are health data: this table is for whoever may read the note, and for nobody else.
"""

from typing import Any

from peewee import CharField, DeferredForeignKey, IntegerField, ModelSelect, TextField

from base.database import Base, InstantField, now


class NoteVersion(Base):
    """An earlier text of the notes of a booking or a client: who replaced it, and when.

    Nothing of it goes to feeds, logs or the audit.
    """

    clinic = DeferredForeignKey("Clinic", backref="note_versions")
    user = DeferredForeignKey("User", null=True, backref="note_versions")
    kind = CharField(20)
    subject = IntegerField()
    text = TextField()
    at = InstantField(default=now)

    class Meta:
        indexes = ((("kind", "subject"), False),)

    @classmethod
    def keep(cls, row: Any, actor: Base | None) -> None:
        """Keep the row's notes as they are now, in the transaction that is about to change them.

        An empty note counts: when it was filled matters.
        """
        cls.create(
            clinic=row.clinic_id,
            user=actor,
            kind=row._meta.table_name,
            subject=row.id,
            text=row.notes,
        )

    @classmethod
    def of(cls, row: Any) -> "ModelSelect[NoteVersion]":
        """The earlier texts of a row's notes, newest first, each with who replaced it."""
        person: Any = cls.user.rel_model  # type: ignore[attr-defined]  # once it is known
        return (
            cls.select(cls, person)
            .left_outer_join(person)
            .where(
                cls.kind == row._meta.table_name, cls.subject == row.id, cls.clinic == row.clinic_id
            )
            .order_by(cls.id.desc())
        )

    @classmethod
    def forget(cls, row: Any) -> None:
        """Delete the earlier texts of a row's notes."""
        mine = cls.kind == row._meta.table_name, cls.subject == row.id
        cls.delete().where(*mine, cls.clinic == row.clinic_id).execute()
