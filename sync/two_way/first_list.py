"""The first list of the calendars of an account that was just connected. A job asks, since a
provider may be slow; the page follows it.

Until the calendars are known (`Account.listed_at` is None) no calendar is offered for writing or
reading. `health` and `health_word` (the class of the error) say what went wrong, and `wait_until`
when it is tried again.
"""

import logging

from peewee import ModelSelect

from base import jobs, scheduling
from base.database import database
from base.text import places
from sync.connect import calendar_list, gateway
from sync.providers.errors import ProviderError
from sync.tables.accounts import Account

from .worker.consequences import consequence
from .worker.lease import leased

log = logging.getLogger("kalends.sync")

PHASES = ("naming", "off")  # all others are listed by their runs


def due() -> "ModelSelect[Account]":
    """Accounts whose calendars should be listed now and whose lease is free."""
    at = scheduling.utc_now()
    free = (
        Account.leased_until.is_null() | (Account.leased_until <= at),
        Account.wait_until.is_null() | (Account.wait_until <= at),
    )
    return Account.select().where(
        Account.phase.in_(PHASES),
        Account.listed_at.is_null(),
        Account.health != "reconnect",
        Account.kind.in_(gateway.kinds()),
        *free,
    )


def ask_for_calendars(account: Account) -> None:
    """Ask for the list now."""
    unlisted = {"listed_at": None, "wait_until": None, "health": "ok", "health_word": ""}
    Account.update(**unlisted).where(Account.id == account.id, Account.phase.in_(PHASES)).execute()
    database.will_wake("account", account.id)


def wake(account_id: int) -> bool:
    """Run the job now. False: Redis is away, and the next sweep does it."""
    return jobs.enqueue("now", read_list, account_id)


def sweep() -> None:
    """Enqueue a job for each account that is due: a job may be lost with Redis, or its worker may
    have died.
    """
    for account in due():
        jobs.enqueue("sync", read_list, account.id)


def read_list(account_id: int) -> None:
    """Job: list the account's calendars, or store why that failed."""
    if not due().where(Account.id == account_id).exists():
        return
    with leased(account_id) as holder:
        account = holder and Account.get_or_none(
            Account.id == account_id, Account.phase.in_(PHASES), Account.listed_at.is_null()
        )
        if not account:
            return
        try:
            calendar_list.list_calendars(account, gateway.open_account(account))
            _note(
                account,
                health="ok",
                health_word="",
                failures=0,
                failing_since=None,
                wait_until=None,
            )
        except ProviderError as error:
            _trouble(account, error)
        except Exception as error:
            log.error("account %s: %s at %s", account_id, type(error).__name__, places(error))
            _trouble(account, ProviderError("fault"))


def _trouble(account: Account, error: ProviderError) -> None:
    health, wait_until = consequence(error, account.failures + 1)
    _note(
        account,
        health=health,
        health_word=type(error).__name__,
        failures=account.failures + 1,
        wait_until=wait_until,
        failing_since=account.failing_since or scheduling.utc_now(),
    )


def _note(account: Account, **columns: object) -> None:
    """Save the row, unless the person connected again meanwhile."""
    same = (
        Account.id == account.id,
        Account.consented_at == account.consented_at,
        Account.phase == account.phase,
    )
    Account.update(columns).where(*same).execute()
