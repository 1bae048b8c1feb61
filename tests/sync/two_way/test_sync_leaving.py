"""Departures with refusals and wrong lists: no event of ours stays outside, and no event of the
person is deleted, with both providers.
"""

import random
import re
from datetime import timedelta

import pytest
from sync_world import LISTS, WORLDS, lie

from models import Booking
from sync.providers import scopes
from sync.tables import controls, ending, starting
from sync.tables.accounts import Account
from sync.tables.strays import Stray
from sync.two_way.standing.state import Standing

# What is said to providers is the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    linden.clinic.change(linden.olive, sync_existing=True)
    return WORLDS[request.param](linden, clock)


def begin(world, is_existing: bool, bookings=4) -> Account:
    for day in range(1, bookings + 1):
        world.book(days=day)
    if not is_existing:
        return world.start(sources=[world.source()])
    account = world.connect()
    starting.start(
        account, world.user, "Practice", "Europe/London", world.robin.add_calendar("Practice")
    )
    return world.run(account)


def leave(world, account):
    """Disconnect, and let a few hours go by."""
    ending.begin_departure(Account.get_by_id(account.id), world.user, "disconnect")
    for minutes in (0, 1, 5, 20, 40, 60, 180):
        world.later(minutes=minutes)
        world.run()


@pytest.mark.parametrize("world", ["google"], indirect=True)
@pytest.mark.parametrize("when", ["before", "after", "never"])
def test_what_we_may_not_delete_ends_once_the_person_has_deleted_it(world, linden, when):
    """With the permissions that are asked for unless a clinic wants more."""
    linden.clinic.change(linden.olive, sync_existing=False)
    world.grant = lambda email, *_: world.sandbox.connect(email, list(scopes("google")))
    account, bookings = begin(world, is_existing=False), list(Booking.select())
    elsewhere = world.robin.add_calendar("Ideas")
    world.poll(account)
    for booking in bookings[:2]:
        event_id = world.event_of(account, booking)["id"]
        world.robin.drag(event_id, elsewhere, world.destination(account))
    for _ in range(26):
        world.later(hours=1)
        world.run()
    assert Stray.select().count() == 2
    if when == "before":
        delete_all(world, elsewhere)
    leave(world, account)
    if when == "after":
        assert Account.get_or_none(Account.id == account.id)
        delete_all(world, elsewhere)
        for _ in range(3):
            world.later(hours=1)
            world.run()
    is_left = Account.get_or_none(Account.id == account.id) is not None
    assert is_left is (when == "never") is bool(world.robin.events(elsewhere))


def delete_all(world, calendar_id: str) -> None:
    for event in list(world.robin.events(calendar_id)):
        world.robin.delete(event["id"], calendar_id)


def refuse_for_an_hour(world, status: int, path: str) -> None:
    reason = (
        world.refusal(status)
        or {"google": "notFound", "microsoft": "ErrorItemNotFound"}[world.kind]
    )
    world.sandbox.faults.fail(status, reason, path=path, times=None).until = (
        world.clock.now + timedelta(hours=1)
    )


@pytest.mark.parametrize("status", [404, 410])
def test_a_calendar_that_is_listed_is_there_whatever_an_answer_says(world, status):
    account = begin(world, is_existing=True)
    refuse_for_an_hour(world, status, LISTS)
    leave(world, account)
    assert world.standing(account) == {} and not Account.select().exists()


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_calendar_that_may_hold_strays_is_looked_into_later(world, status, is_known):
    account, ideas = begin(world, is_existing=False), world.robin.add_calendar("Ideas")
    world.robin.drag(
        world.event_of(account, Booking.select().order_by(Booking.id).first())["id"],
        ideas,
        world.destination(account),
    )
    if is_known:
        controls.ask_for_run(account, "resync")
        world.sandbox.faults.fail(
            403, world.refusal(403), method="DELETE", path=f"{re.escape(ideas)}/events/", times=None
        )
        world.run(account)
        world.sandbox.faults.clear()
    refuse_for_an_hour(world, status, f"{re.escape(ideas)}{LISTS}")
    leave(world, account)
    assert world.standing(account) == {} and not Account.select().exists()


