"""How statements are put into words: as Peewee does it, with a short way for what is most of each.

A statement names dozens of columns, and Peewee takes a dozen calls for each name. The names are
known beforehand; only the table's short name in this statement is not.
"""

from functools import lru_cache

from peewee import SCOPE_VALUES, Context, Field


@lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class ShortContext(Context):
    """Peewee's own, which writes a column of a table in one step (`Field.__sql__` and
    `Column.__sql__`, for databases that quote names with `"`).
    """

    __slots__ = ()

    def sql(self, obj):
        if getattr(type(obj), "__sql__", None) is not Field.__sql__:
            return super().sql(obj)
        name = _quoted(obj.column_name)
        if self.state.scope != SCOPE_VALUES:
            table, aliases = obj.model._meta.table, self.alias_manager
            if table._alias:
                aliases[table] = table._alias
            name = f"{_quoted(aliases[table])}.{name}"
        self._sql.append(name)
        return self
