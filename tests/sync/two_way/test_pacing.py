"""The pace of an account: a small quota is used fully, waits do not grow while work succeeds, and
batches have the size that the provider accepts.
"""

import random
from datetime import timedelta
from itertools import pairwise

import pytest
from caldav_sync_world import CalDavSyncWorld
from sync_world import WORLDS, SyncWorld

from models import Booking
from sync.tables import mappings, starting
from sync.tables.accounts import Account
from sync.tables.channels import Channel
from sync.tables.pace import Pace
from sync.two_way import run


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def google(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SyncWorld(linden, clock)


def book_many(world, count):
    rows = [
        {
            "practitioner": world.linden.calendar.id,
            "patient": None,
            "service": None,
            "starts_at": at,
            "ends_at": at + timedelta(minutes=30),
        }
        for at in (
            world.clock.now + timedelta(days=1, minutes=30 * number) for number in range(count)
        )
    ]
    Booking.add_many(world.linden.clinic, rows, world.user)


def until_done(world, account, most=400):
    """Run the account whenever it is due, as the sweep does.

    Minutes that passed, and how many runs it took.
    """
    begun = world.clock.now
    for number in range(most):
        run.run(account.id)
        row = Account.get_by_id(account.id)
        if row.health == "ok" and row.wait_until is None:
            return (world.clock.now - begun).total_seconds() / 60, number + 1
        assert row.health == "waiting", row.health_word
        world.clock.now = row.wait_until + timedelta(seconds=1)
    raise AssertionError("it never ended")


def test_three_hundred_bookings_at_a_quota_of_twenty_a_minute_take_little_more_than_they_must(
    google,
):
    book_many(google, 300)
    account = google.connect()
    starting.start(account, google.user, "Kalends", "Europe/London")
    google.sandbox.quota.per_minute = 20
    random.seed(20)  # waits are spread at random: the same ones each time
    minutes, runs = until_done(google, account)
    assert minutes < 22 and runs < 60  # fifteen, were every call a booking
    refused = sum(record.status == 403 for record in google.sandbox.requests)
    assert refused < 250
    google.sandbox.quota.per_minute = None
    google.poll(account)
    google.assert_in_step(account)


def test_batches_shrink_to_what_goes_through_and_grow_again(google):
    book_many(google, 200)
    account = google.connect()
    starting.start(account, google.user, "Kalends", "Europe/London")
    google.sandbox.quota.per_minute = 30
    for _ in range(6):
        run.run(account.id)
        google.clock.now = (
            Account.get_by_id(account.id).wait_until or google.clock.now
        ) + timedelta(seconds=60)
    assert 5 <= Pace.get(Pace.account == account).batch <= 40
    google.sandbox.quota.per_minute = None
    until_done(google, account)
    book_many_later(google, 400)
    until_done(google, account)
    assert Pace.get(Pace.account == account).batch is None
    google.assert_in_step(account)


def book_many_later(world, count):
    rows = [
        {
            "practitioner": world.linden.calendar.id,
            "patient": None,
            "service": None,
            "starts_at": at,
            "ends_at": at + timedelta(minutes=20),
        }
        for at in (
            world.clock.now.replace(microsecond=0) + timedelta(days=60, minutes=30 * number)
            for number in range(count)
        )
    ]
    Booking.add_many(world.linden.clinic, rows, world.user)


def test_trouble_after_progress_is_waited_for_as_for_the_first_time(world):
    book_many(world, 120)
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    for _ in range(4):
        # Each run gets some through.
        world.sandbox.faults.fail(503, method="POST", path="/events$", skip=25, times=500)
        run.run(account.id)
        row = Account.get_by_id(account.id)
        assert row.health == "waiting" and row.failures == 1
        assert (
            row.wait_until - world.clock.now < timedelta(seconds=10)
            and row.failing_since == world.clock.now
        )
        world.clock.now = row.wait_until
        world.sandbox.faults.clear()
        if mappings.counts(Account.get_by_id(account.id))["synced"] > 70:
            break
    world.run(account)
    world.assert_in_step(account)


@pytest.mark.parametrize("asks", [None, 0, 1])
def test_trouble_without_progress_is_waited_for_longer_each_time(world, asks):
    """Also where the provider names no time, or one that is over at once."""
    world.book()
    account = world.start()
    world.sandbox.faults.fail(503, minutes=60, retry_after_seconds=asks)
    waits = []
    world.later(seconds=400)
    for _ in range(5):
        run.run(account.id)
        row = Account.get_by_id(account.id)
        waits.append((row.wait_until - world.clock.now).total_seconds())
        world.clock.now = row.wait_until
    assert all(later > 1.1 * before for before, later in pairwise(waits)) and row.failures == 5


EVERY = {**WORLDS, "caldav": CalDavSyncWorld}


@pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # what is said to providers is the same on both
@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asks", [None, 0, 1, 40, 5000])
def test_each_refusal_costs_one_request_and_is_waited_for_twice_as_long_as_the_last(
    linden, clock, kind, status, asks
):
    """At least as long as asked for, and where less is asked at most a quarter of an hour."""
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world = EVERY[kind](linden, clock)
    world.book()
    account = world.start()
    for _ in range(3):  # until nothing is compared a second time
        world.later(seconds=4000)
        world.run(account)
    world.sandbox.faults.fail(
        status, reason=world.refusal(status), times=None, retry_after_seconds=asks
    )
    world.later(seconds=400)
    for number in range(1, 13):
        before = world.sandbox.requests.total
        run.run(account.id)
        row = Account.get_by_id(account.id)
        wait = (row.wait_until - clock.now).total_seconds()
        assert max(asks or 0, min(2 * 2**number, 900)) <= wait <= max(asks or 0, 900)
        clock.now = row.wait_until - timedelta(seconds=1)
        run.run(account.id)
        assert (world.sandbox.requests.total - before, row.failures) == (1, number)
        clock.now = row.wait_until
    assert Pace.halvings_of(account, clock.now) == 4
    world.sandbox.faults.clear()
    world.run(account)
    world.assert_in_step(account)


@pytest.mark.parametrize("status", [429, 503])
def test_a_time_to_wait_that_the_provider_names_is_kept_also_after_progress(world, status):
    book_many(world, 120)
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    world.sandbox.faults.fail(
        status, reason=world.refusal(status), path=world.batch, skip=1, retry_after_seconds=77
    )
    run.run(account.id)
    row = Account.get_by_id(account.id)
    assert (row.wait_until - world.clock.now, row.failures) == (timedelta(seconds=77), 1)


# ---- channels ----


@pytest.mark.parametrize("status", [429, 503])
def test_a_refused_channel_s_time_to_wait_is_kept_for_the_next_channel(world, status):
    world.book()
    path = "/events/watch$" if world.kind == "google" else "/subscriptions$"
    world.sandbox.faults.fail(
        status, reason=world.refusal(status), path=path, retry_after_seconds=600, times=None
    )
    account = world.start(sources=[world.source()])

    def asked():
        return sum(
            record.method == "POST" and record.status == status for record in world.sandbox.requests
        )

    assert asked() == 1 and Account.get_by_id(account.id).health == "ok"
    world.later(seconds=500)
    world.run(account)
    assert asked() == 1
    world.sandbox.faults.clear()
    world.later(seconds=500)
    world.run(account)
    assert Channel.select().where(Channel.is_open).count() == 2
