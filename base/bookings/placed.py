"""When bookings take place, and what else holds that time.

`Placed` is the part of `models.Booking` that knows it. It lies below the tables and reaches them
through the row.
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
from .statuses import FREE_STATUSES


class Placed:
    """A booking's time: the span itself, and looking for what overlaps it."""

    if TYPE_CHECKING:  # columns of the table itself
        status: Any
        starts_at: Any
        ends_at: Any
        starts_on: date | None
        ends_on: date | None

    @property
    def span(self) -> Span:
        """When it takes place."""
        return Span(self.starts_at, self.ends_at, self.starts_on, self.ends_on)

    @property
    def all_day(self) -> bool:
        """Whether it is whole days, not times."""
        return self.starts_on is not None

    @property
    def is_busy(self) -> bool:
        """Whether it takes time; cancelled ones do not."""
        return self.status not in FREE_STATUSES

    def place(self, span: Span) -> None:
        """Lay the booking on a span, in memory."""
        self.starts_at, self.ends_at, self.starts_on, self.ends_on = (
            span.starts_at,
            span.ends_at,
            span.starts_on,
            span.ends_on,
        )

    @classmethod
    def touching(cls, start: datetime, end: datetime) -> tuple[Any, ...]:
        """Conditions for "overlaps [start, end)".

        The lower bound on `starts_at` lets the index end the search (no booking is longer).
        """
        return (
            cls.starts_at < end,
            cls.ends_at > start,
            cls.starts_at > start - scheduling.LONGEST - timedelta(days=2),
        )

    @classmethod
    def conflicts(cls, user: Any, spans: Sequence[Span], but: Iterable[int] = ()) -> list[Any]:
        """Bookings of the person that hold time in one of the spans, at any venue.

        Not those with ids in `but`.
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
        """What is in the way of new bookings at these times, time by time."""
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
        """What an earlier press of the same form (`key`) made of these times in this calendar, in
        order of time, whatever became of it since: moved, handed over, cancelled.

        Perhaps without those that were taken.
        """
        table: Any = cls
        asked = form_uuids(calendar, key, spans)
        rows = table.select().where(table.uuid.in_(asked), table.clinic == calendar.clinic_id)
        return list(rows.order_by(table.starts_at, table.id))


def form_uuids(calendar: Any, key: UUID, spans: Sequence[Span]) -> list[UUID]:
    """The uuids of the bookings that the form with this key makes of these times, in their order.

    Other times, or another calendar, make it another form.
    """
    asked = [f"{span.starts_at} {span.ends_at} {span.starts_on}" for span in spans]
    form = uuid5(key, " ".join([str(calendar.id), *asked]))
    return [uuid5(form, one) for one in asked]
