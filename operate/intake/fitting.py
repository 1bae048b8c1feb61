"""The bookings of a file compared with existing ones, and with each other."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from base.bookings.statuses import FREE_STATUSES
from base.catalogue import _
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from base.tables.time_off import TimeOff
from models import Clinic, Practitioner

from . import already_booked
from .check_report import Report

# Overlaps of two bookings that one file may cause: a row is stored for each.
MOST_OVERLAPS = 100_000

# Bookings by id: person, calendar, client, from, to, whether it takes no time.
BookedRows = dict[int, tuple[int, int, int | None, datetime, datetime, bool]]


@dataclass(slots=True)
class BookingRow:
    """A booking as its line describes it."""

    line: int
    calendar: Practitioner
    patient: int | None
    service: int | None
    span: Span
    status: str
    rate: int | None
    notes: str
    shares: bool = False  # its time is taken already, and a person agreed to the overlap

    @property
    def key(self) -> tuple:
        """The key that is unique to a booking: calendar, client and times."""
        return self.calendar.id, self.patient, self.span.starts_at, self.span.ends_at

    def columns(self) -> dict:
        """The values for the columns of a booking, by name."""
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


class Diary:
    """The busy times of one person: stretches that do not touch, in order, each with its line
    (None: from the database).
    """

    def __init__(self):
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []
        self._lines: list[int | None] = []

    def block(self, start: datetime, end: datetime) -> None:
        """Add time taken in the database. Call it in order of start."""
        if self._ends and start <= self._ends[-1]:
            self._ends[-1] = max(end, self._ends[-1])
        else:
            self._put(len(self._starts), start, end, None)

    def claim(self, row: BookingRow, shares: bool = False) -> tuple[str, str] | None:
        """Take the row's time. If the time is taken already, returns its owner and the exact time.
        `shares`: take the time nevertheless.
        """
        last = bisect_left(self._starts, row.span.ends_at)
        first = bisect_right(self._ends, row.span.starts_at, hi=last)
        if first == last:
            self._put(last, row.span.starts_at, row.span.ends_at, row.line)
            return None
        taken = list(zip(self._starts[first:last], self._ends[first:last], strict=True))
        line = self._lines[last - 1]
        if shares:
            starts = min(row.span.starts_at, self._starts[first])
            ends = max(row.span.ends_at, *self._ends[first:last])
            del self._starts[first:last], self._ends[first:last], self._lines[first:last]
            self._put(first, starts, ends, line)
        return _("line {line}", line=line) if line else _("a booking that is in Kalends"), str(
            taken
        )

    def is_taken(self, row: BookingRow) -> bool:
        """Whether some of the row's time is taken. Changes nothing."""
        at = bisect_left(self._starts, row.span.ends_at)
        return bool(at) and self._ends[at - 1] > row.span.starts_at

    def _put(self, at: int, start: datetime, end: datetime, line: int | None) -> None:
        self._starts.insert(at, start)
        self._ends.insert(at, end)
        self._lines.insert(at, line)


def fit(
    clinic: Clinic, report: Report, takes_overlaps: bool = False, own: Sequence[list[int]] = ()
) -> BookedRows:
    """Refuse bookings that exist already, and those that overlap other bookings of the same person.

    `takes_overlaps`: overlapping ones are accepted. Busy times outside and time off are only noted.
    `own`: ids (from and to) of bookings that the file made before. Returns the bookings with which
    the lines were compared.
    """
    if not report.rows:
        return {}
    first, last = _bounds(report.rows)
    there, diaries, spans, known = _booked(clinic, first, last, own)
    outside, away = _outside(report.rows, first, last), _away(report.rows, first, last)
    lines: dict[tuple, int] = {}  # the time of a cancelled booking may have been booked again
    kept, still_open = [], {calendar.id for calendar in Practitioner.listed(clinic)}
    for row in report.rows:
        user, is_free = row.calendar.user, row.status in FREE_STATUSES
        key = row.key, is_free
        if row.calendar.id not in still_open:
            report.fault(row.line, "calendar", _("This calendar was closed meanwhile."))
            continue
        if row.key in there:
            report.fault(row.line, "", _("This booking is in Kalends already."))
            continue
        if key in lines:
            report.fault(row.line, "", _("Line {line} is the same booking.", line=lines[key]))
            continue
        found = None if is_free else diaries[user.id].claim(row, takes_overlaps)
        if found:
            other, which = found
            report.overlap(row.line, which)
            sentence = _("{user} is busy then: it overlaps {other}.", user=user.name, other=other)
            if not takes_overlaps:
                report.fault(row.line, "start", sentence)
                continue
            report.note(row.line, "start", sentence)
            row.shares = True
        if not is_free and outside[user.id].is_taken(row):
            sentence = _("Another calendar of {user} is busy then.", user=user.name)
            report.note(row.line, "start", sentence)
        if not is_free and away[user.id].is_taken(row):
            report.note(row.line, "start", _("{user} has time off then.", user=user.name))
        lines[key] = row.line
        kept.append(row)
    if takes_overlaps and _overlaps(kept, spans) > MOST_OVERLAPS:
        kept = _refuse_overlaps(report, kept)
    report.rows = kept
    return known


