"""The team's day: one day with a column for each practitioner. It is the receptionists'
main page.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_login import current_user

from base import scheduling
from base.bookings.series import STATUSES
from base.scheduling import Span
from base.tables import time_off
from base.tables.outside import ExternalEvent
from models import Booking, Practitioner, Venue
from views.kit import access, htmx, menu
from views.kit.access import login_required
from views.kit.forms import arg_int
from views.kit.words import sync_words

from . import columns, grid, requests, week

blueprint = Blueprint("team_day", __name__)


@dataclass(kw_only=True)
class CalendarColumn(columns.DayColumn):
    """One practitioner's day, on the clock of their venue."""

    calendar: Practitioner
    has_bookings: bool
    now_line: tuple[str, str, str] | None = None

    @property
    def is_closed(self) -> bool:
        """Whether new bookings are impossible: the practitioner left, or the calendar was
        closed.
        """
        return self.calendar.archived or self.calendar.venue.archived


@dataclass(frozen=True)
class BlockLine:
    """A line of the list by time: somebody's block, or a free stretch (`block` None)."""

    calendar: Practitioner
    block: columns.Block | None
    start: str
    end: str = ""

    @property
    def order(self) -> tuple:
        return self.start, self.block is None, self.calendar.user.name


@blueprint.get("/calendar/team")
@login_required
def index():
    shown = page()
    if shown is None:
        return render_template("week/none.html")
    return render_template(f"team_day/{'by_time' if shown['is_narrow'] else 'index'}.html", **shown)


@blueprint.get("/calendar/team/list")
@login_required
def by_time():
    """The team's day as a list by time; narrow screens fetch it in place of the columns."""
    shown = page()
    if shown is None:
        return redirect(url_for("week.index"))
    return htmx.show("team_day/by_time.html", "team_day/_list.html", **shown)


@blueprint.get("/calendar/team/changes/<any(columns, list):form>")
@login_required
def changes(form: str):
    """The answer to a poll by an open page: nothing if it is up to date (`rev`)."""
    day, now = _asked_day(), scheduling.utc_now()
    if not htmx.is_partial():
        return redirect(url_for("team_day.index", day=day))
    if request.args.get("rev") == _mark(_calendars(day, now), now):
        return Response(status=204)
    shown = page()
    return render_template(f"team_day/_{form}.html", swap=True, **shown) if shown else ("", 204)


@blueprint.post("/calendar/team/choice")
@login_required
def choose():
    """Choose the venue of the day, and whether all columns are shown or only those of people who
    work then. The choice is remembered.
    """
    venue = arg_int(request.form.get("venue"))
    current_user.see_day_of(
        venue and access.venue_to_read(venue).id, request.form.get("working") == "1"
    )
    return htmx.done(url_for("team_day.index", day=_asked_day()))


def _asked_day() -> date | None:
    """The day in the address; None: today, in whichever zone."""
    return week.chosen_day(ZoneInfo("UTC")) if request.values.get("day") else None


def page(day: date | None = None) -> dict | None:
    """The values for the page of the day in the address, or of today. None if the clinic has no
    calendar.
    """
    now, day = scheduling.utc_now(), day or _asked_day()
    calendars = _calendars(day, now)
    if not calendars:
        return None
    rev = _mark(calendars, now)  # before the rows: the next poll then finds changes in between
    zone = sync_words.zone(calendars, current_user)
    today = scheduling.local_day(now, zone)
    day = day or today
    venues = {one.venue_id: one.venue for one in calendars if not one.venue.archived}
    venue = venues.get(current_user.day_venue)
    shown = _columns(calendars, venue, day, now)
    statuses = {item.status for column in shown for item in column.blocks}
    zones = {one.venue.zone_name for one in calendars}
    first, last = _lay_out(shown, day, now)
    return {
        "day": day,
        "today": today,
        "view": "team",
        "is_narrow": request.cookies.get("narrow") == "1",  # as the script of an earlier page says
        "came": {"view": "team", "shown": day.isoformat()},
        "requests": requests.lines(),
        **week.headings(day, today),
        "columns": shown,
        "lines": _lines(shown),
        "first": first,
        "last": last,
        "rev": rev,
        "venue": venue,
        "venues": sorted(venues.values(), key=lambda one: one.name),
        "names_venues": not venue and len(venues) > 1,
        "zones_differ": len(zones) > 1,
        "names_zones": len({column.calendar.venue.zone_name for column in shown}) > 1,
        "statuses": [s for s in (*STATUSES, "external", "away") if s in statuses],
        "has_legend": bool(statuses),
        "steps": (day - timedelta(days=1), day + timedelta(days=1)),
        "bookable": _bookable(shown, calendars),
    }


def _bookable(
    shown: Sequence[CalendarColumn], calendars: Sequence[Practitioner]
) -> Practitioner | None:
    """The calendar with which the page's buttons begin: the first that works on the day, else the
    first.
    """
    order = [column.calendar for column in shown if column.hours] + list(calendars)
    return next((one for one in order if access.may_book(one)), None)


