"""One person of the Linden clinic with an account at a real CalDAV server."""

import logging
import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from caldav_installed import Installed
from caldav_servers import SECRET, SERVERS, USER, Server

from base import scheduling
from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from base.scheduling import Span
from models import Booking
from sync.connect import arrival, gateway
from sync.providers.caldav import login
from sync.tables import starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.sources import turn_on
from sync.two_way import first_list, run

KIND = "caldav"


@contextmanager
def at(name):
    """A running server."""
    server = Server(name) if name in SERVERS else Installed(name)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)  # the servers tell each refusal
    allowed = exchange.set_up_as()
    exchange.set_up(read_allowed("http://127.0.0.1 dav.test"))
    yield
    exchange.set_up(allowed)
    logging.disable(logging.NOTSET)


class World:
    """One person of the Linden clinic with an account at a server, such as Radicale."""

    def __init__(self, linden, clock, server):
        self.linden, self.clock, self.user, self.server = linden, clock, linden.pat, server
        self.made = []
        gateway.set_up(
            gateway.GatewaySetup(
                secret=b"a secret of the tests",
                transport=lambda kind: server.transport(),
                by_password=True,
            )
        )
        self.http = httpx.Client(
            transport=server.transport(),
            auth=httpx.BasicAuth(USER, SECRET),
            headers={"Content-Type": "application/xml; charset=utf-8"},
        )

    def sign_in(self, secret=SECRET, kind=KIND):
        known = Account.at(self.user, kind)
        account = arrival.sign_in(self.user, kind, self.server.address, USER, secret, known)
        first_list.read_list(account.id)
        return Account.get_by_id(account.id)

    def start(self, sources=()):
        account = self.sign_in()
        starting.start(account, self.user, "Kalends", "Europe/London")
        for row in account.calendars.where(RemoteCalendar.name.in_(list(sources))):
            turn_on(row, self.user)
        return self.run(account)

    def run(self, account, times=1):
        for _ in range(times):
            run.run(account.id)
        return Account.get_or_none(Account.id == account.id)

    def poll(self, account):
        self.clock.now += timedelta(seconds=400)
        return self.run(account)

    def settle(self, account, looks=4):
        """As often as it takes, over some hours."""
        for _ in range(looks if account else 0):
            self.clock.now += timedelta(minutes=45)
            account = account and self.run(account)
        return account

    def book(self, days=3, hour=10):
        day = self.clock.now.date() + timedelta(days=days)
        starts_at = scheduling.midnight(day, self.linden.street.zone) + timedelta(hours=hour)
        span = Span(starts_at, starts_at + timedelta(minutes=50))
        fields = {"patient": self.linden.patient, "service": self.linden.service}
        return Booking.book(self.linden.calendar, [span], self.user, allow_overlap=True, **fields)[
            0
        ]

    # ---- the other side ----

    def make_calendar(self, name):
        body = f"""<c:mkcalendar xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:d="DAV:"><d:set>
          <d:prop><d:displayname>{name}</d:displayname></d:prop></d:set></c:mkcalendar>"""
        path = f"{self.home()}{name}/"
        made = self.http.request("MKCALENDAR", self.server.origin + path, content=body.encode())
        assert made.status_code == 201
        self.made.append(path)
        return path

    def home(self):
        """Where calendars are made."""
        account = self.sign_in()
        assert account.health == "ok", account.health_word
        (home,) = login.read_login(gateway.opened_login(account.sealed)).homes
        return urlsplit(home).path

    def put(self, calendar, name, lines):
        event = f"BEGIN:VEVENT\n{lines}\nEND:VEVENT"
        text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{event}\nEND:VCALENDAR\n"
        answer = self.http.put(
            f"{self.server.origin}{calendar}{name}",
            content=text.replace("\n", "\r\n").encode(),
            headers={"Content-Type": "text/calendar"},
        )
        assert answer.status_code < 300

    def listed(self, account):
        """Addresses in our calendar."""
        path = account.destination.calendar_id
        body = b'<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>'
        answer = self.http.request(
            "PROPFIND", self.server.origin + path, content=body, headers={"Depth": "1"}
        )
        hrefs = re.findall(r"href>(?:https?://[^/<]*)?([^<]*\.ics)</", answer.text)
        return sorted(href for href in hrefs if href.startswith(path))

    def edit(self, href, old, new):
        """Somebody changes an event there."""
        text = re.sub(old, new, self.http.get(self.server.origin + href).text, count=1)
        answer = self.http.put(
            self.server.origin + href,
            content=text.encode(),
            headers={"Content-Type": "text/calendar; charset=utf-8"},
        )
        assert answer.status_code < 300

    def texts(self, account):
        return [self.http.get(self.server.origin + path).text for path in self.listed(account)]

    def starts(self, account):
        """When our events begin there."""
        lines = [line for text in self.texts(account) for line in text.splitlines()]
        told = [line.partition(":")[2] for line in lines if line.startswith("DTSTART")]
        return sorted(datetime.strptime(one, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for one in told)

    def assert_in_step(self, account):
        rows = Booking.select().where(Booking.status == "confirmed")
        assert self.starts(account) == sorted(row.starts_at for row in rows)
        return self.assert_still(account)

    def assert_still(self, account):
        """Another look writes nothing."""
        before = len([one for one in self.server.requests if one[0] in ("PUT", "DELETE")])
        account = self.poll(account)
        after = [one for one in self.server.requests if one[0] in ("PUT", "DELETE")]
        assert len(after) == before
        assert (account.health, account.failures) == ("ok", 0)
        return account
