"""Reading a person’s calendars outside while somebody waits: each that was read too long ago is
asked for changes, all at once, and never within a request.

It uses the account's lease and keeps to its pace, like every run. A calendar without an answer in
time is marked; the clinic chooses what then happens to the booking.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from base import jobs, scheduling
from base.database import database
from base.text import places
from sync.connect import gateway
from sync.providers.errors import ProviderError
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.leases import LeaseLost, Overtaken
from sync.tables.runs import SyncRun

from . import work
from .reading import mirror
from .reading.pull import CalendarReading
from .standing import freshness
from .standing.freshness import Certainty
from .worker import consequences
from .worker.context import OutOfTime, RunContext
from .worker.lease import leased

log = logging.getLogger("kalends.sync")

SECONDS = 4.5  # seconds to read; the rest of the wait is for the way there and back
_LEASE_TRIED_EVERY = 0.05  # seconds


def ask_calendars(user_id: int, bound: timedelta | None = None) -> Certainty:
    """Make sure that the calendars of a person (id) are known as they are now, if any was read
    longer ago than the clinic's limit: see `freshness.of_people`.

    Call it outside of a transaction. ASKING: a worker is on it; ask `freshness.outcome` again.
    """
    known = freshness.outcome(user_id, scheduling.utc_now(), bound)
    if known != Certainty.ASKING:
        return known
    seconds = -1 if bound is None else int(bound.total_seconds())
    is_queued = jobs.enqueue("now", read_calendars, user_id, seconds)
    return Certainty.ASKING if is_queued else Certainty.UNANSWERED


def read_calendars(user_id: int, bound_seconds: int = -1) -> None:
    """Job of the queue `now`: read each calendar of the person that was read longer ago than the
    limit (seconds; -1: the usual one).
    """
    ends_at = time.monotonic() + SECONDS
    bound = None if bound_seconds < 0 else timedelta(seconds=bound_seconds)
    by_account: dict[int, list[int]] = defaultdict(list)
    for one in freshness.too_old(user_id, bound):
        if one.can_ask:
            by_account[one.calendar.account_id].append(one.calendar.id)
    _at_once([_Reading(account_id, ids, ends_at).ask for account_id, ids in by_account.items()])


class _Reading:
    """A reading of some calendars of one account while somebody waits."""

    def __init__(self, account_id: int, ids: Sequence[int], ends_at: float):
        self._account_id, self._ends_at = account_id, ends_at
        self._left, self._since = set(ids), scheduling.utc_now()

    def ask(self) -> None:
        """Read all; mark those that gave no answer."""
        while self._left and time.monotonic() < self._ends_at:
            with leased(self._account_id) as holder:
                if holder is not None:
                    _at_once([partial(self._read, key, holder) for key in self._left])
            if holder is not None:
                break
            self._leave_to_the_run()
        if self._left:
            RemoteCalendar.update(unanswered_at=scheduling.utc_now()).where(
                RemoteCalendar.id.in_(self._left)
            ).execute()
        due = Account.free(scheduling.utc_now()).select(Account.id)
        if due.where(Account.id == self._account_id).exists():
            work.wake(self._account_id)  # somebody may have come while the lease was ours

    def _leave_to_the_run(self) -> None:
        """Make the calendars due for the worker that has the lease, and wait a moment for it to
        read them.
        """
        asked = RemoteCalendar.id.in_(self._left), RemoteCalendar.role == "source"
        RemoteCalendar.update(due_at=None).where(
            *asked, RemoteCalendar.due_at > self._since
        ).execute()
        time.sleep(_LEASE_TRIED_EVERY)
        read = RemoteCalendar.select(RemoteCalendar.id).where(
            RemoteCalendar.id.in_(self._left), RemoteCalendar.read_at >= self._since
        )
        self._left -= {row.id for row in read}

    def _read(self, calendar_id: int, holder: str) -> None:
        """Read one calendar, and remove it from the list of the remaining ones."""
        account = Account.get_or_none(Account.id == self._account_id)
        calendar = RemoteCalendar.get_or_none(
            RemoteCalendar.id == calendar_id, RemoteCalendar.role == "source"
        )
        if account is None or calendar is None:  # it does not block any more
            self._left.discard(calendar_id)
            return
        account.refresh()
        setup = gateway.setup()
        left = max(0.1, min(gateway.AT_ONCE_SECONDS, self._ends_at - time.monotonic()))
        with gateway.in_a_hurry(account.kind, left) as http:
            context = RunContext(
                account,
                holder,
                gateway.open_account(account, http),
                setup.secret,
                self._ends_at,
            )
            try:
                seconds = gateway.poll_seconds(account.kind)
                reader = CalendarReading(context, seconds, is_urgent=True)
                if mirror.read_one(reader, calendar):
                    self._left.discard(calendar_id)
            except (LeaseLost, Overtaken, OutOfTime):
                pass
            except ProviderError as error:
                if error.status:  # it may answer a request with a longer time-out
                    consequences.write_down(context, error)
            finally:
                if context.run:
                    SyncRun.update(ended_at=scheduling.utc_now()).where(
                        SyncRun.id == context.run.id
                    ).execute()


def _at_once(tasks: Sequence[Callable[[], None]]) -> None:
    """Carry out all at the same time, each in its own thread, and wait for them. An error in one
    does not stop the others.
    """
    threads = [
        threading.Thread(target=_alone, args=(task,), name="live", daemon=True)
        for task in tasks[1:]
    ]
    for thread in threads:
        thread.start()
    for task in tasks[:1]:
        _guarded(task)
    for thread in threads:
        thread.join()


def _alone(task: Callable[[], None]) -> None:
    with database.connection_context():
        _guarded(task)


def _guarded(task: Callable[[], None]) -> None:
    try:
        task()
    except Exception as error:
        log.error("live: %s at %s", type(error).__name__, places(error))
