"""Particulars of Google in its adapter: shapes, refusals, batches, and all warnings of the fact
sheet.
"""

import json
import logging
import re
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_worlds import INSTALLATION, NOW, SECRET, GoogleWorld, event, mark, whole_days

from sandbox import schema
from sandbox.seed import ANA, HOLIDAYS, ROBIN
from sync.events.event import Mark, Window
from sync.providers import multipart, open_provider
from sync.providers.base import Create, Delete, OpenChannel
from sync.providers.errors import (
    Exists,
    Forbidden,
    Gone,
    NotConfigured,
    PreconditionFailed,
    ProviderError,
    RateLimited,
    ScopeDoubted,
    ScopeMissing,
    SyncTokenExpired,
    Unanswered,
    Unavailable,
)
from sync.providers.google.shapes import event_id, from_event, from_mark, to_event, to_mark
from sync.providers.wire import http_client

SOON = NOW + timedelta(days=4)
PLACES = {"officeLocation": {"label": "Room 2"}, "type": "officeLocation"}


@pytest.fixture
def world():
    return GoogleWorld()


def answering(answer):
    """An adapter before a Google that always gives one answer."""
    http = http_client(httpx.MockTransport(lambda request: answer))
    return open_provider("google", http, lambda stale: "token", "https://google.example")


def page(items, **tokens):
    return httpx.Response(
        200, text=json.dumps({"kind": "calendar#events", "items": items, **tokens})
    )


def only(world, **choice):
    """The one event that a pull tells of."""
    (changed,) = world.pull(**choice).changed
    return changed


# ---- what an event is ----


@pytest.mark.parametrize(
    ("fields", "busy"),
    [
        ({}, "busy"),
        ({"transparency": "transparent"}, "free"),
        ({"status": "tentative"}, "tentative"),
        ({"attendees": [{"email": ROBIN, "responseStatus": "declined"}]}, "free"),
        ({"attendees": [{"email": ROBIN, "responseStatus": "tentative"}]}, "tentative"),
        ({"attendees": [{"email": ROBIN, "responseStatus": "needsAction"}]}, "busy"),
        (
            {
                "attendees": [
                    {"email": ANA, "responseStatus": "declined"},
                    {"email": ROBIN, "responseStatus": "accepted"},
                ]
            },
            "busy",
        ),
        ({"eventType": "outOfOffice", "outOfOfficeProperties": {}}, "away"),
        ({"eventType": "focusTime", "focusTimeProperties": {}}, "busy"),
        (
            {
                "eventType": "workingLocation",
                "transparency": "transparent",
                "visibility": "public",
                "workingLocationProperties": PLACES,
            },
            "elsewhere",
        ),
    ],
    ids=str,
)
def test_what_blocks_time_is_what_google_says(world, fields, busy):
    world.outside("Something", SOON, **fields)
    assert only(world).busy == busy


def test_a_guest_list_is_never_fetched(world):
    world.outside("Dinner", SOON, attendees=[{"email": ANA}, {"email": ROBIN}])
    seen = []
    world.http.event_hooks["response"].append(lambda response: seen.append(response.text))
    only(world)
    assert "Dinner" in seen[0] and ANA not in seen[0]


def test_a_private_event_in_a_shared_calendar_has_no_title_and_still_blocks(world):
    ana = world.sandbox.user(ANA)
    ana.share("primary", ROBIN, "reader")
    ana.add("Doctor", "2026-11-24T09:00", "2026-11-24T10:00", visibility="private")
    world.connect("calendar.readonly")
    hidden = only(world, calendar=ANA)
    assert (hidden.title, hidden.is_private, hidden.busy) == ("", True, "busy")


