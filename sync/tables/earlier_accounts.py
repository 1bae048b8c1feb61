"""Accounts that were disconnected and may still contain events of ours.

If the person connects the same account again, or another one with access to the same calendar,
those events are recognised as theirs.
"""

import hashlib

from peewee import CharField, ForeignKeyField

from base.database import Base
from base.tables.bulk import tuples
from base.tables.outside import ID_LENGTH
from models import User

from .accounts import Account


class EarlierAccount(Base):
    """An account that was disconnected: its part of the marks, and the calendar of ours that was
    left there.
    """

    user = ForeignKeyField(User, on_delete="CASCADE")
    kind = CharField(20)
    part = CharField(16)
    calendar_id = CharField(ID_LENGTH, null=True)

    class Meta:
        indexes = ((("user", "kind", "part"), True),)


def part(account: Account) -> str:
    """The account's part of its marks: opaque, and the same after the account was disconnected and
    connected again. It is derived from the installation, the person, the kind and the provider's
    account, and never changes.
    """
    whose = (
        f"account {account.clinic.installation} {account.user_id} {account.kind}"
        f" {account.email.strip().lower()}"
    )
    return hashlib.sha256(whose.encode()).hexdigest()[:16]


def remember(account: Account, calendar_id: str | None) -> None:
    """Note that the account is disconnected, and which calendar of ours (None: none) is left there.
    Replaces an earlier note.
    """
    row = {
        "user": account.user_id,
        "kind": account.kind,
        "part": part(account),
        "calendar_id": calendar_id,
    }
    same = EarlierAccount.user, EarlierAccount.kind, EarlierAccount.part
    EarlierAccount.insert(**row).on_conflict(
        conflict_target=same, update={EarlierAccount.calendar_id: calendar_id}
    ).execute()


def parts_of(account: Account) -> set[str]:
    """The parts of marks of all accounts at this provider that the person had before."""
    rows = EarlierAccount.select(EarlierAccount.part)
    return {
        one
        for (one,) in tuples(
            rows.where(EarlierAccount.user == account.user_id, EarlierAccount.kind == account.kind)
        )
    }


def calendar_of(account: Account) -> str | None:
    """The calendar that we made for this account earlier and left there."""
    row = EarlierAccount.get_or_none(
        EarlierAccount.user == account.user_id,
        EarlierAccount.kind == account.kind,
        EarlierAccount.part == part(account),
    )
    return row.calendar_id if row else None
