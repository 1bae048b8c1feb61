"""The look at a person's calendars outside while somebody waits: each that was read too long ago is
asked for what changed, all at once, and never within a request.

It goes through the account's lease and keeps to its pace, like every run. A calendar that gives no
answer in time is marked so; what becomes of the booking then is the clinic's choice.
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
from sync.connect import connections
from sync.providers.errors import ProviderError
from sync.tables.accounts import Account, LeaseLost, Overtaken, RemoteCalendar
from sync.tables.runs import SyncRun

from . import work
from .reading import sources
from .reading.pull import Reader
from .standing import freshness
from .standing.freshness import Outcome
from .worker import trouble
from .worker.context import OutOfTime, RunContext
from .worker.lease import leased

log = logging.getLogger("kalends.sync")

SECONDS = 4.5  # of a look; the rest of the patience is for the way there and back
_LEASE_TRIED_EVERY = 0.05  # seconds


def ask(user_id: int, bound: timedelta | None = None) -> Outcome:
    """Make sure that the calendars of a person (id) are known as they are now, where any was read
    longer ago than the clinic's bound: see `freshness.of_people`.

    Call it outside of a transaction. ASKING: a worker is on it; ask `freshness.outcome` again.
    """
    known = freshness.outcome(user_id, scheduling.utc_now(), bound)
    if known != Outcome.ASKING:
        return known
    seconds = -1 if bound is None else int(bound.total_seconds())
    is_queued = jobs.enqueue("now", look, user_id, seconds)
    return Outcome.ASKING if is_queued else Outcome.UNANSWERED


def look(user_id: int, bound_seconds: int = -1) -> None:
    """Job of the queue `now`: ask each calendar of the person that was read longer ago than the
    bound (-1: the usual one).
    """
    ends_at = time.monotonic() + SECONDS
    bound = None if bound_seconds < 0 else timedelta(seconds=bound_seconds)
    by_account: dict[int, list[int]] = defaultdict(list)
    for one in freshness.too_old(user_id, bound):
        if one.can_ask:
            by_account[one.calendar.account_id].append(one.calendar.id)
    _at_once([_Look(account_id, ids, ends_at).ask for account_id, ids in by_account.items()])


class _Look:
    """At some calendars of one account."""

    def __init__(self, account_id: int, ids: Sequence[int], ends_at: float):
        self._account_id, self._ends_at = account_id, ends_at
        self._left, self._since = set(ids), scheduling.utc_now()

    def ask(self) -> None:
        """Ask them all; mark those that gave no answer."""
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
        """Another worker has the lease. It reads what is asked for as soon as it can."""
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
        """Read one calendar, which is then left no more."""
        account = Account.get_or_none(Account.id == self._account_id)
        calendar = RemoteCalendar.get_or_none(
            RemoteCalendar.id == calendar_id, RemoteCalendar.role == "source"
        )
        if account is None or calendar is None:  # nothing of it blocks any more
            self._left.discard(calendar_id)
            return
        account.refresh()
        setup = connections.setup()
        left = max(0.1, min(connections.AT_ONCE_SECONDS, self._ends_at - time.monotonic()))
        with connections.in_a_hurry(account.kind, left) as http:
            context = RunContext(
                account,
                holder,
                connections.open_account(account, http),
                setup.secret,
                self._ends_at,
            )
            try:
                reader = Reader(context, setup.poll_seconds, is_urgent=True)
                if sources.read_one(reader, calendar):
                    self._left.discard(calendar_id)
            except (LeaseLost, Overtaken, OutOfTime):
                pass
            except ProviderError as error:
                if error.status:  # it may answer who has more patience
                    trouble.write_down(context, error)
            finally:
                if context.run:
                    SyncRun.update(ended_at=scheduling.utc_now()).where(
                        SyncRun.id == context.run.id
                    ).execute()


def _at_once(tasks: Sequence[Callable[[], None]]) -> None:
    """Carry out all at the same time, each in a thread of its own, and wait for them. One that
    fails does not stop the others.
    """
    threads = [
        threading.Thread(target=_alone, args=(task,), name="look", daemon=True)
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
        log.error("look: %s at %s", type(error).__name__, places(error))
