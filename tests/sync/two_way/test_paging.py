"""Long readings in slices: each page is read once, the reading ends however slow it is, and pages
kept meanwhile are encrypted and then deleted.
"""

import itertools
from datetime import timedelta
from urllib.parse import unquote

import pytest
from sync_world import WORLDS

from sync.tables import controls, pace, sources
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.pace import ReadPage
from sync.two_way.run import run

PAGES = 9


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    """With a calendar of many pages to read, not yet read."""
    account = world.start()
    for number in range(2 * PAGES - 1):
        at = world.clock.now + timedelta(days=2, hours=2 * number)
        world.robin.add(f"Secret {number:02}", at, at + timedelta(hours=1))
    world.sandbox.page_cap = 2
    row = RemoteCalendar.get(
        RemoteCalendar.account == account, RemoteCalendar.calendar_id == world.source()
    )
    sources.turn_on(row, world.user)
    world.sandbox.requests.clear()
    return account


def lists(world):
    return sum(record.method == "GET" and not record.in_batch for record in world.sandbox.requests)


def test_a_long_read_in_slices_reads_each_page_once_and_ends(world, account):
    slices = 0
    while run(account.id, 1e-9):
        slices += 1
        assert slices < 60
    assert slices >= PAGES - 1 and len(world.mirrored(account)) == 2 * PAGES - 1
    in_slices = lists(world)
    world.sandbox.requests.clear()
    RemoteCalendar.update(sync_token=None, due_at=None).where(
        RemoteCalendar.role == "source"
    ).execute()
    world.run(account)
    assert in_slices <= lists(world) + 2  # the list of a first read, and our own calendar's look
    assert not ReadPage.select().exists()


def test_a_long_reading_ends_in_spite_of_repeated_requests(world, account):
    slices = 0
    while slices < 60 and run(account.id, 1e-9):
        controls.ask_for_run(Account.get_by_id(account.id), "check")
        slices += 1
    assert slices < 60 and len(world.mirrored(account)) == 2 * PAGES - 1


def test_what_is_kept_is_sealed(world, account):
    for _ in range(4):
        run(account.id, 1e-9)
    rows = list(ReadPage.select())
    assert rows and not any("Secret" in str(row.__data__) for row in rows)


def test_what_changes_outside_on_a_page_that_was_read_is_not_lost(world, account):
    for _ in range(6):
        run(account.id, 1e-9)
    assert ReadPage.select().exists()
    for number in range(3):
        at = world.clock.now + timedelta(days=2, hours=2 * number + 1)
        world.robin.add(f"New {number}", at, at + timedelta(minutes=30))
    while run(account.id, 1e-9):
        pass
    world.poll(account)
    assert {f"New {number}" for number in range(3)} <= set(world.mirrored(account))


def test_trouble_on_the_way_keeps_the_place(world, account):
    for _ in range(4):
        run(account.id, 1e-9)
    kept = ReadPage.select().count()
    world.sandbox.faults.fail(503, method="GET", times=3)
    world.run(account)
    assert ReadPage.select().count() >= kept > 0
    world.sandbox.faults.clear()
    world.later(minutes=20)
    world.run(account)
    assert len(world.mirrored(account)) == 2 * PAGES - 1 and not ReadPage.select().exists()


@pytest.mark.parametrize("status", [400, 410])
def test_a_final_refusal_of_a_page_restarts_the_reading(world, account, status):
    for _ in range(4):
        run(account.id, 1e-9)
    assert ReadPage.select().exists()
    world.sandbox.faults.fail(status, method="GET", path="/events|/calendarView", times=1)
    world.run(account)
    world.sandbox.faults.clear()
    world.later(minutes=20)
    world.run(account, times=2)
    assert len(world.mirrored(account)) == 2 * PAGES - 1 and not ReadPage.select().exists()


