"""The processes that carry out jobs, and the clock that enqueues the periodic ones."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from redis import ConnectionError, Redis, RedisError, ResponseError
from rq import Queue, SimpleWorker, Worker, worker_registration
from rq.cron import CronScheduler
from rq.exceptions import SchedulerNotFound, StopRequested

from base import jobs, scheduling
from base.catalogue import _
from base.repeated_log_lines import SECONDS
from base.text import places

from . import chores
from .keeper import (
    FROZEN_SECONDS,
    LAST_SECONDS,
    Ready,
    Silence,
    go_on_saying,
    print_line,
    signal_group,
)

NICE = 10  # the niceness of a chore's process
TURN = timedelta(seconds=5)  # a clock that is corrected by less delays a job by no more than this


class _LastingWorker:
    """A worker that survives Redis going away. If Redis came back empty, the worker registers
    again. If Redis refuses connections, the worker waits as if Redis were away.
    """

    max_connection_wait_time = 5.0  # seconds between two tries
    is_told_to_stop = False

    def request_stop(self, signum, frame):
        """Stop when told, even while Redis is going away: RQ first asks Redis whether a job is
        running.
        """
        self.is_told_to_stop = True
        try:
            super().request_stop(signum, frame)
        except (RedisError, OSError):
            if not getattr(self, "horse_pid", 0):
                raise StopRequested from None
            self._stop_requested = True

    def heartbeat(self, timeout=None, pipeline=None):
        """Renew the sign of life, and register again if Redis has lost the worker."""
        try:
            super().heartbeat(timeout, pipeline)
            if pipeline is None and not self.connection.hexists(self.key, "birth"):
                self.connection.hset(self.key, mapping=self.serialize())
            if pipeline is None:
                worker_registration.register(self)
        except ResponseError as refusal:  # its disk is full, or it still loads
            raise ConnectionError(str(refusal)) from None

    def register_death(self):
        """Remove the worker from the list. If Redis is away, its entry expires."""
        with suppress(RedisError):
            super().register_death()

    def check(self, frozen_seconds: float) -> None:
        """Called once a second, from a thread. Does nothing here."""


class Simple(_LastingWorker, SimpleWorker):
    """RQ's worker without forking."""


class Forking(_LastingWorker, Worker):
    """RQ's forking worker.

    A job that is still running a few seconds after the stop signal is killed, to be done again
    later. So is the process of a job that gives no sign of life.
    """

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self._ready = Ready()
        self._watched: tuple[int, Silence] | None = None  # the process of the running job

    def fork_work_horse(self, job, queue):
        """Fork for the job, with a socket for its signs of life."""
        with self._ready.theirs() as self._theirs:
            super().fork_work_horse(job, queue)
        self._watched = self.horse_pid, Silence()

    def main_work_horse(self, job, queue):
        """In the forked process: give signs of life, and carry out the job. A chore, such as
        sending many letters, runs at a lower priority than feeds, pages and sync.
        """
        go_on_saying(self._theirs)
        if queue.name == "chores":
            os.nice(NICE)
        super().main_work_horse(job, queue)

    def wait_for_horse(self):
        """Wait until the job's process ends."""
        ended = super().wait_for_horse()
        self._watched = None  # from now on another process may have its number
        return ended

    def check(self, frozen_seconds: float) -> None:
        """Kill the process of a frozen job. Called once a second, from a thread."""
        if not (watched := self._watched):
            return
        pid, silence = watched
        if silence.after(self._ready()) > frozen_seconds:
            print_line(_("The process of a job gives no sign of life. It is ended."))
            signal_group(pid, signal.SIGKILL)

    def handle_warm_shutdown_request(self):
        """Stop when told: after the job, or by ending the job after `LAST_SECONDS`."""
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            timer = threading.Timer(LAST_SECONDS, self.kill_horse)
            timer.daemon = True
            timer.start()


class _RedisAwayOnceAMinute(logging.Filter):
    """Let one line a minute through that says that Redis is away. RQ writes one with each try."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__()
        self._clock, self._again_at = clock, float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if "could not connect to Redis" not in str(record.msg):
            return True
        at = self._clock()
        is_due = at >= self._again_at
        if is_due:
            self._again_at = at + SECONDS
        return is_due


class _WithoutTraceback(logging.Filter):
    """Log a fault inside RQ by its type and place. The message is left out, and so are the many
    lines of a traceback when Redis was only away, or when RQ put one into the message.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        if fault:
            record.msg = f"{record.getMessage()} {type(fault).__name__} at {places(fault)}"
            record.args, record.exc_info, record.exc_text = (), None, None
        head, has_traceback, lines = record.getMessage().partition("\nTraceback")
        if has_traceback:
            record.msg = f"{head} {lines.strip().rpartition(chr(10))[2].partition(':')[0]}"
            record.args = ()
        return True


