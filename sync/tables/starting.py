"""How an account comes to be synced: a person allows it and says where its bookings go."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from base.database import in_one_transaction, now, transition
from base.tables.audit import AuditEntry
from models import User

from .accounts import SEARCH_EVERY, Account, RemoteCalendar
from .mappings import MappingRow
from .notices import Notice

FIRST = datetime(2020, 1, 1, tzinfo=UTC)  # generations are seconds since then


class OtherAccount(Exception):
    """The person chose another account at the provider than the one that is connected (`email`)."""

    def __init__(self, email: str):
        super().__init__()
        self.email = email


class CalendarTaken(Exception):
    """A colleague's bookings go to this calendar. In a clinic each calendar has one writer."""


@in_one_transaction
def connect(
    user: User,
    kind: str,
    email: str,
    sealed: str,
    scopes: Iterable[str],
    refresh_expires_at: datetime | None,
) -> Account:
    """The account after a person allowed it: a new row, or the one that is there with fresh
    credentials. An account that was never used is replaced by another; else raises OtherAccount.
    Its calendars are not listed yet.
    """
    user.clinic.lock()
    row = Account.get_or_none(Account.user == user, Account.kind == kind)
    if row and row.email.lower() != email.lower():
        if not row.is_unused:
            raise OtherAccount(row.email)
        AuditEntry.note(user.clinic, user, "account.gone", row, kind=kind)
        row.delete_instance()
        row = None
    action = "account.reconnected" if row else "account.connected"
    row = row or Account.create(
        clinic=user.clinic, user=user, kind=kind, email=email, sealed=sealed
    )
    row.put(
        sealed=sealed,
        scopes=" ".join(sorted(scopes)),
        refresh_expires_at=refresh_expires_at,
        consented_at=now(),
        due_at=now(),
        because="connect",
        listed_at=None,
        health="ok",
        health_word="",
        failing_since=None,
        failures=0,
        told=0,
        wait_until=None,
    )
    Notice.settle(row, "reconnect", "reconnected")
    AuditEntry.note(user.clinic, user, action, row, kind=kind)
    return row


@transition
def start(
    account: Account, actor: User, name: str, zone_name: str, calendar_id: str | None = None
) -> None:
    """Begin to sync: into a new calendar of this name, or into an existing one (an earlier one of
    ours, or where the clinic allows it one of the person's own). Raises CalendarTaken; of two who
    choose one at once, the second.
    """
    if calendar_id and taken(account, [calendar_id]):
        raise CalendarTaken
    RemoteCalendar.delete().where(
        RemoteCalendar.account == account, RemoteCalendar.role == "destination"
    ).execute()
    same = RemoteCalendar.account == account, RemoteCalendar.calendar_id == calendar_id
    was = RemoteCalendar.get_or_none(*same) if calendar_id else None
    if was:
        was.delete_instance()
    RemoteCalendar.create(
        clinic=account.clinic,
        account=account,
        role="destination",
        name=name,
        zone_name=zone_name,
        calendar_id=calendar_id,
        access="owner",
        is_ours=bool(was and was.is_ours),
    )
    begin(account)
    account.user.change_sync(mode="two_way")
    AuditEntry.note(account.clinic, actor, "account.started", account, kind=account.kind)


def taken(account: Account, calendar_ids: Iterable[str]) -> set[str]:
    """Which of these calendars a colleague's account at the same provider writes to, or is still
    deleting its events from.
    """
    rows = (
        RemoteCalendar.select(RemoteCalendar.calendar_id)
        .join(Account)
        .where(
            Account.clinic == account.clinic_id,
            Account.kind == account.kind,
            Account.id != account.id,
            RemoteCalendar.role == "destination",
            RemoteCalendar.calendar_id.in_(list(calendar_ids)),
        )
    )
    return {row.made_id for row in rows}


def begin(account: Account) -> None:
    """A fresh start: forget all mappings. Events that are there are found by their mark."""
    MappingRow.delete().where(MappingRow.account == account).execute()
    # nothing of them is known here any more: the next reading is a first one
    RemoteCalendar.update(sync_token=None, due_at=None, search_at=None, read_at=None).where(
        RemoteCalendar.account == account
    ).execute()
    # not in the way of a first filling
    account.put(
        searched_at=None if account.generation > 1 else now() - SEARCH_EVERY + timedelta(hours=1)
    )
    account.put(
        phase="active",
        goal="",
        # no other fresh start of this person had it: rows end, and providers remember ids and
        # transactions of what was deleted; nor had one after which a backup was put back
        generation=max(account.generation + 1, int((now() - FIRST).total_seconds())),
        approved=None,
        kept_copies=[],
        shown_as="",
        synced_rev=0,
    )
    account.put(
        due_at=now(),
        because="start",
        health="ok",
        health_word="",
        wait_until=None,
        failures=0,
        failing_since=None,
        told=0,
    )
