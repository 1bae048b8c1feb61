"""Holding an account's lease while its work goes on, and no longer than its worker lives."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from base.database import database
from base.text import places
from sync.tables.accounts import Account
from sync.tables.leases import LEASE_SECONDS

log = logging.getLogger("kalends.lease")

# seconds: three renewals may fail or be late before the lease ends
RENEWED_EVERY = LEASE_SECONDS / 4


@contextmanager
def leased(account_id: int) -> Iterator[str | None]:
    """The holder of a lease that is renewed until the block ends; None while another worker has it.

    A thread renews it, so that it outlasts a slow call. The thread ends with the process: after a
    kill the account is free within LEASE_SECONDS.
    """
    holder = Account.acquire_lease(account_id)
    if holder is None:
        yield None
        return
    over = threading.Event()
    keeper = threading.Thread(
        target=_renew, args=(account_id, holder, over), name="lease", daemon=True
    )
    keeper.start()
    try:
        yield holder
    finally:
        over.set()
        Account.let_go(account_id, holder)
        keeper.join(1)


def _renew(account_id: int, holder: str, over: threading.Event) -> None:
    while not over.wait(RENEWED_EVERY):
        try:
            with database.connection_context():
                if not Account.renew(account_id, holder):
                    return  # lost: the next transaction of the run raises that
        except Exception as error:  # a database that is away for a moment may be back in time
            log.warning(
                "lease of account %s not renewed: %s at %s",
                account_id,
                type(error).__name__,
                places(error),
            )
