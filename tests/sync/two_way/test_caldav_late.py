"""A server that lists a calendar only some seconds after it was made, as Infomaniak's."""

from datetime import timedelta

import httpx
import pytest
from caldav_sync_world import ROW, CalDavSyncWorld

from sync.tables import controls, starting
from sync.tables.accounts import Account

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LATE_SECONDS = 20


class Late(httpx.WSGITransport):
    """The imitation; what was made is not there for a while. `made`: when each calendar was."""

    def __init__(self, sandbox, clock):
        super().__init__(app=sandbox)
        self.clock, self.made = clock, {}

    def handle_request(self, request):
        path = request.url.path
        if any(path.startswith(one) for one in self.hidden()):
            return httpx.Response(404, stream=httpx.ByteStream(b""))
        answer = super().handle_request(request)
        if request.method == "MKCALENDAR":
            self.made[path] = self.clock.now
        body = ROW.sub(self.seen, answer.read())
        kept = [pair for pair in answer.headers.multi_items() if pair[0] != "content-length"]
        return httpx.Response(answer.status_code, headers=kept, stream=httpx.ByteStream(body))

    def hidden(self):
        ends = self.clock.now - timedelta(seconds=LATE_SECONDS)
        return [path for path, at in self.made.items() if at > ends]

    def seen(self, row):
        return b"" if any(one.encode() in row[0] for one in self.hidden()) else row[0]


class LateWorld(CalDavSyncWorld):
    def transport(self, kind):
        self.late = getattr(self, "late", None) or Late(self.sandbox, self.clock)
        return self.late


class Slow(httpx.WSGITransport):
    """The imitation; the answer to the first creation is lost, and it is carried out later."""

    def __init__(self, sandbox, clock):
        super().__init__(app=sandbox)
        self.clock, self.waiting, self.made = clock, None, []

    def handle_request(self, request):
        if self.waiting and self.clock.now >= self.waiting[0] + timedelta(seconds=LATE_SECONDS):
            asked, self.waiting = self.waiting[1], None
            assert super().handle_request(asked).status_code == 201
        if request.method == "MKCALENDAR":
            self.made.append(request.url.path)
            if len(self.made) == 1:
                request.read()
                self.waiting = self.clock.now, request
                raise httpx.ReadTimeout("late", request=request)
        return super().handle_request(request)


class SlowWorld(CalDavSyncWorld):
    def transport(self, kind):
        self.slow = getattr(self, "slow", None) or Slow(self.sandbox, self.clock)
        return self.slow


@pytest.mark.parametrize("seconds", [1, 10, 19, 50])
def test_a_creation_that_is_carried_out_later_is_not_asked_for_again(linden, clock, seconds):
    """Somebody presses “Check now” meanwhile."""
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world = SlowWorld(linden, clock)
    world.book(days=2)
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    world.run(account)
    for _ in range(5):
        clock.now += timedelta(seconds=seconds)
        controls.ask_for_run(account, "check", world.user)
        world.run(account)
    for _ in range(3):
        clock.now += timedelta(minutes=10)
        world.run(account)
    account = Account.get_by_id(account.id)
    assert (account.health, len(world.slow.made)) == ("ok", 1)
    assert world.robin.count(account.destination.calendar_id) == 1
    assert account.destination.asked_for_at is None


class Refusing(httpx.WSGITransport):
    """The imitation; it refuses the first `times` creations of a calendar."""

    def __init__(self, sandbox, times):
        super().__init__(app=sandbox)
        self.times, self.asked = times, 0

    def handle_request(self, request):
        if request.method == "MKCALENDAR":
            self.asked += 1
            if self.asked <= self.times:
                return httpx.Response(403, stream=httpx.ByteStream(b""))
        return super().handle_request(request)


class RefusingWorld(CalDavSyncWorld):
    times = 1

    def transport(self, kind):
        self.refusing = getattr(self, "refusing", None) or Refusing(self.sandbox, self.times)
        return self.refusing


@pytest.mark.parametrize(("times", "phase", "asked"), [(1, "active", 2), (99, "naming", 3)])
def test_that_a_server_makes_no_calendars_is_believed_the_third_time(
    linden, clock, times, phase, asked
):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    RefusingWorld.times = times
    world = RefusingWorld(linden, clock)
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    for _ in range(5):
        world.run(account)
        clock.now += timedelta(minutes=1)
    assert (Account.get_by_id(account.id).phase, world.refusing.asked) == (phase, asked)


@pytest.mark.parametrize("every_seconds", [1, 4, 9, 60])
def test_a_calendar_that_appears_late_is_made_once(linden, clock, every_seconds):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world = LateWorld(linden, clock)
    world.book(days=2)
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    for _ in range(240 // every_seconds + 3):
        world.run(account)
        clock.now += timedelta(seconds=every_seconds)
    for _ in range(3):
        clock.now += timedelta(minutes=10)
        world.run(account)
    account = Account.get_by_id(account.id)
    assert (account.health, len(world.late.made)) == ("ok", 1)
    assert world.robin.count(account.destination.calendar_id) == 1
