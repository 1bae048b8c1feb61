"""`make run` for a person who has just cloned the project: it starts, prints its address, stops
cleanly, or says why it cannot start.
"""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import program
import psutil
import pytest
from program import free_port, until
from redis import Redis
from rq import Queue

from base import jobs
from base.config.settings import Settings


@pytest.fixture
def house(tmp_path):
    """A folder and a port to run Kalends in; whatever still runs at the end is ended."""
    port = free_port()
    environ = {"KALENDS_INSTANCE": tmp_path / "instance", "KALENDS_PORT": port}
    house = SimpleNamespace(
        environ=environ, port=port, folder=tmp_path / "instance", output=tmp_path / "said", begun=[]
    )
    yield house
    for family in house.begun:
        for process in family:
            if process.is_running():
                process.kill()


def start(house, **environ) -> tuple[psutil.Process, list[psutil.Process]]:
    """Start everything and wait until it greets: the process, and all it started."""
    house.output.unlink(missing_ok=True)
    running = program.begin("start", output=house.output, **{**house.environ, **environ})
    family = [psutil.Process(running.pid)]
    house.begun.append(family)
    end = time.monotonic() + 60
    while "Stop it with Ctrl-C." not in house.output.read_text():
        assert running.poll() is None and time.monotonic() < end, house.output.read_text()
        time.sleep(0.05)
    family += family[0].children(recursive=True)
    return running, family


def stopped(running, family, number=signal.SIGINT, hasty=()) -> int:
    """Ask it to stop; the status it ends with. The `hasty` of the family are told all the time.

    Nothing of the family may be left, and no trace on the screen.
    """
    os.kill(running.pid, number)
    while alive(hasty):
        for process in hasty:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
    status = running.wait(20)
    assert alive(family[1:]) == []
    return status


