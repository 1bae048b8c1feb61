"""From a chosen time to a booking: the visitor's details, the summary page, and the booking itself.

The form carries a signed ticket of the time, and the typed details. The server stores nothing
before the booking is made.
"""

from datetime import datetime

from flask import make_response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from base.catalogue import _
from free_times.finding import FreeTime
from free_times.online import (
    asking_outside,
    chosen_time,
    made_online,
    making,
    tickets,
    visitor_times,
)
from free_times.online.admission import NeedsCode, TooMany
from free_times.online.asking_outside import CannotCheck, SentForm
from free_times.online.making import Details, JustTaken, TermsChanged
from free_times.online.page import OnlinePage
from free_times.online.tickets import NoForm, Ticket
from sync.two_way.standing.freshness import Certainty
from views.kit import brakes, button_times, display

from . import choosing, details_pages, gate, pages
from .details_form import DetailsForm
from .pages import with_page
from .picked import Picked

blueprint = pages.blueprint(__name__)


@blueprint.post("/hold")
@with_page
def choose(page: OnlinePage):
    """The form for the chosen time. A visitor who has typed something continues with it."""
    picked = Picked.of(page, request.form)
    if picked.service is None or not picked.terms:
        return choosing.gone(page)
    if picked.lacks_person:
        return redirect(url_for("choosing.people", name=page.name, **picked.query()), 303)
    at = button_times.instant(request.form.get("time", ""))
    nonce = _nonce(page, ticket_of(page, picked.form))
    free = at and _free_at(page, picked, at, nonce)
    if not free:
        return details_pages.just_taken(page, picked)
    ticket = _ticket(page, picked, nonce, free)
    try:
        chosen_time.hold(page, ticket, _origin(), (picked.service, free))
    except JustTaken:
        return details_pages.just_taken(page, picked)
    if pages.typed():
        return _go_on(page, ticket)
    address = url_for(".details", name=page.name, form=ticket.text, zone=picked.zone or None)
    return redirect(address, 303)


def _free_at(page: OnlinePage, picked: Picked, at: datetime, nonce: str | None) -> FreeTime | None:
    """The free time that begins then; the form use's own hold does not count."""
    found = visitor_times.free_times(
        page, picked.service, picked.terms, at, at, form_use=nonce and tickets.form_use(nonce)
    )
    return next(found, None)


def _ticket(page: OnlinePage, picked: Picked, nonce: str | None, free: FreeTime) -> Ticket:
    """The ticket of the chosen time, which the form carries."""
    terms = page.terms_of(picked.service, free.wish.calendar.id)
    return Ticket.issue(
        nonce,
        clinic=page.clinic.id,
        service=picked.service.id,
        calendar=terms.calendar.id,
        anyone=picked.person is None,
        minutes=terms.minutes,
        price_cents=terms.price_cents,
        starts_at=free.starts_at,
    )


def _nonce(page: OnlinePage, before: Ticket | None) -> str | None:
    """The nonce of the form use: from the form that was filled in before, else from the list of
    times. A nonce with which something was booked does not count.
    """
    nonces = [before.nonce] if before else []
    if seed := request.form.get("visit", "")[:64]:
        nonces.append(tickets.nonce_of(seed, page.clinic.id))
    return next(
        (one for one in nonces if not made_online.made_by_form_use(tickets.form_use(one))), None
    )


def _origin() -> str:
    return brakes.key("hold", brakes.network())


def ticket_of(page: OnlinePage, text: str) -> Ticket | None:
    """The ticket that the form carried; None if no page of this clinic made it."""
    try:
        return Ticket.read(text[:400], page.clinic.id) if text else None
    except NoForm:
        return None


@blueprint.get("/details")
@with_page
def details(page: OnlinePage):
    ticket = ticket_of(page, request.args.get("form", ""))
    if ticket is None:
        return choosing.gone(page)
    answer = make_response(details_pages.form_page(page, ticket, DetailsForm(page)))
    # A visitor who returns from the summary page finds the typed text: the browser may keep this
    # page, but none that shows the text.
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


