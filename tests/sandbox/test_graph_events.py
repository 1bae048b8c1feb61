"""Single events: accepted input, answers, conditional writes, ids, marks, deletion."""

from urllib.parse import quote

import pytest
from graph_world import IMMUTABLE, MARK, WINDOW, at, code, event, ids, marked

from sandbox.graph import schema

EXPAND = {"$expand": f"singleValueExtendedProperties($filter=id eq '{MARK}')"}
TEXT = {"Prefer": f'{IMMUTABLE}, outlook.body-content-type="text"'}
MIDNIGHTS = {"start": at("2026-11-23T00:00:00"), "end": at("2026-11-25T00:00:00"), "isAllDay": True}


def in_zone(name):
    return {"Prefer": f'{IMMUTABLE}, outlook.timezone="{name}"'}


def patch(ms, event_id, body, **parts):
    return ms.patch(f"/me/events/{event_id}", json=body, **parts)


def by_value(value, compare="eq"):
    return {
        "$filter": (
            f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value {compare}"
            f" '{value}')"
        )
    }


def test_a_created_event_comes_back_as_graph_writes_it(ms):
    body = event(
        location={"displayName": "1 High Street"},
        sensitivity="private",
        isReminderOn=False,
        transactionId="t1",
    )
    schema.validate("request.event.create", body)
    answer = ms.create(**body)
    made = answer.json()
    assert (answer.status_code, made["type"], made["showAs"]) == (201, "singleInstance", "busy")
    assert (made["sensitivity"], made["isReminderOn"]) == ("private", False)
    assert made["start"] == {"dateTime": "2026-11-23T08:00:00.0000000", "timeZone": "UTC"}
    assert (made["originalStartTimeZone"], made["transactionId"], made["locations"]) == (
        "W. Europe Standard Time",
        "t1",
        [body["location"]],
    )
    assert made["@odata.etag"].startswith('W/"') and answer.headers["ETag"] == made["@odata.etag"]
    assert (
        not [name for name in made if name.startswith("_")]
        and "transactionId" not in ms.create().json()
    )
    assert ms.one(made["id"]).json() == made


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("W. Europe Standard Time", "09:00"),
        ("Europe/Berlin", "09:00"),
        ("Europe/London", "08:00"),
        ("Asia/Kolkata", "13:30"),
        ("UTC", "08:00"),
    ],
)
def test_times_come_back_in_the_zone_asked_for_under_its_name(ms, name, shown):
    made = ms.create().json()
    assert ms.one(made["id"], headers=in_zone(name)).json()["start"] == {
        "dateTime": f"2026-11-23T{shown}:00.0000000",
        "timeZone": name,
    }


def test_an_iana_name_is_kept_as_the_windows_one_and_a_custom_zone_as_it_is(ms, outlook):
    assert (
        ms.create(start=at("2026-11-23T09:00:00", "Europe/Berlin")).json()["originalStartTimeZone"]
        == "W. Europe Standard Time"
    )
    odd = outlook.add(
        "Odd",
        "2026-11-23T09:00",
        "2026-11-23T10:00",
        originalStartTimeZone="tzone://Microsoft/Custom",
    )
    assert ms.one(odd).json()["originalStartTimeZone"] == "tzone://Microsoft/Custom"


def test_iana_names_outside_the_list_are_taken_until_the_switch_refuses_them(ms, graph):
    lisbon = {
        "start": at("2026-11-23T09:00:00", "Europe/Lisbon"),
        "end": at("2026-11-23T10:00:00", "Europe/Lisbon"),
    }
    assert ms.create(**lisbon).status_code == 201
    graph.only_listed_zones = True
    assert (
        ms.create(**lisbon).status_code,
        ms.create(start=at("2026-11-23T09:00:00", "Europe/Berlin")).status_code,
    ) == (400, 201)


def test_an_unknown_zone_is_refused_in_the_body_and_in_the_header(ms):
    assert (
        code(ms.create(start=at("2026-11-23T09:00:00", "Mars/Base")))
        == "TimeZoneNotSupportedException"
    )
    assert (
        code(ms.get("/me/calendar", headers=in_zone("Mars/Base")))
        == "TimeZoneNotSupportedException"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": at("2026-11-23T00:30:00")},
        {"end": at("2026-11-23T00:00:00")},
        {"end": at("2026-11-25T00:00:00", "UTC")},
    ],
)
def test_whole_days_need_midnights_in_one_zone_and_a_day_at_least(ms, wrong):
    assert ms.create(**MIDNIGHTS).status_code == 201
    answer = ms.create(**MIDNIGHTS | wrong)
    assert (answer.status_code, "midnight" in answer.json()["error"]["message"]) == (400, True)


