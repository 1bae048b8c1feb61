"""Forms that visitors sent before they closed the page, while calendars outside were asked. The
visitor pressed the button, so the booking is made; if that is impossible, they get a letter.

An open page books the form as well; whichever comes first does it, since a form is booked only
once. If the server was away for a long time, the booking becomes only a request to the clinic.
"""

from datetime import datetime, timedelta
from typing import Any

from base import scheduling, vault
from base.bookings.changes import ChangedMeanwhile
from base.database import database
from base.tables import faulty
from free_times.rules import OnlineSettings
from sync.two_way.standing.freshness import PATIENCE, Certainty

from . import admission, asking_outside, holds, making, managing, names, unmade
from .holds import Hold
from .made_online import OnlineBooking
from .managing import TooLate
from .page import OnlinePage
from .tickets import NoForm, Ticket

LEFT_AFTER = PATIENCE + timedelta(seconds=3)  # seconds between two polls of the page
LATE = timedelta(minutes=10)  # after that the clinic must confirm it
MOST = 50  # rows of one pass

_REFUSED = (
    admission.NeedsCode,
    admission.TooMany,
    making.JustTaken,
    making.TermsChanged,
    asking_outside.CannotCheck,
    NoForm,
    TooLate,
    ChangedMeanwhile,
)


def finish() -> None:
    """Chore: book or move for sent forms whose page is closed."""
    left = Hold.select().where(
        Hold.asked_at <= scheduling.utc_now() - LEFT_AFTER, Hold.sealed != ""
    )
    faulty.each("sent_forms", left.order_by(Hold.id), _finish_one, most=MOST)


def _finish_one(hold: Hold) -> None:
    try:
        kept = asking_outside.kept_with(hold)
    except vault.CannotOpen:  # its visitor is not known any more
        holds.stop_asking(hold)
        return
    try:
        is_done = _finish(hold, kept)
    except _REFUSED:
        is_done = False
    if not is_done:
        _report_unmade(hold, kept)


def _finish(hold: Hold, kept: dict[str, Any]) -> bool:
    """Book or move. False: that is not possible any more. While calendars outside are being asked,
    the next pass tries again.
    """
    clinic = hold.clinic
    name, settings = names.in_force(clinic), OnlineSettings.of(clinic)
    if name is None or not settings.is_on:
        return False
    page = OnlinePage.of(clinic, name, settings)
    if "move" in kept:
        return _move(page, _moved(kept), kept["shown"])
    ticket = Ticket.read(kept.get("form", ""), clinic.id)
    if ticket.is_old:
        return False
    outcome = asking_outside.outcome_of(page, ticket, hold)
    if outcome != Certainty.ASKING:
        is_late = hold.asked_at is not None and hold.asked_at < scheduling.utc_now() - LATE
        sent = asking_outside.sent_with(hold)
        asking_outside.finish(page, ticket, sent, outcome, is_late=is_late)
    return True


def _moved(kept: dict[str, Any]) -> OnlineBooking | None:
    return OnlineBooking.get_or_none(OnlineBooking.id == kept["move"])


def _move(page: OnlinePage, made: OnlineBooking | None, shown: str) -> bool:
    waits = managing.outcome_of(page, made) if made else None
    if made is None or waits is None:
        return False
    at, outcome = waits
    if outcome == Certainty.ASKING:
        return True
    if outcome != Certainty.FRESH and page.settings.when_stale != "open":
        return False
    managing.move(page, made, at, datetime.fromisoformat(shown))
    return True


def _report_unmade(hold: Hold, kept: dict[str, Any]) -> None:
    """Queue a letter that nothing was booked or moved. The form is kept a little while, in case the
    visitor opens the page again.
    """
    made = _moved(kept) if "move" in kept else None
    recipient = {"to": kept.get("details", {}).get("email", ""), "form_use": hold.form_use}
    if made is not None:
        client = made.booking.patient
        recipient = {"to": client.email if client else "", "stays": made.booking}
    with database.atomic():
        hold.clinic.lock()
        if holds.stop_asking(hold):
            about = hold if made is None else made
            unmade.report_unmade(
                hold.clinic,
                hold.practitioner,
                hold.starts_at,
                about,
                pressed_at=hold.asked_at,
                **recipient,
            )
