"""The promises of two-way sync in unusual cases: nothing may loop, get stuck, leak, overrule a
person or get lost; with both providers.
"""

import threading
import time
from datetime import timedelta
from urllib.parse import unquote

import pytest
from sync_world import WORLDS

import models
from base import vault
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from models import Booking, Clinic, User
from sync.connect import gateway
from sync.providers.base import ChannelCall
from sync.tables import controls, ending, sources, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.tables.unread import CalendarTrouble
from sync.two_way import report, run
from sync.two_way.reading import channel_upkeep
from sync.two_way.standing import decisions
from sync.two_way.worker.context import RunContext


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 11):
        world.book(days=day)
    return world.start(sources=[world.source()])


def source(account) -> RemoteCalendar:
    return RemoteCalendar.get(RemoteCalendar.account == account, RemoteCalendar.role == "source")


def add(world, title, days=2, calendar="primary") -> str:
    at = world.clock.now + timedelta(days=days)
    return world.robin.add(title, at, at + timedelta(hours=1), calendar)


def requests_of(world, work) -> int:
    before = len(world.sandbox.requests)
    work()
    return len(world.sandbox.requests) - before


def during_read(world, account, act) -> list:
    """Do something right after the provider has answered what stands in the source, before we take
    it in.
    """
    row, done = source(account), []

    def look(moment, request):
        if (
            moment == "after"
            and request.method == "GET"
            and row.calendar_id in unquote(str(request.url))
            and not done
        ):
            done.append(True)
            act(RemoteCalendar.get_by_id(row.id))

    world.later(seconds=400)
    world.watch(look)
    world.run(account)
    world.watch(lambda moment, request: None)
    return done


# ---- nothing loops ----


def test_a_held_plan_is_looked_at_as_often_as_any_other(world, account):
    for event in world.robin.events(world.destination(account)):
        world.robin.delete(event["id"], world.destination(account))
    world.later(seconds=400)
    assert requests_of(world, lambda: world.run(account)) < 30
    assert requests_of(world, lambda: world.run(account)) == 0


def test_a_copy_that_cannot_be_taken_away_is_tried_at_the_next_look(world, account):
    world.copy(
        world.event_of(account, Booking.select().order_by(Booking.id).first()),
        world.destination(account),
    )
    world.sandbox.faults.fail(403, world.refusal(403), method="DELETE", times=None)
    world.later(seconds=400)
    runs = SyncRun.select().count()
    assert (
        requests_of(world, lambda: world.run(account)) < 30 and SyncRun.select().count() <= runs + 1
    )
    world.sandbox.faults.clear()
    world.poll(account)
    world.assert_in_step(account)


def test_a_source_that_is_refused_for_good_costs_the_bookings_nothing(world, account):
    world.sandbox.faults.fail(
        400, world.refusal(400), path=world.reading(source(account).calendar_id), times=None
    )
    for _ in range(10):
        world.poll(account)
    booking = world.book(days=20)
    world.run(account)
    assert (
        str(booking.uuid) in world.standing(account)
        and Account.get().health == "ok"
        and source(account).gone_since is None
    )
    assert [(trouble.reason, trouble.looks) for trouble in CalendarTrouble.open_ones(account)] == [
        ("refused", 10)
    ]


def test_a_reminder_is_over_once_a_run_finds_all_well(world, account):
    reminder = Notice.give(account, "sync_reminder", detail={"at": world.clock.now.isoformat()})
    world.sandbox.faults.fail(
        400, world.refusal(400), path=world.reading(source(account).calendar_id), times=None
    )
    world.poll(account)
    assert Account.get().health == "ok" and Notice.get_by_id(reminder.id).settled_at is None
    world.sandbox.faults.clear()
    world.poll(account)
    assert Notice.get_by_id(reminder.id).settled_as == "well"


@pytest.mark.parametrize("where", ["channel", "source"])
def test_what_is_not_allowed_for_one_part_does_not_stop_the_whole(world, account, where):
    Channel.delete().execute()
    code = {"google": "insufficientPermissions", "microsoft": "Authorization_RequestDenied"}[
        world.kind
    ]
    path = (
        "(watch|subscriptions)$"
        if where == "channel"
        else world.reading(source(account).calendar_id)
    )
    world.sandbox.faults.fail(403, code, path=path, times=None)
    world.book(days=20)
    assert world.poll(account).health == "ok"
    world.assert_in_step(account)


def test_one_not_found_answer_proves_nothing(world, account):
    code = {"google": "notFound", "microsoft": "ErrorItemNotFound"}[world.kind]
    world.sandbox.faults.fail(404, code, path=world.reading(world.destination(account)), times=1)
    world.poll(account)
    world.later(hours=1)
    assert world.run(account).health == "ok" and world.notices(account) == []


