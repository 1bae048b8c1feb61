"""Batches: each call with its own status, and connections that die in the middle."""

import json

import httpx
import pytest
from google_world import event, judge

from sandbox import spec
from sandbox.seed import ROBIN

EVENTS = f"{spec.BASE}/calendars/primary/events"


def part(number, method, target, body=None, headers=""):
    text = "" if body is None else json.dumps(body)
    kind = "Content-Type: application/json\r\n" if text else ""
    outer = f"Content-Type: application/http\r\nContent-ID: <item{number}>\r\n"
    return f"--edge\r\n{outer}\r\n{method} {target} HTTP/1.1\r\n{kind}{headers}\r\n{text}\r\n"


def send(api, *calls, boundary="edge", **parts):
    """Sends calls (method, target, body, headers) as one batch."""
    content = "".join(part(number, *call) for number, call in enumerate(calls)) + "--edge--"
    return api.post(
        "/batch/calendar/v3",
        content=content.encode(),
        headers={"Content-Type": f"multipart/mixed; boundary={boundary}"},
        **parts,
    )


def read(answer):
    """(content id, status, body) of each part in order."""
    boundary = answer.headers["Content-Type"].split("boundary=")[1]
    found = []
    for piece in answer.text.split(f"--{boundary}")[1:-1]:
        outer, head, body = piece.split("\r\n\r\n", 2)
        found.append(
            (
                outer.split("Content-ID: ")[1].split("\r\n")[0],
                int(head.split()[1]),
                json.loads(body) if body.strip() else None,
            )
        )
    return found


def test_parts_are_answered_in_order_each_with_its_own_status(api, robin):
    answer = send(
        api,
        ("POST", EVENTS, event(id="abc01", summary="Größe")),
        ("POST", EVENTS, event(id="abc01")),
        ("GET", f"{EVENTS}/abc01?fields=id"),
        ("DELETE", f"{EVENTS}/nothere"),
        ("DELETE", f"{EVENTS}/abc01"),
    )
    assert answer.status_code == 200
    parts = read(answer)
    assert [each[0] for each in parts] == [f"<response-item{number}>" for number in range(5)]
    assert [each[1] for each in parts] == [200, 409, 200, 404, 204]
    assert (parts[0][2]["summary"], parts[2][2], parts[4][2]) == ("Größe", {"id": "abc01"}, None)
    judge("POST", EVENTS, 200, parts[0][2])
    judge("POST", EVENTS, 409, parts[1][2])
    assert robin.count() == 0


def test_a_part_may_carry_headers_of_its_own(api):
    made = api.insert().json()
    stale = ("PATCH", f"{EVENTS}/{made['id']}", {"summary": "x"}, 'If-Match: "old"\r\n')
    stranger = ("GET", EVENTS, None, "Authorization: Bearer nobody\r\n")
    assert [each[1] for each in read(send(api, stale, stranger, ("GET", EVENTS)))] == [
        412,
        401,
        200,
    ]


def test_two_writes_to_one_event_in_one_batch_collide(api):
    path = f"{EVENTS}/{api.insert().json()['id']}"
    parts = read(send(api, ("PATCH", path, {"summary": "1"}), ("PATCH", path, {"summary": "2"})))
    assert [
        (each[1], each[2].get("error", {}).get("errors", [{}])[0].get("reason")) for each in parts
    ] == [(200, None), (409, "conflict")]


def test_encoded_paths_work_and_complete_addresses_do_not(api):
    parts = read(
        send(
            api,
            ("GET", f"{spec.BASE}/calendars/robin.hale%40gmail.example/events"),
            ("GET", f"https://www.googleapis.com{EVENTS}"),
        )
    )
    assert [each[1] for each in parts] == [200, 400]


def test_a_batch_holds_a_thousand_calls_at_most(api, sandbox):
    assert send(api, *[("GET", f"{EVENTS}/nothere")] * 1001).status_code == 400
    assert sandbox.requests.count("events.get") == 0
    assert len(read(send(api, *[("GET", f"{EVENTS}/nothere")] * 1000))) == 1000
    assert sandbox.requests.count("events.get", status=404, in_batch=True) == 1000


@pytest.mark.parametrize(
    "content_type", ["multipart/mixed", "application/json", "multipart/mixed; boundary=other"]
)
def test_what_is_no_batch_is_refused(api, content_type):
    content = part(0, "GET", EVENTS) + "--edge--"
    assert (
        api.post(
            "/batch/calendar/v3", content=content.encode(), headers={"Content-Type": content_type}
        ).status_code
        == 400
    )


def test_each_part_counts_against_the_quota_and_a_patch_three_times(api, sandbox):
    path = f"{EVENTS}/{api.insert().json()['id']}"
    sandbox.quota.per_minute = 6
    parts = read(
        send(api, ("GET", path), ("PATCH", path, {"summary": "x"}), ("GET", path), ("GET", path))
    )
    assert [each[1] for each in parts] == [200, 200, 200, 403]
    assert parts[3][2]["error"]["errors"][0] == {
        "domain": "usageLimits",
        "reason": "userRateLimitExceeded",
        "message": "User Rate Limit Exceeded",
    }


def test_one_part_can_be_made_to_fail(api, sandbox, robin):
    sandbox.faults.fail(429, method="POST", path="/events$", skip=1)
    parts = read(send(api, *[("POST", EVENTS, event(summary=str(number))) for number in range(3)]))
    assert [each[1] for each in parts] == [200, 429, 200]
    assert robin.count() == 2


def test_the_connection_can_die_in_the_middle_of_a_batch(api, sandbox, robin):
    sandbox.faults.reset_batch(after=2)
    calls = [("POST", EVENTS, event(id=f"abc{number:02}")) for number in range(4)]
    with pytest.raises(httpx.ReadError):
        send(api, *calls)
    assert robin.count() == 2
    assert [each[1] for each in read(send(api, *calls))] == [409, 409, 200, 200]
    assert sandbox.user(ROBIN).count() == 4
