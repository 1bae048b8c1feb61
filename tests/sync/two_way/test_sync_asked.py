"""A request for a reading during another one is kept: messages, presses, rules, choices, decisions,
at every step of a reading.
"""

from datetime import timedelta
from urllib.parse import unquote

import pytest
from sync_world import WORLDS

from base.tables.outside import ExternalEvent
from models import User
from sync.providers import registry
from sync.tables import controls, sources
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice
from sync.two_way import run
from sync.two_way.reading import channel_upkeep
from sync.two_way.standing import decisions


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    world.book(days=1)
    return world.start(sources=[world.source()])


def source(account) -> RemoteCalendar:
    return RemoteCalendar.get(RemoteCalendar.account == account, RemoteCalendar.role == "source")


def deliver(world) -> None:
    """The provider's messages arrive."""
    for address, headers, body in world.messages:
        for call in registry.row_of(world.kind).webhook.calls(headers, body):
            channel_upkeep.called(world.kind, address.rsplit("/", 1)[1], call)
    world.messages.clear()


def at_step(world, account, number, act) -> bool:
    """Act at one moment of the next regular look, before or after one of its requests.

    False: it has fewer.
    """
    moments, busy = [], []

    def look(moment, request):
        if busy:
            return
        moments.append(moment)
        if len(moments) == number + 1:
            busy.append(True)
            act()
            busy.clear()

    world.later(seconds=400)
    world.watch(look)
    world.run(account)
    world.watch(lambda moment, request: None)
    return len(moments) > number


def test_a_push_at_any_step_of_a_read_is_followed_at_once(world, account):
    world.poll(account)
    deliver(world)
    world.run(account)
    reached = 0
    for number in range(40):

        def add(number=number):
            at = world.clock.now + timedelta(days=2 + number)
            world.robin.add(f"Event {number}", at, at + timedelta(hours=1))
            deliver(world)

        if not at_step(world, account, number, add):
            break
        reached += 1
        assert f"Event {number}" in world.mirrored(account), number
        assert Account.get().due_at is None and source(account).due_at > world.clock.now
    assert reached >= 4


def test_a_push_during_a_read_that_fails_is_followed_at_once(world, account):
    world.poll(account)  # hears its own echo
    row, done = source(account), []
    world.sandbox.faults.fail(503, path=world.reading(row.calendar_id), times=1)

    def look(moment, request):
        if moment == "after" and row.calendar_id in unquote(str(request.url)) and not done:
            done.append(True)
            world.robin.add(
                "Late",
                world.clock.now + timedelta(days=2),
                world.clock.now + timedelta(days=2, hours=1),
            )
            deliver(world)

    world.later(seconds=400)
    world.watch(look)
    world.run(account)
    assert world.mirrored(account) == ["Late"]


@pytest.mark.parametrize("ask", ["check", "resync"])
def test_what_a_person_asks_for_during_a_read_is_done_after_it(world, account, ask):
    def act():
        at = world.clock.now + timedelta(days=2)
        world.robin.add("Late", at, at + timedelta(hours=1))
        controls.ask_for_run(Account.get(), ask, world.user)

    for number in range(12):
        ExternalEvent.delete().execute()
        if not at_step(world, account, number, act):
            break
        assert "Late" in world.mirrored(account), number
    assert number >= 4


def test_a_choice_of_other_calendars_during_a_read_counts_at_once(world, account):
    """What was read of the account before the choice must not be what stands outside later."""
    User.update(role="manager").where(User.id == world.user.id).execute()
    theirs = world.book(days=7, calendar=world.linden.colleague_calendar)
    world.linden.quinn.change_sync(sync_allowed=True, identifier="internal_id")
    for number in range(6):
        controls.change(Account.get(), world.user, covers=None)
        world.run(account)
        wide = [world.linden.calendar.id, world.linden.colleague_calendar.id]
        if not at_step(
            world,
            account,
            number,
            lambda covers=wide: controls.change(Account.get(), world.user, covers=covers),
        ):
            break
        assert str(theirs.uuid) in world.standing(account), number
    assert number >= 2


def test_a_decision_during_a_read_keeps_its_date(world, account):
    """To be asked again tomorrow is not undone by a read that was under way."""
    notice = Notice.give(
        account, "source_empty", f"empty {source(account).id}", calendar=source(account)
    )
    assert at_step(world, account, 3, lambda: notice.settled_at or decisions.keep_source(notice))
    assert source(account).due_at == world.clock.now + timedelta(days=1)


def test_a_calendar_that_is_stopped_and_read_again_during_a_read_is_read_whole(world, account):
    world.robin.add(
        "Dentist", world.clock.now + timedelta(days=2), world.clock.now + timedelta(days=2, hours=1)
    )

    def again():
        row = source(account)
        sources.turn_off(row, world.user)
        sources.turn_on(RemoteCalendar.get_by_id(row.id), world.user)

    assert at_step(world, account, 3, again)
    assert world.mirrored(account) == ["Dentist"]


def test_what_is_asked_between_finding_an_account_and_reading_it_counts(world, account):
    far = world.book(days=500)
    world.later(seconds=400)
    found = Account.due(world.clock.now).where(Account.id == account.id).get()
    controls.change(Account.get_by_id(account.id), world.user, future_days=600)
    holder = Account.acquire_lease(account.id)
    run._Round(found, holder, None).work()
    Account.let_go(account.id, holder)
    assert str(far.uuid) in world.standing(account)
