"""Bookings, a line each."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

import scheduling
from models import FREE_STATUSES, STATUSES, Booking, Clinic, Patient, Practitioner, Service, User
from scheduling import BadTime, Span
from text import cents, search_key

from .report import Cells, Report
from .sheet import short

_STATUS_WORDS = {"booked": "confirmed", "tentative": "pending", "completed": "delivered", "canceled": "cancelled", "dna": "no_show"}
_YES, _NO = ("yes", "y", "true", "1", "x"), ("", "no", "n", "false", "0")
_BAD_TIMES = {"year": "The year must lie between 1970 and 2099.", "ends_before_start": "It ends before it starts.",
              "too_long": "A booking lasts at most 31 days."}
_key = lru_cache(1_000)(search_key)  # of the few words that every line repeats


@dataclass(slots=True)
class _Row:
    line: int
    calendar: Practitioner
    patient: int | None
    service: int | None
    span: Span
    status: str
    rate: int | None
    notes: str

    @property
    def key(self) -> tuple:
        return self.calendar.id, self.patient, self.span.starts_at, self.span.ends_at

    def columns(self) -> dict:
        """As the table wants it."""
        return {"practitioner": self.calendar.id, "patient": self.patient, "service": self.service, "status": self.status,
                "starts_at": self.span.starts_at, "ends_at": self.span.ends_at, "starts_on": self.span.starts_on, "ends_on": self.span.ends_on,
                "rate_cents": self.rate, "notes": self.notes}


class _Known:
    """What the clinic has, under the names that a file may use. Made once a check, so that no line asks the database."""

    def __init__(self, clinic: Clinic):
        self.calendars: dict[str, list[Practitioner]] = defaultdict(list)
        for calendar in Practitioner.listed(clinic):
            for key in {search_key(calendar.user.email), search_key(calendar.user.name)}:
                self.calendars[key].append(calendar)
        self.services = {search_key(service.name): service for service in Service.select().where(Service.clinic == clinic)}
        self.clients: dict[str, set[int]] = defaultdict(set)
        self.ids: dict[str, set[int]] = defaultdict(set)
        columns = Patient.id, Patient.internal_id, Patient.first_name, Patient.last_name
        for client, internal_id, first, last in Patient.select(*columns).where(Patient.clinic == clinic).tuples():
            self.ids[search_key(internal_id)].add(client)
            self.clients[search_key(first, last)].add(client)
            self.clients[search_key(last, first)].add(client)

    def read(self, cells: Cells) -> _Row | None:
        calendar, service = self._calendar(cells), self._service(cells)
        patient, status, rate, notes = self._patient(cells), _status(cells), _rate(cells), cells.take("notes", 4000)
        span = _span(cells, calendar, service) if calendar else None
        return span and _Row(cells.number, calendar, patient, service and service.id, span, status, rate, notes)

    def _calendar(self, cells: Cells) -> Practitioner | None:
        name, venue = cells.take("calendar", 254, "Write the e-mail or name of the person it is with."), cells.take("venue", 120)
        found = self.calendars.get(_key(name), [])
        here = [calendar for calendar in found if not venue or _key(calendar.venue.name) == _key(venue)]
        if len(here) == 1:
            return here[0]
        if name and not found:
            cells.fault("calendar", f"Nobody with a calendar is called “{short(name)}”. Write the e-mail or name as Team shows it.")
        elif found:
            venues = " or ".join(sorted(calendar.venue.name for calendar in found))
            one = len({calendar.user_id for calendar in found}) == 1
            cells.fault("venue", f"Write at which venue: {venues}." if one else "Several people are called so. Write the e-mail under calendar.")
        return None

    def _service(self, cells: Cells) -> Service | None:
        name = cells.take("service", 120)
        service = self.services.get(_key(name)) if name else None
        if name and not service:
            cells.fault("service", f"There is no service called “{short(name)}”. Add it to Services first, or leave this empty.")
        return service

    def _patient(self, cells: Cells) -> int | None:
        name = search_key(cells.take("client", 170).replace(",", " "))
        found = (self.ids.get(name) or self.clients.get(name, ())) if name else ()
        if name and len(found) != 1:
            cells.fault("client", "Several clients are called so. Write the internal ID." if found
                        else "There is no such client. Import clients first, or write the internal ID.")
        return next(iter(found), None)


def _status(cells: Cells) -> str:
    raw = cells.take("status", 20)
    word = _key(raw).replace("-", "_").replace(" ", "_").replace("noshow", "no_show") or "confirmed"
    word = _STATUS_WORDS.get(word, word)
    if word not in STATUSES:
        cells.fault("status", f"“{short(raw)}” is no status of ours. Write one of {', '.join(STATUSES)}.")
    return word


def _rate(cells: Cells) -> int | None:
    try:
        return cents(cells.take("rate", 20).strip("£€$ "))
    except ValueError:
        cells.fault("rate", "Write an amount such as 65 or 65.50.")
        return None


def _span(cells: Cells, calendar: Practitioner, service: Service | None) -> Span | None:
    """When it is, in the venue's zone; None where a fault is noted."""
    whole = _key(cells.take("all_day", 20))
    if whole not in (*_YES, *_NO):
        cells.fault("all_day", "Write yes or no.")
    day = _day(cells, "date", "Write the date.")
    if day is None or whole not in (*_YES, *_NO):
        return None
    try:
        if whole in _YES:
            return scheduling.whole_days(day, _day(cells, "last_day") or day, calendar.zone)
        return _timed(cells, day, calendar, service)
    except BadTime as error:
        cells.fault("date" if error.fact == "year" else "last_day" if whole in _YES else "end", _BAD_TIMES[error.fact])
        return None


