"""The pages of the booking link in a letter: an appointment that the team booked, and the end of
reminders.

GET changes nothing, since programs that check mail open every address in a letter.
"""

from flask import Blueprint, redirect, request, url_for

from base import region, scheduling
from base.bookings.changes import ChangedMeanwhile
from base.catalogue import _
from free_times.online import by_letter
from free_times.online.managing import TooLate
from free_times.rules import OnlineSettings
from models import Booking
from views.kit import button_times, display, waiting_wishes

from . import pages
from .ask_earlier import Place, answered, shown

blueprint = Blueprint("by_letter", __name__, url_prefix="/appointment/<uuid>/<token>")
_opened = pages.by_signed_address(by_letter.find_by_letter)


def _page(template: str, booking: Booking, status: int = 200, message: str = "", **more):
    settings, calendar = OnlineSettings.of(booking.clinic), booking.practitioner
    zone = calendar.zone
    today = scheduling.local_day(scheduling.utc_now(), zone)
    client = by_letter.client(booking)
    return pages.show_without_page(
        template,
        status,
        clinic=booking.clinic,
        settings=settings,
        booking=booking,
        calendar=calendar,
        service=booking.service or {"name": _("Appointment")},
        day=display.near_day(scheduling.local_day(booking.starts_at, zone), today),
        times=region.between_in(booking.starts_at, booking.ends_at, zone),
        zone=zone,
        until=settings.last_change(booking.starts_at),
        may_cancel=by_letter.may_cancel(booking, settings),
        is_over=booking.is_over,
        is_ahead=booking.is_ahead,
        is_reminded=client is not None and client.unreminded_at is None,
        way=_way(booking),
        message=message,
        earlier=waiting_wishes.card(booking, by_letter.may_move(booking, settings)),
        earlier_url=url_for(".ask_earlier", **_way(booking)),
        **more,
    )


def _way(booking: Booking) -> dict:
    return {"uuid": booking.uuid, "token": by_letter.token(booking)}


@blueprint.get("/")
@_opened
def show(booking: Booking):
    return _page("appointment.html", booking)


@blueprint.post("/cancel")
@_opened
def cancel(booking: Booking):
    try:
        by_letter.cancel(booking, button_times.instant(request.form.get("shown", "")))
    except TooLate:
        message = _("It is too late to change this online. Nothing was changed.")
        return _page("appointment.html", booking, 409, message)
    except ChangedMeanwhile:
        message = _(
            "Someone else changed the time of your appointment. Look at it first."
            " Nothing was changed."
        )
        return _page("appointment.html", booking, 409, message)
    return _to("show", booking)


@blueprint.get("/reminders")
@_opened
def ask_leave(booking: Booking):
    """Ask whether to end the reminders. Nothing changes before the button is pressed."""
    return _page("reminders.html", booking)


@blueprint.post("/reminders")
@_opened
def no_reminders(booking: Booking):
    """End the reminders. Mail programs send this request themselves when somebody unsubscribes (RFC
    8058).
    """
    by_letter.set_reminded(booking, False)
    return _to("ask_leave", booking)


@blueprint.post("/reminders/again")
@_opened
def come_back(booking: Booking):
    by_letter.set_reminded(booking, True)
    return _to("ask_leave", booking)


@blueprint.get("/earlier")
@_opened
def ask_earlier(booking: Booking):
    return shown(_place(booking))


@blueprint.post("/earlier")
@_opened
def wait(booking: Booking):
    return answered(_place(booking))


def _place(booking: Booking) -> Place:
    way = _way(booking)
    return Place(
        booking,
        by_letter.bookable_terms(booking),
        by_letter.may_move(booking, OnlineSettings.of(booking.clinic)),
        lambda message, status: _page("appointment.html", booking, status, message),
        lambda template, status, **more: _page(template, booking, status, **more),
        url_for(".ask_earlier", **way),
        url_for(".show", **way),
    )


def _to(endpoint: str, booking: Booking):
    return redirect(url_for(f".{endpoint}", **_way(booking)), 303)