def test_whole_days_shift_when_they_are_read_in_another_zone(ms):
    made = ms.create(**MIDNIGHTS).json()
    assert made["start"]["dateTime"] == "2026-11-22T23:00:00.0000000"
    assert (
        ms.one(made["id"], headers=in_zone("W. Europe Standard Time")).json()["start"]["dateTime"]
        == "2026-11-23T00:00:00.0000000"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": None},
        {"start": {"dateTime": "2026-11-23T09:00:00Z", "timeZone": "UTC"}},
        {"end": at("2026-11-23T08:00:00")},
        {"showAs": "gone"},
        {"sensitivity": "secret"},
        {"subject": 5},
        {"attendees": {}},
        {"start": at("2026-13-23T09:00:00")},
        {"body": {"contentType": "markdown"}},
        {"singleValueExtendedProperties": marked("x", "kalends")},
        {"recurrence": {"pattern": {"type": "hourly"}, "range": {"type": "noEnd"}}},
    ],
)
def test_what_graph_does_not_take_is_refused_and_not_kept(ms, outlook, wrong):
    assert ms.create(**wrong).status_code == 400
    assert outlook.count() == 0


def test_a_body_that_is_no_json_object_is_refused(ms):
    for content in (b"", b"{", b"[]"):
        assert (
            ms.post(
                "/me/events", content=content, headers={"Content-Type": "application/json"}
            ).status_code
            == 400
        )


def test_strictness_refuses_what_the_schema_does_not_allow(ms, graph):
    graph.strict = True
    assert (
        ms.create(colour="red").status_code,
        ms.create(id="x").status_code,
        ms.create().status_code,
    ) == (400, 400, 201)
    assert ms.get("/me/events", params={"limit": 5}).status_code == 400


def test_plain_text_comes_back_as_html_unless_text_is_asked_for(ms):
    made = ms.create(body={"contentType": "text", "content": "a < b\nStatus: Confirmed"}).json()
    assert made["body"]["contentType"] == "html" and "a &lt; b<br>" in made["body"]["content"]
    assert ms.one(made["id"], headers=TEXT).json()["body"] == {
        "contentType": "text",
        "content": "a < b\r\nStatus: Confirmed",
    }


def test_a_patch_changes_only_what_it_names(ms):
    made = ms.create(location={"displayName": "Here"}).json()
    changed = patch(ms, made["id"], {"subject": "Moved"}).json()
    assert (changed["subject"], changed["location"], changed["start"]) == (
        "Moved",
        made["location"],
        made["start"],
    )
    assert changed["@odata.etag"] != made["@odata.etag"] and changed["iCalUId"] == made["iCalUId"]
    assert patch(ms, made["id"], {"transactionId": "other"}).status_code == 400


def test_a_stale_etag_is_refused_and_the_current_one_taken(ms):
    made = ms.create().json()
    current = patch(ms, made["id"], {"subject": "Newer"}).json()["@odata.etag"]
    stale = patch(ms, made["id"], {"subject": "x"}, headers={"If-Match": made["@odata.etag"]})
    assert (stale.status_code, code(stale)) == (412, "ErrorIrresolvableConflict")
    assert (
        ms.delete(f"/me/events/{made['id']}", headers={"If-Match": made["@odata.etag"]}).status_code
        == 412
    )
    assert ms.delete(f"/me/events/{made['id']}", headers={"If-Match": current}).status_code == 204


def test_a_conflict_can_be_false_for_a_moment(ms, graph):
    made = ms.create().json()
    graph.false_conflicts = 1
    condition = {"headers": {"If-Match": made["@odata.etag"]}}
    assert [patch(ms, made["id"], {"subject": "x"}, **condition).status_code for _ in range(2)] == [
        412,
        200,
    ]


