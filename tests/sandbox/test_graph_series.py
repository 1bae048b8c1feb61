"""Series: patterns, occurrences and exceptions, neighbours, clock changes."""

import pytest
from graph_world import IMMUTABLE, WINDOW, at, code, event, ids


def repeat(kind="weekly", span=None, **pattern):
    return {
        "pattern": {"type": kind, "interval": 1} | pattern,
        "range": {"type": "noEnd", "startDate": "2026-11-23"} | (span or {}),
    }


MONDAYS = repeat(daysOfWeek=["monday"], span={"type": "numbered", "numberOfOccurrences": 4})


def instances(ms, event_id, low="2026-11-01", high="2027-12-31", **parts):
    query = {"startDateTime": low, "endDateTime": high, "$top": 1000}
    answer = ms.get(f"/me/events/{event_id}/instances", params=query, **parts)
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


def days(items):
    return [item["start"]["dateTime"][:10] for item in items]


@pytest.mark.parametrize(
    ("recurrence", "wanted"),
    [
        (repeat("daily", interval=2), ["2026-11-23", "2026-11-25", "2026-11-27"]),
        (repeat(daysOfWeek=["monday", "thursday"]), ["2026-11-23", "2026-11-26", "2026-11-30"]),
        (repeat("absoluteMonthly", dayOfMonth=23), ["2026-11-23", "2026-12-23", "2027-01-23"]),
        (
            repeat("relativeMonthly", daysOfWeek=["monday"], index="fourth"),
            ["2026-11-23", "2026-12-28", "2027-01-25"],
        ),
        (repeat("absoluteYearly", dayOfMonth=23, month=11), ["2026-11-23", "2027-11-23"]),
        (
            repeat("daily", span={"type": "endDate", "endDate": "2026-11-24"}),
            ["2026-11-23", "2026-11-24"],
        ),
    ],
)
def test_patterns_give_the_days_they_describe(ms, recurrence, wanted):
    made = ms.create(recurrence=recurrence).json()
    assert made["type"] == "seriesMaster"
    assert days(instances(ms, made["id"]))[: len(wanted)] == wanted


@pytest.mark.parametrize(
    "wrong",
    [
        repeat(),
        repeat("daily", interval=0),
        repeat("absoluteMonthly", dayOfMonth=40),
        repeat("daily", span={"startDate": "2026-11-24"}),
        repeat("daily", span={"type": "endDate", "endDate": "2026-11-01"}),
        {"pattern": {"type": "daily"}},
    ],
)
def test_patterns_with_holes_are_refused(ms, outlook, wrong):
    assert ms.create(recurrence=wrong).status_code == 400
    assert outlook.count() == 0


def test_an_occurrence_is_complete_outside_deltas_and_has_its_own_uid(ms):
    master = ms.create(recurrence=MONDAYS, location={"displayName": "Here"}).json()
    first, second = instances(ms, master["id"])[:2]
    assert (
        second["type"],
        second["seriesMasterId"],
        second["subject"],
        second["location"]["displayName"],
    ) == ("occurrence", master["id"], "Reserved", "Here")
    assert second["originalStart"] == "2026-11-30T08:00:00.0000000Z"
    assert "recurrence" not in second
    assert len({master["iCalUId"], first["iCalUId"], second["iCalUId"]}) == 3
    assert ms.one(second["id"]).json() == second


def test_a_series_keeps_its_hour_when_the_clocks_change(ms):
    times = {"start": at("2026-10-19T09:00:00"), "end": at("2026-10-19T10:00:00")}
    made = ms.create(
        **times, recurrence=repeat(daysOfWeek=["monday"], span={"startDate": "2026-10-19"})
    ).json()
    found = instances(ms, made["id"], "2026-10-18", "2026-10-27")
    assert [item["start"]["dateTime"][:16] for item in found] == [
        "2026-10-19T07:00",
        "2026-10-26T08:00",
    ]
    berlin = {"Prefer": f'{IMMUTABLE}, outlook.timezone="Europe/Berlin"'}
    assert {
        item["start"]["dateTime"][11:16]
        for item in instances(ms, made["id"], "2026-10-18", "2026-10-27", headers=berlin)
    } == {"09:00"}


