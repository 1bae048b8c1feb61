"""The calendars of an account: their list, and our own calendar.

Ours is recognised by its description, or by the last segment of its path if the server stores no
description.
"""

import re
import secrets
from xml.sax.saxutils import escape, unescape

import httpx

from sync.calendar_data import program_zones
from sync.providers.base import ListedCalendar
from sync.providers.errors import (
    CannotMake,
    Forbidden,
    Gone,
    NotListed,
    ProviderError,
    Unavailable,
)
from sync.providers.values import plain

from . import hrefs, xml
from .http import Dav
from .refusals import error_of

NAMES = (
    "d:resourcetype",
    "d:displayname",
    "d:current-user-privilege-set",
    "d:owner",
    "c:supported-calendar-component-set",
    "c:calendar-description",
    "c:calendar-timezone",
    "d:share-access",
    "d:current-user-principal",
)
TYPE, PRIVILEGES = f"{xml.DAV}resourcetype", f"{xml.DAV}current-user-privilege-set"
COMPONENTS = f"{xml.CAL}supported-calendar-component-set"
# collections that are no calendars for us: recognised by their type, never by their path
NOT_OURS_TO_READ = {
    "schedule-inbox",
    "schedule-outbox",
    "notification",
    "notifications",
    "subscribed",
    "deleted-calendar",
    "trash-bin",
    "calendar-proxy-read",
    "calendar-proxy-write",
}
NAME_LENGTH = 1024
COLOUR = "#0F766EFF"
_REFERENCE = re.compile(r"kalends:([0-9a-f]{12}):([0-9a-f]{12})")
_SEGMENT = re.compile(r"kalends-([0-9a-f]{12})-([0-9a-f]{12})-[0-9a-z]{6}")
_ZONE = re.compile(r"^TZID[^:\n]*:(.+)$", re.MULTILINE)
_QUOTE = {"&quot;": '"'}  # besides &amp; &lt; &gt;: DAViCal escapes names twice


def calendars(dav: Dav) -> list[ListedCalendar]:
    """Every calendar in the account's homes; a home that is a calendar itself is one."""
    found: dict[str, ListedCalendar] = {}
    for home in dav.login.homes:
        answer = dav.multistatus("PROPFIND", home, xml.propfind(NAMES), "1")
        if not answer.items:  # a home lists at least itself
            raise Unavailable("no calendars", 207)
        for item in answer.items:
            if (calendar := _calendar(dav, home, item)) is not None:
                found.setdefault(calendar.calendar_id, calendar)
    return list(found.values())


def calendar(dav: Dav, calendar_id: str) -> ListedCalendar:
    """One calendar. Raises Gone."""
    answer = dav.multistatus("PROPFIND", calendar_id, xml.propfind(NAMES))
    for item in answer.items:
        if (found := _calendar(dav, calendar_id, item)) is not None:
            return found
    raise Gone("", 404)


def stands(dav: Dav, calendar_id: str) -> bool:
    """Whether the calendar exists. Raises every error that does not tell; Forbidden if nothing of
    the calendar may be seen.
    """
    try:
        answer = dav.multistatus("PROPFIND", calendar_id, xml.propfind(("d:resourcetype",)))
    except Gone:
        return False
    item = answer.items[0] if answer.items else xml.DavItem("", 404)
    if item.status in (404, 410):
        return False
    if item.failed.get(TYPE, item.status) == 403:
        raise Forbidden("", 403)
    return True


def zone_name(dav: Dav, calendar_id: str) -> str:
    """The zone for times without one in a calendar; "" if unknown."""
    try:
        return calendar(dav, calendar_id).zone_name
    except ProviderError:
        return ""


def _calendar(dav: Dav, home: str, item: xml.DavItem) -> ListedCalendar | None:
    """An item of the list as a calendar; None for anything else."""
    url = hrefs.absolute(dav.url(home), item.href)
    types = {child.tag.rpartition("}")[2] for child in item.props.get(TYPE, ())}
    if "calendar" not in types or types & NOT_OURS_TO_READ or not url:
        return None
    if not hrefs.may_carry(dav.login.url, url):
        return None
    components = item.props.get(COMPONENTS)
    kinds = {
        str(one.get("name", "")).upper() for one in (components if components is not None else ())
    }
    if kinds and "VEVENT" not in kinds:
        return None
    calendar_id = dav.id_of(url)
    segment = hrefs.last_segment(calendar_id)
    zone = _ZONE.search(item.text(f"{xml.CAL}calendar-timezone").replace("\r", ""))
    place = program_zones.meant(zone[1]) if zone else None
    return ListedCalendar(
        calendar_id,
        plain(unescape(item.text(f"{xml.DAV}displayname"), _QUOTE) or segment, NAME_LENGTH),
        _access(item, types),
        False,
        getattr(place, "key", ""),
        _description(item.text(f"{xml.CAL}calendar-description"), segment),
    )


