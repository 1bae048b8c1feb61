"""The CalDAV adapter before servers that each differ from the standard in the ways of one kind."""

import json
import random
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
from dns_server import answering
from provider_worlds import INSTALLATION, NOW, WINDOW, event, mark
from provider_worlds import SECRET as OUR_SECRET

from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from sandbox.caldav import CHARACTERS, create
from sandbox.caldav.app import ROBIN, SECRET
from sync.providers.base import Create, Delete, Update
from sync.providers.caldav import discovery, hrefs, known_servers, login, xml
from sync.providers.caldav.adapter import CalDav
from sync.providers.caldav.composing import new_name
from sync.providers.caldav.login import Login
from sync.providers.caldav.signing_in import CalDavSignIn
from sync.providers.errors import (
    Exists,
    Forbidden,
    Gone,
    OtherServer,
    PreconditionFailed,
    PrivateServer,
    ProviderError,
    SyncTokenExpired,
    Unavailable,
    WrongPassword,
)

SOON = NOW + timedelta(days=4)
MAKING = [name for name, one in CHARACTERS.items() if one.makes_calendars]


class World:
    def __init__(self, name):
        self.clock = SimpleNamespace(now=NOW)
        self.sandbox = create(name, lambda: self.clock.now)
        self.robin = self.sandbox.user()
        self.http = exchange.http_client(transport=httpx.WSGITransport(app=self.sandbox))
        self.login = self.discovered(SECRET)
        self.source = self.robin.source
        self.provider = self.opened()

    def discovered(self, secret):
        wanted = Login("", ROBIN, secret, is_hosted=False)
        typed = f"https://dav.test{self.sandbox.principal}"
        begin = known_servers.beginnings(known_servers.SERVICES["other"], typed)
        # its own principal is where it begins: no list of roots has a path of its own
        return discovery.discover(self.http, wanted, ["https://dav.test/", *begin])

    def opened(self):
        return CalDav(self.http, lambda stale: self.login.written(), clock=lambda: self.clock.now)

    def ours(self):
        return self.provider.create_calendar(
            "Linden", "Europe/London", "Ours (kalends:0123456789ab:0123456789ab)"
        ).calendar_id

    def create(self, number=0, **fields):
        own = mark(f"b{number}")
        at = NOW + timedelta(days=9, minutes=15 * number)
        told = {"title": f"B{number}", "starts_at": at, **fields}
        return Create(new_name(own, OUR_SECRET), event(**told), own)

    def write(self, calendar, *operations):
        return list(self.provider.write(calendar, operations))


@pytest.fixture(params=CHARACTERS)
def world(request):
    made = World(request.param)
    yield made
    assert made.sandbox.wrongs == []


@pytest.fixture(params=MAKING)
def ours(request):
    made = World(request.param)
    made.calendar = made.ours()
    yield made
    assert made.sandbox.wrongs == []


def outcomes(results):
    return [type(result.error).__name__ if result.error else "done" for result in results]


def test_discovery_finds_the_server_and_reports_a_wrong_password(world):
    assert world.login.email == "robin@outside.test"
    assert [one.name for one in world.provider.calendars()] == ["Robin"]
    with pytest.raises(WrongPassword):
        world.discovered("wrong")


def test_the_right_password_of_the_wrong_kind_is_told_as_a_wrong_one():
    asked = []

    def refuse(request):
        asked.append(request.url.host)
        return httpx.Response(403, stream=httpx.ByteStream(b""))

    http = exchange.http_client(transport=httpx.MockTransport(refuse))
    way = CalDavSignIn(known_servers.SERVICES["apple"])
    begun = way.written("", "robin@icloud.com", SECRET, "UTC")
    with pytest.raises(WrongPassword):
        way.completed(http, begun)
    assert asked == ["caldav.icloud.com"]


