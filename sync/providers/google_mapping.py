"""Google's shapes and ours, pure: https://developers.google.com/workspace/calendar/api/v3/reference/events#resource

Single events go out, with their text, their times and a mark, and with nothing that could reach or remind anyone.
"""

import base64
from datetime import UTC, date, datetime, time

from ..event import Event, Mark, RemoteEvent
from .base import Calendar
from .values import TEXT_LENGTH, TITLE_LENGTH, digest, plain, written, zone

# Only what is read is asked for: no guest's name or address ever comes here.
EVENT_FIELDS = (
    "id,etag,updated,status,summary,description,location,start,end,transparency,visibility,eventType,recurrence,recurringEventId,"
    "attendees(self,responseStatus),extendedProperties/private"
)
INSTALLATION = "kalendsInstallation"  # names of private properties: at most 44 characters, or Google drops them silently
REFERENCE, GENERATION, ACCOUNT = "kalendsReference", "kalendsGeneration", "kalendsAccount"

ACCESS = {"owner": "owner", "writer": "writer", "writerWithoutPrivateAccess": "reader", "reader": "reader", "freeBusyReader": "times"}


def event_id(mark: Mark, secret: bytes) -> str:
    """32 characters of base32hex, a–v and 0–9: all that Google takes in an id of our own choosing."""
    return base64.b32hexencode(digest(mark, secret)).decode().lower()


def from_event(event: Event, mark: Mark) -> dict:
    """The body of an event of ours. A PUT with it also clears what someone else put there: guests, a repeat, a deletion."""
    body = {
        "summary": event.face.title, "description": event.face.description, "location": event.face.location,
        "status": "tentative" if event.status == "tentative" else "confirmed",
        "start": _from_time(event.starts_on, event.starts_at, event.zone_name), "end": _from_time(event.ends_on, event.ends_at, event.zone_name),
        "visibility": "private", "transparency": "opaque", "reminders": {"useDefault": False, "overrides": []},
        "extendedProperties": {"private": from_mark(mark)},
    }
    return {name: value for name, value in body.items() if value != ""}


def from_mark(mark: Mark) -> dict[str, str]:
    whole = {INSTALLATION: mark.installation, REFERENCE: mark.reference, GENERATION: str(mark.generation), ACCOUNT: mark.account}
    return {name: value for name, value in whole.items() if value}


def _from_time(day: date | None, at: datetime, zone_name: str) -> dict[str, str]:
    if day is not None:
        return {"date": day.isoformat()}
    return {"dateTime": written(at), "timeZone": zone_name}


def to_event(item: dict) -> RemoteEvent:
    """An event that lives (no tombstone). Raises ValueError, KeyError or TypeError for what is no event at all."""
    starts_on, starts_at = _to_time(item["start"])
    ends_on, ends_at = _to_time(item["end"])
    return RemoteEvent(
        item["id"], item["etag"], starts_at, ends_at, _text(item, "summary", TITLE_LENGTH), _text(item, "description", TEXT_LENGTH),
        _text(item, "location", TITLE_LENGTH), status="tentative" if item.get("status") == "tentative" else "confirmed", busy=_busy(item),
        starts_on=starts_on, ends_on=ends_on, mark=to_mark(item), series_id=item.get("recurringEventId"),
        is_series=bool(item.get("recurrence")), is_private=item.get("visibility") in ("private", "confidential"),
        updated_at=datetime.fromisoformat(item["updated"].upper()) if item.get("updated") else None,
    )


def is_tombstone(item: dict) -> bool:
    """Whether the event is deleted. It may still carry all of its details, or nothing but its id."""
    return item.get("status") == "cancelled"


def to_mark(item: dict) -> Mark | None:
    """The mark of an installation, None when there is none or not all of it."""
    private = item.get("extendedProperties", {}).get("private", {})
    generation = private.get(GENERATION, "")
    if not (private.get(INSTALLATION) and private.get(REFERENCE) and generation.isascii() and generation.isdigit()):
        return None
    return Mark(private[INSTALLATION], private[REFERENCE], int(generation[:9]), private.get(ACCOUNT) or "")


def _to_time(value: dict) -> tuple[date | None, datetime]:
    """The day when it is one, and the instant. A time without offset is on the clock of its zone."""
    if value.get("date"):
        day = date.fromisoformat(value["date"])
        return day, datetime.combine(day, time.min, UTC)
    at = datetime.fromisoformat(value["dateTime"].upper())
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone(value["timeZone"]))
    return None, at.astimezone(UTC).replace(microsecond=0)


def _text(item: dict, name: str, limit: int) -> str:
    return plain(item.get(name), limit)


def _busy(item: dict) -> str:
    """What the event does to its owner's time. `transparency` is left out of answers when it is opaque."""
    answer = next((guest.get("responseStatus") for guest in item.get("attendees", ()) if guest.get("self")), None)
    if item.get("eventType") == "workingLocation":
        return "elsewhere"
    if item.get("transparency") == "transparent" or answer == "declined":
        return "free"
    if item.get("eventType") == "outOfOffice":
        return "away"
    return "tentative" if "tentative" in (answer, item.get("status")) else "busy"


def to_calendar(item: dict) -> Calendar:
    """A line of the account's list. A role that is not known yet may read at most."""
    return Calendar(
        item["id"], plain(item.get("summaryOverride") or item.get("summary"), TITLE_LENGTH),
        ACCESS.get(item.get("accessRole"), "times"), bool(item.get("primary")), item.get("timeZone", ""), _text(item, "description", TEXT_LENGTH),
    )
