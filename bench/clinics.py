"""Clinics of any size, written directly into a fresh database."""

import random
import uuid
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import models
from base import opening_hours, scheduling
from base.database import InstantField, is_sqlite
from models import Booking, Clinic, Feed, Patient, Practitioner, Service, User, Venue

TODAY = datetime.now(UTC).date()
ZONE = ZoneInfo("Europe/London")
COLUMNS = [  # of a booking, in the order of `_rows`
    Booking.clinic,
    Booking.practitioner,
    Booking.patient,
    Booking.service,
    Booking.uuid,
    Booking.status,
    Booking.starts_at,
    Booking.ends_at,
    Booking.notes,
    Booking.sequence,
    Booking.created_at,
    Booking.updated_at,
]
YEARLY = 1000  # bookings of one practitioner that lie in the default window


def fill(practitioners: int, bookings_each: int) -> tuple[Feed, Practitioner]:
    """Make a clinic with so many practitioners and so many bookings for each, spread over the
    default window.

    Returns the first practitioner's feed and calendar.
    """
    clinic = Clinic.create(name="Bench", latest_rev=1)
    venue = Venue.create(
        clinic=clinic,
        name="Bench Street",
        address="1 Bench Street",
        zone_name=ZONE.key,
        hours=_hours(),
    )
    service = Service.create(clinic=clinic, name="Physiotherapy, follow-up")
    patients = [
        Patient.create(
            clinic=clinic,
            first_name=f"Małgorzata{n}",
            last_name="Wójcik",
            internal_id=f"K-{1000 + n}",
        )
        for n in range(200)
    ]
    calendars = []
    for n in range(practitioners):
        user = User.create(
            clinic=clinic,
            email=f"p{n}@bench.test",
            name=f"Practitioner {n}",
            sync_allowed=True,
            identifier="first_name_last_initial",
            role="owner" if n == 0 else "practitioner",
        )
        calendars.append(Practitioner.create(clinic=clinic, user=user, venue=venue, hours=_hours()))
    rows = _rows(clinic, calendars, patients, service, bookings_each)
    _insert(COLUMNS, rows)
    models.database.execute_sql("ANALYZE")
    feed = Feed.generate(calendars[0].user, "bench", None, practitioner=calendars[0])
    return feed, calendars[0]


def _hours() -> dict:
    return {day: [["08:00", "18:00"]] for day in opening_hours.WEEKDAYS[:5]}


def _slots(days: range) -> list:
    """The half-hours of these days from today on, as instants."""
    return [
        scheduling.instant(TODAY + timedelta(days=d), time(8 + h // 2, 30 * (h % 2)), ZONE)[0]
        for d in days
        for h in range(20)
    ]


def _rows(clinic, calendars, patients, service, each):
    """The column values of bookings: random, and the same in each run.

    The default window is filled first; the other bookings lie as densely in the years before.
    """
    chance, binary = random.Random(1), is_sqlite()
    instant = InstantField().db_value
    years = [
        _slots(range(-29 - 393 * back, 364 - 393 * back)) for back in range(-(-each // YEARLY))
    ]
    made = instant(years[-1][0])
    for calendar in calendars:
        for start in (
            start for slots in years for start in sorted(chance.choices(slots, k=min(each, YEARLY)))
        ):
            uid = uuid.UUID(int=chance.getrandbits(128), version=4)
            begins = instant(start)
            yield (
                clinic.id,
                calendar.id,
                chance.choice(patients).id,
                service.id,
                uid.hex if binary else str(uid),
                "confirmed",
                begins,
                begins + 30 * 60 * 1_000_000,
                "",
                0,
                made,
                made,
            )


def _insert(columns, rows) -> None:
    names = ", ".join(column.column_name for column in columns)
    connection = models.database.connection()
    if is_sqlite():
        with models.database.atomic():
            connection.executemany(
                f"INSERT INTO booking ({names}) VALUES ({', '.join('?' * len(columns))})", rows
            )
        return
    with connection.cursor().copy(f"COPY booking ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
