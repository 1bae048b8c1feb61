"""What the tests share: both databases, the application, a moved clock, and a cast.

A test that touches the database runs twice, on SQLite and on PostgreSQL (an embedded server, or
TEST_POSTGRES_URL), or on SQLite alone, its statements explained by PostgreSQL (`explained`). The
cast: Olive owns the Linden clinic, Maya manages it, Pat and Quinn practise there; Sam owns another
clinic and must see nothing of Linden's.
"""

import base64
import contextlib
import gc
import itertools
import json
import os
import re
import shutil
import threading
from collections import Counter
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import argon2
import explained
import hypothesis
import jinja2
import peewee
import psycopg
import pytest
from flask.testing import FlaskClient
from mail_server import MailServer
from peewee import SqliteDatabase
from redis import Redis

import models
from app import Settings, create_app
from base import jobs, opening_hours, passwords, scheduling, vault
from base.database import is_sqlite, open_database
from base.tables import outbox
from letters import sending
from models import Clinic, Patient, Practitioner, Service, User, Venue
from operate import migrate, redis_server
from people import founding
from sync.connect import gateway
from sync.feeds.readers import ReadLog
from tests import postgres
from tests.pages import with_what_it_showed
from tests.queued import Queued
from views.kit import identity

PASSWORD = "correct horse battery"
KEY = "a key of the tests"
NOW = datetime(2026, 11, 20, 11, 40, tzinfo=UTC)  # a Friday
WEEKDAYS = {day: [["09:00", "17:00"]] for day in opening_hours.WEEKDAYS[:5]}
STYLES = Path(__file__).parent.parent / "static" / "components.css"
TONES = {*re.findall(rb'\[data-tone="(\w+)"\]', STYLES.read_bytes())}

HAS_TWICE = pytest.StashKey[bool]()  # whether this run leaves out tests on PostgreSQL

SLOW = {  # files that take long; `make quick` leaves them out
    "test_arrival",
    "test_backups",
    "test_caldav_foreign_clients",
    "test_commands",
    "test_fault_table",
    "test_front_door",
    "test_intake",
    "test_jobs",
    "test_keeper",
    "test_marks",
    "test_merging",
    "test_microsoft_account",
    "test_move",
    "test_no_network",
    "test_no_second_key",
    "test_outages",
    "test_outbox",
    "test_overlap_machine",
    "test_overtaking",
    "test_pacing",
    "test_paging",
    "test_plan_machine",
    "test_provider_contract",
    "test_restores",
    "test_search",
    "test_series_and_people",
    "test_settings",
    "test_sync_channels",
    "test_sync_doubts",
    "test_sync_faults",
    "test_sync_guests",
    "test_sync_leaving",
    "test_sync_lies",
    "test_sync_machine",
    "test_sync_mirror",
    "test_sync_poisoned",
    "test_sync_promises",
    "test_sync_returning",
    "test_sync_run",
    "test_sync_strays",
    "test_sync_unread",
    "test_sync_work",
    "test_crossing_presses",
    "test_two_presses_at_once",
    "test_two_presses_outside_at_once",
    "test_views_auth",
    "test_views_two_way",
    "test_views_two_way_words",
    "test_vtimezone",
}

LONG = {  # files whose tests take long one by one, or wait, begin first: in the end no core waits
    "test_backups",
    "test_crossing_presses",
    "test_every_page",
    "test_front_door",
    "test_intake",
    "test_keeper",
    "test_no_network",
    "test_outages",
    "test_plan_machine",
    "test_restores",
    "test_sync_machine",
    "test_two_presses_at_once",
    "test_two_presses_outside_at_once",
}

# The tables that hold rows, those first that refer to others: few after most tests, and to look
# costs less than to empty the rest.
_FILLED = " UNION ALL ".join(
    f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")"
    for name in (table._meta.table_name for table in reversed(migrate.TABLES))
)

# The cheapest that Argon2 allows.
passwords.hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD_HASH = passwords.hash_of(PASSWORD)

hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("steady")


def lacking(part: str, remedy: str):
    """Skip, since this machine lacks `part`; the end of the run names it.

    With REQUIRE_ALL=1, which CI sets, fail.
    """
    sentence = f"this machine lacks {part}: {remedy}"
    if os.environ.get("REQUIRE_ALL", "0") == "1":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


def pytest_configure(config):
    """Temporary files stand in memory where there is room.

    No test outlives its run, so that none need wait for the disk.
    """
    memory = Path("/dev/shm")
    is_chosen = config.option.basetemp or "PYTEST_DEBUG_TEMPROOT" in os.environ
    if not is_chosen and memory.is_dir() and shutil.disk_usage(memory).free > 2 * 2**30:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(memory)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session):
    """Of the processes that share a run each compiles files of its own first, and finds the rest
    compiled by the others. It is a quarter of a minute for one process where nothing is kept of
    an earlier run.
    """
    share = re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", ""))
    if share is None:
        return
    files = [
        file
        for name in session.config.args
        if not name.startswith("-") and (place := Path(name.partition("::")[0])).exists()
        for file in ([place] if place.is_file() else sorted(place.rglob("test_*.py")))
    ]
    first = len(files) * int(share[1]) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for file in files[first:] + files[:first]:
        # what is wrong with one is told when it is collected
        with contextlib.suppress(Exception, pytest.skip.Exception):
            assert pytest.Module.from_parent(session, path=file.resolve()).obj


