"""Servers that answer anything but what they should, for a while, at each request.

Whatever they say: nothing of ours is doubled or lost, nothing outside is taken for gone, no
password leaves for another host, nothing is a fault of our program, and all is right again
afterwards. A run takes every twentieth; SPOILED=all takes all of them.
"""

import gzip
import logging
import os
import re
from datetime import timedelta

import httpx
import pytest
from deviant_server import HOME, HOST, MULTI, SECRET, USER, Answer, Deviant, gone, multi, row

from base import scheduling
from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from models import Booking
from sync.connect import arrival, gateway
from sync.tables import starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.sources import turn_on
from sync.two_way import first_list, run

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OWN = f"{HOME}own/"
GOOD = {
    "team.ics": "UID:team\r\nDTSTART:20261203T100000Z\r\nDTEND:20261203T110000Z\r\nSUMMARY:Team",
    "class.ics": "UID:class\r\nDTSTART:20261204T100000Z\r\nDTEND:20261204T110000Z\r\nSUMMARY:Class"
    "\r\nRRULE:FREQ=WEEKLY;COUNT=3",
}
LATER = "UID:later\r\nDTSTART:20261209T100000Z\r\nDTEND:20261209T110000Z\r\nSUMMARY:Later"


def event(lines):
    head = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nDTSTAMP:20261101T000000Z\r\n"
    )
    return f"{head}{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


class Person:
    """Pat with an account there."""

    def __init__(self, linden, clock):
        self.linden, self.clock, self.user, self.there = linden, clock, linden.pat, Deviant()
        gateway.set_up(
            gateway.GatewaySetup(
                secret=b"of the tests", transport=lambda kind: self.there, by_password=True
            )
        )
        for name, lines in GOOD.items():
            self.there.put(OWN, name, event(lines))

    def sign_in(self):
        known = Account.at(self.user, "caldav")
        account = arrival.sign_in(self.user, "caldav", f"https://{HOST}/", USER, SECRET, known)
        first_list.read_list(account.id)
        return Account.get_by_id(account.id)

    def begin(self):
        account = self.sign_in()
        starting.start(account, self.user, "Kalends", "Europe/London")
        turn_on(RemoteCalendar.get(RemoteCalendar.name == "Own"), self.user)
        self.account = account
        self.later(minutes=1)
        self.later(hours=2)
        return account

    def later(self, **time):
        self.clock.now += timedelta(**time)
        row = Account.get_by_id(self.account.id)
        if row.wait_until and row.wait_until < self.clock.now + timedelta(hours=8):
            self.clock.now = max(self.clock.now, row.wait_until)
        run.run(self.account.id)
        return Account.get_by_id(self.account.id)

    def book(self, days):
        at = scheduling.midnight(
            self.clock.now.date() + timedelta(days=days), self.linden.street.zone
        ) + timedelta(hours=10)
        span, fields = Span(at, at + timedelta(minutes=50)), {"service": self.linden.service}
        return Booking.book(
            self.linden.calendar, [span], self.user, allow_overlap=True, patient=None, **fields
        )[0]

    # ---- what is where ----

    def ours(self):
        """When each event of ours anywhere begins."""
        texts = [text for one in self.there.folders.values() for _, text in one.texts.values()]
        return sorted(
            re.search(rb"DTSTART:(\w+)", text)[1].decode()
            for text in texts
            if b"kalends.invalid" in text
        )

    def due(self):
        rows = Booking.select().where(Booking.status == "confirmed")
        return sorted(f"{row.starts_at:%Y%m%dT%H%M%SZ}" for row in rows)

    def blocked(self):
        return sorted(row.title for row in ExternalEvent.select() if row.blocks)


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)
    allowed = exchange.set_up_as()
    exchange.set_up(read_allowed("dav.test"))
    yield
    exchange.set_up(allowed)
    logging.disable(logging.NOTSET)


