"""What the link in a letter opens: an appointment that the team booked, and the end of reminders.

Looking changes nothing, since programs that check mail follow every link.
"""

from collections.abc import Callable
from functools import wraps

from flask import Blueprint, redirect, url_for

from base import scheduling
from base.catalogue import _
from free_times.online import by_letter
from free_times.online.managing import TooLate
from free_times.rules import OnlineSettings
from models import Booking
from views.kit import display

from . import choosing, pages

blueprint = Blueprint("by_letter", __name__, url_prefix="/appointment/<uuid>/<token>")


def _opened(view: Callable) -> Callable:
    """Give the view the booking. Every link that opens none has the same answer."""

    @wraps(view)
    def shown(uuid: str, token: str):
        booking = by_letter.find(uuid, token)
        return pages.missing() if booking is None else view(booking)

    return shown


def _page(template: str, booking: Booking, status: int = 200, notice: str = ""):
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
        clock=choosing.clock(booking.starts_at, zone),
        ends=choosing.clock(booking.ends_at, zone),
        zone=zone,
        until=by_letter.until(booking, settings),
        may_cancel=by_letter.may_cancel(booking, settings),
        is_over=booking.ends_at < scheduling.utc_now(),
        is_reminded=client is not None and client.unreminded_at is None,
        way={"uuid": booking.uuid, "token": by_letter.token(booking)},
        notice=notice,
    )


@blueprint.get("/")
@_opened
def show(booking: Booking):
    return _page("appointment.html", booking)


@blueprint.post("/cancel")
@_opened
def cancel(booking: Booking):
    try:
        by_letter.cancel(booking)
    except TooLate:
        notice = _("It is too late to change this online. Nothing was changed.")
        return _page("appointment.html", booking, 409, notice)
    return _to("show", booking)


@blueprint.get("/reminders")
@_opened
def ask_leave(booking: Booking):
    """Whether to send no more reminders: nothing happens before the button is pressed."""
    return _page("reminders.html", booking)


@blueprint.post("/reminders")
@_opened
def leave(booking: Booking):
    """No more reminders. Mail programs send this by themselves when somebody unsubscribes (RFC
    8058).
    """
    by_letter.set_reminded(booking, False)
    return _to("ask_leave", booking)


@blueprint.post("/reminders/again")
@_opened
def come_back(booking: Booking):
    by_letter.set_reminded(booking, True)
    return _to("ask_leave", booking)


def _to(endpoint: str, booking: Booking):
    way = {"uuid": booking.uuid, "token": by_letter.token(booking)}
    return redirect(url_for(f".{endpoint}", **way), 303)
