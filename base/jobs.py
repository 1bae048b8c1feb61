"""The queue. A job is a wake-up: it carries ids alone.

The database has what is due. `operate.chores.sweep` finds work whose wake-up was lost.

This module imports no job, so it stands below all of them: the caller passes the function.
"""

import importlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from redis import Redis, RedisError, ResponseError
from redis.client import Pipeline
from rq import Queue, worker_registration
from rq.exceptions import DuplicateJobError, InvalidJobOperation, NoSuchJobError
from rq.job import Job, JobStatus
from rq.timeouts import JobTimeoutException

from base import scheduling
from base.database import database
from base.database_faults import trouble

from .text import places

log = logging.getLogger("kalends.jobs")
Thing = TypeVar("Thing")

# Queue → seconds that one of its jobs may take: far more than a time slice and one slow call.
LIMITS = {
    "now": 300,
    "sync": 1800,
    "chores": 600,
}
# raised inside a job at its limit; a run treats it as the end of its time slice
JobTooLong = JobTimeoutException
WORKER_SECONDS = 30  # seconds without a sign of life, after which a worker counts as gone
# An id is unique while its job waits or runs. Without these two settings a finished or failed job
# would keep its id and block every later wake-up.
FORGET = {"result_ttl": 0, "failure_ttl": 0}

LOST = timedelta(minutes=1)  # so long after it was queued a job in no queue is lost
TIMEOUT_SECONDS = 1  # seconds to wait for a Redis that does not answer
_AWAY = "kalends:database-away"  # in Redis while no job can reach the database
PAUSE_SECONDS = 5  # seconds for which this process does not ask it again

# Jobs wait in Redis under the name of their function, also during an update. This maps names of
# earlier versions to the present module.
MOVED = {
    "free_times.earlier.news.offer": "free_times.earlier.news.offer_freed_times",
    "free_times.earlier.offering.look": "free_times.earlier.news.offer_freed_times",
    "intake": "operate.intake",
    "intake.check": "operate.intake.check_file",
    "intake.take": "operate.intake.import_good_lines",
    "letters.team": "letters.to_team",
    "letters.trouble.tell": "letters.trouble.write_about_accounts",
    "letters.trouble.tell_of_calendars": "letters.trouble.write_about_calendars",
    "letters.trouble.tell_of_removals": "letters.trouble.write_about_removals",
    "operate.intake.check": "operate.intake.check_file",
    "operate.intake.take": "operate.intake.import_good_lines",
    "sync.first_look.look": "sync.two_way.first_list.read_list",
    "sync.jobs": "base.jobs",
    "sync.revoking": "sync.connect.revoking",
    "sync.work": "sync.two_way.work",
    "sync.two_way.first_look.look": "sync.two_way.first_list.read_list",
    "sync.two_way.first_list.read": "sync.two_way.first_list.read_list",
    "sync.two_way.live.read": "sync.two_way.live.read_calendars",
    "sync.two_way.live.look": "sync.two_way.live.read_calendars",
    "sync.work.nudged": "sync.two_way.work.woken",
    "sync.two_way.work.nudged": "sync.two_way.work.woken",
}

_redis: Redis | None = None
_again_at = 0.0  # monotonic time until which Redis is asked only about its health


def open_queue(url: str) -> None:
    """Set the address of the queue. Connects at the first use."""
    global _redis, _again_at
    _redis, _again_at = (
        Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS),
        0.0,
    )


def fault() -> str | None:
    """The reason why no job can be queued now: "away", or how Redis refuses it (the name of an
    error, such as "ReadOnlyError"). None: Redis accepts jobs.

    A Redis without memory, on a full disk, or that became a replica still answers questions, so
    something is written.
    """
    global _again_at
    try:
        if _redis is None:
            return "away"
        try_writing(_redis)
    except ResponseError as refusal:
        _leave_alone()
        return type(refusal).__name__
    except (RedisError, OSError):
        _leave_alone()
        return "away"
    _again_at = 0.0
    return None


def try_writing(redis: Redis) -> None:
    """Raise RedisError if this Redis accepts no jobs."""
    redis.set("kalends:tried", 1, ex=60)


def is_usable() -> bool:
    """Whether Redis answers and accepts jobs."""
    return fault() is None


