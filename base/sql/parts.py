"""Parts of statements: names, columns, tables and plain values."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import peewee
from peewee import OP, Context, Field, FieldAlias, ForeignKeyField, Model, Node, multi_types

# Columns of one table that follow each other: the table's class, and their names.
ColumnRun = tuple[Any, tuple[str, ...]]


@lru_cache(maxsize=8192)
def quoted(*path: str) -> str:
    """A name in quotes, with the names that qualify it."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in path)


MOST_LISTS = 4096

# Peewee asks for the words of its operators with each expression, and for the names of the columns
# with each answer. These make its answers quick, and change none.
vars(OP).update(OP)
peewee.make_identifier = lru_cache(maxsize=4096)(peewee.make_identifier)


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


# By the identities of the columns in a list: the columns, which keep the identities theirs, and the
# runs of them. The program has a few hundred such lists.
COLUMN_LISTS: dict[tuple[int, ...], tuple[tuple[Any, ...], tuple[ColumnRun, ...]]] = {}


def columns_by_table(nodes: Sequence[Any]) -> tuple[ColumnRun, ...]:
    """The columns in a list by table, in their order; empty if there is anything else, or columns
    of an alias.
    """
    key = tuple(map(id, nodes))
    if known := COLUMN_LISTS.get(key):
        return known[1]
    if not all(IS_COLUMN[type(node)] and type(node) in IS_COLUMN for node in nodes):
        return ()
    runs: list[tuple[Any, list[str]]] = []
    for node in nodes:
        if not runs or runs[-1][0] is not node.model:
            runs.append((node.model, []))
        runs[-1][1].append(node.column_name)
    found = tuple((model, tuple(names)) for model, names in runs)
    if len(COLUMN_LISTS) < MOST_LISTS:
        COLUMN_LISTS[key] = tuple(nodes), found
    return found


@lru_cache(maxsize=4096)
def listed(glue: str, short: str, names: tuple[str, ...]) -> str:
    """Names of columns in quotes, each after the short name of its table unless that is ""."""
    return glue.join(quoted(short, name) if short else quoted(name) for name in names)


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
