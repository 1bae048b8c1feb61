"""Only out and only in, and which of one's own calendars go out: changed at any time, nothing
doubled, nothing left behind.
"""

from datetime import timedelta

import pytest
from sync_world import WORLDS

from models import Practitioner
from sync.tables import controls, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 8):
        world.book(days=day)
    world.robin.add("Dentist", world.clock.now + timedelta(days=1), world.clock.now + HOUR * 25)
    return world.start(sources=[world.source()])


HOUR = timedelta(hours=1)


def turn(world, account, direction):
    controls.change(Account.get_by_id(account.id), world.user, direction=direction)
    return world.run(account)


def assert_removed(world, account):
    assert world.standing(account) == {}
    world.assert_nothing_more(account)
    row = Account.get_by_id(account.id)
    assert row.health == "ok" and Notice.question(row) is None


def test_only_in_removes_ours_without_a_question_and_back_each_stands_once(world, account):
    world.assert_in_step(account)
    turn(world, account, "in")
    assert_removed(world, account)
    assert "Dentist" in world.mirrored(account)
    world.book(days=4, hour=15)
    world.poll(account)
    assert_removed(world, account)
    turn(world, account, "both")
    world.assert_in_step(account)
    assert "Dentist" in world.mirrored(account)
    assert len(world.calendars_of_ours(account)) == 1


def test_only_out_clears_the_mirror_and_back_reads_the_same_calendars(world, account):
    turn(world, account, "out")
    assert world.mirrored(account) == []
    world.robin.add("Course", world.clock.now + HOUR * 30, world.clock.now + HOUR * 31)
    world.robin.add(
        "In ours", world.clock.now + HOUR * 50, world.clock.now + HOUR * 51,
        world.destination(account),
    )  # fmt: skip
    world.poll(account)
    assert world.mirrored(account) == []
    world.assert_in_step(account)
    turn(world, account, "both")
    assert {"Dentist", "Course", "In ours"} <= set(world.mirrored(account))
    world.assert_in_step(account)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_only_out_during_a_read_leaves_nothing_of_it_behind(world, account, moment):
    for number in range(3):
        turn(world, account, "both")
        at = world.clock.now + HOUR * (50 + number)
        world.robin.add(f"In ours {number}", at, at + HOUR, world.destination(account))
        controls.ask_for_run(Account.get_by_id(account.id), "resync")
        asked = iter(range(99))

        def look(when, request, asked=asked, number=number):
            if when == moment and next(asked) == number:
                controls.change(Account.get_by_id(account.id), world.user, direction="out")

        world.watch(look)
        world.run(account)
        world.watch(lambda when, request: None)
        world.poll(account)
        assert world.mirrored(account) == []
    world.assert_in_step(account)


def test_only_out_the_nightly_comparison_finds_nothing_to_read_again(world, account):
    turn(world, account, "out")
    at = world.clock.now + HOUR * 50
    world.robin.add("In ours", at, at + HOUR, world.destination(account))
    world.later(days=1)
    world.run(account)
    whole_at = Account.get_by_id(account.id).destination.whole_at
    for _ in range(2):
        world.later(days=1)
        world.run(account)
    row = Account.get_by_id(account.id).destination
    assert row.compared_at > whole_at == row.whole_at


def test_back_and_forth_in_one_go_ends_as_it_began(world, account):
    for direction in ("out", "in", "out", "both"):
        controls.change(Account.get_by_id(account.id), world.user, direction=direction)
    world.run(account)
    world.assert_in_step(account)
    assert "Dentist" in world.mirrored(account)


def test_only_in_survives_that_the_empty_calendar_is_deleted_outside(world, account):
    turn(world, account, "in")
    world.robin.delete_calendar(world.destination(account))
    for _ in range(4):
        world.later(minutes=40)
        world.run(account)
    assert Account.get_by_id(account.id).health == "ok"
    world.robin.add("Course", world.clock.now + HOUR * 30, world.clock.now + HOUR * 31)
    world.poll(account)
    assert "Course" in world.mirrored(account)
    turn(world, account, "both")
    world.assert_in_step(account)


def test_begun_as_only_in_it_makes_no_calendar(world):
    world.book(days=2)
    account = world.connect()
    starting.start(account, account.user, "Kalends", "Europe/London", direction="in")
    world.run(account)
    assert world.calendars_of_ours(account) == []
    turn(world, account, "both")
    world.assert_in_step(account)


def test_a_calendar_that_is_no_longer_chosen_leaves_at_once_and_comes_back_once(world, linden):
    other = Practitioner.create(
        clinic=linden.clinic, user=linden.pat, venue=linden.abroad.venue, hours=linden.abroad.hours
    )
    here = [world.book(days=day) for day in (1, 2, 3)]
    there = [world.book(days=day, hour=16, calendar=other) for day in range(1, 9)]
    account = world.start()
    assert world.standing(account).keys() == {str(row.uuid) for row in here + there}
    for covers, expected in (
        ([linden.calendar.id], here),
        ([other.id], there),
        (None, here + there),
    ):
        controls.change(Account.get_by_id(account.id), world.user, covers=covers)
        world.run(account)
        standing = world.standing(account)
        assert {uid: len(events) for uid, events in standing.items()} == {
            str(row.uuid): 1 for row in expected
        }
        world.assert_nothing_more(account)


def test_hidden_for_one_account_says_busy_there_and_in_place(world, account):
    before = {uid: events[0]["id"] for uid, events in world.standing(account).items()}
    controls.change(Account.get_by_id(account.id), world.user, hide_sensitive=True)
    world.run(account)
    after = world.standing(account)
    assert {world.title_of(event) for events in after.values() for event in events} == {"Busy"}
    assert before == {uid: events[0]["id"] for uid, events in after.items()}
    assert RemoteCalendar.select().where(RemoteCalendar.was_source).count() == 0
