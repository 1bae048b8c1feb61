"""The calendars that offer a service, with length and price."""

from collections.abc import Mapping
from dataclasses import dataclass

from peewee import JOIN, ForeignKeyField, IntegerField, fn

from base.database import Base, alone
from base.tables.audit import AuditEntry
from base.tables.bulk import tuples
from models import Clinic, Practitioner, Service, User


class OwnTerms(Base):
    """A calendar's own terms for a service: the calendar offers it, although not every calendar
    does, perhaps with its own length or price (None: the service's).
    """

    clinic = ForeignKeyField(Clinic, backref="own_terms")
    service = ForeignKeyField(Service, backref="own_terms", on_delete="CASCADE")
    practitioner = ForeignKeyField(Practitioner, backref="own_terms", on_delete="CASCADE")
    duration_minutes = IntegerField(null=True)
    price_cents = IntegerField(null=True)

    class Meta:
        table_name = "offer"
        indexes = ((("service", "practitioner"), True),)


@dataclass(frozen=True)
class ServiceTerms:
    """The terms of a service in a calendar: minutes, and price in minor units."""

    calendar: Practitioner
    minutes: int
    price_cents: int
    is_offered: bool = True

    @classmethod
    def of(cls, calendar: Practitioner, service: Service, own: OwnTerms | None) -> "ServiceTerms":
        """The terms from the calendar's own row (`own`), else from the service."""
        return cls(
            calendar,
            service.duration_minutes
            if own is None
            else own.duration_minutes or service.duration_minutes,
            service.price_cents if own is None or own.price_cents is None else own.price_cents,
            service.for_everyone or own is not None,
        )


def choices(clinic: Clinic, kept_id: int | None) -> list[Service]:
    """The services that a booking may have, by name: those in use, and the booking's
    present one.
    """
    kept = Service.id == kept_id
    return list(clinic.services.where(~Service.archived | kept).order_by(Service.name))


def terms(calendar: Practitioner, service: Service) -> ServiceTerms:
    """The terms of the service in this calendar, whether or not the calendar offers it."""
    own = OwnTerms.get_or_none(OwnTerms.service == service, OwnTerms.practitioner == calendar)
    return ServiceTerms.of(calendar, service, own)


def open_terms(service: Service) -> list[ServiceTerms]:
    """The clinic's open calendars that offer the service, by name.

    One query, with user and venue.
    """
    own = (OwnTerms.practitioner == Practitioner.id) & (OwnTerms.service == service)
    rows = (
        Practitioner.listed(service.clinic)
        .select_extend(OwnTerms)
        .switch(Practitioner)
        .join(OwnTerms, JOIN.LEFT_OUTER, on=own, attr="own")
    )
    found = [ServiceTerms.of(row, service, _there(getattr(row, "own", None))) for row in rows]
    return [one for one in found if one.is_offered]


def online_terms(service: Service) -> list[ServiceTerms]:
    """The clinic's open calendars that offer the service and take online bookings; none if clients
    cannot book the service themselves.
    """
    if service.archived or not service.bookable_online:
        return []
    return [one for one in open_terms(service) if one.calendar.takes_online]


def _there(own: OwnTerms | None) -> OwnTerms | None:
    """The row, or None for the empty row that a join without a match gives."""
    return own if own is not None and own.id is not None else None


def own_terms_of(service: Service) -> dict[int, OwnTerms]:
    """The calendars' own rows, by calendar."""
    return {
        row.practitioner_id: row for row in OwnTerms.select().where(OwnTerms.service == service)
    }


def counts(clinic: Clinic) -> dict[int, int]:
    """The number of open calendars with own terms, by service."""
    rows = (
        OwnTerms.select(OwnTerms.service, fn.COUNT(OwnTerms.id))
        .join(Practitioner)
        .where(OwnTerms.clinic == clinic, ~Practitioner.archived)
    )
    return dict(tuples(rows.group_by(OwnTerms.service)))


def set_own_terms(
    service: Service,
    actor: User | None,
    for_everyone: bool,
    own: Mapping[int, tuple[int | None, int | None] | None],
) -> None:
    """Set which calendars offer the service.

    `own`: by calendar (id, of the same clinic) its minutes and price (None: the service's); None
    removes its own row, so that it offers the service only if everyone does. Other calendars stay
    as they are.
    """
    with alone(service):
        there, is_changed = own_terms_of(service), service.for_everyone != for_everyone
        for calendar, values in own.items():
            row = there.get(calendar)
            if values is None:
                is_changed |= bool(row and row.delete_instance())
                continue
            if row and values == (row.duration_minutes, row.price_cents):
                continue
            is_changed = True
            row = row or OwnTerms(clinic=service.clinic_id, service=service, practitioner=calendar)
            row.duration_minutes, row.price_cents = values
            row.save()
        service.for_everyone = for_everyone
        service.save(only=[Service.for_everyone])
        fields = ["offers"] if is_changed else []
        AuditEntry.note_change(service.clinic, actor, "service.changed", service, fields)
