"""What statements consist of: names, columns, tables and plain values."""

from functools import lru_cache
from typing import Any

from peewee import Context, Field, ForeignKeyField, Model, Node, multi_types


@lru_cache(maxsize=8192)
def quoted(*path: str) -> str:
    """A name as SQL has it, with those that it stands in."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in path)


class _Columns(dict[type, bool]):
    def __missing__(self, kind: type) -> bool:
        self[kind] = is_column = getattr(kind, "__sql__", None) is Field.__sql__
        return is_column


IS_COLUMN = _Columns()  # by the class of a node


def is_table(value: object) -> bool:
    """Whether it is the class of a table's rows."""
    return isinstance(value, type) and issubclass(value, Model)


def is_plain(value: Any, column: Any) -> bool:
    """Whether a value beside a column goes to the database as it is, or as the column keeps it.

    The row that a foreign key names does.
    """
    if isinstance(value, Node):
        return (
            isinstance(value, Model)
            and isinstance(column, ForeignKeyField)
            and isinstance(value, column.rel_model)
        )
    return not isinstance(value, (*multi_types, Context)) and not is_table(value)
