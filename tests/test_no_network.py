"""No request connects to anything but the database and Redis: every route and action is called
while a hook notes each connection.

Mail and both providers are set up at addresses where nothing answers. The return from a provider is
the one exception; it shows that the hook sees connections.
"""

import ast
import re
import socket
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import external
import flask
import pages
import peewee
import pytest

import models
from base.config.endpoints import Endpoints
from base.scheduling import Span
from base.tables import outbox
from models import Booking, Feed
from operate.intake.upload import Import
from sync.connect import gateway
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.notices import Notice
from tests.conftest import PASSWORD

TOP = Path(__file__).parent.parent
NOWHERE = "http://127.0.0.1:9"
ANSWERED = {200, 202, 204, 302, 303}
WAYS = {
    "kind": ["google", "microsoft", "clients"],
    "secret": ["x" * 43],
    "token": ["x" * 32],
    "filename": ["app.css"],
    "name": ["two-way-google"],
}
FORM = {  # one form for all: whatever a page does not ask for is left aside
    "email": "nia@linden.test",
    "role": "practitioner",
    "name": "Nia Linden",
    "password": PASSWORD,
    "current": PASSWORD,
    "allow": "y",
    "identifier": "initials",
    "edits": "ask",
    "window": "30 365",
    "status": "arrived",
    "first_name": "Nia",
    "plan": "pro",
    "zone_name": "Europe/London",
    "clinic": "Other",
    "busy": "y",
    "removes": "y",
    "duration": "50",
}
# what mails, or has providers do something; none of it may be refused here, or nothing is proved
MUST_SUCCEED = {
    "auth.send_reset",
    "team.invite",
    "team.issue_token",
    "health.ask",
    "health.resync",
    "health.resync_all",
    "two_way.act",
    "two_way.ask_for_run",
    "two_way.departure",
    "two_way.start",
    "two_way.update",
    "two_way.status",
    "sources.start",
    "sources.stop",
    "sources.update",
    "notices.decide",
    "connect.begin",
    "sync_settings.show",
    "sync_settings.allow",
    "sync_settings.choose",
    "health.show",
    "health.board",
    "booking_status.cancel",
    "booking_status.set_status",
    "team.leave",
    "settings.change_plan",
    "webhooks.call",
}
_look_out = SimpleNamespace(seen=None, threads=set())


def _audit(event: str, arguments: tuple) -> None:
    """Python tells of each connection here (PEP 578). PostgreSQL's own library does not, and Redis
    is a file.
    """
    if _look_out.seen is None or threading.current_thread() not in _look_out.threads:
        return
    if event in (
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
    ):
        address = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[:2]
        if not isinstance(address, str | bytes):
            _look_out.seen.append((event, address))


sys.addaudithook(_audit)


@pytest.fixture
def seen(monkeypatch):
    """Connections made since by this thread and by those that it began, in whatever depth: threads
    that other tests have left running, and theirs, are not looked at.
    """
    start = threading.Thread.start

    def noted(thread: threading.Thread) -> None:
        if threading.current_thread() in _look_out.threads:
            _look_out.threads.add(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", noted)
    _look_out.threads = {threading.current_thread()}
    _look_out.seen = []
    yield _look_out.seen
    _look_out.seen = None


# what no look is without: the session itself, and the count of wrong secrets in addresses
OF_ANY_LOOK = {"session", "throttle", "security_event"}


@pytest.fixture
def written(monkeypatch):
    """What requests that only look write: endpoint and table. The way back from a provider is a
    look by its method alone.
    """
    found: set[tuple[str | None, str]] = set()
    execute = peewee.Database.execute_sql

    def noted(self, sql, *args, **options):
        change = re.match(r'(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"', sql)
        looks = flask.has_request_context() and flask.request.method == "GET"
        if looks and change and change[1] not in OF_ANY_LOOK:
            found.add((flask.request.endpoint, change[1]))
        return execute(self, sql, *args, **options)

    monkeypatch.setattr(peewee.Database, "execute_sql", noted)
    return found


def test_the_look_out_sees_threads_of_requests_and_no_others(request):
    def connect():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 9), timeout=5)

    def begin_another():
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()

    wanted = threading.Event()

    def left_running():
        wanted.wait(30)
        begin_another()

    left = threading.Thread(target=left_running)
    left.start()
    seen = request.getfixturevalue("seen")
    wanted.set()
    left.join()
    assert seen == []
    own = threading.Thread(target=begin_another)
    own.start()
    own.join()
    assert ("socket.connect", ("127.0.0.1", 9)) in seen


