"""An imitation of Google Calendar API v3 and of Google's sign-in, as one WSGI app.

    google = create()                                      all in memory, for tests:
    httpx.WSGITransport(google)
    google.oauth.register("id", "secret", "http://localhost:8000/…")
    google.connect("robin@gmail.example", ["calendar"])     tokens without the pages
    google.user("robin@gmail.example").add("Dentist", "2026-11-23T09:00", "2026-11-23T10:00")
    google.faults.fail(429, path="/events$", times=3)
    google.requests.count("events.insert", status=200)

Paths, parameters, scopes and bodies come from the schema file (`spec.py`); the handlers of each
method stand at the end of `calendars.py`, `events.py`, `listing.py` and `push.py`. Switches are
attributes of `Google`.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from flask import Flask, jsonify, render_template
from werkzeug.wrappers import Request, Response

from . import batch, calendars, consent, control, events, fields, listing, pages, push, seed, spec
from .current import own
from .errors import ConnectionLost, Refused, hang_up
from .faults import Faults, Quota, Record, Requests
from .oauth import OAuth
from .outside import OutsideUser
from .store import Store
from .times import utc_now

HANDLERS = calendars.HANDLERS | events.HANDLERS | listing.HANDLERS | push.HANDLERS
PATCH_COST = 3
BATCH = "/batch/calendar/v3"


@dataclass
class Call:
    """One call of the API, looked up and allowed, with everything that its handler needs."""

    app: "Google"
    operation: spec.Operation
    account: dict
    client_id: str
    scopes: set[str]
    path: dict[str, str]
    query: dict
    body: dict
    headers: dict[str, str]

    @property
    def store(self) -> Store:
        return self.app.store

    def check_etag(self, etag: str) -> None:
        """Raises Refused (412) when If-Match names another version."""
        if self.headers.get("If-Match", "*") not in ("*", etag):
            raise Refused(412, "conditionNotMet", "Precondition Failed", ("header", "If-Match"))


class Google:
    """The WSGI app, with everything that a test wants to read or to switch."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], sender: Callable[[str, dict], None]
    ):
        self.store, self.clock = store, clock
        self.oauth = OAuth(store, clock)
        self.channels = push.Channels(store, clock, sender)
        self.faults, self.quota, self.requests = Faults(clock), Quota(clock), Requests()
        self.latency_ms = 0  # added to every answer
        self.strict = False  # refuse bodies that the schema does not allow, and unknown parameters
        self.page_cap = None  # the most items on a page, whatever was asked for
        self.empty_pages = False  # every other page is empty, with a next one
        self.bare_tombstones = False  # deleted events come as little more than their id
        self.refuse_restore = False  # 403 for bringing a deleted event back
        self.expansion_years = 10  # how far an endless series is unrolled
        self.sync_token_days = 28
        self.oldest_sync = 0  # sync tokens from before this revision are dead
        self.site = own(_site(), "google", self)

    def __call__(self, environ: dict, start_response: Callable):
        request = Request(environ)
        try:
            response = self._answer(request)
        except ConnectionLost as loss:
            hang_up(environ, request, loss)
        finally:
            self.channels.deliver()
        return response(environ, start_response)

    def user(self, email: str) -> OutsideUser:
        """The person of an account, in their own calendar app."""
        with self.store.lock:
            calendars.open_account(self.store, email)
        return OutsideUser(self, email)

    def connect(self, email: str, scopes: list[str], client_id: str = seed.CLIENT_ID) -> dict:
        """Tokens as after a full consent. Short names of scopes are enough."""
        long = [
            scope if ":" in scope or scope in consent.IDENTITY else spec.PREFIX + scope
            for scope in scopes
        ]
        with self.store.lock:
            self.oauth.allow(client_id, email, long, {"redirect_uri": ""})
            return self.oauth.issue(
                client_id, email, self.oauth.grant(client_id, email)["scopes"], refreshable=True
            )

    def expire_sync_tokens(self) -> None:
        """Have every sync token so far answered with 410."""
        with self.store.lock:
            self.oldest_sync = self.store.tick()

    def call(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        headers: dict[str, str],
        body: bytes,
        in_batch: bool = False,
    ) -> Response:
        """Carry out one call of the API, with the troubles that wait for it."""
        operation, email, status = None, None, 0
        try:
            fault = self.faults.take(method, path)
            if fault and not fault.after_work:
                fault.strike()
            with self.store.lock:
                operation, found = spec.find(method, path)
                call = self._admit(operation, found, query, headers, body)
                email = call.account["email"]
                response = _json(call, HANDLERS[operation.name](call))
            if fault:
                fault.strike()
            status = response.status_code
        except Refused as refusal:
            response, status = refusal.response(), refusal.status
        finally:
            template = spec.BASE + operation.template if operation else "/calendar/v3"
            self.requests.append(
                Record(method, template, status, operation and operation.name, email, in_batch)
            )
        return response

    def _admit(
        self, operation: spec.Operation, found: dict, query: list, headers: dict, body: bytes
    ) -> Call:
        """Check identity, quota, scope, parameters and body, in this order."""
        bearer = self.oauth.bearer(headers.get("Authorization", ""))
        self.quota.spend(bearer["email"], PATCH_COST if operation.method == "PATCH" else 1)
        scopes = {scope.removeprefix(spec.PREFIX) for scope in bearer["scopes"]} & operation.scopes
        if not scopes:
            raise Refused(
                403, "insufficientPermissions", "Request had insufficient authentication scopes."
            )
        if operation.name not in HANDLERS:
            raise Refused(501, "notImplemented", f"The sandbox has no {operation.name}.")
        return Call(
            self,
            operation,
            self.store.accounts[bearer["email"]],
            bearer["client"],
            scopes,
            found,
            spec.query(operation, query, self.strict),
            self._read_body(operation, body),
            headers,
        )

    def _read_body(self, operation: spec.Operation, body: bytes) -> dict:
        if operation.body is None:
            return {}
        try:
            value = json.loads(body)
        except ValueError:
            raise Refused(400, "parseError", "Parse Error") from None
        if not isinstance(value, dict):
            raise Refused(400, "parseError", "Parse Error")
        if self.strict:
            _judge(operation.body, value)
        return value

    def _answer(self, request: Request) -> Response:
        if self.latency_ms and not request.path.startswith("/sandbox"):
            time.sleep(self.latency_ms / 1000)
        if request.path.startswith(spec.BASE + "/"):
            query = list(request.args.items(multi=True))
            return self.call(
                request.method, request.path, query, dict(request.headers), request.get_data()
            )
        if request.path.startswith(("/sandbox", "/o/")):
            return Response.from_app(self.site, request.environ)
        return self._other(request)

    def _other(self, request: Request) -> Response:
        """Batch, token, revoke and user info. Each is one request in the log and has its own
        troubles.
        """
        fault, status = self.faults.take(request.method, request.path), 0
        try:
            if fault and not fault.after_work:
                fault.strike()
            is_batch = request.path == BATCH and request.method == "POST"
            response = (
                batch.answer(self, request)
                if is_batch
                else Response.from_app(self.site, request.environ)
            )
            if fault:
                fault.strike()
            status = response.status_code
        except Refused as refusal:
            response, status = refusal.response(), refusal.status
        finally:
            self.requests.append(Record(request.method, request.path, status))
        return response


