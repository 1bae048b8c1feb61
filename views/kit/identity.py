"""Signing in and out, and asking strangers to sign in."""

from flask import Flask, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_user, logout_user

from base.catalogue import _
from models import User
from people.security import SecurityEvent

from . import brakes, devices, form_tokens, htmx, signing_in
from .access import clinic
from .sessions import UNATTENDED, Sessions, page_session, person_of

_WITH_A_CODE = "connect.arrive"  # no other address may contain the values of its address

logins = LoginManager()


def init_app(app: Flask) -> None:
    app.session_interface = Sessions()
    # without its `init_app`, whose cookie for remembering people we do not use
    app.login_manager = logins  # type: ignore[attr-defined]
    logins.session_protection = None
    logins.request_loader(person_of)
    logins.unauthorized_handler(_ask_to_sign_in)
    app.context_processor(
        lambda: {
            "current_user": current_user,
            "clinic": clinic() if current_user.is_authenticated else None,
        }
    )


def sign_in(user: User, remember: bool, how: str = "signed_in") -> None:
    """Begin a new session that keeps nothing of an earlier one, and remember the browser."""
    note_event("new_device" if how == "signed_in" and not devices.knows(user) else how, user)
    page_session().begin(user, remember, devices.label())
    login_user(user)
    for name in ("_user_id", "_id", "_fresh"):  # the session's row has the person
        session.pop(name)
    devices.remember(user)
    form_tokens.renew()


def sign_out() -> None:
    """End this session, on the server too."""
    if current_user.is_authenticated:
        note_event("signed_out", current_user)
    page_session().end()
    logout_user()
    form_tokens.renew()


def note_event(kind: str, user: User | None) -> None:
    """Note a security event about signing in, for the owner of the clinic concerned."""
    SecurityEvent.note(
        kind, user and user.clinic_id, user and user.id, brakes.source(), devices.label()
    )


def _ask_to_sign_in() -> ResponseReturnValue:
    """Ask to sign in: within a part of a page, keeping its form, or before the whole page opens."""
    if request.endpoint in UNATTENDED:  # other people must not see what the screen showed
        return htmx.done(url_for("auth.sign_in"))
    token = form_tokens.sent()
    if htmx.is_partial() or (token and token.user_id):
        return signing_in.ask_again(token.user_id if token else None, "ended")
    if request.method == "GET":
        is_shown = request.query_string and request.endpoint != _WITH_A_CODE
        back = request.full_path if is_shown else request.path
        return redirect(url_for("auth.sign_in", next=back))
    flash(_("You were signed out, so nothing was saved. Sign in, then do it once more."), "warning")
    return redirect(url_for("auth.sign_in"), 303)
