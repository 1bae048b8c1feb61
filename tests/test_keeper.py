"""Parts are kept running: real processes that end, cannot be begun, or run."""

import io
import subprocess
import sys
import time

import pytest

from operate import keeper
from operate.keeper import CannotStart, GivenUp, Keeper, Part


def child(code: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-S", "-c", code])


@pytest.fixture
def keep():
    """`keep(part)`: a keeper of that one part, looked at until `holds`; what still runs at the end
    is ended.
    """
    keepers = []

    def until(part: Part, holds) -> Keeper:
        keepers.append(Keeper({"part": part}))
        end = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < end, "it did not happen in time"
            keepers[-1].look()
            time.sleep(0.01)
        return keepers[-1]

    yield until
    for each in keepers:
        for process in each.children():
            process.kill()
            process.wait()


def test_the_first_end_is_followed_at_once_and_the_next_after_growing_pauses(keep, capsys):
    part = Part(lambda: child("raise SystemExit(3)"), lambda: True)
    keep(part, lambda: part.ends == 4)
    assert [line.partition(". ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "It is started again.",
        "It is started again in 0.5 s.",
        "It is started again in 1 s.",
        "It is started again in 2 s.",
    ]


def test_one_that_was_never_ready_is_given_up(keep):
    part = Part(lambda: child("raise SystemExit(3)"), lambda: False, longest_pause=0.01)
    with pytest.raises(
        GivenUp, match=r"part ended by itself \(status 3\), 5 times in a row before it was ready"
    ):
        keep(part, lambda: False)


def test_one_that_was_ready_each_time_is_never_given_up(keep, monkeypatch):
    monkeypatch.setattr(keeper, "TRIES", 2)
    part = Part(lambda: child("raise SystemExit(3)"), lambda: True, longest_pause=0.01)
    keep(part, lambda: part.ends > 5)


def test_one_that_was_ready_once_is_not_given_up_though_each_beginning_ends(keep, monkeypatch):
    monkeypatch.setattr(keeper, "TRIES", 2)
    part = Part(
        lambda: child("raise SystemExit(3)"),
        lambda: part.ends == 0,
        longest_pause=0.01,
    )
    keep(part, lambda: part.ends > 5)


@pytest.mark.parametrize(
    "fault", [OSError(11, "Resource temporarily unavailable"), CannotStart("no folder")]
)
def test_one_that_cannot_be_begun_is_tried_again(keep, capsys, fault):
    faults = [fault, fault]

    def begin():
        if faults:
            raise faults.pop()
        return child("import time; time.sleep(60)")

    part = Part(begin, lambda: True, longest_pause=0.01)
    keep(part, lambda: part.child is not None)
    assert capsys.readouterr().out.count("part could not be started (") == 2


def test_a_log_that_cannot_be_written_stops_nothing(keep, monkeypatch):
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(full, write_through=True))
        part = Part(lambda: child("raise SystemExit(3)"), lambda: True, longest_pause=0.01)
        keep(part, lambda: part.ends > 2)
        with pytest.raises(OSError, match="No space left"):
            print("x", flush=True)
        monkeypatch.undo()
