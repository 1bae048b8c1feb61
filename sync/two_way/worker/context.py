"""One run of one worker for one account: the lease, the provider, the time slice, and the work done
so far.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from base import scheduling
from base.database import database
from base.remembered import remembered
from sync.providers.base import Provider
from sync.tables.accounts import SURE, Account
from sync.tables.pace import Pace
from sync.tables.runs import SyncRun

GOES_ON = "goes_on"  # the word of a run that ended with its time slice: the next slice counts on


class OutOfTime(Exception):
    """The time slice is over with work left. Finished work is stored; the next run continues."""


def word_of(reason: str, otherwise: str = "Unavailable") -> str:
    """The trouble in one word for the account's row: the provider's own word if there is one."""
    return (reason or otherwise)[:60]


@dataclass
class RunContext:
    """One run for one account. `ends_at`: the end of its time slice (monotonic seconds)."""

    account: Account
    holder: str
    provider: Provider
    secret: bytes = field(repr=False)
    ends_at: float | None = None
    run: SyncRun | None = None
    counts: Counter[str] = field(default_factory=Counter)
    has_begun: bool = False
    has_got_on: bool = False  # an operation succeeded
    has_read_on: bool = False  # a long read got further, and continues there
    # UIDs of events that the provider called changed though they had not changed
    called_changed: set[str] = field(default_factory=set)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that only the holder of the lease can commit. It locks the clinic first,
        like every transition. Raises LeaseLost, Overtaken.
        """
        with database.atomic():
            self.account.clinic.lock()
            self.account.keep(self.holder)
            yield

    @property
    def batch_size(self) -> int:
        """The number of operations that the provider accepts at once now."""
        most = self.provider.batch_size
        return min(most, self.pace.batch or most)

    @remembered
    def pace(self) -> Pace:
        """The pace of the account's provider."""
        return Pace.of(self.account)

    def was_reported(self, reason: str) -> bool:
        """Whether the last several tries ended with this word of the provider."""
        return self.account.failures >= SURE and self.account.health_word == word_of(reason)

    def learn(self, sent: int, done: int, is_limited: bool) -> None:
        """Adapt the batch size to the result of a batch: at most as many as succeeded, and growing
        again. Call it inside the transaction that stores the result.
        """
        pace, most, at = self.pace, self.provider.batch_size, scheduling.utc_now()
        before = pace.batch, pace.rest_seconds, pace.limited_at
        if done:
            pace.went_on(at)
        if is_limited:  # after other batches the sum may have been too much
            pace.batch = (
                max(1, self.batch_size * 3 // 4)
                if self.has_got_on
                else done or max(1, self.batch_size // 2)
            )
        elif pace.batch and not is_limited and sent == done >= self.batch_size:
            pace.batch = done + max(1, done // 4) if done + max(1, done // 4) < most else None
        self.has_got_on |= bool(done)
        if (pace.batch, pace.rest_seconds, pace.limited_at) != before:
            pace.save()

    def read_on(self, at: datetime) -> None:
        """Note that a part was read at this instant and need not be read again, though something is
        left to read.
        """
        self.has_read_on = True
        if self.pace.went_on(at):
            self.pace.save()

    def check_time(self) -> None:
        """Call before each batch and each calendar. Raises OutOfTime when the slice is over. The
        first call never does, so that every slice makes progress.
        """
        if self.has_begun and self.ends_at and time.monotonic() > self.ends_at:
            raise OutOfTime
        self.has_begun = True

    def resume(self, row: SyncRun) -> None:
        """Continue a run that ended with its time slice."""
        self.run, self.counts = row, Counter(row.counts)
        row.total, row.word = row.done, ""
        row.save(only=[SyncRun.total, SyncRun.word])

    def stop_for_now(self) -> None:
        """Note that the slice is over. The next one continues this run."""
        run = self.begin(0)
        SyncRun.update(word=GOES_ON).where(SyncRun.id == run.id).execute()

    def begin(self, total: int) -> SyncRun:
        """Add to the total of the progress bar. Returns the run."""
        if self.run is None:
            self.run = self._begun()
        if total:
            self.run.total += total
            self.run.save(only=[SyncRun.total])
        return self.run

    def _begun(self, **columns: object) -> SyncRun:
        return SyncRun.create(
            clinic=self.account.clinic_id,
            account=self.account,
            because=self.account.because or "poll",
            **columns,
        )

    def drop(self, number: int) -> None:
        """Subtract steps that are no longer needed."""
        if number:
            self.begin(-number)

    def note(self, done: int = 0, **counts: int) -> None:
        """Count finished steps, inside the transaction that did them."""
        self.counts.update({name: number for name, number in counts.items() if number})
        if self.run is None:
            self.run = self._begun(done=done, counts=dict(self.counts))
            return
        self.run.done, self.run.counts = self.run.done + done, dict(self.counts)
        self.run.save(only=[SyncRun.done, SyncRun.counts])
