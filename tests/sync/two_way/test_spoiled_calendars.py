"""One event that is spoiled, by CalDAV and in a published calendar: what else stands there is read,
and what was read stays. A run takes every eighth way to spoil one; SPOILED=all takes all of them.
"""

import gzip
import logging
import os
from datetime import timedelta

import httpx
import pytest
from deviant_server import HOME, HOST, SECRET, USER, Deviant

from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from base.tables.outside import ExternalEvent
from sync.connect import arrival, gateway
from sync.tables import starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.sources import turn_on
from sync.two_way import first_list, run

ALL = os.environ.get("SPOILED") == "all"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OWN = f"{HOME}own/"
HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
AT = "DTSTART:20261203T100000Z\r\nDTEND:20261203T110000Z"
STAMP = "DTSTAMP:20261101T000000Z"
GOOD = f"BEGIN:VEVENT\r\n{STAMP}\r\nUID:team\r\n{AT}\r\nSUMMARY:Team\r\nEND:VEVENT\r\n"


def event(lines):
    return f"BEGIN:VEVENT\r\nDTSTAMP:20261101T000000Z\r\nUID:bad\r\n{lines}\r\nEND:VEVENT\r\n"


def ruled(rule, start="DTSTART:20261203T100000Z", end="DTEND:20261203T110000Z"):
    return event(f"{start}\r\n{end}\r\nRRULE:{rule}")


