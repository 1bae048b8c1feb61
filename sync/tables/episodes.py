"""Episodes of trouble of accounts: which person a letter must go to, and whether a process has
written it.
"""

from datetime import datetime

from peewee import ModelSelect

from models import Clinic, User

from .accounts import Account
from .phases import PERSONAL

STUCK = (*PERSONAL, "operator")  # healths that do not pass by themselves


def untold(since: datetime, most: int) -> "ModelSelect[Account]":
    """Accounts that somebody must look after, each with its person: stuck since this instant or
    longer, with fewer letters than `most` about it.
    """
    return (
        Account.select(Account, User)
        .join(User)
        .where(
            Account.phase == "active",
            Account.health.in_(STUCK),
            Account.failing_since <= since,
            Account.told < most,
            User.sync_allowed,
            User.left_at.is_null(),
        )
    )


def claim(account: Account, number: int) -> bool:
    """Whether this process writes the first, second or third letters (`number`) of the trouble: of
    two processes only one does. False also if the trouble passed or changed.
    """
    same = Account.health == account.health, Account.failing_since == account.failing_since
    mine = Account.id == account.id, Account.told < number
    return bool(Account.update(told=number).where(*mine, *same).execute())


def removals() -> "ModelSelect[Account]":
    """Accounts from which our events are being deleted."""
    return Account.select().where(Account.removing())


def count_broken(clinic: Clinic, since: datetime) -> int:
    """How many accounts of the clinic that sync have had trouble since before this instant."""
    broken = Account.phase == "active", Account.failing_since < since
    return Account.select().where(Account.clinic == clinic, *broken).count()