def until_read(world, account, most):
    """Run the account whenever it is due: the hours that passed until all was read."""
    begun = world.clock.now
    for _ in range(most):
        run(account.id)
        row = Account.get_by_id(account.id)
        if len(world.mirrored(account)) == 2 * PAGES - 1:
            return (world.clock.now - begun).total_seconds() / 3600
        assert row.failures < 6  # waits do not grow while pages come
        pace.clean_up(row.wait_until)
        world.clock.now = row.wait_until + timedelta(seconds=1)
    raise AssertionError("it never ended")


def test_a_long_read_gets_through_a_small_quota(world, account):
    """The provider does not say how long to wait. It says no again as soon as three pages are
    read, and for a minute.
    """
    seen = []

    def refuse(moment, request):
        if moment == "before" and request.method == "GET":
            seen[:] = [at for at in seen if at > world.clock.now - timedelta(minutes=1)]
            if len(seen) >= 3:
                world.sandbox.faults.fail(429, reason=world.refusal(429), method="GET")
            else:
                seen.append(world.clock.now)

    world.watch(refuse)
    assert until_read(world, account, 60) < 1 / 3
    assert not ReadPage.select().exists()


def test_a_long_read_goes_on_after_each_wait_that_the_provider_names(world, account):
    numbers = itertools.count(1)

    def refuse(moment, request):
        if moment == "before" and request.method == "GET" and next(numbers) % 7 == 0:
            world.sandbox.faults.fail(
                429, reason=world.refusal(429), method="GET", retry_after_seconds=3 * 3600
            )

    world.watch(refuse)
    assert until_read(world, account, 20) > 2
    assert not ReadPage.select().exists()


def test_trouble_at_the_same_page_is_waited_for_longer_each_time(world, account):
    refusal = {"reason": world.refusal(429), "method": "GET", "times": None}
    world.sandbox.faults.fail(429, skip=4, **refusal)
    for number in range(1, 4):
        run(account.id)
        assert Account.get_by_id(account.id).failures == number
        world.clock.now = Account.get_by_id(account.id).wait_until
        world.sandbox.faults.clear()
        world.sandbox.faults.fail(429, **refusal)


def test_pages_that_are_too_old_are_not_used(world, account):
    for _ in range(4):
        run(account.id, 1e-9)
    assert ReadPage.select().exists()
    for event in world.robin.events(world.source()):
        world.robin.delete(event["id"], world.source())
    world.later(hours=2)
    pace.clean_up(world.clock.now)
    assert not ReadPage.select().exists()
    world.run(account)
    assert world.mirrored(account) == []


def reword(world, title):
    """What stands on a page that was read is another by now, and no history tells it."""
    calendar = world.robin.calendar(world.source())
    event = next(event for event in calendar["events"].values() if world.title_of(event) == title)
    event["subject" if world.kind == "microsoft" else "summary"] = "Silently"
    return event


@pytest.mark.parametrize("checks", [False, True])
def test_a_resync_uses_no_page_that_was_read_before_it(world, account, checks):
    for _ in range(6):
        run(account.id, 1e-9)
    assert ReadPage.select().exists()
    reword(world, "Secret 00")
    controls.ask_for_run(Account.get_by_id(account.id), "resync")
    presses = 0
    while run(account.id, 1e-9):
        if checks and presses < PAGES:  # who presses without end keeps the calendar due without end
            controls.ask_for_run(Account.get_by_id(account.id), "check")
            presses += 1
    assert "Silently" in world.mirrored(account) and len(world.mirrored(account)) == 2 * PAGES - 1
    assert not ReadPage.select().exists()


def test_a_resync_that_is_pressed_during_a_read_reads_all_of_it_again(world, account):
    lists, pressed = itertools.count(), []
    until = 3 if world.kind == "google" else PAGES + 3  # Outlook reads its sync token first

    def look(moment, request):
        is_list = request.method == "GET" and world.source() in unquote(request.url.path)
        if moment == "after" and is_list and next(lists) == until:
            pressed.append(reword(world, "Secret 00"))
            controls.ask_for_run(Account.get_by_id(account.id), "resync")

    world.watch(look)
    world.run(account)
    assert pressed and "Silently" in world.mirrored(account)
    assert len(world.mirrored(account)) == 2 * PAGES - 1
