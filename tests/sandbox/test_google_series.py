"""Series: unrolled, changed, cut short, with exceptions."""

import itertools

import pytest

from sandbox.recurrence import occurrences
from sandbox.times import utc_now

NINE = {"dateTime": "2026-10-19T09:00:00+01:00", "timeZone": "Europe/London"}


def starts(rule, start=NINE, most=6):
    lines = rule if isinstance(rule, list) else [f"RRULE:{rule}"]
    found = occurrences(start, lines, utc_now().replace(year=2040))
    return [time.get("date") or time["dateTime"] for _, time in itertools.islice(found, most)]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=DAILY;COUNT=3", ["10-19", "10-20", "10-21"]),
        ("FREQ=DAILY;INTERVAL=3;UNTIL=20261026T235959Z", ["10-19", "10-22", "10-25"]),
        ("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=4", ["10-19", "10-22", "10-26", "10-29"]),
        ("FREQ=WEEKLY;INTERVAL=2;COUNT=3", ["10-19", "11-02", "11-16"]),
        ("FREQ=MONTHLY;COUNT=3", ["10-19", "11-19", "12-19"]),
        ("FREQ=MONTHLY;BYDAY=3MO;COUNT=3", ["10-19", "11-16", "12-21"]),
    ],
)
def test_rules_lead_to_their_days(rule, days):
    assert [start[5:10] for start in starts(rule)] == days


def test_a_series_keeps_its_hour_when_the_clocks_change():
    assert starts("FREQ=WEEKLY;COUNT=2") == ["2026-10-19T09:00:00+01:00", "2026-10-26T09:00:00Z"]


def test_a_yearly_all_day_series_keeps_its_date():
    assert starts("FREQ=YEARLY;COUNT=2", {"date": "2026-03-01"}) == ["2026-03-01", "2027-03-01"]


def test_until_is_inclusive_and_days_can_be_taken_out_and_put_in():
    assert len(starts("FREQ=DAILY;UNTIL=20261021T080000Z")) == 3
    assert len(starts("FREQ=DAILY;UNTIL=20261021")) == 3
    lines = [
        "RRULE:FREQ=DAILY;COUNT=3",
        "EXDATE;TZID=Europe/London:20261020T090000",
        "RDATE:20261101T090000Z",
    ]
    assert [start[5:10] for start in starts(lines)] == ["10-19", "10-21", "11-01"]


@pytest.fixture
def daily(robin):
    """Four mornings in a row."""
    return robin.add(
        "Daily", "2026-11-23T09:00", "2026-11-23T09:30", recurrence=["RRULE:FREQ=DAILY;COUNT=4"]
    )


def singles(api, **query):
    items, token = api.every_event(singleEvents="true", **query)
    return {item["id"].rpartition("_")[2]: item for item in items}, token


def days(found, status="confirmed"):
    return [stamp[6:8] for stamp, item in sorted(found.items()) if item["status"] == status]


@pytest.mark.parametrize(
    ("line", "zone"),
    [
        ("RRULE:FREQ=SOMETIMES", True),
        ("RRULE:FREQ=HOURLY", True),
        ("DTSTART:20261123T090000Z", True),
        ("RRULE:COUNT=4", True),
        ("RRULE:FREQ=DAILY", False),
    ],
)
def test_a_series_that_cannot_be_unrolled_is_refused(api, line, zone):
    times = {
        side: {"dateTime": f"2026-11-23T{hour}:00:00Z"} | ({"timeZone": "UTC"} if zone else {})
        for side, hour in (("start", "09"), ("end", 10))
    }
    assert api.insert(recurrence=[line], **times).status_code == 400


def test_a_plain_list_shows_the_series_and_an_unrolled_one_its_instances(api, daily):
    plain = api.events().json()["items"]
    assert [(item["id"], item["recurrence"]) for item in plain] == [
        (daily, ["RRULE:FREQ=DAILY;COUNT=4"])
    ]
    found, token = singles(api)
    assert days(found) == ["23", "24", "25", "26"] and token
    one = found["20261124T090000Z"]
    assert (one["recurringEventId"], one["originalStartTime"], "recurrence" in one) == (
        daily,
        one["start"],
        False,
    )
    assert one["end"]["dateTime"] == "2026-11-24T09:30:00Z"
    assert api.calendar("GET", f"/calendars/primary/events/{one['id']}").json() == one
    assert (
        api.calendar("GET", f"/calendars/primary/events/{daily}_20261224T090000Z").status_code
        == 404
    )


def test_the_window_cuts_an_unrolled_series(api, daily):
    found, _ = singles(api, timeMin="2026-11-24T09:30:00Z", timeMax="2026-11-26T09:00:00Z")
    assert days(found) == ["25"]
    assert len(api.events(timeMin="2026-11-26T00:00:00Z").json()["items"]) == 1
    assert api.events(timeMin="2026-11-27T00:00:00Z").json()["items"] == []


def test_an_endless_series_comes_over_many_pages_and_ends_at_the_horizon(api, robin, sandbox):
    sandbox.expansion_years = 2
    robin.add("For ever", "2026-11-23T09:00", "2026-11-23T09:30", recurrence=["RRULE:FREQ=DAILY"])
    found, token = singles(api, maxResults=100)
    assert 700 < len(found) < 740 and token
    assert sandbox.requests.count("events.list", status=200) == 8


