"""Entries of the waiting list: the service, the calendars and days that suit the client, and until
when.
"""

import json
import secrets
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    DateField,
    ForeignKeyField,
    IntegerField,
    ModelSelect,
    TextField,
    UUIDField,
)

from base import scheduling, vault
from base.database import Base, InstantField, JSONText, now
from base.tables.traits import ClinicSettings
from base.text import phone_tail
from free_times.own_terms import ServiceTerms, open_terms
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Patient, Practitioner, Service, Venue

MODES = ("hand", "turn", "all")  # who offers a time, and to how many clients at once
LONGEST = timedelta(days=90)  # how long a client without an appointment waits
KEPT = timedelta(days=30)  # how long an ended entry is kept
PHASES = ("waiting", "ended")
ENDINGS = ("", "taken", "left", "removed", "booking", "past")


class EarlierSettings(ClinicSettings):
    """The settings of a clinic's waiting list: one row at most; without a row the defaults apply.

    `visitors_ask`: clients put themselves on the list. `mode`: one of MODES. `minutes`: how long an
    offered time is kept. `looked_rev`, `looked_at`: revision and instant of the last search for
    free times.
    """

    action = "earlier.changed"
    clinic = ForeignKeyField(Clinic, unique=True, backref="earlier_settings", on_delete="CASCADE")
    visitors_ask = BooleanField(default=False)
    mode = CharField(10, default="hand", constraints=[Check(f"mode IN {MODES}")])
    minutes = IntegerField(default=60)
    looked_rev = BigIntegerField(default=0)
    looked_at = InstantField(null=True)


@dataclass(frozen=True)
class Contact:
    """The person to write to: from the client's present record, or as a visitor typed it."""

    name: str
    email: str = ""
    phone: str = ""
    client: Patient | None = None

    @property
    def key(self) -> str:
        """A key that is equal for all entries of one person."""
        if self.client:
            return f"client {self.client.id}"
        return self.email.casefold() or phone_tail(self.phone)