def log_thread_errors() -> None:
    """Log an error that ends a thread of this process (one of RQ or Redis's client) by its place,
    like other errors.
    """

    def log_place(fault: threading.ExceptHookArgs) -> None:
        if fault.exc_value is not None:
            where = places(fault.exc_value)
            logging.getLogger("kalends").warning("%s at %s", fault.exc_type.__name__, where)

    threading.excepthook = log_place


def log_without_tracebacks() -> None:
    """Let RQ's workers and clock log their own errors without tracebacks."""
    for name in ("rq.worker", "rq.cron"):
        log = logging.getLogger(name)
        if not any(isinstance(one, _WithoutTraceback) for one in log.filters):
            log.addFilter(_RedisAwayOnceAMinute())
            log.addFilter(_WithoutTraceback())


def work(
    redis_url: str,
    queues: list[str],
    burst: bool = False,
    ready: socket.socket | None = None,
    frozen_seconds: float = FROZEN_SECONDS,
) -> None:
    """Carry out jobs, the first queue first. Returns when it is stopped, or with `burst` when the
    queues are empty.

    A worker for `now` alone does not fork: a person waits, and a fork costs more than such a job.
    All others fork for each job, so that a job that crashes, leaks or hangs ends alone. The
    application is imported before the first fork, and never again. The process of a job that gives
    no sign of life for `frozen_seconds` is killed.
    """
    log_without_tracebacks()
    kind = Simple if queues == ["now"] else Forking
    present: list[_LastingWorker] = []
    go_on_saying(ready, lambda: [each.check(frozen_seconds) for each in present])
    while True:
        try:
            redis = _wait_for(redis_url)
            worker = kind(
                [Queue(name, connection=redis) for name in queues],
                connection=redis,
                job_class=jobs.NamedJob,
                worker_ttl=jobs.WORKER_SECONDS,
            )
            present[:] = [worker]
            worker.work(burst=burst, logging_level="WARNING")
            if burst or worker.is_told_to_stop:
                return
            time.sleep(1)  # Redis refused or hung, and RQ's worker ended by itself
        except StopRequested:
            return
        # Redis went away while the worker started; a started worker waits by itself
        except (RedisError, OSError):
            if present and present[0].is_told_to_stop:
                return


class _Clock(CronScheduler):
    """RQ's cron scheduler. It can also be stopped while Redis is away or has lost it. After the
    computer's clock was set back, RQ would enqueue nothing until the time that it showed.
    """

    def enqueue_jobs(self):
        """Enqueue the jobs that are due. A job that was last enqueued in the future is due now."""
        at = scheduling.utc_now()
        for job in self.get_jobs():
            if job.latest_enqueue_time and job.latest_enqueue_time > at + TURN:
                job.latest_enqueue_time = job.next_enqueue_time = None
        return super().enqueue_jobs()

    def register_death(self, pipeline=None):
        with suppress(RedisError, SchedulerNotFound):
            super().register_death(pipeline)


def tick(redis_url: str, ready: socket.socket | None = None) -> None:
    """Enqueue the periodic jobs until stopped. One clock is enough; several do no harm. A job that
    was not begun in its period expires.
    """
    log_without_tracebacks()
    go_on_saying(ready)
    clock = _Clock(_wait_for(redis_url), logging_level="WARNING")
    for function, seconds in chores.PERIODIC:
        name = f"{function.__module__}.{function.__name__}"
        clock.register(
            jobs.carry_out,
            "chores",
            args=(name,),
            name=name,
            interval=seconds,
            ttl=seconds,
            job_timeout=jobs.LIMITS["chores"],
            **jobs.FORGET,
        )
    while True:
        try:
            return clock.start()
        except StopRequested:
            return None
        except (RedisError, OSError):
            clock.connection = _wait_for(redis_url)


def _wait_for(redis_url: str) -> Redis:
    """A connection to Redis, once it accepts jobs. A connection that hangs later is noticed too:
    RQ's workers set their own time-out.
    """
    for attempt in range(1_000_000):
        try:
            with Redis.from_url(redis_url, socket_timeout=5, socket_connect_timeout=5) as probe:
                jobs.try_writing(probe)
            return Redis.from_url(
                redis_url, socket_timeout=jobs.WORKER_SECONDS, socket_connect_timeout=5
            )
        except (RedisError, OSError) as error:
            if attempt == 20:
                print_line(
                    _(
                        "Redis does not answer ({error}). Waiting for it; check REDIS_URL.",
                        error=type(error).__name__,
                    )
                )
            time.sleep(0.1 if attempt < 20 else 2)
    raise AssertionError("unreachable")
