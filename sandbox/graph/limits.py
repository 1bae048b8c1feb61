"""Limits for each application and mailbox, and the log of requests with the number of open ones."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from ..faults import Requests, Spending
from .errors import Refused

RETRY_AFTER_SECONDS = 10


class Limits:
    """How many requests are allowed.

    `per_10_minutes` requests and `concurrent` ones at once (None: no limit); refusals carry
    `status`, 429 or 503.
    """

    def __init__(self, clock: Callable[[], datetime]):
        self.per_10_minutes, self.concurrent, self.status = 10_000, 4, 429
        self._spending = Spending(clock, minutes=10)

    def spend(self, email: str, in_flight: int) -> None:
        """Raises Refused when the mailbox has had too many requests; refused ones count too."""
        if not self._spending.fits(email, 1, self.per_10_minutes):
            self._refuse("Application is over its MailboxRequests limit.")
        if self.concurrent is not None and in_flight > self.concurrent:
            self._refuse("Application is over its MailboxConcurrency limit.")

    def _refuse(self, message: str) -> None:
        code = "ApplicationThrottled" if self.status == 429 else "ErrorServerBusy"
        raise Refused(self.status, code, message, retry_after_seconds=RETRY_AFTER_SECONDS)


class GraphRequests(Requests):
    """The latest requests, and how many of each mailbox were open at once."""

    def __init__(self):
        super().__init__()
        self._lock = threading.Lock()
        self._now, self._most = Counter(), Counter()

    @contextmanager
    def in_flight(self, email: str, lanes: int = 1) -> Iterator[None]:
        """Count requests of a mailbox within the block.

        A batch counts as many as it works on at once.
        """
        with self._lock:
            self._now[email] += lanes
            self._most[email] = max(self._most[email], self._now[email])
        try:
            yield
        finally:
            with self._lock:
                self._now[email] -= lanes

    def in_flight_now(self, email: str) -> int:
        return self._now[email]

    def most_in_flight(self, email: str) -> int:
        """The highest number of requests that this mailbox ever had open at once."""
        return self._most[email]
