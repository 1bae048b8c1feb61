"""`calendarView/delta`.

The links are opaque and contain the window and everything else, so nothing is stored here between
requests.

A page ends with the key of its last row, so that changes made between pages neither lose nor repeat
a row. These changes come in the next round: the delta link has the revision at which the *first*
page was asked for.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from . import events, paging, series
from .calendars import reach
from .errors import Refused, invalid
from .listing import window

UNSUPPORTED = ("$filter", "$expand", "$orderby", "$search", "$top", "$count")
STUB = ("@odata.etag", "id", "type", "seriesMasterId", "start", "end")
SAME_IN_A_ROUND = ("outlook.timezone", "idtype", "outlook.body-content-type")
REPLAYED = 3
SPELLINGS = {
    "syncStateNotFound": 410,
    "SyncStateNotFound": 410,
    "resyncRequired": 400,
    "SyncStateInvalid": 400,
}


class Round(NamedTuple):
    """The place of a caller: a window in a calendar, reported up to the revision `since` (None:
    nothing yet), with pages read up to the key `after`.
    """

    calendar: str
    low: int
    high: int
    prefer: str
    select: str | None
    since: int | None
    at: int
    after: str | None = None
    blank: bool = False

    def link(self, call, name: str) -> str:
        text = (
            base64.urlsafe_b64encode(json.dumps(self, separators=(",", ":")).encode())
            .decode()
            .rstrip("=")
        )
        return paging.link(call, {name: text})

    @property
    def window(self) -> tuple[datetime, datetime]:
        return datetime.fromtimestamp(self.low, UTC), datetime.fromtimestamp(self.high, UTC)


def delta(call) -> dict:
    """calendarView.delta"""
    calendar = reach(call)
    place = _place(call, calendar)
    answer = {"@odata.context": f"{call.base_url}/v1.0/$metadata#Collection(event)", "value": []}
    if call.app.empty_pages and not place.blank:
        return answer | {"@odata.nextLink": place._replace(blank=True).link(call, "$skiptoken")}
    rows, most = sorted(_rows(call.app, calendar, place), key=lambda row: row[0]), paging.size(call)
    rows = [row for row in rows if place.after is None or row[0] > place.after]
    answer["value"] = [_item(call, calendar, place, event) for _, event in rows[:most]]
    if len(rows) > most:
        return answer | {
            "@odata.nextLink": (
                place._replace(after=rows[most - 1][0], blank=False).link(call, "$skiptoken")
            )
        }
    finished = place._replace(since=place.at, after=None, blank=False)
    return answer | {"@odata.deltaLink": finished.link(call, "$deltatoken")}


def _place(call, calendar: dict) -> Round:
    """The place of the call.

    Raises Refused: 400 for what deltas cannot do, 410 and similar if the token is invalid.
    """
    refused = [name for name in UNSUPPORTED if name in call.query] + ["$select"] * (
        "$select" in call.query and not call.app.delta_select
    )
    if refused:
        raise invalid(
            "The following parameters are not supported with change tracking over the"
            f" 'CalendarView' resource: '{', '.join(refused)}'.",
            "ErrorInvalidUrlQuery",
        )
    prefer = hashlib.sha256(
        json.dumps([call.prefer.get(name) for name in SAME_IN_A_ROUND]).encode()
    ).hexdigest()[:12]
    text = call.query.get("$skiptoken") or call.query.get("$deltatoken")
    if text is None:
        low, high = window(call)
        edges = int(low.timestamp()), int(high.timestamp())
        return Round(
            calendar["id"],
            *edges,
            prefer,
            call.query.get("$select"),
            None,
            _horizon(call.app, calendar),
        )
    place = _read(text)
    if place.calendar != calendar["id"]:
        raise invalid("The token belongs to another calendar.", "SyncStateInvalid")
    if place.prefer != prefer and call.app.strict:
        raise invalid(
            "The Prefer header is not the one that the round began with.", "ErrorInvalidUrlQuery"
        )
    if place.at < call.app.oldest_sync:
        _lose(call, place)
    return place if "$skiptoken" in call.query else place._replace(at=_horizon(call.app, calendar))


def _read(text: str) -> Round:
    try:
        return Round(*json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    except (ValueError, TypeError):
        raise invalid("Badly formed content.", "SyncStateInvalid") from None


def _lose(call, place: Round) -> None:
    low, high = (f"{edge:%Y-%m-%dT%H:%M:%SZ}" for edge in place.window)
    spelling = call.app.lost_sync_state
    if spelling == "location":
        fresh = paging.link(call, {"startDateTime": low, "endDateTime": high})
        raise Refused(410, "resyncRequired", "Resync required.", headers={"Location": fresh})
    raise Refused(SPELLINGS[spelling], spelling, "The sync state generation is not found.")


def _horizon(app, calendar: dict) -> int:
    """The revision up to which a round reports. Changes that deltas do not know yet come
    after it.
    """
    lagging = [event["_revision"] - 1 for event in calendar["events"].values() if _lags(app, event)]
    return min(lagging, default=app.store.revision)


def _lags(app, event: dict) -> bool:
    return (
        bool(app.delta_lag_seconds)
        and event["_changed_at"] > app.clock().timestamp() - app.delta_lag_seconds
    )


def _rows(app, calendar: dict, place: Round) -> Iterator[tuple[str, dict]]:
    """(key, event) of a round.

    With the switch `replays` the rows come in any order, twice each, and with some that did not
    change.
    """
    told = {
        event["id"]: event
        for event in (_told(app, one) for one in calendar["events"].values())
        if event
    }
    rows = list(_changes(app, {**calendar, "events": told}, place))
    if not app.replays:
        return ((event["id"], event) for event in rows)
    rows += [
        event
        for event in told.values()
        if event["type"] == "singleInstance" and not _vanished(event, place)
    ][:REPLAYED] + rows
    return (
        (hashlib.sha256(f"{number} {event['id']}".encode()).hexdigest(), event)
        for number, event in enumerate(rows)
    )


def _told(app, event: dict) -> dict | None:
    """The version of an event that deltas know."""
    return event.get("_before") if _lags(app, event) else event


def _changes(app, calendar: dict, place: Round) -> Iterator[dict]:
    since = -1 if place.since is None else place.since
    for event in calendar["events"].values():
        if event["seriesMasterId"]:
            continue
        if event["type"] == "seriesMaster" or event["_shapes"]:
            yield from _series_changes(app, calendar, event, place, since)
        elif event["_revision"] > since and (
            place.since is not None or not _vanished(event, place)
        ):
            yield from _single(app, event, place, since)


def _single(app, event: dict, place: Round, since: int) -> Iterator[dict]:
    """The report of a single event. One outside the window is reported as removed, whether or not
    the caller knows it, unless `tells_outside_window` is off.
    """
    if not _vanished(event, place):
        yield event
    elif app.tells_outside_window or event["_gone"]:
        yield event | {"_gone": event["_gone"] or "deleted"}


def _vanished(event: dict, place: Round) -> bool:
    return bool(event["_gone"]) or not series.touches(event, *place.window)


def _series_changes(app, calendar: dict, master: dict, place: Round, since: int) -> Iterator[dict]:
    """A master and its occurrences in the window: new and changed ones, and those that no longer
    exist.
    """
    living = {} if master["_gone"] else _living(calendar, master, place)
    if master["_revision"] > since:
        yield from _master(app, master, living, place)
    yield from (
        event for key, event in living.items() if event["_revision"] > since and key != master["id"]
    )
    if place.since is None or (master["_gone"] and app.removed_series_alone):
        return
    gone = _once_there(master, place, since)
    if master["_gone"] or not app.removals_told_by_master:
        gone |= {
            one["id"]: one
            for one in series.exceptions(calendar, master["id"])
            if one["_revision"] > since
        }
    yield from (
        event | {"_gone": "deleted"}
        for key, event in gone.items()
        if key not in living and not _long_gone(calendar, key, since)
    )


def _master(app, master: dict, living: dict, place: Round) -> Iterator[dict]:
    """The report of the master itself. With the switch `stubs` off it is left out while it is a
    series.
    """
    if living and (app.stubs or not master["recurrence"]):
        yield master
    elif not living and place.since is not None and (app.stubs or master["_gone"]):
        yield master | {"_gone": "deleted"}


def _long_gone(calendar: dict, key: str, since: int) -> bool:
    """Whether the caller has been told that an occurrence is gone."""
    kept = calendar["events"].get(key)
    return kept is not None and bool(kept["_gone"]) and kept["_revision"] <= since


def _living(calendar: dict, master: dict, place: Round) -> dict[str, dict]:
    if not master["recurrence"]:
        return {master["id"]: master} if series.touches(master, *place.window) else {}
    return {event["id"]: event for event in series.between(calendar, master, *place.window)}


def _once_there(master: dict, place: Round, since: int) -> dict[str, dict]:
    """The occurrences that the series had in the window at the caller's last round.

    None unless its times changed or it was deleted since.
    """
    if master["_revision"] <= since:
        return {}
    shapes = [shape for shape in master["_shapes"] if shape[0] > since]
    start, end, recurrence = (
        shapes[0][1:] if shapes else (master["start"], master["end"], master["recurrence"])
    )
    if recurrence is None or not (shapes or master["_gone"]):
        return {}
    earlier = master | {
        "start": start,
        "end": end,
        "recurrence": recurrence,
        "type": "seriesMaster",
        "_gone": None,
    }
    return {event["id"]: event for event in series.between({"events": {}}, earlier, *place.window)}


def _item(call, calendar: dict, place: Round, event: dict) -> dict:
    if event["_gone"]:
        return {
            "@odata.type": "#microsoft.graph.event",
            "id": call.id_of(calendar, event["id"]),
            "@removed": {"reason": "deleted"},
        }
    shown = events.present(call, calendar, event)
    if event["type"] == "occurrence" and call.app.stubs:
        return {name: shown[name] for name in STUB}
    return paging.selected(call, shown, place.select)


HANDLERS = {f"{place}calendarView.delta": delta for place in ("", "calendar.", "calendars.")}
