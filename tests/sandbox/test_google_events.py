"""Single events: accepted input, answers, conditional writes, tombstones."""

import jsonschema_rs
import pytest
from google_world import event

from sandbox import schema
from sandbox.seed import ROBIN


def reason(answer):
    return answer.json()["error"]["errors"][0]["reason"]


def one(api, event_id, **parts):
    return api.calendar("GET", f"/calendars/primary/events/{event_id}", **parts)


def patch(api, event_id, body, **parts):
    return api.calendar("PATCH", f"/calendars/primary/events/{event_id}", json=body, **parts)


def put(api, event_id, body, **parts):
    return api.calendar("PUT", f"/calendars/primary/events/{event_id}", json=body, **parts)


def delete(api, event_id, **parts):
    return api.calendar("DELETE", f"/calendars/primary/events/{event_id}", **parts)


def test_an_inserted_event_comes_back_as_google_writes_it(api):
    body = event(id="abc0123456789", transparency="opaque", visibility="default", location="")
    schema.validate("request.events.insert", body)
    answer = api.insert(**body)
    made = answer.json()
    assert (answer.status_code, made["id"], made["iCalUID"]) == (
        200,
        "abc0123456789",
        "abc0123456789@google.com",
    )
    assert (made["status"], made["eventType"], made["sequence"], made["reminders"]) == (
        "confirmed",
        "default",
        0,
        {"useDefault": True},
    )
    assert made["organizer"] == {"email": ROBIN, "self": True}
    # Defaults are left out.
    assert not {"transparency", "visibility", "location", "guestsCanModify", "recurrence"} & set(
        made
    )
    assert not [name for name in made if name.startswith("_")]
    assert one(api, made["id"]).json() == made


def test_times_come_back_in_the_zone_of_the_calendar(api, robin):
    made = api.insert(
        start={"dateTime": "2026-07-01T09:00:00.500Z"},
        end={"dateTime": "2026-07-01T12:00:00+02:00"},
    ).json()
    assert made["start"] == {"dateTime": "2026-07-01T10:00:00+01:00", "timeZone": "Europe/London"}
    assert made["end"] == {"dateTime": "2026-07-01T11:00:00+01:00", "timeZone": "Europe/London"}
    berlin = robin.add_calendar("Berlin", "Europe/Berlin")
    floating = {"dateTime": "2026-07-01T09:00:00", "timeZone": "America/New_York"}
    made = api.insert(berlin, start=floating, end={"dateTime": "2026-07-01T14:00:00Z"}).json()
    assert made["start"] == {
        "dateTime": "2026-07-01T15:00:00+02:00",
        "timeZone": "America/New_York",
    }
    shown = api.events(berlin, timeZone="UTC").json()["items"][0]
    assert shown["start"]["dateTime"] == "2026-07-01T13:00:00Z"


def test_an_all_day_event_keeps_its_dates(api):
    made = api.insert(start={"date": "2026-11-20"}, end={"date": "2026-11-21"}).json()
    assert (made["start"], made["end"]) == ({"date": "2026-11-20"}, {"date": "2026-11-21"})


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"end": {"dateTime": "2026-11-23T09:00:00Z"}}, "timeRangeEmpty"),
        ({"start": {"date": "2026-11-23"}}, "invalid"),
        ({"start": {"date": "2026-11-23", "dateTime": "2026-11-23T09:00:00Z"}}, "invalid"),
        ({"start": None}, "required"),
        ({"end": {}}, "required"),
        ({"start": {"dateTime": "2026-11-23T09:00:00"}}, "invalid"),
        ({"start": {"dateTime": "2026-11-23 09:00Z"}}, "invalid"),
        ({"start": {"dateTime": "2026-13-23T09:00:00Z"}}, "invalid"),
        ({"start": {"date": "23.11.2026"}}, "invalid"),
        (
            {"start": {"dateTime": "2026-11-23T09:00:00Z", "timeZone": "GMT Standard Time"}},
            "invalid",
        ),
        ({"id": "abcdw"}, "invalid"),
        ({"id": "abcdefgz"}, "invalid"),
        ({"id": "1f0e-aa00"}, "invalid"),
        ({"id": "a" * 1025}, "invalid"),
        ({"id": "abc1"}, "invalid"),
        ({"id": "ABCDE"}, "invalid"),
        ({"id": "abcde", "iCalUID": "x@y"}, "invalid"),
        ({"status": "maybe"}, "invalid"),
        ({"transparency": "busy"}, "invalid"),
        ({"visibility": "secret"}, "invalid"),
        ({"eventType": "fromGmail"}, "invalid"),
        ({"eventType": "outOfOffice"}, "eventTypeRestriction"),
        ({"summary": 5}, "invalid"),
        ({"start": "noon"}, "invalid"),
        ({"attendees": {}}, "invalid"),
        (
            {
                "reminders": {
                    "useDefault": False,
                    "overrides": [{"method": "popup", "minutes": 1}] * 6,
                }
            },
            "invalid",
        ),
        ({"extendedProperties": {"private": {"number": 7}}}, "invalid"),
        ({"extendedProperties": {"private": {str(n): "x" for n in range(301)}}}, "invalid"),
        ({"extendedProperties": {"private": {str(n): "x" * 1000 for n in range(40)}}}, "invalid"),
    ],
)
def test_what_google_does_not_take_is_refused_and_not_kept(api, robin, wrong, why):
    answer = api.insert(**wrong)
    assert (answer.status_code, reason(answer)) == (400, why)
    assert robin.count() == 0


