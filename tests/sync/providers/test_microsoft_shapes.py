"""Graph's shapes and ours, refusals and batches: the parts that need no account."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON
from provider_worlds import INSTALLATION, NOW, SECRET, event, mark, whole_days

from sandbox.schema import judge_of
from sync.events.event import Mark
from sync.events.fingerprint import fingerprint, wanted
from sync.providers.errors import (
    AuthExpired,
    Forbidden,
    Gone,
    NameInUse,
    NoMailbox,
    PreconditionFailed,
    ProviderError,
    RateLimited,
    ScopeMissing,
    SyncTokenExpired,
    Unavailable,
    Unreadable,
)
from sync.providers.microsoft import json_batch
from sync.providers.microsoft.errors import error_of
from sync.providers.microsoft.shapes import (
    MARK,
    NOTE,
    PROPERTIES,
    PROVISIONAL,
    found_by,
    is_provisional,
    property_of,
    provisional_id,
    to_calendar,
    to_create,
    to_event,
    to_mark,
    to_restore,
)
from sync.providers.multipart import Call

FILE = (
    Path(__file__).parents[3]
    / "sandbox"
    / "schemas"
    / "microsoft-graph.calendar-subset.v1.0.openapi.json"
)
JUDGE = judge_of(FILE)
PROMISED = "promised-c0ffee"
VENUES = (
    "Pacific/Pago_Pago",
    "Pacific/Kiritimati",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "America/Santiago",
    "Africa/Cairo",
    "America/Havana",
    "Pacific/Auckland",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Pacific/Chatham",
    "America/Vancouver",
    "America/Winnipeg",
    "UTC",
    "GMT",
)
CUSTOM = "tzone://Microsoft/Custom"


def valid(name, body):
    """The body, once the vendor's schema allows it."""
    JUDGE(name, body)
    return body


def windows_zone(name):
    """The clock behind a name, by the table of another library than the adapter's."""
    return ZoneInfo({**WINDOWS_TO_OLSON, "UTC": "UTC"}[name])


def echoed(sent, **fields):
    """What Graph answers to a body: times in UTC, and the zone it was written in."""

    def in_utc(value):
        at = (
            datetime.fromisoformat(value["dateTime"])
            .replace(tzinfo=windows_zone(value["timeZone"]))
            .astimezone(UTC)
        )
        return {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}

    answer = {
        "id": "AAkA=",
        "@odata.etag": 'W/"abc"',
        "type": "singleInstance",
        "originalStartTimeZone": sent["start"]["timeZone"],
    }
    return sent | answer | {"start": in_utc(sent["start"]), "end": in_utc(sent["end"])} | fields


ITEM = echoed(to_create(PROMISED, event(), mark()))


# ---- out ----


def test_a_new_event_is_what_the_schema_allows_and_nothing_loud():
    body = valid("request.event.create", to_create(PROMISED, event(status="tentative"), mark()))
    assert set(body) == {
        "subject",
        "body",
        "location",
        "start",
        "end",
        "isAllDay",
        "showAs",
        "sensitivity",
        "isReminderOn",
        "singleValueExtendedProperties",
        "transactionId",
    }
    assert (body["showAs"], body["sensitivity"], body["isReminderOn"], body["transactionId"]) == (
        "tentative",
        "private",
        False,
        PROMISED,
    )


def test_a_change_also_clears_what_others_put_there():
    body = valid("request.event.update", to_restore(event(), mark()))
    assert (body["recurrence"], body["attendees"], body["showAs"], body["isReminderOn"]) == (
        None,
        [],
        "busy",
        False,
    )
    assert "transactionId" not in body


def test_times_go_out_on_the_venues_clock_under_its_windows_name():
    body = to_create(
        PROMISED,
        event(starts_at=datetime(2027, 7, 1, 8, 30, tzinfo=UTC), zone_name="Europe/Paris"),
        mark(),
    )
    assert body["start"] == {"dateTime": "2027-07-01T10:30:00", "timeZone": "Romance Standard Time"}


