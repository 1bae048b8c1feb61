"""Holds: times kept for a while for visitors who chose them and are typing."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from peewee import CharField, ForeignKeyField, TextField

from base import scheduling
from base.database import Base, InstantField, database, is_sqlite
from base.scheduling import Span, number
from base.slots import MINUTE, TakenTime
from base.tables.bulk import tuples
from models import Booking, Clinic, Practitioner, Service

LASTS = timedelta(minutes=10)
TYPED_KEPT = timedelta(hours=1)  # how long a form is kept that could not be booked
OF_OFFERS = "waiting list"  # `origin` of holds that keep a time for an offer
UNFINISHED_KEPT = timedelta(hours=25)  # for forms nobody finished: longer than one lasts


class Hold(Base):
    """A time in one calendar that one visitor has chosen.

    `form_use`: its hash. `origin`: the visitor's network, as a keyed hash. `sealed`: the form that
    was sent, encrypted. `asked_at`: since when calendars outside are asked for the sent form.
    """

    clinic = ForeignKeyField(Clinic, backref="holds")
    practitioner = ForeignKeyField(Practitioner, backref="holds", on_delete="CASCADE")
    service = ForeignKeyField(Service, on_delete="CASCADE")
    form_use = CharField(64, unique=True, column_name="visitor")
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
        """The id of the person whose time it is."""
        return self.practitioner.user_id

    @property
    def span(self) -> Span:
        """The time without gaps."""
        return Span(self.starts_at, self.ends_at)

    @property
    def taken(self) -> TakenTime:
        """The time with the gaps of its service, which must be loaded."""
        before, after = self.service.gap_before_minutes, self.service.buffer_minutes
        starts, ends = number(self.starts_at), number(self.ends_at)
        return TakenTime(starts, ends, before * MINUTE, after * MINUTE)


def keep(
    calendar: Practitioner,
    service: Service,
    form_use: str,
    origin: str,
    times: tuple[datetime, datetime],
    expires_at: datetime,
    sealed: str = "",
    asked_at: datetime | None = None,
) -> Hold:
    """Hold [start, end) in a calendar, in place of its form use's earlier hold. No other function
    writes holds. Call it with the clinic's lock.
    """
    forget(form_use)
    if not (sealed or is_sqlite()):  # a power cut may lose it: nothing was confirmed
        database.execute_sql("SET LOCAL synchronous_commit = off")
    return Hold.create(
        clinic=calendar.clinic_id,
        practitioner=calendar,
        service=service,
        form_use=form_use,
        origin=origin,
        starts_at=times[0],
        ends_at=times[1],
        expires_at=expires_at,
        sealed=sealed,
        asked_at=asked_at,
    )


def keep_on(form_use: str, until: datetime) -> None:
    """Prolong the form use's hold until then, if it would end before."""
    Hold.update(expires_at=until).where(
        Hold.form_use == form_use, Hold.expires_at < until
    ).execute()


def forget(form_use: str) -> None:
    """Delete the form use's hold."""
    Hold.delete().where(Hold.form_use == form_use).execute()


def ask_again(hold: Hold) -> None:
    """Note that calendars outside are asked for this hold from now on. The hold keeps its end."""
    hold.asked_at = scheduling.utc_now()
    Hold.update(asked_at=hold.asked_at).where(
        Hold.form_use == hold.form_use, Hold.asked_at.is_null(False)
    ).execute()


def stop_asking(hold: Hold) -> bool:
    """Note that the sent form is not booked and waits no more. The visitor's page says so for a
    while, and the hold keeps its end. False if the form was booked, or the client was told, in the
    meantime.
    """
    waits = Hold.form_use == hold.form_use, Hold.asked_at.is_null(False)
    return bool(Hold.update(asked_at=None).where(*waits).execute())


def last_hold(form_use: str) -> Hold | None:
    """The last hold of the form use, even if it ran out."""
    return Hold.get_or_none(Hold.form_use == form_use)


def alive(form_use: str) -> Hold | None:
    """The form use's hold, if it has not run out."""
    return Hold.get_or_none(Hold.form_use == form_use, Hold.expires_at > scheduling.utc_now())


def around(people: Collection[int], form_use: str, origin: str) -> list[Hold]:
    """The holds on the time of these people (ids), the holds from this origin, and the last hold of
    this form use, however old. One query.
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
        .where((Hold.form_use == form_use) | (living & near))
    )


def held_of_others(people: Collection[int], form_use: str | None) -> dict[int, list[TakenTime]]:
    """The times of these people (ids) that other visitors hold, by person. One query."""
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
            Hold.form_use != (form_use or ""),
        )
    )
    found: dict[int, list[TakenTime]] = defaultdict(list)
    for person, starts_at, ends_at, before, after in tuples(rows):
        found[person].append(
            TakenTime(number(starts_at), number(ends_at), before * MINUTE, after * MINUTE)
        )
    return found


def touching(people: Collection[int], start: datetime, end: datetime) -> dict[int, list[Hold]]:
    """The holds on the time of these people (ids) in [start, end), by person, earliest first. One
    query.
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


def is_held(there: Practitioner, booking: Booking, span: Span) -> bool:
    """Whether a visitor holds some of the time that a booking would newly take in a calendar."""
    person, was = there.user_id, booking.span
    stays = person == booking.practitioner.user_id
    found = touching({person}, span.starts_at, span.ends_at)[person]
    return booking.is_busy and any(not (stays and one.span.overlaps(was)) for one in found)


def clean_up(at: datetime) -> None:
    """Delete holds that ran out, and later the forms that were sent with them."""
    has_nothing = (Hold.sealed == "") & (Hold.expires_at <= at)
    is_told = Hold.asked_at.is_null() & (Hold.expires_at <= at - TYPED_KEPT)
    Hold.delete().where(has_nothing | is_told | (Hold.expires_at <= at - UNFINISHED_KEPT)).execute()
