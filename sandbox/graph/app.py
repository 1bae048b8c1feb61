"""An imitation of Microsoft's calendars and sign-in, as one WSGI app.

Of Microsoft Graph v1.0 it has the part about calendars.

    graph = create()                                       all in memory, for tests:
    httpx.WSGITransport(graph)
    graph.oauth.register("id", "secret", "http://localhost:8000/…")
    graph.connect("robin.hale@clinic.example", ["Calendars.ReadWrite"])     tokens without the pages
    graph.user("robin.hale@clinic.example").add("Dentist", "2026-11-23T09:00", "2026-11-23T10:00")
    graph.faults.fail(429, path="/events$", times=3)
    graph.requests.count("calendars.events.create", status=201)

Paths, parameters and bodies come from the schema file (`spec.py`); the handlers of each operation
stand at the end of `calendars.py`, `events.py`, `listing.py`, `delta.py` and `subscriptions.py`.
Switches are attributes of `Service`; most stand for what is told in the field or not confirmed, so
that both ways can be tried.
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from functools import cache
from urllib.parse import quote, unquote, urlsplit

from flask import Flask, jsonify, render_template
from werkzeug.wrappers import Request, Response

from ..current import own
from ..errors import ConnectionLost, hang_up
from ..faults import Faults, Record
from ..store import Store
from ..times import utc_now
from . import (
    batch,
    calendars,
    control,
    delta,
    events,
    listing,
    pages,
    seed,
    signin,
    spec,
    subscriptions,
)
from .call import Call, as_json, refuse_mailbox, scopes
from .errors import Refused, invalid
from .limits import GraphRequests, Limits
from .oauth import OAuth
from .outside import OutsideUser
from .service import Service
from .times import zone

HANDLERS = (
    calendars.HANDLERS
    | events.HANDLERS
    | listing.HANDLERS
    | delta.HANDLERS
    | subscriptions.HANDLERS
)
UNLOCKED = ("subscriptions.create",)
WITHOUT_MAILBOX = ("me.get", "subscriptions.list")
BATCH = f"{spec.BASE}/$batch"


class Graph(Service):
    """The WSGI app, with everything that a test wants to read or to switch."""

    def __init__(self, store: Store, clock: Callable[[], datetime], sender: subscriptions.Sender):
        super().__init__(store, clock)
        self.oauth = OAuth(store, clock)
        self.channels = subscriptions.Subscriptions(self, sender)
        self.faults, self.quota, self.requests = (
            Faults(clock, Refused),
            Limits(clock),
            GraphRequests(),
        )
        self.site = own(_site(), "graph", self)

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
        """Tokens as after a full consent, a refresh token among them."""
        with self.store.lock:
            self.oauth.allow(client_id, email, list(scopes), {"redirect_uri": ""})
            return self.oauth.issue(
                client_id, email, list(dict.fromkeys([*scopes, "offline_access"]))
            )

    def expire_sync_tokens(self, spelling: str = "location") -> None:
        """Make every delta token so far invalid.

        `spelling`: how the answer says it: 410 with `location`, or a code of `delta.SPELLINGS`.
        """
        with self.store.lock:
            self.lost_sync_state, self.oldest_sync = spelling, self.store.tick()

    def bearer(self, headers) -> dict:
        """The caller. Raises Refused (401)."""
        with self.store.lock:
            return self.oauth.bearer(headers.get("Authorization", ""))

    def base_url(self, request: Request) -> str:
        return request.host_url.rstrip("/")

    def call(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        headers: dict[str, str],
        body: bytes,
        base_url: str,
        *,
        encoded: bool = True,
        in_batch: bool = False,
    ) -> Response:
        """Carry out one call of the API, with the troubles that wait for it."""
        operation, email, status = None, None, 0
        try:
            operation, found = spec.find(method, path, encoded)
            fault = self.faults.take(method, unquote(path) if encoded else path)
            if fault and not fault.after_work:
                fault.strike()
            bearer = self.bearer(headers)
            email = bearer["email"]
            with nullcontext() if in_batch else self.requests.in_flight(email):
                self.quota.spend(email, self.requests.in_flight_now(email))
                time.sleep(0 if in_batch else (self.latency_ms + self.item_ms) / 1000)
                target = path if encoded else quote(path, safe="/()'$=,")
                response = self._work(
                    operation, bearer, (found, query, body, headers, base_url, target)
                )
            if fault:
                fault.strike()
            status = response.status_code
        except Refused as refusal:
            response, status = refusal.response(), refusal.status
        finally:
            template = spec.BASE + (operation.template if operation else "")
            self.requests.append(
                Record(method, template, status, operation and operation.name, email, in_batch)
            )
        return response

    def _work(self, operation: spec.Operation, bearer: dict, parts: tuple) -> Response:
        with nullcontext() if operation.name in UNLOCKED else self.store.lock:
            answer = (
                HANDLERS[operation.name](self._admit(operation, bearer, *parts))
                if operation.name in HANDLERS
                else None
            )
            if operation.name not in HANDLERS:
                raise Refused(501, "notSupported", f"The sandbox has no {operation.name}.")
            return as_json(operation, answer)

    def _admit(
        self,
        operation: spec.Operation,
        bearer: dict,
        found: dict,
        query: list,
        body: bytes,
        headers: dict,
        base_url: str,
        target: str,
    ) -> Call:
        """Check scope, mailbox, parameters, preferences and body, in this order."""
        account = self.store.accounts[bearer["email"]]
        if not scopes(operation) & set(bearer["scopes"]):
            raise Refused(
                403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."
            )
        if found.get("user", account["id"]) not in (account["id"], account["email"]):
            raise Refused(404, "ErrorItemNotFound", "The mailbox was not found for this user.")
        if not account["mailbox"] and operation.name not in WITHOUT_MAILBOX:
            refuse_mailbox(operation)
        if body and headers.get("Content-Type", "").partition(";")[0] != "application/json":
            raise Refused(415, "RequestBodyRead", "The Content-Type must be application/json.")
        call = Call(
            self,
            operation,
            account,
            bearer["client"],
            found,
            spec.query(operation, query, self.strict),
            self._read_body(operation, body),
            headers,
            base_url,
            target,
        )
        zone(call.prefer.get("outlook.timezone", "UTC"))
        return call

    def _read_body(self, operation: spec.Operation, body: bytes) -> dict:
        if operation.body is None:
            return {}
        try:
            value = json.loads(body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise invalid("Unable to read JSON request payload.", "BadRequest")
        if self.strict:
            self.judge(operation.body, value)
        return value

    def judge(self, schema_name: str, body: dict) -> None:
        """Raises Refused (400) for a body that the schema does not allow."""
        from jsonschema_rs import ValidationError  # only the tests have it

        from . import schema

        try:
            schema.validate_body(schema_name, body)
        except ValidationError as error:
            raise invalid(
                f"Not what {schema_name} allows: {error.message}"[:500], "RequestBodyRead"
            ) from error

    def _answer(self, request: Request) -> Response:
        if request.path == BATCH or not request.path.startswith(spec.BASE + "/"):
            return self._other(request)
        raw = request.environ.get("REQUEST_URI")
        path, query = (
            urlsplit(raw).path if raw else request.path,
            list(request.args.items(multi=True)),
        )
        return self.call(
            request.method,
            path,
            query,
            dict(request.headers),
            request.get_data(),
            self.base_url(request),
            encoded=bool(raw),
        )

    def _other(self, request: Request) -> Response:
        """Batches and sign-in. Each is one request in the log and has its own troubles; the
        sandbox's own pages have neither.
        """
        if request.path.startswith("/sandbox"):
            return Response.from_app(self.site, request.environ)
        fault, status, is_batch = (
            self.faults.take(request.method, request.path),
            0,
            request.path == BATCH,
        )
        try:
            if fault and not fault.after_work:
                fault.strike()
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
            self.requests.append(
                Record(request.method, request.path, status, "batch" if is_batch else None)
            )
        return response


@cache
def _site() -> Flask:
    root = os.path.dirname(os.path.dirname(__file__))
    site = Flask("sandbox", root_path=root, static_url_path="/sandbox/outlook/static")
    site.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    for module in (signin, control, pages):
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


def create(
    store: Store | None = None,
    clock: Callable[[], datetime] | None = None,
    sender: subscriptions.Sender | None = None,
    environment: str = "development",
) -> Graph:
    """The imitation with its accounts.

    `sender(address, headers, body) -> (status, content type, text)` carries handshakes (no body)
    and notifications, by default over HTTP.

    Raises RuntimeError in production, since the imitation lets anyone in.
    """
    if environment == "production":
        raise RuntimeError("The sandbox never runs in production.")
    graph = Graph(store or Store(), clock or utc_now, sender or subscriptions.HttpSender())
    if not graph.store.accounts:
        seed.people(graph)
    return graph
