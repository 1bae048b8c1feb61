"""How clients come in: each with an internal ID of the clinic, and with what the search looks at.

`Numbered` is the part of `models.Patient` that does it.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from peewee import SQL, fn

from base.database import Base, Taken, database, is_sqlite, joined, unique
from base.text import search_key

from .audit import AuditEntry
from .many import insert_many_rows
from .traits import Archivable

_GENERATED = {  # whether an internal ID is K- and one to nine digits, as each database says it
    True: SQL(
        "internal_id GLOB '[Kk]-[0-9]*' AND LENGTH(internal_id) < 12"
        " AND internal_id NOT GLOB '??*[^0-9]*'"
    ),
    False: SQL("internal_id ~* '^k-[0-9]{1,9}$'"),
}


class Numbered(Archivable):
    """A client with an internal ID, unique in the clinic."""

    if TYPE_CHECKING:  # columns of the table itself
        internal_id: Any
        first_name: Any
        last_name: Any
        email: Any
        phone: Any
        search: Any

    @property
    def standing(self) -> Any:
        """The record that stands for this client now: another, once the two were merged."""
        row: Any = type(self).get_by_id(self.id)
        return row.merged_into or row

    def lay_down(self) -> None:
        """Lay down what the search looks at."""
        self.search = search_key(
            self.first_name,
            self.last_name,
            self.internal_id,
            self.email,
            self.phone,
            "".join(c for c in self.phone if c.isdigit()),
        )[:600]

    def save(self, *args: Any, **kwargs: Any) -> Any:
        """Save the row, with what it is searched by."""
        self.lay_down()
        if kwargs.get("only"):
            kwargs["only"] = [*kwargs["only"], type(self).search]
        return super().save(*args, **kwargs)

    @classmethod
    def next_internal_id(cls, clinic: Base) -> str:
        """The next free generated ID, K-1001 and up.

        Unique by the schema; of two at once the second saver tries again.
        """
        largest: Any = cls.select(fn.MAX(fn.SUBSTR(cls.internal_id, 3).cast("BIGINT"))).where(
            cls.clinic == clinic, _GENERATED[is_sqlite()]
        )
        return f"K-{(largest.scalar() or 1000) + 1}"

    @classmethod
    def add(cls, clinic: Base, actor: Base | None, *, internal_id: str = "", **fields: Any) -> Any:
        """A new client; without an internal ID the next free one, also when two are saved at once.

        Raises Taken.
        """
        for tries_left in (4, 3, 2, 1, 0):
            try:
                with joined():
                    with unique():
                        client = cls.create(
                            clinic=clinic,
                            internal_id=internal_id or cls.next_internal_id(clinic),
                            **fields,
                        )
                    AuditEntry.note(clinic, actor, "patient.added", client)
                    return client
            except Taken:
                if internal_id or not tries_left:
                    raise
        raise AssertionError("unreachable")

    @classmethod
    def named(cls, clinic: Base, actor: Base | None, name: str, **contact: str) -> Any:
        """A new client by the whole name: its first word, and the rest.

        `contact` may hold `phone` and `email`.
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
        """Insert a heap of clients (columns by name), with one audit entry for all.

        Gives its id, to be handed in with the next portion of the same heap. Raises Taken.
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
