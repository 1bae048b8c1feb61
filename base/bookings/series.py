"""What may become of a booking and of its series.

Whom a change reaches, what each row keeps, and which times are taken then.

`InSeries` is the part of `models.Booking` that does it. It lies below the tables and reaches them
through the row.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from base import scheduling
from base.database import Base, transition
from base.scheduling import Span
from base.tables.audit import AuditEntry
from base.tables.notes import NoteVersion
from base.tables.rows import Booked, Calendar

from . import client_letters
from .changes import Changed, ChangedMeanwhile, are_pending
from .clashes import (
    Clash,
    SlotTaken,
    clashes,
    overlapped_now,
    refuse_taken,
    spare_taken,
    spare_untold,
    void_agreements,
    write_down,
)
from .moving import places_before
from .statuses import FREE_STATUSES, OPEN_STATUSES, STATUSES
from .steps import Shift, Step, plain

PLACE = {"time", "practitioner"}  # what of a change is a move

if TYPE_CHECKING:

    class _Booking(Base):
        """What is used of `models.Booking`, for the type checker."""

        clinic: Any
        clinic_id: int
        practitioner: Any
        practitioner_id: int
        series: UUID | None
        status: str
        starts_at: datetime
        updated_at: datetime
        sequence: int

        @property
        def span(self) -> Span: ...

        @property
        def is_busy(self) -> bool: ...

        @classmethod
        def conflicts(
            cls, user: int, spans: Sequence[Span], but: Collection[int] = ()
        ) -> list[Booked]: ...

        @staticmethod
        def bump(clinic: Base, *calendars: Calendar) -> None: ...

else:
    _Booking = object


class InSeries(_Booking):
    """The transitions of a booking.

    Change, status, cancellation, undo; alone or with others of its series.
    """

    def in_series(self, which: str) -> list[Any]:
        """The bookings of the series that `which` names, in order of time.

        "one": this booking; "following": with those after it; "all": the whole series.
        """
        if which == "one" or self.series is None:
            return [self]
        table: Any = type(self)
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
        """The bookings that a change reaches for this person, and how many stay.

        Those that stay are a colleague's.

        A practitioner reaches their own, a receptionist or manager everyone's. The booking itself
        is always reached: whether it may be is asked before.
        """
        rows = self.in_series(which)
        reached = [row for row in rows if row.id == self.id or _may_reach(actor, row)]
        return reached, len(rows) - len(reached)

    def plan(
        self,
        reached: Sequence[Any],
        span: Span,
        practitioner: Calendar | None = None,
        **fields: Any,
    ) -> tuple[list[Step], dict[str, int]]:
        """What a change would make of each booking that it reaches.

        Also how many keep something, by reason. Reads and writes nothing.

        Only what differs from this booking's own row counts as changed. Of it the others take what
        they had in common with this one: a value that was set for one alone stays. What is settled
        keeps status, time, calendar and rate. Each stays in its own calendar and zone, unless it
        was in this one's calendar and that changes. Raises BadTime.
        """
        there: Calendar = practitioner or self.practitioner
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
                    own = own or (not takes and row.__data__[name] != plain(value))
                if takes:
                    step.fields[name] = value
            kept["settled"] += settled and bool(
                {"status", "rate_cents", "time", "practitioner"} & set(full.changes)
            )
            kept["own"] += own
            steps.append(step)
        return steps, kept

    def _place_of(self, row: Any, there: Calendar, shift: Shift) -> tuple[Span, Calendar]:
        """Span and calendar of another of the series after this one moved.

        This one went to the calendar `there`, by the shift.
        """
        calendar = there if row.practitioner_id == self.practitioner_id else row.practitioner
        return shift.of(row.span, row.practitioner.zone, calendar.zone), calendar

    def targets(
        self, reached: Sequence[Any], span: Span, practitioner: Calendar | None = None
    ) -> Iterator[tuple[int, Span]]:
        """(person, span) of every booking that would hold time elsewhere, this one first.

        Raises BadTime.
        """
        there: Calendar = practitioner or self.practitioner
        shift = Shift.between(self.span, self.practitioner.zone, span, there.zone)
        yield there.user_id, span
        for row in going_along(self, reached):
            target, calendar = self._place_of(row, there, shift)
            yield calendar.user_id, target

    def clashes(
        self, actor: Base | None, span: Span, which: str = "one", **change: Any
    ) -> list[Clash]:
        """What is in the way of a change, time by time (arguments as for `change`)."""
        steps, _ = self.plan(self.reach(actor, which)[0], span, **change)
        return [clash for _, clash in clashes(steps)]

    @transition
    def change(
        self,
        /,
        actor: Base | None,
        span: Span,
        *,
        which: str = "one",
        practitioner: Calendar | None = None,
        allow_overlap: bool | Collection[str] = False,
        skip_taken: bool = False,
        seen_sequence: int | None = None,
        **fields: Any,
    ) -> Changed:
        """Move to `span` and set columns.

        With `which` others of the series go with it, as `plan` says.

        Raises SlotTaken, and then changes none, unless `skip_taken` lets those stay whose time is
        taken; ChangedMeanwhile where `seen_sequence` is not the booking's any more; BadTime. A
        booking that leaves its series' rhythm stays in the series.
        """
        if seen_sequence not in (None, self.sequence):
            raise ChangedMeanwhile
        was, was_status = self.span, self.status
        reached, colleagues = self.reach(actor, which)
        steps, kept = self.plan(reached, span, practitioner, **fields)
        skipped, agreed = self._settle(steps, allow_overlap, skip_taken)
        changed = [step for step in steps if step.row is self or step.changes]
        named = sorted({name for step in changed for name in step.changes})
        moved = "time" in named
        if skipped and not named:
            raise SlotTaken(skipped)
        handed = next((step for step in changed if "practitioner" in step.changes), None)
        detail: dict[str, Any] = {"fields": named}
        if handed:
            detail |= {"from": handed.row.practitioner_id, "to": handed.calendar.id}
        if {*named} & PLACE and "status" not in named:
            detail |= places_before([step.row for step in changed if step.moves])
        rows = self.carry_out(changed, actor, agreed)
        detail |= {"was": was.starts_at.isoformat(), "now": self.starts_at.isoformat()}
        if self.status != was_status:
            detail["status"] = self.status
        action = "booking.moved" if moved else "booking.given" if handed else "booking.changed"
        entry = self.note(actor, action, rows, **detail)
        can_go_back = "places" in detail and PLACE.issuperset(named)
        kept |= {"colleague": colleagues}
        return Changed(rows, kept, skipped, entry if can_go_back else None)

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
        """Change the status.

        Taking time again after a cancellation asks for the time to be free still (SlotTaken).

        Others of the series that were delivered, paid, missed or cancelled keep theirs.
        """
        reached, colleagues = self.reach(actor, which)
        other = [row for row in reached if row.status != status]
        rows = [row for row in other if row is self or row.status in OPEN_STATUSES]
        steps = [Step(row, row.span, row.practitioner, {"status": status}) for row in rows]
        skipped, agreed = self._settle(steps, allow_overlap, skip_taken)
        changed = [step for step in steps if step.changes]
        kept = {"colleague": colleagues, "settled": len(other) - len(rows)}
        was = {str(step.row.id): step.row.status for step in changed}
        over = {} if status not in FREE_STATUSES else overlapped_now([step.row for step in changed])
        done, entry = self.carry_out(changed, actor, agreed), None
        if done:
            entry = self.note(
                actor, f"booking.{status}", done, was=was, **({"over": over} if over else {})
            )
        return Changed(done, kept, skipped, entry)

    @transition
    def undo_status(self, actor: Base | None, entry: int | None = None) -> "Changed | bool":
        """Give every booking of the latest change of status the one it had.

        False when something else came after it, or after the change that the history has as
        `entry`.

        Each is asked for in its own calendar. One whose time has been taken since stays as it is
        and is in `skipped`, but not for what it overlapped before; a colleague's stays, too. Raises
        SlotTaken when none could be given back.
        """
        latest = AuditEntry.about(self).first()
        was = (
            latest.detail.get("was")
            if latest and not latest.part_of and latest.action.removeprefix("booking.") in STATUSES
            else None
        )
        if not was or entry not in (None, latest.id):
            return False
        table: Any = type(self)
        status = latest.action.removeprefix("booking.")
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
        own = [row for row in reached if row is self or _may_reach(actor, row)]
        steps = [Step(row, row.span, row.practitioner, {"status": was[str(row.id)]}) for row in own]
        agreed = {int(row_id): set(keys) for row_id, keys in latest.detail.get("over", {}).items()}
        skipped = spare_untold(steps, agreed)
        if not steps:
            raise SlotTaken(skipped)
        rows = self.carry_out(steps, actor, clashes(steps))
        self.note(actor, "booking.undone", rows, status=self.status)
        return Changed(rows, {"colleague": len(reached) - len(own)}, skipped)

    def cancel(self, actor: Base | None, *, which: str = "one") -> Changed:
        """Cancel; the booking stays, struck through, and its time is free."""
        return self.set_status("cancelled", actor, which=which)

    def _settle(
        self, steps: Sequence[Step], allow_overlap: bool | Collection[str], skip_taken: bool
    ) -> tuple[list[Clash], list[tuple[Step, Clash]]]:
        """Refuse times that are taken (SlotTaken), or skip them.

        Gives what was skipped, and what a person agreed to, by step.
        """
        for step in steps:
            if step.calendar.id != step.row.practitioner_id:
                step.calendar.check_open()
        if skip_taken:
            return spare_taken(steps), []
        found = clashes(steps)
        refuse_taken([clash for _, clash in found], allow_overlap)
        return [], found

    def carry_out(
        self,
        steps: Sequence[Step],
        actor: Base | None,
        agreed: Sequence[tuple[Step, Clash]] = (),
    ) -> list[Any]:
        """Write the steps, make every calendar's feeds fresh, and tell the clients.

        Keeps what a note said before, and what the person agreed to overlap.
        """
        before = [client_letters.State.of(step.row) for step in steps]
        touched: dict[int, Calendar] = {}
        now = scheduling.utc_now()
        stays = void_agreements(steps)
        asks = [step.row for step in steps if step.status == "pending" != step.row.status]
        for step in steps:
            row: Any = step.row
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
        write_down(agreed, stays, actor)
        are_pending(asks)
        if touched:
            self.bump(self.clinic, *touched.values())
        client_letters.tell(
            self.clinic, [(s.row, was) for s, was in zip(steps, before, strict=True)]
        )
        return [step.row for step in steps]

    def note(self, actor: Base | None, action: str, rows: Sequence[Any], **detail: Any) -> int:
        """Note one entry for all, and one beneath it for each of the others.

        So the history of each is whole. Gives the id of the first.
        """
        entry = AuditEntry.note(self.clinic, actor, action, self, count=len(rows), **detail)
        entry.spread([row for row in rows if row is not self])
        return entry.id


def _may_reach(actor: Any, row: Any) -> bool:
    """Whether the person may change the booking with others.

    Their own, a receptionist or manager everyone's. None: the program itself.
    """
    return actor is None or actor.books_for_all or row.practitioner.user_id == actor.id


def going_along(booking: object, reached: Iterable[Any]) -> list[Any]:
    """The others of these that move when the booking does and hold time."""
    return [
        row for row in reached if row is not booking and row.status in OPEN_STATUSES and row.is_busy
    ]
