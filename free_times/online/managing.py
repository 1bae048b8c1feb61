"""The link by which a visitor sees, moves and cancels the booking: whoever has it may.

It follows from the server's key, the booking and a salt, as a private link does; moving gives the
booking another salt, and so another link. It ends 30 days after the appointment.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from base import scheduling, vault
from base.bookings import client_letters
from base.bookings.changes import ChangedMeanwhile
from base.bookings.clashes import ClosedCalendar, SlotTaken
from base.bookings.statuses import OPEN_STATUSES
from base.database import database
from base.scheduling import Span
from free_times import rules
from free_times.finding import Free
from free_times.offers import Terms
from models import Booking, Clinic, Practitioner, Service, User, Venue
from sync.two_way import live
from sync.two_way.standing import freshness
from sync.two_way.standing.freshness import Outcome

from . import holds, team_letters, times, waiting
from .bookings import OnlineBooking
from .page import Page
from .taking import JustTaken, approve_by, current, ignored

ENDS_AFTER = timedelta(days=30)  # the appointment
_SAME_PRESS = timedelta(minutes=2)
_PURPOSE = "manage an online booking"


class TooLate(Exception):
    """The clinic's rule lets nobody change the booking any more, or it is over or cancelled."""


def token(made: OnlineBooking) -> str:
    """The secret part of the link: 43 characters."""
    return _candidates(made.booking.uuid, made.salt)[0]


def _candidates(uuid: UUID, salt: str) -> list[str]:
    return vault.derived(_PURPOSE, f"{uuid}|{salt}")


