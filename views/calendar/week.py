"""The calendar: a week (one day of it on a phone), a day, or an agenda of seven days."""

import hashlib
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_login import current_user

from base import day_names, region, scheduling
from base.bookings.statuses import STATUSES
from base.catalogue import _, lazy
from base.tables import time_off
from models import Booking, Practitioner
from people import calendars, founding
from views.kit import access, display, htmx, menu
from views.kit.access import login_required
from views.kit.forms import arg_int

from . import columns, grid, outside_card, places
from .first_steps import first_steps

blueprint = Blueprint("week", __name__)

VIEWS = ("day", "week", "agenda")
# The steps of the arrows: (unit, days, the width of the screen; "": any). A narrow screen
# shows one day of the week.
STEPS = {
    "day": [("day", timedelta(days=1), "")],
    "agenda": [("seven days", timedelta(days=7), "")],
    "week": [("day", timedelta(days=1), "narrow"), ("week", timedelta(days=7), "wide")],
}
JUMPS = [
    (lazy("In 1 week"), 7),
    (lazy("In 2 weeks"), 14),
    (lazy("In 4 weeks"), 28),
    (lazy("In 6 weeks"), 42),
]
RENEWED_SECONDS = 300  # an open page is renewed so often without a change: the line of now moves


@blueprint.get("/")
@login_required
def home():
    return redirect(access.first_page())


@blueprint.get("/calendar")
@login_required
def index():
    view = request.args.get("view", "week")
    if view not in VIEWS:
        abort(404)
    if not menu.menu_calendars()[0]:
        return render_template("week/none.html")
    calendar = chosen_calendar()
    return render_template("week/index.html", **page(calendar, chosen_day(calendar.zone), view))


@blueprint.get("/calendar/changes")
@login_required
def changes():
    """The answer to a poll by an open page: nothing if it is up to date (`rev`), else the
    calendar.
    """
    view, calendar = request.args.get("view"), chosen_calendar()
    if view not in VIEWS:
        abort(404)
    day = chosen_day(calendar.zone)
    if not htmx.is_partial():
        return redirect(url_for("week.index", calendar=calendar.id, day=day, view=view))
    if request.args.get("rev") == revision(calendar, scheduling.utc_now()):
        return Response(status=204)
    return render_template("week/_changes.html", **page(calendar, day, view))


@blueprint.get("/calendar/outside/<int:event_id>")
@login_required
def outside(event_id: int):
    """The card of an external event, over the calendar in which it was pressed."""
    event = access.external_event_to_read(event_id)
    calendar = (
        chosen_calendar()
        if "calendar" in request.args
        else next(iter(event.user.calendars()), None) or abort(404)
    )
    if calendar.user_id != event.user_id or not event.is_shown_to(current_user.id):
        abort(404)
    card, view = outside_card.card(event, calendar), request.args.get("view", "week")
    day = chosen_day(calendar.zone) if "day" in request.args else card.day
    if view not in (*VIEWS, "team"):
        abort(404)
    behind = {} if htmx.is_partial() else page(calendar, day, "day" if view == "team" else view)
    back = places.address(calendar, day, places.came_from())
    return htmx.show("week/outside.html", "week/_outside.html", card=card, back=back, **behind)


def chosen_calendar() -> Practitioner:
    """The calendar in the query string. Without one: one's own (an open one before a closed one
    with future bookings); else the first.
    """
    asked, listed = arg_int(request.values.get("calendar")), menu.menu_calendars()[0]
    if asked is None:
        own = (one for one in listed if one.user_id == current_user.id)
        return next(own, None) or next(iter(listed), None) or abort(404)
    return next((one for one in listed if one.id == asked), None) or access.calendar_to_read(asked)


def chosen_day(zone: ZoneInfo) -> date:
    """The day in the query string, else today in the zone."""
    asked = request.values.get("day")
    try:
        day = (
            date.fromisoformat(asked) if asked else scheduling.local_day(scheduling.utc_now(), zone)
        )
    except ValueError:
        abort(404)
    return day if scheduling.is_possible_day(day) else abort(404)


