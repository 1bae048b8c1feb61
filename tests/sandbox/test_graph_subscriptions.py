"""Subscriptions: the handshake, notifications, renewal, lifecycle."""

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from graph_world import Caller, code, schema

from sandbox import graph as sandbox_graph
from sandbox.graph.calendars import WORK_TENANT
from sandbox.graph.seed import ANA, ROBIN

HOOK = "https://clinic.example/webhooks/microsoft?way=2"


def wanted(moving, minutes=10_000, **changes):
    end = moving.now + timedelta(minutes=minutes)
    return {
        "changeType": "created,updated,deleted",
        "notificationUrl": HOOK,
        "lifecycleNotificationUrl": HOOK,
        "resource": "/me/events",
        "clientState": "secret",
        "expirationDateTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
    } | changes


@pytest.fixture
def subscribe(ms, moving):
    def make(**changes):
        return ms.post("/subscriptions", json=wanted(moving, **changes))

    return make


def add(outlook, calendar="primary"):
    return outlook.add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00", calendar)


def told(receiver):
    return [(item.get("changeType"), item["resourceData"]["id"]) for item in receiver.items()]


def test_the_handshake_comes_while_the_request_is_open_and_the_receiver_may_call_back(
    ms, subscribe, receiver, moving, graph
):
    schema.validate("request.subscription.create", wanted(moving))
    receiver.during = lambda: seen.append(Caller(graph, token).get("/me/calendars").status_code)
    seen, token = [], graph.connect(ROBIN, ["Calendars.Read"])["access_token"]
    answer = subscribe()
    assert (answer.status_code, answer.json()["clientState"], seen) == (201, "secret", [200])
    assert len(receiver.handshakes) == 1 and receiver.handshakes[0].startswith(
        f"{HOOK}&validationToken="
    )
    assert ms.get(f"/subscriptions/{answer.json()['id']}").json() == answer.json()
    assert [each["id"] for each in ms.get("/subscriptions").json()["value"]] == [
        answer.json()["id"]
    ]


def test_the_lock_is_free_during_the_handshake(subscribe, receiver, graph):
    free = []

    def try_lock():
        got = graph.store.lock.acquire(timeout=1)
        free.append(got)
        if got:
            graph.store.lock.release()

    def from_another_thread():
        thread = threading.Thread(target=try_lock)
        thread.start()
        thread.join()

    receiver.during = from_another_thread
    subscribe()
    assert free == [True]


@pytest.mark.parametrize(
    "answers",
    [
        (200, "text/plain", "escaped &amp; word"),
        (200, "text/html", None),
        (500, "", ""),
        (0, "", "ConnectError"),
    ],
)
def test_without_the_right_answer_there_is_no_subscription(subscribe, receiver, graph, answers):
    class Wrong:
        def __call__(self, address, headers, body):
            text = (
                parse_qs(urlsplit(address).query)["validationToken"][0]
                if answers[2] is None
                else answers[2]
            )
            return answers[0], answers[1], text

    graph.channels.sender = Wrong()
    answer = subscribe()
    assert (answer.status_code, code(answer)) == (400, "ValidationError")
    assert graph.channels.live() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"changeType": "moved"},
        {"notificationUrl": "http://clinic.example/"},
        {"resource": "/me/messages"},
        {"clientState": "x" * 129},
        {"expirationDateTime": "2026-11-19T00:00:00Z"},
        {"expirationDateTime": "soon"},
        {"minutes": 10_081},
        {"resource": "/users/other/events"},
    ],
)
def test_what_graph_does_not_take_is_refused(subscribe, graph, receiver, wrong):
    assert subscribe(**wrong).status_code == 400
    assert (graph.channels.live(), receiver.handshakes) == ([], [])


def test_a_second_one_for_the_same_is_refused_until_the_first_is_over(subscribe, moving):
    assert [
        subscribe(minutes=50).status_code,
        subscribe().status_code,
        subscribe(changeType="deleted").status_code,
    ] == [201, 409, 201]
    moving.on(minutes=55)
    assert subscribe().status_code == 201


def test_how_long_one_may_live_depends_on_the_switch(subscribe, graph, ms, moving):
    graph.subscription_minutes = 4230
    assert subscribe(minutes=4231).status_code == 400
    made = subscribe(minutes=1).json()
    assert made["expirationDateTime"][:16] == f"{moving.now + timedelta(minutes=45):%Y-%m-%dT%H:%M}"
    assert (
        ms.patch(
            f"/subscriptions/{made['id']}", json={"expirationDateTime": "2026-12-30T00:00:00Z"}
        ).status_code
        == 400
    )


def test_changes_by_anyone_are_notified_without_their_content(ms, subscribe, receiver, outlook):
    made = subscribe().json()
    by_hand = add(outlook)
    ours = ms.create().json()["id"]
    outlook.retitle(by_hand, "Late")
    outlook.delete(ours)
    assert told(receiver) == [
        ("created", by_hand),
        ("created", ours),
        ("updated", by_hand),
        ("deleted", ours),
    ]
    item = receiver.items()[0]
    assert (item["subscriptionId"], item["clientState"], item["tenantId"]) == (
        made["id"],
        "secret",
        WORK_TENANT,
    )
    assert receiver.notes[0].address == HOOK and "Lunch" not in str(receiver.notes)


def test_ids_are_immutable_only_if_that_was_asked_for_when_subscribing(
    as_graph_user, moving, receiver, outlook
):
    as_graph_user(prefer=None).post("/subscriptions", json=wanted(moving))
    made = add(outlook)
    assert told(receiver)[0][1] != made and "/" in told(receiver)[0][1]


def test_one_calendar_or_the_default_one_or_all(ms, subscribe, receiver, outlook, graph):
    other = outlook.add_calendar("Other")
    subscribe()
    add(outlook, other)
    assert told(receiver) == []
    subscribe(resource=f"/me/calendars/{other}/events")
    there = add(outlook, other)
    assert told(receiver) == [("created", there)]
    graph.me_events_everywhere = True
    add(outlook, other)
    assert len(told(receiver)) == 3 and len(receiver.notes) == 2
    assert subscribe(resource="/me/calendars/unknown/events").status_code == 404


def test_only_the_kinds_asked_for_and_only_ones_own_mailbox(subscribe, receiver, outlook, graph):
    subscribe(changeType="deleted")
    made = add(outlook)
    add(graph.user(ANA))
    outlook.delete(made)
    assert told(receiver) == [("deleted", made)]


def test_a_subscription_is_renewed_and_ends_or_is_deleted(ms, subscribe, moving, receiver, outlook):
    place = f"/subscriptions/{subscribe(minutes=45).json()['id']}"
    moving.on(minutes=40)
    later = f"{moving.now + timedelta(minutes=60):%Y-%m-%dT%H:%M:%SZ}"
    assert (
        ms.patch(place, json={"expirationDateTime": later}).json()["expirationDateTime"][:19] + "Z"
        == later
    )
    moving.on(minutes=15)
    made = add(outlook)
    assert ms.delete(place).status_code == 204
    outlook.delete(made)
    assert told(receiver) == [("created", made)]
    assert ms.patch(place, json={"expirationDateTime": later}).status_code == 404
    assert (ms.delete(place).status_code, ms.get(place).status_code) == (404, 404)


def test_a_subscription_is_invisible_to_other_users(subscribe, as_graph_user):
    place = f"/subscriptions/{subscribe().json()['id']}"
    ana = as_graph_user(email=ANA)
    assert (
        ana.get("/subscriptions").json()["value"],
        ana.get(place).status_code,
        ana.delete(place).status_code,
    ) == ([], 404, 404)


def test_lifecycle_notifications_are_sent_on_demand(subscribe, receiver, graph):
    made = subscribe().json()
    quiet = subscribe(changeType="deleted", lifecycleNotificationUrl=None).json()
    for word in ("reauthorizationRequired", "missed", "subscriptionRemoved"):
        graph.channels.lifecycle(word)
    items = receiver.items()
    assert [item["lifecycleEvent"] for item in items] == [
        "reauthorizationRequired",
        "missed",
        "subscriptionRemoved",
    ]
    assert {item["subscriptionId"] for item in items} == {made["id"]} and not {
        "resource",
        "changeType",
    } & set(items[0])
    assert [each["id"] for each in graph.channels.live()] == [quiet["id"]]


def test_notifications_wait_until_the_subscription_is_authorized_again(
    ms, subscribe, receiver, graph, outlook
):
    place = f"/subscriptions/{subscribe().json()['id']}"
    graph.channels.lapse()
    first = add(outlook)
    assert told(receiver) == []
    assert ms.post(f"{place}/reauthorize").status_code == 204
    assert told(receiver) == [("created", first)]


def test_a_subscription_can_disappear_silently(ms, subscribe, receiver, graph, outlook):
    made = subscribe().json()
    graph.channels.drop(made["id"])
    add(outlook)
    assert (told(receiver), ms.get(f"/subscriptions/{made['id']}").status_code) == ([], 404)


def test_over_http_the_handshake_is_answered_and_a_failed_notification_comes_again(moving):
    got, statuses = [], [503, 202]

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            query = parse_qs(urlsplit(self.path).query)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            word = query.get("validationToken", [""])[0]
            self.send_response(200 if word else statuses[len(got)])
            if not word:
                got.append(body)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.end_headers()
            self.wfile.write(word.encode())
            if len(got) == 2:
                done.set()

        def log_message(self, *_):
            """Quiet."""

    server, done = HTTPServer(("127.0.0.1", 0), Hook), threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    graph = sandbox_graph.create(clock=lambda: moving.now)
    caller = Caller(graph, graph.connect(ROBIN, ["Calendars.ReadWrite"])["access_token"])
    hook = f"http://127.0.0.1:{server.server_port}/hook"
    assert (
        caller.post(
            "/subscriptions",
            json=wanted(moving, notificationUrl=hook, lifecycleNotificationUrl=hook),
        ).status_code
        == 201
    )
    add(graph.user(ROBIN))
    assert done.wait(10) and got[0] == got[1] and b"created" in got[0]
    server.shutdown()
    server.server_close()
