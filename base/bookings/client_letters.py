"""Which letters clients get about their bookings. No other module decides this.

Every change of a booking calls `queue_letters` in its own transaction. When a letter is sent,
`what` decides its content again from the bookings as they are then.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from peewee import BooleanField, CharField, DeferredForeignKey

from base import scheduling
from base.database import Base, JSONText
from base.phones import e164
from base.tables import outbox, texts
from base.tables.outbox import Letter
from base.tables.texts import TextSettings
from base.tables.traits import ClinicSettings

KIND = "client"
MOST_REMINDERS = 3
TO_CLIENTS = ("none", "online", "all")  # nobody, clients who booked online, every client
METHODS = ("REQUEST", "PUBLISH")  # RFC 5546: an invitation, or an entry to read
DAY_BEFORE = {"days": 1, "at": "10:00"}


class LetterSettings(ClinicSettings):
    """Which letters a clinic sends: one row at most; without a row the defaults apply.

    `to_clients`: one of TO_CLIENTS. `method`: the METHOD of the calendar part, one of METHODS.
    `names_service`: letters and their calendar part name the service. `reply_to`: the address for
    answers. `reminders`: for each the days before and a wall time of the venue. `wordings`: the
    clinic's own texts by kind of letter. `names_clients`: letters to the team name clients.
    """

    action = "letters.changed"
    clinic = DeferredForeignKey("Clinic", unique=True, on_delete="CASCADE")
    to_clients = CharField(10, default="online")
    method = CharField(10, default="REQUEST")
    names_service = BooleanField(default=False)
    reply_to = CharField(254, default="")
    reminders = JSONText(default=lambda: [dict(DAY_BEFORE)])
    wordings = JSONText(default=dict)
    names_clients = BooleanField(default=False)

    def writes_about(self, booking: Any) -> bool:
        """Whether the client of this booking gets letters about it."""
        is_online = booking.online or booking.changed_online
        return self.to_clients == "all" or (self.to_clients == "online" and bool(is_online))

    def service_named(self, booking: Any) -> str:
        """The name of its service, if letters and entries in calendars name it; else ""."""
        return str(booking.service.name) if self.names_service and booking.service else ""


class ChangedOnline(Base):
    """A booking that its client changed by a booking link, also if the team had made it.

    The client gets letters about the booking from then on, as after an online booking: their
    calendar has an entry by now.
    """

    changed_online = BooleanField(null=True)

    def will_change_online(self) -> None:
        """Note that the client changes the booking now. Call this first in the transaction of the
        change.
        """
        self.changed_online = True
        self.save(only=["changed_online"])


@dataclass(frozen=True)
class ClientFacts:
    """The facts of a booking that a client may know: instants as ISO texts, client and calendar by
    id.
    """

    status: str
    starts: str
    ends: str
    calendar: int
    client: int | None

    @classmethod
    def of(cls, booking: Any) -> "ClientFacts":
        """The booking's present state, in memory."""
        return cls(
            booking.status,
            booking.starts_at.isoformat(),
            booking.ends_at.isoformat(),
            booking.practitioner_id,
            booking.patient_id,
        )

    @property
    def place(self) -> tuple[str, str, int]:
        """The booking's time, and the id of its calendar."""
        return self.starts, self.ends, self.calendar

    @property
    def ends_at(self) -> datetime:
        """The instant at which the booking ends."""
        return datetime.fromisoformat(self.ends)


def due(was: ClientFacts | None, now: ClientFacts, online: bool, client: int) -> str | None:
    """The letter for a client about a booking that changed from one state to another: "booked",
    "waits", "approved", "moved", "cancelled", or None.

    A booking that is given to another client is cancelled for its former client. A pencilled
    booking causes no letter.
    """
    before = _appearance(was, online, client)
    after = _appearance(now, online, client)
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


