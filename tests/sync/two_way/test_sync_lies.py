"""Complete lists that lack existing events: a list alone does not make an event of ours count as
gone, with both providers.
"""

import re
from datetime import timedelta

import httpx
import pytest
from sync_world import WORLDS, lie

from base.tables.outside import ExternalEvent
from models import Booking
from sync.tables import controls
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice

LIES = {
    "empty": lambda items: [],
    "half": lambda items: items[::2],
    "last": lambda items: items[:-1],
}


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


def begin(world, bookings):
    for day in range(1, bookings + 1):
        world.book(days=day)
    return world.poll(world.start())


def ids(world, account):
    return sorted(event["id"] for events in world.standing(account).values() for event in events)


def read_anew(world, account):
    """A complete reading of our calendar, and a few looks after it."""
    controls.ask_for_run(Account.get_by_id(account.id), "resync", world.user)
    for minutes in (0, 1, 5, 20):
        world.later(minutes=minutes)
        world.run(account)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the tests below run on both
@pytest.mark.parametrize(
    ("bookings", "shorten", "times"),
    [
        (1, "empty", 2),
        (2, "empty", None),
        (2, "half", None),
        (7, "empty", None),
        (7, "half", 2),
        (7, "last", None),
    ],
)
def test_what_a_list_leaves_out_is_asked_for_by_its_id(
    world, bookings, shorten, times, monkeypatch
):
    account = begin(world, bookings)
    before = ids(world, account)
    with monkeypatch.context() as told:
        lie(told, times, LIES[shorten])
        read_anew(world, account)
        assert ids(world, account) == before and world.notices(account) == []
    read_anew(world, account)
    assert ids(world, account) == before and world.notices(account) == []
    world.assert_in_step(account)


@pytest.mark.parametrize("status", [403, 423, 500])
def test_what_cannot_be_asked_for_is_let_be(world, status, monkeypatch):
    account = begin(world, 2)
    before = ids(world, account)
    reason = world.refusal(status) or "refused"
    world.sandbox.faults.fail(
        status, reason, method="GET", path="/events/[^/]+$", minutes=50, times=None
    )
    with monkeypatch.context() as told:
        lie(told, None, LIES["empty"])
        read_anew(world, account)
    assert ids(world, account) == before and world.notices(account) == []
    for _ in range(6):
        world.later(hours=1)
        world.run(account)
    assert (
        ids(world, account) == before
        and not MappingRow.select().where(MappingRow.problem != "").exists()
    )
    world.assert_in_step(account)


@pytest.mark.parametrize("shorten", LIES)
def test_a_wrong_list_does_not_end_a_doubtful_deletion(world, shorten, monkeypatch):
    account = begin(world, 3)
    booking = Booking.select().order_by(Booking.id.desc()).first()
    world.sandbox.faults.fail(404, "notFound", path="/events/", method="DELETE", times=1)
    booking.cancel(world.user)
    world.run(account)
    with monkeypatch.context() as told:
        lie(told, None, LIES[shorten])
        for minutes in (1, 5, 20):
            world.later(minutes=minutes)
            world.run(account)
    for _ in range(3):
        world.later(hours=1)
        world.run(account)
    world.assert_in_step(account)


def test_what_is_gone_by_both_is_written_again(world):
    """Nobody's history tells it, and no look finds it."""
    account = begin(world, 2)
    for booking in Booking.select():
        events = world.robin.calendar(world.destination(account))["events"]
        gone = world.event_of(account, booking)["id"]
        del events[next(key for key, event in events.items() if gone in (key, event["id"]))]
    read_anew(world, account)
    assert world.notices(account) == ["deleted", "deleted"]
    world.assert_in_step(account)


def test_a_calendar_that_was_emptied_asks_a_person_with_all_in_the_number(world, monkeypatch):
    monkeypatch.setattr("sync.two_way.reading.missing.MOST_ASKED", 2)
    account = begin(world, 6)
    world.robin.calendar(world.destination(account))["events"].clear()
    read_anew(world, account)
    (stop,) = Notice.open_of(account)
    assert (stop.kind, stop.detail["count"], stop.detail["total"]) == ("empty", 6, 6)


def test_more_than_are_asked_for_at_once_wait_for_their_turn(world, monkeypatch):
    monkeypatch.setattr("sync.two_way.reading.missing.MOST_ASKED", 2)
    account = begin(world, 7)
    before = ids(world, account)
    with monkeypatch.context() as told:
        lie(told, None, LIES["half"])
        read_anew(world, account)
        assert ids(world, account) == before
    for _ in range(8):
        world.later(hours=1)
        world.run(account)
    assert (
        ids(world, account) == before
        and not MappingRow.select().where(MappingRow.doubted_at.is_null(False)).exists()
    )
    world.assert_in_step(account)


