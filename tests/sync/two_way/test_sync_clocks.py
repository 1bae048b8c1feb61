"""A clock that was ahead for a while, and was set right, holds nothing up."""

from datetime import timedelta

import pytest
from sync_world import WORLDS

from base.tables.outside import ExternalEvent
from operate import chores
from sync.tables import clocks
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.leases import LeaseLost
from sync.tables.mappings import MappingRow
from sync.two_way.standing import decisions

HOUR = timedelta(hours=1)


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock, webhook_url=None)


@pytest.fixture
def account(world):
    world.book(days=1)
    return world.start(sources=[world.source()])


def work(world):
    """What the workers do in the hour after the clock was set right."""
    for _ in range(4):
        world.later(minutes=20)
        chores.clean_up()
        world.run()


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=1), timedelta(days=40)])
def test_after_a_clock_was_ahead_everything_goes_on(world, account, ahead):
    right = world.clock.now
    world.clock.now += ahead
    world.run()
    world.clock.now = right + timedelta(minutes=1)
    at = right + timedelta(days=2)
    world.robin.add("Dentist", at, at + HOUR, world.source())
    world.robin.retitle(
        next(iter(world.standing(account).values()))[0]["id"], "Mine", world.destination(account)
    )
    work(world)
    assert "Dentist" in world.mirrored(account)
    world.assert_in_step(account)


@pytest.mark.parametrize("ahead", [timedelta(minutes=30), HOUR, timedelta(days=1)])
def test_the_next_regular_look_comes_in_its_time(world, account, ahead):
    """The sweep notices within seconds that the clock was set back: no chore of the hour runs."""
    right = world.clock.now
    chores.sweep()
    world.clock.now += ahead
    chores.sweep()
    world.run()
    world.clock.now = right + timedelta(minutes=1)
    at = right + timedelta(days=2)
    world.robin.add("Dentist", at, at + HOUR, world.source())
    chores.sweep()
    world.later(minutes=6)
    world.run()
    assert "Dentist" in world.mirrored(account)


def test_a_worker_that_died_under_a_wrong_clock_holds_its_lease_no_longer(world, account):
    world.clock.now += timedelta(days=9)
    Account.acquire_lease(account.id)
    world.clock.now -= timedelta(days=9)
    world.book(days=2)
    work(world)
    world.assert_in_step(account)


def test_a_lease_of_an_hour_ahead_is_free_at_once(world, account):
    right = world.clock.now
    world.clock.now += HOUR
    holder = Account.acquire_lease(account.id)
    assert holder and Account.acquire_lease(account.id) is None
    world.clock.now = right
    other = Account.acquire_lease(account.id)
    assert other and Account.acquire_lease(account.id) is None
    with pytest.raises(LeaseLost):
        Account.get().keep(holder)


def test_a_wait_that_began_under_a_wrong_clock_ends(world, account):
    world.clock.now += timedelta(days=9)
    world.sandbox.faults.fail(503, "away", times=1)
    world.run()
    assert Account.get().wait_until
    world.clock.now -= timedelta(days=9)
    world.book(days=2)
    work(world)
    world.assert_in_step(account)


def test_what_rightly_waits_goes_on_waiting(world, account):
    """A day for a calendar that a person keeps, for ever for an event that a person keeps."""
    source = RemoteCalendar.get(RemoteCalendar.role == "source")
    later = world.clock.now + timedelta(days=1)
    RemoteCalendar.update(due_at=later).where(RemoteCalendar.id == source.id).execute()
    MappingRow.update(problem="kept", retry_at=decisions.FOR_GOOD).execute()
    wait = world.clock.now + timedelta(hours=20)
    Account.update(wait_until=wait).execute()
    clocks.set_right(world.clock.now)
    assert RemoteCalendar.get_by_id(source.id).due_at == later
    assert MappingRow.get().retry_at == decisions.FOR_GOOD
    assert Account.get().wait_until == wait


def test_what_was_doubted_under_a_wrong_clock_is_made_sure(world, account):
    at = world.clock.now + timedelta(days=20)
    world.robin.add("Dentist", at, at + HOUR, world.source())
    world.poll(account)
    world.clock.now += timedelta(days=9)

    world.sandbox.faults.fail(500, method="GET", path="/events/[^/]+$", times=None, minutes=5)
    world.lies += [lambda items: []] * 9
    RemoteCalendar.update(sync_token=None, due_at=None).execute()
    world.run()
    assert ExternalEvent.select().where(ExternalEvent.doubted_at.is_null(False)).exists()
    world.clock.now -= timedelta(days=9)
    world.lies.clear()
    world.sandbox.faults.clear()
    work(world)
    assert not ExternalEvent.select().where(ExternalEvent.doubted_at.is_null(False)).exists()
    assert world.mirrored(account) == ["Dentist"]
    assert not RemoteCalendar.select().where(RemoteCalendar.unproved_since.is_null(False)).exists()