def alive(family: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run. A zombie has ended; it only waits for whoever adopted it."""
    found = []
    for process in family:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def ask(house, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{house.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def refused(house, **environ) -> str:
    """What `start` says when it cannot."""
    done = program.run("start", **{**house.environ, **environ})
    assert done.returncode == 1 and "Traceback" not in done.stderr and done.stdout == ""
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    return done.stderr


# ---- it starts and stops ----


def test_start_greets_answers_stops_and_starts_again(house):
    running, family = start(house, KALENDS_SAMPLE_PASSWORD="sample pass 1")
    said = house.output.read_text()
    assert (
        f"Kalends is ready: http://localhost:{house.port}" in said
        and "owner@sample.test" in said
        and "sample pass 1" in said
        and f"new installation: its secret key was made now, and is kept in {house.folder}." in said
    )
    # with its last slash, or the browser is sent on
    assert f"Clients book here: http://localhost:{house.port}/book/linden/\n" in said
    assert (
        ask(house, "/book/linden/")[0] == 200
        and ask(house, "/sign-in")[0] == 200
        and ask(house, "/healthz") == (200, "ok\n")
        and ask(house, "/readyz") == (200, "ok\n")
    )
    url = program.run("feed", "create", "lea@sample.test", **house.environ).stdout.strip()
    status, body = ask(house, url.removeprefix(f"http://localhost:{house.port}"))
    assert status == 200 and body.count("BEGIN:VEVENT") > 50
    assert len(family) > 6
    queue = Queue("elsewhere", connection=Redis.from_url(f"unix://{house.folder}/redis.sock"))
    queue.enqueue(jobs.carry_out, "operate.chores.sweep")
    assert stopped(running, family) == 0
    assert "Traceback" not in house.output.read_text()
    kept = {path.name for path in house.folder.iterdir() if not path.name.startswith("kalends.db")}
    assert kept <= {"redis", "redis.log", "redis.sock", "running", "in-use", "secret_key"}

    running, family = start(house)
    said = house.output.read_text()
    assert "sample" not in said and "new installation" not in said
    assert ask(house, url.removeprefix(f"http://localhost:{house.port}"))[1] == body
    assert len(queue.jobs) == 1
    assert stopped(running, family, signal.SIGTERM, program.forks(part(running, "web"))) == 0
    assert "Traceback" not in house.output.read_text()


def test_production_starts_empty_in_a_very_deep_folder_and_asks_for_the_first_clinic(house):
    house.folder = house.environ["KALENDS_INSTANCE"] = house.folder / ("d" * 60) / ("e" * 60)
    house.environ |= {"KALENDS_ENV": "production", "KALENDS_SECRET_KEY": "x" * 40}
    running, family = start(house)
    assert "sample" not in house.output.read_text()
    assert ask(house, "/healthz") == (200, "ok\n")
    assert 'name="clinic"' not in ask(house, "/sign-in")[1]
    assert "prints the address that creates it: flask --app app doctor" in house.output.read_text()
    doctor = program.run("doctor", **house.environ).stdout
    path = re.search(r"Create it here: http://localhost:\d+(/welcome/\S+)", doctor)[1]
    assert 'name="clinic"' in ask(house, path)[1]
    assert "/welcome/" not in house.output.read_text()  # a log holds no secret
    assert stopped(running, family) == 0


PARTS = {
    "web": "app web --",
    "a web process": "app web --",
    "now": "worker now --",
    "worker": "worker now sync",
    "chores": "worker chores",
    "clock": "app clock",
    "redis": "valkey",
    "sandbox": "-m sandbox",
}


def part(running, name: str) -> psutil.Process:
    """The process of this part that runs now."""
    above = psutil.Process(running.pid)
    (found,) = (child for child in above.children() if PARTS[name] in " ".join(child.cmdline()))
    return program.forks(found)[0] if name == "a web process" else found


def test_a_part_that_is_killed_is_started_again_and_no_request_fails_meanwhile(house):
    running, family = start(house, KALENDS_SANDBOX=1)
    path = (
        program.run("feed", "create", "lea@sample.test", **house.environ)
        .stdout.strip()
        .removeprefix(f"http://localhost:{house.port}")
    )
    for name in PARTS:
        killed = until(lambda name=name: part_runs(running, name))
        killed.kill()
        for _ in range(3):  # the processes of the web go on until others are there
            assert answers(house, path)
        until(lambda killed=killed, name=name: alive([killed]) == [] and part_runs(running, name))
        family += running_family(running)
    until(lambda: ask(house, "/healthz") == (200, "ok\n"))
    said = house.output.read_text()
    for name in ("web", "now", "worker", "chores", "clock", "redis", "sandbox"):
        assert f"\n{name} ended by itself (status -9). It is started again.\n" in said
    assert re.search(r"web \d ended by itself \(status -9\)", said) and "Traceback" not in said
    assert stopped(running, family) == 0


def test_a_part_that_is_frozen_is_started_again_and_the_web_answers_meanwhile(house):
    running, family = start(house, KALENDS_FROZEN_SECONDS=4)
    path = (
        program.run("feed", "create", "lea@sample.test", **house.environ)
        .stdout.strip()
        .removeprefix(f"http://localhost:{house.port}")
    )
    for names in (["a web process", "now", "worker", "chores", "clock"], ["web", "redis"]):
        until(lambda names=names: all(part_runs(running, name) for name in names))
        until(lambda: len(program.forks(part(running, "web"))) > 1)
        until(lambda: all_began(house, running))
        frozen = [part(running, name) for name in names]
        for process in frozen:
            process.suspend()
        assert answers(house, path)
        until(lambda frozen=frozen: alive(frozen) == [])
        until(lambda names=names: all(part_runs(running, name) for name in names))
        assert answers(house, path)
        family += running_family(running)
    until(lambda: ask(house, "/healthz") == (200, "ok\n"))
    said = house.output.read_text()
    for name in ("web", "now", "worker", "chores", "clock", "redis"):
        assert said.count(f"\n{name} gives no sign of life. It is ended.\n") == 1
    assert len(re.findall(r"web \d gives no sign of life", said)) == 1 and "Traceback" not in said
    assert stopped(running, family) == 0


def test_files_are_private_a_second_start_is_refused_and_frozen_parts_stop(house):
    house.folder.mkdir(mode=0o755)
    running, family = start(house)
    assert (house.folder / "redis.sock").stat().st_mode & 0o777 == 0o600
    valkey = next(process for process in family if "valkey" in process.name())
    assert [c for c in valkey.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN] == []
    assert f"(process {running.pid})" in refused(house, KALENDS_PORT=free_port())
    for process in (part(running, "a web process"), part(running, "worker")):
        process.suspend()
    assert stopped(running, family) == 0
    readable = [path.name for path in house.folder.iterdir() if path.stat().st_mode & 0o077]
    assert readable == []


def all_began(house, running) -> bool:
    """Whether each part has given its first sign: workers and clock do before Redis knows them."""
    own = Settings.from_env({name: str(value) for name, value in house.environ.items()})
    redis = Redis.from_url(own.redis_url)
    webs = program.forks(part(running, "web"))
    return (
        len(redis.smembers("rq:workers")) >= 3
        and bool(redis.keys("rq:cron_scheduler*"))
        and all(web.num_threads() > 1 for web in webs)
    )


def answers(house, path: str) -> bool:
    with suppress(OSError):
        status, body = ask(house, path)
        return status == 200 and body.count("BEGIN:VEVENT") > 50
    return False


def running_family(running) -> list[psutil.Process]:
    return psutil.Process(running.pid).children(recursive=True)


def part_runs(running, name: str) -> psutil.Process | None:
    """The process of this part, if one runs now."""
    with suppress(ValueError, IndexError, psutil.NoSuchProcess):
        process = part(running, name)
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    return None


def test_a_part_that_cannot_run_ends_all_with_a_sentence(house, tmp_path):
    (tmp_path / "Procfile").write_text(
        "web: python -c 'raise SystemExit(3)'\nclock: python -m flask --app app clock\n"
    )
    code = (
        "import sys; from pathlib import Path; from app import create_app; from operate import"
        " keeper, processes, web; from base.config import settings\nkeeper.TRIES = 2;"
        f" processes.PROCFILE = Path({str(tmp_path / 'Procfile')!r})\nown ="
        " settings.Settings.from_env()\nsys.exit(processes.start(own, web.listen('127.0.0.1',"
        " own.port), ''))"
    )
    done = program.python(code, **house.environ)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "web ended by itself (status 3). It is started again." in done.stdout
    assert (
        "web ended by itself (status 3), 2 times in a row before it was ready." in done.stdout
        and done.stdout.endswith("Stopping the others.\n")
    )


def test_nothing_outlives_a_start_that_was_killed_outright(house):
    running, family = start(house)
    running.kill()
    running.wait()
    end = time.monotonic() + 30  # a busy machine takes its time
    while alive(family[1:]) and time.monotonic() < end:
        time.sleep(0.1)
    assert alive(family[1:]) == []
    running, family = start(house)
    assert stopped(running, family) == 0


def test_start_stops_when_told_during_its_start(house):
    for begun in (1, 3, 6):  # processes: Redis alone, some, nearly all
        running = program.begin("start", output=house.output, **house.environ)
        family = [psutil.Process(running.pid)]
        house.begun.append(family)
        until(lambda begun=begun, family=family: len(family[0].children(recursive=True)) >= begun)
        family += family[0].children(recursive=True)
        os.kill(running.pid, signal.SIGTERM)
        running.wait(20)
        assert "Traceback" not in house.output.read_text()
        until(lambda family=family: not alive(family[1:]))


# ---- it says why not ----


def test_a_port_in_use_is_a_sentence(house):
    with socket.socket() as other:
        other.bind(("127.0.0.1", house.port))
        other.listen()
        assert f"Port {house.port} on 127.0.0.1 cannot be used" in refused(house)


def test_an_address_that_is_not_ours_is_a_sentence(house):
    assert f"Port {house.port} on 192.0.2.1 cannot be used" in refused(
        house, KALENDS_HOST="192.0.2.1"
    )
    assert "KALENDS_HOST=no.such.host.test is not an address" in refused(
        house, KALENDS_HOST="no.such.host.test"
    )


def test_a_database_of_a_newer_version_is_a_sentence(house):
    program.first_key(house.folder)
    program.run("migrate", **house.environ)
    with sqlite3.connect(house.folder / "kalends.db") as database:
        database.execute(
            "INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2031-01-01')"
        )
    assert "newer version of Kalends" in refused(house)


def test_a_file_that_is_no_database_is_a_sentence(house):
    house.folder.mkdir()
    (house.folder / "kalends.db").write_text("not a database " * 500)
    assert "file is not a database" in refused(house)


def test_a_server_that_is_not_there_is_a_sentence_without_its_password(house):
    said = refused(house, DATABASE_URL="postgresql://someone:hunter2@127.0.0.1:9/none")
    assert "cannot be used: connection" in said and "hunter2" not in said


# ---- the environment is made ----


@pytest.fixture
def clone(tmp_path):
    """What .ci/environment needs of a checkout."""
    top = tmp_path / "clone"
    (top / ".ci").mkdir(parents=True)
    shutil.copy(program.TOP / ".ci" / "environment", top / ".ci" / "environment")
    (top / "requirements.lock").write_text("nothing==1 --hash=sha256:00\n")
    (top / "requirements-test.lock").write_text("nothing==2 --hash=sha256:00\n")

    def make(lock: str = "requirements.lock", **environ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [top / ".ci" / "environment", lock],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
        )

    make.top = top
    return make


def _pretend(top: Path, *locks: str) -> None:
    """An environment that holds what these lock files name."""
    (top / ".venv" / "bin").mkdir(parents=True)
    (top / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 0\n")
    (top / ".venv" / "bin" / "python").chmod(0o755)
    (top / ".venv" / "place").write_text(f"{top}\n")
    for lock in locks:
        shutil.copy(top / lock, top / ".venv" / lock)


@pytest.mark.parametrize(
    ("made_for", "asked"),
    [
        ("requirements.lock", "requirements.lock"),
        ("requirements-test.lock", "requirements.lock"),
        ("requirements-test.lock", "requirements-test.lock"),
    ],
)
def test_an_environment_that_is_there_is_used_as_it_is(clone, made_for, asked):
    _pretend(clone.top, made_for)
    done = clone(asked, PYTHON="false")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("spoil", ["lock", "place", "python", "kind"])
def test_an_environment_that_does_not_fit_is_made_again(clone, spoil):
    _pretend(clone.top, "requirements.lock")
    if spoil == "lock":
        (clone.top / "requirements.lock").write_text("nothing==3 --hash=sha256:00\n")
    if spoil == "place":
        (clone.top / ".venv" / "place").write_text("/elsewhere\n")
    if spoil == "python":
        (clone.top / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    done = clone(
        "requirements-test.lock" if spoil == "kind" else "requirements.lock", PYTHON="false"
    )
    assert done.returncode == 1
    assert (
        done.stderr
        == "Kalends needs Python 3.11 or newer. Install it, or name it: PYTHON=/path/to/python3.12"
        " make run\n"
    )


def test_a_python_without_venv_says_what_to_install(clone, tmp_path):
    half = tmp_path / "python3"
    half.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexit 0\n')
    half.chmod(0o755)
    done = clone(PYTHON=str(half))
    assert (
        done.returncode == 1
        and "apt-get install python3-venv" in done.stderr
        and done.stderr.count("\n") == 1
    )


def test_the_lock_files_name_hashes_and_no_host():
    for name in ("requirements.lock", "requirements-test.lock"):
        text = (program.TOP / name).read_text()
        requirements = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
        assert len(requirements) > 20 and all(
            "--hash=sha256:" in one and "==" in one for one in requirements
        )
        assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_the_test_environment_holds_the_very_versions_that_run():
    runs, tests = (
        set(re.findall(r"^([a-z0-9-]+==\S+)", (program.TOP / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-test.lock")
    )
    assert runs <= tests
