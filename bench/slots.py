"""The time to find free times of one service.

Ten practitioners, four weeks, 5,000 bookings and 5,000 events outside; and the same with 1,000,000
bookings in the table.
"""

import logging
import random
import tempfile
import time
from datetime import timedelta
from statistics import median

import models
from app import Settings, create_app
from base import scheduling
from base.tables.outside import ExternalEvent
from free_times import finding, own_terms, question_rows
from models import Booking, Practitioner, Service, User
from operate import migrate
from people import founding
from sync.tables.accounts import Account, RemoteCalendar

from . import clinics
from .render import KEY
from .scale import databases
from .tables import show, verdict

PEOPLE, EACH, EVENTS, WEEKS, STEP = 10, 500, 500, 4, 15
SIZES = {"5,000": 0, "1,000,000": 995}  # further practitioners, of 1,000 bookings each


def run() -> None:
    """Measure both sizes on both databases."""
    logging.getLogger("kalends").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        for name, url in databases(folder):
            figures = {size: _measure(url(size), folder, more) for size, more in SIZES.items()}
            small, large = figures.values()
            raw, whole = "raw SELECT of the same rows", "free times"
            rows = [
                [what, f"{small[what] * 1000:.1f}", f"{large[what] * 1000:.1f}"] for what in small
            ]
            show(f"{name}: milliseconds with so many bookings", ["", *SIZES], rows)
            over, grown = small[whole] / small[raw], large[whole] / small[whole]
            print(f"\n  free times ÷ raw SELECT {over:.2f}, {verdict(over, 2.5, False)}")
            print(f"  1,000,000 ÷ 5,000 {grown:.2f}, {verdict(grown, 1.5, False)}")


def _measure(url: str, folder: str, more: int) -> dict[str, float]:
    """The median seconds; on PostgreSQL they include the server's work."""
    create_app(
        Settings.from_env(
            {"DATABASE_URL": url, "KALENDS_INSTANCE": folder, "KALENDS_SECRET_KEY": KEY}
        )
    )
    migrate.migrate()
    clinics.fill(more, 1000) if more else None
    service, start, end = busy_clinic()
    wishes = [finding.Wish.of(one, service) for one in own_terms.open_terms(service)]
    people = {wish.calendar.user_id for wish in wishes}

    def raw():
        return question_rows.fetch_planned(question_rows.rows_of(people, start, end))

    def whole():
        asked = [finding.Wish.of(one, service) for one in own_terms.open_terms(service)]
        return list(finding.free_times(asked, start, end, STEP))

    assert len(raw()) >= PEOPLE * (EACH + EVENTS) and whole()
    plain, ours = _medians(raw, whole)
    return {"raw SELECT of the same rows": plain, "free times": ours}


def busy_clinic() -> tuple:
    """A clinic whose bookings and events outside all lie in the four weeks from tomorrow on."""
    chance = random.Random(1)
    owner = founding.found("Busy", clinics.ZONE.key, "Robin", "robin@busy.test")
    clinic, venue = owner.clinic, owner.practitioners.get().venue
    for n in range(PEOPLE - 1):
        user = User.create(clinic=clinic, email=f"p{n}@busy.test", name=f"Practitioner {n}")
        Practitioner.create(clinic=clinic, user=user, venue=venue, hours=venue.hours)
    service = Service.create(clinic=clinic, name="Follow-up", buffer_minutes=10)
    start = scheduling.midnight(clinics.TODAY + timedelta(days=1), clinics.ZONE)
    end = start + timedelta(weeks=WEEKS)
    minutes = WEEKS * 7 * 24 * 4
    for one in Practitioner.select().where(Practitioner.clinic == clinic):
        times = [start + timedelta(minutes=15 * chance.randrange(minutes)) for _ in range(EACH)]
        quarter = timedelta(minutes=15)
        Booking.add_many(
            clinic,
            [
                {"practitioner": one.id, "service": service.id, "starts_at": at}
                | {"ends_at": at + quarter, "status": "confirmed"}
                for at in times
            ],
            None,
        )
        _events(one, times[:EVENTS], quarter)
    models.database.execute_sql("ANALYZE")
    return service, start, end


def _events(calendar: Practitioner, times: list, length: timedelta) -> None:
    account = Account.create(
        clinic=calendar.clinic_id, user=calendar.user_id, kind="google", email="bench", sealed=""
    )
    source = RemoteCalendar.create(
        clinic=calendar.clinic_id, account=account, calendar_id="home", role="source", name="Home"
    )
    shared = {"clinic": calendar.clinic_id, "user": calendar.user_id, "calendar": source.id}
    ExternalEvent.insert_many(
        [
            shared
            | {"remote_id": str(n), "title": "Busy", "busy": "busy", "blocks": True}
            | {"starts_at": at, "ends_at": at + length}
            for n, at in enumerate(times)
        ]
    ).execute()


def _medians(*works, times: int = 25) -> list[float]:
    """The medians of several measurements that take turns, so that other work of the machine
    affects all alike.
    """
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(times):
        for work, seconds in zip(works, taken, strict=True):
            begin = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - begin)
    return [median(seconds) for seconds in taken]