def test_a_body_that_is_no_json_object_is_refused(api):
    for body in (b"", b"{", b"[]"):
        assert (
            reason(api.calendar("POST", "/calendars/primary/events", content=body)) == "parseError"
        )


def test_an_id_is_taken_for_ever_even_after_deletion(api):
    api.insert(id="abc01")
    assert (api.insert(id="abc01").status_code, reason(api.insert(id="abc01"))) == (
        409,
        "duplicate",
    )
    delete(api, "abc01")
    assert api.insert(id="abc01").status_code == 409


def test_long_property_names_are_dropped_and_long_values_cut(api):
    private = {"k" * 44: "kept", "k" * 45: "dropped", "long": "x" * 2000}
    made = api.insert(extendedProperties={"private": private}).json()
    assert made["extendedProperties"]["private"] == {"k" * 44: "kept", "long": "x" * 1024}


def test_a_patch_changes_only_what_it_names(api):
    made = api.insert(
        description="Note", extendedProperties={"private": {"a": "1", "b": "2"}}
    ).json()
    body = {
        "summary": "Moved",
        "description": None,
        "extendedProperties": {"private": {"a": None, "c": "3"}},
    }
    schema.validate("request.events.patch", body)
    changed = patch(api, made["id"], body).json()
    assert (changed["summary"], changed["start"], "description" in changed) == (
        "Moved",
        made["start"],
        False,
    )
    assert changed["extendedProperties"]["private"] == {"b": "2", "c": "3"}
    assert changed["etag"] != made["etag"]


def test_a_put_clears_what_it_leaves_out(api):
    made = api.insert(
        description="Note", transparency="transparent", extendedProperties={"private": {"a": "1"}}
    ).json()
    changed = put(api, made["id"], event(summary="Short")).json()
    assert not {"description", "transparency", "extendedProperties"} & set(changed)
    assert (changed["iCalUID"], changed["created"]) == (made["iCalUID"], made["created"])
    assert put(api, made["id"], {"summary": "No times"}).status_code == 400


def test_sequence_grows_with_the_time_and_not_with_the_title(api):
    made = api.insert().json()
    assert patch(api, made["id"], {"summary": "Other"}).json()["sequence"] == 0
    moved = {
        "start": {"dateTime": "2026-11-23T11:00:00Z"},
        "end": {"dateTime": "2026-11-23T12:00:00Z"},
    }
    assert patch(api, made["id"], moved).json()["sequence"] == 1


def test_a_timed_event_becomes_all_day_only_when_the_other_field_is_cleared(api):
    made = api.insert().json()
    assert (
        patch(
            api, made["id"], {"start": {"date": "2026-11-23"}, "end": {"date": "2026-11-24"}}
        ).status_code
        == 400
    )
    both = {
        "start": {"date": "2026-11-23", "dateTime": None},
        "end": {"date": "2026-11-24", "dateTime": None},
    }
    assert patch(api, made["id"], both).json()["start"] == {"date": "2026-11-23"}


def test_the_outside_user_may_make_a_timed_event_all_day(api, robin):
    made = robin.add("Fair", "2026-11-23T09:00", "2026-11-23T10:00")
    robin.move(made, "2026-11-23", "2026-11-25")
    assert (one(api, made).json()["start"], one(api, made).json()["end"]) == (
        {"date": "2026-11-23"},
        {"date": "2026-11-25"},
    )


def test_new_reminders_leave_the_time_of_update_alone(api, moving):
    made = api.insert().json()
    moving.on(minutes=5)
    silent = patch(api, made["id"], {"reminders": {"useDefault": False, "overrides": []}}).json()
    assert silent["updated"] == made["updated"] and silent["reminders"] == {
        "useDefault": False,
        "overrides": [],
    }
    assert patch(api, made["id"], {"summary": "Loud"}).json()["updated"] > made["updated"]