def test_a_calendar_of_busy_times_only_can_be_read(world):
    ana = world.sandbox.user(ANA)
    ana.share("primary", ROBIN, "freeBusyReader")
    ana.add("Doctor", "2026-11-24T09:00", "2026-11-24T10:00")
    world.connect("calendar.readonly")
    assert (only(world, calendar=ANA).title, only(world, calendar=ANA).starts_at) == (
        "",
        datetime(2026, 11, 24, 9, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "role", ["freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner"]
)
def test_our_events_go_only_where_we_can_see_them_again(world, role):
    world.sandbox.user(ANA).share("primary", ROBIN, role)
    found = next(calendar for calendar in world.provider.calendars() if calendar.calendar_id == ANA)
    assert found.can_write == (role in ("writer", "owner"))


def test_calendars_are_listed_over_pages_without_removed_ones(world):
    gone = world.robin.add_calendar("Old")
    world.robin.delete_calendar(gone)
    world.sandbox.page_cap, world.sandbox.empty_pages = 2, True
    names = [calendar.name for calendar in world.provider.calendars()]
    assert sorted(names) == ["Family", "Linden bookings", "Public holidays", "Room rota", ROBIN]


def test_the_name_a_person_gave_a_calendar_counts(world):
    family = next(calendar for calendar in world.provider.calendars() if calendar.name == "Family")
    world.sandbox.store.accounts[ROBIN]["entries"][family.calendar_id]["summaryOverride"] = (
        "Us four"
    )
    assert "Us four" in [calendar.name for calendar in world.provider.calendars()]


def test_a_new_calendar_can_carry_a_note_to_find_it_by(world):
    made = world.provider.create_calendar("Linden", "Europe/London", "Kept by Kalends, b7c1")
    assert [
        found.calendar_id
        for found in world.provider.calendars()
        if found.description == "Kept by Kalends, b7c1"
    ] == [made.calendar_id]


def test_ids_in_paths_are_encoded(world):
    world.connect("calendar.readonly")
    assert world.pull(calendar=HOLIDAYS).complete
    assert (
        "/calendars/en.sandbox%23holiday%40group.v.calendar.google.com/events?"
        in world.judged[-1][1]
    )


ITEM = {
    "id": "abc01",
    "etag": '"1"',
    "summary": "x",
    "start": {"dateTime": "2026-11-24T09:00:00Z"},
    "end": {"dateTime": "2026-11-24T10:00:00Z"},
}


@pytest.mark.parametrize(
    "start",
    [
        {"dateTime": "2026-11-24T10:00:00+01:00", "timeZone": "Europe/Paris"},
        {"dateTime": "2026-11-24T10:00:00", "timeZone": "Europe/Paris"},
        {"dateTime": "2026-11-23T23:30:00-09:30"},
        {"dateTime": "2026-11-24T09:00:00.000Z"},
        {"dateTime": "2026-11-24t09:00:00z"},
        {"dateTime": "2026-11-24T09:00:00Z", "timeZone": "No/Where"},
    ],
    ids=str,
)
def test_times_come_with_an_offset_a_zone_or_both(start):
    assert to_event(ITEM | {"start": start}).starts_at == datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({}, "no_start"),
        (ITEM | {"start": {}}, "no_start"),
        (ITEM | {"start": None}, "no_start"),
        (ITEM | {"end": 5}, "no_end"),
        (ITEM | {"end": {"dateTime": "soon"}}, "bad_end"),
        (ITEM | {"start": {"dateTime": "2026-11-24T09:00:00", "timeZone": "No/Where"}}, "zone"),
        (ITEM | {"end": {"date": "2026-11-25"}}, "bad_end"),
        (ITEM | {"start": {"dateTime": "0001-01-01T00:00:00+14:00"}}, "bad_start"),
        (ITEM | {"start": {"dateTime": "0000-01-01T00:00:00Z"}}, "bad_start"),
        (ITEM | {"end": {"dateTime": "2026-11-24T08:00:00Z"}}, "backwards"),
        (ITEM | {"start": {"dateTime": ["2026"]}}, "bad_start"),
        (ITEM | {"id": ""}, "no_id"),
        (ITEM | {"id": None}, "no_id"),
        (ITEM | {"id": "a" * 1201}, "no_id"),
        (ITEM | {"id": "a\0"}, "no_id"),
        (ITEM | {"id": "\ud800"}, "no_id"),
    ],
    ids=str,
)
def test_what_is_no_event_is_told_as_such_beside_the_good_ones(item, reason):
    good = ITEM | {"id": "good1"}
    delta = answering(page([{"id": "abc01"} | item, good, "no item at all"])).pull(
        "x", None, Window(NOW, SOON)
    )
    assert [seen.remote_id for seen in delta.changed] == ["good1"] and delta.complete
    assert [one.reason for one in delta.unread] == [reason, "no_id"]


