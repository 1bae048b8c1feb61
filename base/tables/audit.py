"""The history: who changed what, and when."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from peewee import CharField, DeferredForeignKey, IntegerField, ModelSelect, fn

from base.database import Base, InstantField, JSONText, now
from base.scheduling import is_recent

from .bulk import insert_many_rows, tuples

SAME_PRESS = timedelta(minutes=1)


class AuditEntry(Base):
    """An entry of the history: who changed what, and when.

    `detail` contains counts, times and settings; never a client's name, a token or a URL.
    """

    clinic = DeferredForeignKey("Clinic", backref="audit")
    user = DeferredForeignKey("User", null=True)
    action = CharField(40)
    kind = CharField(20)
    subject = IntegerField()
    detail = JSONText(default=dict)
    at = InstantField(default=now)
    # If one change touched several rows: the id of the main entry.
    part_of = IntegerField(null=True, index=True)

    class Meta:
        indexes = ((("clinic", "at"), False), (("kind", "subject"), False))

    @classmethod
    def note(
        cls, clinic: Base, actor: Base | None, action: str, row: Base, **detail: Any
    ) -> "AuditEntry":
        """Add an entry, in the transaction of the change.

        `actor` None: the command line or the program itself.
        """
        return cls.create(
            clinic=clinic,
            user=actor,
            action=action,
            kind=row._meta.table_name,
            subject=row.id,
            detail=detail,
        )

    @classmethod
    def note_change(
        cls,
        clinic: Base,
        actor: Base | None,
        action: str,
        row: Base,
        fields: list[str],
        **more: Any,
    ) -> None:
        """Add an entry about these columns, as `note`; none if nothing changed, as where a button
        was pressed twice.
        """
        if fields:
            cls.note(clinic, actor, action, row, fields=fields, **more)

    @classmethod
    def note_once(
        cls,
        clinic: Base,
        actor: Base | None,
        action: str,
        row: Base,
        after: tuple[str, ...] = (),
        **detail: Any,
    ) -> None:
        """Add an entry, as `note`; none if the newest entry about the row has this action, or one
        of `after`, and the same person made it within SAME_PRESS: a button was pressed twice.
        """
        last = cls.latest(row)
        is_same = last is not None and last.action in (action, *after) and last.user == actor
        if last is None or not is_same or not is_recent(last.at, SAME_PRESS):
            cls.note(clinic, actor, action, row, **detail)

    @classmethod
    def is_second_press(cls, row: Base, actor: Base | None, action: str) -> bool:
        """Whether the newest entry with this action about the row is of the same person and of the
        last SAME_PRESS.
        """
        last = cls.latest(row, action)
        is_own = last is not None and last.user == actor
        return last is not None and is_own and is_recent(last.at, SAME_PRESS)

    @classmethod
    def note_portion(
        cls, clinic: Base, actor: Base | None, action: str, count: int, entry_id: int | None
    ) -> int:
        """Add `count` rows to the entry that the earlier portions of one change made. `entry_id`
        None: there is none yet, so make it.

        Returns the entry's id.
        """
        if entry_id is None:
            return cls.note(clinic, actor, action, clinic, count=count).id
        entry = cls.get_by_id(entry_id)
        entry.detail = {**entry.detail, "count": entry.detail["count"] + count}
        entry.save(only=[cls.detail])
        return entry_id

    def spread(self, rows: Iterable[Base]) -> None:
        """Add entries with the same content for further rows, beneath this one."""
        detail = {
            name: self.detail[name]
            for name in ("fields", "from", "to", "status")
            if name in self.detail
        }
        alike = {
            "clinic": self.clinic_id,
            "user": self.user_id,
            "action": self.action,
            "kind": self.kind,
            "detail": detail,
            "at": self.at,
        }
        insert_many_rows(
            AuditEntry, (AuditEntry(**alike, subject=row.id, part_of=self.id) for row in rows)
        )

    def set_later(self, actions: Iterable[str]) -> set[int]:
        """The ids of rows of the same table that have a later entry with one of these actions.

        Entries beneath this one do not count.
        """
        apart = AuditEntry.part_of.is_null() | (AuditEntry.part_of != self.id)
        later = AuditEntry.select(AuditEntry.subject).where(
            AuditEntry.clinic == self.clinic_id,
            AuditEntry.kind == self.kind,
            AuditEntry.id > self.id,
            AuditEntry.action.in_(list(actions)),
            apart,
        )
        return {subject for (subject,) in tuples(later)}

    @classmethod
    def listed(cls, clinic: Base, user_id: int | None = None) -> "ModelSelect[AuditEntry]":
        """The clinic's history, newest first, each with the person who acted; `user_id`: of one
        person only.

        A change of several rows is one entry.
        """
        of_one = [cls.user == user_id] if user_id else []
        return (
            cls._with_actor()
            .where(cls.clinic == clinic, cls.part_of.is_null(), *of_one)
            .order_by(cls.id.desc())
        )

    @classmethod
    def about(cls, row: Base, most: int | None = None) -> "ModelSelect[AuditEntry]":
        """The history of one row, newest first, at most so many entries, each with the person who
        acted.
        """
        return (
            cls._with_actor()
            .where(
                cls.kind == row._meta.table_name,
                cls.subject == row.id,
                cls.clinic == getattr(row, "clinic", row),
            )
            .order_by(cls.id.desc())
            .limit(most)
        )

    @classmethod
    def latest(cls, row: Base, action: str = "") -> "AuditEntry | None":
        """The newest entry about a row, with the person who acted; `action`: of this action."""
        only = [cls.action == action] if action else []
        found: AuditEntry | None = cls.about(row).where(*only).first()
        return found

    @classmethod
    def newest(cls, clinic: Base) -> int:
        """The id of the clinic's newest entry, 0 if there is none. Every later entry has a higher
        id.
        """
        return cls.select(fn.MAX(cls.id)).where(cls.clinic == clinic).scalar() or 0

    @classmethod
    def changed_since(cls, entry_id: int, rows: Iterable[Base], actor: Base) -> set[int]:
        """The ids of the rows, all of one table, that anybody but the actor changed after this
        entry.
        """
        ids = {row.id: row for row in rows}
        if not ids:
            return set()
        kind = next(iter(ids.values()))._meta.table_name
        found = cls.select(cls.subject).where(
            cls.kind == kind,
            cls.subject.in_(list(ids)),
            cls.id > entry_id,
            cls.user.is_null() | (cls.user != actor),
        )
        return {subject for (subject,) in tuples(found)}

    @classmethod
    def _with_actor(cls) -> "ModelSelect[AuditEntry]":
        person: Any = cls.user.rel_model  # type: ignore[attr-defined]  # once it is known
        return cls.select(cls, person).left_outer_join(person)
