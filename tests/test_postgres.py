"""The tests' own server after a run that was killed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import postgres
import psycopg
import pytest


@pytest.fixture
def kept():
    """The name of a server, and where its files are."""
    name = f"left-{os.getpid()}"
    folder = Path(tempfile.gettempdir()).resolve() / f"kalends-{name}-{os.getuid()}"
    yield name, folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("who", ["another program", "nobody"])
def test_a_server_starts_where_a_killed_one_left_its_files(kept, who):
    name, folder = kept
    process = subprocess.Popen(["sleep", "60"])
    if who == "nobody":
        process.kill()
        process.wait()
    folder.mkdir()
    lines = [process.pid, folder, 1790000000, 5432, folder, "", "1 2", "ready"]
    (folder / "postmaster.pid").write_text("\n".join(map(str, lines)))
    try:
        server = postgres.embedded(name)
        with psycopg.connect(server.get_uri()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        server.cleanup()
    finally:
        process.kill()
        process.wait()


def test_a_server_that_runs_is_the_one_that_others_get(kept):
    name, _ = kept
    first = postgres.embedded(name)
    assert postgres.embedded(name).get_pid() == first.get_pid()
    first.cleanup()