def _appearance(state: ClientFacts | None, online: bool, client: int) -> str:
    """How a booking appears to a client: "" (not at all), "pencilled", "asked", "on" or "off"."""
    if state is None:
        return ""
    if state.client != client:
        return "off" if state.status != "cancelled" else ""
    if state.status == "cancelled":
        return "off"
    if state.status == "pending":
        return "asked" if online else "pencilled"
    return "pencilled" if state.status == "offered" else "on"


def queue_letters(
    clinic: Any, changes: Iterable[tuple[Any, ClientFacts | None]], whose: Any = None
) -> None:
    """Queue the letters and text messages that are due about changed bookings, in their
    transaction.

    Each client gets one letter and one text message, however many bookings of a series changed.
    `changes`: each booking with its state before. `whose`: the only client, if the caller has read
    the record in the transaction.
    """
    at, due_to = scheduling.utc_now(), dict[int, list[tuple[Any, ClientFacts | None]]]()
    kinds = dict[tuple[int, int], str]()
    for booking, was in changes:
        now = ClientFacts.of(booking)
        for client in {one.client for one in (now, was) if one and one.client is not None}:
            before = was if was is None or was.client == client else None
            kind = due(before, now, bool(booking.online), client)
            ends_at = was.ends_at if kind == "cancelled" and was else now.ends_at
            if kind and ends_at > at:
                due_to.setdefault(client, []).append((booking, before))
                kinds[client, booking.id] = kind
    if not due_to:
        return
    clients = _reached(due_to) if whose is None else [whose]
    with_addresses = [client for client in clients if client.email and outbox.is_set_up()]
    settings = LetterSettings.of(clinic) if with_addresses else None
    for client in with_addresses:
        rows = [
            (row, was)
            for row, was in due_to[client.id]
            if settings is not None and settings.writes_about(row)
        ]
        if rows:
            _write_as(KIND, outbox.MAIL, client.email, clinic, client, rows)
    with_numbers = [client for client in clients if client.texts and client.phone]
    by_text = TextSettings.of(clinic) if with_numbers else None
    for client in with_numbers:
        rows = [
            (row, was)
            for row, was in due_to[client.id]
            if by_text is not None and by_text.wants(kinds[client.id, row.id])
        ]
        if rows:
            _write_text(clinic, client, rows)


def queue_letters_of_new(clinic: Any, rows: Iterable[Any], client: Any) -> None:
    """Queue the letters about new bookings of one client, whose record was read in the same
    transaction. `client` None: the bookings have no client.
    """
    queue_letters(clinic, [(row, None) for row in rows], client)


def _reached(due_to: dict[int, list[tuple[Any, ClientFacts | None]]]) -> Sequence[Any]:
    """The clients who gave an e-mail address, or want text messages."""
    some = next(iter(due_to.values()))[0][0]
    table = type(some).patient.rel_model
    reached = (table.email != "") | table.texts
    return list(table.select().where(table.id.in_(list(due_to)), reached))


def _write_text(clinic: Any, client: Any, rows: list[tuple[Any, ClientFacts | None]]) -> None:
    booking, was = rows[0]
    calendar = booking.practitioner
    if was is not None and was.client != booking.patient_id and was.calendar != calendar.id:
        calendar = type(calendar).get_by_id(was.calendar)  # the one that this client knew
    number = e164(client.phone, calendar.venue.country)
    if number:
        _write_as(texts.ABOUT, texts.queue_of(clinic.id), number, clinic, client, rows)


def _write_as(
    kind: str,
    queue: str,
    to: str,
    clinic: Any,
    client: Any,
    rows: list[tuple[Any, ClientFacts | None]],
) -> None:
    lead = rows[0][0]
    Letter.write(
        clinic,
        kind,
        lead,
        f"{lead.sequence} {client.id} {lead.updated_at.timestamp():.6f}",
        to,
        language=client.language,
        queue=queue,
        client=client.id,
        rows=[[row.id, asdict(was) if was else None] for row, was in rows],
    )