def test_a_provider_that_was_taken_out_of_the_settings_waits_and_lets_one_leave(world, account):
    gateway.set_up(gateway.GatewaySetup({}, None, 300, b"x"))
    world.book(days=20)
    run.run(account.id)
    assert Account.get().health == "ok" and Account.get().failures == 0
    ending.begin_departure(account, world.user, "disconnect", True)
    run.run(account.id)
    assert (Account.get().phase, Account.get().health_word) == ("leaving", "not set up")
    ending.end_now(Account.get(), world.user)
    run.run(account.id)
    assert not Account.select().exists()


# ---- nothing sticks ----


def test_copies_that_a_person_keeps_stay_and_hold_nothing_up(world, account):
    for booking in list(Booking.select()):
        world.copy(world.event_of(account, booking), world.destination(account))
    world.poll(account)
    fresh = world.book(days=40)
    world.run(account)
    assert str(fresh.uuid) in world.standing(account)
    decisions.keep_outside(Notice.get(Notice.settled_at.is_null()))
    world.run(account)
    world.poll(account)
    assert world.notices(account) == [] and sum(map(len, world.standing(account).values())) == 21


def test_a_booking_that_was_kept_outside_and_comes_back_is_synced_again(world, account):
    rows = list(Booking.select().limit(7))
    for row in rows:
        row.cancel(world.user)
    world.run(account)
    decisions.keep_outside(Notice.get(Notice.settled_at.is_null()))
    world.run(account)
    back = Booking.get_by_id(rows[0].id)
    back.set_status("confirmed", world.user)
    back = Booking.get_by_id(back.id)
    back.change(
        world.user,
        Span(back.starts_at + timedelta(days=50), back.ends_at + timedelta(days=50)),
        allow_overlap=True,
    )
    world.run(account)
    assert world.times_of(world.event_of(account, back)) == (back.starts_at, back.ends_at)


def test_a_dry_run_tells_of_the_stop_that_the_run_makes_until_somebody_said_yes(world, account):
    for booking in Booking.select():
        booking.cancel(world.user)
    told = list(report.planned(Account.get_by_id(account.id)))
    world.run(account)
    (notice,) = Notice.select()
    count, total = notice.detail["count"], notice.detail["total"]
    assert told == [
        f"remove {count}.",
        f"it would stop for a person: {count} of {total} events would go.",
    ]
    decisions.approve(notice)
    assert list(report.planned(Account.get_by_id(account.id))) == [f"remove {count}."]
    world.run(account)
    assert world.standing(account) == {}


def test_a_dry_run_counts_what_the_run_then_does(world, account):
    first, second = Booking.select().order_by(Booking.id).limit(2)
    first.cancel(world.user)
    later = Span(second.starts_at + timedelta(hours=2), second.ends_at + timedelta(hours=2))
    second.change(world.user, later)
    world.book(days=20)
    (told,) = report.planned(Account.get_by_id(account.id))
    assert sorted(told.rstrip(".").split(", ")) == ["create 1", "remove 1", "update 1"]
    assert len(list(report.planned(Account.get_by_id(account.id)))) == 1  # nothing was done
    before = SyncRun.select().count()
    done, __ = report.carried_out(Account.get_by_id(account.id))
    assert sorted(done.rstrip(".").split(", ")) == ["created 1", "removed 1", "updated 1"]
    (row,) = SyncRun.select().order_by(SyncRun.id).offset(before)
    assert row.counts == {"created": 1, "deleted": 1, "updated": 1}


def test_a_dry_run_says_why_nothing_can_be_planned(world, account):
    RemoteCalendar.update(calendar_id=None).where(RemoteCalendar.role == "destination").execute()
    said = []
    for columns in (
        {"phase": "active"},
        {"direction": "in"},
        {"phase": "paused"},
    ):
        Account.update(**columns).where(Account.id == account.id).execute()
        said += report.planned(Account.get_by_id(account.id))
    assert said == [
        "its calendar there is not made yet: the next run makes it, then fills it.",
        "it sends nothing, so there is nothing to plan.",
        "it is paused, so nothing can be planned.",
    ]


def test_yes_to_some_deletions_is_no_yes_to_others(world, account):
    rows = list(Booking.select().order_by(Booking.id))
    for row in rows[:6]:
        row.cancel(world.user)
    world.run(account)
    notice = Notice.get(Notice.settled_at.is_null())
    for row in rows[6:]:
        row.cancel(world.user)
    decisions.approve(notice)
    world.run(account)
    assert world.notices(account) == ["deletes"] and len(world.standing(account)) == 10
    decisions.approve(Notice.get(Notice.settled_at.is_null()))
    world.run(account)
    assert world.standing(account) == {}