@pytest.fixture
def person(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return Person(linden, clock)


# ---- how answers are spoiled ----


def body(change):
    """Another body, the rest as it is."""
    return lambda answer: Answer(answer.status, change(answer.bytes()), answer.headers)


def always(status, text="", **headers):
    return lambda answer: Answer(status, text, {k.replace("_", "-"): v for k, v in headers.items()})


def swapped(old, new, count=0):
    return body(lambda text: re.sub(old, new, text, count=count, flags=re.DOTALL))


def rows_of(text):
    return re.findall(rb"<D:response>.*?</D:response>", text, re.DOTALL)


def with_rows(change):
    def made(text):
        head, tail = text.partition(b"<D:response>")[0], text.rpartition(b"</D:response>")[2]
        return head + b"".join(change(rows_of(text))) + tail if rows_of(text) else text

    return body(made)


BOMB = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
)
EVERYTHING = {
    "page": always(200, "<html><body>Sign in</body></html>", Content_Type="text/html"),
    "page as 207": always(207, "<html><body>Sign in</body></html>"),
    "nothing": always(200),
    "nothing as 207": always(207),
    "no content": always(204),
    "empty list": always(207, MULTI.format("")),
    "half": body(lambda text: text[: len(text) // 2]),
    "bomb": body(lambda text: BOMB + b"]><m>&j;</m>"),
    "bomb within": swapped(rb"^.*?(<D:multistatus)", BOMB.replace(b"\\", b"") + rb"]>\1"),
    "outer entity": swapped(
        rb"^.*?(<D:multistatus)",
        rb'<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>\1',
    ),
    "deep": always(207, "<a>" * 200_000),
    "wide": always(207, MULTI.format('<D:response a="1"/>' * 100_000)),
    "many attributes": always(207, "<a " + " ".join(f'a{n}="1"' for n in range(50_000)) + "/>"),
    "UTF-16": body(lambda text: text.decode("utf-8", "replace").encode("utf-16")),
    "Latin-1": body(lambda text: text.replace(b"Team", b"Te\xe4m")),
    "BOM": body(lambda text: b"\xef\xbb\xbf" + text),
    "packed wrong": lambda answer: Answer(
        answer.status, b"no gzip", answer.headers | {"Content-Encoding": "gzip"}
    ),
    "packed unknown": lambda answer: Answer(
        answer.status, answer.body, answer.headers | {"Content-Encoding": "br"}
    ),
    "bomb packed": lambda answer: Answer(
        answer.status,
        gzip.compress(b" " * 200_000_000, 1),
        answer.headers | {"Content-Encoding": "gzip"},
    ),
    "twice": with_rows(lambda rows: rows * 2),
    "backwards": with_rows(lambda rows: rows[::-1]),
    "first only": with_rows(lambda rows: rows[:1]),
    "last only": with_rows(lambda rows: rows[-1:]),
    "all 403 inside": swapped(rb"HTTP/1.1 200 OK", b"HTTP/1.1 403 Forbidden"),
    "all 404 inside": swapped(rb"HTTP/1.1 200 OK", b"HTTP/1.1 404 Not Found"),
    "all 500 inside": swapped(rb"HTTP/1.1 200 OK", b"HTTP/1.1 500 Broken"),
    "no status": swapped(rb"<D:status>[^<]*</D:status>", b""),
    "odd status": swapped(rb"HTTP/1.1 200 OK", b"fine"),
    "short status": swapped(rb"HTTP/1.1 (\d+) [^<]*", rb" HTTP/1.1  \1"),
    "no etags": swapped(rb"<D:getetag>[^<]*</D:getetag>", b""),
    "empty etags": swapped(rb"<D:getetag>[^<]*</D:getetag>", b"<D:getetag/>"),
    "weak etags": swapped(rb"<D:getetag>", b"<D:getetag>W/"),
    "bare etags": swapped(rb'<D:getetag>"([^<]*)"<', rb"<D:getetag>\1<"),
    "one etag": swapped(rb"<D:getetag>[^<]*<", b'<D:getetag>"same"<'),
    "long etags": swapped(rb"<D:getetag>[^<]*<", b'<D:getetag>"' + b"e" * 5000 + b'"<'),
    "no data": swapped(rb"<C:calendar-data>.*?</C:calendar-data>", b""),
    "empty data": swapped(rb"<C:calendar-data>.*?</C:calendar-data>", b"<C:calendar-data/>"),
    "data in CDATA": swapped(
        rb"<C:calendar-data>(.*?)</C:calendar-data>",
        rb"<C:calendar-data><![CDATA[\1]]></C:calendar-data>",
    ),
    "controls": swapped(rb"Team", "T\x07ea\x0bm￾￿".encode()),
    "surrogates": swapped(rb"Team", b"&#55358;&#56758;Team&#xFFFF;&#0;&#99999999;"),
    "whole addresses": swapped(rb"<D:href>/", f"<D:href>https://{HOST}:443/".encode()),
    "another host": swapped(rb"<D:href>/", b"<D:href>https://evil.test/"),
    "another scheme": swapped(rb"<D:href>/", f"<D:href>http://{HOST}/".encode()),
    "a sister host": swapped(rb"<D:href>/", b"<D:href>https://b.dav.test/"),
    "no scheme": swapped(rb"<D:href>/", f"<D:href>//{HOST}/".encode()),
    "bad addresses": swapped(rb"<D:href>[^<]*", b"<D:href>http://[::1/:99999999/%ff%00"),
    "script": swapped(rb"<D:href>[^<]*", b"<D:href>javascript:alert(1)"),
    "no address": swapped(rb"<D:href>[^<]*</D:href>", b""),
    "dots": swapped(rb"(/own/)([^<])", rb"\1../../\2"),
    "double slashes": swapped(rb"<D:href>/", b"<D:href>//"),
    "encoded names": swapped(rb"(<D:href>[^<]*)\.ics", rb"\1%2eics"),
    "lower hex": swapped(rb"(<D:href>[^<]*)\.ics", rb"\1%2Eics"),
    "with query": swapped(rb"\.ics</D:href>", b".ics?x=1#y</D:href>"),
    "another calendar": swapped(rb"/own/([^<])", rb"/other/\1"),
    "no token": swapped(rb"<D:sync-token>[^<]*</D:sync-token>", b""),
    "empty token": swapped(rb"<D:sync-token>[^<]*<", b"<D:sync-token><"),
    "old token": swapped(rb"<D:sync-token>[^<]*<", b"<D:sync-token>urn:1<"),
    "future token": swapped(rb"<D:sync-token>[^<]*<", b"<D:sync-token>urn:999999<"),
    "huge token": swapped(rb"<D:sync-token>[^<]*<", b"<D:sync-token>" + b"9" * 300_000 + b"<"),
    "another namespace": body(lambda text: text.replace(b'"DAV:"', b'"DAV"')),
    "no namespace": body(lambda text: re.sub(rb"(</?)[DCS]:", rb"\1", text)),
    "default namespace": body(
        lambda text: re.sub(rb"(</?)D:", rb"\1", text).replace(b'xmlns:D="DAV:"', b'xmlns="DAV:"')
    ),
    "507": always(507),
    "507 for ever": swapped(rb"(<D:sync-token>)", gone(OWN, 507).encode() + rb"\1"),
    "strangers": body(
        lambda text: text.replace(
            b"</D:multistatus>",
            (
                gone(f"{OWN}team.ics", 403)
                + row("https://evil.test/own/x.ics", "<D:getetag>1</D:getetag>")
                + row(f"{OWN}sub/x.ics", "<D:getetag>1</D:getetag>")
                + row(f"{OWN}%2e%2e%2fx.ics", "<D:getetag>1</D:getetag>")
                + row(f"{OWN}" + "n" * 3000 + ".ics", "<D:getetag>1</D:getetag>")
            ).encode()
            + b"</D:multistatus>",
        )
    ),
    "another 207": lambda answer: multi(row("/x/", "<D:displayname>x</D:displayname>")),
    "to another host": always(302, Location="https://evil.test/"),
    "to http": always(301, Location=f"http://{HOST}/"),
    "to this machine": always(307, Location="https://127.0.0.1/"),
    "to metadata": always(308, Location="http://169.254.169.254/latest/"),
    "to nowhere": always(302),
    "to bad": always(302, Location="https://[::1"),
    "in a circle": always(303, Location=f"https://{HOST}/"),
    "cut": lambda answer: httpx.RemoteProtocolError("cut"),
    "reset": lambda answer: httpx.ReadError("reset"),
    "late": lambda answer: httpx.ReadTimeout("late"),
    "not there": lambda answer: httpx.ConnectError("refused"),
    **{
        str(status): always(status, "<html>")
        for status in (
            100,
            199,
            201,
            202,
            203,
            206,
            208,
            226,
            300,
            304,
            305,
            399,
            400,
            401,
            402,
            403,
            404,
            405,
            406,
            408,
            409,
            410,
            411,
            412,
            413,
            414,
            415,
            416,
            417,
            418,
            421,
            422,
            423,
            424,
            425,
            426,
            428,
            429,
            431,
            451,
            499,
            500,
            501,
            502,
            503,
            504,
            505,
            508,
            511,
            520,
            599,
            999,
        )
    },
    "429 for long": always(429, Retry_After="99999999999999"),
    "503 for nonsense": always(503, Retry_After="-5 apples"),
    "503 until a date": always(503, Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"),
}
WHERE = {
    "lists": lambda method, path, text: method == "PROPFIND",
    "changes": lambda method, path, text: "sync-collection" in text,
    "many": lambda method, path, text: "calendar-multiget" in text,
    "one": lambda method, path, text: method == "GET",
    "writes": lambda method, path, text: method in ("PUT", "DELETE"),
    "any": lambda method, path, text: True,
}


FOUND = {("bad addresses", "many"), ("huge token", "any")}  # once faults of ours
CELLS = [(what, where) for what in EVERYTHING for where in WHERE]
SOME = [
    cell
    for n, cell in enumerate(CELLS)
    if os.environ.get("SPOILED") == "all" or n % 20 == 0 or cell in FOUND
]


@pytest.mark.parametrize(("what", "where"), SOME)
def test_whatever_a_server_answers_all_is_right_afterwards(person, what, where):
    bookings = [person.book(days) for days in (1, 2, 3, 4)]
    person.begin()
    assert person.ours() == person.due()
    good = ["Class", "Class", "Class", "Team"]
    assert person.blocked() == good
    applies, change = WHERE[where], EVERYTHING[what]
    person.there.spoil = lambda method, path, text, answer: (
        change(answer) if applies(method, path, text) else None
    )
    person.book(6)
    bookings[0].set_status("cancelled", person.user)
    later = timedelta(hours=2)
    bookings[1].change(None, Span(bookings[1].starts_at + later, bookings[1].ends_at + later))
    person.there.put(OWN, "later.ics", event(LATER))
    expected = {row.id: (row.starts_at, row.status) for row in Booking.select()}
    for wait in ({"minutes": 7}, {"minutes": 7}, {"hours": 1}, {"hours": 22}, {"minutes": 7}):
        account = person.later(**wait)
        assert account.health_word != "fault" and account.phase == "active"
        told = person.blocked()
        assert [title for title in told if title not in ("Later", "Busy")] == good or (
            "Latin" in what or "controls" in what or "surrogates" in what
        ), told
        starts = person.ours()
        assert len(starts) == len(set(starts))
    assert {row.id: (row.starts_at, row.status) for row in Booking.select()} == expected
    assert not any(has_password for _, has_password in person.there.elsewhere)
    person.there.spoil = lambda *told: None
    if account.health == "reconnect":
        person.sign_in()
    for wait in ({"minutes": 20}, {"hours": 6}, {"minutes": 20}, {"hours": 26}, {"minutes": 20}):
        account = person.later(**wait)
    assert (account.health, account.phase) == ("ok", "active"), account.health_word
    assert person.ours() == person.due()
    assert person.blocked() == sorted([*good, "Later"])
    assert len(person.there.folders) == 2
