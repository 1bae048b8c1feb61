"""The time of the booking in a line."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import win_tz

from base import region, scheduling
from base.catalogue import _, lazy
from base.scheduling import BadTime, Span
from models import Practitioner

from . import cell_values, moments
from .check_report import Cells
from .moments import NoValue, When
from .sheet import short

_BAD_TIMES = {
    "year": lazy("The year must lie between 1970 and 2099."),
    "ends_before_start": lazy("It ends before it starts."),
    "too_long": lazy("A booking lasts at most 31 days."),
}


@dataclass
class LineTime:
    """The time of the booking in a line. `minutes`: how long it lasts if the line does not tell.
    `span` returns None if it noted a fault.
    """

    cells: Cells
    calendar: Practitioner
    minutes: int | None
    order: str
    is_exclusive: bool
    is_inclusive: bool
    ends: When | None = None  # if the cell of the start contains the end as well

    def span(self) -> Span | None:
        """The booking's span, or None."""
        cells = self.cells
        try:
            is_whole = cell_values.yes(cells.text("all_day", 20))
        except NoValue:
            cells.fault("all_day", _("Write yes or no."))
            return None
        dated, start, end, last = (
            self._when(column) for column in ("date", "start", "end", "last_day")
        )
        end = end or self.ends
        day = (dated and dated.date) or (start and start.date)
        if cells.fine and day is None:
            cells.fault("date", _("Write the date."))
        if dated and start and start.date and start.date != dated.date:
            cells.fault(
                "start",
                _(
                    "This is another day than the one under date. Say which of the two columns"
                    " counts, and leave the other out."
                ),
            )
        if _has_two_times(dated, start):
            cells.fault(
                "start",
                _(
                    "This is another time than the one under date. Say which of the two columns"
                    " counts, and leave the other out."
                ),
            )
        if not cells.fine:
            return None
        try:
            return (
                self._whole(day, _at(last, end))
                if is_whole
                else self._timed(day, dated, start, _timed_end(end, last), last)
            )
        except BadTime as error:
            cells.fault(
                "date" if error.fact == "year" else "last_day" if is_whole else "end",
                _BAD_TIMES[error.fact],
            )
            return None

    def _when(self, column: str) -> When | None:
        raw = self.cells.text(column, 60)
        try:
            found = moments.when(raw, self.order) if raw else None
        except NoValue:
            found = self._stretch(raw) if column == "start" else None
        is_date = column in ("date", "last_day")
        if raw and (
            found is None
            or (is_date and found.date is None)
            or (column == "start" and raw.lstrip().startswith("24"))
        ):
            other = "11/20/2026" if self.order == moments.MONTH_FIRST else "20/11/2026"
            self.cells.fault(
                column,
                (
                    _("Write a date such as 2026-11-20 or {other}.", other=other)
                    if is_date
                    else _("Write a time such as 09:30 or 9:30 am.")
                ),
            )
            return None
        return found

    def _stretch(self, raw: str) -> When | None:
        """The start in a cell that contains the end as well; `ends` is that end."""
        try:
            found, self.ends = moments.stretch(raw, self.order)
        except NoValue:
            return None
        return found

    def _whole(self, day: date, ends: When | None) -> Span:
        """Whole days. The end in Outlook's files, and in those that end days at midnight, is the
        day after the last; in Google's files it is the last day.
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
            cells.fault("start", _("Write the time it starts, or yes under all_day."))
        elif (
            cells.fine
            and (end is None or end.time is None)
            and length is None
            and self.minutes is None
        ):
            cells.fault("end", _("Write when it ends or how long it lasts."))
        if last and last.date != day and (end is None or end.time is None):
            cells.fault("end", _("Write at what time it ends that day, or yes under all_day."))
        zone = self._zone(begins)
        if not cells.fine:
            return None
        starts_at, odd = self._instant("start", day, begins.time, zone)
        if odd == "gap":
            return None
        if end is None or end.time is None:
            return Span(starts_at, starts_at + (length or timedelta(minutes=self.minutes)))
        end_day = end.date or (last and last.date) or self._end_day(day, begins.time, end.time)
        end_zone = zone if end.offset is None else timezone(end.offset)
        ends_at, odd_end = self._instant("end", end_day, end.time, end_zone, is_told=not odd)
        if odd_end == "gap":
            return None
        if ends_at <= starts_at:
            raise BadTime("ends_before_start")
        if length and ends_at - starts_at != length:
            cells.note("duration", _("Its end gives another length. We take the end."))
        return Span(starts_at, ends_at)

    def _end_day(self, day: date, begins: time, ends: time) -> date:
        """The day of an end without a date; a note if it is the next one."""
        if ends > begins:
            return day
        if ends != time(0):  # 24:00 ends the day itself
            sentence = _("Its end is not after its start, so we take the next day for it.")
            self.cells.note("end", sentence)
        return day + timedelta(days=1)

    def _instant(
        self, column: str, day: date, wall: time, zone: tzinfo, is_told: bool = True
    ) -> tuple[datetime, str | None]:
        """The instant of a wall time. On days when the clocks change, a skipped time is refused,
        and a time that comes twice is the first.
        """
        if not scheduling.is_possible_day(day):
            raise BadTime("year")
        if not isinstance(zone, ZoneInfo):
            return datetime.combine(day, wall, zone).astimezone(UTC), None
        at, odd = scheduling.instant(day, wall, zone)
        where = self.calendar.venue.name if zone == self.calendar.zone else str(zone)
        if odd == "gap":
            self.cells.fault(
                column,
                _(
                    "{wall} does not exist that day: the clocks at {where} skip it.",
                    wall=region.clock(wall),
                    where=where,
                ),
            )
        if odd == "twice" and is_told:
            self.cells.note(
                column,
                _(
                    "{wall} comes twice that day, as the clocks at {where} go back. We take the"
                    " first.",
                    wall=region.clock(wall),
                    where=where,
                ),
            )
        return at, odd

    def _length(self) -> timedelta | None:
        raw = self.cells.text("duration", 30)
        try:
            found = moments.length(raw) if raw else None
        except NoValue:
            found = timedelta(0)
        if found is not None and not timedelta(0) < found <= scheduling.LONGEST:
            self.cells.fault(
                "duration", _("Write the minutes, such as 50, or hours and minutes, such as 1:30.")
            )
        return found or None

    def _zone(self, begins: When | None) -> tzinfo:
        """The zone of the line's wall times: from the cell, from its own column, else from the
        venue.
        """
        raw = self.cells.text("zone", 60)
        if begins and begins.offset is not None:
            return timezone(begins.offset)
        found = _as_zone(raw) if raw else self.calendar.zone
        if found is None:
            self.cells.fault(
                "zone",
                _(
                    "“{raw}” is no time zone that we know. Write one such as Europe/London.",
                    raw=short(raw),
                ),
            )
        return found or self.calendar.zone


def _has_two_times(dated: When | None, start: When | None) -> bool:
    """Whether the date has a time of day, midnight left aside, that is not the start's."""
    times = {one.time for one in (dated, start) if one and one.time is not None}
    return len(times) == 2 and dated.time != time(0)


def _timed_end(end: When | None, last: When | None) -> When | None:
    """The end with its time, which may be in the column of the last day."""
    has_no_time = end is None or end.time is None
    return last if has_no_time and last and last.time is not None else end


def _at(last: When | None, end: When | None) -> When | None:
    """The last day and its time, which may be in two columns."""
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
        offset = moments.when(f"2000-01-01 00:00{raw.strip().lower().replace(' ', '')}").offset
    except NoValue:
        return None
    return timezone(offset) if offset is not None else None
