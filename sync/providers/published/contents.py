"""The events of a published calendar, in a form that can be compared with the earlier document.
Pure.

The programs behind such documents often do not keep UIDs: a UID may occur twice, be missing, or
change in each document.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Any

from sync.calendar_data import documents, occurrences
from sync.calendar_data.documents import Group, NoCalendar
from sync.calendar_data.plain_events import NoTime, Whose, span
from sync.events.event import RemoteEvent, Unread, Window
from sync.feeds.ical import PRODUCT

MOST_EVENTS, MOST_OCCURRENCES = 20_000, 5_000
SPARE = timedelta(days=3)  # events that ended so long before the window are left out unread
SAMPLE = 40  # events whose ids are compared with those of the earlier document
_UNFOLDED = re.compile(r"\n[ \t]")
# lines that many programs write again each time, without a change
_VOLATILE = re.compile(r"^(DTSTAMP|LAST-MODIFIED|CREATED|PRODID|SEQUENCE)[;:].*\n?", re.M | re.I)
_EVENT = re.compile(r"^BEGIN:VEVENT\s*$.*?^END:VEVENT\s*\n?", re.MULTILINE | re.DOTALL | re.I)
_REPEATS = re.compile(r"^(RRULE|RDATE|RECURRENCE-ID|DURATION)[;:]", re.MULTILINE | re.I)
_END = re.compile(r"^DTEND[^:\n]*:(\d{8})", re.MULTILINE | re.I)


_NAME = re.compile(r"^(?:X-WR-CALNAME|NAME)(?:;[^:\n]*)?:(.+)$", re.MULTILINE | re.I)
_ESCAPED = re.compile(r"\\(.)")
LONGEST_NAME = 60


class TooMuch(Exception):
    """The document contains more than any real calendar; the argument is a word for it."""


class OwnCalendar(Exception):
    """The address is a feed of this program: bookings would block themselves."""


@dataclass(frozen=True)
class DocumentEvents:
    """The events of a document within a window. `sample`: short hashes of their times and UIDs.
    `by_time`: the UIDs mean nothing, so events are identified by time and title.
    """

    events: tuple[RemoteEvent, ...]
    unread: tuple[Unread, ...]
    sample: dict[str, str]
    by_time: bool


def cleaned(body: bytes) -> str:
    """The document as text. Raises NoCalendar for anything else, or only a part; OwnCalendar."""
    text = documents.cleaned(body)
    if not documents.is_whole(text):
        raise NoCalendar
    if f"PRODID:{PRODUCT}" in _UNFOLDED.sub("", text[:2000]):
        raise OwnCalendar
    return text


def name_in(text: str) -> str:
    """The name that the document gives its calendar, in one short line; "" for none, and for an
    address, which may be the secret one.
    """
    found = _NAME.search(_UNFOLDED.sub("", text[:5000]).partition("BEGIN:VEVENT")[0])
    plain = _ESCAPED.sub(lambda one: " " if one[1] in "nN" else one[1], found[1]) if found else ""
    return "" if "://" in plain else " ".join(plain.split())[:LONGEST_NAME].strip()


def digest(text: str) -> str:
    """A hash of the document without the lines that change at each reading, so that equal contents
    have equal hashes.
    """
    return _short(_VOLATILE.sub("", _UNFOLDED.sub("", text)), 32)


def read_contents(
    text: str, window: Window, zone: tzinfo, before: dict[str, str], by_time: bool = False
) -> DocumentEvents:
    """The events within the window; times without a zone are on the clock of `zone`.

    `before`: the sample of the earlier document. If most of its times are still there and most UIDs
    are not, UIDs mean nothing here. Raises TooMuch.
    """
    if text.upper().count("BEGIN:VEVENT") > MOST_EVENTS:
        raise TooMuch("events")
    with documents.alone():
        groups = [*_sorted_out(documents.groups(_recent(text, window).encode(), zone))]
        hashes = {_short(_by_time(one)): _short(one.uid) for one in groups if one.events}
        sample = dict(sorted(hashes.items())[:SAMPLE])
        by_time = by_time or _means_nothing(before, sample)
        found = list[RemoteEvent | Unread]()
        for group in groups:
            key = _by_time(group) if by_time else group.uid
            found += occurrences.occurrences(group, window, Whose(zone), _short(key, 32), "")
            if len(found) > MOST_OCCURRENCES:
                raise TooMuch("occurrences")
    events = {one.remote_id: one for one in found if isinstance(one, RemoteEvent)}
    unread = {one.remote_id: one for one in found if isinstance(one, Unread)}
    return DocumentEvents(tuple(events.values()), tuple(unread.values()), sample, by_time)


def _recent(text: str, window: Window) -> str:
    """The document without single events that ended long before the window: parsing them would take
    most of the time.
    """
    first = f"{window.starts_at - SPARE:%Y%m%d}"

    def kept(found: re.Match[str]) -> str:
        end = _END.search(found[0])
        is_old = end is not None and end[1] < first and not _REPEATS.search(found[0])
        return "" if is_old else found[0]

    return _EVENT.sub(kept, text)


def _sorted_out(groups: Iterable[Group]) -> Iterator[Group]:
    """The groups with each event, and each changed occurrence, once. Events without a UID are
    identified by time and title.
    """
    for group in groups:
        if group.uid:
            yield Group(group.uid, _newest(group.events), group.is_broken, group.is_on_clock)
            continue
        for event in group.events:
            alone = Group("", [event], False, group.is_on_clock)
            yield Group(_by_time(alone), [event], False, group.is_on_clock)
        if group.is_broken:
            yield Group("?", [], True)


def _newest(events: list[Any]) -> list[Any]:
    """The events, without older versions of the same occurrence."""
    found: dict[str, Any] = {}
    for event in sorted(events, key=_version):
        found[str(documents.moment(event.get("RECURRENCE-ID")))] = event
    return list(found.values())


def _version(event: Any) -> tuple[int, str]:
    try:
        sequence = int(event.get("SEQUENCE", 0))
    except (TypeError, ValueError):
        sequence = 0
    return sequence, str(documents.moment(event.get("LAST-MODIFIED")) or "")


def _means_nothing(before: dict[str, str], now: dict[str, str]) -> bool:
    """Whether the UIDs of a document differ from those of the document before, although its events
    are the same.
    """
    same = [time for time in before if time in now]
    others = [time for time in same if before[time] != now[time]]
    return len(same) >= 2 and len(same) > len(before) / 2 and len(others) > len(same) / 2


def _by_time(group: Group) -> str:
    """The key of an event whose UID means nothing: its time and title."""
    first = group.master or next(iter(group.events), None)
    if first is None:
        return group.uid
    try:
        when = span(first)
    except NoTime:
        return f"{first.get('SUMMARY', '')} {group.uid}"
    rule = first.get("RRULE")
    again = rule.to_ical().decode() if rule is not None and not isinstance(rule, list) else ""
    return f"{when.starts_at} {when.ends_at} {first.get('SUMMARY', '')} {again}"


def _short(text: str, length: int = 12) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
