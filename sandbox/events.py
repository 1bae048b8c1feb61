"""Events: the values that Google accepts, how it stores them, and what it shows to whom.

Stored events are dictionaries in Google's shape. Names with an underscore are the sandbox's own and
never shown: `_revision`, `_client` (the application that made the event) and `_shapes` (earlier
starts and rules of a series: [revision of the change, start, recurrence]).
"""

import base64
import re
import secrets
from collections.abc import Iterator
from datetime import timedelta

from . import recurrence
from .calendars import is_primary, reach
from .composing import WRITABLE, compose
from .errors import Refused, invalid, not_found
from .times import moved_along, shown, written_utc

ID = re.compile(r"[a-v0-9]{5,1024}")
ALPHABET = "0123456789abcdefghijklmnopqrstuv"
IDENTITY = (
    "id",
    "iCalUID",
    "created",
    "creator",
    "organizer",
    "recurringEventId",
    "originalStartTime",
    "_client",
    "_shapes",
)
BARE = ("kind", "etag", "id", "status", "recurringEventId", "originalStartTime")
TIMES_ONLY = (*BARE, "iCalUID", "start", "end", "transparency", "recurrence", "eventType")


def etag(event: dict) -> str:
    return f'"{event["_revision"]:016d}"'


def insert(app, calendar: dict, body: dict, email: str, client: str | None = None) -> dict:
    """Store a new event. Raises Refused: 409 if the id was ever used in this calendar."""
    if "id" in body and "iCalUID" in body:
        raise invalid("Send either id or iCalUID.", "id")
    event_id = body.get("id") or "".join(secrets.choice(ALPHABET) for _ in range(26))
    if not isinstance(event_id, str) or not ID.fullmatch(event_id):
        raise invalid("Invalid resource id value.", "id")
    if event_id in calendar["events"]:
        raise Refused(409, "duplicate", "The requested identifier already exists.")
    own = is_primary(calendar, calendar["owner"])
    event = compose(calendar, body) | {
        "id": event_id,
        "iCalUID": body.get("iCalUID") or f"{event_id}@google.com",
        "created": written_utc(app.clock()),
        "creator": {"email": email} | ({"self": True} if email == calendar["id"] else {}),
        "organizer": {"email": calendar["id"], "self": True}
        | ({} if own else {"displayName": calendar["summary"]}),
        "sequence": 0,
        "_client": client,
        "_shapes": [],
    }
    return _keep(app, calendar, event)


def change(app, calendar: dict, event: dict, body: dict, whole: bool) -> dict:
    """The event after PUT (`whole`) or PATCH, stored. An instance of a series becomes an exception.

    A deleted event is restored.
    """
    if event["status"] == "cancelled" and app.refuse_restore:
        raise Refused(403, "forbidden", "Forbidden")
    if (body.get("eventType") or event["eventType"]) != event["eventType"]:
        raise Refused(400, "eventTypeRestriction", "The type of an event cannot change.")
    fields = (
        body if whole else merge({name: event[name] for name in WRITABLE if name in event}, body)
    )
    composed = compose(calendar, fields | {"eventType": event["eventType"]})
    if "recurringEventId" in event:
        composed.pop("recurrence", None)
    after = {name: event[name] for name in IDENTITY if name in event} | composed
    moved = any(
        after.get(name) != event.get(name) for name in ("start", "end", "recurrence", "status")
    )
    after["sequence"] = max(event["sequence"] + moved, body.get("sequence") or 0)
    if any(after.get(name) != event.get(name) for name in ("start", "recurrence")):
        after["_shapes"] = [
            *event["_shapes"][-19:],
            [app.store.revision + 1, event["start"], event.get("recurrence", [])],
        ]
    silent = {**after, "reminders": 0} == {
        name: event[name] for name in event if name not in ("updated", "_revision")
    } | {"reminders": 0}
    kept = _keep(app, calendar, after, updated=event["updated"] if silent else None)
    _settle_exceptions(app, calendar, kept)
    return kept


def delete(app, calendar: dict, event: dict) -> None:
    """Leave a tombstone with the details of the event. Raises Refused (410) if it is a tombstone
    already.
    """
    if event["status"] == "cancelled":
        raise Refused(410, "deleted", "Resource has been deleted")
    kept = _keep(app, calendar, event | {"status": "cancelled", "sequence": event["sequence"] + 1})
    _settle_exceptions(app, calendar, kept)


def drag(app, calendar: dict, event: dict, other: dict) -> None:
    """events.move: the event has the same id in the other calendar, and leaves a tombstone."""
    _keep(app, other, {**event, "organizer": {"email": other["id"], "self": True}})
    delete(app, calendar, dict(event))


def _keep(app, calendar: dict, event: dict, updated: str | None = None) -> dict:
    event |= {"_revision": app.store.tick(), "updated": updated or written_utc(app.clock())}
    calendar["events"][event["id"]] = event
    app.channels.announce_events(calendar)
    return event


