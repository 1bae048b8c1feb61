"""The jobs of two-way sync. Arguments are ids. Each job may run twice, late or never: `sweep` finds
in the database what is due.
"""

from base import jobs
from base.sql.after_commit import Due
from base.tables.bulk import tuples
from sync.connect import gateway, revoking
from sync.tables import due
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


def wake_due(noted: Due) -> None:
    """After a change: wake the accounts that were asked for ("account"), and those of a clinic with
    something new to send ("clinic").
    """
    asked, changed = noted.get("account", ()), noted.get("clinic", ())
    ids = {row.id for clinic_id in changed for row in due.in_clinic(clinic_id) if _can_run(row)}
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
    for row in filter(_can_run, due.everywhere()):
        jobs.enqueue("sync", polled, row.id)
    if revoking.is_due():
        jobs.enqueue("sync", revoking.retry)
    first_list.sweep()


def _can_run(row: due.DueAccount) -> bool:
    """Whether no worker has the account, and its provider is set up or it can finish leaving
    without one.
    """
    return row.is_free and (row.kind in gateway.kinds() or row.phase == "leaving")
