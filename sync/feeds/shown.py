"""The content of a feed: the bookings of its calendars as events, each with the face that the feed
may show.

The feed's own choices, the person's and the clinic's ceiling all apply; the strictest counts. The
preview on the page (`preview`) uses the same code.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from base import scheduling
from base.bookings.statuses import FREE_STATUSES, STATUSES
from base.catalogue import _, lazy
from base.tables.past_values import AsOf, Unknown
from models import Booking, Clinic, Feed, Patient, Practitioner, Service, User, Venue
from sync.events.event import Event, Face
from sync.events.face import Chosen, Policy, Subject, face

from . import free_busy, ical

STOPPED, EMPTY = lazy("This link was stopped"), lazy("No bookings in this calendar")


def render(
    feed_id: int, start: datetime | None, end: datetime | None, is_empty: bool, revision: int
) -> bytes:
    """The feed at its revision (seconds since 1970) as iCalendar text, from the database;
    `is_empty` leaves its bookings out.
    """
    feed = (
        Feed.select(Feed, User, Clinic)
        .join(User)
        .switch(Feed)
        .join(Clinic)
        .where(Feed.id == feed_id)
        .get()
    )
    calendars = {p.id: p for p in in_scope(feed)}
    venues = [p.venue for p in calendars.values()]
    zone_name = venues[0].zone_name if venues else "UTC"
    shows = [] if is_empty else list(events(feed.user, feed.clinic, feed, calendars, start, end))
    if feed.kind == "availability" and not is_empty and start and end:  # it shows both
        shows = sorted(
            [*shows, *free_busy.events(feed, calendars.values(), start, end)],
            key=lambda event: event.starts_at,
        )
    return ical.calendar(
        _name(feed, calendars.values()),
        zone_name,
        shows or [_stand_in(feed, STOPPED if is_empty else EMPTY, revision)],
    )


def _name(feed: Feed, calendars: Collection[Practitioner]) -> str:
    """The name of the calendar: the venue or the clinic, and the practitioner if it is not the
    owner's.
    """
    people = sorted({calendar.user.name for calendar in calendars})
    if feed.kind == "availability":
        whose = people[0] if len(people) == 1 else feed.clinic.name
        return _("{people}, busy times", people=whose)
    venues = [calendar.venue.name for calendar in calendars]
    if feed.scope != "practitioner" or not venues:
        return feed.clinic.name
    is_own = all(calendar.user_id == feed.user_id for calendar in calendars)
    return venues[0] if is_own else f"{people[0]}, {venues[0]}"


def _stand_in(feed: Feed, title: str, revision: int) -> Event:
    """The only event of a calendar without bookings: one free whole day, on the first of the month
    of the feed's revision. Several apps take an empty file for a fault and keep all old bookings;
    with one event they remove the others. The event is made from stored data alone, so the feed
    stays the same file.
    """
    first = ical.instant(revision).date().replace(day=1)
    midnight = datetime(first.year, first.month, 1, tzinfo=UTC)
    # the feed's own uuid is part of its secret address, so it is not used
    uid = str(uuid5(feed.uuid, title))
    return Event(
        uid,
        first.year * 12 + first.month,
        "free",
        Face(title),
        midnight,
        midnight + timedelta(days=1),
        feed.created_at,
        max(midnight, feed.created_at),
        "UTC",
        first,
        first + timedelta(days=1),
    )


def in_scope(feed: Feed) -> Iterable[Practitioner]:
    """The calendars of a feed; those of other people only if they allow their bookings outside. A
    person who is busy at one venue is busy at all: a feed of free and busy times covers all of
    them.
    """
    rows = (
        Practitioner.select(Practitioner, User, Venue)
        .join(User)
        .switch(Practitioner)
        .join(Venue)
        .order_by(Practitioner.id)
    )
    rows = rows.where(Practitioner.clinic == feed.clinic_id, User.sync_allowed)
    if feed.scope == "practitioner" and feed.kind == "availability":
        person = Practitioner.select(Practitioner.user).where(
            Practitioner.id == feed.practitioner_id
        )
        return rows.where(Practitioner.user.in_(person))
    if feed.scope == "practitioner":
        return rows.where(Practitioner.id == feed.practitioner_id)
    return rows.where(Practitioner.user == feed.user_id) if feed.scope == "person" else rows


class _Origins(NamedTuple):
    """The rows from which the terms of one calendar's bookings of one service are made."""

    choices: Chosen | AsOf
    owner: User | AsOf
    clinic: Clinic | AsOf
    person: User | AsOf
    venue: Venue | AsOf
    service: Service | AsOf | None

    def as_of(self, second: int) -> "_Origins":
        """The rows as they were right before a second. Raises Unknown."""
        return _Origins(
            AsOf(self.choices, second),
            AsOf(self.owner, second),
            AsOf(self.clinic, second),
            AsOf(self.person, second),
            AsOf(self.venue, second),
            self.service and AsOf(self.service, second),
        )


