"""Changes of a booking by others while a person had its form or card open."""

from flask_login import current_user
from werkzeug.datastructures import MultiDict

from base.bookings.course import OnPage
from base.bookings.statuses import FREE_STATUSES
from base.catalogue import _
from base.tables.audit import AuditEntry
from models import Booking
from views.kit import access, display

from ..booking_card import when
from .fields import BookingForm

_COLUMNS = {  # column → field
    "patient": "patient",
    "service": "service",
    "rate_cents": "rate",
    "notes": "notes",
    "status": "status",
}
_PLACE = ("calendar", "day", "last_day", "starts", "ends", "all_day")


def must_ask(form: BookingForm, booking: Booking, before: dict | None) -> bool:
    """Whether a person must see a colleague's change before this form is saved, because the form
    cannot show it side by side: the booking takes no time any more, or “this and following” begins
    elsewhere. `before`: what the page showed. The form says so once; saved again, the change counts
    as seen.
    """
    if not before:
        return False
    if (
        form.own_fields & {*_PLACE, "patient", "service"}
        and booking.status in FREE_STATUSES
        and before.get("status") not in FREE_STATUSES
        and "status" not in form.own_fields
    ):
        form.fault(
            "status",
            _(
                "Someone else changed this booking, and now it is: {status}. Choose"
                " another status, or save again if you want your changes anyway",
                status=display.STATUS_NAMES[booking.status].lower(),
            ),
        )
        return True
    now = {name: form.seen.data[name] for name in _PLACE}
    if (
        form.own_fields
        and form.which.data == "following"
        and {name: before.get(name) for name in _PLACE} != now
    ):
        form.fault(
            "which",
            _(
                "Someone else moved this booking to {when}, so other bookings follow it"
                " now. Save again if that is right",
                when=when(booking),
            ),
        )
        return True
    return False


def columns(form: BookingForm) -> set[str]:
    """The columns whose fields the person changed."""
    return {column for column, name in _COLUMNS.items() if name in form.own_fields}


def is_done(form: BookingForm, booking: Booking) -> bool:
    """Whether nothing is left to do because the booking is already as the form says: nothing was
    changed, the button was pressed twice, or only this one is meant. A colleague who made the same
    change may have meant this booking alone.
    """
    latest = AuditEntry.latest(booking)
    is_mine = latest is not None and latest.user_id == current_user.id
    return not form.own_fields or form.which.data == "one" or is_mine


def shown(form: BookingForm, booking: Booking) -> OnPage:
    """The values on the page of the fields that the person changed; for the other fields the stored
    values.
    """
    was = form.first_shown
    fields = {
        column: _value(column, was[name])
        for column, name in _COLUMNS.items()
        if name in form.own_fields and name in was and name != "status"
    }
    span, calendar = booking.span, booking.practitioner
    if "calendar" in form.own_fields and (place := _place(was)):
        span, calendar = place
    return OnPage(span, calendar, fields)


def _value(column: str, was: object) -> object:
    """A field of the page as its column holds it."""
    text = str(was)
    if column == "notes":
        return text
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _place(was: dict):
    """Time and calendar as the page had them; None: the page had none."""
    texts = MultiDict({name: str(was.get(name) or "") for name in _PLACE if was.get(name)})
    number = _value("calendar", was.get("calendar"))
    if number is None:
        return None
    calendar = access.calendar_to_read(number)
    before = BookingForm(calendar, formdata=texts, meta={"csrf": False})
    span = before.span_so_far()
    return span and (span, calendar)