def test_a_deleted_event_is_gone_and_deleting_it_again_fails_in_two_ways(ms, graph):
    place = f"/me/events/{ms.create().json()['id']}"
    assert (ms.delete(place).status_code, ms.get(place).status_code) == (204, 404)
    assert (ms.delete(place).status_code, code(ms.delete(place))) == (404, "ErrorItemNotFound")
    graph.deleted_again = 400
    assert (ms.delete(place).status_code, code(ms.delete(place))) == (400, "ErrorInvalidRequest")
    never = "AAkALgAA" + "x" * 40
    assert ms.delete(f"/me/events/{never}").status_code == 404
    again = ms.create().json()["id"]
    assert ms.post(f"/me/events/{again}/permanentDelete").status_code == 204
    assert ms.get(f"/me/events/{again}").status_code == 404


def test_a_deleted_event_may_still_be_found_among_the_deleted_items_unless_it_was_purged(
    ms, graph, outlook
):
    graph.deleted_items_found = True
    kept, purged = (f"/me/events/{ms.create().json()['id']}" for _ in range(2))
    assert ms.delete(kept).status_code == ms.post(f"{purged}/permanentDelete").status_code == 204
    assert (ms.get(kept).status_code, ms.get(purged).status_code) == (200, 404)
    assert (ms.delete(kept).status_code, ms.patch(kept, json={"subject": "x"}).status_code) == (
        404,
        404,
    )
    assert ms.get("/me/events").json()["value"] == [] and outlook.count() == 0


