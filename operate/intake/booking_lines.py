"""Bookings, one in each line."""

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

from peewee import fn

from base import scheduling
from base.bookings.statuses import FREE_STATUSES
from base.catalogue import _
from base.text import search_key
from free_times import overlaps
from models import Booking, Clinic, Patient, Practitioner, Service, User

from . import cell_values, line_status
from .begun import Begun
from .check_report import Cells, Report
from .file_columns import EXCLUSIVE_ENDS, INCLUSIVE_ENDS
from .fitting import BookedRows, BookingRow, came, fit
from .moments import NoValue
from .sheet import Sheet, short
from .times import LineTime

__all__ = ["ImportingBookings", "example", "first_of", "fit", "line_reader"]

_key = lru_cache(1_000)(search_key)  # for the few words that every line repeats


def _short_names(name: str) -> set[str]:
    """Pat Linden: PL, P. L., Pat, P. Linden, Linden Pat, as keys for look-ups."""
    first, *others = search_key(name).split()
    if not others:
        return set()
    letters = [part[0] for part in (first, *others)]
    last = others[-1]
    found = {"".join(letters), ". ".join(letters) + ".", first, f"{first[0]}. {last}"}
    return found | {f"{last} {first}", f"{' '.join(others)} {first}"}


class _ClinicRows:
    """The clinic's rows by the names that a file may use, and how to read the file. Made once for
    each check, so that no line needs a query.
    """

    def __init__(self, clinic: Clinic, sheet: Sheet):
        self.order, self.ends = (
            sheet.dates,
            (sheet.preset in EXCLUSIVE_ENDS, sheet.preset in INCLUSIVE_ENDS),
        )
        self.usual, self.currency = None, clinic.currency
        self.minutes: int | None = sheet.choices.get("minutes")
        self.calendars: dict[str, list[Practitioner]] = defaultdict(list)
        self.people: dict[str, int] = sheet.choices.get("people") or {}
        self.called: dict[str, list[Practitioner]] = defaultdict(list)  # by short names
        self.every = list(Practitioner.listed(clinic))
        for calendar in self.every:
            for key in {search_key(calendar.user.email), search_key(calendar.user.name)}:
                self.calendars[key].append(calendar)
            for key in _short_names(calendar.user.name):
                self.called[key].append(calendar)
            if calendar.id == sheet.choices.get("calendar"):
                self.usual = calendar
        self.services = {
            search_key(service.name): service
            for service in Service.select().where(Service.clinic == clinic)
        }
        self.clients: dict[str, set[int]] = defaultdict(set)
        self.ids: dict[str, set[int]] = defaultdict(set)
        self.words: dict[int, set[str]] = defaultdict(set)  # of each client's names
        # a merged record leads to the one that was kept
        in_use = fn.COALESCE(Patient.merged_into, Patient.id)
        columns = in_use, Patient.internal_id, Patient.first_name, Patient.last_name
        for client, internal_id, first, last in (
            Patient.select(*columns).where(Patient.clinic == clinic).tuples()
        ):
            self.ids[search_key(internal_id)].add(client)
            self.words[client].update(search_key(first, last).split())
            self.clients[search_key(first, last)].add(client)
            self.clients[search_key(last, first)].add(client)

    def read(self, cells: Cells) -> BookingRow | None:
        calendar, service = self._calendar(cells), self._service(cells)
        patient, rate = self._patient(cells), _rate(cells, self.currency)
        notes = cells.text("notes", 4000)
        usual = service.duration_minutes if service else self.minutes
        span = LineTime(cells, calendar, usual, self.order, *self.ends).span() if calendar else None
        is_over = bool(span and span.ends_at <= scheduling.utc_now())
        status = line_status.status(cells, rate, is_over)
        return span and BookingRow(
            cells.number, calendar, patient, service and service.id, span, status, rate, notes
        )

    def _calendar(self, cells: Cells) -> Practitioner | None:
        needed = "" if self.usual else _("Write the e-mail or name of the person it is with.")
        name, venue = cells.text("calendar", 254, needed), cells.text("venue", 120)
        if not name and self.usual and venue:
            name = self.usual.user.email
        if not name and self.usual:
            return self.usual
        found = self.calendars.get(_key(name)) or self._called(cells, name)
        here = [
            calendar for calendar in found if not venue or _key(calendar.venue.name) == _key(venue)
        ]
        if len(here) == 1:
            return here[0]
        if name and not found:
            cells.unknown_person(name)
            cells.fault(
                "calendar",
                _(
                    "Nobody with a calendar is called “{name}”. Write the e-mail or name as"
                    " Team shows it.",
                    name=short(name),
                ),
            )
        elif found:
            venues = _(" or ").join(sorted(calendar.venue.name for calendar in found))
            one = len({calendar.user_id for calendar in found}) == 1
            cells.fault(
                "venue",
                (
                    _("Write at which venue: {venues}.", venues=venues)
                    if one
                    else _("Several people are called so. Write the e-mail under calendar.")
                ),
            )
        return None

    def _called(self, cells: Cells, name: str) -> list[Practitioner]:
        """The calendars of the person that was answered about this name, or of the only one whose
        initials or first name these may be, with a note.
        """
        answer = self.people.get(_key(name))
        found = [one for one in self.every if answer and one.user_id == answer]
        found = found or self.called.get(_key(name.replace(",", " ")), [])
        if len({calendar.user_id for calendar in found}) != 1:
            return []
        user = found[0].user.name
        cells.note_once(
            "calendar", _("We take “{name}” to be {user}.", name=short(name), user=user)
        )
        return found

    def _service(self, cells: Cells) -> Service | None:
        name = cells.text("service", 120)
        service = self.services.get(_key(name)) if name else None
        if name and not service:
            cells.fault(
                "service",
                _(
                    "There is no service called “{name}”. Add it to Services first, or leave"
                    " this empty.",
                    name=short(name),
                ),
            )
        return service

    def _patient(self, cells: Cells) -> int | None:
        """The client by ID if there is one, else by name. First and last name in two columns are
        joined.
        """
        both = f"{cells.text('client_first_name', 80)} {cells.text('client_last_name', 80)}".strip()
        internal_id, name = (
            cell_values.identifier(cells.text("client_id", 40)),
            search_key(cells.text("client", 170).replace(",", " ")) or search_key(both),
        )
        if name and cell_values.words_of(name) in cell_values.UNNAMED and name not in self.clients:
            name = ""
        if cell_values.is_spoiled(internal_id) or cell_values.is_spoiled(name):
            cells.fault(
                "client",
                _(
                    "A spreadsheet has spoiled this number (it ends in E+…). Format the column"
                    " as text and export it again."
                ),
            )
            return None
        found = self.ids.get(search_key(internal_id), ()) if internal_id else ()
        is_other = name and not any(self._may_be(client, name) for client in found)
        if found and is_other:
            cells.fault(
                "client_id",
                _("This ID is that of a client with another name. Correct the ID or the name."),
            )
            return None
        found = found or ((self.ids.get(name) or self.clients.get(name, ())) if name else ())
        if (name or internal_id) and len(found) != 1:
            cells.fault(
                "client",
                (
                    _("Several clients are called so. Write the internal ID.")
                    if found
                    else _(
                        "There is no such client. Import clients first, or write the internal ID."
                    )
                ),
            )
        return next(iter(found), None) if len(found) == 1 else None

    def _may_be(self, client: int, name: str) -> bool:
        """Whether a client has this ID, or a word of this name."""
        return client in self.ids.get(name, ()) or bool(self.words[client] & set(name.split()))


