"""The sign-in form; and a form that somebody sent after their session ended. Its content waits,
encrypted, in the page that asks them to sign in.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

from flask import (
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from wtforms import BooleanField, PasswordField
from wtforms.validators import Length

from base import vault
from base.catalogue import _, lazy
from base.database import now
from models import User

from . import htmx
from .forms import Form, Needed, SignInName

LONGEST = timedelta(days=2)  # how long typed texts are kept
MOST_CHARACTERS = 200_000
SECRET_FIELDS = ("password", "current")  # never kept: the page makes new ones
_WHY = {  # reason why the form is refused → heading, and the sentence for a part of a page
    "ended": (lazy("You were signed out"), lazy("You are signed out.")),
    "other": (lazy("Someone else is signed in now"), lazy("Someone else is signed in now.")),
    "old": (lazy("Please sign in again"), lazy("This page was open for more than a month.")),
}


class SignIn(Form):
    email = SignInName(
        lazy("E-mail"), lazy("Write your e-mail address"), render_kw={"autocomplete": "username"}
    )
    password = PasswordField(
        lazy("Password"),
        [Needed(lazy("Write your password")), Length(max=200)],
        render_kw={"autocomplete": "current-password"},
    )
    remember = BooleanField(lazy("Stay signed in on this device"))


def ask_again(user_id: int | None, why: str) -> Response:
    """The answer to a form whose sender (`user_id`, from its token) is not signed in.

    A part of a page stays, with everything that was typed. A whole page asks to sign in, and keeps
    the typed texts if the form is ours. `why`: "ended", "other" or "old".
    """
    heading, sentence = _WHY[why]
    if htmx.is_partial():
        page = url_for("auth.sign_in")
        return htmx.warn_on_page(
            Markup(  # noqa: S704 — the sentence is ours, and what fills it is escaped
                _(
                    '{why} <a href="{page}" target="_blank">Sign in in another tab</a>,'
                    " then go on here."
                )
            ).format(why=sentence, page=page),
            401,
        )
    kept = _sealed(user_id) if user_id else ""
    shown = render_template(
        "auth/sign_in.html",
        form=SignIn(formdata=None),
        kept=kept,
        heading=heading,
        is_kept=bool(kept),
    )
    return make_response(shown, 401)


def _sealed(user_id: int) -> str:
    """The form that was sent, encrypted; empty if it is too long. Files and passwords are left out;
    only a note says that there were some.
    """
    typed = [[name, value] for name, value in request.form.items(multi=True) if _is_kept(name)]
    secret = any(name in SECRET_FIELDS for name in request.form) or bool(request.files)
    packed = json.dumps(
        {
            "user": user_id,
            "to": request.full_path.rstrip("?"),
            "typed": typed,
            "again": secret,
            "at": int(now().timestamp()),
        }
    )
    return vault.seal(packed) if len(packed) <= MOST_CHARACTERS else ""


def resume(user: User, sealed: str) -> Response | None:
    """After signing in: a page that saves the kept form with one press. None if none of this person
    is kept.
    """
    try:
        kept = json.loads(vault.unseal(sealed)) if sealed else None
    except (vault.CannotOpen, json.JSONDecodeError):
        kept = None
    if (
        not kept
        or kept["user"] != user.id
        or now().timestamp() - kept["at"] > LONGEST.total_seconds()
    ):
        if kept:
            flash(_("That form was opened by someone else, so nothing was saved."), "warning")
        return None
    if kept["again"]:
        flash(
            _(
                "You are signed in again. Passwords and files are not kept: please enter them once"
                " more."
            ),
            "warning",
        )
        return make_response(redirect(_page_of(kept["to"]), 303))
    return make_response(
        render_template(
            "auth/resume.html", to=kept["to"], typed=kept["typed"], shown=texts(kept["typed"])
        )
    )


def texts(typed: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The texts that a person typed into a form, each with the name of its field in words. Shown if
    the form itself cannot be shown again, so that no text is lost. Never a password.
    """
    return [
        (name.rpartition("-")[2].replace("_", " ").capitalize(), value)
        for name, value in typed
        if _is_kept(name) and value.strip() and _is_text(name, value)
    ]


def _is_kept(name: str) -> bool:
    return name != "csrf_token" and name not in SECRET_FIELDS


def _is_text(name: str, value: str) -> bool:
    """Whether a person typed the value, so that it is no choice, key or id of ours."""
    own = ("key", "q", "seen", "agreed", "parts")
    made_by_us = name.rpartition("-")[2] in own or re.fullmatch("[0-9a-f-]{16,}", value)
    is_number = value.isdigit() and len(value) < 7  # a telephone number is longer
    return not made_by_us and len(value) > 3 and not is_number


def _page_of(path: str) -> str:
    """The page with the form, as far as the form's address shows it."""
    adapter = current_app.url_map.bind("")
    parts = urlsplit(path).path.rstrip("/").split("/")
    while len(parts) > 1:
        for candidate in ("/".join(parts), "/".join(parts) + "/"):
            with suppress(HTTPException, RequestRedirect):
                adapter.match(candidate, method="GET")
                return candidate
        parts.pop()
    return url_for("week.index")
