"""Bookings: the card, the form, statuses, cancelling and taking it back."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user

from base import scheduling, time_off
from base.clashes import SlotTaken
from base.database import alone
from base.scheduling import BadTime, Span
from base.series import Changed
from base.statuses import STATUSES
from free_times.offers import terms
from models import Booking, Patient, Practitioner
from views.kit import access, display, htmx
from views.kit.access import login_required
from views.kit.forms import Choice, Form, Hidden, Options, arg_int

from . import booking_card, booking_check, booking_form, booking_words, that_day, week
from .booking_card import when
from .booking_form import BookingForm

blueprint = Blueprint("bookings", __name__)


@blueprint.url_defaults
def _keep_view(endpoint: str, values: dict) -> None:
    """Every address of a card and its forms carries the view one came from, so that a change leads
    back there.
    """
    if request and request.blueprint == "bookings":
        for name, value in week.came_from().items():
            values.setdefault(name, value)


class StatusForm(Form):
    status = Choice(
        "Status", choices=[(status, display.STATUS_NAMES[status]) for status in STATUSES]
    )
    was = Hidden(limit=20)  # the status on the page on which the button was
    overlap = Choice("Overlap", choices=[("", ""), ("ok", "")], default="")
    agreed = Hidden(limit=10_000)


class CancelForm(Form):
    was = Hidden(limit=20)
    which = Options("Cancel", choices=booking_form.WHICH, default="one")


@blueprint.get("/")
@login_required
def index():
    return redirect(url_for("week.index"))


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
    starts = _arg_time(request.args.get("from"))
    return _show_form(
        booking_form.blank(
            practitioner,
            day=week.chosen_day(practitioner.zone),
            starts=starts,
            like=like,
            patient=patient,
            **_found(practitioner, starts),
        )
    )


def _found(practitioner: Practitioner, starts: time | None) -> dict:
    """What the address of a free time says beside calendar, day and start: the service, how long,
    and that anyone would do.
    """
    service, minutes = (arg_int(request.args.get(name)) for name in ("service", "minutes"))
    fields = {"anyone": "1"} if request.args.get("anyone") == "1" else {}
    if service is not None:
        row = access.service_to_read(service)
        fields |= {"service": str(row.id), "rate": terms(practitioner, row).price_cents}
    if starts and minutes:
        ends = datetime.combine(scheduling.FIRST_DAY, starts) + timedelta(minutes=minutes % 1440)
        fields["ends"] = ends.time()
    return fields


@blueprint.post("/")
@login_required
def create():
    form = BookingForm(_calendar())
    if "find" in request.form or "take" in request.form:
        return _show_form(_taken(form))
    spans = form.spans() if form.validate() else []
    if not spans or form.errors:
        return _show_form(form, 422)
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
        return _show_form(form, 422, spans, refusal)
    _say_saved(form, made, "Booked")
    return htmx.done(_back(made[0]))


@blueprint.get("/<int:booking_id>")
@login_required
def show(booking_id: int):
    return _show_card(access.booking_to_read(booking_id))


@blueprint.get("/<int:booking_id>/edit")
@login_required
def edit(booking_id: int):
    return _show_form(booking_form.of(access.booking_to_change(booking_id)))


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
    form = BookingForm(_calendar(booking), booking)
    if "find" in request.form or "take" in request.form:
        return _show_form(_taken(form))
    span = form.span() if form.validate() else None
    if span is None or form.errors:
        return _show_form(form, 422)
    try:
        with alone(booking):
            changed = _change(booking, form)
    except SlotTaken as refusal:
        return _show_form(form, 422, [span], refusal)
    except BadTime as error:
        form.fault(*booking_form.FACTS[error.fact])
        return _show_form(form, 422)
    if changed is None:
        return _show_form(form, 422)
    _say_saved(form, changed, "Changed")
    return htmx.done(_back(booking))


def _change(booking: Booking, form: BookingForm) -> Changed | None:
    """Change what differs from the row, so that others of a series keep what is theirs alone. None:
    somebody else changed the same.
    """
    if not form.merge(booking_form.of(booking), booking):
        return None
    span, columns = form.span(), form.columns() | {"status": form.status.data}
    if form.new_client:
        columns["patient"] = Patient.named(booking.clinic, form.new_client, current_user)
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
    """Clients as one types. POST although it changes nothing: no client's name belongs in an
    address, and so in a log.
    """
    form = BookingForm(_calendar())
    form.let_go()
    return htmx.show("bookings/new.html", "bookings/_client_results.html", **_form_context(form))


@blueprint.get("/check")
@login_required
def check():
    """What stands in the way of these times, and that day; with `fill` also the end and the rate
    that follow from the service.
    """
    booking = arg_int(request.args.get("booking"))
    booking = access.booking_to_change(booking) if booking else None
    form = BookingForm(_calendar(booking), booking, formdata=request.args, meta={"csrf": False})
    if fill := request.args.get("fill"):
        _fill(form, fill)
    return htmx.show(
        "bookings/new.html",
        "bookings/_check.html",
        fill=fill,
        **_form_context(form, form.spans_so_far()),
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
            if _is_stale(form, booking) and booking.status != form.status.data:
                return _show_card(booking, 422, changed_meanwhile=True)
            changed = booking.set_status(form.status.data, current_user, allow_overlap=agreed)
    except SlotTaken as refusal:
        return _show_card(booking, 422, wanted=form.status.data, refusal=refusal)
    if changed:
        _say_undoable(
            booking,
            changed,
            f"{display.STATUS_NAMES[booking.status]}: {when(booking)}. It was"
            f" {display.STATUS_NAMES[was].lower()}.",
        )
    return htmx.done(_back(booking))


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
        many = f"{len(cancelled)} bookings are cancelled. Their times are free again."
        one = f"Cancelled: {when(booking)}. The time is free again."
        _say_undoable(
            booking,
            cancelled,
            " ".join([one if len(cancelled) == 1 else many, *booking_words.left_alone(cancelled)]),
        )
    return htmx.done(_back(booking))


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
            "The time has been taken since, so it stays as it is. Open the booking to decide.",
            "warning",
        )
    else:
        if not undone:
            flash("There is nothing to take back any more.")
        else:
            many = f"Taken back: {len(undone)} bookings have the status again that they had before."
            flash(
                f"Taken back: {display.STATUS_NAMES[booking.status].lower()} again."
                if len(undone) == 1 and booking in undone
                else many
            )
            if said := booking_words.left_alone(undone, "Not taken back"):
                flash(" ".join(said), "warning")
    return htmx.done(_back(booking))


def _calendar(booking: Booking | None = None) -> Practitioner:
    """The calendar that a form names, if the signed-in person may book in it; without a name the
    booking's.
    """
    if booking and request.values.get("calendar", str(booking.practitioner_id)) == str(
        booking.practitioner_id
    ):
        return booking.practitioner
    return access.calendar_to_book(week.chosen_calendar())


def _arg_time(value: str | None) -> time | None:
    try:
        wall = time.fromisoformat(value) if value else None
    except ValueError:
        abort(404)
    return abort(404) if wall and wall.tzinfo else wall


def _taken(form: BookingForm) -> BookingForm:
    """The form with the proposed free time in it, where that was pressed ("2026-11-20T15:20
    50").
    """
    if "find" in request.form:
        form.let_go()
    start, _, minutes = request.form.get("take", "").partition(" ")
    try:
        start = datetime.fromisoformat(start)
        end = start + timedelta(minutes=int(minutes[:4]))
    except (ValueError, OverflowError):
        return form
    if not scheduling.FIRST_DAY <= start.date() <= scheduling.LAST_DAY:
        return form
    for field, value in (
        (form.day, start.date()),
        (form.starts, start.time()),
        (form.ends, end.time()),
    ):
        field.data, field.raw_data = value, None
    return form


def _fill(form: BookingForm, what: str) -> None:
    """The end that follows from start and service (or from the booking's own length), and the
    service's price.
    """
    length = (
        form.booking
        and not form.booking.all_day
        and what == "starts"
        and form.booking.span.duration
    )
    if not length and form.chosen_service:
        length = timedelta(minutes=form.terms.minutes)
    if length and form.starts.data and form.day.data:
        form.ends.data, form.ends.raw_data = (
            (datetime.combine(form.day.data, form.starts.data) + length).time(),
            None,
        )
    if what == "service" and form.chosen_service:
        form.rate.data, form.rate.raw_data = form.terms.price_cents, None


def _form_context(
    form: BookingForm, spans: Sequence[Span] = (), refusal: SlotTaken | None = None
) -> dict:
    zone = form.practitioner.zone
    day = form.day.data or scheduling.local_day(scheduling.utc_now(), zone)
    bounds = (scheduling.midnight(day, zone), scheduling.midnight(day + timedelta(days=1), zone))
    return {
        "form": form,
        "day": day,
        "obstacle": booking_check.obstacle(form, list(spans), refusal),
        "that_day": that_day.entries(form, day, list(spans)),
        "hours": time_off.rota(form.practitioner, *bounds).hours_on(day),
        "says_zone": booking_form.zone_differs(form.practitioner),
        "close_url": booking_form.close_url(form),
        "colleagues": form.booking.reach(current_user, "all")[1] if form.booking else 0,
    }


def _show_form(
    form: BookingForm,
    status: int = 200,
    spans: Sequence[Span] = (),
    refusal: SlotTaken | None = None,
):
    """The form again, or for the first time, with what stands in the way of it."""
    if refusal:
        several = len(spans) > 1 or form.which.data not in (None, "one")
        form.fault(
            "overlap",
            (
                "Some times are taken. Choose other times, “Skip these” or “Book anyway”"
                if several
                else "The time is taken. Choose another, or tick “Book anyway”"
            ),
        )
    return htmx.show(
        "bookings/edit.html" if form.booking else "bookings/new.html",
        "bookings/_form.html",
        status,
        **_form_context(form, spans or form.spans_so_far(), refusal),
    )


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
    return (
        {}
        if htmx.is_partial()
        else week.page(booking.practitioner, *booking_card.seen_in(booking, week.came_from()))
    )


def _back(booking: Booking) -> str:
    return booking_card.back(booking, week.came_from())


def _say_undoable(booking: Booking, changed: Changed, sentence: str) -> None:
    """With a button that takes back this change, and none that somebody makes later."""
    undo = url_for("bookings.undo", booking_id=booking.id)
    flash({"text": sentence, "undo": undo, "change": changed.entry})


def _say_saved(form: BookingForm, rows: Changed, done: str) -> None:
    """What was saved, and beside it what is odd about the time. No client's name: flashes travel in
    a cookie.
    """
    first = rows[0]
    many = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    client = (
        f" The new client has the ID {first.patient.internal_id}."
        if form.new_client and first.patient.internal_id
        else ""
    )
    flash(f"{done}: {when(first)}{many}.{client}")
    if said := booking_words.left_alone(rows):
        flash(" ".join(said), "warning")
    if form.remarks:
        flash(" ".join(form.remarks), "warning")
    booked = [first] if form.booking else rows
    at = f" at {form.practitioner.venue.name}"
    if said := booking_words.outside_hours(form.practitioner, [row.span for row in booked], at):
        flash(said, "warning")
