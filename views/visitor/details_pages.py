"""The pages between a chosen time and a booking: the form, the summary page, and the answers when
the time was taken or the form was used before. `details` decides which of them follows.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from flask import redirect, request, url_for
from werkzeug.datastructures import MultiDict

from base import region, scheduling
from base.catalogue import _
from free_times.finding import FreeTime
from free_times.online import holds, making, managing, proofs
from free_times.online.made_online import OnlineBooking
from free_times.online.making import JustTaken
from free_times.online.page import OnlinePage
from free_times.online.tickets import Ticket
from models import Service
from views.kit import display

from . import choosing, gate, pages
from .details_form import DetailsForm
from .picked import Picked

_MINUTE = timedelta(minutes=1)
JUST_MADE = timedelta(minutes=2)  # a booking, to whose page its form leads on


def form_page(
    page: OnlinePage, ticket: Ticket, form: DetailsForm, status: int = 200, message: str = ""
):
    """The form, while the time is free."""
    if made := making.earlier(page, ticket):
        return _used_form(page, ticket, made)
    try:
        service, free = making.still_free(page, ticket)
    except JustTaken:
        return just_taken(page, picked_of(page, ticket))
    if ticket.is_old:
        ticket = ticket.again()
    return pages.show(
        "details.html",
        page,
        status,
        form=form,
        message=message,
        **_summary(page, ticket, service, free),
    )


def not_booked(page: OnlinePage, ticket: Ticket, typed: MultiDict[str, str]):
    """The summary page again, with the data that was sent; or the form, if that data is gone."""
    message = _("Your time is not booked yet. Look at it once more, then press the button again.")
    if typed:
        return summary_page(page, ticket, message, typed=typed)
    return form_page(page, ticket, DetailsForm(page), message=message)


def summary_page(
    page: OnlinePage,
    ticket: Ticket,
    message: str = "",
    status: int = 200,
    code: bool = False,
    typed: MultiDict[str, str] | None = None,
):
    """The summary page. `typed`: the typed details, if this request does not bring them."""
    form = DetailsForm(page, request.form if typed is None else typed)
    if made := making.earlier(page, ticket):
        return _used_form(page, ticket, made)
    if not form.validate():
        return form_page(page, ticket, form, 422)
    try:
        service, free = making.still_free(page, ticket)
    except JustTaken:
        return just_taken(page, picked_of(page, ticket), typed)
    if ticket.is_old:
        ticket = ticket.again()
    return pages.show(
        "check.html",
        page,
        status,
        form=form,
        kept=pages.typed(typed),
        message=message,
        code=code,
        challenge=proofs.challenge(ticket.form_use),
        by_mail=gate.may_mail(form.details("")),
        is_request=making.is_request(page, service, free),
        is_final=not page.settings.is_changeable(free.starts_at),
        **_summary(page, ticket, service, free),
    )


def booked(page: OnlinePage, made: OnlineBooking):
    """Redirect to the page of the booking."""
    address = url_for(
        "managed.show", name=page.name, uuid=made.booking.uuid, token=managing.token(made)
    )
    return redirect(address, 303)


def _used_form(page: OnlinePage, ticket: Ticket, made: OnlineBooking):
    """The answer to a form that has made a booking before: within a moment its booking, later a
    list of times for another booking. The address alone does not lead to an old booking.
    """
    if made.made_at > scheduling.utc_now() - JUST_MADE:
        return booked(page, made)
    picked = replace(picked_of(page, ticket), form="")
    if picked.service is None or not picked.terms:
        return choosing.gone(page)
    message = _("You have already booked with this form. To book once more, choose another time.")
    return choosing.times_page(picked, message=message)


def taken_meanwhile(page: OnlinePage, ticket: Ticket, typed: MultiDict[str, str] | None = None):
    """Answer that the time was taken: by somebody else, or by a second press on this very form."""
    if made := making.earlier(page, ticket):
        return booked(page, made)
    return just_taken(page, picked_of(page, ticket), typed)


def _summary(page: OnlinePage, ticket: Ticket, service: Service, free: FreeTime) -> dict:
    """The chosen booking, in words."""
    calendar = free.wish.calendar
    picked, hold = picked_of(page, ticket), holds.alive(ticket.form_use)
    day = scheduling.local_day(free.starts_at, calendar.zone)
    today = scheduling.local_day(scheduling.utc_now(), calendar.zone)
    return {
        "ticket": ticket,
        "service": service,
        "calendar": calendar,
        "day": display.near_day(day, today),
        "times": region.between_in(free.starts_at, ticket.ends_at, calendar.zone),
        "there": choosing.in_zone(free.starts_at, calendar.zone, picked.other_zone),
        "zone": calendar.zone,
        "picked": picked,
        "price": pages.price(ticket.price_cents, page),
        "hold": hold,
        "hold_minutes": hold and -(-(hold.expires_at - scheduling.utc_now()) // _MINUTE),
        "other_time": url_for("choosing.free", name=page.name, **picked.query()),
    }


def picked_of(page: OnlinePage, ticket: Ticket) -> Picked:
    """The choices of the ticket that the page still offers. If the person is no longer offered, the
    venue stays, as far as the service is still offered there.
    """
    service = page.service(ticket.service)
    calendar = page.calendar(ticket.calendar)
    is_meant = calendar in page.calendars and not ticket.anyone
    person = calendar.user if calendar and is_meant else None
    there = [one for one in page.venues if calendar and one.id == calendar.venue_id]
    venue = there[0] if there and service and page.at(service, there[0], person) else None
    return Picked(page, service, venue, person, chosen_zone(), ticket.text)


def just_taken(page: OnlinePage, picked: Picked, typed: Mapping[str, str] | None = None):
    """Answer that somebody was faster, or that the time is no longer offered: show the next times,
    and keep everything that was typed.
    """
    message = _("This time was just taken. Nothing was booked. Choose another one.")
    kept = pages.typed(typed)
    if picked.service is None or not picked.terms:
        return choosing.gone(page, kept)
    message = choosing.with_kept(message, kept)
    return choosing.times_page(picked, message=message, status=409, kept=kept)


def chosen_zone() -> str:
    """The visitor's zone, if times are shown in it as well; else empty."""
    zone = request.values.get("zone", "")
    return zone if pages.is_zone(zone) else ""
