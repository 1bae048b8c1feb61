"""The view of the calendar from which a page was opened, and the address to return to."""

from datetime import date, timedelta

from flask import Blueprint, request, url_for

from base import scheduling
from models import Practitioner
from views.kit import access

OTHER_VIEWS = ("day", "agenda", "team")  # other views than the week
DAYS = {"agenda": 7}  # the number of days that a view shows; 1 for all others
CARRIERS = (
    "bookings",
    "booking_status",
    "moves",
    "time_off",
    "next_free",
    "requests",
)  # blueprints whose addresses contain it


def came_from() -> dict[str, str]:
    """The view from which a booking was opened and its first day, from the card's address; empty:
    the week.
    """
    view = request.args.get("view")
    shown = request.args.get("shown") or request.args.get("day", "")
    return {"view": view, "shown": shown} if view in OTHER_VIEWS and _is_day(shown) else {}


def carry(blueprint: Blueprint) -> None:
    """Add the view from which a page was opened to every address of these pages, so that a change
    leads back to it, and the menu marks it.
    """

    @blueprint.context_processor
    def _part() -> dict[str, str]:
        return {"calendar_part": "team_day" if came_from().get("view") == "team" else "week"}

    @blueprint.url_defaults
    def _carry(endpoint: str, values: dict) -> None:
        if request and request.blueprint in CARRIERS:
            for name, value in came_from().items():
                values.setdefault(name, value)


def address(calendar: Practitioner, day: date | None, came: dict[str, str]) -> str:
    """The address of the view that the person came from, or of the week, on a day (None: today). It
    shows this calendar, unless it is the team's day.
    """
    view, on = came.get("view"), day and day.isoformat()
    if view == "team":
        return url_for("team_day.index", day=on)
    return url_for("week.index", calendar=calendar.id, day=on, view=view)


def around(first: date, came: dict[str, str]) -> date:
    """The first day of the view that shows what begins on `first`: the view's own first day if that
    is enough.
    """
    if not came:
        return first
    shown = date.fromisoformat(came["shown"])
    return shown if shown <= first < shown + timedelta(days=DAYS.get(came["view"], 1)) else first


def shows(first: date, came: dict[str, str]) -> bool:
    """Whether the view that the person came from shows that day."""
    return around(first, came).isoformat() == came.get("shown", first.isoformat())


def _is_day(value: str) -> bool:
    try:
        return scheduling.is_possible_day(date.fromisoformat(value))
    except ValueError:
        return False


def zone_differs(practitioner: Practitioner) -> bool:
    """Whether a calendar of this clinic is in another zone, so that times must name theirs."""
    own = practitioner.venue.zone_name
    return any(one.venue.zone_name != own for one in access.calendars())
