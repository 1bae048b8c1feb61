"""The second reading of a calendar that was read for the first time.

A list may omit events. New ones cannot be asked for by their ids, and no history reports them
later. So a little after a first reading the ids alone are listed once more, and again an hour
later, since two lists in a row may lack the same events. If an id is new, the calendar is read
again.
"""

import logging
from datetime import datetime, timedelta

from base import scheduling
from base.tables.bulk import tuples
from base.tables.outside import ExternalEvent
from sync.events.event import Delta, Window
from sync.providers.errors import OF_THE_ACCOUNT, ProviderError
from sync.tables.accounts import RemoteCalendar
from sync.tables.unread import UnreadEvent
from sync.two_way.worker.context import RunContext

log = logging.getLogger("kalends.pull")

LATER = timedelta(seconds=30)  # a list asked for at once could lack the same events
LAST = timedelta(hours=1)  # after the first reading, once one found nothing new
LONGEST = timedelta(hours=20)  # then it is read completely anyway


def due_at(calendar: RemoteCalendar) -> datetime | None:
    """When the second reading of a calendar, or the last one, is due; None: no more. While lists
    contradict each other it is repeated after growing waits.
    """
    since: datetime | None = calendar.unproved_since
    if since is None or since <= scheduling.utc_now() - LONGEST:
        return None
    read_at: datetime = max(since, calendar.whole_at or since)
    at = read_at + max(LATER, (read_at - since) / 2)
    is_agreed = calendar.compared_at is not None and calendar.compared_at > since
    return max(at, since + LAST) if is_agreed else at


def agree(calendar: RemoteCalendar, at: datetime) -> None:
    """Note on the loaded row that this list of ids had no new one."""
    since: datetime | None = calendar.unproved_since
    calendar.compared_at = at
    if since is not None and at >= since + LAST:
        calendar.unproved_since = None


def is_due(calendar: RemoteCalendar) -> bool:
    """Whether the second reading is to be done now."""
    at = due_at(calendar)
    return at is not None and at <= scheduling.utc_now()


def before(calendar: RemoteCalendar, regular: datetime) -> datetime:
    """The next reading of a calendar; `regular`: the one without a second reading. A refused second
    reading is repeated at the regular time.
    """
    at = due_at(calendar)
    return regular if at is None or at <= scheduling.utc_now() else min(at, regular)


def ids_at_second(context: RunContext, calendar: RemoteCalendar, window: Window) -> set[str] | None:
    """The ids of a calendar's events within a window; None if they are unknown now."""
    try:
        installation = context.account.clinic.installation
        return set(context.provider.outline(calendar.made_id, installation, window))
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("calendar %s not read again: %s", calendar.id, error)
        return None


def known(calendar: RemoteCalendar, delta: Delta) -> set[str]:
    """The ids of a calendar's external events, of its unread events, and of the events
    in a pull.
    """
    external = ExternalEvent.select(ExternalEvent.remote_id).where(
        ExternalEvent.calendar == calendar
    )
    unread = UnreadEvent.select(UnreadEvent.remote_id).where(UnreadEvent.calendar == calendar)
    rows = (*tuples(external), *tuples(unread))
    return {remote_id for (remote_id,) in rows} | ids_of(delta)


def ids_of(delta: Delta) -> set[str]:
    """The ids in a pull."""
    return {seen.remote_id for seen in delta.changed} | {one.remote_id for one in delta.unread}
