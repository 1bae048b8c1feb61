"""What is due by statements that are written once, and by those that Peewee writes again."""

from datetime import timedelta

import pytest

import models
from models import Clinic, User
from sync.tables import due, starting
from sync.tables.accounts import Account, RemoteCalendar


@pytest.fixture
def account(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    account = starting.connect(linden.pat, "google", "pat@mail.example", "sealed", [], None)
    starting.start(account, linden.pat, "Kalends", "Europe/London")
    account.put(synced_on=clock.now.date(), synced_rev=10**6, due_at=None)
    read_at(clock.now + timedelta(hours=5))
    return account


def read_at(at):
    """All its calendars are to be read at this time."""
    RemoteCalendar.update(due_at=at).execute()


CHANGES = {  # what makes an account due, or keeps it from it
    "nothing": lambda account, at: None,
    "asked": lambda account, at: account.put(due_at=at),
    "asked later": lambda account, at: account.put(due_at=at + timedelta(microseconds=1)),
    "a new day": lambda account, at: account.put(synced_on=at.date() - timedelta(days=1)),
    "never sent": lambda account, at: account.put(synced_on=None),
    "a booking": lambda account, at: account.put(synced_rev=0),
    "a calendar to read": lambda account, at: read_at(at),
    "asked, and waits": lambda account, at: account.put(due_at=at, wait_until=at + timedelta(1)),
    "asked, and waited": lambda account, at: account.put(due_at=at, wait_until=at),
    "asked, and a person must act": lambda account, at: account.put(due_at=at, health="reconnect"),
    "leaves": lambda account, at: account.put(phase="leaving"),
    "paused": lambda account, at: account.put(due_at=at, phase="paused"),
    "its person left": lambda account, at: User.update(left_at=at).execute(),
    "not allowed": lambda account, at: (
        account.put(due_at=at),
        User.update(sync_allowed=False).execute(),
    ),
    "no plan for it": lambda account, at: (
        account.put(due_at=at),
        account.put(kind="caldav"),
        Clinic.update(plan="basic").execute(),
    ),
    "at work": lambda account, at: account.put(
        due_at=at, lease="somebody", leased_until=at + timedelta(seconds=1)
    ),
    "at work by a clock that was set back": lambda account, at: account.put(
        due_at=at, lease="somebody", leased_until=at + timedelta(hours=1)
    ),
    "was at work": lambda account, at: account.put(due_at=at, lease="somebody", leased_until=at),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_accounts_that_are_due_are_the_same_either_way(
    account, linden, stranger, clock, change
):
    CHANGES[change](account, clock.now)
    whole = {row.id for row in Account.due(clock.now)}
    free = {row.id for row in Account.free(clock.now)}
    for found in (
        due.everywhere(),
        due.in_clinic(linden.clinic.id),
        [row for row in [due.of_id(account.id)] if row],
    ):
        assert {row.id for row in found} == whole
        assert {row.id for row in found if row.is_free} == free
        assert all((row.kind, row.phase) == (account.kind, account.phase) for row in found)
    assert due.in_clinic(stranger.clinic.id) == [] and due.of_id(account.id + 1) is None


def test_the_changes_are_of_all_sorts(account, clock):
    """Else the comparison would prove little."""
    seen = set()
    for change in CHANGES.values():
        with models.database.atomic() as transaction:
            change(account, clock.now)
            seen.add((bool(list(Account.due(clock.now))), bool(list(Account.free(clock.now)))))
            transaction.rollback()
            account = Account.get_by_id(account.id)
    assert seen == {(False, False), (True, True), (True, False)}
