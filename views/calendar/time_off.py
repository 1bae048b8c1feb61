"""Time off: blocking time in a calendar, changing and deleting it. One's own, or anyone's for
managers.
"""

from collections.abc import Sequence
from datetime import date, time, timedelta

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_login import current_user

from base import day_names, region, scheduling
from base.catalogue import _, paragraph
from base.database import alone
from base.tables.time_off import TimeOff
from models import Practitioner
from views.kit import access, display, held_times, htmx
from views.kit.access import login_required
from views.kit.forms import arg_int

from . import off_form, places, week
from .off_form import OffForm

blueprint = Blueprint("time_off", __name__)
places.carry(blueprint)

LISTED_DAYS = 2 * 366
MOST_LISTED = 100


@blueprint.get("/")
@login_required
def index():
    """Someone's time off from today on."""
    calendar = _calendar()
    today = scheduling.local_day(scheduling.utc_now(), calendar.zone)
    start = scheduling.midnight(today, calendar.zone)
    end = scheduling.midnight(
        min(today + timedelta(days=LISTED_DAYS), scheduling.LAST_DAY), calendar.zone
    )
    rows = [
        row
        for row in TimeOff.near([calendar.user_id], start, end)
        if next(row.off.between(start, end, calendar.zone), None)
    ]
    return render_template(
        "time_off/index.html",
        calendar=calendar,
        rows=[(row, words(row)) for row in rows[:MOST_LISTED]],
        sets_hours=access.sets_hours(calendar),
        shows_notes=access.may_see_off_note(calendar.user_id),
        people=_people(),
    )


@blueprint.get("/new")
@login_required
def new():
    calendar = _calendar()
    starts = _wall(request.args.get("from"))
    form = off_form.blank(calendar, week.chosen_day(calendar.zone), starts)
    if off := form.off():
        form.find_bookings(off)
    return _show(form)


@blueprint.post("/")
@login_required
def create():
    form = OffForm(_calendar())
    rows = _added(form)
    if not rows:
        return _show(form, 422)
    if gone := [row for row in rows if row.removed_at]:  # the form was sent once more
        spans = "; ".join(words(row) for row in gone)
        again = _("{times} was saved with this form before, and deleted since.", times=spans)
        flash(paragraph(again, _("To block it again, open a new form.")), "warning")
        return htmx.done(_back(form.practitioner, rows[0].first_on))
    spans = "; ".join(words(row) for row in rows)
    flash(
        {
            "text": _("Blocked: {times}.", times=spans),
            "undo": _undo(rows[0], "delete", also=rows[1:]),
        }
    )
    held_times.warn_of_time_off(form.practitioner)
    return htmx.done(_back(form.practitioner, rows[0].first_on))


def _added(form: OffForm) -> list[TimeOff]:
    """The rows of a form; none if it must be shown again. A booking that is made at once is seen
    here, or finds the time off.
    """
    with alone(access.clinic()):
        who = form.practitioner.user
        add = TimeOff.add_all
        return add(who, current_user, form.form_key, form.every()) if _is_good(form) else []


@blueprint.get("/<int:off_id>")
@login_required
def edit(off_id: int):
    row = access.time_off_to_change(off_id)
    form = off_form.filled_off_form(row, _calendar(row))
    form.find_bookings(row.off)
    return _show(form)


@blueprint.post("/<int:off_id>")
@login_required
def update(off_id: int):
    row = access.time_off_to_change(off_id)
    form = OffForm(_calendar(row), row)
    with alone(access.clinic()):
        saved = _is_good(form) and form.store(
            row,
            lambda now: off_form.filled_off_form(now, form.practitioner),
            lambda: form.off() and row.change(current_user, **form.columns()),
        )
    if not saved or form.errors:
        return _show(form, 422)
    flash(_("Changed: {words}.", words=words(row)))
    held_times.warn_of_time_off(form.practitioner)
    return htmx.done(_back(form.practitioner, _on(row) or row.first_on))


@blueprint.post("/<int:off_id>/deletion")
@login_required
def delete(off_id: int):
    """Delete time off; if it repeats every week, only on the day that was asked for."""
    row = access.time_off_to_change(off_id, removed=True)
    calendar, on = _calendar(row), _on(row)
    one = on if "one" in request.form else None
    for other in _also():
        other.remove(current_user)
    row.remove(current_user, one)
    sentence = (
        _("{kind} on {day}", kind=display.OFF_NAMES[row.kind], day=display.day(one))
        if one
        else words(row)
    )
    flash(
        {
            "text": _("Deleted: {times}.", times=sentence),
            "undo": _undo(row, "bring_back", one, _also()),
        }
    )
    return htmx.done(_back(calendar, on or row.first_on))


