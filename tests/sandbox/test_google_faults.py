"""Faults on demand, quota, the log, and data that survive a restart."""

import threading
import time

import httpx
import pytest
from google_world import event
from werkzeug.serving import make_server

from sandbox import google
from sandbox.faults import KEPT_RECORDS
from sandbox.seed import ANA, ROBIN
from sandbox.store import Store

HOOK = {"id": "one", "type": "web_hook", "address": "https://clinic.example/"}


def problem(answer):
    detail = answer.json()["error"]["errors"][0]
    return answer.status_code, detail["domain"], detail["reason"]


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (401, None, (401, "global", "authError")),
        (403, None, (403, "usageLimits", "rateLimitExceeded")),
        (403, "userRateLimitExceeded", (403, "usageLimits", "userRateLimitExceeded")),
        (403, "quotaExceeded", (403, "usageLimits", "quotaExceeded")),
        (429, None, (429, "usageLimits", "rateLimitExceeded")),
        (500, None, (500, "global", "backendError")),
        (503, None, (503, "global", "backendError")),
    ],
)
def test_the_next_requests_can_be_refused_with_any_reason(
    api, sandbox, robin, status, reason, expected
):
    sandbox.faults.fail(status, reason, times=2)
    assert [problem(api.insert()) for _ in range(2)] == [expected] * 2
    assert robin.count() == 0
    assert api.insert().status_code == 200


def test_a_refusal_may_say_when_to_come_back(api, sandbox):
    sandbox.faults.fail(429, retry_after_seconds=7)
    assert api.events().headers["Retry-After"] == "7"
    sandbox.faults.fail(429)
    assert "Retry-After" not in api.events().headers


def test_trouble_hits_only_what_it_was_meant_for(api, sandbox):
    sandbox.faults.fail(503, method="POST", path="/events$", skip=1, times=1)
    assert [
        api.events().status_code,
        api.insert().status_code,
        api.insert().status_code,
        api.insert().status_code,
    ] == [200, 200, 503, 200]


def test_trouble_can_last_a_while_and_be_ended(api, sandbox, moving, web):
    sandbox.faults.fail(503, minutes=5)
    assert [api.events().status_code for _ in range(3)] == [503] * 3
    moving.on(minutes=5)
    assert api.events().status_code == 200
    sandbox.faults.fail(503, minutes=5)
    web.post("/sandbox/control/clear")
    assert api.events().status_code == 200


def test_the_token_address_can_fail_too(web, sandbox):
    sandbox.faults.fail(503, path="^/token$")
    assert [web.post("/token").status_code, web.post("/token").status_code] == [503, 401]


def test_after_a_time_out_the_work_is_done(api, sandbox, robin):
    sandbox.faults.time_out(method="POST")
    with pytest.raises(httpx.ReadTimeout):
        api.insert(id="abc01")
    assert robin.count() == 1
    assert api.insert(id="abc01").status_code == 409


def test_a_gateway_time_out_does_the_work_as_well(api, sandbox, robin):
    sandbox.faults.time_out(status=504)
    assert (api.insert().status_code, robin.count()) == (504, 1)


def test_after_a_reset_nothing_is_done(api, sandbox, robin):
    sandbox.faults.reset()
    with pytest.raises(httpx.ReadError):
        api.insert()
    assert robin.count() == 0
    assert sandbox.requests[-1].status == 0


