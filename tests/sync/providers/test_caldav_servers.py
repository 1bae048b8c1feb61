"""The CalDAV adapter against real servers that others wrote."""

import json
import logging
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from caldav_installed import AS_ROOT, EVERY, WANTED, Installed, installed
from caldav_servers import SECRET, SERVERS, USER, Server
from caldav_starters import PACKAGES
from provider_worlds import INSTALLATION, NOW, WINDOW, event, mark, whole_days
from provider_worlds import SECRET as OUR_SECRET

from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from sync.providers.base import Create, Delete, Update
from sync.providers.caldav import discovery, known_servers
from sync.providers.caldav.adapter import CalDav
from sync.providers.caldav.composing import new_name
from sync.providers.caldav.login import Login
from sync.providers.errors import (
    AuthExpired,
    Exists,
    Gone,
    PreconditionFailed,
    ProviderError,
    SyncTokenExpired,
    Unavailable,
)
from tests.conftest import lacking

REFERENCE = "kalends:0123456789ab:fedcba987654"
SOON = NOW + timedelta(days=4)
CONTROLS = "\x07"
HABITS = {  # what a server does otherwise than others: see `World.does`
    "sabre": {"takes a UID twice", "has no sync"},
    "davical": {"takes a UID twice", "answers to dead tokens"},
    "sogo": {"ignores conditions", "answers to dead tokens", "counts in seconds"},
}


class World:
    """One account with a calendar of ours and one of its owner's."""

    def __init__(self, server):
        self.server = server
        self.http = exchange.http_client(transport=server.transport())
        self.login = self.discovered(SECRET)
        self.provider, self.calendars = self.opened(self.login), []
        self.ours = self.made("Linden bookings", f"Bookings ({REFERENCE})")
        self.source = self.made("Robin", "")
        server.requests.clear()

    def discovered(self, secret, typed=""):
        wanted = Login("", USER, secret, is_hosted=False)
        other = known_servers.SERVICES["other"]
        return discovery.discover(
            self.http, wanted, known_servers.beginnings(other, typed or self.server.address)
        )

    def opened(self, login, clock=lambda: NOW):
        return CalDav(self.http, lambda stale: login.written(), clock=clock)

    def made(self, name, description):
        made = self.provider.create_calendar(name, "Europe/London", description).calendar_id
        self.calendars.append(made)
        return made

    def create(self, number=0, **fields):
        own = mark(f"booking{number}")
        starts_at = NOW + timedelta(days=10, minutes=15 * number)
        told = {"title": f"Booking {number}", "starts_at": starts_at, **fields}
        return Create(new_name(own, OUR_SECRET), event(**told), own)

    def write(self, *operations, calendar=None):
        return list(self.provider.write(calendar or self.ours, operations))

    def does(self, habit):
        return habit in HABITS.get(self.server.name, ())

    def requests(self):
        return len(self.server.requests)

    def forget_requests(self):
        self.server.requests.clear()

    def put(self, name, body, calendar=None):
        """Somebody outside writes an event."""
        event_text = f"BEGIN:VEVENT\n{body}\nEND:VEVENT"
        text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{event_text}\nEND:VCALENDAR\n"
        answer = self.http.put(
            f"{self.server.origin}{calendar or self.source}{name}",
            content=text.replace("\n", "\r\n").encode(),
            headers={"Content-Type": "text/calendar"},
            auth=httpx.BasicAuth(USER, SECRET),
        )
        assert answer.status_code < 300, answer.text

    def remove(self, name, calendar=None):
        answer = self.http.delete(
            f"{self.server.origin}{calendar or self.source}{name}",
            auth=httpx.BasicAuth(USER, SECRET),
        )
        assert answer.status_code < 300


@pytest.mark.parametrize("name", WANTED)
def test_a_server_that_others_wrote_is_installed(name):
    if name not in installed():
        as_root = ", and run the tests as root" if name in AS_ROOT else ""
        lacking(name, f"apt-get install {PACKAGES[name]}{as_root}")


