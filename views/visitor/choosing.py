"""The visitor's first questions: what, where, with whom and when."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import redirect, request, url_for

from base import region, scheduling
from base.catalogue import _, paragraph
from free_times.earlier.entries import EarlierSettings
from free_times.finding import FreeTime
from free_times.online import making, tickets, visitor_times
from free_times.online.page import OnlinePage
from free_times.own_terms import ServiceTerms
from models import User, Venue
from views.kit import button_times, display

from . import pages
from .pages import with_page
from .picked import Picked

blueprint = pages.blueprint(__name__)

MOST_VENUES = 3  # up to so many venues share the first page; with more, a venue is chosen first
MOST_DAYS = 7  # with free times on one page
AT_ONCE = timedelta(days=10)  # searched first; later days only if nothing is free
TWO_DAYS, MOMENT = timedelta(days=2), timedelta(microseconds=1)


@dataclass(frozen=True)
class ServiceLine:
    """A service at a venue, and the address that chooses it."""

    name: str
    facts: str
    url: str


@dataclass(frozen=True)
class TimeChoice:
    """A free time: its value in the form, its text, and its text in the visitor's zone."""

    value: str
    clock: str
    there: str


@dataclass(frozen=True)
class BookableDay:
    """A day with free times."""

    day: date
    name: str
    times: list[TimeChoice]


def way(rule: str) -> Callable:
    """The address of a question. If the visitor has typed something, the next page is requested by
    POST, since typed text must not be in an address.
    """
    return blueprint.route(rule, methods=["GET", "POST"])


@way("/")
@with_page
def start(page: OnlinePage):
    return first_page(page)


@way("/<place>/")
@with_page
def place(page: OnlinePage, place: str):
    """The page of one venue or one practitioner. Any other name leads to the clinic's page."""
    place = place.lower()
    if place in page.venues_by_slug:
        return first_page(page, page.venues_by_slug[place])
    if place in page.people_by_slug:
        return first_page(page, person=page.people_by_slug[place])
    return redirect(url_for("choosing.start", name=page.name))


def first_page(
    page: OnlinePage,
    venue: Venue | None = None,
    person: User | None = None,
    status: int = 200,
    **shown: object,
):
    """The first page: the services that can be booked, by venue."""
    venues, zone = [venue] if venue else page.venues, Picked.of(page, request.values).zone
    if len(venues) > MOST_VENUES and person is None:
        places = [
            (one, url_for("choosing.place", name=page.name, place=word, zone=zone or None))
            for word, one in page.venues_by_slug.items()
        ]
        return pages.show("venues.html", page, status, places=places, **shown)
    groups = [(one, _lines(page, one, person)) for one in venues]
    groups = [(one, lines) for one, lines in groups if lines]
    return pages.show(
        "services.html",
        page,
        status,
        groups=groups,
        person=person,
        has_venues=len(page.venues) > 1,
        **shown,
    )


def _lines(page: OnlinePage, venue: Venue, person: User | None) -> list[ServiceLine]:
    found = []
    zone = Picked.of(page, request.values).zone
    for service in page.services:
        terms = page.at(service, venue, person)
        if not terms or (person and not making.is_choice(service, anyone=False)):
            continue
        picked = Picked(page, service, venue, person, zone)
        needs_choice = service.online_choice == "person" and not person and len(terms) > 1
        endpoint = "choosing.people" if needs_choice else "choosing.free"
        url = url_for(endpoint, name=page.name, **picked.query())
        found.append(ServiceLine(service.name, facts(page, terms), url))
    return found


def facts(page: OnlinePage, terms: list[ServiceTerms]) -> str:
    """ "40 minutes, £52", or the range of lengths and the lowest price if practitioners differ."""
    minutes = sorted({one.minutes for one in terms})
    prices = sorted({one.price_cents for one in terms})
    if minutes[1:]:
        ends = [region.length(one) for one in (minutes[0], minutes[-1])]
        length = _("{shortest} to {longest}", shortest=ends[0], longest=ends[1])
    else:
        length = region.length(minutes[0])
    cost = pages.price(prices[0], page)
    if cost and prices[1:]:
        return _("{length}, from {price}", length=length, price=cost)
    return _("{length}, {price}", length=length, price=cost) if cost else length


@way("/people")
@with_page
def people(page: OnlinePage):
    """The page that asks with which person, or with anyone who is free."""
    picked = Picked.of(page, request.values)
    if picked.service is None or not picked.terms:
        return gone(page)
    return people_page(picked)


