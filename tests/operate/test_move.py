"""The guide to PostgreSQL in docs/backup.md: its script is run unchanged."""

import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import program
import psycopg
import pytest

import models
from app import Settings, create_app
from base.database import open_database
from base.scheduling import Span
from models import Booking, Feed, Practitioner, User
from operate import migrate
from people import founding
from sync.feeds import feed as feeds

TOP = Path(__file__).parents[2]
SCRIPT = re.search(r"```python\n(.*?)```", (TOP / "docs/backup.md").read_text(), re.DOTALL)[1]
KEY = "a key of the tests"


def environment(folder: Path, url: str) -> dict[str, str]:
    return {"DATABASE_URL": url, "KALENDS_INSTANCE": str(folder), "KALENDS_SECRET_KEY": KEY}


@pytest.fixture
def small_clinic(tmp_path):
    """A clinic in an SQLite file, with a booking and a private link.

    (file, path of the link, its text).
    """
    file = tmp_path / "kalends.db"
    app = create_app(Settings.from_env(environment(tmp_path, f"sqlite:///{file}")))
    migrate.migrate()
    owner = founding.found("Linden", "Europe/London", "Olive", "olive@linden.test")
    owner.change_sync(sync_allowed=True)
    calendar = owner.practitioners.get()
    start = datetime.now(UTC).replace(microsecond=123456) + timedelta(days=2)
    Booking.book(calendar, [Span(start, start + timedelta(minutes=50))], owner)
    link = Feed.generate(owner, "my phone", owner, practitioner=calendar)
    path = feeds.path(KEY, link)
    text = app.test_client().get(path).data
    app.wsgi_app.reads.flush()  # now, and not from a thread of its own beside a later test
    models.database.close()
    models.database.obj.close_all()
    return file, path, text


@pytest.fixture
def empty_postgres(postgres_url, worker_id):
    """A migrated, empty PostgreSQL database of this test alone."""
    head, _, query = postgres_url.partition("?")
    name = f"kalends_move_{worker_id}_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    url = head.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    models.database.obj.close_all()
    open_database(url)
    migrate.migrate()
    models.database.close()
    yield url
    models.database.obj.close_all()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def move(file: Path, url: str) -> subprocess.CompletedProcess:
    return program.python(SCRIPT, str(file), **environment(file.parent, url))


def test_the_script_moves_every_row_and_the_links_go_on(small_clinic, empty_postgres):
    file, path, text = small_clinic
    done = move(file, empty_postgres)
    assert done.returncode == 0, done.stderr
    app = create_app(Settings.from_env(environment(file.parent, empty_postgres)))
    answer = app.test_client().get(path)
    assert answer.status_code == 200
    assert answer.data == text and b"BEGIN:VEVENT" in text
    models.database.connect(reuse_if_open=True)
    owner = User.get(User.email == "olive@linden.test")
    again = Booking.book(
        Practitioner.get(),
        [Span(datetime(2030, 1, 1, 9, tzinfo=UTC), datetime(2030, 1, 1, 10, tzinfo=UTC))],
        owner,
    )
    assert again[0].id == 2, "new rows must go on after the ones that moved"
    models.database.close()


def test_the_script_refuses_a_database_that_is_not_empty(small_clinic, empty_postgres):
    file, _, _ = small_clinic
    assert move(file, empty_postgres).returncode == 0
    second = move(file, empty_postgres)
    assert second.returncode == 1
    assert "is not empty. Nothing was copied." in second.stderr