def _timed(cells: Cells, day: date, calendar: Practitioner, service: Service | None) -> Span | None:
    start, end, minutes = _wall(cells, "start", "Write the time it starts, or yes under all_day."), _wall(cells, "end"), _minutes(cells)
    if end is None and minutes is None and service is None and cells.fine:
        cells.fault("end", "Write when it ends or how long it lasts.")
    if start is None or not cells.fine:
        return None
    starts_at, odd = scheduling.instant(day, start, calendar.zone)
    _tell_odd(cells, "start", start, odd, calendar)
    if end is None:
        return Span(starts_at, starts_at + timedelta(minutes=minutes or service.duration_minutes))
    if odd == "gap":
        return None
    span, either = scheduling.timed(day, start, end, calendar.zone)
    _tell_odd(cells, "end", end, None if odd else either, calendar)
    return span


def _tell_odd(cells: Cells, column: str, wall: time, odd: str | None, calendar: Practitioner) -> None:
    """What a clock change does to a wall time: one that is skipped is refused, one that comes twice is the first."""
    if odd == "gap":
        cells.fault(column, f"{wall:%H:%M} does not exist that day: the clocks at {calendar.venue.name} skip it.")
    if odd == "twice":
        cells.note(column, f"{wall:%H:%M} comes twice that day, as the clocks at {calendar.venue.name} go back. We take the first.")


def _day(cells: Cells, column: str, needed: str = "") -> date | None:
    raw = cells.take(column, 30, needed)
    found = _as_date(raw)
    if raw and found is None:
        cells.fault(column, "Write a date such as 2026-11-20 or 20/11/2026.")
    if "/" in raw:
        cells.note_once(column, "We read dates with slashes as day/month/year: 03/04/2027 is 3 April.")
    return found


@lru_cache(10_000)
def _as_date(raw: str) -> date | None:
    iso, local = re.fullmatch(r"(\d{4})-(\d\d?)-(\d\d?)", raw, re.A), re.fullmatch(r"(\d\d?)[./-](\d\d?)[./-](\d{4})", raw, re.A)
    parts = iso.groups() if iso else local.groups()[::-1] if local else None
    try:
        return parts and date(*map(int, parts))
    except ValueError:
        return None


def _wall(cells: Cells, column: str, needed: str = "") -> time | None:
    raw = cells.take(column, 20, needed)
    found = None if column == "start" and raw.startswith("24") else _as_wall(raw.lower().replace(" ", ""))
    if raw and found is None:
        cells.fault(column, "Write a time such as 09:30.")
    return found


@lru_cache(10_000)
def _as_wall(raw: str) -> time | None:
    parts = re.fullmatch(r"(\d\d?)(?:[:.h](\d\d)(?::00)?)?(am|pm|a\.m\.|p\.m\.)?", raw, re.A)
    if not parts or not (parts[2] or parts[3]):
        return None
    hour, minute, half = int(parts[1]), int(parts[2] or 0), (parts[3] or "")[:1]
    if half and not 1 <= hour <= 12 or minute > 59 or hour > 24 or hour == 24 and minute:
        return None
    return time(hour % 12 + 12 * (half == "p") if half else hour % 24, minute)


