"""Which accounts have something to do now.

It is asked after each change and around each round, so the SQL is written once. `Account.due` gives
whole rows.
"""

from typing import Any, NamedTuple

from base import scheduling
from base.tables.kept_query import KeptQuery

from .accounts import Account
from .leases import latest_end


class DueAccount(NamedTuple):
    """An account with something to do; `is_free`: no worker has its lease."""

    id: int
    kind: str
    phase: str
    is_free: bool


def everywhere() -> list[DueAccount]:
    """The due accounts of all clinics."""
    return _found(_EVERYWHERE)


def in_clinic(clinic_id: int) -> list[DueAccount]:
    """The due accounts of a clinic."""
    return _found(_IN_CLINIC, clinic=clinic_id)


def of_id(account_id: int) -> DueAccount | None:
    """The account, if it is due."""
    return next(iter(_found(_OF_ID, account=account_id)), None)


def _due(at: Any, today: Any, latest: Any) -> Any:
    columns = Account.id, Account.kind, Account.phase, Account.is_unleased(at, latest)
    return Account.with_owner().select(*columns).where(*Account.are_due(at, today))


def _in_clinic(clinic: Any, at: Any, today: Any, latest: Any) -> Any:
    return _due(at, today, latest).where(Account.clinic == clinic)


def _of_id(account: Any, at: Any, today: Any, latest: Any) -> Any:
    return _due(at, today, latest).where(Account.id == account)


_EVERYWHERE, _IN_CLINIC, _OF_ID = KeptQuery(_due), KeptQuery(_in_clinic), KeptQuery(_of_id)


def _found(query: KeptQuery, **which: int) -> list[DueAccount]:
    at = scheduling.utc_now()
    latest = scheduling.number(latest_end(at))
    rows = query.rows(at=scheduling.number(at), today=at.date(), latest=latest, **which)
    return [DueAccount(row_id, kind, phase, bool(free)) for row_id, kind, phase, free in rows]
