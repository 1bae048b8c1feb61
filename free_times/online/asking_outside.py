"""A time is checked in calendars outside before it is confirmed.

If a calendar of the practitioner was read too long ago, the sent form is kept, encrypted, with the
hold; a job asks the calendar, and the visitor's page polls. No request waits for a provider. The
clinic chooses what happens if a calendar gives no answer.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from base import scheduling, vault
from base.database import database
from free_times.finding import FreeTime
from free_times.rules import OnlineSettings
from sync.two_way import live
from sync.two_way.standing import freshness
from sync.two_way.standing.freshness import Certainty

from . import admission, holds, making
from .holds import Hold
from .made_online import OnlineBooking
from .making import Details
from .page import OnlinePage
from .tickets import Ticket

KEPT = timedelta(minutes=1)  # the least time to keep a sent form while calendars are asked


class CannotCheck(Exception):
    """A calendar outside gave no answer, and the clinic lets nobody book then."""


@dataclass(frozen=True)
class SentForm:
    """The form that a visitor sent to book: the cleaned details, the texts as `typed`, and the
    replacement for a proof (see `admission.book_if_admitted`).
    """

    details: Details
    typed: Mapping[str, str] = field(repr=False)
    proof: str = field(default="", repr=False)
    reads_mail: bool = False
    may_mail: bool = False


def ask_about_time(page: OnlinePage, ticket: Ticket) -> tuple[Certainty, FreeTime]:
    """Two values: whether the ticket's time is known to be free outside now, and the free time by
    all rules. ASKING: a worker is on it. Raises JustTaken. Call it outside of a transaction.
    """
    _service, free = making.still_free(page, ticket)
    if not page.settings.may_block_outside:
        return Certainty.FRESH, free
    return live.ask_calendars(free.wish.calendar.user_id, bound(page)), free


def outcome_of(page: OnlinePage, ticket: Ticket, hold: Hold) -> Certainty:
    """The outcome of asking. Raises JustTaken if the time was taken meanwhile."""
    _service, free = making.still_free(page, ticket)
    if not page.settings.may_block_outside:
        return Certainty.FRESH
    user_id = free.wish.calendar.user_id
    found = outcome(page, hold, user_id)
    if found == Certainty.ASKING and user_id != hold.practitioner.user_id:
        live.ask_calendars(
            user_id, bound(page)
        )  # anyone will do, and another practitioner is free now
    return found


def outcome(page: OnlinePage, hold: Hold, user_id: int) -> Certainty:
    """The outcome of asking this person's calendars for a hold that waits. If their copies are too
    old by now, the calendars are asked once more, while the time is held.
    """
    at = scheduling.utc_now()
    since = hold.asked_at or at
    found = freshness.outcome(user_id, since, bound(page))
    is_late = at - since > freshness.COUNTS
    if found != Certainty.UNANSWERED or not is_late or hold.expires_at <= at:
        return found
    holds.ask_again(hold)
    return live.ask_calendars(user_id, bound(page))


def bound(page: OnlinePage) -> timedelta | None:
    """How old the copy of a calendar outside may be; None: the usual bound."""
    return bound_of(page.settings)


def bound_of(settings: OnlineSettings) -> timedelta | None:
    """How old the copy of a calendar outside may be by the clinic's settings; None: the usual
    bound.
    """
    minutes = settings.stale_minutes
    return None if minutes is None else timedelta(minutes=minutes)


def hold_and_wait(
    page: OnlinePage, ticket: Ticket, sent: SentForm, origin: str, judged: FreeTime | None = None
) -> Hold:
    """Store the sent form and hold its time, without the limits of holds. `judged`: the free time
    from `ask_about_time` (None: not looked for); with it, only rows that take time are read again
    under the clinic's lock. Raises JustTaken.
    """
    now = scheduling.utc_now()
    kept = {**vars(sent), "details": vars(sent.details), "typed": dict(sent.typed)}
    with database.atomic():
        page.clinic.lock()
        service, _terms = making.bookable_terms(page, ticket)
        free = judged and making.unless_taken(ticket, judged)
        free = free or making.still_free(page, ticket)[1]
        before = holds.last_hold(ticket.form_use)
        return holds.keep(
            free.wish.calendar,
            service,
            ticket.form_use,
            before.origin if before else origin,
            (free.starts_at, free.ends_at),
            max(before.expires_at if before else now, now + KEPT),
            sealed=vault.seal(json.dumps({**kept, "form": ticket.text})),
            asked_at=now,
        )


def waits(ticket: Ticket) -> Hold | None:
    """The hold of a form use that waits for an answer."""
    hold = holds.last_hold(ticket.form_use)
    return hold if hold and hold.asked_at else None


def sent_with(hold: Hold) -> SentForm:
    """The visitor's form. Raises `vault.CannotOpen`."""
    kept = kept_with(hold)
    kept.pop("form", None)
    return SentForm(**{**kept, "details": Details(**kept["details"])})


def typed_with(ticket: Ticket) -> Mapping[str, str]:
    """The texts that the visitor typed, if the form was sent a while ago and could not
    be booked.
    """
    hold = holds.last_hold(ticket.form_use)
    try:
        return sent_with(hold).typed if hold and hold.sealed else {}
    except vault.CannotOpen:
        return {}


def kept_with(hold: Hold) -> dict[str, Any]:
    """The data of a hold, decrypted. Raises `vault.CannotOpen`."""
    kept: dict[str, Any] = json.loads(vault.unseal(hold.sealed))
    return kept


def finish(
    page: OnlinePage,
    ticket: Ticket,
    sent: SentForm,
    outcome: Certainty,
    judged: FreeTime | None = None,
    *,
    is_late: bool = False,
) -> OnlineBooking:
    """Book, as the answer of the calendars (`outcome`) and the clinic's choice allow. `judged`: as
    in `admission.book_if_admitted`. `is_late`: the press was so long ago that the clinic must
    confirm the booking in any case. Raises CannotCheck, and what `admission.book_if_admitted`
    raises.
    """
    choice = page.settings.when_stale if outcome == Certainty.UNANSWERED else ""
    if choice == "close":
        raise CannotCheck
    return admission.book_if_admitted(
        page,
        ticket,
        sent.details,
        proof=sent.proof,
        reads_mail=sent.reads_mail,
        may_mail=sent.may_mail,
        as_request=is_late or choice == "pending",
        looked=choice,
        judged=judged,
    )
