"""Which times of a change are taken, by what, and whether a person agreed to that."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .outside import ExternalEvent
from .rows import Booked, Calendar
from .scheduling import Span
from .steps import Step
from .time_off import TimeOff
from .working_time import Stretch


@dataclass(frozen=True)
class Clash:
    """A time that is taken: the calendar and span asked for, and the bookings, external events and
    time off that hold it.
    """

    calendar: Calendar
    span: Span
    bookings: Sequence[Booked]
    events: Sequence[ExternalEvent]
    away: Sequence[Stretch] = ()

    @property
    def keys(self) -> set[str]:
        """What is in the way, as short keys: what a person agreed to can be compared with what is
        there later.
        """
        return {
            *(f"b{row.id}" for row in self.bookings),
            *(f"e{event.id}" for event in self.events),
            *(stretch.key for stretch in self.away),
        }


class SlotTaken(Exception):
    """The practitioner is busy: `conflicts` are the bookings in the way, `outside` the external
    events, `away` the time off, `clashes` all of it by time asked for.
    """

    def __init__(self, clashes: Sequence[Clash] = ()):
        super().__init__(len(clashes))
        self.clashes = clashes
        self.conflicts = list({row.id: row for clash in clashes for row in clash.bookings}.values())
        self.outside = list(
            {event.id: event for clash in clashes for event in clash.events}.values()
        )
        self.away = list({one.key: one for clash in clashes for one in clash.away}.values())


def spare_taken(steps: Sequence[Step]) -> list[Clash]:
    """Let every step whose time is taken stay where it is, and give what was in the way."""
    skipped: list[Clash] = []
    while taken := clashes(steps):  # one that stays may be in the way of another
        for step, clash in taken:
            step.stay()
            skipped.append(clash)
    return skipped


def clashes(steps: Sequence[Step]) -> list[tuple[Step, Clash]]:
    """For each step that takes time: what holds it already, or would after the other steps. Each is
    judged in its own calendar.
    """
    found, ids = [], [step.row.id for step in steps]
    calendars = {step.calendar.id: step.calendar for step in steps if step.takes_time}
    for calendar in calendars.values():
        asking = [step for step in steps if step.takes_time and step.calendar.id == calendar.id]
        spans = [step.span for step in asking]
        booked = type(steps[0].row).conflicts(calendar.user_id, spans, ids)
        events = ExternalEvent.blocking(calendar.user_id, spans, calendar.zone)
        off = TimeOff.blocking(calendar.user_id, spans, calendar.zone)
        for step in asking:
            rows = [row for row in booked if row.span.overlaps(step.span)] + [
                other.row for other in steps if _gets_in_the_way(step, other)
            ]
            held = [event for event in events if event.overlaps(step.span, calendar.zone)]
            away = [stretch for stretch in off if stretch.overlaps(step.span)]
            if rows or held or away:
                found.append((step, Clash(step.calendar, step.span, rows, held, away)))
    return sorted(found, key=lambda pair: pair[0].span.starts_at)


def _gets_in_the_way(step: Step, other: Step) -> bool:
    """Whether another booking of the same change would overlap it and does not now: what overlaps
    already was agreed to.
    """
    if (
        other is step
        or not other.is_busy
        or other.calendar.user_id != step.calendar.user_id
        or not other.span.overlaps(step.span)
    ):
        return False
    one, two = step.row, other.row
    return not (
        one.is_busy
        and two.is_busy
        and one.practitioner.user_id == two.practitioner.user_id
        and one.span.overlaps(two.span)
    )


def refuse_taken(taken: Sequence[Clash], agreed: bool | Collection[str]) -> None:
    """Raise SlotTaken for times that are taken. `agreed`: True for all of it, or the keys of what a
    person has agreed to overlap.
    """
    if taken and agreed is not True and any(clash.keys - set(agreed or ()) for clash in taken):
        raise SlotTaken(taken)
