"""An account at real CalDAV servers through its whole life."""

import os
import random
from datetime import timedelta

import httpx
import pytest
from caldav_account_world import KIND, World, at, quiet  # noqa: F401 (a fixture)
from caldav_installed import EVERY, installed
from caldav_servers import SECRET, SERVERS, USER, Server

from base.scheduling import Span
from base.tables.outside import ExternalEvent
from sync.connect import arrival, gateway
from sync.tables import controls, ending, starting
from sync.tables.accounts import Account
from sync.tables.mappings import MappingRow
from sync.tables.pace import Pace
from sync.two_way import first_list

DEEDS = (*["book"] * 3, "move", "cancel", "edit", "delete", *["look"] * 2, "restart")


pytestmark = pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # what is said to servers is the same on both


@pytest.fixture
def world(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    server = Server("radicale")
    made = World(linden, clock, server)
    yield made
    made.http.close()
    server.close()


@pytest.fixture(scope="module", params=[*(SERVERS if EVERY else ()), *installed()])
def running(request):
    """Another server, for all tests here."""
    with at(request.param) as server:
        yield server


@pytest.fixture
def other(linden, clock, running):
    """The same at another server."""
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    made = World(linden, clock, running)
    yield made
    for path in made.made:
        made.http.delete(running.origin + path)
    made.http.close()
    running.requests.clear()


@pytest.fixture
def account(world):
    for day in range(1, 4):
        world.book(days=day)
    return world.start()


def test_a_wrong_password_is_tried_once_and_then_said(world):
    account = world.sign_in("wrong")
    assert (account.health, account.health_word) == ("reconnect", "WrongPassword")
    tried = len(world.server.requests)
    world.clock.now += timedelta(hours=5)
    first_list.sweep()
    first_list.read_list(account.id)
    assert len(world.server.requests) == tried <= 2
    account = world.sign_in()
    assert (account.health, account.email, account.phase) == ("ok", "robin@dav.test", "naming")
    assert SECRET not in account.sealed


def test_bookings_stand_outside_once_through_changes_on_both_sides(world, account):
    account = world.assert_in_step(account)
    assert all("CLASS:PRIVATE" in text and "ATTENDEE" not in text for text in world.texts(account))
    booking = world.book(days=8)
    booking.change(
        None, Span(booking.starts_at + timedelta(hours=2), booking.ends_at + timedelta(hours=2))
    )
    account = world.assert_in_step(world.run(account))
    booking.set_status("cancelled", world.user)
    account = world.run(account)
    assert len(world.listed(account)) == 3


def test_an_idle_look_and_a_change_are_one_request_each(world, account):
    account = world.poll(account)
    world.server.requests.clear()
    account = world.poll(account)
    assert len(world.server.requests) == 1
    world.server.requests.clear()
    world.book(days=9)
    world.run(account)
    assert [one[0] for one in world.server.requests] == ["PUT"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_says_too_much_is_left_alone_and_asked_more_slowly(world, account, status):
    account, asked = world.poll(account), len(world.server.requests)
    refusal = status, [("Retry-After", "90")], b""
    world.server.faults.append(lambda method, path: refusal)
    account = world.poll(account)
    assert account.wait_until - world.clock.now == timedelta(seconds=90)
    assert (account.health, len(world.server.requests)) == ("waiting", asked + 1)
    world.clock.now += timedelta(seconds=80)
    world.run(account)
    assert len(world.server.requests) == asked + 1  # not before it may
    world.clock.now += timedelta(seconds=20)
    account = world.run(account)
    world.server.faults.clear()
    assert Pace.halvings_of(account, world.clock.now) == 2
    provider = gateway.open_account(account)
    provider.calendars()
    assert provider._dav.login.connections == 1
    account = world.assert_in_step(world.settle(account))
    later = world.clock.now + timedelta(days=1)
    assert [Pace.halvings_of(account, later + timedelta(days=n)) for n in range(2)] == [1, 0]


def test_what_somebody_moves_or_deletes_outside_is_put_back(world, account):
    account = world.poll(account)
    first, second, _ = world.listed(account)
    text = (
        world.http.get(world.server.origin + first)
        .text.replace("T100000Z", "T153000Z")
        .replace("T105000Z", "T162000Z")
    )
    moved = text.replace("SUMMARY:", "SUMMARY:Moved ")
    world.http.put(
        world.server.origin + first,
        content=moved.encode(),
        headers={"Content-Type": "text/calendar"},
    )
    world.http.delete(world.server.origin + second)
    account = world.poll(account)
    world.clock.now += timedelta(minutes=2)
    account = world.run(account, 2)
    account = world.poll(account)
    world.assert_in_step(account)


def test_busy_times_of_other_calendars_block_here_and_go_again(world):
    path = world.make_calendar("private")
    hours = "DTSTAMP:20261101T000000Z\nDTSTART:20261203T100000Z\nDTEND:20261203T110000Z"
    world.put(path, "team.ics", f"UID:team\n{hours}\nSUMMARY:Team\nRRULE:FREQ=WEEKLY;COUNT=3")
    world.put(path, "lunch.ics", f"UID:lunch\n{hours}\nSUMMARY:Lunch\nTRANSP:TRANSPARENT")
    account = world.start(sources=["private"])
    rows = ExternalEvent.select().order_by(ExternalEvent.starts_at)
    assert [(row.title, row.blocks) for row in rows if row.blocks] == [("Team", True)] * 3
    world.put(
        path,
        "team.ics",
        f"UID:team\n{hours}\nSUMMARY:Team\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE:20261210T100000Z",
    )
    account = world.poll(account)
    assert sum(row.title == "Team" for row in ExternalEvent.select()) == 2
    world.http.delete(f"{world.server.origin}{path}team.ics")
    world.poll(account)
    assert [row.title for row in ExternalEvent.select()] == ["Lunch"]


def test_starting_over_and_disconnecting_leave_what_they_should(world, account):
    account = world.poll(account)
    before = world.listed(account)
    ending.begin_departure(account, world.user, "restart", True)
    account = world.run(account, 3)
    account = world.poll(account)
    after = world.listed(account)
    assert len(after) == 3 and not {one.rpartition("/")[2] for one in after} & {
        one.rpartition("/")[2] for one in before
    }
    path = account.destination.calendar_id
    ending.begin_departure(account, world.user, "disconnect", True)
    for _ in range(3):
        world.run(account)
        world.clock.now += timedelta(minutes=2)
    assert Account.get_or_none(Account.id == account.id) is None
    assert (
        world.http.request(
            "PROPFIND", world.server.origin + path, headers={"Depth": "0"}
        ).status_code
        == 404
    )


def test_a_reconnection_finds_our_calendar_and_doubles_nothing(world, account):
    account = world.poll(account)
    ending.begin_departure(account, world.user, "disconnect", False)
    ending.end_now(account, world.user)
    for _ in range(2):
        world.run(account)
    assert Account.get_or_none(Account.id == account.id) is None
    account = world.sign_in()
    assert [row.is_ours for row in account.calendars] == [True]
    (ours,) = account.calendars
    starting.start(account, world.user, ours.name, "Europe/London", ours.calendar_id)
    account = world.run(account, 2)
    account = world.poll(account)
    world.assert_in_step(account)
    assert len(world.listed(account)) == 3


def test_a_new_password_goes_on_where_it_was(world, account):
    users = f"{world.server.folder}/users"
    with open(users, "w", encoding="utf-8") as file:
        file.write(f"{USER}:another\n")
    for _ in range(4):
        world.clock.now += timedelta(hours=1)
        account = world.run(account)
    assert account.health == "reconnect"
    world.book(days=7)
    account = arrival.sign_in(world.user, KIND, "", "", "another", account)
    account = world.run(account)
    world.http.auth = httpx.BasicAuth(USER, "another")
    world.assert_in_step(account)
    assert MappingRow.select().where(MappingRow.phase == "synced").count() == 4


def test_the_whole_story_at_another_server(other):
    """Everything that a person does with an account, once, on both sides."""
    hours = "DTSTAMP:20261101T000000Z\nDTSTART:20261203T100000Z\nDTEND:20261203T110000Z"
    path = other.make_calendar("private")
    other.put(path, "team.ics", f"UID:team\n{hours}\nSUMMARY:Team\nRRULE:FREQ=WEEKLY;COUNT=3")
    bookings = [other.book(days=day) for day in range(1, 5)]
    account = other.assert_in_step(other.start(sources=["private"]))
    assert ExternalEvent.select().where(ExternalEvent.blocks).count() == 3
    account = other.poll(other.sign_in("wrong"))
    assert account.health == "reconnect"
    account = other.run(other.sign_in())
    # both sides change
    later = timedelta(hours=2)
    bookings[0].change(None, Span(bookings[0].starts_at + later, bookings[0].ends_at + later))
    bookings[1].set_status("cancelled", other.user)
    account = other.assert_in_step(other.run(account))
    first, second, _ = other.listed(account)
    other.edit(first, r"SUMMARY:", "SUMMARY:Moved ")
    assert other.http.delete(other.server.origin + second).status_code < 300
    account = other.assert_in_step(other.settle(other.poll(account)))
    assert not any("Moved" in text for text in other.texts(account))
    other.http.delete(f"{other.server.origin}{path}team.ics")
    other.settle(account)
    assert not ExternalEvent.select().exists()
    # one way, back, start over, disconnect
    controls.change(account, other.user, direction="in")
    account = other.settle(account)
    assert other.listed(account) == [] if account.destination.calendar_id else True
    controls.change(account, other.user, direction="both")
    account = other.assert_in_step(other.settle(account))
    ending.begin_departure(account, other.user, "restart", True)
    account = other.assert_in_step(other.settle(account))
    assert account.phase == "active"
    ours = account.destination.calendar_id
    ending.begin_departure(account, other.user, "disconnect", True)
    assert other.settle(account) is None
    answer = other.http.request("PROPFIND", other.server.origin + ours, headers={"Depth": "0"})
    assert answer.status_code >= 400 or b"404" in answer.content


def test_both_sides_agree_after_any_changes(other):
    """Changes at random, more with MACHINE_EXAMPLES, and then both sides are the same."""
    draw = random.Random(os.environ.get("CALDAV_SEED", "14"))
    account, bookings = other.start(), []
    for number in range(3 * int(os.environ.get("MACHINE_EXAMPLES", "6"))):
        what = draw.choice(
            ["book", "book", "book", "move", "cancel", "edit", "delete", "look", "look", "restart"]
        )
        there = other.listed(account)
        if what == "book" or not bookings:
            bookings.append(other.book(days=2 + number))
        elif what == "move":
            one, later = draw.choice(bookings), timedelta(minutes=10)
            one.change(None, Span(one.starts_at + later, one.ends_at + later))
        elif what == "cancel":
            bookings.pop(draw.randrange(len(bookings))).set_status("cancelled", other.user)
        elif what == "edit" and there:
            other.edit(draw.choice(there), r"SUMMARY:", "SUMMARY:Moved ")
        elif what == "delete" and there:
            other.http.delete(other.server.origin + draw.choice(there))
        elif what == "restart" and account.phase == "active":
            ending.begin_departure(account, other.user, "restart", True)
        if draw.random() < 0.5:
            account = other.poll(account)
    account = other.assert_in_step(other.settle(account, 5))
    assert not any("Moved" in text for text in other.texts(account))
    other.made.append(account.destination.calendar_id)
