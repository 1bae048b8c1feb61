"""How fast a CalDAV server is asked, by counts of requests on a clock of its own: one second of it
passes only where somebody waits.
"""

import threading
from datetime import timedelta

import pytest
from caldav_sync_world import CalDavSyncWorld, Watched

from sync.providers.caldav.spacing import TURNS, AccountTurns
from sync.tables import starting
from sync.tables.accounts import Account
from sync.tables.pace import Pace


class Waiting:
    """A clock that goes on only by waiting."""

    def __init__(self):
        self.now, self.lock = 1000.0, threading.Lock()

    def sleep(self, seconds):
        with self.lock:
            self.now += seconds if seconds > 0 else 0


class Counted(Watched):
    """Counts how many requests are on their way at once."""

    lock, at_once, most = threading.Lock(), 0, 0

    def handle_request(self, request):
        with self.lock:
            Counted.at_once += 1
            Counted.most = max(Counted.most, Counted.at_once)
        try:
            return super().handle_request(request)
        finally:
            with self.lock:
                Counted.at_once -= 1


class Hosted(CalDavSyncWorld):
    """A server of which nobody said that it is the clinic's own."""

    kind = "caldav"

    def transport(self, kind):
        return Counted(self.sandbox, self.look, self.lies)


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def time(monkeypatch):
    """The clock of the turns."""
    waiting = Waiting()
    monkeypatch.setattr(TURNS, "_clock", lambda: waiting.now)
    monkeypatch.setattr(TURNS, "_sleep", waiting.sleep)
    monkeypatch.setattr(TURNS, "_next_at", type(TURNS._next_at)())
    monkeypatch.setattr(Counted, "most", 0)
    return waiting


def begins(world):
    """When the next request of the account could begin, in seconds after the first."""
    (at,) = TURNS._next_at.values()
    return at - 1000.0


@on_sqlite
def test_a_hosted_server_is_asked_twice_a_second_and_half_as_often_after_each_refusal(
    linden, clock, time
):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world = Hosted(linden, clock)
    for day in range(1, 25):
        world.book(days=day)
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    world.run(account)
    asked, seconds = world.sandbox.requests.total, 0.5
    assert asked > 24 and begins(world) == asked * seconds
    assert Counted.most <= 2
    for halvings, status in enumerate((429, 503, 429, 503, 429), 1):
        world.sandbox.faults.fail(status, times=1)
        world.later(seconds=400)
        world.run(account)  # refused at once
        clock.now = Account.get_by_id(account.id).wait_until
        seconds, before, at = min(0.5 * 2**halvings, 8), world.sandbox.requests.total, begins(world)
        Counted.most = 0
        world.book(days=30 + halvings)
        world.run(account)
        asked = world.sandbox.requests.total - before
        assert asked >= 2 and begins(world) - at == asked * seconds
        assert (Counted.most, Pace.halvings_of(account, clock.now)) == (1, min(halvings, 4))
    world.assert_in_step(account)
    for days, left in ((1, 3), (2, 2), (3, 1), (4, 0), (9, 0)):
        assert Pace.halvings_of(account, clock.now + timedelta(days=days)) == left


@on_sqlite
def test_a_server_of_the_clinics_own_has_four_connections_and_no_pace(linden, clock, time):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world = CalDavSyncWorld(linden, clock)
    world.book()
    world.start()
    assert not TURNS._next_at and time.now == 1000.0


def test_each_account_has_turns_of_its_own_and_what_is_kept_is_bounded():
    waiting = Waiting()
    turns = AccountTurns(lambda: waiting.now, waiting.sleep)
    for number in range(10_100):
        turns.wait((f"https://{number}.test", "robin"), 0.5)
    assert waiting.now == 1000.0 and len(turns._next_at) == 10_000
    turns.wait(("https://10099.test", "robin"), 0.5)
    assert waiting.now == 1000.5
