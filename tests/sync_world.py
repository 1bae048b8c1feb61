"""The engine over real rows and an imitation provider.

A person of the Linden clinic, connected to an account of somebody outside.

`world.start()` connects and begins; `world.run()` does what workers would; the rest looks at both
sides or plays the person outside.
"""

import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from base import scheduling
from base.config.endpoints import Endpoints
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from models import Booking
from sandbox import google, graph
from sandbox.graph import seed as graph_seed
from sandbox.seed import ANA, CLIENT_ID, CLIENT_SECRET, ROBIN
from sync.connect import calendar_list, gateway
from sync.connect.oauth import Tokens
from sync.providers import scopes
from sync.tables import starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.sources import turn_on
from sync.two_way import run

BASE = "http://sandbox"
LISTS = "/(events|calendarView)(/delta)?$"
VIEWS = "/(events|calendarView|instances)$"  # lists, not histories


class SyncWorld:
    """One person's account at a provider, with Kalends on this side."""

    kind, email, other_email = "google", ROBIN, ANA
    each_fault = 1  # so many of the faults of a table are left out for one that is taken
    # Where their requests go: batches, lists of events, and single ones.
    batch, lists, items = (
        "^/batch",
        "/events$",
        "/events/",
    )

    def __init__(self, linden, clock, webhook_url="http://localhost:8000"):
        self.linden, self.clock, self.user = linden, clock, linden.pat
        self.messages, self.look = [], lambda moment, request: None
        self.lies = []  # how the next lists are shortened
        self.sandbox = self.imitation()
        gateway.set_up(
            gateway.GatewaySetup(
                {self.kind: self.endpoints()},
                webhook_url,
                300,
                b"a secret of the tests",
                self.transport,
            )
        )
        self.robin = self.sandbox.user(self.email)

    # ---- what differs between providers ----

    def imitation(self):
        made = google.create(
            clock=lambda: self.clock.now,
            sender=lambda address, headers: self.messages.append((address, headers, b"")),
        )
        made.strict = True
        made.oauth.register(CLIENT_ID, CLIENT_SECRET, "http://localhost/connect/google")
        return made

    def endpoints(self):
        return Endpoints(
            CLIENT_ID,
            CLIENT_SECRET,
            f"{BASE}/o/oauth2/v2/auth",
            f"{BASE}/token",
            f"{BASE}/revoke",
            BASE,
            True,
        )

    def transport(self, kind):
        return Watched(self.sandbox, self.look, self.lies)

    def watch(self, look):
        """`look("before", request)` and `look("after", request)` are called around each request's
        work.
        """
        self.look = look

    def trouble(self, kind, path, skip):
        """One mishap that waits: an answer lost, a connection lost, or a refusal."""
        where = {"batch": self.batch, "events": self.items, "": None}[path]
        kind, _, status = kind.partition(" ")
        choice = {"reason": self.refusal(429), "status": 429} if status else {"status": 503}
        getattr(self.sandbox.faults, kind)(
            path=where, skip=skip, **(choice if kind == "fail" else {})
        )

    def outside_id(self, row):
        """The id outside of an external event that is mirrored here."""
        return row.remote_id

    def grant(self, email, *granted):
        return self.sandbox.connect(email, list(granted or scopes(self.kind, True, False)))

    def reference_of(self, event):
        """The booking's uid in an event of ours outside, None for anything else."""
        return event.get("extendedProperties", {}).get("private", {}).get("kalendsReference")

    def title_of(self, event):
        return event["summary"]

    def source(self):
        """The id of the person's main calendar."""
        return ROBIN

    def is_ours(self, calendar, reference):
        return reference in (calendar.get("description") or "")

    def revoke(self):
        self.robin.revoke(CLIENT_ID)

    def repeat(self, event, calendar):
        """Somebody makes an event of ours repeat weekly."""
        self.robin.change(event["id"], calendar, recurrence=["RRULE:FREQ=WEEKLY"])

    def invite(self, event, calendar, *emails):
        """Somebody invites these people, and no others, to an event of ours."""
        self.robin.change(event["id"], calendar, attendees=[{"email": email} for email in emails])

    def add_repeating(self, title, starts_at, calendar, rule="weekly", times=None):
        until = f";COUNT={times}" if times else ""
        start, end = (
            {"dateTime": at.isoformat(), "timeZone": "UTC"}
            for at in (starts_at, starts_at + timedelta(hours=1))
        )
        return self.robin.add(
            title, start, end, calendar, recurrence=[f"RRULE:FREQ={rule.upper()}{until}"]
        )

    def copy(self, event, calendar):
        """Somebody copies an event of ours, mark and all."""
        return self.robin.add(
            event["summary"],
            event["start"],
            event["end"],
            calendar,
            extendedProperties=event["extendedProperties"],
        )

    def version_of(self, event):
        return event["updated"]

    # passing trouble by name; how a lost sync token is told; where calendars are made;
    # and where one calendar is read
    passing: ClassVar = {
        "throttled": {"status": 429, "reason": "rateLimitExceeded"},
        "refused for now": {"status": 403, "reason": "userRateLimitExceeded"},
        "much": {"status": 403, "reason": "quotaExceeded"},
        "fault": {"status": 500, "reason": "backendError"},
        "away": {"status": 503},
    }
    lost_place: ClassVar = {"status": 410, "reason": "fullSyncRequired"}
    making, updating = "/calendars$", "PUT"

    def reading(self, calendar_id):
        return f"{calendar_id}/events$"

    def days_of(self, event):
        return event["start"]["date"], event["end"]["date"]

    def refusal(self, status):
        """How a refusal with this status is worded there."""
        return {
            429: "rateLimitExceeded",
            412: "conditionNotMet",
            400: "invalid",
            403: "forbidden",
        }.get(status)

    # ---- connecting and running ----

    def connect(self, user=None, email=None, *granted) -> Account:
        """Connected, and its calendars listed."""
        account = self.arrive(user, email, *granted)
        calendar_list.list_calendars(account, gateway.open_account(account))
        return account

    def arrive(self, user=None, email=None, *granted) -> Account:
        """Connected, and nothing asked yet."""
        made, user, email = (
            self.grant(email or self.email, *granted),
            user or self.user,
            email or self.email,
        )
        tokens = Tokens(
            made["access_token"],
            made["refresh_token"],
            self.clock.now + timedelta(hours=1),
            frozenset(made["scope"].split()),
        )
        return starting.connect(user, self.kind, email, gateway.sealed(tokens), tokens.scopes, None)

    def start(self, user=None, email=None, sources=()) -> Account:
        """Connected, named, started, and run once; with these calendars to read."""
        account = self.connect(user, email)
        starting.start(account, account.user, f"Kalends {account.user.name}", "Europe/London")
        for calendar_id in sources:
            turn_on(
                RemoteCalendar.get(
                    RemoteCalendar.account == account, RemoteCalendar.calendar_id == calendar_id
                ),
                account.user,
            )
        self.run(account)
        return account

    def run(self, account=None, times=1):
        for _ in range(times):
            for row in [account] if account else list(Account.select()):
                run.run(row.id)
        return account and Account.get_or_none(Account.id == account.id)

    def later(self, **length):
        self.clock.now += timedelta(**length)

    def poll(self, account=None):
        """The next regular look."""
        self.later(seconds=400)
        return self.run(account)

    # ---- our side ----

    def book(self, days=3, hour=10, minutes=50, calendar=None, **fields):
        starts_at = scheduling.midnight(
            self.clock.now.date() + timedelta(days=days), self.linden.street.zone
        ) + timedelta(hours=hour)
        fields = {
            "patient": self.linden.patient,
            "service": self.linden.service,
            "allow_overlap": True,
        } | fields
        return Booking.book(
            calendar or self.linden.calendar,
            [Span(starts_at, starts_at + timedelta(minutes=minutes))],
            self.user,
            **fields,
        )[0]

    def notices(self, account):
        return [
            notice.kind
            for notice in Notice.select()
            .where(Notice.account == account, Notice.settled_at.is_null())
            .order_by(Notice.id)
        ]

    def mirrored(self, account):
        """Titles of the external events here, in order of time."""
        rows = ExternalEvent.select().join(RemoteCalendar).where(RemoteCalendar.account == account)
        return [row.title for row in rows.order_by(ExternalEvent.starts_at)]

    # ---- the other side ----

    def destination(self, account) -> str:
        return Account.get_by_id(account.id).destination.calendar_id

    def standing(self, account) -> dict[str, list[dict]]:
        """Events of ours outside by booking, in every calendar of the person."""
        found = {}
        for calendar_id in self.sandbox.user(account.email).calendars:
            for event in self.sandbox.user(account.email).events(calendar_id):
                if reference := self.reference_of(event):
                    found.setdefault(reference, []).append(event)
        return found

    def calendars_of_ours(self, account) -> list[str]:
        mine = calendar_list.reference(account.clinic)
        return [
            key
            for key, calendar in self.sandbox.user(account.email).calendars.items()
            if self.is_ours(calendar, mine)
        ]

    def due(self, user=None):
        """Bookings of the person that should stand outside now, by uid."""
        window = SimpleNamespace(
            start=self.clock.now - timedelta(days=31), end=self.clock.now + timedelta(days=366)
        )
        rows = Booking.of_person((user or self.user), window.start, window.end)
        return {
            str(row.uuid): row
            for row in rows
            if row.status not in ("offered", "cancelled", "no_show")
        }

    def assert_in_step(self, account):
        """Every booking that is to be there stands once, at its time.

        Nothing else of ours does; and a second run plans nothing.
        """
        standing, due = self.standing(account), self.due()
        assert {uid: len(events) for uid, events in standing.items()} == dict.fromkeys(due, 1)
        for uid, booking in due.items():
            assert self.times_of(standing[uid][0]) == (booking.starts_at, booking.ends_at), uid
        self.assert_nothing_more(account)
        assert Account.get_by_id(account.id).health == "ok"
        assert set(
            MappingRow.select(MappingRow.phase)
            .where(MappingRow.account == account, MappingRow.phase.not_in(("gone", "frozen")))
            .tuples()
        ) <= {("synced",)}

    def is_at_rest(self) -> bool:
        """Whether nothing is left to do for any account but to look regularly: no trouble, no link
        or doubt under way, nothing that is to be looked at sooner, and no stop for a person.
        """
        troubled = (
            (Account.phase != "active")
            | (Account.health != "ok")
            | (Account.failures > 0)
            | Account.wait_until.is_null(False)
            | Account.due_at.is_null(False)
        )
        under_way = (
            MappingRow.phase.not_in(("synced", "gone", "frozen"))
            | MappingRow.doubted_at.is_null(False)
            | MappingRow.written_at.is_null(False)
            | (MappingRow.problem != "")
        )
        stop = Notice.kind.in_(("deletes", "empty", "source_empty"))
        return not (
            Account.select().where(troubled).exists()
            or MappingRow.select().where(under_way).exists()
            or Notice.select().where(stop, Notice.settled_at.is_null()).exists()
        )

    def assert_nothing_more(self, account):
        """Another look writes nothing."""
        before = self.writes()
        self.poll(account)
        assert self.writes() == before

    def times_of(self, event):
        start, end = event["start"], event["end"]
        if "date" in start:
            zone = self.linden.street.zone
            return tuple(
                scheduling.midnight(scheduling.date.fromisoformat(side["date"]), zone)
                for side in (start, end)
            )
        return tuple(datetime.fromisoformat(side["dateTime"]) for side in (start, end))

    def writes(self) -> int:
        others = (
            "/token",
            "/watch",
            "/stop",
            "/batch/calendar/v3",
            "/$batch",
            "/subscriptions",
            "/subscriptions/{subscription-id}",
        )
        return sum(
            record.method in ("POST", "PUT", "PATCH", "DELETE") and not record.path.endswith(others)
            for record in self.sandbox.requests
        )

    def event_of_home(self, account, booking) -> dict:
        """The one in our calendar, whatever copies stand elsewhere."""
        there = self.sandbox.user(account.email).events(self.destination(account))
        return next(event for event in there if self.reference_of(event) == str(booking.uuid))

    def event_of(self, account, booking) -> dict:
        (event,) = self.standing(account)[str(booking.uuid)]
        return event


