"""Connecting an account: out to the provider, back with the person, and the list of calendars that
are there.
"""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from base import scheduling
from base.audit import AuditEntry
from base.database import database
from models import Clinic, User
from sync.providers import registry
from sync.providers.base import Calendar, Provider
from sync.providers.errors import ScopeMissing, Unanswered
from sync.tables import earlier, starting
from sync.tables.accounts import Account, RemoteCalendar

from . import connections
from .oauth import Departure, Tokens, missing_scopes

MOST_LISTED = 250
ARRIVAL_SECONDS = 5
Answer = TypeVar("Answer")


def reference(clinic: Clinic, user_id: int | None = None) -> str:
    """What a calendar of ours is known by: of this clinic's, or of one person's. Opaque, and the
    same for ever.
    """
    ours = hashlib.sha256(f"calendar {clinic.installation}".encode()).hexdigest()[:12]
    return f"kalends:{ours}:" + (
        ""
        if user_id is None
        else hashlib.sha256(f"{clinic.installation} {user_id}".encode()).hexdigest()[:12]
    )


def depart(kind: str, clinic: Clinic, redirect_uri: str, login_hint: str = "") -> Departure:
    """Where to send a person so that they let us in. Keep the departure in their session. Raises
    KeyError for a provider that is not set up.
    """
    return connections.sign_in(kind).depart(
        redirect_uri, connections.scopes(kind, clinic), login_hint
    )


def arrive(user: User, kind: str, departure: Departure, query: Mapping[str, str]) -> Account:
    """The account of the person who came back, connected or connected again; `first_look` tells its
    calendars.

    The one place where a request waits for a provider, and no longer than ARRIVAL_SECONDS in all.
    Raises Mismatch, Declined, ScopeMissing (boxes
    were left empty), starting.OtherAccount, Unanswered where the provider was too slow, and the
    other errors of `providers.errors`.
    """
    asked = connections.scopes(kind, user.clinic)
    tokens, email = _within(ARRIVAL_SECONDS, lambda: _ask_who(kind, asked, departure, query))
    return starting.connect(
        user, kind, email, connections.sealed(tokens), tokens.scopes, tokens.refresh_expires_at
    )


def _ask_who(
    kind: str, asked: Iterable[str], departure: Departure, query: Mapping[str, str]
) -> tuple[Tokens, str]:
    """What the provider allows us, and whose account it is."""
    with connections.in_a_hurry(kind) as http:
        tokens = connections.sign_in(kind, http).arrive(departure, query)
        if missing_scopes(asked, tokens.scopes):
            raise ScopeMissing("boxes", 403)
        if not tokens.refresh_token:
            raise ScopeMissing("no_refresh_token", 403)
        return tokens, connections.with_tokens(kind, tokens, http).email()


def _within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """What `ask` gives or raises, or Unanswered after so many seconds. It goes on alone then, until
    its own time-outs end it: time-outs of
    single reads do not bound an answer that comes in drops. It must not use the database."""
    answered: queue.SimpleQueue[object] = queue.SimpleQueue()

    def work() -> None:
        try:
            answered.put((ask(), None))
        except Exception as error:
            answered.put((None, error))

    threading.Thread(target=work, name="arrival", daemon=True).start()
    try:
        answer, error = answered.get(timeout=seconds)
    except queue.Empty:
        raise Unanswered("slow") from None
    if error:
        raise error
    return answer


def description(reference: str) -> str:
    """What our calendar says of itself outside; the reference lets us find it again."""
    return (
        "Kalends writes bookings here. Change them in Kalends; what is changed here is put back."
        f" ({reference})"
    )


def list_calendars(account: Account, provider: Provider) -> None:
    """Bring the list of the account's calendars up to date: new ones appear, lost ones are marked.
    Calendars that the clinic's own people
    write their bookings to are not offered to be read."""
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
    """Take in the calendars of a list that are new, whatever it lacks. The rows of all, by id."""
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
    row.name, row.access, row.is_primary = (
        calendar.name[:300] or "Calendar",
        calendar.access,
        calendar.is_primary,
    )
    row.zone_name, row.is_ours, row.gone_since = (
        calendar.zone_name[:60] or row.zone_name,
        mine,
        None,
    )
    row.save()


def _miss(row: RemoteCalendar) -> None:
    """A calendar that is not told any more: one that was only listed goes, one that is read keeps
    what it blocked until a person decides.
    """
    if row.role == "listed":
        if row.is_ours:
            earlier.remember(row.account, row.calendar_id)
        row.delete_instance()
    elif row.role == "source" and row.gone_since is None:
        row.gone_since = scheduling.utc_now()
        row.save(only=[RemoteCalendar.gone_since])


def may_read(calendar: RemoteCalendar, clinic: Clinic) -> bool:
    """Whether its times may block booking here: one's own (C30), or where the clinic allows it any
    that can be read (X13).
    """
    return not calendar.is_ours and (calendar.access == "owner" or clinic.sync_shared)


def may_write(calendar: RemoteCalendar, account: Account) -> bool:
    """Whether bookings may go to this calendar of the account: one that we made earlier, or where
    the clinic allows it (or none can be made there) an own one, never the main one (X14).
    """
    may_choose = account.clinic.sync_existing or not registry.of(account.kind).makes_calendars
    return calendar.is_ours or (
        may_choose and calendar.access == "owner" and not calendar.is_primary
    )


def note_missing(user: User, kind: str, why: str) -> None:
    """The history says that connecting did not work out, and why in one word."""
    AuditEntry.note(user.clinic, user, "account.refused", user, kind=kind, why=why)
