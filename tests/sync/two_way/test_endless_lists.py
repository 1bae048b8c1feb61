"""A list of calendars without an end costs few requests, and does not stop known calendars."""

import json
import re
from datetime import timedelta
from urllib.parse import unquote

import httpx
import pytest
from sync_world import WORLDS

from sync.tables import controls
from sync.tables.accounts import Account
from sync.two_way import first_list

MOST = 60  # requests that one look may cost


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def asked(monkeypatch):
    """The requests for the list of calendars, from now on without an end."""
    seen = []

    def told(self, request, answer=httpx.WSGITransport.handle_request):
        if request.method != "GET" or not re.search(
            "calendarList$|/me/calendars$", unquote(request.url.path)
        ):
            return answer(self, request)
        address = str(request.url.copy_with(query=None))
        good = answer(self, httpx.Request("GET", address, headers=request.headers))
        good.read()
        seen.append(address)
        more = f"{address}?$skiptoken=page{len(seen)}"
        page = json.loads(good.content) | {
            "nextPageToken": f"page{len(seen)}",
            "@odata.nextLink": more,
        }
        return httpx.Response(200, json=page)

    return lambda: (monkeypatch.setattr(httpx.WSGITransport, "handle_request", told), seen)[1]


def test_bookings_go_on_though_the_list_never_ends(world, asked):
    account = world.start(sources=[world.source()])
    requests = asked()
    controls.ask_for_run(Account.get_by_id(account.id), "resync", world.user)
    Account.update(listed_at=None).where(Account.id == account.id).execute()
    booking = world.book()
    for _ in range(4):
        row = world.poll(account)
        assert row.health == "ok"
    assert set(world.standing(account)) == {str(booking.uuid)}
    assert 0 < len(requests) <= 2 * MOST  # the list, and the search through all of them


def test_a_new_account_with_such_a_list_is_looked_at_seldom(world, asked):
    account = world.connect()
    requests = asked()
    first_list.ask_for_calendars(account)
    for _ in range(20):
        first_list.read_list(account.id)
        world.later(minutes=5)
    row = Account.get_by_id(account.id)
    assert row.health == "waiting" and 0 < len(requests) <= MOST
    assert row.wait_until - world.clock.now > timedelta(hours=4)
    first_list.ask_for_calendars(row)  # a person may always try again
    first_list.read_list(account.id)
    assert MOST < len(requests) <= 2 * MOST
