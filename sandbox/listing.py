"""Lists of events: windows, filters, unrolled series, changes since a sync token; and free/busy
times.
"""

import heapq
import itertools
from collections.abc import Iterator
from datetime import timedelta

from . import events, paging
from .calendars import reach
from .errors import Refused, invalid
from .recurrence import occurrences
from .times import begins, instant, written, zone

NOT_WITH_SYNC_TOKEN = (
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
)
WITHOUT_SYNC_TOKEN = ("q", "orderBy", "privateExtendedProperty", "sharedExtendedProperty")
UPDATED_MIN_DAYS = 28


def list_events(call) -> dict:
    """events.list"""
    calendar, role, blind = reach(call)
    _check(call)
    since = paging.read_sync_token(call, calendar["id"], calendar["oldest_sync"])
    answer, started_at = paging.page(
        call, _rows(call, calendar, since), call.query.get("maxResults", 250)
    )
    items = [
        events.present(
            call.app, calendar, event, role, blind, call.query.get("timeZone"), listed=True
        )
        for event in answer.pop("items")
    ]
    if "nextPageToken" not in answer and not any(name in call.query for name in WITHOUT_SYNC_TOKEN):
        answer["nextSyncToken"] = paging.sync_token(call, calendar["id"], started_at)
    return _head(call, calendar, role) | answer | {"items": items}


def list_instances(call) -> dict:
    """events.instances"""
    calendar, role, blind = reach(call)
    series = events.find(call.app, calendar, call.path["eventId"])
    if not series.get("recurrence"):
        raise invalid("Not a recurring event.", "eventId")
    deleted, inside = call.query.get("showDeleted", False), _window(call, calendar)
    rows = (
        ([stamp], event)
        for stamp, event in events.expand(call.app, calendar, series)
        if (deleted or event["status"] != "cancelled")
        and inside(event)
        and _started_at(call, event)
    )
    answer, _ = paging.page(call, rows, call.query.get("maxResults", 250))
    items = [
        events.present(
            call.app, calendar, event, role, blind, call.query.get("timeZone"), listed=True
        )
        for event in answer.pop("items")
    ]
    return _head(call, calendar, role) | answer | {"items": items}


def _started_at(call, event: dict) -> bool:
    wanted = call.query.get("originalStart")
    return (
        wanted is None
        or wanted in event["originalStartTime"].values()
        or (
            "dateTime" in event["originalStartTime"]
            and "T" in wanted
            and instant(wanted, "originalStart") == begins(event["originalStartTime"], "UTC")
        )
    )


def _head(call, calendar: dict, role: str) -> dict:
    latest = max(
        (event["updated"] for event in calendar["events"].values()),
        default="2020-01-01T00:00:00.000Z",
    )
    return {
        "kind": "calendar#events",
        "etag": f'"p{call.store.revision:015d}"',
        "summary": calendar["summary"],
        "description": calendar.get("description", ""),
        "updated": latest,
        "timeZone": call.query.get("timeZone", calendar["timeZone"]),
        "accessRole": role,
        "defaultReminders": [],
    }


def _check(call) -> None:
    """Refuse parameters that Google refuses together."""
    query = call.query
    if "syncToken" in query:
        clash = next((name for name in NOT_WITH_SYNC_TOKEN if name in query), None)
        if clash or query.get("showDeleted") is False:
            raise invalid(
                "Sync token cannot be used with other query restrictions.", clash or "showDeleted"
            )
    if query.get("orderBy") == "startTime" and not query.get("singleEvents"):
        raise invalid(
            "The requested ordering is not available for the particular query.", "orderBy"
        )
    if "timeZone" in query:
        zone(query["timeZone"])
    if "updatedMin" in query and instant(
        query["updatedMin"], "updatedMin"
    ) < call.app.clock() - timedelta(days=UPDATED_MIN_DAYS):
        raise Refused(
            410,
            "updatedMinTooLongAgo",
            "The requested minimum modification time lies too far in the past.",
            ("parameter", "updatedMin"),
        )


def _rows(call, calendar: dict, since: int | None) -> Iterator[tuple[list, dict]]:
    """(key, event) of the rows that the query asks for, in order. Lazy, unless a special order is
    asked for.
    """
    rows = _wanted(call, calendar, since)
    order = call.query.get("orderBy")
    if order == "startTime":
        return iter(
            sorted(
                ([begins(event["start"], calendar["timeZone"]).isoformat(), event["id"]], event)
                for _, event in rows
            )
        )
    if order == "updated":
        return iter(sorted(([event["updated"], event["id"]], event) for _, event in rows))
    return rows


