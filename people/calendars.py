"""The calendars of one person here, and people with their calendars."""

from collections.abc import Collection
from typing import Any

from peewee import JOIN, fn

from base.tables.bulk import tuples
from models import Clinic, Practitioner, User, Venue


def oldest(user: User) -> Practitioner | None:
    """The person's oldest open calendar. Its zone is the zone of their calendar outside."""
    rows = (
        Practitioner.select(Practitioner, Venue)
        .join(Venue)
        .where(Practitioner.user == user, ~Practitioner.archived)
    )
    found: Practitioner | None = rows.order_by(Practitioner.id).first()
    return found


def by_id(ids: Collection[int]) -> dict[int, Practitioner]:
    """These calendars, also closed ones, with person and venue at hand; no query without ids."""
    rows = (
        Practitioner.select(Practitioner, User, Venue)
        .join(User)
        .switch(Practitioner)
        .join(Venue)
        .where(Practitioner.id.in_(list(ids)))
    )
    return {row.id: row for row in rows} if ids else {}


def newest_changes(user_id: int) -> tuple[Any, ...]:
    """The newest revisions of the person's bookings, time off and external events."""
    rows = (
        Practitioner.select(
            fn.MAX(Practitioner.calendar_rev), fn.MAX(User.away_rev), fn.MAX(User.outside_rev)
        )
        .join(User)
        .where(Practitioner.user == user_id)
    )
    return next(tuples(rows))


def has_any(user: User) -> bool:
    """Whether the person has a calendar here, open or closed."""
    own: bool = user.practitioners.exists()
    return own


def count_at(venue: Venue) -> int:
    """The number of open calendars at a venue."""
    rows = Practitioner.listed(venue.clinic).where(Practitioner.venue == venue)
    return int(rows.count())


def busiest_venue(clinic: Clinic) -> Venue:
    """The open venue with the most calendars."""
    venues = Venue.listed(clinic).join(Practitioner, JOIN.LEFT_OUTER).group_by(Venue.id)
    found: Venue = venues.order_by(fn.COUNT(Practitioner.id).desc(), Venue.id).get()
    return found


def everyone(clinic: Clinic) -> list[tuple[User, list[Practitioner]]]:
    """Everyone of the clinic by name, each with their calendars here, closed ones too: one
    query.
    """
    rows = (
        User.listed(clinic)
        .select_extend(Practitioner, Venue)
        .join(Practitioner, JOIN.LEFT_OUTER, attr="own")
        .join(Venue, JOIN.LEFT_OUTER)
    )
    found: dict[int, tuple[User, list[Practitioner]]] = {}
    for row in rows:
        row.clinic = clinic
        user, calendars = found.setdefault(row.id, (row, []))
        if own := getattr(row, "own", None):  # missing where there is none
            own.user = user
            calendars.append(own)
    return list(found.values())
