"""Buttons that add something, pressed twice: a lost answer or an impatient finger."""

from datetime import timedelta

import pytest

from models import Feed, Service, User, Venue
from people.credentials import OneTimeToken

CASES = {
    "service": (
        Service,
        "/services/",
        {"name": "Twice", "duration_minutes": "60", "colour": "blue", "price_cents": "85.50"},
    ),
    "venue": (Venue, "/settings/venues", {"name": "Twice", "zone_name": "Europe/Paris"}),
    "person": (
        User,
        "/team/",
        {"name": "Twice", "email": "twice@linden.test", "role": "practitioner"},
    ),
    "link": (Feed, "/sync/links/", {"name": "Twice", "kind": "availability"}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_button_that_is_pressed_twice_adds_one_row(signed_in, linden, clock, case):
    kind, path, typed = CASES[case]
    browser = signed_in(linden.maya)
    User.update(sync_allowed=True).execute()
    first = browser.post(path, data=typed)
    again = browser.post(path, data=typed)
    assert (first.status_code, again.status_code) == (303, 303)
    assert again.location == first.location
    assert kind.select().where(kind.name == "Twice").count() == 1
    assert OneTimeToken.select().count() == (case == "person")
    clock.now += timedelta(minutes=2)
    later = browser.post(path, data=typed)
    assert later.status_code == (303 if case == "link" else 422)  # names are taken again
