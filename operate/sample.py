"""The sample clinic: people, clients and some 600 bookings around today, the same for everyone on
the same day.

Everything is invented: addresses under .test and .example, telephone numbers from ranges that are
reserved for fiction.
"""

import random
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from base import opening_hours, passwords, scheduling
from base.scheduling import Span
from free_times import overlaps
from free_times.earlier import joining
from free_times.earlier.entries import EarlierSettings, Wanted
from free_times.online import names
from free_times.rules import OnlineSettings
from models import (
    AuditEntry,
    Booking,
    Clinic,
    Feed,
    FeedRead,
    Patient,
    Practitioner,
    Service,
    User,
    Venue,
    database,
)

from .sample_names import CLIENTS, NOTES, ONLINE, PEOPLE, SERIES, SERVICES, VENUES, _week

DAYS_BACK, DAYS_AHEAD = 91, 395


class NotEmpty(Exception):
    """There is a clinic already; the sample is only for an empty database."""


@dataclass
class _Diary:
    """The rows of bookings for one bulk insert, and each person's busy times."""

    clinic: Clinic
    now: datetime
    chance: random.Random
    patients: list[Patient] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)
    busy: dict[int, list[Span]] = field(default_factory=dict)

    def add(self, calendar: Practitioner, span: Span, *, overlap: bool = False, **columns) -> bool:
        """Add the booking unless the person is busy then."""
        taken = self.busy.setdefault(calendar.user_id, [])
        if not overlap and any(span.overlaps(other) for other in taken):
            return False
        taken.append(span)
        columns = {
            "patient": None,
            "service": None,
            "rate_cents": None,
            "series": None,
            "status": self.status(span),
            "notes": "",
            **columns,
        }
        made = min(
            span.starts_at - timedelta(days=self.chance.randint(2, 40)),
            self.now - timedelta(minutes=self.chance.randint(5, 9000)),
        )
        self.rows.append(
            {
                "practitioner": calendar.id,
                "starts_at": span.starts_at,
                "ends_at": span.ends_at,
                "starts_on": span.starts_on,
                "ends_on": span.ends_on,
                "created_at": made,
                "updated_at": made,
                "uuid": self.uuid(),
                **columns,
            }
        )
        return True

    def uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self.chance.getrandbits(128), version=4)

    def status(self, span: Span) -> str:
        """The status that a booking of the sample has by now."""
        if span.ends_at < self.now:
            return self.chance.choices(
                ("delivered", "invoiced", "paid", "no_show", "cancelled"), (32, 25, 30, 5, 8)
            )[0]
        if span.starts_at < self.now:
            return "arrived"
        return self.chance.choices(
            ("confirmed", "pending", "offered", "cancelled"), (76, 11, 6, 7)
        )[0]


@database.atomic()
def load(password: str) -> list[tuple[str, str]]:
    """Load the sample clinic into an empty database. Returns (role in words, e-mail) of each
    sign-in. Raises NotEmpty.
    """
    if Clinic.select().exists():
        raise NotEmpty
    now = scheduling.utc_now()
    diary = _Diary(
        Clinic.create(name="Linden Physiotherapy", contact="hello@linden.example"),
        now,
        random.Random(f"{now:%Y-%m-%d}"),  # noqa: S311
    )
    clinic = diary.clinic
    clinic.bump_faces()
    AuditEntry.note(clinic, None, "clinic.founded", clinic)
    calendars = _people(clinic, password)
    diary.services = [
        Service.create(
            clinic=clinic,
            name=name,
            duration_minutes=minutes,
            buffer_minutes=buffer,
            price_cents=price,
            colour=colour,
            bookable_online=online,
        )
        for name, minutes, buffer, price, colour, online in SERVICES
    ]
    diary.patients = [_client(diary, number, name) for number, name in enumerate(CLIENTS, 1)]
    _fill(diary, calendars)
    Booking.add_many(clinic, diary.rows, None)
    overlaps.agree_to_new(clinic, 0, None, "person")
    _feeds(diary, calendars[0].user)
    names.rename(clinic, None, "linden")  # the page is at /book/linden
    OnlineSettings.stored(clinic).change(None, is_on=True, **ONLINE)
    _waiting(clinic, now)
    return [(role.capitalize(), f"{login}@sample.test") for _, login, role, _ in PEOPLE]


