"""The jobs of two-way sync. Arguments are ids. Each job may run twice, late or never: `sweep` finds
in the database what is due.
"""

from peewee import ModelSelect

from base import jobs, scheduling
from base.sql.after_commit import Due
from base.tables.bulk import tuples
from sync.connect import gateway, revoking
from sync.tables.accounts import Account

from . import first_list, run

# Time slices: a run that is not done ends at a page or batch, and its next slice goes behind
# everything that waits.
WOKEN_SECONDS = (
    5  # while others wait for the same worker, a longer run continues in the other queue
)
SLICE_SECONDS = 20


def wake(account_id: int) -> bool:
    """Run an account's sync now. False: Redis is away, and the next sweep does it."""
    return jobs.enqueue("now", woken, account_id)


def wake_due(due: Due) -> None:
    """After a change: wake the accounts that were asked for ("account"), and those of a clinic with
    something new to send ("clinic").
    """
    asked, changed = due.get("account", ()), due.get("clinic", ())
    ids = {row.id for row in _due().where(Account.clinic.in_(list(changed)))} if changed else set()
    phases = Account.select(Account.id, Account.phase).where(Account.id.in_(list(asked)))
    for account_id, phase in tuples(phases) if asked else ():
        if phase in first_list.PHASES:
            first_list.wake(account_id)
        else:
            ids.add(account_id)
    for account_id in sorted(ids):
        wake(account_id)


def woken(account_id: int) -> None:
    """Job of the queue `now`: a person waits."""
    if run.run(account_id, WOKEN_SECONDS):
        jobs.enqueue("sync", polled, account_id)


def polled(account_id: int) -> None:
    """Job of the queue `sync`: one time slice of regular reads, first fillings, and work that
    `woken` had no time for.
    """
    if run.run(account_id, SLICE_SECONDS):
        jobs.enqueue("sync", polled, account_id)


def sweep() -> None:
    """Enqueue a job for each account that is due: a job may be lost with Redis, or its worker may
    have died.
    """
    for row in _due():
        jobs.enqueue("sync", polled, row.id)
    if revoking.is_due():
        jobs.enqueue("sync", revoking.retry)
    first_list.sweep()


def _due() -> "ModelSelect[Account]":
    """The ids of accounts that are due: their provider is set up, or they can finish leaving
    without one.
    """
    known = Account.kind.in_(gateway.kinds()) | (Account.phase == "leaving")
    return Account.free(scheduling.utc_now()).select(Account.id).where(known)
