"""Every mishap between Kalends and a provider; afterwards the events on both sides are counted.

The last part kills real processes, with the sandbox behind a real port.
"""

import multiprocessing
import os
import re
import signal
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import httpx
import pytest
from peewee import OperationalError
from sync_world import WORLDS
from werkzeug.serving import make_server

import models
from base import scheduling
from base.database import open_database
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from models import Booking
from sync.connect import gateway
from sync.tables import controls, ending, mappings, sources, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.tables.unread import CalendarTrouble
from sync.two_way import run


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 6):
        world.book(days=day)
    return world.start(sources=[world.source()])


def settle(world, account, minutes=40):
    """As time goes by, everything gets in step by itself."""
    for _ in range(minutes // 5):
        world.later(minutes=5)
        world.run(account)
    world.assert_in_step(account)


# ---- access ----


def test_an_access_token_that_dies_is_replaced_on_the_way(world, account):
    world.sandbox.oauth.expire_access_tokens(account.email)
    world.book(days=8)
    world.run(account)
    world.assert_in_step(account)


@pytest.mark.parametrize("days", [1, 7])
def test_access_taken_back_stops_at_once_is_told_and_heals_with_a_new_consent(world, account, days):
    world.later(days=days)
    world.revoke()
    fresh = world.book(days=8)
    account = world.poll(account)
    assert (
        account.health == "reconnect"
        and world.notices(account) == ["reconnect"]
        and Notice.get().detail["days"] == days
    )
    requests = len(world.sandbox.requests)
    world.poll(account)
    assert len(world.sandbox.requests) == requests  # nothing is tried again and again
    world.robin.add(
        "Meanwhile",
        world.clock.now + timedelta(days=2),
        world.clock.now + timedelta(days=2, hours=1),
    )
    world.connect()
    world.run(account)
    assert (
        world.notices(account) == []
        and str(fresh.uuid) in world.standing(account)
        and world.mirrored(account) == ["Meanwhile"]
    )
    world.assert_in_step(account)


def test_a_server_that_was_off_for_a_quarter_goes_on_where_it_may_and_asks_where_access_lapsed(
    world, account
):
    world.later(days=91)
    world.robin.add(
        "Meanwhile",
        world.clock.now + timedelta(days=2),
        world.clock.now + timedelta(days=2, hours=1),
    )
    fresh, before = world.book(), set(world.standing(account))
    account = world.poll(account)
    # Outlook ends access after ninety days of silence.
    assert account.health == ("reconnect" if world.kind == "microsoft" else "ok")
    world.connect()
    world.run(account)
    assert world.notices(account) == [] and world.mirrored(account) == ["Meanwhile"]
    assert {uid: len(events) for uid, events in world.standing(account).items()} == dict.fromkeys(
        {*before, str(fresh.uuid)}, 1
    )
    world.assert_nothing_more(account)


def test_credentials_that_no_key_opens_ask_to_reconnect(world, account):
    Account.update(sealed="gAAAA").execute()
    assert world.poll(account).health == "reconnect"


def test_another_account_chosen_at_the_provider_changes_nothing(world, account):
    with pytest.raises(starting.OtherAccount):
        world.connect(email=world.other_email)
    world.assert_in_step(account)


def test_disconnecting_waits_where_access_was_taken_back_until_a_person_ends_it(world, account):
    world.revoke()
    world.poll(account)
    ending.begin_departure(Account.get(), world.user, "disconnect")
    world.run()
    assert not ExternalEvent.select().exists()
    account = Account.get()
    assert (account.phase, account.health, mappings.left_outside(account)) == (
        "leaving",
        "reconnect",
        5,
    )
    requests = len(world.sandbox.requests)
    world.later(hours=1)
    world.run()
    # It is tried again in a day, or at once where access is given anew.
    assert len(world.sandbox.requests) == requests
    ending.end_now(account, world.user)
    world.run()
    assert not Account.select().exists() and len(world.standing(account)) == 5


def test_disconnecting_continues_after_reconnecting(world, account):
    world.revoke()
    world.poll(account)
    ending.begin_departure(Account.get(), world.user, "disconnect")
    world.run()
    world.connect()
    world.run()
    assert not Account.select().exists() and world.standing(account) == {}


SCOPE = {"google": "insufficientPermissions", "microsoft": "Authorization_RequestDenied"}


@pytest.mark.parametrize("times", [2, 6, None])
@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_access_over_one_event_is_not_the_whole_accounts(
    world, account, status, times, number
):
    """Also where it says that the person has not allowed this. Only where another request is
    refused as well has access ended.
    """
    bookings = [world.book(days=day, hour=14) for day in range(1, number + 1)]
    world.run()
    victim = world.event_of(account, bookings[0])["id"]
    reason = SCOPE[world.kind] if status == 403 else None
    world.sandbox.faults.fail(status, reason, path=f"/events/{victim}", times=times)
    for booking in bookings:
        booking.change(world.user, Span(booking.starts_at, booking.ends_at + timedelta(minutes=5)))
    other = world.book(days=6, hour=15)
    for _ in range(8):
        world.run()
        assert Account.get_by_id(account.id).health != "reconnect"
        world.later(minutes=20)
    assert world.notices(account) == []
    assert str(other.uuid) in world.standing(account)
    world.sandbox.faults.clear()
    for _ in range(3):
        world.later(hours=7)
        world.run()
    world.assert_in_step(account)


@pytest.mark.parametrize("where", ["everything", "writes of too small a consent"])
def test_what_the_person_has_not_allowed_asks_to_reconnect(world, account, where):
    booking = world.book(days=2, hour=14)
    world.run()
    path = None
    if where != "everything":
        path = f"/events/{world.event_of(account, booking)['id']}"
        Account.update(scopes="User.Read").execute()
    world.sandbox.faults.fail(403, SCOPE[world.kind], path=path, times=None)
    booking.change(world.user, Span(booking.starts_at, booking.ends_at + timedelta(minutes=5)))
    for _ in range(4):
        world.run()
        world.later(minutes=20)
    assert Account.get_by_id(account.id).health == "reconnect"
    world.sandbox.faults.clear()
    Account.update(scopes=account.scopes).execute()
    world.later(hours=1)
    world.run()
    world.assert_in_step(account)


@pytest.mark.parametrize("what", ["change", "cancel"])
def test_an_event_that_is_called_changed_for_good_is_named_and_waits(world, account, what):
    """It did not change: nobody undoes what we write, and each try costs a few requests."""
    booking, other = world.book(days=2, hour=8), world.book(days=3, hour=8)
    world.run()
    victim = world.event_of(account, booking)["id"]
    for method in ("PUT", "PATCH", "DELETE"):
        world.sandbox.faults.fail(
            412, world.refusal(412), method=method, path=f"/events/{victim}", times=None
        )
    if what == "change":
        booking.change(world.user, Span(booking.starts_at, booking.ends_at + timedelta(minutes=5)))
    else:
        booking.cancel(world.user)
    other.cancel(world.user)
    world.run()
    assert str(other.uuid) not in world.standing(account)
    row = MappingRow.get(MappingRow.uid == str(booking.uuid))
    assert row.problem == world.refusal(412) and row.retry_at > world.clock.now
    before = world.writes()
    for minutes in (1, 2, 5, 15, 60):
        world.later(minutes=minutes)
        world.run()
    assert world.writes() - before <= 15 and Account.get().health == "ok"
    world.sandbox.faults.clear()
    world.later(hours=7)
    world.run()
    world.assert_in_step(account)
    assert not MappingRow.select().where(MappingRow.problem != "").exists()


def test_an_event_that_is_called_changed_once_is_written_at_once(world, account):
    booking = world.book(days=2, hour=8)
    world.run()
    world.sandbox.faults.fail(412, world.refusal(412), path="/events/.", method=world.updating)
    booking.change(world.user, Span(booking.starts_at, booking.ends_at + timedelta(minutes=5)))
    world.run()
    world.assert_in_step(account)


@pytest.mark.parametrize("goal", ["disconnect", "off", "restart"])
@pytest.mark.parametrize("status", [401, 403, 404, 410, 503])
@pytest.mark.parametrize("times", [1, 3])
def test_a_departure_that_is_refused_goes_on_until_nothing_is_left(
    world, account, goal, status, times
):
    reason = world.refusal(status) or "notFound"
    world.sandbox.faults.fail(status, reason, path="calendar|[Ee]vents|batch", times=times)
    ending.begin_departure(Account.get_by_id(account.id), world.user, goal)
    for _ in range(6):
        world.run()
        world.later(minutes=40)
    world.run()
    if goal == "restart":
        world.assert_in_step(account)
        assert len(world.calendars_of_ours(account)) == 1
    else:
        assert world.standing(account) == {} and world.calendars_of_ours(account) == []
        assert Account.select().count() == (goal == "off")


def test_a_departure_that_finds_a_calendar_empty_looks_again(world, account, monkeypatch):
    """An empty list that lies: where our records know of events, one look is not believed."""
    lie, lists = (
        ({"kind": "calendar#events", "items": []}, "/events$")
        if world.kind == "google"
        else ({"value": []}, "/events|/delta")
    )
    lies = iter(range(2))
    world.robin.add(
        "Mine",
        world.clock.now + timedelta(days=2),
        world.clock.now + timedelta(days=2, hours=1),
        world.destination(account),
    )

    def empty(self, request, answer=httpx.WSGITransport.handle_request):
        told = answer(self, request)
        is_list = request.method == "GET" and re.search(lists, unquote(request.url.path))
        return httpx.Response(200, json=lie) if is_list and next(lies, None) is not None else told

    ending.begin_departure(Account.get_by_id(account.id), world.user, "disconnect")
    monkeypatch.setattr(httpx.WSGITransport, "handle_request", empty)
    for _ in range(5):
        world.run()
        world.later(minutes=1)
    assert not Account.select().exists() and world.standing(account) == {}
    (ours,) = (world.robin.events(one) for one in world.calendars_of_ours(account))
    assert [world.title_of(event) for event in ours] == ["Mine"]


# ---- refusals and silence ----


@pytest.mark.parametrize("fault", ["throttled", "refused for now", "much", "fault", "away"])
@pytest.mark.parametrize("where", ["batch", "lists", "items"])
def test_passing_trouble_is_waited_for_and_loses_nothing(world, account, fault, where):
    world.book(days=8)
    Booking.select().order_by(Booking.id).first().cancel(world.user)
    Booking.select().where(Booking.status == "confirmed").first().set_status("pending", world.user)
    is_long = fault == "much"  # hours a time
    world.sandbox.faults.fail(
        path=getattr(world, where), times=1 if is_long else 4, **world.passing[fault]
    )
    world.run(account)
    settle(world, account, minutes=300 if is_long else 60)


def test_the_wait_that_is_asked_for_is_kept_and_shown(world, account):
    world.book(days=8)
    world.sandbox.faults.fail(
        429,
        world.refusal(429),
        path="/events|/calendarView",
        times=None,
        minutes=3,
        retry_after_seconds=1200,
    )
    account = world.run(account)
    assert account.health == "waiting" and account.wait_until == world.clock.now + timedelta(
        seconds=1200
    )
    requests = len(world.sandbox.requests)
    world.later(seconds=1190)
    world.run(account)
    assert len(world.sandbox.requests) == requests
    world.later(seconds=11)
    world.run(account)
    world.assert_in_step(account)


@pytest.mark.parametrize("lose", ["time_out", "reset"])
@pytest.mark.parametrize("where", ["batch", "lists"])
def test_a_lost_answer_doubles_nothing(world, account, lose, where):
    world.book(days=8)
    Booking.select().order_by(Booking.id).first().cancel(world.user)
    Booking.select().where(Booking.status == "confirmed").first().set_status("pending", world.user)
    getattr(world.sandbox.faults, lose)(path=getattr(world, where))
    world.run(account)
    settle(world, account)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_connection_lost_within_a_batch_doubles_nothing(world, account, after):
    for day in range(8, 13):
        world.book(days=day)
    world.sandbox.faults.reset_batch(after)
    world.run(account)
    settle(world, account)


@pytest.mark.parametrize("lose", ["time_out", "reset", "fail"])
def test_a_lost_answer_to_making_the_calendar_makes_no_second_one(world, lose):
    world.book()
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    getattr(world.sandbox.faults, lose)(path=world.making, method="POST")
    world.run(account)
    settle(world, account)
    assert len(world.calendars_of_ours(account)) == 1


def test_one_failing_item_of_a_batch_keeps_no_other_back_and_is_named(world, account):
    bad, good = world.book(days=8), world.book(days=9)
    world.sandbox.faults.fail(400, world.refusal(400), path="/events$", method="POST", times=1)
    world.run(account)
    mapping = MappingRow.get(MappingRow.problem != "")
    assert (
        mapping.uid in (str(bad.uuid), str(good.uuid))
        and mapping.problem == world.refusal(400)
        and mapping.retry_at > world.clock.now
    )
    assert len(world.standing(account)) == 6
    settle(world, account)


def test_a_dead_sync_token_in_the_middle_of_paging_is_survived(world, account):
    world.sandbox.page_cap = 2
    for number in range(6):
        world.robin.add(
            f"Event {number}",
            world.clock.now + timedelta(days=number + 1),
            world.clock.now + timedelta(days=number + 1, hours=1),
        )
    world.sandbox.faults.fail(path=world.lists, method="GET", skip=2, **world.lost_place)
    world.poll(account)
    assert len(world.mirrored(account)) == 6
    world.assert_in_step(account)


def test_an_event_changed_between_our_look_and_our_write_is_looked_at_again(world, account):
    booking = Booking.select().order_by(Booking.id).first()
    event, there = world.event_of(account, booking), world.destination(account)
    world.sandbox.faults.fail(
        412, world.refusal(412), path=f"/events/{event['id']}$", method=world.updating
    )
    booking.set_status("pending", world.user)
    world.run(account)
    world.assert_in_step(account)
    world.robin.retitle(event["id"], "Mine", there)
    settle(world, account)
    assert world.title_of(world.event_of(account, booking)) != "Mine"


def test_an_id_that_is_taken_by_a_deleted_event_gives_way_to_the_next(world, account):
    booking = Booking.select().order_by(Booking.id).first()
    world.robin.delete(world.event_of(account, booking)["id"], world.destination(account))
    world.poll(account)
    world.assert_in_step(account)


def test_a_source_without_access_keeps_what_it_blocks_and_holds_nothing_else_up(world, account):
    world.robin.add(
        "Dentist", world.clock.now + timedelta(days=2), world.clock.now + timedelta(days=2, hours=1)
    )
    world.poll(account)
    source = RemoteCalendar.get(RemoteCalendar.role == "source")
    world.sandbox.faults.fail(
        403, world.refusal(403), path=world.reading(world.source()), times=None, minutes=10
    )
    world.book(days=8)
    world.poll(account)
    assert (
        world.mirrored(account) == ["Dentist"]
        and RemoteCalendar.get_by_id(source.id).gone_since is None
    )
    assert [trouble.reason for trouble in CalendarTrouble.open_ones(account)] == ["forbidden"]
    settle(world, account)
    assert CalendarTrouble.open_ones(account) == []


@pytest.mark.parametrize("world", ["google"], indirect=True)  # Microsoft has no such refusal
def test_an_operators_fault_is_no_fault_of_the_person(world, account):
    world.sandbox.faults.fail(403, "accessNotConfigured", path="^/calendar/", times=None)
    assert world.poll(account).health == "waiting", "a single one may pass"
    for _ in range(4):
        world.later(minutes=6)
        world.run(account)
    world.sandbox.faults.clear()
    account = Account.get_by_id(account.id)
    assert account.health == "operator" and world.notices(account) == []
    settle(world, account)


def test_one_refusal_of_our_own_calendar_holds_nothing_up_for_longer_than_another_fault(
    world, account
):
    ours = account.destination.calendar_id
    there = {"path": world.reading(ours), "method": "GET"}
    world.sandbox.faults.fail(403, world.refusal(403), times=None, **there)
    world.book(days=8)
    account = world.poll(account)
    assert account.health == "waiting"
    world.sandbox.faults.clear()
    for _ in range(3):
        world.later(seconds=20)
        world.run(account)
    assert Account.get_by_id(account.id).health == "ok"
    world.sandbox.faults.fail(403, world.refusal(403), times=None, **there)
    for _ in range(4):
        world.later(minutes=6)
        world.run(account)
    assert Account.get_by_id(account.id).health == "operator", "it does not pass by itself"


@pytest.mark.parametrize("because", ["check", "resync"])
def test_somebody_who_asks_does_not_wait_for_our_next_try(world, account, because):
    there = {"path": world.reading(account.destination.calendar_id), "method": "GET"}
    world.sandbox.faults.fail(403, world.refusal(403), times=None, **there)
    for _ in range(5):
        world.later(minutes=6)
        world.run(account)
    assert Account.get_by_id(account.id).health == "operator"
    world.sandbox.faults.clear()
    booking = world.book(days=8)
    world.run(account)
    assert str(booking.uuid) not in world.standing(account)
    controls.ask_for_run(Account.get_by_id(account.id), because, world.user)
    world.run(account)
    assert Account.get_by_id(account.id).health == "ok"
    assert str(booking.uuid) in world.standing(account)


@pytest.mark.parametrize("because", ["check", "resync"])
def test_somebody_who_asks_waits_as_long_as_the_provider_wants(world, account, because):
    requests = []
    world.sandbox.faults.fail(429, world.refusal(429), times=None, retry_after_seconds=900)
    waiting = world.poll(account)
    world.sandbox.faults.clear()
    world.watch(lambda moment, request: requests.append(request))
    controls.ask_for_run(Account.get_by_id(account.id), because, world.user)
    world.run(account)
    assert requests == [] and Account.get_by_id(account.id).wait_until == waiting.wait_until
    settle(world, account)


def test_the_same_trouble_again_and_again_is_one_line_of_the_history(world, account):
    world.sandbox.faults.fail(503, path=world.lists, times=None, minutes=60)
    for _ in range(8):
        world.later(minutes=5)
        world.run(account)
    assert SyncRun.select().where(SyncRun.error == "waiting").count() == 1
    assert Account.get_by_id(account.id).failing_since


def test_trouble_that_does_not_pass_is_somebodys_to_look_at(world, account):
    world.sandbox.faults.fail(503, path=world.lists, times=None, minutes=60 * 24)
    for _ in range(30):
        world.later(minutes=20)
        world.run(account)
    assert Account.get_by_id(account.id).health == "operator"
    world.sandbox.faults.clear()
    settle(world, account)


# ---- times ----


@pytest.mark.parametrize(
    "zone", ["Pacific/Pago_Pago", "Pacific/Kiritimati", "America/New_York", "Europe/London"]
)
def test_whole_days_stay_on_their_days(world, zone):
    world.linden.street.change(
        world.user,
        name="Linden Street",
        address="",
        zone_name=zone,
        hours=world.linden.street.hours,
    )
    day = world.clock.now.date() + timedelta(days=5)
    span = scheduling.whole_days(day, day + timedelta(days=1), world.linden.street.zone)
    Booking.book(models.Practitioner.get_by_id(world.linden.calendar.id), [span], world.user)
    account = world.start(sources=[world.source()])
    (event,) = next(iter(world.standing(account).values()))
    assert world.days_of(event) == (day.isoformat(), (day + timedelta(days=2)).isoformat())
    world.robin.add("Holiday", day + timedelta(days=7))
    world.poll(account)
    row = ExternalEvent.get()
    assert (row.starts_on, row.ends_on) == (day + timedelta(days=7), day + timedelta(days=8))
    assert row.taken(world.linden.street.zone)[0] == scheduling.midnight(
        row.starts_on, world.linden.street.zone
    )


@pytest.mark.parametrize("change", ["2027-03-28", "2026-10-25", "2027-10-31"])
def test_nights_in_which_the_clock_changes_keep_their_times(world, change):
    day = scheduling.date.fromisoformat(change)
    world.clock.now = scheduling.midnight(day, world.linden.street.zone) - timedelta(days=3)
    zone = world.linden.street.zone
    starts = [scheduling.midnight(day, zone) + timedelta(minutes=30 * n) for n in range(0, 12, 2)]
    for starts_at in starts:
        Booking.book(
            world.linden.calendar,
            [scheduling.Span(starts_at, starts_at + timedelta(minutes=30))],
            world.user,
        )
    account = world.start()
    world.assert_in_step(account)


# ---- heaps ----


def test_a_calendar_of_five_thousand_events_is_mirrored_whole(world, account):
    with world.sandbox.store.lock:
        for number in range(5000):
            at = world.clock.now + timedelta(hours=number)
            world.robin.add(f"Event {number}", at, at + timedelta(minutes=30))
    world.poll(account)
    assert ExternalEvent.select().count() == 5000
    world.assert_in_step(account)


# ---- at the same time ----


def test_two_workers_at_once_write_nothing_twice(world, account, settings):
    for day in range(8, 30):
        world.book(days=day)
    world.sandbox.latency_ms = 20
    outcomes = []

    def work():
        try:
            with models.database.connection_context():
                run.run(account.id)
            outcomes.append("done")
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes == ["done"] * 4
    world.sandbox.latency_ms = 0
    world.assert_in_step(account)


def test_a_worker_that_lost_its_lease_writes_nothing_more(world, account):
    """It stood still for so long that another took over: what it brings home is not believed."""
    world.book(days=8)

    def take_over(moment, request):
        if moment == "before" and "batch" in request.url.path:
            Account.update(
                lease="somebody else", leased_until=world.clock.now + timedelta(minutes=2)
            ).execute()

    world.watch(take_over)
    before = MappingRow.select().where(MappingRow.phase == "synced").count()
    world.run(account)
    assert (
        Account.get_by_id(account.id).lease == "somebody else"
        and MappingRow.select().where(MappingRow.phase == "synced").count() == before
    )
    world.later(minutes=3)
    world.watch(lambda moment, request: None)
    settle(world, account)


def test_a_person_who_presses_while_a_run_is_under_way_is_heard_first(world, account):
    """One way again, in the middle of a run: nothing of that run comes after it."""
    world.robin.add(
        "Dentist", world.clock.now + timedelta(days=2), world.clock.now + timedelta(days=2, hours=1)
    )
    pressed = []

    def press(moment, request):
        if (
            moment == "before"
            and request.method == "GET"
            and world.source() in unquote(request.url.path)
            and not pressed
        ):
            pressed.append(True)
            ending.begin_departure(Account.get_by_id(account.id), world.user, "off")

    world.watch(press)
    world.poll(account)
    assert pressed and Account.get_by_id(account.id).phase == "off"
    assert (
        world.mirrored(account) == []
        and world.standing(account) == {}
        and world.calendars_of_ours(account) == []
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_stays_locked_costs_patience_alone(world, account, settings):
    world.book(days=8)
    models.database.execute_sql("PRAGMA busy_timeout = 100")
    other = sqlite3.connect(settings.database_url.removeprefix("sqlite:///"), isolation_level=None)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):  # the next sweep comes
            run.run(account.id)
        other.execute("ROLLBACK")
    settle(world, account)


# ---- killed ----


@contextmanager
def served(world):
    """The sandbox behind a real port.

    `world.on_request` is called before and after each request's work.
    """
    world.on_request = lambda number, when: None
    numbers = iter(range(1_000_000))

    def app(environ, start_response):
        number = next(numbers)
        world.on_request(number, "before")
        answer = list(world.sandbox(environ, start_response))
        world.on_request(number, "after")
        return answer

    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    known = world.endpoints()
    there = replace(
        known,
        token_url=known.token_url.replace("http://sandbox", base),
        api_url=known.api_url.replace("http://sandbox", base),
    )
    yield gateway.GatewaySetup(
        {world.kind: there}, "http://localhost:8000", 300, b"a secret of the tests"
    )
    server.shutdown()


def _work(setup, account_id, database_url):
    open_database(database_url)
    gateway.set_up(setup)
    with models.database.connection_context():
        run.run(account_id)
    os._exit(0)


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_killed_at_any_step_leaves_nothing_lost_or_doubled(world, settings, number, when):
    """A first filling, then changes on both sides, each killed at one request, before the provider
    did the work or after it.
    """
    for day in range(1, 4):
        world.book(days=day)
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    sources.turn_on(
        RemoteCalendar.get(
            RemoteCalendar.account == account, RemoteCalendar.calendar_id == world.source()
        ),
        world.user,
    )
    here = gateway.setup()
    with served(world) as there:
        killed = [_killed(world, account, there, settings, number, when)]
        world.later(minutes=10)
        Booking.select().order_by(Booking.id).first().cancel(world.user)
        world.book(days=20)
        world.robin.add(
            "Dentist",
            world.clock.now + timedelta(days=2),
            world.clock.now + timedelta(days=2, hours=1),
        )
        killed.append(_killed(world, account, there, settings, number, when))
        world.later(minutes=10)
    assert killed[0]
    gateway.set_up(here)
    settle(world, account)
    assert len(world.calendars_of_ours(account)) == 1 and world.mirrored(account) == ["Dentist"]


def _killed(world, account, setup, settings, number, when) -> bool:
    """Run a worker, killed at its request `number`. False: it had finished before."""
    seen = []
    models.database.close()
    models.database.obj.close_all()
    child = multiprocessing.get_context("fork").Process(
        target=_work, args=(setup, account.id, settings.database_url)
    )

    def strike(_, moment):
        if moment == "before":
            seen.append(moment)
        if len(seen) == number + 1 and moment == when:
            os.kill(child.pid, signal.SIGKILL)
            time.sleep(0.05)

    world.on_request = strike
    child.start()
    child.join(30)
    world.on_request = lambda number, moment: None
    models.database.connect(reuse_if_open=True)
    return child.exitcode == -signal.SIGKILL
