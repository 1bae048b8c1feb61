"""Public holidays of venues: rows for the year ahead, from the package `holidays`.

Each closes its venue until somebody unticks it; an unticked one stays unticked in the next years.
"""

import re
from datetime import date, timedelta

from base import scheduling
from base.database import alone
from base.tables import faulty
from base.tables.audit import AuditEntry
from base.tables.time_off import DatedHours
from models import User, Venue

AHEAD = timedelta(days=365)
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # where a name has a space
_SMALL = {"And": "and", "Of": "of", "The": "the"}


def countries() -> dict[str, str]:
    """Two-letter codes of the countries whose holidays are known, and their names, by name."""
    from holidays.registry import COUNTRIES

    named = {code: _spaced(name) for name, code, *_ in COUNTRIES.values()}
    return dict(sorted(named.items(), key=lambda pair: pair[1]))


def _spaced(name: str) -> str:
    """The package's name of a country with spaces: "Isle of Man", "DR Congo"."""
    words = [_SMALL.get(word, word) for word in _WORDS.sub(" ", name).split()]
    return " ".join(words).replace("Mc ", "Mc")


def regions(country: str) -> dict[str, str]:
    """Codes and names of the country's regions, by name. None if the country has none, or is
    unknown.
    """
    import holidays

    if country not in countries():
        return {}
    table = type(holidays.country_holidays(country))
    names = {code: name for name, code in table.subdivisions_aliases.items()}
    named = {code: names.get(code, code) for code in table.subdivisions}
    return dict(sorted(named.items(), key=lambda pair: pair[1]))


def public_holidays(country: str, region: str, first: date, last: date) -> dict[date, str]:
    """The public holidays from `first` to `last` and their names, in English if the package has
    them in English. Empty for an unknown country.
    """
    import holidays

    if country not in countries() or (region and region not in regions(country)):
        return {}
    years = range(first.year, last.year + 1)
    found = holidays.country_holidays(country, subdiv=region or None, years=years, language="en_US")
    return {day: name[:120] for day, name in sorted(found.items()) if first <= day <= last}


def choose(venue: Venue, country: str, region: str, actor: User | None) -> None:
    """Close the venue on the holidays of this country and region; "": on none."""
    with alone(venue):
        if (country, region) != (venue.country, venue.region):
            venue.country, venue.region = country, region
            venue.save(only=[Venue.country, Venue.region])
            DatedHours.delete().where(*_ahead(venue)).execute()
            AuditEntry.note(venue.clinic, actor, "venue.holidays", venue, country=country)
        _refresh(venue)


def coming_holidays(venue: Venue) -> list[DatedHours]:
    """The venue's holidays of the year ahead, by date."""
    return list(DatedHours.select().where(*_ahead(venue)).order_by(DatedHours.day))


def tick(venue: Venue, days: set[date], actor: User | None) -> None:
    """Close the venue on these of its holidays and on no others."""
    with alone(venue):
        for row in coming_holidays(venue):
            if row.counts != (row.day in days):
                row.counts = row.day in days
                row.save(only=[DatedHours.counts])
        AuditEntry.note(venue.clinic, actor, "venue.holidays", venue, country=venue.country)


def refresh() -> int:
    """Store the holidays of every venue for the year ahead. Returns how many venues failed."""
    venues = Venue.select().where(Venue.country != "", ~Venue.archived)
    return faulty.each("holidays", venues, _refresh_alone)


def _refresh_alone(venue: Venue) -> None:
    with alone(venue):
        _refresh(venue)


def _refresh(venue: Venue) -> None:
    today = scheduling.local_day(scheduling.utc_now(), venue.zone)
    wanted = (
        public_holidays(venue.country, venue.region, today, today + AHEAD) if venue.country else {}
    )
    there = {row.day: row for row in coming_holidays(venue)}
    every = DatedHours.select().where(DatedHours.venue == venue, DatedHours.is_holiday)
    unticked = {row.name for row in every if not row.counts}
    for day, row in there.items():
        if day not in wanted:
            row.delete_instance()
    for day, name in wanted.items():
        if day not in there:
            DatedHours.create(
                clinic=venue.clinic,
                venue=venue,
                day=day,
                name=name,
                is_holiday=True,
                counts=name not in unticked,
            )


def _ahead(venue: Venue) -> tuple:
    today = scheduling.local_day(scheduling.utc_now(), venue.zone)
    return DatedHours.venue == venue, DatedHours.is_holiday, DatedHours.day >= today
