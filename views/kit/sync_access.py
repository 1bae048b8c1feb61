"""The rights to see and change rows about calendars outside: connected accounts, their calendars
and notices, and feeds. As in `access`, the name of each loader says the right.
"""

from flask import abort
from flask_login import current_user

from models import Clinic, Feed
from sync.connect import calendar_list
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice

from . import access, loading


def account_of_mine(account_id: int) -> Account:
    """A connected account of the signed-in person; 404 for a colleague's."""
    account = loading.row(Account, account_id)
    return loading.of_person(account, account.user_id)


def account_to_manage(account_id: int) -> Account:
    """Anyone's account, for managers: they see its state and never its contents."""
    return loading.for_managers(Account, account_id)


def calendar_outside_of_mine(calendar_id: int) -> RemoteCalendar:
    """A calendar in one of the signed-in person's accounts."""
    calendar = loading.row(RemoteCalendar, calendar_id)
    return loading.of_person(calendar, calendar.account.user_id)


def calendar_of_account(account: Account, calendar_id: int | None) -> RemoteCalendar | None:
    """The calendar that a form chose in this account of one's own; None if it has no such
    calendar.
    """
    return next((row for row in account.calendars if row.id == calendar_id), None)


def source_of_mine(calendar_id: int) -> RemoteCalendar:
    """A calendar in one's own accounts that may be read: we did not make it or write to it."""
    calendar = calendar_outside_of_mine(calendar_id)
    return abort(404) if calendar.role == "destination" or calendar.is_ours else calendar


def source_to_start(calendar_id: int) -> RemoteCalendar:
    """A calendar in one's own accounts for reading its busy times from now on; 403 if the clinic
    does not let it be read.
    """
    calendar = source_of_mine(calendar_id)
    may = calendar_list.may_read(calendar, calendar.account.clinic)
    return calendar if may else abort(403)


def notice_of_mine(notice_id: int) -> Notice:
    """A notice for the signed-in person to decide."""
    notice = loading.row(Notice, notice_id)
    return loading.of_person(notice, notice.account.user_id)


def feed_of_mine(feed_id: int) -> Feed:
    """A feed of the signed-in person that is still listed."""
    feed = feed_to_clear(feed_id)
    return abort(404) if feed.revoked_because == "cleared" else feed


def feed_to_clear(feed_id: int) -> Feed:
    """A feed of the signed-in person, also one that a first press took off their list."""
    feed = loading.row(Feed, feed_id)
    return loading.of_person(feed, feed.user_id)


def living_feed_of_mine(feed_id: int) -> Feed:
    """A feed of the person that nobody stopped; a plan may suspend it."""
    feed = feed_of_mine(feed_id)
    return abort(404) if feed.revoked_at else feed


def feed_to_rotate(feed_id: int) -> Feed:
    """A feed of the person for giving it a new address; 403 if the plan has no feeds."""
    feed = living_feed_of_mine(feed_id)
    clinic_with_feeds()
    return feed


def clinic_with_feeds() -> Clinic:
    """The clinic, if its plan has feeds; else 403."""
    clinic = access.clinic()
    return clinic if clinic.allows("feed") else abort(403)


def clinic_to_show() -> Clinic:
    """The clinic for a feed with all its calendars, for managers; else 403."""
    return access.clinic() if current_user.is_manager else abort(403)
