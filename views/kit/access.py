"""Who may see and change what. Every row is loaded here, scoped to the clinic of whoever asks:
another clinic's row is 404.
"""

from functools import wraps

from flask import Flask, abort, flash, g, redirect, request, session, url_for
from flask_login import LoginManager, current_user, login_required, login_user, logout_user

from base.time_off import TimeOff
from models import Base, Booking, Clinic, Practitioner, User, Venue
from people import leftover
from people.security import SecurityEvent

from . import brakes, devices, htmx, signing_in, tokens
from .sessions import UNATTENDED, Sessions

MOST_IN_MENU = 20  # calendars; a large clinic chooses through its team

logins = LoginManager()


def init_app(app: Flask) -> None:
    app.session_interface = Sessions()
    app.login_manager = (
        logins  # not its `init_app`: the cookie by which it remembers people is not used
    )
    logins.session_protection = None
    logins.request_loader(lambda request: session.row and session.row.user)
    logins.unauthorized_handler(_ask_to_sign_in)
    app.context_processor(
        lambda: {
            "current_user": current_user,
            "clinic": clinic() if current_user.is_authenticated else None,
            "left_over": left_over,
        }
    )


def sign_in(user: User, remember: bool, how: str = "signed_in") -> None:
    """Begin a fresh session: nothing of an earlier one survives. The browser is known from now
    on.
    """
    note("new_device" if how == "signed_in" and not devices.knows(user) else how, user)
    session.begin(user, remember, devices.label())
    login_user(user)
    for name in ("_user_id", "_id", "_fresh"):  # the session's row says whose it is
        session.pop(name)
    devices.remember(user)
    tokens.renew()


def sign_out() -> None:
    """End this session, also on the server."""
    if current_user.is_authenticated:
        note("signed_out", current_user)
    session.end()
    logout_user()
    tokens.renew()


def note(kind: str, user: User | None) -> None:
    """Keep what happened at the doors, for the owner of the clinic that it concerns."""
    SecurityEvent.note(
        kind, user and user.clinic_id, user and user.id, brakes.source(), devices.label()
    )


def _ask_to_sign_in():
    """A part of a page says so where it stands, with all that was typed; a form comes back with
    what was typed kept; a page leads to
    signing in and, where it can, back. One that asks by itself goes from the screen."""
    if request.endpoint in UNATTENDED:
        return htmx.done(
            url_for("auth.sign_in")
        )  # what is on the screen is not for whoever comes by
    token = tokens.sent()
    if htmx.is_partial() or (token and token.user_id):
        return signing_in.ask_again(token and token.user_id, "ended")
    if request.method == "GET":
        return redirect(
            url_for(
                "auth.sign_in", next=request.full_path if request.query_string else request.path
            )
        )
    flash("You were signed out, so nothing was saved. Sign in, then do it once more.", "warning")
    return redirect(url_for("auth.sign_in"), 303)


def clinic() -> Clinic:
    """The clinic of whoever is signed in."""
    return current_user.clinic


def _role_required(allowed):
    def decorate(view):
        @wraps(view)
        @login_required
        def checked(*args, **kwargs):
            return view(*args, **kwargs) if allowed(current_user) else abort(403)

        return checked

    return decorate


manager_required = _role_required(lambda user: user.is_manager)
owner_required = _role_required(lambda user: user.is_owner)


def load(table: type[Base], row_id: int, *columns) -> Base:
    """The row of this clinic with this id, or 404; with `columns` only these of it."""
    row = (
        table.select(*columns).where(table.id == row_id, table.clinic == clinic()).get_or_none()
        if row_id < 2**31
        else None
    )
    return row or abort(404)


def calendars() -> list[Practitioner]:
    """The clinic's open calendars, one query a request."""
    if "calendars" not in g:
        g.calendars = list(Practitioner.listed(clinic()))
    return g.calendars


def menu_calendars() -> tuple[list[Practitioner], bool]:
    """One's own calendars, then colleagues' by venue, the oldest first, as many as a menu can hold;
    and whether there are more. Closed ones that hold
    bookings to come stand behind them until none is left."""
    _load_menu()
    return [*g.menu_calendars[:MOST_IN_MENU], *g.left_over], len(g.menu_calendars) > MOST_IN_MENU


def left_over() -> list[Practitioner]:
    """The clinic's closed calendars that still hold bookings to come, each with their number as
    `left`.
    """
    _load_menu()
    return g.left_over


def _load_menu() -> None:
    """One query a request for both: every page of the calendar needs them."""
    if "menu_calendars" in g:
        return
    order = Practitioner.user == current_user.id, Practitioner.archived | Venue.archived
    rows = (
        leftover.with_open_ones(clinic())
        .order_by(*(one.desc() for one in order), Venue.id, User.name)
        .limit(2 * MOST_IN_MENU + 1)
    )
    g.menu_calendars = [row for row in rows if row.left is None]
    g.left_over = [row for row in rows if row.left is not None]


def may_book(practitioner: Practitioner) -> bool:
    """Whether the signed-in person may book in this calendar: their own, or any as a manager, while
    it is open.
    """
    is_open = not practitioner.archived and not practitioner.venue.archived
    return is_open and (current_user.is_manager or practitioner.user_id == current_user.id)


def own_calendar(practitioner: Practitioner) -> Practitioner:
    """The calendar, if the signed-in person may book in it; else 403."""
    return practitioner if is_own(practitioner) else abort(403)


def is_own(practitioner: Practitioner) -> bool:
    """Whether it is the signed-in person's to change: their own, or any as a manager."""
    return current_user.is_manager or practitioner.user_id == current_user.id


def may_see_off(row: TimeOff) -> bool:
    """Whether the signed-in person may see what time off is for, and change it: their own, or
    anyone's as a manager.
    """
    return current_user.is_manager or row.user_id == current_user.id


def editable_booking(booking_id: int) -> Booking:
    """A booking of this clinic that the signed-in person may change: 404 or 403 otherwise."""
    booking = load(Booking, booking_id)
    own_calendar(booking.practitioner)
    return booking
