"""Log lines that every request would repeat while one fault lasts, such as a database that is away:
the first at once, then one a minute.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable

SECONDS = 60.0  # between two lines about the same fault


class RepeatedLines:
    """Writes lines to a logger, for each fault at most one in `SECONDS`. `clock`: gives seconds
    that never go back.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic):
        self._log, self._clock, self._lock = log, clock, threading.Lock()
        # fault → reference of its latest line, when that was, how many were left out since
        self._told: dict[str, tuple[str, float, int]] = {}

    def write(self, level: int, fault: str, line: str, **values: object) -> str:
        """Write the line, or leave it out if the same fault was written within `SECONDS`. Returns
        the reference of the line that stands for it.

        `values` and `reference` fill the line by name (%(name)s). A line says how many were left
        out before it. `fault`: the name of the fault; it contains nothing that a request brings.
        """
        with self._lock:
            at = self._clock()
            reference, since, others = self._told.get(fault, ("", 0.0, 0))
            if reference and at - since < SECONDS:
                self._told[fault] = reference, since, others + 1
                return reference
            reference = secrets.token_hex(4)
            self._told[fault] = reference, at, 0
        log, sentence = self._log, line % (values | {"reference": reference})
        if others:
            log.log(level, "%s (%d more since the line before)", sentence, others)
        else:
            log.log(level, "%s", sentence)
        return reference
