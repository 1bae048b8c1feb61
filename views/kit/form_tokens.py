"""The token in every form, which every request that changes something needs: another site cannot
know it.

It belongs to the person, not to the session: after signing in again a person can continue with open
pages. Forms of people who are not signed in belong to their browser. A request is refused if it has
no token of ours; if the session has ended since; or if somebody else is signed in by now. In the
last two cases the typed texts are kept (`views.kit.signing_in`).
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask_login import current_user
from itsdangerous import BadData

from base.catalogue import _
from base.database import now
from people.security import SecurityEvent

from . import brakes, devices, htmx, signing_in

FIELD, HEADER = "csrf_token", "X-CSRFToken"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
# Blueprints whose callers have a secret of their own, and those for visitors: visitors
# are not signed in, and their forms carry a signed ticket.
EXEMPT = {
    *("webhooks", "choosing", "details", "managed", "by_letter", "ask_earlier", "earlier"),
    "joining",
}
# For people who are not signed in yet.
DOORS = {
    "auth.sign_in",
    "auth.send_reset",
    "auth.accept",
    "auth.welcome",
    "auth.sign_up",
}
LONGEST = timedelta(days=31)  # longer than any session


@dataclass(frozen=True)
class FormToken:
    """The owner of a form's token, and its time in seconds since 1970.

    The owner: "u" and a person's number, or "d" and a browser's.
    """

    holder: str
    made_at: int

    @property
    def user_id(self) -> int | None:
        return int(self.holder[1:]) if self.holder[:1] == "u" else None

    @property
    def is_old(self) -> bool:
        return now().timestamp() - self.made_at > LONGEST.total_seconds()


def init_app(app: Flask) -> None:
    app.before_request(check_request)
    app.jinja_env.globals["csrf_token"] = issue


def issue() -> str:
    """The token of this page, one for all its forms."""
    if "page_token" not in g:
        holder = f"u{current_user.id}" if current_user.is_authenticated else _browser()
        g.page_token = devices.signer("kalends page").dumps(
            [holder, int(now().timestamp()), secrets.token_urlsafe(6)]
        )
    token: str = g.page_token
    return token


def renew() -> None:
    """Give the forms of this answer a new token, since somebody signed in or out."""
    g.pop("page_token", None)


def _browser() -> str:
    return f"d{devices.number()}"


def sent() -> FormToken | None:
    """The token that came with the request, if it is one of ours."""
    try:
        holder, made_at, __ = devices.signer("kalends page").loads(
            request.form.get(FIELD) or request.headers.get(HEADER, "")
        )
        return FormToken(str(holder), int(made_at))
    except (BadData, TypeError, ValueError):
        return None


def is_ours() -> bool:
    """Whether the form is one of ours for a person who signed in, sent by a page of ours: a browser
    gives no other site the session's cookie. Asks no database, so the session may have ended.
    """
    token = sent()
    name = current_app.config["SESSION_COOKIE_NAME"]
    return token is not None and token.user_id is not None and name in request.cookies


def check_request() -> Response | None:
    """Before every request: None to go on, or the answer of refusal."""
    if (
        request.method in SAFE_METHODS
        or request.endpoint is None
        or request.blueprint in EXEMPT
        or not current_app.config["WTF_CSRF_ENABLED"]
    ):
        return None
    token = sent()
    if token is None:
        return _refuse()
    if request.endpoint in DOORS:
        # Otherwise another site could sign a visitor in as another person.
        is_ours = hmac.compare_digest(token.holder.encode(), _browser().encode())
        return (
            None
            if is_ours or (current_user.is_authenticated and token.user_id == current_user.id)
            else _refuse()
        )
    if not current_user.is_authenticated:
        return None  # the handler asks to sign in, or needs nobody to be signed in
    if token.user_id != current_user.id:
        return signing_in.ask_again(token.user_id, "other") if token.user_id else _refuse()
    return signing_in.ask_again(token.user_id, "old") if token.is_old else None


def _refuse() -> Response:
    person = (
        (current_user.clinic_id, current_user.id) if current_user.is_authenticated else (None, None)
    )
    SecurityEvent.note("form_refused", *person, brakes.source(), devices.label())
    heading, advice = (
        _("This page was open for too long"),
        _("Nothing was saved. Go back, reload the page and send it again."),
    )
    if htmx.is_partial():
        return htmx.warn_on_page(
            _("{heading}. Nothing was saved: reload it and send it again.", heading=heading), 401
        )
    page = render_template("error.html", heading=heading, advice=advice, status=400)
    return make_response(page, 400)
