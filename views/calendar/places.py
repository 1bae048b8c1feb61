"""The view of the calendar from which a page was opened, and the way back there."""

from datetime import date, timedelta

from flask import Blueprint, request, url_for

from base import scheduling
from models import Practitioner, Venue

OTHER_VIEWS = ("day", "agenda", "team")  # than the week
DAYS = {"agenda": 7}  # that a view shows; else one
CARRIERS = (
    "bookings",
    "moves",
    "time_off",
    "next_free",
    "requests",
)  # blueprints whose addresses carry it on


def came_from() -> dict[str, str]:
    """The view from which a booking was opened and its first day; empty: the week.

    The addresses of the card carry them so.
    """
    view = request.args.get("view")
    shown = request.args.get("shown") or request.args.get("day", "")
    return {"view": view, "shown": shown} if view in OTHER_VIEWS and _is_day(shown) else {}


def carry(blueprint: Blueprint) -> None:
    """Have every address of these pages carry the view one came from.

    So a change leads back there, and the menu marks where one is.
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
    """The view one came from, or the week, on a day (None: today).

    It is the view of this calendar, except for the team's.
    """
    view, on = came.get("view"), day and day.isoformat()
    if view == "team":
        return url_for("team_day.index", day=on)
    return url_for("week.index", calendar=calendar.id, day=on, view=view)


def around(first: date, came: dict[str, str]) -> date:
    """The day on which that view shows what begins on `first`: the one it was on, where it does."""
    if not came:
        return first
    shown = date.fromisoformat(came["shown"])
    return shown if shown <= first < shown + timedelta(days=DAYS.get(came["view"], 1)) else first


def shows(first: date, came: dict[str, str]) -> bool:
    """Whether the view one came from shows what begins on that day."""
    return around(first, came).isoformat() == came.get("shown", first.isoformat())


def _is_day(value: str) -> bool:
    try:
        return scheduling.FIRST_DAY <= date.fromisoformat(value) <= scheduling.LAST_DAY
    except ValueError:
        return False


def zone_differs(practitioner: Practitioner) -> bool:
    """Whether a calendar of this clinic lies in another zone, so that times must say theirs."""
    return (
        Practitioner.listed(practitioner.clinic_id)
        .where(Venue.zone_name != practitioner.venue.zone_name)
        .exists()
    )
