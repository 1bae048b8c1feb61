"""Bookings: the card, and the form in which they are made and changed."""

from flask import Blueprint, redirect, render_template, request
from flask_login import current_user

from base.bookings.changes import Changed
from base.bookings.clashes import ClosedCalendar, SlotTaken
from base.catalogue import _
from base.database import alone
from base.scheduling import BadTime, Span
from models import Booking
from people.doubles import PerhapsListed
from views.kit import access, htmx
from views.kit.access import login_required
from views.kit.forms import arg_int

from . import booking_card, places, saved_messages, team_day, week
from .booking_form import form_page, meanwhile
from .booking_form.fields import BookingForm, blank, filled_form

blueprint = Blueprint("bookings", __name__)
places.carry(blueprint)


REFUSALS = SlotTaken, BadTime, ClosedCalendar, PerhapsListed


@blueprint.get("/")
@login_required
def index():
    return redirect(access.first_page())


@blueprint.get("/new")
@login_required
def new():
    like = arg_int(request.args.get("again"))
    like = access.booking_to_change(like) if like is not None else None
    practitioner = access.calendar_to_book(like.practitioner if like else week.chosen_calendar())
    patient = arg_int(request.args.get("patient"))
    patient = access.client_to_read(patient) if patient is not None else like and like.patient
    if patient and patient.archived:
        patient = None
    starts = form_page.clock(request.args.get("from"))
    return form_page.show(
        blank(
            practitioner,
            day=form_page.asked_day(practitioner, like),
            starts=starts,
            like=like,
            patient=patient,
            **form_page.found(practitioner, starts),
        )
    )


@blueprint.post("/")
@login_required
def create():
    form = BookingForm(week.chosen_calendar())
    looks = "find" in request.form or "take" in request.form
    if not looks and (answer := form_page.made_before(form)):
        return answer
    access.calendar_to_book(form.practitioner)
    if looks:
        return form_page.show(form_page.with_time(form))
    spans = form.spans() if form.validate() else []
    if not spans or form.errors:
        return form_page.made_before(form) or form_page.show(form, 422)
    try:
        made = _book(form, spans)
    except REFUSALS as refusal:
        again = form_page.made_before(form)
        return again or form_page.show_refusal(form, spans, refusal)
    if made.is_again:
        return form_page.made_before(form)
    saved_messages.saved(form, made, _("Booked"), True)
    return htmx.done(_back(made[0]))


def _book(form: BookingForm, spans: list[Span]) -> Changed:
    return Booking.book(
        form.practitioner,
        spans,
        current_user,
        key=form.form_key,
        allow_overlap=form.may_overlap,
        skip_taken=form.overlap.data == "skip",
        status=form.status.data,
        new_client=form.add_client if form.new_client else None,
        **form.columns(),
    )


@blueprint.get("/<int:booking_id>")
@login_required
def show(booking_id: int):
    return show_card(access.booking_to_read(booking_id))


@blueprint.get("/<int:booking_id>/edit")
@login_required
def edit(booking_id: int):
    form = filled_form(access.booking_to_change(booking_id))
    form_page.wish(form)
    return form_page.show(form)


@blueprint.post("/<int:booking_id>")
@login_required
def update(booking_id: int):
    booking = access.booking_to_read(booking_id)
    if not access.is_own(booking.practitioner):
        return _show_given(booking)
    form = BookingForm(form_page.calendar(booking), booking)
    if "find" in request.form or "take" in request.form:
        return form_page.show(form_page.with_time(form))
    span = form.span() if form.validate() else None
    if span is None or form.errors:
        return form_page.show(form, 422)
    is_moved = saved_messages.takes_other_time(booking, span, form.practitioner)
    try:
        with alone(booking):
            changed = _change(booking, form)
    except REFUSALS as refusal:
        return form_page.show_refusal(form, [span], refusal)
    if changed is None:
        return form_page.show(form, 422)
    saved_messages.saved(form, changed, _("Changed"), is_moved)
    return htmx.done(_back(booking))


def _show_given(booking: Booking) -> tuple[str, int]:
    """Show the booking again with the typed text, since it may have been given to another calendar
    meanwhile.
    """
    notes = request.form.get("notes", "")
    return render_template("bookings/given.html", booking=booking, notes=notes), 403


def _change(booking: Booking, form: BookingForm) -> Changed | None:
    """Change the values that differ from the row, so that other bookings of a series keep their
    own. None: somebody else changed the same field, or the two changes together give an impossible
    time.
    """
    before = form.seen.data
    form.choose_added_client(booking)
    is_merged = form.merge(filled_form(booking), booking)
    if meanwhile.must_ask(form, booking, before) or not is_merged:
        return None
    if (span := form.span()) is None:
        return None
    columns = form.columns() | {"status": form.status.data}
    if form.new_client:
        columns["patient"] = form.add_client()
    own = meanwhile.columns(form)
    other = {name for name, value in columns.items() if getattr(booking, name) != value}
    is_here = span == booking.span and form.practitioner == booking.practitioner
    if is_here and not other and meanwhile.is_done(form, booking):
        return Changed([booking])
    return booking.change(
        current_user,
        span,
        which=form.which.data,
        practitioner=form.practitioner,
        allow_overlap=form.may_overlap,
        skip_taken=form.overlap.data == "skip",
        shown=meanwhile.shown(form, booking),
        **{name: value for name, value in columns.items() if name in own | other},
    )


@blueprint.post("/clients")
@login_required
def clients():
    """Clients that match the typed text. POST although it changes nothing: a client's name must not
    be in an address, which is logged.
    """
    form = BookingForm(form_page.calendar())
    form.choose_by_text()
    return htmx.show(
        "bookings/new.html", "bookings/_client_results.html", **form_page.context(form)
    )


@blueprint.get("/check")
@login_required
def check():
    """Conflicts of these times, and the other bookings of that day. With `fill` also the end and
    the rate that follow from the service.
    """
    booking = arg_int(request.args.get("booking"))
    booking = access.booking_to_change(booking) if booking else None
    form = BookingForm(
        form_page.calendar(booking), booking, formdata=request.args, meta={"csrf": False}
    )
    if fill := request.args.get("fill"):
        form_page.fill(form, fill)
    return htmx.show(
        "bookings/new.html",
        "bookings/_check.html",
        fill=fill,
        **form_page.context(form, form.spans_so_far()),
    )


def show_card(booking: Booking, status: int = 200, **more):
    """The card: alone for htmx, else over its week."""
    card = booking_card.card(booking, **more)
    return htmx.show(
        "bookings/show.html",
        "bookings/_card.html",
        status,
        card=card,
        back=_back(booking),
        **behind(booking),
    )


def behind(booking: Booking) -> dict:
    """The calendar behind an open card; not for htmx, whose page shows it already."""
    if htmx.is_partial():
        return {}
    came = places.came_from()
    day = places.around(booking_card.first_day(booking), came)
    if came.get("view") == "team" and (page := team_day.page(day)):
        return {"behind": "team_day/index.html", **page}
    return week.page(booking.practitioner, day, came.get("view", "week"))


def _back(booking: Booking) -> str:
    return booking_card.back(booking, places.came_from())
