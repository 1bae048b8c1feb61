"""A visitor's own booking: to see it, add it to a calendar, move it or cancel it.

GET changes nothing, since programs that check mail open every address in a letter.
"""

from collections.abc import Iterator
from datetime import datetime

from flask import make_response, redirect, request, url_for

from base import region, scheduling
from base.bookings import client_letters
from base.bookings.changes import ChangedMeanwhile
from base.bookings.clashes import SlotTaken
from base.catalogue import _
from free_times.finding import FreeTime
from free_times.online import answering, managing
from free_times.online.answering import NotOffered
from free_times.online.asking_outside import CannotCheck
from free_times.online.made_online import OnlineBooking
from free_times.online.making import JustTaken
from free_times.online.managing import TooLate
from free_times.online.page import OnlinePage
from models import Booking
from sync.events import visit
from sync.events.event import Event, Face
from sync.feeds import ical
from sync.two_way.standing.freshness import Certainty
from views.kit import brakes, button_times, display, waiting_wishes

from . import choosing, pages
from .pages import with_any_booking_link, with_booking

blueprint = pages.blueprint(__name__)
_WAY = "/booking/<uuid>/<token>"


@blueprint.get(_WAY)
@with_booking
def show(page: OnlinePage, made: OnlineBooking):
    return booking_page(page, made)


def booking_page(page: OnlinePage, made: OnlineBooking, message: str = "", status: int = 200):
    """The page of a visitor's booking."""
    return pages.show("booking.html", page, status, message=message, **facts(page, made))


def facts(page: OnlinePage, made: OnlineBooking) -> dict:
    """The values that every page about the booking shows."""
    booking = made.booking
    calendar = booking.practitioner
    zone = calendar.zone
    day = scheduling.local_day(booking.starts_at, zone)
    today = scheduling.local_day(scheduling.utc_now(), zone)
    way = {"name": page.name, "uuid": booking.uuid, "token": managing.token(made)}
    other = pages.zone_of(made.zone_name)
    place = calendar.venue.address
    days = (booking.starts_on, booking.ends_on) if booking.all_day else None
    entry = _title(page, booking), booking.starts_at, booking.ends_at, place, days
    return {
        "made": made,
        "booking": booking,
        "calendar": calendar,
        "service": booking.service,
        "price": pages.price(managing.price_cents(page, made), page),
        "day": display.near_day(day, today),
        "times": region.between_in(booking.starts_at, booking.ends_at, zone),
        "zone": zone,
        "there": choosing.in_zone(booking.starts_at, zone, other),
        "other_zone": other,
        "may_change": managing.may_change(page, made),
        "may_move": managing.may_move(page, made),
        "until": managing.until(page, made),
        "is_over": booking.is_over,
        "terms": "" if made.answer == "offered" else page.settings.cancellation,
        "is_ahead": booking.is_ahead,
        "way": way,
        "google_url": visit.google_url(*entry),
        "outlook_url": visit.outlook_url(*entry),
        "letter": _letter(made),
        "earlier": waiting_wishes.card(booking, managing.may_move(page, made)),
        "earlier_url": url_for("ask_earlier.show", **way),
    }


def _title(page: OnlinePage, booking: Booking) -> str:
    """The title of an entry in the visitor's calendar, as the clinic's e-mails have it."""
    settings = client_letters.LetterSettings.of(page.clinic)
    return visit.title(page.clinic.name, settings.service_named(booking))


def _letter(made: OnlineBooking) -> dict | None:
    """The state of the last letter about the booking: whether it was sent, and part of the
    address.
    """
    row = next(iter(client_letters.of_booking(made.booking)), None)
    if row is None or row.phase not in ("waiting", "sent"):
        return None
    hidden = f"{row.to[:1]}•••@…"  # enough for the person who typed it, useless to others
    return {"is_sent": row.phase == "sent", "to": hidden}


