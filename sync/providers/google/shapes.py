"""Conversion between Google's shapes and ours. Pure.

See https://developers.google.com/workspace/calendar/api/v3/reference/events#resource

We write single events, with their text, times and a mark, and with nothing that could invite or
remind anyone.
"""

import base64
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sync.events.event import Event, Mark, RemoteEvent
from sync.providers.base import ListedCalendar
from sync.providers.parsing import (
    changed_at,
    day,
    each,
    etag,
    given,
    identity,
    instant,
    sure_identity,
    text,
    times,
    within,
)
from sync.providers.values import TEXT_LENGTH, TITLE_LENGTH, digest, written

# Only the fields that are read are requested: guests are counted, and no name or address of one
# ever comes here.
EVENT_FIELDS = (
    "id,etag,updated,status,summary,description,location,start,end,transparency,visibility,eventType,recurrence,recurringEventId,"
    "attendees(self,responseStatus),extendedProperties/private"
)
# names of private properties: at most 44 characters, or Google drops them silently
INSTALLATION = "kalendsInstallation"
REFERENCE, GENERATION, ACCOUNT = "kalendsReference", "kalendsGeneration", "kalendsAccount"

ACCESS = {
    "owner": "owner",
    "writer": "writer",
    "writerWithoutPrivateAccess": "reader",
    "reader": "reader",
    "freeBusyReader": "times",
}


def event_id(mark: Mark, secret: bytes) -> str:
    """The id of an event: 32 characters of base32hex, a–v and 0–9, which is all that Google
    accepts.
    """
    return base64.b32hexencode(digest(mark, secret)).decode().lower()


def from_event(event: Event, mark: Mark) -> dict[str, Any]:
    """The body of an event of ours.

    A PUT with it also removes other people's additions: guests, a repeat, a deletion.
    """
    body = {
        "summary": event.face.title,
        "description": event.face.description,
        "location": event.face.location,
        "status": "tentative" if event.status == "tentative" else "confirmed",
        "start": _from_time(event.starts_on, event.starts_at, event.zone_name),
        "end": _from_time(event.ends_on, event.ends_at, event.zone_name),
        "visibility": "private",
        "transparency": "opaque",
        "reminders": {"useDefault": False, "overrides": []},
        "extendedProperties": {"private": from_mark(mark)},
    }
    return {name: value for name, value in body.items() if value != ""}


def from_event_with_guests(event: Event, mark: Mark) -> dict[str, Any]:
    """The body of a PATCH that restores an event of ours but keeps its guests.

    It equals the body of `from_event`; null clears a field there.
    """
    body = {"description": "", "location": "", "recurrence": None} | from_event(event, mark)
    return body | {side: {"date": None, "dateTime": None} | body[side] for side in ("start", "end")}


def from_mark(mark: Mark) -> dict[str, str]:
    """The private extended properties that contain a mark."""
    whole = {
        INSTALLATION: mark.installation,
        REFERENCE: mark.reference,
        GENERATION: str(mark.generation),
        ACCOUNT: mark.account,
    }
    return {name: value for name, value in whole.items() if value}


def _from_time(day: date | None, at: datetime, zone_name: str) -> dict[str, str]:
    if day is not None:
        return {"date": day.isoformat()}
    return {"dateTime": written(at), "timeZone": zone_name}


def to_event(item: dict[str, Any]) -> RemoteEvent:
    """An existing event (no tombstone).

    Raises Unreadable if its time is unknown; any other strange value is left out.
    """
    remote_id = sure_identity(item)
    starts_on, starts_at, ends_on, ends_at = times(
        lambda: _to_time(item.get("start")), lambda: _to_time(item.get("end"))
    )
    if starts_on is not None and ends_on is not None:
        ends_on = max(ends_on, starts_on + timedelta(days=1))
        ends_at = datetime.combine(ends_on, time.min, UTC)
    return RemoteEvent(
        remote_id,
        etag(item.get("etag")),
        starts_at,
        ends_at,
        text(item.get("summary"), TITLE_LENGTH),
        text(item.get("description"), TEXT_LENGTH),
        text(item.get("location"), TITLE_LENGTH),
        status="tentative" if item.get("status") == "tentative" else "confirmed",
        busy=_busy(item),
        starts_on=starts_on,
        ends_on=ends_on,
        mark=to_mark(item),
        series_id=identity(item.get("recurringEventId")) or None,
        is_series=bool(item.get("recurrence")),
        is_private=item.get("visibility") in ("private", "confidential"),
        updated_at=changed_at(item.get("updated")),
        guests=sum(not guest.get("self") for guest in each(item.get("attendees"))),
    )


def is_tombstone(item: dict[str, Any]) -> bool:
    """Whether the event is deleted.

    It may still carry all of its details, or nothing but its id.
    """
    return item.get("status") == "cancelled"


def to_mark(item: dict[str, Any]) -> Mark | None:
    """The mark of an installation, None when there is none or not all of it."""
    private = within(item, "extendedProperties", "private")
    installation, reference, generation = (
        _word(private.get(name)) for name in (INSTALLATION, REFERENCE, GENERATION)
    )
    return Mark.read(installation, reference, generation, _word(private.get(ACCOUNT)))


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _to_time(value: object) -> tuple[date | None, datetime]:
    """The day if the value is one, and the instant.

    A time without offset is on the clock of its zone.
    """
    value = given(value, "date", "dateTime")
    if value.get("date"):
        first = day(value["date"])
        return first, datetime.combine(first, time.min, UTC)
    return None, instant(value["dateTime"], value.get("timeZone"))


def _busy(item: dict[str, Any]) -> str:
    """The effect of the event on its owner's time.

    `transparency` is left out of answers when it is opaque.
    """
    answer = next(
        (guest.get("responseStatus") for guest in each(item.get("attendees")) if guest.get("self")),
        None,
    )
    if item.get("eventType") == "workingLocation":
        return "elsewhere"
    if item.get("transparency") == "transparent" or answer == "declined":
        return "free"
    if item.get("eventType") == "outOfOffice":
        return "away"
    return "tentative" if "tentative" in (answer, item.get("status")) else "busy"


def to_calendar(item: dict[str, Any]) -> ListedCalendar:
    """A calendar from the account's list.

    A role that is not known yet may at most read. Raises Unreadable if it has no id.
    """
    return ListedCalendar(
        sure_identity(item),
        text(item.get("summaryOverride") or item.get("summary"), TITLE_LENGTH),
        ACCESS.get(str(item.get("accessRole")), "times"),
        bool(item.get("primary")),
        text(item.get("timeZone"), TITLE_LENGTH),
        text(item.get("description"), TEXT_LENGTH),
    )