@pytest.mark.parametrize("is_known", [True, False])
def test_a_list_that_leaves_out_a_stray_leaves_none_behind(world, is_known, monkeypatch):
    """Once for a stray that nobody knows of, and as often as it is asked for one that is known."""
    account, ideas = begin(world, is_existing=False), world.robin.add_calendar("Ideas")
    world.robin.drag(
        world.event_of(account, Booking.select().order_by(Booking.id).first())["id"],
        ideas,
        world.destination(account),
    )
    if is_known:
        world.sandbox.faults.fail(403, world.refusal(403), method="DELETE", times=None)
        controls.ask_for_run(account, "resync")
        world.run(account)
        world.sandbox.faults.clear()
        assert Stray.select().exists()
    with monkeypatch.context() as told:
        lie(told, None if is_known else 1, lambda items: [], f"{re.escape(ideas)}{LISTS}")
        leave(world, account)
    assert world.standing(account) == {} and not Account.select().exists()


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("whose", ["own", "shared"])
def test_a_calendar_that_cannot_be_looked_into_keeps_a_departure_open_for_a_person(
    world, status, whose
):
    """Nobody knows what somebody moved there; the other calendars are cleared all the same."""
    account = begin(world, is_existing=False)
    if whose == "own":
        closed = world.robin.add_calendar("Closed")
    else:
        colleague = world.sandbox.user(world.other_email)
        closed = colleague.add_calendar("Closed")
        colleague.share(closed, world.email, "writer")
    ideas = world.robin.add_calendar("Ideas")
    world.robin.drag(
        world.event_of(account, Booking.select().order_by(Booking.id).first())["id"],
        ideas,
        world.destination(account),
    )
    reason = world.refusal(status) or "notFound"
    world.sandbox.faults.fail(status, reason, path=f"{re.escape(closed)}{LISTS}", times=None)
    controls.ask_for_run(account, "resync", world.user)
    world.run()
    leave(world, account)
    for _ in range(10):
        world.later(hours=5)
        world.run()
    account = Account.get()
    assert world.standing(account) == {} and account.phase == "leaving"
    assert account.is_stuck_leaving and Standing(account).unsearched == ["Closed"]
    requests = world.sandbox.requests.total
    world.later(hours=1)
    world.run()
    assert world.sandbox.requests.total - requests <= 6
    ending.end_now(account, world.user)
    world.run()
    assert not Account.select().exists()


@pytest.mark.parametrize("times", [1, 4])
def test_our_calendar_stays_where_somebody_keeps_events_though_lists_hide_them(
    world, times, monkeypatch
):
    account, at = begin(world, is_existing=False, bookings=0), world.clock.now + timedelta(days=2)
    there = world.destination(account)
    mine = world.robin.add("Mine", at, at + timedelta(hours=1), there)
    world.poll(account)
    lie(monkeypatch, times, lambda items: [])
    leave(world, account)
    assert [event["id"] for event in world.robin.events(there)] == [
        mine
    ] and not Account.select().exists()


def test_what_was_put_there_since_the_last_look_is_no_less_safe(world, monkeypatch):
    account, at = begin(world, is_existing=False), world.clock.now + timedelta(days=2)
    there = world.destination(account)
    mine = world.robin.add("Mine", at, at + timedelta(hours=1), there)
    lie(
        monkeypatch,
        2 if world.kind == "microsoft" else 1,
        lambda items: [item for item in items if item.get("id") != mine],
    )
    leave(world, account)
    assert [event["id"] for event in world.robin.events(there)] == [
        mine
    ] and not Account.select().exists()