@blueprint.get(f"{_WAY}/appointment.ics")
@with_booking
def appointment(page: OnlinePage, made: OnlineBooking):
    """One entry for any calendar app, as a file."""
    booking = made.booking
    status = "cancelled" if booking.status == "cancelled" else "confirmed"
    zone_name = booking.practitioner.venue.zone_name
    entry = Event(
        visit.uid(booking.uuid),
        booking.sequence,
        "tentative" if booking.is_unconfirmed else status,
        Face(_title(page, booking), "", booking.practitioner.venue.address),
        booking.starts_at,
        booking.ends_at,
        booking.created_at,
        booking.updated_at,
        zone_name,
        booking.starts_on,
        booking.ends_on,
    )
    answer = make_response(ical.calendar(_("Appointment"), zone_name, [entry]))
    answer.content_type = "text/calendar; charset=utf-8"
    answer.headers["Content-Disposition"] = 'attachment; filename="appointment.ics"'
    return answer


@blueprint.get(f"{_WAY}/cancel")
@with_booking
def ask_cancel(page: OnlinePage, made: OnlineBooking):
    """Ask whether to cancel. Nothing changes before the button is pressed."""
    if not managing.may_change(page, made):
        return booking_page(page, made)
    return pages.show("cancel.html", page, **facts(page, made))


@blueprint.post(f"{_WAY}/cancel")
@with_booking
def cancel(page: OnlinePage, made: OnlineBooking):
    try:
        managing.cancel(page, made, _shown())
    except TooLate:
        return booking_page(page, made, _too_late(), 409)
    except ChangedMeanwhile:
        return _changed(page, made)
    return _done(page, made)


def _shown() -> datetime | None:
    """The time of the booking that the page with the button showed."""
    return button_times.instant(request.form.get("shown", ""))


def _changed(page: OnlinePage, made: OnlineBooking):
    message = _(
        "Someone else changed the time of your booking. Look at it first. Nothing was changed."
    )
    return booking_page(page, made, message, 409)


@blueprint.post(f"{_WAY}/accept")
@with_booking
def accept(page: OnlinePage, made: OnlineBooking):
    """Take the other time that the clinic offered."""
    at: datetime | None = button_times.instant(request.form.get("time", ""))
    try:
        outcome = answering.ask_about_proposed(made, at)
    except NotOffered:
        return _not_offered(page, made)
    if outcome == Certainty.ASKING:
        return _to("managed.wait_offered", page, made)
    return _accept_offered(page, made, at, outcome)


@blueprint.get(f"{_WAY}/accept/wait")
@with_booking
def wait_offered(page: OnlinePage, made: OnlineBooking):
    """Take the time as soon as it is known to be free, since the visitor pressed the button.
    Without a press nothing happens.
    """
    outcome = answering.outcome_of(made)
    if outcome is None:
        return booking_page(page, made)
    if outcome == Certainty.ASKING:
        return pages.show("still_asking.html", page, again=request.path)
    return _accept_offered(page, made, made.booking.starts_at, outcome)


def _accept_offered(page: OnlinePage, made: OnlineBooking, at: datetime | None, outcome: Certainty):
    try:
        answering.accept(made, at, outcome)
    except NotOffered:
        return _not_offered(page, made)
    except SlotTaken:
        answering.stop_asking(made)
        message = _("This time was just taken. Choose another time, or wait for the clinic.")
        return booking_page(page, made, message, 409)
    except CannotCheck:
        answering.stop_asking(made)
        message = _(
            "We cannot make sure at the moment that this time is free. Nothing was booked. Try"
            " again in a minute, or call the clinic."
        )
        return booking_page(page, made, message, 409)
    return _done(page, made)


def _not_offered(page: OnlinePage, made: OnlineBooking):
    return booking_page(page, made, _("This time is not offered any more."), 409)


def _too_late() -> str:
    return _("It is too late to change this online. Nothing was changed.")


@blueprint.get(f"{_WAY}/move")
@with_booking
def ask_move(page: OnlinePage, made: OnlineBooking):
    """The page of other times for the booking."""
    if not managing.may_move(page, made):
        return booking_page(page, made)
    return _move_page(page, made)