@blueprint.post("/<int:off_id>/return")
@login_required
def bring_back(off_id: int):
    """Undo the deletion."""
    row = access.time_off_to_change(off_id, removed=True)
    day = _on(row)
    for other in _also():
        other.bring_back(current_user)
    row.bring_back(current_user, day)
    calendar = _calendar(row)
    flash(_("Blocked again: {words}.", words=words(row)))
    held_times.warn_of_time_off(calendar)
    return htmx.done(_back(calendar, day or row.first_on))


def _walls(row: TimeOff) -> str:
    """The times as one line: 12:00–13:00."""
    return region.walls(row.starts, row.ends)


def words(row: TimeOff) -> str:
    """Time off as one line: "Lunch, every Monday 12:00–13:00" or "Leave, Monday 3 August to Friday
    14 August".
    """
    kind, one_day = display.OFF_NAMES[row.kind], row.first_on == row.last_on
    if row.weekly:
        days = _("every {weekday}", weekday=day_names.weekday(row.first_on)) + (
            "" if one_day else _(" to {weekday}", weekday=day_names.weekday(row.last_on))
        )
        times = f" {_walls(row)}" if row.starts else ""
        end = _(", until {until}", until=display.day(row.until, year=True)) if row.until else ""
        return f"{kind}, {days}{times}{end}"
    year = {row.first_on.year, row.last_on.year} != {scheduling.utc_now().year}
    first, last = display.day(row.first_on, year), display.day(row.last_on, year)
    if not row.starts:
        return f"{kind}, {first}" + ("" if one_day else _(" to {last}", last=last))
    if one_day:
        return f"{kind}, {first}, {_walls(row)}"
    return _(
        "{kind}, {first}, {starts} to {last}, {ends}",
        kind=kind,
        first=first,
        starts=row.starts,
        last=last,
        ends=row.ends,
    )


def _is_good(form: OffForm) -> bool:
    """Whether the form may be stored: its fields make sense, and its sender has seen the bookings
    during the time off.
    """
    form.validate()
    offs = form.offs()
    if not offs:
        return False
    form.find_bookings(*offs)
    return form.knows_bookings


def _calendar(row: TimeOff | None = None) -> Practitioner:
    """The calendar from which the page was opened: the one in the address if it is the person's,
    else the person's first.
    """
    if row is None:
        return access.calendar_to_change(week.chosen_calendar())
    asked = arg_int(request.values.get("calendar"))
    own = list(row.user.calendars())
    return (
        next((one for one in own if one.id == asked), None) or next(iter(own), None) or abort(404)
    )


def _people() -> list[Practitioner]:
    """One calendar of each person whose time off the signed-in person may change."""
    seen: dict[int, Practitioner] = {}
    for one in access.calendars():
        if access.is_own(one):
            seen.setdefault(one.user_id, one)
    return list(seen.values())


def _on(row: TimeOff) -> date | None:
    """The first day of the stretch that contains the day that was asked for; None if the time off
    does not repeat.
    """
    asked = request.values.get("on", "")
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        return None
    if not row.weekly:
        return None
    length = (row.last_on - row.first_on).days
    begun = (day - timedelta(days=n) for n in range(length + 1))
    return next((one for one in begun if (one - row.first_on).days % 7 == 0), None)


def _wall(value: str | None) -> time | None:
    try:
        return time.fromisoformat(value).replace(tzinfo=None) if value else None
    except ValueError:
        abort(404)


def _undo(row: TimeOff, what: str, day: date | None = None, also: Sequence[TimeOff] = ()) -> str:
    others = " ".join(str(one.id) for one in also) or None
    return url_for(f"time_off.{what}", off_id=row.id, on=day and day.isoformat(), also=others)


def _also() -> list[TimeOff]:
    """The rows that were stored together with this one, if all of them are to be undone."""
    ids = [arg_int(one) for one in request.args.get("also", "").split()][:6]
    return [access.time_off_to_change(one, removed=True) for one in ids if one is not None]


def _back(calendar: Practitioner, day: date) -> str:
    return places.address(calendar, day, places.came_from())


def _show(form: OffForm, status: int = 200):
    row, form.kept.data = form.row, form.keys
    on = row and _on(row)
    return htmx.show(
        "time_off/edit.html",
        "time_off/_form.html",
        status,
        form=form,
        row=row,
        calendar=form.practitioner,
        on=on,
        says_zone=places.zone_differs(form.practitioner),
        zone=form.zone_name,
        when=display.when,
        back=_back(
            form.practitioner, on or form.first_on.data or week.chosen_day(form.practitioner.zone)
        ),
    )