def test_what_is_read_is_the_truth_whatever_happens_outside(world):
    """Changes at random; a deletion that a server never tells is noticed within a day."""
    draw = random.Random(7)
    known, token, keys = {}, None, []
    for turn in range(24):
        for _ in range(draw.randrange(4)):
            world.clock.now += timedelta(minutes=5)
            at = SOON + timedelta(hours=draw.randrange(200))
            what = draw.choice(("add", "move", "delete", "series", "token"))
            if what == "token":
                world.sandbox.expire_sync_tokens()
            elif what in ("add", "series") or not keys:
                rule = "FREQ=DAILY;COUNT=3" if what == "series" else None
                made = world.robin.add(f"Event {turn}", at, at + timedelta(hours=1), rule=rule)
                keys.append(made)
            elif what == "move":
                world.robin.move(draw.choice(keys), at, at + timedelta(hours=1))
            else:
                world.robin.delete(keys.pop(draw.randrange(len(keys))))
        if turn % 10 == 9:
            world.clock.now += timedelta(hours=25)
        try:
            delta = world.provider.pull(world.source, token, WINDOW)
        except SyncTokenExpired:
            delta = world.provider.pull(world.source, None, WINDOW)
        token = delta.sync_token
        if delta.complete:
            known = {}
        known = {
            key: seen for key, seen in known.items() if not {key, seen.series_id} & delta.tombstones
        } | {seen.remote_id: seen for seen in delta.changed}
        if delta.complete or not world.sandbox.character.tells_no_dead_token:
            truth = world.opened().pull(world.source, None, WINDOW)
            assert known == {seen.remote_id: seen for seen in truth.changed}
            assert {one.partition("/")[0] for one in known} == set(keys)


def test_idle_is_one_request(world):
    world.robin.add("Lunch", SOON, SOON + timedelta(hours=1))
    token = world.provider.pull(world.source, None, WINDOW).sync_token
    world.clock.now += timedelta(seconds=5)
    token = world.provider.pull(world.source, token, WINDOW).sync_token  # the first is proved
    world.sandbox.requests.clear()
    delta = world.provider.pull(world.source, token, WINDOW)
    most = 1 if world.sandbox.character.has_ctag else 2  # without any version of the whole: a list
    assert (delta.changed, delta.tombstones) == ((), frozenset())
    assert len(world.sandbox.requests) <= most


def test_a_change_in_the_second_of_a_list_is_seen_though_the_ctag_counts_in_seconds():
    world = World("old")
    first = world.provider.pull(world.source, None, WINDOW)
    calendar = world.sandbox.store.calendars[world.source]
    second = calendar.changed_at
    lunch = world.robin.add("Lunch", SOON, SOON + timedelta(hours=1))
    calendar.changed_at = second
    seen = world.provider.pull(world.source, first.sync_token, WINDOW)
    assert [one.remote_id for one in seen.changed] == [lunch]


def test_ours_is_made_and_found_again(ours):
    again = {one.calendar_id: one for one in ours.opened().calendars()}
    if not ours.sandbox.character.own_paths or ours.sandbox.character.keeps_description:
        assert "kalends:0123456789ab:0123456789ab" in again[ours.calendar].description
    ours.provider.delete_calendar(ours.calendar)
    ours.provider.delete_calendar(ours.calendar)
    assert [one.name for one in ours.provider.calendars()] == ["Robin"]


def test_where_none_can_be_made_that_is_said():
    with pytest.raises(Forbidden, match="cannot_create"):
        World("bare").ours()


def test_writing_changes_what_is_meant_and_nothing_else(ours):
    creates = [ours.create(number) for number in range(15)]
    assert outcomes(ours.write(ours.calendar, *creates)) == ["done"] * 15
    made = ours.provider.pull(ours.calendar, None, WINDOW, unrolled=False).changed
    assert {one.mark for one in made} == {one.mark for one in creates}
    first = made[0]
    (changed,) = ours.write(
        ours.calendar, Update(first.remote_id, event("New"), first.mark, first.etag)
    )
    assert changed.event.title == "New" and changed.event.etag != first.etag
    (late,) = ours.write(
        ours.calendar, Update(first.remote_id, event("Late"), first.mark, first.etag)
    )
    assert isinstance(late.error, PreconditionFailed)
    (kept,) = ours.write(ours.calendar, Delete(first.remote_id, first.etag))
    assert isinstance(kept.error, PreconditionFailed)
    (gone,) = ours.write(ours.calendar, Delete(first.remote_id, changed.event.etag))
    assert gone.error is None
    for etag in ("", changed.event.etag):
        (again,) = ours.write(ours.calendar, Delete(first.remote_id, etag))
        assert isinstance(again.error, Gone)
    assert ours.robin.count(ours.calendar) == 14
    assert len(ours.opened().find_marked(ours.calendar, INSTALLATION)) == 14


