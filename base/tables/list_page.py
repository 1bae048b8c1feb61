"""Longer lists of rows, shown a page at a time."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ListPage:
    """Some rows of a longer list. `number` counts from 1."""

    rows: list[Any]
    number: int
    total: int
    size: int

    @classmethod
    def of(cls, query: Any, number: int, size: int = 50) -> "ListPage":
        """The page with this number, or the last one where the list is shorter by now."""
        total = query.count()
        number = max(1, min(number, -(-total // size)))
        return cls(list(query.paginate(number, size)), number, total, size)

    @property
    def first(self) -> int:
        """The number of its first row in the whole list, from 1."""
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        """The number of its last row in the whole list."""
        return self.first + len(self.rows) - 1
