"""The booking link, by which a visitor sees, moves and cancels an online booking. Anybody who has
the link may use it.

The link is derived from the server's key, the booking, its client and a salt. A move gives the
booking another salt, and so another booking link. A booking link works until 30 days after the
appointment.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from base import scheduling, vault
from base.bookings import client_letters
from base.bookings.changes import ChangedMeanwhile
from base.bookings.clashes import ClosedCalendar, SlotTaken
from base.database import database
from base.scheduling import Span
from free_times import rules
from free_times.finding import FreeTime
from free_times.own_terms import ServiceTerms
from models import Booking, Clinic
from sync.two_way import live
from sync.two_way.standing.freshness import Certainty

from . import asking_outside, holds, present_client, team_letters, visitor_times
from .made_online import OnlineBooking
from .making import JustTaken, approve_by, current, ignored
from .page import OnlinePage

ENDS_AFTER = timedelta(days=30)  # after the appointment
_SAME_PRESS = timedelta(minutes=2)
_PURPOSE = "manage an online booking"


class TooLate(Exception):
    """The clinic's rule allows no change of the booking any more, or the booking is over or
    cancelled.
    """


def token(made: OnlineBooking) -> str:
    """The secret part of the booking link: 43 characters."""
    key = _key(made.booking.uuid, made.salt)
    return vault.derived(_PURPOSE, present_client.named(key, made.booking))[0]


def _key(uuid: UUID, salt: str) -> str:
    return f"{uuid}|{salt}"


def uuid_of(text: str) -> UUID:
    """The UUID of the booking in an address; for anything else the UUID that no booking has."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def find_by_token(clinic: Clinic, uuid: str, given: str) -> tuple[OnlineBooking | None, bool]:
    """The booking with this booking link, and whether the link is the one from before the last
    move. (None, False) for every kind of refusal: the same query and the same comparison whatever
    the answer.
    """
    wanted = uuid_of(uuid)
    row = (
        Booking.in_full(OnlineBooking.select().join(Booking))
        .where(Booking.uuid == wanted, OnlineBooking.clinic == clinic)
        .get_or_none()
    )
    salts = (row.salt, row.salt_before) if row else ("", "")
    booking = row.booking if row else None
    is_now, is_old = (
        is_good(_PURPOSE, present_client.names(_key(wanted, salt), booking), given)
        for salt in salts
    )
    if row is None or not (is_now or (is_old and row.salt_before)):
        return None, False
    if scheduling.utc_now() >= row.booking.ends_at + ENDS_AFTER:
        return None, False
    return row, not is_now


def is_good(purpose: str, names: Iterable[str], given: str) -> bool:
    """Whether the secret part of a signed address is derived from one of these names."""
    good = [one for name in names for one in vault.derived(purpose, name)]
    known = [hmac.compare_digest(one.encode(), given.encode()) for one in good]
    return any(known)


def was_moved_just_now(made: OnlineBooking, at: datetime | None) -> bool:
    """Whether the booking was moved to this time a moment ago, by the same press that was sent
    twice.
    """
    return (
        made.moved_at is not None
        and scheduling.utc_now() - made.moved_at < _SAME_PRESS
        and made.booking.starts_at == at
    )


def until(page: OnlinePage, made: OnlineBooking) -> datetime:
    """The last instant at which the visitor may move or cancel the booking: the clinic sets how
    long before the start. A time that the clinic offered can be refused until it begins, since the
    client has not agreed to it.
    """
    if made.answer == "offered":
        begins: datetime = made.booking.starts_at
        return begins
    return page.settings.last_change(made.booking.starts_at)


def may_change(page: OnlinePage, made: OnlineBooking) -> bool:
    """Whether the visitor may move or cancel the booking now."""
    return made.booking.is_expected and scheduling.utc_now() < until(page, made)


def may_move(page: OnlinePage, made: OnlineBooking) -> bool:
    """Whether the page can move the booking: the page is on, and offers the booking's service."""
    return page.settings.is_on and may_change(page, made) and _terms(page, made) != []


def cancel(page: OnlinePage, made: OnlineBooking, shown: datetime | None = None) -> None:
    """Cancel the booking; a second press changes nothing. Raises TooLate. Raises ChangedMeanwhile
    if the booking is no longer at the time that the page showed (None: a page of an earlier
    version), and AnotherClient.
    """
    with database.atomic():
        page.clinic.lock()
        made = _read_again(made)
        if made.booking.status != "cancelled":
            cancel_for_client(made.booking, shown, may_change(page, made))


def cancel_for_client(booking: Booking, shown: datetime | None, may: bool) -> None:
    """Cancel a booking that its client cancels online, in the transaction that found whether they
    may. Raises ChangedMeanwhile if it is not at the time that the page `shown`, and else TooLate.
    """
    _check_shown(booking, shown)
    if not may:
        raise TooLate
    booking.cancel(None)
    client_letters.by_client(booking)
    team_letters.visitor_did(booking, "cancelled")


def _read_again(made: OnlineBooking) -> OnlineBooking:
    """The row as it is now that the clinic is locked. Raises AnotherClient."""
    fresh: OnlineBooking = OnlineBooking.get_by_id(made.id)
    present_client.check_still(made.booking, fresh.booking)
    return fresh


def price_cents(page: OnlinePage, made: OnlineBooking) -> int:
    """The price in minor units: the agreed one, else the page's; 0 if neither is known."""
    agreed = made.booking.rate_cents
    if agreed is not None:
        return agreed
    return next((one.price_cents for one in _terms(page, made)), 0)


def _check_shown(booking: Booking, shown: datetime | None) -> None:
    if shown not in (None, booking.starts_at):
        raise ChangedMeanwhile