def test_a_moved_instance_is_an_exception_with_its_original_start(api, robin, daily):
    _, token = singles(api)
    instance = robin.instances(daily)[1]
    robin.move(instance, "2026-11-24T15:00", "2026-11-24T15:30")
    changed, _ = singles(api, syncToken=token)
    assert list(changed) == ["20261124T090000Z"]
    moved = changed["20261124T090000Z"]
    assert (moved["start"]["dateTime"], moved["originalStartTime"]["dateTime"]) == (
        "2026-11-24T15:00:00Z",
        "2026-11-24T09:00:00Z",
    )
    assert [item["id"] for item in api.events().json()["items"]] == [daily, instance]
    assert days(singles(api)[0]) == ["23", "24", "25", "26"]


def test_a_cancelled_instance_is_a_hole_that_a_plain_list_always_tells(api, robin, daily):
    hole = robin.instances(daily)[2]
    assert api.calendar("DELETE", f"/calendars/primary/events/{hole}").status_code == 204
    plain = {item["id"]: item for item in api.events().json()["items"]}
    assert set(plain[hole]) == {
        "kind",
        "etag",
        "id",
        "status",
        "recurringEventId",
        "originalStartTime",
    }
    assert days(singles(api)[0]) == ["23", "24", "26"]
    assert days(singles(api, showDeleted="true")[0], "cancelled") == ["25"]
    assert api.calendar("DELETE", f"/calendars/primary/events/{hole}").status_code == 410


def test_a_changed_series_comes_again_and_lost_instances_come_as_cancelled(api, robin, daily):
    _, token = singles(api)
    robin.change(daily, recurrence=["RRULE:FREQ=DAILY;COUNT=2"])
    changed, later = singles(api, syncToken=token)
    assert (days(changed), days(changed, "cancelled")) == (["23", "24"], ["25", "26"])
    assert singles(api, syncToken=later)[0] == {}


def test_a_series_moved_to_another_hour_has_new_instances_for_old(api, robin, daily):
    kept = robin.instances(daily)[0]
    robin.retitle(kept, "Special")
    _, token = singles(api)
    robin.move(daily, "2026-11-23T11:00", "2026-11-23T11:30")
    changed, _ = singles(api, syncToken=token)
    assert {stamp[9:11] for stamp, item in changed.items() if item["status"] == "confirmed"} == {
        "11"
    }
    assert {stamp[9:11] for stamp, item in changed.items() if item["status"] == "cancelled"} == {
        "09"
    }
    assert len(changed) == 8
    assert days(singles(api)[0]) == ["23", "24", "25", "26"]


def test_a_deleted_series_takes_its_instances_and_exceptions_along(api, robin, daily):
    robin.retitle(robin.instances(daily)[0], "Special")
    _, token = singles(api)
    _, plain_token = api.every_event()
    robin.delete(daily)
    assert days(singles(api, syncToken=token)[0], "cancelled") == ["23", "24", "25", "26"]
    assert {item["status"] for item in api.every_event(syncToken=plain_token)[0]} == {"cancelled"}
    assert singles(api)[0] == singles(api, showDeleted="true")[0] == {}
    assert api.events().json()["items"] == []


def test_a_single_event_that_becomes_a_series_and_back(api, robin):
    event = robin.add("Once", "2026-11-23T09:00", "2026-11-23T09:30")
    _, token = singles(api)
    robin.change(event, recurrence=["RRULE:FREQ=DAILY;COUNT=2"])
    changed, later = api.every_event(singleEvents="true", syncToken=token)
    assert {item["id"]: item["status"] for item in changed} == {
        event: "cancelled",
        f"{event}_20261123T090000Z": "confirmed",
        f"{event}_20261124T090000Z": "confirmed",
    }
    robin.change(event, recurrence=None)
    changed, _ = api.every_event(singleEvents="true", syncToken=later)
    assert {item["id"]: item["status"] for item in changed} == {
        event: "confirmed",
        f"{event}_20261123T090000Z": "cancelled",
        f"{event}_20261124T090000Z": "cancelled",
    }


def test_instances_of_a_series_can_be_listed_and_one_found_by_its_start(api, robin, daily):
    path = f"/calendars/primary/events/{daily}/instances"
    robin.delete(robin.instances(daily)[0])
    first = api.calendar("GET", path, params={"maxResults": 2}).json()
    assert len(first["items"]) == 2
    assert (
        len(
            api.calendar(
                "GET", path, params={"maxResults": 2, "pageToken": first["nextPageToken"]}
            ).json()["items"]
        )
        == 1
    )
    assert len(api.calendar("GET", path, params={"showDeleted": "true"}).json()["items"]) == 4
    found = api.calendar("GET", path, params={"originalStart": "2026-11-25T10:00:00+01:00"}).json()[
        "items"
    ]
    assert [item["id"] for item in found] == [f"{daily}_20261125T090000Z"]
    single = robin.add("Once", "2026-11-23T09:00", "2026-11-23T09:30")
    assert api.calendar("GET", f"/calendars/primary/events/{single}/instances").status_code == 400