@pytest.mark.parametrize("filters", [True, False])
def test_an_event_among_deleted_ones_is_gone(world, filters):
    """A look by id finds it, and a lost history told nothing of it."""
    if world.kind == "microsoft":
        world.sandbox.deleted_items_found, world.sandbox.filter_per_calendar = True, filters
    account = begin(world, 2)
    booking = Booking.select().order_by(Booking.id).first()
    world.robin.delete(world.event_of(account, booking)["id"], world.destination(account))
    world.sandbox.expire_sync_tokens()
    for _ in range(3):
        world.poll(account)
    assert world.notices(account) == ["deleted"]
    world.assert_in_step(account)


# ---- what others keep in our calendar ----


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("repeats", [False, True])
def test_busy_time_in_our_calendar_that_a_list_left_out_stays(world, repeats, monkeypatch):
    account, at = begin(world, 2), world.clock.now + timedelta(days=2)
    there = world.destination(account)
    if repeats:
        world.add_repeating("Mine", at, there, times=2)
    else:
        world.robin.add("Mine", at, at + timedelta(hours=1), there)
    world.poll(account)
    before = world.mirrored(account)
    assert set(before) == {"Mine"}
    ours = {event["id"] for events in world.standing(account).values() for event in events}
    with monkeypatch.context() as told:
        lie(told, None, lambda items: [item for item in items if item.get("id") in ours])
        read_anew(world, account)
        assert world.mirrored(account) == before
    world.later(hours=26)
    for _ in range(2):
        world.poll(account)
    assert world.mirrored(account) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_busy_time_in_our_calendar_that_nobody_mirrored_is_there_by_the_next_day(world):
    """No later change would tell of it again."""
    account, at = begin(world, 2), world.clock.now + timedelta(days=2)
    world.robin.add("Mine", at, at + timedelta(hours=1), world.destination(account))
    world.poll(account)
    ExternalEvent.delete().execute()
    world.later(hours=26)
    for _ in range(2):
        world.poll(account)
    assert world.mirrored(account) == ["Mine"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("repeats", [False, True])
def test_a_night_that_finds_all_of_it_reads_nothing_whole(world, repeats):
    account, at = begin(world, 2), world.clock.now + timedelta(days=2)
    there = world.destination(account)
    world.robin.add("Mine", at, at + timedelta(hours=1), there)
    if repeats:
        world.add_repeating("Weekly", at, there, times=3)
    world.poll(account)
    world.later(hours=26)
    world.poll(account)
    whole_at = Account.get_by_id(account.id).destination.whole_at
    for _ in range(2):
        world.later(hours=26)
        world.poll(account)
    destination = Account.get_by_id(account.id).destination
    assert destination.whole_at == whole_at
    assert destination.compared_at > world.clock.now - timedelta(hours=1)


@pytest.mark.parametrize("world", ["google"], indirect=True)
def test_what_was_written_and_is_answered_as_deleted_is_made_sure(world, monkeypatch):
    account = begin(world, 1)
    answer = httpx.WSGITransport.handle_request

    def deleted(self, request):
        told = answer(self, request)
        if not request.url.path.startswith("/batch/"):
            return told
        content = re.sub(rb'"status": ?"confirmed"', b'"status": "cancelled"', told.read())
        kind = {"Content-Type": told.headers["Content-Type"]}
        return httpx.Response(told.status_code, headers=kind, content=content)

    with monkeypatch.context() as lies:
        lies.setattr(httpx.WSGITransport, "handle_request", deleted)
        booking = world.book(days=4)
        world.run(account)
    row = MappingRow.get(MappingRow.uid == str(booking.uuid))
    assert Account.get_by_id(account.id).health == "ok" and row.doubted_at
    read_anew(world, account)
    assert not MappingRow.get_by_id(row.id).doubted_at and world.notices(account) == []
    world.assert_in_step(account)


def test_a_list_of_calendars_that_lacks_one_is_not_believed(world, monkeypatch):
    """It is read instead: only what refuses to be read several times is called gone."""
    world.book(days=1)
    side = world.robin.add_calendar("Side")
    account = world.start(sources=[side])
    at = world.clock.now + timedelta(days=3)
    world.robin.add("Dentist", at, at + timedelta(hours=1), side)
    world.poll(account)
    with monkeypatch.context() as lying:
        lie(
            lying,
            None,
            lambda calendars: [one for one in calendars if one["id"] != side],
            lists="(calendarList|/calendars)$",
        )
        for _ in range(4):
            world.later(minutes=5)
            Account.update(listed_at=None, due_at=world.clock.now).execute()
            world.run(account)
            row = RemoteCalendar.get(RemoteCalendar.calendar_id == side)
            assert (row.gone_since, row.read_at) == (None, world.clock.now)
    assert world.mirrored(account) == ["Dentist"]
