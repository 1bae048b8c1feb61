"""Requests: online bookings that nobody has confirmed yet, at the top of the team's day."""

from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, Flask, abort, flash, g, render_template, request, url_for
from flask_login import current_user

from base import scheduling
from base.bookings.changes import Changed, ChangedMeanwhile
from base.bookings.clashes import ClosedCalendar, SlotTaken
from base.catalogue import _
from free_times.online import requests
from free_times.online.made_online import OnlineBooking
from models import Practitioner
from views.kit import access, button_times, display, held_times, htmx, menu
from views.kit.access import login_required
from views.kit.forms import arg_int

from . import booking_card, places

blueprint = Blueprint("requests", __name__)
places.carry(blueprint)

MOST_DAYS, SEARCHED_AHEAD = 7, timedelta(days=91)


def init_app(app: Flask) -> None:
    app.context_processor(lambda: {"requests_open": open_ones, "requests_waiting": waiting})


def open_ones() -> list[OnlineBooking]:
    """The requests that the signed-in person may answer. One query for each HTTP request."""
    if "requests" not in g:
        own = None if current_user.books_for_all else current_user
        g.requests = list(requests.open_ones(access.clinic(), own))
    return g.requests


def waiting() -> int:
    """The number of open requests that wait for the clinic rather than for the client."""
    return sum(made.answer != "offered" for made in open_ones())


@dataclass(frozen=True)
class RequestLine:
    """One request, in words."""

    made: OnlineBooking
    when: str
    whom: str
    facts: list[str]
    is_offer: bool
    is_new: bool


def lines() -> list[RequestLine]:
    """The open requests, in words."""
    several = len({made.booking.practitioner_id for made in open_ones()}) > 1
    unchecked = {made.booking.patient_id for made in open_ones() if made.is_of_newcomer}
    return [_line(made, several, made.booking.patient_id in unchecked) for made in open_ones()]


def _zone(calendar: Practitioner) -> str:
    """The zone of the time, if the clinic has several."""
    zones = {one.venue.zone_name for one in menu.menu_calendars()[0]}
    is_one = zones <= {calendar.venue.zone_name}
    return "" if is_one else f", {display.zone_name(calendar.zone)}"


def _line(made: OnlineBooking, several: bool, is_new: bool) -> RequestLine:
    booking, calendar = made.booking, made.booking.practitioner
    zone = calendar.zone
    until = display.moment(made.lapses_at, zone)
    is_offer = made.answer == "offered"
    facts = [
        _("You offered this time. The client answers until {until}, else it ends.", until=until)
        if is_offer
        else _(
            "Asked {ago}. Without an answer it ends {until}.",
            ago=display.ago(made.made_at),
            until=until,
        )
    ]
    if made.looked == "pending":
        facts.append(
            _("Calendars outside could not be checked when it was made. Look there first.")
        )
    if booking.notes:
        facts.append(_("Note: {note}", note=booking.notes))
    whom = (
        f"{calendar.user.name}, {calendar.venue.name}"
        if several or current_user.books_for_all
        else ""
    )
    return RequestLine(made, display.when(booking) + _zone(calendar), whom, facts, is_offer, is_new)


def _load(booking_id: int) -> OnlineBooking | None:
    """The request of this booking, if the person may answer it; None if it is no longer a
    request.
    """
    return requests.request_of(access.booking_to_change(booking_id))


@blueprint.post("/<int:booking_id>/decline")
@login_required
def decline(booking_id: int):
    made = _load(booking_id)
    try:
        changed = made and requests.decline(made, current_user, _seen())
    except ChangedMeanwhile:
        return _moved(booking_id)
    if not made or not changed:
        return _gone(booking_id)
    sentence = _("Declined: {when}. The time is free again.", when=booking_card.when(made.booking))
    _flash(made, sentence, "booking_status.undo", changed)
    return htmx.done(_back(made))


@blueprint.get("/<int:booking_id>/offer")
@login_required
def times(booking_id: int):
    """Other times for the request."""
    made = _load(booking_id)
    return _gone(booking_id) if made is None else _times(made)


@blueprint.post("/<int:booking_id>/offer")
@login_required
def offer(booking_id: int):
    made = _load(booking_id)
    if made is None:
        return _gone(booking_id)
    at = button_times.instant(request.form.get("time", ""))
    try:
        changed = requests.propose_time(made, at, current_user, _seen()) if at else abort(404)
    except ChangedMeanwhile:
        return _moved(booking_id)
    except (SlotTaken, ClosedCalendar):
        return _times(made, _("This time was just taken. Choose another time."), 422)
    if not changed:
        return _gone(booking_id)
    sentence = _(
        "Offered: {when}. The client sees it on the page of the booking.",
        when=booking_card.when(made.booking),
    )
    _flash(made, sentence, "moves.undo", changed)
    held_times.warn_of_held_times(changed)
    return htmx.done(_back(made))


def _flash(made: OnlineBooking, sentence: str, undo: str, changed: Changed) -> None:
    """Say a sentence on the next page, with a button for the endpoint `undo` if the change can be
    undone.
    """
    way = {"undo": url_for(undo, booking_id=made.booking_id), "change": changed.entry}
    more = way if changed.entry else {}
    flash(booking_card.message_about(made.booking, places.came_from(), sentence, **more))


def _times(made: OnlineBooking, notice: str = "", status: int = 200):
    booking = made.booking
    zone, now = booking.practitioner.zone, scheduling.utc_now()
    today = scheduling.local_day(now, zone)
    first = max(button_times.day(request.args.get("from", "")) or today, today)
    start = max(now, scheduling.midnight(first, zone))
    days: dict[date, list[tuple[int, str]]] = {}
    later = None
    for free in requests.other_times(made, start, start + SEARCHED_AHEAD):
        day = scheduling.local_day(free.starts_at, zone)
        if day not in days and len(days) == MOST_DAYS:
            later = day
            break
        clock = display.clock(free.starts_at, zone)
        days.setdefault(day, []).append((int(free.starts_at.timestamp()), clock))
    shown = {
        "booking": booking,
        "when": booking_card.when(booking) + _zone(booking.practitioner),
        "days": [
            (display.day(day, year=day.year != today.year), found) for day, found in days.items()
        ],
        "later": later and url_for("requests.times", booking_id=booking.id, **{"from": str(later)}),
        "notice": notice,
        "back": _back(made),
    }
    return render_template("requests/times.html", **shown), status


def _gone(booking_id: int):
    """The answer if somebody answered the request meanwhile, or the client changed it."""
    booking = access.booking_to_change(booking_id)
    booking_card.flash_answered(booking)
    return htmx.done(booking_card.stay(booking, places.came_from()))


def _moved(booking_id: int):
    """The answer if the client or the team changed the request's time meanwhile."""
    booking = access.booking_to_change(booking_id)
    booking_card.flash_moved(booking)
    return htmx.done(booking_card.stay(booking, places.came_from()))


def _seen() -> int | None:
    """The booking's sequence that the page with the button showed."""
    return arg_int(request.form.get("seen"))


def _back(made: OnlineBooking) -> str:
    return booking_card.stay(made.booking, places.came_from())
