"""Events: the values that Graph accepts, how it stores them, and what it shows.

Stored events are dictionaries in Graph's shape, their times on the clock with which they were sent.
Names with an underscore are the sandbox's own: `_revision`, `_client` (the application that made
it), `_properties`, `_from` and `_to` (its span in Unix seconds), `_gone`, `_changed_at`; of a
series `_shaped` (the revision of its last own change) and `_shapes` (earlier times: [revision of
the change, start, end, recurrence]).
"""

import html
import re
import secrets
from datetime import datetime, timedelta

from . import ids, paging, properties, series
from .calendars import change_key, check_writable, reach
from .composing import USUAL, compose
from .errors import Refused, invalid, not_found
from .times import shown, windows_name, written

OUTSIDE_ONLY = ("isCancelled", "responseStatus", "originalStartTimeZone")
READ_ONLY = ("id", "iCalUId", "type", "seriesMasterId", "changeKey", "originalStart")
TAGS = re.compile(r"<[^>]+>")


def etag(event: dict) -> str:
    return f'W/"{change_key(event["_revision"])}"'


def insert(app, calendar: dict, fields: dict, email: str, client: str | None = None) -> dict:
    """Store a new event. `email`: the person who makes it."""
    event_id = ids.new()
    zone_name = (
        windows_name((fields.get("start") or {}).get("timeZone") or "UTC")
        if isinstance(fields.get("start"), dict)
        else "UTC"
    )
    base = {
        "id": event_id,
        "iCalUId": f"040000008200E00074C5B7101A82E008{secrets.token_hex(24).upper()}",
        "type": None,
        "seriesMasterId": None,
        "originalStart": None,
        "originalStartTimeZone": zone_name,
        "originalEndTimeZone": zone_name,
        "transactionId": fields.get("transactionId"),
        "createdDateTime": written(app.clock()),
        "_properties": {},
        "_client": client,
        "_organizer": email,
        "_gone": None,
        "_shapes": [],
    }
    base |= {name: fields[name] for name in OUTSIDE_ONLY if client is None and name in fields}
    event = compose(app, base, fields) | {"_shaped": app.store.revision + 1}
    return _keep(app, calendar, event, "created")


def change(app, calendar: dict, event: dict, fields: dict) -> dict:
    """The event after a PATCH, stored. An occurrence becomes an exception.

    A series with new times loses its exceptions.
    """
    if event["type"] == "occurrence":
        master = calendar["events"][event["seriesMasterId"]]
        event = event | {"type": "exception"}
    after = compose(app, event, fields)
    if event["type"] == "exception":
        master = calendar["events"][event["seriesMasterId"]]
        series.check_neighbours(calendar, master, event, after["start"])
        after["recurrence"] = None
        kept = _keep(app, calendar, after, "updated")
        _keep(app, calendar, master, "updated")
        return kept
    reshaped = any(after[name] != event[name] for name in ("start", "end", "recurrence"))
    if reshaped:
        after["_shapes"] = [
            *event["_shapes"][-19:],
            [app.store.revision + 1, event["start"], event["end"], event["recurrence"]],
        ]
        for one in series.exceptions(calendar, event["id"]):
            del calendar["events"][one["id"]]
    return _keep(app, calendar, after | {"_shaped": app.store.revision + 1}, "updated")


def delete(app, calendar: dict, event: dict, reason: str = "deleted") -> None:
    """Leave a tombstone. With a series, its exceptions are deleted too; with an occurrence, its
    series changes too.
    """
    _keep(app, calendar, event | {"_gone": reason}, "deleted")
    if event["seriesMasterId"]:
        _keep(app, calendar, calendar["events"][event["seriesMasterId"]], "updated")
    for one in series.exceptions(calendar, event["id"]):
        if not one["_gone"]:
            _keep(app, calendar, one | {"_gone": reason}, None)


def drag(app, calendar: dict, event: dict, other: dict) -> None:
    """Drags an event into another calendar; its immutable id stays."""
    for one in [event, *series.exceptions(calendar, event["id"])]:
        _keep(app, other, one | {"_gone": None}, "created")
        _keep(app, calendar, one | {"_gone": "deleted"}, "deleted")


