"""The time for the team's day, 12 practitioners with 10 bookings each, compared with the week of
one of them; and the same with 300,000 bookings in the table.
"""

import logging
import tempfile
import time
from datetime import timedelta
from statistics import median

import models
from app import Settings, create_app
from base import scheduling
from models import Booking, Patient, Practitioner, Service, User
from operate import migrate

from . import clinics
from .render import KEY
from .scale import PASSWORD, databases
from .tables import show, verdict

PEOPLE, EACH = 12, 10
SIZES = {"240": 10, "300,000": 25_000}  # bookings in the table, and of each before
MOST_QUERIES, MOST_BYTES = 8, 80_000
LATE = clinics.TODAY + timedelta(days=400)  # after all the others
DAY = LATE - timedelta(days=LATE.weekday())  # a Monday


def run() -> None:
    """Measure both sizes on both databases."""
    logging.getLogger("kalends").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        for name, url in databases(folder):
            rows = []
            for size, each in SIZES.items():
                week, day, queries, octets = _measure(url(f"day{size}"), folder, each)
                rows.append([size, f"{week * 1000:.0f}", f"{day * 1000:.0f}", queries, octets])
            show(
                f"{name}: the team's day",
                ["bookings", "week page, ms", "team's day, ms", "queries", "octets"],
                rows,
            )
            queries, octets = max(row[3] for row in rows), max(row[4] for row in rows)
            print(f"\n  queries {queries}, {verdict(queries, MOST_QUERIES, False)}")
            print(f"  octets {octets}, {verdict(octets, MOST_BYTES, False)}")


def _measure(url: str, folder: str, each: int) -> tuple[float, float, int, int]:
    """The median seconds of both pages, and the queries and octets of the team's day."""
    settings = Settings.from_env(
        {"DATABASE_URL": url, "KALENDS_INSTANCE": folder, "KALENDS_SECRET_KEY": KEY}
    )
    app = create_app(settings)
    app.config["WTF_CSRF_ENABLED"] = False
    migrate.migrate()
    _link, calendar = clinics.fill(PEOPLE, each)
    _full_day(calendar)
    User.get_by_id(calendar.user_id).set_password(PASSWORD, None)
    email = User.get_by_id(calendar.user_id).email
    models.database.execute_sql("ANALYZE")
    models.database.close()
    http = app.test_client()
    http.post("/sign-in", data={"email": email, "password": PASSWORD})
    week = _median(lambda: http.get(f"/calendar?day={DAY}&calendar={calendar.id}"))
    day = _median(lambda: http.get(f"/calendar/team?day={DAY}"))
    counted = _Counted()
    logger = logging.getLogger("peewee")
    logger.addHandler(counted)
    logger.setLevel(logging.DEBUG)
    answer = http.get(f"/calendar/team?day={DAY}")
    logger.removeHandler(counted)
    logger.setLevel(logging.WARNING)
    return week, day, counted.queries, len(answer.data)


class _Counted(logging.Handler):
    queries = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.queries += "SELECT" in str(record.msg)


def _full_day(calendar: Practitioner) -> None:
    """Make ten bookings of 40 minutes in each calendar, one an hour."""
    clinic = calendar.clinic
    patient = Patient.create(clinic=clinic, first_name="Małgorzata", last_name="Wójcik")
    service = Service.get(Service.clinic == clinic)
    begins = scheduling.midnight(DAY, clinics.ZONE) + timedelta(hours=8)
    rows = [
        {"practitioner": one.id, "patient": patient.id, "service": service.id}
        | {"starts_at": begins + timedelta(hours=n), "status": "confirmed"}
        | {"ends_at": begins + timedelta(hours=n, minutes=40)}
        for one in Practitioner.select().where(Practitioner.clinic == clinic)
        for n in range(EACH)
    ]
    Booking.add_many(clinic, rows, None)


def _median(ask, times: int = 15) -> float:
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        answer = ask()
        taken.append(time.perf_counter() - begin)
        assert answer.status_code == 200, answer.status
    return median(taken)