def _people(clinic: Clinic, password: str) -> list[Practitioner]:
    """Everybody who signs in, with their calendars."""
    venues = [
        Venue.create(
            clinic=clinic,
            name=name,
            address=address,
            zone_name=zone,
            hours=_week("mon tue wed thu fri sat", ("08:00", "18:00")),
        )
        for name, address, zone in VENUES
    ]
    # One hash for all: Argon2 is slow on purpose.
    secret, calendars = (
        passwords.hash_of(password),
        [],
    )
    for name, login, role, places in PEOPLE:
        user = User.create(
            clinic=clinic,
            email=f"{login}@sample.test",
            name=name,
            role=role,
            password_hash=secret,
            rev=clinic.latest_rev,
        )
        calendars += [
            Practitioner.create(
                clinic=clinic,
                user=user,
                venue=venues[place],
                colour=colour,
                hours=hours,
                calendar_rev=clinic.latest_rev,
            )
            for place, (colour, hours) in places.items()
        ]
    return calendars


def _client(diary: _Diary, number: int, name: str) -> Patient:
    first, _, last = name.rpartition(" ") if name.startswith("Maximilian") else name.partition(" ")
    phone = f"+44 7700 900{number:03d}" if number % 3 else f"+1 555 01{number:02d}"
    return Patient.create(
        clinic=diary.clinic,
        first_name=first,
        last_name=last,
        internal_id=f"K-{2000 + number}",
        rev=diary.clinic.latest_rev,
        email=f"client{number}@mail.example" if number % 7 else "",
        phone=phone if number % 5 else "",
        notes=diary.chance.choice(NOTES),
    )


def _fill(diary: _Diary, calendars: list[Practitioner]) -> None:
    """Add the rare kinds of booking first, so that there is time for them, then ordinary
    sessions.
    """
    today = diary.now.date()
    days = [today + timedelta(days=n) for n in range(-DAYS_BACK, DAYS_AHEAD)]
    _whole_days(diary, calendars, days)
    _nights(diary, calendars, days)
    _series(diary, calendars, today)
    for calendar in calendars:
        for day in days:
            _sessions(diary, calendar, day, abs((day - today).days))
    _double(diary, calendars[0])


def _whole_days(diary: _Diary, calendars: list[Practitioner], days: list[date]) -> None:
    """Locum days at a daily rate: one to three days, at the venue abroad and at home."""
    for n, day in enumerate(days[20::38]):
        calendar = calendars[(3, 4, 1)[n % 3]]
        monday = scheduling.week_of(day)[0]
        span = scheduling.whole_days(
            monday + timedelta(days=1), monday + timedelta(days=1 + n % 3), calendar.zone
        )
        diary.add(
            calendar,
            span,
            service=diary.services[7].id,
            rate_cents=45000 + 2500 * (n % 3),
            notes="Cover for the ward, daily rate.",
        )


def _nights(diary: _Diary, calendars: list[Practitioner], days: list[date]) -> None:
    """Late work past midnight, also in the nights in which a clock changes."""
    for calendar in (calendars[0], calendars[4]):
        zone = calendar.zone
        changes = [
            day
            for day in days
            if scheduling.midnight(day + timedelta(days=1), zone) - scheduling.midnight(day, zone)
            != timedelta(days=1)
        ]
        for eve in [change - timedelta(days=1) for change in changes] + [
            days[70],
            days[120],
            days[200],
        ]:
            span, _ = scheduling.timed(eve, time(22, 30), time(3, 30), zone)
            diary.add(
                calendar,
                span,
                service=diary.services[5].id,
                patient=diary.chance.choice(diary.patients).id,
                notes="Match-night cover.",
            )


