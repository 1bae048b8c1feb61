"""Waking two-way sync through a real Redis and real workers: none is lost for long, whatever
becomes of the queue.
"""

import threading
from datetime import UTC, datetime, timedelta

import program
import pytest
from rq import Queue
from sync_world import SyncWorld
from werkzeug.serving import make_server

import models
from base import jobs
from base.bookings.clashes import SlotTaken
from models import Booking
from operate import chores, intake
from operate.intake.upload import Import
from sync.connect import gateway
from sync.tables import controls, due, ending, starting
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
    queue.flushall()
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
    work.wake_due({"clinic": {world.linden.clinic.id}})
    jobs.open_queue(settings.redis_url)
    assert gateway.kinds() == ("google",)


# ---- what a change wakes, wherever it is made ----


@pytest.fixture
def started(world, queue):
    """An account in step, and a queue with nothing in it."""
    account = world.start()
    queue.flushall()
    return account


def woken(queue) -> list[int]:
    """The accounts that a worker is asked to bring in step now, once each."""
    assert waiting(queue, "sync") == []
    return [job.args[1] for job in Queue("now", connection=queue).jobs]


def bookings_file(world) -> str:
    day = (world.clock.now + timedelta(days=9)).date()
    line = f"{world.linden.patient.name},{world.user.name},{day},09:00,10:00,Linden Street"
    return f"Client,Practitioner,Date,Start,End,Venue\n{line}\n"


def test_a_page_wakes_the_accounts_that_it_leaves_behind(world, queue, started, signed_in):
    booking = world.book()
    queue.flushall()
    browser = signed_in(world.user)
    browser.post("/profile/password", data={})
    assert woken(queue) == []
    browser.post(f"/bookings/{booking.id}/cancellation", data={"which": "one"})
    assert woken(queue) == [started.id]


def test_a_command_wakes_them_too(world, queue, started, app, tmp_path):
    (tmp_path / "bookings.csv").write_text(bookings_file(world))
    answer = app.test_cli_runner().invoke(
        args=["import", "bookings", str(tmp_path / "bookings.csv")]
    )
    models.database.connect(reuse_if_open=True)
    assert answer.exit_code == 0 and Booking.select().count() == 1, answer.output
    assert woken(queue) == [started.id]


def test_an_import_in_a_worker_wakes_them_too(world, queue, started):
    sheet = intake.open_sheet("bookings", bookings_file(world))
    row = Import.begin(
        world.linden.clinic,
        world.linden.olive,
        "bookings",
        sheet.text,
        sheet.total,
        problems={"guessed": sheet.guessed},
        choices={},
    )
    intake.check_file(row.id)
    assert woken(queue) == []
    Import.get().advance(("checked",), "importing", world.linden.olive)
    jobs.carry_out("operate.intake.import_good_lines", row.id)
    models.database.connect(reuse_if_open=True)
    assert Booking.select().count() == 1 and woken(queue) == [started.id]


def test_a_refused_change_wakes_nobody(world, queue, started):
    world.book()
    queue.flushall()
    with pytest.raises(SlotTaken):
        world.book(allow_overlap=False)
    assert woken(queue) == [] and Booking.select().count() == 1


def test_what_a_person_asks_of_an_account_wakes_it(world, queue, started):
    for ask in (
        lambda: controls.ask_for_run(started, "check"),
        lambda: controls.change(started, world.user, lock_sign=True),
        lambda: ending.begin_departure(started, world.user, "off"),
        lambda: ending.end_now(started, world.user),
    ):
        queue.flushall()
        ask()
        assert woken(queue) == [started.id]
    queue.flushall()
    ending.end_now(Account.get(), world.user)  # it is ended already
    assert woken(queue) == []


def test_an_account_that_was_just_connected_is_looked_at(world, queue):
    account = world.connect()
    assert [job.args[:2] for job in Queue("now", connection=queue).jobs] == [
        ("sync.two_way.first_list.read_list", account.id)
    ]


def test_a_change_is_made_while_redis_is_away(world, queue, started, settings):
    jobs.open_queue("unix:///nowhere/redis.sock")
    world.book()
    jobs.open_queue(settings.redis_url)
    assert Booking.select().count() == 1 and due.of_id(started.id).is_free
