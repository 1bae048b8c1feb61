"""Parts are kept running: real processes that end, cannot be begun, or run."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress

import pytest

from operate import keeper
from operate.keeper import (
    CannotStart,
    GivenUp,
    ProcessPart,
    Ready,
    Silence,
    Supervisor,
    signal_ready,
)


def child(code: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-S", "-c", code])


@pytest.fixture
def keep():
    """`keep(part)`.

    A keeper of that one part, looked at until `holds`; what still runs at the end is ended.
    """
    keepers = []

    def until(part: ProcessPart, holds, **more) -> Supervisor:
        keepers.append(Supervisor({"part": part}, **more))
        end = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < end, "it did not happen in time"
            keepers[-1].check()
            time.sleep(0.01)
        return keepers[-1]

    yield until
    for each in keepers:
        for process in each.children():
            process.kill()
            process.wait()


def test_the_first_end_is_followed_at_once_and_the_next_after_growing_pauses(keep, capsys):
    part = ProcessPart(lambda: child("raise SystemExit(3)"), lambda: True)
    keep(part, lambda: part.ends == 4)
    assert [line.partition(". ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "It is started again.",
        "It is started again in 0.5 s.",
        "It is started again in 1 s.",
        "It is started again in 2 s.",
    ]


def test_a_part_that_was_never_ready_is_given_up(keep):
    part = ProcessPart(lambda: child("raise SystemExit(3)"), lambda: False, longest_pause=0.01)
    with pytest.raises(
        GivenUp, match=r"part ended by itself \(status 3\), 5 times in a row before it was ready"
    ):
        keep(part, lambda: False)


def test_a_part_that_was_ready_each_time_is_never_given_up(keep, monkeypatch):
    monkeypatch.setattr(keeper, "TRIES", 2)
    part = ProcessPart(lambda: child("raise SystemExit(3)"), lambda: True, longest_pause=0.01)
    keep(part, lambda: part.ends > 5)


def test_a_part_that_was_ready_once_is_never_given_up(keep, monkeypatch):
    monkeypatch.setattr(keeper, "TRIES", 2)
    part = ProcessPart(
        lambda: child("raise SystemExit(3)"),
        lambda: part.ends == 0,
        longest_pause=0.01,
    )
    keep(part, lambda: part.ends > 5)


@pytest.mark.parametrize(
    "fault", [OSError(11, "Resource temporarily unavailable"), CannotStart("no folder")]
)
def test_a_part_that_cannot_be_started_is_tried_again(keep, capsys, fault):
    faults = [fault, fault]

    def begin():
        if faults:
            raise faults.pop()
        return child("import time; time.sleep(60)")

    part = ProcessPart(begin, lambda: True, longest_pause=0.01)
    keep(part, lambda: part.child is not None)
    assert capsys.readouterr().out.count("part could not be started (") == 2


@pytest.fixture
def signs():
    """`signs(every)`: a function that begins a child which gives a sign each `every` seconds, and
    the `Ready` that receives the signs.
    """
    code = (
        "import socket, time; ours = socket.socket(fileno={})\n"
        "while 1: ours.send(b'1'); time.sleep({})"
    )
    with ExitStack() as stack:

        def given(every: float) -> tuple[Callable[[], subprocess.Popen], Ready]:
            said = stack.enter_context(closing(Ready()))

            def begin() -> subprocess.Popen:
                with said.theirs() as theirs:
                    number = theirs.fileno()
                    return subprocess.Popen(
                        [sys.executable, "-S", "-c", code.format(number, every)], pass_fds=[number]
                    )

            return begin, said

        yield given


def test_a_stopped_part_is_killed_and_started_again(keep, signs, capsys):
    begin, said = signs(0.05)
    part = ProcessPart(begin, said, gives_signs=True)
    running = keep(part, lambda: part.ready, frozen_seconds=0.5)
    frozen = part.child
    os.kill(frozen.pid, signal.SIGSTOP)
    while part.child in (None, frozen) or not part.ready:
        running.check()
        time.sleep(0.01)
    assert frozen.poll() == -signal.SIGKILL and part.ends == 1 and part.ends_unready == 0
    assert capsys.readouterr().out.splitlines() == [
        "part gives no sign of life. It is ended.",
        "part ended by itself (status -9). It is started again.",
    ]


def test_a_part_that_gives_signs_of_life_keeps_running(keep, signs, capsys):
    begin, said = signs(0.05)
    part = ProcessPart(begin, said, gives_signs=True)
    end = time.monotonic() + 1.5
    keep(part, lambda: part.ready and time.monotonic() > end, frozen_seconds=0.7)
    assert part.ends == 0 and capsys.readouterr().out == ""


def test_a_part_has_more_time_before_its_first_sign(keep, signs):
    begin, said = signs(60)
    part = ProcessPart(begin, lambda: said() and False, gives_signs=True)
    end = time.monotonic() + 0.6
    keep(part, lambda: time.monotonic() > end, frozen_seconds=0.2)
    assert part.ends == 0 and not part.ready


def test_a_part_without_a_first_sign_is_killed_in_the_end(keep, monkeypatch, capsys):
    monkeypatch.setattr(keeper, "START_SECONDS", 0.2)
    part = ProcessPart(
        lambda: child("import time; time.sleep(60)"), lambda: False, gives_signs=True
    )
    keep(part, lambda: part.ends_unready == 1)
    assert "part gives no sign of life. It is ended." in capsys.readouterr().out


def test_time_in_which_nobody_listened_is_no_silence(monkeypatch):
    hour = 3600.0
    clock = [hour]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    silence = Silence()
    clock[0] += hour  # the machine slept, or we were stopped
    assert silence.after(is_heard=False) == keeper.LONGEST_GAP
    clock[0] += 1
    assert silence.after(is_heard=False) == keeper.LONGEST_GAP + 1
    assert silence.after(is_heard=True) == 0


def test_signs_that_nobody_takes_keep_nobody_waiting():
    said = Ready()
    with closing(said), said.theirs() as theirs:
        for _ in range(5000):  # more than the socket holds
            signal_ready(theirs)
        assert said()
    signal_ready(theirs)  # closed: no fault either


def test_a_log_that_cannot_be_written_stops_nothing(keep, monkeypatch):
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(full, write_through=True))
        part = ProcessPart(lambda: child("raise SystemExit(3)"), lambda: True, longest_pause=0.01)
        keep(part, lambda: part.ends > 2)
        with pytest.raises(OSError, match="No space left"):
            print("x", flush=True)
        with suppress(OSError):
            sys.stdout.close()
        monkeypatch.undo()


def test_a_signal_between_any_two_steps_of_waiting_stops_a_process():
    code = (
        "import os, signal, threading\n"
        "from operate.keeper import Stop\n"
        "stop, sent = Stop(signal.SIGTERM), []\n"
        "def send():\n"
        "    for _ in range(20_000):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    sent.append(True)\n"
        "threading.Thread(target=send).start()\n"
        "while not sent:\n"
        "    stop.wait(0)\n"
        "assert stop.wait(0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