def _keep(app, calendar: dict, event: dict, told: str | None) -> dict:
    """Store a new version. The version before stays available as long as deltas lag behind."""
    before = calendar["events"].get(event["id"])
    lag_over = before and before["_changed_at"] <= app.clock().timestamp() - app.delta_lag_seconds
    event = {name: value for name, value in event.items() if name != "_before"} | {
        "_revision": app.store.tick(),
        "lastModifiedDateTime": written(app.clock()),
        "_changed_at": app.clock().timestamp(),
    }
    if app.delta_lag_seconds and before:
        event["_before"] = before if lag_over else before.get("_before")
    calendar["events"][event["id"]] = event
    if told:
        app.channels.announce(calendar, event, told)
    return event


def find(calendar: dict, event_id: str) -> dict:
    """An existing event or occurrence. Raises Refused (404)."""
    event = calendar["events"].get(event_id)
    if event is None and len(event_id) > ids.LENGTH:
        master = calendar["events"].get(event_id[: ids.LENGTH])
        event = (
            _unchanged(master, event_id)
            if master and master["recurrence"] and not master["_gone"]
            else None
        )
    if event is None or event["_gone"]:
        raise not_found()
    return event


def _unchanged(master: dict, event_id: str) -> dict | None:
    try:
        day = series.day_of(event_id)
    except ValueError:
        return None
    end_of_day = datetime.fromisoformat(f"{day}T23:59:59+00:00") + timedelta(days=2)
    return (
        series.occurrence(master, day)
        if day in series.dates(master["start"], master["recurrence"], end_of_day)
        else None
    )


def present(call, calendar: dict, event: dict) -> dict:
    """The event as the caller asked to see it."""
    answer_zone = call.prefer.get("outlook.timezone") or "UTC"
    account = call.store.accounts[event["_organizer"]]
    private = (
        event["sensitivity"] == "private" and calendar["roles"][call.account["email"]] != "owner"
    )
    own = {name: value for name, value in event.items() if not name.startswith("_")}
    answer = own | {
        "@odata.etag": etag(event),
        "id": call.id_of(calendar, event["id"]),
        "changeKey": change_key(event["_revision"]),
        "seriesMasterId": event["seriesMasterId"] and call.id_of(calendar, event["seriesMasterId"]),
        "start": shown(event["start"], answer_zone),
        "end": shown(event["end"], answer_zone),
        "hasAttachments": False,
        "isDraft": False,
        "isOrganizer": event["responseStatus"]["response"] == "organizer",
        "locations": [event["location"]] if event["location"].get("displayName") else [],
        "organizer": {"emailAddress": {"name": account["name"], "address": account["email"]}},
        "onlineMeeting": None,
        "onlineMeetingUrl": None,
        "onlineMeetingProvider": "unknown",
        "webLink": f"https://outlook.example/owa/?itemid={event['id']}&path=/calendar/item",
        "bodyPreview": _text(event["body"])[:255],
        "body": _shown_body(event["body"], call.prefer.get("outlook.body-content-type")),
        "originalStart": _original_start(call.app, event),
    }
    if private:
        answer |= {
            "subject": "Private Appointment",
            "body": {"contentType": "html", "content": ""},
            "bodyPreview": "",
            "location": USUAL["location"],
            "locations": [],
            "attendees": [],
        }
    return properties.expand(
        call,
        event,
        {name: value for name, value in answer.items() if name != "transactionId" or value},
    )


def _original_start(app, event: dict) -> str | None:
    if event["originalStart"] is None or (
        app.original_start_missing and event["type"] == "exception"
    ):
        return None
    return written(datetime.fromisoformat(event["originalStart"]))


def _shown_body(body: dict, wanted: str | None) -> dict:
    if wanted == "text":
        return {"contentType": "text", "content": _text(body)}
    if body["contentType"] == "html":
        return body
    text = html.escape(body["content"]).replace("\r\n", "<br>\r\n")
    return {
        "contentType": "html",
        "content": f"<html><head></head><body><div>{text}</div></body></html>" if text else "",
    }


def _text(body: dict) -> str:
    return (
        body["content"]
        if body["contentType"] == "text"
        else html.unescape(TAGS.sub("", body["content"]))
    )


