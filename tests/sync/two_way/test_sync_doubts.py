"""One answer about an event of ours proves nothing, and changes that no delta reports are found."""

import re
from datetime import timedelta

import httpx
import pytest
from sync_world import WORLDS

from models import Booking
from sync.tables import controls
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 6):
        world.book(days=day)
    account = world.start(sources=[world.source()])
    return world.poll(account)


def kept(world, account, booking):
    """The event of a booking as the imitation keeps it, in its calendar."""
    calendar = world.robin.calendar(world.destination(account))
    event_id = world.event_of(account, booking)["id"]
    return calendar["events"], next(
        key for key, event in calendar["events"].items() if event_id in (key, event["id"])
    )


def vanish(world, account, booking):
    """An event is gone, and no history tells it."""
    events, key = kept(world, account, booking)
    del events[key]


def reword(world, account, booking):
    """An event shows other words, and no history tells it."""
    events, key = kept(world, account, booking)
    events[key]["subject" if world.kind == "microsoft" else "summary"] = "Somebody's full name"
    events[key]["_revision"] = 1


def leave_behind(world, account, booking):
    """As earlier versions left it.

    The booking is called off, its event lives, and the mapping says that it is gone.
    """
    booking.cancel(world.user)
    MappingRow.update(phase="gone", wanted="").where(MappingRow.booking == booking).execute()


# ---- what is called gone, and lives ----


def test_a_resync_takes_away_what_was_left_behind_and_called_gone(world, account):
    leave_behind(world, account, Booking.select().order_by(Booking.id).first())
    world.poll(account)
    controls.ask_for_run(Account.get_by_id(account.id), "resync", world.user)
    world.run(account)
    world.assert_in_step(account)


def test_a_resync_adopts_what_was_called_gone_and_is_to_be_there(world, account):
    booking = Booking.select().order_by(Booking.id).first()
    MappingRow.update(phase="gone", wanted="").where(MappingRow.booking == booking).execute()
    before = world.event_of(account, booking)["id"]
    controls.ask_for_run(Account.get_by_id(account.id), "resync", world.user)
    world.run(account)
    world.assert_in_step(account)
    assert world.event_of(account, booking)["id"] == before and world.notices(account) == []


# ---- each night ----


@pytest.mark.parametrize("mishap", [leave_behind, reword, vanish])
def test_the_comparison_of_the_night_finds_what_the_history_lost(world, account, mishap):
    mishap(world, account, Booking.select().order_by(Booking.id).first())
    for _ in range(26):
        world.later(hours=1)
        world.run(account)
    world.assert_in_step(account)
    assert "Somebody's full name" not in {
        world.title_of(event) for events in world.standing(account).values() for event in events
    }


def test_a_night_in_which_all_agrees_costs_one_list(world, account):
    world.later(days=1)
    world.run(account)
    RemoteCalendar.update(compared_at=world.clock.now - timedelta(days=2)).where(
        RemoteCalendar.role == "destination"
    ).execute()
    world.later(minutes=10)  # past the next regular look, whose time is spread
    before = world.sandbox.requests.total
    world.run(account)
    # The list, and a regular look at each of the two calendars.
    assert world.sandbox.requests.total - before <= 3
    assert RemoteCalendar.get(RemoteCalendar.role == "destination").compared_at == world.clock.now


def test_a_comparison_that_is_refused_holds_nothing_up(world, account):
    RemoteCalendar.update(compared_at=None).where(RemoteCalendar.role == "destination").execute()
    path = world.reading(world.destination(account)) if world.kind == "google" else "/events$"
    world.sandbox.faults.fail(403, world.refusal(403), path=path, method="GET", times=1)
    booking = world.book(days=9)
    account = world.poll(account)
    assert account.health == "ok" and str(booking.uuid) in world.standing(account)


# ---- what we wrote and nobody told of ----


def test_what_is_deleted_before_our_first_look_is_missed_at_the_next_regular_one(world, account):
    booking = world.book(days=9)
    world.run(account)
    vanish(world, account, booking)
    world.poll(account)
    world.assert_in_step(account)
    assert [notice.kind for notice in Notice.select()] == ["deleted"]


def test_what_we_wrote_is_asked_for_once_in_a_batch(world, account):
    counts = []
    MappingRow.update(
        written_at=world.clock.now - timedelta(days=1)
    ).execute()  # as where the history tells none of them
    for _ in range(2):
        before = world.sandbox.requests.total
        world.poll(account)
        counts.append(world.sandbox.requests.total - before)
    assert (
        counts == [3, 2]
        and not MappingRow.select().where(MappingRow.written_at.is_null(False)).exists()
    )


# ---- one answer ----


