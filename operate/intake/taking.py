"""Taking in the good lines of a file, a portion at a time.

Each portion is a transaction that holds the clinic (SQLite: everybody who writes) for a fraction of
a second, and after it others have as much time again. How far it came is kept in the same
transaction, so that whoever goes on after an end in the middle makes nothing twice.

Lines that no longer fit, since somebody changed the clinic meanwhile, stay out and are told.
"""

import math
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from base.database import database
from models import Clinic, User

from .begun import Begun
from .report import Report

HOLD_SECONDS = 0.1  # that a portion may take, about
FIRST, LEAST, MOST = 250, 100, 2_000  # lines of a portion
SLICE_SECONDS = 240  # of a job, which has far more
MOST_LOOKS = 3  # without holding the clinic, where others change it all the time

Row = TypeVar("Row")


class Taking(Protocol[Row]):
    """What the clients and the bookings of a file have in common while they come in."""

    def line(self, row: Row) -> int:
        """Where in the file it stands."""

    def is_current(self) -> bool:
        """Whether the clinic is as it was at the last look. Call it while the clinic is held."""

    def look_again(self, rows: list[Row], report: Report) -> list[Row]:
        """The rows that still fit; the report says why the others do not."""

    def add(self, rows: list[Row], actor: User | None, report: Report) -> int:
        """Make these rows and count them, while the clinic is held."""


def take_in(
    clinic: Clinic,
    taking: Taking[Row],
    rows: list[Row],
    actor: User | None,
    begun: Begun,
    may_go_on: Callable[[], bool],
    settle: Callable[[bool], object],
    seconds: float = math.inf,
) -> bool:
    """Take in rows (in the order of their lines) in portions.

    `may_go_on` is asked and `settle` told in the transaction of each portion, the latter with
    whether it is the last. False: somebody else goes on with it, or `seconds` are over.
    """
    size, looks, ends_at = FIRST, 0, time.monotonic() + seconds
    while True:
        report, began = Report(), time.monotonic()
        with database.atomic():
            clinic.lock()
            if not may_go_on():
                return False
            is_current = taking.is_current()
            if not is_current and looks == MOST_LOOKS:
                rows, is_current = taking.look_again(rows, report), True
            if is_current:
                some, rows, looks = rows[:size], rows[size:], 0
                begun.line = max([begun.line, *map(taking.line, some)])
                begun.count += taking.add(some, actor, report)
                begun.leave(report)
                settle(not rows)
        held = time.monotonic() - began
        if not is_current:
            rows, looks = taking.look_again(rows, report), looks + 1
            begun.leave(report)
        elif rows:
            size = min(MOST, max(LEAST, int(size * min(2.0, HOLD_SECONDS / held))))
            if time.monotonic() >= ends_at:
                return False
            time.sleep(min(held, 1))
        else:
            return True
