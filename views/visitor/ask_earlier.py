"""A client asks for an earlier time, from the page of their appointment. The client booked it
online, or the team did (`by_letter`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Response, redirect, request, url_for

from base.catalogue import _
from free_times.earlier import accepting, entries, joining
from free_times.earlier.entries import WaitingEntry
from free_times.earlier.joining import CannotWait
from free_times.online import managing
from free_times.online.made_online import OnlineBooking
from free_times.online.page import OnlinePage
from free_times.own_terms import ServiceTerms
from models import Booking
from views.kit.waiting_wishes import WantedForm

from . import managed, pages
from .pages import with_booking

blueprint = pages.blueprint(__name__)
_WAY = "/booking/<uuid>/<token>/earlier"


@dataclass(frozen=True)
class Place:
    """The page of an appointment from which its client asks.

    `terms`: the calendars that offer its service to clients at its venue. `may_move`: whether the
    client may take another time. `show`: the page itself, with a message and a status. `render`:
    renders another template about the appointment. `here`, `back`, `others`: the addresses of the
    question, of the page, and of other times ("": there is no such page).
    """

    booking: Booking
    terms: Sequence[ServiceTerms]
    may_move: bool
    show: Callable[[str, int], Response]
    render: Callable[..., Response]
    here: str
    back: str
    others: str = ""


def shown(place: Place) -> Response:
    """The question; the page itself if the client may not ask."""
    entry = entries.of_booking(place.booking)
    if entry is None and not joining.may_ask(place.booking, place.may_move):
        return place.show("", 200)
    return _page(place, _form(place, entry), entry)


def answered(place: Place) -> Response:
    """Store the client's wishes from now on."""
    entry = entries.of_booking(place.booking)
    if request.form.get("leave"):
        if entry is not None:
            accepting.end_wait(entry)
        return redirect(place.back, 303)
    form = _form(place, entry, request.form)
    if not form.validate():
        return _page(place, form, entry, 422)
    try:
        if not joining.may_ask(place.booking, place.may_move):
            raise CannotWait
        joining.ask_for(place.booking, form.wanted(), None)
    except CannotWait:
        message = _("This booking can no longer be moved to an earlier time. Nothing was changed.")
        return place.show(message, 409)
    return redirect(place.back, 303)


def _form(place: Place, entry: WaitingEntry | None, typed=None) -> WantedForm:
    """The form, with the people who offer the service at the venue of the appointment."""
    calendar = place.booking.practitioner
    form = WantedForm(place.terms, calendar.venue, entry, typed, with_csrf=False)
    del form.until  # it is the day of the appointment
    if typed is None and entry is None and calendar in form.calendars:
        form.with_whom.data = str(calendar.id)
    return form


def _page(place: Place, form: WantedForm, entry: WaitingEntry | None, status: int = 200):
    return place.render("ask_earlier.html", status, form=form, entry=entry, place=place)


@blueprint.get(_WAY)
@with_booking
def show(page: OnlinePage, made: OnlineBooking):
    return shown(_place(page, made))


@blueprint.post(_WAY)
@with_booking
def ask(page: OnlinePage, made: OnlineBooking):
    return answered(_place(page, made))


def _place(page: OnlinePage, made: OnlineBooking) -> Place:
    booking = made.booking
    way = {"name": page.name, "uuid": booking.uuid, "token": managing.token(made)}

    def render(template: str, status: int, **more) -> Response:
        return pages.show(template, page, status, **managed.facts(page, made), **more)

    return Place(
        booking,
        page.at(booking.service, booking.practitioner.venue) if booking.service else [],
        managing.may_move(page, made),
        lambda message, status: managed.booking_page(page, made, message, status),
        render,
        url_for(".show", **way),
        url_for("managed.show", **way),
        url_for("managed.ask_move", **way),
    )
