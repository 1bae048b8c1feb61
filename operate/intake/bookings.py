"""Bookings, a line each."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import win_tz

from base import scheduling
from base.outside import ExternalEvent
from base.scheduling import BadTime, Span
from base.series import FREE_STATUSES, STATUSES
from base.text import search_key
from base.time_off import TimeOff
from models import Booking, Clinic, Patient, Practitioner, Service, User

from . import values
from .report import Cells, Report
from .sheet import EXCLUSIVE_ENDS, INCLUSIVE_ENDS, Sheet, short
from .values import NoValue, When

_BAD_TIMES = {
    "year": "The year must lie between 1970 and 2099.",
    "ends_before_start": "It ends before it starts.",
    "too_long": "A booking lasts at most 31 days.",
}
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
        return {
            "practitioner": self.calendar.id,
            "patient": self.patient,
            "service": self.service,
            "status": self.status,
            "starts_at": self.span.starts_at,
            "ends_at": self.span.ends_at,
            "starts_on": self.span.starts_on,
            "ends_on": self.span.ends_on,
            "rate_cents": self.rate,
            "notes": self.notes,
        }


class _Known:
    """What the clinic has, under the names that a file may use, and how the file is to be read.
    Made once a check, so that no line asks the
    database."""

    def __init__(self, clinic: Clinic, sheet: Sheet):
        self.order, self.ends = (
            sheet.dates,
            (sheet.preset in EXCLUSIVE_ENDS, sheet.preset in INCLUSIVE_ENDS),
        )
        self.usual, self.currency = None, clinic.currency
        self.calendars: dict[str, list[Practitioner]] = defaultdict(list)
        for calendar in Practitioner.listed(clinic):
            for key in {search_key(calendar.user.email), search_key(calendar.user.name)}:
                self.calendars[key].append(calendar)
            if calendar.id == sheet.choices.get("calendar"):
                self.usual = calendar
        self.services = {
            search_key(service.name): service
            for service in Service.select().where(Service.clinic == clinic)
        }
        self.clients: dict[str, set[int]] = defaultdict(set)
        self.ids: dict[str, set[int]] = defaultdict(set)
        columns = Patient.id, Patient.internal_id, Patient.first_name, Patient.last_name
        for client, internal_id, first, last in (
            Patient.select(*columns).where(Patient.clinic == clinic).tuples()
        ):
            self.ids[search_key(internal_id)].add(client)
            self.clients[search_key(first, last)].add(client)
            self.clients[search_key(last, first)].add(client)

    def read(self, cells: Cells) -> _Row | None:
        calendar, service = self._calendar(cells), self._service(cells)
        patient, rate = self._patient(cells), _rate(cells, self.currency)
        status, notes = _status(cells, self.order, rate), cells.take("notes", 4000)
        span = _Time(cells, calendar, service, self.order, *self.ends).span() if calendar else None
        return span and _Row(
            cells.number, calendar, patient, service and service.id, span, status, rate, notes
        )

    def _calendar(self, cells: Cells) -> Practitioner | None:
        needed = "" if self.usual else "Write the e-mail or name of the person it is with."
        name, venue = cells.take("calendar", 254, needed), cells.take("venue", 120)
        if not name and self.usual and venue:
            name = self.usual.user.email
        if not name and self.usual:
            return self.usual
        found = self.calendars.get(_key(name), [])
        here = [
            calendar for calendar in found if not venue or _key(calendar.venue.name) == _key(venue)
        ]
        if len(here) == 1:
            return here[0]
        if name and not found:
            cells.fault(
                "calendar",
                f"Nobody with a calendar is called “{short(name)}”. Write the e-mail or name as"
                " Team shows it.",
            )
        elif found:
            venues = " or ".join(sorted(calendar.venue.name for calendar in found))
            one = len({calendar.user_id for calendar in found}) == 1
            cells.fault(
                "venue",
                (
                    f"Write at which venue: {venues}."
                    if one
                    else "Several people are called so. Write the e-mail under calendar."
                ),
            )
        return None

    def _service(self, cells: Cells) -> Service | None:
        name = cells.take("service", 120)
        service = self.services.get(_key(name)) if name else None
        if name and not service:
            cells.fault(
                "service",
                f"There is no service called “{short(name)}”. Add it to Services first, or leave"
                " this empty.",
            )
        return service

    def _patient(self, cells: Cells) -> int | None:
        """The client by ID where there is one, else by name; a name in two columns is one name."""
        both = f"{cells.take('client_first_name', 80)} {cells.take('client_last_name', 80)}".strip()
        internal_id, name = (
            cells.take("client_id", 40),
            search_key(cells.take("client", 170).replace(",", " ")) or search_key(both),
        )
        if values.is_spoiled(internal_id) or values.is_spoiled(name):
            cells.fault(
                "client",
                "A spreadsheet has spoiled this number (it ends in E+…). Format the column as text"
                " and export it again.",
            )
            return None
        found = self.ids.get(search_key(internal_id), ()) if internal_id else ()
        found = found or ((self.ids.get(name) or self.clients.get(name, ())) if name else ())
        if (name or internal_id) and len(found) != 1:
            cells.fault(
                "client",
                (
                    "Several clients are called so. Write the internal ID."
                    if found
                    else "There is no such client. Import clients first, or write the internal ID."
                ),
            )
        return next(iter(found), None) if len(found) == 1 else None


def _status(cells: Cells, order: str, rate: int | None) -> str:
    """The status by its column, and by those that say that the client came or not, or that it was
    cancelled, invoiced or paid: these change what a booking means, so none is passed over.
    """
    raw, word = cells.take("status", 40), "confirmed"
    try:
        word = values.status(raw) if raw else word
    except NoValue:
        cells.fault(
            "status",
            f"“{short(raw)}” is no status that we know. Write one of {', '.join(STATUSES)}.",
        )
    said = {
        column: _is_said(cells, column, order)
        for column in ("no_show", "cancelled", "arrived", "invoiced")
    }
    said["paid"] = _is_paid(cells, order, rate)
    if said["arrived"] and said["no_show"]:
        cells.fault("arrived", "This line says that the client came, and that the client did not.")
    for column in ("no_show", "cancelled"):
        if said[column]:
            word = column
    for column in ("arrived", "invoiced", "paid"):
        if said[column] and word not in _COURSE:
            cells.note(column, f"It is {column} as well. It comes in as {word.replace('_', '-')}.")
        elif said[column] and _COURSE.index(column) > _COURSE.index(word):
            word = column
    return word


# what each of these says, the one before it had come to pass
_COURSE = ("offered", "pending", "confirmed", "arrived", "delivered", "invoiced", "paid")


def _is_paid(cells: Cells, order: str, rate: int | None) -> bool:
    """Whether a column says that all is paid."""
    said = False
    for raw in filter(None, cells.take_all("paid", 40)):
        try:
            found = values.paid(raw, rate, order)
        except NoValue:
            cells.fault("paid", "Write yes or no, when it was paid, or how much.")
            continue
        if found is None:
            cells.note("paid", "Only a part is paid. It comes in as not paid.")
        said |= bool(found)
    return said


def _is_said(cells: Cells, column: str, order: str) -> bool:
    """Whether a column says yes, in so many words or by when it happened."""
    said = False
    for raw in filter(None, cells.take_all(column, 40)):
        try:
            said |= values.yes(raw)
            continue
        except NoValue:
            pass
        try:
            said |= bool(values.when(raw, order))
        except NoValue:
            cells.fault(column, "Write yes or no, or when it happened.")
    return said


def _rate(cells: Cells, currency: str) -> int | None:
    raw = cells.take("rate", 30)
    if raw and values.currency(raw) not in ("", currency):
        cells.note_once(
            "rate",
            f"Amounts are in {values.currency(raw)} there, and are taken as {currency}, the"
            " currency of the clinic.",
        )
    try:
        return values.amount(raw)
    except NoValue:
        cells.fault("rate", "Write an amount such as 65 or 65.50.")
        return None


@dataclass
class _Time:
    """When a line's booking is. `span` gives None where a fault is noted."""

    cells: Cells
    calendar: Practitioner
    service: Service | None
    order: str
    is_exclusive: bool
    is_inclusive: bool

    def span(self) -> Span | None:
        cells = self.cells
        try:
            is_whole = values.yes(cells.take("all_day", 20))
        except NoValue:
            cells.fault("all_day", "Write yes or no.")
            return None
        dated, start, end, last = (
            self._when(column) for column in ("date", "start", "end", "last_day")
        )
        day = (dated and dated.date) or (start and start.date)
        if cells.fine and day is None:
            cells.fault("date", "Write the date.")
        if dated and start and start.date and start.date != dated.date:
            cells.fault(
                "start",
                "This is another day than the one under date. Say which of the two columns counts,"
                " and leave the other out.",
            )
        if not cells.fine:
            return None
        try:
            return (
                self._whole(day, _at(last, end))
                if is_whole
                else self._timed(day, dated, start, end, last)
            )
        except BadTime as error:
            cells.fault(
                "date" if error.fact == "year" else "last_day" if is_whole else "end",
                _BAD_TIMES[error.fact],
            )
            return None

    def _when(self, column: str) -> When | None:
        raw = self.cells.take(column, 60)
        try:
            found = values.when(raw, self.order) if raw else None
        except NoValue:
            found = None
        is_date = column in ("date", "last_day")
        if raw and (
            found is None
            or (is_date and found.date is None)
            or (column == "start" and raw.lstrip().startswith("24"))
        ):
            self.cells.fault(
                column,
                (
                    "Write a date such as 2026-11-20 or 20/11/2026."
                    if is_date
                    else "Write a time such as 09:30."
                ),
            )
            return None
        return found

    def _whole(self, day: date, ends: When | None) -> Span:
        """Whole days. Outlook's files name the day after the last, and so does who ends them at
        midnight, but for Google.
        """
        last = ends.date if ends and ends.date else day
        if last > day and (self.is_exclusive or (not self.is_inclusive and ends.time == time(0))):
            last -= timedelta(days=1)
        return scheduling.whole_days(day, last, self.calendar.zone)

    def _timed(
        self, day: date, dated: When | None, start: When | None, end: When | None, last: When | None
    ) -> Span | None:
        cells = self.cells
        begins = next((one for one in (start, dated) if one and one.time is not None), None)
        length = self._length()
        if begins is None:
            cells.fault("start", "Write the time it starts, or yes under all_day.")
        elif (
            cells.fine
            and (end is None or end.time is None)
            and length is None
            and self.service is None
        ):
            cells.fault("end", "Write when it ends or how long it lasts.")
        zone = self._zone(begins)
        if not cells.fine:
            return None
        starts_at, odd = self._instant("start", day, begins.time, zone)
        if odd == "gap":
            return None
        if end is None or end.time is None:
            return Span(
                starts_at, starts_at + (length or timedelta(minutes=self.service.duration_minutes))
            )
        end_day = (
            end.date
            or (last and last.date)
            or (day if end.time > begins.time else day + timedelta(days=1))
        )
        if end_day == day and end.time <= begins.time and not end.date:
            end_day += timedelta(days=1)
        end_zone = zone if end.offset is None else timezone(end.offset)
        ends_at, odd_end = self._instant("end", end_day, end.time, end_zone, is_told=not odd)
        if odd_end == "gap":
            return None
        if ends_at <= starts_at:
            raise BadTime("ends_before_start")
        return Span(starts_at, ends_at)

    def _instant(
        self, column: str, day: date, wall: time, zone: tzinfo, is_told: bool = True
    ) -> tuple[datetime, str | None]:
        """The instant of a wall time, and what a clock change makes of it: one that is skipped is
        refused, one that comes twice is the first.
        """
        if not scheduling.FIRST_DAY <= day <= scheduling.LAST_DAY:
            raise BadTime("year")
        if not isinstance(zone, ZoneInfo):
            return datetime.combine(day, wall, zone).astimezone(UTC), None
        at, odd = scheduling.instant(day, wall, zone)
        where = self.calendar.venue.name if zone == self.calendar.zone else str(zone)
        if odd == "gap":
            self.cells.fault(
                column, f"{wall:%H:%M} does not exist that day: the clocks at {where} skip it."
            )
        if odd == "twice" and is_told:
            self.cells.note(
                column,
                f"{wall:%H:%M} comes twice that day, as the clocks at {where} go back. We take the"
                " first.",
            )
        return at, odd

    def _length(self) -> timedelta | None:
        raw = self.cells.take("duration", 30)
        try:
            found = values.length(raw) if raw else None
        except NoValue:
            found = timedelta(0)
        if found is not None and not timedelta(0) < found <= scheduling.LONGEST:
            self.cells.fault(
                "duration", "Write the minutes, such as 50, or hours and minutes, such as 1:30."
            )
        return found or None

    def _zone(self, begins: When | None) -> tzinfo:
        """The zone of the line's wall times: as the cell says, as its own column says, else the
        venue's.
        """
        raw = self.cells.take("zone", 60)
        if begins and begins.offset is not None:
            return timezone(begins.offset)
        found = _as_zone(raw) if raw else self.calendar.zone
        if found is None:
            self.cells.fault(
                "zone",
                f"“{short(raw)}” is no time zone that we know. Write one such as Europe/London.",
            )
        return found or self.calendar.zone