@pytest.mark.parametrize(
    "odd",
    [
        {"summary": None},
        {"summary": 5},
        {"attendees": None},
        {"attendees": [None, {"self": True, "responseStatus": ["x"]}]},
        {"etag": None},
        {"etag": 7},
        {"updated": "0000-01-01T00:00:00Z"},
        {"updated": "0001-01-01T00:00:00+14:00"},
        {"updated": 5},
        {"extendedProperties": None},
        {"extendedProperties": {"private": []}},
        {"recurringEventId": 5},
        {"transparency": {}},
        {"eventType": None},
        {"visibility": []},
        {"start": {"dateTime": "2026-11-24T09:00:60Z"}},
    ],
    ids=str,
)
def test_whatever_else_is_odd_about_an_event_keeps_none_of_its_time_away(odd):
    delta = answering(page([ITEM | odd])).pull("x", None, Window(NOW, SOON))
    (seen,) = delta.changed
    assert (seen.ends_at, seen.busy, delta.unread) == (
        datetime(2026, 11, 24, 10, tzinfo=UTC),
        "busy",
        (),
    )


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ({"date": "2026-11-24"}, {"date": "9999-12-31"}),
        ({"date": "2026-11-24"}, {"date": "10000-01-01"}),
        ({"date": "0002-01-01"}, {"date": "2026-12-31"}),
        ({"dateTime": "2026-11-24T09:00:00Z"}, {"dateTime": "9999-12-31T23:59:59-12:00"}),
        ({"dateTime": "0002-01-01T00:00:00+14:00"}, {"dateTime": "+12345-12-31T23:59:59Z"}),
    ],
)
def test_an_event_to_the_end_of_time_takes_its_time(start, end):
    (seen,) = (
        answering(page([ITEM | {"start": start, "end": end}]))
        .pull("x", None, Window(NOW, SOON))
        .changed
    )
    assert seen.starts_at < SOON < seen.ends_at <= datetime(9000, 1, 2, tzinfo=UTC)


def test_text_from_outside_is_bounded_and_clean():
    found = to_event(ITEM | {"summary": "a\x00\u202eb" + "c" * 5000, "description": "d" * 10_000})
    assert (found.title[:3], len(found.title), len(found.description)) == ("abc", 1022, 8192)


@pytest.mark.parametrize(
    "private",
    [
        {},
        {"kalendsInstallation": "b7c1"},
        {"kalendsInstallation": "b7c1", "kalendsReference": "4f0c", "kalendsGeneration": "x"},
        {"kalendsInstallation": "", "kalendsReference": "4f0c", "kalendsGeneration": "1"},
        {"kalendsInstallation": "b7c1", "kalendsReference": "4f0c", "kalendsGeneration": "²"},
    ],
)
def test_half_a_mark_is_none(private):
    assert to_mark({"extendedProperties": {"private": private}}) is None


def test_a_mark_fits_into_private_properties_and_names_nobody():
    own = Mark("0193b7c1-7b9f-7f53-8d5f-4c6f0c7f2f11", "4f0c2c47-1f5e-4a3e-9a43-1d3b8f1f6a10", 12)
    assert to_mark({"extendedProperties": {"private": from_mark(own)}}) == own
    assert all(len(name) <= 44 and len(value) <= 1024 for name, value in from_mark(own).items())


@given(st.text(), st.text(), st.integers(1, 10**6), st.binary(min_size=1))
def test_own_ids_are_what_google_takes(installation, reference, generation, secret):
    assert re.fullmatch("[a-v0-9]{32}", event_id(Mark(installation, reference, generation), secret))


