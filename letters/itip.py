"""The calendar part of a letter to a client (RFC 5545, 5546 §3.2, 6047).

An invitation has one client and one entry. A letter about several bookings uses METHOD PUBLISH,
which may contain many entries and names nobody. An entry shows the booking's time, its place and a
neutral title.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sync.events.event import Event
from sync.feeds import ical
from sync.feeds.vtimezone import vtimezone

_IN_MAILTO = "@!$'*+~"


@dataclass(frozen=True)
class CalendarPart:
    """The text of one calendar part, with CRLF, and its METHOD."""

    method: str
    body: bytes


def part(method: str, events: Sequence[Event], organizer: str, attendee: str) -> CalendarPart:
    """The entries as a message. `method`: REQUEST and CANCEL contain one entry; CANCEL names the
    attendee where the invitation did (`attendee` "": it did not).
    """
    people = [f"ORGANIZER:{_mailto(organizer)}"]
    if attendee and method != "PUBLISH":
        status = "RSVP=FALSE;PARTSTAT=ACCEPTED;ROLE=REQ-PARTICIPANT"
        people.append(f"ATTENDEE;{status}:{_mailto(attendee)}")
    lines = "".join(map(ical.folded, people))
    bodies = [
        ical.vevent(event).replace("END:VEVENT\r\n", f"{lines}END:VEVENT\r\n") for event in events
    ]
    head = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{ical.PRODUCT}",
        "CALSCALE:GREGORIAN",
        f"METHOD:{method}",
        *_zones(events),
    ]
    text = "".join([*map(ical.folded, head), *bodies, "END:VCALENDAR\r\n"])
    return CalendarPart(method, text.encode())


def _mailto(address: str) -> str:
    """An address as a URI (RFC 6068 §2): a question mark in it would begin header fields."""
    return f"mailto:{quote(address, safe=_IN_MAILTO)}"


def _zones(events: Iterable[Event]) -> Iterable[str]:
    years: dict[str, tuple[int, int]] = {}
    for event in events:
        low, high = years.get(event.zone_name, (9999, 0))
        years[event.zone_name] = min(low, event.starts_at.year), max(high, event.ends_at.year)
    years.pop("UTC", None)
    return [
        line for zone, (low, high) in sorted(years.items()) for line in vtimezone(zone, low, high)
    ]
