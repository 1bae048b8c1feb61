"""The SQL of statements that insert one row (see `statements`).

It has the same words and values as Peewee's; Peewee writes all but the common forms.
"""

from collections.abc import Mapping
from typing import Any

from peewee import SCOPE_VALUES, Node

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
