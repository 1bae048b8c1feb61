"""Whoever disconnects without removing anything, and connects again, meets what was left there.

The same calendar, though lists hide it, and the same events, though the account has another
address.
"""

import pytest
from sync_world import WORLDS, lie

from models import Booking
from sync.tables import ending, starting
from sync.tables.accounts import Account

CALENDARS = "calendarList$|/me/calendars$"


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    linden.clinic.change(linden.olive, sync_existing=True)
    return WORLDS[request.param](linden, clock)


def begin(world):
    for day in range(1, 4):
        world.book(days=day)
    return world.start(sources=[world.source()])


def go(world, account, goal):
    """Stop, and let everything stand outside."""
    ending.leave(Account.get_by_id(account.id), world.user, goal, False)
    world.run()
    return Account.get() if goal == "off" else world.connect()


def settle(world):
    for minutes in (0, 1, 5, 20, 40):
        world.later(minutes=minutes)
        world.run()


def ids(world, account):
    return sorted(event["id"] for events in world.standing(account).values() for event in events)


@pytest.mark.parametrize("goal", ["off", "disconnect"])
@pytest.mark.parametrize("times", [2, None])
def test_lists_that_hide_our_calendar_make_no_second_one(world, goal, times, monkeypatch):
    account = begin(world)
    there, before = world.destination(account), ids(world, account)
    with monkeypatch.context() as told:
        account = go(world, account, goal)
        lie(told, times, lambda items: [one for one in items if one["id"] != there], CALENDARS)
        starting.start(account, world.user, "Kalends Pat", "Europe/London")
        settle(world)
    assert world.calendars_of_ours(account) == [there] and ids(world, account) == before
    world.assert_in_step(account)


@pytest.mark.parametrize("status", [403, 404])
def test_one_refusal_of_our_calendar_makes_no_second_one(world, status, monkeypatch):
    account = begin(world)
    there, account = world.destination(account), go(world, account, "off")
    reason = world.refusal(status) or "notFound"
    world.sandbox.faults.fail(status, reason, path="/calendars/[^/]+$", method="GET", times=2)
    lie(monkeypatch, None, lambda items: [one for one in items if one["id"] != there], CALENDARS)
    starting.start(account, world.user, "Kalends Pat", "Europe/London")
    settle(world)
    assert world.calendars_of_ours(account) == [there]
    world.assert_in_step(account)


def test_where_our_calendar_was_deleted_meanwhile_a_new_one_is_made(world):
    account = begin(world)
    there, account = world.destination(account), go(world, account, "off")
    world.robin.delete_calendar(there)
    starting.start(account, world.user, "Kalends Pat", "Europe/London")
    settle(world)
    (made,) = world.calendars_of_ours(account)
    assert made != there
    world.assert_in_step(account)


def test_under_another_address_the_events_of_the_same_person_are_theirs(world):
    for day in range(1, 5):
        world.book(days=day)
    shared = world.robin.add_calendar("Practice")
    world.robin.share(shared, world.other_email, "owner" if world.kind == "google" else "writer")
    account = world.connect()
    starting.start(account, world.user, "Practice", "Europe/London", shared)
    world.run()
    before = ids(world, account)
    ending.leave(account, world.user, "disconnect", False)
    world.run()
    Booking.select().first().cancel(world.user)
    account = world.connect(email=world.other_email)
    starting.start(account, world.user, "Practice", "Europe/London", shared)
    settle(world)
    assert len(ids(world, account)) == 3 and set(ids(world, account)) < set(before)
    world.assert_in_step(account)
    for _ in range(26):
        world.later(hours=1)
        world.run()
    world.assert_in_step(account)
    ending.leave(Account.get(), world.user, "disconnect")
    settle(world)
    assert world.standing(account) == {} and not Account.select().exists()


def test_what_a_colleague_left_there_stays_theirs(world):
    for day in range(1, 3):
        world.book(days=day)
        world.book(days=day, hour=8, calendar=world.linden.colleague_calendar)
    world.linden.quinn.change_sync(sync_allowed=True, identifier="internal_id")
    shared = world.robin.add_calendar("Practice")
    account = world.connect(world.linden.quinn)
    starting.start(account, world.linden.quinn, "Practice", "Europe/London", shared)
    world.run()
    theirs = set(ids(world, account))
    ending.leave(account, world.linden.quinn, "disconnect", False)
    world.run()
    account = world.connect()
    starting.start(account, world.user, "Practice", "Europe/London", shared)
    settle(world)
    assert len(ids(world, account)) == 4 and theirs < set(ids(world, account))
    ending.leave(account, world.user, "disconnect")
    settle(world)
    assert set(ids(world, account)) == theirs


def test_after_a_removal_no_name_of_a_deleted_event_is_used_again(world):
    """Providers remember the names of events and of creations: they refuse one that was used, or
    answer with what was deleted.
    """
    shared = world.robin.add_calendar("Practice")
    account, booking = world.connect(), world.book()
    refused = []
    for _ in range(3):
        starting.start(account, world.user, "Practice", "Europe/London", shared)
        settle(world)
        assert world.event_of(Account.get(), booking)
        refused += [record for record in world.sandbox.requests if record.status == 409]
        ending.leave(Account.get(), world.user, "disconnect")
        settle(world)
        account = world.connect()
    assert refused == []


def undescribe(world, calendar_id):
    """Somebody removes from our calendar what says that it is ours."""
    calendar = world.robin.calendar(calendar_id)
    calendar["_properties" if world.kind == "microsoft" else "description"] = (
        {} if world.kind == "microsoft" else "My appointments"
    )


@pytest.mark.parametrize("goal", ["off", "disconnect"])
def test_our_calendar_stays_ours_under_another_description(world, goal):
    account = begin(world)
    there, before = world.destination(account), ids(world, account)
    undescribe(world, there)
    world.later(days=1)  # the list of calendars is brought up to date
    world.run()
    account = go(world, account, goal)
    starting.start(account, world.user, "Kalends Pat", "Europe/London")
    settle(world)
    assert world.destination(account) == there and ids(world, account) == before
    world.assert_in_step(account)
    world.later(days=1)
    world.run()
    ending.leave(Account.get(), world.user, "disconnect")
    settle(world)
    assert there not in world.robin.calendars and not Account.select().exists()
