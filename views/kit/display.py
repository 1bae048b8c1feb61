"""Values as pages show them: times with their zone, money, "12 minutes ago", the main menu,
addresses of assets.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from flask_login import current_user
from jinja2.ext import Extension

from base import day_names, region, scheduling
from base.catalogue import _, lazy, listed, ngettext
from base.config.version import VERSION
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from base.text import is_address
from models import Booking
from people import calendars
from sync.events.face import STATUS_WORDS
from sync.providers import registry
from sync.tables import account_names

from . import provider_words

MOST_TIMES = 5  # at most so many in one sentence

STATUS_NAMES = STATUS_WORDS
STATUS_DEEDS = {  # the label of the button that sets the status
    "offered": lazy("Offer"),
    "pending": lazy("Set to pending"),
    "confirmed": lazy("Confirm"),
    "arrived": lazy("Mark as arrived"),
    "delivered": lazy("Mark as completed"),
    "invoiced": lazy("Mark as invoiced"),
    "paid": lazy("Mark as paid"),
    "cancelled": lazy("Cancel"),
    "no_show": lazy("Mark as no-show"),
}
AWAY = lazy("Away")
OFF_NAMES = {
    "leave": lazy("Leave"),
    "sick": lazy("Sick leave"),
    "training": lazy("Training"),
    "lunch": lazy("Lunch"),
    "other": lazy("Time off"),
}
BUSY_NAMES = {
    "busy": lazy("Busy"),
    "free": lazy("Free"),
    "tentative": lazy("Tentative"),
    "away": lazy("Away"),
    "elsewhere": lazy("Working elsewhere"),
}
CURRENCIES = {"GBP": "£", "EUR": "€", "USD": "$"}

STYLESHEETS = (  # in the order in which the browser applies them
    "app.css",
    "layout.css",
    "components.css",
    "clock.css",
    "calendar.css",
    "team_day.css",
    "screens.css",
)

_MENU = (  # name, endpoint, icon, whether the person sees it
    (lazy("Team’s day"), "team_day.index", "columns", "all"),
    (lazy("Calendar"), "week.index", "calendar", "all"),
    (lazy("Clients"), "patients.index", "clients", "all"),
    (lazy("Services"), "services.index", "services", "all"),
    (lazy("Team"), "team.index", "team", "all"),
    (lazy("Calendar sync"), "sync_settings.show", "sync", "own calendar"),
    (lazy("Health"), "health.show", "health", "manager"),
    (lazy("Settings"), "settings.show", "settings", "manager"),
    (lazy("Help"), "help.index", "help", "all"),
)


class Wrapped(Extension):
    """Lets a template break its lines anywhere, also inside quotation marks. A line break and the
    indent of the next line are one space in the page.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source with its continued lines joined."""
        return re.sub(r"\n +", " ", source)


def init_app(app: Flask) -> None:
    """Give the templates these filters and functions."""
    static = Path(app.static_folder or "")

    @cache
    def asset(name: str) -> str:
        """The address of a static file, with a hash of its content, so that browsers may keep it
        for good.
        """
        digest = hashlib.sha256((static / name).read_bytes()).digest()
        mark = base64.urlsafe_b64encode(digest)[:4].decode()
        return f"{app.static_url_path}/{name}?v={mark}"

    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 31536000
    app.jinja_env.add_extension(Wrapped)
    app.jinja_env.globals.update(
        stylesheets=STYLESHEETS,
        asset=asset,
        paper=lambda: region.current.get().paper,
        twelve_hours=lambda: region.current.get().twelve_hours,
        site_map=site_map,
        version=VERSION,
        now=lambda: scheduling.utc_now(),
        ngettext=ngettext,
        provider_words=provider_words,
    )
    app.jinja_env.filters.update(called=called, listed=listed, dial=dial, is_address=is_address)
    app.jinja_env.filters.update(account_name=account_names.name_of, provider=registry.name)
    app.jinja_env.filters.update(
        day=day,
        weekday=day_names.weekday,
        short_weekday=day_names.short_weekday,
        month=day_names.of_year,
        short_day=short_day,
        clock=clock,
        wall=region.wall,
        walls=region.walls,
        hour=region.hour,
        length_in_words=region.length,
        time_of_day=region.clock,
        money=money,
        ago=ago,
        zone_name=zone_name,
        zone_city=zone_city,
        when=when,
        moment=moment,
        status_deed=STATUS_DEEDS.__getitem__,
        status_name=(STATUS_NAMES | {"external": _("Other calendar"), "away": AWAY}).__getitem__,
    )


def site_map() -> list[tuple[str, str, str]]:
    """The entries of the main menu. A receptionist has no entries for sync, unless they have a
    calendar of their own.
    """
    sees = {"all"} | ({"manager"} if current_user.is_manager else set())
    if current_user.role != "receptionist" or calendars.has_any(current_user):
        sees.add("own calendar")
    return [(name, endpoint, picture) for name, endpoint, picture, who in _MENU if who in sees]


def called(calendar: Any) -> str:
    """The name of a calendar outside, for its owner. Google's main calendar has the account's
    address as its name.
    """
    return _("Your main calendar") if calendar.is_primary else calendar.name


def day(value: date, year: bool = False) -> str:
    """Friday 20 November; with the year if asked for."""
    return day_names.full(value, year)


def near_day(on: date, today: date) -> str:
    """The day in words: "Today, Friday 20 November"; with the year if it is not this year."""
    words = day(on, year=on.year != today.year)
    near = {0: _("Today, {day}", day=words), 1: _("Tomorrow, {day}", day=words)}
    return near.get((on - today).days, words)


def short_day(value: date) -> str:
    """A day in short: Fri 20 Nov."""
    return day_names.short(value)


def clock(at: datetime, zone: ZoneInfo) -> str:
    """14:05 in the zone, or 2:05 pm if the clinic writes times so; 01:30 BST in the hour that comes
    twice.
    """
    return region.clock_in(at, zone)


def moment(at: datetime, zone: ZoneInfo) -> str:
    """20 November 2026, 14:05, in the zone."""
    return day_names.moment(at.astimezone(zone))


def when(booking: Booking) -> str:
    """Fri 20 Nov 2026, 11:10–12:00, in the venue's zone; for whole days the first and the last."""
    zone = booking.practitioner.zone
    if not booking.all_day:
        start = booking.starts_at.astimezone(zone)
        day_name = day_names.short(start, year=True)
        return f"{day_name}, {region.between_in(booking.starts_at, booking.ends_at, zone)}"
    first, last = _days(booking)
    days = day_names.short(last, year=True)
    if last != first:
        days = _("{starts_on} to {last}", starts_on=short_day(first), last=days)
    return _("{days}, all day", days=days)