@given(
    st.integers(-(10**6), 10**6),
    st.integers(1, 2000),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1),
)
def test_an_event_out_and_in_is_the_same(minutes_away, minutes, title):
    starts_at = NOW + timedelta(minutes=minutes_away)
    sent = from_event(event(title, starts_at, minutes), mark())
    schema.validate("request.events.insert", sent)
    got = to_event(sent | {"id": "abc01", "etag": '"1"'})
    assert (got.title, got.starts_at, got.ends_at, got.mark) == (
        title,
        starts_at,
        starts_at + timedelta(minutes=minutes),
        mark(),
    )


def test_bodies_hold_times_in_utc_with_the_venues_zone_or_plain_dates():
    timed, days = (
        from_event(event(), mark()),
        from_event(whole_days(date(2026, 12, 1), date(2026, 12, 2)), mark()),
    )
    assert timed["start"] == {"dateTime": "2026-11-23T11:40:00Z", "timeZone": "Europe/London"}
    assert (days["start"], days["end"]) == ({"date": "2026-12-01"}, {"date": "2026-12-02"})
    assert set(timed) == {
        "summary",
        "description",
        "location",
        "status",
        "start",
        "end",
        "visibility",
        "transparency",
        "reminders",
        "extendedProperties",
    }


# ---- refusals ----


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (400, "timeRangeEmpty", ProviderError),
        (401, None, ProviderError),  # of this request alone
        (403, "rateLimitExceeded", RateLimited),
        (403, "userRateLimitExceeded", RateLimited),
        (403, "quotaExceeded", RateLimited),
        (403, "insufficientPermissions", ScopeDoubted),  # of this request alone
        (403, "accessNotConfigured", ProviderError),
        (403, "forbidden", Forbidden),
        (403, "forbiddenForNonOrganizer", Forbidden),
        (410, "fullSyncRequired", SyncTokenExpired),
        (410, "updatedMinTooLongAgo", SyncTokenExpired),
        (404, None, Gone),
        (410, "deleted", Gone),
        (412, None, PreconditionFailed),
        (429, None, RateLimited),
        (408, None, Unavailable),
        (500, None, Unavailable),
        (503, None, Unavailable),
    ],
)
def test_a_refusal_is_known_by_code_and_reason(world, status, reason, error):
    world.refuse_reads(status, reason=reason, times=2)
    with pytest.raises(ProviderError) as caught:
        world.pull()
    assert type(caught.value) is error
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("reason", "error"),
    [("insufficientPermissions", ScopeMissing), ("accessNotConfigured", NotConfigured)],
)
def test_what_any_request_is_refused_with_is_the_accounts(world, reason, error):
    world.sandbox.faults.fail(403, reason, times=None)
    with pytest.raises(error):
        world.pull()


def test_a_used_up_calendar_limit_waits_for_hours(world):
    world.refuse_reads(403, reason="quotaExceeded")
    with pytest.raises(RateLimited) as caught:
        world.pull()
    assert caught.value.retry_after_seconds >= 3600


A_DAY = 86400


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", (7, 7)),
        ("soon", None),
        ("", None),
        ("9" * 5000, (A_DAY, A_DAY)),
        ("31536000", (A_DAY, A_DAY)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", (A_DAY, A_DAY)),
        ("-5", None),
        (format_datetime(datetime.now(UTC) + timedelta(hours=1)), (1800, 3600)),
        (format_datetime(datetime.now(UTC) - timedelta(hours=1)), (0, 0)),
    ],
    ids=lambda value: str(value)[:12],
)
def test_retry_after_may_be_seconds_or_a_date(header, seconds):
    with pytest.raises(RateLimited) as caught:
        answering(httpx.Response(429, headers={"Retry-After": header})).calendars()
    waiting = caught.value.retry_after_seconds
    assert waiting is None if seconds is None else seconds[0] <= waiting <= seconds[1]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>Sign in to this network</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"items": [5]}),
        httpx.Response(200, json={"kind": "calendar#events", "items": None}),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"kind": "calendar#events", "items": [5]}),
    ],
    ids=["html", "list", "number", "null", "empty", "page of numbers"],
)
def test_an_answer_of_another_shape_is_trouble_and_not_nothing(answer):
    with pytest.raises(Unavailable):
        answering(answer).pull("x", "token", Window(NOW, SOON))


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "[]",
        "{}",
        '{"error": "x"}',
        '{"error": {"errors": []}}',
        '{"error": {"errors": ["x"]}}',
    ],
)
def test_a_refusal_of_another_shape_is_judged_by_its_code(body):
    with pytest.raises(Forbidden):
        answering(httpx.Response(403, text=body)).calendars()


