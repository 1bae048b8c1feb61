"""A visitor accepts the other time that the clinic offered for a request.

As before every confirmation, a job first asks the calendars outside while the page waits. Until
then nothing is confirmed, and the offer stays as it is.
"""

from datetime import datetime, timedelta

from base import scheduling
from base.bookings.clashes import SlotTaken
from base.database import alone
from base.tables import faulty
from free_times.rules import OnlineSettings
from models import Booking
from sync.two_way import live
from sync.two_way.standing import freshness
from sync.two_way.standing.freshness import PATIENCE, Certainty

from . import asking_outside, present_client, team_letters, unmade
from .asking_outside import CannotCheck
from .made_online import OnlineBooking
from .making import approve_by
from .requests import is_closed

_ANSWERED = [
    OnlineBooking.looked,
    OnlineBooking.answered_sequence,
    OnlineBooking.approve_by,
    OnlineBooking.pressed_at,
]
LEFT_AFTER = PATIENCE + timedelta(seconds=3)  # seconds between two polls of the page
MOST = 50  # rows of one pass


class NotOffered(Exception):
    """The time is no longer offered: the offer was withdrawn, changed, answered, or has ended."""


def ask_about_proposed(made: OnlineBooking, starts_at: datetime | None) -> Certainty:
    """Find out, after the press, whether the time that the page showed is known to be free outside.
    ASKING: a worker is on it, and the press is kept. Raises NotOffered. Call it outside of a
    transaction.
    """
    settings = OnlineSettings.of(made.booking.clinic)
    if _is_done(made, starts_at):
        return Certainty.FRESH
    if not _is_offered(made, starts_at):
        raise NotOffered
    if not settings.may_block_outside:
        return Certainty.FRESH
    bound = asking_outside.bound_of(settings)
    outcome = live.ask_calendars(made.booking.practitioner.user_id, bound)
    if outcome == Certainty.ASKING:
        with alone(made.booking):
            _refresh(made)
            if not _is_offered(made, starts_at):
                raise NotOffered
            _press(made, scheduling.utc_now())
    return outcome


def outcome_of(made: OnlineBooking) -> Certainty | None:
    """The outcome of asking the calendars outside; None if nobody pressed, or the offer is over."""
    if made.pressed_at is None or made.answer != "offered":
        return None
    bound = asking_outside.bound_of(OnlineSettings.of(made.booking.clinic))
    return freshness.outcome(made.booking.practitioner.user_id, made.pressed_at, bound)


def accept(
    made: OnlineBooking, starts_at: datetime | None, outcome: Certainty = Certainty.FRESH
) -> None:
    """Confirm the booking at the time that was offered and that the page showed. If a calendar
    outside gave no answer, the clinic's choice decides: the booking is confirmed, becomes a request
    once more, or CannotCheck is raised. A second press changes nothing. Raises NotOffered and
    SlotTaken, and then the offer stays as it is; and AnotherClient.
    """
    with present_client.alone_with(made.booking) as booking:
        _refresh(made)
        if _is_done(made, starts_at):
            return
        if not _is_offered(made, starts_at):
            raise NotOffered
        settings = OnlineSettings.of(booking.clinic)
        made.looked = settings.when_stale if outcome == Certainty.UNANSWERED else ""
        if made.looked == "close":
            raise CannotCheck
        if made.looked == "pending":
            made.answered_sequence = None  # the clinic's turn again
            made.approve_by = approve_by(settings, booking.starts_at)
        else:
            booking.set_status("confirmed", None)
        made.pressed_at = None
        made.save(only=_ANSWERED)
        team_letters.visitor_did(booking, "asked" if made.looked == "pending" else "booked")


def stop_asking(made: OnlineBooking) -> None:
    """Forget the press. The time stays offered until the offer ends by itself."""
    _press(made, None)


def finish_unattended() -> None:
    """Chore: take the time for visitors who pressed and then closed the page while calendars
    outside were asked.
    """
    late = OnlineBooking.pressed_at <= scheduling.utc_now() - LEFT_AFTER
    left = OnlineBooking.select(OnlineBooking, Booking).join(Booking).where(late)
    faulty.each("offers", left.order_by(OnlineBooking.id), _finish_one, most=MOST)


def _finish_one(made: OnlineBooking) -> None:
    outcome = outcome_of(made)
    if outcome == Certainty.ASKING:  # longer than anybody waits
        outcome = Certainty.UNANSWERED
    try:
        accept(made, made.booking.starts_at, outcome or Certainty.FRESH)
    except (NotOffered, SlotTaken, CannotCheck):
        _report_unmade(made)


def _report_unmade(made: OnlineBooking) -> None:
    """Queue a letter that the time was not taken, since nobody looks at the page. If the clinic
    gave another answer meanwhile, that answer has its own letters.
    """
    with alone(made.booking) as booking:
        _refresh(made)
        pressed_at = made.pressed_at
        stop_asking(made)
        if pressed_at is None or made.answer != "offered":
            return
        email = booking.patient.email if booking.patient else ""
        unmade.report_unmade(
            booking.clinic,
            booking.practitioner,
            booking.starts_at,
            made,
            email,
            pressed_at=pressed_at,
            stays=booking,
        )


def _is_offered(made: OnlineBooking, starts_at: datetime | None) -> bool:
    booking = made.booking
    is_there = made.answer == "offered" and booking.starts_at == starts_at
    return is_there and not is_closed(booking) and not booking.has_begun


def _is_done(made: OnlineBooking, starts_at: datetime | None) -> bool:
    """Whether an earlier press has accepted the time: the booking is confirmed, or waits for the
    clinic again.
    """
    waits = made.booking.status == "pending" and made.looked == "pending" and not made.answer
    return made.booking.status == "confirmed" or (waits and made.booking.starts_at == starts_at)


def _refresh(made: OnlineBooking) -> None:
    """Read again what may have changed since the row was read, in a transaction that locks the
    clinic.
    """
    fresh = OnlineBooking.get_by_id(made.id)
    made.answered_sequence, made.looked = fresh.answered_sequence, fresh.looked
    made.pressed_at, made.approve_by = fresh.pressed_at, fresh.approve_by


def _press(made: OnlineBooking, at: datetime | None) -> None:
    made.pressed_at = at
    made.save(only=[OnlineBooking.pressed_at])