def pytest_collection_finish(session):
    """Thousands of tests live as long as the run: nobody need look whether they are garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)  # pytest has put together by then what shares a database
def pytest_collection_modifyitems(config, items):
    """The engine is proved on both databases with one provider, and with the other on one.

    What it says to a database is the same for both. Other tests that run on one database:
    `explained`.
    """

    def is_twice(item):
        is_once = params_of(item).get("world") == "microsoft" or explained.is_once(item)
        return is_once and params_of(item).get("database_url") == "postgresql"

    twice = [item for item in items if is_twice(item)]
    config.stash[HAS_TWICE] = bool(twice)
    config.hook.pytest_deselected(items=twice)
    once = [item for item in items if not is_twice(item)]
    items[:] = dealt(once, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def params_of(item) -> dict:
    return getattr(getattr(item, "callspec", None), "params", {})


def dealt(items, hands):
    """The tests so that of the equal parts into which xdist cuts them for its `hands` processes
    each begins with long ones. Those that use the deployed Kalends are for one, which starts it
    once.
    """
    if hands == 1:
        return items
    deployed, long, rest = [], [], []
    for item in items:
        is_deployed = "live" in getattr(item, "fixturenames", ())
        kind = deployed if is_deployed else long if item.path.stem in LONG else rest
        kind.append(item)
    order, ready = [], iter(rest)
    for hand, first in enumerate([deployed, *(long[n :: hands - 1] for n in range(hands - 1))]):
        size = (len(items) - len(order)) // (hands - hand)
        order += first
        order += itertools.islice(ready, max(0, size - len(first)))
    return order + list(ready)


def pytest_itemcollected(item):
    if item.path.stem in SLOW or item.path.parent.name == "browser":
        item.add_marker("slow")


def pytest_terminal_summary(terminalreporter):
    """What was not tested, and why, as the last thing that is read."""
    reasons = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
    ]
    missing = Counter(reason for reason in reasons if reason.startswith("this machine lacks"))
    for reason, count in sorted(missing.items()):
        terminalreporter.write_line(f"NOT TESTED ({count} tests): {reason}", yellow=True)


@pytest.fixture(scope="session")
def postgres_url(worker_id):
    """An empty PostgreSQL database of this test process."""
    base = os.environ.get("TEST_POSTGRES_URL")
    if base is None:
        try:
            base = postgres.embedded("postgres").get_uri()
            with psycopg.connect(base, autocommit=True) as connection:
                for setting in ("fsync", "full_page_writes"):  # nor this server: it has no more
                    connection.execute(f"ALTER SYSTEM SET {setting} TO off")
                connection.execute("SELECT pg_reload_conf()")
        except Exception as error:  # whatever keeps the embedded server from running here
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            lacking("PostgreSQL", f"name a server in TEST_POSTGRES_URL ({why})")
    name = f"kalends_{worker_id}_{os.getpid()}"
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}"')
        # no test outlives its server: nothing need wait for the disk; statements are short
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit TO off')
        connection.execute(f'ALTER DATABASE "{name}" SET jit TO off')
    head, _, query = base.partition("?")
    yield head.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def explainer(postgres_url, tmp_path_factory, worker_id):
    """What explains statements (`explained`), over the tables of PostgreSQL."""
    before, shared = models.database.obj, tmp_path_factory.getbasetemp()
    open_database(postgres_url)
    postgresql = models.database.obj
    migrate.migrate()
    postgresql.close()
    models.database.initialize(before)
    claims = (shared if worker_id == "master" else shared.parent) / "explained"
    claims.mkdir(exist_ok=True)
    explainer = explained.Explainer(postgresql, postgres_url, claims)
    yield explainer
    explainer.connection.close()
    postgresql.close_all()


SEEN: set[str] = set()  # statements that this process has met


@pytest.fixture(autouse=True)
def statements_explained(request, monkeypatch):
    """Where a test runs on SQLite alone, PostgreSQL understands its statements, too."""
    is_sqlite_alone = params_of(request.node).get("database_url") == "sqlite"
    if not (
        is_sqlite_alone and request.config.stash[HAS_TWICE] and explained.is_once(request.node)
    ):
        yield
        return
    refused: list[str] = []
    explainer = request.getfixturevalue("explainer")
    monkeypatch.setattr(peewee.Database, "execute", explainer.listening(SEEN, refused))
    yield
    assert refused == []


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request, tmp_path_factory):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'kalends.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture(scope="session")
def settings(database_url, tmp_path_factory):
    return Settings.from_env(
        {
            "DATABASE_URL": database_url,
            "KALENDS_INSTANCE": str(tmp_path_factory.mktemp("instance")),
            "KALENDS_SECRET_KEY": KEY,
            "KALENDS_BASE_URL": "http://localhost",
        }
    )


class NotGiven(jinja2.StrictUndefined):
    """A name that a page or letter was not given. To show, compare or count it is a fault; in
    use, nothing is shown then. A shared part may ask whether it was given.
    """

    def __bool__(self) -> bool:
        return False


class CarefulClient(FlaskClient):
    """A test client that looks at every cookie it is sent, and at the colours of every page.

    A cookie is a random secret, encrypted words, or the mark of a browser with numbers alone. A
    tone that the stylesheet does not know would have no colour.
    """

    def open(self, *args, **kwargs):
        answer = super().open(*args, **{"buffered": True, **kwargs})  # files are closed
        if answer.mimetype == "text/html":
            assert {*re.findall(rb'data-tone="([^"]*)"', answer.data)} <= TONES
        for line in answer.headers.getlist("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if name.endswith("kalends-device"):
                number, people = json.loads(
                    base64.urlsafe_b64decode(value.partition(".")[0] + "==")
                )
                assert re.fullmatch(r"[\w-]{22}", number) and all(
                    isinstance(one, int) for one in people
                ), line
            else:
                assert name.endswith("kalends") and re.fullmatch(
                    r"|[\w-]{43}|gAAAA[\w-]{50,}=*", value
                ), line
        return answer

    def post(self, path, *args, data=None, **kwargs):
        """As from a page that was opened just now."""
        if isinstance(data, dict):
            data = with_what_it_showed(self, path, data)
        return super().post(path, *args, data=data, **kwargs)


@pytest.fixture(scope="session")
def migrated_app(settings):
    """The application over a migrated, empty database."""
    app = create_app(settings)
    app.test_client_class = CarefulClient
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    app.jinja_env.undefined = NotGiven
    # Whoever wants reads written flushes it: nothing happens behind a test's back.
    app.wsgi_app.reads = ReadLog(delay_seconds=3600)
    migrate.migrate()
    models.database.obj.close_all()
    yield app
    open_database(settings.database_url)
    app.wsgi_app.reads.flush()
    models.database.obj.close_all()


@pytest.fixture
def clock(monkeypatch):
    """The program's clock: `clock.now` may be set; it stands still otherwise."""
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(scheduling, "utc_now", lambda: clock.now)
    return clock


