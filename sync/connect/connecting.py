"""Connecting an account: the sign-in at the provider, and the list of its calendars."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import TypeVar

from base import scheduling
from base.catalogue import _
from base.database import database
from base.tables.audit import AuditEntry
from models import Clinic, User
from sync.providers import registry
from sync.providers.base import Calendar, Provider
from sync.providers.errors import ProviderError, ScopeMissing, Unanswered
from sync.tables import earlier, starting
from sync.tables.accounts import Account, RemoteCalendar

from . import connections, revoking
from .oauth import Departure, Tokens, missing_scopes

MOST_LISTED = 250
ARRIVAL_SECONDS = 5
Answer = TypeVar("Answer")


def reference(clinic: Clinic, user_id: int | None = None) -> str:
    """How our calendars are recognised: those of the clinic, or of one person. Opaque, and never
    changes.
    """
    ours = hashlib.sha256(f"calendar {clinic.installation}".encode()).hexdigest()[:12]
    return f"kalends:{ours}:" + (
        ""
        if user_id is None
        else hashlib.sha256(f"{clinic.installation} {user_id}".encode()).hexdigest()[:12]
    )


def depart(kind: str, clinic: Clinic, redirect_uri: str, login_hint: str = "") -> Departure:
    """Where to send a person to sign in. Keep the departure in their session. Raises KeyError for a
    provider that is not set up.
    """
    return connections.sign_in(kind).depart(
        redirect_uri, connections.scopes(kind, clinic), login_hint
    )


def arrive(user: User, kind: str, departure: Departure, query: Mapping[str, str]) -> Account:
    """The account of the person who came back, connected or connected again. `first_look` lists its
    calendars.

    The only request that waits for a provider, for at most ARRIVAL_SECONDS. Raises Mismatch,
    Declined, ScopeMissing (boxes were left empty), starting.OtherAccount, Unanswered where the
    provider was too slow, and the other errors of `providers.errors`. What an account that is not
    taken allowed us is given back by a job.
    """
    asked = connections.scopes(kind, user.clinic)
    tokens, email = _within(ARRIVAL_SECONDS, lambda: _ask_who(kind, asked, departure, query))
    sealed, lacks = connections.sealed(tokens), _lacks(asked, tokens)
    if lacks:
        revoking.revoke_later(kind, email, sealed)
        raise ScopeMissing(lacks, 403)
    try:
        return starting.connect(user, kind, email, sealed, tokens.scopes, tokens.refresh_expires_at)
    except starting.OtherAccount:
        revoking.revoke_later(kind, email, sealed)
        raise


def _ask_who(
    kind: str, asked: Iterable[str], departure: Departure, query: Mapping[str, str]
) -> tuple[Tokens, str]:
    """The tokens, and the address of the account; "" where it allowed too little to tell."""
    with connections.in_a_hurry(kind) as http:
        tokens = connections.sign_in(kind, http).arrive(departure, query)
        try:
            return tokens, connections.with_tokens(kind, tokens, http).email()
        except ProviderError:
            if _lacks(asked, tokens):
                return tokens, ""
            raise


def _lacks(asked: Iterable[str], tokens: Tokens) -> str:
    """What is missing of what an account was to allow, in one word; "" for nothing."""
    if missing_scopes(asked, tokens.scopes):
        return "boxes"
    return "" if tokens.refresh_token else "no_refresh_token"


def _within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """The result of `ask`, or Unanswered after so many seconds. The call then goes on in its thread
    until its own time-outs end it: time-outs of single reads do not bound an answer that comes in
    drops. It must not use the database.
    """
    answer: Future[Answer] = Future()

    def work() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=work, name="arrival", daemon=True).start()
    try:
        return answer.result(timeout=seconds)
    except TimeoutError:
        raise Unanswered("slow") from None


def description(reference: str) -> str:
    """The description of our calendar outside. By the reference in it we find the calendar
    again.
    """
    return _(
        "Kalends writes bookings here. Change them in Kalends; what is changed here is put back."
        " ({reference})",
        reference=reference,
    )


def list_calendars(account: Account, provider: Provider) -> None:
    """Bring the list of the account's calendars up to date: add new ones, mark lost ones. Calendars
    that the clinic's own people write their bookings to are not offered to be read.
    """
    listed = provider.calendars()[:MOST_LISTED]
    ours = reference(account.clinic)
    with database.atomic():
        account.clinic.lock()
        kept = {row.calendar_id: row for row in account.calendars if row.calendar_id}
        for calendar in listed:
            _keep(account, kept.get(calendar.calendar_id), calendar, ours)
        missing = [
            row
            for key, row in kept.items()
            if key not in {calendar.calendar_id for calendar in listed}
        ]
        for row in missing:
            _miss(row)
        account.listed_at = scheduling.utc_now()
        account.save(only=[Account.listed_at])


def note_new(account: Account, listed: Iterable[Calendar]) -> dict[str, RemoteCalendar]:
    """Add the calendars of a list that are new. Removes none, whatever the list lacks. Gives all
    rows by id.
    """
    with database.atomic():
        account.clinic.lock()
        known, ours = {row.calendar_id for row in account.calendars}, reference(account.clinic)
        for calendar in list(listed)[:MOST_LISTED]:
            if calendar.calendar_id not in known:
                _keep(account, None, calendar, ours)
    return {row.calendar_id: row for row in account.calendars if row.calendar_id}


def _keep(account: Account, row: RemoteCalendar | None, calendar: Calendar, ours: str) -> None:
    mine = reference(account.clinic, account.user_id) in calendar.description
    if row is None and ours in calendar.description and not mine:
        return  # a colleague's bookings, in a shared account
    row = row or RemoteCalendar(
        clinic=account.clinic_id, account=account, role="listed", calendar_id=calendar.calendar_id
    )
    row.name = calendar.name[:300] or "Calendar"
    row.access = calendar.access
    row.is_primary = calendar.is_primary
    row.zone_name = calendar.zone_name[:60] or row.zone_name
    row.is_ours = row.is_ours or mine  # a person may change the description
    row.gone_since = None
    row.save()


def _miss(row: RemoteCalendar) -> None:
    """The list lacks this calendar. One that was only listed is removed; one that is read keeps
    blocking until a person decides.
    """
    if row.role == "listed":
        if row.is_ours:
            earlier.remember(row.account, row.calendar_id)
        row.delete_instance()
    elif row.role == "source" and row.gone_since is None:
        row.gone_since = scheduling.utc_now()
        row.save(only=[RemoteCalendar.gone_since])


def may_read(calendar: RemoteCalendar, clinic: Clinic) -> bool:
    """Whether its times may block booking here: one's own calendars, or where the clinic allows it
    any that can be read.
    """
    return not calendar.is_ours and (calendar.access == "owner" or clinic.sync_shared)


def may_write(calendar: RemoteCalendar, account: Account) -> bool:
    """Whether bookings may go to this calendar: one that we made earlier, or, where the clinic
    allows it or none can be made there, one of the person's own, but never the main one.
    """
    may_choose = account.clinic.sync_existing or not registry.of(account.kind).makes_calendars
    return calendar.is_ours or (
        may_choose and calendar.access == "owner" and not calendar.is_primary
    )


def note_missing(user: User, kind: str, why: str) -> None:
    """Note in the history that connecting failed, with the reason in one word."""
    AuditEntry.note(user.clinic, user, "account.refused", user, kind=kind, why=why)
