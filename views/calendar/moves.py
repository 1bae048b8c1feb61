"""A booking moved or made longer or shorter: from its card, by dragging, by keyboard; and undone.

A move with an open question is not saved: the booking form opens with the new time filled in.
"""

from datetime import date
from typing import NamedTuple

from flask import Blueprint, abort, flash, request, url_for
from flask_login import current_user

from base import scheduling
from base.bookings import moving
from base.bookings.changes import Changed
from base.bookings.clashes import ClosedCalendar, SlotTaken
from base.catalogue import _, lazy, ngettext
from base.database import alone
from base.scheduling import BadTime, Span, is_possible_day
from free_times.online import holds
from models import Booking, Practitioner
from views.kit import access, htmx
from views.kit.access import login_required
from views.kit.forms import arg_int

from . import booking_card, booking_remarks, places
from .booking_form.times import FACTS, pass_of

MOST = 31 * 24 * 60  # minutes

ODD = {
    "gap": lazy("That time does not exist on this day: the clocks go forward."),
    "twice": lazy("That time comes twice on this day: the clocks go back."),
}

blueprint = Blueprint("moves", __name__)
places.carry(blueprint)


@blueprint.post("/<int:booking_id>/move")
@login_required
def move(booking_id: int):
    """Move this booking only: by `day` and `by` (minutes); move its end by `longer`; or give it to
    another `calendar`.

    `seen` is the booking's `sequence` on the page: a booking that moved since then stays unchanged.
    """
    booking = access.booking_to_change(booking_id)
    there, seen = _calendar(booking), arg_int(request.form.get("seen"))
    shift = (_day(), _minutes("by"), _minutes("longer"))
    try:
        moved = _moved(booking, there, shift, seen)
    except ClosedCalendar:
        return _not_changed(booking, _("This calendar is closed, so the booking was not moved."))
    except BadTime as error:
        return _not_changed(booking, _("{why}. The booking was not changed.", why=_why(error)))
    if moved is None:
        return _not_changed(
            booking, _("Someone else changed this booking, so it was not moved. Look at it again.")
        )
    if moved.ask:
        return _ask(booking, there, moved.span, moved.ask)
    if moved.changed:
        _flash_moved(booking, moved)
    return htmx.done(booking_card.back(booking, places.came_from()))


class _Moved(NamedTuple):
    """A move: the old and the new place, the questions to ask first, and the changes; None while
    there are questions.
    """

    was: Span
    span: Span
    ask: str = ""
    changed: Changed | None = None


def _moved(
    booking: Booking,
    there: Practitioner,
    shift: tuple[date | None, int, int],
    seen: int | None,
) -> _Moved | None:
    """Move the booking by day and minutes, unless a question is open. None: it was changed after
    the page was opened.
    """
    was = span = booking.span
    try:
        with alone(booking):
            if seen != booking.sequence:
                return None
            was = booking.span
            span, odd = moving.shifted(was, booking.practitioner.zone, there.zone, *shift)
            if odd:
                return _Moved(was, span, ODD[odd])
            if _leaves_hours(booking, there, span):
                return _Moved(was, span, _("This is outside the working hours."))
            if holds.is_held(there, booking, span):
                return _Moved(was, span, _("A client is booking this time online."))
            if span == was and there == booking.practitioner:
                return _Moved(was, span)
            changed = booking.change(current_user, span, practitioner=there)
    except SlotTaken:
        return _Moved(was, span, _("The time is taken."))
    return _Moved(was, span, changed=changed)


def _flash_moved(booking: Booking, moved: _Moved) -> None:
    """Say what was done, with a button that undoes it."""
    was, span = moved.was, moved.span
    is_moved = span.starts_at != was.starts_at or span.duration == was.duration
    when = booking_card.when(booking)
    sentence = _("Moved: {when}.", when=when) if is_moved else _("Changed: {when}.", when=when)
    undo = url_for("moves.undo", booking_id=booking.id)
    flash({"text": sentence, "undo": undo, "change": moved.changed.entry})


@blueprint.post("/<int:booking_id>/move/undo")
@login_required
def undo(booking_id: int):
    """Undo one move, if nothing has moved the booking or changed its status since."""
    booking = access.booking_to_change(booking_id)
    entry = arg_int(request.form.get("change"), 0)
    try:
        undone = moving.undo_move(booking, current_user, entry)
    except SlotTaken:
        why = _("The time before has been taken since, so the booking stays where it is.")
        return _not_changed(booking, why)
    except ClosedCalendar:
        why = _("The calendar before was closed since, so the booking stays where it is.")
        return _not_changed(booking, why)
    if undone is None:
        return _not_changed(booking, _("The booking was changed since, so it stays where it is."))
    many = ngettext(
        "Taken back: {count} booking is where it was.",
        "Taken back: {count} bookings are where they were.",
        len(undone),
    )
    one, came = _("Taken back: {when} again.", when=booking_card.when(booking)), places.came_from()
    booking_card.flash_undone(booking, undone, came, one, many)
    return htmx.done(booking_card.stay(booking, came))


def _calendar(booking: Booking) -> Practitioner:
    """The calendar that the request names; else the booking's."""
    named = arg_int(request.form.get("calendar"), booking.practitioner_id)
    if named == booking.practitioner_id:
        return booking.practitioner
    return access.calendar_to_book(access.calendar_to_read(named))


def _day() -> date | None:
    try:
        day = date.fromisoformat(request.form["day"]) if request.form.get("day") else None
    except ValueError:
        abort(404)
    return day if day is None or is_possible_day(day) else abort(404)


def _minutes(name: str) -> int:
    """Whole minutes, which may be negative ("-15")."""
    text = request.form.get(name) or "0"
    found = arg_int(text.removeprefix("-"), 0)
    if found > MOST:
        abort(404)
    return -found if text.startswith("-") else found


def _leaves_hours(booking: Booking, there: Practitioner, span: Span) -> bool:
    """Whether the booking would take time outside the working hours that it does not take now."""
    was = booking.span
    kept = was.starts_at <= span.starts_at and span.ends_at <= was.ends_at
    return not (kept and there == booking.practitioner) and bool(
        booking_remarks.leaving_hours(there, [span])
    )


def _ask(booking: Booking, there: Practitioner, span: Span, why: str):
    """The booking form with the new time filled in: the person answers the open questions there."""
    starts, ends = (at.astimezone(there.zone) for at in (span.starts_at, span.ends_at))
    hour_pass = pass_of(starts)
    # as the form reads an end: in the pass of the start
    wall = ends.time().replace(fold=starts.fold if hour_pass else 0)
    filled, __ = scheduling.timed(starts.date(), starts.time(), wall, there.zone)
    wish = {"calendar": there.id, "day": starts.date().isoformat(), "hour_pass": hour_pass or None}
    wish |= {"from": f"{starts:%H:%M}", "to": f"{ends:%H:%M}"}
    if filled == span:
        sentence = _("Nothing is saved yet: choose another time, or save it in this form.")
    else:  # longer than a day, or in an hour that comes twice: two times of day cannot express that
        sentence, wish = _("The booking was not changed: set its time in this form."), {}
    flash(f"{why} {sentence}", "warning")
    return htmx.done(url_for("bookings.edit", booking_id=booking.id, **wish))


def _why(error: BadTime) -> str:
    if error.fact == "whole_days":
        return _("Whole days are changed in the form")
    if error.fact == "ends_before_start":
        return _("It would end before it starts")
    return FACTS[error.fact][1]


def _not_changed(booking: Booking, sentence: str):
    flash(sentence, "warning")
    return htmx.done(booking_card.back(booking, places.came_from()))
