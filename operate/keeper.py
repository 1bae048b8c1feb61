"""Keeping processes running. Each is called a part.

A part that ends is started again, the first time at once, then after growing pauses, and this is
logged. A part that ends again and again and *was never ready* is given up: it cannot run here, and
a person must look. A part that was ready before is always started again.

A part that runs without any sign of life is killed and started again: it was stopped, or it keeps
Python's lock in a loop.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from base.catalogue import _

from .logs import print_line

TOP = Path(__file__).parent.parent
TRIES = 5  # a part is given up after so many ends in a row before it was ready
STEADY_SECONDS = 60  # after running so long, the next end counts as the first again
SIGN_SECONDS = 1.0  # between two signs of life
FROZEN_SECONDS = 20  # without one, after which it is killed; a busy process takes less
LAST_SECONDS = 3  # seconds for a running job to end by itself when its worker is stopped
START_SECONDS = 300  # the same before its first sign: starting may be slow
LONGEST_GAP = (
    2.0  # seconds between two checks, at most: after more, this process itself was stopped
)


class GivenUp(Exception):
    """A part cannot run here; the message is a sentence for the log."""


class CannotStart(Exception):
    """Kalends cannot start; the message is a sentence for the person at the keyboard."""


class Child(Protocol):
    """A process that was started, for example by subprocess.Popen."""

    pid: int

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while the process runs."""


class Silence:
    """How long a part gave no sign of life. Time in which the machine was suspended does
    not count.
    """

    def __init__(self) -> None:
        self._seconds, self._checked_at = 0.0, time.monotonic()

    def after(self, is_heard: bool) -> float:
        """The seconds of silence. Call it at each check, with whether a sign came since the last
        check.
        """
        now = time.monotonic()
        passed, self._checked_at = now - self._checked_at, now
        self._seconds = 0.0 if is_heard else self._seconds + min(passed, LONGEST_GAP)
        return self._seconds


@dataclass
class ProcessPart:
    """One process that must keep running.

    `longest_pause`: seconds between its end and the next start, at most. `gives_signs`: `is_ready`
    returns True again and again; if it does not for long, the part is killed. `replaced(pid)` is
    called for each process that ended by itself, once the next one is ready.
    """

    begin: Callable[[], Child]
    is_ready: Callable[[], bool]
    longest_pause: float = 5.0
    gives_signs: bool = False
    replaced: Callable[[int], None] = lambda pid: None
    child: Child | None = None
    ready: bool = False  # since it was started
    begun_at: float = 0.0
    again_at: float = 0.0  # while there is no child
    was_ready: bool = False  # ever
    ends: int = 0
    ends_unready: int = 0
    silence: Silence = field(default_factory=Silence)
    # The processes that ended by themselves, until their successor is ready.
    ended: list[int] = field(default_factory=list)


