"""The times in a booking's form: typed texts as spans, or sentences about mistakes."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from base import region, scheduling
from base.catalogue import _, lazy
from base.scheduling import BadTime, Span
from views.kit import display
from views.kit.merging import Merging

# An end before the start is on the next day, if the booking is then at most this long.
OVERNIGHT = timedelta(hours=12)
FACTS = {  # BadTime → the field and the sentence
    "year": ("day", lazy("Choose a day from 1970 to 2099")),
    "ends_before_start": ("ends", lazy("It ends before it starts. Check both times")),
    "too_long": ("last_day", lazy("One booking lasts at most 31 days. Make several")),
    "interval": ("every", lazy("Repeat every 1 to 52 weeks")),
    "each_other": (
        "every",
        lazy("Each one would run into the next. Leave more weeks between them"),
    ),
    "too_many": (
        "count",
        lazy("Make at most {most_repeats} bookings at once", most_repeats=scheduling.MOST_REPEATS),
    ),
}


PASSES = ("first", "second")  # of an hour that comes twice


def pass_of(local: datetime) -> str:
    """One of PASSES for a local time that knows its zone; "" if it comes once."""
    return PASSES[local.fold] if scheduling.comes_twice(local) else ""


class _Slip(Exception):
    """The typed text is no span. It has the field, and the sentence about the mistake."""

    def __init__(self, field: str, sentence: str):
        super().__init__(field)
        self.field, self.sentence = field, sentence


class Times(Merging):
    """The part of a booking's form for day, times and repeats."""

    if TYPE_CHECKING:  # of the form that inherits from this class
        booking: Any
        practitioner: Any
        chosen_service: Any
        terms: Any
        remarks: list[str]
        day: Any
        last_day: Any
        starts: Any
        ends: Any
        all_day: Any
        hour_pass: Any
        repeat: Any
        every: Any
        count: Any
        until: Any

    # both times of a start in an hour that comes twice; empty otherwise
    passes: Sequence[tuple[str, str, bool]] = ()

    def is_as_stored(self) -> bool:
        """Whether day, times and calendar in the form are those of the stored booking."""
        raise NotImplementedError

    def check_repeat(self) -> None:
        if self.repeat.data == "weeks" and not self.every.data:
            self.fault("every", FACTS["interval"][1])
        if self.count.data is None and self.until.data is None:
            self.fault(
                "count",
                _(
                    "Say how many times, from 2 to {most_repeats}, or until which day",
                    most_repeats=scheduling.MOST_REPEATS,
                ),
            )
        elif self.count.data is not None and not 2 <= self.count.data <= scheduling.MOST_REPEATS:
            self.fault(
                "count",
                _(
                    "Say how many times, from 2 to {most_repeats}",
                    most_repeats=scheduling.MOST_REPEATS,
                ),
            )

    def span(self) -> Span | None:
        """The typed times as a span in the calendar's zone, or None with a fault at the field. Also
        fills `remarks`.
        """
        try:
            return self._span()
        except _Slip as slip:
            self.fault(slip.field, slip.sentence)
            return None

    def span_so_far(self) -> Span | None:
        """The span of an unfinished form. An impossible value becomes a remark, unless its fault is
        shown at its field.
        """
        try:
            return self._span()
        except _Slip as slip:
            finished = slip.field == "last_day" or (slip.field == "ends" and self.ends.data)
            self.remarks[:] = [f"{slip.sentence}."] if finished and not self.errors else []
            return None

    @property
    def asks_to_repeat(self) -> bool:
        """Whether the booking repeats, or an answer about repeats is faulty."""
        wrong = self.every.errors or self.count.errors or self.until.errors
        return bool(wrong or self.repeat.data not in (None, "once"))

    def spans_so_far(self) -> list[Span]:
        """The span of an unfinished form, and its repeats as far as they are known."""
        span = self.span_so_far()
        if span is None:
            return []
        every = 1 if self.repeat.data == "weekly" else self.every.data
        if (
            self.booking
            or self.repeat.data == "once"
            or not every
            or not (self.count.data or self.until.data)
        ):
            return [span]
        try:
            return scheduling.repeats(
                span, self.practitioner.zone, every, self.count.data, self.until.data
            )
        except BadTime:
            return [span]

    def _span(self) -> Span:
        self.remarks.clear()
        self.passes = []
        if self.day.data is None:
            raise _Slip("day", _("Choose a day"))
        if self.is_as_stored():
            return self.booking.span  # keeps the second of two equal hours when the clocks go back
        try:
            return self._whole_days() if self.all_day.data else self._timed()
        except BadTime as error:
            raise _Slip(*FACTS[error.fact]) from None

    def times(self) -> tuple:
        whole = self.all_day.data
        walls = (
            (None, None, self.last_day.data or self.day.data)
            if whole
            else (self.starts.data, self.ends.data, None)
        )
        return self.practitioner.id, self.day.data, whole, *walls

    def _whole_days(self) -> Span:
        last = self.last_day.data or self.day.data
        if last < self.day.data:
            raise _Slip("last_day", _("The last day lies before the first"))
        return scheduling.whole_days(self.day.data, last, self.practitioner.zone)

    def _timed(self) -> Span:
        day, zone = self.day.data, self.practitioner.zone
        if self.starts.data is None:
            raise _Slip("starts", _("Say when it starts, or tick All day"))
        fold = int(self._takes_second())
        starts_at, odd_start = scheduling.instant(day, self.starts.data.replace(fold=fold), zone)
        self._remark(day, self.starts.data, starts_at, odd_start)
        self.passes = self._passes(day) if odd_start == "twice" else []
        length = self._length(day)
        if self.ends.data is None:
            return Span(starts_at, starts_at + length)
        last = day if self.ends.data > self.starts.data else day + timedelta(days=1)
        in_pass = self.ends.data.replace(fold=fold if odd_start == "twice" else 0)
        ends_at, odd_end = scheduling.instant(last, in_pass, zone)
        self._remark(last, self.ends.data, ends_at, odd_end)
        if last > day:
            self.remarks.append(_("It ends on {last}.", last=display.day(last)))
        if ends_at <= starts_at and odd_start == "gap":
            ends_at = starts_at + length  # the start was moved past the end
        return Span(starts_at, ends_at)

    def _takes_second(self) -> bool:
        """Whether a start that comes twice is the second: as chosen, else as it is stored."""
        if self.hour_pass.data:
            return bool(self.hour_pass.data == "second")
        return self.stored_pass(self.day.data, self.starts.data) == "second"

    def stored_pass(self, day: date, wall: time) -> str:
        """The pass of the stored booking in an hour that comes twice, if it starts at this time."""
        if self.booking is None or self.booking.all_day:
            return ""
        local = self.booking.starts_at.astimezone(self.booking.practitioner.zone)
        return pass_of(local) if (local.date(), local.time()) == (day, wall) else ""

    def _passes(self, day: date) -> list[tuple[str, str, bool]]:
        """Both times of a start that comes twice: value, label, and whether it is chosen."""
        local = datetime.combine(day, self.starts.data, self.practitioner.zone)
        chosen = int(self._takes_second())
        return [
            (name, region.clear_clock(local.replace(fold=fold)), fold == chosen)
            for fold, name in enumerate(PASSES)
        ]

    def _length(self, day: date) -> timedelta:
        """The length on the clock: from the two times, or the service's."""
        if self.ends.data is None:
            if self.chosen_service is None:
                raise _Slip("ends", _("Say when it ends, or choose a service"))
            return timedelta(minutes=self.terms.minutes)
        length = datetime.combine(day, self.ends.data) - datetime.combine(day, self.starts.data)
        overnight = length <= timedelta(0)
        if overnight and length + timedelta(days=1) > OVERNIGHT:
            raise BadTime("ends_before_start")
        return length + timedelta(days=overnight)

    def _remark(self, day: date, wall: time, at: datetime, odd: str | None) -> None:
        zone = self.practitioner.zone
        where = _(
            "{wall} on {day} in {city}",
            wall=region.clock(wall),
            day=display.day(day, year=True),
            city=display.zone_city(zone),
        )
        if odd == "gap":
            self.remarks.append(
                _(
                    "{where} does not exist: the clocks go forward. We take {at}.",
                    where=where,
                    at=display.clock(at, zone),
                )
            )
        elif odd == "twice":
            local = at.astimezone(zone)
            taken = region.clear_clock(local)
            first = _(
                "{where} comes twice: the clocks go back. We take the first, {time}.",
                where=where,
                time=taken,
            )
            second = _(
                "{where} comes twice: the clocks go back. We take the second, {time}.",
                where=where,
                time=taken,
            )
            self.remarks.append(second if local.fold else first)

    def spans(self) -> list[Span]:
        """The span and its repeats; empty with a fault at the field."""
        span = self.span()
        if span is None or self.repeat.data == "once":
            return [span] if span else []
        every = 1 if self.repeat.data == "weekly" else self.every.data or 0
        try:
            spans = scheduling.repeats(
                span, self.practitioner.zone, every, self.count.data, self.until.data
            )
        except BadTime as error:
            self.fault(
                *("until", _("Choose a day up to 2099"))
                if error.fact == "year"
                else FACTS[error.fact]
            )
            return []
        if len(spans) < 2:
            self.fault("until", _("Choose a day on which it has happened at least twice"))
        elif spans[0].overlaps(spans[1]):
            self.fault("every", FACTS["each_other"][1])
        return spans
