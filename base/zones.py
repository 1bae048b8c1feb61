"""Time zones by the names that people use: a city, a short name, or the name of the database.

Names and countries come from the time zone database (`zone.tab`, `iso3166.tab`); other names that
people write are in `zones.tab` beside this file.
"""

import unicodedata
from functools import cache
from importlib import resources
from pathlib import Path

from . import region, scheduling


def find_zone(text: str) -> str | None:
    """The zone of this name, city or short name; None if there is none, or several."""
    if scheduling.is_zone(text):
        return text
    return _known().get(_plain(text))


@cache
def choices() -> tuple[tuple[str, str], ...]:
    """Each zone with its name for people: "New York, United States"."""
    return tuple((zone, _called(zone)) for zone in scheduling.zone_names())


def _called(zone: str) -> str:
    city = zone.rpartition("/")[2].replace("_", " ")
    country = _country_names().get(region.country_of(zone), "")
    more = _named("short").get(zone, [])[:2]
    named = ", ".join(filter(None, (city, country)))
    return f"{named} ({', '.join(word.upper() for word in more)})" if more else named


@cache
def _known() -> dict[str, str]:
    """Zones by plain name. A city goes to the zone that has a country. A name of two zones is left
    out.
    """
    found: dict[str, set[str]] = {}
    for zone in scheduling.zone_names():
        if region.country_of(zone):
            found.setdefault(_plain(zone.rpartition("/")[2]), set()).add(zone)
    known = {name: zones.pop() for name, zones in found.items() if len(zones) == 1}
    for table in (_named("short"), _named("city")):
        for zone, names in table.items():
            known |= {name: zone for name in names if name not in known}
    return {_plain(zone): zone for zone in scheduling.zone_names()} | known


def _plain(text: str) -> str:
    """The name without accents, capitals, signs and the country behind a comma."""
    bare = unicodedata.normalize("NFKD", text.partition(",")[0]).encode("ascii", "ignore").decode()
    return " ".join(bare.lower().replace("_", " ").replace(".", "").replace("-", " ").split())


@cache
def _named(kind: str) -> dict[str, list[str]]:
    """Other names of zones, of this kind: "short" or "city"."""
    rows = _rows(Path(__file__).with_name("zones.tab").read_text("utf-8"))
    return {zone: names.split(",") for its, zone, names in rows if its == kind}


def _rows(table: str) -> list[list[str]]:
    return [line.split("\t") for line in table.splitlines() if line and line[0] != "#"]


@cache
def _country_names() -> dict[str, str]:
    table = resources.files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text("utf-8")
    return {row[0]: row[1] for row in _rows(table)}