def other_times(
    page: OnlinePage, made: OnlineBooking, start: datetime, end: datetime
) -> Iterator[FreeTime]:
    """Times to which the booking can be moved: with the same person at the same venue."""
    booking, terms = made.booking, _terms(page, made)
    service = booking.service
    if service is None or not terms:
        return
    found = visitor_times.free_times(
        page, service, terms, start, end, but=[booking.id], form_use=move_form_use(made)
    )
    yield from (free for free in found if free.starts_at != booking.starts_at)


def latest(page: OnlinePage, made: OnlineBooking) -> datetime:
    """The last instant at which another time may begin."""
    service = made.booking.service
    if service is None:  # the team withdrew it
        return scheduling.utc_now()
    return visitor_times.latest(page, service, _terms(page, made))


def move_form_use(made: OnlineBooking) -> str:
    """The form use to which the hold of a move belongs."""
    return hashlib.sha256(f"move|{made.id}|{made.salt}".encode()).hexdigest()


def needs_approval(page: OnlinePage, made: OnlineBooking) -> bool:
    """Whether the clinic must confirm the new time of a move: as for a new booking, or if it had
    not confirmed the earlier time.
    """
    booking = made.booking
    service = booking.service
    return service is not None and (
        booking.status == "pending" or rules.needs_approval(page.settings, service)
    )


def ask_about_move(
    page: OnlinePage,
    made: OnlineBooking,
    starts_at: datetime,
    origin: str,
    shown: datetime | None = None,
) -> Certainty:
    """Find out, before a move, whether the time is known to be free outside. ASKING: a worker is on
    it, and the time is held. Raises TooLate, JustTaken, and ChangedMeanwhile as `cancel` does. Call
    it outside of a transaction.
    """
    if made.booking.starts_at == starts_at:
        return Certainty.FRESH
    _check_shown(made.booking, shown)
    if not may_change(page, made):
        raise TooLate
    if next(other_times(page, made, starts_at, starts_at), None) is None:
        raise JustTaken
    if not page.settings.may_block_outside:
        return Certainty.FRESH
    outcome = live.ask_calendars(made.booking.practitioner.user_id, asking_outside.bound(page))
    if outcome == Certainty.ASKING:
        _hold(page, made, starts_at, origin)
    return outcome


def _hold(page: OnlinePage, made: OnlineBooking, starts_at: datetime, origin: str) -> None:
    """Hold the new time of a move. Raises JustTaken if somebody took or holds it by now."""
    now = scheduling.utc_now()
    with database.atomic():
        page.clinic.lock()
        free = next(other_times(page, made, starts_at, starts_at), None)
        service = made.booking.service
        if free is None or service is None:
            raise JustTaken
        holds.keep(
            made.booking.practitioner,
            service,
            move_form_use(made),
            origin,
            (free.starts_at, free.ends_at),
            now + asking_outside.KEPT,
            sealed=vault.seal(
                json.dumps({"move": made.id, "shown": made.booking.starts_at.isoformat()})
            ),
            asked_at=now,
        )


def outcome_of(page: OnlinePage, made: OnlineBooking) -> tuple[datetime, Certainty] | None:
    """The time of a waiting move, and the outcome of asking the calendars outside; None if no move
    waits.
    """
    hold = holds.last_hold(move_form_use(made))
    if hold is None or hold.asked_at is None:
        return None
    return hold.starts_at, asking_outside.outcome(page, hold, made.booking.practitioner.user_id)


def give_up(made: OnlineBooking) -> None:
    """Forget a waiting move."""
    holds.forget(move_form_use(made))


def move(
    page: OnlinePage, made: OnlineBooking, starts_at: datetime, shown: datetime | None = None
) -> OnlineBooking:
    """Move the booking and change its booking link. Two presses move it once. If the clinic
    confirms each booking, the booking is a request again. Raises TooLate, JustTaken, and
    ChangedMeanwhile and AnotherClient as `cancel` does.
    """
    with database.atomic():
        page.clinic.lock()
        made = _read_again(made)
        booking = made.booking
        if booking.starts_at == starts_at:
            return made
        _check_shown(made.booking, shown)
        if not may_change(page, made):
            raise TooLate
        page = current(page)
        free = next(other_times(page, made, starts_at, starts_at), None)
        if free is None:
            raise JustTaken
        asks = needs_approval(page, made)
        try:
            booking.change(
                None,
                Span(free.starts_at, free.ends_at),
                status="pending" if asks else booking.status,
                allow_overlap=ignored(free),
            )
        except (SlotTaken, ClosedCalendar):
            raise JustTaken from None
        client_letters.by_client(booking)
        team_letters.visitor_did(booking, "asked" if asks else "moved")
        give_up(made)
        was_moved(page, made, asks)
        return made


def was_moved(page: OnlinePage, made: OnlineBooking, asks: bool) -> None:
    """Give a booking that its client moved a new booking link, in the transaction of the move.
    `asks`: the booking is a request to the clinic now.
    """
    made.salt_before, made.salt = made.salt, secrets.token_urlsafe(24)
    made.moved_at = scheduling.utc_now()
    if asks:
        made.approve_by = approve_by(page.settings, made.booking.starts_at)
    elif made.approve_by:
        made.approve_by = min(made.approve_by, made.booking.starts_at)
    made.save()


def _terms(page: OnlinePage, made: OnlineBooking) -> list[ServiceTerms]:
    """The terms of the booking's calendar, with the booking's own length, which the clinic may have
    changed.
    """
    booking = made.booking
    service = booking.service
    if service is None or page.service(service.id) is None:
        return []
    minutes = int(booking.span.duration.total_seconds()) // 60
    return [
        replace(one, minutes=minutes)
        for one in page.at(service)
        if one.calendar.id == booking.practitioner_id
    ]