def test_a_reason_that_is_no_word_is_not_repeated():
    body = {"error": {"code": 403, "errors": [{"reason": "see robin.hale@gmail.example, please"}]}}
    with pytest.raises(Forbidden, match=r"^403$"):
        answering(httpx.Response(403, json=body)).calendars()


def test_a_redirect_is_not_followed():
    with pytest.raises(ProviderError):
        answering(
            httpx.Response(302, headers={"Location": "https://elsewhere.example/"})
        ).calendars()


def test_nobody_is_waited_for_without_end():
    assert all(seconds <= 60 for seconds in http_client().timeout.as_dict().values())


def test_nobody_there_is_trouble_in_which_nothing_was_done():
    def refuse(request):
        raise httpx.ConnectError("no route")

    provider = open_provider(
        "google",
        http_client(httpx.MockTransport(refuse)),
        lambda stale: "token",
        "https://google.example",
    )
    with pytest.raises(Unavailable):
        provider.calendars()


def test_a_sync_token_of_another_calendar_leads_to_a_complete_pull(world):
    with pytest.raises(SyncTokenExpired):
        world.pull(world.pull(calendar=world.destination).sync_token)


def test_a_sync_token_that_google_calls_damaged_leads_to_a_complete_pull(world):
    with pytest.raises(SyncTokenExpired):
        world.pull("damaged")


def test_too_few_scopes_are_told_apart_from_too_few_rights(world):
    world.connect("calendar.app.created")
    with pytest.raises(ScopeMissing):
        world.provider.calendars()
    with pytest.raises(ScopeMissing):
        world.pull()
    assert world.made().title == "Booking 0"


def test_no_address_comes_into_the_log(world, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.NOTSET)
    http_client()
    world.made()
    world.pull()
    assert ROBIN not in caplog.text and "calendars" not in caplog.text


# ---- lists ----


def test_an_increment_of_an_endless_series_is_given_up_for_a_complete_pull(world):
    token = world.pull().sync_token
    start = {"dateTime": SOON.isoformat(), "timeZone": "UTC"}
    for number in range(2):
        world.robin.add(
            f"Daily {number}",
            start,
            start | {"dateTime": (SOON + timedelta(hours=1)).isoformat()},
            recurrence=["RRULE:FREQ=DAILY"],
        )
    with pytest.raises(SyncTokenExpired):
        world.pull(token)
    delta = world.pull()
    assert 700 <= len(delta.changed) <= 724
    assert world.pull(delta.sync_token).changed == ()


def test_pages_repeat_the_query_with_its_sync_token(world):
    token = world.pull().sync_token
    for number in range(7):
        world.outside(f"Event {number}", SOON)
    world.short_pages()
    world.judged.clear()
    world.pull(token)
    queries = [httpx.URL(target).params for _, target, _ in world.judged]
    assert len(queries) > 3
    assert {query["syncToken"] for query in queries} == {token}
    assert len({str(query.remove("pageToken")) for query in queries}) == 1


def test_pages_without_end_are_trouble():
    with pytest.raises(Unavailable):
        answering(page([], nextPageToken="again")).calendars()


def test_no_sync_token_at_the_end_means_a_complete_pull_next():
    assert answering(page([])).pull("x", "token", Window(NOW, SOON)).sync_token is None


def test_bare_tombstones_are_enough(world):
    world.sandbox.bare_tombstones = True
    made = world.made()
    token = world.pull(calendar=world.destination, unrolled=False).sync_token
    world.outside_delete(made.remote_id, world.destination)
    assert world.pull(token, world.destination, unrolled=False).tombstones == {made.remote_id}
    assert world.provider.get(world.destination, made.remote_id) is None


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_told_as_living_and_as_deleted_asks_for_everything(turned):
    told = [{"id": "one", "status": "cancelled"}, ITEM | {"id": "one"}][:: -1 if turned else 1]
    pages = iter(
        [{"items": told[:1], "nextPageToken": "2"}, {"items": told[1:], "nextSyncToken": "s"}]
    )
    http = http_client(
        httpx.MockTransport(
            lambda request: httpx.Response(200, json={"kind": "calendar#events", **next(pages)})
        )
    )
    with pytest.raises(SyncTokenExpired):
        open_provider("google", http, lambda stale: "token", "https://google.example").pull(
            "x", "t", Window(NOW, NOW + timedelta(days=30))
        )


