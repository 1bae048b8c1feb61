"""Our events as calendar data with our mark, and the way back. Pure."""

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from sync.calendar_data.documents import Group
from sync.calendar_data.plain_events import EventTime, Whose, remote_event, span
from sync.events.event import Event, Mark, RemoteEvent
from sync.feeds.ical import PRODUCT, escaped, folded, vevent
from sync.providers.values import digest

DOMAIN = ".kalends.invalid"
INSTALLATION, REFERENCE = "X-KALENDS-INSTALLATION", "X-KALENDS-REFERENCE"
GENERATION, ACCOUNT = "X-KALENDS-GENERATION", "X-KALENDS-ACCOUNT"
_GUESTS = re.compile(r"^(?:ATTENDEE|ORGANIZER)[;:].*(?:\r?\n[ \t].*)*", re.MULTILINE | re.I)


def new_name(mark: Mark, secret: bytes) -> str:
    """The name of an event: 32 letters that nobody can guess, and that every server stores
    unchanged.
    """
    return base64.b32hexencode(digest(mark, secret)).decode().lower() + ".ics"


def uid(mark: Mark) -> str:
    """The UID of an event of ours, which contains its mark. It includes the generation, so that no
    deleted event's UID is used again. It differs from the UID in private links: some servers
    refuse one UID in two calendars of the same person.
    """
    parts = (mark.reference, str(mark.generation), mark.account)
    left = ".".join(quote(part, safe="-").replace(".", "%2E") for part in parts)
    return f"{left}@{quote(mark.installation, safe='-')}{DOMAIN}"


def mark_of(event: Any) -> Mark | None:
    """The mark of an event: from its UID, or from our properties if somebody copied it under a new
    UID.
    """
    left, _, right = str(event.get("UID", "")).rpartition("@")
    parts = left.split(".")
    if right.endswith(DOMAIN) and len(parts) == 3:
        reference, generation, account = map(unquote, parts)
        return Mark.read(unquote(right.removesuffix(DOMAIN)), reference, generation, account)
    values = [str(event.get(name, "")) for name in (INSTALLATION, REFERENCE, GENERATION, ACCOUNT)]
    return Mark.read(*values)


def written(event: Event, mark: Mark, guests: Sequence[str] = ()) -> bytes:
    """The event as calendar data: times in UTC, private, without alarms, and without guests except
    `guests` (whole content lines).
    """
    own = uid(mark)
    text = vevent(replace(event, zone_name="UTC", uid=own))
    marks = {
        INSTALLATION: mark.installation,
        REFERENCE: mark.reference,
        GENERATION: str(mark.generation),
        ACCOUNT: mark.account,
    }
    lines = [folded(f"{name}:{escaped(value)}") for name, value in marks.items() if value]
    end = "END:VEVENT\r\n"
    text = text.replace(f"UID:{own}\r\n", folded(f"UID:{own}"), 1).removesuffix(end)
    added = "".join(["CLASS:PRIVATE\r\n", *lines, *(f"{line}\r\n" for line in guests)])
    head = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:{PRODUCT}\r\n"
    return f"{head}{text}{added}{end}END:VCALENDAR\r\n".encode()


def guests_in(data: bytes) -> list[str]:
    """The content lines of the guests of an event, and of its organizer."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return [line.replace("\n", "\r\n") for line in _GUESTS.findall(text)]


def whole(group: Group, whose: Whose, name: str, etag: str) -> RemoteEvent:
    """A resource as one event: as in our own calendar, where a repeat is one. Raises
    busy.NoTime.
    """
    event = group.master or group.events[0]
    when: EventTime = span(event)
    return remote_event(
        event, when, whose, name, etag, is_series=group.is_repeat, mark=mark_of(event)
    )


def placed(seen: RemoteEvent, name: str, number: int, mark: Mark | None) -> RemoteEvent:
    """An event of a source with its mark; those of a further UID (`number`) in one resource get
    their own ids, like occurrences.
    """
    if not number:
        return replace(seen, mark=mark)
    tail = seen.remote_id.removeprefix(name).lstrip("/")
    parts = [name, f"uid{number}", *([tail] if tail else [])]
    return replace(seen, mark=mark, remote_id="/".join(parts), series_id=name)
