"""Calendar data split into parts: the text made safe to parse, and its events in groups of one UID.

The parser keeps time zones by name for the whole process, so that one person's zone would be used
in another person's calendar. Each document therefore starts without known zones, and only one is
read at a time.
"""

import re
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import icalendar
from icalendar.prop import vBroken
from icalendar.timezone import tzp

from . import program_zones

_one_at_a_time = threading.RLock()
# not allowed in text of RFC 5545 (3.1) or XML 1.0 (2.2)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_UNQUOTED = re.compile(r'(;TZID=)(\w+://[^:;"\s]+)(?=[:;])')
_EVENT = re.compile(r"^BEGIN:VEVENT\s*$.*?^END:VEVENT\s*$", re.MULTILINE | re.DOTALL | re.I)
_BEGUN = re.compile(r"^BEGIN:[\w-]+\s*$", re.MULTILINE | re.I)
_ENDED = re.compile(r"^END:[\w-]+\s*$", re.MULTILINE | re.I)
_ZONE = re.compile(r"^BEGIN:VTIMEZONE\s*$.*?^END:VTIMEZONE\s*$", re.MULTILINE | re.DOTALL | re.I)
_UID = re.compile(r"^UID[^:\n]*:(.*)$", re.MULTILINE | re.I)
_TIMES = ("DTSTART", "DTEND", "RECURRENCE-ID")
_LISTS = ("EXDATE", "RDATE")
# without these the time of an event is unknown
_DECISIVE = {*_TIMES, *_LISTS, "DURATION", "RRULE"}


class NoCalendar(ValueError):
    """The text is not a calendar, or only a part of one."""


@dataclass
class Group:
    """The events of one UID: a master, changed occurrences, or both. `is_broken`: a part of it
    cannot be read.
    """

    uid: str
    events: list[Any] = field(default_factory=list)
    is_broken: bool = False
    # whether one of its times has no known zone, so that the clock of `zone` was used
    is_on_clock: bool = False

    @property
    def master(self) -> Any | None:
        """The event that is not a changed occurrence."""
        return next((event for event in self.events if "RECURRENCE-ID" not in event), None)

    @property
    def is_repeat(self) -> bool:
        """Whether the group's event may take place more than once, or is one occurrence of a
        repeat.
        """
        return len(self.events) > 1 or any(
            name in event for event in self.events for name in ("RRULE", "RDATE", "RECURRENCE-ID")
        )


@contextmanager
def alone() -> Iterator[None]:
    """Keep other threads from reading calendar data within the block, and forget the time zones of
    earlier documents.
    """
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the parser's guesses about names of zones
        tzp.use_zoneinfo()
        yield


def cleaned(body: bytes) -> str:
    """The text of calendar data, ready for the parser: octets that are not UTF-8 become U+FFFD;
    control characters and byte order marks are removed.
    """
    text = _CONTROLS.sub("", body.decode("utf-8", "replace"))
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return _UNQUOTED.sub(r'\1"\2"', text)


def is_whole(text: str) -> bool:
    """Whether the text begins and ends as calendar data must, and each part in it has an end. The
    parser takes everything after a part without an end for a piece of that part, and drops it.
    """
    begins = text[:15].upper() == "BEGIN:VCALENDAR" and text[-13:].upper() == "END:VCALENDAR"
    return begins and len(_BEGUN.findall(text)) <= len(_ENDED.findall(text))


def groups(body: bytes, zone: tzinfo) -> list[Group]:
    """The events by UID, in their order; call it inside `alone`. Times without a zone, or with an
    unknown one, are on the clock of the calendar's own zone, or else of `zone`. Raises
    NoCalendar.
    """
    text = cleaned(body)
    if not is_whole(text):
        raise NoCalendar
    found: dict[str, Group] = {}
    for event, uid, clock in _events(text):
        group = found.setdefault(uid, Group(uid))
        if event is None:
            group.is_broken = True
        else:
            group.is_broken |= any(name in _DECISIVE for name, _ in event.errors)
            own = program_zones.meant(clock)
            group.is_on_clock |= _on_clocks(event, own or zone) and own is None
            group.events.append(event)
    return list(found.values())


def _events(text: str) -> Iterator[tuple[Any | None, str, str]]:
    """Each event (None: it cannot be read), its UID, and the name of its calendar's own zone."""
    try:
        calendars = icalendar.Calendar.from_ical(text, multiple=True)
    except Exception:  # the parser raises many kinds of errors; each event is then read by itself
        yield from _one_by_one(text)
        return
    for calendar in calendars:
        clock = str(calendar.get("X-WR-TIMEZONE", ""))
        for event in calendar.walk("VEVENT"):
            yield event, str(event.get("UID", "")), clock


def _one_by_one(text: str) -> Iterator[tuple[Any | None, str, str]]:
    definitions = "\n".join(_ZONE.findall(text))
    for block in _EVENT.findall(text):
        for head in (definitions, ""):  # a broken definition of a zone must not spoil an event
            try:
                whole = f"BEGIN:VCALENDAR\n{head}\n{block}\nEND:VCALENDAR"
                event = icalendar.Calendar.from_ical(whole).walk("VEVENT")[0]
            except Exception:  # noqa: S112 (told below as one that cannot be read)
                continue
            yield event, str(event.get("UID", "")), ""
            break
        else:
            uid = _UID.search(block)
            yield None, uid[1].strip() if uid else "", ""


def _on_clocks(event: Any, zone: tzinfo) -> bool:
    """Give each time without a zone its zone. Returns whether any of them got `zone`."""
    is_used = False
    for name in (*_TIMES, *_LISTS):
        for value in _each(event.get(name)):
            if isinstance(value, vBroken):
                continue
            tzid = str(value.params.get("TZID", "")) if hasattr(value, "params") else ""
            named = program_zones.meant(tzid) if tzid else None
            is_used |= _place(value, named or zone) and named is None
    return is_used


def _each(values: Any) -> Iterable[Any]:
    if values is None:
        return ()
    return values if isinstance(values, list) else [values]


def _place(value: Any, zone: tzinfo) -> bool:
    """Put a property's naive times on this clock. Returns whether there were any."""
    is_naive = False
    for one in getattr(value, "dts", [value]):
        dated = getattr(one, "dt", None)
        if isinstance(dated, tuple):
            is_naive |= _naive(dated[0])
            one.dt = tuple(_with(part, zone) for part in dated)
        elif _naive(dated):
            is_naive, one.dt = True, _with(dated, zone)
    return is_naive


def _naive(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is None


def _with(value: Any, zone: tzinfo) -> Any:
    return value.replace(tzinfo=zone) if _naive(value) else value


def moment(value: Any) -> Any:
    """The time in a property; None if it cannot be read."""
    first = value[0] if isinstance(value, list) and value else value
    return None if isinstance(first, vBroken) else getattr(first, "dt", None)


def instant(value: date | datetime) -> datetime:
    """A time in UTC; a day as its UTC midnight."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0)
    return datetime(value.year, value.month, value.day, tzinfo=UTC)
