"""The names of a clinic’s rows: for the history and for lists that name them."""

from collections.abc import Collection
from typing import Any

from base.tables.bulk import tuples
from models import Clinic, Practitioner, User, Venue


def users(clinic: Clinic | int, ids: Collection[int] | None = None) -> dict[int, str]:
    """The names of everyone of the clinic by id, also of those who left; `ids`: of these only."""
    among = [] if ids is None else [User.id.in_(list(ids))]
    return dict(tuples(User.select(User.id, User.name).where(User.clinic == clinic, *among)))


def names_of_rows(table: Any, clinic: Clinic) -> dict[int, str]:
    """The names of the clinic's rows of a table that has names, by id."""
    return dict(tuples(table.select(table.id, table.name).where(table.clinic == clinic)))


def calendars(clinic: Clinic) -> list[tuple[int, int, str]]:
    """Each calendar of the clinic, also closed ones: its id, its person's id, its venue's name."""
    found = Practitioner.select(Practitioner.id, Practitioner.user, Venue.name).join(Venue)
    return [
        (number, user, venue)
        for number, user, venue in tuples(found.where(Practitioner.clinic == clinic))
    ]
