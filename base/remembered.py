"""A property that is computed once for each object."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class remembered(Generic[Value]):  # noqa: N801  # used like `property`
    """A property whose value is computed when it is first asked for, and then stored in the object.

    `functools.cached_property` of Python 3.11 has a lock for all objects of the class: a request
    that computes it waits for every other one that does, and so for its database.
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, row: None, owner: type) -> "remembered[Value]": ...

    @overload
    def __get__(self, row: object, owner: type) -> Value: ...

    def __get__(self, row: object | None, owner: type) -> "remembered[Value] | Value":
        if row is None:
            return self
        value = row.__dict__[self._name] = self._compute(row)
        return value
