"""Bookings read with the rows that they refer to: one query for pages, letters and calendars.

`InFull` is the part of `models.Booking` that runs it. It stands below the tables and reaches them
through their keys.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peewee import ModelSelect


class InFull:
    """Reading bookings together with the rows that they refer to."""

    if TYPE_CHECKING:  # columns of the table itself
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
    def with_client(cls) -> "ModelSelect[Any]":
        """Bookings joined with client and service; of their calendars only conditions can ask."""
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