@pytest.mark.parametrize(
    ("at", "zone_name"),
    [
        ("2027-10-31T00:30", "Europe/London"),
        ("2027-10-31T01:30", "Europe/London"),
        ("2027-10-30T23:30", "Europe/London"),
        ("2027-04-03T15:15", "Australia/Sydney"),
        ("2027-07-01T12:00", "Antarctica/Troll"),
    ],
)
def test_times_that_a_clock_cannot_tell_apart_go_out_in_utc(at, zone_name):
    body = to_create(
        PROMISED,
        event(starts_at=datetime.fromisoformat(at).replace(tzinfo=UTC), zone_name=zone_name),
        mark(),
    )
    assert (body["start"], body["end"]["timeZone"]) == (
        {"dateTime": f"{at}:00", "timeZone": "UTC"},
        "UTC",
    )


def test_whole_days_go_out_as_the_venues_midnights():
    body = valid(
        "request.event.create",
        to_create(
            PROMISED,
            whole_days(date(2026, 12, 1), date(2026, 12, 3), zone_name="Asia/Kolkata"),
            mark(),
        ),
    )
    assert (body["isAllDay"], body["start"], body["end"]["dateTime"]) == (
        True,
        {"dateTime": "2026-12-01T00:00:00", "timeZone": "India Standard Time"},
        "2026-12-03T00:00:00",
    )


@given(st.sampled_from(VENUES), st.integers(0, 3 * 365 * 96), st.integers(1, 200))
def test_an_event_out_and_in_shows_what_it_should(zone_name, quarters, minutes):
    sent = event(
        starts_at=NOW.replace(minute=0) + timedelta(minutes=15 * quarters),
        minutes=minutes,
        zone_name=zone_name,
    )
    got = to_event(echoed(valid("request.event.create", to_create(PROMISED, sent, mark()))))
    assert (got.starts_at, got.ends_at, got.mark) == (sent.starts_at, sent.ends_at, mark())
    assert fingerprint(got) == wanted(sent)


@pytest.mark.parametrize("zone_name", VENUES)
@pytest.mark.parametrize("year", [2026, 2027])
def test_the_hours_around_each_clock_change_are_the_same_instants(zone_name, year):
    zone, hour = ZoneInfo(zone_name), datetime(year, 1, 1, tzinfo=UTC)
    hours = [hour + timedelta(hours=number) for number in range(365 * 24)]
    changes = [
        at
        for at in hours
        if at.astimezone(zone).utcoffset() != (at + timedelta(hours=1)).astimezone(zone).utcoffset()
    ]
    for at in (
        change + timedelta(minutes=15 * step) for change in changes for step in range(-12, 13)
    ):
        got = to_event(
            echoed(to_create(PROMISED, event(starts_at=at, zone_name=zone_name), mark()))
        )
        assert (got.starts_at, got.ends_at) == (at, at + timedelta(hours=1))


@given(st.sampled_from(VENUES), st.integers(0, 800), st.integers(1, 20))
def test_whole_days_out_and_in_are_the_same_days(zone_name, days, length):
    first = date(2026, 1, 1) + timedelta(days=days)
    sent = whole_days(first, first + timedelta(days=length), zone_name=zone_name)
    got = to_event(echoed(valid("request.event.create", to_create(PROMISED, sent, mark()))))
    assert (got.starts_on, got.ends_on) == (sent.starts_on, sent.ends_on)
    assert fingerprint(got) == wanted(sent)


@pytest.mark.parametrize("tail", ["", "\r\n", "\r\n\r\n", "\n \n"])
@pytest.mark.parametrize("text", ["", "Status: Confirmed", "one\ntwo\n\nthree", "<b> & \u00a0"])
def test_line_ends_that_exchange_adds_are_no_change(text, tail):
    sent = replace(event(), face=replace(event().face, description=text))
    body = to_create(PROMISED, sent, mark())
    got = to_event(
        echoed(body, body={"contentType": "text", "content": text.replace("\n", "\r\n") + tail})
    )
    assert fingerprint(got) == wanted(sent)


@given(st.text(), st.text(), st.integers(1, 10**6), st.binary(min_size=1))
def test_provisional_ids_are_recognised(installation, reference, generation, secret):
    own = Mark(installation, reference, generation)
    assert is_provisional(provisional_id(own, secret)) and not is_provisional("AAMkAGI2")
    assert re.fullmatch("promised-[0-9a-f]{40}", provisional_id(own, secret))
    assert to_mark(to_create(PROMISED, event(), own)) == (
        own if installation and reference else None
    )


