"""How statements are put into words: as Peewee does it, with a short way for what is most of each.

A statement names dozens of columns and compares several of them, and Peewee takes a dozen calls for
each name and value. The names are known beforehand; only the table's short name in this statement
is not.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from peewee import (
    OP,
    SCOPE_VALUES,
    SQL,
    Context,
    Expression,
    Field,
    ForeignKeyField,
    Model,
    Node,
    NodeList,
    SelectBase,
    Value,
    multi_types,
)

_CHOICES = (OP.IN, OP.NOT_IN)
_SEVERAL = (list, tuple, set, frozenset)


@lru_cache(maxsize=8192)
def _quoted(*path: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in path)


class ShortContext(Context):
    """Peewee's own, which writes columns and comparisons of them in one step.

    As `Field.__sql__`, `Column.__sql__`, `NodeList.__sql__`, `Expression.__sql__` and
    `Value.__sql__` do, for databases that quote names with `"`.
    """

    __slots__ = ()
    _sql: list[str]  # Peewee's stubs lack these
    _values: list[Any]
    stack: list[Any]
    state: Any

    def sql(self, obj: Any) -> "ShortContext":
        """The same as Peewee does, and this context again."""
        kind = type(obj)
        if kind is Expression:
            return self._expression(obj)
        if _IS_COLUMN[kind]:
            self._sql.extend(self._columns((obj,)))
            return self
        if kind is NodeList and not obj.parens:
            if all(_IS_COLUMN[type(node)] for node in obj.nodes):
                self._sql.append(obj.glue.join(self._columns(obj.nodes)))
                return self
            if all(map(_stands_alone, obj.nodes)):
                return self._list(obj)
        return self._as_peewee_does(obj)

    def _as_peewee_does(self, obj: Any) -> "ShortContext":
        again: ShortContext = super().sql(obj)  # type: ignore[no-untyped-call]
        return again

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

    def _list(self, obj: Any) -> "ShortContext":
        for number, node in enumerate(obj.nodes):
            if number:
                self._sql.append(obj.glue)
            if type(node) is SQL:
                self._sql.append(node.sql)
            elif type(node) is Value:
                self.value(node.value, node.converter)
            else:
                self.sql(node)
        return self

    def _expression(self, obj: Any) -> "ShortContext":
        """A comparison, or comparisons joined by `AND` or `OR`.

        What it holds beside columns, plain values and comparisons is left to Peewee, in the state
        that it would have set.
        """
        left, op, right = obj.lhs, obj.op, obj.rhs
        settings, is_choice = self.state.settings, op in _CHOICES
        if (
            not (type(left) is Expression or _IS_COLUMN[type(left)])
            or settings.get("value_literals")
            or (is_choice and not isinstance(right, (*multi_types, SelectBase)))
        ):
            return self._as_peewee_does(obj)
        convert = left.db_value if left._coerce and type(left) is not Expression else None
        if not obj.flat:
            self._sql.append("(")
        if is_choice and isinstance(right, multi_types) and not right:
            self._sql.append("0 = 1" if op == OP.IN else "1 = 1")
        else:
            self.sql(left)
            self._sql.append(f" {(settings.get('operations') or {}).get(op, op)} ")
            self._right(obj, convert, settings.get("param") or "?")
        if not obj.flat:
            self._sql.append(")")
        return self

    def _right(self, obj: Any, convert: Callable[[Any], Any] | None, mark: str) -> None:
        left, right = obj.lhs, obj.rhs
        if right is None and obj.op in (OP.IS, OP.IS_NOT):
            self._sql.append("NULL")
        elif type(right) is Expression or _IS_COLUMN[type(right)]:
            self.sql(right)
        elif isinstance(right, _SEVERAL) and all(_is_plain(value, left) for value in right):
            self._sql.append(f"({', '.join([mark] * len(right))})")
            self._values += map(convert, right) if convert else right
        elif _is_plain(right, left):
            self._sql.append(mark)
            self._values.append(convert(right) if convert else right)
        else:
            state = {"parentheses": not obj.flat, "in_expr": True, "converter": convert}
            if convert:
                state["is_fk_expr"] = isinstance(left, ForeignKeyField)
            self.stack.append(self.state)
            self.state = self.state(**state)
            self.sql(right)
            self.state = self.stack.pop()


class _Columns(dict[type, bool]):
    def __missing__(self, kind: type) -> bool:
        self[kind] = is_column = getattr(kind, "__sql__", None) is Field.__sql__
        return is_column


_IS_COLUMN = _Columns()  # by the class of a node


def _is_table(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Model)


def _is_plain(value: Any, column: Any) -> bool:
    """Whether a value beside a column goes to the database as it is, or as the column keeps it.

    The row that a foreign key names does.
    """
    if isinstance(value, Node):
        return (
            isinstance(value, Model)
            and isinstance(column, ForeignKeyField)
            and isinstance(value, column.rel_model)
        )
    return not isinstance(value, (*multi_types, Context)) and not _is_table(value)


def _stands_alone(node: Any) -> bool:
    """Whether it is all the same to a part of a list that it stands in one."""
    kind = type(node)
    if kind is Value:
        return not node.multi and not isinstance(node.value, Node) and not _is_table(node.value)
    return (
        kind is Expression
        or _IS_COLUMN[kind]
        or (kind is SQL and not node.params)
        or (kind is NodeList and not node.parens)
    )