def test_one_change_is_one_request_or_two_where_no_version_is_told(ours):
    (made,) = ours.write(ours.calendar, ours.create())
    ours.sandbox.requests.clear()
    change = Update(made.event.remote_id, event("New"), made.event.mark, made.event.etag)
    (changed,) = ours.write(ours.calendar, change)
    character = ours.sandbox.character
    # a server that ignores conditions is looked at first
    most = 1 + (character.hides_etag or character.ignores_conditions)
    assert (changed.error, len(ours.sandbox.requests)) == (None, most)
    assert changed.event == ours.provider.get(ours.calendar, made.event.remote_id)


@pytest.mark.parametrize("told", [None, "W/{}"])
def test_a_version_that_does_not_hold_is_asked_for(told):
    """GMX tells a weak version of what it stored, and another one when it is read."""
    world = World("right")

    class Weak(httpx.WSGITransport):
        def handle_request(self, request):
            answer = super().handle_request(request)
            if request.method == "PUT":
                version = answer.headers.pop("ETag")
                if told:
                    answer.headers["ETag"] = told.format(version)
            return answer

    world.http = exchange.http_client(transport=Weak(app=world.sandbox))
    world.provider = world.opened()
    calendar = world.ours()
    world.sandbox.requests.clear()
    (made,) = world.write(calendar, world.create())
    assert (made.error, len(world.sandbox.requests)) == (None, 2)
    assert made.event.etag.startswith('"')
    (changed,) = world.write(
        calendar, Update(made.event.remote_id, event("New"), made.event.mark, made.event.etag)
    )
    assert changed.error is None and world.sandbox.wrongs == []


def test_after_a_lost_answer_nothing_is_there_twice(ours):
    creates = [ours.create(number) for number in range(5)]
    ours.sandbox.faults.time_out(method="PUT", path=r"\.ics$", times=None)
    assert set(outcomes(ours.write(ours.calendar, *creates))) <= {"Unanswered", "Unsent"}
    ours.sandbox.faults.clear()
    again = [Create(one.remote_id, one.event, one.mark, resume=True) for one in creates]
    results = ours.write(ours.calendar, *again)
    assert set(outcomes(results)) <= {"done", "Exists"} and ours.robin.count(ours.calendar) == 5
    assert all(
        result.error.event.mark == result.operation.mark
        for result in results
        if isinstance(result.error, Exists)
    )


def test_a_calendar_that_is_gone_says_so_whatever_the_status(ours):
    (made,) = ours.write(ours.calendar, ours.create())
    token = ours.provider.pull(ours.calendar, None, WINDOW).sync_token
    ours.robin.delete_calendar(ours.calendar)
    assert outcomes(ours.write(ours.calendar, ours.create(2))) == ["Gone"]
    for ask in (
        lambda: ours.provider.pull(ours.calendar, None, WINDOW),
        lambda: ours.provider.pull(ours.calendar, token, WINDOW),
        lambda: ours.provider.look(ours.calendar, [made.event.remote_id, "other.ics"]),
        lambda: ours.opened().find_marked(ours.calendar, INSTALLATION),
    ):
        with pytest.raises(Gone):
            ask()


def test_a_calendar_that_may_only_be_read_refuses(world):
    shared = world.robin.add_calendar("Room", right="reader")
    found = {one.calendar_id: one.access for one in world.provider.calendars()}
    assert found[shared] == "reader"
    (refused,) = world.write(shared, world.create())
    assert isinstance(refused.error, Forbidden)


