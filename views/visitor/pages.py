"""Shared parts of all pages for visitors: the clinic of a page, and how its answers are made.

They use no session: no code here asks who is signed in, and no answer sets a cookie.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, g, make_response, redirect, request, url_for

from base import region, scheduling
from free_times.online import managing, names, tickets
from free_times.online.made_online import OnlineBooking
from free_times.online.page import OnlinePage
from free_times.online.present_client import AnotherClient
from free_times.rules import OnlineSettings
from views.kit import display

STYLESHEETS = ("app.css", "layout.css", "components.css", "screens.css", "visitor.css")
DETAILS = ("name", "email", "phone", "note", "agrees", "texts")  # the details that a visitor gives


def blueprint(module: str) -> Blueprint:
    """A blueprint of pages for visitors, below the address of a clinic's page."""
    made = Blueprint(module.rpartition(".")[2], module, url_prefix="/book/<name>")
    made.after_request(_frame)
    return made


def with_page(view: Callable) -> Callable:
    """Give the view the clinic's page instead of its name.

    An old name redirects to the present one. Unknown names, and names of pages that are switched
    off, get the same 404.
    """

    @wraps(view)
    def shown(name: str, **kwargs):
        found = names.find_page(name)
        if found is None:
            return _closed(name)
        row, settings = found
        if row.until is not None:
            return _led_on(names.in_force(row.clinic), kwargs)
        return _on(view, row, settings, kwargs)

    return shown


def by_signed_address(find: Callable[[str, str], Any]) -> Callable[[Callable], Callable]:
    """Give the view the row that a signed address in a letter leads to; `find` reads it from the
    address's two parts. Every address that leads to nothing gets the same answer.
    """

    def opened(view: Callable) -> Callable:
        @wraps(view)
        def shown(uuid: str, token: str):
            row = find(uuid, token)
            if row is None:
                return missing()
            region.write_for(row.clinic.region)
            try:
                return view(row)
            except AnotherClient:
                return missing()

        return shown

    return opened


def _closed(name: str) -> Response:
    """The answer if there is no page. A visitor whose form shows that the page existed recently
    reads that it is closed.
    """
    clinic = tickets.clinic_of(request.values.get("form", "")[:400])
    found = clinic and names.of_clinic(name, clinic)
    if not found:
        return missing()
    row, settings = found
    page = OnlinePage(row.clinic, row.name, settings, [], {})
    again = url_for("details.details", name=name, form=request.values["form"])
    return show("closed.html", page, 404, again=again)


def with_booking(view: Callable) -> Callable:
    """Give a view the clinic's page and the visitor's own booking. Invalid booking links are
    refused here, and so are those from before the booking was moved.
    """

    def unless_old(page: OnlinePage, made: OnlineBooking, is_old: bool, **kwargs):
        return no_booking(page, is_old) if is_old else view(page, made, **kwargs)

    return wraps(view)(with_any_booking_link(unless_old))


def with_any_booking_link(view: Callable) -> Callable:
    """Give a view the clinic's page, the visitor's own booking, and whether the booking link is
    from before the booking was moved.

    It still works after the clinic's name changed, and while the page is switched off.
    """

    @wraps(view)
    def shown(name: str, uuid: str, token: str, **kwargs):
        found = names.find_page(name)
        if found is None or found[0].until is not None:
            found = names.of_booking(managing.uuid_of(uuid))
            if found is None or managing.find_by_token(found[0].clinic, uuid, token)[0] is None:
                return missing()
            if found[0].name != name.lower():
                return _led_on(found[0].name, {"uuid": uuid, "token": token, **kwargs})
        row, settings = found
        made, is_old = managing.find_by_token(row.clinic, uuid, token)

        def opened(page: OnlinePage, **kwargs):
            try:
                return view(page, made, is_old=is_old, **kwargs) if made else no_booking(page)
            except AnotherClient:
                return no_booking(page)

        return _on(opened, row, settings, kwargs)

    return shown


def no_booking(page: OnlinePage, is_old: bool = False) -> Response:
    """The answer to a booking link that leads to no booking of this clinic, or no longer does."""
    return show("no_booking.html", page, 410 if is_old else 404, is_old=is_old)


def _on(view: Callable, row: names.PageName, settings: OnlineSettings, kwargs: dict):
    region.write_for(row.clinic.region)
    g.visited = OnlinePage.of(row.clinic, row.name, settings)
    return view(g.visited, **kwargs)


def _led_on(name: str | None, kwargs: dict) -> Response:
    if name is None:
        return missing()
    asked = f"?{urlencode(request.args)}" if request.args else ""  # never as arguments of `url_for`
    return redirect(url_for(request.endpoint, name=name, **kwargs) + asked, 307)


def show(template: str, page: OnlinePage, status: int = 200, **shown) -> Response:
    """A page of the clinic. `kept`: the typed texts that its forms carry on. `start`: the address
    of the first question, with the visitor's zone.
    """
    zone = request.values.get("zone", "")
    start = url_for("choosing.start", name=page.name, zone=zone if is_zone(zone) else None)
    shown = {"kept": typed(), "start": start, **shown}
    text = render(template, page=page, clinic=page.clinic, settings=page.settings, **shown)
    return make_response(text, status)


def show_without_page(template: str, status: int = 200, **shown) -> Response:
    """A page of a clinic that perhaps has no page for online booking."""
    return make_response(render(template, **shown), status)


def missing() -> Response:
    """The answer if there is no such page, the same for everyone."""
    return make_response(render("missing.html"), 404)


def render(template: str, **shown) -> str:
    """Render a template without the values that team pages get: those ask who is signed in."""
    return current_app.jinja_env.get_template(f"visitor/{template}").render(
        sheets=STYLESHEETS, **shown
    )


def _frame(response: Response) -> Response:
    """Allow the websites that the clinic names to show its pages in a frame, and no others."""
    origins = g.visited.settings.embed_origins if "visited" in g else []
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src"
        " 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
    ) + (" ".join(origins) or "'none'")
    return response


def typed(given: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """The texts that the visitor has typed, to be carried on: from this request's form, or from
    `given`.
    """
    there = request.form if given is None else given
    return [(name, there[name]) for name in DETAILS if there.get(name)]


def is_zone(name: str) -> bool:
    """Whether the text is the name of a zone in which a visitor may be."""
    return len(name) <= 60 and scheduling.is_zone(name)


def zone_of(name: str) -> ZoneInfo | None:
    """The zone that a visitor chose, if any."""
    return ZoneInfo(name) if is_zone(name) else None


def price(cents: int, page: OnlinePage) -> str:
    """The price in the clinic's currency; "" if there is none."""
    return display.money(cents, page.clinic.currency) if cents else ""