@pytest.fixture
def clinic(linden, clock):
    """Linden with one of everything, mail and both providers, all of them out of reach."""
    for person in (linden.pat, linden.olive):
        person.change_sync(sync_allowed=True, identifier="initials")
    before = outbox.setup()
    outbox.set_up(outbox.MailSetup("smtp://127.0.0.1:9", "kalends@linden.test"))
    endpoints = Endpoints(
        "id", "secret", f"{NOWHERE}/authorize", f"{NOWHERE}/token", f"{NOWHERE}/revoke", NOWHERE
    )
    gateway.set_up(
        gateway.GatewaySetup(
            dict.fromkeys(("google", "microsoft"), endpoints), "https://linden.test", 300, b"secret"
        )
    )
    span = Span(clock.now, clock.now.replace(hour=13))
    booking = Booking.book(
        linden.calendar,
        [span],
        linden.olive,
        patient=linden.patient,
        service=linden.service,
        allow_overlap=True,
    )[0]
    source = external.source(linden.olive, listed_at=clock.now, checked_at=clock.now)
    RemoteCalendar.create(
        clinic=linden.clinic,
        account=source.account,
        role="destination",
        name="Kalends",
        calendar_id="ours",
        zone_name="UTC",
    )
    listed = RemoteCalendar.create(
        clinic=linden.clinic,
        account=source.account,
        role="listed",
        name="Home",
        calendar_id="other",
    )
    event = external.event(source, "Dentist", "2026-11-21 13:00", "2026-11-21 14:00")
    naming = Account.create(
        clinic=linden.clinic,
        user=linden.olive,
        kind="microsoft",
        email="o@home.test",
        sealed="",
        listed_at=clock.now,
    )
    moved = {"starts_at": "2026-11-23T10:00:00+00:00", "ends_at": "2026-11-23T11:00:00+00:00"}
    notice = Notice.give(source.account, "moved", booking=booking, detail=moved)
    channel, _ = Channel.prepare(source, clock.now.replace(year=2027))
    feed = Feed.generate(linden.olive, "My phone", linden.olive, scope="person")
    imported = Import.begin(
        linden.clinic, linden.olive, "clients", "First name\nAnna\n", 1, problems={}, choices={}
    )
    yield SimpleNamespace(
        **vars(linden),
        **{
            "booking_id": booking.id,
            "account_id": source.account_id,
            "naming_id": naming.id,
            "source_id": source.id,
            "listed_id": listed.id,
            "calendar_id": linden.calendar.id,
            "notice_id": notice.id,
            "user_id": linden.pat.id,
            "service_id": linden.service.id,
            "venue_id": linden.street.id,
            "patient_id": linden.patient.id,
            "feed_id": feed.id,
            "import_id": imported.id,
            "event_id": event.id,
            "channel": channel.uuid,
            "account": source.account,
            "notice": notice,
        },
    )
    outbox.set_up(before)


def paths(app, clinic, rule) -> list[str]:
    """Every address of a route: each word that it knows, and the numbers of rows that are there."""
    values = {}
    for name in rule.arguments:
        words = re.search(rf"<any\((.*?)\):{name}>", rule.rule)
        if words:
            values[name] = [word.strip(" '") for word in words[1].split(",")]
        elif name in WAYS:
            values[name] = WAYS[name]
        elif name == "channel":
            values[name] = [clinic.channel, str(uuid4())]
        elif rule.endpoint.startswith(("sources.", "notices.leave_all")):
            values[name] = [clinic.source_id, clinic.listed_id]
        elif rule.endpoint == "two_way.start":
            values[name] = [clinic.naming_id]
        else:
            values[name] = [getattr(clinic, name, 1)]
    found = [{}]
    for name, choices in values.items():
        found = [{**one, name: choice} for one in found for choice in choices]
    with app.test_request_context():
        return [
            app.url_map.bind("localhost").build(rule.endpoint, one, force_external=False)
            for one in found
        ]