def _calendars(day: date | None, now: datetime) -> list[Practitioner]:
    """The clinic's open calendars, and closed ones with bookings on the day, in any zone."""
    utc = ZoneInfo("UTC")
    noon = scheduling.midnight(day, utc) + timedelta(hours=12) if day else now
    return menu.calendars_of_day(noon - timedelta(hours=36), noon + timedelta(hours=36))


def _mark(calendars: Sequence[Practitioner], now: datetime) -> str:
    """A short text that changes whenever the page changes: with anyone's bookings, time off and
    external events, with the person's choices, and every few minutes with the clock.
    """
    facts = [
        (one.id, one.calendar_rev, one.user.away_rev, one.user.outside_rev) for one in calendars
    ]
    choice = current_user.day_venue, current_user.day_working, access.clinic().faces_rev
    slow = int(now.timestamp()) // week.RENEWED_SECONDS
    return hashlib.sha256(f"{facts} {choice} {slow}".encode()).hexdigest()[:12]


def _columns(
    calendars: Sequence[Practitioner], venue: Venue | None, day: date, now: datetime
) -> list[CalendarColumn]:
    """The columns to show, by venue and name."""
    shown = [one for one in calendars if venue is None or one.venue_id == venue.id]
    zones = {one.zone for one in shown}
    window = (
        min((scheduling.midnight(day, zone) for zone in zones), default=now),
        max((scheduling.midnight(day + timedelta(days=1), zone) for zone in zones), default=now),
    )
    bookings = _bookings(calendars, {one.user_id for one in shown}, window)
    events = _events({one.user_id for one in shown}, window)
    rotas = time_off.rotas(shown, *window)
    found = []
    for calendar in shown:
        rota, zone = rotas[calendar.id], calendar.zone
        window_here = Span(
            scheduling.midnight(day, zone), scheduling.midnight(day + timedelta(days=1), zone)
        )
        own = [row for row in bookings[calendar.user_id] if row.practitioner_id == calendar.id]
        column = CalendarColumn(
            calendar=calendar,
            date=day,
            is_today=day == scheduling.local_day(now, zone),
            has_bookings=any(columns.touches(row, day, window_here) for row in own),
        )
        items = [
            *bookings[calendar.user_id],
            *events[calendar.user_id],
            *rota.closed(*window),
        ]
        columns.fill(column, calendar, items, rota, now)
        found.append(column)
    return [column for column in found if _is_wanted(column, found)]


def _is_wanted(column: CalendarColumn, among: Sequence[CalendarColumn]) -> bool:
    """Whether a column is shown. An empty column in which nothing can be booked is left out: one of
    a closed calendar or of a person who works elsewhere on that day, and with "only those who work"
    every empty one of a person who does not work.
    """
    if column.has_bookings:
        return True
    if column.is_closed:
        return False
    elsewhere = any(
        (one.hours or one.has_bookings) and one.calendar.user_id == column.calendar.user_id
        for one in among
    )
    return bool(column.hours) or not (elsewhere or current_user.day_working)


def _bookings(
    calendars: Sequence[Practitioner], users: Collection[int], window: tuple[datetime, datetime]
) -> dict[int, list[Booking]]:
    """The bookings by person, oldest first, with client, service and calendar loaded: one query."""
    known = {one.id: one for one in calendars}
    found = defaultdict(list)
    for row in Booking.of_people(access.clinic(), users, *window):
        row.practitioner = known.get(row.practitioner_id) or row.practitioner
        found[row.practitioner.user_id].append(row)
    return found


def _events(
    users: Collection[int], window: tuple[datetime, datetime]
) -> dict[int, list[ExternalEvent]]:
    """External events by person; for other people only those that take time."""
    found = defaultdict(list)
    for event in ExternalEvent.of_people(users, *window):
        if event.is_shown_to(current_user.id):
            found[event.user_id].append(event)
    return found


def _lay_out(shown: Sequence[CalendarColumn], day: date, now: datetime) -> tuple[int, int]:
    """The hours of the grid; and in each column the line of the present time on its own clock."""
    first, last = columns.bounds(shown)
    columns.cut_to(shown, first, last)
    for column in shown:
        if column.is_today:
            column.now_line = grid.now_line(now.astimezone(column.calendar.zone), first, last)
    return first, last


def _lines(shown: Sequence[CalendarColumn]) -> list[BlockLine]:
    """Everything of the day in order of the clock, whole days first."""
    lines = [
        BlockLine(column.calendar, block, block.start, block.end)
        for column in shown
        for block in column.blocks
    ]
    lines += [BlockLine(column.calendar, None, *free) for column in shown for free in _free(column)]
    return sorted(lines, key=lambda line: line.order)


def _free(column: CalendarColumn) -> list[tuple[str, str]]:
    """The column's free stretches; pieces that touch are joined."""
    found: list[tuple[str, str]] = []
    for item in column.items:
        if isinstance(item, columns.FreePiece):
            if found and found[-1][1] == item.start:
                found[-1] = found[-1][0], item.end
            else:
                found.append((item.start, item.end))
    return found