def _settle_exceptions(app, calendar: dict, series: dict) -> None:
    """Remove exceptions of a deleted series, and those to which the series' rule no longer
    leads.
    """
    orphans = exceptions(calendar, series["id"])
    if not orphans:
        return
    living = series["status"] != "cancelled" and series.get("recurrence")
    stamps = {stamp for stamp, _ in expand(app, calendar, series)} if living else set()
    for stamp, event in orphans.items():
        if stamp not in stamps and event["status"] != "cancelled":
            _keep(app, calendar, event | {"status": "cancelled"})


def merge(old: object, patch: object) -> object:
    """JSON merge patch: objects are merged, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def exceptions(calendar: dict, series_id: str) -> dict[str, dict]:
    """Changed and cancelled instances of a series, by stamp."""
    return {
        event["id"].rpartition("_")[2]: event
        for event in calendar["events"].values()
        if event.get("recurringEventId") == series_id
    }


def expand(app, calendar: dict, series: dict) -> Iterator[tuple[str, dict]]:
    """The instances of a series in order, lazily, with its exceptions in their places.

    An endless series ends at the sandbox's horizon.
    """
    until = app.clock() + timedelta(days=365 * app.expansion_years)
    for stamp, start in recurrence.occurrences(series["start"], series["recurrence"], until):
        yield (
            stamp,
            calendar["events"].get(f"{series['id']}_{stamp}") or instance(series, stamp, start),
        )


def instance(series: dict, stamp: str, start: dict) -> dict:
    """An unchanged occurrence, which is not stored."""
    event = {name: value for name, value in series.items() if name != "recurrence"}
    return event | {
        "id": f"{series['id']}_{stamp}",
        "recurringEventId": series["id"],
        "originalStartTime": start,
        "start": start,
        "end": moved_along(start, series["start"], series["end"]),
        "_shapes": [],
    }


def find(app, calendar: dict, event_id: str) -> dict:
    """An event, deleted ones too, or an instance of a series. Raises Refused (404)."""
    if event_id in calendar["events"]:
        return calendar["events"][event_id]
    series_id, _, wanted = event_id.rpartition("_")
    series = calendar["events"].get(series_id, {})
    if series.get("recurrence"):
        for stamp, event in expand(app, calendar, series):
            if stamp == wanted:
                return event
            if stamp > wanted:
                break
    raise not_found()


def present(
    app,
    calendar: dict,
    event: dict,
    role: str,
    blind: bool,
    answer_zone: str | None = None,
    listed: bool = False,
) -> dict:
    """The event as this role sees it.

    `blind`: the scopes show times only. `listed`: in a list, where tombstones may be bare.
    """
    answer_zone = answer_zone or calendar["timeZone"]
    shown_event = {"kind": "calendar#event", "etag": etag(event)} | {
        name: value for name, value in event.items() if not name.startswith("_")
    }
    shown_event |= {
        name: shown(event[name], answer_zone)
        for name in ("start", "end", "originalStartTime")
        if name in event
    }
    link = base64.urlsafe_b64encode(f"{event['id']} {calendar['id']}".encode()).decode().rstrip("=")
    shown_event["htmlLink"] = f"https://www.google.com/calendar/event?eid={link}"
    if (
        listed
        and event["status"] == "cancelled"
        and (app.bare_tombstones or role != "owner" or "recurringEventId" in event)
    ):
        return {name: shown_event[name] for name in BARE if name in shown_event}
    hidden = event.get("visibility") in ("private", "confidential") and role in (
        "reader",
        "writerWithoutPrivateAccess",
    )
    if blind or role == "freeBusyReader" or hidden:
        return {name: shown_event[name] for name in TIMES_ONLY if name in shown_event} | {
            "visibility": "private"
        }
    return shown_event


def blocks_time(event: dict) -> bool:
    """Whether the event makes its owner busy."""
    declined = any(
        guest.get("self") and guest.get("responseStatus") == "declined"
        for guest in event.get("attendees", [])
    )
    free = event.get("transparency") == "transparent" or event["eventType"] == "workingLocation"
    return event["status"] != "cancelled" and not free and not declined


def get(call) -> dict:
    """events.get"""
    calendar, role, blind = reach(call)
    return present(
        call.app,
        calendar,
        find(call.app, calendar, call.path["eventId"]),
        role,
        blind,
        call.query.get("timeZone"),
    )


def insert_event(call) -> dict:
    """events.insert"""
    calendar, role, blind = reach(call, "writerWithoutPrivateAccess")
    event = insert(call.app, calendar, call.body, call.account["email"], call.client_id)
    return present(call.app, calendar, event, role, blind)


def change_event(call) -> dict:
    """events.patch and events.update"""
    calendar, role, blind = reach(call, "writerWithoutPrivateAccess")
    event = find(call.app, calendar, call.path["eventId"])
    call.check_etag(etag(event))
    event = change(call.app, calendar, event, call.body, whole=call.operation.method == "PUT")
    return present(call.app, calendar, event, role, blind)


def delete_event(call) -> None:
    """events.delete"""
    calendar, _, _ = reach(call, "writerWithoutPrivateAccess")
    event = find(call.app, calendar, call.path["eventId"])
    if event["status"] != "cancelled":
        call.check_etag(etag(event))
    delete(call.app, calendar, event)


HANDLERS = {
    "events.get": get,
    "events.insert": insert_event,
    "events.patch": change_event,
    "events.update": change_event,
    "events.delete": delete_event,
}