@pytest.mark.parametrize(
    "write",
    [
        lambda api, key, **parts: patch(api, key, {"summary": "x"}, **parts),
        lambda api, key, **parts: put(api, key, event(), **parts),
        delete,
    ],
)
def test_a_stale_etag_is_refused_and_the_current_one_taken(api, write):
    made = api.insert().json()
    current = patch(api, made["id"], {"summary": "Newer"}).json()["etag"]
    stale = write(api, made["id"], headers={"If-Match": made["etag"]})
    assert (stale.status_code, reason(stale), stale.json()["error"]["errors"][0]["location"]) == (
        412,
        "conditionNotMet",
        "If-Match",
    )
    assert write(api, made["id"], headers={"If-Match": current}).status_code in (200, 204)


def test_an_unchanged_event_answers_304(api):
    made = api.insert().json()
    assert one(api, made["id"], headers={"If-None-Match": made["etag"]}).status_code == 304


def test_deleting_leaves_a_tombstone_and_deleting_again_is_410(api):
    made = api.insert().json()
    gone = delete(api, made["id"], params={"sendUpdates": "none"})
    assert (gone.status_code, gone.content) == (204, b"")
    assert (one(api, made["id"]).status_code, one(api, made["id"]).json()["status"]) == (
        200,
        "cancelled",
    )
    again = delete(api, made["id"])
    assert (again.status_code, reason(again)) == (410, "deleted")
    assert (delete(api, "neverwas0").status_code, one(api, "neverwas0").status_code) == (404, 404)


def test_a_deleted_event_can_be_brought_back_unless_google_refuses(api, sandbox):
    made = api.insert().json()
    delete(api, made["id"])
    sandbox.refuse_restore = True
    assert patch(api, made["id"], {"status": "confirmed"}).status_code == 403
    sandbox.refuse_restore = False
    assert patch(api, made["id"], {"status": "confirmed"}).json()["status"] == "confirmed"
    assert [item["id"] for item in api.events().json()["items"]] == [made["id"]]


def test_events_of_special_kinds_have_their_own_rules(api, robin):
    away = {"eventType": "outOfOffice", "outOfOfficeProperties": {"autoDeclineMode": "declineNone"}}
    made = api.insert(**away).json()
    assert made["eventType"] == "outOfOffice"
    assert api.insert(robin.add_calendar("Second"), **away).status_code == 400
    assert (
        api.insert(start={"date": "2026-11-23"}, end={"date": "2026-11-24"}, **away).status_code
        == 400
    )
    assert patch(api, made["id"], {"eventType": "default"}).status_code == 400
    home = {
        "eventType": "workingLocation",
        "workingLocationProperties": {"type": "homeOffice", "homeOffice": {}},
    }
    assert api.insert(**home).status_code == 400
    assert api.insert(transparency="transparent", visibility="public", **home).status_code == 200


def test_the_guest_that_is_this_calendar_is_marked(api):
    made = api.insert(
        attendees=[
            {"email": ROBIN, "responseStatus": "declined"},
            {"email": "guest@clinic.example"},
        ]
    ).json()
    assert [(guest.get("self", False), guest["responseStatus"]) for guest in made["attendees"]] == [
        (True, "declined"),
        (False, "needsAction"),
    ]


def test_a_partial_answer_holds_only_the_fields_asked_for(api):
    made = api.insert().json()
    assert one(api, made["id"], params={"fields": "id,start/dateTime"}).json() == {
        "id": made["id"],
        "start": {"dateTime": made["start"]["dateTime"]},
    }
    assert api.events(fields="items(id,etag),nextPageToken").json() == {
        "items": [{"id": made["id"], "etag": made["etag"]}]
    }
    for wrong in ("items(id", "", "a,,b", "id)"):
        assert one(api, made["id"], params={"fields": wrong}).status_code == 400


def test_a_strict_sandbox_refuses_what_the_schema_does_not_allow(api, sandbox):
    sandbox.strict = True
    assert api.insert(colour="red").status_code == 400
    assert api.insert(extendedProperties={"private": {"k" * 45: "x"}}).status_code == 400
    assert api.events(showdeleted="true").status_code == 400
    assert api.insert().status_code == 200
    sandbox.strict = False
    assert api.insert(colour="red").status_code == 200


def test_the_schema_helper_checks_formats_too():
    schema.validate("Event", {"updated": "2026-11-20T11:40:00.000Z"})
    for wrong in ("2026-11-20T11:40:00", "yesterday"):
        with pytest.raises(jsonschema_rs.ValidationError):
            schema.validate("Event", {"updated": wrong})
    with pytest.raises(jsonschema_rs.ValidationError):
        schema.validate(
            "request.events.insert",
            {"start": {"date": "2026-02-30"}, "end": {"date": "2026-03-01"}},
        )


def test_a_method_that_the_sandbox_lacks_says_so(api):
    assert api.calendar("GET", "/colors").status_code == 501
    assert api.calendar("GET", "/nowhere").status_code == 404
