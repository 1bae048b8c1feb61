"""The page of a booking's form: values from the address or a button, and the parts beside the
fields.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from flask import abort, request, url_for
from flask_login import current_user

from base import scheduling
from base.bookings.clashes import ClosedCalendar, SlotTaken
from base.catalogue import _
from base.scheduling import BadTime, Span
from base.tables import time_off
from free_times.own_terms import terms
from models import Booking, Practitioner
from people.doubles import PerhapsListed
from views.kit import access, htmx
from views.kit.forms import arg_int

from .. import booking_card, places, week
from . import that_day
from .check import obstacle
from .client import PERHAPS_LISTED
from .fields import BookingForm
from .times import FACTS, PASSES

_MOST_WEEKS = 12  # in which a free time is looked for


def calendar(booking: Booking | None = None) -> Practitioner:
    """The calendar that a form names, if the signed-in person may book in it. If the form names
    none, the booking's.
    """
    if booking and request.values.get("calendar", str(booking.practitioner_id)) == str(
        booking.practitioner_id
    ):
        return booking.practitioner
    return access.calendar_to_book(week.chosen_calendar())


def asked_day(practitioner: Practitioner, like: Booking | None) -> date:
    """The day in the address. Without one: if there is an earlier booking (`like`), its weekday in
    the first week that is still to come and in which its time of day is free; else today in the
    practitioner's zone.
    """
    today = week.chosen_day(practitioner.zone)
    if like is None or "day" in request.args:
        return today
    last = booking_card.first_day(like)
    weeks = max((today - last).days // 7 + 1, 1)
    return min(
        last + timedelta(weeks=weeks + _weeks_with_time_taken(like, weeks)), scheduling.LAST_DAY
    )


def _weeks_with_time_taken(like: Booking, weeks: int) -> int:
    """In how many of these weeks after the booking its time of day is taken, before the first week
    in which it is free; 0 if it is taken in all of them.
    """
    calendar = like.practitioner
    spans = [
        scheduling.shifted(like.span, calendar.zone, 7 * (weeks + n)) for n in range(_MOST_WEEKS)
    ]
    taken = {clash.span.starts_at for clash in Booking.taken(calendar, spans)}
    return next((n for n, span in enumerate(spans) if span.starts_at not in taken), 0)


def found(practitioner: Practitioner, starts: time | None) -> dict:
    """The values of a free time in the address, besides calendar, day and start: the service, the
    length, whether anyone will do, and which of two equal hours it is in.
    """
    service, minutes = (arg_int(request.args.get(name)) for name in ("service", "minutes"))
    fields = {"anyone": "1"} if request.args.get("anyone") == "1" else {}
    if request.args.get("hour_pass") in PASSES:
        fields["hour_pass"] = request.args["hour_pass"]
    if service is not None:
        row = access.service_to_read(service)
        fields |= {"service": str(row.id), "rate": terms(practitioner, row).price_cents}
    if starts and minutes:
        ends = datetime.combine(scheduling.FIRST_DAY, starts) + timedelta(minutes=minutes % 1440)
        fields["ends"] = ends.time()
    return fields


def clock(value: str | None) -> time | None:
    try:
        wall = time.fromisoformat(value) if value else None
    except ValueError:
        abort(404)
    return abort(404) if wall and wall.tzinfo else wall


def wish(form: BookingForm) -> None:
    """Fill in the time and calendar of the address, for a booking that the person wants to move
    there. Its stored values stay for the comparison when it is saved.
    """
    starts, ends = (clock(request.args.get(name)) for name in ("from", "to"))
    if starts is None or ends is None:
        return
    form.seen.data = form.snapshot()
    there = calendar(form.booking)
    form.put("calendar", there.id)
    form.put("day", week.chosen_day(there.zone))
    form.put("starts", starts)
    form.put("ends", ends)
    form.hour_pass.data = request.args.get("hour_pass", "")


def with_time(form: BookingForm) -> BookingForm:
    """The form with the free time that was pressed ("2026-11-20T15:20 50"). After it comes which of
    two equal hours it is in, where there are two.
    """
    if "find" in request.form:
        form.choose_by_text()
    start, minutes, hour_pass = [*request.form.get("take", "").split(" "), "", ""][:3]
    try:
        start = datetime.fromisoformat(start)
        end = start + timedelta(minutes=int(minutes[:4]))
    except (ValueError, OverflowError):
        return form
    if not scheduling.is_possible_day(start.date()):
        return form
    for field, value in (
        (form.day, start.date()),
        (form.starts, start.time()),
        (form.ends, end.time()),
        (form.hour_pass, hour_pass),
    ):
        field.data, field.raw_data = value, None
    return form


def fill(form: BookingForm, what: str) -> None:
    """Fill in the end that follows from start and service, and the service's price. A booking whose
    start is moved keeps its own length.
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


def context(
    form: BookingForm, spans: Sequence[Span] = (), refusal: SlotTaken | None = None
) -> dict:
    zone = form.practitioner.zone
    day = form.day.data or scheduling.local_day(scheduling.utc_now(), zone)
    bounds = (scheduling.midnight(day, zone), scheduling.midnight(day + timedelta(days=1), zone))
    return {
        "form": form,
        "chosen": form.chosen_patient,
        "found": form.found,
        "doubles": form.doubles if form.q.data else [],
        "day": day,
        "obstacle": obstacle(form, list(spans), refusal),
        "that_day": that_day.entries(form, day, list(spans)),
        "hours": time_off.rota(form.practitioner, *bounds).hours_on(day),
        "says_zone": places.zone_differs(form.practitioner),
        "close_url": _close_url(form),
        "colleagues": form.booking.reach(current_user, "all")[1] if form.booking else 0,
    }


def _close_url(form: BookingForm) -> str:
    """The address of "Cancel"."""
    if form.booking:
        return url_for("bookings.show", booking_id=form.booking.id)
    return places.address(form.practitioner, form.day.data, places.came_from())


def made_before(form: BookingForm):
    """The answer if another press of this form has made its bookings, or None. Ask before each
    refusal: of two presses at once, the bookings of the first can make the second impossible.
    """
    if rows := form.made_before():
        booking_card.flash_made_before(rows)
        return htmx.done(booking_card.back(rows[0], places.came_from()))
    return None


def show(
    form: BookingForm,
    status: int = 200,
    spans: Sequence[Span] = (),
    refusal: SlotTaken | None = None,
):
    """The form again, or for the first time, with its conflicts."""
    if refusal:
        several = len(spans) > 1 or form.which.data not in (None, "one")
        form.fault(
            "overlap",
            (
                _("Some times are taken. Choose other times, “Skip these” or “Book anyway”")
                if several
                else _("The time is taken. Choose another, or tick “Book anyway”")
            ),
        )
    return htmx.show(
        "bookings/edit.html" if form.booking else "bookings/new.html",
        "bookings/_form.html",
        status,
        **context(form, spans or form.spans_so_far(), refusal),
    )


def show_refusal(
    form: BookingForm,
    spans: Sequence[Span],
    refusal: SlotTaken | BadTime | ClosedCalendar | PerhapsListed,
):
    """The form again with the reason why these times were not booked."""
    if isinstance(refusal, SlotTaken):
        return show(form, 422, spans, refusal)
    if isinstance(refusal, ClosedCalendar):
        form.fault("calendar", _("This calendar was closed meanwhile. Choose another one"))
    elif isinstance(refusal, PerhapsListed):  # a colleague added them since the form was checked
        form.fault("q", PERHAPS_LISTED)
    else:
        form.fault(*FACTS[refusal.fact])
    return show(form, 422)
