"""Rows for when people do not work: time off, other hours on a date, and holidays of a venue.

They stand below the bookings, which read them. `working_time` has the rules.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from peewee import (
    BooleanField,
    CharField,
    Check,
    DateField,
    DeferredForeignKey,
    DoesNotExist,
    IntegerField,
    ModelSelect,
    TextField,
    UUIDField,
)

from base import opening_hours, scheduling
from base.database import Base, InstantField, JSONText, in_one_transaction, now, transition, unique
from base.opening_hours import Walls
from base.scheduling import Span
from base.working_time import DAY, Off, Rota, Stretch

from .audit import AuditEntry
from .rows import Worked

KINDS = ("leave", "sick", "training", "lunch", "other")
UNDO_FOR = timedelta(days=1)


class TimeOff(Base):
    """Time in which a person does not work, at any venue (see `working_time.Off`).

    Only the person and managers see `kind` and `note`: everyone else, and every calendar outside,
    gets "Away".

    `zone_name` None: whole days, in the zone of the venue that is asked about. A removed row stays
    for a day, so that it can be brought back.
    """

    clinic = DeferredForeignKey("Clinic", backref="time_off")
    user = DeferredForeignKey("User", backref="time_off")
    uuid = UUIDField(unique=True, default=uuid.uuid4)
    kind = CharField(10, constraints=[Check(f"kind IN {KINDS}")])
    note = TextField(default="")
    first_on = DateField()
    last_on = DateField()
    starts = CharField(5, null=True)
    ends = CharField(5, null=True)
    zone_name = CharField(60, null=True)
    weekly = BooleanField(default=False)
    until = DateField(null=True)
    skipped = JSONText(default=list)
    sequence = IntegerField(default=0)
    created_at = InstantField(default=now)
    updated_at = InstantField(default=now)
    removed_at = InstantField(null=True)

    class Meta:
        indexes = ((("user", "first_on"), False),)

    WHEN = ("first_on", "last_on", "starts", "ends", "zone_name", "weekly", "until", "skipped")

    @property
    def off(self) -> Off:
        """The row as a rule (`Off`) whose key is the row itself. Raises BadTime for wrong
        values.
        """
        return Off(
            self,
            self.first_on,
            self.last_on,
            time.fromisoformat(self.starts) if self.starts else None,
            time.fromisoformat(self.ends) if self.ends else None,
            ZoneInfo(self.zone_name) if self.zone_name else None,
            self.weekly,
            self.until,
            frozenset(map(date.fromisoformat, self.skipped)),
        )

    def uid(self, day: date) -> UUID:
        """The UID, in every calendar outside, of the stretch that begins on the day. It never
        changes.
        """
        return uuid.uuid5(self.uuid, day.isoformat())

    @classmethod
    def near(cls, users: Collection[int], start: datetime, end: datetime) -> "ModelSelect[TimeOff]":
        """The time off of these people (ids) that may touch [start, end), in any zone."""
        first, last = start.date() - DAY, end.date() + DAY
        repeats = cls.weekly & (cls.until.is_null() | (cls.until >= first - 8 * DAY))
        return (
            cls.select()
            .where(
                cls.user.in_(list(users)),
                cls.removed_at.is_null(),
                cls.first_on <= last,
                repeats | (cls.last_on >= first),
            )
            .order_by(cls.first_on, cls.id)
        )

    @classmethod
    def between(
        cls, user: Base | int, start: datetime, end: datetime, zone: ZoneInfo
    ) -> list[Stretch]:
        """The person's time off that touches [start, end), oldest first, in its whole length.

        Whole days are those of `zone`. The `off` of each stretch is its row.
        """
        rows = cls.near([user if isinstance(user, int) else user.id], start, end)
        found = [stretch for row in rows for stretch in row.off.between(start, end, zone)]
        return sorted(found, key=lambda stretch: (stretch.starts_at, stretch.ends_at))

    @classmethod
    def blocking(cls, user: Base | int, spans: Sequence[Span], zone: ZoneInfo) -> list[Stretch]:
        """The person's time off that touches one of the spans."""
        if not spans:
            return []
        start, end = min(span.starts_at for span in spans), max(span.ends_at for span in spans)
        near = cls.between(user, start, end, zone)
        return [stretch for stretch in near if any(stretch.overlaps(span) for span in spans)]

    @classmethod
    @in_one_transaction
    def add(
        cls, user: Any, actor: Base | None, *, key: UUID | None = None, **fields: Any
    ) -> "TimeOff":
        """Add time off.

        Raises BadTime. A second call with the same `key` for the same time returns the row of the
        first, even if it was removed since (`removed_at`).
        """
        user.clinic.lock()
        when = " ".join(str(fields.get(name)) for name in cls.WHEN)
        key = uuid.uuid5(key, f"{user.id} {when}") if key else uuid.uuid4()
        if earlier := cls.get_or_none(cls.uuid == key, cls.clinic == user.clinic):
            return earlier
        row = cls(clinic=user.clinic, user=user, uuid=key, **fields)
        row.off  # noqa: B018 (refuses times that are none)
        row.save(force_insert=True)
        row._bump()
        AuditEntry.note(user.clinic, actor, "time_off.added", row)
        return row

    @classmethod
    @in_one_transaction
    def add_all(
        cls, user: Any, actor: Base | None, key: UUID, every: Sequence[dict[str, Any]]
    ) -> list["TimeOff"]:
        """Add several times off, or none of them. Raises BadTime. A second call with the same `key`
        for the same times returns the rows of the first.
        """
        return [cls.add(user, actor, key=key, **fields) for fields in every]

    @transition
    def change(self, /, actor: Base | None, **fields: Any) -> None:
        """Change any columns. Raises BadTime, and DoesNotExist for a removed row."""
        if self.removed_at is not None:
            raise DoesNotExist
        changed = [name for name, value in fields.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, fields[name])
        self.off  # noqa: B018
        if not changed:
            return
        if set(changed) & set(self.WHEN):
            self._moved()
        self.save()
        AuditEntry.note(self.clinic, actor, "time_off.changed", self, fields=changed)

    @transition
    def remove(self, actor: Base | None, day: date | None = None) -> None:
        """Remove the time off. If it repeats weekly, only the stretch that begins on `day` is
        removed. Does nothing if that is removed already.
        """
        if self.removed_at is not None or (day and day.isoformat() in self.skipped):
            return
        if day:
            self.skipped = sorted({*self.skipped, day.isoformat()})
        else:
            self.removed_at = now()
        self._moved()
        self.save()
        AuditEntry.note(self.clinic, actor, "time_off.removed", self)

    @transition
    def bring_back(self, actor: Base | None, day: date | None = None) -> None:
        """Undo `remove`. Does nothing if it was undone already."""
        if self.removed_at is None and not (day and day.isoformat() in self.skipped):
            return
        if day:
            self.skipped = [one for one in self.skipped if one != day.isoformat()]
        else:
            self.removed_at = None
        self._moved()
        self.save()
        AuditEntry.note(self.clinic, actor, "time_off.returned", self)

    def _moved(self) -> None:
        self.sequence, self.updated_at = self.sequence + 1, now()
        self._bump()

    def _bump(self) -> None:
        """Mark the calendars that show it as changed. No booking changed."""
        table = type(self).user.rel_model  # type: ignore[attr-defined]  # once it is known
        table.update(away_rev=self.clinic.next_rev()).where(table.id == self.user_id).execute()

    @classmethod
    def clean_up(cls, at: datetime) -> None:
        """Delete rows that were removed too long ago to be brought back."""
        cls.delete().where(cls.removed_at < at - UNDO_FOR).execute()


