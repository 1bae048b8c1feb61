"""Time zones by the names that people use."""

import pytest

from base import scheduling, zones


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ("Europe/London", "Europe/London"),
        ("europe/london", "Europe/London"),
        ("New York", "America/New_York"),
        ("new york, United States (EST, EDT)", "America/New_York"),
        ("EST", "America/New_York"),
        ("Pacific time", "America/Los_Angeles"),
        ("Zürich", "Europe/Zurich"),
        ("São Paulo", "America/Sao_Paulo"),
        ("buenos aires", "America/Argentina/Buenos_Aires"),
        ("Munich", "Europe/Berlin"),
        ("St. Louis", "America/Chicago"),
        ("Asia/Calcutta", "Asia/Calcutta"),
        ("UTC", "UTC"),
        ("Atlantis", None),
        ("", None),
        ("/etc/passwd", None),
    ],
)
def test_a_zone_is_found_by_what_people_call_it(said, zone):
    assert zones.find_zone(said) == zone


def test_each_zone_that_is_offered_is_found_by_what_it_is_called():
    offered = zones.choices()
    assert len(offered) == len(scheduling.zone_names())
    doubtful = [name for zone, name in offered if zones.find_zone(name) not in (zone, None)]
    same = [name for name in doubtful if "," in name]
    assert len(same) <= 12, same  # names that one country has twice


def test_what_is_known_leads_to_zones_alone():
    for kind in ("short", "city"):
        assert len(zones._named(kind)) > 10
        assert all(map(scheduling.is_zone, zones._named(kind)))
