"""Imitation providers with our adapters, for the contract that every adapter must keep.

Every request and answer is checked by the vendor's schema, the parts of a batch one by one.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from sandbox import google, graph, schema, spec
from sandbox.graph import schema as graph_schema
from sandbox.graph import seed as graph_seed
from sandbox.graph import spec as graph_spec
from sandbox.seed import ANA, CLIENT_ID, CLIENT_SECRET, ROBIN
from sync.connect.oauth import Application, OAuth, Tokens
from sync.events.event import Event, Face, Mark, Window
from sync.providers import open_provider, registry, scopes
from sync.providers.base import Create, Delete, Update
from sync.providers.wire import http_client

NOW = datetime(2026, 11, 20, 11, 40, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=30), NOW + timedelta(days=365))
INSTALLATION, SECRET = "b7c1", b"calendar secret"
REDIRECT, MICROSOFT_REDIRECT = (
    "http://localhost:8000/connect/google",
    "http://localhost:8000/connect/microsoft",
)
BASE_URL = "http://sandbox"


def mark(reference="4f0c", generation=1, installation=INSTALLATION):
    return Mark(installation, reference, generation)


def event(title="Reserved", starts_at=NOW + timedelta(days=3), minutes=60, **fields):
    """A booking's event: an hour in three days unless said otherwise."""
    usual = {
        "uid": "4f0c",
        "sequence": 0,
        "status": "confirmed",
        "created_at": NOW,
        "changed_at": NOW,
        "zone_name": "Europe/London",
    }
    return Event(
        face=Face(title, "Status: Confirmed", "1 High Street"),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=minutes),
        **usual | fields,
    )


def whole_days(first, last, **fields):
    """An event of whole days; the last day is exclusive."""
    midnight = datetime.combine(first, datetime.min.time(), UTC)
    return event(starts_at=midnight, starts_on=first, ends_on=last, **fields)


class World:
    """An account at an imitation provider, before an adapter of ours, with a destination calendar
    that we made and a source.
    """

    row: registry.ProviderRow
    first_sync_requests: int  # for a thousand bookings
    promises_ids_of_its_own = False  # whether an event has the id that was promised for it
    restores_deleted = False  # whether an event that was deleted can be brought back

    def access_token(self, stale):
        """The caller's side of an access token: kept, and refreshed when it is named as stale."""
        if self.tokens.access_token == stale:
            self.tokens = self.oauth.refresh(self.tokens)
        return self.tokens.access_token

    # ---- ours ----

    def create(self, number=0, starts_at=None, **fields):
        """The operation that makes booking `number`, in the week after next."""
        own = mark(f"booking{number}")
        starts_at = starts_at or NOW + timedelta(days=10, minutes=15 * number)
        return Create(
            self.row.new_id(own, SECRET), event(f"Booking {number}", starts_at, **fields), own
        )

    def write(self, *operations):
        results = list(self.provider.write(self.destination, operations))
        made = {
            result.operation.remote_id: result.event.remote_id
            for result in results
            if isinstance(result.operation, Create) and result.event
        }
        self.ids.update(made)
        return results

    def made(self, number=0, **fields):
        """The event of a booking, written."""
        return self.write(self.create(number, **fields))[0].event

    def updated(self, create, etag="", **fields):
        return Update(
            self.ids.get(create.remote_id, create.remote_id), event(**fields), create.mark, etag
        )

    def retried(self, creates):
        """The same again, as after an answer that was lost."""
        return [replace(create, resume=True) for create in creates]

    def deleted(self, made, etag=None):
        return Delete(made.remote_id, made.etag if etag is None else etag)

    def pull(self, sync_token=None, calendar=None, window=WINDOW, **choice):
        return self.provider.pull(calendar or self.source, sync_token, window, **choice)

    # ---- theirs ----

    def living(self, calendar=None):
        """How many events lie in a calendar of theirs, by default in ours."""
        return self.robin.count(calendar or self.destination)

    def outside(self, title, starts_at, minutes=60, calendar=None, **fields):
        starts_at, ends_at = (
            (starts_at, None)
            if not isinstance(starts_at, datetime)
            else (starts_at, starts_at + timedelta(minutes=minutes))
        )
        return self.robin.add(title, starts_at, ends_at, calendar or self.source, **fields)

    def outside_move(self, event_id, starts_at, calendar=None):
        self.robin.move(
            event_id, starts_at, starts_at + timedelta(hours=1), calendar or self.source
        )

    def outside_delete(self, event_id, calendar=None):
        self.robin.delete(event_id, calendar or self.source)

    def short_pages(self):
        self.sandbox.page_cap, self.sandbox.empty_pages = 3, True

    def kill_access_token(self):
        self.sandbox.oauth.expire_access_tokens(self.email)

    def revoke(self):
        self.robin.revoke(self.client_id)

    def refuse(self, status, **choice):
        """The next events written are refused one by one."""
        self.sandbox.faults.fail(status, path="/events(/|$)", **choice)

    def refuse_batches(self, status, **choice):
        """The next batches are refused as a whole."""
        self.sandbox.faults.fail(status, path=r"batch(/calendar/v3)?$", method="POST", **choice)

    def cut_batch(self, after):
        self.sandbox.faults.reset_batch(after)

    def lose_sync_tokens(self):
        self.sandbox.expire_sync_tokens()

    def requests(self):
        """HTTP requests since `forget_requests`; what lies inside a batch is not one of its own."""
        return sum(not record.in_batch for record in self.sandbox.requests)

    def forget_requests(self):
        self.sandbox.requests.clear()


