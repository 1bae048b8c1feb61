"""Earlier texts of notes.

Notes are health data: only people who may read the note may read this table.
"""

import re
from typing import Any

from peewee import CharField, DeferredForeignKey, IntegerField, ModelSelect, TextField

from base.database import Base, InstantField, now


class NoteVersion(Base):
    """An earlier text of the notes of a booking or a client: who replaced it, and when.

    It never goes to feeds, logs or the history.
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
        """Store the row's present notes before they change. Call it in the transaction that changes
        them. Empty notes are stored as well: the history shows when the first note was written.
        """
        cls.create(
            clinic=row.clinic_id,
            user=actor,
            kind=row._meta.table_name,
            subject=row.id,
            text=row.notes,
        )

    @classmethod
    def of(cls, row: Any, most: int | None = None) -> "ModelSelect[NoteVersion]":
        """The earlier texts of a row's notes, newest first, at most so many, each with who replaced
        it.
        """
        person: Any = cls.user.rel_model  # type: ignore[attr-defined]  # once it is known
        return (
            cls.select(cls, person)
            .left_outer_join(person)
            .where(
                cls.kind == row._meta.table_name, cls.subject == row.id, cls.clinic == row.clinic_id
            )
            .order_by(cls.id.desc())
            .limit(most)
        )

    @classmethod
    def forget(cls, row: Any) -> None:
        """Delete the earlier texts of a row's notes."""
        mine = cls.kind == row._meta.table_name, cls.subject == row.id
        cls.delete().where(*mine, cls.clinic == row.clinic_id).execute()

    @classmethod
    def forget_first(cls, row: Any) -> str:
        """Delete the first text of a row's notes from all later ones, and return what is left of
        the present one: the text that others added. If nothing is left of any, no earlier text
        is kept.
        """
        versions = list(cls.of(row))
        first = versions[-1].text if versions else row.notes
        left = _without(row.notes, first)
        texts = [_without(version.text, first) for version in versions]
        if not left and not any(texts):
            cls.forget(row)
        for version, text in zip(versions, texts, strict=True):
            cls.update(text=text).where(cls.id == version.id).execute()
        return left


def _without(text: str, words: str) -> str:
    """A note without these words, which it contains as a whole or line by line."""
    if not words.strip():
        return text
    whole = rf"(?<!\w){re.escape(words.strip())}(?!\w)"
    theirs = {line.strip() for line in words.splitlines()} - {""}
    lines = [line for line in re.sub(whole, "", text).splitlines() if line.strip() not in theirs]
    return "\n".join(lines).strip()
