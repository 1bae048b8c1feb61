"""Our calendar outside: finding or making it, and the meaning of "not found" for it."""

from datetime import datetime, timedelta

from base import scheduling
from base.tables.outside import ExternalEvent
from sync.connect import calendar_list
from sync.providers.base import ListedCalendar
from sync.providers.errors import (
    CannotMake,
    Forbidden,
    Gone,
    ProviderError,
    ScopeMissing,
    Unanswered,
    Unavailable,
)
from sync.tables import earlier_accounts
from sync.tables.accounts import RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.two_way.plans import local
from sync.two_way.worker.consequences import CalendarGone
from sync.two_way.worker.context import RunContext

# so long after it was asked for a calendar whose answer was lost may still appear
MAY_BE_MADE = timedelta(minutes=3)


def make(context: RunContext, destination: RemoteCalendar) -> None:
    """Find or make our calendar: one of an earlier connection, one whose answer was lost, or a new
    one. A list may omit it, and a second calendar would contain every booking twice, so it is
    looked for twice.
    """
    account = context.account
    mine = calendar_list.reference(account.clinic, account.user_id)
    found = _left_there(context) or _listed(context, mine) or _made(context, destination, mine)
    with context.writing():
        earlier_accounts.remember(account, None)
        others = (
            RemoteCalendar.account == account,
            RemoteCalendar.calendar_id == found.calendar_id,
            RemoteCalendar.id != destination.id,
        )
        RemoteCalendar.delete().where(*others).execute()
        destination.calendar_id = found.calendar_id
        destination.is_ours = True
        destination.name = found.name or destination.name
        destination.asked_for_at = None
        destination.save(
            only=[
                RemoteCalendar.calendar_id,
                RemoteCalendar.is_ours,
                RemoteCalendar.name,
                RemoteCalendar.asked_for_at,
            ]
        )


def _made(context: RunContext, destination: RemoteCalendar, mine: str) -> ListedCalendar:
    """A new calendar. If one was asked for lately, its answer was lost, and it may be made any
    moment: raises Unavailable, and a later run looks for it again. That the provider makes none
    for us is believed once it was said several times.
    """
    at, asked = scheduling.utc_now(), destination.asked_for_at
    if asked is not None and at - MAY_BE_MADE < asked <= at:
        raise Unavailable("")
    _note_asked(context, destination, at)
    try:
        return context.provider.create_calendar(
            destination.name, destination.zone_name, calendar_list.description(mine)
        )
    except Unanswered:
        raise
    except ProviderError as error:  # none is made
        _note_asked(context, destination, None)
        if isinstance(error, CannotMake) and not context.was_reported(error.reason):
            raise Unavailable(error.reason, error.status) from None
        raise


def _note_asked(context: RunContext, destination: RemoteCalendar, at: datetime | None) -> None:
    with context.writing():
        destination.asked_for_at = at
        destination.save(only=[RemoteCalendar.asked_for_at])


def _left_there(context: RunContext) -> ListedCalendar | None:
    """Our calendar from before the account was disconnected, asked for by its id, since lists may
    omit it. It counts as gone only after several answers.
    """
    calendar_id = earlier_accounts.calendar_of(context.account)
    try:
        return context.provider.calendar(calendar_id) if calendar_id else None
    except (Forbidden, Gone, ScopeMissing) as error:
        if not context.was_reported(error.reason):
            raise Unavailable(error.reason, error.status) from None
        return None


def _listed(context: RunContext, mine: str) -> ListedCalendar | None:
    """Our calendar in one of two lists."""
    lists = (local.calendars(context.provider) for _ in range(2))
    return next(
        (
            calendar
            for listed in lists
            for calendar in listed
            if mine in calendar.description and calendar.can_write
        ),
        None,
    )


def missing(context: RunContext, destination: RemoteCalendar, error: Gone) -> ProviderError:
    """The meaning of "not found" for our calendar. Providers also say so about changes that have
    not reached all their servers. So it must come several times, and the list of calendars must
    agree.
    """
    listed = {calendar.calendar_id for calendar in context.provider.calendars()}
    is_gone = destination.calendar_id not in listed and context.was_reported(error.reason)
    return (
        CalendarGone(error.reason, error.status)
        if is_gone
        else Unavailable(error.reason, error.status)
    )


def forget(context: RunContext, destination: RemoteCalendar) -> None:
    """Note that our calendar was deleted outside while nothing is sent there: the next one is made
    when something is.
    """
    with context.writing():
        ExternalEvent.delete().where(ExternalEvent.calendar == destination).execute()
        MappingRow.update(phase="gone", wanted="").where(
            MappingRow.account == context.account
        ).execute()
        destination.calendar_id = destination.sync_token = destination.read_at = None
        destination.save(
            only=[RemoteCalendar.calendar_id, RemoteCalendar.sync_token, RemoteCalendar.read_at]
        )
        context.account.show_anew()