@pytest.mark.parametrize("how", ["retitle", "delete"])
def test_what_was_undone_too_often_is_made_good_once_it_rests(world, account, how):
    booking = Booking.select().order_by(Booking.id).first()
    wanted = world.title_of(world.event_of(account, booking))
    for _ in range(20):
        for event in world.standing(account).get(str(booking.uuid), []):
            getattr(world.robin, how)(
                event["id"], *(["Mine"] if how == "retitle" else []), world.destination(account)
            )
        world.later(seconds=30)
        world.run(account)
        Account.wake(account.id, "live")
        world.run(account)
    assert MappingRow.get(MappingRow.uid == str(booking.uuid)).problem == "undone"
    world.later(hours=2)
    world.run(account)
    world.poll(account)
    assert world.title_of(world.event_of(account, booking)) == wanted


def test_a_person_can_confirm_that_external_events_in_our_calendar_are_gone(world, account):
    ids = [
        add(world, f"Own {number}", number + 2, world.destination(account)) for number in range(4)
    ]
    world.poll(account)
    assert len(world.mirrored(account)) == 4
    controls.pause(account, world.user)
    for one in ids:
        world.robin.delete(one, world.destination(account))
    controls.resume(account, world.user)
    controls.ask_for_run(account, "resync", world.user)
    world.run(account)
    assert len(world.mirrored(account)) == 4
    decisions.accept_empty(Notice.get(Notice.kind == "source_empty"))
    world.run(account)
    assert world.mirrored(account) == []
    world.assert_in_step(account)


def test_leaving_ends_where_the_calendar_may_not_be_deleted(world, account):
    world.sandbox.faults.fail(
        403, world.refusal(403), method="DELETE", path="calendars/[^/]+$", times=None
    )
    ending.begin_departure(account, world.user, "disconnect", True)
    world.run()
    assert not Account.select().exists() and world.standing(account) == {}


# ---- nothing leaks ----


def test_a_former_manager_gets_no_colleagues_bookings(world, linden):
    linden.maya.change_sync(sync_allowed=True, identifier="full_name")
    for day in range(1, 11):
        world.book(days=day)
    account = world.start(user=linden.maya)
    controls.change(account, linden.maya, covers=[linden.calendar.id])
    world.run(account)
    assert len(world.standing(account)) == 10
    linden.maya.change(
        linden.olive, name=linden.maya.name, email=linden.maya.email, role="practitioner"
    )
    world.run(account)
    assert world.standing(account) == {} and world.notices(account) == []


def test_a_colleague_who_says_no_is_not_overruled(world, linden):
    linden.maya.change_sync(sync_allowed=True, identifier="full_name")
    for day in range(1, 11):
        world.book(days=day)
    account = world.start(user=linden.maya)
    controls.change(account, linden.maya, covers=[linden.calendar.id])
    world.run(account)
    User.get_by_id(linden.pat.id).change_sync(sync_allowed=False)
    assert list(report.planned(Account.get_by_id(account.id))) == ["remove 10."]
    world.run(account)
    assert world.standing(account) == {} and world.notices(account) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing of it is in SQL
@pytest.mark.parametrize("who", ["clinic", "person", "colleague"])
def test_who_shows_less_reaches_what_has_left_the_window(world, linden, who):
    world.user.change_sync(identifier="full_name")
    booking, sender = world.book(days=1), world.user
    if who == "colleague":
        sender = linden.maya
        sender.change_sync(sync_allowed=True, identifier="full_name")
    account = world.start(user=sender)
    if who == "colleague":
        controls.change(account, sender, covers=[linden.calendar.id])
        world.run(account)
    assert "Małgorzata" in world.title_of(world.event_of(account, booking))
    world.later(days=60)
    world.run(account)
    assert MappingRow.get(MappingRow.uid == str(booking.uuid)).phase == "frozen"
    if who == "clinic":
        Clinic.get_by_id(linden.clinic.id).change(linden.olive, privacy_ceiling="none")
    else:
        User.get_by_id(world.user.id).change_sync(identifier="none")
    world.run(account)
    assert (
        "Małgorzata" not in world.title_of(world.event_of(account, booking))
        and MappingRow.get(MappingRow.uid == str(booking.uuid)).phase == "frozen"
    )
    world.assert_nothing_more(account)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing of it is in SQL
@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 423, 500])
def test_a_refusal_leaves_no_words_on_what_has_left_the_window(world, status):
    world.user.change_sync(identifier="full_name")
    rows = [world.book(days=day) for day in (1, 2)]
    account = world.start()
    world.later(days=60)
    world.run(account)
    world.sandbox.faults.fail(
        status, world.refusal(status) or "notFound", method=world.updating, path="/events/"
    )
    world.user.change_sync(identifier="initials")
    for minutes in (0, 7, 30, 60, 60 * 7, 60 * 21):
        world.later(minutes=minutes)
        world.run(account)
    titles = [world.title_of(world.event_of(account, row)) for row in rows]
    assert [title for title in titles if "Małgorzata" in title] == []
    world.assert_nothing_more(account)


