"""For mypy: what Peewee adds to a table by itself.

Its stubs know the columns that a class declares. This plugin adds what no line declares:
`clinic_id` beside a foreign key `clinic`, and the backrefs of foreign keys, as queries. A column
of instants is a whole number to Peewee's stubs, and a datetime to us.
"""

from collections.abc import Callable
from itertools import chain

from mypy.nodes import (
    MDEF,
    AssignmentStmt,
    CallExpr,
    Expression,
    NameExpr,
    RefExpr,
    StrExpr,
    SymbolTableNode,
    TypeInfo,
    Var,
)
from mypy.plugin import ClassDefContext, FunctionContext, Plugin
from mypy.types import Instance, NoneType, Type, UnionType

FOREIGN_KEYS = ("ForeignKeyField", "DeferredForeignKey")


class Rows(Plugin):
    """Adds the attributes when a subclass of `base.database.Base` is read."""

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """The hook where a column of instants is declared."""
        return _instants if fullname == "base.database.InstantField" else None

    def get_base_class_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """The hook where the base is `Base` or one of its subclasses."""
        found = self.lookup_fully_qualified(fullname)
        is_row = (
            found is not None
            and isinstance(found.node, TypeInfo)
            and found.node.has_base("base.database.Base")
        )
        return _add_what_peewee_adds if is_row else None


def _add_what_peewee_adds(context: ClassDefContext) -> None:
    for statement in context.cls.defs.body:
        if not (
            isinstance(statement, AssignmentStmt)
            and isinstance(statement.lvalues[0], NameExpr)
            and isinstance(call := statement.rvalue, CallExpr)
            and isinstance(call.callee, RefExpr)
            and call.callee.name in FOREIGN_KEYS
        ):
            continue
        name, given = statement.lvalues[0].name, dict(zip(call.arg_names, call.args, strict=True))
        is_optional = _is_true(given.get("null"))
        _declare(context.cls.info, f"{name}_id", _column(context, is_optional))
        if isinstance(backref := given.get("backref"), StrExpr):
            _declare_backref(context, call.args[0], backref.value)


def _instants(context: FunctionContext) -> Type:
    """What a call of `InstantField` gives: a column whose value on a row is a datetime, or None."""
    names = chain.from_iterable(context.arg_names)
    given = dict(zip(names, chain.from_iterable(context.args), strict=True))
    value: Type = context.api.named_generic_type("datetime.datetime", [])
    if _is_true(given.get("null")):
        value = UnionType([value, NoneType()])
    return context.api.named_generic_type("peewee.BigIntegerField", [value])


def _is_true(given: Expression | None) -> bool:
    return isinstance(given, NameExpr) and given.name == "True"


def _column(context: ClassDefContext, is_optional: bool) -> Type:
    """A column of whole numbers: a field on the class, its value on a row."""
    value: Type = context.api.named_type("builtins.int")
    if is_optional:
        value = UnionType([value, NoneType()])
    return context.api.named_type("peewee.IntegerField", [value])


def _declare_backref(context: ClassDefContext, target: Expression, name: str) -> None:
    """Where the other table is known already; that of a deferred key is not."""
    if isinstance(target, RefExpr) and isinstance(target.node, TypeInfo):
        rows = Instance(context.cls.info, [])
        _declare(target.node, name, context.api.named_type("peewee.ModelSelect", [rows]))


def _declare(info: TypeInfo, name: str, kind: Type) -> None:
    if name in info.names:
        return
    variable = Var(name, kind)
    variable.info, variable._fullname = info, f"{info.fullname}.{name}"
    variable.is_initialized_in_class = True
    info.names[name] = SymbolTableNode(MDEF, variable, plugin_generated=True)


def plugin(version: str) -> type[Plugin]:
    """What mypy asks for."""
    return Rows