@dataclass(frozen=True, slots=True)
class _Terms:
    """Everything that the text of a booking depends on, except the booking and its client."""

    statuses: Mapping[str, str]
    policy: Policy
    organisation: str
    address: str
    zone_name: str
    service: str
    currency: str
    practitioner: str

    @classmethod
    def of(cls, origins: _Origins) -> "_Terms":
        choices, owner, clinic, person, venue, service = origins
        statuses: Mapping[str, str]
        if choices.kind == "availability":
            statuses = {s: "confirmed" for s in STATUSES if s not in FREE_STATUSES}
            rules = Policy(hide_sensitive=True)
        else:
            statuses, rules = choices.statuses, Policy.of(owner, clinic, choices)
            rules = rules if person.id == owner.id else rules.of_colleague(person, clinic)
            if rules.hide_sensitive:  # shown as "Busy" they would reveal that the time is taken
                statuses = {ours: shown for ours, shown in statuses.items() if shown != "cancelled"}
        return cls(
            statuses,
            rules,
            venue.name,
            venue.address,
            venue.zone_name,
            service.name if service else "",
            clinic.currency,
            person.name if choices.scope == "clinic" else "",
        )

    @property
    def shows_client(self) -> bool:
        rules = self.policy
        return (
            rules.identifier != "none"
            and "{client}" in rules.title.split()
            and not rules.hide_sensitive
        )

    def face(
        self, status: str, rate: int | None, notes: str, first: str, last: str, internal_id: str
    ) -> Face:
        return face(
            Subject(
                self.organisation,
                self.address,
                self.service,
                status,
                first or "",
                last or "",
                internal_id or "",
                "" if rate is None else f"{rate / 100:.2f} {self.currency}",
                notes,
                self.practitioner,
            ),
            self.policy,
        )


class _History:
    """The terms of one calendar's bookings of one service: the present ones, then the earlier ones,
    newest first, each with the second in which they ended. None: terms that are no longer known.
    """

    def __init__(self, origins: _Origins):
        self.now = _Terms.of(origins)
        self.past: list[tuple[int, _Terms | None]] = []
        later = self.now
        for second in sorted(
            {end for row in origins if row for end, __ in row.before}, reverse=True
        ):
            try:
                terms = _Terms.of(origins.as_of(second))
            except Unknown:
                self.past.append((second, None))
                break
            if terms != later:
                self.past.append((second, terms))
                later = terms

    def changed(self, own: int, shown: Face, status: str, facts: Sequence[Any]) -> int:
        """The second in which the text of a booking last changed. `own`: the second in which the
        booking's own row last changed.
        """
        entry = self.now.statuses[status], self.now.zone_name, shown
        for second, terms in self.past:
            if second <= own:
                break
            if (
                terms is None
                or (terms.statuses.get(status), terms.zone_name, terms.face(status, *facts))
                != entry
            ):
                return second
        return own


def events(
    user: User,
    clinic: Clinic,
    choices: Chosen,
    calendars: dict[int, Practitioner],
    start: datetime | None,
    end: datetime | None,
    most: int | None = None,
    only: Sequence[UUID] | None = None,
) -> Iterator[Event]:
    """The events in a calendar outside of this person under these choices, oldest first, at most
    `most`; with `only` those of these bookings. `start`/`end` bound the window; None: no limit.
    """
    services = {row.id: row for row in Service.select().where(Service.clinic == clinic)}

    @cache
    def history(calendar_id: int, service_id: int | None) -> _History:
        calendar = calendars[calendar_id]
        service = services.get(service_id) if service_id else None
        return _History(_Origins(choices, user, clinic, calendar.user, calendar.venue, service))

    statuses = {status for key in calendars for status in history(key, None).now.statuses}
    for row in _rows(list(calendars), list(statuses), start, end, most, only):
        calendar_id, service_id, *facts = row
        terms = history(calendar_id, service_id)
        if facts[1] in terms.now.statuses:  # a colleague may have chosen not to show some statuses
            yield _event(terms, facts)


def _event(terms: _History, row: Sequence[Any]) -> Event:
    """One booking under its terms; `row` as from `_rows`, without its first two columns."""
    (
        uid,
        status,
        starts_at,
        ends_at,
        starts_on,
        ends_on,
        sequence,
        created_at,
        updated_at,
        patient_rev,
        label_changes,
        *facts,
    ) = row
    shown = terms.now.face(status, *facts)
    own = int(updated_at.timestamp())
    if patient_rev and terms.now.shows_client:
        own = max(own, (label_changes or {}).get(terms.now.policy.identifier, patient_rev))
    return Event(
        str(uid),
        sequence,
        terms.now.statuses[status],
        shown,
        starts_at,
        ends_at,
        created_at,
        ical.instant(terms.changed(own, shown, status, facts)),
        terms.now.zone_name,
        starts_on,
        ends_on,
    )


def _rows(
    calendar_ids: list[int],
    statuses: list[str],
    start: datetime | None,
    end: datetime | None,
    most: int | None,
    only: Sequence[UUID] | None,
) -> Iterable[tuple[Any, ...]]:
    query = (
        Booking.select(
            Booking.practitioner,
            Booking.service,
            Booking.uuid,
            Booking.status,
            Booking.starts_at,
            Booking.ends_at,
            Booking.starts_on,
            Booking.ends_on,
            Booking.sequence,
            Booking.created_at,
            Booking.updated_at,
            Patient.rev,
            Patient.label_changes,
            Booking.rate_cents,
            Booking.notes,
            Patient.first_name,
            Patient.last_name,
            Patient.internal_id,
        )
        .left_outer_join(Patient, on=(Booking.patient == Patient.id))
        .where(Booking.practitioner.in_(calendar_ids), Booking.status.in_(statuses))
        .order_by(Booking.starts_at, Booking.id)
        .limit(most)
    )
    if start:
        query = query.where(
            Booking.ends_at > start,
            Booking.starts_at > start - scheduling.LONGEST - timedelta(days=2),
        )
    if end:
        query = query.where(Booking.starts_at < end)
    if only is not None:
        query = query.where(Booking.uuid.in_(only))
    return query.tuples().iterator()
