"""Bookings read with the rows that they refer to: one query for pages, letters and calendars.

`InFull` is the part of `models.Booking` that runs it. It stands below the tables and reaches them
through their keys.
"""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from peewee import ModelSelect


class InFull:
    """Reading bookings together with the rows that they refer to."""

    if TYPE_CHECKING:  # columns of the table itself
        id: Any
        uuid: Any
        clinic: Any
        starts_at: Any
        practitioner: Any
        patient: Any
        service: Any

    @classmethod
    def in_full(cls, rows: Any = None) -> "ModelSelect[Any]":
        """Bookings joined with calendar, venue, person, client and service.

        `rows`: a query of another table that has joined bookings. It returns its own rows, each
        with its complete booking.
        """
        booking: Any = cls
        calendar, client, service = (
            key.rel_model for key in (booking.practitioner, booking.patient, booking.service)
        )
        venue, person = calendar.venue.rel_model, calendar.user.rel_model
        wanted = booking, calendar, venue, person, client, service
        query = booking.select(*wanted) if rows is None else rows.select_extend(*wanted)
        full: ModelSelect[Any] = (
            query.switch(booking)
            .join(calendar)
            .join(venue)
            .switch(calendar)
            .join(person)
            .switch(booking)
            .left_outer_join(client, on=(booking.patient == client.id))
            .switch(booking)
            .left_outer_join(service, on=(booking.service == service.id))
        )
        return full

    @classmethod
    def of_ids(cls, clinic: Any, ids: Collection[int]) -> list[Any]:
        """These bookings of the clinic in full, soonest first; no query without ids."""
        return cls._these(clinic, ids and cls.id.in_(list(ids)))

    @classmethod
    def of_uuids(cls, clinic: Any, uuids: Collection[UUID]) -> list[Any]:
        """These bookings of the clinic in full, by UUID, soonest first; no query without any."""
        return cls._these(clinic, uuids and cls.uuid.in_(list(uuids)))

    @classmethod
    def _these(cls, clinic: Any, wanted: Any) -> list[Any]:
        if not wanted:
            return []
        rows = cls.in_full().where(cls.clinic == clinic, wanted)
        return list(rows.order_by(cls.starts_at, cls.id))

    @classmethod
    def of_people(
        cls, clinic: Any, users: Collection[int], start: datetime, end: datetime
    ) -> "ModelSelect[Any]":
        """The bookings of these people (ids) of the clinic that touch [start, end), soonest first,
        each with client and service.
        """
        booking: Any = cls
        theirs = booking.practitioner.rel_model.user.in_(list(users))
        rows = cls.with_client().where(
            booking.clinic == clinic, theirs, *booking.touching(start, end)
        )
        return rows.order_by(booking.starts_at, booking.id)

    @classmethod
    def with_client(cls) -> "ModelSelect[Any]":
        """Bookings joined with client and service. Their calendars are joined for conditions only,
        and are not read.
        """
        booking: Any = cls
        client, service = booking.patient.rel_model, booking.service.rel_model
        found: ModelSelect[Any] = (
            booking.select(booking, client, service)
            .join(booking.practitioner.rel_model)
            .switch(booking)
            .left_outer_join(client, on=(booking.patient == client.id))
            .switch(booking)
            .left_outer_join(service, on=(booking.service == service.id))
        )
        return found
