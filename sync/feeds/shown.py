"""What a private link shows: the bookings of its calendars as events, each with the face that the
link may show.

The link's own choices, the person's and the clinic's ceiling all apply; the strictest counts. The
preview on the page uses the same code as the feed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from base import feed_presets, scheduling
from base.bookings.statuses import FREE_STATUSES, STATUSES
from base.catalogue import _, lazy
from base.tables.past_values import AsOf, Unknown
from models import Booking, Clinic, Feed, Patient, Practitioner, Service, User, Venue
from sync.events.event import Event, Face
from sync.events.face import BUSY, Choices, Chosen, Policy, Subject, face

from . import busy, ical

STOPPED, EMPTY = lazy("This link was stopped"), lazy("No bookings in this calendar")


def render(
    feed_id: int, start: datetime | None, end: datetime | None, is_empty: bool, revision: int
) -> bytes:
    """The link at its revision (seconds since 1970) as iCalendar text, from the database;
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
    calendars = {p.id: p for p in _in_scope(feed)}
    venues = [p.venue for p in calendars.values()]
    zone_name = venues[0].zone_name if venues else "UTC"
    name = venues[0].name if feed.scope == "practitioner" and venues else feed.clinic.name
    people = {calendar.user.name for calendar in calendars.values()}
    if feed.kind == "availability":
        name = _(
            "{people}, busy times", people=people.pop() if len(people) == 1 else feed.clinic.name
        )
    shows = [] if is_empty else list(events(feed.user, feed.clinic, feed, calendars, start, end))
    if feed.kind == "availability" and not is_empty and start and end:  # it has both
        shows = sorted(
            [*shows, *busy.events(feed, calendars.values(), start, end)],
            key=lambda event: event.starts_at,
        )
    return ical.calendar(
        name, zone_name, shows or [_stand_in(feed, STOPPED if is_empty else EMPTY, revision)]
    )


def _stand_in(feed: Feed, title: str, revision: int) -> Event:
    """The event in a calendar without bookings: one free whole day, on the first of the month of
    its revision. Several apps take an empty file for a fault and keep all old bookings; one event
    makes them remove the rest. It is made from stored data alone.
    """
    first = ical.instant(revision).date().replace(day=1)
    midnight = datetime(first.year, first.month, 1, tzinfo=UTC)
    # the link's own uuid is part of its address, and stays there
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


def _in_scope(feed: Feed) -> Iterable[Practitioner]:
    """The calendars a link shows; other people's only as far as they let their bookings leave.
    Whoever is busy at one venue is so at each: a link that shows free and busy covers all of them.
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
    """The rows that the terms of one calendar's bookings of one service follow from."""

    choices: Chosen | AsOf
    owner: User | AsOf
    clinic: Clinic | AsOf
    person: User | AsOf
    venue: Venue | AsOf
    service: Service | AsOf | None

    def as_of(self, second: int) -> "_Origins":
        """What they were right before a second. Raises Unknown."""
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
        return cls(
            statuses,
            rules,
            venue.name,
            venue.address,
            venue.zone_name,
            service.name if service else "",
            clinic.currency,
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
            ),
            self.policy,
        )


class _History:
    """The terms of one calendar's bookings of one service: the present ones, and what they were
    before each change, the newest first, with the second of the change; None: not known any more.
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
        """The second in which the text of a booking last changed; `own`: when the booking itself
        did.
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
    """The events that a calendar outside of this person shows under these choices, oldest first, at
    most `most`; with `only` those of these bookings. `start`/`end` bound the window; None: open.
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
        yield _event(history(calendar_id, service_id), facts)


def _event(terms: _History, row: Sequence[Any]) -> Event:
    """One booking under its terms; `row` as `_rows` gives it, without its first two columns."""
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


def preview(
    user: User, identifier: str | None, now: datetime, count: int
) -> dict[str, list[Event]]:
    """The person's next bookings as they look under this identifier to "google", "outlook" and
    "family". Nothing is stored.

    Google drops cancelled events, Outlook keeps them (fact sheet §6). Family who follow a link see
    what it says; what two-way sync writes is private, so that people the calendar is shared with
    see only "Busy".
    """
    preset = feed_presets.preset(user.clinic.feed_preset, user.clinic.notes_may_leave)
    choices = Choices(
        preset["title"], preset["details"], preset["statuses"], identifier=identifier or "none"
    )
    own = (
        Practitioner.select(Practitioner, User, Venue)
        .join(User)
        .switch(Practitioner)
        .join(Venue)
        .where(Practitioner.user == user)
    )
    calendars = {p.id: p for p in own}
    shown = list(events(user, user.clinic, choices, calendars, now, None, count))
    family = shown if user.mode == "one_way" else [replace(event, face=BUSY) for event in shown]
    return {
        "google": [event for event in shown if event.status != "cancelled"],
        "outlook": shown,
        "family": family,
    }


def sample(user: User, now: datetime) -> Subject:
    """Facts to show the choices by: the person's next booking with a client, or an invented one."""
    row = (
        Booking.select(Booking, Practitioner, Venue, Patient, Service)
        .join(Practitioner)
        .join(Venue)
        .switch(Booking)
        .join(Patient)
        .switch(Booking)
        .left_outer_join(Service)
        .where(Practitioner.user == user, Booking.status == "confirmed", Booking.starts_at > now)
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
