"""Bookings: the card, the form, statuses, cancelling and undoing."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request
from flask_login import current_user

from base.bookings.changes import Changed
from base.bookings.clashes import ClosedCalendar, SlotTaken
from base.bookings.statuses import STATUSES
from base.catalogue import _, lazy, ngettext
from base.database import alone
from base.scheduling import BadTime, Span
from models import AuditEntry, Booking
from people.doubles import PerhapsListed
from views.kit import access, display, htmx
from views.kit.access import login_required
from views.kit.choices import Choice, Options
from views.kit.forms import Form, Hidden, arg_int

from . import (
    booking_card,
    booking_form,
    booking_meanwhile,
    booking_page,
    booking_said,
    booking_words,
    places,
    team_day,
    week,
)
from .booking_card import when
from .booking_form import BookingForm

blueprint = Blueprint("bookings", __name__)
places.carry(blueprint)


REFUSALS = SlotTaken, BadTime, ClosedCalendar, PerhapsListed


class StatusForm(Form):
    status = Choice(
        lazy("Status"), choices=[(status, display.STATUS_NAMES[status]) for status in STATUSES]
    )
    was = Hidden(limit=20)  # the status that the page with the button showed
    shown = Hidden(limit=20)  # and the booking's sequence on it
    seen = Hidden(limit=20)  # the same for a request, whose card is not shown again
    overlap = Choice(lazy("Overlap"), choices=[("", ""), ("ok", "")], default="")
    agreed = Hidden(limit=40_000)

    @property
    def may_overlap(self) -> bool | set[str]:
        if self.overlap.data != "ok":
            return False
        return set(self.agreed.data.split()) if self.agreed.data else True


class CancelForm(Form):
    was = Hidden(limit=20)  # as in StatusForm
    shown = Hidden(limit=20)
    since = Hidden(limit=20)  # the newest entry of the history when the page was opened
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
            day=booking_page.asked_day(practitioner, like),
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
    if not looks and (answer := booking_page.made_before(form)):
        return answer
    access.calendar_to_book(form.practitioner)
    if looks:
        return booking_page.show(booking_page.with_time(form))
    spans = form.spans() if form.validate() else []
    if not spans or form.errors:
        return booking_page.made_before(form) or booking_page.show(form, 422)
    try:
        made = _book(form, spans)
    except REFUSALS as refusal:
        again = booking_page.made_before(form)
        return again or booking_page.show_refusal(form, spans, refusal)
    if made.is_again:
        return booking_page.made_before(form)
    booking_said.saved(form, made, _("Booked"), True)
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
    return _show_card(access.booking_to_read(booking_id))


@blueprint.get("/<int:booking_id>/edit")
@login_required
def edit(booking_id: int):
    form = booking_form.filled_form(access.booking_to_change(booking_id))
    booking_page.wish(form)
    return booking_page.show(form)


@blueprint.post("/<int:booking_id>")
@login_required
def update(booking_id: int):
    booking = access.booking_to_read(booking_id)
    if not access.is_own(booking.practitioner):
        return _show_given(booking)
    form = BookingForm(booking_page.calendar(booking), booking)
    if "find" in request.form or "take" in request.form:
        return booking_page.show(booking_page.with_time(form))
    span = form.span() if form.validate() else None
    if span is None or form.errors:
        return booking_page.show(form, 422)
    is_moved = booking_said.takes_other_time(booking, span, form.practitioner)
    try:
        with alone(booking):
            changed = _change(booking, form)
    except REFUSALS as refusal:
        return booking_page.show_refusal(form, [span], refusal)
    if changed is None:
        return booking_page.show(form, 422)
    booking_said.saved(form, changed, _("Changed"), is_moved)
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
    form.take_added_client(booking)
    is_merged = form.merge(booking_form.filled_form(booking), booking)
    if booking_meanwhile.must_ask(form, booking, before) or not is_merged:
        return None
    if (span := form.span()) is None:
        return None
    columns = form.columns() | {"status": form.status.data}
    if form.new_client:
        columns["patient"] = form.add_client()
    own = booking_meanwhile.columns(form)
    other = {name for name, value in columns.items() if getattr(booking, name) != value}
    is_here = span == booking.span and form.practitioner == booking.practitioner
    if is_here and not other and booking_meanwhile.is_done(form, booking):
        return Changed([booking])
    return booking.change(
        current_user,
        span,
        which=form.which.data,
        practitioner=form.practitioner,
        allow_overlap=form.may_overlap,
        skip_taken=form.overlap.data == "skip",
        shown=booking_meanwhile.shown(form, booking),
        **{name: value for name, value in columns.items() if name in own | other},
    )


@blueprint.post("/clients")
@login_required
def clients():
    """Clients that match the typed text. POST although it changes nothing: a client's name must not
    be in an address, which is logged.
    """
    form = BookingForm(booking_page.calendar())
    form.take_text()
    return htmx.show(
        "bookings/new.html", "bookings/_client_results.html", **booking_page.context(form)
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
    if not form.validate():
        return _show_card(booking, 422)
    try:
        with alone(booking):
            if refused := _changed_meanwhile(booking, form):
                return refused
            changed = booking.set_status(
                form.status.data, current_user, allow_overlap=form.may_overlap
            )
    except SlotTaken as refusal:
        return _show_card(booking, 422, wanted=form.status.data, refusal=refusal)
    if changed:
        now, before = display.STATUS_NAMES[booking.status], display.STATUS_NAMES[was].lower()
        sentence = _("{status}: {when}. It was {was}.", status=now, when=when(booking), was=before)
        booking_said.undoable(booking, changed, sentence)
    return htmx.done(_stay(booking))


def _changed_meanwhile(booking: Booking, form: StatusForm):
    """The answer if the booking has changed since the page with the button was opened; else None.
    If somebody has set the same status, nothing is left to do.
    """
    if booking.status == form.status.data:
        return None
    is_stale = booking_meanwhile.is_stale(form, booking)
    if form.seen.data and (is_stale or form.seen.data != str(booking.sequence)):
        (booking_card.say_answered if is_stale else booking_card.say_moved)(booking)
        return htmx.done(_stay(booking))
    changed = booking_meanwhile.is_other(form, booking)
    return _show_card(booking, 422, changed_meanwhile=changed) if changed else None


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
        if refused := _series_changed_meanwhile(booking, form):
            return refused
        cancelled = booking.cancel(current_user, which=form.which.data)
    if cancelled:
        many = _(
            "{count} bookings are cancelled. Their times are free again.", count=len(cancelled)
        )
        one = _("Cancelled: {when}. The time is free again.", when=when(booking))
        booking_said.undoable(
            booking,
            cancelled,
            " ".join([one if len(cancelled) == 1 else many, *booking_words.left_alone(cancelled)]),
        )
    return htmx.done(_stay(booking))


def _series_changed_meanwhile(booking: Booking, form: CancelForm):
    """The answer if the booking, or another one that would be cancelled with it, has changed since
    the page with the button was opened; else None.
    """
    changed = booking.status != "cancelled" and booking_meanwhile.is_other(form, booking)
    if changed and not (changed == "time" and booking.series):
        return _show_card(booking, 422, changed_meanwhile=changed)
    others = booking_meanwhile.others_changed(form, booking)
    if changed or others:
        return _show_cancellation(booking, form, 422, others, changed_meanwhile=changed or "")
    return None


@blueprint.post("/<int:booking_id>/undo")
@login_required
def undo(booking_id: int):
    """Undo the latest change of status, if the page with the button showed it."""
    booking = access.booking_to_change(booking_id)
    try:
        undone = booking.undo_status(current_user, arg_int(request.form.get("change")))
    except SlotTaken:
        flash(
            _("The time has been taken since, so it stays as it is. Open the booking to decide."),
            "warning",
        )
    else:
        if undone:
            status = display.STATUS_NAMES[booking.status].lower()
            many = ngettext(
                "Taken back: {count} booking has the status again that it had before.",
                "Taken back: {count} bookings have the status again that they had before.",
                len(undone),
            )
            one = _("Taken back: {status} again.", status=status)
            booking_card.say_undone(booking, undone, places.came_from(), one, many)
        else:
            flash(_("There is nothing to take back any more."))
    return htmx.done(_stay(booking))


def _show_card(booking: Booking, status: int = 200, **more):
    """The card: alone for htmx, else over its week."""
    card = booking_card.card(booking, **more)
    return htmx.show(
        "bookings/show.html",
        "bookings/_card.html",
        status,
        card=card,
        back=_back(booking),
        **_behind(booking),
    )


def _show_cancellation(
    booking: Booking, form: CancelForm, status: int = 200, others: Sequence[str] = (), **more
):
    card = booking_card.card(booking, **more)
    return htmx.show(
        "bookings/cancellation.html",
        "bookings/_cancellation.html",
        status,
        card=card,
        form=form,
        colleagues=booking.reach(current_user, "all")[1],
        since=AuditEntry.newest(booking.clinic),
        others=others,
        **_behind(booking),
    )


def _behind(booking: Booking) -> dict:
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


def _stay(booking: Booking) -> str:
    return booking_card.stay(booking, places.came_from())
