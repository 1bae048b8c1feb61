"""Revoking our access when an account is disconnected. Where the provider cannot be reached, we try
again for a week.
"""

import hashlib
import logging
from datetime import timedelta

from base import scheduling
from base.tables.many import tuples
from sync.providers.errors import AuthExpired, ProviderError
from sync.tables.accounts import Account
from sync.tables.pace import Revocation

from . import connections

log = logging.getLogger("kalends.revoking")

FIRST_RETRY, LONGEST_RETRY, PATIENCE = timedelta(minutes=5), timedelta(hours=6), timedelta(days=7)


def revoke(account: Account) -> None:
    """Revoke the access, unless a colleague uses the same account: it would end for both. Until it
    is done, the sealed credentials are kept apart from the account's row.
    """
    others = Account.select().where(
        Account.kind == account.kind, Account.email == account.email, Account.id != account.id
    )
    if others.exists():
        return
    try:
        connections.sign_in(account.kind).revoke(connections.stored(account))
    except AuthExpired:  # dead, or no key of ours opens it
        return
    except ProviderError as error:
        log.warning("consent of account %s not given back yet: %s", account.id, error)
        sealed = Account.select(Account.sealed).where(Account.id == account.id).scalar()
        revoke_later(account.kind, account.email, sealed, FIRST_RETRY)


def revoke_later(kind: str, email: str, sealed: str, wait: timedelta = timedelta()) -> None:
    """Let the job revoke what an account allowed us, unless somebody uses that account. `email` "":
    it is not known whose it is, so that it could be any account.
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
    """Whether something is to be revoked now."""
    return Revocation.select().where(Revocation.retry_at <= scheduling.utc_now()).exists()


def retry() -> None:
    """A job: try again what is due. Where somebody connected the same account again, the access is
    kept. Given up after a week.
    """
    at = scheduling.utc_now()
    Revocation.delete().where(Revocation.given_up_at <= at).execute()
    for row in Revocation.select().where(
        Revocation.retry_at <= at, Revocation.kind.in_(connections.kinds())
    ):
        wait = min(FIRST_RETRY * 2 ** min(row.tries + 1, 12), LONGEST_RETRY)
        claimed = (
            Revocation.update(tries=row.tries + 1, retry_at=at + wait)
            .where(Revocation.id == row.id, Revocation.tries == row.tries)
            .execute()
        )
        if claimed and (_is_used_again(row) or _is_given_back(row)):
            Revocation.delete().where(Revocation.id == row.id).execute()


def _is_given_back(row: Revocation) -> bool:
    try:
        connections.sign_in(row.kind).revoke(connections.opened(row.sealed))
    except AuthExpired:
        return True
    except ProviderError as error:
        log.warning("consent %s not given back yet: %s", row.id, error)
        return False
    return True


def _is_used_again(row: Revocation) -> bool:
    """Whether somebody uses the account, or may: its access would end, too."""
    return any(
        row.email_hash in ("", _hash(row.kind, email))
        for (email,) in tuples(Account.select(Account.email).where(Account.kind == row.kind))
    )


def _hash(kind: str, email: str) -> str:
    return hashlib.sha256(f"{kind} {email.lower()}".encode()).hexdigest()