def _at(last: When | None, end: When | None) -> When | None:
    """The last day and the time that goes with it, which may stand in two columns."""
    if last and last.time is None and end and end.date is None:
        return When(last.date, end.time)
    return last or end


@lru_cache(1_000)
def _as_zone(raw: str) -> tzinfo | None:
    """A zone by its IANA name, by Windows' name for it, or as an offset such as +01:00."""
    name = win_tz.get(raw, raw)
    if name.upper() in ("UTC", "GMT", "Z", "ETC/UTC", "ETC/GMT"):
        return UTC
    if scheduling.is_zone(name):
        return ZoneInfo(name)
    try:
        offset = values.when(f"2000-01-01 00:00{raw.strip().lower().replace(' ', '')}").offset
    except NoValue:
        return None
    return timezone(offset) if offset is not None else None


class _Diary:
    """When one person is busy: stretches that do not touch, in order, each with the line that took
    it (None: the database).
    """

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
        if self.is_taken(row):
            line = self._lines[at - 1]
            return f"line {line}" if line else "a booking that is in Kalends"
        self._put(at, row.span.starts_at, row.span.ends_at, row.line)
        return None

    def is_taken(self, row: _Row) -> bool:
        """Whether some of the row's time is taken. Takes nothing."""
        at = bisect_left(self._starts, row.span.ends_at)
        return bool(at) and self._ends[at - 1] > row.span.starts_at

    def _put(self, at: int, start: datetime, end: datetime, line: int | None) -> None:
        self._starts.insert(at, start)
        self._ends.insert(at, end)
        self._lines.insert(at, line)


