"""Times that are held for a while, since a visitor has chosen them and is typing."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from peewee import CharField, ForeignKeyField, TextField

from base import scheduling
from base.database import Base, InstantField, database, is_sqlite
from base.slots import MINUTE, TakenTime
from free_times.reading import number
from models import Clinic, Practitioner, Service

LASTS = timedelta(minutes=10)


class Hold(Base):
    """A time in one calendar that one visitor has chosen.

    `visitor`: the visit, as a hash; `origin`: where it comes from, as a keyed hash. `sealed` and
    `asked_at`: what the visitor has sent, encrypted, and since when calendars outside are being
    asked for it.
    """

    clinic = ForeignKeyField(Clinic, backref="holds")
    practitioner = ForeignKeyField(Practitioner, backref="holds", on_delete="CASCADE")
    service = ForeignKeyField(Service, on_delete="CASCADE")
    visitor = CharField(64, unique=True)
    origin = CharField(64)
    starts_at = InstantField()
    ends_at = InstantField()
    expires_at = InstantField(index=True)
    sealed = TextField(default="")
    asked_at = InstantField(null=True)

    class Meta:
        indexes = ((("practitioner", "starts_at"), False),)

    @property
    def user_id(self) -> int:
        """Whose time it is."""
        return self.practitioner.user_id

    @property
    def taken(self) -> TakenTime:
        """The time, with the gaps of its service, which is at hand."""
        before, after = self.service.gap_before_minutes, self.service.buffer_minutes
        starts, ends = number(self.starts_at), number(self.ends_at)
        return TakenTime(starts, ends, before * MINUTE, after * MINUTE)


def keep(
    calendar: Practitioner,
    service: Service,
    visitor: str,
    origin: str,
    times: tuple[datetime, datetime],
    expires_at: datetime,
    sealed: str = "",
    asked_at: datetime | None = None,
) -> Hold:
    """Hold [start, end) in a calendar, in place of what the visit held before. Nobody else writes
    a hold. Call it with the clinic's lock.
    """
    forget(visitor)
    if not (sealed or is_sqlite()):  # a power cut may take it along: nothing was promised for good
        database.execute_sql("SET LOCAL synchronous_commit = off")
    return Hold.create(
        clinic=calendar.clinic_id,
        practitioner=calendar,
        service=service,
        visitor=visitor,
        origin=origin,
        starts_at=times[0],
        ends_at=times[1],
        expires_at=expires_at,
        sealed=sealed,
        asked_at=asked_at,
    )


def forget(visitor: str) -> None:
    """The visit holds nothing any more."""
    Hold.delete().where(Hold.visitor == visitor).execute()


def stop_asking(hold: Hold) -> None:
    """Forget what was sent; the time is held as long as it was."""
    Hold.update(sealed="", asked_at=None).where(Hold.visitor == hold.visitor).execute()


def of(visitor: str) -> Hold | None:
    """What the visit held last, even where it ran out."""
    return Hold.get_or_none(Hold.visitor == visitor)


def alive(visitor: str) -> Hold | None:
    """What the visit holds now."""
    return Hold.get_or_none(Hold.visitor == visitor, Hold.expires_at > scheduling.utc_now())


def around(people: Collection[int], visitor: str, origin: str) -> list[Hold]:
    """What visitors hold of the time of these people (ids), what is held from this origin, and what
    this visit held last, perhaps long ago. One query.
    """
    living = Hold.expires_at > scheduling.utc_now()
    near = Practitioner.user.in_(list(people)) | (Hold.origin == origin)
    return list(
        Hold.select(
            Hold,
            Practitioner.id,
            Practitioner.user,
            Service.id,
            Service.gap_before_minutes,
            Service.buffer_minutes,
        )
        .join(Practitioner)
        .switch(Hold)
        .join(Service)
        .where((Hold.visitor == visitor) | (living & near))
    )


def held_of_others(people: Collection[int], visitor: str | None) -> dict[int, list[TakenTime]]:
    """What other visitors hold of the time of these people (ids), by person. One query."""
    rows = (
        Hold.select(
            Practitioner.user,
            Hold.starts_at,
            Hold.ends_at,
            Service.gap_before_minutes,
            Service.buffer_minutes,
        )
        .join(Practitioner)
        .switch(Hold)
        .join(Service)
        .where(
            Practitioner.user.in_(list(people)),
            Hold.expires_at > scheduling.utc_now(),
            Hold.visitor != (visitor or ""),
        )
    )
    found: dict[int, list[TakenTime]] = defaultdict(list)
    for person, starts_at, ends_at, before, after in rows.tuples():
        found[person].append(
            TakenTime(number(starts_at), number(ends_at), before * MINUTE, after * MINUTE)
        )
    return found


def touching(people: Collection[int], start: datetime, end: datetime) -> dict[int, list[Hold]]:
    """What visitors hold now of the time of these people (ids) in [start, end), by person, the
    earliest first. One query.
    """
    rows = (
        Hold.select(Hold, Practitioner)
        .join(Practitioner)
        .where(
            Practitioner.user.in_(list(people)),
            Hold.expires_at > scheduling.utc_now(),
            Hold.starts_at < end,
            Hold.ends_at > start,
        )
        .order_by(Hold.starts_at)
    )
    found: dict[int, list[Hold]] = defaultdict(list)
    for row in rows:
        found[row.practitioner.user_id].append(row)
    return found


def clean_up() -> None:
    """Forget holds that ran out."""
    Hold.delete().where(Hold.expires_at <= scheduling.utc_now()).execute()