NASTY = {
    "nothing": "",
    "no start": event("SUMMARY:x"),
    "empty start": event("DTSTART:\r\nDTEND:"),
    "no date": event("DTSTART:soon\r\nDTEND:later"),
    "year 0": event("DTSTART:00000101T000000Z\r\nDTEND:00000101T010000Z"),
    "year 1": event("DTSTART:00010101T000000\r\nDTEND:00010101T010000"),
    "year 9999": event("DTSTART:99991231T230000Z\r\nDTEND:99991231T235959Z"),
    "to the end of time": event("DTSTART:20261203T100000Z\r\nDTEND:99991231T235959Z"),
    "from its beginning": event("DTSTART:00010101T000000Z\r\nDTEND:20991231T235959Z"),
    "far zone, year 1": event("DTSTART;TZID=Asia/Tokyo:00010101T000000\r\nDTEND:20270101T000000Z"),
    "end before start": event("DTSTART:20261203T110000Z\r\nDTEND:20261203T100000Z"),
    "date and time": event("DTSTART;VALUE=DATE:20261203\r\nDTEND:20261203T100000Z"),
    "30 February": event("DTSTART:20260230T100000Z\r\nDTEND:20260230T110000Z"),
    "25 o'clock": event("DTSTART:20261203T250000Z\r\nDTEND:20261203T260000Z"),
    "leap second": event("DTSTART:20261203T235960Z\r\nDTEND:20261204T000000Z"),
    "endless duration": event("DTSTART:20261203T100000Z\r\nDURATION:P99999999999999D"),
    "negative duration": event("DTSTART:20261203T100000Z\r\nDURATION:-P9D"),
    "odd duration": event("DTSTART:20261203T100000Z\r\nDURATION:PT"),
    "two starts": event(f"{AT}\r\nDTSTART:20261204T100000Z"),
    "many starts": event("\r\n".join(["DTSTART:20261203T100000Z"] * 5000)),
    "each second": ruled("FREQ=SECONDLY"),
    "each minute": ruled("FREQ=MINUTELY"),
    "each hour": ruled("FREQ=HOURLY"),
    "counted without end": ruled("FREQ=MINUTELY;COUNT=1000000000"),
    "each second of a minute": ruled("FREQ=DAILY;BYSECOND=" + ",".join(map(str, range(60)))),
    "each of all": ruled(
        "FREQ=DAILY;BYHOUR="
        + ",".join(map(str, range(24)))
        + ";BYMINUTE="
        + ",".join(map(str, range(60)))
        + ";BYSECOND="
        + ",".join(map(str, range(60)))
    ),
    "interval 0": ruled("FREQ=DAILY;INTERVAL=0"),
    "interval -1": ruled("FREQ=DAILY;INTERVAL=-1"),
    "huge interval": ruled("FREQ=YEARLY;INTERVAL=99999999999999999999"),
    "huge count": ruled("FREQ=DAILY;COUNT=" + "9" * 5000),
    "never": ruled("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
    "never, by days": ruled("FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2,4,6,9,11"),
    "never, each second": ruled("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"),
    "by position": ruled("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=-366,366,99999"),
    "by week": ruled("FREQ=YEARLY;BYWEEKNO=54"),
    "no frequency": ruled("COUNT=3"),
    "another frequency": ruled("FREQ=SOMETIMES"),
    "until nonsense": ruled("FREQ=DAILY;UNTIL=tomorrow"),
    "until before": ruled("FREQ=DAILY;UNTIL=19990101T000000Z"),
    "until and count": ruled("FREQ=DAILY;UNTIL=20270101;COUNT=3"),
    "another calendar": ruled("RSCALE=CHINESE;FREQ=YEARLY"),
    "long daily": ruled("FREQ=DAILY", end="DTEND:20361203T100000Z"),
    "long since": ruled("FREQ=HOURLY", "DTSTART:19000101T000000Z", "DTEND:19000101T010000Z"),
    "days since year 1": ruled("FREQ=DAILY", "DTSTART:00010101T000000Z", "DTEND:00010101T010000Z"),
    "many rules": event(AT + "\r\nRRULE:FREQ=DAILY" * 500),
    "many dates": event(
        AT
        + "\r\nRDATE:"
        + ",".join(
            f"2027{m:02}{d:02}T{h:02}0000Z"
            for m in range(1, 13)
            for d in range(1, 29)
            for h in range(24)
        )
    ),
    "dates without end": event(AT + "\r\nRDATE;VALUE=PERIOD:20261205T100000Z/P99999D"),
    "many exceptions": event(
        AT
        + "\r\nRRULE:FREQ=DAILY\r\nEXDATE:"
        + ",".join(
            f"2027{m:02}{d:02}T{h:02}0000Z"
            for m in range(1, 13)
            for d in range(1, 29)
            for h in range(24)
        )
    ),
    "exception rule": event(AT + "\r\nRRULE:FREQ=DAILY\r\nEXRULE:FREQ=SECONDLY"),
    "odd exception": event(AT + "\r\nRRULE:FREQ=DAILY\r\nEXDATE:never"),
    "many overrides": event(AT + "\r\nRRULE:FREQ=DAILY")
    + "".join(
        event(f"{AT}\r\nRECURRENCE-ID:2027{m:02}{d:02}T{h:02}0000Z")
        for m in range(1, 13)
        for d in range(1, 29)
        for h in range(6)
    ),
    "odd override": event(AT + "\r\nRRULE:FREQ=DAILY") + event(AT + "\r\nRECURRENCE-ID:x"),
    "override of itself": event(AT + "\r\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261203T100000Z"),
    "nested": "BEGIN:VEVENT\r\n" * 3000 + "END:VEVENT\r\n" * 3000,
    "nested calendars": "BEGIN:VCALENDAR\r\n" * 500 + "END:VCALENDAR\r\n" * 500,
    "never closed": "BEGIN:VEVENT\r\n" + AT + "\r\n",
    "a task never closed": f"BEGIN:VTODO\r\n{AT}\r\n",
    "an alarm never closed": event(AT + "\r\nBEGIN:VALARM\r\nACTION:NONE"),
    "a zone never closed": "BEGIN:VTIMEZONE\r\nTZID:Mine\r\n",
    "a calendar never closed": HEAD,
    "closed twice": event(AT) + "END:VEVENT\r\n",
    "closed otherwise": f"BEGIN:VEVENT\r\n{AT}\r\nUID:bad\r\nEND:VTODO\r\n",
    "one long line": event(AT + "\r\nSUMMARY:" + "x" * 3_000_000),
    "many folds": event(AT + "\r\nSUMMARY:x" + "\r\n x" * 200_000),
    "many parameters": event(
        AT + "\r\nSUMMARY" + "".join(f";X-{n}=1" for n in range(20_000)) + ":x"
    ),
    "quotes": event(AT + '\r\nSUMMARY;X="' + '"' * 9999 + ":x"),
    "colons": event(AT + "\r\nX" + ":" * 99_999),
    "backslashes": event(AT + "\r\nSUMMARY:" + "\\" * 99_999),
    "no colon": event(AT + "\r\nnonsense\r\n;;;\r\n:::"),
    "a control": event(AT + "\r\nSUMMARY:a\x00b\x07"),
    "a long UID": f"BEGIN:VEVENT\r\nUID:{'u' * 100_000}\r\n{AT}\r\nEND:VEVENT\r\n",
    "a UID of slashes": f"BEGIN:VEVENT\r\nUID:../../../etc/passwd\r\n{AT}\r\nEND:VEVENT\r\n",
    "no UID": f"BEGIN:VEVENT\r\n{AT}\r\nEND:VEVENT\r\n",
    "zone of a path": event("DTSTART;TZID=../../etc/passwd:20261203T100000\r\nDURATION:PT1H"),
    "zone of NUL": event("DTSTART;TZID=a\x00b:20261203T100000\r\nDURATION:PT1H"),
    "long zone": event(f"DTSTART;TZID={'Z' * 100_000}:20261203T100000\r\nDURATION:PT1H"),
    "zone without end": "BEGIN:VTIMEZONE\r\nTZID:Mine\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000"
    "\r\nRRULE:FREQ=SECONDLY\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:STANDARD\r\n"
    "END:VTIMEZONE\r\n" + event("DTSTART;TZID=Mine:20261203T100000\r\nDURATION:PT1H"),
    "zone far off": "BEGIN:VTIMEZONE\r\nTZID:Mine\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000"
    "\r\nTZOFFSETFROM:+9959\r\nTZOFFSETTO:-9959\r\nEND:STANDARD\r\n"
    "END:VTIMEZONE\r\n" + event("DTSTART;TZID=Mine:20261203T100000\r\nDURATION:PT1H"),
    "zone of many": "BEGIN:VTIMEZONE\r\nTZID:Mine\r\n"
    + "".join(
        f"BEGIN:STANDARD\r\nDTSTART:{1601 + n}0101T000000\r\nTZOFFSETFROM:+0{n % 9}00\r\n"
        f"TZOFFSETTO:+0{(n + 1) % 9}00\r\nEND:STANDARD\r\n"
        for n in range(400)
    )
    + "END:VTIMEZONE\r\n"
    + event("DTSTART;TZID=Mine:20261203T100000\r\nDURATION:PT1H"),
    "zone without parts": "BEGIN:VTIMEZONE\r\nTZID:Mine\r\nEND:VTIMEZONE\r\n"
    + event("DTSTART;TZID=Mine:20261203T100000\r\nDURATION:PT1H"),
    "a task": f"BEGIN:VTODO\r\nUID:bad\r\n{AT}\r\nEND:VTODO\r\n",
    "odd state": event(
        AT + "\r\nSTATUS:PERHAPS\r\nTRANSP:MAYBE\r\nCLASS:x\r\nSEQUENCE:-" + "9" * 5000
    ),
    "odd stamps": event(AT + "\r\nDTSTAMP:x\r\nLAST-MODIFIED:99999999T999999Z\r\nCREATED:"),
    "many guests": event(
        AT + "".join(f"\r\nATTENDEE;CN=a:mailto:g{n}@x.test" for n in range(20_000))
    ),
    "an attachment": event(AT + "\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:" + "QUJD" * 500_000),
    "an alarm": event(
        AT + "\r\nBEGIN:VALARM\r\nTRIGGER:-P99999999D\r\nREPEAT:999999999\r\nEND:VALARM"
    ),
}


SOME = [what for n, what in enumerate(NASTY) if ALL or n % 8 == 0 or "never closed" in what]


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)
    allowed = exchange.set_up_as()
    exchange.set_up(read_allowed("dav.test"))
    yield
    exchange.set_up(allowed)
    logging.disable(logging.NOTSET)


