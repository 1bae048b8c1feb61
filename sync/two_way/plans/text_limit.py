"""The limit of what events of ours may show, for events that no plan writes. Each such event that
is read is compared with the rules of today. The rules by which it was written may be unknown: after
a restore, a pause or a refusal.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from peewee import ModelSelect

from base.remembered import remembered
from base.tables.bulk import portions, tuples
from models import Booking, Patient, Practitioner, Service, User, Venue
from sync.events.at_most import Words, could_be, reveals
from sync.events.event import UNWRITTEN, Face, RemoteEvent
from sync.events.face import Policy
from sync.tables.accounts import Account
from sync.tables.excess import Excess
from sync.tables.mappings import MappingRow

from . import away, local, marks, showing


class TextLimit:
    """The limit for the events of one account, by today's rules."""

    def __init__(self, account: Account):
        self.account, self.choices = account, showing.choices(account)
        self.policy = Policy.of(account.user, account.clinic, self.choices)

    def exceeding(self, seen: Sequence[RemoteEvent]) -> list[RemoteEvent]:
        """The events among these (all of them ours) that show more than they may."""
        known = self.known({event.own_mark.reference for event in seen})
        return [event for event in seen if self._exceeds(event, known)]

    def known(self, uids: Iterable[str]) -> Mapping[str, tuple[Words, Policy]]:
        """The words and the policy of each of these bookings, by UID, if it exists here."""
        uuids = [UUID(uid) for uid in uids if marks.is_uuid(uid)]
        rows = (
            Booking.select(Booking, Practitioner, User, Patient, Service)
            .join(Practitioner)
            .join(User)
            .switch(Booking)
            .left_outer_join(Patient, on=(Booking.patient == Patient.id))
            .switch(Booking)
            .left_outer_join(Service, on=(Booking.service == Service.id))
            .where(Booking.clinic == self.account.clinic_id)
        )
        return {
            str(row.uuid): (self._words(row), self._policy_of(row.practitioner.user))
            for some in portions(uuids)
            for row in rows.where(Booking.uuid.in_(some))
        }

    def _words(self, row: Booking) -> Words:
        patient, service, currency = row.patient, row.service, self.account.clinic.currency
        return Words(
            patient.first_name if patient else "",
            patient.last_name if patient else "",
            (patient.internal_id or "") if patient else "",
            service.name if service else "",
            "" if row.rate_cents is None else f"{row.rate_cents / 100:.2f} {currency}",
            row.notes,
        )

    def _policy_of(self, person: User) -> Policy:
        is_own = person.id == self.account.user_id
        return self.policy if is_own else self.policy.of_colleague(person, self.account.clinic)

    def _exceeds(self, event: RemoteEvent, known: Mapping[str, tuple[Words, Policy]]) -> bool:
        shown = Face(event.title.removeprefix(local.LOCK.strip()).strip(), event.description)
        if found := known.get(event.own_mark.reference):
            return reveals(shown, *found)
        return shown != away.FACE and not all(
            could_be(shown, policy, self._names) for policy in self._policies(shown)
        )

    @remembered
    def _names(self) -> set[str]:
        clinic_id, blocks = self.account.clinic_id, self.policy.title.split()
        queries: list[ModelSelect[Any]] = [
            Venue.select(Venue.name).where(Venue.clinic == clinic_id),
            User.select(User.name).where(User.clinic == clinic_id),
        ]
        if "{service}" in blocks:
            queries.append(Service.select(Service.name).where(Service.clinic == clinic_id))
        names = [name for query in queries for (name,) in tuples(query)]
        return {part.strip() for name in names for part in name.split("\N{MIDDLE DOT}")}

    @remembered
    def _colleagues(self) -> list[User]:
        """Colleagues whose bookings are sent there, or were."""
        if self.choices.scope != "clinic":
            return []
        rows = User.select().where(User.clinic == self.account.clinic_id)
        return list(rows.where(User.id != self.account.user_id))

    def _policies(self, shown: Face) -> list[Policy]:
        """The policies that may apply to a booking that does not exist here: that of the person
        whose name is in the event, else all.
        """
        text = f"{shown.title}\n{shown.description}"
        named = [person for person in self._colleagues if person.name in text]
        if not named and self._colleagues and self.account.user.name in text:
            return [self.policy]
        return [self.policy, *map(self._policy_of, named or self._colleagues)]


def refresh_frozen(account: Account, seen: Sequence[RemoteEvent]) -> None:
    """Mark frozen events among these for a new write if they show more than they may. A refusal, or
    an earlier state of the database, may have left them unchanged. Call it inside the account's
    lease.
    """
    rows = MappingRow.select(MappingRow.remote_id).where(
        MappingRow.account == account,
        MappingRow.phase.in_(("frozen", "gone")),
        MappingRow.problem != "kept",
    )
    seen_ids = {id_of(event) for event in seen}
    left = {
        key
        for some in portions(seen_ids)
        for (key,) in tuples(rows.where(MappingRow.remote_id.in_(some)))
    }
    ours = [event for event in seen if event.mark and id_of(event) in left]
    if not ours:
        return
    limit = TextLimit(account)
    known = limit.known({event.own_mark.reference for event in ours})
    excess = limit.exceeding([event for event in ours if event.own_mark.reference in known])
    for some in portions({id_of(event) for event in excess}):
        MappingRow.update(wanted=UNWRITTEN).where(
            MappingRow.account == account, MappingRow.remote_id.in_(some)
        ).execute()


def id_of(event: RemoteEvent) -> str:
    """The id of an event outside. For an occurrence, it is the id of its series."""
    return event.series_id or event.remote_id


def note_excess(account: Account, calendar_id: str, seen: Sequence[RemoteEvent]) -> None:
    """Note the events among these that show more than they may. `seen`: events of ours that no plan
    writes. Call it inside the account's lease.
    """
    if seen:
        Excess.note(
            account, calendar_id, {id_of(event) for event in TextLimit(account).exceeding(seen)}
        )