def test_the_last_word_on_a_living_event_counts():
    first, last = ITEM | {"id": "one", "summary": "First"}, ITEM | {"id": "one", "summary": "Last"}
    pages = iter(
        [
            {"items": [first, ITEM], "nextPageToken": "2"},
            {"items": [last, {"id": "two", "status": "cancelled"}], "nextSyncToken": "s"},
        ]
    )
    http = http_client(
        httpx.MockTransport(
            lambda request: httpx.Response(200, json={"kind": "calendar#events", **next(pages)})
        )
    )
    provider = open_provider("google", http, lambda stale: "token", "https://google.example")
    delta = provider.pull("x", "t", Window(NOW, NOW + timedelta(days=30)))
    assert ({found.remote_id: found.title for found in delta.changed}["one"], delta.tombstones) == (
        "Last",
        {"two"},
    )


# ---- batches ----


def test_a_restore_that_google_refuses_says_so(world):
    made = world.made()
    world.outside_delete(made.remote_id, world.destination)
    world.sandbox.refuse_restore = True
    (taken,) = world.write(world.create())
    (refused,) = world.write(world.updated(world.create(), taken.error.etag))
    assert isinstance(refused.error, Forbidden)
    again = mark("booking0", generation=2)
    assert world.row.new_id(again, SECRET) != made.remote_id


def test_a_token_that_dies_on_the_way_repeats_only_what_it_met(world):
    world.refuse(401, skip=1, times=2)
    world.forget_requests()
    results = world.write(*(world.create(number) for number in range(4)))
    assert [result.error for result in results] == [None] * 4
    assert world.requests() == 3  # a batch, a fresh token, a batch
    assert world.sandbox.requests.count(in_batch=True) == 6


def test_a_part_that_meets_401_twice_is_final_for_it(world):
    world.refuse(401, times=2)
    (result,) = world.write(world.create())
    assert type(result.error) is ProviderError


def test_items_that_collide_are_tried_once_more(world):
    world.refuse(409, reason="conflict")
    assert [result.error for result in world.write(world.create(1), world.create(2))] == [
        None,
        None,
    ]
    world.refuse(409, reason="conflict", times=2)
    (result,) = world.write(world.create(3))
    assert isinstance(result.error, Unavailable)


def test_a_lost_token_while_looking_at_a_taken_id_is_no_lost_connection(world):
    made = world.made()
    world.sandbox.faults.fail(401, method="GET", path="/events/")
    (result,) = world.write(world.create())
    assert isinstance(result.error, Exists) and result.error.event == made


def test_a_taken_id_that_cannot_be_looked_at_is_trouble(world):
    world.made()
    world.sandbox.faults.fail(503, method="GET", path="/events/")
    (result,) = world.write(world.create())
    assert isinstance(result.error, Unavailable)


def test_a_gateway_that_gives_up_leaves_unknown(world):
    world.sandbox.faults.time_out(status=504, path="^/batch")
    (result,) = world.write(world.create())
    assert isinstance(result.error, Unavailable)
    (result,) = world.write(world.create())
    assert isinstance(result.error, Exists)


def test_a_batch_that_is_refused_as_a_whole_refuses_each_call(world):
    world.sandbox.faults.fail(429, path="^/batch", retry_after_seconds=30)
    results = world.write(*(world.create(number) for number in range(3)))
    assert [result.error.retry_after_seconds for result in results] == [30] * 3


def test_a_quota_that_runs_out_half_way_is_made_good_later(world):
    world.sandbox.quota.per_minute = 70
    creates = [world.create(number) for number in range(120)]
    left = creates
    for _ in range(3):
        left = [result.operation for result in world.write(*left) if result.error]
        world.clock.now += timedelta(minutes=1)
    assert (left, world.living()) == ([], 120)


