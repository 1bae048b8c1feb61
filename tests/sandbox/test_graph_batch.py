"""Batches, throttling and concurrent requests; faults on demand."""

import threading
from itertools import pairwise

import httpx
import pytest
from graph_world import IMMUTABLE, Caller, code, event, ids, judge, schema

from sandbox.graph.seed import ROBIN

JSON = {"Content-Type": "application/json", "Prefer": IMMUTABLE}


def item(number, method="POST", url="/me/events", body=None, headers=None, **more):
    body = event(subject=str(number)) if body is None and method == "POST" else body
    return (
        {"id": str(number), "method": method, "url": url, "headers": headers or JSON}
        | ({"body": body} if body else {})
        | more
    )


def send(ms, *items):
    """The answers by id; each is judged by the schema."""
    body = {"requests": list(items)}
    answer = ms.post("/$batch", json=body)
    assert answer.status_code == 200, answer.text
    for one in answer.json()["responses"]:
        asked = next(each for each in items if each["id"] == one["id"])
        if "body" in one:
            judge(
                asked["method"],
                f"/v1.0{asked['url'].partition('?')[0]}",
                one["status"],
                one["body"],
            )
    return {one["id"]: one for one in answer.json()["responses"]}


def statuses(answers):
    return [answers[key]["status"] for key in sorted(answers, key=int)]


def chain(*items):
    return [
        items[0],
        *(each | {"dependsOn": [before["id"]]} for before, each in pairwise(items)),
    ]


def test_each_item_has_its_own_status_headers_and_body(ms, outlook):
    made = ms.create().json()
    place = f"/me/events/{made['id']}"
    stale = item(2, "PATCH", place, {"subject": "x"}, JSON | {"If-Match": 'W/"old"'})
    items = (
        item(1),
        stale,
        item(3, "GET", f"{place}?$select=subject"),
        item(4, "DELETE", place),
        item(5, "GET", place),
    )
    schema.validate("request.batch", {"requests": list(items)})
    answers = send(ms, *items)
    assert statuses(answers) == [201, 412, 200, 204, 404]
    assert answers["3"]["body"]["subject"] == "Reserved" and "body" not in answers["4"]
    assert [kept["subject"] for kept in outlook.events()] == ["1"]


def test_answers_come_in_any_order(ms):
    orders = {
        tuple(
            one["id"]
            for one in ms.post(
                "/$batch", json={"requests": [item(n, "GET", "/me") for n in range(8)]}
            ).json()["responses"]
        )
        for _ in range(5)
    }
    assert len(orders) > 1 and all(sorted(order) == sorted(map(str, range(8))) for order in orders)


def test_preferences_are_not_inherited_from_the_batch(ms):
    made = send(ms, item(1, headers={"Content-Type": "application/json"}))["1"]["body"]
    assert "/" in made["id"]


def test_an_item_behind_a_failed_one_is_not_carried_out(ms, outlook):
    lost = item(2, "DELETE", "/me/events/AAkALgAA" + "x" * 40)
    assert statuses(send(ms, *chain(item(1), lost, item(3), item(4)))) == [201, 404, 424, 424]
    assert outlook.count() == 1


@pytest.mark.parametrize(
    "items",
    [
        [item(number) for number in range(21)],
        [],
        [item(1), item(1)],
        [item("a"), item("A")],
        [{"id": "1", "method": "GET"}],
        [item(1, headers={"Prefer": IMMUTABLE})],
        [item(1, dependsOn=["2"]), item(2)],
        [item(1, "HEAD")],
    ],
)
def test_what_is_no_batch_is_refused_whole(ms, outlook, items):
    for item_ in items:
        if item_.get("headers") == {"Prefer": IMMUTABLE}:
            item_["body"] = event()
    assert ms.post("/$batch", json={"requests": items}).status_code == 400
    assert outlook.count() == 0


def test_complete_addresses_are_refused_one_by_one(ms):
    assert (
        ms.post(
            "/$batch", json={"requests": [item(1, "GET", "https://graph.microsoft.com/v1.0/me")]}
        ).json()["responses"][0]["status"]
        == 400
    )


def test_encoded_ids_work_and_raw_ones_with_slashes_do_not(ms, as_graph_user):
    made = as_graph_user(prefer=None).create().json()["id"]
    encoded = made.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    assert statuses(
        send(ms, item(1, "GET", f"/me/events/{encoded}"), item(2, "GET", f"/me/events/{made}"))
    ) == [200, 400]


def test_links_in_a_batch_lead_to_the_same_host(ms, outlook):
    outlook.add("x", "2026-11-23T12:00", "2026-11-23T13:00")
    url = "/me/calendarView/delta?startDateTime=2026-11-20&endDateTime=2026-12-20"
    link = send(ms, item(1, "GET", url))["1"]["body"]["@odata.deltaLink"]
    assert ms.get(link).json()["value"] == []


