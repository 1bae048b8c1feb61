"""Revisions: numbers that a clinic gives to its changes, in their order.

A revision is a whole second since 1970, strictly growing within the clinic. It is version number
and Last-Modified in one (RFC 9110 §8.8.2), so a feed's validators are known before any booking is
read. `Revised` is the part of `models.Clinic` for it.
"""

from typing import TYPE_CHECKING, Any

from peewee import Case

from base import copies
from base.database import database, is_sqlite

from . import faulty
from .traits import Shown, this_second


class Revised(Shown):
    """A clinic's revisions: the newest of all, and the newest of what every feed shows."""

    if TYPE_CHECKING:  # columns of the table itself
        latest_rev: Any
        faces_rev: Any
        void_rev: Any

    def lock(self) -> None:
        """Let no other transaction change this clinic until this one ends.

        Lock it before any other row: one order for all prevents deadlocks.

        SQLite needs no row lock: every transaction begins IMMEDIATE, so there is only one. On
        PostgreSQL a weaker lock than FOR UPDATE is enough: rows that refer to the clinic may still
        be added.
        """
        table = type(self)
        if not is_sqlite():
            row: Any = table.select(table.id).where(table.id == self.id)
            row.for_update("FOR NO KEY UPDATE").execute()

    def next_rev(self, *, wakes: bool = True) -> int:
        """A new revision, greater than all before it.

        Call it inside the transaction of its change. `wakes`: whether accounts may now have
        something to send, so that they are woken after the commit.
        """
        table, second = type(self), this_second()
        bumped = Case(None, [(table.latest_rev >= second, table.latest_rev + 1)], second)
        rows = (
            table.update(latest_rev=bumped)
            .where(table.id == self.id)
            .returning(table.latest_rev)
            .execute()
        )
        self.latest_rev = next(iter(rows)).latest_rev
        if wakes:
            database.will_wake("clinic", self.id)
        return int(self.latest_rev)

    def bump_faces(self) -> None:
        """Note a change of something that every feed shows: a name, the ceiling, a service, a
        venue, the people who work here.
        """
        table = type(self)
        self.faces_rev = self.next_rev()
        table.update(faces_rev=self.faces_rev).where(table.id == self.id).execute()
        self.void_copies()

    def void_copies(self) -> None:
        """Serve no older copy of a feed from now on: something may show less than before.

        Call it right after the new revision, inside its transaction. If the store of copies is
        away, the sweep does it.
        """
        table = type(self)
        if not copies.void(self.id, self.latest_rev):
            table.update(void_rev=self.latest_rev).where(table.id == self.id).execute()

    @classmethod
    def void_late(cls) -> None:
        """Void the copies that could not be voided at once."""
        faulty.each("copies", cls.select().where(cls.void_rev.is_null(False)), cls._void_its)

    def _void_its(self) -> None:
        cls = type(self)
        if copies.void(self.id, self.void_rev):
            cls.update(void_rev=None).where(
                cls.id == self.id, cls.void_rev == self.void_rev
            ).execute()

    @classmethod
    def void_after_restore(cls) -> None:
        """Have the sweep void the copies of every clinic.

        A restored database may show less than the one before it.
        """
        cls.update(void_rev=cls.latest_rev).execute()

    @classmethod
    def age_faces(cls) -> None:
        """After a restore: make every feed newer than the copy of any app.

        Every clinic's revision becomes later than any since the backup. Values before that are
        unknown.
        """
        cls.age_revisions()
        cls.update(before=[[this_second(), None]]).execute()

    @classmethod
    def age_revisions(cls) -> None:
        """The part of `age_faces` that works on a database of any version; updating that database
        does the rest.
        """
        second = this_second()
        fresh = Case(None, [(cls.latest_rev >= second, cls.latest_rev + 1)], second)
        cls.update(latest_rev=fresh, faces_rev=fresh).execute()