@cache
def _site() -> Flask:
    site = Flask("sandbox", root_path=os.path.dirname(__file__), static_url_path="/sandbox/static")
    site.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    for module in (consent, control, pages):
        site.register_blueprint(module.routes)
    site.register_error_handler(Refused, lambda refusal: (jsonify(refusal.body()), refusal.status))
    site.register_error_handler(
        404,
        lambda _: (
            render_template(
                "refused.html", error="not found", why="Nothing lives at this address."
            ),
            404,
        ),
    )
    return site


def _json(call: Call, answer: dict | None) -> Response:
    if answer is None:
        return Response(status=204)
    etag = answer.get("etag")
    if etag and call.headers.get("If-None-Match") == etag and call.operation.method == "GET":
        return Response(status=304, headers={"ETag": etag})
    if "fields" in call.query:
        answer = fields.trim(answer, call.query["fields"])
    response = Response(
        json.dumps(answer, ensure_ascii=False), content_type="application/json; charset=UTF-8"
    )
    if etag:
        response.headers["ETag"] = etag
    return response


def _judge(schema_name: str, body: dict) -> None:
    from jsonschema_rs import ValidationError  # only the tests have it

    from . import schema

    try:
        schema.validate_body(schema_name, body)
    except ValidationError as error:
        raise Refused(
            400, "invalid", f"Not what {schema_name} allows: {error.message}"[:500]
        ) from error


def create(
    store: Store | None = None,
    clock: Callable[[], datetime] | None = None,
    sender: Callable[[str, dict], None] | None = None,
    environment: str = "development",
) -> Google:
    """The imitation with its accounts.

    `sender(address, headers)` carries push messages, by default over HTTP in the background.

    Raises RuntimeError in production, since the imitation lets anyone in.
    """
    if environment == "production":
        raise RuntimeError("The sandbox never runs in production.")
    google = Google(store or Store(), clock or utc_now, sender or push.HttpSender())
    if not google.store.accounts:
        seed.people(google)
    return google