def _move_page(page: OnlinePage, made: OnlineBooking, message: str = "", status: int = 200):
    if not managing.may_move(page, made):
        sentence = _("The booking cannot be moved online any more. Nothing was changed.")
        return booking_page(page, made, sentence, 409)
    found = facts(page, made)

    def find(begin: datetime, end: datetime) -> Iterator[FreeTime]:
        return managing.other_times(page, made, begin, end)

    days, later, __ = choosing.days_from(
        find,
        found["zone"],
        found["other_zone"],
        request.args.get("from", ""),
        managing.latest(page, made),
    )
    return pages.show(
        "move.html",
        page,
        status,
        days=days,
        later=later and url_for(".ask_move", **found["way"], **{"from": str(later)}),
        message=message,
        asks=managing.needs_approval(page, made),
        **found,
    )


@blueprint.post(f"{_WAY}/move")
@with_any_booking_link
def move(page: OnlinePage, made: OnlineBooking, is_old: bool):
    at: datetime | None = button_times.instant(request.form.get("time", ""))
    if is_old:
        is_same = managing.was_moved_just_now(made, at)  # the same button was pressed twice
        return _done(page, made) if is_same else pages.no_booking(page, is_old)
    if at is None:
        return _move_page(page, made)
    origin = brakes.key("hold", brakes.network())
    try:
        outcome = managing.ask_about_move(page, made, at, origin, _shown())
    except ChangedMeanwhile:
        return _changed(page, made)
    except TooLate:
        return booking_page(page, made, _too_late(), 409)
    except JustTaken:
        return _time_taken(page, made)
    if outcome == Certainty.ASKING:
        return _to("managed.wait", page, made)
    return _carry_out(page, made, at, outcome)


@blueprint.get(f"{_WAY}/move/wait")
@with_any_booking_link
def wait(page: OnlinePage, made: OnlineBooking, is_old: bool):
    """Move the booking as soon as the time is known to be free, since the visitor pressed the
    button. Without a press nothing happens.
    """
    if is_old:
        is_now = managing.was_moved_just_now(made, made.booking.starts_at)
        return _done(page, made) if is_now else pages.no_booking(page, is_old)
    waits = managing.outcome_of(page, made)
    if waits is None:  # moving changes the link
        is_there = made.booking.status != "cancelled"
        return booking_page(page, made, _("Your booking was not moved.") if is_there else "")
    at, outcome = waits
    if outcome == Certainty.ASKING:
        return pages.show("still_asking.html", page, again=request.path)
    return _carry_out(page, made, at, outcome)


def _carry_out(page: OnlinePage, made: OnlineBooking, at: datetime, outcome: Certainty):
    """Move the booking. It stays where it is if a calendar outside could not be asked, and the
    clinic allows no booking in that case.
    """
    if outcome == Certainty.UNANSWERED and page.settings.when_stale != "open":
        managing.give_up(made)
        message = _(
            "We cannot make sure at the moment that this time is free. Your booking is unchanged."
            " Try again in a minute, or call the clinic."
        )
        return _move_page(page, made, message, 409)
    try:
        return _done(page, managing.move(page, made, at, _shown()))
    except ChangedMeanwhile:
        return _changed(page, made)
    except TooLate:
        return booking_page(page, made, _too_late(), 409)
    except JustTaken:
        return _time_taken(page, made)


def _time_taken(page: OnlinePage, made: OnlineBooking):
    message = _("This time was just taken. Your booking is unchanged. Choose another time.")
    return _move_page(page, made, message, 409)


def _done(page: OnlinePage, made: OnlineBooking):
    return _to("managed.show", page, made)


def _to(endpoint: str, page: OnlinePage, made: OnlineBooking):
    way = {"name": page.name, "uuid": made.booking.uuid, "token": managing.token(made)}
    return redirect(url_for(endpoint, **way), 303)