def test_a_written_event_without_a_readable_answer_is_not_failed():
    text = (
        '--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{"id": "x"}\r\n--b--'
    )
    provider = answering(
        httpx.Response(200, text=text, headers={"Content-Type": "multipart/mixed; boundary=b"})
    )
    create = Create("abc01", event(), mark())
    assert isinstance(next(provider.write("x", [create])).error, Unavailable)


def test_a_batch_answer_that_ends_early_leaves_the_rest_unknown():
    text = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n"
    provider = answering(
        httpx.Response(200, text=text, headers={"Content-Type": "multipart/mixed; boundary=b"})
    )
    first, second = provider.write("x", [Delete("abc01"), Delete("abc02")])
    assert first.error is None and isinstance(second.error, Unanswered)


def part(content_id, status, body="{}"):
    named = f"Content-ID: {content_id}\r\n" if content_id else ""
    return (
        f"--b\r\nContent-Type: application/http\r\n{named}\r\nHTTP/1.1 {status}"
        f" Word\r\nRetry-After: 9\r\n\r\n{body}\r\n"
    )


@pytest.mark.parametrize(
    ("parts", "statuses"),
    [
        ([part(None, 200), part(None, 404), part(None, 204, "")], [200, 404, 204]),
        (
            [part("<response-2>", 204, ""), part("<response-0>", 200), part("response-1", 404)],
            [200, 404, 204],
        ),
        ([part("<response-2>", 204, "")], [None, None, 204]),
        ([part("<response-9>", 204, "")], [None, None, None]),
        ([part(None, 200, "<html>"), part(None, 200, "[1]")], [None, None, None]),
        (["--b\r\nContent-Type: application/http\r\n\r\nnothing\r\n"], [None, None, None]),
        ([], [None, None, None]),
    ],
)
def test_answers_of_a_batch_find_their_calls(parts, statuses):
    answers = multipart.read_parts(
        "multipart/mixed; boundary=b", ("".join(parts) + "--b--").encode(), 3
    )
    assert [answer and answer.status for answer in answers] == statuses
    assert {answer.headers["retry-after"] for answer in answers if answer} <= {"9"}


def test_no_header_can_end_its_line():
    with pytest.raises(ValueError, match="line end"):
        multipart.written(
            [
                multipart.Call(
                    "DELETE", "/x", headers={"If-Match": '"1"\r\nAuthorization: Bearer other'}
                )
            ]
        )


# ---- channels ----


@pytest.mark.parametrize("expiration", ["1795347600000", 1795347600000])
def test_the_end_of_a_channel_may_be_text_or_a_number(expiration):
    provider = answering(
        httpx.Response(200, json={"id": "c1", "resourceId": "r1", "expiration": expiration})
    )
    channel = provider.channels.open("x", "c1", "https://clinic.example/", "secret", SOON)
    assert channel == OpenChannel("c1", "r1", datetime(2026, 11, 22, 11, 40, tzinfo=UTC))


def test_a_channel_without_an_end_ends_when_we_asked():
    channel = answering(httpx.Response(200, json={"id": "c1", "resourceId": "r1"})).channels.open(
        "x", "c1", "https://clinic.example/", "secret", SOON
    )
    assert channel.expires_at == SOON


def test_an_address_that_google_does_not_call_is_refused(world):
    world.sandbox.strict = False
    world.http.event_hooks = {}
    with pytest.raises(ProviderError, match="webhookUrlNotHttps"):
        world.provider.channels.open(world.source, "c1", "http://clinic.example/", "secret", SOON)


def test_every_event_ever_made_can_be_found_by_one_property(world):
    world.write(*(world.create(number) for number in range(3)))
    world.judged.clear()
    world.provider.find_marked(world.destination, INSTALLATION)
    filters = [
        httpx.URL(target).params.get_list("privateExtendedProperty")
        for _, target, _ in world.judged
    ]
    assert filters == [[f"kalendsInstallation={INSTALLATION}"]]
