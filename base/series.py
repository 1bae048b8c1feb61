"""What may become of a booking and of its series: whom a change reaches, what each row keeps, and
which times are taken then.

`InSeries` is the part of `models.Booking` that does it. It lies below the tables and reaches them
through the row.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from base import scheduling

from .audit import AuditEntry
from .database import Base, transition
from .notes import NoteVersion
from .outside import ExternalEvent
from .scheduling import Span
from .time_off import TimeOff
from .working_time import Stretch

STATUSES = (
    "offered",
    "pending",
    "confirmed",
    "arrived",
    "delivered",
    "invoiced",
    "paid",
    "cancelled",
    "no_show",
)
FREE_STATUSES = ("offered", "cancelled", "no_show")  # hold no time; every other status does
OPEN_STATUSES = ("offered", "pending", "confirmed", "arrived")  # nothing has come of it yet


@dataclass(frozen=True)
class Clash:
    """A time that is taken: the calendar and span asked for, and the bookings, external events and
    time off that hold it.
    """

    calendar: Base
    span: Span
    bookings: Sequence[Base]
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


class ChangedMeanwhile(Exception):
    """Somebody changed the row after the page that now wants to change it was opened."""


class Changed(list[Any]):
    """The bookings that were changed. `kept` counts the others by reason, `skipped` are the times
    that were taken and left out, `entry` is the id of the change of status in the history.

    Reasons: "colleague" (another person's booking), "settled" (delivered, paid, cancelled … keep
    status, time and rate),
    "own" (a value that was set for that one alone).
    """

    def __init__(
        self,
        rows: Iterable[Base] = (),
        kept: dict[str, int] | None = None,
        skipped: Sequence[Clash] = (),
        entry: int | None = None,
    ):
        super().__init__(rows)
        self.entry = entry
        self.kept, self.skipped = (
            {why: count for why, count in (kept or {}).items() if count},
            skipped,
        )


@dataclass(frozen=True)
class Shift:
    """How a span changes, as something that can be done to the others of a series. None: that part
    stays as each has it.
    """

    days: int
    wall: time | None
    length: timedelta | None
    whole: bool | None  # where it changes between whole days and times
    was_whole: bool

    @classmethod
    def between(cls, was: Span, zone: ZoneInfo, to: Span, there: ZoneInfo) -> "Shift":
        """What leads from one span on the clock of `zone` to another on that of `there`."""
        old_day, old_wall, old_length = _on_the_clock(was, zone)
        day, wall, length = _on_the_clock(to, there)
        turned = was.all_day != to.all_day
        return cls(
            (day - old_day).days,
            wall if turned or wall != old_wall else None,
            length if turned or length != old_length else None,
            to.all_day if turned else None,
            was.all_day,
        )

    def of(self, span: Span, zone: ZoneInfo, there: ZoneInfo) -> Span:
        """The span changed so. Wall time counts, so that a series keeps its hour over a clock
        change. Raises BadTime past 2099.
        """
        alike = self.whole is not None or span.all_day == self.was_whole
        wall, length = (self.wall, self.length) if alike else (None, None)
        if zone == there and not self.days and wall is None and length is None:
            return span
        day, own_wall, own_length = _on_the_clock(span, zone)
        day += timedelta(days=self.days)
        length = own_length if length is None else length
        if span.all_day if self.whole is None else self.whole:
            return scheduling.whole_days(day, day + length - timedelta(days=1), there)
        starts_at, _ = scheduling.instant(day, own_wall if wall is None else wall, there)
        return Span(starts_at, starts_at + length)


def _on_the_clock(span: Span, zone: ZoneInfo) -> tuple[date, time | None, timedelta]:
    """First day, wall time (None for whole days) and length."""
    if span.all_day:
        return span.starts_on, None, span.ends_on - span.starts_on
    local = span.starts_at.astimezone(zone)
    return local.date(), local.time().replace(fold=local.fold), span.duration


@dataclass
class Step:
    """What is to become of one booking."""

    row: Base
    span: Span
    calendar: Base
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The status that the booking would have."""
        return self.fields.get("status", self.row.status)

    @property
    def is_busy(self) -> bool:
        """Whether it would take time."""
        return self.status not in FREE_STATUSES

    @property
    def takes_time(self) -> bool:
        """Whether it would hold time in another place than now. Whoever only writes a note need not
        ask again.
        """
        moved = self.span != self.row.span or self.calendar.user_id != self.row.practitioner.user_id
        return self.is_busy and (moved or not self.row.is_busy)

    @property
    def moves(self) -> bool:
        """Whether time or calendar would change."""
        return self.span != self.row.span or self.calendar.id != self.row.practitioner_id

    @property
    def changes(self) -> list[str]:
        """The names of the columns that would get another value; a calendar is "practitioner", a
        time "time".
        """
        named = [
            name for name, value in self.fields.items() if self.row.__data__[name] != _plain(value)
        ]
        return [
            *named,
            *["time"] * (self.span != self.row.span),
            *["practitioner"] * (self.calendar.id != self.row.practitioner_id),
        ]

    def stay(self) -> None:
        """Leave time, calendar and status alone."""
        self.span, self.calendar = self.row.span, self.row.practitioner
        self.fields.pop("status", None)


