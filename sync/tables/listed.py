"""Accounts and what belongs to them, in lists for pages: one query each."""

from collections.abc import Collection
from datetime import datetime

from peewee import ModelSelect

from base.tables.outside import ExternalEvent
from models import Clinic, User
from sync.providers import registry

from .accounts import Account, RemoteCalendar
from .notices import Notice
from .phases import BEGUN


def of_clinic(clinic: Clinic) -> "ModelSelect[Account]":
    """Every account of the clinic's people."""
    return Account.select().where(Account.clinic == clinic)


def sending(user: User) -> "ModelSelect[Account]":
    """The person's accounts to which bookings go or will go, the oldest first."""
    mine = Account.user == user.id, Account.begun(), Account.direction != "in"
    return Account.select().where(*mine).order_by(Account.id)


def any_begun(user: User, phase: str | None = None) -> bool:
    """Whether an account of the person is synced or paused; `phase`: whether one is in it."""
    rows = Account.of(user, phase) if phase else Account.of(user, *BEGUN)
    return rows.exists()


def count_beyond(clinic: Clinic, features: Collection[str]) -> int:
    """How many accounts of the clinic sync with a provider that these features of a plan do not
    cover.
    """
    kept = [kind for kind, row in registry.PROVIDERS.items() if row.feature in features]
    rows = of_clinic(clinic).where(Account.kind.not_in(kept), Account.begun())
    return rows.count()


def count_events(account: Account) -> int:
    """The number of external events in the account's calendars."""
    return account.external().count()


def calendars(accounts: Collection[int]) -> "ModelSelect[RemoteCalendar]":
    """The calendars of these accounts (by id), in each the main one first, then by name."""
    order = RemoteCalendar.is_primary.desc(), RemoteCalendar.name, RemoteCalendar.id
    return (
        RemoteCalendar.select().where(RemoteCalendar.account.in_(list(accounts))).order_by(*order)
    )


def open_notices(accounts: Collection[int]) -> "ModelSelect[Notice]":
    """The open notices of these accounts (by id), the newest first."""
    mine = Notice.account.in_(list(accounts)), Notice.settled_at.is_null()
    return Notice.select().where(*mine).order_by(Notice.id.desc())


def count_open_notices(clinic: Clinic) -> int:
    """How many notices of the clinic's accounts are open."""
    waits = Account.clinic == clinic, Notice.settled_at.is_null()
    return Notice.select().join(Account).where(*waits).count()


def doubles(calendar: RemoteCalendar, ids: Collection[int]) -> "ModelSelect[Notice]":
    """The notices among these (by id) that tell of double bookings in one calendar."""
    return Notice.select().where(
        Notice.id.in_(list(ids)), Notice.calendar == calendar, Notice.kind == "double"
    )


def ahead(calendar: RemoteCalendar, at: datetime) -> "ModelSelect[ExternalEvent]":
    """The events of one calendar that end after this instant, the soonest first."""
    rows = ExternalEvent.select().where(
        ExternalEvent.calendar == calendar, ExternalEvent.ends_at > at
    )
    return rows.order_by(ExternalEvent.starts_at, ExternalEvent.id)


def events(ids: Collection[int]) -> dict[int, ExternalEvent]:
    """These events from outside, by id; no query without ids."""
    rows = ExternalEvent.select().where(ExternalEvent.id.in_(list(ids))) if ids else ()
    return {row.id: row for row in rows}
