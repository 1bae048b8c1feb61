"""Busy time that a reading of a calendar outside lacks, without a tombstone.

A list may omit events. If it alone made time free, clients could double-book. So the future events
that it lacks are asked for by their ids, as many as fit one batch. Events that stay uncertain keep
blocking, until a second list a little later lacks them, too, and they are asked for again. A
refused look confirms nothing: an event is gone without a look only if lists lack it for most of a
day. A list that lacks an existing event may lack new ones, too, so the calendar is read again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from peewee import fn

from base import scheduling
from base.tables.outside import ExternalEvent
from sync.events.event import Delta, RemoteEvent
from sync.providers.errors import AuthExpired, NotConfigured, ProviderError
from sync.tables.accounts import RemoteCalendar
from sync.two_way.worker.context import RunContext

from .incoming import Change

log = logging.getLogger("kalends.pull")

LATER = timedelta(seconds=30)  # a list asked for at once could be as outdated as the first
LONGEST = timedelta(hours=20)  # how long lists are doubted if looks give no answer
MOST_ASKED = 200  # for events that a list lacked before


def made_sure(
    context: RunContext, calendar: RemoteCalendar, delta: Delta, change: Change
) -> tuple[Delta, set[str]]:
    """The pull with the events that it lacks, each as an event, a tombstone, or `unsure`; and the
    ids of those that do exist. At most two requests for events that are lacked for the first
    time. Raises errors of the whole account.

    An empty list, if none of its events is found, counts for all: a person is asked about it.
    """
    asked_for = _ahead(delta, change)
    if not asked_for or (change.is_empty and calendar.may_empty):
        return delta, set()
    at = scheduling.utc_now()
    before = [row for row in asked_for if row.doubted_at and row.doubted_at <= at - LATER]
    news = [row for row in asked_for if row not in before][: context.provider.batch_size]
    again = before[:MOST_ASKED]
    looks = _looks(context, calendar, news) | _looks(context, calendar, again, is_again=True)
    living = {remote_id: event for remote_id, event in looks.items() if event}
    gone = {remote_id for remote_id, event in looks.items() if event is None}
    if change.is_empty and len(gone) == len(news) + len(again):
        return delta, set()
    gone |= {
        row.remote_id
        for row in asked_for
        if row.remote_id not in looks and row.doubted_at and row.doubted_at <= at - LONGEST
    }
    unsure = {row.remote_id for row in asked_for} - gone - living.keys()
    surer = replace(
        delta,
        changed=(*delta.changed, *living.values()),
        tombstones=delta.tombstones | gone,
        unsure=delta.unsure | unsure,
    )
    return surer, set(living)


def _ahead(delta: Delta, change: Change) -> list[ExternalEvent]:
    """The lacking rows that lie in the future and in the window of the pull. Those that block time
    come first, and the soonest of them.
    """
    at, window = scheduling.utc_now(), delta.window
    rows = [
        row
        for row in change.lacking
        if row.ends_at > at and (window is None or window.touches(row.starts_at, row.ends_at))
    ]
    return sorted(rows, key=lambda row: (not row.blocks, row.starts_at, row.id))


def _looks(
    context: RunContext,
    calendar: RemoteCalendar,
    rows: Sequence[ExternalEvent],
    is_again: bool = False,
) -> dict[str, RemoteEvent | None]:
    if not rows:
        return {}
    remote_ids = [row.remote_id for row in rows]
    try:
        return context.provider.look(calendar.made_id, remote_ids, True, is_again)
    except (AuthExpired, NotConfigured):
        raise
    except ProviderError as error:
        log.warning("calendar %s not asked about what it lacks: %s", calendar.id, error)
        return {}


# ---- when it is read again ----


@dataclass(frozen=True)
class Doubts:
    """The busy time of a calendar that is in doubt: the oldest and the newest doubt, and when the
    whole calendar is read again: half a minute after a doubt, and then after growing waits.
    """

    newest: datetime | None
    due_at: datetime | None

    @classmethod
    def of(cls, calendar: RemoteCalendar) -> "Doubts":
        """The doubts about a calendar, with one query."""
        at = ExternalEvent.doubted_at
        mine = ExternalEvent.calendar == calendar, at.is_null(False)
        oldest, newest = (
            ExternalEvent.select(fn.MIN(at), fn.MAX(at)).where(*mine).scalar(as_tuple=True)
        )
        if oldest is None:
            return cls(None, None)
        read_at, end = max(oldest, calendar.whole_at or oldest), oldest + LONGEST
        due_at = read_at + max(LATER, (read_at - oldest) / 2)
        return cls(newest, min(due_at, end) if read_at < end else due_at)

    @property
    def is_due(self) -> bool:
        """Whether all of the calendar is to be read now."""
        return self.due_at is not None and self.due_at <= scheduling.utc_now()

    def before(self, regular: datetime) -> datetime:
        """The next reading of the calendar; `regular`: the one without doubts."""
        if self.due_at is None:
            return regular
        return min(regular, scheduling.utc_now() + LATER if self.is_due else self.due_at)


NO_DOUBTS = Doubts(None, None)  # about a calendar that was never read