def test_a_changed_occurrence_becomes_an_exception_that_tells_when_it_was_due(ms, graph):
    master = ms.create(recurrence=MONDAYS).json()
    second = instances(ms, master["id"])[1]["id"]
    changed = ms.patch(
        f"/me/events/{second}",
        json={"start": at("2026-12-01T11:00:00"), "end": at("2026-12-01T12:00:00")},
    ).json()
    assert (changed["id"], changed["type"], changed["originalStart"]) == (
        second,
        "exception",
        "2026-11-30T08:00:00.0000000Z",
    )
    assert days(instances(ms, master["id"])) == [
        "2026-11-23",
        "2026-12-01",
        "2026-12-07",
        "2026-12-14",
    ]
    graph.original_start_missing = True
    assert ms.one(second).json()["originalStart"] is None


def test_an_occurrence_may_not_move_onto_or_past_the_day_of_its_neighbour(ms):
    master = ms.create(recurrence=repeat("daily")).json()
    second = instances(ms, master["id"], high="2026-12-01")[1]["id"]
    for day in ("2026-11-23", "2026-11-25", "2026-11-26"):
        answer = ms.patch(
            f"/me/events/{second}",
            json={"start": at(f"{day}T11:00:00"), "end": at(f"{day}T12:00:00")},
        )
        assert (answer.status_code, code(answer)) == (400, "ErrorOccurrenceCrossingBoundary")
    same_day = {"start": at("2026-11-24T11:00:00"), "end": at("2026-11-24T12:00:00")}
    assert ms.patch(f"/me/events/{second}", json=same_day).status_code == 200


def test_a_removed_occurrence_is_gone_and_named_by_its_series(ms, outlook):
    master = ms.create(recurrence=MONDAYS).json()
    gone = outlook.delete_occurrence(master["id"], 2)
    assert days(instances(ms, master["id"])) == ["2026-11-23", "2026-11-30", "2026-12-14"]
    assert ms.one(gone).status_code == 404
    shown = ms.one(master["id"], params={"$select": "subject,cancelledOccurrences"}).json()
    assert [one.rpartition(".")[2] for one in shown["cancelledOccurrences"]] == ["2026-12-07"]
    assert "cancelledOccurrences" not in ms.one(master["id"]).json()


def test_a_series_with_new_times_loses_its_exceptions(ms, outlook):
    master = ms.create(recurrence=MONDAYS).json()
    outlook.retitle(outlook.instances(master["id"])[1], "Other")
    outlook.delete_occurrence(master["id"], 2)
    ms.patch(
        f"/me/events/{master['id']}",
        json={"start": at("2026-11-23T14:00:00"), "end": at("2026-11-23T15:00:00")},
    )
    assert [
        (item["subject"], item["start"]["dateTime"][11:16]) for item in instances(ms, master["id"])
    ] == [("Reserved", "13:00")] * 4


def test_a_series_becomes_a_single_event_and_goes_with_its_exceptions(ms, outlook):
    master = ms.create(recurrence=MONDAYS).json()["id"]
    outlook.retitle(outlook.instances(master)[1], "Other")
    outlook.delete(master)
    assert outlook.count() == 0
    single = ms.create(recurrence=MONDAYS).json()["id"]
    assert (
        ms.patch(f"/me/events/{single}", json={"recurrence": None}).json()["type"]
        == "singleInstance"
    )
    assert ids(ms.get("/me/calendarView", params=WINDOW).json()["value"]) == [single]


def test_an_endless_series_fills_any_window(ms, outlook):
    outlook.add("Daily", "2016-11-23T09:00", "2016-11-23T10:00", recurrence="daily")
    view = ms.get("/me/calendarView", params=WINDOW | {"$top": 1000}).json()["value"]
    assert len(view) == 30 and {item["type"] for item in view} == {"occurrence"}
    assert event()["subject"] not in {item["subject"] for item in view}


def test_a_list_of_events_holds_masters_and_no_occurrences(ms, outlook):
    series = outlook.add("Weekly", "2026-11-23T09:00", "2026-11-23T10:00", recurrence="weekly")
    outlook.retitle(outlook.instances(series)[1], "Other")
    assert ids(ms.get("/me/events").json()["value"]) == [series]
    assert (
        ms.get(f"/me/events/{ms.create().json()['id']}/instances", params=WINDOW).status_code == 400
    )
