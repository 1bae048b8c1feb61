"""Who may see and change what. Every row is loaded here, scoped to the clinic of whoever asks: another clinic's row is 404."""

from functools import wraps

from flask import Flask, abort, flash, g, redirect, request, session, url_for
from flask_login import LoginManager, current_user, login_required, login_user, logout_user
from markupsafe import Markup

import scheduling
from models import Base, Booking, Clinic, Practitioner, User, Venue

from . import htmx

IDLE_SECONDS, LONGEST_SECONDS, REMEMBERED_SECONDS = 12 * 3600, 7 * 86400, 30 * 86400
UNATTENDED = {"week.changes", "health.board", "two_way.look"}  # what open pages ask for by themselves: nobody need sit before them
MOST_IN_MENU = 20  # calendars; a large clinic chooses through its team

logins = LoginManager()


def init_app(app: Flask) -> None:
    logins.init_app(app)
    logins.user_loader(_load_user)
    logins.unauthorized_handler(_ask_to_sign_in)
    app.context_processor(lambda: {"clinic": clinic() if current_user.is_authenticated else None})


def sign_in(user: User, remember: bool) -> None:
    """Begin a fresh session: nothing of an earlier one survives."""
    session.clear()
    login_user(user)
    now = int(scheduling.utc_now().timestamp())
    session.update(since=now, seen=now, remember=remember)
    session.permanent = remember


def sign_out() -> None:
    logout_user()
    session.clear()


def _load_user(key: str) -> User | None:
    """The user of a session that is neither idle too long, too old, nor ended elsewhere."""
    identity, _, epoch = key.partition(".")
    now, remember = int(scheduling.utc_now().timestamp()), session.get("remember")
    longest = REMEMBERED_SECONDS if remember else LONGEST_SECONDS
    idle = REMEMBERED_SECONDS if remember else IDLE_SECONDS
    if now - session.get("since", 0) > longest or now - session.get("seen", 0) > idle:
        return None
    user = User.select(User, Clinic).join(Clinic).where(User.id == int(identity), User.epoch == int(epoch)).get_or_none()
    if user is None or not user.is_active:
        return None
    if now - session["seen"] > 300 and request.endpoint not in UNATTENDED:
        session["seen"] = now
    return user


def _ask_to_sign_in():
    """A part of a page says so where it stands, with all that was typed; a page leads to signing in and, where it can, back. One that asks
    by itself goes from the screen."""
    if request.endpoint in UNATTENDED:
        return htmx.done(url_for("auth.sign_in"))  # what is on the screen is not for whoever comes by
    if htmx.is_partial():
        page = url_for("auth.sign_in")
        return htmx.say(Markup('You are signed out. <a href="{}" target="_blank">Sign in in another tab</a>, then go on here.').format(page), 401)
    if request.method == "GET":
        return redirect(url_for("auth.sign_in", next=request.full_path if request.query_string else request.path))
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
    row = table.select(*columns).where(table.id == row_id, table.clinic == clinic()).get_or_none() if row_id < 2**31 else None
    return row or abort(404)


def calendars() -> list[Practitioner]:
    """The clinic's open calendars, one query a request."""
    if "calendars" not in g:
        g.calendars = list(Practitioner.listed(clinic()))
    return g.calendars


def menu_calendars() -> tuple[list[Practitioner], bool]:
    """One's own calendars, then colleagues' by venue, the oldest first, as many as a menu can hold; and whether there are more."""
    if "menu_calendars" not in g:
        order = Practitioner.user != current_user.id, Venue.id, User.name
        g.menu_calendars = list(Practitioner.listed(clinic()).order_by(*order).limit(MOST_IN_MENU + 1))
    return g.menu_calendars[:MOST_IN_MENU], len(g.menu_calendars) > MOST_IN_MENU


def may_book(practitioner: Practitioner) -> bool:
    """Whether the signed-in person may book in this calendar: their own, or any as a manager, while it is open."""
    is_open = not practitioner.archived and not practitioner.venue.archived
    return is_open and (current_user.is_manager or practitioner.user_id == current_user.id)


def own_calendar(practitioner: Practitioner) -> Practitioner:
    """The calendar, if the signed-in person may book in it; else 403."""
    return practitioner if current_user.is_manager or practitioner.user_id == current_user.id else abort(403)


def editable_booking(booking_id: int) -> Booking:
    """A booking of this clinic that the signed-in person may change: 404 or 403 otherwise."""
    booking = load(Booking, booking_id)
    own_calendar(booking.practitioner)
    return booking
