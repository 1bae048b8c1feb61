"""Dialogues and answers about a change say what becomes of connected calendars, not of private
links alone.
"""

import html
import re

import external
import pytest
from sync_world import SyncWorld

from models import Clinic, User
from sync.tables.accounts import Account
from sync.tables.mappings import MappingRow


@pytest.fixture
def account(linden, clock):
    """Pat's, synced with Google: two events of ours are there."""
    SyncWorld(linden, clock)
    account = external.source(linden.pat, checked_at=clock.now, listed_at=clock.now).account
    for uid in ("one", "two"):
        MappingRow.create(account=account, uid=uid, phase="synced", remote_id=uid)
    return account


def said(answer) -> str:
    assert answer.status_code == 200
    words = re.sub(r"<[^>]*>", " ", html.unescape(answer.get_data(as_text=True)))
    return " ".join(words.split())


def after(browser, path: str, **data) -> str:
    """The page after a form was sent."""
    return said(browser.post(path, data=data, follow_redirects=True))


def test_who_removes_a_person_reads_what_becomes_of_their_events_outside(
    account, signed_in, linden
):
    olive, path = signed_in(linden.olive), f"/team/{linden.pat.id}/leaving"
    assert "Sync with Google ends, and 2 events of ours are removed there." in said(olive.get(path))
    Account.update(health="reconnect").execute()
    assert "2 events of ours stay there, since access has ended." in said(olive.get(path))
    MappingRow.delete().execute()
    page = said(olive.get(path))
    assert "Sync with Google ends." in page and "of ours" not in page
    assert "Sign-in, private links and sync are off" in after(olive, path)
    back = after(olive, f"/team/{linden.pat.id}/return")
    assert "other calendars connected again" in back


def test_where_nothing_is_connected_nothing_is_said_of_it(signed_in, linden, clock):
    page = said(signed_in(linden.olive).get(f"/team/{linden.pat.id}/leaving"))
    assert "Sync with" not in page


@pytest.mark.parametrize("is_hidden", ["y", ""])
def test_the_switch_that_hides_says_that_connected_calendars_follow(
    account, signed_in, linden, is_hidden
):
    linden.pat.change_sync(hide_sensitive=not is_hidden)
    pat = signed_in(linden.pat)
    data = {"hide_sensitive": is_hidden} if is_hidden else {}
    assert "Connected calendars follow at once" in after(pat, "/sync/links/privacy", **data)
    assert User.get_by_id(linden.pat.id).hide_sensitive is bool(is_hidden)
    page = said(pat.get("/sync/"))
    assert ("Hidden: every booking says “Busy”" in page) is bool(is_hidden)


def test_limit_preset_venue_and_service_say_that_other_calendars_follow(account, signed_in, linden):
    olive = signed_in(linden.olive)
    page = said(olive.get("/settings/"))
    assert "also to private links that are out already and to events in connected" in page
    assert "Connected calendars follow at once" in page
    venue = linden.calendar.venue
    assert "changed, here and in other calendars" in after(
        olive, f"/settings/venues/{venue.id}", name="Elm Street", zone_name="Europe/London"
    )
    limit = {"privacy_ceiling": "initials", "parts": "privacy"}
    assert "Private links and connected calendars follow" in after(
        olive, "/settings/privacy", **limit
    )
    assert Clinic.get_by_id(linden.clinic.id).privacy_ceiling == "initials"
    assert "Colleagues choose for their own calendars. The clinic’s limit: initials" in said(
        olive.get(f"/clients/{linden.patient.id}")
    )