class DatedHours(Base):
    """The hours of one date that differ from those of its weekday.

    The hours belong to a practitioner or a venue. An empty list means closed.

    A holiday of a venue (`is_holiday`, with its name) closes the venue on its date if it `counts`.
    Hours that a person entered for the same date take its place.
    """

    clinic = DeferredForeignKey("Clinic", backref="dated_hours")
    venue = DeferredForeignKey("Venue", null=True, backref="dated_hours")
    practitioner = DeferredForeignKey("Practitioner", null=True, backref="dated_hours")
    day = DateField()
    hours = JSONText(default=list)
    name = CharField(120, default="")
    is_holiday = BooleanField(default=False)
    counts = BooleanField(default=True)

    class Meta:
        indexes = (
            (("venue", "day", "is_holiday"), True),
            (("practitioner", "day"), True),
        )

    @classmethod
    def ahead(cls, owner: Base, today: date) -> "ModelSelect[DatedHours]":
        """The other hours of this practitioner or venue from today on, by date, without
        holidays.
        """
        return (
            cls.select().where(cls._of(owner), ~cls.is_holiday, cls.day >= today).order_by(cls.day)
        )

    @classmethod
    def _of(cls, owner: Base) -> Any:
        venue: Any = cls.venue.rel_model  # type: ignore[attr-defined]  # once it is known
        return (cls.venue if isinstance(owner, venue) else cls.practitioner) == owner

    @classmethod
    @in_one_transaction
    def add(
        cls, owner: Any, day: date, hours: Walls, actor: Base | None, name: str = ""
    ) -> "DatedHours":
        """Set these hours for a practitioner or venue on the date.

        Raises BadTime, or AlreadyUsed if the date has other hours already.
        """
        owner.clinic.lock()
        if not scheduling.is_possible_day(day):
            raise scheduling.BadTime("year")
        row = cls(clinic=owner.clinic, day=day, hours=opening_hours.check_walls(hours), name=name)
        setattr(row, owner._meta.table_name, owner)
        with unique():
            row.save(force_insert=True)
        AuditEntry.note(owner.clinic, actor, "dated_hours.added", row, day=day.isoformat())
        return row

    @transition
    def change(self, actor: Base | None, *, day: date, hours: Walls, name: str) -> None:
        """Change any columns.

        Raises BadTime, or AlreadyUsed if the date has other hours already.
        """
        wanted = day, opening_hours.check_walls(hours), name
        if wanted == (self.day, self.hours, self.name):
            return
        self.day, self.hours, self.name = wanted
        with unique():
            self.save()
        AuditEntry.note(self.clinic, actor, "dated_hours.changed", self, day=day.isoformat())

    @transition
    def remove(self, actor: Base | None) -> AuditEntry:
        """Remove these hours, so that the date has the hours of its weekday again. Returns the
        entry of the history, for `bring_back`.
        """
        were = {"hours": self.hours, "name": self.name}
        were |= {"venue": self.venue_id, "practitioner": self.practitioner_id}
        facts = {"day": self.day.isoformat(), "were": were}
        entry = AuditEntry.note(self.clinic, actor, "dated_hours.removed", self, **facts)
        self.delete_instance()
        return entry

    @classmethod
    def bring_back(cls, entry: AuditEntry, owner: Base, actor: Base | None) -> "DatedHours":
        """Undo a removal: restore the hours of this owner from the entry of the history. Raises
        AlreadyUsed if the date has other hours by now.
        """
        day, were = date.fromisoformat(entry.detail["day"]), entry.detail["were"]
        return cls.add(owner, day, were["hours"], actor, were["name"])


