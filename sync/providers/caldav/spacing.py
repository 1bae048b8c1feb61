"""The least time between two requests of one account, in this process.

It outlives the adapters: each run opens one, and a run may follow another at once.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KEPT = 10_000


class AccountTurns:
    """When the next request of each account may begin. `clock`: monotonic seconds; `sleep`: waits
    for so many of them.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next_at: OrderedDict[tuple[str, str], float] = OrderedDict()

    def wait(self, whose: tuple[str, str], seconds: float) -> None:
        """Wait for the turn of an account (its server and user); the next turn is `seconds` later.
        With 0 seconds nobody waits.
        """
        if not seconds:
            return
        with self._lock:
            at = self._clock()
            begins = max(at, self._next_at.pop(whose, at))
            self._next_at[whose] = begins + seconds
            if len(self._next_at) > MOST_KEPT:
                self._next_at.popitem(last=False)
        self._sleep(max(0.0, begins - at))


TURNS = AccountTurns()
