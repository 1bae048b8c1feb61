"""Queries whose SQL is written once.

Peewee writes the SQL of a query again each time. For most queries that takes as long as the
database's answer. For a long one that is asked all the time it takes fifty times as long.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from peewee import Value

from base.database import database


class _Place(NamedTuple):
    """Stands for a value until the statement is run."""

    name: str


class KeptQuery:
    """One query for any values. `query` makes it of places for them: it may compare them with
    columns, and must not look at them.
    """

    def __init__(self, query: Callable[..., Any]):
        self._query = query
        self._written: dict[type, tuple[str, list[Any]]] = {}

    def rows(self, **values: object) -> list[tuple[Any, ...]]:
        """The rows as plain tuples, for values as the database stores them: an instant as the
        number that `scheduling.number` gives.
        """
        kind = type(database.obj)
        if kind not in self._written:
            names = inspect.signature(self._query).parameters
            places = {name: Value(_Place(name), converter=False, unpack=False) for name in names}
            self._written[kind] = database.get_sql_context().sql(self._query(**places)).query()
        words, parts = self._written[kind]
        given = [values[part.name] if type(part) is _Place else part for part in parts]
        return list(database.execute_sql(words, given).fetchall())