class MicrosoftSyncWorld(SyncWorld):
    """The same with a mailbox at the sandbox Graph."""

    kind, email, other_email = "microsoft", graph_seed.ROBIN, graph_seed.ANA
    batch, lists, items = r"/\$batch$", "/calendarView/delta", "/events"
    passing: ClassVar = {
        "throttled": {"status": 429, "reason": "ApplicationThrottled"},
        "refused for now": {"status": 503, "reason": "ErrorServerBusy"},
        "much": {"status": 429, "reason": "ApplicationThrottled", "retry_after_seconds": 7200},
        "fault": {"status": 500, "reason": "InternalServerError"},
        "away": {"status": 504, "reason": "UnknownError"},
    }
    lost_place: ClassVar = {"status": 410, "reason": "syncStateNotFound"}
    making, updating = "/me/calendars$", "PATCH"

    def reading(self, calendar_id):
        return f"{calendar_id}/(calendarView|events)"

    def days_of(self, event):
        return event["start"]["dateTime"][:10], event["end"]["dateTime"][:10]

    def imitation(self):
        made = graph.create(clock=lambda: self.clock.now, sender=self.hear)
        made.strict, made.repeated_transaction = True, 409
        made.oauth.register(
            graph_seed.CLIENT_ID, graph_seed.CLIENT_SECRET, "http://localhost/connect/microsoft"
        )
        return made

    def hear(self, address, headers, body):
        """Our webhook as Microsoft sees it: the handshake, and calls."""
        if body is None:
            return 200, "text/plain", parse_qs(urlsplit(address).query)["validationToken"][0]
        self.messages.append((address, headers or {}, json.dumps(body).encode()))
        return 202, "text/plain", ""

    def endpoints(self):
        login = f"{BASE}/common/oauth2/v2.0"
        return Endpoints(
            graph_seed.CLIENT_ID,
            graph_seed.CLIENT_SECRET,
            f"{login}/authorize",
            f"{login}/token",
            "",
            f"{BASE}/v1.0",
            True,
        )

    def reference_of(self, event):
        marks = [value for value in event["_properties"].values() if value.startswith("[")]
        return json.loads(marks[0])[1] if marks else None

    def title_of(self, event):
        return event["subject"]

    def source(self):
        return self.robin.calendar()["id"]

    def is_ours(self, calendar, reference):
        return any(reference in value for value in calendar["_properties"].values())

    def revoke(self):
        self.robin.revoke(graph_seed.CLIENT_ID)

    def repeat(self, event, calendar):
        weekly = {
            "type": "weekly",
            "interval": 1,
            "daysOfWeek": ["monday"],
            "firstDayOfWeek": "sunday",
        }
        endless = {"type": "noEnd", "startDate": event["start"]["dateTime"][:10]}
        self.robin.change(event["id"], calendar, recurrence={"pattern": weekly, "range": endless})

    def invite(self, event, calendar, *emails):
        self.robin.change(
            event["id"],
            calendar,
            attendees=[
                {"emailAddress": {"address": email}, "type": "required"} for email in emails
            ],
        )

    def add_repeating(self, title, starts_at, calendar, rule="weekly", times=None):
        made = self.robin.add(
            title, starts_at, starts_at + timedelta(hours=1), calendar, recurrence=rule, zone="UTC"
        )
        if times:
            recurrence = self.robin.calendar(calendar)["events"][made]["recurrence"]
            end = {
                "type": "numbered",
                "numberOfOccurrences": times,
                "startDate": recurrence["range"]["startDate"],
            }
            self.robin.change(
                made, calendar, recurrence={"pattern": recurrence["pattern"], "range": end}
            )
        return made

    def copy(self, event, calendar):
        made = self.robin.add(
            event["subject"],
            datetime.fromtimestamp(event["_from"], UTC),
            datetime.fromtimestamp(event["_to"], UTC),
            calendar,
        )
        self.robin.calendar(calendar)["events"][made]["_properties"] = dict(event["_properties"])
        return made

    def version_of(self, event):
        return event["_revision"]

    def refusal(self, status):
        known = {
            429: "ApplicationThrottled",
            412: "ErrorIrresolvableConflict",
            400: "ErrorPropertyValidationFailure",
            403: "ErrorAccessDenied",
        }
        return known.get(status)

    def times_of(self, event):
        if event["isAllDay"]:
            days = (
                scheduling.date.fromisoformat(event[side]["dateTime"][:10])
                for side in ("start", "end")
            )
            return tuple(scheduling.midnight(day, self.linden.street.zone) for day in days)
        return tuple(datetime.fromtimestamp(event[side], UTC) for side in ("_from", "_to"))


