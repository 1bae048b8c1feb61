"""One pass of one worker over one account: its lease, its provider, its share of time, and what it
has done so far.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from base import scheduling
from base.database import database
from sync.providers.base import Provider
from sync.tables.accounts import SURE, Account
from sync.tables.pace import Pace
from sync.tables.runs import SyncRun

LONGEST_WAIT_SECONDS = 900
GOES_ON = "goes_on"  # the word of a run that ended with its time slice: the next one counts on


class OutOfTime(Exception):
    """The time slice is over with work left. What was done is stored; the next run goes on from
    there.
    """


def word_of(reason: str, otherwise: str = "Unavailable") -> str:
    """A trouble in one word, as the account's row has it: the provider's own where there is one."""
    return (reason or otherwise)[:60]


@dataclass
class RunContext:
    """One pass for one account: who holds the lease, with whom it speaks, what it counts, and until
    when it may go on (monotonic seconds).
    """

    account: Account
    holder: str
    provider: Provider
    secret: bytes = field(repr=False)
    ends_at: float | None = None
    run: SyncRun | None = None
    counts: Counter[str] = field(default_factory=Counter)
    has_begun: bool = False
    has_got_on: bool = False  # something went through

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that only the holder of the lease can end. It holds the clinic first, as
        every change does. Raises LeaseLost, Overtaken.
        """
        with database.atomic():
            self.account.clinic.lock()
            self.account.keep(self.holder)
            yield

    @property
    def batch_size(self) -> int:
        """So many operations the provider takes at once now."""
        most = self.provider.batch_size
        return min(most, self.pace.batch or most)

    @cached_property
    def pace(self) -> Pace:
        """The pace of the account's provider."""
        return Pace.of(self.account)

    def was_said(self, reason: str) -> bool:
        """Whether the last looks, and several of them, ended with this word of the provider's."""
        return self.account.failures >= SURE and self.account.health_word == word_of(reason)

    def learn(self, sent: int, done: int, is_limited: bool) -> None:
        """What became of a batch, inside the transaction that stores it: the next ones are no
        larger than what went through, and grow again.
        """
        pace, most, at = self.pace, self.provider.batch_size, scheduling.utc_now()
        before = pace.batch, pace.rest_seconds, pace.limited_at
        if done and pace.limited_at:
            pace.rest_seconds, pace.limited_at = (
                min(int((at - pace.limited_at).total_seconds()), LONGEST_WAIT_SECONDS),
                None,
            )
        if is_limited:  # after others it may be all together that was too much
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

    def check_time(self) -> None:
        """Before each batch and each calendar. Raises OutOfTime when the slice is over. The first
        always goes, so that every slice gets on.
        """
        if self.has_begun and self.ends_at and time.monotonic() > self.ends_at:
            raise OutOfTime
        self.has_begun = True

    def take_up(self, row: SyncRun) -> None:
        """Count on in a run that ended with its time slice."""
        self.run, self.counts = row, Counter(row.counts)
        row.total, row.word = row.done, ""
        row.save(only=[SyncRun.total, SyncRun.word])

    def stop_for_now(self) -> None:
        """The slice is over: the next one counts on, and knows why it was begun."""
        if self.run is None:
            self.begin(0)
        SyncRun.update(word=GOES_ON).where(SyncRun.id == self.run.id).execute()

    def begin(self, total: int) -> None:
        """So much more is to be done, for who watches."""
        if self.run is None:
            self.run = self._begun()
        if total:
            self.run.total += total
            self.run.save(only=[SyncRun.total])

    def _begun(self, **columns: object) -> SyncRun:
        return SyncRun.create(
            clinic=self.account.clinic_id,
            account=self.account,
            because=self.account.because or "poll",
            **columns,
        )

    def drop(self, number: int) -> None:
        """So much of it need not be done any more."""
        if number:
            self.begin(-number)

    def note(self, done: int = 0, **counts: int) -> None:
        """What was done, inside the transaction that did it."""
        self.counts.update({name: number for name, number in counts.items() if number})
        if self.run is None:
            self.run = self._begun(done=done, counts=dict(self.counts))
            return
        self.run.done, self.run.counts = self.run.done + done, dict(self.counts)
        self.run.save(only=[SyncRun.done, SyncRun.counts])
