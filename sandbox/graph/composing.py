"""The fields of an event as Graph stores them, and the fields that it refuses."""

from . import properties, series
from .errors import invalid
from .times import check_order, clean, instant, seconds

CHOICES = {
    "showAs": ("free", "tentative", "busy", "oof", "workingElsewhere", "unknown"),
    "importance": ("low", "normal", "high"),
    "sensitivity": ("normal", "personal", "private", "confidential"),
}


KINDS = {
    "subject": str,
    "body": dict,
    "location": dict,
    "attendees": list,
    "categories": list,
    "isReminderOn": bool,
    "reminderMinutesBeforeStart": int,
    "isAllDay": bool,
    "responseRequested": bool,
    "allowNewTimeProposals": bool,
    "hideAttendees": bool,
    "isOnlineMeeting": bool,
    "transactionId": str,
    "originalStartTimeZone": str,
}


USUAL = {
    "subject": "",
    "body": {"contentType": "html", "content": ""},
    "location": {"displayName": ""},
    "attendees": [],
    "categories": [],
    "showAs": "busy",
    "importance": "normal",
    "sensitivity": "normal",
    "isAllDay": False,
    "isReminderOn": True,
    "reminderMinutesBeforeStart": 15,
    "responseRequested": True,
    "allowNewTimeProposals": True,
    "hideAttendees": False,
    "isOnlineMeeting": False,
    "isCancelled": False,
    "recurrence": None,
    "responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"},
}


def compose(app, before: dict, fields: dict) -> dict:
    """The event's own fields after a write. Raises Refused (400) for fields that Graph does not
    accept.
    """
    event = before | {
        name: value for name, value in fields.items() if name in USUAL or name in ("start", "end")
    }
    for name, kind in KINDS.items():
        if name in fields and fields[name] is not None and not isinstance(fields[name], kind):
            raise invalid(
                f"The value of {name} is of the wrong type.", "ErrorPropertyValidationFailure"
            )
    event |= {name: usual for name, usual in USUAL.items() if event.get(name) is None}
    for name, values in CHOICES.items():
        if event[name] not in values:
            raise invalid(f"Requested value '{event[name]}' was not found.", "RequestBodyRead")
    event |= {
        side: clean(event.get(side), side, app.only_listed_zones) for side in ("start", "end")
    }
    check_order(event["start"], event["end"], event["isAllDay"])
    if event.get("type") not in ("occurrence", "exception"):
        event |= {"recurrence": series.clean(event["recurrence"], event["start"])}
        event["type"] = "seriesMaster" if event["recurrence"] else "singleInstance"
    event |= {
        "body": _body(event["body"]),
        "_from": seconds(instant(event["start"])),
        "_to": seconds(instant(event["end"])),
    }
    return event | {"_properties": before["_properties"] | properties.read(fields)}


def _body(given: dict) -> dict:
    kind = given.get("contentType", "text")
    if kind.lower() not in ("text", "html"):
        raise invalid(f"Requested value '{kind}' was not found.", "RequestBodyRead")
    return {
        "contentType": kind.lower(),
        "content": (given.get("content") or "").replace("\r\n", "\n").replace("\n", "\r\n"),
    }