class Watched(httpx.WSGITransport):
    """An imitation provider, with somebody looking on before each request's work and after it."""

    def __init__(self, app, look, lies=()):
        super().__init__(app=app)
        self.look, self.lies = look, lies

    def handle_request(self, request):
        self.look("before", request)
        answer = super().handle_request(request)
        self.look("after", request)
        is_list = request.method == "GET" and re.search(VIEWS, unquote(request.url.path))
        if self.lies and is_list and answer.status_code == 200:
            return shortened(answer, self.lies.pop())
        return answer


WORLDS = {"google": SyncWorld, "microsoft": MicrosoftSyncWorld}


def shortened(good: httpx.Response, shorten) -> httpx.Response:
    """A complete answer, but shorter."""
    good.read()
    page = json.loads(good.content)
    return httpx.Response(
        200,
        json={
            name: shorten(value) if name in ("items", "value") else value
            for name, value in page.items()
        },
    )


def lie(monkeypatch, times: int | None, shorten, lists=LISTS) -> None:
    """The next `times` lists that are asked for (None: all) are complete answers, but shorter."""
    lies = iter(range(times)) if times is not None else itertools.count()

    def told(self, request, answer=httpx.WSGITransport.handle_request):
        good = answer(self, request)
        if (
            request.method != "GET"
            or not re.search(lists, unquote(request.url.path))
            or next(lies, None) is None
        ):
            return good
        return shortened(good, shorten)

    monkeypatch.setattr(httpx.WSGITransport, "handle_request", told)
