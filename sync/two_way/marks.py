"""Whose an event is that bears our mark: a mark names the installation, the booking and the account
that wrote it.

Several people may write to one calendar. What a colleague's account wrote there is neither this
account's, to be changed or taken away, nor external, to block time. Marks of earlier versions name
no account: see `claimed`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from peewee import chunked

from base.many import tuples
from models import Booking, Practitioner
from sync.events.event import EventMapping, Mark, RemoteEvent
from sync.tables.accounts import Account
from sync.tables.earlier import part, parts_of
from sync.tables.mappings import MappingRow

_CHUNK = 400


def mark(account: Account, mapping: EventMapping) -> Mark:
    """What the event of a mapping carries."""
    return Mark(account.clinic.installation, mapping.uid, mapping.generation, part(account))


def is_of_clinic(seen: Mark | None, account: Account) -> bool:
    """Whether somebody of the clinic wrote the event, this account or a colleague's: it is no
    external time.
    """
    return seen is not None and seen.installation == account.clinic.installation


def is_ours(seen: Mark | None, account: Account) -> bool:
    """Whether this account wrote the event. Ask of events that are `claimed`."""
    return is_of_clinic(seen, account) and seen.account == part(account)


def claimed(
    account: Account, seen: Sequence[RemoteEvent], is_made: bool
) -> tuple[RemoteEvent, ...]:
    """The events of one calendar without those that colleagues' accounts wrote; what is this
    account's bears its whole mark.

    `is_made`: we made the calendar for this person, so that what bears our mark there is theirs,
    unless an account of a colleague says
    otherwise. So is what an account of theirs wrote that was disconnected since, wherever it is.
    Marks of earlier versions name no account. Such an event is ours where a mapping of
    ours holds it; else where no mapping of a
    colleague's does, and the calendar or the booking is this person's.
    """
    own = part(account)
    doubtful = [
        event for event in seen if is_of_clinic(event.mark, account) and event.mark.account != own
    ]
    if not doubtful:
        return tuple(seen)
    ours = _ours(account, doubtful, is_made)
    kept = (
        event
        for event in seen
        if not is_of_clinic(event.mark, account)
        or event.mark.account == own
        or event.remote_id in ours
    )
    return tuple(
        replace(event, mark=replace(event.mark, account=own)) if event.remote_id in ours else event
        for event in kept
    )


def ours(account: Account, seen: Sequence[RemoteEvent], is_made: bool) -> list[RemoteEvent]:
    """The events of one calendar that this account wrote, with their whole mark."""
    return [event for event in claimed(account, seen, is_made) if is_ours(event.mark, account)]


def _ours(account: Account, doubtful: Sequence[RemoteEvent], is_made: bool) -> set[str]:
    """Ids of those events with another mark than ours that are this account's all the same."""
    colleagues = list(
        Account.select().where(Account.clinic == account.clinic_id, Account.id != account.id)
    )
    unnamed = [event for event in doubtful if not event.mark.account]
    ids = {key for event in unnamed for key in _keys(event)}
    held, lent = (
        _held([account], ids),
        _held([row for row in colleagues if row.kind == account.kind], ids),
    )
    own = _of_person(account, {event.mark.reference for event in unnamed})
    parts, before = {part(row) for row in colleagues}, parts_of(account)
    return {
        event.remote_id
        for event in unnamed
        if held & _keys(event)
        or ((is_made or event.mark.reference in own) and not lent & _keys(event))
    } | {
        event.remote_id
        for event in doubtful
        if event.mark.account
        and (event.mark.account in before or is_made)
        and event.mark.account not in parts
    }


def _keys(event: RemoteEvent) -> set[str]:
    """The ids that a mapping may know the event by."""
    return {event.remote_id, event.series_id} - {None}


def _held(accounts: Sequence[Account], ids: Iterable[str]) -> set[str]:
    """Which of these ids the mappings of the accounts hold."""
    rows = MappingRow.select(MappingRow.remote_id).where(
        MappingRow.account.in_(accounts), MappingRow.phase != "gone"
    )
    return (
        {
            remote_id
            for some in chunked(ids, _CHUNK)
            for (remote_id,) in tuples(rows.where(MappingRow.remote_id.in_(some)))
        }
        if accounts
        else set()
    )


def _of_person(account: Account, references: Iterable[str]) -> set[str]:
    """Which of these references are of bookings that this account's person keeps, or that it sends
    out.
    """
    sent = [row.id for row in account.practitioners()]
    rows = (
        Booking.select(Booking.uuid)
        .join(Practitioner)
        .where(
            Booking.clinic == account.clinic_id,
            Booking.practitioner.in_(sent) | (Practitioner.user == account.user_id),
        )
    )
    uuids = [UUID(one) for one in references if is_uuid(one)]
    return {
        str(row.uuid)
        for some in chunked(uuids, _CHUNK)
        for row in rows.where(Booking.uuid.in_(some))
    }


def is_uuid(text: str) -> bool:
    """Whether a mark's reference can be a booking's: a mark is text that anyone may have copied and
    changed.
    """
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
