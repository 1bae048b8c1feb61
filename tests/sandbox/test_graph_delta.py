"""Deltas of a calendar view: windows in links, series, removals, and behaviour that Graph does not
document.
"""

import pytest
from graph_world import IMMUTABLE, WINDOW, at, code, gone, ids

from sandbox.graph import delta, events, seed

DELTA = "/me/calendarView/delta"
YEAR = {"startDateTime": "2026-10-01", "endDateTime": "2027-10-01"}


def kinds(items):
    return sorted("removed" if "@removed" in item else item["type"] for item in items)


def add(outlook, title="Lunch", day="11-23", **fields):
    return outlook.add(title, f"2026-{day}T12:00", f"2026-{day}T13:00", **fields)


@pytest.fixture
def weekly(outlook):
    """A series with four occurrences in the window."""
    return add(outlook, "Weekly", recurrence="weekly")


def test_a_round_tells_everything_once_and_then_only_changes(ms, outlook):
    first, second = add(outlook), add(outlook, day="11-24")
    items, link = ms.start()
    assert set(ids(items)) == {first, second} and all(item["subject"] == "Lunch" for item in items)
    assert ms.round(link)[0] == []
    outlook.retitle(first, "Late lunch")
    third = add(outlook, day="11-25")
    outlook.delete(second)
    items, link = ms.round(link)
    assert ({item["id"]: item.get("subject") for item in items}, gone(items)) == (
        {first: "Late lunch", third: "Lunch", second: None},
        {second},
    )
    assert ms.round(link)[0] == []


def test_the_window_is_baked_into_the_links(ms, outlook):
    inside, outside = add(outlook), add(outlook, day="12-24")
    items, link = ms.start()
    assert ids(items) == [inside]
    outlook.retitle(outside, "Unknown here")
    outlook.move(inside, "2026-12-30T12:00", "2026-12-30T13:00")
    items, link = ms.round(link)
    assert gone(items) == {inside, outside}
    outlook.move(inside, "2026-11-30T12:00", "2026-11-30T13:00")
    assert ids(ms.round(link)[0]) == [inside]


def test_changes_outside_the_window_may_be_passed_over(ms, graph, outlook):
    graph.tells_outside_window = False
    _, link = ms.start()
    add(outlook, day="12-24")
    assert ms.round(link)[0] == []


def test_pages_have_the_size_asked_for_and_links_lead_on(ms, outlook, graph):
    made = {add(outlook, str(number)) for number in range(12)}
    assert len(ms.get(DELTA, params=WINDOW).json()["value"]) == 10
    wish = {"Prefer": f"{IMMUTABLE}, odata.maxpagesize=5"}
    first = ms.get(DELTA, params=WINDOW, headers=wish).json()
    assert len(first["value"]) == 5 and first["@odata.nextLink"].startswith(
        "http://sandbox/v1.0/me/calendarView/delta?%24skiptoken="
    )
    assert set(ids(ms.start(headers=wish)[0])) == made
    graph.page_cap, graph.empty_pages = 3, True
    assert ms.get(DELTA, params=WINDOW).json()["value"] == []
    items, link = ms.start()
    assert set(ids(items)) == made and len(items) == 12 and "deltatoken" in link


def test_a_change_between_two_pages_is_told_in_the_next_round(ms, outlook, graph):
    made = [add(outlook, str(number)) for number in range(4)]
    graph.page_cap = 2
    first = ms.get(DELTA, params=WINDOW).json()
    late = add(outlook, "late")
    outlook.delete(first["value"][0]["id"])
    items, link = ms.round(first["@odata.nextLink"])
    told = ids(first["value"]) + ids(items)
    assert set(made) <= set(told)
    items, _ = ms.round(link)
    assert late in ids(items) + told and first["value"][0]["id"] in gone(items)


def test_each_calendar_has_a_delta_of_its_own(ms, outlook):
    family = outlook.add_calendar("Other")
    there = add(outlook, calendar=family)
    items, link = ms.start(family)
    assert (ids(items), ms.start()[0]) == ([there], [])
    default = ms.default()
    assert (
        code(ms.get(link.replace(f"calendars/{family}", f"calendars/{default}")))
        == "SyncStateInvalid"
    )
    outlook.delete_calendar(family)
    assert ms.get(link).status_code == 404


