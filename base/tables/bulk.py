"""Many rows at once, in statements that both databases take."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from peewee import (
    Field,
    ModelSelect,
    chunked,
)

from base.database import Base, database, is_sqlite

BATCH = 1500  # rows handed to the database at a time
MOST_VALUES = 30_000  # in one statement: SQLite takes 32,766
MOST_NAMED = 400  # values in one condition

Value = TypeVar("Value")


def tuples(query: "ModelSelect[Any]") -> Iterator[tuple[Any, ...]]:
    """The rows of a query as plain tuples, in the order of its columns."""
    return iter(query.tuples())


def portions(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values in lists that one condition of a statement may name: `id IN (…)`."""
    return iter(chunked(values, MOST_NAMED))


def insert_many_rows(table: type[Base], rows: Iterable[Base]) -> int:
    """Insert new rows, many at a time, and count them.

    One statement for many, and several times as fast as `insert_many`.
    """
    fields, count = [field for field in table._meta.sorted_fields if not field.primary_key], 0
    for some in chunked(rows, min(BATCH, MOST_VALUES // len(fields))):
        values = [
            [field.db_value(row.__data__.get(field.name)) for field in fields] for row in some
        ]
        database.execute_sql(*_insertion(table, fields, values))
        count += len(some)
    return count


def _insertion(
    table: type[Base], fields: Sequence[Field], values: list[list[Any]]
) -> tuple[str, list[Any]]:
    """The statement that inserts these rows, and its parameters.

    PostgreSQL takes many rows faster as one JSON text than as thousands of parameters.
    """
    names = ", ".join(f'"{field.column_name}"' for field in fields)
    into = f'INSERT INTO "{table._meta.table_name}" ({names})'
    if is_sqlite():
        marks = f"({', '.join('?' * len(fields))})"
        return f"{into} VALUES {', '.join([marks] * len(values))}", [
            value for row in values for value in row
        ]
    rows = [
        {field.column_name: value for field, value in zip(fields, row, strict=True)}
        for row in values
    ]
    source = f'json_populate_recordset(NULL::"{table._meta.table_name}", %s::json)'
    return f"{into} SELECT {names} FROM {source}", [json.dumps(rows, default=str)]


def update_many_rows(table: type[Base], rows: Iterable[Base], names: Sequence[str]) -> None:
    """Write these columns of rows that exist, by the thousand, with one statement for many."""
    fields = [table._meta.fields[name] for name in names]
    mark = database.param
    columns = ", ".join(f"{field.column_name} = {mark}" for field in fields)
    statement = f"UPDATE {table._meta.table_name} SET {columns} WHERE id = {mark}"
    for some in chunked(rows, BATCH):
        given = [
            [*(field.db_value(row.__data__[field.name]) for field in fields), row.id]
            for row in some
        ]
        database.cursor().executemany(statement, given)