@pytest.mark.parametrize("status", [404, 410])
def test_one_refused_deletion_is_made_sure_before_the_link_is_closed(world, account, status):
    booking = Booking.select().order_by(Booking.id).first()
    world.sandbox.faults.fail(status, "notFound", path="/events/", method="DELETE", times=1)
    booking.cancel(world.user)
    world.run(account)
    mapping = MappingRow.get(MappingRow.booking == booking)
    assert (mapping.phase, mapping.doubted_at) == ("deleting", world.clock.now)
    world.later(seconds=31)
    world.run(account)
    world.assert_in_step(account)
    assert MappingRow.get(MappingRow.booking == booking).phase == "gone"


def test_a_round_in_between_does_not_put_off_what_is_to_be_made_sure(world, account):
    world.sandbox.faults.fail(404, "notFound", method="DELETE", path="/events/", times=1)
    Booking.select().order_by(Booking.id).first().cancel(world.user)
    world.run(account)
    for seconds in (10, 10):
        world.later(seconds=seconds)
        world.book(days=9)
        world.run(account)
    world.later(seconds=15)
    world.run(account)
    assert {uid: len(events) for uid, events in world.standing(account).items()} == dict.fromkeys(
        world.due(), 1
    )


def test_a_deletion_of_what_is_gone_ends_without_a_second_try(world, account):
    booking = Booking.select().order_by(Booking.id).first()
    vanish(world, account, booking)
    booking.cancel(world.user)
    world.run(account)
    writes = world.writes()
    world.later(seconds=31)
    world.run(account)
    assert (
        world.writes() == writes and MappingRow.get(MappingRow.booking == booking).phase == "gone"
    )
    world.assert_in_step(account)


def test_an_event_that_is_listed_and_cannot_be_written_waits_longer_each_time(world, account):
    booking = Booking.select().order_by(Booking.id).first()
    world.sandbox.faults.fail(404, "notFound", path="/events/", method=world.updating, times=None)
    booking.set_status("pending", world.user)
    for _ in range(12):
        world.run(account)
        world.later(minutes=5)
    mapping = MappingRow.get(MappingRow.booking == booking)
    assert mapping.problem == "not found" and len(world.standing(account)[str(booking.uuid)]) == 1
    assert world.sandbox.requests.count(method=world.updating) <= 9
    world.sandbox.faults.clear()
    for _ in range(8):
        world.later(hours=1)
        world.run(account)
    world.assert_in_step(account)


def test_an_unreadable_event_of_ours_still_exists(world, account):
    booking = Booking.select().order_by(Booking.id).first()
    events, key = kept(world, account, booking)
    start = events[key].pop("start")
    controls.ask_for_run(Account.get_by_id(account.id), "resync", world.user)
    MappingRow.update(doubted_at=world.clock.now).where(MappingRow.booking == booking).execute()
    world.run(account)
    assert MappingRow.get(MappingRow.booking == booking).phase == "synced"
    events[key]["start"] = start
    controls.ask_for_run(Account.get_by_id(account.id), "resync", world.user)
    world.run(account)
    world.assert_in_step(account)


def test_an_empty_list_of_calendars_makes_no_second_one(world, account, monkeypatch):
    lists, lie = (
        ("/calendarList$", {"kind": "calendar#calendarList", "items": []})
        if world.kind == "google"
        else ("/me/calendars$", {"value": []})
    )
    lies = iter(range(1))

    def empty(self, request, answer=httpx.WSGITransport.handle_request):
        told = answer(self, request)
        is_list = request.method == "GET" and re.search(lists, request.url.path)
        return httpx.Response(200, json=lie) if is_list and next(lies, None) is not None else told

    monkeypatch.setattr(httpx.WSGITransport, "handle_request", empty)
    RemoteCalendar.update(calendar_id=None).where(RemoteCalendar.role == "destination").execute()
    world.poll(account)
    world.poll(account)
    assert len(world.calendars_of_ours(account)) == 1
    world.assert_in_step(account)


# ---- what lists do not know yet ----


@pytest.mark.parametrize("world", ["microsoft"], indirect=True)
@pytest.mark.parametrize("number", [1, 8])
def test_what_was_just_written_is_not_missed_in_lists_that_lag(world, number):
    """Neither is it written again, nor is anybody told or asked."""
    world.sandbox.list_lag_seconds = 60
    for day in range(number):
        world.book(days=2 + day)
    account = world.start()
    for seconds in (10, 25, 40, 60, 120, 240):
        world.later(seconds=seconds)
        controls.ask_for_run(Account.get_by_id(account.id), "resync", world.user)
        world.run(account)
        assert sum(map(len, world.standing(account).values())) == number
        assert world.notices(account) == []
    world.assert_in_step(account)