def test_a_uid_that_is_held_elsewhere_is_no_event_of_ours_there(ours):
    other = ours.robin.add_calendar("Ideas")
    (made,) = ours.write(ours.calendar, ours.create())
    ours.robin.drag(made.event.remote_id, other, ours.calendar)
    (again,) = ours.write(ours.calendar, ours.create())
    assert again.error is None or type(again.error) is ProviderError
    assert ours.robin.count(other) == 1


class Mover(httpx.BaseTransport):
    """A server at one host that sends every request to another address, where one may be."""

    def __init__(self, sandbox, there, status, here="dav.example.org"):
        self.inner = httpx.WSGITransport(app=sandbox)
        self.there, self.status, self.here, self.told = there, status, here, set()

    def handle_request(self, request):
        if "Authorization" in request.headers:
            self.told.add(request.url.host)
        if request.url.host == self.here:
            place = self.there.format(path=request.url.path)
            return httpx.Response(self.status, headers={"Location": place})
        return self.inner.handle_request(request)


def moved(there, status=301):
    mover = Mover(create("right", lambda: NOW), there, status)
    http = exchange.http_client(transport=mover)
    wanted = Login("", ROBIN, SECRET, is_hosted=False)
    return mover, http, wanted


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_server_that_moved_within_its_domain_is_followed(status):
    mover, http, wanted = moved("https://p42-dav.example.org{path}", status)
    login = discovery.discover(http, wanted, ["https://dav.example.org/"])
    assert login.url.startswith("https://p42-dav.example.org/")
    mover.here = "p42-dav.example.org"  # and over night once more
    mover.there = "https://p7-dav.example.org{path}"
    provider = CalDav(http, lambda stale: login.written(), clock=lambda: NOW)
    assert [one.name for one in provider.calendars()] == ["Robin"]
    assert provider.pull("/cal/robin/own/", None, WINDOW).complete


class Partition(httpx.WSGITransport):
    """An account at one host of many, which its answers name; from any other one leads to it."""

    def __init__(self):
        super().__init__(app=create("orchard", lambda: NOW))
        self.host, self.requests = "p1-dav.example.org", 0

    def handle_request(self, request):
        self.requests += 1
        if request.url.host != self.host:
            place = f"https://{self.host}:443{request.url.raw_path.decode()}"
            return httpx.Response(301, headers={"Location": place})
        answer = super().handle_request(request)
        named = answer.read().replace(b"https://dav.test:443", f"https://{self.host}:443".encode())
        kept = [pair for pair in answer.headers.multi_items() if pair[0] != "content-length"]
        return httpx.Response(answer.status_code, headers=kept, stream=httpx.ByteStream(named))


def test_calendars_stay_the_same_when_their_host_is_another_over_night():
    there = Partition()
    http = exchange.http_client(transport=there)
    wanted = Login("", ROBIN, SECRET, is_hosted=False)
    login = discovery.discover(http, wanted, ["https://dav.example.org/"])

    def opened():
        return CalDav(http, lambda stale: login.written(), clock=lambda: NOW)

    described = "Ours (kalends:0123456789ab:0123456789ab)"
    ours = opened().create_calendar("Linden", "Europe/London", described).calendar_id
    known = [one.calendar_id for one in opened().calendars()]
    token = opened().pull(ours, None, WINDOW, unrolled=False).sync_token
    for host in ("p2-dav.example.org", "p3-dav.example.org"):
        there.host, provider = host, opened()
        assert [one.calendar_id for one in provider.calendars()] == known
        assert provider.calendar(ours).calendar_id == ours
        there.requests = 0
        own = mark(host)
        (made,) = provider.write(ours, [Create(new_name(own, OUR_SECRET), event(), own)])
        assert (made.error, there.requests) == (None, 1)  # it knows where by now
        delta = provider.pull(ours, token, WINDOW, unrolled=False)
        assert [one.mark for one in delta.changed] == [own]
        token = delta.sync_token
    there.requests, provider = 0, opened()
    provider.pull(ours, token, WINDOW, unrolled=False)
    assert there.requests == 2


