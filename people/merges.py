"""Merging two records of one client, and undoing that within a day.

The other record stays as a row that points to the kept one. Old addresses, open forms and files
with its internal ID work through it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from peewee import ForeignKeyField

from base import scheduling
from base.database import Base, InstantField, JSONText, alone, now
from base.tables.audit import AuditEntry
from base.tables.notes import NoteVersion
from base.text import phone_tail
from models import Booking, Clinic, Patient, Practitioner, User

UNDO_FOR = timedelta(days=1)
LONGEST_NOTES = 4000
# the choices of a person, and the columns of each
CHOICES = {
    "name": ("first_name", "last_name"),
    "internal_id": ("internal_id",),
    "phone": ("phone",),
    "email": ("email",),
}
COLUMNS = tuple(column for columns in CHOICES.values() for column in columns)


class CannotMerge(Exception):
    """The two records are the same, or one was merged meanwhile."""


class ClientMerge(Base):
    """One merge: who did it, and what it changed, so that it can be undone."""

    clinic = ForeignKeyField(Clinic, backref="client_merges")
    kept = ForeignKeyField(Patient, backref="merges")
    gone = ForeignKeyField(Patient, backref="merges_away")
    user = ForeignKeyField(User, null=True, backref="client_merges", on_delete="SET NULL")
    at = InstantField(default=now)
    facts = JSONText()
    undone_at = InstantField(null=True)

    @classmethod
    def latest(cls, kept: Patient) -> "ClientMerge | None":
        """The newest merge into this client that can still be undone."""
        since = scheduling.utc_now() - UNDO_FOR
        rows = cls.select().where(cls.kept == kept, cls.undone_at.is_null(), cls.at > since)
        found: ClientMerge | None = rows.order_by(cls.id.desc()).first()
        return found

    def keep(self, **facts: Any) -> None:
        """Store further changes of the merge, to be undone with it."""
        self.facts = {**self.facts, **facts}
        self.save(only=[ClientMerge.facts])

    @property
    def ends_at(self) -> Any:
        """The last instant at which it can be undone."""
        return self.at + UNDO_FOR


def differences(kept: Patient, gone: Patient) -> list[str]:
    """The choices for a person: values that both records have, and that differ."""
    values = {name: (_values(kept, name), _values(gone, name)) for name in CHOICES}
    return [name for name, (ours, theirs) in values.items() if theirs and ours and ours != theirs]


def filled(kept: Patient, gone: Patient) -> list[str]:
    """The CHOICES that only the record that goes has: the kept one gets them in any case."""
    return [name for name in CHOICES if _values(gone, name) and not _values(kept, name)]


def merge(kept: Patient, gone: Patient, actor: User | None, chosen: Collection[str]) -> ClientMerge:
    """Merge two records: bookings, notes and earlier notes of `gone` become those of `kept`.

    `chosen`: the CHOICES whose values come from `gone`; values that `kept` lacks come from it
    anyway. Both notes are joined; if that is too long, those of `gone` become earlier notes. If
    either client asked for no reminders, none are sent. Raises CannotMerge.
    """
    with alone(kept):
        gone = Patient.get_by_id(gone.id)
        if kept == gone or kept.merged_into_id or gone.merged_into_id:
            raise CannotMerge
        bookings = _ids(Booking.select(Booking.id).where(Booking.patient == gone))
        facts = {
            "before": {name: getattr(kept, name) for name in (*COLUMNS, "notes", "texts")},
            "internal_id": gone.internal_id,
            "archived": gone.archived,
            "bookings": bookings,
            "notes": _ids(NoteVersion.of(gone)),
            "led_on": _ids(Patient.select(Patient.id).where(Patient.merged_into == gone)),
        }
        fields = {
            column: getattr(gone, column)
            for name in CHOICES
            if name in filled(kept, gone) or (name in chosen and _values(gone, name))
            for column in CHOICES[name]
        }
        if "phone" in fields or (gone.texts and phone_tail(gone.phone) == phone_tail(kept.phone)):
            fields["texts"] = gone.texts  # a wish for text messages belongs to that number
        both = "\n\n".join(note for note in (kept.notes, gone.notes) if note)
        if gone.notes and len(both) > LONGEST_NOTES:
            NoteVersion.keep(gone, actor)
            facts["notes"] = _ids(NoteVersion.of(gone))
        elif gone.notes:
            fields["notes"] = both
        _swap_ids(kept, gone, fields)
        Patient.update(merged_into=kept).where(Patient.merged_into == gone).execute()
        gone.merged_into, gone.archived = kept, True
        gone.save()
        kept.change(actor, **fields)
        facts["after"] = fields
        facts["unreminded"] = bool(gone.unreminded_at) and not kept.unreminded_at
        if facts["unreminded"]:  # a client who wants no reminders gets none under either record
            _remind(kept, gone.unreminded_at)
        _move(kept.clinic, bookings, gone, kept)
        NoteVersion.update(subject=kept.id).where(NoteVersion.id.in_(facts["notes"])).execute()
        AuditEntry.note(kept.clinic, actor, "patient.merged", kept, other=gone.id)
        return ClientMerge.create(clinic=kept.clinic, kept=kept, gone=gone, user=actor, facts=facts)


def undo(done: ClientMerge, actor: User | None) -> list[str] | None:
    """Undo the merge, so that there are two records again. Returns the columns that stay because
    they were changed since; None if the merge cannot be undone any more.
    """
    kept = done.kept
    with alone(kept):
        latest = ClientMerge.latest(kept)
        if latest is None or latest.id != done.id or kept.merged_into_id:
            return None  # of a chain of merges the last is undone first: it has the bookings
        gone, facts = Patient.get_by_id(done.gone_id), latest.facts
        back, stays = {}, []
        for column, value in facts["after"].items():
            if getattr(kept, column) == value:
                back[column] = facts["before"][column]
            else:
                stays.append(column)
        gone.merged_into, gone.archived = None, facts["archived"]
        if "internal_id" in back:
            _swap_ids(kept, gone, back)
        gone.save()
        kept.change(actor, **back)
        if facts.get("unreminded") and kept.unreminded_at == gone.unreminded_at:
            _remind(kept, None)
        led_on = Patient.id.in_(facts["led_on"]), Patient.merged_into == kept
        Patient.update(merged_into=gone).where(*led_on).execute()
        _move(kept.clinic, facts["bookings"], kept, gone)
        NoteVersion.update(subject=gone.id).where(NoteVersion.id.in_(facts["notes"])).execute()
        latest.undone_at = scheduling.utc_now()
        latest.save(only=[ClientMerge.undone_at])
        AuditEntry.note(kept.clinic, actor, "patient.parted", kept, other=gone.id)
        return stays


def _remind(client: Patient, unreminded_at: datetime | None) -> None:
    """Start the client's reminders (None), or stop them since this instant."""
    client.unreminded_at = unreminded_at
    client.save(only=[Patient.unreminded_at])


