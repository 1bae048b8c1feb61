"""The search for strays in all calendars of an account, one by one and in slices."""

import logging
from datetime import datetime, timedelta

from base import scheduling
from sync.connect import connecting
from sync.events.event import RemoteEvent
from sync.providers.errors import OF_THE_ACCOUNT, Endless, ProviderError
from sync.tables.accounts import SEARCH_EVERY, Account, RemoteCalendar
from sync.tables.strays import Stray
from sync.two_way.worker.context import RunContext, word_of
from sync.two_way.worker.paging import KeptPages

from . import strays

log = logging.getLogger("kalends.sync")

ENDLESS_WAIT = timedelta(days=7)  # each try costs as many requests as there are pages at most


def search(context: RunContext, pages: KeptPages) -> bool:
    """Search every calendar that the account can write to, where that is due. True: it was. Raises
    OutOfTime; the next slice continues.
    """
    account, at = context.account, scheduling.utc_now()
    if account.searched_at is not None and account.searched_at > at - SEARCH_EVERY:
        return False
    try:
        listed = strays.elsewhere(account, context.provider.calendars())
    except Endless as error:
        log.warning("account %s: its calendars cannot be listed: %s", account.id, error)
        with context.writing():
            _put_off(account, at)
        return False
    rows = connecting.note_new(account, listed)
    for calendar in listed:
        row = rows.get(calendar.calendar_id)
        if is_searched(row):
            continue
        context.check_time()
        try:
            found = seek(context, pages, calendar.calendar_id, row)
        except OF_THE_ACCOUNT:
            raise
        except ProviderError as error:
            log.warning("a calendar cannot be searched: %s", error)
            continue
        with context.writing():
            strays.remember(account, calendar.calendar_id, calendar.name, found)
            settle(row)
    known = {calendar.calendar_id for calendar in listed} | rows.keys()
    with context.writing():
        Stray.delete().where(Stray.account == account, Stray.calendar_id.not_in(known)).execute()
        _put_off(account, at)
    return True


def _put_off(account: Account, at: datetime) -> None:
    """The next search is a day from this one, unless somebody asked meanwhile."""
    asked = (
        Account.searched_at.is_null()
        if account.searched_at is None
        else Account.searched_at == account.searched_at
    )
    Account.update(searched_at=at).where(Account.id == account.id, asked).execute()


def is_searched(row: RemoteCalendar | None) -> bool:
    """Whether a calendar was searched lately, or is not to be searched now."""
    return row is not None and row.search_at is not None and row.search_at > scheduling.utc_now()


def seek(
    context: RunContext,
    pages: KeptPages,
    calendar_id: str,
    row: RemoteCalendar | None,
    is_quick: bool = True,
) -> dict[str, RemoteEvent]:
    """`look`, in slices where it is long. Raises the error that prevents it and stores it on the
    calendar's row; a list without an end is not tried again for a week.
    """
    if row is None:
        return strays.look(context, calendar_id, is_quick)
    try:
        with pages.of(row, "search"):
            return strays.look(context, calendar_id, is_quick)
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        until = scheduling.utc_now() + ENDLESS_WAIT if isinstance(error, Endless) else None
        with context.writing():
            settle(row, until, word_of(error.reason, type(error).__name__))
        raise


def settle(row: RemoteCalendar | None, until: datetime | None = None, word: str = "") -> None:
    """Store that a calendar was searched to its end, or (`word`) why it could not be."""
    if row is not None:
        row.search_at = until if word else scheduling.utc_now() + SEARCH_EVERY
        row.search_word = word
        row.save(only=[RemoteCalendar.search_at, RemoteCalendar.search_word])