@pytest.mark.parametrize("is_existing", [True, False])
def test_what_somebody_deleted_already_keeps_no_departure_open(world, is_existing):
    """Microsoft may show by its id what lies among deleted things, and refuse to delete it."""
    account = begin(world, is_existing)
    world.sandbox.deleted_items_found, world.sandbox.deleted_again = True, 400
    at = world.clock.now + timedelta(days=2)
    world.robin.add("Mine", at, at + timedelta(hours=1), world.destination(account))
    for booking in list(Booking.select())[:2]:
        world.robin.delete(world.event_of(account, booking)["id"], world.destination(account))
    leave(world, account)
    assert world.standing(account) == {} and not Account.select().exists()


@pytest.mark.parametrize("is_existing", [True, False])
def test_what_lists_leave_out_goes_as_well(world, is_existing, monkeypatch):
    account, at = begin(world, is_existing), world.clock.now + timedelta(days=2)
    world.robin.add("Mine", at, at + timedelta(hours=1), world.destination(account))
    world.poll(account)
    lie(monkeypatch, 6, lambda items: items[::2])
    leave(world, account)
    assert world.standing(account) == {} and not Account.select().exists()


def test_a_departure_at_a_small_quota_takes_little_longer_than_it_must(world):
    """Forty events, of which each minute takes four, and nobody says how long to wait."""
    account = begin(world, is_existing=True, bookings=40)
    random.seed(40)  # waits are spread at random: the same ones each time
    ending.begin_departure(Account.get_by_id(account.id), world.user, "disconnect")
    begun, taken = world.clock.now, []
    refuse = world.sandbox.faults.fail

    def delete_some(moment, request):
        """Of what goes at once the first few get through, and then no more for a minute."""
        if moment == "before" and re.search(world.batch, request.url.path):
            taken[:] = [at for at in taken if at > world.clock.now - timedelta(minutes=1)]
            left = 4 - len(taken)
            taken.extend([world.clock.now] * left)
            refuse(429, world.refusal(429), method="DELETE", skip=left, times=50)
        elif moment == "after":
            world.sandbox.faults.clear()

    world.watch(delete_some)
    for _ in range(60):
        world.run()
        row = Account.get_or_none(Account.id == account.id)
        if row is None:
            break
        assert row.health == "waiting"
        world.clock.now = row.wait_until + timedelta(seconds=1)
    assert world.standing(account) == {} and not Account.select().exists()
    assert world.clock.now - begun < timedelta(minutes=15)


# ---- and begun again ----


@pytest.mark.parametrize("goal", ["off", "disconnect"])
def test_a_list_of_calendars_that_hides_ours_makes_no_second_one(world, goal, monkeypatch):
    account = begin(world, is_existing=False)
    there = world.destination(account)
    ending.begin_departure(account, world.user, goal, False)
    world.run()
    if goal == "disconnect":
        account = world.connect()
    lie(
        monkeypatch,
        1,
        lambda items: [item for item in items if item["id"] != there],
        "calendarList$|/me/calendars$",
    )
    account = Account.get()
    starting.start(account, world.user, "Kalends Pat", "Europe/London")
    for minutes in (0, 1, 5, 20):
        world.later(minutes=minutes)
        world.run()
    assert world.calendars_of_ours(account) == [there]
    world.assert_in_step(account)


@pytest.mark.parametrize(
    "world", ["google"], indirect=True
)  # Outlook's ids are its own, and its names of calendars must differ
def test_what_stands_in_two_calendars_under_one_id_is_left_in_one(world):
    account = begin(world, is_existing=False)
    ending.begin_departure(account, world.user, "disconnect", False)
    world.run()
    starting.start(
        world.connect(),
        world.user,
        "Kalends Pat",
        "Europe/London",
        world.robin.add_calendar("Practice"),
    )
    world.run()
    world.later(hours=21)
    world.run()
    world.assert_in_step(Account.get())
