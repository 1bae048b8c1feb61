"""The times of a change that are taken, what takes them, and whether a person agreed to that."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from base.database import Base
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from base.tables.rows import Booked, Calendar
from base.tables.time_off import TimeOff
from base.working_time import Stretch

from .agreements import Agreement
from .steps import NewValues


@dataclass(frozen=True)
class Clash:
    """A time that is taken.

    The calendar and span asked for, and the bookings, external events and time off that take it.
    """

    calendar: Calendar
    span: Span
    bookings: Sequence[Booked]
    events: Sequence[ExternalEvent]
    away: Sequence[Stretch] = ()

    @property
    def keys(self) -> set[str]:
        """Short keys of everything that takes the time.

        Agreements store these keys, so that a later conflict can be compared with them.
        """
        return {
            *map(booking_key_of, self.bookings),
            *("e{}.{}.{}".format(event.id, *_bounds(event)) for event in self.events),
            *(stretch.key for stretch in self.away),
        }

    def unagreed(self, agreed: Collection[str]) -> set[str]:
        """The keys that were not agreed to. Keys from old pages and histories name a booking or
        event without its time, and count as well.
        """
        return {key for key in self.keys if not {key, key.partition(".")[0]} & set(agreed)}


def booking_key(booking: int, starts: int, ends: int) -> str:
    """The key of a booking (id) at its time, in seconds since 1970.

    An agreement counts for that time only.
    """
    return f"b{booking}.{starts}.{ends}"


def booking_key_of(row: Booked) -> str:
    """The key of a booking at its present time."""
    return booking_key(row.id, *_bounds(row.span))


def _bounds(item: Span | ExternalEvent) -> tuple[int, int]:
    return int(item.starts_at.timestamp()), int(item.ends_at.timestamp())


class ClosedCalendar(Exception):
    """Nothing new may be booked in the calendar: it or its venue is closed."""


class SlotTaken(Exception):
    """The practitioner is busy.

    `conflicts`: the bookings in the way. `outside`: the external events. `away`: the time off.
    `clashes`: all three, for each time asked for.
    """

    def __init__(self, clashes: Sequence[Clash] = ()):
        super().__init__(len(clashes))
        self.clashes = clashes
        self.conflicts = list({row.id: row for clash in clashes for row in clash.bookings}.values())
        self.outside = list(
            {event.id: event for clash in clashes for event in clash.events}.values()
        )
        self.away = list({one.key: one for clash in clashes for one in clash.away}.values())


def spare_taken(steps: Sequence[NewValues]) -> list[Clash]:
    """Remove the steps whose time is taken, so that their bookings stay unchanged. Returns the
    clashes.
    """
    skipped: list[Clash] = []
    while taken := clashes(steps):  # a booking that stays may take the time of another one
        for step, clash in taken:
            step.stay()
            skipped.append(clash)
    return skipped


def spare_untold(steps: list[NewValues], agreed: Mapping[int, Collection[str]]) -> list[Clash]:
    """Remove the steps whose time is taken by more than the person agreed to, so that their
    bookings stay unchanged. `agreed`: keys by booking. Returns the clashes.
    """
    skipped: list[Clash] = []
    while taken := [
        (step, clash)
        for step, clash in clashes(steps)
        if clash.unagreed(agreed.get(step.row.id, ()))
    ]:
        for step, clash in taken:
            steps.remove(step)
            skipped.append(clash)
    return skipped


def clashes(steps: Sequence[NewValues]) -> list[tuple[NewValues, Clash]]:
    """For each step that takes time: what takes that time now, or would after the other steps.

    Each step is checked in its own calendar. For a pending booking that is only confirmed, the
    check finds what was booked since.
    """
    found, ids = [], [step.row.id for step in steps]
    confirmed = Agreement.of([step.row.id for step in steps if step.is_confirmed])
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
            outside = [event for event in events if event.overlaps(step.span, calendar.zone)]
            away = [stretch for stretch in off if stretch.overlaps(step.span)]
            clash = Clash(step.calendar, step.span, rows, outside, away)
            if clash.unagreed(confirmed.get(step.row.id, ())):
                found.append((step, clash))
    return sorted(found, key=lambda pair: pair[0].span.starts_at)


def _gets_in_the_way(step: NewValues, other: NewValues) -> bool:
    """Whether another booking of the same change would overlap it in a new way.

    An existing overlap was agreed to. It stays agreed while the two bookings keep their distance
    from each other.
    """
    return _would_overlap(step, other) and not _go_together(step, other)


def _would_overlap(step: NewValues, other: NewValues) -> bool:
    """Whether two bookings of a change overlap after it."""
    return (
        other is not step
        and other.is_busy
        and step.is_busy
        and other.calendar.user_id == step.calendar.user_id
        and other.span.overlaps(step.span)
    )


def _go_together(step: NewValues, other: NewValues) -> bool:
    """Whether two bookings overlap now, and keep their distance to each other after the change."""
    one, two = step.row, other.row
    return bool(one.overlaps(two)) and _apart(one.span, two.span) == _apart(step.span, other.span)


def _apart(one: Span, two: Span) -> tuple[timedelta, timedelta, timedelta]:
    return two.starts_at - one.starts_at, one.duration, two.duration


def agreed_together(steps: Sequence[NewValues]) -> list[tuple[Booked, Booked]]:
    """Pairs of changed bookings that overlap before and after the change. Somebody agreed to the
    overlap, and the agreement stays wherever the two are moved together.
    """
    pairs = [
        (one.row, two.row)
        for place, one in enumerate(steps)
        for two in steps[place + 1 :]
        if _would_overlap(one, two) and _go_together(one, two)
    ]
    agreed = Agreement.of([row.id for pair in pairs for row in pair])
    return [
        (one, two)
        for one, two in pairs
        if booking_key_of(two) in agreed[one.id] or booking_key_of(one) in agreed[two.id]
    ]


def void_agreements(steps: Sequence[NewValues]) -> list[tuple[Booked, Booked]]:
    """Before a change is written: delete the agreements of bookings whose time changes.

    Returns the pairs whose agreement stays: see `agreed_together`.
    """
    stays = agreed_together(steps)
    Agreement.void([step.row.id for step in steps if step.takes_time and not step.is_confirmed])
    return stays


def write_down(
    agreed: Sequence[tuple[NewValues, Clash]],
    stays: Sequence[tuple[Booked, Booked]],
    actor: Base | None,
) -> None:
    """After a change is written: store the overlaps of its bookings that a person agreed to."""
    Agreement.keep([(step.row.id, key) for step, clash in agreed for key in clash.keys], actor)
    Agreement.keep([(one.id, booking_key_of(two)) for one, two in stays], actor)


def refuse_taken(taken: Sequence[Clash], agreed: bool | Collection[str]) -> None:
    """Raise SlotTaken for times that are taken.

    `agreed`: True for everything, or the keys of what a person agreed to overlap.
    """
    if agreed is not True and any(clash.unagreed(agreed or ()) for clash in taken):
        raise SlotTaken(taken)


def untaken(spans: Sequence[Span], taken: Sequence[Clash]) -> list[Span]:
    """The spans that are not taken. Raises SlotTaken if none is left."""
    refused = [clash.span for clash in taken]
    left = [span for span in spans if span not in refused]
    if not left:
        raise SlotTaken(taken)
    return left


def overlapped_now(rows: Sequence[Any]) -> dict[str, list[str]]:
    """The keys of everything that each of these bookings (by id) overlaps now. Somebody agreed to
    these overlaps. Three queries for each calendar.
    """
    found: dict[str, list[str]] = {}
    busy = [row for row in rows if row.is_busy]
    for calendar in {row.practitioner_id: row.practitioner for row in busy}.values():
        own = [row for row in busy if row.practitioner_id == calendar.id]
        spans, zone = [row.span for row in own], calendar.zone
        booked = type(own[0]).conflicts(calendar.user_id, spans)
        events = ExternalEvent.blocking(calendar.user_id, spans, zone)
        off = TimeOff.blocking(calendar.user_id, spans, zone)
        for row, span in zip(own, spans, strict=True):
            clash = Clash(
                calendar,
                span,
                [one for one in booked if one.id != row.id and one.span.overlaps(span)],
                [event for event in events if event.overlaps(span, zone)],
                [stretch for stretch in off if stretch.overlaps(span)],
            )
            if clash.keys:
                found[str(row.id)] = sorted(clash.keys)
    return found
