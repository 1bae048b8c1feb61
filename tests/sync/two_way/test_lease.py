"""The lease of an account in other hands.

Slow providers, killed workers, two workers at once, and limits of the queue.
"""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from program import TOP, environ, until
from rq.timeouts import JobTimeoutException
from sync_world import SyncWorld

import models
from base import scheduling
from sync.tables import leases, starting
from sync.tables.accounts import Account
from sync.tables.runs import SyncRun
from sync.two_way import run
from sync.two_way.worker import lease

HOLDER = """
import sys, time
from app import Settings, create_app
import models
create_app(Settings.from_env(dict(item.split("=", 1) for item in sys.argv[2:])))
from sync.two_way.worker.lease import leased
with models.database.connection_context(), leased(int(sys.argv[1])) as holder:
    print(holder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def world(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SyncWorld(linden, clock)


@pytest.fixture
def account(linden):
    account = starting.connect(linden.pat, "google", "pat@mail.example", "sealed", [], None)
    starting.start(account, linden.pat, "Kalends", "Europe/London")
    return account


@pytest.fixture
def hasty(monkeypatch):
    """Leases of a second and a half, renewed several times."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 1.5)
    monkeypatch.setattr(lease, "RENEWED_EVERY", 0.1)


def test_a_lease_outlasts_its_length_while_its_worker_lives(account, hasty):
    with lease.leased(account.id) as holder:
        first = Account.get_by_id(account.id).leased_until
        end = scheduling.utc_now() + timedelta(seconds=1.5)
        while scheduling.utc_now() < end:
            with lease.leased(account.id) as other:
                assert other is None
        row = Account.get_by_id(account.id)
        assert row.leased_until > first and row.lease == holder
    assert Account.get_by_id(account.id).lease is None


def test_a_lease_that_went_to_another_is_not_renewed(account, hasty):
    with lease.leased(account.id):
        until = scheduling.utc_now() + timedelta(hours=1)
        Account.update(lease="another", leased_until=until).where(
            Account.id == account.id
        ).execute()
        for thread in threading.enumerate():
            if thread.name == "lease":
                thread.join(5)
                assert not thread.is_alive()
        row = Account.get_by_id(account.id)
        assert (row.lease, row.leased_until) == ("another", until)
    assert Account.get_by_id(account.id).lease == "another"


def test_a_killed_worker_holds_its_account_for_half_a_minute_at_most(account, settings):
    given = [
        f"{name}={value}"
        for name, value in (
            ("DATABASE_URL", settings.database_url),
            ("KALENDS_INSTANCE", settings.instance),
            ("KALENDS_SECRET_KEY", "a key of the tests"),
        )
    ]
    models.database.close()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(account.id), *given],
        cwd=TOP,
        env=environ(),
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline().strip()
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    models.database.connect(reuse_if_open=True)
    row = Account.get_by_id(account.id)
    assert row.lease and row.leased_until - scheduling.utc_now() <= timedelta(seconds=30)
    assert not Account.free(scheduling.utc_now()).exists()
    assert Account.free(scheduling.utc_now() + timedelta(seconds=30)).exists()


def test_only_one_of_two_workers_writes(world):
    """While one is in the middle of a call, another finds the account taken, however long."""
    world.book()
    account, tried = world.connect(), []
    starting.start(account, world.user, "Kalends", "Europe/London")

    def other(moment, request):
        if moment == "before":
            before = len(world.sandbox.requests)
            run.run(account.id)
            tried.append(len(world.sandbox.requests) - before)

    world.watch(other)
    world.run(account)
    world.watch(lambda moment, request: None)
    assert tried and set(tried) == {0}
    world.assert_in_step(account)


@pytest.mark.parametrize("number", range(1, 12, 2))
def test_the_limit_of_the_queue_is_no_trouble_of_the_account(world, number):
    """A job that is cut off anywhere counts as the end of its time slice."""
    for day in range(1, 4):
        world.book(days=day)
    account, count = world.connect(), []
    starting.start(account, world.user, "Kalends", "Europe/London")

    def cut(moment, request):
        if moment == "after":
            count.append(request)
            if len(count) == number:
                raise JobTimeoutException

    world.watch(cut)
    went_on = run.run(account.id)
    world.watch(lambda moment, request: None)
    assert went_on == (len(count) >= number)
    row = Account.get_by_id(account.id)
    assert (row.health, row.failures, row.lease) == ("ok", 0, None)
    world.run(account)
    world.assert_in_step(account)
    assert not SyncRun.select().where(SyncRun.error != "").exists()


def test_a_filling_in_slices_is_one_entry_of_the_history_and_ends_exact(world, monkeypatch):
    for day in range(1, 60):
        for hour in (9, 11):
            world.book(days=day, hour=hour)
    account, slices = world.connect(), 0
    starting.start(account, world.user, "Kalends", "Europe/London")
    while run.run(account.id, 1e-9):
        slices += 1
        row = SyncRun.get(SyncRun.account == account)
        assert row.ended_at is None and row.done <= row.total == 118
    assert slices >= 2
    row = SyncRun.get(SyncRun.account == account)
    assert (row.done, row.total, row.error, row.word, row.counts) == (
        118,
        118,
        "",
        "",
        {"created": 118},
    )
    assert row.ended_at is not None
    world.assert_in_step(account)


def test_a_database_that_refuses_for_a_moment_does_not_end_the_renewal(account, hasty, caplog):
    name = Account._meta.table_name
    with lease.leased(account.id):
        models.database.execute_sql(f"ALTER TABLE {name} RENAME TO away")
        until(lambda: len(caplog.records) >= 3)
        models.database.execute_sql(f"ALTER TABLE away RENAME TO {name}")
        assert {record.name for record in caplog.records} == {"kalends.lease"}
        first = Account.get_by_id(account.id).leased_until
        until(lambda: Account.get_by_id(account.id).leased_until > first)
