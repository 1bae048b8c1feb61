"""The fields of an event as Google stores them, and the fields that it refuses."""

from . import recurrence
from .calendars import is_primary
from .errors import Refused, invalid
from .times import check_order, clean

KINDS = {
    "summary": str,
    "description": str,
    "location": str,
    "colorId": str,
    "recurrence": list,
    "attendees": list,
    "start": dict,
    "end": dict,
    "extendedProperties": dict,
    "reminders": dict,
}


CHOICES = {
    "status": ("confirmed", "tentative", "cancelled"),
    "transparency": ("opaque", "transparent"),
    "visibility": ("default", "public", "private", "confidential"),
    "eventType": ("default", "outOfOffice", "focusTime", "workingLocation", "birthday"),
}


LEFT_OUT = {  # defaults that Google does not repeat in an answer
    "transparency": "opaque",
    "visibility": "default",
    "guestsCanModify": False,
    "guestsCanInviteOthers": True,
    "guestsCanSeeOtherGuests": True,
    "anyoneCanAddSelf": False,
    "summary": "",
    "description": "",
    "location": "",
    "recurrence": [],
    "attendees": [],
}


WRITABLE = (
    "summary",
    "description",
    "location",
    "colorId",
    "start",
    "end",
    "recurrence",
    "status",
    "transparency",
    "visibility",
    "eventType",
    "extendedProperties",
    "attendees",
    "reminders",
    "source",
    "guestsCanModify",
    "guestsCanInviteOthers",
    "guestsCanSeeOtherGuests",
    "anyoneCanAddSelf",
    "outOfOfficeProperties",
    "focusTimeProperties",
    "workingLocationProperties",
    "birthdayProperties",
)


BIGGEST_PROPERTIES_BYTES = 32 * 1024


def compose(calendar: dict, fields: dict) -> dict:
    """The event that Google makes of these fields.

    Raises Refused (400) for fields that it does not accept.
    """
    event = {name: fields[name] for name in WRITABLE if fields.get(name) is not None}
    for name, kind in KINDS.items():
        if not isinstance(event.get(name, kind()), kind):
            raise invalid("Invalid value.", name)
    event |= {
        side: clean(fields.get(side), calendar["timeZone"], side) for side in ("start", "end")
    }
    check_order(event["start"], event["end"])
    event = {
        "status": "confirmed",
        "eventType": "default",
        "reminders": {"useDefault": True},
    } | event
    _check_values(event)
    _check_type(calendar, event)
    if event.get("recurrence"):
        if "dateTime" in event["start"] and not (
            fields["start"].get("timeZone") and fields["end"].get("timeZone")
        ):
            raise invalid("Missing time zone definition for start time.", "start")
        recurrence.check(event["start"], event["recurrence"])
    if "extendedProperties" in event:
        event["extendedProperties"] = _extended(event["extendedProperties"])
    for attendee in event.get("attendees", []):
        attendee.setdefault("responseStatus", "needsAction")
        attendee |= {"self": True} if attendee.get("email") == calendar["id"] else {}
    return {
        name: value for name, value in event.items() if value != LEFT_OUT.get(name) and value != {}
    }


def _check_values(event: dict) -> None:
    for name, values in CHOICES.items():
        if event.get(name, values[0]) not in values:
            raise invalid(f"Invalid value {event[name]!r}.", name)
    if len(event["reminders"].get("overrides", [])) > 5:
        raise invalid("At most 5 reminders.", "reminders")


def _check_type(calendar: dict, event: dict) -> None:
    kind = event["eventType"]
    placed = is_primary(calendar, calendar["owner"]) and f"{kind}Properties" in event
    if kind in ("outOfOffice", "focusTime", "workingLocation") and not placed:
        raise Refused(
            400,
            "eventTypeRestriction",
            f"A {kind} event needs the primary calendar and {kind}Properties.",
        )
    if kind in ("outOfOffice", "focusTime") and (
        "date" in event["start"] or event.get("transparency", "opaque") != "opaque"
    ):
        raise Refused(400, "eventTypeRestriction", f"A {kind} event must have times and be opaque.")
    if kind == "workingLocation" and (event.get("transparency"), event.get("visibility")) != (
        "transparent",
        "public",
    ):
        raise Refused(
            400, "eventTypeRestriction", "A working location must be transparent and public."
        )
    if kind == "birthday" and "date" not in event["start"]:
        raise Refused(400, "eventTypeRestriction", "A birthday must be an all-day event.")


def _extended(properties: dict) -> dict:
    """Extended properties as Google stores them: long keys are dropped and long values cut, without
    a word.
    """
    kept = {}
    for side in ("private", "shared"):
        pairs = (properties.get(side) or {}).items()
        if any(value is not None and not isinstance(value, str) for _, value in pairs):
            raise invalid("Values of extended properties are strings.", "extendedProperties")
        kept[side] = {
            key: value[:1024] for key, value in pairs if value is not None and len(key) <= 44
        }
    both = [*kept["private"].items(), *kept["shared"].items()]
    if (
        len(both) > 300
        or sum(len((key + value).encode()) for key, value in both) > BIGGEST_PROPERTIES_BYTES
    ):
        raise invalid("Too many extended properties.", "extendedProperties")
    return {side: pairs for side, pairs in kept.items() if pairs}
