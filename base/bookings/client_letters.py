"""Which letters clients get about their bookings: the one place that decides it.

Every change of a booking comes by here in its own transaction (`tell`). What a letter says is
decided once more when it is sent, from what is true then (`what`).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from peewee import BooleanField, CharField, DeferredForeignKey

from base import scheduling
from base.database import Base, JSONText, transition
from base.tables import outbox
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter

KIND = "client"
MOST_REMINDERS = 3
TO_CLIENTS = ("none", "online", "all")  # nobody, whoever booked online, every client
METHODS = ("REQUEST", "PUBLISH")  # RFC 5546: an invitation, or an entry to be looked at
DAY_BEFORE = {"days": 1, "at": "10:00"}


class LetterSettings(Base):
    """Which letters a clinic sends: one row at most, and none means what every clinic begins with.

    `to_clients`: one of TO_CLIENTS. `method`: how the calendar part speaks, one of METHODS.
    `names_service`: letters and their calendar part name the service. `reply_to`: where answers go.
    `reminders`: days before and a wall time of the venue, each. `wordings`: the clinic's own words
    by kind of letter. `names_clients`: letters to the team name clients.
    """

    clinic = DeferredForeignKey("Clinic", unique=True, on_delete="CASCADE")
    to_clients = CharField(10, default="online")
    method = CharField(10, default="REQUEST")
    names_service = BooleanField(default=False)
    reply_to = CharField(254, default="")
    reminders = JSONText(default=lambda: [dict(DAY_BEFORE)])
    wordings = JSONText(default=dict)
    names_clients = BooleanField(default=False)

    @classmethod
    def of(cls, clinic: Any) -> "LetterSettings":
        """The clinic's settings; where it has none yet, those that every clinic begins with, not
        stored.
        """
        row: LetterSettings | None = cls.get_or_none(cls.clinic == clinic)
        return row or cls(clinic=clinic)

    @classmethod
    def stored(cls, clinic: Any) -> "LetterSettings":
        """The clinic's settings as a row, made now where there is none. Call it while the clinic is
        held.
        """
        row = cls.of(clinic)
        if row.id is None:
            row.save(force_insert=True)
        return row

    @transition
    def change(self, /, actor: Base | None, **columns: Any) -> None:
        """Set columns. Nothing outside shows them, so no calendar is woken."""
        changed = [name for name, value in columns.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, columns[name])
        if changed:
            self.save(only=changed)
            AuditEntry.note(self.clinic, actor, "letters.changed", self, fields=changed)

    def writes_about(self, booking: Any) -> bool:
        """Whether the client of this booking gets letters about it."""
        return self.to_clients == "all" or (self.to_clients == "online" and bool(booking.online))


@dataclass(frozen=True)
class State:
    """What a client may know of a booking: instants as ISO texts, client and calendar by id."""

    status: str
    starts: str
    ends: str
    calendar: int
    client: int | None

    @classmethod
    def of(cls, booking: Any) -> "State":
        """As it is now, in memory."""
        return cls(
            booking.status,
            booking.starts_at.isoformat(),
            booking.ends_at.isoformat(),
            booking.practitioner_id,
            booking.patient_id,
        )

    @property
    def place(self) -> tuple[str, str, int]:
        """When, and in whose calendar."""
        return self.starts, self.ends, self.calendar

    @property
    def ends_at(self) -> datetime:
        """When it is over."""
        return datetime.fromisoformat(self.ends)


def due(was: State | None, now: State, online: bool, client: int) -> str | None:
    """Which letter is due to a client whose booking was one way, and is now another.

    "booked", "waits", "approved", "moved", "cancelled", or None. A booking that is somebody else's
    by now is cancelled for this client. What the team only pencils in is not told.
    """
    before = _standing(was, online, client)
    after = _standing(now, online, client)
    moved = was is not None and was.place != now.place
    if after == "off":
        return "cancelled" if before in ("on", "asked", "pencilled") else None
    if after == "pencilled":
        return "waits" if before == "on" else None
    if after == "asked":
        return "waits" if before != "asked" else "moved" if moved else None
    if before == "asked":
        return "approved"
    if before == "on":
        return "moved" if moved else None
    return "booked"


def _standing(state: State | None, online: bool, client: int) -> str:
    """What a booking is to a client: "" (nothing yet), "pencilled", "asked", "on" or "off"."""
    if state is None:
        return ""
    if state.client != client:
        return "off" if state.status != "cancelled" else ""
    if state.status == "cancelled":
        return "off"
    if state.status == "pending":
        return "asked" if online else "pencilled"
    return "pencilled" if state.status == "offered" else "on"


def tell(clinic: Any, changes: Iterable[tuple[Any, State | None]]) -> None:
    """Queue what is due about changed bookings, in their transaction: one letter for each client,
    however many bookings of a series changed. `changes`: each booking with what it was.
    """
    if not outbox.is_set_up():
        return
    at, due_to = scheduling.utc_now(), dict[int, list[tuple[Any, State | None]]]()
    for booking, was in changes:
        now = State.of(booking)
        for client in _clients(now, was):
            told = was if was is None or was.client == client else None
            kind = due(told, now, bool(booking.online), client)
            ends_at = was.ends_at if kind == "cancelled" and was else now.ends_at
            if kind and ends_at > at:
                due_to.setdefault(client, []).append((booking, told))
    if not due_to:
        return
    settings = LetterSettings.of(clinic)
    for client in _with_addresses(due_to):
        rows = [(row, was) for row, was in due_to[client.id] if settings.writes_about(row)]
        if rows:
            _write(clinic, client, rows)


def _clients(*states: State | None) -> set[int]:
    return {one.client for one in states if one is not None and one.client is not None}


def _with_addresses(due_to: dict[int, list[tuple[Any, State | None]]]) -> Sequence[Any]:
    some = next(iter(due_to.values()))[0][0]
    table = type(some).patient.rel_model
    return list(table.select().where(table.id.in_(list(due_to)), table.email != ""))


def _write(clinic: Any, client: Any, rows: list[tuple[Any, State | None]]) -> None:
    lead = rows[0][0]
    Letter.write(
        clinic,
        KIND,
        lead,
        f"{lead.sequence} {client.id} {lead.updated_at.timestamp():.6f}",
        client.email,
        language=client.language,
        client=client.id,
        rows=[[row.id, asdict(was) if was else None] for row, was in rows],
    )


def by_client(booking: Any) -> None:
    """Say of the letter that was just written about a change that the client made it. In the
    same transaction.
    """
    letter = _about([booking.id]).first()
    if letter is not None and letter.phase == "waiting":
        Letter.update(detail={**letter.detail, "by": "client"}).where(
            Letter.id == letter.id
        ).execute()


def of_booking(booking: Any) -> list[Letter]:
    """The letters about a booking to its clients, the newest first."""
    return [row for row in _about(_series(booking)) if booking.id in _rows(row)]


def _about(ids: Collection[int]) -> Any:
    return (
        Letter.select()
        .where(Letter.kind == KIND, Letter.about.in_(list(ids)))
        .order_by(Letter.id.desc())
    )


def _series(booking: Any) -> list[int]:
    """Bookings that may lead a letter about this one."""
    if booking.series is None:
        return [booking.id]
    table = type(booking)
    rows = table.select(table.id).where(
        table.series == booking.series, table.clinic == booking.clinic_id
    )
    return [row.id for row in rows]


def _rows(letter: Letter) -> dict[int, State | None]:
    return {key: State(**was) if was else None for key, was in letter.detail["rows"]}


def what(
    letter: Letter, bookings: Iterable[Any], client: Any
) -> list[tuple[Any, str, State | None]]:
    """What a letter is to say now: booking by booking its kind, and what the client knows.

    Nothing where a later letter tells of the booking, or where it has become again what the client
    knows. What earlier letters that never left would have told is told with it. `client`: the
    record that stands for the client now.
    """
    found = []
    rows = _rows(letter)
    for booking in bookings:
        told = of_booking(booking)
        records = _records(told, client)
        others = [one for one in told if one.detail["client"] in records and one.id != letter.id]
        if any(one.id > letter.id for one in others):
            continue
        was = rows[booking.id]
        for one in others:
            if not _never_left(one):
                break
            was = _rows(one)[booking.id]
        if was is not None and was.client in records:
            was = replace(was, client=client.id)
        kind = due(was, State.of(booking), bool(booking.online), client.id)
        if (
            kind == "cancelled"
            and was
            and _standing(was, bool(booking.online), client.id) == ("pencilled")
        ):
            kind = kind if any(one.phase == "sent" for one in others) else None
        if kind and booking.ends_at > scheduling.utc_now():
            found.append((booking, kind, was))
    return found


def _records(letters: Iterable[Letter], client: Any) -> set[int]:
    """The record of a client, and those of the letters' that were merged into it."""
    others = {one.detail["client"] for one in letters} - {client.id}
    if not others:
        return {client.id}
    table = type(client)
    rows = table.select(table.id).where(table.id.in_(others), table.merged_into == client)
    return {client.id, *(row.id for row in rows)}


def _never_left(letter: Letter) -> bool:
    """Whether the mail server was never asked to take it."""
    return (letter.phase == "dropped" and letter.tries <= 1) or (
        letter.phase == "waiting" and letter.tries == 0
    )