def test_a_mark_names_nobody_and_is_found_by_the_provisional_id():
    body = to_create(PROMISED, event("Anna Virtanen"), mark())
    assert (property_of(body, MARK), property_of(body, PROVISIONAL)) == (
        f'["{INSTALLATION}", "4f0c", 1]',
        PROMISED,
    )
    assert found_by(PROVISIONAL, provisional_id(mark(), SECRET)).startswith(
        "singleValueExtendedProperties/Any(ep: ep/id eq 'String {"
    )
    with pytest.raises(ValueError, match="quotation mark"):
        found_by(PROVISIONAL, "x' or 'a' eq 'a")


# ---- in ----


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "[]",
        '["b7c1", "4f0c"]',
        '["b7c1", "4f0c", "1"]',
        '["", "4f0c", 1]',
        '["b7c1", "4f0c", true]',
        "5",
        '["b7c1", "4f0c", -1]',
        '{"a": 1, "b": 2, "c": 3}',
        None,
    ],
)
def test_half_a_mark_is_none(value):
    assert to_mark({PROPERTIES: [{"id": MARK, "value": value}]}) is None


def test_the_name_of_a_property_may_come_back_in_other_letters():
    own = to_create(PROMISED, event(), mark())[PROPERTIES][0]
    assert (
        to_mark(
            {PROPERTIES: [{"id": "String 0x1a", "value": "x"}, own | {"id": own["id"].upper()}]}
        )
        == mark()
    )


@pytest.mark.parametrize(
    ("fields", "busy", "status"),
    [
        ({}, "busy", "confirmed"),
        ({"showAs": "free"}, "free", "confirmed"),
        ({"showAs": "tentative"}, "tentative", "tentative"),
        ({"showAs": "oof"}, "away", "confirmed"),
        ({"showAs": "workingElsewhere"}, "elsewhere", "confirmed"),
        ({"showAs": "unknown"}, "busy", "confirmed"),
        ({"showAs": None}, "busy", "confirmed"),
        ({"isCancelled": True}, "free", "cancelled"),
        ({"responseStatus": {"response": "declined"}}, "free", "confirmed"),
        ({"responseStatus": {"response": "accepted"}}, "busy", "confirmed"),
        ({"responseStatus": None}, "busy", "confirmed"),
    ],
    ids=str,
)
def test_what_blocks_time_is_what_outlook_says(fields, busy, status):
    assert (to_event(ITEM | fields).busy, to_event(ITEM | fields).status) == (busy, status)


