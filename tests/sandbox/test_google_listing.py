"""Lists of single events: pages, windows, filters, increments; and free/busy times."""

import pytest

from sandbox import schema
from sandbox.seed import ANA, ROBIN


def titles(answer):
    return sorted(item.get("summary", "-") for item in answer.json()["items"])


def reason(answer):
    return answer.json()["error"]["errors"][0]["reason"]


@pytest.fixture
def morning(robin):
    """Five events, from 08:00 to 12:00 UTC, one an hour, each half an hour long."""
    return [
        robin.add(str(hour), f"2026-11-23T{hour:02}:00", f"2026-11-23T{hour:02}:30")
        for hour in range(8, 13)
    ]


@pytest.mark.parametrize(
    "switches", [{}, {"page_cap": 1}, {"empty_pages": True}, {"page_cap": 2, "empty_pages": True}]
)
def test_pages_give_every_event_once_and_the_sync_token_at_the_end(api, sandbox, morning, switches):
    for name, value in switches.items():
        setattr(sandbox, name, value)
    items, token = api.every_event(maxResults=3)
    assert sorted(item["id"] for item in items) == sorted(morning) and token
    first = api.events(maxResults=3).json()
    assert ("nextPageToken" in first, "nextSyncToken" in first) == (True, False)
    assert len(first["items"]) == (
        0 if "empty_pages" in switches else min(3, switches.get("page_cap", 3))
    )


def test_a_page_token_belongs_to_its_query(api, morning):
    token = api.events(maxResults=2).json()["nextPageToken"]
    assert api.events(maxResults=2, pageToken=token, singleEvents="true").status_code == 400
    assert api.events(pageToken="AAAA").status_code == 400


@pytest.mark.parametrize("size", [0, 2501, "many"])
def test_a_page_size_out_of_bounds_is_refused(api, size):
    assert api.events(maxResults=size).status_code == 400


def test_changes_made_while_paging_are_not_lost(api, robin, morning):
    first = api.events(maxResults=2).json()
    seen = [item["id"] for item in first["items"]]
    robin.delete(seen[0])
    robin.retitle(seen[1], "Changed")
    new = robin.add("New", "2026-11-24T09:00", "2026-11-24T10:00")
    second = api.events(maxResults=2, pageToken=first["nextPageToken"]).json()
    last = api.events(maxResults=250, pageToken=second["nextPageToken"]).json()
    assert {item["id"] for item in second["items"] + last["items"]} >= set(morning) - set(seen)
    increment, _ = api.every_event(syncToken=last["nextSyncToken"])
    assert {item["id"]: item["status"] for item in increment} == {
        seen[0]: "cancelled",
        seen[1]: "confirmed",
        new: "confirmed",
    }


def test_an_increment_brings_changed_new_and_deleted_events_only(api, robin, morning):
    _, token = api.every_event()
    assert api.every_event(syncToken=token)[0] == []
    robin.move(morning[0], "2026-11-25T08:00", "2026-11-25T08:30")
    robin.delete(morning[1])
    items, later = api.every_event(syncToken=token)
    assert {item["id"]: item["status"] for item in items} == {
        morning[0]: "confirmed",
        morning[1]: "cancelled",
    }
    assert api.every_event(syncToken=later)[0] == []
    assert len(api.every_event(syncToken=token)[0]) == 2  # a token may be used again


def test_an_increment_in_pages_needs_both_tokens(api, robin, sandbox, morning):
    _, token = api.every_event()
    for key in morning:
        robin.retitle(key, "Changed")
    sandbox.page_cap = 2
    items, _ = api.every_event(syncToken=token)
    assert len(items) == 5
    page = api.events(syncToken=token).json()["nextPageToken"]
    assert api.events(pageToken=page).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        {"timeMin": "2026-11-01T00:00:00Z"},
        {"timeMax": "2026-12-01T00:00:00Z"},
        {"q": "x"},
        {"orderBy": "updated"},
        {"iCalUID": "x"},
        {"privateExtendedProperty": "a=1"},
        {"sharedExtendedProperty": "a=1"},
        {"updatedMin": "2026-11-20T00:00:00Z"},
        {"showDeleted": "false"},
        {"singleEvents": "true"},
    ],
)
def test_a_sync_token_does_not_go_with_other_limits(api, query):
    _, token = api.every_event()
    assert (
        api.events(syncToken=token, **query).status_code,
        api.events(syncToken=token).status_code,
    ) == (400, 200)