@blueprint.post("/details")
@with_page
def check(page: OnlinePage):
    """The summary page before the booking; or the form again, with the typed details."""
    ticket = ticket_of(page, request.form.get("form", ""))
    if ticket is None:
        return choosing.gone(page)
    if request.form.get("extend") and not making.earlier(page, ticket):
        try:
            chosen_time.hold(page, ticket, _origin())
        except JustTaken:
            return details_pages.just_taken(page, details_pages.picked_of(page, ticket))
    if request.form.get("change") or request.form.get("extend") == "form":
        return details_pages.form_page(page, ticket, DetailsForm(page, request.form))
    return details_pages.summary_page(page, ticket)


def _go_on(page: OnlinePage, ticket: Ticket):
    """Continue with the details typed for another time: to the summary page, or to the fields still
    missing.
    """
    if DetailsForm(page, request.form).validate():
        return details_pages.summary_page(page, ticket)
    return details_pages.form_page(page, ticket, DetailsForm(page, request.form))


@blueprint.post("/book")
@with_page
def book(page: OnlinePage):
    ticket = ticket_of(page, request.form.get("form", ""))
    if ticket is None:
        return choosing.gone(page)
    form = DetailsForm(page, request.form)
    if not form.validate():
        return details_pages.form_page(page, ticket, form, 422)
    if ticket.is_old:
        return details_pages.summary_page(
            page, ticket, _("This form was a day old. Please look at it once more.")
        )
    details = form.details(details_pages.chosen_zone())
    if seconds := gate.wait_seconds(details):
        return _slow_down(page, ticket, seconds)
    if made := making.earlier(page, ticket):
        return details_pages.booked(page, made)
    return _send(page, ticket, details)


def _slow_down(page: OnlinePage, ticket: Ticket, seconds: int):
    message = _(
        "Wait {minutes}, then press the button again. Nothing is booked yet.",
        minutes=display.minutes(seconds),
    )
    answer = details_pages.summary_page(page, ticket, message, 429)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _send(page: OnlinePage, ticket: Ticket, details: Details):
    """Book it, or show the page that waits while calendars outside are asked."""
    try:
        sent = gate.sent(ticket, details, dict(pages.typed()))
        outcome, judged = asking_outside.ask_about_time(page, ticket)
        if outcome == Certainty.ASKING:
            asking_outside.hold_and_wait(page, ticket, sent, _origin(), judged)
            carried = {"form": ticket.text, "zone": details_pages.chosen_zone() or None}
            return redirect(url_for("still_asking.show", name=page.name, **carried), 303)
    except NeedsCode:
        return _ask_code(page, ticket, details)
    except JustTaken:
        return details_pages.taken_meanwhile(page, ticket)
    return finish(page, ticket, sent, outcome, judged=judged)


def finish(
    page: OnlinePage,
    ticket: Ticket,
    sent: SentForm,
    outcome: Certainty,
    typed: MultiDict[str, str] | None = None,
    judged: FreeTime | None = None,
):
    """Book with the details that were sent, once it is known whether the time is free outside.
    `typed`: as in `details_pages.summary_page`. `judged`: as in `asking_outside.finish`.
    """
    try:
        made = asking_outside.finish(page, ticket, sent, outcome, judged)
    except NeedsCode:
        return _ask_code(page, ticket, sent.details, typed)
    except TooMany:
        message = _("This cannot be booked online. Please call the clinic.")
        return details_pages.summary_page(page, ticket, message, 409, typed=typed)
    except CannotCheck:
        message = _(
            "We cannot make sure at the moment that this time is free. Nothing was booked. Try"
            " again in a minute, or call the clinic."
        )
        return details_pages.summary_page(page, ticket, message, 409, typed=typed)
    except JustTaken:
        return details_pages.taken_meanwhile(page, ticket, typed)
    except TermsChanged as changed:
        fresh = ticket.again(minutes=changed.minutes, price_cents=changed.price_cents)
        message = _("The clinic has changed length or price. Please look at it once more.")
        return details_pages.summary_page(page, fresh, message, 409, typed=typed)
    return details_pages.booked(page, made)


def _ask_code(
    page: OnlinePage, ticket: Ticket, details: Details, typed: MultiDict[str, str] | None = None
):
    """The summary page again, with a field for the code that was sent by e-mail."""
    if not gate.send_code(page, ticket, details):
        message = _("We cannot send more codes now. Try again in an hour, or call the clinic.")
        return details_pages.summary_page(page, ticket, message, 429, typed=typed)
    typed_wrong = _("This code is not right. Look at the newest message.")
    message = typed_wrong if request.form.get("code") else ""
    return details_pages.summary_page(page, ticket, message, 422, code=True, typed=typed)
