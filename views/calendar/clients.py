"""What the pages ask about clients: who was meant by what was typed, what each has booked."""

from collections.abc import Sequence
from datetime import datetime

from peewee import Case, fn

from base import scheduling
from base.bookings.statuses import FREE_STATUSES
from base.database import InstantField
from base.text import is_phone, phone_tail, search_key
from models import Booking, Clinic, Patient, Practitioner, Service, User, Venue
from people.doubles import contains


def matching(clinic: Clinic, query: str = "", archived: bool = False):
    """Clients whose name, internal ID, e-mail or phone has every word of the query, accents aside;
    by name. A phone number is found with and without its country code, however it is spaced.
    """
    words = [phone_tail(query)] if is_phone(query) else query.replace(",", " ").split()
    return (
        Patient.select()
        .where(
            Patient.clinic == clinic,
            Patient.archived == archived,
            Patient.merged_into.is_null(),
            *map(contains, words),
        )
        .order_by(Patient.search, Patient.id)
    )


def suggested(clinic: Clinic, query: str):
    """Matching clients, first those of whom a word begins with the query: "ma" means Maya sooner
    than someone at a .mail address.
    """
    key = search_key(query)
    begins = Patient.search.startswith(key) | Patient.search.contains(f" {key}")
    return matching(clinic, query).order_by(
        Case(None, [(begins, 0)], 1), Patient.search, Patient.id
    )


def with_internal_id(clinic: Clinic, internal_id: str, archived: bool = False) -> Patient | None:
    """The one client with this internal ID in whatever case; None too where case alone tells two
    apart.
    """
    same = Patient.select().where(
        Patient.clinic == clinic,
        (Patient.archived == archived) | Patient.merged_into.is_null(False),
        fn.LOWER(Patient.internal_id) == internal_id.lower(),
    )
    found = list(same.limit(2))
    return found[0].standing if len(found) == 1 else None


def last_seen(patients: Sequence[Patient]) -> dict[int, datetime]:
    """When each of these clients last came, by id."""
    rows = Booking.select(Booking.patient, fn.MAX(Booking.starts_at)).where(
        Booking.patient.in_(list(patients)),
        Booking.starts_at <= scheduling.utc_now(),
        Booking.status.not_in(FREE_STATUSES),
    )
    return {
        patient: InstantField().python_value(at)
        for patient, at in rows.group_by(Booking.patient).tuples()
    }


def bookings_before(client: Patient, now: datetime):
    """What is over, newest first, with whom, where and what at hand."""
    rows = bookings_of(client).where(Booking.ends_at <= now)
    return rows.order_by(Booking.starts_at.desc(), Booking.id)


def bookings_ahead(client: Patient, now: datetime):
    """What runs or comes, soonest first, with whom, where and what at hand."""
    rows = bookings_of(client).where(Booking.ends_at > now)
    return rows.order_by(Booking.starts_at, Booking.id)


def visits(client: Patient, now: datetime) -> int:
    """How often the client has been here."""
    seen = Booking.status.not_in((*FREE_STATUSES, "pending"))
    return bookings_before(client, now).where(seen).count()


def bookings_of(client: Patient):
    """All of a client's bookings, with whom, where and what at hand."""
    return (
        Booking.select(Booking, Practitioner, User, Venue, Service)
        .join(Practitioner)
        .join(User)
        .switch(Practitioner)
        .join(Venue)
        .switch(Booking)
        .left_outer_join(Service, on=(Booking.service == Service.id))
        .where(Booking.patient == client)
    )


def zones_differ(clinic: Clinic) -> bool:
    """Whether the clinic's open venues lie in several zones, so that times must name theirs."""
    return Venue.listed(clinic).order_by().select(Venue.zone_name).distinct().count() > 1
