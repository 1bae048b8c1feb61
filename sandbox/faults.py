"""Trouble on demand, the quota, and the log of requests."""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from .errors import ConnectionLost, Refused

KEPT_RECORDS = 10_000


@dataclass
class Fault:
    """The trouble for matching requests: a refusal with `status`, or a lost connection (None).

    `skip` requests pass first, then `times` are hit (None: all, until `until`). `after_work`: the
    work is done, and only the answer is lost.
    """

    status: int | None
    reason: str | None = None
    method: str | None = None
    path: str | None = None
    times: int | None = 1
    skip: int = 0
    until: datetime | None = None
    retry_after_seconds: int | None = None
    after_work: bool = False
    refused: type[Exception] = Refused

    def matches(self, method: str, path: str) -> bool:
        return self.method in (None, method) and (
            self.path is None or re.search(self.path, path) is not None
        )

    def strike(self) -> None:
        if self.status is None:
            raise ConnectionLost(timed_out=self.after_work)
        raise self.refused(
            self.status,
            self.reason,
            "Made to fail by the sandbox.",
            retry_after_seconds=self.retry_after_seconds,
        )


class Faults:
    """The troubles that wait.

    Paths are regular expressions, searched in `/calendar/v3/…`, `/batch/calendar/v3`, `/token` and
    so on; the calls inside a batch are hit one by one. `refused`: the refusal in the provider's
    shape.
    """

    def __init__(self, clock: Callable[[], datetime], refused: type[Exception] = Refused):
        self.clock, self.refused = clock, refused
        self.waiting: list[Fault] = []
        self._batch_parts = deque()

    def fail(
        self,
        status: int = 503,
        reason: str | None = None,
        *,
        minutes: float | None = None,
        times: int | None = 1,
        **choice,
    ) -> Fault:
        """The next `times` matching requests are refused, or for some minutes all of them.

        `choice`: method, path, skip, retry_after_seconds.
        """
        until = self.clock() + timedelta(minutes=minutes) if minutes else None
        return self._add(
            Fault(status, reason, times=None if until else times, until=until, **choice)
        )

    def time_out(self, *, status: int | None = None, **choice) -> Fault:
        """Do the work, and lose the answer: a `status` such as 504, or no answer at all (None)."""
        return self._add(Fault(status, after_work=True, **choice))

    def reset(self, **choice) -> Fault:
        """Break the connection before anything is done."""
        return self._add(Fault(None, **choice))

    def reset_batch(self, after: int) -> None:
        """In the next batch, carry out the first `after` calls, then break the connection."""
        self._batch_parts.append(after)

    def clear(self) -> None:
        self.waiting.clear()
        self._batch_parts.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The trouble that hits this request, counted down."""
        self.waiting = [
            fault for fault in self.waiting if fault.until is None or fault.until > self.clock()
        ]
        hit = next((fault for fault in self.waiting if fault.matches(method, path)), None)
        if hit is None:
            return None
        if hit.skip:
            hit.skip -= 1
            return None
        if hit.times is not None:
            hit.times -= 1
            if not hit.times:
                self.waiting.remove(hit)
        return hit

    def batch_parts(self) -> int | None:
        """How many calls of this batch are carried out before its connection breaks. None: all, and
        it does not break.
        """
        return self._batch_parts.popleft() if self._batch_parts else None

    def _add(self, fault: Fault) -> Fault:
        fault.refused = self.refused
        self.waiting.append(fault)
        return fault


class Spending:
    """The requests of each account within a sliding span of time."""

    def __init__(self, clock: Callable[[], datetime], minutes: float):
        self.clock, self.span = clock, timedelta(minutes=minutes)
        self._spent: dict[str, deque] = {}

    def fits(self, email: str, cost: int, most: int | None) -> bool:
        """Count the cost, unless the sum would be more than `most` (None: no limit). Returns
        whether it was counted.
        """
        spent, now = self._spent.setdefault(email, deque()), self.clock()
        while spent and spent[0][0] <= now - self.span:
            spent.popleft()
        if most is not None and sum(each for _, each in spent) + cost > most:
            return False
        spent.append((now, cost))
        return True


class Quota:
    """Requests per user within a sliding minute; `per_minute` None: no limit."""

    def __init__(self, clock: Callable[[], datetime]):
        self.per_minute = None
        self._spending = Spending(clock, minutes=1)

    def spend(self, email: str, cost: int) -> None:
        """Raises Refused (403) when the minute's quota is used up."""
        if not self._spending.fits(email, cost, self.per_minute):
            raise Refused(403, "userRateLimitExceeded", "User Rate Limit Exceeded")


class Record(NamedTuple):
    """One request.

    `path`: without ids. `status`: 0 if no answer was sent. `in_batch`: a call inside a batch.
    """

    method: str
    path: str
    status: int
    operation: str | None = None
    account: str | None = None
    in_batch: bool = False


class Requests(deque):
    """The latest requests to the imitation, the oldest first."""

    def __init__(self):
        super().__init__(maxlen=KEPT_RECORDS)
        # HTTP requests ever, also those no longer kept; what lies within a batch is none of its own
        self.total = 0

    def append(self, record: Record) -> None:
        """Add one. The oldest is dropped if there are too many."""
        self.total += not record.in_batch
        super().append(record)

    def count(self, operation: str | None = None, **choice) -> int:
        """How many there were: `count("events.insert", status=200, in_batch=True)`."""
        choice |= {"operation": operation} if operation else {}
        return sum(
            all(getattr(record, name) == value for name, value in choice.items()) for record in self
        )
