"""Keeps parts running: one that ends is begun again, the first time at once, then after growing
pauses, and the log says so.

Only a part that ends again and again and *never was ready* is given up: it cannot run here, and
somebody must look. One that was ready can run: ended again and again from outside, or for want of
memory, while it begins, it goes on being started.
"""

import ctypes
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

TRIES = 5  # ends in a row before it was ready, after which a part is given up
STEADY_SECONDS = 60  # after so long a life the next end counts as the first again


class GivenUp(Exception):
    """A part cannot run here; the message is a sentence for the log."""


class CannotStart(Exception):
    """The message is a sentence for the person at the keyboard."""


def say(sentence: str) -> None:
    """Print it; where the log cannot be written (its disk is full) we go on without a word."""
    with suppress(OSError):
        print(sentence, flush=True)


class Child(Protocol):
    """A process that was begun, such as subprocess.Popen."""

    pid: int

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""


@dataclass
class Part:
    """One part. `longest_pause`: seconds between an end and the next beginning at most.

    `replaced(pid)` is called for each process that ended by itself once the next one is ready.
    """

    begin: Callable[[], Child]
    is_ready: Callable[[], bool]
    longest_pause: float = 5.0
    replaced: Callable[[int], None] = lambda pid: None
    child: Child | None = None
    ready: bool = False  # since it was begun
    begun_at: float = 0.0
    again_at: float = 0.0  # while there is no child
    was_ready: bool = False  # ever
    ends: int = 0
    ends_unready: int = 0
    ended: list[int] = field(
        default_factory=list
    )  # the processes that ended by themselves, until another is ready


class Keeper:
    """The parts by name. `look` is called a few times a second."""

    def __init__(self, parts: Mapping[str, Part]):
        self.parts = dict(parts)

    def look(self) -> None:
        """Begin what is to be begun. Raises GivenUp."""
        for name, part in self.parts.items():
            if part.child is None:
                if time.monotonic() >= part.again_at:
                    self._begin(name, part)
                continue
            status = part.child.poll()  # before the question: what it said last counts
            part.ready = part.ready or part.is_ready()
            part.was_ready = part.was_ready or part.ready
            if status is not None:
                self._ended(name, part, status)
            elif part.ready:
                while part.ended:
                    part.replaced(part.ended.pop())

    def all_ready(self) -> bool:
        return all(part.ready for part in self.parts.values())

    def children(self) -> list[Child]:
        return [part.child for part in self.parts.values() if part.child is not None]

    def _begin(self, name: str, part: Part) -> None:
        part.begun_at, part.ready = time.monotonic(), False
        try:
            part.child = part.begin()
        except (OSError, CannotStart) as fault:  # no more processes, no more memory
            self._again(
                name, part, f"could not be started ({getattr(fault, 'strerror', None) or fault})"
            )

    def _ended(self, name: str, part: Part, status: int) -> None:
        part.ended.append(part.child.pid)
        part.child = None
        self._again(name, part, f"ended by itself (status {status})")

    def _again(self, name: str, part: Part, what: str) -> None:
        """Have the part begun again, or raise GivenUp."""
        now = time.monotonic()
        part.ends = 1 if part.ready and now - part.begun_at > STEADY_SECONDS else part.ends + 1
        part.ends_unready = 0 if part.ready else part.ends_unready + 1
        if part.ends_unready >= TRIES and not part.was_ready:
            raise GivenUp(
                f"{name} {what}, {TRIES} times in a row before it was ready. It cannot run here;"
                " what it said above tells why."
            )
        pause = 0 if part.ends == 1 else min(2.0 ** (part.ends - 3), part.longest_pause)
        say(f"{name} {what}. It is started again{f' in {pause:g} s' if pause else ''}.")
        part.again_at = now + pause

    def ended(self) -> list[int]:
        """The processes that ended by themselves and are not replaced yet: what they had begun may
        still run in their group.
        """
        return [pid for part in self.parts.values() for pid in part.ended]


class Ready:
    """Two connected sockets by which a child says that it can do its work."""

    def __init__(self) -> None:
        self._ours: socket.socket | None = None

    def theirs(self) -> socket.socket:
        """The end for the next child. Whoever begins the child closes it here."""
        if self._ours:
            self._ours.close()
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        return theirs

    def __call__(self) -> bool:
        """Whether the present child has said so."""
        try:
            return self._ours.recv(1) == b"1"
        except OSError:  # not yet, or it ended
            return False


def say_ready(theirs: socket.socket | None) -> None:
    """What the child calls once it can work. None: nobody waits for it."""
    if theirs is not None:
        with theirs, suppress(OSError):
            theirs.send(b"1")


def end_with_parent() -> None:
    """On Linux: have the system send us SIGTERM when the parent is gone, were it killed
    outright.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