@pytest.mark.parametrize(
    "there",
    [
        "https://elsewhere.test{path}",
        "http://dav.example.org{path}",
        "http://127.0.0.1{path}",
        "https://169.254.169.254{path}",
        "https://example.org.elsewhere.test{path}",
        "file:///etc/passwd",
    ],
)
def test_the_password_goes_to_no_other_domain(there):
    mover, http, wanted = moved(there)
    with pytest.raises(OtherServer):
        discovery.discover(http, wanted, ["https://dav.example.org/"])
    assert mover.told == {"dav.example.org"}
    login = wanted.found("https://dav.example.org/", ["https://dav.example.org/cal/robin/"], (), "")
    provider = CalDav(http, lambda stale: login.written(), clock=lambda: NOW)
    for ask in (provider.calendars, lambda: provider.pull("/cal/robin/own/", None, WINDOW)):
        with pytest.raises(Unavailable):
            ask()
    with pytest.raises(ProviderError):  # a calendar whose address leads elsewhere
        provider.pull("https://elsewhere.test/cal/", None, WINDOW)
    assert mover.told == {"dav.example.org"}


def test_a_circle_ends():
    _, http, wanted = moved("https://dav.example.org{path}")
    with pytest.raises(Unavailable):
        discovery.discover(http, wanted, ["https://dav.example.org/"])


ANSWER = (
    b'<?xml version="1.0" encoding="%s"?><multistatus xmlns="DAV:"><response><href>/a.ics</href>'
    b"<propstat><prop><displayname>%s</displayname></prop><status>HTTP/1.1 200 OK</status>"
    b"</propstat></response></multistatus>"
)


@pytest.mark.parametrize(
    ("encoding", "sent", "read"),
    [
        ("utf-8", "a\x07b\x0b\ufffec\uffff".encode(), "abc"),
        ("utf-8", b"&#55358;&#56758; &#x1F9B6;", "🦶 🦶"),  # SOGo writes halves of a character
        ("utf-8", b"a&#0;b&#8;c&#x1FFFFF;&#55358;", "abc"),
        ("utf-8", b"&#38;#60;", "&#60;"),
        ("iso-8859-1", "Fußpflege".encode(), "Fußpflege"),
        ("no-such-encoding", "Fußpflege".encode(), "Fußpflege"),
        ("utf-8", b"Fu\xdfpflege", "Fu\ufffdpflege"),
        ("utf-8", b"<![CDATA[a & b]]>", "a & b"),
    ],
)
def test_what_xml_does_not_allow_spoils_no_answer(encoding, sent, read):
    (item,) = xml.multistatus(ANSWER % (encoding.encode(), sent)).items
    assert item.text(f"{xml.DAV}displayname") == read


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE x [<!ENTITY a "%s">]><x>&a;&a;</x>' % (b"a" * 9999),
        b'<!DOCTYPE x SYSTEM "https://elsewhere.test/x.dtd"><multistatus xmlns="DAV:"/>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><multistatus xmlns="DAV:"/>',
        b"<a>" * 100_000,
        b'<multistatus xmlns="DAV">',
        b"",
        b"\x00" * 1000,
    ],
)
def test_what_may_not_be_parsed_is_no_answer(content):
    with pytest.raises(Unavailable):
        xml.multistatus(content)


@pytest.mark.parametrize(
    ("href", "name"),
    [
        ("/cal/a%20b/x%40y.ics", "x@y.ics"),
        ("/cal/a b/x@y.ics", "x@y.ics"),
        ("https://elsewhere.test/cal/a%20b/x.ics", "x.ics"),
        ("/cal/a%20b/", ""),
        ("/cal/a%20b/../other/x.ics", ""),
        ("/cal/a%20b/..", ""),
        ("/cal/a%20b/%2e%2e", ""),
        ("/cal/a%20b/x%2Fy.ics", ""),
        ("/cal/other/x.ics", ""),
        ("x.ics", ""),
    ],
)
def test_only_resources_within_a_calendar_are_its_events(href, name):
    assert hrefs.event_name("/cal/a%20b/", href) == name


