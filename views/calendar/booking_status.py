"""The buttons of a booking: another status, cancelling, and undo."""

from collections.abc import Sequence

from flask import Blueprint, flash, request
from flask_login import current_user

from base.bookings.clashes import SlotTaken
from base.bookings.statuses import OPEN_STATUSES, STATUSES
from base.catalogue import _, lazy, ngettext
from base.database import alone
from models import AuditEntry, Booking
from views.kit import access, display, htmx
from views.kit.access import login_required
from views.kit.choices import Choice, Options
from views.kit.forms import Form, Hidden, arg_int

from . import booking_card, booking_remarks, places, saved_messages
from .booking_card import when
from .booking_form.fields import WHICH
from .bookings import behind, show_card

blueprint = Blueprint("booking_status", __name__)
places.carry(blueprint)


class ButtonForm(Form):
    was = Hidden(limit=20)  # the status that the page with the button showed
    shown = Hidden(limit=20)  # and the booking's sequence on it

    def is_stale(self, booking: Booking) -> bool:
        """Whether somebody set another status after the page with the button was opened."""
        return bool(self.was.data) and self.was.data != booking.status

    def change_since(self, booking: Booking) -> str:
        """The change since the card with the button was opened: "status", or "time" (also for the
        calendar); "" if there is none.
        """
        if self.is_stale(booking):
            return "status"
        return "" if self.shown.data in (None, "", str(booking.sequence)) else "time"


class StatusForm(ButtonForm):
    status = Choice(
        lazy("Status"), choices=[(status, display.STATUS_NAMES[status]) for status in STATUSES]
    )
    seen = Hidden(limit=20)  # the sequence of a request, whose card is not shown again
    overlap = Choice(lazy("Overlap"), choices=[("", ""), ("ok", "")], default="")
    agreed = Hidden(limit=40_000)

    @property
    def may_overlap(self) -> bool | set[str]:
        if self.overlap.data != "ok":
            return False
        return set(self.agreed.data.split()) if self.agreed.data else True


class CancelForm(ButtonForm):
    since = Hidden(limit=20)  # the newest entry of the history when the page was opened
    which = Options(lazy("Cancel"), choices=WHICH, default="one")

    def others_changed(self, booking: Booking) -> list[str]:
        """The present times of the bookings that would be cancelled with this one and that somebody
        else changed after the page was opened, for a person who should see them first.
        """
        since = str(self.since.data)
        if self.which.data == "one" or not (since.isascii() and since.isdigit()):
            return []
        reached, __ = booking.reach(current_user, self.which.data)
        open_ones = {row.id: row for row in reached if row.status in OPEN_STATUSES}
        changed = AuditEntry.changed_since(int(since), open_ones.values(), current_user)
        return [
            display.from_to(row, row.practitioner.zone)
            for row_id, row in open_ones.items()
            if row_id in changed
        ]


@blueprint.post("/<int:booking_id>/status")
@login_required
def set_status(booking_id: int):
    booking = access.booking_to_change(booking_id)
    form, was = StatusForm(), booking.status
    if not form.validate():
        return show_card(booking, 422)
    try:
        with alone(booking):
            if refused := _changed_meanwhile(booking, form):
                return refused
            changed = booking.set_status(
                form.status.data, current_user, allow_overlap=form.may_overlap
            )
    except SlotTaken as refusal:
        return show_card(booking, 422, wanted=form.status.data, refusal=refusal)
    if changed:
        now, before = display.STATUS_NAMES[booking.status], display.STATUS_NAMES[was].lower()
        sentence = _("{status}: {when}. It was {was}.", status=now, when=when(booking), was=before)
        saved_messages.undoable(booking, changed, sentence)
    return htmx.done(_stay(booking))


def _changed_meanwhile(booking: Booking, form: StatusForm):
    """The answer if the booking has changed since the page with the button was opened; else None.
    If somebody has set the same status, nothing is left to do.
    """
    if booking.status == form.status.data:
        return None
    is_stale = form.is_stale(booking)
    if form.seen.data and (is_stale or form.seen.data != str(booking.sequence)):
        (booking_card.flash_answered if is_stale else booking_card.flash_moved)(booking)
        return htmx.done(_stay(booking))
    changed = form.change_since(booking)
    return show_card(booking, 422, changed_meanwhile=changed) if changed else None


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
        sentence = one if len(cancelled) == 1 else many
        left = booking_remarks.left_alone(cancelled)
        saved_messages.undoable(booking, cancelled, " ".join([sentence, *left]))
    return htmx.done(_stay(booking))


def _series_changed_meanwhile(booking: Booking, form: CancelForm):
    """The answer if the booking, or another one that would be cancelled with it, has changed since
    the page with the button was opened; else None.
    """
    changed = booking.status != "cancelled" and form.change_since(booking)
    if changed and not (changed == "time" and booking.series):
        return show_card(booking, 422, changed_meanwhile=changed)
    others = form.others_changed(booking)
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
            booking_card.flash_undone(booking, undone, places.came_from(), one, many)
        else:
            flash(_("There is nothing to take back any more."))
    return htmx.done(_stay(booking))


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
        **behind(booking),
    )


def _stay(booking: Booking) -> str:
    return booking_card.stay(booking, places.came_from())
