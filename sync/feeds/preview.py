"""A preview of the person's next bookings in calendars outside, made by the code that
writes them.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from peewee import fn

from base import feed_presets
from base.tables.bulk import tuples
from base.text import cut
from models import Booking, Feed, Practitioner, User, Venue
from sync.events.event import Event
from sync.events.face import Choices, Subject

from . import free_busy, shown
from .feed import BUSY_DAYS

# Google ignores the rest of a larger feed (fact sheet: about 1,000 events, 1 MB)
MOST_EVENTS, MOST_OCTETS, EVENT_OCTETS = 1_000, 1_000_000, 430


def as_if(user: User, identifier: str | None) -> User:
    """The person, unsaved, as if they had chosen this identifier."""
    other = User(**user.__data__)
    other.clinic, other.identifier = user.clinic, identifier
    return other


def without_feed(user: User, now: datetime, count: int) -> list[Event]:
    """The person's next bookings as a feed made now would show them."""
    preset = feed_presets.preset(user.clinic.feed_preset, user.clinic.notes_may_leave)
    choices = Choices(preset["title"], preset["details"], preset["statuses"])
    own = (
        Practitioner.select(Practitioner, User, Venue)
        .join(User)
        .switch(Practitioner)
        .join(Venue)
        .where(Practitioner.user == user)
    )
    calendars = {calendar.id: calendar for calendar in own}
    return list(shown.events(user, user.clinic, choices, calendars, now, None, count))


def of_feed(feed: Feed, user: User, now: datetime, count: int) -> list[Event]:
    """The next bookings in one of the person's feeds, as if `user` were its owner. A feed that
    shows more than the person's choice allows is shown by that choice, as it would be once saved.
    """
    most = user.identifier or "none"
    choices = Choices(
        feed.title,
        feed.details,
        feed.statuses,
        feed.identifier and cut(feed.identifier, most),
        feed.hide_sensitive,
        feed.kind,
        feed.scope,
    )
    calendars = {calendar.id: calendar for calendar in shown.in_scope(feed)}
    ahead = BUSY_DAYS if feed.kind == "availability" else None
    ahead = ahead if feed.future_days is None else feed.future_days
    end = None if ahead is None else now + timedelta(days=ahead)
    found = list(shown.events(user, user.clinic, choices, calendars, now, end, count))
    if feed.kind == "availability" and end:
        near = end if len(found) < count else found[-1].ends_at
        found += free_busy.events(feed, calendars.values(), now, near)
    return sorted(found, key=lambda event: event.starts_at)[:count]


def sample(user: User, now: datetime) -> Subject:
    """Facts to illustrate the choices: the person's next booking with a client, or an
    invented one.
    """
    row = (
        Booking.in_full()
        .where(
            Practitioner.user == user,
            Booking.patient.is_null(False),
            Booking.status == "confirmed",
            Booking.starts_at > now,
        )
        .order_by(Booking.starts_at)
        .first()
    )
    if row is None:
        return Subject(user.clinic.name, "", "First visit", "confirmed", "Anna", "Sample", "K-1001")
    venue, patient = row.practitioner.venue, row.patient
    return Subject(
        venue.name,
        venue.address,
        row.service.name if row.service else "",
        row.status,
        patient.first_name,
        patient.last_name,
        patient.internal_id or "",
    )


def sizes(feeds: Iterable[Feed], now: datetime) -> dict[int, tuple[int, int]]:
    """The size of each active feed (by id) that Google does not read completely: number of events,
    and about how many octets. Only bookings are counted.
    """
    living = [feed for feed in feeds if not feed.is_stopped and feed.kind == "bookings"]
    clinic = living[0].clinic_id if living else 0
    mine = Practitioner.clinic == clinic
    near = Booking.select(fn.COUNT(Booking.id)).join(Practitioner).where(mine).scalar()
    if near < MOST_EVENTS // 2:  # so few that no feed of them can be too large
        return {}
    found = {feed.id: _size(feed, now) for feed in living}
    return {
        key: size for key, size in found.items() if size[0] > MOST_EVENTS or size[1] > MOST_OCTETS
    }


def _size(feed: Feed, now: datetime) -> tuple[int, int]:
    past, future = (
        None if days is None else timedelta(days=days)
        for days in (feed.past_days, feed.future_days)
    )
    bounds = [] if past is None else [Booking.ends_at > now - past]
    bounds += [] if future is None else [Booking.starts_at < now + future]
    calendars = [calendar.id for calendar in shown.in_scope(feed)]
    row = Booking.select(
        fn.COUNT(Booking.id), fn.COALESCE(fn.SUM(fn.LENGTH(Booking.notes)), 0)
    ).where(
        Booking.practitioner.in_(calendars),
        Booking.status.in_(list(feed.statuses)),
        *bounds,
    )
    ((count, letters),) = tuples(row)
    notes = int(letters) if "notes" in feed.details.split() else 0
    return count, count * EVENT_OCTETS + notes
