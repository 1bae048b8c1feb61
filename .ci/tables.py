"""Writes `docs/tables.md`, the picture of the tables, from the models."""

import re
import sys
from pathlib import Path

TOP = Path(__file__).parent.parent
sys.path.insert(0, str(TOP))

from peewee import AutoField, DeferredForeignKey, Field, ForeignKeyField  # noqa: E402

from base.database import Base, InstantField, JSONText  # noqa: E402
from models import Clinic  # noqa: E402
from operate.migrate import TABLES  # noqa: E402

PAGE = TOP / "docs" / "tables.md"
BEGINNING = """# The tables

Made from the models by `python .ci/tables.py`; a test compares. One picture a room.
Almost every row belongs to a clinic: `clinic_id` and its lines to `clinic` are left out.
An *instant* is whole microseconds since 1970 in UTC, a *revision* (`…_rev`) a whole second since
1970 that the clinic hands out strictly growing.
"""
ROOMS = {
    "models": "The clinic",
    "base": "What changes write",
    "free_times": "Who offers what, and how clients book it",
    "people": "Who may come in",
    "sync": "Two-way sync",
    "operate": "The server",
}
ENDS = {True: "|o", False: "||"}  # of the line, at the table that is named


def picture() -> str:
    """The page as the models say."""
    parts = [BEGINNING]
    for room, heading in ROOMS.items():
        tables = [table for table in TABLES if table.__module__.split(".")[0] == room]
        lines = [line for table in tables for line in (*_columns(table), *_lines_from(table))]
        told = [f"- `{_name(table)}`: {_first_sentence(table)}" for table in tables]
        parts.append(
            "\n".join(
                [f"## {heading}", "", "```mermaid", "erDiagram", *lines, "```", "", *told, ""]
            )
        )
    return "\n".join(parts)


def _name(table: type[Base]) -> str:
    return table._meta.table_name


def _keys(table: type[Base]) -> list[ForeignKeyField]:
    return [
        field
        for field in table._meta.sorted_fields
        if isinstance(field, ForeignKeyField) and field.rel_model is not Clinic
    ]


def _columns(table: type[Base]) -> list[str]:
    marks = {field.column_name: " FK" for field in _keys(table)}
    columns = [
        f"        {_kind(field)} {field.column_name}{marks.get(field.column_name, '')}"
        for field in table._meta.sorted_fields
        if not isinstance(field, AutoField) and field.name != "clinic"
    ]
    return [f"    {_name(table)} {{", *columns, "    }"]


def _lines_from(table: type[Base]) -> list[str]:
    return [
        f"    {_name(field.rel_model)} {ENDS[field.null]}--o{{ {_name(table)} : {field.name}"
        for field in _keys(table)
    ]


def _kind(field: Field) -> str:
    if isinstance(field, (ForeignKeyField, DeferredForeignKey)):
        return "id"
    special = {InstantField: "instant", JSONText: "json"}.get(type(field))
    return special or field.field_type.lower()


def _first_sentence(table: type[Base]) -> str:
    told = re.sub(r" \(X\d+\)", "", " ".join((table.__doc__ or "").split()))
    return told.partition(". ")[0].removesuffix(".") + "."


if __name__ == "__main__":
    PAGE.write_text(picture())
