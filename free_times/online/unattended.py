"""What a visitor has sent and did not wait for: the page that looks again was closed while
calendars outside were asked. They pressed the button, so it is done all the same.

The page does the same as long as it is open. Whoever comes first does it; a booking is made once,
and a move too.
"""

from datetime import datetime, timedelta

from base import scheduling, vault
from base.bookings.changes import ChangedMeanwhile
from free_times.rules import OnlineSettings
from sync.two_way.standing.freshness import PATIENCE, Outcome

from . import admission, holds, managing, names, taking, waiting
from .bookings import OnlineBooking
from .forms import NoForm, Ticket
from .holds import Hold
from .managing import TooLate
from .page import Page

LEFT_AFTER = PATIENCE + timedelta(seconds=3)  # the page looks again each second
LATEST = timedelta(minutes=10)  # after the press; later nobody expects it any more
MOST = 50  # at a time

_REFUSED = (
    admission.NeedsCode,
    admission.TooMany,
    taking.JustTaken,
    taking.TermsChanged,
    waiting.CannotCheck,
    vault.CannotOpen,
    NoForm,
    TooLate,
    ChangedMeanwhile,
)


def finish() -> None:
    """Finish what waits for nobody's page."""
    now = scheduling.utc_now()
    left = Hold.select().where(Hold.asked_at <= now - LEFT_AFTER, Hold.sealed != "")
    for hold in left.order_by(Hold.id).limit(MOST):
        try:
            if hold.asked_at < now - LATEST or not _finish(hold):
                holds.stop_asking(hold)
        except _REFUSED:  # the time is given back as soon as it is held no longer
            holds.stop_asking(hold)


def _finish(hold: Hold) -> bool:
    """Book or move. False: it cannot be done any more."""
    clinic, kept = hold.clinic, waiting.kept_with(hold)
    name, settings = names.in_force(clinic), OnlineSettings.of(clinic)
    if name is None or not settings.is_on:
        return False
    page = Page.of(clinic, name, settings)
    if "move" in kept:
        return _move(
            page, OnlineBooking.get_or_none(OnlineBooking.id == kept["move"]), kept["shown"]
        )
    ticket = Ticket.read(kept.get("form", ""), clinic.id)
    outcome = waiting.look_again(page, ticket, hold)
    waiting.finish(page, ticket, waiting.sent_with(hold), outcome)
    return True


def _move(page: Page, made: OnlineBooking | None, shown: str) -> bool:
    waits = managing.look_again(page, made) if made else None
    if made is None or waits is None:
        return False
    at, outcome = waits
    if outcome != Outcome.FRESH and page.settings.when_stale != "open":
        return False
    managing.move(page, made, at, datetime.fromisoformat(shown))
    return True
