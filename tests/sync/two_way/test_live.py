"""Reading calendars outside while somebody waits: which copies are too old, one request for each,
all at once, and the result if one gives no answer.
"""

import re
import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from plans import lose_provider
from sync_world import WORLDS

from base import scheduling
from base.tables.outside import ExternalEvent
from free_times.finding import Wish, free_times
from sync.connect import calendar_list, gateway
from sync.tables import controls, sources
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.runs import SyncRun
from sync.two_way import live, run, work
from sync.two_way.standing import freshness
from sync.two_way.standing.freshness import Certainty


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    account = world.start(sources=[world.source()])
    world.later(seconds=31)
    world.run(account)  # what was read for the first time is looked at once more
    Channel.update(called_at=world.clock.now).execute()  # the first message came
    world.messages.clear()
    return account


LIST = re.compile(r"events$|calendarView/delta")
# What is decided on our side alone is tried with one provider.
ONE = pytest.mark.parametrize("world", ["google"], indirect=True)


def add(world, title="Dentist", days=3, hours=1, calendar=None, **fields):
    at = world.clock.now + timedelta(days=days)
    more = (calendar,) if calendar else ()
    return world.robin.add(title, at, at + timedelta(hours=hours), *more, **fields)


def lists(world, since):
    """The requests for lists of events."""
    return [one for one in list(world.sandbox.requests)[since:] if LIST.search(one.path)]


def test_what_was_just_read_is_fresh_and_nobody_is_asked(world, account, queued):
    assert (
        live.ask_calendars(world.user.id) == Certainty.FRESH
        and queued.of(live.read_calendars) == []
    )
    assert [one.is_live for one in freshness.of_people([world.user.id])[world.user.id]] == [True]


def test_after_two_minutes_the_calendar_is_asked_with_one_request(world, account, queued):
    add(world)
    world.later(seconds=130)
    before, since = len(world.sandbox.requests), world.clock.now
    assert live.ask_calendars(world.user.id) == Certainty.ASKING
    assert freshness.outcome(world.user.id, since) == Certainty.ASKING
    queued.work()
    assert len(lists(world, before)) == 1
    assert world.mirrored(account) == ["Dentist"]
    assert freshness.outcome(world.user.id, since) == Certainty.FRESH
    assert Account.get_by_id(account.id).lease is None
    assert not SyncRun.select().where(SyncRun.ended_at.is_null()).exists()
    world.assert_in_step(account)


@ONE
def test_the_clinic_may_want_it_newer_or_be_content(world, account):
    world.later(seconds=40)
    assert freshness.too_old(world.user.id, timedelta(minutes=1)) == []
    assert len(freshness.too_old(world.user.id, timedelta(seconds=30))) == 1


@ONE
def test_a_polled_calendar_is_as_old_as_one_poll(world, account, clock):
    gateway.set_up(
        gateway.GatewaySetup({world.kind: world.endpoints()}, None, 300, b"secret", world.transport)
    )
    RemoteCalendar.update(due_at=clock.now + timedelta(seconds=370)).execute()
    world.later(seconds=360)
    assert freshness.too_old(world.user.id) == []
    world.later(seconds=20)  # it is due
    assert len(freshness.too_old(world.user.id)) == 1


@ONE
def test_a_message_that_nobody_read_yet_makes_it_old_at_once(world, account):
    RemoteCalendar.update(due_at=None).where(RemoteCalendar.role == "source").execute()
    assert len(freshness.too_old(world.user.id)) == 1


@ONE
@pytest.mark.parametrize("bar", ["paused", "plan", "opted out", "reconnect", "waiting"])
def test_what_may_not_be_asked_is_said_at_once(world, account, queued, bar):
    world.later(seconds=130)
    if bar == "paused":
        controls.pause(account, world.user)
    elif bar == "plan":
        lose_provider(world.linden.clinic)
    elif bar == "opted out":
        world.user.change_sync(sync_allowed=False)
    elif bar == "reconnect":
        Account.update(health="reconnect").execute()
    else:
        Account.update(wait_until=world.clock.now + timedelta(minutes=5)).execute()
    before = len(world.sandbox.requests)
    assert (
        live.ask_calendars(world.user.id) == Certainty.UNANSWERED
        and queued.of(live.read_calendars) == []
    )
    live.read_calendars(world.user.id)
    assert len(world.sandbox.requests) == before


