"""Handing over the future bookings of a closed calendar: to a colleague, one by one, or by
cancelling them. Managers only.
"""

from datetime import date

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask_login import current_user

from base.bookings.clashes import ClosedCalendar
from base.catalogue import _, ngettext
from base.database import alone
from models import Booking, Practitioner
from people import leftover
from views.kit import access, display, held_times, htmx, menu
from views.kit.access import manager_required
from views.kit.forms import arg_int

blueprint = Blueprint("handover", __name__)
CANCEL = "cancel"


@blueprint.get("/<int:calendar_id>")
@manager_required
def show(calendar_id: int):
    return _page(access.calendar_to_hand_over(calendar_id))


@blueprint.post("/<int:calendar_id>")
@manager_required
def decide(calendar_id: int):
    """Hand over or cancel the ticked bookings. Cancelling asks once more."""
    calendar = access.calendar_to_hand_over(calendar_id)
    ticked, to = request.form.getlist("booking"), request.form.get("to", "")
    rows = [row for row in leftover.bookings(calendar) if str(row.id) in ticked]
    if not rows and ticked:
        flash(_("Nothing is left to do: these bookings are no longer in this calendar."))
        return _done(calendar)
    if not rows:
        return _page(calendar, 422, fault=_("Tick at least one booking."), to=to)
    if to == CANCEL:
        return _cancel(calendar, rows)
    others = {one.id: one for one in access.calendars() if one.id != calendar.id}
    colleague = others.get(arg_int(to))
    if colleague is None:
        return _page(calendar, 422, fault=_("Choose who takes the bookings."))
    return _hand_over(calendar, rows, colleague)


def _hand_over(
    calendar: Practitioner, rows: list[Booking], colleague: Practitioner
) -> Response | tuple[str, int]:
    """Hand over the bookings that fit; the page shows the rest."""
    try:
        result = leftover.hand_over(rows, colleague, current_user, _agreed())
    except ClosedCalendar:
        fault = _("That calendar was closed meanwhile. Choose somebody else.")
        return _page(calendar, 409, fault=fault)
    held_times.warn_of_held_times(result.done)
    if result.stayed or result.changed:
        return _page(
            calendar,
            409,
            stayed={row.id for row in result.stayed},
            changed=len(result.changed),
            keys=result.keys,
            to=str(colleague.id),
            done=len(result.done),
            colleague=colleague,
        )
    flash(
        ngettext(
            "{count} booking handed over to {name}.",
            "{count} bookings handed over to {name}.",
            len(result.done),
            count=len(result.done),
            name=colleague.user.name,
        )
    )
    return _done(calendar)


def _agreed() -> dict[int, set[str]]:
    """The overlaps that the page showed when each booking's box was ticked, by booking. The person
    agreed to no others, and only for the colleague who was chosen then.
    """
    ticked = [int(one) for one in request.form.getlist("anyway") if arg_int(one)]
    return {one: set(request.form.get(f"agreed-{one}", "").split()) for one in ticked}


def _cancel(calendar: Practitioner, rows: list[Booking]) -> Response:
    if "confirmed" not in request.form:
        return _page(calendar, to=CANCEL, cancelling=rows)
    done = sum(_cancel_one(row) for row in rows)
    sentence = ngettext(
        "{count} booking cancelled.", "{count} bookings cancelled.", done, count=done
    )
    if done < len(rows):
        return _page(calendar, 409, sentence=sentence if done else "", changed=len(rows) - done)
    flash(sentence)
    return _done(calendar)


def _cancel_one(row: Booking) -> bool:
    """Cancel one booking. False: it changed after the page asked, and stays."""
    with alone(row):
        if row.status == "cancelled":  # by a second press of the same button, or by a colleague
            return True
        if request.form.get(f"shown-{row.id}") not in (None, str(row.sequence)):
            return False
        row.cancel(current_user)
        return True


def _done(calendar: Practitioner) -> Response:
    """Return to the rest of the list, or to the team if nothing is left."""
    return htmx.done(
        url_for("handover.show", calendar_id=calendar.id)
        if leftover.bookings(calendar)
        else url_for("team.index")
    )


def _page(calendar: Practitioner, status: int = 200, **more) -> tuple[str, int]:
    rows = leftover.bookings(calendar)
    open_ones = [
        one
        for one in access.calendars()
        if one.user_id != calendar.user_id or one.id != calendar.id
    ]
    free = (
        {one.id: leftover.free_for(one, rows) for one in open_ones[: menu.MOST_IN_MENU]}
        if rows
        else {}
    )
    ticked = (
        {arg_int(one) for one in request.form.getlist("booking")}
        if request.method == "POST"
        else None
    )
    return render_template(
        "team/handover.html",
        calendar=calendar,
        rows=rows,
        ticked=ticked,
        colleagues=open_ones,
        free=free,
        when=lambda row: display.brief(row, calendar.zone, date.min),
        CANCEL=CANCEL,
        **{"to": None, **more},
    ), status