def test_private_and_confidential_are_private():
    assert [
        to_event(ITEM | {"sensitivity": kind}).is_private
        for kind in ("private", "confidential", "personal", "normal", None)
    ] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("at", "zone_name"),
    [
        ("2026-11-30T23:00", "W. Europe Standard Time"),
        ("2026-11-30T23:00", "Europe/Berlin"),
        ("2026-12-01T11:00", "UTC-11"),
        ("2026-11-30T10:00", "Line Islands Standard Time"),
        ("2026-11-30T18:30", "India Standard Time"),
        ("2026-12-01T00:00", "UTC"),
        ("2026-12-01T00:00", CUSTOM),
        ("2026-11-30T23:00", CUSTOM),
        ("2026-12-01T08:00", CUSTOM),
        ("2026-11-30T11:00", "Customized Time Zone"),
        ("2026-12-01T10:00", CUSTOM),
        ("2026-11-30T12:00", ""),
        ("2026-11-30T23:00", None),
        ("2026-11-30T15:00", "UTC"),
        ("2026-12-01T05:00", "UTC"),
    ],
    ids=str,
)
def test_a_whole_day_is_the_same_day_wherever_it_was_written(at, zone_name):
    starts_at = datetime.fromisoformat(at)
    start, end = (
        {"dateTime": f"{each.isoformat()}.0000000", "timeZone": "UTC"}
        for each in (starts_at, starts_at + timedelta(days=2))
    )
    got = to_event(
        ITEM | {"isAllDay": True, "start": start, "end": end, "originalStartTimeZone": zone_name}
    )
    assert (got.starts_on, got.ends_on) == (date(2026, 12, 1), date(2026, 12, 3))
    assert got.starts_at == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "start",
    [
        {"dateTime": "2026-12-01T09:00:00.0000000", "timeZone": "UTC"},
        {"dateTime": "2026-12-01T10:00:00", "timeZone": "W. Europe Standard Time"},
        {"dateTime": "2026-12-01T10:00:00.5", "timeZone": "Europe/Berlin"},
        {"dateTime": "2026-12-01T09:00:00.0000000", "timeZone": None},
    ],
    ids=str,
)
def test_times_come_with_a_zone_of_any_name(start):
    assert to_event(ITEM | {"start": start}).starts_at == datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({}, "no_id"),
        (ITEM | {"start": None}, "no_start"),
        (ITEM | {"end": {"timeZone": "UTC"}}, "no_end"),
        (ITEM | {"id": 5}, "no_id"),
        (ITEM | {"start": {"dateTime": "soon", "timeZone": "UTC"}}, "bad_start"),
        (ITEM | {"start": {"dateTime": 5}}, "bad_start"),
        (ITEM | {"start": {"dateTime": "2026-12-01T09:00:00", "timeZone": CUSTOM}}, "zone"),
        ({"id": "AAkA=", "type": "occurrence"}, "no_start"),
        (ITEM | {"start": {"dateTime": "2026-11-20T09:00:00", "timeZone": ["UTC"]}}, "zone"),
        (
            ITEM | {"start": {"dateTime": "0001-01-01T00:00:00.0000000", "timeZone": "UTC"}},
            "bad_start",
        ),
        (ITEM | {"end": {"dateTime": "0001-01-01T00:00:00.0000000", "timeZone": "UTC"}}, "bad_end"),
    ],
    ids=str,
)
def test_what_is_no_event_is_refused_with_a_reason(item, reason):
    with pytest.raises(Unreadable) as caught:
        to_event(item)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "odd",
    [
        {"subject": None},
        {"subject": 5},
        {"body": 5},
        {"location": []},
        {"@odata.etag": None},
        {"showAs": []},
        {"responseStatus": "declined"},
        {"lastModifiedDateTime": "0000-01-01T00:00:00Z"},
        {"lastModifiedDateTime": 5},
        {"singleValueExtendedProperties": [5, {"id": None}]},
        {"singleValueExtendedProperties": [{"id": MARK, "value": "[" * 100_000}]},
        {"seriesMasterId": 5},
        {"isAllDay": "yes"},
        {"type": {}},
        {"originalStartTimeZone": {}},
        {"sensitivity": []},
    ],
    ids=lambda odd: str(odd)[:60],
)
def test_whatever_else_is_odd_about_an_event_keeps_none_of_its_time_away(odd):
    plain, got = to_event(ITEM), to_event(ITEM | odd)
    assert (got.starts_at, got.ends_at, got.busy) == (plain.starts_at, plain.ends_at, "busy")


def test_an_event_to_the_end_of_time_takes_its_time():
    got = to_event(
        ITEM
        | {"end": {"dateTime": "9999-12-31T23:59:59.9999999", "timeZone": "Hawaiian Standard Time"}}
    )
    assert got.ends_at.year == 9000 and got.ends_at + timedelta(days=366) > got.starts_at
    whole = {"dateTime": "9999-12-31T00:00:00.0000000", "timeZone": "UTC"}
    assert to_event(ITEM | {"isAllDay": True, "end": whole}).ends_on.year == 9000


def test_text_from_outside_is_bounded_and_clean():
    got = to_event(
        ITEM
        | {
            "subject": "a\x00\u202eb" + "c" * 5000,
            "body": {"content": "d" * 10_000},
            "location": None,
        }
    )
    assert (got.title[:3], len(got.title), len(got.description), got.location) == (
        "abc",
        1022,
        8192,
        "",
    )


@pytest.mark.parametrize(
    ("fields", "access"),
    [
        ({"canEdit": True, "owner": {"address": "Robin@Work.example"}}, "owner"),
        ({"canEdit": False, "owner": {"address": "robin@work.example"}}, "reader"),
        ({"canEdit": True, "owner": {"address": "ana@work.example"}}, "writer"),
        ({"owner": {"address": "ana@work.example"}}, "reader"),
        ({"canEdit": True, "owner": None, "canShare": True}, "owner"),
        ({"canEdit": True, "owner": {}, "canShare": False}, "writer"),
    ],
    ids=str,
)
def test_whose_calendar_it_is_follows_from_its_owner(fields, access):
    item = {
        "id": "c1",
        "name": "Team",
        "isDefaultCalendar": False,
        PROPERTIES: [{"id": NOTE, "value": "Kept by Kalends"}],
    }
    calendar = to_calendar(item | fields, frozenset({"robin@work.example"}))
    assert (calendar.access, calendar.can_write, calendar.description) == (
        access,
        access != "reader",
        "Kept by Kalends",
    )


