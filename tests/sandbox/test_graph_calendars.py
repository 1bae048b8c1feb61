"""Calendars: own and shared, names that are taken, extended properties, zones."""

import pytest
from graph_world import MARK, code, marked

from sandbox.graph.seed import OFFICE, ROBIN


def calendars(ms, **parts):
    return {each["name"]: each for each in ms.get("/me/calendars", **parts).json()["value"]}


def test_the_list_tells_own_calendars_from_shared_ones(ms):
    found = calendars(ms)
    assert list(found) == ["Calendar", "Family", "Public holidays", "Room rota"]
    assert (
        found["Calendar"]["isDefaultCalendar"],
        found["Calendar"]["isRemovable"],
        found["Family"]["isRemovable"],
    ) == (True, False, True)
    assert (found["Family"]["owner"]["address"], found["Room rota"]["owner"]["address"]) == (
        ROBIN,
        OFFICE,
    )
    assert (
        found["Family"]["canEdit"],
        found["Room rota"]["canEdit"],
        found["Public holidays"]["canEdit"],
    ) == (True, True, False)
    assert ms.get("/me/calendar").json() == found["Calendar"]


def test_a_calendar_is_made_renamed_and_deleted(ms):
    made = ms.post("/me/calendars", json={"name": "Bookings"})
    assert made.status_code == 201
    place = f"/me/calendars/{made.json()['id']}"
    assert (
        ms.patch(place, json={"name": "Visits"}).json()["name"]
        == ms.get(place).json()["name"]
        == "Visits"
    )
    assert ms.delete(place).status_code == 204
    assert (ms.get(place).status_code, code(ms.get(place))) == (404, "ErrorItemNotFound")


def test_a_name_that_is_taken_is_refused_whatever_its_case(ms):
    answer = ms.post("/me/calendars", json={"name": "family"})
    assert (answer.status_code, code(answer)) == (409, "ErrorFolderExists")
    made = ms.post("/me/calendars", json={"name": "Bookings"}).json()
    assert ms.patch(f"/me/calendars/{made['id']}", json={"name": "Family"}).status_code == 409
    assert ms.patch(f"/me/calendars/{made['id']}", json={"name": "Bookings"}).status_code == 200


def test_the_default_calendar_cannot_be_deleted(ms):
    assert ms.delete(f"/me/calendars/{ms.default()}").status_code == 400
    assert ms.get("/me/calendar").status_code == 200


def test_a_calendar_to_read_takes_no_events_and_leaves_the_list_when_it_is_no_longer_shared(
    ms, graph
):
    holidays = calendars(ms)["Public holidays"]["id"]
    answer = ms.create(holidays)
    assert (answer.status_code, code(answer)) == (403, "ErrorAccessDenied")
    assert ms.patch(f"/me/calendars/{holidays}", json={"name": "x"}).status_code == 403
    graph.user(OFFICE).share(holidays, ROBIN, None)
    assert "Public holidays" not in calendars(ms)
    assert ms.get(f"/me/calendars/{holidays}/events").status_code == 404


def test_private_events_of_others_hide_what_they_are(ms, graph):
    rota = calendars(ms)["Room rota"]["id"]
    graph.user(OFFICE).add(
        "Talk about Robin", "2026-11-23T09:00", "2026-11-23T10:00", rota, sensitivity="private"
    )
    shown = ms.get(f"/me/calendars/{rota}/events").json()["value"][0]
    assert (shown["subject"], shown["sensitivity"], shown["showAs"]) == (
        "Private Appointment",
        "private",
        "busy",
    )


def test_an_extended_property_is_shown_when_expanded_and_found_by_its_value(ms, graph):
    made = ms.post(
        "/me/calendars", json={"name": "Bookings", "singleValueExtendedProperties": marked("b7c1")}
    ).json()
    assert "singleValueExtendedProperties" not in made
    expand = {"$expand": f"singleValueExtendedProperties($filter=id eq '{MARK}')"}
    assert [
        each["name"]
        for each in calendars(ms, params=expand).values()
        if "singleValueExtendedProperties" in each
    ] == ["Bookings"]
    assert ms.get(f"/me/calendars/{made['id']}", params=expand).json()[
        "singleValueExtendedProperties"
    ] == marked("b7c1")
    wanted = f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq 'b7c1')"
    assert list(calendars(ms, params={"$filter": wanted})) == ["Bookings"]
    graph.calendar_properties = False
    assert (
        ms.post(
            "/me/calendars", json={"name": "Other", "singleValueExtendedProperties": marked("b7c1")}
        ).status_code
        == 400
    )


def test_the_zones_are_listed_under_windows_and_iana_names(ms):
    windows = [zone["alias"] for zone in ms.get("/me/outlook/supportedTimeZones").json()["value"]]
    iana = ms.get(
        "/me/outlook/supportedTimeZones(TimeZoneStandard=microsoft.graph.timeZoneStandard'Iana')"
    ).json()["value"]
    assert {"W. Europe Standard Time", "UTC"} <= set(windows)
    assert {"Europe/Berlin", "Asia/Kolkata"} <= {zone["alias"] for zone in iana}


@pytest.mark.parametrize(
    ("scopes", "allowed"), [(["Calendars.Read"], (200, 403, 403)), (["User.Read"], (403, 403, 200))]
)
def test_scopes_decide_what_is_answered(as_graph_user, scopes, allowed):
    caller = as_graph_user(*scopes)
    found = (
        caller.get("/me/calendars"),
        caller.post("/me/calendars", json={"name": "x"}),
        caller.get("/me"),
    )
    assert tuple(answer.status_code for answer in found) == allowed


def test_the_mailbox_may_be_named_by_its_user_but_not_another_one(ms):
    assert ms.get(f"/users/{ROBIN}/calendar").json() == ms.get("/me/calendar").json()
    assert ms.get(f"/users/{OFFICE}/calendar").status_code == 404


def test_what_graph_does_not_have_is_refused(ms):
    assert (ms.get("/me/messages").status_code, ms.put("/me/calendar", json={}).status_code) == (
        400,
        400,
    )
    assert ms.post("/me/calendar/getSchedule", json={}).status_code == 501
    assert ms.get("/me/calendars", params={"$select": "name,nothing"}).status_code == 400
    assert set(ms.get("/me/calendar", params={"$select": "name"}).json()) == {"id", "name"}
