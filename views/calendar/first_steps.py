"""The steps to set up a new clinic, and which of them are done."""

from dataclasses import dataclass

from models import Clinic, Service, Venue
from people import founding
from sync.feeds import owned


@dataclass(frozen=True)
class FirstSteps:
    """The four steps by name, whether each is done, and the clinic's first venue."""

    venue: Venue
    steps: dict[str, bool]

    @property
    def done(self) -> int:
        return sum(self.steps.values())

    @property
    def now(self) -> str | None:
        """The first step that is not done."""
        return next((name for name, is_done in self.steps.items() if not is_done), None)


def first_steps(clinic: Clinic) -> FirstSteps:
    """The steps, read from the data: the clinic itself, services and hours, clients, a calendar
    outside.
    """
    venues = list(Venue.listed(clinic))
    steps = {
        "clinic": True,
        "services": any(venue.hours for venue in venues) and bool(list(Service.listed(clinic))),
        "clients": founding.has_clients(clinic),
        "calendar": owned.count(clinic) > 0,
    }
    return FirstSteps(min(venues, key=lambda venue: venue.id), steps)