def workers(queue: str | None = None) -> int | None:
    """The number of live workers, or of those that take jobs of this queue; None: Redis is away.

    A killed worker counts until it has given no sign of life for a while.
    """
    if _redis is None or time.monotonic() < _again_at:
        return None
    try:
        with _redis.pipeline(transaction=False) as pipeline:
            for key in worker_registration.get_keys(connection=_redis):
                pipeline.hget(key, "queues")  # the key expires without signs of life
            live = [found.decode().split(",") for found in pipeline.execute() if found]
            return sum(queue in (None, *queues) for queues in live)
    except (RedisError, OSError):
        _leave_alone()
        return None


def _leave_alone() -> None:
    global _again_at
    _again_at = time.monotonic() + PAUSE_SECONDS


def enqueue(queue: str, function: Callable[..., object], *ids: int) -> bool:
    """Queue a call of `function(*ids)`.

    False: Redis is away; the next sweep will find the work.

    The function must be at the top of its module and safe to run twice. A job that already waits is
    not queued again. If one is running, another is queued behind it, since the running one may have
    read the database too early.
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
    """Whether this job has not begun, so that it will see the present state of the database.

    A worker may be killed after it took a job and before it noted that. Redis then calls the job
    queued, but no queue has it, and no worker finds it. Once no worker can be about to begin such a
    job, it is deleted here.
    """
    try:
        job = Job.fetch(job_id, connection=_redis)
        if job.get_status() != JobStatus.QUEUED:
            return False
        if Queue(job.origin, connection=_redis).get_job_position(job) is not None:
            return True
        queued_at = job.enqueued_at
        if queued_at is None or not scheduling.is_recent(queued_at, LOST):
            job.delete()
        return False
    except (InvalidJobOperation, NoSuchJobError):  # it ended meanwhile
        return False


def each(things: Iterable[Thing], do: Callable[[Thing], object]) -> None:
    """Call `do` for each of these few things. An error with one does not stop the others. For rows
    there is `each` of `base.tables.faulty`.

    Raises the last error after all calls. The end of the job's time and a fault of the database
    itself concern all calls, so they are raised at once.
    """
    last: Exception | None = None
    for thing in things:
        try:
            do(thing)
        except Exception as error:
            if isinstance(error, JobTooLong) or trouble(error):
                raise
            if last:
                log.error("%s at %s", type(last).__name__, places(last))
            last = error
    if last:
        raise last


def _function(name: str) -> Callable[..., Any]:
    """The function of a dotted name, also of a name from an earlier version."""
    module, _, function = MOVED.get(name, name).rpartition(".")
    found: Callable[..., Any] = getattr(
        importlib.import_module(MOVED.get(module, module)), function
    )
    return found


class NamedJob(Job):
    """A job whose function is found by `MOVED` if needed. Workers read their jobs as this class.

    Once begun it never expires: the clock's jobs may wait for one period only, but they may run for
    longer.
    """

    @property
    def func(self) -> Callable[..., Any]:
        """The function itself."""
        return _function(self.func_name or "")

    def prepare_for_execution(self, worker_name: str, pipeline: Pipeline) -> None:
        """Note that the job has begun, as a command in the pipeline."""
        super().prepare_for_execution(worker_name, pipeline)
        pipeline.persist(self.key)


def carry_out(name: str, *ids: int) -> None:
    """Run the function of this dotted name with the database open; every job runs through here.

    An error ends here and is logged by its place: RQ would log the message and keep it in Redis,
    and it could tell a client's name. The work stays due in the database, and the next sweep finds
    it. While the database is away no job can do anything: one line says so, and one that it answers
    again.
    """
    try:
        with database.connection_context():
            _function(name)(*ids)
        if _forget_away():
            log.warning("the database answers again: jobs go on")
    except Exception as error:
        if trouble(error) == "away" and (is_first := _note_away()) is not None:
            if is_first:
                where = type(error).__name__, places(error)
                log.error("the database is away, jobs wait: %s at %s", *where)
            return
        log.error(
            "job %s(%s): %s at %s",
            name,
            ", ".join(map(str, ids)),
            type(error).__name__,
            places(error),
        )


def _note_away() -> bool | None:
    """Note for the jobs of all processes that the database is away. Returns whether this is the
    first to say so; None if Redis cannot tell.
    """
    try:
        return None if _redis is None else bool(_redis.set(_AWAY, 1, nx=True))
    except (RedisError, OSError):
        return None


def _forget_away() -> bool:
    """Whether a job noted that the database is away, and none has done anything since."""
    try:
        return bool(_redis and _redis.delete(_AWAY))
    except (RedisError, OSError):
        return False
