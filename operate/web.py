"""The web: processes that answer on one listening socket.

Each has the asynchronous front (`front.Front`) on granian.

The socket outlives all of them. While one of them, or all, are started again, connections wait in
its queue and none is refused.
"""

import asyncio
import importlib
import multiprocessing
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable

from base.catalogue import _

from .keeper import (
    FROZEN_SECONDS,
    SIGN_SECONDS,
    CannotStart,
    GivenUp,
    ProcessPart,
    Ready,
    Stop,
    Supervisor,
    print_line,
    signal_ready,
)
from .on_socket import BACKLOG, MOST_CONNECTIONS, OnSocket

APPLICATION = "app:create_front"
UNREAD_SECONDS = 60  # a program that reads nothing more of its answer is disconnected after so long
ORPHAN_SECONDS = 60  # for which a process continues without its parent, at most
LAST_SECONDS = 3  # for answers in progress when it is told to stop


def listen(host: str, port: int) -> socket.socket:
    """The listening socket. Raises CannotStart."""
    listening = None
    try:
        family, kind, __, ___, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; the accepted connections inherit it
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        listening.bind(address)
        listening.listen(BACKLOG)
        return listening
    except PermissionError:
        fault = _(
            "Port {port} may only be used by root. Set KALENDS_PORT to one above 1023.", port=port
        )
    except socket.gaierror:
        fault = _("KALENDS_HOST={host} is not an address of this machine.", host=host)
    except OSError as error:
        fault = _(
            "Port {port} on {host} cannot be used: {why}. Stop what uses it, or set"
            " KALENDS_PORT to a free one.",
            port=port,
            host=host,
            why=error.strerror,
        )
    if listening:
        listening.close()
    raise CannotStart(fault)


def serve(
    listening: socket.socket,
    processes: int,
    ready: socket.socket | None = None,
    frozen_seconds: float = FROZEN_SECONDS,
) -> int:
    """Answer with so many processes until SIGINT or SIGTERM. Returns the exit status. `ready`: see
    `keeper.signal_ready`; `frozen_seconds`: see `Supervisor`.
    """
    stop = Stop(signal.SIGINT, signal.SIGTERM)
    _allow_files()
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [None]
    keeper = Supervisor(
        {
            f"web {n + 1}": _process(
                listening, cores[n % len(cores)], os.getppid() if ready else None
            )
            for n in range(processes)
        },
        frozen_seconds,
    )
    try:
        while not stop.wait(0.05):
            keeper.check()
            if any(part.was_ready for part in keeper.parts.values()):
                signal_ready(ready)
        return 0
    except GivenUp as fault:
        print_line(str(fault))
        return 1
    finally:
        for child in keeper.children():
            child.terminate()
        for child in keeper.children():
            child.join(LAST_SECONDS + 1)
            child.kill()
            child.join()


_context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


class _Process(_context.Process):
    def poll(self) -> int | None:
        return self.exitcode


def _process(listening: socket.socket, core: int | None, above: int | None) -> ProcessPart:
    """One process, on a core of its own: its threads then pass Python's lock among them at little
    cost (Linux).
    """
    ready_sign = Ready()

    def begin() -> _Process:
        with ready_sign.theirs() as ready:
            child = _Process(target=_answer, args=(listening, core, ready, os.getpid(), above))
            child.start()
        return child

    return ProcessPart(begin, ready_sign, longest_pause=1.0, gives_signs=True)


def _allow_files() -> None:
    """Let this process have as many open files as the system allows: each connection needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 4 * MOST_CONNECTIONS
    wanted = most if hard == resource.RLIM_INFINITY else min(hard, most)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


# ---- in each process ----


def _answer(
    listening: socket.socket, core: int | None, ready: socket.socket, parent: int, above: int | None
) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if core is not None:
        os.sched_setaffinity(0, {core})
    module, name = APPLICATION.split(":")
    front = getattr(importlib.import_module(module), name)()
    asyncio.run(_run(OnSocket(front, listening), ready, parent, above))


async def _run(server: OnSocket, ready: socket.socket, parent: int, above: int | None) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.stop()
        loop.call_later(LAST_SECONDS, os._exit, 0)  # a connection may be slow

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    begun = asyncio.Event()
    server.on_startup(begun.set)
    signs = asyncio.create_task(_give_signs(ready, begun))
    orphan = asyncio.create_task(_orphan(parent, above, stop))
    await server.serve()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # for a second signal there is nothing left to wake
    orphan.cancel()
    signs.cancel()


async def _give_signs(ready: socket.socket, begun: asyncio.Event) -> None:
    """Give signs of life from the loop itself: if the loop stops, no request is answered."""
    await begun.wait()
    while True:
        signal_ready(ready)
        await asyncio.sleep(SIGN_SECONDS)


async def _orphan(parent: int, above: int | None, stop: Callable[[], None]) -> None:
    """Wait after the parent process was killed. Go on while `start` (the process `above`) still
    starts other processes; end if `start` is gone as well.
    """
    while os.getppid() == parent:
        await asyncio.sleep(0.5)
    end = time.monotonic() + ORPHAN_SECONDS
    while above and _lives(above) and time.monotonic() < end:
        await asyncio.sleep(0.5)
    stop()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
