"""One appointment in the words of a letter, in the state that its client knows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from base import day_names, region
from base.bookings.client_letters import ClientFacts, LetterSettings
from base.catalogue import _, ngettext
from base.working_time import DAY
from models import Booking, Clinic
from sync.events import visit

from . import loading
from .mail_text import one_line

CLOCK_CHANGE = timedelta(hours=2)  # a day with a change is longer or shorter by this, at most
MOST_ADDABLE = 12  # appointments of a letter that each have addresses for calendars
OVER = ("declined", "lapsed", "cancelled")  # kinds after which the client no longer has the booking


@dataclass(frozen=True)
class Visit:
    """One appointment of a letter, in words. `zone`: that of the times; "" for whole days.
    `is_addable`: the letter has several appointments, and shows this one's addresses for calendars.
    """

    day: str
    clock: str
    zone: str
    where: str
    map_url: str
    length: str
    person: str
    service: str
    was: str
    google_url: str
    outlook_url: str
    manage_url: str = ""  # if a letter has several appointments
    is_addable: bool = False


def as_known(booking: Booking, was: ClientFacts | None) -> Booking:
    """The booking with the time and the calendar that its client knew. Never save it.

    A former client of the booking must learn nothing about its later state: time, person or
    service.
    """
    now = ClientFacts.of(booking)
    if was is None or (was.place, was.client) == (now.place, now.client):
        return booking
    calendar = booking.practitioner
    if was.calendar != now.calendar:
        calendar = loading.calendar(booking.clinic_id, was.calendar) or calendar
    start, end = (datetime.fromisoformat(at) for at in (was.starts, was.ends))
    days = _days(start, end, calendar.zone) or (None, None)
    known = Booking(
        **booking.__data__
        | {"starts_at": start, "ends_at": end, "starts_on": days[0], "ends_on": days[1]}
    )
    known.clinic, known.practitioner = booking.clinic, calendar
    known.patient = booking.patient
    known.service = booking.service if was.client == now.client else None
    return known


def _days(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[date, date] | None:
    """The first whole day and the one after the last; None for times within days."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    if first.time() == last.time() == time.min and first < last:
        return first.date(), last.date()
    return None


def visit_of(
    clinic: Clinic, settings: LetterSettings, booking: Booking, was: ClientFacts | None, kind: str
) -> Visit:
    """An appointment in words. `was`: the state that the client knows."""
    venue, zone = booking.practitioner.venue, booking.practitioner.zone
    days = (booking.starts_on, booking.ends_on) if booking.starts_on and booking.ends_on else None
    service = one_line(settings.service_named(booking))
    name = visit.title(one_line(clinic.name), service)
    entry = name, booking.starts_at, booking.ends_at, venue.address, days
    place = one_line(venue.address)
    city = str(zone).rpartition("/")[2].replace("_", " ")
    return Visit(
        day=day(booking.starts_at, zone),
        clock=_clock(booking),
        zone="" if booking.all_day else _("{city} time", city=city),
        where=", ".join(part for part in (one_line(venue.name), place) if part),
        map_url=f"https://www.openstreetmap.org/search?{urlencode({'query': place})}"
        if place
        else "",
        length=""
        if booking.all_day
        else region.length(int(booking.span.duration / timedelta(minutes=1))),
        person=one_line(booking.practitioner.user.name),
        service=service,
        was=_was(was, booking) if kind in ("moved", "offered") else "",
        google_url="" if kind in OVER else visit.google_url(*entry),
        outlook_url="" if kind in OVER else visit.outlook_url(*entry),
    )


def several(shown: Sequence[Visit], manage_urls: Sequence[str]) -> list[Visit]:
    """The appointments of a letter that has several. Each gets the address where its client may
    change it. In a long letter none has addresses for calendars, since the attached file has all
    entries.
    """
    is_short = len(shown) <= MOST_ADDABLE
    return [
        replace(one, manage_url=url, is_addable=bool(url) and is_short)
        for one, url in zip(shown, manage_urls, strict=True)
    ]


def _clock(booking: Booking) -> str:
    """From when until when, on the clock of the venue."""
    if booking.starts_on and booking.ends_on:
        days = (booking.ends_on - booking.starts_on).days
        return ngettext("all day", "{count} whole days", days)
    return region.between_in(booking.starts_at, booking.ends_at, booking.practitioner.zone)


def day(at: datetime, zone: ZoneInfo) -> str:
    """Tuesday 2 December 2026."""
    return day_names.full(at.astimezone(zone), year=True)


def _was(was: ClientFacts | None, booking: Booking) -> str:
    """The former time, calendar and place in words, if they changed."""
    if was is None:
        return ""
    parts, now = [_time_before(was, booking)], booking.practitioner
    before = loading.calendar(booking.clinic_id, was.calendar)
    if before is not None and before.user_id != now.user_id:
        parts.append(_("with {name}", name=one_line(before.user.name)))
    if before is not None and before.venue_id != now.venue_id:
        parts.append(one_line(before.venue.name))
    return ", ".join(part for part in parts if part)


def _time_before(was: ClientFacts, booking: Booking) -> str:
    if (was.starts, was.ends) == ClientFacts.of(booking).place[:2]:
        return ""
    zone = booking.practitioner.zone
    start, end = (datetime.fromisoformat(at) for at in (was.starts, was.ends))
    if start.astimezone(zone).time() == end.astimezone(zone).time() == time.min:
        return day(start, zone)  # of whole days
    days = round((end - start) / DAY)
    first, last = booking.starts_on, booking.ends_on
    if first and last and days and abs(end - start - days * DAY) <= CLOCK_CHANGE:
        # also for whole days, in the venue's zone of that time, which may have changed since
        noon = start + DAY / 2
        is_same = noon.astimezone(zone).date() == first
        is_same = is_same and days == (last - first).days
        return "" if is_same else day(noon, zone)
    return moment(start, booking)


def moment(at: datetime | None, booking: Booking) -> str:
    """Day and time on the clock of the booking's venue."""
    if at is None:
        return ""
    zone = booking.practitioner.zone
    return f"{day(at, zone)}, {region.clock_in(at, zone)}"