def walk(
    app, clinic, cookie, wanted=lambda endpoint: True, partly=({}, {"HX-Request": "true"})
) -> dict[str, set[int]]:
    """Each address with each method, as a page and for htmx, each undone afterwards: the answers by
    route.
    """
    answers: dict[str, set[int]] = {}
    for rule in app.url_map.iter_rules():
        for path in paths(app, clinic, rule) if wanted(rule.endpoint) else ():
            for method in sorted(rule.methods & {"GET", "POST"}):
                for headers in partly:
                    browser = app.test_client()
                    browser.set_cookie("kalends", cookie)
                    with models.database.atomic() as undone:
                        form = FORM if method == "POST" else None
                        if form and rule.endpoint in MUST_SUCCEED:
                            form = pages.with_what_it_showed(browser, path, form)
                        answer = browser.open(path, method=method, data=form, headers=headers)
                        undone.rollback()
                    assert answer.status_code != 500, (method, path)
                    answers.setdefault(rule.endpoint, set()).add(answer.status_code)
    return answers


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("who", ["olive", "pat", "nobody"])
def test_no_route_and_no_action_connects_to_anybody_and_no_look_writes(
    app, clinic, signed_in, seen, written, who
):
    cookie = (
        "none" if who == "nobody" else signed_in(getattr(clinic, who)).get_cookie("kalends").value
    )
    answers = walk(
        app, clinic, cookie, partly=({}, {"HX-Request": "true"}) if who == "olive" else ({},)
    )
    assert seen == []
    assert {(where, what) for where, what in written if where != "connect.arrive"} == set()
    assert len(answers) > 100
    if who == "olive":
        assert {endpoint for endpoint in MUST_SUCCEED if not answers[endpoint] & ANSWERED} == set()


STATES = {
    "needs reconnecting": {"health": "reconnect"},
    "gone there": {"health": "calendar_gone"},
    "refused": {"health": "operator"},
    "paused": {"phase": "paused"},
    "leaving": {"phase": "leaving", "goal": "disconnect"},
    "not looked at": {"phase": "naming", "listed_at": None},
    "refused at the first list": {
        "phase": "naming",
        "listed_at": None,
        "health": "reconnect",
        "health_word": "NoMailbox",
    },
    "off": {"phase": "off"},
    "old list": {"listed_at": datetime(2026, 11, 19, tzinfo=UTC)},
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("state", STATES)
def test_no_page_about_accounts_does_in_any_state_of_them(
    app, clinic, signed_in, seen, written, state
):
    Account.update(STATES[state]).where(Account.id == clinic.account_id).execute()
    cookie = signed_in(clinic.olive).get_cookie("kalends").value
    walk(
        app,
        clinic,
        cookie,
        lambda endpoint: (
            endpoint.split(".")[0] in ("two_way", "health") or endpoint == "sync_settings.show"
        ),
        ({},),
    )
    assert seen == []
    assert written == set()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "kind",
    [
        "moved",
        "edited",
        "repeated",
        "deleted",
        "deletes",
        "empty",
        "source_empty",
        "double",
        "calendar_gone",
        "sync_reminder",
    ],
)
def test_no_decision_does(app, clinic, signed_in, seen, kind):
    told = {**clinic.notice.detail, "count": 3}
    Notice.update(kind=kind, calendar=clinic.source_id, detail=told).where(
        Notice.id == clinic.notice_id
    ).execute()
    cookie = signed_in(clinic.olive).get_cookie("kalends").value
    answers = walk(app, clinic, cookie, lambda endpoint: endpoint.startswith("notices."))
    assert seen == [] and answers["notices.decide"] & ANSWERED


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_way_back_from_a_provider_does_and_is_seen(app, clinic, signed_in, seen):
    browser = signed_in(clinic.olive)
    state = re.search(
        r"state=([\w-]+)", browser.get("/connect/google/departure").headers["Location"]
    )[1]
    assert browser.get(f"/connect/google?code=x&state={state}").status_code == 303
    assert {address[1] for _, address in seen} == {9}


def test_no_view_names_what_connects():
    """Written once more for whoever adds a page: these are for jobs."""
    forbidden = {
        "smtplib",
        "httpx",
        "socket",
        "urllib.request",
        "letters.smtp",
        "letters.sending",
        "sync.two_way.run",
        "sync.two_way.writing.leaving",
        "sync.two_way.report",
        "sync.two_way.reading.pull",
    }
    for path in sorted((TOP / "views").rglob("*.py")):
        tree = ast.parse(path.read_text())
        named = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        named |= {
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not named & forbidden and not called & {
            "open_account",
            "with_tokens",
            "list_calendars",
            "send_due",
        }, path.name
