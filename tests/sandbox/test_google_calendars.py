"""Calendars, the calendar list, and the effects of scopes and roles."""

import pytest

from sandbox import calendars, schema, spec
from sandbox.google import HANDLERS
from sandbox.seed import ANA, HOLIDAYS, ROBIN


def entries(api, **query):
    return api.calendar("GET", "/users/me/calendarList", params=query).json()


def test_the_list_shows_each_calendar_with_the_role_on_it(api):
    roles = {item["summary"]: item["accessRole"] for item in entries(api)["items"]}
    assert roles == {
        ROBIN: "owner",
        "Family": "owner",
        "Public holidays": "reader",
        "Room rota": "freeBusyReader",
    }
    assert [item["id"] for item in entries(api)["items"] if item.get("primary")] == [ROBIN]


def test_weaker_roles_can_be_left_out(api):
    assert {item["accessRole"] for item in entries(api, minAccessRole="reader")["items"]} == {
        "owner",
        "reader",
    }


def test_the_list_comes_in_pages(api):
    first = entries(api, maxResults=3)
    assert len(first["items"]) == 3 and "nextSyncToken" not in first
    rest = entries(api, maxResults=3, pageToken=first["nextPageToken"])
    assert len(rest["items"]) == 1 and "nextSyncToken" in rest
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 4


def test_an_increment_tells_of_new_and_removed_calendars_but_not_of_a_new_title(api, robin):
    token = entries(api)["nextSyncToken"]
    work, family = (
        robin.add_calendar("Work"),
        next(key for key, each in robin.calendars.items() if each["summary"] == "Family"),
    )
    api.calendar("PATCH", "/calendars/primary", json={"summary": "Me"})
    robin.delete_calendar(family)
    answer = entries(api, syncToken=token)
    assert {item["id"]: item.get("deleted", False) for item in answer["items"]} == {
        work: False,
        family: True,
    }
    assert entries(api, syncToken=answer["nextSyncToken"])["items"] == []


@pytest.mark.parametrize(
    "query", [{"minAccessRole": "reader"}, {"showDeleted": "false"}, {"showHidden": "false"}]
)
def test_a_sync_token_of_the_list_does_not_go_with_other_limits(api, query):
    token = entries(api)["nextSyncToken"]
    assert (
        api.calendar(
            "GET", "/users/me/calendarList", params={"syncToken": token} | query
        ).status_code
        == 400
    )


def test_an_expired_sync_token_of_the_list_is_410(api, sandbox):
    token = entries(api)["nextSyncToken"]
    sandbox.expire_sync_tokens()
    answer = api.calendar("GET", "/users/me/calendarList", params={"syncToken": token})
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (
        410,
        "fullSyncRequired",
    )


def test_hiding_a_calendar_takes_it_off_the_list(api):
    api.calendar(
        "PATCH", f"/users/me/calendarList/{HOLIDAYS.replace('#', '%23')}", json={"hidden": True}
    )
    assert HOLIDAYS not in [item["id"] for item in entries(api)["items"]]
    assert HOLIDAYS in [item["id"] for item in entries(api, showHidden="true")["items"]]


def test_a_calendar_is_made_read_changed_and_deleted(api):
    body = {"summary": "Kalends – Robin", "timeZone": "Europe/Berlin"}
    schema.validate("request.calendars.insert", body)
    made = api.calendar("POST", "/calendars", json=body).json()
    assert made["id"].endswith("@group.calendar.google.com") and made["dataOwner"] == ROBIN
    path = f"/calendars/{made['id']}"
    assert api.calendar("GET", path, headers={"If-None-Match": made["etag"]}).status_code == 304
    changed = api.calendar(
        "PATCH", path, json={"summary": "Bookings"}, headers={"If-Match": made["etag"]}
    ).json()
    assert (changed["summary"], changed["timeZone"]) == ("Bookings", "Europe/Berlin")
    assert (
        api.calendar(
            "PATCH", path, json={"summary": "Late"}, headers={"If-Match": made["etag"]}
        ).status_code
        == 412
    )
    gone = api.calendar("DELETE", path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert api.calendar("GET", path).status_code == 404


def test_a_calendar_needs_a_title_and_a_zone_that_exists(api):
    assert api.calendar("POST", "/calendars", json={}).status_code == 400
    assert (
        api.calendar(
            "POST", "/calendars", json={"summary": "x", "timeZone": "Europe/Nowhere"}
        ).status_code
        == 400
    )


def test_the_primary_calendar_cannot_be_deleted(api):
    assert api.calendar("DELETE", "/calendars/primary").status_code == 400


def test_a_calendar_of_somebody_else_is_not_there(api, sandbox):
    other = sandbox.user(ANA).add_calendar("Private")
    assert api.calendar("GET", f"/calendars/{other}").status_code == 404
    assert api.events(other).status_code == 404


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [("freeBusyReader", 200, 403), ("reader", 200, 403), ("writer", 200, 200), ("owner", 200, 200)],
)
def test_a_role_decides_what_may_be_done_on_a_shared_calendar(api, sandbox, role, read, write):
    ana = sandbox.user(ANA)
    shared = ana.add_calendar("Shared")
    ana.share(shared, ROBIN, role)
    assert (api.events(shared).status_code, api.insert(shared).status_code) == (read, write)


