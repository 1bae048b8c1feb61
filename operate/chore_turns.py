"""The time at which a seldom chore was last done.

The clock enqueues it often. If it failed, its worker died, or the database was away, it counts as
not done, so it is tried again the next time, and not a day later. After success it waits for its
period.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from peewee import CharField

from base import scheduling
from base.database import Base, InstantField


class ChoreTurn(Base):
    """The time at which a chore was last done. `name`: its function, with the module."""

    name = CharField(120, unique=True)
    done_at = InstantField()


def in_turn(chore: Callable[[], int | None], every: timedelta) -> None:
    """Do the chore, unless it was done within this period. It counts as not done if it returns a
    number of rows that failed.

    Two processes may both do it at once, which is safe for a chore. A time in the future was
    written by a clock that was ahead, and does not count.
    """
    name = f"{chore.__module__}.{chore.__name__}"
    at = scheduling.utc_now()
    last = ChoreTurn.get_or_none(ChoreTurn.name == name)
    if last and timedelta() <= at - last.done_at < every:
        return
    if not chore():
        _keep(name, at)


def _keep(name: str, at: datetime) -> None:
    row = {ChoreTurn.name: name, ChoreTurn.done_at: at}
    kept = ChoreTurn.insert(row).on_conflict(
        conflict_target=[ChoreTurn.name], update={ChoreTurn.done_at: at}
    )
    kept.execute()
