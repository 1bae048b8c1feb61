"""The account that wrote an event: its mark names the installation, the booking and the account.

Several people may write to one calendar. An event of a colleague's account is neither ours, to be
changed or deleted, nor external, to block time. Marks of earlier versions name no account: see
`claimed`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeGuard
from uuid import UUID

from base.tables.bulk import portions, tuples
from models import Booking, Practitioner
from sync.events.event import EventMapping, Mark, RemoteEvent
from sync.tables.accounts import Account
from sync.tables.earlier_accounts import part, parts_of
from sync.tables.mappings import MappingRow


def mark(account: Account, mapping: EventMapping) -> Mark:
    """The mark for the event of a mapping."""
    return Mark(account.clinic.installation, mapping.uid, mapping.generation, part(account))


def is_of_clinic(seen: Mark | None, account: Account) -> TypeGuard[Mark]:
    """Whether this account or a colleague's wrote the event, so that it is not external."""
    return seen is not None and seen.installation == account.clinic.installation


def is_ours(seen: Mark | None, account: Account) -> TypeGuard[Mark]:
    """Whether this account wrote the event. For events from `claimed`."""
    return is_of_clinic(seen, account) and seen.account == part(account)


def claimed(
    account: Account, seen: Sequence[RemoteEvent], is_made: bool
) -> tuple[RemoteEvent, ...]:
    """The events of one calendar without those that colleagues' accounts wrote; this account's
    events get its whole mark.

    `is_made`: we made the calendar for this person. Events with our mark in it are this person's,
    unless a colleague's account wrote them. Events that a disconnected account of this person wrote
    are theirs in any calendar. Marks of earlier versions name no account: the event is ours if one
    of our mappings has it; else if no colleague's mapping has it, and the calendar or the booking
    is this person's.
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
        replace(event, mark=replace(event.own_mark, account=own))
        if event.remote_id in ours
        else event
        for event in kept
    )


def ours(account: Account, seen: Sequence[RemoteEvent], is_made: bool) -> list[RemoteEvent]:
    """The events of one calendar that this account wrote, with their whole mark."""
    return [event for event in claimed(account, seen, is_made) if is_ours(event.mark, account)]


def _ours(account: Account, doubtful: Sequence[RemoteEvent], is_made: bool) -> set[str]:
    """Ids of events with a different mark that are still this account's."""
    colleagues = list(
        Account.select().where(Account.clinic == account.clinic_id, Account.id != account.id)
    )
    unnamed = [event for event in doubtful if not event.own_mark.account]
    ids = {key for event in unnamed for key in event.ids}
    mapped = _mapped([account], ids)
    lent = _mapped([row for row in colleagues if row.kind == account.kind], ids)
    own = _of_person(account, {event.own_mark.reference for event in unnamed})
    parts, before = {part(row) for row in colleagues}, parts_of(account)
    return {
        event.remote_id
        for event in unnamed
        if mapped & event.ids
        or ((is_made or event.own_mark.reference in own) and not lent & event.ids)
    } | {
        event.remote_id
        for event in doubtful
        if (other := event.own_mark.account) and (other in before or is_made) and other not in parts
    }


def _mapped(accounts: Sequence[Account], ids: Iterable[str]) -> set[str]:
    """The ids among these that the accounts' mappings have."""
    rows = MappingRow.select(MappingRow.remote_id).where(
        MappingRow.account.in_(accounts), MappingRow.phase != "gone"
    )
    return (
        {
            remote_id
            for some in portions(ids)
            for (remote_id,) in tuples(rows.where(MappingRow.remote_id.in_(some)))
        }
        if accounts
        else set()
    )


def _of_person(account: Account, references: Iterable[str]) -> set[str]:
    """The references among these that are bookings of this account's person, or bookings that it
    sends.
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
    return {str(row.uuid) for some in portions(uuids) for row in rows.where(Booking.uuid.in_(some))}


def is_uuid(text: str) -> bool:
    """Whether a mark's reference may be a booking's uid: anyone may have copied and
    changed a mark.
    """
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