def by_client(booking: Any) -> None:
    """Note in the letter just written that the client made the change. Call it in the same
    transaction.
    """
    letter = _about([booking.id], KIND).first()
    if letter is not None and letter.phase == "waiting":
        Letter.update(detail={**letter.detail, "by": "client"}).where(
            Letter.id == letter.id
        ).execute()


def of_booking(booking: Any, kind: str = KIND) -> list[Letter]:
    """The letters about a booking to its clients, or the text messages, newest first."""
    return [row for row in _about(_series(booking), kind) if booking.id in _rows(row)]


def _about(ids: Collection[int], kind: str) -> Any:
    return (
        Letter.select()
        .where(Letter.kind == kind, Letter.about.in_(list(ids)))
        .order_by(Letter.id.desc())
    )


def _series(booking: Any) -> list[int]:
    """The ids of the bookings whose letters may mention this booking too."""
    if booking.series is None:
        return [booking.id]
    table = type(booking)
    rows = table.select(table.id).where(
        table.series == booking.series, table.clinic == booking.clinic_id
    )
    return [row.id for row in rows]


def _rows(letter: Letter) -> dict[int, ClientFacts | None]:
    return {key: ClientFacts(**was) if was else None for key, was in letter.detail["rows"]}


def what(
    letter: Letter, bookings: Iterable[Any], client: Any
) -> list[tuple[Any, str, ClientFacts | None]]:
    """The content of a letter now: each booking with its kind of change, and with the state that
    the client knows.

    A booking is left out if a later letter mentions it, or if its state is again the one that the
    client knows. Earlier letters that were never sent are made up for here. `client`: the record
    now, after merges.
    """
    found = []
    rows = _rows(letter)
    for booking in bookings:
        related = of_booking(booking, letter.kind)
        records = _records(related, client)
        others = [one for one in related if one.detail["client"] in records and one.id != letter.id]
        if any(one.id > letter.id for one in others):
            continue
        sure, unsure = _known(rows[booking.id], others, booking.id)
        was, kind = sure, None
        for known in (sure, *unsure):
            was = known
            if was is not None and was.client in records:
                was = replace(was, client=client.id)
            kind = due(was, ClientFacts.of(booking), bool(booking.online), client.id)
            if kind:
                break
        if (
            kind == "cancelled"
            and was
            and _appearance(was, bool(booking.online), client.id) == ("pencilled")
        ):
            kind = kind if any(one.phase == "sent" for one in others) else None
        ends_at = was.ends_at if kind == "cancelled" and was else booking.ends_at
        if kind and ends_at > scheduling.utc_now():
            found.append((booking, kind, was))
    return found


def _records(letters: Iterable[Letter], client: Any) -> set[int]:
    """The ids of a client's record, and of the letters' records that were merged into it."""
    others = {one.detail["client"] for one in letters} - {client.id}
    if not others:
        return {client.id}
    table = type(client)
    rows = table.select(table.id).where(table.id.in_(others), table.merged_into == client)
    return {client.id, *(row.id for row in rows)}


def _known(
    was: ClientFacts | None, others: Iterable[Letter], booking_id: int
) -> tuple[ClientFacts | None, list[ClientFacts | None]]:
    """The state of a booking that the client knows by this letter and earlier ones (newest first),
    and other states that they may know.

    Letters that were never sent told the client nothing. If a worker died while it sent a letter,
    the letter may or may not have arrived: both states are possible.
    """
    before = iter(others)
    for one in before:
        if not _never_left(one):
            if one.phase in ("sent", "failed"):
                return was, []
            unsure, older = _known(_rows(one)[booking_id], before, booking_id)
            return was, [unsure, *older]
        was = _rows(one)[booking_id]
    return was, []


def _never_left(letter: Letter) -> bool:
    """Whether the mail server was never asked to take it."""
    return (letter.phase == "dropped" and letter.tries <= 1) or (
        letter.phase == "waiting" and letter.tries == 0
    )