@ONE
def test_without_a_calendar_outside_everything_is_fresh(world, linden, queued):
    assert (
        live.ask_calendars(linden.quinn.id) == Certainty.FRESH
        and queued.of(live.read_calendars) == []
    )


@ONE
def test_a_calendar_that_is_gone_is_not_waited_for(world, account):
    world.later(seconds=130)
    RemoteCalendar.update(gone_since=world.clock.now).where(
        RemoteCalendar.role == "source"
    ).execute()
    assert live.ask_calendars(world.user.id) == Certainty.FRESH


@pytest.mark.parametrize("fault", ["throttled", "fault", "away"])
def test_a_refusal_is_said_kept_to_and_not_asked_again_at_once(world, account, queued, fault):
    add(world)
    world.later(seconds=130)
    world.sandbox.faults.fail(path=world.lists, **world.passing[fault])
    since = world.clock.now
    live.read_calendars(world.user.id)
    assert freshness.outcome(world.user.id, since) == Certainty.UNANSWERED
    before = len(world.sandbox.requests)
    assert (
        live.ask_calendars(world.user.id) == Certainty.UNANSWERED
        and queued.of(live.read_calendars) == []
    )
    assert len(world.sandbox.requests) == before
    if fault == "throttled":
        assert Account.get_by_id(account.id).wait_until > since
    world.later(minutes=10)
    world.run(account)
    assert world.mirrored(account) == ["Dentist"]


def test_access_that_ended_is_told_as_always(world, account):
    world.later(hours=2)  # the access token has ended, too
    world.revoke()
    live.read_calendars(world.user.id)
    assert Account.get_by_id(account.id).health == "reconnect"
    assert "reconnect" in world.notices(account)


def test_no_answer_in_time_is_no_trouble_of_the_account(world, account):
    world.later(seconds=130)
    world.sandbox.faults.reset(path=world.lists)
    since = world.clock.now
    live.read_calendars(world.user.id)
    assert freshness.outcome(world.user.id, since) == Certainty.UNANSWERED
    row = Account.get_by_id(account.id)
    assert (row.health, row.wait_until, row.failures) == ("ok", None, 0)
    world.later(seconds=20)
    live.read_calendars(world.user.id)
    assert freshness.too_old(world.user.id) == []


@ONE
def test_after_five_seconds_nobody_waits_any_more(world, account):
    world.later(seconds=130)
    since = world.clock.now
    world.later(seconds=4.9)
    assert freshness.outcome(world.user.id, since) == Certainty.ASKING
    world.later(seconds=0.1)
    assert freshness.outcome(world.user.id, since) == Certainty.UNANSWERED


@ONE
def test_without_a_queue_nobody_waits(world, account, monkeypatch):
    world.later(seconds=130)
    monkeypatch.setattr(live.jobs, "_redis", None)
    monkeypatch.setattr(live.jobs, "_again_at", float("inf"))
    assert live.ask_calendars(world.user.id) == Certainty.UNANSWERED


@ONE
def test_a_run_that_has_the_lease_reads_it(world, account, monkeypatch):
    """The look waits for the other worker, and asks nothing itself."""
    add(world)
    world.later(seconds=130)
    holder = Account.acquire_lease(account.id)

    def other_worker(seconds):
        asked_for = RemoteCalendar.get(RemoteCalendar.role == "source")
        assert asked_for.due_at is None
        RemoteCalendar.update(
            due_at=world.clock.now + timedelta(minutes=5), read_at=world.clock.now
        ).where(RemoteCalendar.id == asked_for.id).execute()

    monkeypatch.setattr(live.time, "sleep", other_worker)
    before = len(world.sandbox.requests)
    live.read_calendars(world.user.id)
    assert len(world.sandbox.requests) == before
    Account.let_go(account.id, holder)
    assert freshness.too_old(world.user.id) == []