class WaitingEntry(Base):
    """One client who waits for an earlier time, or for any time.

    `booking`: the appointment that would be given up; None: there is none. `patient`: the client's
    record; None for a visitor without one, whose details are in `sealed`, encrypted. `calendars`
    (ids): those that suit; empty: any, at `venue` if one was chosen. `weekdays` (0: Monday) and
    `from_wall`–`to_wall`: when a visit may begin, on the clock of the venue; empty: any. `until`:
    the last day. `known`: the starts that were free when the client asked, by calendar, in minutes;
    they are not offered. `sequence`: of the booking at that moment. `ended_because`: one of
    ENDINGS.
    """

    clinic = ForeignKeyField(Clinic, backref="waiting_entries")
    uuid = UUIDField(unique=True, default=uuid.uuid4)
    booking = ForeignKeyField(Booking, null=True, backref="waiting_entries", on_delete="CASCADE")
    patient = ForeignKeyField(Patient, null=True, backref="waiting_entries", on_delete="CASCADE")
    sealed = TextField(default="")
    service = ForeignKeyField(Service, backref="waiting_entries", on_delete="CASCADE")
    calendars = JSONText(default=list)
    venue = ForeignKeyField(Venue, null=True, backref="waiting_entries", on_delete="SET NULL")
    weekdays = JSONText(default=list)
    from_wall = CharField(5, default="")
    to_wall = CharField(5, default="")
    until = DateField(null=True)
    known = JSONText(default=dict)
    sequence = IntegerField(null=True)
    by_team = BooleanField(default=False)
    phase = CharField(10, default="waiting", constraints=[Check(f"phase IN {PHASES}")])
    ended_because = CharField(10, default="")
    created_at = InstantField(default=now)
    ended_at = InstantField(null=True)

    class Meta:
        indexes = ((("clinic", "phase"), False), (("booking", "phase"), False))

    @property
    def is_waiting(self) -> bool:
        """Whether the client still waits."""
        return self.phase == "waiting"

    @property
    def contact(self) -> Contact:
        """The person to write to. Raises vault.CannotOpen."""
        client = self.patient
        if client is not None:
            client = client.record_in_use if client.merged_into_id else client
            return Contact(client.name, client.email, client.phone, client)
        stored = json.loads(vault.unseal(self.sealed)) if self.sealed else {}
        return Contact(*(stored.get(name, "") for name in ("name", "email", "phone")))

    @property
    def typed(self) -> dict[str, Any]:
        """The details that a visitor without a record typed. Raises vault.CannotOpen."""
        found: dict[str, Any] = json.loads(vault.unseal(self.sealed)) if self.sealed else {}
        return found

    def terms(self, offered: Sequence[ServiceTerms] | None = None) -> list[ServiceTerms]:
        """The calendars that may be offered, each with the length of the visit. `offered`: all
        calendars that offer the service (None: they are read from the database).
        """
        service = self.service
        if service.archived or not (self.by_team or service.bookable_online):
            return []
        found = [
            one
            for one in (open_terms(service) if offered is None else offered)
            if self._suits(one.calendar) and (self.by_team or one.calendar.takes_online)
        ]
        if self.minutes is None:
            return found
        return [replace(one, minutes=self.minutes) for one in found]

    @property
    def minutes(self) -> int | None:
        """The length of the appointment that would be given up; None if there is none."""
        if self.booking is None:
            return None
        return int(self.booking.span.duration.total_seconds()) // 60

    def _suits(self, calendar: Practitioner) -> bool:
        if self.calendars:
            return calendar.id in self.calendars
        return self.venue_id is None or calendar.venue_id == self.venue_id

    @property
    def ends_at(self) -> datetime:
        """The instant by which an offered visit must end: the start of the client's appointment, or
        the farthest time that can be booked if that is earlier.
        """
        limit = scheduling.utc_now() + LONGEST + timedelta(days=1)
        if self.booking is not None:
            limit = min(limit, self.booking.starts_at)
        return limit

    def wants(self, at: datetime, minutes: int, calendar: Practitioner) -> bool:
        """Whether a visit of so many minutes that begins then would suit the client."""
        local = at.astimezone(calendar.zone)
        if at + timedelta(minutes=minutes) > self.ends_at:
            return False
        if self.until and local.date() > self.until:
            return False
        if self.weekdays and local.weekday() not in self.weekdays:
            return False
        wall = f"{local:%H:%M}"
        return (not self.from_wall or wall >= self.from_wall) and (
            not self.to_wall or wall < self.to_wall
        )

    def why_over(self) -> str:
        """The reason why the client waits no more; "" while they do."""
        at, booking = scheduling.utc_now(), self.booking
        if booking is not None:
            if not booking.is_expected or not self._is_own(booking):
                return "booking"
            if booking.starts_at <= at:
                return "past"
        if self.until is None or self.until >= at.date():
            return ""
        calendars = [booking.practitioner] if booking else [one.calendar for one in self.terms()]
        days = [scheduling.local_day(at, calendar.zone) for calendar in calendars]
        return "past" if self.until < min(days, default=at.date()) else ""

    def _is_own(self, booking: Booking) -> bool:
        """Whether the appointment belongs to the client of this entry, also under a record that was
        merged.
        """
        if booking.patient_id == self.patient_id:
            return True
        client = booking.patient and booking.patient.record_in_use
        own = self.patient and self.patient.record_in_use
        return bool(client == own)

    def may_give_up(self, online: OnlineSettings) -> bool:
        """Whether the client may still move the appointment by the clinic's rule. Clients whom the
        team put on the list have no such limit.
        """
        if self.booking is None or self.by_team:
            return True
        return online.is_changeable(self.booking.starts_at)

    def end(self, because: str) -> None:
        """End the entry, in the transaction of the change that ends it."""
        if self.phase == "ended":
            return
        self.phase, self.ended_because, self.ended_at = "ended", because, scheduling.utc_now()
        self.sealed, self.known = "", {}
        self.save()


