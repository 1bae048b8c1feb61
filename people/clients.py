"""Queries about clients: who matches a typed text, and each client's bookings."""

import re
from collections.abc import Sequence
from datetime import datetime

from peewee import Case, Expression, ModelSelect, fn

from base import scheduling
from base.bookings.statuses import FREE_STATUSES
from base.tables.bulk import tuples
from base.text import is_phone, phone_tail, search_key
from models import Booking, Clinic, Patient

from .doubles import contains


def matching(clinic: Clinic, query: str = "", archived: bool = False) -> "ModelSelect[Patient]":
    """Clients, by name. Every word of the query occurs in the client's name, internal ID, e-mail or
    phone, accents aside. A phone number is found with and without its country code, however it is
    spaced.
    """
    words = [phone_tail(query)] if is_phone(query) else query.replace(",", " ").split()
    return (
        Patient.select()
        .where(
            Patient.clinic == clinic,
            Patient.archived == archived,
            Patient.merged_into.is_null(),
            *map(_has, words),
        )
        .order_by(Patient.search, Patient.id)
    )


def _has(word: str) -> Expression:
    """A condition: a client has the word. "k2041" is an internal ID without its hyphen."""
    plain = re.fullmatch(r"([^\W\d_]+)(\d+)", word)
    return contains(word) | contains("-".join(plain.groups())) if plain else contains(word)


def suggested(clinic: Clinic, query: str, most: int | None = None) -> "ModelSelect[Patient]":
    """Clients that match the query, at most `most`. Those with a word that begins with the query
    come first: "ma" finds Maya sooner than someone at a .mail address.
    """
    key = search_key(query)
    begins = Patient.search.startswith(key) | Patient.search.contains(f" {key}")
    order = Case(None, [(begins, 0)], 1), Patient.search, Patient.id
    return matching(clinic, query).order_by(*order).limit(most)


def with_internal_id(clinic: Clinic, internal_id: str, archived: bool = False) -> Patient | None:
    """The one client with this internal ID, upper and lower case aside; None if two IDs differ in
    case alone.
    """
    found = [
        row
        for row in Patient.with_id(clinic, internal_id)
        if row.archived == archived or row.merged_into_id
    ]
    return found[0].record_in_use if len(found) == 1 else None


def last_seen(patients: Sequence[Patient]) -> dict[int, datetime]:
    """When each of these clients last came, by id."""
    rows = Booking.select(Booking.patient, fn.MAX(Booking.starts_at)).where(
        Booking.patient.in_(list(patients)),
        Booking.starts_at <= scheduling.utc_now(),
        Booking.status.not_in(FREE_STATUSES),
    )
    return dict(tuples(rows.group_by(Booking.patient)))


def bookings_before(
    client: Patient, now: datetime, most: int | None = None
) -> "ModelSelect[Booking]":
    """Past bookings, newest first, at most so many, each with its calendar, venue and service
    loaded.
    """
    rows = _bookings_of(client).where(Booking.ends_at <= now)
    return rows.order_by(Booking.starts_at.desc(), Booking.id).limit(most)


def count_before(client: Patient, now: datetime) -> int:
    """The number of past bookings."""
    return bookings_before(client, now).count()


def count_of(client: Patient) -> int:
    """The number of a client's bookings."""
    return _bookings_of(client).count()


def bookings_ahead(
    client: Patient, now: datetime, most: int | None = None
) -> "ModelSelect[Booking]":
    """Present and future bookings, soonest first, at most so many, each with its calendar, venue
    and service loaded; cancelled ones stand last.
    """
    rows = _bookings_of(client).where(Booking.ends_at > now)
    is_off = Case(None, [(Booking.status.in_(FREE_STATUSES), 1)], 0)
    return rows.order_by(is_off, Booking.starts_at, Booking.id).limit(most)


def count_ahead(client: Patient, now: datetime) -> int:
    """The number of present and future bookings."""
    return bookings_ahead(client, now).count()


def visits(client: Patient, now: datetime) -> int:
    """How often the client has been here."""
    seen = Booking.status.not_in((*FREE_STATUSES, "pending"))
    return bookings_before(client, now).where(seen).count()


def _bookings_of(client: Patient) -> "ModelSelect[Booking]":
    """A client's bookings, each with its calendar, venue and service loaded."""
    return Booking.in_full().where(Booking.patient == client)