def fit(clinic: Clinic, report: Report, takes_overlaps: bool = False) -> None:
    """Refuse what is here already, and what overlaps other bookings of the same person, unless
    those are to be taken as they are. Busy times
    outside are only told. Holds these people in a transaction."""
    clinic.lock()
    diaries: dict[int, _Diary] = defaultdict(_Diary)
    there: set[tuple] = set()
    lines: dict[tuple, int] = {}  # a time that was cancelled may have been booked again
    if report.rows:
        first, last = (
            min(row.span.starts_at for row in report.rows),
            max(row.span.ends_at for row in report.rows),
        )
        for user, calendar, patient, starts_at, ends_at, status in Booking.between(
            clinic, first, last
        ):
            there.add((calendar, patient, starts_at, ends_at))
            if status not in FREE_STATUSES:
                diaries[user].block(starts_at, ends_at)
        outside, away = (
            _outside(report.rows, first, last),
            _away(report.rows, first, last),
        )
    kept = []
    for row in report.rows:
        key = row.key, row.status in FREE_STATUSES
        if row.key in there or key in lines:
            report.fault(
                row.line,
                "",
                (
                    "This booking is in Kalends already."
                    if row.key in there
                    else f"Line {lines[key]} is the same booking."
                ),
            )
            continue
        other = (
            diaries[row.calendar.user_id].claim(row) if row.status not in FREE_STATUSES else None
        )
        if other:
            report.overlaps += 1
            sentence = f"{row.calendar.user.name} is busy then: it overlaps {other}."
            if not takes_overlaps:
                report.fault(row.line, "start", sentence)
                continue
            report.note(row.line, "start", sentence)
        if row.status not in FREE_STATUSES and outside[row.calendar.user_id].is_taken(row):
            report.note(
                row.line, "start", f"Another calendar of {row.calendar.user.name} is busy then."
            )
        if row.status not in FREE_STATUSES and away[row.calendar.user_id].is_taken(row):
            report.note(row.line, "start", f"{row.calendar.user.name} has time off then.")
        lines[key] = row.line
        kept.append(row)
    report.rows = kept


