"""An item because of which a provider refuses its whole batch: the others get through, and this one
is reported and tried later, with both providers.
"""

import re
from datetime import timedelta

import httpx
import pytest
from sync_world import WORLDS

from models import Booking
from sync.tables import ending, starting
from sync.tables.accounts import Account
from sync.tables.mappings import MappingRow

# What is said to providers is the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


class Poison:
    """Batches that hold one of these words are refused as a whole; what was sent is counted."""

    def __init__(self, world, monkeypatch, status, method="POST"):
        self.words, self.status, self.method = [], status, method
        self.batches = self.refused = 0
        good = httpx.WSGITransport.handle_request

        def told(transport, request):
            if not re.search(world.batch, request.url.path.removeprefix("/v1.0")):
                return good(transport, request)
            self.batches += 1
            body = request.read().decode()
            if any(word in body for word in self.words) and self.method in body:
                self.refused += 1
                return httpx.Response(self.status, json={"error": {"code": "invalid"}})
            return good(transport, request)

        monkeypatch.setattr(httpx.WSGITransport, "handle_request", told)


def word_of(booking):
    """What stands of a booking in a batch that creates it, at either provider."""
    return str(booking.uuid)


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("poisoned", [1, 3])
def test_one_poisoned_booking_keeps_no_other_back(world, monkeypatch, status, poisoned):
    rows = [world.book(days=1 + number) for number in range(18)]
    poison = Poison(world, monkeypatch, status)
    poison.words = [word_of(row) for row in rows[4 : 4 + poisoned]]
    account = world.start()
    assert poison.batches <= 4 * 5 + 3  # of 18 in one batch
    good = {str(row.uuid) for row in rows} - set(poison.words)
    assert world.standing(account).keys() == good
    account = Account.get_by_id(account.id)
    assert (account.health, account.failures) == ("ok", 0)
    named = MappingRow.select(MappingRow.uid).where(
        MappingRow.account == account, MappingRow.problem != ""
    )
    assert {uid for (uid,) in named.tuples()} == set(poison.words)

    rows[0].set_status("pending", world.user)  # the day goes on
    extra = world.book(days=20)
    world.poll(account)
    assert str(extra.uuid) in world.standing(account)

    poison.words = []
    for hours in (1, 3, 7):
        world.later(hours=hours)
        world.run(account)
    world.assert_in_step(account)


def test_a_poisoned_deletion_keeps_no_other_from_going(world, monkeypatch):
    rows = [world.book(days=1 + number) for number in range(8)]
    account = world.start()
    poisoned = world.event_of(account, rows[3])["id"]
    poison = Poison(world, monkeypatch, 400, "DELETE")
    poison.words = [poisoned]
    for row in rows[1:6]:
        row.cancel(world.user)
    world.poll(account)
    assert world.standing(account).keys() == {str(rows[number].uuid) for number in (0, 3, 6, 7)}
    assert Account.get_by_id(account.id).health == "ok"


