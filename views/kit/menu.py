"""The calendars in the menu, read once for each request."""

from datetime import datetime

from flask import Flask, g
from flask_login import current_user

from models import Practitioner
from people import leftover

from . import access

MOST_IN_MENU = 20  # calendars; a large clinic chooses through its team


def init_app(app: Flask) -> None:
    app.context_processor(lambda: {"left_over": left_over})


def menu_calendars() -> tuple[list[Practitioner], bool]:
    """The calendars of the menu, and whether there are more: one's own first, then colleagues' by
    venue, the oldest first. Closed calendars with future bookings come last.
    """
    _load_menu()
    return [*g.menu_calendars[:MOST_IN_MENU], *g.left_over], len(g.menu_calendars) > MOST_IN_MENU


def left_over() -> list[Practitioner]:
    """The clinic's closed calendars that still have future bookings, with their number as
    `left`.
    """
    _load_menu()
    found: list[Practitioner] = g.left_over
    return found


def _load_menu() -> None:
    """One query for each request and both functions above, since every page of the calendar needs
    them.
    """
    if "menu_calendars" in g:
        return
    rows = leftover.in_menu(access.clinic(), current_user, 2 * MOST_IN_MENU + 1)
    g.menu_calendars = [row for row in rows if _left(row) is None]
    g.left_over = [row for row in rows if _left(row) is not None]


def _left(row: Practitioner) -> int | None:
    """The number of future bookings in a closed calendar; None for an open one."""
    left: int | None = vars(row)["left"]
    return left


def calendars_of_day(start: datetime, end: datetime) -> list[Practitioner]:
    """The clinic's open calendars, and closed ones with bookings in [start, end) or later, by venue
    and name. One query, whose result `left_over` uses too.
    """
    found = leftover.in_days(access.clinic(), start, end)
    g.left_over = [row for row in found if _left(row)]
    g.menu_calendars = [row for row in found if _left(row) is None]
    return found
