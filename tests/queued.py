"""The real queue, with a worker that a test lets work."""

import signal
from collections.abc import Callable

from redis import Redis
from rq import Queue

import models
from base import jobs
from operate import workers


class Queued:
    """What waits in the queue of this test."""

    def __init__(self, redis: Redis):
        self._redis = redis
        self._queues = [Queue(name, connection=redis) for name in jobs.LIMITS]

    def of(self, function: Callable) -> list[tuple]:
        """The arguments of the jobs that wait to call the function."""
        name = f"{function.__module__}.{function.__name__}"
        waiting = [job.args for queue in self._queues for job in queue.jobs]
        return [tuple(args[1:]) for args in waiting if args[0] == name]

    def work(self) -> None:
        """Carry out whatever waits, and what comes of it, as a worker does."""
        models.database.close()  # each job opens its own
        handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            worker = workers.Simple(self._queues, connection=self._redis, job_class=jobs.NamedJob)
            worker.work(burst=True, logging_level="ERROR")
        finally:
            for one, handler in handlers.items():
                signal.signal(one, handler)
            models.database.connect(reuse_if_open=True)