class Feed(httpx.BaseTransport):
    """An address that publishes `text`. `answer`: another answer."""

    def __init__(self):
        self.text, self.answer, self.requests = "", None, []

    def handle_request(self, request):
        self.requests.append((str(request.url), request.headers.get("Authorization")))
        if self.answer:
            return self.answer(request)
        body = self.text if isinstance(self.text, bytes) else self.text.encode()
        return httpx.Response(200, stream=httpx.ByteStream(body))


class Reader:
    def __init__(self, linden, clock, there):
        self.clock, self.user = clock, linden.pat
        linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
        gateway.set_up(
            gateway.GatewaySetup(secret=b"x", transport=lambda kind: there, by_password=True)
        )

    def later(self, **wait):
        self.clock.now += timedelta(**wait)
        row = Account.get_by_id(self.account.id)
        if row.wait_until:
            self.clock.now = max(self.clock.now, row.wait_until)
        run.run(self.account.id)
        account = Account.get_by_id(self.account.id)
        assert account.health_word != "fault"
        return account


def teams():
    return sum(row.title == "Team" and row.blocks for row in ExternalEvent.select())


@pytest.fixture
def dav(linden, clock):
    there = Deviant()
    reader = Reader(linden, clock, there)
    there.put(OWN, "team.ics", f"{HEAD}{GOOD}END:VCALENDAR\r\n")
    account = arrival.sign_in(reader.user, "caldav", f"https://{HOST}/", USER, SECRET, None)
    first_list.read_list(account.id)
    reader.account = Account.get_by_id(account.id)
    starting.start(reader.account, reader.user, "Kalends", "Europe/London")
    turn_on(RemoteCalendar.get(RemoteCalendar.name == "Own"), reader.user)
    reader.there = there
    reader.later(minutes=1)
    return reader