def _days(item: Span | Booking | ExternalEvent) -> tuple[date, date]:
    """The first and the last of the whole days."""
    first, end = item.starts_on, item.ends_on
    assert first is not None and end is not None  # whole days have both
    return first, end - timedelta(days=1)


def first_day(item: Span | Booking | ExternalEvent, zone: ZoneInfo) -> date:
    """The local day on which it begins."""
    return item.starts_on or scheduling.local_day(item.starts_at, zone)


def some(times: Sequence[str]) -> str:
    """The first few of these times, and the number of the others."""
    more = len(times) - MOST_TIMES
    return "; ".join(times[:MOST_TIMES]) + (_("; and {more} more", more=more) if more > 0 else "")


def from_to(item: Span | Booking | ExternalEvent, zone: ZoneInfo) -> str:
    """Friday 20 November, 14:30–15:20. With the later day if it ends on another one, and the year
    if it is not this year.
    """
    first = first_day(item, zone)
    ends_at = max(item.starts_at, item.ends_at - timedelta(microseconds=1))
    last = _days(item)[1] if item.all_day else scheduling.local_day(ends_at, zone)
    year = {first.year, last.year} != {scheduling.local_day(scheduling.utc_now(), zone).year}
    start = day(first, year)
    if item.all_day:
        return (
            _("{start}, all day", start=start)
            if last == first
            else _("{start} to {last}, all day", start=start, last=day(last, year))
        )
    midnight = last == first or item.ends_at == scheduling.midnight(last, zone)
    return (
        f"{start}, {region.between_in(item.starts_at, item.ends_at, zone)}"
        if midnight
        else _(
            "{start}, {starts_at} to {last}, {end}",
            start=start,
            starts_at=clock(item.starts_at, zone),
            last=day(last, year),
            end=clock(item.ends_at, zone),
        )
    )


