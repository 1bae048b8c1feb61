"""Rows that a chore failed at, so that they keep no others waiting.

A row that failed is put off, for longer after each failure. Otherwise many faulty rows would use up
the time of every pass, and its log.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from peewee import BigIntegerField, CharField, IntegerField, ModelSelect, fn

from base.database import Base, InstantField, now
from base.database_faults import trouble
from base.jobs import JobTooLong
from base.text import places

from .bulk import tuples

log = logging.getLogger("kalends.faulty")
Row = TypeVar("Row", bound=Base)

SECONDS = 20  # seconds of a pass with `most`: other chores wait for the same worker
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
KEPT = timedelta(days=7)  # after the last time that a row was due again and nobody asked for it


class FaultyRow(Base):
    """A row (id) that a chore failed at. The name of a chore stands for one table."""

    chore = CharField(120)
    row = BigIntegerField()
    tries = IntegerField()
    retry_at = InstantField()

    class Meta:
        indexes = ((("chore", "row"), True),)

    @classmethod
    def put_off(cls, chore: str, row: int, tries: int) -> None:
        """Do not try the row again for a while. `tries`: how often it has failed."""
        until = now() + min(FIRST_WAIT * 2 ** min(tries - 1, 16), LONGEST_WAIT)
        values: dict[Any, Any] = {cls.chore: chore, cls.row: row}
        changed: dict[Any, Any] = {cls.tries: tries, cls.retry_at: until}
        cls.insert(values | changed).on_conflict(
            conflict_target=[cls.chore, cls.row], update=changed
        ).execute()

    @classmethod
    def put_off_now(cls) -> dict[str, int]:
        """By chore, how many rows are put off."""
        own = cls.select(cls.chore, fn.COUNT(cls.id)).where(cls.retry_at > now())
        return dict(tuples(own.group_by(cls.chore).order_by(cls.chore)))

    @classmethod
    def clean_up(cls, at: datetime) -> None:
        """Delete the entries that no chore asked for any more, and waits that are too long: only a
        clock that was ahead can have begun them.
        """
        is_unreal = cls.retry_at > at + LONGEST_WAIT * 2
        cls.delete().where((cls.retry_at < at - KEPT) | is_unreal).execute()


def each(
    chore: str, rows: Iterable[Row], do: Callable[[Row], object], most: int | None = None
) -> int:
    """Call `do` for each of these rows of one table, except those that are put off. Returns how
    many failed.

    An error with one row is logged, and does not stop the others. `most`: stop after so many rows
    that did not fail, or after `SECONDS`; a row does not count if `do` returns False. The end of
    the job's time, and a fault of the database itself, concern all rows and are raised at once.
    `do` makes its own transaction.
    """
    failed_before = FaultyRow.select(FaultyRow.row, FaultyRow.tries).where(
        FaultyRow.chore == chore, FaultyRow.retry_at <= now()
    )
    before = dict(tuples(failed_before))  # by id, how often
    ends_at, done, failed = time.monotonic() + SECONDS, 0, 0
    for row in _not_put_off(chore, rows):
        try:
            done += do(row) is not False
            if row.id in before:
                FaultyRow.delete().where(
                    FaultyRow.chore == chore, FaultyRow.row == row.id
                ).execute()
        except Exception as error:
            if isinstance(error, JobTooLong) or trouble(error):
                raise
            failed += 1
            name = type(error).__name__
            log.error("%s: row %s: %s at %s", chore, row.id, name, places(error))
            FaultyRow.put_off(chore, row.id, before.get(row.id, 0) + 1)
        if most is not None and (done >= most or time.monotonic() > ends_at):
            break
    return failed


def _not_put_off(chore: str, rows: Iterable[Row]) -> Iterable[Row]:
    waiting = FaultyRow.select(FaultyRow.row).where(
        FaultyRow.chore == chore, FaultyRow.retry_at > now()
    )
    if isinstance(rows, ModelSelect):
        selected: Any = rows
        found: Iterable[Row] = selected.where(selected.model.id.not_in(waiting))
        return found
    ids = {row for (row,) in tuples(waiting)}
    return (row for row in rows if row.id not in ids)