@pytest.mark.parametrize("what", SOME)
def test_by_caldav_one_spoiled_event_spoils_no_other(dav, what):
    assert teams() == 1
    dav.there.put(OWN, "bad.ics", f"{HEAD}{NASTY[what]}END:VCALENDAR\r\n")
    later = GOOD.replace("UID:team", "UID:more").replace("20261203", "20261210")
    dav.there.put(OWN, "more.ics", f"{HEAD}{later}END:VCALENDAR\r\n")
    account = dav.later(minutes=7)
    assert (account.health, teams()) == ("ok", 2)
    account = dav.later(hours=25)  # all is read anew
    assert (account.health, teams()) == ("ok", 2)
    dav.there.remove(OWN, "bad.ics")
    account = dav.later(minutes=7)
    assert (account.health, teams()) == ("ok", 2)
    assert {row.title for row in ExternalEvent.select()} == {"Team"}


@pytest.fixture
def feed(linden, clock):
    there = Feed()
    reader = Reader(linden, clock, there)
    there.text = f"{HEAD}{GOOD}END:VCALENDAR\r\n"
    reader.account = arrival.connect_published(
        reader.user, "published", "https://dav.test/secret.ics", None
    )
    reader.there = there
    reader.later(minutes=1)
    return reader


@pytest.mark.parametrize("what", SOME)
def test_in_a_published_calendar_one_spoiled_event_frees_nothing(feed, what):
    assert teams() == 1
    later = GOOD.replace("UID:team", "UID:more").replace("20261203", "20261210")
    feed.there.text = f"{HEAD}{GOOD}{NASTY[what]}{later}END:VCALENDAR\r\n"
    account = feed.later(minutes=30)
    assert teams() >= 1, account.health_word
    account = feed.later(hours=25)
    assert teams() >= 1, account.health_word
    feed.there.text = f"{HEAD}{GOOD}{later}END:VCALENDAR\r\n"
    for wait in ({"hours": 25}, {"minutes": 20}, {"hours": 3}, {"hours": 25}):
        account = feed.later(**wait)
        assert (account.health, teams()) == ("ok", 2)
    assert {row.title for row in ExternalEvent.select()} == {"Team"}