@pytest.fixture(scope="module", params=[*SERVERS, *(installed() if EVERY else ())])
def server(request):
    logging.disable(logging.CRITICAL)  # the servers tell each refusal
    made = Server(request.param) if request.param in SERVERS else Installed(request.param)
    allowed = exchange.set_up_as()
    exchange.set_up(read_allowed("http://127.0.0.1 dav.test"))
    yield made
    exchange.set_up(allowed)
    made.close()
    logging.disable(logging.NOTSET)


@pytest.fixture
def world(server):
    server.faults.clear()
    made = World(server)
    yield made
    server.faults.clear()
    for calendar_id in made.calendars:
        made.provider.delete_calendar(calendar_id)


def outcomes(results):
    return [type(result.error).__name__ if result.error else "done" for result in results]


class TestConnecting:
    def test_few_requests_find_the_account_and_a_wrong_password_is_tried_once(self, world):
        assert world.login.homes and world.login.email == "robin@dav.test"
        world.discovered(SECRET)
        assert world.requests() <= 4
        world.forget_requests()
        with pytest.raises(AuthExpired):
            world.discovered("wrong")
        assert world.requests() <= 2
        assert SECRET not in repr(world.login)

    def test_the_address_of_one_calendar_is_enough(self, world):
        login = world.discovered(SECRET, f"{world.server.origin}{world.source}")
        (found,) = world.opened(login).calendars()
        assert (found.name, found.calendar_id) == ("Robin", world.source)

    def test_a_password_that_was_taken_back_is_told(self, world):
        dead = world.opened(Login(world.login.url, USER, "old", world.login.homes, is_hosted=False))
        for ask in (dead.calendars, lambda: dead.pull(world.source, None, WINDOW)):
            with pytest.raises(AuthExpired):
                ask()

    def test_a_401_that_passes_is_no_lost_access(self, world):
        answers = iter([(401, [], b"")])
        world.server.faults.append(lambda method, path: next(answers, None))
        with pytest.raises(ProviderError) as told:
            world.provider.pull(world.source, None, WINDOW)
        assert type(told.value) is ProviderError


class TestCalendars:
    def test_ours_is_made_once_and_found_again_by_its_reference(self, world):
        found = {one.name: one for one in world.opened(world.login).calendars()}
        assert REFERENCE in found["Linden bookings"].description
        assert {one.access for one in found.values()} == {"owner"}
        assert world.provider.calendar(world.ours).name == "Linden bookings"
        world.provider.delete_calendar(world.ours)
        world.provider.delete_calendar(world.ours)
        left = {one.calendar_id for one in world.provider.calendars()}
        assert world.source in left and world.ours not in left
        with pytest.raises(Gone):
            world.provider.calendar(world.ours)

    def test_names_with_signs_stay_as_they_are(self, world):
        made = world.made('Room <2> & "more" 🦶', "")
        assert world.provider.calendar(made).name == 'Room <2> & "more" 🦶'


