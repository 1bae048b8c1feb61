"""What tables have in common: rows that text outside is made of, and rows that can be archived."""

from collections.abc import Iterable
from typing import Any

from peewee import BooleanField

from base import scheduling
from base.database import Base, JSONText, transition
from base.tables import past_values

from .audit import AuditEntry


def this_second() -> int:
    """Whole seconds since 1970. Dates of entries use them: a revision may be ahead of the clock."""
    return int(scheduling.utc_now().timestamp())


class Shown(Base):
    """A row whose columns text outside is made of: it keeps what they held before."""

    before = JSONText(default=list)  # see past_values

    def keep_before(self, columns: Iterable[str]) -> None:
        """Keep what these columns hold until now; the caller changes and saves them."""
        old = {column: getattr(self, column) for column in sorted(columns)}
        self.before = past_values.kept(self.before, this_second(), old)


class Archivable(Base):
    """A row of a clinic that can be taken out of lists and forms, and brought back.

    What refers to it stays.
    """

    clinic: Any
    archived = BooleanField(default=False)

    @transition
    def set_archived(self, archived: bool, actor: Base | None) -> None:
        """Take the row out, or bring it back."""
        self.archived = archived
        self.save(only=["archived"])
        action = f"{self._meta.table_name}.{'archived' if archived else 'returned'}"
        AuditEntry.note(self.clinic, actor, action, self)
