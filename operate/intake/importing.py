"""Importing the good lines of a file, one portion at a time.

Each portion is a transaction that locks the clinic (SQLite: all writers) for a fraction of a
second. After it, others have as long a time. The progress is stored in the same transaction, so
that no row is made twice after an interruption.

Lines that no longer fit, since somebody changed the clinic meanwhile, are left out and reported.
"""

import math
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from base.database import database
from models import Clinic, User

from .begun import Begun
from .check_report import Report

LOCK_SECONDS = 0.1  # seconds for which a portion may lock the clinic, about
FIRST, LEAST, MOST = 250, 100, 2_000  # lines of a portion
SLICE_SECONDS = 240  # seconds of one job, whose limit is much higher
MOST_TRIES = 3  # tries without the lock; if others change the clinic all the time, the next has it

Row = TypeVar("Row")


class Importing(Protocol[Row]):
    """The common part of importing clients and bookings."""

    def line(self, row: Row) -> int:
        """The row's line in the file."""

    def is_current(self) -> bool:
        """Whether the clinic is as it was when the rows were last fitted. Lock the clinic first."""

    def fit_again(self, rows: list[Row], report: Report) -> list[Row]:
        """The rows that still fit; the report says why the others do not."""

    def add(self, rows: list[Row], actor: User | None, report: Report) -> int:
        """Make these rows and count them. Lock the clinic first."""


def add_in_portions(
    clinic: Clinic,
    importing: Importing[Row],
    rows: list[Row],
    actor: User | None,
    begun: Begun,
    may_go_on: Callable[[], bool],
    settle: Callable[[bool], object],
    seconds: float = math.inf,
) -> bool:
    """Import rows in portions, in the order of their lines.

    The transaction of each portion calls `may_go_on()`, and then `settle(is_last)`. Returns False
    if another worker continues the import, or if `seconds` are over.
    """
    size, tries, ends_at = FIRST, 0, time.monotonic() + seconds
    while True:
        report, began = Report(), time.monotonic()
        with database.atomic():
            clinic.lock()
            if not may_go_on():
                return False
            is_current = importing.is_current()
            if not is_current and tries == MOST_TRIES:
                rows, is_current = importing.fit_again(rows, report), True
            if is_current:
                some, rows, tries = rows[:size], rows[size:], 0
                begun.line = max([begun.line, *map(importing.line, some)])
                begun.count += importing.add(some, actor, report)
                begun.note_refused(report)
                settle(not rows)
        locked = time.monotonic() - began
        if not is_current:
            rows, tries = importing.fit_again(rows, report), tries + 1
            begun.note_refused(report)
        elif rows:
            size = min(MOST, max(LEAST, int(size * min(2.0, LOCK_SECONDS / locked))))
            if time.monotonic() >= ends_at:
                return False
            time.sleep(min(locked, 1))
        else:
            return True
