"""The program as a person runs it.

Its commands as processes of their own, with nothing of the surrounding settings.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import forked
import psutil
import pytest
from forked import TOP

import models
from base.config.settings import Settings
from operate.backup import restores

KEY, OTHER = "a key of the tests, long", "another key of the tests"
_OURS = ("KALENDS_", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "MAIL_")


on_sqlite_alone = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def environ(**values: object) -> dict[str, str]:
    """The environment without any setting but these."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**rest, **{name: str(value) for name, value in values.items()}}


def first_key(instance: Path) -> None:
    """What the first start makes before anything else, for commands that run beside it."""
    Settings.from_env({"KALENDS_INSTANCE": str(instance)}).with_first_key()


def run(*arguments: object, given: str = "", **values: object) -> subprocess.CompletedProcess[str]:
    """A command to its end, `given` on its standard input."""
    return forked.run(["--app", "app", *map(str, arguments)], environ(**values), given=given)


def python(code: str, *arguments: object, **values: object) -> subprocess.CompletedProcess[str]:
    """A script beside the program to its end."""
    return forked.run([*map(str, arguments)], environ(**values), code=code)


def forks(process: psutil.Process) -> list[psutil.Process]:
    """Its children that run our code.

    While Python begins, libraries may ask other programs (`file`) something: no process of ours.
    """
    found = []
    for child in process.children():
        with suppress(psutil.NoSuchProcess):
            if child.exe() == process.exe():
                found.append(child)
    return found


def begin(*arguments: str, output: Path, **values: object) -> subprocess.Popen:
    """A command that goes on, in a session of its own; what it says goes to the file `output`."""
    with open(output, "ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "app", *arguments],
            cwd=TOP,
            env=environ(**values),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def work(queue, *arguments: str) -> None:
    """Run a worker until its queues (`queue`: the fixture) are empty."""
    models.database.close()
    done = run("worker", *arguments, "--burst", **queue.environ)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


def restore(server, file: Path) -> str:
    """Restore it over the database of these settings, which is open afterwards."""
    if not models.database.is_closed():
        models.database.close()
    said = restores.restore(server, file)
    models.database.connect(reuse_if_open=True)
    return said


def until(met: Callable[[], Any]) -> Any:
    """Wait for it, a minute at most: the value that `met` gives, once it is true."""
    end = time.monotonic() + 60
    while not (found := met()):
        assert time.monotonic() < end, "it did not happen within a minute"
        time.sleep(0.05)
    return found