@ONE
def test_a_lease_that_never_comes_free_is_no_answer(world, account, monkeypatch):
    world.later(seconds=130)
    Account.acquire_lease(account.id)
    monkeypatch.setattr(live, "SECONDS", 0.05)
    since = world.clock.now
    live.read_calendars(world.user.id)
    assert freshness.outcome(world.user.id, since) == Certainty.UNANSWERED


@ONE
def test_two_looks_and_a_run_at_once_leave_one_of_each_event(world, account):
    add(world)
    world.later(seconds=130)
    for _ in range(2):
        live.read_calendars(world.user.id)
        run.run(account.id)
    assert world.mirrored(account) == ["Dentist"]


@ONE
def test_a_wake_up_during_a_reading_is_kept(world, account, queued):
    world.later(seconds=130)

    def somebody_asks(moment, request):
        if moment == "before" and LIST.search(request.url.path):
            Account.wake(account.id, "person")

    world.watch(somebody_asks)
    live.read_calendars(world.user.id)
    assert queued.of(work.woken) == [(account.id,)]


def test_a_calendar_that_is_turned_off_meanwhile_blocks_nothing(world, account):
    add(world)
    world.later(seconds=130)
    calendar = RemoteCalendar.get(RemoteCalendar.role == "source")

    def turned_off(moment, request):
        if moment == "after" and LIST.search(request.url.path):
            world.watch(lambda *_: None)
            sources.turn_off(calendar, world.user)

    world.watch(turned_off)
    live.read_calendars(world.user.id)
    assert world.mirrored(account) == []
    assert freshness.too_old(world.user.id) == []


def test_a_calendar_that_is_suddenly_empty_is_no_answer(world, account):
    for days in (3, 4, 5):
        add(world, days=days)
    world.poll(account)
    RemoteCalendar.update(sync_token=None).where(RemoteCalendar.role == "source").execute()
    for event in list(world.robin.events(world.source())):
        if world.reference_of(event) is None:
            world.robin.delete(event["id"], world.source())
    world.later(seconds=130)
    since = world.clock.now
    live.read_calendars(world.user.id)
    assert len(world.mirrored(account)) == 3
    assert freshness.outcome(world.user.id, since) == Certainty.UNANSWERED
    assert ExternalEvent.select().count() == 3


def test_several_calendars_are_asked_at_the_same_time(world, account):
    """Both requests are under way before either is answered."""
    family = world.robin.add_calendar("Family")
    calendar_list.list_calendars(account, gateway.open_account(account))
    sources.turn_on(RemoteCalendar.get(RemoteCalendar.calendar_id == family), world.user)
    world.run(account)
    Channel.update(called_at=world.clock.now).execute()
    world.later(seconds=130)
    since, both = world.clock.now, threading.Barrier(2, timeout=10)

    def meet(moment, request):
        if moment == "before" and LIST.search(request.url.path):
            both.wait()

    world.watch(meet)
    live.read_calendars(world.user.id)
    assert not both.broken
    assert freshness.outcome(world.user.id, since) == Certainty.FRESH


def test_a_busy_event_outside_takes_the_slot_and_a_free_one_does_not(app, world, account):
    """With messages and no poll: the message arrives, its job runs, and the time is gone."""
    wish = Wish(world.linden.calendar, 30)
    start = scheduling.midnight(
        world.clock.now.date() + timedelta(days=3), world.linden.street.zone
    ) + timedelta(hours=10)

    def is_offered():
        found = free_times([wish], start, start, 15)
        return [one.starts_at for one in found] == [start]

    def tell():
        for address, headers, body in world.messages:
            kind = {"content_type": "application/json"} if body else {}
            app.test_client().post(urlsplit(address).path, headers=headers, data=body, **kind)
        world.messages.clear()
        work.woken(account.id)

    assert is_offered()
    event = world.robin.add("Dentist", start, start + timedelta(hours=1))
    world.robin.show_busy(event, False)
    tell()
    assert world.mirrored(account) == ["Dentist"] and is_offered()
    world.robin.show_busy(event, True)
    tell()
    assert not is_offered()
    world.robin.delete(event)
    tell()
    assert is_offered()