def people_page(picked: Picked, status: int = 200, **shown: object):
    """The page to choose one of several people of a service."""
    page = picked.page
    choices = [
        (one.name, url_for("choosing.free", name=page.name, **replace(picked, person=one).query()))
        for one in picked.people
    ]
    anyone = (
        url_for("choosing.free", name=page.name, **replace(picked, person=None).query())
        if making.is_choice(picked.service, anyone=True)
        else ""
    )
    shown |= {"picked": picked, "choices": choices, "anyone": anyone}
    return pages.show("people.html", page, status, **shown)


def gone(page: OnlinePage, kept: list[tuple[str, str]] | None = None):
    """Say that the choice is not offered now. `kept`: the typed text, if this request does not
    bring it.
    """
    kept = pages.typed() if kept is None else kept
    message = _("That can’t be booked online at the moment. Choose again below.")
    return first_page(page, status=404, message=with_kept(message, kept), kept=kept)


def with_kept(message: str, kept: list[tuple[str, str]]) -> str:
    """The sentence. If something was typed, it also says that the text is kept."""
    return paragraph(message, _("What you typed is kept.") if kept else "")


@way("/times")
@with_page
def free(page: OnlinePage):
    """The page that asks when."""
    picked = Picked.of(page, request.values)
    if picked.service is None or picked.is_lost:
        return gone(page)
    if picked.venue is None and len(picked.venues) > 1:
        return where_page(picked)
    if not picked.terms:
        return gone(page)
    if picked.lacks_person:
        if len(picked.people) > 1:
            return redirect(url_for("choosing.people", name=page.name, **picked.query()))
        picked = replace(picked, person=picked.people[0])
    return times_page(picked, since=request.values.get("from", ""))


def where_page(picked: Picked, status: int = 200, **shown: object):
    """The page to choose one of several venues of a service."""
    page = picked.page
    choices = [
        (one, url_for("choosing.free", name=page.name, **replace(picked, venue=one).query()))
        for one in picked.venues
    ]
    return pages.show("where.html", page, status, picked=picked, choices=choices, **shown)


def times_page(picked: Picked, since: str = "", message: str = "", status: int = 200, **more):
    """The free times of the choice, from a day on. If the venue or the person is still open, the
    page first asks for it: times of several venues in one list would be shown on the clock of one
    of them.
    """
    if picked.venue is None and len(picked.venues) > 1:
        return where_page(picked, status, message=message, **more)
    if picked.is_open:
        return people_page(picked, status, message=message, **more)
    page, service, terms = picked.page, picked.service, picked.terms
    zone = terms[0].calendar.zone
    last, now = visitor_times.latest(page, service, terms), scheduling.utc_now()
    if picked.other_zone and scheduling.show_alike(zone, picked.other_zone, now, last):
        picked = replace(picked, zone="")
    form_use = tickets.form_use_of(picked.form, page.clinic.id)

    def find(begin: datetime, end: datetime) -> Iterator[FreeTime]:
        return visitor_times.free_times(
            page, service, terms, begin, end, form_use=form_use, proposes=False
        )

    days, later, is_first = days_from(find, zone, picked.other_zone, since, last)
    return pages.show(
        "times.html",
        page,
        status,
        picked=picked,
        seed=secrets.token_hex(16),
        service=service,
        facts=facts(page, terms),
        zone=zone,
        venue=terms[0].calendar.venue,
        days=days,
        other_zone=picked.other_zone if _differ(days) else None,
        is_first=is_first,
        soonest=url_for("choosing.free", name=page.name, **picked.query()),
        later=later
        and url_for("choosing.free", name=page.name, **picked.query(**{"from": str(later)})),
        change=_change(picked),
        message=message,
        others=[] if days else _elsewhere(picked, last),
        zones=scheduling.zone_names(),
        listing=_listing(picked),
        **more,
    )


def _differ(days: Sequence[BookableDay]) -> bool:
    """Whether one of these times is another in the visitor's zone."""
    return any(one.there for day in days for one in day.times)


def _listing(picked: Picked) -> str:
    """The address of the waiting list's form; "" if the clinic does not let clients ask."""
    page = picked.page
    is_open = EarlierSettings.of(page.clinic).visitors_ask
    return url_for("joining.show", name=page.name, **picked.query(form="")) if is_open else ""


