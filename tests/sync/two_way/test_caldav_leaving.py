"""What each way out of an account leaves at each CalDAV server: ours go where they should, and
nothing of others is touched.
"""

import re

import pytest
from caldav_account_world import World, at, quiet  # noqa: F401 (a fixture)
from caldav_installed import EVERY, installed
from caldav_servers import SERVERS

from sync.tables import controls, ending, starting
from sync.tables.accounts import Account
from sync.tables.mappings import MappingRow

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HOURS = "DTSTAMP:20261101T000000Z\nDTSTART:20261203T1{}0000Z\nDTEND:20261203T1{}3000Z"


@pytest.fixture(scope="module", params=[*SERVERS, *installed()] if EVERY else ["radicale"])
def running(request):
    with at(request.param) as server:
        yield server


@pytest.fixture
def world(linden, clock, running):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    made = World(linden, clock, running)
    yield made
    for path in made.made:
        made.http.delete(running.origin + path)
    made.http.close()
    running.requests.clear()


class There:
    """One calendar at the server: what is ours in it, and the bytes of what is not."""

    def __init__(self, world, path):
        self.world, self.path = world, path
        world.made.append(path)

    def texts(self):
        body = b'<d:propfind xmlns:d="DAV:"><d:prop><d:resourcetype/></d:prop></d:propfind>'
        url = self.world.server.origin + self.path
        answer = self.world.http.request("PROPFIND", url, content=body, headers={"Depth": "1"})
        if answer.status_code != 207:
            return None
        hrefs = re.findall(r"href>(?:https?://[^/<]*)?([^<]*\.ics)</", answer.text)
        if "calendar" not in answer.text.partition("resourcetype")[2]:
            return None
        return [
            self.world.http.get(self.world.server.origin + href).text
            for href in sorted(hrefs)
            if href.startswith(self.path)
        ]

    def ours(self):
        return [text for text in self.texts() or [] if "kalends.invalid" in text]

    def others(self):
        return [text for text in self.texts() or [] if "kalends.invalid" not in text]

    def uids(self):
        return set(re.findall(r"UID:(\S+)", "".join(self.ours()).replace("\r\n ", "")))

    @property
    def stands(self):
        return self.texts() is not None


def in_a_calendar_of_ours(world, with_others):
    account = world.start()
    there = There(world, account.destination.calendar_id)
    if with_others:
        for n in (1, 2):
            world.put(there.path, f"own{n}.ics", f"UID:own{n}\n{HOURS.format(n, n)}\nSUMMARY:Own")
        account = world.settle(world.poll(account))
    return account, there


def in_a_calendar_that_was_there(world, with_others):
    path = world.make_calendar("chosen")
    for n in (1, 2) if with_others else ():
        world.put(path, f"own{n}.ics", f"UID:own{n}\n{HOURS.format(n, n)}\nSUMMARY:Own")
    account = world.sign_in()
    starting.start(account, world.user, "chosen", "Europe/London", path)
    return world.settle(world.run(account)), There(world, path)


PLACES = (in_a_calendar_of_ours, in_a_calendar_that_was_there)


@pytest.mark.parametrize("with_others", [False, True], ids=["alone", "with others"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("removes", [False, True], ids=["kept", "removed"])
@pytest.mark.parametrize("goal", ["off", "disconnect"])
def test_who_leaves_keeps_or_removes_ours_and_never_others(
    world, goal, removes, place, with_others
):
    for day in range(1, 4):
        world.book(days=day)
    account, there = place(world, with_others)
    before = there.others()
    assert (len(there.ours()), len(before)) == (3, 2 if with_others else 0)
    ending.begin_departure(account, world.user, goal, removes)
    account = world.settle(account)
    assert (account is None) == (goal == "disconnect")
    assert there.others() == before  # byte for byte
    assert len(there.ours()) == (0 if removes else 3)
    is_ours = place is in_a_calendar_of_ours
    assert there.stands == (not (removes and is_ours and not with_others))
    assert not MappingRow.select().exists()
    if goal == "off":
        assert (account.phase, account.health) == ("off", "ok")
    # and begun again, in the same calendar where it still is one
    account = world.sign_in()
    again = next((row for row in account.calendars if row.calendar_id == there.path), None)
    assert bool(again) == there.stands
    into = (
        (again.name, "Europe/London", again.calendar_id) if again else ("Kalends", "Europe/London")
    )
    starting.start(account, world.user, *into)
    account = world.settle(world.run(account))
    there = There(world, account.destination.calendar_id)
    assert (len(there.ours()), there.others()) == (3, before if again else [])
    assert account.health == "ok"
    ending.begin_departure(account, world.user, "disconnect", True)
    world.settle(account)
    assert not Account.select().exists() and there.ours() == []


@pytest.mark.parametrize("status", [403, 405, 501])
def test_a_calendar_that_may_not_be_deleted_is_emptied(world, status):
    for day in range(1, 4):
        world.book(days=day)
    account, there = in_a_calendar_of_ours(world, False)
    refused = status, [], b""
    world.server.faults.append(
        lambda method, path: refused if (method, path) == ("DELETE", there.path) else None
    )
    ending.begin_departure(account, world.user, "disconnect", True)
    account = world.settle(account)
    world.server.faults.clear()
    assert account is None and there.stands and there.ours() == []


@pytest.mark.parametrize("place", PLACES)
def test_starting_over_and_one_way_and_back_leave_each_once(world, place):
    for day in range(1, 4):
        world.book(days=day)
    account, there = place(world, True)
    before, uids = there.others(), there.uids()
    ending.begin_departure(account, world.user, "restart", True)
    account = world.settle(account)
    assert account.phase == "active" and there.others() == before
    fresh = There(world, account.destination.calendar_id)
    assert not uids & fresh.uids()
    assert len(fresh.ours()) == 3 and (fresh.path == there.path or there.ours() == [])
    for direction, count in (("in", 0), ("both", 3), ("out", 3), ("both", 3)):
        controls.change(account, world.user, direction=direction)
        account = world.settle(account)
        assert (account.health, account.failures) == ("ok", 0)
        last = There(world, account.destination.calendar_id or fresh.path)
        assert len(last.ours()) == count, direction
        assert there.others() == before
    world.assert_still(account)