def test_a_sync_token_belongs_to_its_calendar(api, robin):
    _, token = api.every_event()
    assert api.events(robin.add_calendar("Other"), syncToken=token).status_code == 400


@pytest.mark.parametrize("how", ["on demand", "with time"])
def test_a_dead_sync_token_is_410_and_a_new_full_list_heals_it(
    api, sandbox, moving, caller_with, how
):
    _, token = api.every_event()
    if how == "on demand":
        sandbox.expire_sync_tokens()
    else:
        moving.on(days=29)
        api = caller_with("calendar")
    answer = api.events(syncToken=token)
    assert (answer.status_code, reason(answer)) == (410, "fullSyncRequired")
    _, token = api.every_event()
    assert api.events(syncToken=token).status_code == 200


@pytest.mark.parametrize(
    "query", [{"q": "8"}, {"privateExtendedProperty": "a=1"}, {"orderBy": "updated"}]
)
def test_a_first_list_with_a_filter_gives_no_sync_token(api, query):
    assert "nextSyncToken" not in api.events(**query).json()


def test_a_first_list_may_be_bounded_and_later_increments_are_not(api, robin):
    _, token = api.every_event(timeMin="2026-11-01T00:00:00Z", timeMax="2026-12-01T00:00:00Z")
    robin.add("Far away", "2029-11-23T09:00", "2029-11-23T10:00")
    assert [item["summary"] for item in api.every_event(syncToken=token)[0]] == ["Far away"]


def test_the_window_is_exclusive_at_both_ends(api, morning):
    assert titles(api.events(timeMin="2026-11-23T08:30:00Z", timeMax="2026-11-23T11:00:00Z")) == [
        "10",
        "9",
    ]
    assert titles(api.events(timeMin="2026-11-23T08:29:59Z", timeMax="2026-11-23T11:00:01Z")) == [
        "10",
        "11",
        "8",
        "9",
    ]


def test_an_all_day_event_fills_its_day_in_the_zone_of_the_calendar(api, robin):
    auckland = robin.add_calendar("Auckland", "Pacific/Auckland")
    robin.add("Day", "2026-11-23", calendar=auckland)
    assert titles(
        api.events(auckland, timeMin="2026-11-22T10:00:00Z", timeMax="2026-11-22T12:00:00Z")
    ) == ["Day"]
    assert titles(api.events(auckland, timeMin="2026-11-23T11:00:00Z")) == []


def test_a_window_must_be_a_window_with_offsets(api):
    assert (
        reason(api.events(timeMin="2026-11-23T10:00:00Z", timeMax="2026-11-23T10:00:00Z"))
        == "timeRangeEmpty"
    )
    assert api.events(timeMin="2026-11-23T10:00:00").status_code == 400


def test_order_by_start_needs_single_events(api, morning):
    assert api.events(orderBy="startTime").status_code == 400
    answer = api.every_event(orderBy="startTime", singleEvents="true", maxResults=2)
    assert [item["summary"] for item in answer[0]] == ["8", "9", "10", "11", "12"]


def test_filters_by_text_uid_kind_and_property(api, robin):
    marked = api.insert(
        summary="Ours", extendedProperties={"private": {"app": "kalends", "booking": "7"}}
    ).json()
    robin.add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    assert titles(api.events(q="lun")) == ["Lunch"]
    assert titles(api.events(iCalUID=marked["iCalUID"])) == ["Ours"]
    assert titles(api.events(privateExtendedProperty="app=kalends")) == ["Ours"]
    assert titles(api.events(privateExtendedProperty="app=other")) == []
    assert titles(api.events(privateExtendedProperty=["app=kalends", "booking=8"])) == []
    assert titles(api.events(eventTypes="focusTime")) == []
    assert titles(api.events(eventTypes=["focusTime", "default"])) == ["Lunch", "Ours"]
    assert robin.count(app="kalends") == 1 and robin.count() == 2


