"""The next free time for the form of a booking: one at which every booking of a series is free."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_login import current_user

from base import scheduling, slots
from base.bookings.series import going_along
from base.scheduling import BadTime, Span
from base.tables import time_off
from free_times import busy, finding, openings
from models import Booking, Practitioner
from views.kit import access, display

from .fields import BookingForm
from .times import pass_of

MINUTE = timedelta(minutes=1)
SOON = timedelta(minutes=5)  # an offered time must still be in the future when it is pressed
DAYS_AHEAD = 14


@dataclass(frozen=True)
class Together:
    """Bookings that are made or moved together: the `reached` ones of a series, or the days of a
    new series counted from its first.
    """

    form: BookingForm
    reached: list[Booking]
    days: list[int]

    @classmethod
    def of(cls, form: BookingForm, spans: list[Span]) -> "Together":
        if form.booking:
            return cls(form, form.booking.reach(current_user, form.which.data or "one")[0], [])
        zone = form.practitioner.zone
        return cls(
            form,
            [],
            [
                (
                    scheduling.local_day(span.starts_at, zone)
                    - scheduling.local_day(spans[0].starts_at, zone)
                ).days
                for span in spans
            ],
        )

    @property
    def moving(self) -> set[int]:
        """The ids of bookings that would leave their time."""
        return (
            {row.id for row in (self.form.booking, *going_along(self.form.booking, self.reached))}
            if self.form.booking
            else set()
        )

    @property
    def count(self) -> int:
        return len(self.moving) or len(self.days)

    def targets(self, first: Span) -> Iterator[tuple[Practitioner, Span]]:
        """The calendar and span of each booking if the first begins there. Raises BadTime."""
        there = self.form.practitioner
        if self.form.booking:
            return self.form.booking.targets(self.reached, first, there)
        return ((there, scheduling.shifted(first, there.zone, ahead)) for ahead in self.days)


def next_free_time(form: BookingForm, spans: list[Span]) -> tuple[str, str] | None:
    """The next free time of that length, in words and as "2026-11-20T15:20 50". It is in the
    future, free for all bookings of a series, and fits the clinic's steps.
    """
    zone, wanted = form.practitioner.zone, spans[0]
    after = max(wanted.starts_at, scheduling.utc_now() + SOON)
    together = Together.of(form, spans)
    if together.count > 1:
        start = _free_for_all(together, wanted, after)
    else:
        start = finding.next_free(
            wish_of(form, wanted), after, DAYS_AHEAD, grid_step(), together.moving
        )
    if start is None:
        return None
    span, local = Span(start, start + wanted.duration), start.astimezone(zone)
    value = f"{local:%Y-%m-%dT%H:%M} {wanted.duration // MINUTE} {pass_of(local)}"
    return display.brief(span, zone, form.day.data), value.strip()


def wish_of(form: BookingForm, wanted: Span) -> finding.Wish:
    """A visit of this length, with the gap that its service keeps free."""
    minutes = -(-wanted.duration // MINUTE)
    if form.terms:
        return finding.Wish.of(form.terms, form.chosen_service, minutes)
    return finding.Wish(form.practitioner, minutes)


def _free_for_all(together: Together, wanted: Span, after: datetime) -> datetime | None:
    """The first start from `after` on, in working time of the next two weeks, at which every
    booking of the series is free.
    """
    practitioner, spare = together.form.practitioner, timedelta(days=DAYS_AHEAD + 1)
    try:
        asked = list(together.targets(wanted))
    except BadTime:
        return None
    later = after - wanted.starts_at  # for a series in the past, no time before now is offered
    start, end = (
        min(span.starts_at for __, span in asked) + later - spare,
        max(span.ends_at for __, span in asked) + later + spare,
    )
    calendars = {calendar.id: calendar for calendar, __ in asked}
    wish = wish_of(together.form, wanted)
    gaps = wish.before, wish.after
    taken = scheduling.BusyTimes(
        {
            its: busy.busy_times(one.user_id, start, end, one.zone, together.moving, gaps)
            for its, one in calendars.items()
        }
    )
    starts = _starts(practitioner, after, wanted.duration)
    length = wanted.duration
    return scheduling.first_free(
        starts,
        lambda at: (
            (calendar.id, span) for calendar, span in together.targets(Span(at, at + length))
        ),
        taken,
    )


def _starts(practitioner: Practitioner, after: datetime, length: timedelta) -> Iterator[datetime]:
    """Every start in the working time of two weeks, in the clinic's steps from the opening hour,
    that leaves enough time for that length.
    """
    until = after + timedelta(days=DAYS_AHEAD)
    hours = openings.openings_of(time_off.rota(practitioner, after, until), after, until)
    need = slots.Need(length // timedelta(microseconds=1))
    rules = slots.SlotRules(grid_step() * slots.MINUTE)
    return map(scheduling.of_number, slots.slots(hours, [], need, rules, scheduling.number(after)))


def grid_step() -> int:
    """Minutes between offered times."""
    return access.clinic().step_minutes