@pytest.mark.parametrize(
    "parameter",
    [{"$filter": "subject eq 'x'"}, {"$expand": "instances"}, {"$orderby": "subject"}, {"$top": 5}],
)
def test_what_deltas_cannot_do_is_refused(ms, parameter):
    assert code(ms.get(DELTA, params=WINDOW | parameter)) == "ErrorInvalidUrlQuery"


def test_a_selection_holds_for_the_whole_round_or_is_refused(ms, outlook, graph):
    add(outlook)
    _, link = ms.round(DELTA, params=WINDOW | {"$select": "subject"})
    add(outlook)
    assert set(ms.round(link)[0][0]) == {"id", "@odata.etag", "subject"}
    graph.delta_select = False
    assert ms.get(DELTA, params=WINDOW | {"$select": "subject"}).status_code == 400


def test_a_round_needs_a_window_and_strictly_the_same_preferences(ms, outlook, graph):
    assert ms.get(DELTA).status_code == 400
    _, link = ms.start()
    other = {"Prefer": f'{IMMUTABLE}, outlook.timezone="UTC"'}
    assert ms.get(link, headers=other).status_code == 200
    graph.strict = True
    assert (ms.get(link, headers=other).status_code, ms.get(link).status_code) == (400, 200)


def test_without_the_preference_deltas_speak_of_plain_ids(as_graph_user, outlook):
    plain, kept = as_graph_user(prefer=None), add(outlook)
    items, link = plain.start()
    assert "/" in items[0]["id"]
    outlook.delete(kept)
    assert gone(plain.round(link)[0]) == {items[0]["id"]}


def test_a_series_comes_as_its_master_and_stubs(ms, weekly):
    items, _ = ms.start()
    assert kinds(items) == ["occurrence"] * 4 + ["seriesMaster"]
    stub = next(item for item in items if item["type"] == "occurrence")
    assert (
        set(stub) == {"@odata.etag", "id", "type", "seriesMasterId", "start", "end"}
        and stub["seriesMasterId"] == weekly
    )
    master = next(item for item in items if item["type"] == "seriesMaster")
    assert (master["subject"], master["start"]["dateTime"][:10]) == ("Weekly", "2026-11-23")


def test_a_series_may_come_as_whole_occurrences_without_its_master(ms, graph, weekly, outlook):
    graph.stubs = False
    items, link = ms.start()
    assert kinds(items) == ["occurrence"] * 4 and {item["subject"] for item in items} == {"Weekly"}
    outlook.retitle(weekly, "Other")
    assert {item["subject"] for item in ms.round(link)[0]} == {"Other"}


def test_an_exception_is_complete(ms, outlook, weekly):
    _, link = ms.start()
    second = outlook.instances(weekly)[1]
    outlook.retitle(second, "Special")
    items, _ = ms.round(link)
    assert kinds(items) == ["exception", "seriesMaster"]
    assert {item["id"]: item["subject"] for item in items}[second] == "Special"


def test_a_removed_occurrence_is_told_or_only_its_changed_master(ms, outlook, graph, weekly):
    _, link = ms.start()
    second = outlook.delete_occurrence(weekly, 1)
    items, link = ms.round(link)
    assert (gone(items), kinds(items)) == ({second}, ["removed", "seriesMaster"])
    graph.removals_told_by_master = True
    outlook.delete_occurrence(weekly, 2)
    items, link = ms.round(link)
    assert (ids(items), kinds(items)) == ([weekly], ["seriesMaster"])
    assert ms.round(link)[0] == [] and kinds(ms.start()[0]) == ["occurrence"] * 2 + ["seriesMaster"]


def test_a_series_that_changes_its_day_takes_its_old_occurrences_back(ms, outlook, weekly):
    items, link = ms.start()
    old = {item["id"] for item in items} - {weekly}
    tuesdays = {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["tuesday"]},
        "range": {"type": "noEnd", "startDate": "2026-11-24"},
    }
    outlook.change(weekly, start="2026-11-24T12:00", end="2026-11-24T13:00", recurrence=tuesdays)
    items, link = ms.round(link)
    assert gone(items) == old and kinds(items) == ["occurrence"] * 4 + ["removed"] * 4 + [
        "seriesMaster"
    ]
    assert ms.round(link)[0] == []