def days_from(
    find: Callable[[datetime, datetime], Iterator[FreeTime]],
    zone: ZoneInfo,
    other: ZoneInfo | None,
    since: str,
    last: datetime,
) -> tuple[list[BookableDay], date | None, bool]:
    """Three values: the first days with free times from the day `since` on (else today); the day to
    search on from (None: there is none); and whether the search began today. `find` gives the free
    times between two instants.
    """
    now = scheduling.utc_now()
    today = scheduling.local_day(now, zone)
    first = max(button_times.day(since) or today, today)
    begin, length = max(now, scheduling.midnight(first, zone)), AT_ONCE
    end = _midnight(begin + length, last, zone)
    days, later = _days(find(begin, min(end - MOMENT, last)), zone, other)
    while not days and end < last:
        begin, length = end, 4 * length
        end = _midnight(begin + length, last, zone)
        days, later = _days(find(begin, min(end - MOMENT, last)), zone, other)
    if later is None and end < last:
        later = scheduling.local_day(end, zone)
    return days, later, first == today


def _midnight(at: datetime, last: datetime, zone: ZoneInfo) -> datetime:
    """The midnight before this instant, so that each day is listed completely or not at all. It is
    at most shortly after `last`.
    """
    soon_after = last + TWO_DAYS  # in any case a later day, even if a day has 25 hours
    return scheduling.midnight(scheduling.local_day(min(at, soon_after), zone), zone)


def _days(
    free_times: Iterable[FreeTime], zone: ZoneInfo, other: ZoneInfo | None
) -> tuple[list[BookableDay], date | None]:
    """Two values: the first days with free times, and the next day after them that has free
    times.
    """
    found: dict[date, list[TimeChoice]] = {}
    today = scheduling.local_day(scheduling.utc_now(), zone)
    for free in free_times:
        day = scheduling.local_day(free.starts_at, zone)
        if day not in found and len(found) == MOST_DAYS:
            return _named(found, today), day
        value = str(int(free.starts_at.timestamp()))
        found.setdefault(day, []).append(
            TimeChoice(
                value, region.clock_in(free.starts_at, zone), in_zone(free.starts_at, zone, other)
            )
        )
    return _named(found, today), None


def _named(found: dict[date, list[TimeChoice]], today: date) -> list[BookableDay]:
    return [BookableDay(day, display.near_day(day, today), every) for day, every in found.items()]


def in_zone(at: datetime, zone: ZoneInfo, other: ZoneInfo | None) -> str:
    """The time on the visitor's clock: "14:20", with the day if it differs."""
    if other is None:
        return ""
    here, there = at.astimezone(zone), at.astimezone(other)
    if here.utcoffset() == there.utcoffset():
        return ""
    day = f"{display.short_day(there)}, " if here.date() != there.date() else ""
    return f"{day}{region.clear_clock(there)}"


def _change(picked: Picked) -> str:
    """The address to choose another person; "" if there is nobody else, or no choice."""
    if len(picked.people) < 2 or not making.is_choice(picked.service, anyone=False):
        return ""
    return url_for("choosing.people", name=picked.page.name, **replace(picked, person=None).query())


def _elsewhere(picked: Picked, last: datetime) -> list[tuple[str, str, str]]:
    """Other places or people with free times for the service: name, earliest time, address."""
    now, page, service = scheduling.utc_now(), picked.page, picked.service
    found = []
    others = [one for one in page.at(service) if one not in picked.terms]
    if making.is_choice(service, anyone=False):
        ways = [(f"{one.calendar.user.name}, {one.calendar.venue.name}", [one]) for one in others]
    else:
        venues = {one.calendar.venue_id: one.calendar.venue for one in others}
        ways = [(venue.name, page.at(service, venue)) for venue in venues.values()]
    for name, terms in ways[:5]:
        free = next(visitor_times.free_times(page, service, terms, now, last, proposes=False), None)
        if free:
            calendar = terms[0].calendar
            day = scheduling.local_day(free.starts_at, calendar.zone)
            person = calendar.user if making.is_choice(service, anyone=False) else None
            way = Picked(page, service, calendar.venue, person, picked.zone)
            url = url_for("choosing.free", name=page.name, **way.query())
            at = f"{display.day(day)}, {display.clock(free.starts_at, calendar.zone)}"
            found.append((name, at, url))
    return found