def test_a_departure_takes_the_others_away_though_one_is_poisoned(world, monkeypatch):
    world.linden.clinic.change(world.linden.olive, sync_existing=True)
    rows = [world.book(days=1 + number % 27, hour=8 + number // 27) for number in range(60)]
    account = world.connect()
    there = world.robin.add_calendar("Practice")
    starting.start(account, world.user, "Practice", "Europe/London", there)
    world.run(account)
    first = min(world.standing(account).values(), key=lambda events: events[0]["id"])[0]
    poison = Poison(world, monkeypatch, 400, "DELETE")
    poison.words = [first["id"]]
    ending.begin_departure(Account.get_by_id(account.id), world.user, "disconnect")
    world.run(account)
    assert len(rows) == 60
    assert list(world.standing(account).values()) == [[first]]
    poison.words = []
    for minutes in (1, 5, 30):
        world.later(minutes=minutes)
        world.run()
    assert world.standing(account) == {} and not Account.select().exists()


def test_batches_that_are_refused_whatever_they_hold_blame_no_booking(world, monkeypatch):
    for day in range(1, 19):
        world.book(days=day)
    poison = Poison(world, monkeypatch, 400)
    poison.words = [""]
    account = world.start()
    assert poison.batches <= 4 * 5 + 3
    assert Account.get_by_id(account.id).health == "waiting"
    assert not MappingRow.select().where(MappingRow.problem != "").exists()
    poison.words = []
    world.poll(account)
    world.assert_in_step(account)


@pytest.mark.parametrize("status", [429, 500, 503, 504, 404, 403])
def test_trouble_that_is_not_about_content_splits_nothing(world, monkeypatch, status):
    for day in range(1, 9):
        world.book(days=day)
    poison = Poison(world, monkeypatch, status)
    poison.words = [""]
    account = world.start()
    assert poison.batches == 1 and Booking.select().count() == 8
    assert not MappingRow.select().where(MappingRow.problem != "").exists()
    assert world.standing(account) == {}


@pytest.mark.parametrize("status", [412, 500, 503])
@pytest.mark.parametrize("broken", [1, 3])
def test_an_event_that_a_provider_fails_over_keeps_nothing_back(world, status, broken):
    """Neither other bookings nor the times that others put into the person's calendars."""
    rows = [world.book(days=1 + number) for number in range(6)]
    account = world.start(sources=[world.source()])
    reason = world.refusal(status) or {"google": "backendError", "microsoft": "UnknownError"}.get(
        world.kind
    )
    for row in rows[:broken]:
        there = re.escape(world.event_of(account, row)["id"])
        world.sandbox.faults.fail(status, reason, path=there, times=None)
    rows[0].set_status("pending", world.user)
    rows[1].cancel(world.user)
    rows[2].set_status("pending", world.user)
    for number in range(5):
        new = world.book(days=10 + number)
        at = world.clock.now + timedelta(days=20 + number)
        world.robin.add(f"Busy {number}", at, at + timedelta(hours=1), world.source())
        for _ in range(3):
            world.later(minutes=20)
            world.run(account)
        if number:  # what met the fault first may have been the whole provider's
            assert str(new.uuid) in world.standing(account)
            assert f"Busy {number}" in world.mirrored(account)
    assert all(len(events) == 1 for events in world.standing(account).values())
    assert Account.get_by_id(account.id).health == "ok"
    told = MappingRow.select().where(MappingRow.account == account, MappingRow.problem != "")
    assert told.count() == broken or status == 412  # which asks for another look each time
    world.sandbox.faults.clear()
    for hours in (1, 1, 7, 7):
        world.later(hours=hours)
        world.run(account)
    world.assert_in_step(account)


def test_a_fault_of_the_whole_provider_blames_no_booking(world):
    rows = [world.book(days=1 + number) for number in range(3)]
    account = world.start()
    for row in rows:
        row.set_status("pending", world.user)
    world.sandbox.faults.fail(503, "backendError", path=world.batch, times=2)
    world.poll(account)
    assert Account.get_by_id(account.id).health == "waiting"
    assert not MappingRow.select().where(MappingRow.problem != "").exists()
    for minutes in (1, 15):
        world.later(minutes=minutes)
        world.run(account)
    world.assert_in_step(account)


def test_a_departure_that_is_refused_as_a_whole_does_not_try_each_batch(world, monkeypatch):
    world.linden.clinic.change(world.linden.olive, sync_existing=True)
    for number in range(60):
        world.book(days=1 + number % 27, hour=8 + number // 27)
    account = world.connect()
    there = world.robin.add_calendar("Practice")
    starting.start(account, world.user, "Practice", "Europe/London", there)
    world.run(account)
    poison = Poison(world, monkeypatch, 403, "DELETE")
    poison.words = [""]
    ending.begin_departure(Account.get_by_id(account.id), world.user, "disconnect")
    world.run(account)
    assert poison.refused == 1
    assert len(world.standing(account)) == 60