def _bounds(rows: Sequence[BookingRow]) -> tuple[datetime, datetime]:
    """The start of the first, and the end of the last."""
    return min(row.span.starts_at for row in rows), max(row.span.ends_at for row in rows)


def came(
    clinic: Clinic, rows: Sequence[BookingRow], known: BookedRows, own: Sequence[list[int]]
) -> tuple[set[tuple], dict[int, Diary]]:
    """Two values: the bookings at these times that are new or differ from `known`, by the key that
    no two share; and the times in which they keep each person busy. `known` is brought up to date.
    """
    there: set[tuple] = set()
    diaries: dict[int, Diary] = defaultdict(Diary)
    if not rows:
        return there, diaries
    first, last = _bounds(rows)
    for booking, user, calendar, patient, starts_at, ends_at, status in already_booked.bookings(
        clinic, first, last, own
    ):
        facts = user, calendar, patient, starts_at, ends_at, status in FREE_STATUSES
        if known.get(booking) != facts:
            known[booking] = facts
            there.add((calendar, patient, starts_at, ends_at))
            if status not in FREE_STATUSES:
                diaries[user].block(starts_at, ends_at)
    return there, diaries


def _overlaps(rows: list[BookingRow], spans: dict[int, list[tuple[datetime, datetime]]]) -> int:
    """The number of overlaps of two bookings that these rows cause, also with times taken
    already.
    """
    new: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    for row in rows:
        if row.status not in FREE_STATUSES:
            new[row.calendar.user_id].append((row.span.starts_at, row.span.ends_at))
    return sum(_pairs([*spans[user], *own]) - _pairs(spans[user]) for user, own in new.items())


def _pairs(spans: list[tuple[datetime, datetime]]) -> int:
    """The number of pairs of stretches that overlap. They are counted, not listed."""
    ends = sorted(span[1] for span in spans)
    starts = sorted(span[0] for span in spans)
    return sum(n - bisect_right(ends, start) for n, start in enumerate(starts))


def _refuse_overlaps(report: Report, rows: list[BookingRow]) -> list[BookingRow]:
    """The rows without those that overlap, each refused."""
    for row in rows:
        if row.shares:
            report.fault(
                row.line,
                "start",
                _(
                    "The file has more than {most} overlaps, so none is imported. Check whose"
                    " bookings these are and how long they last.",
                    most=f"{MOST_OVERLAPS:,}",
                ),
            )
    return [row for row in rows if not row.shares]


def _booked(
    clinic: Clinic, first: datetime, last: datetime, own: Sequence[list[int]]
) -> tuple[set[tuple], dict[int, Diary], dict[int, list[tuple[datetime, datetime]]], BookedRows]:
    """Three values: the existing bookings by the key that no two share; the busy times of each
    person, as a diary and each by itself; and the bookings by id.
    """
    known: BookedRows = {}
    there: set[tuple] = set()
    diaries: dict[int, Diary] = defaultdict(Diary)
    spans: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    for booking, user, calendar, patient, starts_at, ends_at, status in already_booked.bookings(
        clinic, first, last, own
    ):
        known[booking] = user, calendar, patient, starts_at, ends_at, status in FREE_STATUSES
        there.add((calendar, patient, starts_at, ends_at))
        if status not in FREE_STATUSES:
            diaries[user].block(starts_at, ends_at)
            spans[user].append((starts_at, ends_at))
    return there, diaries, spans, known


def _outside(rows: list[BookingRow], first: datetime, last: datetime) -> dict[int, Diary]:
    """The times in which calendars outside keep these people busy."""
    diaries: dict[int, Diary] = defaultdict(Diary)
    for calendar in {row.calendar.user_id: row.calendar for row in rows}.values():
        events = ExternalEvent.between(calendar.user, first, last).where(ExternalEvent.blocks)
        for starts_at, ends_at in sorted(event.taken(calendar.zone) for event in events):
            if starts_at < ends_at:
                diaries[calendar.user_id].block(starts_at, ends_at)
    return diaries


def _away(rows: list[BookingRow], first: datetime, last: datetime) -> dict[int, Diary]:
    """The times in which these people have time off."""
    diaries: dict[int, Diary] = defaultdict(Diary)
    for calendar in {row.calendar.user_id: row.calendar for row in rows}.values():
        for stretch in TimeOff.between(calendar.user, first, last, calendar.zone):
            diaries[calendar.user_id].block(stretch.starts_at, stretch.ends_at)
    return diaries