def _plain(value):
    return value.id if isinstance(value, Base) else value


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


class InSeries:
    """The transitions of a booking: change, status, cancellation, undo; alone or with others of its
    series.
    """

    def in_series(self, which: str) -> list[Any]:
        """This booking ("one"), with those after it ("following"), or the whole series ("all"), in
        order of time.
        """
        if which == "one" or self.series is None:
            return [self]
        table = type(self)
        calendar, venue = table.practitioner.rel_model, table.practitioner.rel_model.venue.rel_model
        rows = (
            table.select(table, calendar, venue)
            .join(calendar)
            .join(venue)
            .where(table.series == self.series, table.clinic == self.clinic_id)
            .order_by(table.starts_at, table.id)
        )
        rows = (
            rows.where((table.starts_at >= self.starts_at) | (table.id == self.id))
            if which == "following"
            else rows
        )
        return [self if row.id == self.id else row for row in rows]

    def reach(self, actor: Base | None, which: str) -> tuple[list[Any], int]:
        """The bookings that a change of `which` reaches for this person, and how many are a
        colleague's and stay.

        A practitioner reaches their own, a manager everyone's. The booking itself is always
        reached: whether it may be is asked before.
        """
        rows = self.in_series(which)
        reached = [
            row
            for row in rows
            if row.id == self.id
            or actor is None
            or actor.is_manager
            or row.practitioner.user_id == actor.id
        ]
        return reached, len(rows) - len(reached)

    def plan(
        self, reached: Sequence[Any], span: Span, practitioner: Base | None = None, **fields
    ) -> tuple[list[Step], dict[str, int]]:
        """What a change would make of each booking that it reaches, and how many keep something, by
        reason. Reads and writes nothing.

        Only what differs from this booking's own row counts as changed. Of it the others take what
        they had in common with this
        one: a value that was set for one alone stays. What is settled keeps status, time, calendar
        and rate. Each stays in its own
        calendar and zone, unless it was in this one's calendar and that changes. Raises BadTime.
        """
        there = practitioner or self.practitioner
        shift = Shift.between(self.span, self.practitioner.zone, span, there.zone)
        steps, kept = [], {"settled": 0, "own": 0}
        for row in reached:
            if row is self:
                steps.append(Step(self, span, there, fields))
                continue
            settled = row.status not in OPEN_STATUSES
            step = Step(row, row.span, row.practitioner)
            full = Step(row, *self._place_of(row, there, shift), dict(fields))
            if not settled:
                step.span, step.calendar = full.span, full.calendar
            own = False
            for name, value in fields.items():
                if name == "status" or (settled and name == "rate_cents"):
                    takes = not settled
                else:
                    takes = row.__data__[name] == self.__data__[name]
                    own = own or (not takes and row.__data__[name] != _plain(value))
                if takes:
                    step.fields[name] = value
            kept["settled"] += settled and bool(
                {"status", "rate_cents", "time", "practitioner"} & set(full.changes)
            )
            kept["own"] += own
            steps.append(step)
        return steps, kept

    def _place_of(self, row: Base, there: Base, shift: Shift) -> tuple[Span, Base]:
        """Span and calendar of another of the series after this one went to the calendar `there` by
        the shift.
        """
        calendar = there if row.practitioner_id == self.practitioner_id else row.practitioner
        return shift.of(row.span, row.practitioner.zone, calendar.zone), calendar

    def targets(
        self, reached: Sequence[Any], span: Span, practitioner: Base | None = None
    ) -> Iterator[tuple[int, Span]]:
        """(person, span) of every booking that would go along to hold time elsewhere, this one
        first. Raises BadTime.
        """
        there = practitioner or self.practitioner
        shift = Shift.between(self.span, self.practitioner.zone, span, there.zone)
        yield there.user_id, span
        for row in going_along(self, reached):
            target, calendar = self._place_of(row, there, shift)
            yield calendar.user_id, target

    def clashes(self, actor: Base | None, span: Span, which: str = "one", **change) -> list[Clash]:
        """What is in the way of a change, time by time (arguments as for `change`)."""
        steps, _ = self.plan(self.reach(actor, which)[0], span, **change)
        return [clash for _, clash in clashes(steps)]

    @transition
    def change(
        self,
        actor: Base | None,
        span: Span,
        *,
        which: str = "one",
        practitioner: Base | None = None,
        allow_overlap: bool | Collection[str] = False,
        skip_taken: bool = False,
        seen_sequence: int | None = None,
        **fields,
    ) -> Changed:
        """Move to `span` and set columns; with `which` others of the series go with it, as `plan`
        says.

        Raises SlotTaken, and then changes none, unless `skip_taken` lets those stay whose time is
        taken; ChangedMeanwhile where
        `seen_sequence` is not the booking's any more; BadTime. A booking that leaves its series'
        rhythm stays in the series.
        """
        if seen_sequence not in (None, self.sequence):
            raise ChangedMeanwhile
        was, was_status = self.span, self.status
        reached, colleagues = self.reach(actor, which)
        steps, kept = self.plan(reached, span, practitioner, **fields)
        skipped = self._settle(steps, allow_overlap, skip_taken)
        changed = [step for step in steps if step.row is self or step.changes]
        named = sorted({name for step in changed for name in step.changes})
        moved = "time" in named
        if skipped and not named:
            raise SlotTaken(skipped)
        handed = next((step for step in changed if "practitioner" in step.changes), None)
        detail = {"from": handed.row.practitioner_id, "to": handed.calendar.id} if handed else {}
        rows = self._carry_out(changed, actor)
        detail |= {
            "was": was.starts_at.isoformat(),
            "now": self.starts_at.isoformat(),
            "fields": named,
        }
        if self.status != was_status:
            detail["status"] = self.status
        action = "booking.moved" if moved else "booking.given" if handed else "booking.changed"
        self._note(actor, action, rows, **detail)
        return Changed(rows, kept | {"colleague": colleagues}, skipped)

    @transition
    def set_status(
        self,
        status: str,
        actor: Base | None,
        *,
        which: str = "one",
        allow_overlap: bool | Collection[str] = False,
        skip_taken: bool = False,
    ) -> Changed:
        """Change the status. Taking time again after a cancellation asks for the time to be free
        still (SlotTaken).

        Others of the series that were delivered, paid, missed or cancelled keep theirs.
        """
        reached, colleagues = self.reach(actor, which)
        other = [row for row in reached if row.status != status]
        rows = [row for row in other if row is self or row.status in OPEN_STATUSES]
        steps = [Step(row, row.span, row.practitioner, {"status": status}) for row in rows]
        skipped = self._settle(steps, allow_overlap, skip_taken)
        changed = [step for step in steps if step.changes]
        kept = {"colleague": colleagues, "settled": len(other) - len(rows)}
        was = {str(step.row.id): step.row.status for step in changed}
        agreed = {} if status not in FREE_STATUSES else _overlaps([step.row for step in changed])
        done, entry = self._carry_out(changed, actor), None
        if done:
            entry = self._note(
                actor, f"booking.{status}", done, was=was, **({"over": agreed} if agreed else {})
            )
        return Changed(done, kept, skipped, entry)

    @transition
    def undo_status(self, actor: Base | None, entry: int | None = None) -> "Changed | bool":
        """Give every booking of the latest change of status the one it had; False when something
        else came after it, or after the change that the history has as `entry`.

        Each is asked for in its own calendar. One whose time has been taken since stays as it is
        and is in `skipped`, but not for what
        it overlapped before; a colleague's stays, too. Raises SlotTaken when none could be given
        back.
        """
        latest = AuditEntry.about(self).first()
        was = (
            latest.detail.get("was")
            if latest and not latest.part_of and latest.action.removeprefix("booking.") in STATUSES
            else None
        )
        if not was or entry not in (None, latest.id):
            return False
        table, status = type(self), latest.action.removeprefix("booking.")
        calendar = table.practitioner.rel_model
        found = (
            table.select(table, calendar)
            .join(calendar)
            .where(table.id.in_([int(row_id) for row_id in was]), table.clinic == self.clinic_id)
        )
        reached = [self if row.id == self.id else row for row in found.order_by(table.starts_at)]
        later = latest.set_later([f"booking.{one}" for one in (*STATUSES, "undone")])
        if self not in reached or any(row.status != status or row.id in later for row in reached):
            return False
        own = [
            row
            for row in reached
            if row is self
            or actor is None
            or actor.is_manager
            or row.practitioner.user_id == actor.id
        ]
        steps = [Step(row, row.span, row.practitioner, {"status": was[str(row.id)]}) for row in own]
        agreed = {int(row_id): set(keys) for row_id, keys in latest.detail.get("over", {}).items()}
        skipped = []
        while taken := [
            (step, clash)
            for step, clash in clashes(steps)
            if clash.keys - agreed.get(step.row.id, set())
        ]:
            for step, clash in taken:
                steps.remove(step)
                skipped.append(clash)
        if not steps:
            raise SlotTaken(skipped)
        rows = self._carry_out(steps, actor)
        self._note(actor, "booking.undone", rows, status=self.status)
        return Changed(rows, {"colleague": len(reached) - len(own)}, skipped)

    def cancel(self, actor: Base | None, *, which: str = "one") -> Changed:
        """Cancel; the booking stays, struck through, and its time is free."""
        return self.set_status("cancelled", actor, which=which)

    def _settle(
        self, steps: Sequence[Step], allow_overlap: bool | Collection[str], skip_taken: bool
    ) -> list[Clash]:
        """Refuse times that are taken (SlotTaken), or skip them. Gives what was skipped."""
        if skip_taken:
            return spare_taken(steps)
        refuse_taken(
            [clash for _, clash in clashes(steps)] if allow_overlap is not True else [],
            allow_overlap,
        )
        return []

    def _carry_out(self, steps: Sequence[Step], actor: Base | None) -> list[Any]:
        """Write the steps, keep what a note said before, and make every calendar's feeds fresh."""
        touched, now = {}, scheduling.utc_now()
        for step in steps:
            row = step.row
            shows = step.moves or step.status != row.status
            touched |= {row.practitioner_id: row.practitioner, step.calendar.id: step.calendar}
            if "notes" in step.changes:
                NoteVersion.keep(row, actor)
            row.place(step.span)
            row.practitioner = step.calendar
            for name, value in step.fields.items():
                setattr(row, name, value)
            row.sequence, row.updated_at = row.sequence + shows, now
            row.save()
        if touched:
            self.bump(self.clinic, *touched.values())
        return [step.row for step in steps]

    def _note(self, actor: Base | None, action: str, rows: Sequence[Any], **detail) -> int:
        """One entry for all, and one beneath it for each of the others, so that the history of each
        is whole. Gives the id of the first.
        """
        entry = AuditEntry.note(self.clinic, actor, action, self, count=len(rows), **detail)
        entry.spread([row for row in rows if row is not self])
        return entry.id


def going_along(booking: Base, reached: Iterable[Base]) -> list[Any]:
    """The others of these that move when the booking does and hold time."""
    return [
        row for row in reached if row is not booking and row.status in OPEN_STATUSES and row.is_busy
    ]


def _overlaps(rows: Sequence[Any]) -> dict[str, list[str]]:
    """What each of these bookings overlaps now, by its id: somebody agreed to that."""
    found = {}
    for row in rows:
        if row.is_busy:
            person, zone = row.practitioner.user_id, row.practitioner.zone
            clash = Clash(
                row.practitioner,
                row.span,
                row.conflicts(person, [row.span], [row.id]),
                ExternalEvent.blocking(person, [row.span], zone),
                TimeOff.blocking(person, [row.span], zone),
            )
            if clash.keys:
                found[str(row.id)] = sorted(clash.keys)
    return found