def _rate(cells: Cells, currency: str) -> int | None:
    raw = cells.text("rate", 30)
    if raw and cell_values.currency(raw) not in ("", currency):
        cells.note_once(
            "rate",
            _(
                "Amounts are in {theirs} there, and are taken as {ours}, the"
                " currency of the clinic.",
                theirs=cell_values.currency(raw),
                ours=currency,
            ),
        )
    if cell_values.is_of_thousands(raw):
        cells.note_once(
            "rate",
            _("A point or comma before three digits is taken for thousands: 1.250 is 1,250."),
        )
    try:
        return cell_values.amount(raw)
    except NoValue:
        cells.fault("rate", _("Write an amount such as 65 or 65.50."))
        return None


def line_reader(clinic: Clinic, sheet: Sheet) -> Callable[[Cells], BookingRow | None]:
    """A function that reads one line into a booking's row."""
    return _ClinicRows(clinic, sheet).read


def first_of(rows: list[BookingRow]) -> dict:
    """Calendar and day of the first of these rows."""
    first = min(rows, key=lambda row: row.span.starts_at)
    return {
        "calendar": first.calendar.id,
        "day": scheduling.local_day(first.span.starts_at, first.calendar.zone).isoformat(),
    }


class ImportingBookings:
    """Importing the bookings of a file that was checked, one portion at a time."""

    def __init__(self, clinic: Clinic, begun: Begun, takes_overlaps: bool):
        self._clinic, self._begun, self._takes_overlaps = clinic, begun, takes_overlaps
        # by a worker that does not know which lines overlap rows made by an earlier worker
        self._is_resumed = takes_overlaps and begun.line > 0
        self._known: BookedRows = {}
        self._rev = 0

    def fit(self, report: Report) -> None:
        """Compare the lines of a report with the clinic's rows."""
        self._rev = self._latest_rev()  # rows made after this are searched later
        self._known = fit(self._clinic, report, self._takes_overlaps, self._begun.own)

    def line(self, row: BookingRow) -> int:
        """The row's line in the file."""
        return row.line

    def may_differ(self) -> bool:
        """Whether a person must see the remaining lines again that an earlier worker left: the
        person agreed to certain overlaps, and the clinic changed since.
        """
        return self._takes_overlaps and self._rev != self._begun.rev

    def is_current(self) -> bool:
        """Whether the clinic is as it was when the rows were last fitted. Lock the clinic first."""
        return self._latest_rev() == self._rev

    def fit_again(self, rows: list[BookingRow], report: Report) -> list[BookingRow]:
        """The rows that still fit; the report says why the others do not."""
        self._rev = self._latest_rev()
        there, diaries = came(self._clinic, rows, self._known, self._begun.own)
        merged = dict(
            Patient.select(Patient.id, Patient.merged_into)
            .where(Patient.clinic == self._clinic, Patient.merged_into.is_null(False))
            .tuples()
        )
        kept = []
        for row in rows:
            row.patient = merged.get(row.patient, row.patient)
            user = row.calendar.user
            if row.key in there:
                report.fault(row.line, "", _("This booking is in Kalends already."))
            elif row.status not in FREE_STATUSES and diaries[user.id].is_taken(row):
                other = _("a booking that is in Kalends")
                report.fault(
                    row.line,
                    "start",
                    _("{user} is busy then: it overlaps {other}.", user=user.name, other=other),
                )
            else:
                kept.append(row)
        return kept

    def add(self, rows: list[BookingRow], actor: User | None, report: Report) -> int:
        """Make the bookings of these rows and count them, in the transaction that locks the clinic.
        Stores the overlaps to which a person agreed.
        """
        still_open = {calendar.id for calendar in Practitioner.listed(self._clinic)}
        for row in rows:
            if row.calendar.id not in still_open:
                report.fault(row.line, "calendar", _("This calendar was closed meanwhile."))
        rows = [row for row in rows if row.calendar.id in still_open]
        before = overlaps.latest_id()
        if rows:
            self._begun.entry = Booking.add_many(
                self._clinic, (row.columns() for row in rows), actor, self._begun.entry
            )
            self._begun.add_own(before + 1, overlaps.latest_id())
        sharing = [row.span for row in rows if row.shares or self._is_resumed]
        if sharing:
            within = min(span.starts_at for span in sharing), max(s.ends_at for s in sharing)
            overlaps.agree_to_new(self._clinic, before, actor, "import", within)
        self._begun.rev = self._rev = self._latest_rev()
        return len(rows)

    def _latest_rev(self) -> int:
        return Clinic.select(Clinic.latest_rev).where(Clinic.id == self._clinic.id).scalar()


def example(clinic: Clinic) -> list[dict[str, str]]:
    """Rows of an example file, with names of this clinic."""
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
