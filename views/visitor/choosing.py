"""The visitor's first questions: what, where, with whom and when."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import redirect, request, url_for

from base import scheduling
from base.catalogue import _, ngettext, paragraph
from free_times.finding import Free
from free_times.offers import Terms
from free_times.online import forms, taking, times
from free_times.online.page import Page
from models import User, Venue
from views.kit import display, given

from . import pages
from .asked import Asked
from .pages import with_page

blueprint = pages.blueprint(__name__)

MOST_VENUES = 3  # whose services stand on the first page; of more one is chosen before
MOST_DAYS = 7  # with free times on one page
AT_ONCE = timedelta(days=10)  # looked through first; further only where nothing is free
TWO_DAYS, MOMENT = timedelta(days=2), timedelta(microseconds=1)


@dataclass(frozen=True)
class Line:
    """A service as it is offered at a venue, and where choosing it leads."""

    name: str
    facts: str
    url: str


@dataclass(frozen=True)
class Time:
    """A free time: what the form sends, how it reads, and how it reads in the visitor's zone."""

    value: str
    clock: str
    there: str


@dataclass(frozen=True)
class Day:
    """A day with free times."""

    day: date
    name: str
    times: list[Time]


def way(rule: str) -> Callable:
    """The address of a question. It is also posted to by whoever has typed something already, which
    belongs in no address.
    """
    return blueprint.route(rule, methods=["GET", "POST"])


@way("/")
@with_page
def start(page: Page):
    return first_page(page)


@way("/<place>/")
@with_page
def place(page: Page, place: str):
    """The page of one venue or one practitioner; any other word leads to the clinic's."""
    place = place.lower()
    if place in page.venues_by_slug:
        return first_page(page, page.venues_by_slug[place])
    if place in page.people_by_slug:
        return first_page(page, person=page.people_by_slug[place])
    return redirect(url_for("choosing.start", name=page.name))


def first_page(
    page: Page,
    venue: Venue | None = None,
    person: User | None = None,
    status: int = 200,
    **shown: object,
):
    """What can be booked, by venue."""
    venues, zone = [venue] if venue else page.venues, Asked.of(page, request.values).zone
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


def _lines(page: Page, venue: Venue, person: User | None) -> list[Line]:
    found = []
    zone = Asked.of(page, request.values).zone
    for service in page.services:
        terms = page.at(service, venue, person)
        if not terms or (person and not taking.is_choice(service, anyone=False)):
            continue
        asked = Asked(page, service, venue, person, zone)
        needs_choice = service.online_choice == "person" and not person and len(terms) > 1
        endpoint = "choosing.people" if needs_choice else "choosing.free"
        url = url_for(endpoint, name=page.name, **asked.said())
        found.append(Line(service.name, facts(page, terms), url))
    return found


def facts(page: Page, terms: list[Terms]) -> str:
    """ "40 minutes, £52", or from how much where practitioners differ."""
    minutes = sorted({one.minutes for one in terms})
    prices = sorted({one.price_cents for one in terms})
    if minutes[1:]:
        length = _("{shortest} to {longest} minutes", shortest=minutes[0], longest=minutes[-1])
    else:
        length = ngettext("{count} minute", "{count} minutes", minutes[0])
    cost = pages.price(prices[0], page)
    if cost and prices[1:]:
        return _("{length}, from {price}", length=length, price=cost)
    return _("{length}, {price}", length=length, price=cost) if cost else length


@way("/people")
@with_page
def people(page: Page):
    """With whom: a person, or whoever is free first."""
    asked = Asked.of(page, request.values)
    if asked.service is None or not asked.terms:
        return gone(page)
    choices = [
        (one.name, url_for("choosing.free", name=page.name, **replace(asked, person=one).said()))
        for one in asked.people
    ]
    anyone = (
        url_for("choosing.free", name=page.name, **replace(asked, person=None).said())
        if taking.is_choice(asked.service, anyone=True)
        else ""
    )
    return pages.show("people.html", page, asked=asked, choices=choices, anyone=anyone)


def gone(page: Page, kept: list[tuple[str, str]] | None = None):
    """What was chosen is not offered, any more or ever. `kept`: what was typed, where this request
    does not bring it.
    """
    kept = pages.typed() if kept is None else kept
    notice = _("That can’t be booked online at the moment. Choose again below.")
    return first_page(page, status=404, notice=with_kept(notice, kept), kept=kept)


def with_kept(notice: str, kept: list[tuple[str, str]]) -> str:
    """The sentence, and that nothing typed is lost where something was typed."""
    return paragraph(notice, _("What you typed is kept.") if kept else "")


@way("/times")
@with_page
def free(page: Page):
    """When."""
    asked = Asked.of(page, request.values)
    if asked.service is None or asked.is_lost:
        return gone(page)
    if asked.venue is None and len(asked.venues) > 1:
        choices = [
            (one, url_for("choosing.free", name=page.name, **replace(asked, venue=one).said()))
            for one in asked.venues
        ]
        return pages.show("where.html", page, asked=asked, choices=choices)
    if not asked.terms:
        return gone(page)
    if asked.person is None and not taking.is_choice(asked.service, anyone=True):
        if len(asked.people) > 1:
            return redirect(url_for("choosing.people", name=page.name, **asked.said()))
        asked = replace(asked, person=asked.people[0])
    return times_page(asked, since=request.values.get("from", ""))


