"""What all pages for visitors share: whose page it is, and how an answer is made.

They use no session: nothing here asks who is signed in, and no answer sets a cookie.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, g, make_response, redirect, request, url_for

from base import scheduling
from free_times.online import names
from free_times.online.page import Page
from views.kit import display

STYLESHEETS = ("app.css", "layout.css", "components.css", "screens.css", "visitor.css")
DETAILS = ("name", "email", "phone", "note", "agrees")  # what a visitor says of themselves


def blueprint(module: str) -> Blueprint:
    """A blueprint of pages for visitors, below the address of a clinic's page."""
    made = Blueprint(module.rpartition(".")[2], module, url_prefix="/book/<name>")
    made.after_request(_frame)
    return made


def with_page(view: Callable) -> Callable:
    """Give the view the clinic's page instead of its name.

    An old name leads to the one in force. A name that no page has, or of a page that is switched
    off, is always the same 404.
    """

    @wraps(view)
    def shown(name: str, **kwargs):
        found = names.find(name)
        if found is None:
            return missing()
        row, settings = found
        if row.until is not None:
            return _led_on(names.in_force(row.clinic), kwargs)
        g.visited = Page.of(row.clinic, row.name, settings)
        return view(g.visited, **kwargs)

    return shown


def _led_on(name: str | None, kwargs: dict) -> Response:
    if name is None:
        return missing()
    address = url_for(request.endpoint, name=name, **kwargs, **request.args.to_dict())
    return redirect(address, 307)


def show(template: str, page: Page, status: int = 200, **shown) -> Response:
    """A page of the clinic's."""
    text = _render(template, page=page, clinic=page.clinic, settings=page.settings, **shown)
    return make_response(text, status)


def missing() -> Response:
    """The answer where there is no such page: one and the same for everyone."""
    return make_response(_render("missing.html"), 404)


def _render(template: str, **shown) -> str:
    """Without what every page for the team is given: that asks who is signed in."""
    return current_app.jinja_env.get_template(f"visitor/{template}").render(
        sheets=STYLESHEETS, **shown
    )


def _frame(response: Response) -> Response:
    """Let the pages that the clinic names show its own in a frame, and no others."""
    origins = g.visited.settings.embed_origins if "visited" in g else []
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src"
        " 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
    ) + (" ".join(origins) or "'none'")
    return response


def is_zone(name: str) -> bool:
    """Whether it names a zone that a visitor may be in."""
    return len(name) <= 60 and scheduling.is_zone(name)


def zone_of(name: str) -> ZoneInfo | None:
    """The zone that a visitor said, if any."""
    return ZoneInfo(name) if is_zone(name) else None


def instant(seconds: str) -> datetime | None:
    """A time of a list, as its button sent it: seconds since 1970. None for anything else."""
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):
        return None
    at = datetime.fromtimestamp(int(seconds), UTC)
    return at if scheduling.FIRST_DAY <= at.date() < scheduling.LAST_DAY else None


def price(cents: int, page: Page) -> str:
    """The price in the clinic's currency; nothing where there is none."""
    return display.money(cents, page.clinic.currency) if cents else ""