def _minutes(cells: Cells) -> int | None:
    raw = cells.take("duration", 20).lower().removesuffix("min").strip()
    parts = re.fullmatch(r"(?:(\d{1,3}):)?(\d{1,5})", raw, re.A)
    minutes = int(parts[1] or 0) * 60 + int(parts[2]) if parts else 0
    if raw and not 0 < minutes <= scheduling.LONGEST.days * 1440:
        cells.fault("duration", "Write the minutes, such as 50, or hours and minutes, such as 1:30.")
    return minutes or None


class _Diary:
    """When one person is busy: stretches that do not touch, in order, each with the line that took it (None: the database)."""

    def __init__(self):
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []
        self._lines: list[int | None] = []

    def block(self, start: datetime, end: datetime) -> None:
        """Time taken in the database; to be told in order of start."""
        if self._ends and start <= self._ends[-1]:
            self._ends[-1] = max(end, self._ends[-1])
        else:
            self._put(len(self._starts), start, end, None)

    def claim(self, row: _Row) -> str | None:
        """Take the row's time, or say who has it."""
        at = bisect_left(self._starts, row.span.ends_at)
        if at and self._ends[at - 1] > row.span.starts_at:
            line = self._lines[at - 1]
            return f"line {line}" if line else "a booking that is in Kalends"
        self._put(at, row.span.starts_at, row.span.ends_at, row.line)
        return None

    def _put(self, at: int, start: datetime, end: datetime, line: int | None) -> None:
        self._starts.insert(at, start)
        self._ends.insert(at, end)
        self._lines.insert(at, line)


def fit(clinic: Clinic, report: Report) -> None:
    """Refuse what is here already, and what overlaps other bookings of the same person. Holds these people in a transaction."""
    clinic.hold()
    diaries: dict[int, _Diary] = defaultdict(_Diary)
    seen: dict[tuple, int | None] = {}
    if report.rows:
        first, last = min(row.span.starts_at for row in report.rows), max(row.span.ends_at for row in report.rows)
        for user, calendar, patient, starts_at, ends_at, status in Booking.between(clinic, first, last):
            seen[calendar, patient, starts_at, ends_at] = None
            if status not in FREE_STATUSES:
                diaries[user].block(starts_at, ends_at)
    kept = []
    for row in report.rows:
        if row.key in seen:
            report.fault(row.line, "", f"Line {seen[row.key]} is the same booking." if seen[row.key] else "This booking is in Kalends already.")
        elif row.status not in FREE_STATUSES and (other := diaries[row.calendar.user_id].claim(row)):
            report.fault(row.line, "start", f"{row.calendar.user.name} is busy then: it overlaps {other}.")
        else:
            seen[row.key] = row.line
            kept.append(row)
    report.rows = kept


def reader(clinic: Clinic) -> Callable[[Cells], _Row | None]:
    """How to read one line."""
    return _Known(clinic).read


def first_of(rows: list[_Row]) -> dict:
    """Where to see the first of them: calendar and day."""
    first = min(rows, key=lambda row: row.span.starts_at)
    return {"calendar": first.calendar.id, "day": scheduling.local_day(first.span.starts_at, first.calendar.zone).isoformat()}


def add(clinic: Clinic, rows: list[_Row], actor: User | None) -> None:
    Booking.add_many(clinic, (row.columns() for row in rows), actor)


def example(clinic: Clinic) -> list[list[str]]:
    calendar, client = Practitioner.listed(clinic).first(), Patient.select().where(Patient.clinic == clinic).order_by(Patient.id).first()
    service = Service.select().where(Service.clinic == clinic, ~Service.archived).order_by(Service.id).first()
    who, where = (calendar.user.email, calendar.venue.name) if calendar else ("name@example.org", "")
    monday = scheduling.week_of(scheduling.utc_now().date() + timedelta(days=7))[0]
    first = [who, where, client.internal_id if client else "", service.name if service else "", monday.isoformat(), "09:30", "10:20"]
    tuesday, wednesday = [(monday + timedelta(days=n)).isoformat() for n in (1, 2)]
    whole = [who, where, "", "", tuesday, "", "", "", "yes", wednesday, "pending", "450", "Two whole days at a daily rate"]
    return [[*first, "", "", "", "confirmed", "65", "Bring the referral letter"], whole]