def rotas(calendars: Iterable[Worked], start: datetime, end: datetime) -> dict[int, Rota]:
    """The rota of each practitioner, by id: when they work in [start, end).

    Each practitioner must have its venue loaded. Two queries, however many practitioners there are.
    The `off` of each stretch is its row.
    """
    calendars = list(calendars)
    people = {calendar.user_id for calendar in calendars}
    off = defaultdict(list)
    for row in TimeOff.near(people, start, end):
        off[row.user_id].append(row.off)
    own, venues, names = _dated(calendars, start, end)
    return {
        calendar.id: Rota(
            calendar.zone,
            calendar.hours,
            own[calendar.id],
            venues[calendar.venue_id],
            off[calendar.user_id],
            names["venue", calendar.venue_id] | names["own", calendar.id],
            calendar.venue.hours,
        )
        for calendar in calendars
    }


def rota(calendar: Worked, start: datetime, end: datetime) -> Rota:
    """The rota of one practitioner: when they work in [start, end)."""
    return rotas([calendar], start, end)[calendar.id]


def _dated(
    calendars: Sequence[Worked], start: datetime, end: datetime
) -> tuple[dict[int, Any], dict[int, Any], dict[tuple[str, int], dict[date, str]]]:
    """Hours by date, for practitioners and venues by id; and the names of dates for both."""
    own: dict[int, Any] = defaultdict(dict)
    venues: dict[int, Any] = defaultdict(dict)
    names: dict[tuple[str, int], dict[date, str]] = defaultdict(dict)
    whose = DatedHours.practitioner.in_([calendar.id for calendar in calendars]) | (
        DatedHours.venue.in_(list({calendar.venue_id for calendar in calendars}))
    )
    rows = DatedHours.select().where(
        whose, DatedHours.counts, DatedHours.day.between(start.date() - DAY, end.date() + DAY)
    )
    for row in rows.order_by(DatedHours.is_holiday.desc()):  # holidays first
        owner: Any = row.venue_id or row.practitioner_id
        (venues if row.venue_id else own)[owner][row.day] = row.hours
        if row.name:
            names["venue" if row.venue_id else "own", owner][row.day] = row.name
    return own, venues, names