# ---- nothing of the person's own is touched, and nothing of ours is left ----


def test_old_events_of_ones_own_in_our_calendar_keep_it_there(world, account):
    add(world, "Memory", -3 * 365, world.destination(account))
    there = world.destination(account)
    ending.begin_departure(account, world.user, "disconnect", True)
    world.run()
    assert [world.title_of(event) for event in world.robin.events(there)] == ["Memory"]


@pytest.mark.parametrize("world", ["google"], indirect=True)  # Outlook shows every calendar
def test_a_hidden_calendar_of_ours_is_found_again(world, account):
    world.sandbox.store.accounts[account.email]["entries"][world.destination(account)]["hidden"] = (
        True
    )
    ending.begin_departure(account, world.user, "off", False)
    world.run(account)
    starting.start(Account.get(), world.user, "Kalends", "Europe/London")
    world.run(account)
    world.assert_in_step(account)
    assert len(world.calendars_of_ours(account)) == 1


# ---- two at once ----


def test_a_calendar_that_is_stopped_while_it_is_read_blocks_nothing(world, account):
    add(world, "Dentist")
    assert during_read(world, account, lambda row: sources.turn_off(row, world.user))
    world.poll(account)
    assert world.mirrored(account) == [] and not ExternalEvent.select().exists()


def test_rules_that_change_while_a_calendar_is_read_hold_for_what_was_read(world, account):
    world.robin.add("Holiday", world.clock.now.date() + timedelta(days=4))
    assert during_read(
        world,
        account,
        lambda row: sources.set_rules(row, world.user, row.rules | {"all_day": False}),
    )
    assert not ExternalEvent.get().blocks


def test_a_new_consent_in_the_middle_of_a_run_is_not_undone_by_it(world, account):
    """The old one was taken back, and its refusal comes after the new consent."""
    done = []

    def look(moment, request):
        if moment == "before" and request.method == "GET" and not done:
            done.append("revoked")
            world.revoke()
        elif moment == "after" and str(request.url).endswith("/token") and len(done) == 1:
            done.append("consented")
            world.connect()

    world.later(seconds=400)
    world.watch(look)
    world.run(account)
    world.watch(lambda moment, request: None)
    assert len(done) == 2 and Account.get().health == "ok"
    world.assert_in_step(Account.get())


def test_a_refresh_under_way_does_not_overwrite_a_new_consent(world, account):
    done = []

    def look(moment, request):
        if moment == "after" and str(request.url).endswith("/token") and not done:
            done.append(True)
            world.connect()
            done.append(gateway.stored(account).refresh_token)

    world.later(hours=3)
    world.watch(look)
    world.run(account)
    assert gateway.stored(account).refresh_token == done[1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("world", ["google"], indirect=True)
def test_a_provider_that_calls_while_a_worker_writes_deadlocks_with_nobody(world, account):
    channel = Channel.get(Channel.calendar == source(account))
    Channel.update(secret_hash=vault.hash_of("abc")).where(Channel.id == channel.id).execute()
    holder, faults = Account.acquire_lease(account.id), []
    row, read = Account.get_by_id(account.id), source(account)

    writes, is_called = threading.Event(), threading.Event()

    def worker():
        with models.database.connection_context(), RunContext(row, holder, None, b"").writing():
            writes.set()
            while not (is_called.is_set() or waiting()):
                time.sleep(0.02)
            RemoteCalendar.update(read_at=world.clock.now).where(
                RemoteCalendar.id == read.id
            ).execute()
            Channel.update(called_at=world.clock.now).where(Channel.id == channel.id).execute()

    def waiting():
        """Whether the call waits for a row that the worker holds."""
        # within a transaction PostgreSQL shows the activity as it was at the first look
        models.database.execute_sql("SELECT pg_stat_clear_snapshot()")
        return models.database.execute_sql(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock')"
        ).fetchone()[0]

    def hook():
        assert writes.wait(20)
        try:
            with models.database.connection_context():
                channel_upkeep.called(
                    "google", channel.uuid, ChannelCall(channel.channel_id, "abc")
                )
        finally:
            is_called.set()

    def guarded(act):
        try:
            act()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=guarded, args=(act,)) for act in (worker, hook)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


@pytest.mark.parametrize("odd", ["\ud800", "a\x00b", "é", "x" * 5000])
@pytest.mark.parametrize("world", ["microsoft"], indirect=True)
def test_odd_text_from_anybody_is_like_any_other_forgery(world, account, app, odd):
    path = f"/webhooks/microsoft/{Channel.select().order_by(Channel.id).first().uuid}"
    answer = app.test_client().post(
        path, json={"value": [{"subscriptionId": odd, "clientState": odd}]}
    )
    assert answer.status_code == 202 and Account.get().due_at is None