def _outside(rows: list[_Row], first: datetime, last: datetime) -> dict[int, _Diary]:
    """When calendars outside keep these people busy."""
    diaries: dict[int, _Diary] = defaultdict(_Diary)
    for calendar in {row.calendar.user_id: row.calendar for row in rows}.values():
        events = ExternalEvent.between(calendar.user, first, last).where(ExternalEvent.blocks)
        for starts_at, ends_at in sorted(event.taken(calendar.zone) for event in events):
            if starts_at < ends_at:
                diaries[calendar.user_id].block(starts_at, ends_at)
    return diaries


def _away(rows: list[_Row], first: datetime, last: datetime) -> dict[int, _Diary]:
    """When these people have time off."""
    diaries: dict[int, _Diary] = defaultdict(_Diary)
    for calendar in {row.calendar.user_id: row.calendar for row in rows}.values():
        for stretch in TimeOff.between(calendar.user, first, last, calendar.zone):
            diaries[calendar.user_id].block(stretch.starts_at, stretch.ends_at)
    return diaries


def reader(clinic: Clinic, sheet: Sheet) -> Callable[[Cells], _Row | None]:
    """How to read one line."""
    return _Known(clinic, sheet).read


def first_of(rows: list[_Row]) -> dict:
    """Where to see the first of them: calendar and day."""
    first = min(rows, key=lambda row: row.span.starts_at)
    return {
        "calendar": first.calendar.id,
        "day": scheduling.local_day(first.span.starts_at, first.calendar.zone).isoformat(),
    }