def test_a_removed_series_is_one_tombstone_or_one_for_each_occurrence(ms, outlook, graph, weekly):
    items, link = ms.start()
    outlook.delete(weekly)
    assert gone(ms.round(link)[0]) == {weekly}
    graph.removed_series_alone = False
    assert gone(ms.round(link)[0]) == set(ids(items))


def test_a_series_that_ends_earlier_takes_its_last_occurrences_back(ms, outlook, weekly):
    _, link = ms.start()
    outlook.change(
        weekly,
        recurrence={
            "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
            "range": {"type": "numbered", "startDate": "2026-11-23", "numberOfOccurrences": 2},
        },
    )
    items, _ = ms.round(link)
    assert kinds(items) == ["occurrence"] * 2 + ["removed"] * 2 + ["seriesMaster"]


def test_changes_lag_behind_but_are_not_lost(ms, outlook, graph, moving):
    old = add(outlook)
    moving.on(minutes=5)
    graph.delta_lag_seconds = 30
    outlook.retitle(old, "New title")
    fresh = add(outlook, "Fresh")
    items, link = ms.start()
    assert [(item["id"], item["subject"]) for item in items] == [(old, "Lunch")]
    items, link = ms.round(link)
    assert items == []
    moving.on(seconds=31)
    items, link = ms.round(link)
    assert {item["id"]: item["subject"] for item in items} == {old: "New title", fresh: "Fresh"}
    assert ms.round(link)[0] == []


def test_a_series_that_leaves_the_window_takes_everything_back(ms, outlook, weekly):
    items, link = ms.start()
    last = {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
        "range": {"type": "noEnd", "startDate": "2027-01-04"},
    }
    outlook.change(weekly, start="2027-01-04T12:00", end="2027-01-04T13:00", recurrence=last)
    assert gone(ms.round(link)[0]) == set(ids(items))


def test_items_may_come_twice_in_any_order_and_again(ms, outlook, graph):
    made = [add(outlook, str(number)) for number in range(6)]
    _, link = ms.start()
    graph.replays, graph.page_cap = True, 4
    outlook.delete(made[0])
    changed = add(outlook, "new")
    items, _ = ms.round(link)
    assert ids(items).count(changed) >= 2 and gone(items) == {made[0]}
    assert set(ids(items)) & set(made[1:])
    assert ids(items) != sorted(ids(items))


@pytest.mark.parametrize(("spelling", "status"), list(delta.SPELLINGS.items()))
def test_a_lost_token_is_told_in_any_spelling(ms, graph, spelling, status):
    _, link = ms.start()
    graph.expire_sync_tokens(spelling)
    answer = ms.get(link)
    assert (answer.status_code, code(answer)) == (status, spelling)
    assert ms.round(ms.start()[1])[0] == []


def test_a_lost_token_may_come_with_a_fresh_first_request(ms, graph, outlook):
    made = add(outlook)
    _, link = ms.start()
    graph.expire_sync_tokens()
    answer = ms.get(link)
    assert answer.status_code == 410 and ids(ms.round(answer.headers["Location"])[0]) == [made]
    assert ms.get(DELTA, params={"$deltatoken": "damaged"}).status_code == 400


def test_five_thousand_events_are_paged_through_a_thousand_at_a_time(ms, graph, outlook):
    calendar = outlook.calendar()
    with graph.store.lock:
        for number in range(5000):
            hour = f"2026-{11 + number % 2:02}-{1 + number % 28:02}T{number % 23:02}"
            events.insert(
                graph,
                calendar,
                {"subject": str(number), "start": at(f"{hour}:00:00"), "end": at(f"{hour}:30:00")},
                seed.ROBIN,
            )
    answers = []
    ms.event_hooks["response"][:] = [answers.append]  # the schema takes longer than the pages
    items, _ = ms.round(
        DELTA, params=YEAR, headers={"Prefer": f"{IMMUTABLE}, odata.maxpagesize=1000"}
    )
    assert len(items) == 5000 and len(answers) == 5