def _series(diary: _Diary, calendars: list[Practitioner], today: date) -> None:
    """Standing appointments, weekly and fortnightly, over both clock changes."""
    for n, (every, count) in enumerate(SERIES):
        calendar, service = calendars[n % len(calendars)], diary.services[(3, 1, 6, 0, 2)[n]]
        weekday = sorted(opening_hours.WEEKDAYS.index(day) for day in calendar.hours)[n % 2]
        first = scheduling.week_of(today)[weekday] - timedelta(weeks=6 * every // (n + 1) + 2)
        start = time(9 + n % 3, 30)
        end = datetime.combine(first, start) + timedelta(minutes=service.duration_minutes)
        span, _ = scheduling.timed(first, start, end.time(), calendar.zone)
        who = None if service.name == "Pilates class" else diary.patients[n * 11].id
        joined = diary.uuid()
        for repeat in scheduling.repeats(span, calendar.zone, every, count):
            diary.add(calendar, repeat, service=service.id, patient=who, series=joined)


def _sessions(diary: _Diary, calendar: Practitioner, day: date, distance: int) -> None:
    """Ordinary appointments of one day: many around today, fewer further away."""
    share = 0.5 if distance < 8 else 0.2 if distance < 22 else 0.045 if distance < 100 else 0.012
    for stretch in opening_hours.open_spans(calendar.hours, day, calendar.zone):
        starts_at = stretch.starts_at
        while True:
            service = diary.services[diary.chance.choices(range(6), (18, 38, 16, 14, 8, 6))[0]]
            ends_at = starts_at + timedelta(minutes=service.duration_minutes)
            if ends_at > stretch.ends_at:
                break
            if diary.chance.random() < share:
                diary.add(
                    calendar,
                    Span(starts_at, ends_at),
                    service=service.id,
                    patient=diary.chance.choice(diary.patients).id,
                    notes=diary.chance.choice(NOTES),
                )
            starts_at = ends_at + timedelta(minutes=service.buffer_minutes)
            starts_at += timedelta(minutes=-starts_at.minute % 15)  # the next quarter of an hour


def _double(diary: _Diary, calendar: Practitioner) -> None:
    """Two double bookings that somebody made on purpose: one recent, one soon."""
    mine = [
        row
        for row in diary.rows
        if row["practitioner"] == calendar.id
        and row["status"] in ("confirmed", "paid")
        and not row["starts_on"]
    ]
    for row in (
        mine[len(mine) // 5],
        min(mine, key=lambda row: abs(row["starts_at"] - diary.now - timedelta(days=2))),
    ):
        span = Span(
            row["starts_at"] + timedelta(minutes=15), row["ends_at"] + timedelta(minutes=15)
        )
        diary.add(
            calendar,
            span,
            overlap=True,
            service=diary.services[1].id,
            patient=diary.patients[40].id,
            status=row["status"],
            notes="Squeezed in on purpose.",
        )


def _feeds(diary: _Diary, user: User) -> None:
    """One practitioner has private links already: a phone reads one hourly, a tablet shows free
    times.
    """
    user.change_sync(sync_allowed=True, identifier="internal_id")
    mine, now = user.practitioners.get(), diary.now
    phone = Feed.generate(user, "My phone", None, practitioner=mine)
    tablet = Feed.generate(user, "Kitchen tablet", None, practitioner=mine, kind="availability")
    for feed, family, minutes, seconds, count in (
        (phone, "Apple Calendar", 12, 3600, 412),
        (phone, "Google Calendar", 290, 30600, 38),
        (tablet, "Home Assistant", 4, 900, 1730),
    ):
        FeedRead.create(
            feed=feed,
            family=family,
            first_at=now - timedelta(days=19),
            last_at=now - timedelta(minutes=minutes),
            count=count,
            interval_seconds=seconds,
        )


def _waiting(clinic: Clinic, now: datetime) -> None:
    """Put three clients on the waiting list."""
    EarlierSettings.stored(clinic).change(None, visitors_ask=True, mode="turn")
    owner = User.get(User.clinic == clinic, User.role == "owner")
    ahead = Booking.select().where(
        Booking.clinic == clinic,
        Booking.status == "confirmed",
        Booking.series.is_null(),
        Booking.starts_at > now + timedelta(days=6),
        Booking.starts_on.is_null(),
        Booking.patient.is_null(False),
        Booking.service.is_null(False),
    )
    suits = ({}, {"weekdays": [0, 1, 2]}, {"from_wall": time(12)})
    for booking, wish in zip(ahead.order_by(Booking.starts_at).limit(3), suits, strict=False):
        joining.ask_for(booking, Wanted([booking.practitioner_id], **wish), owner)
