"""A question to a person stays until it is answered or over, and the answer is carried out, however
the reading that raised it came about.
"""

import pytest
from sync_world import WORLDS

from models import Booking
from sync.tables.notices import Notice
from sync.two_way.standing import decisions


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 9):
        world.book(days=day)
    account = world.start(sources=[world.source()])
    return world.poll(account)


def question(account) -> Notice | None:
    return Notice.open_of(account).where(Notice.topic == Notice.SAFETY_STOP).first()


def vanish(world, account):
    """All events of ours are gone, and no history tells it."""
    world.robin.calendar(world.destination(account))["events"].clear()


def multiply(world, account):
    """Each event of ours stands there twice, and no history tells it."""
    events = world.robin.calendar(world.destination(account))["events"]
    for booking in Booking.select():
        world.copy(world.event_of_home(account, booking), world.destination(account))
    for event in events.values():  # no newer than what was told
        event["revision" if "revision" in event else "_revision"] = 0


LOST = {"empty": vanish, "deletes": multiply}


@pytest.fixture(params=LOST)
def asked(request, world, account):
    """A question that only the comparison of the night raised."""
    LOST[request.param](world, account)
    world.later(days=1)
    world.run(account)
    assert question(account).kind == request.param
    return question(account)


def test_a_question_of_the_night_stays_open_by_day(world, account, asked):
    for _ in range(3):
        world.poll(account)
        assert question(account) == asked


def test_the_answer_to_a_question_of_the_night_is_carried_out(world, account, asked):
    world.poll(account)
    decisions.approve(question(account))
    world.run(account)
    assert question(account) is None
    world.assert_in_step(account)


def test_a_question_of_the_night_costs_no_whole_reading_at_each_look(world, account, asked):
    world.poll(account)
    before = len(world.sandbox.requests)
    world.poll(account)
    assert len(world.sandbox.requests) - before <= 4


def test_a_question_is_over_once_the_next_night_finds_all_in_order(world, account):
    there = world.robin.calendar(world.destination(account))["events"]
    kept = dict(there)
    there.clear()
    world.later(days=1)
    world.run(account)
    there |= kept
    world.poll(account)
    assert question(account)
    world.later(days=1)
    world.run(account)
    assert question(account) is None
    world.assert_in_step(account)


def test_an_answer_during_a_look_is_not_forgotten(world, account, asked):
    """The look under way was planned without it."""
    answers = [question(account)]

    def press(moment, request):
        if answers and moment == "after":
            decisions.approve(answers.pop())

    world.watch(press)
    world.poll(account)
    world.poll(account)
    assert not answers and question(account) is None
    world.assert_in_step(account)