def test_private_events_of_others_show_without_details_and_busy_readers_see_times_only(
    api, sandbox
):
    ana = sandbox.user(ANA)
    shared = ana.add_calendar("Shared")
    ana.add(
        "Surgery",
        "2026-11-23T09:00",
        "2026-11-23T10:00",
        shared,
        visibility="private",
        description="secret",
    )
    ana.add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00", shared)
    ana.share(shared, ROBIN, "reader")
    assert sorted(item.get("summary", "-") for item in api.events(shared).json()["items"]) == [
        "-",
        "Lunch",
    ]
    ana.share(shared, ROBIN, "freeBusyReader")
    answer = api.events(shared).json()
    assert answer["accessRole"] == "freeBusyReader"
    assert all(
        "summary" not in item and "description" not in item and item["start"]
        for item in answer["items"]
    )


def test_a_change_of_sharing_kills_the_sync_tokens(api, sandbox):
    ana = sandbox.user(ANA)
    shared = ana.add_calendar("Shared")
    ana.share(shared, ROBIN, "reader")
    _, token = api.every_event(shared)
    ana.share(shared, ROBIN, "freeBusyReader")
    assert api.events(shared, syncToken=token).status_code == 410


METHODS = {
    "calendarList.list": ("GET", "/users/me/calendarList"),
    "freebusy.query": ("POST", "/freeBusy"),
    "calendars.insert": ("POST", "/calendars"),
    "calendars.get": ("GET", "/calendars/primary"),
    "events.list": ("GET", "/calendars/primary/events"),
    "events.insert": ("POST", "/calendars/primary/events"),
}
MATRIX = {  # from the fact sheet, section 3
    "calendar": set(METHODS),
    "calendar.app.created": {"calendars.insert"},
    "calendar.calendarlist.readonly": {"calendarList.list"},
    "calendar.events": {"events.list", "events.insert"},
    "calendar.events.owned": {"events.list", "events.insert"},
    "calendar.events.owned.readonly": {"events.list"},
    "calendar.events.readonly": {"events.list"},
    "calendar.events.freebusy": {"events.list", "freebusy.query"},
    "calendar.freebusy": {"freebusy.query"},
    "calendar.readonly": {"calendarList.list", "calendars.get", "events.list", "freebusy.query"},
}


@pytest.mark.parametrize("scope", MATRIX)
def test_a_scope_opens_the_methods_of_the_matrix_and_no_others(caller_with, scope):
    caller = caller_with(scope)
    opened = set()
    for name, (method, path) in METHODS.items():
        answer = caller.calendar(method, path, json={} if method == "POST" else None)
        if answer.status_code == 403:
            assert answer.json()["error"]["errors"][0]["reason"] == "insufficientPermissions"
        else:
            opened.add(name)
    assert opened == MATRIX[scope]


def test_every_method_served_is_one_of_the_vendor_and_names_its_scopes():
    operations = {operation.name: operation for operation in spec.OPERATIONS}
    assert set(HANDLERS) <= set(operations)
    assert all("calendar" in operations[name].scopes for name in HANDLERS)


def test_app_created_reaches_calendars_that_the_app_made_and_nothing_else(
    caller_with, sandbox, robin
):
    caller = caller_with("calendar.app.created")
    made = caller.calendar("POST", "/calendars", json={"summary": "Kalends"}).json()["id"]
    assert caller.insert(made).status_code == 200
    assert caller.calendar("GET", f"/users/me/calendarList/{made}").status_code == 200
    assert caller.insert("primary").status_code == 403
    assert caller.events(robin.add_calendar("By hand")).status_code == 403
    sandbox.oauth.register("other", "secret")
    other = type(caller)(
        sandbox, sandbox.connect(ROBIN, ["calendar.app.created"], "other")["access_token"]
    )
    assert other.events(made).status_code == 403


def test_owned_scopes_end_at_calendars_of_others(caller_with, sandbox):
    ana = sandbox.user(ANA)
    shared = ana.add_calendar("Shared")
    ana.share(shared, ROBIN, "writer")
    assert caller_with("calendar.events.owned").insert(shared).status_code == 403
    assert caller_with("calendar.events").insert(shared).status_code == 200


def test_the_free_busy_scope_shows_times_without_titles(caller_with, robin):
    robin.add("Secret", "2026-11-23T09:00", "2026-11-23T10:00")
    assert all(
        "summary" not in item
        for item in caller_with("calendar.events.freebusy").events().json()["items"]
    )
    assert robin.events()[0]["summary"] == "Secret"


def test_roles_grow_in_the_order_of_the_fact_sheet():
    assert calendars.ROLES == (
        "freeBusyReader",
        "reader",
        "writerWithoutPrivateAccess",
        "writer",
        "owner",
    )
