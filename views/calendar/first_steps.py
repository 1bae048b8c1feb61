"""What a new clinic has set up so far."""

from models import Clinic, Service, Venue
from sync.feeds import owned


def first_steps(clinic: Clinic) -> dict[str, bool]:
    """What is set up, read from the data.

    The clinic itself, what can be booked and when, clients, a calendar outside.
    """
    open_hours = any(venue.hours for venue in Venue.listed(clinic))
    return {
        "clinic": True,
        "services": open_hours and Service.listed(clinic).exists(),
        "clients": clinic.patients.exists(),
        "calendar": owned.living(clinic).exists(),
    }