# ---- refusals ----


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "ErrorInvalidRequest", ProviderError),
        (401, "InvalidAuthenticationToken", AuthExpired),
        (403, "ErrorAccessDenied", Forbidden),
        (403, "Authorization_RequestDenied", ScopeMissing),
        (404, "ErrorItemNotFound", Gone),
        (404, "MailboxNotEnabledForRESTAPI", NoMailbox),
        (404, "ResourceNotFound", NoMailbox),
        (404, "ExtensionError", NoMailbox),
        (409, "ErrorFolderExists", NameInUse),
        (409, "x", ProviderError),
        (410, "", SyncTokenExpired),
        (400, "syncStateNotFound", SyncTokenExpired),
        (404, "SyncStateNotFound", SyncTokenExpired),
        (400, "SyncStateInvalid", SyncTokenExpired),
        (400, "resyncRequired", SyncTokenExpired),
        (412, "ErrorIrresolvableConflict", PreconditionFailed),
        (429, "ApplicationThrottled", RateLimited),
        (503, "ErrorServerBusy", Unavailable),
        (503, "ApplicationThrottled", RateLimited),
        (500, "InternalServerError", Unavailable),
        (504, "UnknownError", Unavailable),
        (408, "", Unavailable),
        (302, "", ProviderError),
    ],
)
def test_a_refusal_is_known_by_status_and_code(status, code, error):
    found = error_of(status, {"error": {"code": code, "message": "see robin@work.example"}}, {})
    assert (type(found), found.status) == (error, status)
    assert "robin" not in str(found)


def test_busy_servers_that_say_how_long_are_too_much_at_once():
    found = error_of(503, {"error": {"code": "ErrorServerBusy"}}, {"Retry-After": "12"})
    assert (type(found), found.retry_after_seconds) == (RateLimited, 12)


@pytest.mark.parametrize("inner", ["innerError", "innererror"])
def test_the_most_exact_code_counts(inner):
    body = {"error": {"code": "generalException", inner: {"code": "resyncRequired", "date": "x"}}}
    assert isinstance(error_of(400, body, {}), SyncTokenExpired)
    assert error_of(400, body, {}).reason == "resyncRequired"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"error": None},
        {"error": "x"},
        {"error": {"code": "", "innerError": 5}},
        {"error": {"code": "no word at all"}},
    ],
)
def test_a_refusal_of_another_shape_is_judged_by_its_status(body):
    assert (type(error_of(403, body, {})), error_of(403, body, {}).reason) == (Forbidden, "")


# ---- batches ----


def test_calls_of_a_batch_do_not_wait_for_one_another():
    calls = [
        Call("GET", "/me"),
        Call("PATCH", "/me/events/1", {"subject": "x"}, {"If-Match": 'W/"a"'}),
        Call("DELETE", "/me/events/2"),
    ]
    body = valid("request.batch", json_batch.written(calls, {"Prefer": "p"}))
    assert not any("dependsOn" in item for item in body["requests"])
    assert body["requests"][1]["headers"] == {
        "Prefer": "p",
        "If-Match": 'W/"a"',
        "Content-Type": "application/json",
    }
    assert "body" not in body["requests"][0]


@pytest.mark.parametrize(
    ("responses", "statuses"),
    [
        (
            [
                {"id": "2", "status": 204},
                {"id": "0", "status": 200, "body": {}},
                {"id": "1", "status": 404, "body": {"error": {}}},
            ],
            [200, 404, 204],
        ),
        ([{"id": "2", "status": 204}], [None, None, 204]),
        ([], [None] * 3),
        ([{"id": "9", "status": 200}, {"id": "²", "status": 200}], [None] * 3),
        (
            [
                {"id": "0", "status": "200"},
                {"id": "1", "status": 200, "body": "PGh0bWw+"},
                {"status": 200},
            ],
            [None] * 3,
        ),
    ],
)
def test_answers_of_a_batch_find_their_calls(responses, statuses):
    assert [
        answer and answer.status for answer in json_batch.read_answers({"responses": responses}, 3)
    ] == statuses


def test_headers_of_an_answer_are_found_in_any_letters():
    (answer,) = json_batch.read_answers(
        {"responses": [{"id": "0", "status": 429, "headers": {"retry-after": 7}}]}, 1
    )
    assert error_of(answer.status, answer.body, answer.headers).retry_after_seconds == 7
