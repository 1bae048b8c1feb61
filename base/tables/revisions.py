"""What a clinic hands out to say that something changed: revisions, in the order of the changes.

A revision is a whole second since 1970, strictly growing within the clinic. It is version number
and Last-Modified in one (RFC 9110 §8.8.2), so a feed's validators are known before any booking is
read. `Revised` is the part of `models.Clinic` that does it.
"""

from typing import TYPE_CHECKING, Any

from peewee import Case

from base import copies
from base.database import database, is_sqlite

from .traits import Shown, this_second


class Revised(Shown):
    """A clinic's revisions: the newest of all, and the newest of what shows in every feed."""

    if TYPE_CHECKING:  # columns of the table itself
        latest_rev: Any
        faces_rev: Any
        void_rev: Any

    def lock(self) -> None:
        """Let no other transaction change this clinic until this one ends.

        Take it before any other row (one order: no deadlock).

        SQLite needs no row lock: every transaction here begins IMMEDIATE and so stands alone. On
        PostgreSQL a weaker lock than FOR UPDATE does: rows that merely refer to the clinic may
        still be added.
        """
        table = type(self)
        if not is_sqlite():
            row: Any = table.select(table.id).where(table.id == self.id)
            row.for_update("FOR NO KEY UPDATE").execute()

    def next_rev(self, *, wakes: bool = True) -> int:
        """A new revision, greater than all before it.

        Call it inside the transaction of the change it stands for. `wakes`: whether it may put
        accounts behind, so that they are looked for after the commit.
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
        """Something that shows in every feed changed.

        Name, ceiling, a service, a venue, who works here.
        """
        table = type(self)
        self.faces_rev = self.next_rev()
        table.update(faces_rev=self.faces_rev).where(table.id == self.id).execute()
        self.void_copies()

    def void_copies(self) -> None:
        """Something may show less than before: no older copy of a feed is served from now on.

        Call it right after the new revision, inside its transaction. Where the store of copies is
        away, the sweep does it.
        """
        table = type(self)
        if not copies.void(self.id, self.latest_rev):
            table.update(void_rev=self.latest_rev).where(table.id == self.id).execute()

    @classmethod
    def void_late(cls) -> None:
        """Void what could not be voided at once."""
        for clinic in cls.select().where(cls.void_rev.is_null(False)):
            if copies.void(clinic.id, clinic.void_rev):
                cls.update(void_rev=None).where(
                    cls.id == clinic.id, cls.void_rev == clinic.void_rev
                ).execute()

    @classmethod
    def void_after_restore(cls) -> None:
        """Have the sweep void the copies of every clinic.

        What was restored may show less than what was there.
        """
        cls.update(void_rev=cls.latest_rev).execute()

    @classmethod
    def age_faces(cls) -> None:
        """After a restore: no app may keep a newer copy.

        Every clinic's revision is a later one than any handed out since the backup. What was shown
        before is not known.
        """
        cls.age_revisions()
        cls.update(before=[[this_second(), None]]).execute()

    @classmethod
    def age_revisions(cls) -> None:
        """The part of `age_faces` for a database of any version; its update does the rest."""
        second = this_second()
        fresh = Case(None, [(cls.latest_rev >= second, cls.latest_rev + 1)], second)
        cls.update(latest_rev=fresh, faces_rev=fresh).execute()
