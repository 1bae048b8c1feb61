"""New clients: each gets an internal ID of the clinic, and its search columns.

`Numbered` is the part of `models.Patient` for it.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from peewee import SQL, BooleanField, fn

from base.database import AlreadyUsed, Base, database, is_sqlite, joined, unique
from base.text import search_key

from .audit import AuditEntry
from .bulk import insert_many_rows
from .traits import Archivable

# the exact words of the index `patient_number`, by which both databases use it
_NUMBER = SQL("CAST(SUBSTR(internal_id, 3) AS BIGINT)")
_GENERATED = {  # whether an internal ID is K- and one to nine digits, in each database's words
    True: SQL(
        "internal_id GLOB '[Kk]-[0-9]*' AND LENGTH(internal_id) < 12"
        " AND internal_id NOT GLOB '??*[^0-9]*'"
    ),
    False: SQL("internal_id ~* '^k-[0-9]{1,9}$'"),
}


class NumberIndex(SQL):
    """The index that finds the largest internal ID, in the database's words."""

    def __init__(self) -> None:
        super().__init__("CREATE INDEX IF NOT EXISTS patient_number ON patient")

    def __sql__(self, ctx: Any) -> Any:
        """See Peewee's `Node`: the SQL, which depends on the database."""
        is_generated = _GENERATED[is_sqlite()].sql
        return ctx.literal(f"{self.sql} (clinic_id, {_NUMBER.sql}) WHERE {is_generated}")


class Numbered(Archivable):
    """A client with an internal ID, unique in the clinic.

    `texts`: the client asked for text messages to the number.
    """

    texts = BooleanField(default=False)

    if TYPE_CHECKING:  # columns of the table itself
        clinic: Any
        internal_id: Any
        first_name: Any
        last_name: Any
        email: Any
        phone: Any
        search: Any

    @property
    def record_in_use(self) -> Any:
        """The record in use for this client: another one if the two were merged."""
        row: Any = type(self).get_by_id(self.id)
        return row.merged_into or row

    def lay_down(self) -> None:
        """Set the search columns."""
        self.search = search_key(
            self.first_name,
            self.last_name,
            self.internal_id,
            self.email,
            self.phone,
            "".join(c for c in self.phone if c.isdigit()),
        )[:600]

    @classmethod
    def with_id(cls, clinic: Base, internal_id: str) -> list[Any]:
        """The clinic's clients with this internal ID, upper and lower case aside.

        SQLite, and PostgreSQL without a language of its own, know the case of A to Z alone: their
        unique index takes "Ż-1" and "ż-1" for two.
        """
        folded = internal_id.lower()
        same = (
            fn.LOWER(cls.internal_id) == folded
            if internal_id.isascii()
            else cls.search.contains(search_key(internal_id))
        )
        rows: Any = cls.select().where(cls.clinic == clinic, cls.internal_id.is_null(False))
        return [row for row in rows.where(same) if row.internal_id.lower() == folded]

    def _is_id_used(self) -> bool:
        """Whether another client has an ID that the schema cannot compare with this one."""
        own = self.internal_id
        if not own or own.isascii():
            return False
        return any(row.id != self.id for row in type(self).with_id(self.clinic, own))

    def save(self, *args: Any, **kwargs: Any) -> Any:
        """Save the row with its search columns. Raises AlreadyUsed, or the schema's error, for an
        internal ID in use.
        """
        self.lay_down()
        if "internal_id" in self.dirty_field_names and self._is_id_used():
            raise AlreadyUsed
        if kwargs.get("only"):
            kwargs["only"] = [*kwargs["only"], type(self).search]
        return super().save(*args, **kwargs)

    @classmethod
    def next_internal_id(cls, clinic: Base) -> str:
        """The next free generated ID, from K-1001 up.

        The schema keeps IDs unique; if two are saved at once, the second tries again.
        """
        is_generated = _GENERATED[is_sqlite()]
        rows: Any = cls.select(_NUMBER).where(cls.clinic == clinic, is_generated)
        return f"K-{(rows.order_by(_NUMBER.desc()).limit(1).scalar() or 1000) + 1}"

    @classmethod
    def add(cls, clinic: Base, actor: Base | None, *, internal_id: str = "", **fields: Any) -> Any:
        """Add a client; without an internal ID they get the next free one, also if two are saved at
        once.

        Raises AlreadyUsed.
        """
        for _ in range(1 if internal_id else 5):
            number = internal_id or cls.next_internal_id(clinic)
            with joined():
                client = cls(clinic=clinic, internal_id=number, **fields)
                if client.insert_unless_used():
                    AuditEntry.note(clinic, actor, "patient.added", client)
                    return client
        raise AlreadyUsed

    def insert_unless_used(self) -> bool:
        """Insert the row; False if its internal ID is in use. It needs no savepoint, since clients
        are added while the clinic is locked.
        """
        self.lay_down()
        if self._is_id_used():
            return False
        table: Any = type(self)
        row = table.insert(self.__data__).on_conflict_ignore().returning(table.id)
        made = list(row.tuples().execute())
        if made:
            self.id = made[0][0]
            self._dirty.clear()  # type: ignore[attr-defined]  # its stubs lack it
        return bool(made)

    @classmethod
    def named(cls, clinic: Base, actor: Base | None, name: str, **contact: Any) -> Any:
        """Add a client by the whole name: its first word, and the rest.

        `contact` may contain `phone`, `email`, `texts` (wants text messages) and `internal_id`.
        """
        first, _, last = name.partition(" ")
        names = {"first_name": first[:80], "last_name": last.strip()[:80]}
        return cls.add(clinic, actor, **names, **contact)

    @classmethod
    def add_many(
        cls,
        clinic: Base,
        rows: Iterable[dict[str, Any]],
        actor: Base | None,
        entry_id: int | None = None,
    ) -> int:
        """Insert many clients (columns by name), with one entry of the history for all.

        Returns its id, which the next portion of the same import passes in. Raises AlreadyUsed.
        """

        def clients() -> Iterator[Numbered]:
            for row in rows:
                client = cls(clinic=clinic.id, **row)
                client.lay_down()
                yield client

        with database.atomic():
            with unique():
                count = insert_many_rows(cls, clients())
            return AuditEntry.note_portion(clinic, actor, "patients.added", count, entry_id)

    @classmethod
    def fill_internal_ids(cls, clinic: Base) -> None:
        """Give the next free internal IDs to clients without one, oldest first."""
        with database.atomic():
            first = int(cls.next_internal_id(clinic)[2:])
            nameless: Any = cls.select().where(cls.clinic == clinic, cls.internal_id.is_null())
            for number, client in enumerate(nameless.order_by(cls.id), first):
                client.internal_id = f"K-{number}"
                client.save(only=[cls.internal_id])
