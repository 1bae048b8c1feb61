"""The list of an account's calendars: which are ours, and which may be read or written."""

import hashlib
from collections.abc import Iterable

from base import scheduling
from base.catalogue import _
from base.database import database
from models import Clinic
from sync.providers import registry
from sync.providers.base import ListedCalendar, Provider
from sync.tables import earlier_accounts
from sync.tables.accounts import Account, RemoteCalendar

MOST_LISTED = 250


def reference(clinic: Clinic, user_id: int | None = None) -> str:
    """The text by which we recognise our calendars: those of the clinic, or of one person. It is
    opaque and never changes.
    """
    ours = hashlib.sha256(f"calendar {clinic.installation}".encode()).hexdigest()[:12]
    return f"kalends:{ours}:" + (
        ""
        if user_id is None
        else hashlib.sha256(f"{clinic.installation} {user_id}".encode()).hexdigest()[:12]
    )


def description(reference: str) -> str:
    """The description of our calendar outside. We find the calendar again by the
    reference in it.
    """
    return _(
        "Kalends writes bookings here. Change them in Kalends; what is changed here is put back."
        " ({reference})",
        reference=reference,
    )


def list_calendars(account: Account, provider: Provider) -> None:
    """Bring the list of the account's calendars up to date: add new ones, mark lost ones. Calendars
    to which people of the clinic send their bookings are not offered as sources.
    """
    listed = provider.calendars()[:MOST_LISTED]
    ours = reference(account.clinic)
    with database.atomic():
        account.clinic.lock()
        kept = {row.calendar_id: row for row in account.calendars if row.calendar_id}
        for calendar in listed:
            _keep(account, kept.get(calendar.calendar_id), calendar, ours)
        missing = [
            row
            for key, row in kept.items()
            if key not in {calendar.calendar_id for calendar in listed}
        ]
        for row in missing:
            _miss(row)
        account.listed_at = scheduling.utc_now()
        account.save(only=[Account.listed_at])


def note_new(account: Account, listed: Iterable[ListedCalendar]) -> dict[str, RemoteCalendar]:
    """Add new calendars of a list. Removes none, even if the list lacks it. Returns all
    rows by id.
    """
    with database.atomic():
        account.clinic.lock()
        known, ours = {row.calendar_id for row in account.calendars}, reference(account.clinic)
        for calendar in list(listed)[:MOST_LISTED]:
            if calendar.calendar_id not in known:
                _keep(account, None, calendar, ours)
    return {row.calendar_id: row for row in account.calendars if row.calendar_id}


def _keep(
    account: Account, row: RemoteCalendar | None, calendar: ListedCalendar, ours: str
) -> None:
    mine = reference(account.clinic, account.user_id) in calendar.description
    if row is None and ours in calendar.description and not mine:
        return  # a colleague's bookings, in a shared account
    row = row or RemoteCalendar(
        clinic=account.clinic_id, account=account, role="listed", calendar_id=calendar.calendar_id
    )
    given = calendar.name[:300]
    if row.told_name is not None:
        row.told_name = given or row.told_name
    else:
        row.name = given or row.name or "Calendar"
    row.access = calendar.access
    row.is_primary = calendar.is_primary
    row.zone_name = calendar.zone_name[:60] or row.zone_name
    row.is_ours = row.is_ours or mine  # a person may change the description
    row.gone_since = None
    row.save()


def _miss(row: RemoteCalendar) -> None:
    """Handle a calendar that the list lacks. One that was only listed is removed. One that is read
    is looked at now: a list may omit it, so only refused readings show that it is gone.
    """
    if row.role == "listed":
        if row.is_ours:
            earlier_accounts.remember(row.account, row.calendar_id)
        row.delete_instance()
    elif row.role == "source" and row.gone_since is None:
        row.due_at = None
        row.save(only=[RemoteCalendar.due_at])


def may_read(calendar: RemoteCalendar, clinic: Clinic) -> bool:
    """Whether its times may block booking here: one's own calendars, or, if the clinic allows it,
    any that can be read.
    """
    return not calendar.is_ours and (calendar.access == "owner" or clinic.sync_shared)


def may_write(calendar: RemoteCalendar, account: Account) -> bool:
    """Whether bookings may go to this calendar: one that we made earlier, or one of the person's
    own except the main one, if the clinic allows it or none can be made there.
    """
    may_choose = account.clinic.sync_existing or registry.row_of(account.kind).offers_own
    return calendar.is_ours or (
        may_choose and calendar.access == "owner" and not calendar.is_primary
    )
