"""Bookings: the card, the form, statuses, cancelling and taking it back."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user

from base.bookings.changes import Changed
from base.bookings.clashes import ClosedCalendar, SlotTaken
from base.bookings.statuses import STATUSES
from base.catalogue import _, lazy, paragraph
from base.database import alone
from base.scheduling import BadTime
from models import Booking, Patient
from views.kit import access, display, htmx
from views.kit.access import login_required
from views.kit.forms import Choice, Form, Hidden, Options, arg_int

from . import (
    booking_card,
    booking_form,
    booking_page,
    booking_words,
    places,
    team_day,
    week,
)
from .booking_card import when
from .booking_form import BookingForm

blueprint = Blueprint("bookings", __name__)


places.carry(blueprint)


class StatusForm(Form):
    status = Choice(
        lazy("Status"), choices=[(status, display.STATUS_NAMES[status]) for status in STATUSES]
    )
    was = Hidden(limit=20)  # the status on the page on which the button was
    seen = Hidden(limit=20)  # and the booking's sequence, where the button is for that time alone
    overlap = Choice(lazy("Overlap"), choices=[("", ""), ("ok", "")], default="")
    agreed = Hidden(limit=40_000)


class CancelForm(Form):
    was = Hidden(limit=20)
    which = Options(lazy("Cancel"), choices=booking_form.WHICH, default="one")


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
    starts = booking_page.clock(request.args.get("from"))
    return booking_page.show(
        booking_form.blank(
            practitioner,
            day=week.chosen_day(practitioner.zone),
            starts=starts,
            like=like,
            patient=patient,
            **booking_page.found(practitioner, starts),
        )
    )


@blueprint.post("/")
@login_required
def create():
    form = BookingForm(week.chosen_calendar())
    looks = "find" in request.form or "take" in request.form
    if not looks and (earlier := form.made_before()):
        booking_card.say_made_before(earlier)
        return htmx.done(_back(earlier[0]))
    access.calendar_to_book(form.practitioner)
    if looks:
        return booking_page.show(booking_page.taken(form))
    spans = form.spans() if form.validate() else []
    if not spans or form.errors:
        return booking_page.show(form, 422)
    columns = form.columns() | {"status": form.status.data, "new_client": form.new_client}
    try:
        made = Booking.book(
            form.practitioner,
            spans,
            current_user,
            key=form.form_key,
            allow_overlap=form.may_overlap,
            skip_taken=form.overlap.data == "skip",
            **columns,
        )
    except SlotTaken as refusal:
        return booking_page.show(form, 422, spans, refusal)
    except (BadTime, ClosedCalendar) as error:
        return booking_page.show_fault(form, error)
    if made.is_again:
        booking_card.say_made_before(made)
    else:
        _say_saved(form, made, _("Booked"), made)
    return htmx.done(_back(made[0]))


@blueprint.get("/<int:booking_id>")
@login_required
def show(booking_id: int):
    return _show_card(access.booking_to_read(booking_id))


@blueprint.get("/<int:booking_id>/edit")
@login_required
def edit(booking_id: int):
    form = booking_form.of(access.booking_to_change(booking_id))
    booking_page.wish(form)
    return booking_page.show(form)


@blueprint.post("/<int:booking_id>")
@login_required
def update(booking_id: int):
    booking = access.booking_to_read(booking_id)
    if not access.is_own(
        booking.practitioner
    ):  # perhaps it changed hands while somebody wrote: the words come back
        return (
            render_template(
                "bookings/given.html", booking=booking, notes=request.form.get("notes", "")
            ),
            403,
        )
    form = BookingForm(booking_page.calendar(booking), booking)
    if "find" in request.form or "take" in request.form:
        return booking_page.show(booking_page.taken(form))
    span = form.span() if form.validate() else None
    if span is None or form.errors:
        return booking_page.show(form, 422)
    is_moved = span != booking.span
    try:
        with alone(booking):
            changed = _change(booking, form)
    except SlotTaken as refusal:
        return booking_page.show(form, 422, [span], refusal)
    except (BadTime, ClosedCalendar) as error:
        return booking_page.show_fault(form, error)
    if changed is None:
        return booking_page.show(form, 422)
    _say_saved(form, changed, _("Changed"), changed if is_moved else changed[:1])
    return htmx.done(_back(booking))


def _change(booking: Booking, form: BookingForm) -> Changed | None:
    """Change what differs from the row, so that others of a series keep what is theirs alone.

    None: somebody else changed the same.
    """
    if not form.merge(booking_form.of(booking), booking):
        return None
    span, columns = form.span(), form.columns() | {"status": form.status.data}
    if form.new_client:
        columns["patient"] = Patient.named(booking.clinic, current_user, **form.new_client)
    changed = {name: value for name, value in columns.items() if getattr(booking, name) != value}
    if not changed and span == booking.span and form.practitioner == booking.practitioner:
        return Changed([booking])  # untouched, or the second press of a button
    return booking.change(
        current_user,
        span,
        which=form.which.data,
        practitioner=form.practitioner,
        allow_overlap=form.may_overlap,
        skip_taken=form.overlap.data == "skip",
        **changed,
    )


@blueprint.post("/clients")
@login_required
def clients():
    """Clients as one types.

    POST although it changes nothing: no client's name belongs in an address, and so in a log.
    """
    form = BookingForm(booking_page.calendar())
    form.take_text()
    return htmx.show(
        "bookings/new.html", "bookings/_client_results.html", **booking_page.context(form)
    )


@blueprint.get("/check")
@login_required
def check():
    """What stands in the way of these times, and that day.

    With `fill` also the end and the rate that follow from the service.
    """
    booking = arg_int(request.args.get("booking"))
    booking = access.booking_to_change(booking) if booking else None
    form = BookingForm(
        booking_page.calendar(booking), booking, formdata=request.args, meta={"csrf": False}
    )
    if fill := request.args.get("fill"):
        booking_page.fill(form, fill)
    return htmx.show(
        "bookings/new.html",
        "bookings/_check.html",
        fill=fill,
        **booking_page.context(form, form.spans_so_far()),
    )


@blueprint.post("/<int:booking_id>/status")
@login_required
def set_status(booking_id: int):
    booking = access.booking_to_change(booking_id)
    form, was = StatusForm(), booking.status
    agreed = form.overlap.data == "ok" and (
        set(form.agreed.data.split()) if form.agreed.data else True
    )
    if not form.validate():
        return _show_card(booking, 422)
    try:
        with alone(booking):
            if booking.status != form.status.data:
                is_stale = _is_stale(form, booking)
                if form.seen.data and (is_stale or form.seen.data != str(booking.sequence)):
                    (booking_card.say_answered if is_stale else booking_card.say_moved)(booking)
                    return htmx.done(_stay(booking))
                if is_stale:
                    return _show_card(booking, 422, changed_meanwhile=True)
            changed = booking.set_status(form.status.data, current_user, allow_overlap=agreed)
    except SlotTaken as refusal:
        return _show_card(booking, 422, wanted=form.status.data, refusal=refusal)
    if changed:
        _say_undoable(
            booking,
            changed,
            _(
                "{status}: {when}. It was {was}.",
                status=display.STATUS_NAMES[booking.status],
                when=when(booking),
                was=display.STATUS_NAMES[was].lower(),
            ),
        )
    return htmx.done(_stay(booking))


@blueprint.get("/<int:booking_id>/cancellation")
@login_required
def ask_cancel(booking_id: int):
    return _show_cancellation(access.booking_to_change(booking_id), CancelForm(formdata=None))


@blueprint.post("/<int:booking_id>/cancellation")
@login_required
def cancel(booking_id: int):
    booking, form = access.booking_to_change(booking_id), CancelForm()
    if not form.validate():
        return _show_cancellation(booking, form, 422)
    with alone(booking):
        if _is_stale(form, booking):
            return _show_card(booking, 422, changed_meanwhile=True)
        cancelled = booking.cancel(current_user, which=form.which.data)
    if cancelled:
        many = _(
            "{count} bookings are cancelled. Their times are free again.", count=len(cancelled)
        )
        one = _("Cancelled: {when}. The time is free again.", when=when(booking))
        _say_undoable(
            booking,
            cancelled,
            " ".join([one if len(cancelled) == 1 else many, *booking_words.left_alone(cancelled)]),
        )
    return htmx.done(_stay(booking))


def _is_stale(form: StatusForm | CancelForm, booking: Booking) -> bool:
    """Whether somebody set another status after the page with the button was opened."""
    return bool(form.was.data) and form.was.data != booking.status


@blueprint.post("/<int:booking_id>/undo")
@login_required
def undo(booking_id: int):
    """Take back the latest change of status, if it is still the one of the page with the button."""
    booking = access.booking_to_change(booking_id)
    try:
        undone = booking.undo_status(current_user, arg_int(request.form.get("change")))
    except SlotTaken:
        flash(
            _("The time has been taken since, so it stays as it is. Open the booking to decide."),
            "warning",
        )
    else:
        if not undone:
            flash(_("There is nothing to take back any more."))
        else:
            many = _(
                "Taken back: {count} bookings have the status again that they had before.",
                count=len(undone),
            )
            one = _(
                "Taken back: {status} again.",
                status=display.STATUS_NAMES[booking.status].lower(),
            )
            is_one = len(undone) == 1 and booking in undone
            flash(booking_card.said(booking, places.came_from(), one if is_one else many))
            if said := booking_words.left_alone(undone, _("Not taken back")):
                flash(" ".join(said), "warning")
    return htmx.done(_stay(booking))


def _show_card(booking: Booking, status: int = 200, **more):
    """The card alone for htmx; else the week it lies in, with the card open over it."""
    card = booking_card.card(booking, **more)
    return htmx.show(
        "bookings/show.html",
        "bookings/_card.html",
        status,
        card=card,
        back=_back(booking),
        **_behind(booking),
    )


def _show_cancellation(booking: Booking, form: CancelForm, status: int = 200):
    card = booking_card.card(booking)
    return htmx.show(
        "bookings/cancellation.html",
        "bookings/_cancellation.html",
        status,
        card=card,
        form=form,
        colleagues=booking.reach(current_user, "all")[1],
        **_behind(booking),
    )


def _behind(booking: Booking) -> dict:
    """What one came from, behind an open card; htmx has it on the page already."""
    if htmx.is_partial():
        return {}
    came = places.came_from()
    day = places.around(booking_card.first_day(booking), came)
    if came.get("view") == "team" and (page := team_day.page(day)):
        return {"behind": "team_day/index.html", **page}
    return week.page(booking.practitioner, day, came.get("view", "week"))


def _back(booking: Booking) -> str:
    return booking_card.back(booking, places.came_from())


def _stay(booking: Booking) -> str:
    return booking_card.stay(booking, places.came_from())


def _say_undoable(booking: Booking, changed: Changed, sentence: str) -> None:
    """With a button that takes back this change, and none that somebody makes later."""
    undo = url_for("bookings.undo", booking_id=booking.id)
    came = places.came_from()
    flash(booking_card.said(booking, came, sentence, undo=undo, change=changed.entry))


def _say_saved(form: BookingForm, rows: Changed, done: str, placed: Sequence[Booking]) -> None:
    """What was saved, and beside it what is odd about the times (`placed`: whose are new).

    No client’s name: flashes travel in a cookie.
    """
    first = rows[0]
    many = _(" and {count} more", count=len(rows) - 1) if len(rows) > 1 else ""
    client = (
        _("The new client has the ID {internal_id}.", internal_id=first.patient.internal_id)
        if form.new_client and first.patient.internal_id
        else ""
    )
    sentence = paragraph(f"{done}: {when(first)}{many}.", client)
    undo = {"undo": url_for("moves.undo", booking_id=first.id), "change": rows.entry}
    flash({"text": sentence, **undo} if rows.entry else sentence)
    if said := booking_words.left_alone(rows):
        flash(" ".join(said), "warning")
    if form.remarks:
        flash(" ".join(form.remarks), "warning")
    own = [row.span for row in placed if row.practitioner_id == form.practitioner.id]
    at = _(" at {venue}", venue=form.practitioner.venue.name)
    if said := own and booking_words.outside_hours(form.practitioner, own, at):
        flash(said, "warning")
