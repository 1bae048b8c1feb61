"""How a clinic begins: with one venue and its owner."""

from base import scheduling
from base.database import database, lock_everything, unique
from base.tables.audit import AuditEntry
from models import Clinic, Practitioner, User, Venue


class Closed(Exception):
    """There is a clinic already, and others may not sign up."""


@database.atomic()
def found(name: str, zone_name: str, owner_name: str, email: str) -> User:
    """A new clinic with one venue and its owner, who has a calendar there; the owner has no
    password yet.
    """
    clinic = Clinic.create(name=name)
    clinic.bump_faces()
    weekdays = {day: [["09:00", "17:00"]] for day in scheduling.WEEKDAYS[:5]}
    venue = Venue.create(clinic=clinic, name=name, zone_name=zone_name, hours=weekdays)
    owner = User.create(
        clinic=clinic, name=owner_name, email=email, role="owner", rev=clinic.latest_rev
    )
    Practitioner.create(
        clinic=clinic, user=owner, venue=venue, hours=weekdays, calendar_rev=clinic.latest_rev
    )
    AuditEntry.note(clinic, owner, "clinic.founded", clinic)
    return owner


@database.atomic()
def sign_up(
    name: str, zone_name: str, owner_name: str, email: str, password: str, is_open: bool
) -> User:
    """A new clinic of somebody who came by: the first one, or where `is_open` a further one. Of two
    who come first at once one gets in.

    Raises Closed, or Taken for an address in use.
    """
    lock_everything()
    if not is_open and User.select().exists():
        raise Closed
    with unique():
        owner: User = found(name, zone_name, owner_name, email)
    owner.set_password(password, owner)
    return owner
