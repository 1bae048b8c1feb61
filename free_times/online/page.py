"""The page of a clinic for online booking: the services, calendars and venues on it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from base.remembered import remembered
from free_times.own_terms import OwnTerms, ServiceTerms
from free_times.rules import OnlineSettings
from models import Clinic, Practitioner, Service, User, Venue

from .names import suggested

RESERVED = {  # endings of the page's addresses
    "times",
    "people",
    "hold",
    "details",
    "book",
    "wait",
    "booking",
    "waiting-list",
}


@dataclass(frozen=True)
class OnlinePage:
    """A clinic's page for online booking: its address, its settings, and the terms of
    each service.
    """

    clinic: Clinic
    name: str
    settings: OnlineSettings
    services: Sequence[Service]
    terms: dict[int, list[ServiceTerms]]  # by service

    @classmethod
    def of(cls, clinic: Clinic, name: str, settings: OnlineSettings) -> "OnlinePage":
        """The page as it is now. Three queries, however much is on it."""
        services = list(Service.listed(clinic).where(Service.bookable_online))
        calendars = [one for one in Practitioner.listed(clinic) if one.takes_online]
        own: dict[tuple[int, int], OwnTerms] = {
            (row.service_id, row.practitioner_id): row
            for row in OwnTerms.select().where(OwnTerms.clinic == clinic)
        }
        terms: dict[int, list[ServiceTerms]] = {}
        for service in services:
            offered = [
                ServiceTerms.of(one, service, own.get((service.id, one.id))) for one in calendars
            ]
            terms[service.id] = [one for one in offered if one.is_offered]
        shown = [service for service in services if terms[service.id]]
        return cls(clinic, name, settings, shown, terms)

    def at(
        self, service: Service, venue: Venue | None = None, user: User | None = None
    ) -> list[ServiceTerms]:
        """The terms of the service, at one venue or with one person if named."""
        return [
            one
            for one in self.terms.get(service.id, [])
            if (venue is None or one.calendar.venue_id == venue.id)
            and (user is None or one.calendar.user_id == user.id)
        ]

    def terms_of(self, service: Service, calendar_id: int) -> ServiceTerms | None:
        """The terms of the service in one calendar (id); None if it is not offered there."""
        return next((one for one in self.at(service) if one.calendar.id == calendar_id), None)

    def service(self, service_id: int) -> Service | None:
        """The service with this id, if it is offered online."""
        return next((one for one in self.services if one.id == service_id), None)

    @remembered
    def calendars(self) -> list[Practitioner]:
        """Every calendar that takes online bookings of something."""
        found = {one.calendar.id: one.calendar for every in self.terms.values() for one in every}
        return list(found.values())

    @remembered
    def venues(self) -> list[Venue]:
        """The venues at which something can be booked, by name."""
        found = {one.venue_id: one.venue for one in self.calendars}
        return sorted(found.values(), key=lambda venue: (venue.name, venue.id))

    def calendar(self, calendar_id: int) -> Practitioner | None:
        """The clinic's calendar with this id. A calendar that takes no online bookings now needs a
        query.
        """
        offered = next((one for one in self.calendars if one.id == calendar_id), None)
        of_clinic = Practitioner.id == calendar_id, Practitioner.clinic == self.clinic
        return offered or Practitioner.get_or_none(*of_clinic)

    @remembered
    def services_by_slug(self) -> dict[str, Service]:
        """The services by their slug, the text for each in an address."""
        return by_slug((one.id, one.name, one) for one in self.services)

    @remembered
    def venues_by_slug(self) -> dict[str, Venue]:
        """The venues by their slug."""
        return by_slug((one.id, one.name, one) for one in self.venues)

    @remembered
    def people_by_slug(self) -> dict[str, User]:
        """The practitioners by their slug, which no venue has."""
        people = {one.user_id: one.user for one in self.calendars}
        rows = ((one.id, one.name, one) for one in people.values())
        return by_slug(rows, {*RESERVED, *self.venues_by_slug})


def by_slug(
    rows: Iterable[tuple[int, str, object]], used: Iterable[str] = RESERVED
) -> dict[str, Any]:
    """Rows (id, name, row) by a slug made of the name. If two names are alike, the older row has
    the plain slug and the others get a number.
    """
    found: dict[str, Any] = {}
    count: dict[str, int] = defaultdict(int)
    barred = set(used)
    for _, name, row in sorted(rows, key=lambda one: one[0]):
        word = slug = suggested(name, "place")
        while slug in found or slug in barred:
            count[word] += 1
            slug = f"{word}-{count[word] + 1}"
        found[slug] = row
    return found