def _access(item: xml.DavItem, types: set[str]) -> str:
    """The account's rights there (RFC 3744, 3): "owner" also means that it may write."""
    if PRIVILEGES not in item.props:
        return "owner"  # if writing is not allowed, the first write shows it
    rights = {
        child.tag.rpartition("}")[2] for privilege in item.props[PRIVILEGES] for child in privilege
    }
    is_shared = "shared" in types or item.has(
        f"{xml.DAV}share-access", f"{xml.DAV}read", f"{xml.DAV}read-write"
    )
    owner = item.hrefs(f"{xml.DAV}owner")
    me = item.hrefs(f"{xml.DAV}current-user-principal")
    if owner and me and owner[0] and hrefs.last_segment(owner[0]) != hrefs.last_segment(me[0]):
        is_shared = True
    if rights & {"all", "write"} or {"write-content", "bind"} <= rights:
        return "writer" if is_shared else "owner"
    return "times" if "read-free-busy" in rights and "read" not in rights else "reader"


def _description(text: str, segment: str) -> str:
    """The description; with our reference if only the path still has it."""
    ours = _SEGMENT.fullmatch(segment)
    if ours and not _REFERENCE.search(text):
        text = f"{text} (kalends:{ours[1]}:{ours[2]})".strip()
    return plain(text, 8192)


# ---- ours ----


def create(dav: Dav, name: str, description: str) -> ListedCalendar:
    """A new calendar. Raises CannotMake if the server makes none for programs, NotListed if it was
    made and cannot be seen yet.
    """
    if not dav.login.homes:
        raise CannotMake("cannot_create")
    before = {one.calendar_id for one in calendars(dav)}
    home = dav.login.homes[0].rstrip("/")
    place = f"{home}/{_segment(description)}/"
    values = {
        "d:displayname": escape(name),
        **({"c:calendar-description": escape(description)} if description else {}),
        "c:supported-calendar-component-set": '<c:comp name="VEVENT"/>',
        "a:calendar-color": COLOUR,
    }
    _make(dav, place, values)
    try:
        return calendar(dav, dav.id_of(dav.url(place)))
    except Gone:
        fresh = [one for one in calendars(dav) if one.calendar_id not in before]
        for one in fresh:
            if one.name == name:
                return one
        raise NotListed("not_listed") from None


def _segment(description: str) -> str:
    """A new last segment of a path, with a random end: a path that was used before may have old
    data.
    """
    match = _REFERENCE.search(description)
    tail = secrets.token_hex(3)
    return f"kalends-{match[1]}-{match[2]}-{tail}" if match else f"kalends-{secrets.token_hex(12)}"


def _make(dav: Dav, place: str, values: dict[str, str]) -> None:
    answer = dav.send("MKCALENDAR", place, xml.mkcalendar(values))
    if answer.status_code == 207:  # a refusal: it names what cannot be set (RFC 4791, 5.3.1)
        refused = {name.rpartition("}")[2] for name in _refused(answer)}
        kept = {name: value for name, value in values.items() if name[2:] not in refused}
        answer = dav.send("MKCALENDAR", place, xml.mkcalendar(kept))
    if answer.status_code in (405, 501):
        answer = dav.send("MKCOL", place, xml.mkcalendar(values, is_mkcol=True))
    if answer.status_code in (403, 405, 501):
        reason = "too_many_calendars" if b"limit" in answer.content else "cannot_create"
        raise CannotMake(reason, answer.status_code)
    if answer.status_code == 207:
        raise Unavailable("not made", 207)
    if answer.status_code >= 300:
        raise error_of(answer)


def _refused(answer: httpx.Response) -> set[str]:
    """The properties that were refused. 200 is none, and 424 means only that another property was
    refused (RFC 4918, 11.4). Servers put the statuses into different elements.
    """
    root = xml.parsed(answer.content)
    return {
        prop.tag
        for group in root.iter(f"{xml.DAV}propstat")
        if not any(code in (group.findtext(f"{xml.DAV}status") or "") for code in (" 424", " 200"))
        for holder in group.findall(f"{xml.DAV}prop")
        for prop in holder
    }


def delete(dav: Dav, calendar_id: str) -> None:
    """Delete a calendar, skipping the trash bin if there is one. A missing one counts as deleted.
    Raises Forbidden also where the server deletes no calendar at all.
    """
    answer = dav.send("DELETE", calendar_id, headers={"X-NC-CalDAV-No-Trashbin": "1"})
    if answer.status_code in (405, 501):
        raise Forbidden("cannot_delete", answer.status_code)
    if answer.status_code >= 300 and answer.status_code not in (404, 410):
        raise error_of(answer)
