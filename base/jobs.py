"""The queue: a job is a wake-up and carries ids alone.

The database is the truth; `operate.chores.sweep` finds there what a lost wake-up left.

This module knows no job. Whoever enqueues names the function, so it stands below all of them.
"""

import importlib
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from redis import Redis, RedisError
from rq import Queue, worker_registration
from rq.exceptions import DuplicateJobError, InvalidJobOperation, NoSuchJobError
from rq.job import Job, JobStatus
from rq.timeouts import JobTimeoutException

from base.database import database

from .text import places

log = logging.getLogger("kalends.jobs")

# Queue → seconds that one job of it may take: far more than a time slice and one slow call.
LIMITS = {
    "now": 300,
    "sync": 1800,
    "chores": 600,
}
# raised inside a job at its limit; a run takes it as the end of its time slice
TooLong = JobTimeoutException
WORKER_SECONDS = 30  # without a sign of life, after which a worker counts as gone
# An id is unique while its job waits or runs. Without these two a finished or failed job would keep
# its id, and refuse every later wake-up.
FORGET = {"result_ttl": 0, "failure_ttl": 0}

TIMEOUT_SECONDS = 1  # that a Redis which does not answer may cost
PAUSE_SECONDS = 5  # in which it is left alone afterwards, by this process

# Jobs wait in Redis under the name of their function, also across an update: a name that once was
# used leads to the function's module of today.
MOVED = {
    "intake": "operate.intake",
    "sync.first_look": "sync.two_way.first_look",
    "sync.jobs": "base.jobs",
    "sync.revoking": "sync.connect.revoking",
    "sync.work": "sync.two_way.work",
    "sync.work.nudged": "sync.two_way.work.woken",
    "sync.two_way.work.nudged": "sync.two_way.work.woken",
}

_redis: Redis | None = None
_again_at = 0.0  # of the monotonic clock: before it Redis is not asked for anything but its health


def open_queue(url: str) -> None:
    """Say where the queue is. Connects at the first use."""
    global _redis, _again_at
    _redis, _again_at = (
        Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS),
        0.0,
    )


def is_usable() -> bool:
    """Whether Redis answers now, and takes jobs: one whose disk is full refuses."""
    global _again_at
    try:
        usable = bool(_redis and _redis.ping())
    except (RedisError, OSError):
        _leave_alone()
        return False
    _again_at = 0.0
    return usable


def workers() -> int | None:
    """How many workers live; None: Redis is away.

    One that was killed outright counts until it has given no sign of life for a while.
    """
    if _redis is None or time.monotonic() < _again_at:
        return None
    try:
        with _redis.pipeline(transaction=False) as pipeline:
            for key in worker_registration.get_keys(connection=_redis):
                pipeline.exists(key)
            return sum(map(int, pipeline.execute()))
    except (RedisError, OSError):
        _leave_alone()
        return None


def _leave_alone() -> None:
    global _again_at
    _again_at = time.monotonic() + PAUSE_SECONDS


def enqueue(queue: str, function: Callable[..., object], *ids: int) -> bool:
    """Wake a worker to call `function(*ids)`.

    False: Redis is away, and the next sweep does it.

    The function must be at the top of its module and safe to run twice. One that waits already is
    left alone. One that runs may have looked for the last time, so that another goes behind it.
    """
    if time.monotonic() < _again_at:
        return False
    name = f"{function.__module__}.{function.__name__}"
    job_id = "-".join([name.replace(".", "-"), *map(str, ids)])
    try:
        for one in (job_id, f"{job_id}-again", f"{job_id}-{secrets.token_hex(4)}"):
            try:
                Queue(queue, connection=_redis).enqueue(
                    carry_out,
                    name,
                    *ids,
                    job_id=one,
                    unique=True,
                    job_timeout=LIMITS[queue],
                    **FORGET,
                )
                break
            except DuplicateJobError:
                if _waits(one):
                    break
    except (RedisError, OSError) as error:
        _leave_alone()
        log.warning("%s not queued: %s", name, type(error).__name__)
        return False
    return True


def _waits(job_id: str) -> bool:
    """Whether this job has not begun, so that it will see whatever is in the database now."""
    try:
        return Job.fetch(job_id, connection=_redis).get_status() == JobStatus.QUEUED
    except (InvalidJobOperation, NoSuchJobError):  # it ended meanwhile
        return False


def _function(name: str) -> Callable[..., Any]:
    """The function of a dotted name, also where an earlier version gave the name."""
    module, _, function = MOVED.get(name, name).rpartition(".")
    found: Callable[..., Any] = getattr(
        importlib.import_module(MOVED.get(module, module)), function
    )
    return found


class NamedJob(Job):
    """A job whose function is found as `MOVED` says. Workers read their jobs as this class."""

    @property
    def func(self) -> Callable[..., Any]:
        """The function itself."""
        return _function(self.func_name or "")


def carry_out(name: str, *ids: int) -> None:
    """What every job runs: the function of this dotted name, with the database open around it.

    A fault ends here, told by its place: RQ would log the message as well, and keep it in Redis,
    and it could hold a client's name. What is still due is due in the database, and comes up again
    with the next sweep.
    """
    try:
        with database.connection_context():
            _function(name)(*ids)
    except Exception as error:
        log.error(
            "job %s(%s): %s at %s",
            name,
            ", ".join(map(str, ids)),
            type(error).__name__,
            places(error),
        )