def told(status, body=b"", **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, headers=sent, stream=httpx.ByteStream(body))


def raised(error):
    def answer(request):
        raise error

    return answer


def streamed(text):
    return httpx.Response(200, stream=httpx.ByteStream(text.encode()))


def moved(status, to):
    """To another address, where an empty calendar is published."""

    def answer(request):
        if request.url.host == HOST and request.url.path == "/secret.ics":
            return httpx.Response(status, headers={"Location": to})
        return streamed(f"{HEAD}END:VCALENDAR")

    return answer


MANY = f"{HEAD}{GOOD * 100_000}END:VCALENDAR".encode()
ANSWERS = {
    "a page": told(200, b"<!doctype html><title>Sign in</title>", Content_Type="text/html"),
    "nothing": told(200),
    "the first half": told(200, f"{HEAD}{GOOD}".encode()),
    "another file": told(200, b"%PDF-1.7 END:VCALENDAR"),
    "50 MB": told(200, HEAD.encode() + b"X-A:b\r\n" * 7_000_000 + b"END:VCALENDAR"),
    "50 MB packed": told(200, gzip.compress(b"X-A:b\r\n" * 7_000_000), Content_Encoding="gzip"),
    "100,000 events": told(200, MANY),
    "100,000 events packed": told(200, gzip.compress(MANY), Content_Encoding="gzip"),
    "packed wrong": told(200, b"no gzip", Content_Encoding="gzip"),
    "XML bomb": told(200, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
    "gone": told(410),
    "not found": told(404),
    "a password": told(401, WWW_Authenticate='Basic realm="x"'),
    "forbidden": told(403),
    "not modified": told(304),
    "too much": told(429, Retry_After="3600"),
    "broken": told(500),
    "cut": raised(httpx.RemoteProtocolError("cut")),
    "late": raised(httpx.ReadTimeout("late")),
    "to http": moved(301, f"http://{HOST}/x.ics"),
    "to metadata": moved(307, "http://169.254.169.254/x.ics"),
    "in a circle": moved(308, f"https://{HOST}/secret.ics"),
    "to nothing": moved(302, "https://["),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_whatever_an_address_answers_nothing_becomes_free(feed, what):
    feed.there.answer = ANSWERS[what]
    for wait in ({"minutes": 20}, {"hours": 1}, {"hours": 25}, {"minutes": 20}):
        account = feed.later(**wait)
        assert teams() == 1, account.health_word
    feed.there.answer = None
    for wait in ({"hours": 7}, {"hours": 25}):
        account = feed.later(**wait)
    assert (account.health, teams()) == ("ok", 1)


def test_a_password_in_the_address_goes_to_no_other_host(linden, clock):
    there = Feed()
    reader = Reader(linden, clock, there)
    there.text = f"{HEAD}{GOOD}END:VCALENDAR\r\n"
    address = f"https://robin:hunter2@{HOST}/secret.ics"
    there.answer = lambda request: (
        httpx.Response(302, headers={"Location": "https://other.test/x.ics"})
        if request.url.host == HOST
        else streamed(there.text)
    )
    reader.account = arrival.connect_published(reader.user, "published", address, None)
    reader.later(minutes=1)
    assert teams() == 1
    assert [bool(login) for _, login in there.requests] == [True, False]
    assert not any("hunter2" in url for url, _ in there.requests[1:])
