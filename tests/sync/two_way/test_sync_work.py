"""Waking two-way sync through a real Redis and real workers: none is lost for long, whatever
becomes of the queue.
"""

import threading
from datetime import UTC, datetime

import program
import pytest
from rq import Queue
from sync_world import SyncWorld
from werkzeug.serving import make_server

import models
from base import jobs
from models import Booking
from operate import chores
from sync.connect import connections
from sync.tables import starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.two_way import work


class RealClock:
    """The program's own clock, as `world` and sandbox want it; `world.later` has no meaning with
    it.
    """

    @property
    def now(self):
        return datetime.now(UTC)

    @now.setter
    def now(self, _):
        RemoteCalendar.update(due_at=None).where(
            RemoteCalendar.role != "listed"
        ).execute()  # as if time had passed


@pytest.fixture
def world(linden, queue):
    """Connected to a sandbox on a real port, which the workers reach by their settings; the clock
    is the real one.
    """
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world = SyncWorld(linden, RealClock(), webhook_url=None)
    server = make_server("127.0.0.1", 0, world.sandbox, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    queue.environ |= {
        "GOOGLE_CLIENT_ID": "sandbox-client",
        "GOOGLE_CLIENT_SECRET": "sandbox-secret",
        "GOOGLE_TOKEN_URL": f"{base}/token",
        "GOOGLE_REVOKE_URL": f"{base}/revoke",
        "GOOGLE_AUTHORIZE_URL": f"{base}/o/oauth2/v2/auth",
        "GOOGLE_API_URL": base,
    }
    yield world
    server.shutdown()


def waiting(queue, name):
    return Queue(name, connection=queue).job_ids


@pytest.mark.parametrize("name", ["now", "sync"])
def test_a_worker_brings_an_account_in_step(world, queue, name):
    booking = world.book()
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    if name == "now":
        assert work.wake(account.id)
    else:
        work.sweep()
    program.work(queue, name)
    models.database.connect(reuse_if_open=True)
    assert list(world.standing(account)) == [str(booking.uuid)]


def test_a_sweep_makes_good_what_an_emptied_redis_forgot(world, queue):
    account = world.start()
    world.book()
    work.wake(account.id)
    queue.flushall()
    assert waiting(queue, "now") == []
    chores.sweep()
    assert len(waiting(queue, "sync")) == 1
    program.work(queue, "sync")
    models.database.connect(reuse_if_open=True)
    world.assert_in_step(Account.get())


def test_nothing_is_swept_where_nothing_is_due(world, queue):
    world.start()
    chores.sweep()
    assert waiting(queue, "sync") == []


def test_a_wake_up_that_comes_while_the_last_one_is_worked_on_goes_behind_it(world, queue):
    """The one under way may have looked for the last time."""
    account = world.start()
    work.wake(account.id)
    work.wake(account.id)
    assert len(waiting(queue, "now")) == 1
    (job,) = Queue("now", connection=queue).jobs
    job.set_status("started")
    Queue("now", connection=queue).remove(job)
    for _ in range(3):
        work.wake(account.id)
    assert len(waiting(queue, "now")) == 1
    assert all(str(account.id) in job_id for job_id in waiting(queue, "now"))


def test_what_a_wake_up_has_no_time_for_goes_on_in_the_other_queue(world, queue, monkeypatch):
    for day in range(1, 120):
        world.book(days=day)
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    monkeypatch.setattr(work, "WOKEN_SECONDS", 1e-9)
    work.woken(account.id)
    assert waiting(queue, "sync") and Booking.select().count() == 119
    work.polled(account.id)
    assert len(world.standing(account)) == 119


def test_a_wake_up_without_redis_is_no_fault(world, queue, settings):
    account = world.start()
    jobs.open_queue("unix:///nowhere/redis.sock")
    assert work.wake(account.id) is False
    world.book()
    work.wake_clinic(world.linden.clinic.id)
    jobs.open_queue(settings.redis_url)
    assert connections.kinds() == ("google",)
