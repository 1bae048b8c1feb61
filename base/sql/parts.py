"""Parts of statements: names, columns, tables and plain values."""

from functools import lru_cache
from typing import Any

from peewee import Context, Field, FieldAlias, ForeignKeyField, Model, Node, multi_types


@lru_cache(maxsize=8192)
def quoted(*path: str) -> str:
    """A name in quotes, with the names that qualify it."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in path)


class _Columns(dict[type, bool]):
    """Known columns, filled as classes appear. Columns of an alias are left out: Peewee makes them
    again in each statement, and they would fill the memory.
    """

    def __missing__(self, kind: type) -> bool:
        is_column = getattr(kind, "__sql__", None) is Field.__sql__
        if not issubclass(kind, FieldAlias):
            self[kind] = is_column
        return is_column


IS_COLUMN = _Columns()  # by the class of a node


def is_table(value: object) -> bool:
    """Whether a value is the class of a table's rows."""
    return isinstance(value, type) and issubclass(value, Model)


def is_plain(value: Any, column: Any) -> bool:
    """Whether a value needs no statement of its own when it is compared with a column: plain
    values, and rows that are compared with a foreign key.
    """
    if isinstance(value, Node):
        return (
            isinstance(value, Model)
            and isinstance(column, ForeignKeyField)
            and isinstance(value, column.rel_model)
        )
    return not isinstance(value, (*multi_types, Context)) and not is_table(value)
