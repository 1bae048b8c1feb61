"""Making sure that a time is free outside as well, before it is promised.

Where a calendar of the practitioner was read too long ago, what the visitor sent is kept, sealed,
with the hold; a job asks the calendar, and the visitor's page looks again. No request waits for a
provider. What becomes of the booking where a calendar gives no answer is the clinic's choice.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from base import scheduling, vault
from base.database import database
from sync.two_way import live
from sync.two_way.standing import freshness
from sync.two_way.standing.freshness import Outcome

from . import admission, holds, taking
from .bookings import OnlineBooking
from .forms import Ticket
from .holds import Hold
from .page import Page
from .taking import Details

KEPT = timedelta(minutes=1)  # what was sent, at least, while calendars are asked


class CannotCheck(Exception):
    """A calendar outside gave no answer, and the clinic lets nobody book then."""


@dataclass(frozen=True)
class Sent:
    """What a visitor sent to book: cleaned, as it was `typed`, and what stands for a proof (as
    `admission.take` has it).
    """

    details: Details
    typed: Mapping[str, str] = field(repr=False)
    proof: str = field(default="", repr=False)
    reads_mail: bool = False
    may_mail: bool = False


def ask(page: Page, ticket: Ticket) -> Outcome:
    """Whether the ticket's time is known to be free outside now. ASKING: a worker is on it. Raises
    JustTaken. Call it outside of a transaction.
    """
    _service, free = taking.still_free(page, ticket)
    if not page.settings.may_block_outside:
        return Outcome.FRESH
    return live.ask(free.wish.calendar.user_id, bound(page))


def look_again(page: Page, ticket: Ticket, hold: Hold) -> Outcome:
    """What became of it. Raises JustTaken where the time was taken meanwhile."""
    _service, free = taking.still_free(page, ticket)
    if not page.settings.may_block_outside:
        return Outcome.FRESH
    user_id, since = free.wish.calendar.user_id, _since(hold)
    found = freshness.outcome(user_id, since, bound(page))
    if found == Outcome.ASKING and user_id != hold.practitioner.user_id:
        live.ask(user_id, bound(page))  # anyone will do, and somebody else is free now
    return found


def _since(hold: Hold) -> datetime:
    return hold.asked_at or scheduling.utc_now()


def bound(page: Page) -> timedelta | None:
    """How old what is known of a calendar outside may be; None: the usual bound."""
    minutes = page.settings.stale_minutes
    return None if minutes is None else timedelta(minutes=minutes)


def begin(page: Page, ticket: Ticket, sent: Sent, origin: str) -> Hold:
    """Keep what was sent, and hold the time meanwhile, whatever the bounds of holds. Raises
    JustTaken.
    """
    now = scheduling.utc_now()
    with database.atomic():
        page.clinic.lock()
        service, free = taking.still_free(page, ticket)
        before = holds.of(ticket.visitor)
        return holds.keep(
            free.wish.calendar,
            service,
            ticket.visitor,
            before.origin if before else origin,
            (free.starts_at, free.ends_at),
            max(before.expires_at if before else now, now + KEPT),
            sealed=_sealed(ticket, sent),
            asked_at=now,
        )


def waits(ticket: Ticket) -> Hold | None:
    """The hold of a visit that waits for an answer."""
    hold = holds.of(ticket.visitor)
    return hold if hold and hold.asked_at else None


def sent_with(hold: Hold) -> Sent:
    """What the visitor sent. Raises `vault.CannotOpen`."""
    kept = kept_with(hold)
    kept.pop("form", None)
    return Sent(**{**kept, "details": Details(**kept["details"])})


def kept_with(hold: Hold) -> dict[str, Any]:
    """All that is sealed in a hold. Raises `vault.CannotOpen`."""
    kept: dict[str, Any] = json.loads(vault.unseal(hold.sealed))
    return kept


def finish(page: Page, ticket: Ticket, sent: Sent, outcome: Outcome) -> OnlineBooking:
    """Book, as the outcome and the clinic's choice allow. Raises CannotCheck, and what
    `admission.take` raises.
    """
    choice = page.settings.when_stale if outcome == Outcome.UNANSWERED else ""
    if choice == "close":
        raise CannotCheck
    return admission.take(
        page,
        ticket,
        sent.details,
        proof=sent.proof,
        reads_mail=sent.reads_mail,
        may_mail=sent.may_mail,
        as_request=choice == "pending",
        looked=choice,
    )


def _sealed(ticket: Ticket, sent: Sent) -> str:
    kept = {**vars(sent), "details": vars(sent.details), "typed": dict(sent.typed)}
    return vault.seal(json.dumps({**kept, "form": ticket.text}))