def locate(call, writing: bool = False) -> tuple[dict, dict]:
    """The calendar and the event of a call.

    An id without a calendar is searched in the whole mailbox. Raises Refused (400, 403, 404).
    """
    homes = (
        [reach(call)]
        if "calendar_id" in call.path or call.operation.name.startswith("calendar.")
        else call.calendars()
    )
    event_id, hash_of_home = ids.read(call.path["event_id"])
    homes = [
        home
        for home in homes
        if hash_of_home in (None, ids.hash_of(home["id"]))
        and event_id[: ids.LENGTH] in home["events"]
    ]
    for calendar in homes:
        if not calendar["events"][event_id[: ids.LENGTH]]["_gone"]:
            if writing:
                check_writable(calendar, call.account["email"])
            return calendar, find(calendar, event_id)
    for calendar in homes if call.app.deleted_items_found and not writing else []:
        if (
            calendar["events"][event_id[: ids.LENGTH]]["_gone"] == "deleted"
            and event_id in calendar["events"]
        ):
            return calendar, calendar["events"][event_id]
    raise not_found()


def get(call) -> dict:
    """events.get, wherever the event lies"""
    calendar, event = locate(call)
    answer = present(call, calendar, event)
    if event["type"] == "seriesMaster" and "cancelledOccurrences" in call.query.get("$select", ""):
        removed = [one for one in series.exceptions(calendar, event["id"]) if one["_gone"]]
        answer["cancelledOccurrences"] = [
            f"OID.{event['id']}.{series.day_of(one['id'])}" for one in removed
        ]
    return paging.selected(call, answer)


def create(call) -> dict:
    """events.create, in any calendar.

    A POST with a `transactionId` seen before makes nothing, unless the switch says it is forgotten.
    """
    calendar, body = reach(call, writing=True), call.body
    wanted, repeated = body.get("transactionId"), call.app.repeated_transaction
    first = (
        next(
            (
                one
                for one in calendar["events"].values()
                if wanted and one.get("transactionId") == wanted
            ),
            None,
        )
        if repeated
        else None
    )
    if first and repeated == 409:
        raise Refused(
            409, "ErrorDuplicateTransactionId", "The transaction id was used before."
        )  # the code is a guess; nobody documents it
    event = first or insert(call.app, calendar, body, call.account["email"], call.client_id)
    return present(call, calendar, event)


def update(call) -> dict:
    """events.update"""
    calendar, event = locate(call, writing=True)
    check_etag(call, event)
    if "transactionId" in call.body and call.body["transactionId"] != event["transactionId"]:
        raise invalid("transactionId cannot be changed.", "ErrorPropertyValidationFailure")
    return present(call, calendar, change(call.app, calendar, event, call.body))


def remove(call) -> None:
    """events.delete and events.permanentDelete.

    Deleting again is 404, or 400 where the switch says so.
    """
    try:
        calendar, event = locate(call, writing=True)
    except Refused as refusal:
        if refusal.status == 404 and call.app.deleted_again == 400 and _was_here(call):
            raise invalid("Your request can't be completed.") from None
        raise
    check_etag(call, event)
    delete(
        call.app,
        calendar,
        event,
        "purged" if call.operation.name == "events.permanentDelete" else "deleted",
    )


def _was_here(call) -> bool:
    event_id, _ = ids.read(call.path["event_id"])
    return any(event_id in calendar["events"] for calendar in call.calendars())


def check_etag(call, event: dict) -> None:
    """Raise Refused (412) if If-Match names another version, and wrongly if the switch
    `false_conflicts` says so.
    """
    wanted = call.headers.get("If-Match")
    if wanted is None or wanted == "*":
        return
    false_alarm = call.app.false_conflicts > 0
    call.app.false_conflicts -= false_alarm
    if false_alarm or wanted != etag(event):
        raise Refused(
            412,
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in"
            " the request does not match the current change key for the item.",
        )


_BY_PLACE = {
    f"{place}events.{verb}": handler
    for place in ("", "calendar.", "calendars.")
    for verb, handler in (("get", get), ("create", create), ("update", update), ("delete", remove))
}
HANDLERS = _BY_PLACE | {"events.permanentDelete": remove}
