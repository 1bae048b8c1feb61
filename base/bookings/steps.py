"""One booking in a change: its new values, and the shift that it repeats after another booking."""

from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from base import scheduling
from base.database import Base
from base.scheduling import Span
from base.tables.rows import Booked, Calendar

from .statuses import CONFIRMED, FREE_STATUSES


@dataclass(frozen=True)
class Shift:
    """How a span changes, to be repeated for the others of a series. A part that is None stays as
    it is. `old_wall`: the wall time before the change; None for whole days.
    """

    days: int
    wall: time | None
    length: timedelta | None
    whole: bool | None  # set if it changes between whole days and times
    was_whole: bool
    old_wall: time | None = None

    @classmethod
    def between(cls, was: Span, zone: ZoneInfo, to: Span, there: ZoneInfo) -> "Shift":
        """The shift from one span on the clock of `zone` to another on that of `there`."""
        old_day, old_wall, old_length = _on_the_clock(was, zone)
        day, wall, length = _on_the_clock(to, there)
        turned = was.all_day != to.all_day
        return cls(
            (day - old_day).days,
            wall if turned or wall != old_wall else None,
            length if turned or length != old_length else None,
            to.all_day if turned else None,
            was.all_day,
            old_wall,
        )

    def of(self, span: Span, zone: ZoneInfo, there: ZoneInfo) -> Span:
        """The span after this shift.

        Wall time counts, so that a series keeps its hour over a clock change. A booking that was
        moved on because the clocks skip that hour gets it again on another day. Raises BadTime
        past 2099.
        """
        alike = self.whole is not None or span.all_day == self.was_whole
        wall, length = (self.wall, self.length) if alike else (None, None)
        if zone == there and not self.days and wall is None and length is None:
            return span
        day, own_wall, own_length = _on_the_clock(span, zone)
        if own_wall is not None and self._was_skipped(day, span, zone):
            own_wall = self.old_wall
        day += timedelta(days=self.days)
        length = own_length if length is None else length
        if span.all_day if self.whole is None else self.whole:
            return scheduling.whole_days(day, day + length - timedelta(days=1), there)
        starts_at, _ = scheduling.instant(day, wall or own_wall or time.min, there)
        return Span(starts_at, starts_at + length)

    def _was_skipped(self, day: date, span: Span, zone: ZoneInfo) -> bool:
        """Whether the span begins where the old hour would, which does not exist on that day."""
        if self.old_wall is None:
            return False
        return scheduling.instant(day, self.old_wall, zone) == (span.starts_at, "gap")


def _on_the_clock(span: Span, zone: ZoneInfo) -> tuple[date, time | None, timedelta]:
    """First day, wall time (None for whole days) and length."""
    if span.starts_on and span.ends_on:
        return span.starts_on, None, span.ends_on - span.starts_on
    local = span.starts_at.astimezone(zone)
    return local.date(), local.time().replace(fold=local.fold), span.duration


@dataclass
class NewValues:
    """The new values of one booking."""

    row: Booked
    span: Span
    calendar: Calendar
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The status that the booking would have."""
        status: str = self.fields.get("status", self.row.status)
        return status

    @property
    def is_busy(self) -> bool:
        """Whether the booking would take time."""
        return self.status not in FREE_STATUSES

    @property
    def takes_time(self) -> bool:
        """Whether the booking would take time that it does not take now, or a pending booking would
        be confirmed.

        A change of a note does neither.
        """
        moved = self.span != self.row.span or self.calendar.user_id != self.row.practitioner.user_id
        return self.is_busy and (moved or not self.row.is_busy or self.is_confirmed)

    @property
    def is_confirmed(self) -> bool:
        """Whether a pending booking is confirmed at its present time, where something else may have
        been booked meanwhile.
        """
        return self.row.status == "pending" and self.status in CONFIRMED and not self.moves

    @property
    def moves(self) -> bool:
        """Whether time or calendar would change."""
        return self.span != self.row.span or self.calendar.id != self.row.practitioner_id

    @property
    def is_given_away(self) -> bool:
        """Whether the booking takes time and would move to another person's calendar."""
        return self.row.is_busy and self.calendar.user_id != self.row.practitioner.user_id

    @property
    def changes(self) -> list[str]:
        """The names of the columns that would get another value; "practitioner" for the calendar,
        "time" for the span.
        """
        named = [
            name for name, value in self.fields.items() if self.row.__data__[name] != plain(value)
        ]
        return [
            *named,
            *["time"] * (self.span != self.row.span),
            *["practitioner"] * (self.calendar.id != self.row.practitioner_id),
        ]

    def stay(self) -> None:
        """Keep time, calendar and status as they are."""
        self.span, self.calendar = self.row.span, self.row.practitioner
        self.fields.pop("status", None)


def plain(value: Any) -> Any:
    """A value as its column has it: the id of a row, else the value itself."""
    return value.id if isinstance(value, Base) else value
