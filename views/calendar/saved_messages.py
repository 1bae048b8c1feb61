"""Messages on the next page about bookings that were saved. They name no client, since they travel
in a cookie.
"""

from flask import flash, url_for

from base.bookings.changes import Changed
from base.catalogue import _, paragraph
from base.scheduling import Span
from models import Booking, Practitioner
from views.kit import held_times

from . import booking_card, booking_remarks, places
from .booking_card import when
from .booking_form.fields import BookingForm


def takes_other_time(booking: Booking, span: Span, calendar: Practitioner) -> bool:
    """Whether a booking will take time that it does not take now."""
    return not booking.is_busy or (span, calendar) != (booking.span, booking.practitioner)


def saved(form: BookingForm, rows: Changed, done: str, are_placed: bool) -> None:
    """Say what was saved, and warn about unusual times. `are_placed`: all times are new; otherwise
    only the first one is checked, which the form shows.
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
    if remark := booking_remarks.left_alone(rows):
        flash(" ".join(remark), "warning")
    if form.remarks:
        flash(" ".join(form.remarks), "warning")
    placed = rows if are_placed else rows[:1]
    own = [row.span for row in placed if row.practitioner_id == form.practitioner.id]
    at = _(" at {venue}", venue=form.practitioner.venue.name)
    if remark := own and booking_remarks.outside_hours(form.practitioner, own, at):
        flash(remark, "warning")
    if are_placed:
        held_times.warn_of_held_times(rows)


def undoable(booking: Booking, changed: Changed, sentence: str) -> None:
    """Say the sentence on the next page, with a button that undoes this change and no later one."""
    undo = url_for("booking_status.undo", booking_id=booking.id)
    came = places.came_from()
    flash(booking_card.message_about(booking, came, sentence, undo=undo, change=changed.entry))
    held_times.warn_of_held_times(changed)