def _wanted(call, calendar: dict, since: int | None) -> Iterator[tuple[list, dict]]:
    inside, chosen, deleted = (
        _window(call, calendar),
        _chosen(call),
        _shows_deleted(call, calendar, since),
    )
    for key, event in _walk(call, calendar, since):
        if (event["status"] != "cancelled" or deleted(event)) and chosen(event) and inside(event):
            yield key, event


def _walk(call, calendar: dict, since: int | None) -> Iterator[tuple[list, dict]]:
    """Every event, or those changed since a revision, keyed by [id of the series or event, stamp of
    the instance].
    """
    after = paging.after(call) if "orderBy" not in call.query else None
    alone = [event for event in calendar["events"].values() if "recurringEventId" not in event]
    for event in sorted(alone, key=lambda one: one["id"]):
        if after and event["id"] < after[0]:
            continue
        family = _instances if call.query.get("singleEvents") else _series
        for stamp, member in family(call.app, calendar, event, since):
            yield [event["id"], stamp], member


def _series(app, calendar: dict, event: dict, since: int | None) -> Iterator[tuple[str, dict]]:
    """The event itself, then its exceptions in order."""
    members = [("", event), *sorted(events.exceptions(calendar, event["id"]).items())]
    yield from (
        (stamp, member) for stamp, member in members if since is None or member["_revision"] > since
    )


def _instances(app, calendar: dict, event: dict, since: int | None) -> Iterator[tuple[str, dict]]:
    """An event as single events.

    After a change of a series all of its instances come again, and those that it lost come as
    cancelled.
    """
    if since is not None and event["_revision"] <= since:
        if event.get("recurrence"):
            yield from (
                pair
                for pair in sorted(events.exceptions(calendar, event["id"]).items())
                if pair[1]["_revision"] > since
            )
        return
    living = event["status"] != "cancelled"
    present = [("", event)]
    if event.get("recurrence"):
        present = events.expand(app, calendar, event) if living else []
    if since is None:
        yield from present
        return
    yield from heapq.merge(present, _lost(app, calendar, event, since), key=lambda pair: pair[0])


def _lost(app, calendar: dict, event: dict, since: int) -> Iterator[tuple[str, dict]]:
    """Tombstones of instances that an earlier form of the series had and the present one
    has not.
    """
    until = app.clock() + timedelta(days=365 * app.expansion_years)
    now = (event["start"], event.get("recurrence", []))
    gone = event["status"] == "cancelled" and bool(event.get("recurrence"))
    earlier = [tuple(shape[1:]) for shape in event["_shapes"] if shape[0] > since] + (
        [now] if gone else []
    )
    before = {}
    for start, lines in earlier:
        before |= dict(occurrences(start, lines, until)) if lines else {"": start}
    if before and not gone:
        for stamp in [stamp for stamp, _ in occurrences(*now, until)] if now[1] else [""]:
            before.pop(stamp, None)
    for stamp, start in sorted(before.items()):
        lost = (
            events.instance(event, stamp, start)
            if stamp
            else {name: value for name, value in event.items() if name != "recurrence"}
        )
        yield stamp, lost | {"status": "cancelled"}


def _shows_deleted(call, calendar: dict, since: int | None):
    """Which cancelled events the list shows. Masters of series are left out if series are
    unrolled.
    """
    if since is not None or "updatedMin" in call.query or call.query.get("showDeleted"):
        return lambda event: True
    if call.query.get("singleEvents"):
        return lambda event: False

    def is_hole_in_living_series(event: dict) -> bool:
        return (
            calendar["events"].get(event.get("recurringEventId"), {"status": "cancelled"})["status"]
            != "cancelled"
        )

    return is_hole_in_living_series


