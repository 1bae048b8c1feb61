"""Conversion between Graph's shapes and ours. Pure.
https://learn.microsoft.com/graph/api/resources/event?view=graph-rest-1.0

We write single events, with their text, times and a mark, and with nothing that could invite or
remind anyone. The server chooses ids, so each event also carries a provisional id of ours, by which
it is found if the answer to its creation was lost.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import tz_win, win_tz

from sync.events.event import Event, Mark, RemoteEvent
from sync.providers.base import ListedCalendar
from sync.providers.parsing import (
    changed_at,
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
from sync.providers.values import TEXT_LENGTH, TITLE_LENGTH, digest, plain, zone

# Extended properties: https://learn.microsoft.com/graph/api/resources/extended-properties-overview.
# These names must never change.
OURS = "String {6d1f0f7e-5c0b-4a52-9b0e-3f2d9a7c41e8} Name "
MARK = f"{OURS}kalendsMark"
PROVISIONAL = f"{OURS}kalendsPromise"
NOTE = f"{OURS}kalendsNote"
ACCOUNT = f"{OURS}kalendsAccount"
PROPERTIES = "singleValueExtendedProperties"

# Only the fields that are read are requested. In lists of occurrences `lastModifiedDateTime` is
# said not to work.
VIEW_FIELDS = (
    "id,subject,body,location,start,end,isAllDay,showAs,sensitivity,isCancelled,responseStatus,type,seriesMasterId,"
    "originalStartTimeZone"
)
EVENT_FIELDS = f"{VIEW_FIELDS},lastModifiedDateTime"
# guests of our own events are counted, for which Graph names them; no name is kept
OWN_FIELDS = f"{EVENT_FIELDS},attendees"
BUSY = {
    "free": "free",
    "tentative": "tentative",
    "busy": "busy",
    "oof": "away",
    "workingElsewhere": "elsewhere",
}

# Zone names that some servers do not know yet, and the earlier names of those clocks. If the two
# differ, times go out in UTC.
BEFORE = {
    "Alberta Standard Time": "Mountain Standard Time",
    "British Columbia Standard Time": "Pacific Standard Time",
    "Manitoba Standard Time": "Central Standard Time",
}

_WALL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
# a clock change may lie between midnight and the beginning of a whole day
NEAR_MIDNIGHT = timedelta(hours=3)
# more people live there than in the zone of the same clock a day behind (UTC-11)
FARTHEST_EAST = timedelta(hours=13)


def target(path: str, query: Mapping[str, object]) -> str:
    """A path with its query, encoded as Graph's filters need it."""
    return f"{path}?{urlencode(query, quote_via=quote, safe='$,()')}"


def expanded(*names: str) -> str:
    """The `$expand` that returns some of our properties."""
    wanted = " or ".join(f"id eq '{name}'" for name in names)
    return f"{PROPERTIES}($filter={wanted})"


def found_by(name: str, value: str) -> str:
    """The `$filter` for events with this value of ours. Raises ValueError for a value that could
    end the quotation.
    """
    if "'" in value:
        raise ValueError("a quotation mark in a value")
    return f"{PROPERTIES}/Any(ep: ep/id eq '{name}' and ep/value eq '{value}')"


def mark_text(mark: Mark) -> str:
    """A mark without its account, as it is stored in an event."""
    return json.dumps([mark.installation, mark.reference, mark.generation])


def begins_with_mark(installation: str) -> str:
    """The `$filter` for events with a mark of this installation, of any booking. Raises ValueError
    as `found_by` does.
    """
    start = json.dumps([installation])[:-1]
    if "'" in start:
        raise ValueError("a quotation mark in a value")
    return f"{PROPERTIES}/Any(ep: ep/id eq '{MARK}' and startswith(ep/value, '{start}'))"


# ---- out ----


def provisional_id(mark: Mark, secret: bytes) -> str:
    """A replacement for an id until the server has given one; the server also recognises a repeated
    creation by it.
    """
    return f"promised-{digest(mark, secret).hex()}"


