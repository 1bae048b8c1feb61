"""Running all processes together: `start` runs them until Ctrl-C, one Kalends in each folder."""

import fcntl
import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from base.catalogue import _
from base.config.endpoints import sandbox_port

from . import redis_server
from .keeper import (
    LAST_SECONDS,
    SIGN_SECONDS,
    TOP,
    CannotStart,
    GivenUp,
    ProcessPart,
    Ready,
    Stop,
    Supervisor,
    begin_child,
    print_line,
    signal_group,
)

PROCFILE = TOP / "Procfile"


class AlreadyRuns(CannotStart):
    """Another Kalends uses the folder."""


# ---- all together ----


def start(settings, listening: socket.socket, greeting: str) -> int:
    """Run the Procfile's processes, and Redis if none is set, until Ctrl-C or SIGTERM. A process
    that ends by itself is started again.

    Prints `greeting` once the web answers. Returns the exit status: 0 when it was told to stop.
    Raises CannotStart.
    """
    # a person who used nohup wants it to go on
    hang_up = () if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else (signal.SIGHUP,)
    stop = Stop(signal.SIGINT, signal.SIGTERM, *hang_up)
    with (
        _redis(settings) as parts,
        _kept({**parts, **_parts(settings, listening)}, settings.frozen_seconds) as keeper,
    ):
        while not stop.wait(0.1):
            try:
                keeper.check()
            except GivenUp as fault:
                print_line(_("{fault} Stopping the others.", fault=fault))
                return 1
            if greeting and keeper.parts["web"].ready and _answers(settings):
                print_line(greeting)
                greeting = ""
    return 0


@contextmanager
def _redis(settings) -> Iterator[dict[str, ProcessPart]]:
    """The embedded Redis as a part that runs, or none if REDIS_URL is set. It starts before the
    others, and stops after them.
    """
    if not settings.embedded_redis:
        yield {}
        return
    with redis_server.embedded_redis(settings) as redis:
        part = ProcessPart(
            lambda: redis_server.start_redis(settings),
            _each_second(lambda: redis_server.answers(settings)),
            gives_signs=True,
            child=redis,
            was_ready=True,
        )
        yield {"redis": part}
        if part.child not in (None, redis):
            redis_server.end_redis(part.child)


def _each_second(ask: Callable[[], bool]) -> Callable[[], bool]:
    """Call `ask` at most once a second; False in between."""
    next_at = 0.0

    def asked() -> bool:
        nonlocal next_at
        if time.monotonic() < next_at:
            return False
        next_at = time.monotonic() + SIGN_SECONDS
        return ask()

    return asked


def _parts(settings, listening: socket.socket) -> dict[str, ProcessPart]:
    """The Procfile's processes by name, and the imitation providers if they are used."""
    parts = {}
    for line in PROCFILE.read_text().splitlines():
        name, __, command = line.partition(":")
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
        parts["sandbox"] = ProcessPart(lambda: begin_child(command), lambda: _listens(port))
    return parts


def _part(words: list[str], listening: socket.socket | None) -> ProcessPart:
    """A command of ours that reports when it is ready; the web gets the listening socket
    from us.
    """
    ready_sign = Ready()
    program = [sys.executable if word == "python" else word for word in words]

    def begin() -> subprocess.Popen:
        with ready_sign.theirs() as ready:
            inherited = {
                "--ready-fd": ready.fileno(),
                **({"--listen-fd": listening.fileno()} if listening else {}),
            }
            options = [f"{name}={number}" for name, number in inherited.items()]
            return begin_child([*program, *options], pass_fds=tuple(inherited.values()))

    if not listening:
        return ProcessPart(begin, ready_sign, gives_signs=True)
    return ProcessPart(begin, ready_sign, longest_pause=1.0, gives_signs=True, replaced=_let_go)


@contextmanager
def _kept(parts: dict[str, ProcessPart], frozen_seconds: float) -> Iterator[Supervisor]:
    """Keep the parts running within the block. At its end each part ends with all processes that it
    started; parts that ran before (Redis) continue.
    """
    before = [part for part in parts.values() if part.child]
    keeper = Supervisor(parts, frozen_seconds)
    try:
        yield keeper
    finally:
        mine = [part.child for part in keeper.parts.values() if part.child and part not in before]
        orphans = keeper.ended()
        for pid in [*(child.pid for child in mine), *orphans]:
            signal_group(pid, signal.SIGTERM)
        end = time.monotonic() + LAST_SECONDS + 3
        for child in mine:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, end - time.monotonic()))
            signal_group(child.pid, signal.SIGKILL)
            child.wait()
        for pid in orphans:
            signal_group(pid, signal.SIGKILL)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("localhost", port), 0.2):
        return True
    return False


def _let_go(pid: int) -> None:
    """End the remaining children of a process that has ended, even if they are stopped."""
    signal_group(pid, signal.SIGTERM)
    signal_group(pid, signal.SIGCONT)


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
    """Lock the folder within the block. Raises CannotStart if another Kalends has locked it, or if
    it cannot be written.
    """
    try:
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open(instance / "running", "a+b", buffering=0)  # noqa: SIM115 (closed below)
    except OSError as error:
        raise CannotStart(
            _(
                "The folder {instance} cannot be written to ({why}). "
                "Make it writable, or name another in KALENDS_INSTANCE.",
                instance=instance,
                why=error.strerror,
            )
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRuns(
                _(
                    "Kalends already runs from {instance} (process"
                    " {number}). Stop it first, or name another"
                    " folder in KALENDS_INSTANCE.",
                    instance=instance,
                    number=file.read().decode().strip() or "unknown",
                )
            ) from None
        with suppress(OSError):  # the disk is full: the lock works without the number
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield
