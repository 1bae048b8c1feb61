"""Push channels: opened, called, stopped, expired."""

import uuid
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from sandbox import schema
from sandbox.push import HttpSender
from sandbox.seed import ANA, ROBIN

ADDRESS = "https://clinic.example/webhooks/google"


def watch(api, path="/calendars/primary/events", **changes):
    body = {
        "id": str(uuid.uuid4()),
        "type": "web_hook",
        "address": ADDRESS,
        "token": "sesame",
    } | changes
    return api.calendar(
        "POST",
        f"{path}/watch",
        json={name: value for name, value in body.items() if value is not None},
    )


def reason(answer):
    return answer.json()["error"]["errors"][0]["reason"]


def told(messages):
    return [headers["X-Goog-Resource-State"] for _, headers in messages]


def test_opening_a_channel_answers_with_its_end_and_sends_sync(api, messages, moving):
    body = {
        "id": "channel-1",
        "type": "web_hook",
        "address": ADDRESS,
        "token": "sesame",
        "params": {"ttl": "3600"},
    }
    schema.validate("request.watch", body)
    channel = watch(api, **body).json()
    ends_ms = int((moving.now.timestamp() + 3600) * 1000)
    assert (channel["kind"], channel["id"], channel["token"], channel["expiration"]) == (
        "api#channel",
        "channel-1",
        "sesame",
        str(ends_ms),
    )
    ((address, headers),) = messages
    assert (address, headers["X-Goog-Resource-State"], headers["X-Goog-Message-Number"]) == (
        ADDRESS,
        "sync",
        "1",
    )
    assert (headers["X-Goog-Channel-ID"], headers["X-Goog-Channel-Token"]) == (
        "channel-1",
        "sesame",
    )
    assert (headers["X-Goog-Resource-ID"], headers["X-Goog-Resource-URI"]) == (
        channel["resourceId"],
        channel["resourceUri"],
    )
    assert parsedate_to_datetime(headers["X-Goog-Channel-Expiration"]).timestamp() * 1000 == ends_ms


def test_every_change_sends_exists_with_a_growing_number(api, messages, robin):
    watch(api, token=None)
    event = robin.add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    robin.delete(event)
    api.insert()
    assert told(messages) == ["sync", "exists", "exists", "exists"]
    numbers = [int(headers["X-Goog-Message-Number"]) for _, headers in messages]
    assert numbers == sorted(set(numbers)) and "X-Goog-Channel-Token" not in messages[-1][1]


def test_a_channel_reports_no_other_calendar(api, messages, robin, sandbox):
    watch(api)
    robin.add("Elsewhere", "2026-11-23T12:00", "2026-11-23T13:00", robin.add_calendar("Second"))
    sandbox.user(ANA).add("Elsewhere", "2026-11-23T12:00", "2026-11-23T13:00")
    api.events()
    assert told(messages) == ["sync"]


def test_the_calendar_list_has_channels_of_its_own(api, messages, robin):
    assert "calendarList" in watch(api, "/users/me/calendarList").json()["resourceUri"]
    robin.add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    second = robin.add_calendar("Second")
    robin.delete_calendar(second)
    api.calendar("POST", "/calendars", json={"summary": "Third"})
    assert told(messages) == ["sync", "exists", "exists", "exists"]


def test_a_channel_id_is_used_once_even_after_the_channel_stopped(api):
    channel = watch(api, id="one").json()
    assert reason(watch(api, id="one")) == "channelIdNotUnique"
    api.calendar("POST", "/channels/stop", json={"id": "one", "resourceId": channel["resourceId"]})
    assert watch(api, id="one").status_code == 400


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"address": "http://clinic.example/hook"}, 400),
        ({"address": "http://localhost:8000/hook"}, 200),
        ({"address": "http://127.0.0.1:1/hook"}, 200),
        ({"address": "http://localhost.evil.example/"}, 400),
        ({"id": "x" * 65}, 400),
        ({"id": None}, 400),
        ({"type": "mail"}, 400),
        ({"type": "webhook"}, 200),
        ({"token": "x" * 257}, 400),
        ({"expiration": "1000"}, 400),
    ],
)
def test_a_channel_must_be_well_formed(api, messages, change, status):
    assert watch(api, **change).status_code == status
    assert len(messages) == (status == 200)


def test_no_channel_lives_longer_than_the_server_allows(api, moving):
    month_ms = 30 * 86_400_000
    channel = watch(api, expiration=str(int(moving.now.timestamp() * 1000) + 10 * month_ms)).json()
    assert int(channel["expiration"]) == int(moving.now.timestamp() * 1000) + month_ms


def test_a_channel_that_is_over_is_silent(api, messages, robin, moving):
    watch(api, params={"ttl": "60"})
    moving.on(seconds=61)
    robin.add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    assert told(messages) == ["sync"]


def test_stopping_needs_the_same_user_and_the_right_resource(api, caller_with, messages, robin):
    channel = watch(api, id="one").json()
    body = {"id": "one", "resourceId": channel["resourceId"]}
    schema.validate("request.channels.stop", body)
    assert (
        caller_with("calendar", email=ANA).calendar("POST", "/channels/stop", json=body).status_code
        == 404
    )
    assert (
        api.calendar("POST", "/channels/stop", json=body | {"resourceId": "other"}).status_code
        == 404
    )
    stopped = api.calendar("POST", "/channels/stop", json=body)
    assert (stopped.status_code, stopped.content) == (204, b"")
    assert api.calendar("POST", "/channels/stop", json=body).status_code == 404
    robin.add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    assert told(messages) == ["sync"]


def test_a_receiver_may_call_back_at_once(api, sandbox, robin):
    watch(api)
    seen = []
    sandbox.channels.sender = lambda address, headers: seen.append(
        [item["summary"] for item in api.events().json()["items"]]
    )
    robin.add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    assert seen == [["Lunch"]]


def test_a_lost_role_ends_the_messages(api, sandbox, messages):
    ana = sandbox.user(ANA)
    shared = ana.add_calendar("Shared")
    ana.share(shared, ROBIN, "reader")
    watch(api, f"/calendars/{shared}/events")
    ana.share(shared, ROBIN, None)
    ana.add("Later", "2026-11-23T12:00", "2026-11-23T13:00", shared)
    assert told(messages) == ["sync"]


def test_messages_are_really_posted_without_a_body_and_again_after_503():
    received = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(
                (
                    self.path,
                    self.headers["X-Goog-Channel-ID"],
                    self.headers["User-Agent"],
                    self.headers["Content-Length"],
                )
            )
            self.send_response(503 if len(received) == 1 else 204)
            self.end_headers()

        def log_message(self, *_):
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        two = Thread(target=lambda: [server.handle_request() for _ in range(2)])
        two.start()
        HttpSender()(f"http://127.0.0.1:{server.server_port}/hook", {"X-Goog-Channel-ID": "one"})
        two.join(timeout=10)
    assert received == [("/hook", "one", "APIs-Google", "0")] * 2
