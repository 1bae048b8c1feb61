"""Processes that need not import the program again: forked from a server that has.

Each has its own environment, standard streams, exit status and end, as if started afresh; nothing
has run in it.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import chdir
from multiprocessing import forkserver
from pathlib import Path

TOP = Path(__file__).parent.parent
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["app", "flask.cli", "rq.worker", "rq.scheduler"])
_STREAMS = (("given", os.O_RDONLY), ("out", os.O_WRONLY), ("err", os.O_WRONLY))


def run(
    arguments: Sequence[str],
    environ: dict[str, str],
    *,
    code: str | None = None,
    given: str = "",
    timeout: float = 90,
) -> subprocess.CompletedProcess[str]:
    """`python -m flask ARGUMENTS`, or `python -c CODE ARGUMENTS`, in `environ` to its end, `given`
    on its standard input. After `timeout` seconds it is killed, and `TimeoutExpired` raised.
    """
    with tempfile.TemporaryDirectory(prefix="forked-") as folder:
        for name, _ in _STREAMS:
            Path(folder, name).write_text(given if name == "given" else "")
        with chdir(TOP):  # the server finds what it loads from where it is started
            forkserver.ensure_running()
        process = _server.Process(target=_become, args=(arguments, environ, code, folder))
        process.start()
        process.join(timeout)
        late = process.exitcode is None
        if late:
            process.kill()
            process.join()
        done = subprocess.CompletedProcess(
            arguments,
            process.exitcode,
            *(Path(folder, name).read_text() for name in ("out", "err")),
        )
        process.close()
        if late:
            raise subprocess.TimeoutExpired(arguments, timeout, done.stdout, done.stderr)
        return done


def _become(
    arguments: Sequence[str], environ: dict[str, str], code: str | None, folder: str
) -> None:
    """In the child: all that a process started by hand has from its surroundings."""
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(TOP)
    for number, (name, flags) in enumerate(_STREAMS):
        opened = os.open(Path(folder, name), flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1)
    sys.argv = ["flask" if code is None else "-c", *arguments]
    try:
        if code is None:
            runpy.run_module("flask", run_name="__main__", alter_sys=True)
        else:
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