@pytest.fixture(autouse=True)
def keys_in_force():
    """Each test begins under the tests' own key, whatever another program or test put in force."""
    vault.open_vault([KEY])


@pytest.fixture(autouse=True)
def no_reads_counted_later():
    """Reads of private links are counted about a second later, by a thread. One that a test leaves
    behind would write into another test's database while that closes its connections.
    """
    yield
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            log = getattr(thread.function, "__self__", None)
            if isinstance(log, ReadLog):
                thread.cancel()
                thread.join()


@pytest.fixture(autouse=True)
def providers_as_before():
    """What a test sets up about calendar providers ends with it."""
    before = gateway.setup()
    yield
    gateway.set_up(before)


@pytest.fixture(scope="session")
def pool(migrated_app):
    """The connections of the tests' database, which are kept: to begin with a new one takes as long
    as many a test.
    """
    open_database(migrated_app.config["SETTINGS"].database_url)
    pool = models.database.obj
    yield pool
    pool.close_all()


@pytest.fixture
def db(pool):
    """Open tables, empty at the start of each test."""
    models.database.initialize(pool)
    models.database.connect(reuse_if_open=True)
    if not is_sqlite():  # what a test set for its connection
        models.database.execute_sql("RESET ALL")
    with models.database.atomic():  # one commit: each waits for the disk
        for (table,) in models.database.execute_sql(_FILLED).fetchall():
            models.database.execute_sql(f'DELETE FROM "{table}"')
    yield models.database
    if models.database.obj is not pool:
        models.database.obj.close_all()
    if isinstance(pool, SqliteDatabase) and not pool.is_closed():  # what the test set for it
        pool._set_pragmas(pool.connection())
    pool.close()
    if pool._in_use:  # by other threads, which may hold what the next test needs
        pool.close_all()
    pool.__dict__.pop("is_doubtful", None)
    pool.__dict__.pop("_again_at", None)


@pytest.fixture
def app(migrated_app, db):
    return migrated_app


@pytest.fixture
def linden(db):
    """The Linden clinic with its people, a client and a service."""
    with db.atomic():
        return the_linden_clinic()


def the_linden_clinic():
    clinic = Clinic.create(name="Linden Physiotherapy")
    street = Venue.create(
        clinic=clinic,
        name="Linden Street",
        address="4 Linden Street, London",
        zone_name="Europe/London",
        hours=WEEKDAYS,
    )
    harbour = Venue.create(
        clinic=clinic,
        name="Harbour House",
        address="9 Pier Road, New York",
        zone_name="America/New_York",
        hours=WEEKDAYS,
    )
    people = {}
    for name, role in (
        ("Olive", "owner"),
        ("Maya", "manager"),
        ("Pat", "practitioner"),
        ("Quinn", "practitioner"),
    ):
        people[name.lower()] = User.create(
            clinic=clinic,
            email=f"{name.lower()}@linden.test",
            name=f"{name} Linden",
            role=role,
            password_hash=PASSWORD_HASH,
            sync_allowed=True,
        )
    calendars = {
        name: Practitioner.create(clinic=clinic, user=people[name], venue=street, hours=WEEKDAYS)
        for name in ("pat", "quinn")
    }
    abroad = Practitioner.create(clinic=clinic, user=people["quinn"], venue=harbour, hours=WEEKDAYS)
    service = Service.create(clinic=clinic, name="Shoulder", duration_minutes=50, price_cents=6500)
    client = Patient.create(
        clinic=clinic,
        first_name="Małgorzata",
        last_name="Wójcik",
        internal_id="K-2041",
        phone="+353 1 555 0100",
    )
    return SimpleNamespace(
        clinic=clinic,
        street=street,
        harbour=harbour,
        service=service,
        patient=client,
        abroad=abroad,
        calendar=calendars["pat"],
        colleague_calendar=calendars["quinn"],
        **people,
    )