class TestWriting:
    def test_an_event_comes_back_as_it_went_out_and_one_change_is_one_request(self, world):
        (made,) = world.write(world.create(title="Fußpflege, 🦶; \\ eins\nzwei"))
        assert world.requests() == 1
        assert world.provider.get(world.ours, made.event.remote_id) == made.event
        assert made.event.title.split() == ["Fußpflege,", "🦶;", "\\", "eins", "zwei"]
        assert (made.event.mark, made.event.is_private) == (mark("booking0"), True)
        world.forget_requests()
        (changed,) = world.write(
            Update(made.event.remote_id, event("Moved", SOON), mark("booking0"), made.event.etag)
        )
        assert (changed.event.title, changed.event.starts_at) == ("Moved", SOON)
        (gone,) = world.write(Delete(changed.event.remote_id, changed.event.etag))
        looks = 2 if world.does("ignores conditions") else 0
        assert (gone.error, world.requests()) == (None, 2 + looks)

    def test_days_and_pending_bookings_and_texts_of_odd_letters(self, world):
        own = mark("days")
        name = new_name(own, OUR_SECRET)
        days = whole_days(date(2026, 12, 1), date(2026, 12, 3), status="tentative")
        (made,) = world.write(Create(name, days, own))
        (seen,) = world.provider.look(world.ours, [name]).values()
        assert (seen.starts_on, seen.ends_on) == (date(2026, 12, 1), date(2026, 12, 3))
        assert (seen.busy, seen) == ("tentative", made.event)

    def test_an_existing_resource_is_reported_and_not_overwritten(self, world):
        (made,) = world.write(world.create())
        (taken,) = world.write(replace(world.create(title="Another"), resume=True))
        assert isinstance(taken.error, Exists) and taken.error.event == made.event
        old = Update(made.event.remote_id, event("Late"), mark("booking0"), '"other"')
        deletion = Delete(made.event.remote_id, '"other"')
        for operation in (old, deletion):
            (refused,) = world.write(operation)
            assert isinstance(refused.error, PreconditionFailed)
        assert world.provider.get(world.ours, made.event.remote_id) == made.event

    def test_what_is_not_there_is_told_as_gone(self, world):
        name = world.create(7).remote_id
        results = [
            *world.write(Delete(name)),
            *world.write(Delete(name, '"1"')),
            *world.write(Update(name, event(), mark())),
            *world.write(Update(name, event(), mark(), '"1"')),
        ]
        assert set(outcomes(results[:3])) == {"Gone"}
        assert outcomes(results[3:]) in (["Gone"], ["PreconditionFailed"])
        assert world.provider.get(world.ours, name) is None
        assert world.provider.look(world.ours, [name, world.create(8).remote_id]) == {
            name: None,
            world.create(8).remote_id: None,
        }

    def test_many_at_once_are_all_there_once(self, world):
        creates = [world.create(number) for number in range(14)]
        assert outcomes(world.write(*creates)) == ["done"] * 14
        again = [replace(one, resume=True) for one in creates]
        assert outcomes(world.write(*again)) == ["Exists"] * 14
        delta = world.provider.pull(world.ours, None, WINDOW, unrolled=False)
        assert {one.mark for one in delta.changed} == {one.mark for one in creates}

    def test_an_event_with_our_uid_under_another_name_is_found(self, world):
        (made,) = world.write(world.create())
        moved = Create(new_name(mark("x"), OUR_SECRET), event(), mark("booking0"))
        (told,) = world.write(moved)
        if world.does("takes a UID twice"):
            assert len(world.provider.find_marked(world.ours, INSTALLATION)) == 2
            return
        assert isinstance(told.error, Exists)
        assert told.error.event.remote_id == made.event.remote_id

    def test_guests_stay_or_go_as_wanted(self, world):
        (made,) = world.write(world.create())
        name = made.event.remote_id
        data = world.http.get(
            f"{world.server.origin}{world.ours}{name}", auth=httpx.BasicAuth(USER, SECRET)
        ).text
        guest = "ORGANIZER:mailto:robin@dav.test\r\nATTENDEE:mailto:ana@outside.test\r\n"
        world.http.put(
            f"{world.server.origin}{world.ours}{name}",
            content=data.replace("END:VEVENT", f"{guest}END:VEVENT").encode(),
            headers={"Content-Type": "text/calendar"},
            auth=httpx.BasicAuth(USER, SECRET),
        )
        seen = world.provider.get(world.ours, name)
        assert seen.guests == 1
        keep = Update(name, event("New"), mark("booking0"), seen.etag, keeps_guests=True)
        (kept,) = world.write(keep)
        assert (kept.event.guests, kept.event.title) == (1, "New")
        (cleared,) = world.write(Update(name, event("New"), mark("booking0"), kept.event.etag))
        assert cleared.event.guests == 0

    def test_a_calendar_that_is_gone_says_so(self, world):
        (made,) = world.write(world.create())
        token = world.provider.pull(world.ours, None, WINDOW).sync_token
        world.provider.delete_calendar(world.ours)
        for ask in (
            lambda: world.provider.pull(world.ours, None, WINDOW),
            lambda: world.provider.pull(world.ours, token, WINDOW),
            lambda: world.opened(world.login).find_marked(world.ours, INSTALLATION),
            lambda: world.provider.look(world.ours, [made.event.remote_id]),
        ):
            with pytest.raises(Gone):
                ask()
        assert outcomes(world.write(world.create(2))) == ["Gone"]
        assert outcomes(world.write(Delete(made.event.remote_id))) == ["Gone"]


