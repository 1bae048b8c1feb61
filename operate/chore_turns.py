"""When each rare chore was last done.

The clock enqueues such a chore often. If the chore failed, its worker died, or the database was
away, the chore counts as not done and is tried the next time, not a day later. After success it
waits for its period.
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

    @classmethod
    def keep(cls, name: str, at: datetime) -> None:
        """Note that it was done at this time."""
        kept = cls.insert({cls.name: name, cls.done_at: at}).on_conflict(
            conflict_target=[cls.name], update={cls.done_at: at}
        )
        kept.execute()


def in_turn(chore: Callable[[], int | None], every: timedelta) -> None:
    """Do the chore, unless it was done within this period. A chore that returns a number of failed
    rows counts as not done.

    Two processes may do the chore at once; chores allow that. A time in the future was written by a
    clock that was ahead, and does not count.
    """
    name = f"{chore.__module__}.{chore.__name__}"
    at = scheduling.utc_now()
    last = ChoreTurn.get_or_none(ChoreTurn.name == name)
    if last and timedelta() <= at - last.done_at < every:
        return
    if not chore():
        ChoreTurn.keep(name, at)