def add(clinic: Clinic, rows: list[_Row], actor: User | None) -> None:
    """Make the bookings of these rows, in one transaction."""
    Booking.add_many(clinic, (row.columns() for row in rows), actor)


def example(clinic: Clinic) -> list[dict[str, str]]:
    """Rows of a file as it may look, with names of this clinic."""
    calendar, client = (
        Practitioner.listed(clinic).first(),
        Patient.select().where(Patient.clinic == clinic).order_by(Patient.id).first(),
    )
    service = (
        Service.select()
        .where(Service.clinic == clinic, ~Service.archived)
        .order_by(Service.id)
        .first()
    )
    who, where = (
        (calendar.user.email, calendar.venue.name) if calendar else ("name@example.org", "")
    )
    monday = scheduling.week_of(scheduling.utc_now().date() + timedelta(days=7))[0]
    tuesday, wednesday = [(monday + timedelta(days=n)).isoformat() for n in (1, 2)]
    both = {"calendar": who, "venue": where}
    return [
        {
            **both,
            "client": client.internal_id if client else "",
            "service": service.name if service else "",
            "date": monday.isoformat(),
            "start": "09:30",
            "end": "10:20",
            "status": "confirmed",
            "rate": "65",
            "notes": "Bring the referral letter",
        },
        {
            **both,
            "date": tuesday,
            "all_day": "yes",
            "last_day": wednesday,
            "status": "pending",
            "rate": "450",
            "notes": "Two whole days at a daily rate",
        },
    ]
