"""The times of the events of one resource within a window.

`recurring_ical_events` unrolls the rules. Their text is checked before, since some rules have no
end or take for ever. A rule that cannot be unrolled is reported as unreadable, with its first
occurrence. Thousands of occurrences become one busy block: wrongly busy is better than wrongly
free.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import recurring_ical_events

from sync.events.event import LATEST, RemoteEvent, Unread, Window

from . import repeat_rules
from .documents import Group, instant, moment
from .plain_events import DAY, EventTime, NoTime, Whose, between, is_cancelled, remote_event, span

FOUND = list[RemoteEvent | Unread]


def occurrences(group: Group, window: Window, whose: Whose, name: str, etag: str = "") -> FOUND:
    """The events of one UID in the window: single events, or occurrences of the series `name`. The
    id of an occurrence is the name, a slash and its RECURRENCE-ID in UTC. Call it inside
    `documents.alone`.
    """
    try:
        if group.is_repeat:
            return [*_repeat(group, window, whose, name, etag)]
        found = [_single(event, window, whose, name, etag) for event in group.events]
    except OverflowError:  # a time beyond all that Python has; the others are read
        return [Unread(name, "shape")]
    return [one for one in found if one] or ([Unread(name, "shape")] * group.is_broken)


def _single(
    event: Any, window: Window, whose: Whose, name: str, etag: str
) -> RemoteEvent | Unread | None:
    if is_cancelled(event):
        return None
    try:
        when = span(event)
    except NoTime as error:
        return Unread(name, error.args[0])
    return remote_event(event, when, whose, name, etag) if _touches(window, when) else None


def _repeat(
    group: Group, window: Window, whose: Whose, name: str, etag: str
) -> Iterator[RemoteEvent | Unread]:
    master, from_, to = group.master, window.starts_at - DAY, window.ends_at + DAY
    if group.is_broken:
        yield Unread(name, "shape")
    if master is not None:
        try:
            first = span(master)
        except NoTime as error:
            yield Unread(name, error.args[0])
            return
        given = _all(master.get("RRULE"))
        if not all(map(repeat_rules.is_readable, given)):
            if not group.is_broken:
                yield Unread(name, "shape")
            yield from _first_alone(group, window, whose, name, etag, first)
            return
        if any(repeat_rules.is_endless_work(one, first.starts_at, from_, to) for one in given):
            if not is_cancelled(master):
                yield _block(master, window, whose, name, etag, first)
            return
    try:
        found = list(_unrolled(group, from_, to))
    except Exception:  # the libraries raise many kinds of errors for a rule
        yield Unread(name, "shape")
        if master is not None:
            yield from _first_alone(group, window, whose, name, etag, first)
        return
    for event in found:
        if is_cancelled(event) or (master is not None and is_cancelled(master)):
            continue
        try:
            when = span(event)
        except NoTime as error:
            yield Unread(name, error.args[0])
            continue
        if _touches(window, when):
            told_id = moment(event.get("RECURRENCE-ID")) or event["DTSTART"].dt
            yield remote_event(event, when, whose, f"{name}/{_written(told_id)}", etag, name)


def _unrolled(group: Group, from_: datetime, to: datetime) -> Iterator[Any]:
    """The occurrences between two instants. Raises the libraries' errors."""
    calendar = icalendar.Calendar()
    for event in group.events:
        rule = event.get("RRULE")
        if rule is not None and any(map(repeat_rules.never_happens, _all(rule))):
            event = event.copy()
            del event["RRULE"]
        elif rule is not None and not isinstance(rule, list) and "COUNT" not in rule:
            event = _ended(event, rule, to)
        calendar.add_component(event)
    query = recurring_ical_events.of(calendar, skip_bad_series=False)
    yield from query.between(from_, to)


def _ended(event: Any, rule: Any, to: datetime) -> Any:
    """The event with a rule that ends soon after the window. Without an end the library would
    search for ever for a next occurrence that does not exist.
    """
    start, end = event["DTSTART"].dt, to + 2 * DAY
    bound = end if isinstance(start, datetime) else end.date()
    bounds = rule.get("UNTIL")
    until = bounds[0] if isinstance(bounds, list) and bounds else bounds
    if until is not None and until.year < LATEST.year and instant(until) <= instant(bound):
        return event
    changed, shorter = event.copy(), icalendar.vRecur(rule)
    shorter["UNTIL"] = [bound]
    changed["RRULE"] = shorter
    for component in event.subcomponents:
        changed.add_component(component)
    return changed


def _first_alone(
    group: Group, window: Window, whose: Whose, name: str, etag: str, first: EventTime
) -> Iterator[RemoteEvent]:
    """The first occurrence of a repeat whose rule cannot be read: nothing else is certain."""
    master = group.master
    if master is not None and not is_cancelled(master) and _touches(window, first):
        start = _written(master["DTSTART"].dt)
        yield remote_event(master, first, whose, f"{name}/{start}", etag, name)


def _block(
    master: Any, window: Window, whose: Whose, name: str, etag: str, first: EventTime
) -> RemoteEvent:
    """One busy time from the event's start to the end of the window, instead of thousands."""
    start = max(first.starts_at, window.starts_at)
    until = [end for end in map(_until, _all(master.get("RRULE"))) if end]
    end = max(min([window.ends_at, *until]), start + timedelta(minutes=1))
    return remote_event(master, between(start, end), whose, f"{name}/all", etag, name)


def _until(rule: Any) -> datetime | None:
    bounds = rule.get("UNTIL")
    value = bounds[0] if isinstance(bounds, list) and bounds else bounds
    if not isinstance(value, date):
        return None
    return instant(value) + DAY if value.year < LATEST.year else LATEST


def _all(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _touches(window: Window, when: EventTime) -> bool:
    """Whether the time touches the window. Days have no zone here, so they count as touching within
    a day of it.
    """
    spare = DAY if when.starts_on else timedelta()
    if when.starts_at == when.ends_at:
        return window.starts_at <= when.starts_at < window.ends_at
    return window.touches(when.starts_at - spare, when.ends_at + spare)


def _written(value: date | datetime) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return value.strftime("%Y%m%d")