@pytest.mark.parametrize(
    ("from_", "to", "is_one"),
    [
        ("https://caldav.icloud.com/", "https://p42-caldav.icloud.com:443/", True),
        ("https://a.co.uk/", "https://b.co.uk/", False),
        ("https://dav.a.co.uk/", "https://cal.a.co.uk/", True),
        ("https://a.com.au/", "https://b.com.au/", False),
        ("https://10.1.2.3/", "https://10.1.2.4/", False),
        ("http://nas/", "http://nas/dav/", True),
        ("http://nas/", "http://other/", False),
        ("https://nas/", "http://nas/", False),
        ("https://example.org/", "https://example.org:8443/", True),
    ],
)
def test_which_hosts_are_of_one_domain(from_, to, is_one):
    assert hrefs.may_carry(from_, to) is is_one


class OnlyAt(httpx.BaseTransport):
    """A server of calendars at one place; elsewhere is none. Notes who was told a password."""

    def __init__(self, sandbox, *places):
        self.inner, self.places, self.asked = httpx.WSGITransport(app=sandbox), places, []

    def handle_request(self, request):
        place = f"{request.url.host}:{request.url.port or 443}"
        self.asked.append(place)
        if place in self.places:
            return self.inner.handle_request(request)
        return httpx.Response(404, stream=httpx.ByteStream(b""))


SRV = "_caldavs._tcp.example.org"
IN_DNS = {  # records → where the server is found, or what is raised
    "path": ({"SRV": ["0 1 8443 dav.example.org."], "TXT": ["path=/"]}, "dav.example.org:8443"),
    "no path": ({"SRV": ["0 1 443 p1.example.org."]}, "p1.example.org:443"),
    "the best first": (
        {
            "SRV": [
                "20 9 443 p3.example.org.",
                "10 1 443 p2.example.org.",
                "10 5 443 p1.example.org.",
            ]
        },
        "p1.example.org:443",
    ),
    "one of our table": ({"SRV": ["0 1 443 dav.mailbox.org."]}, "dav.mailbox.org:443"),
    "none": ({"SRV": ["0 0 0 ."]}, "cloud.example.org:443"),
    "nothing": ({}, "cloud.example.org:443"),
    "no SRV": ({"TXT": ["path=/"]}, "cloud.example.org:443"),
    "a strange path": (
        {"SRV": ["0 1 443 p1.example.org."], "TXT": ["path=//elsewhere.test/"]},
        "p1.example.org:443",
    ),
    "another domain": ({"SRV": ["0 1 443 dav.elsewhere.test."]}, OtherServer),
    "this machine": ({"SRV": ["0 1 443 127.0.0.1."]}, OtherServer),
    "a private address": ({"SRV": ["0 1 443 169.254.169.254."]}, OtherServer),
}


@pytest.mark.parametrize("how", IN_DNS)
@pytest.mark.parametrize("typed", ["robin@example.org", "example.org"])
def test_a_domain_says_in_dns_where_its_calendars_are(how, typed):
    records, found = IN_DNS[how]
    places = [found] if isinstance(found, str) else ["dav.elsewhere.test:443", "127.0.0.1:443"]
    transport = OnlyAt(create("right", lambda: NOW), *places)
    http, way = (
        exchange.http_client(transport=transport),
        CalDavSignIn(known_servers.SERVICES["other"]),
    )
    begun = way.written(typed, ROBIN, SECRET, "UTC")
    with answering({SRV: records} if records else {}):
        if found is OtherServer:
            with pytest.raises(OtherServer):
                way.completed(http, begun)
            assert set(transport.asked) == {"example.org:443"}
            return
        if "cloud" in found and typed == "example.org":  # guessed for e-mail addresses alone
            transport.places = ("example.org:443",)
            found = "example.org:443"
        made = login.read_login(way.completed(http, begun)[0])
    assert made.homes and transport.asked[-1] == found
    if found.startswith("p1"):
        assert set(transport.asked) == {"example.org:443", found}


