"""Events as iCalendar text (RFC 5545), written by hand: 20 times faster than a general library, and
the same bytes for the same events. No clock and no randomness here, so that an unchanged feed is an
unchanged file.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from base import scheduling
from sync.events.event import Event

from .vtimezone import vtimezone

PRODUCT = "-//Kalends//Kalends 1.0//EN"
# A control character would make a strict reader refuse the whole feed, so all are removed, whatever
# a row contains (§3.1).
_CONTROLS = dict.fromkeys((*range(0x09), *range(0x0B, 0x20), 0x7F))
_ESCAPES = _CONTROLS | str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
_STATUS_LINES = {
    "confirmed": "STATUS:CONFIRMED\r\nTRANSP:OPAQUE\r\nX-MICROSOFT-CDO-BUSYSTATUS:BUSY\r\n",
    "tentative": "STATUS:TENTATIVE\r\nTRANSP:OPAQUE\r\nX-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE\r\n",
    "free": "STATUS:CONFIRMED\r\nTRANSP:TRANSPARENT\r\nX-MICROSOFT-CDO-BUSYSTATUS:FREE\r\n",
    "cancelled": "STATUS:CANCELLED\r\nTRANSP:TRANSPARENT\r\nX-MICROSOFT-CDO-BUSYSTATUS:FREE\r\n",
}
_zone = cache(ZoneInfo)


def escaped(text: str) -> str:
    """A TEXT value (RFC 5545 §3.3.11)."""
    return text.translate(_ESCAPES)


def folded(line: str) -> str:
    """The content line with its CRLF, folded at 75 octets (§3.1), never inside a character nor a
    backslash pair.
    """
    if len(line) <= 75 and (line.isascii() or len(line.encode()) <= 75):
        return line + "\r\n"
    pieces: list[str] = []
    piece: list[str] = []
    size, previous = 0, ""
    for character in line:
        octets = len(character.encode())
        if size + octets > 74 and previous != "\\":
            pieces.append("".join(piece))
            piece, size = [], 1  # the space that begins a continued line
        piece.append(character)
        size += octets
        previous = "" if previous == "\\" else character
    return "\r\n ".join([*pieces, "".join(piece)]) + "\r\n"


def _utc(at: datetime) -> str:
    return f"{at.year:04d}{at.month:02d}{at.day:02d}T{at.hour:02d}{at.minute:02d}{at.second:02d}Z"


def _day(day: date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def _local(at: datetime, zone: ZoneInfo) -> str | None:
    """The wall time in the zone; None in the hour that comes twice, since programs disagree on
    which of the two is meant.
    """
    local = at.astimezone(zone)
    if scheduling.comes_twice(local):
        return None
    return f"{_day(local)}T{local.hour:02d}{local.minute:02d}{local.second:02d}"


def _times(event: Event) -> str:
    if event.starts_on and event.ends_on:
        first, last = _day(event.starts_on), _day(event.ends_on)
        return f"DTSTART;VALUE=DATE:{first}\r\nDTEND;VALUE=DATE:{last}\r\n"
    if event.zone_name != "UTC":
        zone = _zone(event.zone_name)
        start, end = _local(event.starts_at, zone), _local(event.ends_at, zone)
        if start and end:
            return (
                f"DTSTART;TZID={event.zone_name}:{start}\r\nDTEND;TZID={event.zone_name}:{end}\r\n"
            )
    return f"DTSTART:{_utc(event.starts_at)}\r\nDTEND:{_utc(event.ends_at)}\r\n"


@lru_cache(16_384)
def vevent(event: Event) -> str:
    """One VEVENT, ended by CRLF. DTSTAMP is the last change, as it must be without METHOD
    (§3.8.7.2).

    Cached for the next body: after a change all other events of a feed stay the same.
    """
    face, changed = event.face, _utc(event.changed_at)
    return "".join(
        (
            "BEGIN:VEVENT\r\nUID:",
            event.uid,
            "\r\nDTSTAMP:",
            changed,
            "\r\n",
            _times(event),
            f"SEQUENCE:{event.sequence}\r\nCREATED:{_utc(event.created_at)}\r\nLAST-MODIFIED:{changed}\r\n",
            _STATUS_LINES[event.status],
            folded("SUMMARY:" + escaped(face.title)),
            folded("DESCRIPTION:" + escaped(face.description)) if face.description else "",
            folded("LOCATION:" + escaped(face.location)) if face.location else "",
            "END:VEVENT\r\n",
        )
    )


def calendar(name: str, zone_name: str, events: Iterable[Event]) -> bytes:
    """A whole feed named `name`. `zone_name`: the hint for display. A feed without events gets the
    zone's VTIMEZONE, since a calendar must contain a component (§3.6).
    """
    years: dict[str, tuple[int, int]] = {}
    fragments = []
    for event in events:
        fragments.append(vevent(event))
        low, high = years.get(event.zone_name, (9999, 0))
        years[event.zone_name] = min(low, event.starts_at.year), max(high, event.ends_at.year)
    years.pop("UTC", None)  # needs no definition
    if not fragments:
        years = {zone_name: (2026, 2026)}  # any fixed year: nothing refers to it
    zones = [
        line for zone, (low, high) in sorted(years.items()) for line in vtimezone(zone, low, high)
    ]
    head = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        "CALSCALE:GREGORIAN",
        f"NAME:{escaped(name)}",
        f"X-WR-CALNAME:{escaped(name)}",
        f"X-WR-TIMEZONE:{zone_name}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        *zones,
    ]
    return "".join([*map(folded, head), *fragments, "END:VCALENDAR\r\n"]).encode()


def instant(seconds: int) -> datetime:
    """A revision (whole seconds since 1970) as an instant."""
    return datetime.fromtimestamp(seconds, UTC)
