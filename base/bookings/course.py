"""How the other bookings of a series go along with a change of one of them.

A person saves what a page showed, and a colleague may have changed the booking since: this booking
alone, or others of the series with it. Each other booking is compared with both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from base.scheduling import Span
from base.tables.rows import Booked, Calendar

from .steps import Shift, plain


@dataclass(frozen=True)
class OnPage:
    """The time, calendar and columns of a booking on a person's page when it was opened. Columns
    that are missing are as they are now.
    """

    span: Span
    calendar: Calendar
    fields: Mapping[str, Any] = field(default_factory=dict)


class Course:
    """The values that the other bookings of a series get, once one of them has moved to `span` in
    the calendar `there`.
    """

    def __init__(
        self, booking: Booked, reached: Sequence[Any], shown: OnPage | None, span: Span, there: Any
    ) -> None:
        self._booking, self._there = booking, there
        self._shown = shown or OnPage(booking.span, booking.practitioner)
        now = OnPage(booking.span, booking.practitioner)
        self._since_now, self._since_shown = (
            Shift.between(one.span, one.calendar.zone, span, there.zone)
            for one in (now, self._shown)
        )
        self._left = {now.calendar.id, self._shown.calendar.id}
        self._as_now, self._as_shown = (_hour(one) for one in (now, self._shown))
        others = {_hour(_of(row)) for row in reached if row is not booking}
        # a colleague moved others with it
        self._is_joint = self._as_now in others or self._as_shown not in others

    def place(self, row: Booked) -> tuple[Span, Calendar]:
        """Span and calendar of another booking. Raises BadTime."""
        calendar = self._there if row.practitioner_id in self._left else row.practitioner
        hour = _hour(_of(row))
        stayed = hour == self._as_shown or (hour != self._as_now and not self._is_joint)
        shift = self._since_shown if stayed else self._since_now
        return shift.of(row.span, row.practitioner.zone, calendar.zone), calendar

    def keeps_calendar(self, row: Booked) -> bool:
        """Whether another booking stays in a calendar of its own, while this one changes its."""
        gave = self._there.id != self._shown.calendar.id
        return gave and row.practitioner_id not in {*self._left, self._there.id}

    def has_same(self, row: Any, name: str) -> bool:
        """Whether the other booking has the same value as this one: its present value, or the one
        that the page showed.
        """
        values: Mapping[str, Any] = vars(self._booking)["__data__"]
        old = {values[name], plain(self._shown.fields.get(name, values[name]))}
        return row.__data__[name] in old


def _of(row: Booked) -> OnPage:
    return OnPage(row.span, row.practitioner)


def _hour(one: OnPage) -> tuple[object, ...]:
    """Weekday and time of day on the clock of the calendar; whole days have no time."""
    if one.span.starts_on:
        return one.span.starts_on.weekday(), None
    local = one.span.starts_at.astimezone(one.calendar.zone)
    return local.weekday(), local.time()