def is_provisional(remote_id: str) -> bool:
    """Whether the id is a provisional one of ours, from before the provider gave its own."""
    return remote_id.startswith("promised-")


def to_create(provisional_id: str, event: Event, mark: Mark) -> dict[str, Any]:
    """The body that makes an event of ours."""
    return {
        **_body(event),
        PROPERTIES: [*_from_mark(mark), _property(PROVISIONAL, provisional_id)],
        "transactionId": provisional_id,
    }


def to_restore(event: Event, mark: Mark, keeps_guests: bool = False) -> dict[str, Any]:
    """The body that restores an event of ours. It also removes other people's additions: a repeat,
    and guests unless they stay. Outlook itself may write to guests, both when they are removed
    and when the event changes; Graph has no switch against it.
    """
    return {**_body(event), PROPERTIES: _from_mark(mark), "recurrence": None} | (
        {} if keeps_guests else {"attendees": []}
    )


def _body(event: Event) -> dict[str, Any]:
    start, end = _span(event)
    return {
        "subject": event.face.title,
        "body": {"contentType": "text", "content": event.face.description},
        "location": {"displayName": event.face.location},
        "start": start,
        "end": end,
        "isAllDay": event.starts_on is not None,
        "showAs": "tentative" if event.status == "tentative" else "busy",
        "sensitivity": "private",
        "isReminderOn": False,
    }


def _property(name: str, value: str) -> dict[str, str]:
    return {"id": name, "value": value}


def _from_mark(mark: Mark) -> list[dict[str, str]]:
    """The properties of a mark. The account has its own, so that earlier versions can read the
    rest.
    """
    whole = _property(MARK, mark_text(mark))
    return [whole, _property(ACCOUNT, mark.account)] if mark.account else [whole]