def test_a_real_connection_is_cut_without_an_answer(sandbox, robin):
    access_token = sandbox.connect(ROBIN, ["calendar"])["access_token"]
    server = make_server("127.0.0.1", 0, sandbox, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with httpx.Client(
        base_url=f"http://127.0.0.1:{server.port}",
        headers={"Authorization": f"Bearer {access_token}"},
        trust_env=False,
    ) as client:
        sandbox.faults.time_out(method="POST")
        with pytest.raises(httpx.TransportError):
            client.post("/calendar/v3/calendars/primary/events", json=event())
        assert (
            client.get("/calendar/v3/calendars/robin.hale%40gmail.example/events").json()["items"][
                0
            ]["summary"]
            == "Reserved"
        )
    server.shutdown()
    assert robin.count() == 1


def test_answers_can_be_slow(api, sandbox):
    sandbox.latency_ms = 60
    begun = time.monotonic()
    api.events()
    assert time.monotonic() - begun >= 0.06


def test_the_quota_of_a_user_is_a_sliding_minute(api, caller_with, sandbox, moving):
    sandbox.quota.per_minute = 2
    assert [api.events().status_code for _ in range(3)] == [200, 200, 403]
    assert caller_with("calendar", email=ANA).events().status_code == 200
    moving.on(seconds=60)
    assert api.events().status_code == 200


def test_an_access_token_dies_after_an_hour_or_on_demand(api, sandbox, moving, caller_with):
    moving.on(hours=1)
    dead = api.events()
    assert problem(dead) == (401, "global", "authError") and "WWW-Authenticate" in dead.headers
    fresh = caller_with("calendar")
    sandbox.oauth.expire_access_tokens(ROBIN)
    assert fresh.events().status_code == 401


def test_every_request_is_in_the_log_without_ids(api, sandbox, web):
    made = api.insert().json()
    api.calendar("GET", f"/calendars/primary/events/{made['id']}")
    api.calendar("GET", "/calendars/unknown@clinic.example/events")
    assert [
        (record.method, record.path, record.status, record.account) for record in sandbox.requests
    ] == [
        ("POST", "/calendar/v3/calendars/{calendarId}/events", 200, ROBIN),
        ("GET", "/calendar/v3/calendars/{calendarId}/events/{eventId}", 200, ROBIN),
        ("GET", "/calendar/v3/calendars/{calendarId}/events", 404, ROBIN),
    ]
    assert sandbox.requests.count("events.get", status=200) == 1
    assert [record["operation"] for record in web.get("/sandbox/requests").json()] == [
        "events.insert",
        "events.get",
        "events.list",
    ]


def test_all_requests_are_counted_when_the_oldest_are_no_longer_kept(api, sandbox, web):
    api.calendar("GET", "/users/me/calendarList")
    kept = len(sandbox.requests)
    for _ in range(KEPT_RECORDS):
        sandbox.requests.append(sandbox.requests[0])
    assert (
        len(sandbox.requests) == KEPT_RECORDS
        and web.get("/sandbox/requests/total").json() == KEPT_RECORDS + kept
    )
    sandbox.requests.append(sandbox.requests[0]._replace(in_batch=True))
    assert web.get("/sandbox/requests/total").json() == KEPT_RECORDS + kept


def test_the_control_addresses_turn_switches_and_play_the_user(web, api, sandbox, robin):
    made = web.post(
        f"/sandbox/users/{ROBIN}/add",
        json={"summary": "Lunch", "start": "2026-11-23T12:00", "end": "2026-11-23T13:00"},
    ).json()["answer"]
    web.post("/sandbox/control/switches", json={"page_cap": 1, "quota_per_minute": 50})
    web.post("/sandbox/control/fail", json={"status": 429, "path": "/events$"})
    assert [api.events().status_code, api.events().status_code] == [429, 200]
    web.post("/sandbox/control/switches", json={"latency_ms": 1})
    assert (sandbox.page_cap, sandbox.quota.per_minute, sandbox.latency_ms) == (1, 50, 1)
    web.post(f"/sandbox/users/{ROBIN}/delete", json={"event_id": made})
    assert web.post(f"/sandbox/users/{ROBIN}/count").json() == {"answer": 0}
    assert web.post("/sandbox/control/switches", json={"colour": 1}).status_code == 400
    assert (
        web.post("/sandbox/control/explode").status_code
        == web.post(f"/sandbox/users/{ROBIN}/google").status_code
        == 404
    )


def test_everything_survives_a_restart(tmp_path, moving):
    def start():
        return google.create(
            Store(tmp_path / "google.json"), clock=lambda: moving.now, sender=lambda *_: None
        )

    before = start()
    tokens = before.connect(ROBIN, ["calendar"])
    made = before.user(ROBIN).add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}

    def caller(app):
        return httpx.Client(
            transport=httpx.WSGITransport(app=app), base_url="http://sandbox", headers=headers
        )

    sync_token = caller(before).get("/calendar/v3/calendars/primary/events").json()["nextSyncToken"]
    caller(before).post("/calendar/v3/calendars/primary/events/watch", json=HOOK)
    before.store.save()
    assert (tmp_path / "google.json").stat().st_mode & 0o777 == 0o600
    after = start()
    assert [
        item["id"]
        for item in caller(after).get("/calendar/v3/calendars/primary/events").json()["items"]
    ] == [made]
    assert (
        caller(after)
        .get("/calendar/v3/calendars/primary/events", params={"syncToken": sync_token})
        .json()["items"]
        == []
    )
    assert [channel["id"] for channel in after.channels.live()] == ["one"]


def test_a_change_reaches_the_file_by_itself(tmp_path):
    store = Store(tmp_path / "google.json")
    google.create(store).user(ROBIN).add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    patience = time.monotonic() + 5
    while not (tmp_path / "google.json").exists() and time.monotonic() < patience:
        time.sleep(0.05)
    assert google.create(Store(tmp_path / "google.json")).user(ROBIN).count() == 1