class TestReading:
    HOURS = "DTSTART:20261203T100000Z\nDTEND:20261203T110000Z\nDTSTAMP:20261101T000000Z\n"

    def test_everything_then_only_changes_then_nothing_in_one_request(self, world):
        world.put("lunch.ics", f"UID:lunch\n{self.HOURS}SUMMARY:Lunch")
        world.put("gym@x y.ics", f"UID:gym\n{self.HOURS}SUMMARY:Gym")
        first = world.provider.pull(world.source, None, WINDOW)
        assert first.complete
        assert {one.remote_id: one.title for one in first.changed} == {
            "lunch.ics": "Lunch",
            "gym@x y.ics": "Gym",
        }
        world.forget_requests()
        idle = world.provider.pull(world.source, first.sync_token, WINDOW)
        assert world.requests() == (2 if world.does("has no sync") else 1)
        if not world.does("counts in seconds"):  # what it told of this second, it tells again
            assert (idle.changed, idle.tombstones) == ((), frozenset())
        world.put("lunch.ics", f"UID:lunch\n{self.HOURS}SUMMARY:Later")
        world.remove("gym@x%20y.ics")
        second = world.provider.pull(world.source, first.sync_token, WINDOW)
        assert {one.title for one in second.changed} == {"Later"}
        assert "gym@x y.ics" in second.tombstones

    def test_a_repeat_that_becomes_one_event_and_another_that_loses_an_occurrence(self, world):
        weekly = f"UID:team\n{self.HOURS}SUMMARY:Team\nRRULE:FREQ=WEEKLY;COUNT=3"
        world.put("team.ics", weekly)
        first = world.provider.pull(world.source, None, WINDOW)
        assert [one.series_id for one in first.changed] == ["team.ics"] * 3
        world.put("team.ics", f"{weekly}\nEXDATE:20261210T100000Z")
        second = world.provider.pull(world.source, first.sync_token, WINDOW)
        assert len(second.changed) == 2 and second.tombstones == {"team.ics"}
        assert world.provider.look(world.source, ["team.ics/20261210T100000Z"]) == {
            "team.ics/20261210T100000Z": None
        }
        one = world.provider.get(world.source, "team.ics/20261217T100000Z")
        assert one.starts_at == datetime(2026, 12, 17, 10, tzinfo=UTC)

    def test_our_calendar_tells_a_repeat_as_one_and_marks_find_ours(self, world):
        world.write(*(world.create(number) for number in range(5)))
        world.put("team.ics", f"UID:team\n{self.HOURS}RRULE:FREQ=WEEKLY", world.ours)
        delta = world.provider.pull(world.ours, None, WINDOW, unrolled=False)
        assert [one.is_series for one in delta.changed if one.mark is None] == [True]
        world.forget_requests()
        found = world.provider.find_marked(world.ours, INSTALLATION)
        assert (len(found), world.requests()) == (5, 2 if world.does("has no sync") else 1)
        outline = world.provider.outline(world.ours, INSTALLATION)
        assert sum(own is not None for _, own in outline.values()) == 5
        assert outline[found[0].remote_id] == (found[0].etag, found[0].mark)

    def test_a_token_of_yesterday_and_of_another_calendar_costs_no_request(self, world):
        token = world.provider.pull(world.source, None, WINDOW).sync_token
        late = world.opened(world.login, lambda: NOW + timedelta(hours=26))
        world.forget_requests()
        for provider, calendar in ((late, world.source), (world.provider, world.ours)):
            with pytest.raises(SyncTokenExpired):
                provider.pull(calendar, token, WINDOW)
        assert world.requests() == 0

    def test_a_token_that_the_server_forgot_is_told_apart(self, world):
        token = world.provider.pull(world.source, None, WINDOW).sync_token
        kept = json.loads(token)
        kept["told"] = kept["told"][:-4] + "0000"
        if world.does("answers to dead tokens"):  # why all is read anew after a day
            assert not world.provider.pull(world.source, json.dumps(kept), WINDOW).complete
            return
        with pytest.raises(SyncTokenExpired):
            world.provider.pull(world.source, json.dumps(kept), WINDOW)

    def test_one_event_that_spoils_an_answer_hides_no_other(self, world):
        for number in range(6):
            world.put(f"e{number}.ics", f"UID:e{number}\n{self.HOURS}SUMMARY:Event {number}")

        def spoil(method, path):
            return (500, [], b"") if path.endswith("e3.ics") else None

        def multiget(method, path):
            is_chunk = method == "REPORT" and world.server.requests[-1][2] == "1"
            return (207, [], b"<half") if is_chunk else None

        world.server.faults += [spoil, multiget]
        delta = world.provider.pull(world.source, None, WINDOW)
        assert {one.title for one in delta.changed} == {f"Event {n}" for n in (0, 1, 2, 4, 5)}
        assert [one.remote_id for one in delta.unread] == ["e3.ics"]

    def test_without_sync_collection_versions_tell_what_changed(self, world):
        for number in range(3):
            world.put(f"e{number}.ics", f"UID:e{number}\n{self.HOURS}SUMMARY:Event {number}")

        def refuse(method, path):
            is_sync = method == "REPORT" and world.server.requests[-1][2] == "0"
            return (501, [], b"") if is_sync else None

        world.server.faults.append(refuse)
        first = world.provider.pull(world.source, None, WINDOW)
        assert len(first.changed) == 3
        soon = world.provider.pull(world.source, first.sync_token, WINDOW)
        later = world.opened(world.login, clock=lambda: NOW + timedelta(seconds=5))
        proved = later.pull(world.source, first.sync_token, WINDOW)
        world.forget_requests()
        idle = later.pull(world.source, proved.sync_token, WINDOW)
        assert (idle.changed, idle.tombstones, world.requests()) == ((), frozenset(), 1)
        world.put("e1.ics", f"UID:e1\n{self.HOURS}SUMMARY:Changed")
        world.remove("e2.ics")
        # some servers count in seconds, and these lists were in one: nothing is believed yet
        second = world.provider.pull(world.source, soon.sync_token, WINDOW)
        assert [one.title for one in second.changed] == ["Changed"]
        assert "e2.ics" in second.tombstones and "e0.ics" not in second.tombstones


class TestTrouble:
    @pytest.mark.parametrize("status", [500, 503, 302])
    def test_trouble_while_reading_is_never_an_answer(self, world, status):
        world.server.faults.append(lambda method, path: (status, [], b"<html>no</html>"))
        for ask in (
            world.provider.calendars,
            lambda: world.provider.pull(world.ours, None, WINDOW),
        ):
            with pytest.raises(Unavailable):
                ask()

    def test_entities_and_pages_are_no_answer(self, world):
        bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
        for body in (bomb, b"<html></html>", b'<multistatus xmlns="DAV:">', b"\xff\xfe"):
            world.server.faults[:] = [lambda method, path, body=body: (207, [], body)]
            with pytest.raises(Unavailable):
                world.provider.pull(world.ours, None, WINDOW)