def test_a_server_of_dns_in_a_private_network_is_refused():
    http = exchange.http_client(resolver=lambda host, port: ["10.1.2.3"])
    way = CalDavSignIn(known_servers.SERVICES["other"])
    begun = way.written("robin@example.org", ROBIN, SECRET, "UTC")
    with answering({SRV: {"SRV": ["0 1 443 p1.example.org."]}}), pytest.raises(PrivateServer):
        way.completed(http, begun)


def test_no_name_server_is_asked_about_an_address_that_says_it_itself():
    known = {"robin@icloud.com", "https://cloud.example.org/", "nas", "cloud.example.org/dav"}
    assert {known_servers.domain_of(typed) for typed in known} == {""}
    assert known_servers.domain_of("cloud.example.org:8443") == "cloud.example.org"


@pytest.mark.parametrize(
    ("key", "allowed", "is_hosted"),
    [("other", "", True), ("other", "dav.test", False), ("nextcloud", "", False)],
)
def test_a_server_of_the_clinics_own_is_asked_without_a_pace(key, allowed, is_hosted):
    before = exchange.set_up_as()
    exchange.set_up(read_allowed(allowed))
    try:
        http = exchange.http_client(transport=httpx.WSGITransport(app=create("right", lambda: NOW)))
        way = CalDavSignIn(known_servers.SERVICES[key])
        begun = way.written("https://dav.test/", ROBIN, SECRET, "UTC")
        assert not way.is_complete(begun)
        found = login.read_login(way.completed(http, begun)[0])
    finally:
        exchange.set_up(before)
    assert found.is_hosted is is_hosted
    assert (found.connections, found.seconds_between) == ((2, 0.5) if is_hosted else (4, 0.0))


@pytest.mark.parametrize(
    ("is_hosted", "paces"),
    [
        (True, [(2, 0.5), (1, 1.0), (1, 2.0), (1, 4.0), (1, 8.0)]),
        (False, [(4, 0.0), (2, 0.0), (1, 0.0), (1, 0.25), (1, 0.5)]),
    ],
)
def test_each_time_that_a_server_says_too_much_it_is_asked_half_as_fast(is_hosted, paces):
    told = Login("", ROBIN, SECRET, is_hosted=is_hosted).written()
    at_pace = CalDavSignIn(known_servers.SERVICES["other"]).at_pace
    found = [login.read_login(at_pace(told, halvings)) for halvings in range(5)]
    assert [(one.connections, one.seconds_between) for one in found] == paces


def test_versions_that_run_side_by_side_read_each_others_logins():
    plain = Login("https://dav.example/", ROBIN, SECRET, homes=("https://dav.example/home/",))
    later = replace(plain, is_hosted=False, halvings=2, takes_digest=True)
    for one in (plain, later, replace(plain, homes=(), addresses=("robin@mail.example",))):
        assert login.read_login(one.written()) == one
    first = {"url", "user", "secret", "homes", "addresses"}  # of the first version
    assert {*json.loads(plain.written())} == first
    assert {*json.loads(later.written())} - first == {"is_hosted", "halvings", "takes_digest"}
    assert login.read_login(json.dumps(json.loads(plain.written()) | {"of_2030": [1]})) == plain


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"homes": 1, "addresses": []}', "null"])
def test_what_is_no_login_is_refused_as_such(text):
    with pytest.raises(ValueError, match=r"no login|Expecting"):
        login.read_login(text)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("cloud.example.org", "https://cloud.example.org/.well-known/caldav"),
        ("https://cloud.example.org/dav/x/", "https://cloud.example.org/dav/x/"),
        ("robin@example.org", "https://example.org/.well-known/caldav"),
        ("robin@icloud.com", "https://caldav.icloud.com/"),
        ("http://nas:5000/caldav/", "http://nas:5000/caldav/"),
    ],
)
def test_where_a_search_begins(typed, first):
    assert known_servers.beginnings(known_servers.SERVICES["other"], typed)[0] == first


@pytest.mark.parametrize(
    "typed", ["", "ftp://x/", "https://", "https://a:b@x/", "robin@", "a b", "https://x y/"]
)
def test_what_is_no_address_is_refused(typed):
    with pytest.raises(ValueError, match="no"):
        known_servers.beginnings(known_servers.SERVICES["other"], typed)
