"""Busy time of people besides bookings, for feeds that show free and busy only: time off, and busy
time in calendars outside. The events say "Busy" and nothing else.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import uuid5
from zoneinfo import ZoneInfo

from base import scheduling
from base.tables.outside import ExternalEvent
from base.tables.time_off import TimeOff
from models import Feed, Practitioner
from sync.events.event import Event
from sync.events.face import BUSY


def events(
    feed: Feed, calendars: Iterable[Practitioner], start: datetime, end: datetime
) -> list[Event]:
    """Time off and external busy time of everyone with one of these calendars, in [start, end)."""
    people = {calendar.user_id: calendar for calendar in reversed(list(calendars))}
    found = [
        event
        for calendar in people.values()
        for event in (*_off(calendar, start, end), *_outside(feed, calendar, start, end))
    ]
    return sorted(found, key=lambda event: (event.starts_at, event.uid))


def _off(calendar: Practitioner, start: datetime, end: datetime) -> Iterator[Event]:
    for row in TimeOff.near([calendar.user_id], start, end):
        zone_name = row.zone_name or calendar.venue.zone_name
        for stretch in row.off.between(start, end, calendar.zone):
            first = stretch.starts_on or scheduling.local_day(
                stretch.starts_at, row.off.zone or calendar.zone
            )
            yield Event(
                str(row.uid(first)),
                row.sequence,
                "confirmed",
                BUSY,
                stretch.starts_at,
                stretch.ends_at,
                row.created_at,
                row.updated_at,
                zone_name,
                stretch.starts_on,
                stretch.ends_on,
            )


def _outside(feed: Feed, calendar: Practitioner, start: datetime, end: datetime) -> Iterator[Event]:
    """The busy time of external events. An event that was moved outside gets another UID here,
    since no date of the change is known.
    """
    rows = ExternalEvent.between(calendar.user_id, start, end).where(ExternalEvent.blocks)
    for row in rows:
        starts_at, ends_at = row.taken(calendar.zone)
        if not (starts_at < ends_at and starts_at < end and start < ends_at):
            continue
        starts_at, ends_at = max(starts_at, _FIRST), min(ends_at, _LAST)
        identity = (
            f"{row.calendar_id} {row.remote_id} {starts_at.isoformat()} {ends_at.isoformat()}"
        )
        days = (
            [scheduling.local_day(at, calendar.zone) for at in (starts_at, ends_at)]
            if row.all_day
            else [None, None]
        )
        yield Event(
            str(uuid5(feed.uuid, identity)),  # the feed's own uuid is secret, so it is not used
            0,
            "confirmed",
            BUSY,
            starts_at,
            ends_at,
            feed.created_at,
            feed.created_at,
            calendar.venue.zone_name,
            *days,
        )


_FIRST, _LAST = (
    scheduling.midnight(day, ZoneInfo("UTC")) for day in (scheduling.FIRST_DAY, scheduling.LAST_DAY)
)
