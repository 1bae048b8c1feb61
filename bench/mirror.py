"""The first read of a calendar outside with 3,000 events: how long one transaction locks the
clinic, and how long all of it takes.
"""

import tempfile
import time
from datetime import UTC, datetime, timedelta

import models
from app import Settings, create_app
from models import User, database
from operate import migrate
from sync.events.event import Delta, RemoteEvent, Window
from sync.tables.accounts import Account, RemoteCalendar
from sync.two_way.reading import double_bookings, incoming

from . import clinics
from .render import KEY
from .scale import databases
from .tables import show, verdict

EVENTS, LONGEST_MS = 3000, 200


def run() -> None:
    """Measure on both databases, with 1,000 bookings in the table."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, url in databases(folder):
            longest, whole = _measure(url("mirror"), folder)
            rows.append(
                [name, f"{longest:.0f}", verdict(longest, LONGEST_MS, False), f"{whole:.0f}"]
            )
            models.database.close()
    show(
        f"First read of {EVENTS:,} events outside, ms",
        ["", "longest transaction", "asked", "all of it"],
        rows,
    )


def _measure(url: str, folder: str) -> tuple[float, float]:
    create_app(
        Settings.from_env(
            {"DATABASE_URL": url, "KALENDS_INSTANCE": folder, "KALENDS_SECRET_KEY": KEY}
        )
    )
    migrate.migrate()
    models.database.connect(reuse_if_open=True)
    _, practitioner = clinics.fill(1, 1000)
    user = User.get_by_id(practitioner.user_id)
    account = Account.create(
        clinic=user.clinic,
        user=user,
        kind="google",
        email="bench@home.test",
        sealed="",
        phase="active",
    )
    calendar = RemoteCalendar.create(
        clinic=user.clinic, account=account, calendar_id="home", role="source", name="Family"
    )
    at = datetime.combine(clinics.TODAY, datetime.min.time(), UTC)
    told = tuple(
        RemoteEvent(
            f"e{n}", "1", at + timedelta(hours=2 * n), at + timedelta(hours=2 * n + 1), "Private"
        )
        for n in range(EVENTS)
    )
    spans, begin = [], time.perf_counter()
    change = incoming.compare(
        account,
        calendar,
        Delta(told, frozenset(), None, True, Window(at, at + timedelta(days=400))),
    )
    spans.extend(_held(account, portion.store) for portion in change.portions())
    near = double_bookings.doubles(account, change.moved)
    spans.append(
        _held(account, lambda: double_bookings.give_double_notices(account, calendar, near, True))
    )
    return max(spans) * 1000, (time.perf_counter() - begin) * 1000


def _held(account: Account, work) -> float:
    """The seconds of one transaction that locks the clinic."""
    started = time.perf_counter()
    with database.atomic():
        account.clinic.lock()
        work()
    return time.perf_counter() - started
