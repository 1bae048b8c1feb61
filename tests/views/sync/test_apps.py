"""Apps: each with its purpose, whether it is on, and one way to switch it on."""

import html
import re
from dataclasses import replace

import pytest
from plans import lose_provider
from sync_world import SyncWorld

from models import Feed
from sync.connect import gateway
from sync.providers import registry


@pytest.fixture
def world(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SyncWorld(linden, clock)


def apps(browser) -> dict[str, str]:
    page = html.unescape(browser.get("/settings/apps/").get_data(as_text=True))
    cards = re.findall(r'<li id="app-([\w-]+)"[^>]*>(.*?)</li>', page, re.DOTALL)
    return {key: " ".join(re.sub("<[^>]+>", " ", card).split()) for key, card in cards}


def test_every_provider_links_and_online_booking_stand_there_off_at_first(signed_in, linden, world):
    found = apps(signed_in(linden.pat))
    need_set_up = {kind for kind, row in registry.PROVIDERS.items() if not row.by_password}
    assert found.keys() == {*need_set_up, "links", "online"}
    assert " Off " in found["google"] and "Activate" in found["google"]
    assert "Not set up on this server." in found["microsoft"]
    assert " Off " in found["links"] and "Activate" in found["links"]
    assert "A manager switches it on" in found["online"] and "Activate" not in found["online"]
    assert "Activate" in apps(signed_in(linden.olive))["online"]


def test_calendars_that_need_no_set_up_stand_there_where_they_are_on(signed_in, linden, world):
    gateway.set_up(replace(gateway.setup(), by_password=True))
    found = apps(signed_in(linden.pat))
    assert found.keys() == {*registry.KINDS, "links", "online"}
    assert " Off " in found["caldav-apple"] and "Activate" in found["caldav-apple"]


def test_what_few_look_for_stands_in_one_card_until_it_is_used(signed_in, linden, world):
    gateway.set_up(replace(gateway.setup(), by_password=True))
    page = signed_in(linden.pat).get("/settings/apps/").get_data(as_text=True)
    cards = re.findall(r'<li id="app-([\w-]+)" class="card">', page)
    common = [kind for kind, row in registry.PROVIDERS.items() if row.is_widespread]
    assert cards == [*common, "links", "online"] and len(common) < 4


def test_what_runs_is_on_and_can_be_deactivated(signed_in, linden, world):
    pat = signed_in(linden.pat)
    account = world.connect()
    assert "Not started" in apps(pat)["google"] and "Activate" in apps(pat)["google"]
    world.start()
    Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar)
    found = apps(pat)
    assert f"On {registry.row_of('google').pitch}"[:3] in found["google"]
    assert "robin.hale@gmail.example. Up to date." in found["google"]
    assert "Deactivate" in found["google"] and "Activate" not in found["google"]
    assert "1 link of yours." in found["links"] and "Manage links" in found["links"]
    assert "robin.hale" not in str(apps(signed_in(linden.quinn)))
    off = f"/sync/accounts/{account.id}/disconnection"
    assert off in pat.get("/settings/apps/").get_data(as_text=True)
    assert pat.get(off).status_code == 200


def test_what_the_plan_has_not_is_not_offered(signed_in, linden, world):
    lose_provider(linden.clinic)
    found = apps(signed_in(linden.quinn))
    assert "Not in your clinic’s plan." in found["microsoft"]
    assert "Not in your clinic’s plan." in found["links"]
    assert "Activate" in found["google"]


def test_an_owner_finds_how_to_set_a_provider_up(signed_in, linden):
    gateway.set_up(gateway.GatewaySetup())
    page = signed_in(linden.olive).get("/settings/apps/").get_data(as_text=True)
    assert "How to set it up: Google Calendar" in page
    assert "How to set it up" not in str(apps(signed_in(linden.pat)))


def test_settings_and_calendar_sync_lead_there(signed_in, linden):
    olive = signed_in(linden.olive)
    for path in ("/settings/", "/sync/"):
        assert 'href="/settings/apps/"' in olive.get(path).get_data(as_text=True)