def _values(client: Patient, name: str) -> tuple[str, ...]:
    """The value of one choice in a record; empty if it has none."""
    values = tuple(getattr(client, column) or "" for column in CHOICES[name])
    return values if any(values) else ()


def _ids(rows: Any) -> list[int]:
    return [row.id for row in rows]


def _swap_ids(kept: Patient, gone: Patient, fields: dict[str, Any]) -> None:
    """Give `gone` the internal ID that `kept` gives up, so that each ID still leads to the client.

    For a moment nobody has the new ID, since no two clients may have the same.
    """
    if "internal_id" not in fields:
        return
    given_up, adopted = kept.internal_id, gone.internal_id
    Patient.update(internal_id=None).where(Patient.id.in_([kept.id, gone.id])).execute()
    fields["internal_id"] = adopted
    gone.internal_id, kept.internal_id = given_up, None


def _move(clinic: Clinic, bookings: list[int], source: Patient, target: Patient) -> None:
    """Give these bookings of `source` to `target`, and renew every calendar that shows them."""
    theirs = Booking.id.in_(bookings), Booking.patient == source
    seen_by = [row.practitioner_id for row in Booking.select(Booking.practitioner).where(*theirs)]
    Booking.update(patient=target, updated_at=scheduling.utc_now()).where(*theirs).execute()
    Booking.bump(clinic, *Practitioner.select().where(Practitioner.id.in_(seen_by)))
