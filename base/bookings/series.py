"""Changes of a booking and of its series.

This module decides which bookings a change reaches, what each row keeps, and which times are then
taken. `InSeries` is the part of `models.Booking` for it. It stands below the tables and reaches
them through the row.
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
from .changes import Changed, ChangedMeanwhile, are_given_away, have_other_status
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
from .course import Course, OnPage
from .moving import places_before
from .statuses import FREE_STATUSES, OPEN_STATUSES, STATUSES
from .steps import NewValues, plain

PLACE = {"time", "practitioner"}  # the columns of a change that move a booking

if TYPE_CHECKING:

    class _Booking(Base):
        """The parts of `models.Booking` that are used here, for the type checker."""

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

        def overlaps(self, other: Any) -> bool: ...

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
        """The bookings that this person's change reaches, and how many of the series are left out.

        A practitioner reaches their own bookings, a receptionist or manager everyone's. The booking
        itself is always included: the caller checks the right to change it first.
        """
        rows = self.in_series(which)
        reached = [row for row in rows if row.id == self.id or _may_reach(actor, row)]
        return reached, len(rows) - len(reached)

    def plan(
        self,
        reached: Sequence[Any],
        span: Span,
        practitioner: Calendar | None = None,
        shown: OnPage | None = None,
        **fields: Any,
    ) -> tuple[list[NewValues], dict[str, int]]:
        """Plan a change of several bookings: a step for each, and how many keep something, by
        reason. Reads and writes nothing.

        `fields`: the values that a person changed on a page. `shown`: what the page showed; None:
        what is stored. The other bookings take a changed value if they have the same old value, of
        the page or of this booking's row; a value that was set for one booking alone stays. A
        settled booking keeps its status, time, calendar and rate. Each booking stays in its
        calendar and zone, unless it was in this booking's calendar and that changes. Raises
        BadTime.
        """
        there: Calendar = practitioner or self.practitioner
        course = Course(self, reached, shown, span, there)
        steps, kept = [], {"settled": 0, "own": 0}
        for row in reached:
            if row is self:
                steps.append(NewValues(self, span, there, fields))
                continue
            settled = row.status not in OPEN_STATUSES
            step = NewValues(row, row.span, row.practitioner)
            full = NewValues(row, *course.place(row), dict(fields))
            if not settled:
                step.span, step.calendar = full.span, full.calendar
            own = not settled and course.keeps_calendar(row)
            for name, value in fields.items():
                if name == "status" or (settled and name == "rate_cents"):
                    takes = not settled
                else:
                    takes = course.has_same(row, name)
                    own = own or (not takes and row.__data__[name] != plain(value))
                if takes:
                    step.fields[name] = value
            kept["settled"] += settled and bool(
                {"status", "rate_cents", "time", "practitioner"} & set(full.changes)
            )
            kept["own"] += own
            steps.append(step)
        return steps, kept

    def targets(
        self, reached: Sequence[Any], span: Span, practitioner: Calendar | None = None
    ) -> Iterator[tuple[Calendar, Span]]:
        """The new (calendar, span) of every booking that would take another time, this booking
        first.

        Raises BadTime.
        """
        there: Calendar = practitioner or self.practitioner
        course = Course(self, reached, None, span, there)
        yield there, span
        for row in going_along(self, reached):
            target, calendar = course.place(row)
            yield calendar, target

    def clashes(
        self, actor: Base | None, span: Span, which: str = "one", **change: Any
    ) -> list[Clash]:
        """The clashes of a change's times, time by time (arguments as for `change`)."""
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
        shown: OnPage | None = None,
        **fields: Any,
    ) -> Changed:
        """Move to `span` and set columns.

        `which` names the bookings of the series that change too, by the rules of `plan`. `shown`:
        what the page showed, as for `plan`.

        Raises SlotTaken, and then changes none; with `skip_taken` only the bookings whose time is
        taken stay. Raises ChangedMeanwhile if `seen_sequence` is no longer the booking's, and
        BadTime. A booking that no longer follows the pattern of its series stays in it.
        """
        if seen_sequence not in (None, self.sequence):
            raise ChangedMeanwhile
        was, was_status = self.span, self.status
        reached, colleagues = self.reach(actor, which)
        steps, kept = self.plan(reached, span, practitioner, shown, **fields)
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

        A cancelled booking takes its time again only if that is still free (SlotTaken).

        Others of the series keep their status if they were delivered, paid, missed or cancelled.
        """
        reached, colleagues = self.reach(actor, which)
        other = [row for row in reached if row.status != status]
        rows = [row for row in other if row is self or row.status in OPEN_STATUSES]
        steps = [NewValues(row, row.span, row.practitioner, {"status": status}) for row in rows]
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
        """Undo the latest change of status: each booking of the change gets its former status.

        False if something else changed since the latest change, or since the change `entry` (its id
        in the history).

        Each booking is checked in its own calendar. A booking whose time was taken since stays as
        it is and is in `skipped`, unless the two overlapped before. A colleague's booking stays,
        too. Raises SlotTaken if none could be undone.
        """
        latest = AuditEntry.latest(self)
        if latest is None or latest.part_of or entry not in (None, latest.id):
            return False
        was, status = latest.detail.get("was"), latest.action.removeprefix("booking.")
        if not was or status not in STATUSES:
            return False
        table: Any = type(self)
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
        steps = [
            NewValues(row, row.span, row.practitioner, {"status": was[str(row.id)]}) for row in own
        ]
        agreed = {int(row_id): set(keys) for row_id, keys in latest.detail.get("over", {}).items()}
        skipped = spare_untold(steps, agreed)
        if not steps:
            raise SlotTaken(skipped)
        rows = self.carry_out(steps, actor, clashes(steps))
        self.note(actor, "booking.undone", rows, status=self.status)
        return Changed(rows, {"colleague": len(reached) - len(own)}, skipped)

    def cancel(self, actor: Base | None, *, which: str = "one") -> Changed:
        """Cancel the booking. It stays in the calendar, struck through, and its time is free."""
        return self.set_status("cancelled", actor, which=which)

    def _settle(
        self, steps: Sequence[NewValues], allow_overlap: bool | Collection[str], skip_taken: bool
    ) -> tuple[list[Clash], list[tuple[NewValues, Clash]]]:
        """Refuse times that are taken (SlotTaken), or skip them.

        Returns what was skipped, and what a person agreed to, by step.
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
        steps: Sequence[NewValues],
        actor: Base | None,
        agreed: Sequence[tuple[NewValues, Clash]] = (),
    ) -> list[Any]:
        """Write the steps, renew every calendar's feeds, and queue the letters to clients.

        Keeps earlier texts of notes, and the overlaps that the person agreed to.
        """
        before = [client_letters.ClientFacts.of(step.row) for step in steps]
        touched: dict[int, Calendar] = {}
        now = scheduling.utc_now()
        stays = void_agreements(steps)
        other = [(step.row, step.row.status) for step in steps if step.status != step.row.status]
        given = [(s.row, s.row.practitioner, s.row.span) for s in steps if s.is_given_away]
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
        have_other_status(other)
        are_given_away(actor, given)
        if touched:
            self.bump(self.clinic, *touched.values())
        client_letters.queue_letters(
            self.clinic, [(s.row, was) for s, was in zip(steps, before, strict=True)]
        )
        return [step.row for step in steps]

    def note(self, actor: Base | None, action: str, rows: Sequence[Any], **detail: Any) -> int:
        """Write one entry of the history for the whole change, and one beneath it for each other
        booking.

        The history of each booking is then complete. Returns the id of the first entry.
        """
        entry = AuditEntry.note(self.clinic, actor, action, self, count=len(rows), **detail)
        entry.spread([row for row in rows if row is not self])
        return entry.id


def _may_reach(actor: Any, row: Any) -> bool:
    """Whether the person may change this booking together with others: their own, or everyone's for
    receptionists and managers. None: the program itself.
    """
    return actor is None or actor.books_for_all or row.practitioner.user_id == actor.id


def going_along(booking: object, reached: Iterable[Any]) -> list[Any]:
    """The other bookings that move with this one and take time."""
    return [
        row for row in reached if row is not booking and row.status in OPEN_STATUSES and row.is_busy
    ]