def times_page(asked: Asked, since: str = "", notice: str = "", status: int = 200, **more):
    """The free times of what was chosen, from a day on."""
    page, service, terms = asked.page, asked.service, asked.terms
    zone = terms[0].calendar.zone
    if asked.other_zone and not in_zone(scheduling.utc_now(), zone, asked.other_zone):
        asked = replace(asked, zone="")
    last = times.latest(page, service, terms)
    visitor = forms.visitor_of(asked.form, page.clinic.id)

    def find(begin: datetime, end: datetime) -> Iterator[Free]:
        return times.free_times(page, service, terms, begin, end, visitor=visitor, proposes=False)

    days, later, is_first = look(find, zone, asked.other_zone, since, last)
    return pages.show(
        "times.html",
        page,
        status,
        asked=asked,
        visit=secrets.token_hex(16),
        service=service,
        facts=facts(page, terms),
        zone=zone,
        venue=terms[0].calendar.venue,
        days=days,
        is_first=is_first,
        soonest=url_for("choosing.free", name=page.name, **asked.said()),
        later=later
        and url_for("choosing.free", name=page.name, **asked.said(**{"from": str(later)})),
        change=_change(asked),
        notice=notice,
        others=[] if days else _elsewhere(asked, last),
        zones=scheduling.zone_names(),
        **more,
    )


def look(
    find: Callable[[datetime, datetime], Iterator[Free]],
    zone: ZoneInfo,
    other: ZoneInfo | None,
    since: str,
    last: datetime,
) -> tuple[list[Day], date | None, bool]:
    """The first days with free times from the day `since` on (else today), where to look on (None:
    no further), and whether it began today. `find` gives free times between two instants.
    """
    now = scheduling.utc_now()
    today = scheduling.local_day(now, zone)
    first = max(given.day(since) or today, today)
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
    """The midnight before this instant, so that each day is shown whole or not at all; never far
    after `last`.
    """
    soon_after = last + TWO_DAYS  # surely another day, however long a day is
    return scheduling.midnight(scheduling.local_day(min(at, soon_after), zone), zone)


def _days(
    free_times: Iterable[Free], zone: ZoneInfo, other: ZoneInfo | None
) -> tuple[list[Day], date | None]:
    """The first days with free times, and the day after them that has some, too."""
    found: dict[date, list[Time]] = {}
    today = scheduling.local_day(scheduling.utc_now(), zone)
    for free in free_times:
        day = scheduling.local_day(free.starts_at, zone)
        if day not in found and len(found) == MOST_DAYS:
            return _named(found, today), day
        value = str(int(free.starts_at.timestamp()))
        found.setdefault(day, []).append(
            Time(value, clock(free.starts_at, zone), in_zone(free.starts_at, zone, other))
        )
    return _named(found, today), None


def _named(found: dict[date, list[Time]], today: date) -> list[Day]:
    return [Day(day, display.near_day(day, today), every) for day, every in found.items()]


def clock(at: datetime, zone: ZoneInfo) -> str:
    """14:30; in the hour that the clocks show twice with the name of its time: 01:30 BST."""
    local = at.astimezone(zone)
    is_twice = local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset()
    return f"{local:%H:%M %Z}" if is_twice else f"{local:%H:%M}"


def in_zone(at: datetime, zone: ZoneInfo, other: ZoneInfo | None) -> str:
    """How a time reads on the visitor's clock: "14:20", with the day where it is another one."""
    if other is None:
        return ""
    here, there = at.astimezone(zone), at.astimezone(other)
    if here.utcoffset() == there.utcoffset():
        return ""
    day = f"{display.short_day(there)}, " if here.date() != there.date() else ""
    return f"{day}{there:%H:%M}"


def _change(asked: Asked) -> str:
    """Where another person is chosen; nothing where there is nobody else, or no choice."""
    if len(asked.people) < 2 or not taking.is_choice(asked.service, anyone=False):
        return ""
    return url_for("choosing.people", name=asked.page.name, **replace(asked, person=None).said())


def _elsewhere(asked: Asked, last: datetime) -> list[tuple[str, str, str]]:
    """Where else the service has free times: who or where, the earliest time, and the way there."""
    now, page, service = scheduling.utc_now(), asked.page, asked.service
    found = []
    others = [one for one in page.at(service) if one not in asked.terms]
    if taking.is_choice(service, anyone=False):
        ways = [(f"{one.calendar.user.name}, {one.calendar.venue.name}", [one]) for one in others]
    else:
        venues = {one.calendar.venue_id: one.calendar.venue for one in others}
        ways = [(venue.name, page.at(service, venue)) for venue in venues.values()]
    for name, terms in ways[:5]:
        free = next(times.free_times(page, service, terms, now, last, proposes=False), None)
        if free:
            calendar = terms[0].calendar
            day = scheduling.local_day(free.starts_at, calendar.zone)
            person = calendar.user if taking.is_choice(service, anyone=False) else None
            way = Asked(page, service, calendar.venue, person, asked.zone)
            url = url_for("choosing.free", name=page.name, **way.said())
            at = f"{display.day(day)}, {display.clock(free.starts_at, calendar.zone)}"
            found.append((name, at, url))
    return found