class Supervisor:
    """The parts by name.

    Call `check` a few times a second. `frozen_seconds`: a part that gives signs is killed after so
    long without one.
    """

    def __init__(self, parts: Mapping[str, ProcessPart], frozen_seconds: float = FROZEN_SECONDS):
        self.parts = dict(parts)
        self.frozen_seconds = frozen_seconds

    def check(self) -> None:
        """Start the parts that must run. Raises GivenUp."""
        for name, part in self.parts.items():
            if part.child is None:
                if time.monotonic() >= part.again_at:
                    self._begin(name, part)
                continue
            status = part.child.poll()  # before `poll`: its last sign still counts
            is_heard = (part.gives_signs or not part.ready) and part.is_ready()
            part.ready = part.ready or is_heard
            part.was_ready = part.was_ready or part.ready
            if status is not None:
                part.ended.append(part.child.pid)
                part.child = None
                self._again(name, part, _("ended by itself (status {status})", status=status))
                continue
            while part.ready and part.ended:
                part.replaced(part.ended.pop())
            longest = self.frozen_seconds if part.ready else START_SECONDS
            if part.gives_signs and part.silence.after(is_heard) > longest:
                self._end(name, part)

    def children(self) -> list[Child]:
        """The processes that run now."""
        return [part.child for part in self.parts.values() if part.child is not None]

    def _begin(self, name: str, part: ProcessPart) -> None:
        part.begun_at, part.ready, part.silence = time.monotonic(), False, Silence()
        try:
            part.child = part.begin()
        except (OSError, CannotStart) as fault:  # no more processes, no more memory
            self._again(
                name,
                part,
                _(
                    "could not be started ({why})",
                    why=getattr(fault, "strerror", None) or fault,
                ),
            )

    def _end(self, name: str, part: ProcessPart) -> None:
        """Kill a process that is frozen, with the strongest signal: a frozen process would not
        react to another.
        """
        print_line(_("{name} gives no sign of life. It is ended.", name=name))
        part.silence = Silence()
        os.kill(part.child.pid, signal.SIGKILL)

    def _again(self, name: str, part: ProcessPart, what: str) -> None:
        """Have the part started again, or raise GivenUp."""
        now = time.monotonic()
        part.ends = 1 if part.ready and now - part.begun_at > STEADY_SECONDS else part.ends + 1
        part.ends_unready = 0 if part.ready else part.ends_unready + 1
        if part.ends_unready >= TRIES and not part.was_ready:
            raise GivenUp(
                _(
                    "{name} {what}, {tries} times in a row before it was ready. It cannot run here;"
                    " what it said above tells why.",
                    name=name,
                    what=what,
                    tries=TRIES,
                )
            )
        pause = 0 if part.ends == 1 else min(2.0 ** (part.ends - 3), part.longest_pause)
        print_line(
            _(
                "{name} {what}. It is started again{pause}.",
                name=name,
                what=what,
                pause=_(" in {pause} s", pause=f"{pause:g}") if pause else "",
            )
        )
        part.again_at = now + pause

    def ended(self) -> list[int]:
        """The processes that ended by themselves and are not replaced yet. Processes that they
        started may still run in their process groups.
        """
        return [pid for part in self.parts.values() for pid in part.ended]


class Ready:
    """Two connected sockets, by which a child reports that it can work, and that it lives."""

    def __init__(self) -> None:
        self._ours: socket.socket | None = None

    def theirs(self) -> socket.socket:
        """The end for the next child. The code that starts the child closes it here."""
        self.close()
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        return theirs

    def close(self) -> None:
        """Stop listening to the child."""
        if self._ours:
            self._ours.close()

    def __call__(self) -> bool:
        """Whether the present child has reported since the last call."""
        try:
            return bool(self._ours.recv(4096))
        except OSError:  # not yet, or it ended
            return False


def signal_ready(theirs: socket.socket | None) -> None:
    """Report that the child can work. The child calls this once it can, and then each second.
    `theirs` None: no process waits for it.
    """
    if theirs is not None:
        with suppress(OSError):  # no process reads it, or none has for long
            theirs.send(b"1", socket.MSG_DONTWAIT)


def go_on_saying(theirs: socket.socket | None, also: Callable[[], None] = lambda: None) -> None:
    """Report from a thread of its own from now on, whatever the process is doing. `also` is called
    each time; it must raise nothing.
    """

    def go_on() -> None:
        while True:
            signal_ready(theirs)
            also()
            time.sleep(SIGN_SECONDS)

    signal_ready(theirs)
    threading.Thread(target=go_on, daemon=True, name="signs of life").start()


class Stop:
    """Whether a signal has told this process to stop.

    A plain flag. The signal handler runs between two steps of the code that it interrupts: setting
    an event of `threading` there may wait for ever for a lock that this code has.
    """

    def __init__(self, *signals: signal.Signals):
        self.is_asked = False
        for number in signals:
            signal.signal(number, self._ask)

    def wait(self, seconds: float) -> bool:
        """Wait so long, unless the signal has come already. Returns whether it has."""
        if not self.is_asked:
            time.sleep(seconds)
        return self.is_asked

    def _ask(self, *__: object) -> None:
        self.is_asked = True


def end_with_parent() -> None:
    """On Linux: have the system send us SIGTERM when the parent is gone, even if it was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def begin_child(command: Sequence[str | Path], **more: Any) -> subprocess.Popen:
    """Start a child that our terminal's Ctrl-C does not reach, so that we choose the order in which
    children end. It ends with us at the latest.
    """
    return subprocess.Popen(  # noqa: S603
        command,
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent,
        **more,
    )


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send the signal to our child and to the processes that it started, if they still run."""
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
