"""A computer's clock was ahead for a while, since it started with a wrong time or was set back.
Times that were stored meanwhile lie in the future, and would stop sync until then.
"""

from datetime import datetime, timedelta

from base.scheduling import SKEW
from base.tables.outside import ExternalEvent

from .accounts import SEARCH_EVERY, Account, RemoteCalendar
from .channels import Channel
from .mappings import MappingRow
from .pace import Pace
from .unread import CalendarTrouble

# longer than any wait
FAR = timedelta(days=2)
VERY_FAR = timedelta(days=8)  # longer than the wait after a search of a calendar without an end
# Waits that end sooner by as much as the clock was set back, where the condition is met.
SHORTENED = (
    (Account.due_at, None),
    (Account.wait_until, None),
    (CalendarTrouble.until, None),
    (MappingRow.retry_at, MappingRow.problem != "kept"),
    (Pace.channels_wait_until, None),
    (RemoteCalendar.due_at, None),
    (RemoteCalendar.search_at, None),
)


def set_right(at: datetime) -> None:
    """Undo what a clock that was ahead has stored. Waits that are longer than any of ours end.
    Calendars whose last reading or comparison lies in the future are due now.
    """
    future, far = at + SKEW, at + FAR
    calendar, account = RemoteCalendar, Account
    unread = {"due_at": None, "whole_at": None, "compared_at": None, "read_at": at}
    calendar.update(unread).where(calendar.read_at > future).execute()
    calendar.update(due_at=None).where(calendar.due_at > far).execute()
    calendar.update(whole_at=None).where(calendar.whole_at > future).execute()
    calendar.update(compared_at=None).where(calendar.compared_at > future).execute()
    calendar.update(unproved_since=at).where(calendar.unproved_since > future).execute()
    calendar.update(sought_at=None).where(calendar.sought_at > at + VERY_FAR).execute()
    for doubted in (ExternalEvent, MappingRow):
        doubted.update(doubted_at=at).where(doubted.doubted_at > future).execute()
    searched = (calendar.search_word == "") & (calendar.search_at > at + SEARCH_EVERY + SKEW)
    calendar.update(search_at=None).where(searched | (calendar.search_at > at + VERY_FAR)).execute()
    account.update(wait_until=None).where(account.wait_until > far).execute()
    account.update(due_at=at).where(account.due_at > far).execute()
    account.update(lease=None, leased_until=None).where(account.leased_until > future).execute()
    account.update(searched_at=None).where(account.searched_at > future).execute()
    account.update(listed_at=at - FAR).where(account.listed_at > future).execute()
    account.update(checked_at=at).where(account.checked_at > future).execute()
    account.update(synced_on=at.date()).where(account.synced_on > future.date()).execute()
    Channel.update(opened_at=at - FAR).where(Channel.opened_at > future).execute()
    CalendarTrouble.update(until=None).where(CalendarTrouble.until > far).execute()
    Pace.update(channels_wait_until=None).where(Pace.channels_wait_until > far).execute()
    put_off = MappingRow.retry_at > at + timedelta(days=1), MappingRow.problem != "kept"
    MappingRow.update(retry_at=None).where(*put_off).execute()
    MappingRow.update(written_at=at).where(MappingRow.written_at > future).execute()
