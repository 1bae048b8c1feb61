"""A new clinic, with one venue and its owner."""

from dataclasses import asdict

from base import opening_hours, region
from base.database import database, lock_everything, unique
from base.tables.audit import AuditEntry
from models import Clinic, Practitioner, User, Venue

from .email_addresses import AddressProof


class SignUpClosed(Exception):
    """A clinic exists already, and sign-up is closed."""


def _usual(zone_name: str) -> dict[str, object]:
    """Two values: the usual formats of dates, times and prices in the country of the zone; and how
    much of a client's name may go outside, until somebody chooses.
    """
    begins: dict[str, object] = asdict(region.guess(zone_name))
    begins["privacy_ceiling"] = "first_name_last_initial"
    if code := region.currency(zone_name):
        begins["currency"] = code
    return begins


@database.atomic()
def found(name: str, zone_name: str, owner_name: str, email: str) -> User:
    """A new clinic with one venue and its owner, who has a calendar there; the owner has no
    password yet.
    """
    clinic = Clinic.create(name=name, **_usual(zone_name))
    clinic.bump_faces()
    weekdays = {day: [["09:00", "17:00"]] for day in opening_hours.WEEKDAYS[:5]}
    venue = Venue.create(clinic=clinic, name=name, zone_name=zone_name, hours=weekdays)
    owner = User.create(
        clinic=clinic, name=owner_name, email=email, role="owner", rev=clinic.latest_rev
    )
    Practitioner.create(
        clinic=clinic, user=owner, venue=venue, hours=weekdays, calendar_rev=clinic.latest_rev
    )
    AuditEntry.note(clinic, owner, "clinic.founded", clinic)
    return owner


def is_founded() -> bool:
    """Whether there is a clinic that somebody can sign in to."""
    return bool(User.select().exists())


def has_clients(clinic: Clinic) -> bool:
    """Whether the clinic has any client yet."""
    found: bool = clinic.patients.exists()
    return found


def has_bookings(clinic: Clinic) -> bool:
    """Whether anything was booked yet."""
    found: bool = clinic.bookings.exists()
    return found


def only_clinic() -> Clinic | None:
    """The clinic of a server that has one; None where there are more, or none."""
    found = list(Clinic.select().limit(2))
    return found[0] if len(found) == 1 else None


@database.atomic()
def sign_up(
    name: str,
    zone_name: str,
    owner_name: str,
    email: str,
    password: str,
    is_open: bool,
    proof: AddressProof | None = None,
) -> User:
    """Make a clinic for somebody who signed up: the first one, or if `is_open` a further one. If
    two sign up for the first at once, only one gets it. `proof`: of the address; it is used up.

    Raises SignUpClosed, also where the proof was used meanwhile, or AlreadyUsed for an address in
    use.
    """
    lock_everything()
    if not is_open and is_founded():
        raise SignUpClosed
    with unique():
        owner: User = found(name, zone_name, owner_name, email)
    owner.set_password(password, owner)
    if proof and not proof.use_up():
        raise SignUpClosed
    return owner
