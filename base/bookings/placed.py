"""The time of a booking, and what else takes that time.

`Placed` is the part of `models.Booking` for it. It stands below the tables and reaches them through
the row.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from base import scheduling
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from base.tables.time_off import TimeOff

from .clashes import Clash
from .statuses import FREE_STATUSES, OPEN_STATUSES, UNCONFIRMED_STATUSES


class Placed:
    """The time of a booking: its span, and the search for what overlaps it."""

    if TYPE_CHECKING:  # columns of the table itself
        status: Any
        practitioner: Any
        starts_at: Any
        ends_at: Any
        starts_on: date | None
        ends_on: date | None

    @property
    def span(self) -> Span:
        """The time that the booking takes."""
        return Span(self.starts_at, self.ends_at, self.starts_on, self.ends_on)

    @property
    def all_day(self) -> bool:
        """Whether the booking takes whole days rather than times of day."""
        return self.starts_on is not None

    @property
    def is_busy(self) -> bool:
        """Whether the booking takes time; a cancelled one does not."""
        return self.status not in FREE_STATUSES

    @property
    def is_over(self) -> bool:
        """Whether the booking's end is past, whatever its status."""
        return bool(self.ends_at < scheduling.utc_now())

    @property
    def has_begun(self) -> bool:
        """Whether the time of the booking has begun, whatever its status."""
        begun: bool = self.starts_at <= scheduling.utc_now()
        return begun

    @property
    def is_ahead(self) -> bool:
        """Whether the appointment takes place, and is not over."""
        return self.status != "cancelled" and not self.is_over

    @property
    def is_busy_yet(self) -> bool:
        """Whether the booking takes time and has not ended yet."""
        return self.is_busy and self.ends_at > scheduling.utc_now()

    @property
    def is_unconfirmed(self) -> bool:
        """Whether the booking is offered or pending: one side has not agreed to it yet."""
        return self.status in UNCONFIRMED_STATUSES

    def overlaps(self, other: "Placed") -> bool:
        """Whether both take time of one person at once."""
        is_same = self.practitioner.user_id == other.practitioner.user_id
        both_busy = self.is_busy and other.is_busy
        return bool(is_same and both_busy and self.span.overlaps(other.span))

    @property
    def is_expected(self) -> bool:
        """Whether its client is still expected: the booking has no outcome yet, and is not marked
        as arrived.
        """
        return self.status in OPEN_STATUSES and self.status != "arrived"

    def place(self, span: Span) -> None:
        """Set the time of the booking, in memory."""
        self.starts_at, self.ends_at, self.starts_on, self.ends_on = (
            span.starts_at,
            span.ends_at,
            span.starts_on,
            span.ends_on,
        )

    @classmethod
    def touching(cls, start: datetime, end: datetime) -> tuple[Any, ...]:
        """Conditions for "overlaps [start, end)".

        No booking is longer than the bound, so the lower limit on `starts_at` keeps the search of
        the index short.
        """
        return (
            cls.starts_at < end,
            cls.ends_at > start,
            cls.starts_at > start - scheduling.LONGEST - timedelta(days=2),
        )

    @classmethod
    def conflicts(cls, user: Any, spans: Sequence[Span], but: Iterable[int] = ()) -> list[Any]:
        """Bookings of the person that take time in one of the spans, at any venue, except those
        with ids in `but`.
        """
        if not spans:
            return []
        table: Any = cls
        calendar = table.practitioner.rel_model
        near = cls.touching(min(s.starts_at for s in spans), max(s.ends_at for s in spans))
        rows = (
            table.select(table, calendar)
            .join(calendar)
            .where(
                calendar.user == user,
                *near,
                table.status.not_in(FREE_STATUSES),
                table.id.not_in(list(but)),
            )
            .order_by(table.starts_at)
        )
        return [row for row in rows if any(row.span.overlaps(span) for span in spans)]

    @classmethod
    def taken(cls, calendar: Any, spans: Sequence[Span]) -> list[Clash]:
        """For each of these times, in order: the bookings and busy times that take it in the
        calendar.
        """
        booked, events, off = (
            cls.conflicts(calendar.user, spans),
            ExternalEvent.blocking(calendar.user, spans, calendar.zone),
            TimeOff.blocking(calendar.user, spans, calendar.zone),
        )
        found = [
            Clash(
                calendar,
                span,
                [row for row in booked if row.span.overlaps(span)],
                [event for event in events if event.overlaps(span, calendar.zone)],
                [stretch for stretch in off if stretch.overlaps(span)],
            )
            for span in spans
        ]
        return [clash for clash in found if clash.keys]

    @classmethod
    def in_the_way(cls, calendar: Any, spans: Sequence[Span], status: str) -> list[Clash]:
        """The clashes of these times, for new bookings of this status. Raises ClosedCalendar,
        and BadTime if the times overlap each other.
        """
        calendar.check_open()
        scheduling.check_apart(spans)
        return [] if status in FREE_STATUSES else cls.taken(calendar, spans)

    @classmethod
    def of_person(cls, user: Any, start: datetime, end: datetime) -> Any:
        """The person's bookings at every venue that touch [start, end), oldest first.

        With client, service, calendar and venue at hand.
        """
        table: Any = cls
        calendar, client, service = (
            getattr(table, name).rel_model for name in ("practitioner", "patient", "service")
        )
        venue = calendar.venue.rel_model
        return (
            table.select(table, client, service, calendar, venue)
            .join(calendar)
            .join(venue)
            .switch(table)
            .left_outer_join(client, on=(table.patient == client.id))
            .switch(table)
            .left_outer_join(service, on=(table.service == service.id))
            .where(calendar.user == user, *cls.touching(start, end))
            .order_by(table.starts_at, table.id)
        )

    @classmethod
    def made_before(cls, calendar: Any, key: UUID, spans: Sequence[Span]) -> list[Any]:
        """The bookings that the same form (`key`) made before in this calendar at these times, in
        order of time. Bookings that were moved, handed over or cancelled since are included.

        A time that was taken then has no booking.
        """
        table: Any = cls
        asked = form_uuids(calendar, key, spans)
        rows = table.select().where(table.uuid.in_(asked), table.clinic == calendar.clinic_id)
        return list(rows.order_by(table.starts_at, table.id))


def form_uuids(calendar: Any, key: UUID, spans: Sequence[Span]) -> list[UUID]:
    """For each of these times, in order: the uuid of the booking that the form with this key makes.

    Other times, or another calendar, give other uuids.
    """
    asked = [f"{span.starts_at} {span.ends_at} {span.starts_on}" for span in spans]
    form = uuid5(key, " ".join([str(calendar.id), *asked]))
    return [uuid5(form, one) for one in asked]
