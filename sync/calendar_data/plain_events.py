"""One event of calendar data as a plain event, with its effect on its owner's time. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from base.text import clean
from sync.events.event import EARLIEST, LATEST, Mark, RemoteEvent

from .documents import instant, moment

TITLE_LENGTH, TEXT_LENGTH = 1024, 8192
DAY = timedelta(days=1)
_KINDS = {
    "FREE": "free",
    "TENTATIVE": "tentative",
    "OOF": "away",
    "WORKINGELSEWHERE": "elsewhere",
    "BUSY": "busy",
}


class NoTime(ValueError):
    """The time of the event is unknown; the argument is a reason of `Unread`."""


@dataclass(frozen=True)
class Whose:
    """The owner of the calendar: the clock for times without a zone, and the owner's addresses (in
    lower case, without "mailto:").
    """

    zone: tzinfo
    me: Collection[str] = field(default=frozenset())


@dataclass(frozen=True)
class EventTime:
    """The time of an event: instants in UTC, and also days for a whole-day event."""

    starts_at: datetime
    ends_at: datetime
    starts_on: date | None = None
    ends_on: date | None = None


def span(event: Any) -> EventTime:
    """The times of one event (RFC 5545, 3.6.1). Raises NoTime."""
    start = _time(event, "DTSTART", "start")
    if start is None:
        raise NoTime("no_start")
    end = _time(event, "DTEND", "end")
    if end is None:
        length = moment(event.get("DURATION"))
        if "DURATION" in event and not isinstance(length, timedelta):
            raise NoTime("bad_end")
        is_day = not isinstance(start, datetime)
        end = _after(start, length if length is not None else DAY if is_day else timedelta())
    if isinstance(start, datetime) != isinstance(end, datetime):
        raise NoTime("bad_end")
    return between(start, end, str(event.get("X-MICROSOFT-CDO-ALLDAYEVENT", "")).upper() == "TRUE")


def between(start: date | datetime, end: date | datetime, is_days: bool = False) -> EventTime:
    """The span of two times of one kind; `is_days`: midnights on the clock are days. An end before
    the start is refused. Raises NoTime.
    """
    if is_days and isinstance(start, datetime) and isinstance(end, datetime):
        is_midnight = start.time() == end.time() == time() and end > start
        start, end = (start.date(), end.date()) if is_midnight else (start, end)
    if end < start:
        raise NoTime("backwards")
    if not isinstance(start, datetime):
        last = max(end, start + DAY)
        return EventTime(instant(start), instant(last), start, last)
    return EventTime(*(min(max(instant(at), EARLIEST), LATEST) for at in (start, end)))


def _time(event: Any, name: str, side: str) -> date | datetime | None:
    """A time of the event. An end after all time that is stored is the last that is."""
    value = event.get(name)
    if value is None:
        return None
    found = moment(value)
    if not isinstance(found, date) or found.year == 1:
        raise NoTime(f"bad_{side}")
    if found.year >= LATEST.year:
        if side == "start":
            raise NoTime("bad_start")
        return _last_like(found)
    return found


def _after(start: date | datetime, length: timedelta) -> date | datetime:
    """The end of a time, at most the last that is stored."""
    last = _last_like(start)
    try:
        return min(start + length, last)
    except OverflowError:
        return last


def _last_like(value: date | datetime) -> date | datetime:
    """The last day that is stored, or its midnight on the clock of this time."""
    last = LATEST.date() - DAY
    return datetime.combine(last, time(), value.tzinfo) if isinstance(value, datetime) else last


def remote_event(
    event: Any,
    when: EventTime,
    whose: Whose,
    remote_id: str,
    etag: str,
    series_id: str | None = None,
    is_series: bool = False,
    mark: Mark | None = None,
) -> RemoteEvent:
    """The event at this time, under this id."""
    return RemoteEvent(
        remote_id,
        etag,
        when.starts_at,
        when.ends_at,
        _text(event, "SUMMARY", TITLE_LENGTH),
        _text(event, "DESCRIPTION", TEXT_LENGTH),
        _text(event, "LOCATION", TITLE_LENGTH),
        status="tentative" if _word(event, "STATUS") == "TENTATIVE" else "confirmed",
        busy=busy(event, whose.me),
        starts_on=when.starts_on,
        ends_on=when.ends_on,
        mark=mark,
        series_id=series_id,
        is_series=is_series,
        is_private=_word(event, "CLASS") in ("PRIVATE", "CONFIDENTIAL"),
        guests=len([one for one in _guests(event) if not _addresses(one) & set(whose.me)]),
    )


def is_cancelled(event: Any) -> bool:
    """Whether the event, or this one occurrence, is cancelled."""
    return _word(event, "STATUS") == "CANCELLED"


def busy(event: Any, me: Collection[str]) -> str:
    """The effect of an event on the time of its owner: a kind of `RemoteEvent`."""
    answers = {
        str(guest.params.get("PARTSTAT", "")).upper()
        for guest in _guests(event)
        if _addresses(guest) & set(me)
    }
    if "DECLINED" in answers or _word(event, "TRANSP") == "TRANSPARENT":
        return "free"
    for name in ("X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-INTENDEDSTATUS"):
        if kind := _KINDS.get(_word(event, name)):
            return kind
    return "tentative" if "TENTATIVE" in answers | {_word(event, "STATUS")} else "busy"


def _guests(event: Any) -> list[Any]:
    values = event.get("ATTENDEE", [])
    return values if isinstance(values, list) else [values]


def _addresses(guest: Any) -> set[str]:
    names = (str(guest), str(guest.params.get("EMAIL", "")))
    return {re.sub("^mailto:", "", one.strip().lower()) for one in names} - {""}


def _word(event: Any, name: str) -> str:
    value = event.get(name, "")
    return str(value[0] if isinstance(value, list) and value else value).strip().upper()


def _text(event: Any, name: str, limit: int) -> str:
    value = event.get(name, "")
    content = str(value[0] if isinstance(value, list) and value else value)
    return clean(content[:limit], limit)