def brief(item: Span | Booking | ExternalEvent, zone: ZoneInfo, among: date) -> str:
    """Times in short: 14:30–15:20. Their day comes first, unless it is `among`. A time longer than
    a day has both its days.
    """
    if item.ends_at - item.starts_at > timedelta(
        hours=25
    ):  # the hours of the day on which the clocks go back
        return from_to(item, zone)
    first = first_day(item, zone)
    times = _("all day") if item.all_day else region.between_in(item.starts_at, item.ends_at, zone)
    return times if first == among else f"{short_day(first)} {times}"


def zone_city(zone: ZoneInfo) -> str:
    """The city of a zone: "New York" for America/New_York."""
    return zone.key.rsplit("/", 1)[-1].replace("_", " ")


def zone_name(zone: ZoneInfo) -> str:
    """The words that name the zone of a time: "New York time"."""
    return _("{city} time", city=zone_city(zone))


def money(cents: int | None, currency: str) -> str:
    """Minor units as an amount: "£65" or "£65.50"; "" for None."""
    if cents is None:
        return ""
    amount = f"{cents / 100:,.2f}".removesuffix(".00")
    return f"{CURRENCIES[currency]}{amount}" if currency in CURRENCIES else f"{amount} {currency}"


def dial(phone: str) -> str:
    """A phone number in the form for tel: addresses: its digits, and a plus in front."""
    digits = "".join(one for one in phone if one.isdecimal())
    return f"+{digits}" if phone.strip().startswith("+") else digits


def duration(seconds: float) -> str:
    """The approximate time in the largest unit that fits: "40 seconds", "12 minutes", "5 hours", "9
    days".
    """
    if seconds >= 86400:
        days = int(seconds // 86400)
        return ngettext("{count} day", "{count} days", days, count=days)
    if seconds >= 3600:
        return ngettext("{count} hour", "{count} hours", int(seconds // 3600))
    if seconds >= 60:
        return ngettext("{count} minute", "{count} minutes", int(seconds // 60))
    return ngettext("{count} second", "{count} seconds", int(seconds))


def plain_action(action: str) -> str:
    """The text for an action of the history that has no words: "account.some_thing" → "account:
    some thing".
    """
    kind, __, deed = action.partition(".")
    return f"{kind}: {deed or 'changed'}".replace("_", " ")


def minutes(seconds: int) -> str:
    """A waiting time, rounded up: "a minute", "5 minutes"."""
    if seconds <= 60:
        return _("a minute")
    return region.length(-(-seconds // 60))


_RHYTHMS = (  # seconds of the unit; words for one unit; words for several
    (86400, lazy("about daily"), lazy("about every {count} days")),
    (3600, lazy("about hourly"), lazy("about every {count} hours")),
    (60, lazy("about every minute"), lazy("about every {count} minutes")),
)


def rhythm(seconds: float) -> str:
    """The approximate interval: "about every 15 minutes", "about hourly", "about every 6 hours",
    "about daily".
    """
    for size, once, often in _RHYTHMS:
        if seconds >= 0.75 * size:
            count = max(1, round(seconds / size))
            return str(once) if count == 1 else often.format(count=count)
    return _("about every minute")


def ago(at: datetime) -> str:
    """ "12 minutes ago"."""
    seconds = (scheduling.utc_now() - at).total_seconds()
    return _("just now") if seconds < 10 else _("{duration} ago", duration=duration(seconds))