def test_one_item_can_be_made_to_fail_with_a_time_to_wait(ms, graph, outlook):
    graph.faults.fail(429, method="POST", path="/events$", skip=1, retry_after_seconds=7)
    answers = send(ms, item(1), item(2), item(3))
    assert statuses(answers) == [201, 429, 201] and answers["2"]["headers"]["Retry-After"] == "7"
    assert (
        outlook.count(),
        graph.requests.count("events.create", in_batch=True),
        graph.requests.count("batch"),
    ) == (2, 3, 1)


def test_items_count_one_by_one_against_the_limit_of_the_mailbox(ms, graph, moving, as_graph_user):
    graph.quota.per_10_minutes = 3
    answers = send(ms, *[item(number, "GET", "/me") for number in range(5)])
    assert sorted(statuses(answers)) == [200, 200, 200, 429, 429]
    limited = next(one for one in answers.values() if one["status"] == 429)
    assert (
        limited["body"]["error"]["code"] == "ApplicationThrottled"
        and int(limited["headers"]["Retry-After"]) > 0
    )
    assert as_graph_user(email="ana.costa@outlook.example").get("/me").status_code == 200
    graph.quota.status = 503
    assert (ms.get("/me").status_code, "Retry-After" in ms.get("/me").headers) == (503, True)
    moving.on(minutes=11)
    assert ms.get("/me").status_code == 200


def test_a_chain_is_one_request_in_flight_and_other_batches_are_four(ms, graph):
    ms.get("/me")
    assert graph.requests.most_in_flight(ROBIN) == 1
    send(ms, *chain(*[item(number) for number in range(6)]))
    assert graph.requests.most_in_flight(ROBIN) == 1
    send(ms, *[item(number) for number in range(6)])
    assert graph.requests.most_in_flight(ROBIN) == 4


def test_a_chain_takes_its_items_one_by_one_and_other_batches_four_at_a_time(
    ms, graph, monkeypatch
):
    slept = []
    monkeypatch.setattr("sandbox.graph.batch.time.sleep", slept.append)
    graph.latency_ms, graph.item_ms = 80, 100
    send(ms, *chain(*[item(number) for number in range(9)]))
    send(ms, *[item(number) for number in range(9)])
    assert [round(one, 2) for one in slept if one] == [0.98, 0.38]


def test_a_fifth_request_at_once_is_too_many(ms, graph):
    token, answers = graph.connect(ROBIN, ["User.Read"])["access_token"], []
    graph.latency_ms = 300
    threads = [
        threading.Thread(target=lambda: answers.append(Caller(graph, token).get("/me")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 2 and "MailboxConcurrency" in refused[0].json()["error"]["message"]
    assert graph.requests.most_in_flight(ROBIN) > 4


def test_the_connection_can_die_in_the_middle_of_a_batch(ms, graph, outlook):
    graph.faults.reset_batch(after=2)
    with pytest.raises(httpx.ReadError):
        ms.post("/$batch", json={"requests": [item(number) for number in range(4)]})
    assert outlook.count() == 2


def test_the_answer_can_be_lost_after_the_work(ms, graph, outlook):
    graph.faults.time_out(path="/events$")
    with pytest.raises(httpx.ReadTimeout):
        ms.create(transactionId="t1")
    assert outlook.count() == 1
    graph.faults.time_out(status=504, path="batch$")
    assert ms.post("/$batch", json={"requests": [item(1)]}).status_code == 504
    assert outlook.count() == 2


def test_troubles_have_graphs_codes_and_pass(ms, graph, moving, edge):
    graph.faults.fail(503, path="/calendars$", times=2)
    assert [ms.get("/me/calendars").status_code for _ in range(3)] == [503, 503, 200]
    graph.faults.fail(500, "ErrorInternalServerTransientError", minutes=5)
    assert code(ms.get("/me")) == "ErrorInternalServerTransientError"
    assert edge.post("/common/oauth2/v2.0/token", data={}).status_code == 500
    moving.on(minutes=6)
    assert ms.get("/me").status_code == 200
    graph.faults.reset(path="/me$")
    with pytest.raises(httpx.ReadError):
        ms.get("/me")
    assert graph.requests[-1].status == 0


def test_a_batch_needs_a_token_that_lives(graph):
    assert Caller(graph, "nobody").post("/$batch", json={"requests": [item(1)]}).status_code == 401


def test_the_log_counts_by_operation(ms, graph, outlook):
    other = outlook.add_calendar("Other")
    ms.create(other)
    ids(ms.get("/me/events").json()["value"])
    assert (
        graph.requests.count("calendars.events.create", status=201, account=ROBIN),
        graph.requests.count(method="GET"),
    ) == (1, 1)
    assert other not in graph.requests[0].path