class GoogleWorld(World):
    """Robin's account at the sandbox Google, with a destination calendar of ours."""

    row, first_sync_requests, restores_deleted = registry.row_of("google"), 30, True
    promises_ids_of_its_own = True

    def __init__(self):
        self.clock = SimpleNamespace(now=NOW)
        self.messages, self.judged, self.sent, self.ids = [], [], [], {}
        self.email, self.client_id = ROBIN, CLIENT_ID
        self.sandbox = google.create(
            clock=lambda: self.clock.now,
            sender=lambda address, headers: self.messages.append((address, headers)),
        )
        self.sandbox.strict = True
        self.sandbox.oauth.register(CLIENT_ID, CLIENT_SECRET, REDIRECT)
        self.robin = self.sandbox.user(ROBIN)
        self.http = http_client(httpx.WSGITransport(app=self.sandbox))
        self.http.event_hooks = {"request": [self._judge_request], "response": [self._judge_answer]}
        application = Application(
            CLIENT_ID,
            CLIENT_SECRET,
            f"{BASE_URL}/o/oauth2/v2/auth",
            f"{BASE_URL}/token",
            f"{BASE_URL}/revoke",
            registry.row_of("google").oauth_extra,
        )
        self.oauth = OAuth(application, self.http, lambda: self.clock.now)
        self.connect()
        self.destination = self.provider.create_calendar(
            "Linden bookings", "Europe/London"
        ).calendar_id
        self.source = ROBIN
        self.forget_requests()

    def connect(self, *granted):
        """Consent, with all scopes unless some are named, and the adapter that comes of it."""
        made = self.sandbox.connect(ROBIN, list(granted or scopes("google", existing=True)))
        self.tokens = Tokens(
            made["access_token"],
            made["refresh_token"],
            NOW + timedelta(hours=1),
            frozenset(made["scope"].split()),
        )
        self.provider = open_provider("google", self.http, self.access_token, BASE_URL)

    # ---- theirs ----

    def outside_weekly(self, title, starts_at, calendar=None):
        in_zone = {"dateTime": starts_at.isoformat(), "timeZone": "UTC"}
        until = {"dateTime": (starts_at + timedelta(hours=1)).isoformat(), "timeZone": "UTC"}
        return self.robin.add(
            title, in_zone, until, calendar or self.source, recurrence=["RRULE:FREQ=WEEKLY"]
        )

    def outside_spoil(self, event_id):
        """A person makes our event a repeat, and asks somebody to come."""
        self.robin.change(
            event_id, self.destination, attendees=[{"email": ANA}], recurrence=["RRULE:FREQ=DAILY"]
        )

    def guests(self):
        """Who is asked to come to the first event in our calendar."""
        return self.robin.events(self.destination)[0].get("attendees", [])

    def refuse_reads(self, status, **choice):
        self.sandbox.faults.fail(status, path="/events$", method="GET", **choice)

    def lose_answer(self):
        """The next batch is carried out, and its answer lost."""
        self.sandbox.faults.time_out(path="^/batch")

    def lose_reads(self):
        self.sandbox.faults.reset(path="/events$")

    def told(self):
        """Calls to our webhook: (address, secret)."""
        return [(address, headers["X-Goog-Channel-Token"]) for address, headers in self.messages]

    def guests_told(self):
        """Whatever in our requests could reach or remind anyone."""
        silent = {"useDefault": False, "overrides": []}
        loud = [
            body
            for body in self.sent
            if "attendees" in body or "organizer" in body or body.get("reminders") != silent
        ]
        writes = [
            call
            for call in self.judged
            if call[2] in ("events.insert", "events.update", "events.patch", "events.delete")
        ]
        return loud + [call for call in writes if "sendUpdates=none" not in call[1]]

    # ---- the vendor's schema ----

    def _judge_request(self, request):
        assert (
            "Kalends" in request.headers["User-Agent"] and "gzip" in request.headers["User-Agent"]
        )
        if request.url.path == google.BATCH:
            for text in self._parts(request.headers["Content-Type"], request.content):
                head, _, body = text.partition("\r\n\r\n")
                self._judge_body(*head.split()[:2], body)
        elif request.url.path.startswith(spec.BASE):
            self._judge_body(
                request.method, request.url.raw_path.decode(), request.content.decode()
            )

    def _judge_body(self, method, target, body):
        operation, _ = spec.find(method, unquote(urlsplit(target).path))
        self.judged.append((method, target, operation.name))
        if operation.body:
            schema.validate_body(operation.body, json.loads(body))
            self.sent += [json.loads(body)] if operation.body.startswith("request.events.") else []

    def _judge_answer(self, response):
        response.read()
        if response.request.url.path == google.BATCH and response.status_code == 200:
            calls = [
                text.split()[:2]
                for text in self._parts(
                    response.request.headers["Content-Type"], response.request.content
                )
            ]
            for (method, target), text in zip(
                calls, self._parts(response.headers["Content-Type"], response.content), strict=True
            ):
                head, _, body = text.partition("\r\n\r\n")
                self._judge_content(method, urlsplit(target).path, int(head.split()[1]), body)
        elif response.request.url.path.startswith(spec.BASE):
            self._judge_content(
                response.request.method,
                response.request.url.path,
                response.status_code,
                response.text,
            )

    def _judge_content(self, method, path, status, body):
        if status >= 400:
            schema.validate("error", json.loads(body))
        elif body.strip():
            schema.validate(spec.find(method, unquote(path))[0].answer, json.loads(body))

    def _parts(self, content_type, content):
        message = BytesParser().parsebytes(
            f"Content-Type: {content_type}\r\n\r\n".encode() + content
        )
        return [piece.get_payload(decode=True).decode() for piece in message.get_payload()]