@pytest.mark.parametrize(
    ("switch", "statuses", "kept"),
    [(201, [201, 201], 1), (409, [201, 409], 1), (None, [201, 201], 2)],
)
def test_a_repeated_post_makes_one_event_unless_the_transaction_is_forgotten(
    ms, graph, outlook, switch, statuses, kept
):
    graph.repeated_transaction = switch
    answers = [ms.create(transactionId="t1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == statuses
    assert outlook.count() == kept
    if switch == 201:
        assert answers[0].json()["id"] == answers[1].json()["id"]


def test_a_mark_is_shown_only_when_expanded(ms):
    made = ms.create(singleValueExtendedProperties=marked("b7c1:4f0c")).json()
    assert (
        "singleValueExtendedProperties" not in made
        and "singleValueExtendedProperties" not in ms.one(made["id"]).json()
    )
    shown = ms.one(made["id"], params=EXPAND | {"$select": "subject"}).json()
    assert shown["singleValueExtendedProperties"] == marked("b7c1:4f0c")
    assert set(shown) == {"id", "@odata.etag", "subject", "singleValueExtendedProperties"}
    assert ms.get("/me/events", params=EXPAND).json()["value"][0][
        "singleValueExtendedProperties"
    ] == marked("b7c1:4f0c")
    assert ms.one(made["id"], params={"$expand": "attachments"}).status_code == 400


def test_events_are_found_by_their_mark_in_the_whole_mailbox_or_in_a_calendar(ms, graph, outlook):
    other = outlook.add_calendar("Bookings")
    first = ms.create(singleValueExtendedProperties=marked("b7c1:4f0c")).json()["id"]
    second = ms.create(other, singleValueExtendedProperties=marked("b7c1:9999")).json()["id"]
    ms.create()
    found = lambda place, **query: set(ids(ms.get(place, params=query).json()["value"]))  # noqa: E731
    assert found("/me/events", **by_value("B7C1:4F0C")) == {first}
    starts = {
        "$filter": (
            f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and startswith(ep/value,"
            " 'b7c1:'))"
        )
    }
    assert found("/me/events", **starts) == {first, second}
    assert found(f"/me/calendars/{other}/events", **starts) == {second}
    assert (
        found(
            "/me/events", **{"$filter": starts["$filter"].replace("Name kalends", "Name Kalends")}
        )
        == set()
    )
    graph.filter_per_calendar = False
    assert ms.get(f"/me/calendars/{other}/events", params=starts).status_code == 400
    assert ms.get("/me/events", params={"$filter": "start/dateTime eq now()"}).status_code == 400


def test_ids_without_the_preference_hold_odd_characters_and_change_with_the_calendar(
    ms, as_graph_user, outlook
):
    plain = as_graph_user(prefer=None)
    made = plain.create().json()["id"]
    assert {"/", "+", "="} <= set(made)
    assert plain.get(f"/me/events/{quote(made, safe='')}").json()["id"] == made
    kept = ms.get("/me/events").json()["value"][0]["id"]
    other = outlook.add_calendar("Other")
    outlook.drag(kept, other)
    assert plain.get(f"/me/events/{quote(made, safe='')}").status_code == 404
    assert ms.one(kept).status_code == 200 and ids(
        ms.get(f"/me/calendars/{other}/events").json()["value"]
    ) == [kept]


def test_a_damaged_id_is_told_from_one_that_is_gone(ms):
    assert code(ms.one("AAMk=")) == "ErrorInvalidIdMalformed"
    assert code(ms.one("AAkALgAA" + "y" * 40)) == "ErrorItemNotFound"


def test_an_event_of_another_calendar_or_mailbox_is_not_found(ms, outlook, graph):
    other, made = outlook.add_calendar("Other"), ms.create().json()["id"]
    assert ms.get(f"/me/calendars/{other}/events/{made}").status_code == 404
    foreign = graph.user("kim@partner.example").add(
        "Private", "2026-11-23T09:00", "2026-11-23T10:00"
    )
    assert ms.one(foreign).status_code == 404


def test_lists_are_paged_ordered_and_selected(ms, outlook):
    for hour in range(12):
        outlook.add(f"{hour:02}", f"2026-11-23T{20 - hour:02}:00", f"2026-11-23T{20 - hour:02}:30")
    first = ms.get(
        "/me/events", params={"$orderby": "subject desc", "$select": "subject", "$count": "true"}
    ).json()
    assert [item["subject"] for item in first["value"]] == [
        f"{hour:02}" for hour in range(11, 1, -1)
    ] and first["@odata.count"] == 12
    rest = ms.get(first["@odata.nextLink"]).json()
    assert [item["subject"] for item in rest["value"]] == [
        "01",
        "00",
    ] and "@odata.nextLink" not in rest
    assert len(ms.get("/me/events", params={"$top": 1000}).json()["value"]) == 12
    assert ms.get("/me/events", params={"$top": 1001}).status_code == 400


def test_a_view_holds_what_touches_its_window_in_order(ms, outlook):
    def add(start, end):
        return outlook.add("x", f"2026-{start}", f"2026-{end}")

    add("11-19T23:00", "11-20T00:00")
    over, last, first = (
        add("11-19T23:00", "11-20T00:30"),
        add("12-19T23:30", "12-20T00:30"),
        add("11-20T00:00", "11-20T00:00"),
    )
    add("12-20T00:00", "12-20T01:00")
    assert ids(ms.get("/me/calendarView", params=WINDOW).json()["value"]) == [over, first, last]
    moved = {"startDateTime": "2026-11-20T02:00:00+02:00", "endDateTime": "2026-11-20T00:30:00"}
    assert ids(ms.get("/me/calendarView", params=moved).json()["value"]) == [over, first]
    for wrong in (
        {},
        {"startDateTime": "noon", "endDateTime": "2026-11-20"},
        {"startDateTime": "2026-11-21", "endDateTime": "2026-11-20"},
    ):
        assert ms.get("/me/calendarView", params=wrong).status_code == 400


def test_a_cancelled_meeting_and_an_answer_are_shown_as_the_outside_user_has_them(ms, outlook):
    fields = {
        "isCancelled": True,
        "responseStatus": {"response": "declined", "time": "2026-11-20T09:00:00Z"},
    }
    shown = ms.one(outlook.add("Meeting", "2026-11-23T09:00", "2026-11-23T10:00", **fields)).json()
    assert (shown["isCancelled"], shown["responseStatus"]["response"], shown["isOrganizer"]) == (
        True,
        "declined",
        False,
    )


def test_the_outside_user_changes_what_we_wrote(ms, outlook):
    made = ms.create(isReminderOn=False).json()["id"]
    outlook.move(made, "2026-11-24T12:00", "2026-11-24T13:00")
    outlook.retitle(made, "Lunch")
    outlook.show_as(made, "oof")
    outlook.make_private(made)
    shown = ms.one(made).json()
    assert (shown["start"]["dateTime"][:16], shown["subject"]) == ("2026-11-24T12:00", "Lunch")
    assert (shown["showAs"], shown["sensitivity"]) == ("oof", "private")
    outlook.show_busy(made, busy=False)
    assert (outlook.events()[0]["showAs"], outlook.count(), outlook.count(value="x")) == (
        "free",
        1,
        0,
    )
    outlook.move(made, "2026-11-24", "2026-11-26")
    assert ms.one(made).json()["isAllDay"] is True
    outlook.delete(made)
    assert (outlook.count(), len(outlook.events(deleted=True))) == (0, 1)
