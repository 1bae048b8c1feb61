"""Shared parts of tables: rows that appear in text outside, rows that can be archived, and settings
of a clinic.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Self

from peewee import BooleanField, CharField, Check, IntegerField, ModelSelect, fn

from base import scheduling
from base.database import Base, JSONText, database, transition, unique
from base.region import ORDERS, PAPERS, WEEK_STARTS, Region
from base.tables import past_values

from .audit import AuditEntry

# who may read the titles of a person's external events, besides the person
TITLES_FOR = ("nobody", "managers", "everyone")


def this_second() -> int:
    """The present as whole seconds since 1970. Entries take their dates from it: a revision may be
    ahead of the clock.
    """
    return int(scheduling.utc_now().timestamp())


class Shown(Base):
    """A row whose columns appear in text outside: it keeps their earlier values."""

    before = JSONText(default=list)  # see past_values

    def keep_before(self, columns: Iterable[str]) -> None:
        """Keep the present values of these columns; the caller then changes and saves them."""
        old = {column: getattr(self, column) for column in sorted(columns)}
        self.before = past_values.kept(self.before, this_second(), old)


class Regional(Base):
    """A clinic, with its choice of how dates and times of day are written."""

    COLUMNS = frozenset({"week_start", "twelve_hours", "date_order", "paper"})

    week_start = IntegerField(default=0, constraints=[Check(f"week_start IN {WEEK_STARTS}")])
    twelve_hours = BooleanField(default=False)
    date_order = CharField(3, default="dmy", constraints=[Check(f"date_order IN {ORDERS}")])
    paper = CharField(6, default="a4", constraints=[Check(f"paper IN {PAPERS}")])

    @property
    def region(self) -> Region:
        """The clinic's choice."""
        return Region(self.week_start, self.twelve_hours, self.date_order, self.paper)


class OwnRegion(Base):
    """A person, who may choose how dates and times are written; None: as the clinic."""

    clinic: Any
    own_week_start = IntegerField(null=True)
    own_twelve_hours = BooleanField(null=True)
    own_date_order = CharField(3, null=True)

    @property
    def region(self) -> Region:
        """The region for this person's pages and letters."""
        own: dict[str, Any] = {
            "week_start": self.own_week_start,
            "twelve_hours": self.own_twelve_hours,
            "date_order": self.own_date_order,
        }
        usual: Region = self.clinic.region
        return replace(usual, **{name: one for name, one in own.items() if one is not None})

    @transition
    def read_as(self, /, **columns: Any) -> None:
        """Set own choices; None: as the clinic. They change nothing outside."""
        for name, value in columns.items():
            setattr(self, name, value)
        self.save(only=list(columns))


class Archivable(Base):
    """A row of a clinic that can be removed from lists and forms, and brought back.

    Rows that refer to an archived row still have it.
    """

    clinic: Any
    archived = BooleanField(default=False)

    @transition
    def set_archived(self, archived: bool, actor: Base | None) -> None:
        """Archive the row, or bring it back. Does nothing if it is so already."""
        if self.archived == archived:
            return
        self.archived = archived
        self.save(only=["archived"])
        action = f"{self._meta.table_name}.{'archived' if archived else 'returned'}"
        AuditEntry.note(self.clinic, actor, action, self)


class Named(Archivable):
    """A row of a clinic with a name that is unique there."""

    name: Any

    @classmethod
    def listed(cls, clinic: Base, archived: bool = False) -> "ModelSelect[Self]":
        """The clinic's rows that are in use, or its archived ones, by name."""
        rows = cls.select().where(cls.clinic == clinic, cls.archived == archived)
        return rows.order_by(fn.LOWER(cls.name), cls.id)

    @classmethod
    def add(cls, clinic: Base, actor: Base | None, **columns: Any) -> Self:
        """Add a row. Raises AlreadyUsed for a name in use."""
        with database.atomic():
            with unique():
                row: Self = cls.create(clinic=clinic, **columns)
            AuditEntry.note(clinic, actor, f"{cls._meta.table_name}.added", row)
        return row


class ClinicSettings(Base):
    """Settings of a clinic: one row at most; without a row the defaults apply."""

    clinic: Any
    action: ClassVar[str]  # the action in the history

    @classmethod
    def of(cls, clinic: Any) -> Self:
        """The clinic's settings; if it has none yet, the defaults, not stored."""
        row: Self | None = cls.get_or_none(cls.clinic == clinic)
        return row or cls(clinic=clinic)

    @classmethod
    def stored(cls, clinic: Any) -> Self:
        """The clinic's settings as a row, made now if there is none. Lock the clinic first
        (`base.database.alone`).
        """
        row = cls.of(clinic)
        if row.id is None:
            row.save(force_insert=True)
        return row

    @transition
    def change(self, /, actor: Base | None, **columns: Any) -> None:
        """Set columns. They change nothing outside, so no calendar is woken."""
        changed = [name for name, value in columns.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, columns[name])
        if changed:
            self.save(only=changed)
            AuditEntry.note(self.clinic, actor, self.action, self, fields=changed)


class KeepsTitles(OwnRegion):
    """A person, who chooses which colleagues may read the titles of their external events."""

    id: Any
    role: Any
    titles_for = CharField(10, default="nobody", constraints=[Check(f"titles_for IN {TITLES_FOR}")])

    def shows_titles_to(self, reader: Any) -> bool:
        """Whether this reader of the same clinic may read the titles; the person always may."""
        if reader.id == self.id or self.titles_for == "everyone":
            return True
        return self.titles_for == "managers" and bool(reader.is_manager)