def _span(event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """Start and end of an event on the clock of the venue. They are in UTC instead if Windows has
    no name for the zone or other rules for it, and in the hour that comes twice when clocks go
    back. Whole days begin at the venue's midnight, as Outlook shows them.
    """
    latest = tz_win.get(event.zone_name, "")
    name, place = BEFORE.get(latest, latest), zone(event.zone_name)
    if event.starts_on is not None:
        return _at_midnight(event.starts_on, name), _at_midnight(event.ends_on, name)
    if not name or not all(
        _is_plain(at.astimezone(place)) and _agrees(at, place, name)
        for at in (event.starts_at, event.ends_at)
    ):
        name, place = "UTC", zone("UTC")
    return _on_clock(event.starts_at, place, name), _on_clock(event.ends_at, place, name)


def _at_midnight(day: date | None, zone_name: str) -> dict[str, str]:
    return {"dateTime": f"{day}T00:00:00", "timeZone": zone_name or "UTC"}


def _on_clock(at: datetime, place: ZoneInfo, zone_name: str) -> dict[str, str]:
    return {"dateTime": f"{at.astimezone(place):%Y-%m-%dT%H:%M:%S}", "timeZone": zone_name}


def _is_plain(local: datetime) -> bool:
    """Whether this time of day comes only once on its day."""
    return local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset()


def _agrees(at: datetime, place: ZoneInfo, windows_name: str) -> bool:
    return at.astimezone(zone(win_tz[windows_name])).utcoffset() == at.astimezone(place).utcoffset()


# ---- in ----


def to_event(item: dict[str, Any]) -> RemoteEvent:
    """An existing event. Raises Unreadable if its time is unknown; any other strange value is left
    out.
    """
    remote_id = sure_identity(item)
    _, starts_at, _, ends_at = times(
        lambda: (None, _instant(item.get("start"))), lambda: (None, _instant(item.get("end")))
    )
    starts_on, ends_on = None, None
    if item.get("isAllDay") is True:
        starts_on, ends_on = (
            _day(at, item.get("originalStartTimeZone")) for at in (starts_at, ends_at)
        )
        ends_on = max(ends_on, starts_on + timedelta(days=1))
        starts_at, ends_at = (datetime.combine(day, time.min, UTC) for day in (starts_on, ends_on))
    busy = _busy(item)
    return RemoteEvent(
        remote_id,
        etag(item.get("@odata.etag")),
        starts_at,
        ends_at,
        text(item.get("subject"), TITLE_LENGTH),
        text(within(item, "body").get("content"), TEXT_LENGTH),
        text(within(item, "location").get("displayName"), TITLE_LENGTH),
        status="cancelled"
        if item.get("isCancelled")
        else "tentative"
        if busy == "tentative"
        else "confirmed",
        busy=busy,
        starts_on=starts_on,
        ends_on=ends_on,
        mark=to_mark(item),
        series_id=identity(item.get("seriesMasterId")) or None,
        is_series=item.get("type") == "seriesMaster",
        is_private=item.get("sensitivity") in ("private", "confidential"),
        updated_at=changed_at(item.get("lastModifiedDateTime")),
        guests=len(each(item.get("attendees"))),
    )


def to_mark(item: dict[str, Any]) -> Mark | None:
    """The mark of an installation, None when there is none or not all of it."""
    try:
        installation, reference, generation = json.loads(property_of(item, MARK))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (
        isinstance(installation, str) and isinstance(reference, str) and installation and reference
    )
    if not (texts and type(generation) is int and 0 <= generation < 10**9):
        return None
    return Mark(installation, reference, generation, property_of(item, ACCOUNT))


def property_of(item: dict[str, Any], name: str) -> str:
    """The value of one of our properties, "" if missing. Names come back spelled as in the request,
    or differently.
    """
    properties = each(item.get(PROPERTIES))
    return next(
        (
            str(one.get("value") or "")
            for one in properties
            if str(one.get("id")).lower() == name.lower()
        ),
        "",
    )


def _instant(value: object) -> datetime:
    """A time on the clock of its zone, to the second. The offset is never part of it. No zone: UTC,
    as requested.
    """
    value = given(value, "dateTime")
    name, wall = value.get("timeZone") or "UTC", _WALL.match(value["dateTime"])
    return instant(
        wall[0] if wall else value["dateTime"],
        win_tz.get(name, name) if isinstance(name, str) else name,
    )


def _day(at: datetime, zone_name: object) -> date:
    """The day that begins at an instant, by the clock of its zone.

    Some clocks have no known name, and some are not the one of the event; then it is the day whose
    midnight it is somewhere on earth.
    """
    try:
        name = zone_name if isinstance(zone_name, str) else ""
        local = at.astimezone(zone(win_tz.get(name, name))).replace(tzinfo=None)
    except (ValueError, TypeError):
        return (at + FARTHEST_EAST).date()
    day = (local + timedelta(hours=12)).date()
    return (
        day
        if abs(local - datetime.combine(day, time.min)) <= NEAR_MIDNIGHT
        else (at + FARTHEST_EAST).date()
    )


def _busy(item: dict[str, Any]) -> str:
    """The effect of the event on its owner's time; an unknown value takes it."""
    if item.get("isCancelled") or within(item, "responseStatus").get("response") == "declined":
        return "free"
    return BUSY.get(str(item.get("showAs")), "busy")


def to_calendar(item: dict[str, Any], own_addresses: frozenset[str]) -> ListedCalendar:
    """A calendar from the account's list. Graph does not give roles, but the owner and whether we
    may write. Raises Unreadable if it has no id.
    """
    address = text(within(item, "owner").get("address"), TITLE_LENGTH).lower()
    # only the owner may share
    is_own = address in own_addresses or (not address and bool(item.get("canShare")))
    access = ("owner" if is_own else "writer") if item.get("canEdit") else "reader"
    return ListedCalendar(
        sure_identity(item),
        text(item.get("name"), TITLE_LENGTH),
        access,
        bool(item.get("isDefaultCalendar")),
        description=plain(property_of(item, NOTE), TEXT_LENGTH),
    )