def _chosen(call):
    """The filters that look at an event's fields."""
    query = call.query
    updated_min = instant(query["updatedMin"], "updatedMin") if "updatedMin" in query else None

    def chosen(event: dict) -> bool:
        text = " ".join(
            event.get(name, "") for name in ("summary", "description", "location")
        ).lower()
        return (
            event["eventType"] in query.get("eventTypes", [event["eventType"]])
            and query.get("iCalUID", event["iCalUID"]) == event["iCalUID"]
            and query.get("q", "").lower() in text
            and _has_properties(event, "private", query.get("privateExtendedProperty", []))
            and _has_properties(event, "shared", query.get("sharedExtendedProperty", []))
            and (updated_min is None or instant(event["updated"], "updated") >= updated_min)
        )

    return chosen


def _has_properties(event: dict, side: str, constraints: list[str]) -> bool:
    properties = event.get("extendedProperties", {}).get(side, {})
    pairs = [constraint.partition("=") for constraint in constraints]
    return all(properties.get(name) == value for name, _, value in pairs)


def _window(call, calendar: dict):
    """The window: timeMin bounds an event's end, timeMax its start, both exclusive. A series is
    inside if any occurrence is.
    """
    low, high = (
        instant(call.query[name], name) if name in call.query else None
        for name in ("timeMin", "timeMax")
    )
    if low and high and high <= low:
        raise Refused(
            400, "timeRangeEmpty", "The specified time range is empty.", ("parameter", "timeMax")
        )

    def single(event: dict) -> bool:
        start, end = (begins(event[side], calendar["timeZone"]) for side in ("start", "end"))
        return (low is None or end > low) and (high is None or start < high)

    def inside(event: dict) -> bool:
        if low is None and high is None:
            return True
        if not event.get("recurrence"):
            return single(event)
        for _, one in events.expand(call.app, calendar, event):
            if single(one):
                return True
            if high and begins(one["start"], calendar["timeZone"]) >= high:
                return False
        return False

    return inside


def query_free_busy(call) -> dict:
    """freebusy.query"""
    for name in ("timeMin", "timeMax"):
        if name not in call.body:
            raise Refused(400, "required", f"Missing {name}.", ("parameter", name))
    low, high = instant(call.body["timeMin"], "timeMin"), instant(call.body["timeMax"], "timeMax")
    if high <= low:
        raise Refused(400, "timeRangeEmpty", "The specified time range is empty.")
    answer_zone, most = (
        zone(call.body.get("timeZone", "UTC")),
        min(call.body.get("calendarExpansionMax", 50), 50),
    )
    calendars = {}
    for number, item in enumerate(call.body.get("items", [])):
        try:
            calendar, _, _ = reach(call, calendar_id=item["id"])
        except Refused:
            calendars[item["id"]] = {
                "errors": [{"domain": "global", "reason": "notFound"}],
                "busy": [],
            }
            continue
        if number >= most:
            calendars[item["id"]] = {
                "errors": [{"domain": "calendar", "reason": "tooManyCalendarsRequested"}],
                "busy": [],
            }
            continue
        spans = _busy(call.app, calendar, low, high)
        calendars[item["id"]] = {
            "busy": [
                {
                    "start": written(a.astimezone(answer_zone)),
                    "end": written(b.astimezone(answer_zone)),
                }
                for a, b in spans
            ]
        }
    return {
        "kind": "calendar#freeBusy",
        "timeMin": written(low),
        "timeMax": written(high),
        "calendars": calendars,
    }


def _busy(app, calendar: dict, low, high) -> list[list]:
    """Busy spans cut to a window. Spans that touch are joined."""
    spans = []
    for event in singles(app, calendar, high):
        start, end = (begins(event[side], calendar["timeZone"]) for side in ("start", "end"))
        if events.blocks_time(event) and start < high and end > low:
            spans.append([max(start, low), min(end, high)])
    merged = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(end, merged[-1][1])
        else:
            merged.append([start, end])
    return merged


def singles(app, calendar: dict, until) -> Iterator[dict]:
    """One-off events, exceptions, and the unchanged instances that begin before an instant."""
    for event in calendar["events"].values():
        if not event.get("recurrence"):
            yield event
        elif event["status"] != "cancelled":
            unchanged = (
                one
                for _, one in events.expand(app, calendar, event)
                if one["id"] not in calendar["events"]
            )
            yield from itertools.takewhile(
                lambda one: begins(one["start"], calendar["timeZone"]) < until, unchanged
            )


HANDLERS = {
    "events.list": list_events,
    "events.instances": list_instances,
    "freebusy.query": query_free_busy,
}
