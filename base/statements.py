"""How statements are put into words: as Peewee does it, with a short way for what is most of each.

A statement names dozens of columns, and Peewee takes a dozen calls for each name. The names are
known beforehand; only the table's short name in this statement is not.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from peewee import SCOPE_VALUES, Context, Field, NodeList


@lru_cache(maxsize=8192)
def _quoted(*path: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in path)


class ShortContext(Context):
    """Peewee's own, which writes a column of a table, and a list of them, in one step (as
    `Field.__sql__`, `Column.__sql__` and `NodeList.__sql__` do, for databases that quote names
    with `"`).
    """

    __slots__ = ()
    _sql: list[str]  # Peewee's stubs lack it

    def sql(self, obj: Any) -> "ShortContext":
        """The same as Peewee does, and this context again."""
        kind = type(obj)
        if kind is NodeList and not obj.parens and all(map(_is_column, obj.nodes)):
            self._sql.append(obj.glue.join(self._columns(obj.nodes)))
            return self
        if not _is_column(obj):
            again: ShortContext = super().sql(obj)  # type: ignore[no-untyped-call]
            return again
        self._sql.extend(self._columns((obj,)))
        return self

    def _columns(self, fields: Sequence[Any]) -> list[str]:
        """The names of columns, each with the short name of its table where there is one."""
        if self.state.scope == SCOPE_VALUES:
            return [_quoted(field.column_name) for field in fields]
        names: list[str] = []
        last, short = None, ""
        for field in fields:
            table = field.model._meta.table
            if table is not last:
                if table._alias:
                    self.alias_manager[table] = table._alias
                last, short = table, self.alias_manager[table]
            names.append(_quoted(short, field.column_name))
        return names


def _is_column(node: object) -> bool:
    return getattr(type(node), "__sql__", None) is Field.__sql__