def uuid_of(text: str) -> UUID:
    """The booking that an address names; none has the one for anything else."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def find(clinic: Clinic, uuid: str, given: str) -> tuple[OnlineBooking | None, bool]:
    """The booking behind a link of this clinic, and whether the link is the one from before the
    booking was moved. (None, False) for every kind of refusal: the same query and the same
    comparison whatever the answer.
    """
    wanted = uuid_of(uuid)
    row = (
        OnlineBooking.select(OnlineBooking, Booking, Practitioner, Venue, User, Service)
        .join(Booking)
        .join(Practitioner)
        .join(Venue)
        .switch(Practitioner)
        .join(User)
        .switch(Booking)
        .left_outer_join(Service, on=(Booking.service == Service.id))
        .where(Booking.uuid == wanted, OnlineBooking.clinic == clinic)
        .get_or_none()
    )
    salts = (row.salt, row.salt_before) if row else ("", "")
    is_now, is_old = (_matches(wanted, salt, given) for salt in salts)
    if row is None or not (is_now or (is_old and row.salt_before)):
        return None, False
    if scheduling.utc_now() >= row.booking.ends_at + ENDS_AFTER:
        return None, False
    return row, not is_now


def _matches(uuid: UUID, salt: str, given: str) -> bool:
    known = [hmac.compare_digest(one.encode(), given.encode()) for one in _candidates(uuid, salt)]
    return any(known)


def was_moved_just_now(made: OnlineBooking, at: datetime | None) -> bool:
    """Whether it was moved to this time a moment ago: by the same press, which came twice."""
    return (
        made.moved_at is not None
        and scheduling.utc_now() - made.moved_at < _SAME_PRESS
        and made.booking.starts_at == at
    )


def until(page: Page, made: OnlineBooking) -> datetime:
    """Until when the visitor may move or cancel it."""
    return made.booking.starts_at - timedelta(hours=page.settings.change_hours)


def may_change(page: Page, made: OnlineBooking) -> bool:
    """Whether the visitor may move or cancel it now."""
    is_open = made.booking.status in OPEN_STATUSES and made.booking.status != "arrived"
    return is_open and scheduling.utc_now() < until(page, made)


def may_move(page: Page, made: OnlineBooking) -> bool:
    """Whether it can be moved on the page: the page is on, and its service offered there."""
    return page.settings.is_on and may_change(page, made) and _terms(page, made) != []


def cancel(page: Page, made: OnlineBooking, shown: datetime | None = None) -> None:
    """Cancel it; a second press changes nothing. Raises TooLate, and ChangedMeanwhile where it is
    not at the time any more that the page showed (None: an earlier version's page).
    """
    with database.atomic():
        page.clinic.lock()
        made = OnlineBooking.get_by_id(made.id)
        if made.booking.status == "cancelled":
            return
        _check_shown(made, shown)
        if not may_change(page, made):
            raise TooLate
        made.booking.cancel(None)
        client_letters.by_client(made.booking)
        team_letters.visitor_did(made.booking, "cancelled")


def price_cents(page: Page, made: OnlineBooking) -> int:
    """What it costs: as it was agreed, else as the page says now; 0 where neither says it."""
    agreed = made.booking.rate_cents
    if agreed is not None:
        return agreed
    return next((one.price_cents for one in _terms(page, made)), 0)


def _check_shown(made: OnlineBooking, shown: datetime | None) -> None:
    if shown not in (None, made.booking.starts_at):
        raise ChangedMeanwhile


def other_times(page: Page, made: OnlineBooking, start: datetime, end: datetime) -> Iterator[Free]:
    """Times to which the booking can be moved: with the same person at the same venue."""
    booking, terms = made.booking, _terms(page, made)
    if not terms:
        return
    found = times.free_times(
        page, booking.service, terms, start, end, but=[booking.id], visitor=visit_of(made)
    )
    yield from (free for free in found if free.starts_at != booking.starts_at)


def latest(page: Page, made: OnlineBooking) -> datetime:
    """Until when there may be other times at all."""
    return times.latest(page, made.booking.service, _terms(page, made))


def visit_of(made: OnlineBooking) -> str:
    """What the hold of a move belongs to."""
    return hashlib.sha256(f"move|{made.id}|{made.salt}".encode()).hexdigest()


def needs_approval(page: Page, made: OnlineBooking) -> bool:
    """Whether the clinic confirms the new time of a move: as it confirms a new booking."""
    return rules.needs_approval(page.settings, made.booking.service)


def ask(
    page: Page,
    made: OnlineBooking,
    starts_at: datetime,
    origin: str,
    shown: datetime | None = None,
) -> Outcome:
    """Before a move: whether the time is known to be free outside. ASKING: a worker is on it, and
    the time is held meanwhile. Raises TooLate, JustTaken, and ChangedMeanwhile as `cancel`. Call it
    outside of a transaction.
    """
    if made.booking.starts_at == starts_at:
        return Outcome.FRESH
    _check_shown(made, shown)
    if not may_change(page, made):
        raise TooLate
    free = next(other_times(page, made, starts_at, starts_at), None)
    if free is None:
        raise JustTaken
    if not page.settings.may_block_outside:
        return Outcome.FRESH
    outcome = live.ask(made.booking.practitioner.user_id, waiting.bound(page))
    if outcome == Outcome.ASKING:
        _hold(page, made, free, origin)
    return outcome


def _hold(page: Page, made: OnlineBooking, free: Free, origin: str) -> None:
    now = scheduling.utc_now()
    with database.atomic():
        page.clinic.lock()
        holds.keep(
            made.booking.practitioner,
            made.booking.service,
            visit_of(made),
            origin,
            (free.starts_at, free.ends_at),
            now + waiting.KEPT,
            sealed=vault.seal(
                json.dumps({"move": made.id, "shown": made.booking.starts_at.isoformat()})
            ),
            asked_at=now,
        )


def look_again(page: Page, made: OnlineBooking) -> tuple[datetime, Outcome] | None:
    """To which time a move waits, and what became of asking; None where none waits."""
    hold = holds.alive(visit_of(made))
    if hold is None or hold.asked_at is None:
        return None
    user_id = made.booking.practitioner.user_id
    return hold.starts_at, freshness.outcome(user_id, hold.asked_at, waiting.bound(page))


def give_up(made: OnlineBooking) -> None:
    """A move waits no more."""
    holds.forget(visit_of(made))


def move(
    page: Page, made: OnlineBooking, starts_at: datetime, shown: datetime | None = None
) -> OnlineBooking:
    """Move it; the link changes. Pressed twice it moves once. Where the clinic confirms each
    booking it is a request again. Raises TooLate, JustTaken, and ChangedMeanwhile as `cancel`.
    """
    with database.atomic():
        page.clinic.lock()
        made = OnlineBooking.get_by_id(made.id)
        booking = made.booking
        if booking.starts_at == starts_at:
            return made
        _check_shown(made, shown)
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
        made.salt_before, made.salt = made.salt, secrets.token_urlsafe(24)
        made.moved_at = scheduling.utc_now()
        if asks:
            made.approve_by = approve_by(page.settings, booking.starts_at)
        elif made.approve_by:
            made.approve_by = min(made.approve_by, booking.starts_at)
        made.save()
        return made


def _terms(page: Page, made: OnlineBooking) -> list[Terms]:
    """How the calendar offers it, and as long as the booking is: the clinic may have given it
    another length than the service has.
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