def test_deleted_events_show_only_when_asked_for(api, robin, morning):
    robin.delete(morning[0])
    assert len(api.events().json()["items"]) == 4
    gone = [
        item
        for item in api.events(showDeleted="true").json()["items"]
        if item["status"] == "cancelled"
    ]
    # On one's own calendar tombstones keep their details.
    assert [item["summary"] for item in gone] == ["8"]


def test_tombstones_can_be_bare(api, robin, sandbox, morning):
    sandbox.bare_tombstones = True
    robin.delete(morning[0])
    gone = next(
        item
        for item in api.events(showDeleted="true").json()["items"]
        if item["status"] == "cancelled"
    )
    assert set(gone) == {"kind", "etag", "id", "status"}
    schema.validate("tombstone", gone)


def test_updated_min_brings_changes_and_deletions_since_then(api, robin, morning, moving):
    moving.on(minutes=10)
    robin.delete(morning[0])
    robin.retitle(morning[1], "Changed")
    items = api.events(updatedMin="2026-11-20T11:45:00Z").json()["items"]
    assert {item["id"]: item["status"] for item in items} == {
        morning[0]: "cancelled",
        morning[1]: "confirmed",
    }
    assert reason(api.events(updatedMin="2026-10-01T00:00:00Z")) == "updatedMinTooLongAgo"


def free_busy(api, *ids, **body):
    body = {
        "timeMin": "2026-11-23T00:00:00Z",
        "timeMax": "2026-11-24T00:00:00Z",
        "items": [{"id": each} for each in ids],
    } | body
    schema.validate("request.freebusy.query", body)
    return api.calendar("POST", "/freeBusy", json=body)


def test_free_busy_joins_spans_and_leaves_out_what_does_not_block(api, robin):
    robin.add("A", "2026-11-23T09:00", "2026-11-23T10:00")
    robin.add("B", "2026-11-23T09:30", "2026-11-23T11:00", status="tentative")
    robin.add("Free", "2026-11-23T13:00", "2026-11-23T14:00", transparency="transparent")
    robin.add(
        "Declined",
        "2026-11-23T15:00",
        "2026-11-23T16:00",
        attendees=[{"email": ROBIN, "responseStatus": "declined"}],
    )
    robin.delete(robin.add("Gone", "2026-11-23T17:00", "2026-11-23T18:00"))
    robin.add("Night", "2026-11-23T22:00", "2026-11-24T02:00")
    answer = free_busy(api, ROBIN, timeZone="Europe/Berlin").json()["calendars"][ROBIN]["busy"]
    assert answer == [
        {"start": "2026-11-23T10:00:00+01:00", "end": "2026-11-23T12:00:00+01:00"},
        {"start": "2026-11-23T23:00:00+01:00", "end": "2026-11-24T01:00:00+01:00"},
    ]


def test_free_busy_knows_the_days_of_a_series(api, robin):
    series = robin.add(
        "Daily", "2026-11-20T09:00", "2026-11-20T10:00", recurrence=["RRULE:FREQ=DAILY"]
    )
    away, moved = robin.instances(series, most=5)[2:4]
    robin.delete(away)
    robin.move(moved, "2026-11-23T12:00", "2026-11-23T13:00")
    spans = free_busy(api, ROBIN, timeMin="2026-11-21T00:00:00Z").json()["calendars"][ROBIN]["busy"]
    assert [span["start"] for span in spans] == ["2026-11-21T09:00:00Z", "2026-11-23T12:00:00Z"]


def test_free_busy_puts_the_trouble_of_one_calendar_beside_the_others(api, robin):
    robin.add("A", "2026-11-23T09:00", "2026-11-23T10:00")
    answer = free_busy(api, ANA, ROBIN).json()["calendars"]
    assert answer[ANA]["errors"][0]["reason"] == "notFound" and len(answer[ROBIN]["busy"]) == 1
    many = free_busy(
        api, ROBIN, *[f"c{number}" for number in range(3)], calendarExpansionMax=1
    ).json()["calendars"]
    assert len(many[ROBIN]["busy"]) == 1
    assert free_busy(api, ROBIN, timeMax="2026-11-23T00:00:00Z").status_code == 400
