"""The SQL of statements that insert, change or delete rows (see `statements`).

They give the same words and values as Peewee; Peewee writes all but the common forms.
"""

from collections.abc import Mapping
from typing import Any

from peewee import SCOPE_NORMAL, SCOPE_VALUES, ColumnBase, Node, Value

from .parts import IS_COLUMN, is_plain, is_table, quoted

Writer = Any  # `statements.ShortContext`, which stands above this module


def insert(context: Writer, obj: Any) -> Writer:
    """An INSERT of one row, as `save` and `create` make it."""
    row, settings = obj._insert, context.state.settings
    if (
        not isinstance(row, Mapping)
        or not row
        or obj._columns
        or obj._on_conflict is not None
        or obj._cte_list
        or context.stack
        or settings.get("value_literals")
        or not all(IS_COLUMN[type(field)] for field in row)
    ):
        return context.as_peewee_does(obj)
    pairs = list(row.items())
    there = {id(field) for field, _ in pairs}
    pairs += [
        (field, default() if callable(default) else default)
        for field, default in obj.get_default_data().items()
        if id(field) not in there
    ]
    pairs.sort(key=lambda pair: pair[0]._sort_key)
    if any(
        (isinstance(value, Node) and not is_plain(value, field)) or is_table(value)
        for field, value in pairs
    ):
        return context.as_peewee_does(obj)
    values = [field.db_value(value) for field, value in pairs]
    if any(isinstance(value, Node) for value in values):
        return context.as_peewee_does(obj)
    table, mark = obj.model._meta.table, settings.get("param") or "?"
    context.alias_manager[table] = table.__name__
    names = ", ".join([quoted(field.column_name) for field, _ in pairs])
    marks = ", ".join([mark] * len(values))
    context._sql.append(f"INSERT INTO {quoted(*table._path)} ({names}) VALUES ({marks})")
    context._values += values
    context.begin(SCOPE_VALUES, False, settings)
    obj.apply_returning(context)
    context.state = context.stack.pop()
    return context


def update(context: Writer, obj: Any) -> Writer:
    """An UPDATE: each column gets a value, or the result of an expression."""
    changes = obj._update.items()
    if (
        not _is_plain_change(context, obj)
        or obj._from
        or not all(IS_COLUMN[type(field)] and not is_table(value) for field, value in changes)
    ):
        return context.as_peewee_does(obj)
    inner = _begin_change(context, obj, "UPDATE")
    context._sql.append(" SET ")
    ordered = sorted(changes, key=lambda change: change[0]._sort_key)
    for number, (field, value) in enumerate(ordered):
        context._sql.append(f"{', ' if number else ''}{quoted(field.column_name)} = ")
        if not isinstance(value, Node) or is_plain(value, field):
            value = field.to_value(value)
        if isinstance(value, ColumnBase) and not isinstance(value, Value):
            context.begin(SCOPE_NORMAL, False, inner)
            context.sql(value)
            context.state = context.stack.pop()
        else:
            context.sql(value)
    return _end_change(context, obj, inner)


def delete(context: Writer, obj: Any) -> Writer:
    """A DELETE."""
    if not _is_plain_change(context, obj):
        return context.as_peewee_does(obj)
    return _end_change(context, obj, _begin_change(context, obj, "DELETE FROM"))


def _is_plain_change(context: Writer, obj: Any) -> bool:
    return not (
        obj._cte_list
        or obj._order_by
        or obj._limit is not None
        or obj._offset is not None
        or context.stack
        or context.state.settings.get("value_literals")
    )


def _begin_change(context: Writer, obj: Any, words: str) -> dict[str, Any]:
    """Begin the statement, and return the settings for the nodes in it."""
    table, inner = obj.model._meta.table, {**context.state.settings, "subquery": True}
    context.alias_manager[table] = table.__name__
    context.begin(SCOPE_VALUES, False, inner)
    context._sql.append(f"{words} {quoted(*table._path)}")
    return inner


def _end_change(context: Writer, obj: Any, inner: dict[str, Any]) -> Writer:
    """Write the WHERE and RETURNING of the statement."""
    if obj._where is not None:
        context._sql.append(" WHERE ")
        context.begin(SCOPE_NORMAL, False, inner)
        context.sql(obj._where)
        context.state = context.stack.pop()
    obj.apply_returning(context)
    context.state = context.stack.pop()
    return context
