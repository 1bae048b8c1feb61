"""The start of an account's sync: a person connects it and chooses where bookings are sent."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from peewee import fn

from base.database import in_one_transaction, now, transition
from base.tables.audit import AuditEntry
from models import User
from sync.providers import registry

from .accounts import SEARCH_EVERY, Account, RemoteCalendar
from .mappings import MappingRow
from .notices import Notice
from .sources import update_name

FIRST = datetime(2020, 1, 1, tzinfo=UTC)  # generations are seconds since this instant


class OtherAccount(Exception):
    """The person chose another account at the provider than the one that is connected (`email`)."""

    def __init__(self, email: str):
        super().__init__()
        self.email = email


class CalendarInUse(Exception):
    """A colleague's bookings are sent to this calendar. In a clinic each calendar has
    one writer.
    """


@in_one_transaction
def connect(
    user: User,
    kind: str,
    email: str,
    sealed: str,
    scopes: Iterable[str],
    refresh_expires_at: datetime | None,
    place: str = "",
    known: Account | None = None,
) -> Account:
    """The account of a person who connected it: a new row, or the existing one with fresh
    credentials. `known`: the existing one, if a person may have several. An account that was never
    used is replaced by another one; for a used account raises OtherAccount. The calendars are not
    listed yet.
    """
    user.clinic.lock()
    row = known if registry.row_of(kind).accepts_several else Account.at(user, kind)
    if row and (row.email.lower(), row.place) != (email.lower(), place):
        if not row.is_unused:
            raise OtherAccount(row.email)
        AuditEntry.note(user.clinic, user, "account.gone", row, kind=kind)
        row.delete_instance()
        row = None
    row = row or Account.of(user).where(*same(kind, place, email)).first()
    action = "account.reconnected" if row else "account.connected"
    row = row or Account.create(
        clinic=user.clinic, user=user, kind=kind, place=place, email=email, sealed=sealed
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
    begun = "account.connected", "account.started"
    AuditEntry.note_once(user.clinic, user, action, row, after=begun, kind=kind)
    return row


@in_one_transaction
def give_back(account: Account, earlier: Account, sealed: str) -> bool:
    """Replace a new account by one that the person had before, if the two prove to be the same and
    nothing is synced with the earlier one. That one gets the new credentials and can begin again.
    Returns whether it was replaced.
    """
    account.clinic.lock()
    earlier.refresh()
    if not earlier.may_begin or earlier.kind != account.kind:
        return False
    AuditEntry.note(account.clinic, account.user, "account.reconnected", earlier, kind=earlier.kind)
    account.delete_instance()
    earlier.put(sealed=sealed, consented_at=now(), listed_at=None, wait_until=None)
    earlier.put(health="ok", health_word="", failing_since=None, failures=0, told=0)
    return True


def same(kind: str, place: str, email: str) -> tuple[object, ...]:
    """A condition: the account of this kind, at this place, with this address."""
    return Account.kind == kind, Account.place == place, fn.LOWER(Account.email) == email.lower()


@transition
def start(
    account: Account,
    actor: User,
    name: str,
    zone_name: str,
    calendar_id: str | None = None,
    direction: str = "both",
    covers: list[int] | None = None,
) -> None:
    """Begin to sync, one way or both: into a new calendar of this name, or into an existing one (an
    earlier one of ours, or one of the person's own if the clinic allows it). `covers`: the
    calendars whose bookings are sent; None: all of the person's. Calendars that were read before
    sync was stopped are read again. Raises CalendarInUse, also for the second of two persons who
    choose one calendar at once.
    """
    if calendar_id and in_use(account, [calendar_id]):
        raise CalendarInUse
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
    account.put(direction=direction, covers=covers)
    if account.reads:
        _read_again(account)
    begin_afresh(account)
    account.user.change_sync(mode="two_way")
    AuditEntry.note(account.clinic, actor, "account.started", account, kind=account.kind)


@in_one_transaction
def start_once(account: Account, *args: Any, **choices: Any) -> bool:
    """Begin to sync, as `start`, unless it began meanwhile: a first press made it, and the calendar
    that it named may be there by now. Returns whether it is begun.
    """
    account.clinic.lock()
    account.refresh()
    if account.may_begin:
        start(account, *args, **choices)
    return account.is_active


def _read_again(account: Account) -> None:
    """Read the calendars that were read before sync was stopped, with their rules."""
    mine = RemoteCalendar.account == account, RemoteCalendar.role == "listed"
    RemoteCalendar.update(
        role="source",
        was_source=False,
        read_at=None,
        due_at=None,
        sync_token=None,
        turn=RemoteCalendar.turn + 1,
    ).where(*mine, RemoteCalendar.was_source, ~RemoteCalendar.is_ours).execute()


@transition
def start_reading_published(
    account: Account, actor: User, calendar_id: str, name: str, zone_name: str
) -> None:
    """Begin to read the only calendar of an account to which nothing is sent. A calendar that is
    read already is read from the beginning, since its address may have changed.
    """
    mine = RemoteCalendar.account == account
    if not account.may_begin:
        RemoteCalendar.update(sync_token=None, due_at=None).where(mine).execute()
        for row in RemoteCalendar.select().where(mine, RemoteCalendar.role == "source"):
            update_name(row, name)
        return
    RemoteCalendar.delete().where(mine).execute()
    facts = {"clinic": account.clinic, "account": account, "zone_name": zone_name}
    RemoteCalendar.create(**facts, role="destination", name="", calendar_id=None)
    RemoteCalendar.create(**facts, role="source", name=name, calendar_id=calendar_id)
    account.put(direction="in")
    begin_afresh(account)
    AuditEntry.note(account.clinic, actor, "account.started", account, kind=account.kind)


def is_shared(account: Account) -> bool:
    """Whether a colleague has connected the same account outside."""
    theirs = Account.clinic == account.clinic_id, Account.user != account.user_id
    is_same = Account.kind == account.kind, Account.place == account.place
    return Account.select().where(*theirs, *is_same, Account.email == account.email).exists()


def in_use(account: Account, calendar_ids: Iterable[str]) -> set[str]:
    """The calendars among these that a colleague's account at the same server uses: it sends
    bookings to them, or is still deleting its events there. One server may be known under several
    kinds, and two servers may use the same id.
    """
    is_there = (Account.kind == account.kind) & (
        (Account.place == account.place) | (Account.place == "") | (account.place == "")
    )
    if account.place:
        is_there |= Account.place == account.place
    rows = (
        RemoteCalendar.select(RemoteCalendar.calendar_id)
        .join(Account)
        .where(
            Account.clinic == account.clinic_id,
            is_there,
            Account.id != account.id,
            RemoteCalendar.role == "destination",
            RemoteCalendar.calendar_id.in_(list(calendar_ids)),
        )
    )
    return {row.made_id for row in rows}


def begin_afresh(account: Account) -> None:
    """Make a fresh start: delete all mappings. Events that exist are found by their mark."""
    MappingRow.delete().where(MappingRow.account == account).execute()
    # their events are not known here any more: the next reading is a first one
    RemoteCalendar.update(sync_token=None, due_at=None, search_at=None, read_at=None).where(
        RemoteCalendar.account == account
    ).execute()
    # a clinic's first filling must not wait for it
    account.put(
        searched_at=None if account.generation > 1 else now() - SEARCH_EVERY + timedelta(hours=1)
    )
    account.put(
        phase="active",
        goal="",
        # a generation that no other fresh start of this person had, also in deleted rows and before
        # a restored backup: providers remember ids and transactions of deleted events
        generation=max(account.generation + 1, int((now() - FIRST).total_seconds())),
        approved=None,
        kept_copies=[],
        stayed=0,
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
