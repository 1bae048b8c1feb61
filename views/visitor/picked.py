"""The choices of a visitor so far, as words in the page's address: no ids."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from free_times.online import making
from free_times.online.page import OnlinePage
from free_times.own_terms import ServiceTerms
from models import Service, User, Venue

from . import pages


@dataclass(frozen=True)
class Picked:
    """A visitor's choices: the service, and the venue and the person if they were chosen. `zone`:
    the visitor's, if it is not the venue's. `form`: the ticket of a time that was chosen before, if
    any. `is_lost`: the address names a venue or person that the page does not offer now, or a
    person for a service that is booked with anyone who is free.
    """

    page: OnlinePage
    service: Service | None
    venue: Venue | None
    person: User | None
    zone: str
    form: str = ""
    is_lost: bool = False

    @classmethod
    def of(cls, page: OnlinePage, words: Mapping[str, str]) -> "Picked":
        """The choices in an address or a form."""
        zone, venue, person = (words.get(word, "") for word in ("zone", "venue", "with"))
        picked = cls(
            page,
            page.services_by_slug.get(words.get("service", "")),
            page.venues_by_slug.get(venue),
            page.people_by_slug.get(person),
            zone if pages.is_zone(zone) else "",
            words.get("form", "")[:400],
        )
        is_lost = bool((venue and not picked.venue) or (person and not picked.person))
        is_named = picked.service and person and not making.is_choice(picked.service, anyone=False)
        return replace(picked, is_lost=is_lost or bool(is_named))

    @property
    def terms(self) -> list[ServiceTerms]:
        """The calendars in which the service may be booked, limited to the chosen venue and
        person.
        """
        if self.service is None or self.is_lost:
            return []
        return self.page.at(self.service, self.venue, self.person)

    @property
    def venues(self) -> list[Venue]:
        """The venues at which the service can be booked with the chosen person, by name."""
        offered = self.page.at(self.service, None, self.person) if self.service else []
        ids = {one.calendar.venue_id for one in offered}
        return [venue for venue in self.page.venues if venue.id in ids]

    @property
    def people(self) -> list[User]:
        """The people with whom the service can be booked at the venue, by name."""
        offered = self.page.at(self.service, self.venue) if self.service else []
        return list({one.calendar.user_id: one.calendar.user for one in offered}.values())

    @property
    def lacks_person(self) -> bool:
        """Whether the service is booked with a certain person, and none is chosen."""
        is_needed = self.service is not None and not making.is_choice(self.service, anyone=True)
        return is_needed and self.person is None

    @property
    def is_open(self) -> bool:
        """Whether the visitor must choose one of several people."""
        return self.lacks_person and len(self.people) > 1

    def query(self, **changed: object) -> dict[str, str]:
        """The words for an address, without choices that were not made."""
        words = {
            "service": _slug(self.page.services_by_slug, self.service),
            "venue": _slug(self.page.venues_by_slug, self.venue),
            "with": _slug(self.page.people_by_slug, self.person),
            "zone": self.zone,
            "form": self.form,
        }
        return {name: word for name, word in (words | changed).items() if word}

    @property
    def other_zone(self) -> ZoneInfo | None:
        """The visitor's zone, if times are shown in it as well."""
        return ZoneInfo(self.zone) if self.zone else None


def _slug(rows: Mapping, row: object) -> str:
    return next((word for word, one in rows.items() if one == row), "")
