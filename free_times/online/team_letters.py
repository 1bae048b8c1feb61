"""Letters to people of the clinic about bookings; each person chooses their own.

`visitor_did` queues letters about what clients did online, `given_away` those about bookings that
went to a colleague, both in the transaction of the change.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from peewee import BooleanField, ForeignKeyField, ModelSelect

from base import scheduling
from base.bookings.changes import when_given_away
from base.database import Base, alone
from base.scheduling import Span
from base.tables import outbox
from base.tables.outbox import Letter
from models import Booking, Practitioner, User

KIND = "visitor"
LOST = "lost"
DEEDS = ("booked", "asked", "moved", "cancelled")
TOGETHER = timedelta(minutes=3)  # bookings given to colleagues within it are in one letter
MOST_LOST = 200  # bookings in one letter


class TeamLetters(Base):
    """The letters that one person gets; without a row the defaults apply.

    `own`: what clients do online in the person's own calendars. `all`: the same in every calendar,
    for those who book for all. `lost`: bookings given to a colleague. `asked`: waiting requests;
    None: in own calendars, and for owners in all. `morning`: the day's list. `digest`: the week's
    events, for owners.
    """

    user = ForeignKeyField(User, unique=True, on_delete="CASCADE", backref="team_letters")
    own = BooleanField(default=True)
    all = BooleanField(default=False)
    lost = BooleanField(default=True)
    asked = BooleanField(null=True)
    morning = BooleanField(default=False)
    digest = BooleanField(default=False)

    @classmethod
    def of(cls, user: User) -> "TeamLetters":
        """The person's choice; if there is none yet, the defaults, not stored."""
        row: TeamLetters | None = cls.get_or_none(cls.user == user)
        return row or cls(user=user)

    @classmethod
    def wanted(cls) -> "ModelSelect[TeamLetters]":
        """The choices of everyone who gets the day's list or the week, each with its person."""
        some = (cls.morning | cls.digest), User.left_at.is_null()
        return cls.select(cls, User).join(User).where(*some)

    @classmethod
    def choose(cls, user: User, **columns: Any) -> None:
        """Set columns of the person's choice."""
        with alone(user):
            row = cls.of(user)
            for name, value in columns.items():
                setattr(row, name, value)
            row.save()

    def wants(self, deed: str, person: User, is_own: bool) -> bool:
        """Whether the person wants a letter about a deed, in their own calendar or another."""
        if deed == "asked":
            if self.asked is None:
                return is_own or person.role == "owner"
            return bool(self.asked) and (is_own or person.books_for_all)
        return bool(self.own if is_own else self.all and person.books_for_all)


def visitor_did(booking: Booking, deed: str) -> None:
    """Queue the team's letters about what a visitor just did to a booking (one of DEEDS), in its
    transaction.
    """
    if not outbox.is_set_up():
        return
    calendar = booking.practitioner
    team = User.select().where(
        User.clinic == booking.clinic_id,
        User.left_at.is_null(),
        User.password_hash.is_null(False),
        (User.id == calendar.user_id) | User.role.in_(("receptionist", "manager", "owner")),
    )
    chosen = {
        row.user_id: row
        for row in TeamLetters.select().where(TeamLetters.user.in_([one.id for one in team]))
    }
    for person in team:
        choice = chosen.get(person.id) or TeamLetters(user=person)
        if choice.wants(deed, person, person.id == calendar.user_id):
            key = f"{booking.sequence} {deed} {person.id}"
            Letter.write(
                booking.clinic, KIND, booking, key, person.email, deed=deed, reader=person.id
            )


@when_given_away
def given_away(actor: User | None, rows: Sequence[tuple[Booking, Practitioner, Span]]) -> None:
    """Queue a letter to a person whose bookings were given to a colleague, by somebody else or by a
    client who took an earlier time. Each row comes with its former calendar and time.
    """
    at, lost = scheduling.utc_now(), dict[int, list[tuple[Booking, Practitioner, Span]]]()
    for row, calendar, span in rows:
        if span.ends_at > at and (actor is None or actor.id != calendar.user_id):
            lost.setdefault(calendar.user_id, []).append((row, calendar, span))
    people = User.select().where(User.id.in_(list(lost)), User.left_at.is_null()) if lost else ()
    for person in people:
        if person.password_hash is not None and TeamLetters.of(person).lost:
            _write_of_lost(person, lost[person.id])


def _write_of_lost(person: User, rows: Sequence[tuple[Booking, Practitioner, Span]]) -> None:
    """Queue one letter about all bookings that are given away within a few minutes: a colleague
    hands them over one by one.
    """
    lead = rows[0][0]
    before = [
        [row.id, calendar.id, span.starts_at.isoformat(), span.ends_at.isoformat()]
        for row, calendar, span in rows
    ]
    waits = Letter.kind == LOST, Letter.phase == "waiting", Letter.tries == 0
    for letter in Letter.select().where(Letter.clinic == lead.clinic_id, *waits):
        if letter.detail["reader"] == person.id:
            known = {row_id for row_id, *_before in letter.detail["rows"]}
            more = [one for one in before if one[0] not in known]
            detail = letter.detail | {"rows": (letter.detail["rows"] + more)[:MOST_LOST]}
            if Letter.update(detail=detail).where(Letter.id == letter.id, *waits).execute():
                return
    due_at = scheduling.utc_now() + TOGETHER
    facts = {"rows": before[:MOST_LOST], "reader": person.id}
    key = f"{lead.sequence} {person.id}"
    Letter.write(lead.clinic, LOST, lead, key, person.email, due_at=due_at, **facts)
