"""The second look at a calendar that was read for the first time.

A list may omit events. Those that nobody has seen yet cannot be asked for by their ids, and no
history tells of them later. So a little after a first reading the ids alone are listed once more;
where one of them is new, the calendar is read again.
"""

import logging
from datetime import datetime, timedelta

from base import scheduling
from base.tables.many import tuples
from base.tables.outside import ExternalEvent
from sync.events.event import Delta, Window
from sync.providers.errors import OF_THE_ACCOUNT, ProviderError
from sync.tables.accounts import RemoteCalendar
from sync.tables.unread import UnreadEvent
from sync.two_way.worker.context import RunContext

log = logging.getLogger("kalends.pull")

LATER = timedelta(seconds=30)  # a list asked for at once could lack the same
LONGEST = timedelta(hours=20)  # then it is read as a whole anyway


def due_at(calendar: RemoteCalendar) -> datetime | None:
    """When the second look at a calendar is due; None: no more. While lists contradict each other
    it is repeated, after waits that grow.
    """
    since: datetime | None = calendar.unproved_since
    if since is None or since <= scheduling.utc_now() - LONGEST:
        return None
    read_at: datetime = max(since, calendar.whole_at or since)
    return read_at + max(LATER, (read_at - since) / 2)


def is_due(calendar: RemoteCalendar) -> bool:
    """Whether the second look is to be taken now."""
    at = due_at(calendar)
    return at is not None and at <= scheduling.utc_now()


def before(calendar: RemoteCalendar, regular: datetime) -> datetime:
    """When a calendar is read next, if nothing else asks for it before `regular`. A look that was
    refused is taken again at the regular time.
    """
    at = due_at(calendar)
    return regular if at is None or at <= scheduling.utc_now() else min(at, regular)


def told(context: RunContext, calendar: RemoteCalendar, window: Window) -> set[str] | None:
    """The ids of what a calendar shows within a window; None where that is not known now."""
    try:
        installation = context.account.clinic.installation
        return set(context.provider.outline(calendar.made_id, installation, window))
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("calendar %s not looked at again: %s", calendar.id, error)
        return None


def known(calendar: RemoteCalendar, delta: Delta) -> set[str]:
    """The ids of what is mirrored of a calendar, of what in it cannot be read, and of what a pull
    tells.
    """
    mirrored = ExternalEvent.select(ExternalEvent.remote_id).where(
        ExternalEvent.calendar == calendar
    )
    unread = UnreadEvent.select(UnreadEvent.remote_id).where(UnreadEvent.calendar == calendar)
    rows = (*tuples(mirrored), *tuples(unread))
    return {remote_id for (remote_id,) in rows} | ids_of(delta)


def ids_of(delta: Delta) -> set[str]:
    """The ids that a pull tells."""
    return {seen.remote_id for seen in delta.changed} | {one.remote_id for one in delta.unread}