def page(calendar: Practitioner, day: date, view: str) -> dict:
    """The values for the templates of a week, a day or an agenda."""
    wanted = (
        [day + timedelta(days=n) for n in range(7)] if view == "agenda" else region.week_of(day)
    )
    dates = [one for one in wanted if scheduling.FIRST_DAY <= one <= scheduling.LAST_DAY]
    filled = [day] if view == "day" else dates
    zone, now = calendar.zone, scheduling.utc_now()
    around = (
        scheduling.midnight(filled[0], zone) - timedelta(days=1),
        scheduling.midnight(filled[-1], zone) + timedelta(days=2),
    )
    # Before the rows are read: the next poll sees a change in between.
    rev = revision(calendar, now)
    rota = time_off.rota(calendar, *around)
    items = [
        *Booking.of_person(calendar.user, *around),
        *columns.external(calendar, *around),
        *rota.closed(*around),
    ]
    today = scheduling.local_day(now, zone)
    days = [columns.DayColumn(one, one == today) for one in dates]
    for column in days:
        if column.date in filled:
            columns.fill(column, calendar, items, rota, now)
    shown = {item.status for column in days for item in column.blocks}
    found = {
        "calendar": calendar,
        "day": day,
        "view": view,
        "came": {"view": view, "shown": day.isoformat()} if view != "week" else {},
        **headings(day, today),
        "days": days,
        "today": today,
        "rev": rev,
        **_clock(days, now.astimezone(zone), today in filled),
        "steps": STEPS[view],
        "calendars": switcher(),
        "statuses": [s for s in (*STATUSES, "external", "away") if s in shown],
        "has_legend": bool(shown) and view != "agenda",
        "is_empty": not shown and view != "agenda" and access.may_book(calendar),
        "more_calendars": menu.menu_calendars()[1],
        "says_zone": places.zone_differs(calendar),
        "may_book": access.may_book(calendar),
        "first_steps": None
        if shown or founding.has_bookings(access.clinic())
        else first_steps(access.clinic()),
    }
    return found if view == "day" else found | {"heading": _months(dates[0], dates[-1])}


def headings(day: date, today: date) -> dict:
    """The heading of one day, its short form for phones, and the days to jump to."""
    return {
        "heading": display.day(day, year=True),
        "one_day": day_names.short(day, year=day.year != today.year),
        "jumps": [(name, today + timedelta(days=days)) for name, days in JUMPS],
    }


def _clock(days: list[columns.DayColumn], local: datetime, is_shown: bool) -> dict:
    """The hours of the grid, and where the line of the present time stands."""
    first, last = columns.bounds(days)
    columns.cut_to(days, first, last)
    line = grid.now_line(local, first, last) if is_shown else None
    return {"first": first, "last": last, "now_line": line}


def revision(calendar: Practitioner, now: datetime) -> str:
    """A short text that changes whenever a calendar's page changes: with the person's bookings,
    time off and external events, and every few minutes with the clock.
    """
    newest = calendars.newest_changes(calendar.user_id)
    return hashlib.sha256(
        f"{newest} {int(now.timestamp()) // RENEWED_SECONDS}".encode()
    ).hexdigest()[:12]


def _months(first: date, last: date) -> str:
    """The months as one line: November 2026; November – December 2026; December 2026 – January
    2027.
    """
    if (first.year, first.month) == (last.year, last.month):
        return day_names.of_year(first)
    begin = day_names.month(first) if first.year == last.year else day_names.of_year(first)
    return f"{begin} – {day_names.of_year(last)}"


def switcher() -> list[tuple[str, list[Practitioner]]]:
    """The calendars of the menu in groups: one's own, then those of each venue. Empty where there
    is none to choose.
    """
    groups: dict[str, list[Practitioner]] = {}
    every = menu.menu_calendars()[0]
    for one in every if len(every) > 1 else ():
        groups.setdefault(
            _("Your calendars") if one.user_id == current_user.id else one.venue.name, []
        ).append(one)
    return list(groups.items())