@dataclass(frozen=True)
class Wanted:
    """The wishes of a client. `calendars` (ids): those that suit; empty: any, at the venue if one
    is named.
    """

    calendars: Collection[int] = ()
    venue: Venue | None = None
    weekdays: Collection[int] = ()
    from_wall: time | None = None
    to_wall: time | None = None
    until: date | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The values for the columns of a waiting entry, by name."""
        return {
            "calendars": sorted(self.calendars),
            "venue": self.venue,
            "weekdays": sorted(self.weekdays) if len(set(self.weekdays)) < 7 else [],
            "from_wall": f"{self.from_wall:%H:%M}" if self.from_wall else "",
            "to_wall": f"{self.to_wall:%H:%M}" if self.to_wall else "",
            "until": self.until,
        }


def full_entries() -> "ModelSelect[WaitingEntry]":
    """Entries with all rows that pages and letters show with them, in one query."""
    return (
        WaitingEntry.select(WaitingEntry, Booking, Practitioner, Venue, Service, Patient)
        .left_outer_join(Booking, on=(WaitingEntry.booking == Booking.id))
        .left_outer_join(Practitioner, on=(Booking.practitioner == Practitioner.id))
        .left_outer_join(Venue, on=(Practitioner.venue == Venue.id))
        .switch(WaitingEntry)
        .join(Service)
        .switch(WaitingEntry)
        .left_outer_join(Patient, on=(WaitingEntry.patient == Patient.id))
    )


def waiting(clinic: Clinic) -> "ModelSelect[WaitingEntry]":
    """The clinic's entries, the longest waiting first."""
    where = WaitingEntry.clinic == clinic, WaitingEntry.phase == "waiting"
    return full_entries().where(*where).order_by(WaitingEntry.created_at, WaitingEntry.id)


def count_accepted(clinic: Clinic, since: datetime) -> int:
    """How many of the clinic's entries ended with an earlier time after this instant."""
    taken = WaitingEntry.ended_because == "taken", WaitingEntry.ended_at > since
    return int(WaitingEntry.select().where(WaitingEntry.clinic == clinic, *taken).count())


def of_booking(booking: Booking) -> WaitingEntry | None:
    """The entry whose client would give up this appointment."""
    return (
        full_entries()
        .where(WaitingEntry.booking == booking, WaitingEntry.phase == "waiting")
        .get_or_none()
    )


def may_wait(booking: Booking) -> bool:
    """Whether the client may ask for an earlier time: the booking is in the future, has a client
    and a service, and is not for whole days.
    """
    return (
        booking.is_expected
        and not booking.has_begun
        and booking.patient_id is not None
        and booking.service_id is not None
        and not booking.all_day
    )


def made_before(clinic: Clinic, key: uuid.UUID) -> WaitingEntry | None:
    """The entry that the form with this key has made already."""
    return (
        full_entries().where(WaitingEntry.uuid == key, WaitingEntry.clinic == clinic).get_or_none()
    )


def token(entry: WaitingEntry) -> str:
    """The secret part of the entry link, with which a client leaves the list: 43 characters."""
    return vault.derived(_PURPOSE, f"{entry.uuid}")[0]


def find_entry(key: str, given: str) -> WaitingEntry | None:
    """The entry with this entry link; None for every kind of refusal, after the same query."""
    try:
        wanted = uuid.UUID(key)
    except ValueError:
        wanted = uuid.UUID(int=0)
    row: WaitingEntry | None = full_entries().where(WaitingEntry.uuid == wanted).get_or_none()
    good = [
        secrets.compare_digest(one.encode(), given.encode())
        for one in vault.derived(_PURPOSE, f"{wanted}")
    ]
    return row if row is not None and any(good) else None


_PURPOSE = "leave the waiting list"


def clean_up(at: datetime) -> None:
    """Delete entries that ended long ago."""
    WaitingEntry.delete().where(WaitingEntry.ended_at < at - KEPT).execute()