@pytest.fixture
def receptionist(linden):
    """Rory, who books for everyone at Linden's desk and has no calendar."""
    return User.create(
        clinic=linden.clinic,
        email="rory@linden.test",
        name="Rory Linden",
        role="receptionist",
        password_hash=PASSWORD_HASH,
    )


@pytest.fixture
def stranger(db):
    """Sam, who owns another clinic with one of everything."""
    owner = founding.found("Elsewhere", "Europe/Paris", "Sam Elsewhere", "sam@elsewhere.test")
    owner.password_hash = PASSWORD_HASH
    owner.save()
    return owner


def session_cookies(app, email: str) -> dict[str, str]:
    """A session of this person: begun as the page does it once the password is right, which has
    tests of its own.
    """
    with app.test_request_context("/sign-in", method="POST"):
        user = User.get(User.email == email)
        assert user.is_active and user.check_password(PASSWORD)
        identity.sign_in(user, remember=False)
        answer = app.process_response(app.response_class())
    models.database.connect(reuse_if_open=True)
    pairs = [line.partition(";")[0] for line in answer.headers.getlist("Set-Cookie")]
    return dict(pair.split("=", 1) for pair in pairs)


@pytest.fixture
def signed_in(app, linden):
    """`signed_in(user)`: a test client with that person's session."""

    def enter(user):
        browser = app.test_client()
        for name, value in session_cookies(app, user.email).items():
            browser.set_cookie(name, value)
        return browser

    return enter


@pytest.fixture(scope="session")
def mail_server():
    """A mail server for the whole run."""
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def letters(app, mail_server):
    """Mail is set up, with a server of the tests' own.

    `letters.send()` carries out the job, and gives what the server has taken in since.
    """
    mail_server.begin_anew()

    def send() -> list[EmailMessage]:
        models.database.connect(reuse_if_open=True)
        known = len(mail_server.taken)
        with app.app_context():
            sending.send_due()
        return mail_server.taken[known:]

    before = outbox.setup()
    outbox.set_up(outbox.MailSetup(mail_server.url, "Kalends <kalends@linden.test>"))
    yield SimpleNamespace(send=send, server=mail_server)
    outbox.set_up(before)


@pytest.fixture(scope="session")
def redis_of_tests(tmp_path_factory):
    """A Redis for the whole run."""
    environ = {"KALENDS_INSTANCE": str(tmp_path_factory.mktemp("redis")), "KALENDS_SECRET_KEY": KEY}
    own = Settings.from_env(environ)
    with redis_server.embedded_redis(own):
        yield own.redis_url


@pytest.fixture
def queued(redis_of_tests, settings, db):
    """The queue, empty at the start of each test: what is enqueued waits until `work()`."""
    jobs.open_queue(redis_of_tests)
    redis = Redis.from_url(redis_of_tests)
    redis.flushdb()
    yield Queued(redis)
    jobs.open_queue(settings.redis_url)


@pytest.fixture
def queue(tmp_path, settings, db):
    """Our own Redis, and the settings of a program that uses it with the database of the test."""
    environ = {
        "KALENDS_INSTANCE": tmp_path,
        "DATABASE_URL": settings.database_url,
        "KALENDS_SECRET_KEY": "a key of the tests",
    }
    own = Settings.from_env({name: str(value) for name, value in environ.items()})
    with redis_server.embedded_redis(own) as server:
        jobs.open_queue(own.redis_url)
        queue = Redis.from_url(own.redis_url)
        queue.environ, queue.server, queue.output = environ, server, tmp_path / "said"
        yield queue
    jobs.open_queue(settings.redis_url)
