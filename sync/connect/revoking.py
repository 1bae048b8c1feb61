"""Revoking our access when an account is disconnected. If the provider cannot be reached, we try
again for a week.
"""

import hashlib
import logging
from datetime import timedelta

from base import scheduling
from base.tables import faulty
from base.tables.bulk import tuples
from sync.providers import registry
from sync.providers.errors import AuthExpired, ProviderError
from sync.tables.accounts import Account
from sync.tables.pace import Revocation

from . import gateway

log = logging.getLogger("kalends.revoking")

FIRST_RETRY, LONGEST_RETRY, PATIENCE = timedelta(minutes=5), timedelta(hours=6), timedelta(days=7)
MOST = 50  # accesses of one pass


def revoke(account: Account) -> None:
    """Revoke the access to an account, unless a colleague uses the same account: their access would
    end too. Until the access is revoked, the encrypted credentials are stored apart from the
    account's row.
    """
    if registry.row_of(account.kind).by_password:  # there is no access to revoke
        return
    others = Account.select().where(
        Account.kind == account.kind, Account.email == account.email, Account.id != account.id
    )
    if others.exists():
        return
    try:
        gateway.sign_in(account.kind).revoke(gateway.stored(account))
    except AuthExpired:  # ended already, or no key of ours decrypts it
        return
    except ProviderError as error:
        log.warning("consent of account %s not given back yet: %s", account.id, error)
        sealed = Account.select(Account.sealed).where(Account.id == account.id).scalar()
        revoke_later(account.kind, account.email, sealed, FIRST_RETRY)


def revoke_later(kind: str, email: str, sealed: str, wait: timedelta = timedelta()) -> None:
    """Have a job revoke the access to an account, unless somebody uses that account. `email` "": it
    is unknown which account it is, so it may be any.
    """
    at = scheduling.utc_now()
    Revocation.create(
        kind=kind,
        email_hash=_hash(kind, email) if email else "",
        sealed=sealed,
        retry_at=at + wait,
        given_up_at=at + PATIENCE,
    )


def is_due() -> bool:
    """Whether an access must be revoked now."""
    return Revocation.select().where(Revocation.retry_at <= scheduling.utc_now()).exists()


def retry() -> None:
    """Job: try again to revoke what is due. If somebody connected the same account again, the
    access is kept. Ends after a week.
    """
    at = scheduling.utc_now()
    Revocation.delete().where(Revocation.given_up_at <= at).execute()
    due = Revocation.select().where(Revocation.retry_at <= at, Revocation.kind.in_(gateway.kinds()))
    faulty.each("consents", due.order_by(Revocation.retry_at), _retry, most=MOST)


def _retry(row: Revocation) -> None:
    wait = min(FIRST_RETRY * 2 ** min(row.tries + 1, 12), LONGEST_RETRY)
    claimed = (
        Revocation.update(tries=row.tries + 1, retry_at=scheduling.utc_now() + wait)
        .where(Revocation.id == row.id, Revocation.tries == row.tries)
        .execute()
    )
    if claimed and (_is_used_again(row) or _is_given_back(row)):
        Revocation.delete().where(Revocation.id == row.id).execute()


def _is_given_back(row: Revocation) -> bool:
    try:
        gateway.sign_in(row.kind).revoke(gateway.opened(row.sealed))
    except AuthExpired:
        return True
    except ProviderError as error:
        log.warning("consent %s not given back yet: %s", row.id, error)
        return False
    return True


def _is_used_again(row: Revocation) -> bool:
    """Whether somebody uses the account, or may use it: revoking would end their access too."""
    return any(
        row.email_hash in ("", _hash(row.kind, email))
        for (email,) in tuples(Account.select(Account.email).where(Account.kind == row.kind))
    )


def _hash(kind: str, email: str) -> str:
    return hashlib.sha256(f"{kind} {email.lower()}".encode()).hexdigest()
