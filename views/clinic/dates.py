"""Other hours on single dates, of a venue or of one person's calendar, and the public holidays on
which a venue is closed.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import date

from flask import Blueprint, flash, render_template, url_for
from flask_login import current_user
from werkzeug.exceptions import NotFound

from base import region, scheduling
from base.catalogue import _, lazy, ngettext
from base.database import AlreadyUsed
from base.tables.time_off import DatedHours
from free_times import outside_hours
from models import AuditEntry, Booking, Practitioner, Venue
from operate import holidays
from people import presses
from views.kit import access, display, htmx
from views.kit.access import login_required, manager_required
from views.kit.choices import Choice, Ticks
from views.kit.forms import Day, DayHours, Line, Needed
from views.kit.merging import Merging

from . import outside_messages

blueprint = Blueprint("dates", __name__)

MOST_LISTED = 200  # bookings on one page


class DateForm(Merging):
    day = Day(lazy("Date"), [Needed(lazy("Choose a date"))])
    hours = DayHours(lazy("Hours on that date"))
    name = Line(lazy("Why"), 120)


class CountryForm(Merging):
    country = Choice(lazy("Country"))
    region = Choice(lazy("Region"))

    def __init__(self, venue: Venue, **kwargs):
        super().__init__(**kwargs)
        names = holidays.countries()
        here = region.country_of(venue.zone_name)
        likely_first = sorted(names.items(), key=lambda pair: pair[0] != here)
        self.country.choices = [("", _("No holidays")), *likely_first]
        regions = holidays.regions(self.country.data or "")
        self.region.choices = [("", _("The whole country")), *regions.items()]
        if self.region.data not in regions:  # the country that was chosen before
            self.region.data, self.region.raw_data = "", None


class HolidaysForm(Merging):
    closed = Ticks(lazy("Closed on"))

    def __init__(self, venue: Venue, **kwargs):
        rows = holidays.coming_holidays(venue)
        ticked = [row.day.isoformat() for row in rows if row.counts]
        super().__init__(**({"data": {"closed": ticked}} | kwargs))
        self.closed.choices = [
            (row.day.isoformat(), f"{display.day(row.day, year=True)}, {row.name}") for row in rows
        ]


@blueprint.get("/calendars/<int:calendar_id>")
@login_required
def of_calendar(calendar_id: int):
    return _show(_owner(calendar_id, None))


@blueprint.get("/venues/<int:venue_id>")
@manager_required
def of_venue(venue_id: int):
    return _show(_owner(None, venue_id))


@blueprint.post("/calendars/<int:calendar_id>")
@blueprint.post("/venues/<int:venue_id>")
@login_required
def add(calendar_id: int | None = None, venue_id: int | None = None):
    owner, form = _owner(calendar_id, venue_id), DateForm()
    if form.validate():
        try:
            row = _added(owner, form)
        except AlreadyUsed:
            form.fault("day", _("This date has other hours already. Change or remove those below"))
        else:
            flash(_("Saved: {words}.", words=words(row)))
            _warn_of_outside(owner, {row.day})
            return htmx.done(_address(owner))
    return _show(owner, 422, form=form)


def _added(owner: Practitioner | Venue, form: DateForm) -> DatedHours:
    """The new row; for a second press of the button the row of the first. Raises AlreadyUsed."""
    day, hours, name = form.day.data, form.hours.data, form.name.data
    values = {"day": day, "hours": hours, "name": name, owner._meta.table_name: owner}
    return presses.once(
        DatedHours,
        access.clinic(),
        current_user,
        values,
        lambda: DatedHours.add(owner, day, hours, current_user, name),
    )[0]


@blueprint.get("/<int:row_id>")
@login_required
def edit(row_id: int):
    row, owner = _row(row_id)
    return render_template("dates/edit.html", row=row, form=DateForm(obj=row), back=_address(owner))


@blueprint.post("/<int:row_id>")
@login_required
def update(row_id: int):
    row, owner = _row(row_id)
    form, was = DateForm(obj=row), row.day
    if form.validate():
        try:
            saved = form.store(
                row,
                lambda now: DateForm(formdata=None, obj=now),
                lambda: row.change(current_user, **form.values()),
            )
        except AlreadyUsed:
            form.fault("day", _("This date has other hours already. Choose another date"))
        else:
            if saved:
                flash(_("Saved: {words}.", words=words(row)))
                _warn_of_outside(owner, {was, row.day})
                return htmx.done(_address(owner))
    return htmx.show(
        "dates/edit.html", "dates/_date.html", 422, row=row, form=form, back=_address(owner)
    )


@blueprint.post("/<int:row_id>/removal")
@login_required
def remove(row_id: int):
    with suppress(NotFound, DatedHours.DoesNotExist):  # the button was pressed twice
        access.dated_hours_to_change(row_id).remove(current_user)
    entry = access.removal_of_dated_hours(row_id)
    owner, day = _owner_of(entry), date.fromisoformat(entry.detail["day"])
    sentence = _("Removed. {day} has the usual hours again.", day=display.day(day, year=True))
    flash({"text": sentence, "undo": url_for("dates.bring_back", entry_id=entry.id)})
    _warn_of_outside(owner, {day})
    return htmx.done(_address(owner))


@blueprint.post("/removals/<int:entry_id>/return")
@login_required
def bring_back(entry_id: int):
    """Undo a removal, for a day."""
    entry = access.removal_to_undo(entry_id)
    owner = _owner_of(entry)
    try:
        row = DatedHours.bring_back(entry, owner, current_user)
    except AlreadyUsed:
        flash(_("This date has other hours by now, so nothing was changed."), "warning")
    else:
        flash(_("Back again: {words}.", words=words(row)))
        _warn_of_outside(owner, {row.day})
    return htmx.done(_address(owner))


@blueprint.post("/venues/<int:venue_id>/country")
@manager_required
def choose_country(venue_id: int):
    venue = access.venue_to_change(venue_id)
    form = CountryForm(venue, obj=venue)
    if not form.validate():
        return _show(venue, 422, country=form)
    saved = form.store(
        venue,
        lambda now: CountryForm(now, formdata=None, obj=now),
        lambda: holidays.choose(venue, form.country.data, form.region.data, current_user),
    )
    if not saved:
        return _show(venue, 422, country=form)
    flash(
        _("{venue} is closed on the holidays that are ticked below.", venue=venue.name)
        if form.country.data
        else _("{venue} keeps no public holidays.", venue=venue.name)
    )
    _warn_of_outside(venue, {row.day for row in holidays.coming_holidays(venue) if row.counts})
    return htmx.done(_address(venue))


@blueprint.post("/venues/<int:venue_id>/holidays")
@manager_required
def tick(venue_id: int):
    venue = access.venue_to_change(venue_id)
    form = HolidaysForm(venue)
    if not form.validate():
        return _show(venue, 422, ticks=form)
    days = set(map(date.fromisoformat, form.closed.data))
    saved = form.store(
        venue,
        lambda now: HolidaysForm(now, formdata=None),
        lambda: holidays.tick(venue, days, current_user),
    )
    if not saved:
        return _show(venue, 422, ticks=form)
    flash(
        ngettext(
            "Saved. {venue} is closed on {count} holiday of the next 12 months.",
            "Saved. {venue} is closed on {count} holidays of the next 12 months.",
            len(days),
            venue=venue.name,
        )
    )
    _warn_of_outside(venue, days)
    return htmx.done(_address(venue))


def _warn_of_outside(owner: Practitioner | Venue, days: Collection[date]) -> None:
    outside_messages.warn_of_outside(owner, outside_hours.bookings(owner, days))


@blueprint.get("/calendars/<int:calendar_id>/outside")
@login_required
def outside_of_calendar(calendar_id: int):
    return _outside(_owner(calendar_id, None))


@blueprint.get("/venues/<int:venue_id>/outside")
@manager_required
def outside_of_venue(venue_id: int):
    return _outside(_owner(None, venue_id))


def _outside(owner: Practitioner | Venue):
    """The bookings of the coming year that are outside the working hours of their day."""
    ids = [row.id for row in outside_hours.to_come(owner)]
    rows = Booking.of_ids(access.clinic(), ids[:MOST_LISTED])
    return render_template(
        "dates/outside.html",
        owner=owner,
        venue=owner if isinstance(owner, Venue) else None,
        rows=[(row, *_when(row)) for row in rows],
        count=len(ids),
        back=_address(owner),
    )


def _when(row: Booking) -> tuple[str, date]:
    zone = row.practitioner.zone
    return display.from_to(row, zone), display.first_day(row, zone)


def words(row: DatedHours) -> str:
    """The hours of a date as one line: "Saturday 21 November 2026: 10:00–13:00", or ": closed
    (stocktaking)".
    """
    hours = ", ".join(region.walls(opens, closes) for opens, closes in row.hours) or _("closed")
    return f"{display.day(row.day, year=True)}: {hours}" + (f" ({row.name})" if row.name else "")


def _owner(calendar_id: int | None, venue_id: int | None) -> Practitioner | Venue:
    """The venue or person that the hours belong to. 404 or 403 unless the signed-in person may
    change them.
    """
    if calendar_id is not None:
        return access.calendar_to_set_hours(calendar_id)
    return access.venue_to_change(venue_id)


def _owner_of(entry: AuditEntry) -> Practitioner | Venue:
    """The venue or person whose hours were removed, as `_owner`."""
    were = entry.detail["were"]
    return _owner(were["practitioner"], were["venue"])


def _row(row_id: int) -> tuple[DatedHours, Practitioner | Venue]:
    row = access.dated_hours_to_change(row_id)
    return row, row.venue or row.practitioner


def _address(owner: Practitioner | Venue) -> str:
    if isinstance(owner, Venue):
        return url_for("dates.of_venue", venue_id=owner.id)
    return url_for("dates.of_calendar", calendar_id=owner.id)


def _show(owner: Practitioner | Venue, status: int = 200, **forms):
    venue = owner if isinstance(owner, Venue) else None
    today = scheduling.local_day(scheduling.utc_now(), owner.zone)
    page = {"form": DateForm(formdata=None), "owner": owner, "venue": venue}
    if venue:
        page |= {
            "country": CountryForm(venue, formdata=None, obj=venue),
            "ticks": HolidaysForm(venue, formdata=None),
        }
    return render_template(
        "dates/show.html",
        rows=[(row, words(row)) for row in DatedHours.ahead(owner, today)],
        address=_address(owner),
        outside=outside_messages.address(owner),
        **page | forms,
    ), status