class MicrosoftWorld(World):
    """Robin's mailbox at the sandbox Graph, with a destination calendar of ours."""

    row, first_sync_requests = registry.row_of("microsoft"), 80

    def __init__(self):
        self.clock = SimpleNamespace(now=NOW)
        self.messages, self.judged, self.sent, self.ids = [], [], [], {}
        self.email, self.client_id = graph_seed.ROBIN, graph_seed.CLIENT_ID
        self.sandbox = graph.create(clock=lambda: self.clock.now, sender=self._call_back)
        self.sandbox.strict, self.sandbox.repeated_transaction = True, 409
        self.sandbox.oauth.register(
            graph_seed.CLIENT_ID, graph_seed.CLIENT_SECRET, MICROSOFT_REDIRECT
        )
        self.robin, office = self.sandbox.user(self.email), self.sandbox.user(graph_seed.OFFICE)
        office.share(
            next(key for key, one in office.calendars.items() if one["name"] == "Room rota"),
            self.email,
            "reader",
        )
        self.http = http_client(httpx.WSGITransport(app=self.sandbox))
        self.http.event_hooks = {"request": [self._judge_request], "response": [self._judge_answer]}
        login = f"{BASE_URL}/common/oauth2/v2.0"
        application = Application(
            graph_seed.CLIENT_ID,
            graph_seed.CLIENT_SECRET,
            f"{login}/authorize",
            f"{login}/token",
            extra=registry.row_of("microsoft").oauth_extra,
        )
        self.oauth = OAuth(application, self.http, lambda: self.clock.now)
        self.connect()
        self.destination = self.provider.create_calendar(
            "Linden bookings", "Europe/London"
        ).calendar_id
        self.source = self.robin.calendar()["id"]
        self.forget_requests()

    def connect(self):
        """Consent, and the adapter that comes of it."""
        made = self.sandbox.connect(self.email, list(scopes("microsoft")))
        self.tokens = Tokens(
            made["access_token"],
            made["refresh_token"],
            NOW + timedelta(hours=1),
            frozenset(made["scope"].split()),
        )
        self.provider = self.row.adapter(
            self.http, self.access_token, f"{BASE_URL}/v1.0", lambda: self.clock.now
        )

    # ---- theirs ----

    def outside_weekly(self, title, starts_at, calendar=None):
        return self.robin.add(
            title,
            starts_at,
            starts_at + timedelta(hours=1),
            calendar or self.source,
            recurrence="weekly",
            zone="UTC",
        )

    def outside_spoil(self, event_id):
        """A person makes our event a repeat, and asks somebody to come."""
        guest = {"emailAddress": {"address": graph_seed.ANA}, "type": "required"}
        daily = {"pattern": {"type": "daily", "interval": 1}, "range": {"type": "noEnd"}}
        self.robin.change(event_id, self.destination, attendees=[guest], recurrence=daily)

    def guests(self):
        """Who is asked to come to the first event in our calendar."""
        return self.robin.events(self.destination)[0].get("attendees", [])

    def refuse_reads(self, status, **choice):
        self.sandbox.faults.fail(status, path="/calendarView/delta", method="GET", **choice)

    def lose_answer(self):
        """The next batch is carried out, and its answer lost."""
        self.sandbox.faults.time_out(path=r"/\$batch$")

    def lose_reads(self):
        self.sandbox.faults.reset(path="/calendarView/delta")

    def told(self):
        """Calls to our webhook: (address, secret)."""
        return [
            (address, item["clientState"])
            for address, body in self.messages
            for item in body["value"]
        ]

    def guests_told(self):
        """Whatever in our requests could reach or remind anyone."""
        return [
            body
            for body in self.sent
            if body.get("attendees") or "organizer" in body or body.get("isReminderOn") is not False
        ]

    def _call_back(self, address, headers, body):
        """Our webhook: the handshake, and calls."""
        if body is None:
            return 200, "text/plain", parse_qs(urlsplit(address).query)["validationToken"][0]
        self.messages.append((address, body))
        return 202, "text/plain", ""

    # ---- the vendor's schema ----

    def _judge_request(self, request):
        target = request.url.raw_path.decode()
        if not target.startswith(graph_spec.BASE):
            return
        assert 'IdType="ImmutableId"' in request.headers["Prefer"]
        body = json.loads(request.content) if request.content else None
        self._judge_body(request.method, target, body)
        for item in body["requests"] if target.endswith("$batch") else ():
            assert 'IdType="ImmutableId"' in item["headers"]["Prefer"]
            self._judge_body(item["method"], graph_spec.BASE + item["url"], item.get("body"))

    def _judge_body(self, method, target, body):
        operation, _ = graph_spec.find(method, urlsplit(target).path)
        self.judged.append((method, target, operation.name))
        if operation.body:
            graph_schema.validate_body(operation.body, body)
            self.sent += [body] if operation.body.startswith("request.event.") else []

    def _judge_answer(self, response):
        response.read()
        request, target = response.request, response.request.url.raw_path.decode()
        if not target.startswith(graph_spec.BASE):
            return
        self._judge_content(request.method, target, response.status_code, response.text)
        if target.endswith("$batch") and response.status_code == 200:
            calls = {item["id"]: item for item in json.loads(request.content)["requests"]}
            for item in response.json()["responses"]:
                call = calls[item["id"]]
                text = json.dumps(item["body"]) if item.get("body") else ""
                self._judge_content(
                    call["method"], graph_spec.BASE + call["url"], item["status"], text
                )

    def _judge_content(self, method, target, status, text):
        if status >= 400:
            graph_schema.validate("odata.error", json.loads(text))
        elif text.strip():
            graph_schema.validate(
                graph_spec.find(method, urlsplit(target).path)[0].answer, json.loads(text)
            )


WORLDS = {"google": GoogleWorld, "microsoft": MicrosoftWorld}
