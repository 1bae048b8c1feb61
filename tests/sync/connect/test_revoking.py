"""Leaving a provider: our access is revoked, later if necessary; a dead refresh token is not tried
again and again.
"""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sync_world import WORLDS, SyncWorld

from models import Clinic
from sync.connect import revoking
from sync.tables import ending, starting
from sync.tables.accounts import Account
from sync.tables.pace import Revocation
from sync.two_way import work
from sync.two_way.run import run


@pytest.fixture
def world(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SyncWorld(linden, clock)


@pytest.fixture
def account(world):
    world.book()
    return world.start(sources=[world.source()])


def asked(world, path):
    return sum(record.path == path for record in world.sandbox.requests)


def refuse(world, **choice):
    world.sandbox.faults.fail(503, path="^/revoke$", **choice)


def test_what_could_not_be_given_back_is_given_back_later(world, account):
    refuse(world, times=2)
    ending.begin_departure(account, world.user, "disconnect")
    run(account.id)
    assert not Account.select().exists()
    row = Revocation.get()
    assert world.email not in str(row.__data__) and "refresh_token" not in row.sealed
    assert not revoking.is_due()
    world.later(minutes=6)
    revoking.retry()
    assert Revocation.select().count() == 1 and not revoking.is_due()
    world.later(hours=1)
    assert revoking.is_due()
    revoking.retry()
    assert not Revocation.select().exists() and asked(world, "/revoke") == 3
    revoking.retry()
    assert asked(world, "/revoke") == 3


def test_the_sweep_finds_what_is_to_be_given_back(world, account, queue):
    refuse(world)
    ending.begin_departure(account, world.user, "disconnect")
    run(account.id)
    world.later(minutes=6)
    work.sweep()
    assert [key for key in queue.keys("rq:job:*") if b"revoking" in key]


def test_revoking_is_given_up_after_a_week(world, account):
    refuse(world, times=None)
    ending.begin_departure(account, world.user, "disconnect")
    run(account.id)
    world.later(days=7, minutes=1)
    revoking.retry()
    assert not Revocation.select().exists()


def test_connecting_again_keeps_the_access(world, account):
    refuse(world)
    ending.begin_departure(account, world.user, "disconnect")
    run(account.id)
    again = world.connect()
    world.later(minutes=6)
    revoking.retry()
    assert not Revocation.select().exists() and asked(world, "/revoke") == 1
    starting.start(again, world.user, "Kalends", "Europe/London")
    world.run(again)
    assert Account.get().health == "ok"


def test_credentials_that_no_key_opens_are_let_go(world, account):
    refuse(world, times=None)
    ending.begin_departure(account, world.user, "disconnect")
    run(account.id)
    of_another_server = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
    Revocation.update(sealed=of_another_server).execute()
    world.later(minutes=6)
    revoking.retry()
    assert not Revocation.select().exists() and asked(world, "/revoke") == 1


@pytest.mark.parametrize("removes", [True, False])
@pytest.mark.parametrize("kind", WORLDS)
def test_a_dead_refresh_token_is_tried_once_on_the_way_out(linden, clock, kind, removes):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world = WORLDS[kind](linden, clock)
    world.book()
    account = world.start(sources=[world.source()])
    world.later(hours=2)
    world.revoke()
    world.sandbox.requests.clear()
    ending.begin_departure(account, world.user, "disconnect", removes)
    run(account.id)
    assert sum(record.path.endswith("/token") for record in world.sandbox.requests) == 1


def test_a_changed_preset_reaches_two_way_text_at_once(world, account):
    before = world.title_of(next(iter(world.standing(account).values()))[0])
    Clinic.get().change(world.linden.olive, feed_preset="locum")
    assert Account.free(world.clock.now + timedelta(seconds=1)).exists()
    world.run(account)
    after = world.title_of(next(iter(world.standing(account).values()))[0])
    assert before != after
    world.assert_in_step(account)
