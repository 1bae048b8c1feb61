"""The search for strays in all calendars of an account, one by one and in slices."""

import logging
from collections.abc import Mapping, Set
from datetime import datetime, timedelta

from base import scheduling
from sync.connect import calendar_list
from sync.events.event import RemoteEvent
from sync.providers.errors import OF_THE_ACCOUNT, Endless, ProviderError
from sync.tables.accounts import SEARCH_EVERY, Account, RemoteCalendar
from sync.tables.excess import Excess
from sync.tables.strays import Stray
from sync.two_way.worker.context import RunContext, word_of
from sync.two_way.worker.paging import KeptPages

from . import stray_events

log = logging.getLogger("kalends.sync")

ENDLESS_WAIT = timedelta(days=7)  # each try costs up to as many requests as there are pages
MOST_LISTED = 5  # calendars that a search lists completely, the longest waiting first


def search(context: RunContext, pages: KeptPages) -> bool:
    """Search every calendar to which the account can write, if that is due. True: it was searched.
    Raises OutOfTime; the next slice continues.
    """
    account, at = context.account, scheduling.utc_now()
    if account.searched_at is not None and account.searched_at > at - SEARCH_EVERY:
        return False
    try:
        listed = stray_events.elsewhere(account, context.provider.calendars())
    except Endless as error:
        log.warning("account %s: its calendars cannot be listed: %s", account.id, error)
        with context.writing():
            _put_off(account, at)
        return False
    rows = calendar_list.note_new(account, listed)
    whole = _to_list(rows, {calendar.calendar_id for calendar in listed}, at)
    for calendar in listed:
        row = rows.get(calendar.calendar_id)
        if is_searched(row):
            continue
        context.check_time()
        try:
            if row in whole:
                _seek_all(context, pages, row, calendar.name)
            found = seek(context, pages, calendar.calendar_id, row)
        except OF_THE_ACCOUNT:
            raise
        except ProviderError as error:
            log.warning("a calendar cannot be searched: %s", error)
            continue
        with context.writing():
            # a filter does not end what a list showed
            known = set(found) if row is not None and _is_listed(row, at) else None
            stray_events.remember(account, calendar.calendar_id, calendar.name, found, known)
            settle(row)
    shown = {calendar.calendar_id for calendar in listed} | rows.keys()
    with context.writing():
        for table in (Stray, Excess):
            table.delete().where(
                table.account == account, table.calendar_id.not_in(shown)
            ).execute()
        _put_off(account, at)
    return True


def _is_listed(row: RemoteCalendar, at: datetime) -> bool:
    """Whether a calendar was listed completely a short time ago, or must not be listed now."""
    return row.sought_at is not None and row.sought_at > at - SEARCH_EVERY


def _to_list(
    rows: Mapping[str, RemoteCalendar], calendar_ids: Set[str], at: datetime
) -> list[RemoteCalendar]:
    """The calendars to list completely now. Only those that are not read anyway: for them we rely
    on the provider's filter, which may miss some of our events.
    """
    due = [
        row
        for key, row in rows.items()
        if key in calendar_ids and row.role != "source" and not _is_listed(row, at)
    ]
    return sorted(due, key=lambda row: (row.sought_at is not None, row.sought_at or at, row.id))[
        :MOST_LISTED
    ]


def _seek_all(context: RunContext, pages: KeptPages, row: RemoteCalendar, name: str) -> None:
    """Store our events in a complete list of a calendar, if it can be had."""
    found, sought_at = None, scheduling.utc_now()
    try:
        with pages.of(row, "search all"):
            found = stray_events.find_in_full_list(context, row.made_id)
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("calendar %s cannot be listed: %s", row.id, error)
        if not isinstance(error, Endless):
            return
        sought_at += ENDLESS_WAIT
    with context.writing():
        if found is not None:
            stray_events.remember(context.account, row.made_id, name, found)
        row.sought_at = sought_at
        row.save(only=[RemoteCalendar.sought_at])


def _put_off(account: Account, at: datetime) -> None:
    """Set the next search a day from this one, unless somebody asked meanwhile."""
    asked = (
        Account.searched_at.is_null()
        if account.searched_at is None
        else Account.searched_at == account.searched_at
    )
    Account.update(searched_at=at).where(Account.id == account.id, asked).execute()


def is_searched(row: RemoteCalendar | None) -> bool:
    """Whether a calendar was searched a short time ago, or must not be searched now."""
    return row is not None and row.search_at is not None and row.search_at > scheduling.utc_now()


def seek(
    context: RunContext,
    pages: KeptPages,
    calendar_id: str,
    row: RemoteCalendar | None,
    is_quick: bool = True,
) -> dict[str, RemoteEvent]:
    """Look for events of ours, in slices if it takes long. An error that prevents it is stored on
    the calendar's row and raised; a list without an end is not tried again for a week.
    """
    if row is None:
        return stray_events.find_marked(context, calendar_id, is_quick)
    try:
        with pages.of(row, "search"):
            return stray_events.find_marked(context, calendar_id, is_quick)
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        until = scheduling.utc_now() + ENDLESS_WAIT if isinstance(error, Endless) else None
        with context.writing():
            settle(row, until, word_of(error.reason, type(error).__name__))
        raise


def settle(row: RemoteCalendar | None, until: datetime | None = None, word: str = "") -> None:
    """Store that a calendar was searched to its end, or the reason (`word`) why it could not be."""
    if row is not None:
        row.search_at = until if word else scheduling.utc_now() + SEARCH_EVERY
        row.search_word = word
        row.save(only=[RemoteCalendar.search_at, RemoteCalendar.search_word])
