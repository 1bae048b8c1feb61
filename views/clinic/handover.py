"""Handing over what is still to come in a closed calendar.

To a colleague, one by one, or cancelling it. Managers only.
"""

from datetime import date

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask_login import current_user

from base.bookings.clashes import ClosedCalendar
from base.catalogue import _, ngettext
from models import Booking, Practitioner
from people import leftover
from views.kit import access, display, htmx, menu
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
    rows = [
        row for row in leftover.bookings(calendar) if str(row.id) in request.form.getlist("booking")
    ]
    to = request.form.get("to", "")
    if not rows:
        return _page(calendar, 422, fault=_("Tick at least one booking."), to=to)
    if to == CANCEL:
        return _cancel(calendar, rows)
    chosen = arg_int(to)
    colleague = next(
        (one for one in access.calendars() if one.id == chosen and one.id != calendar.id), None
    )
    if colleague is None:
        return _page(calendar, 422, fault=_("Choose who takes the bookings."))
    try:
        result = leftover.hand_over(rows, colleague, current_user, _agreed())
    except ClosedCalendar:
        fault = _("That calendar was closed meanwhile. Choose somebody else.")
        return _page(calendar, 409, fault=fault)
    if result.taken or result.changed:
        return _page(
            calendar,
            409,
            taken={row.id for row in result.taken},
            changed=len(result.changed),
            keys=result.keys,
            to=to,
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
    """What may be overlapped, by booking.

    What the page named when its box was ticked, so that nothing is agreed to that was not shown, or
    for another colleague.
    """
    ticked = [int(one) for one in request.form.getlist("anyway") if arg_int(one)]
    return {one: set(request.form.get(f"agreed-{one}", "").split()) for one in ticked}


def _cancel(calendar: Practitioner, rows: list[Booking]) -> Response:
    if "confirmed" not in request.form:
        return _page(calendar, to=CANCEL, cancelling=rows)
    for row in rows:
        row.cancel(current_user)
    flash(
        ngettext(
            "{count} booking cancelled.", "{count} bookings cancelled.", len(rows), count=len(rows)
        )
    )
    return _done(calendar)


def _done(calendar: Practitioner) -> Response:
    """Back to what is left, or where nothing is, to the team."""
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
        **more,
    ), status
