"""Which letters people of the clinic get about what clients do online: each switches their own.

`visitor_did` queues them in the transaction of what the visitor did.
"""

from typing import Any

from peewee import BooleanField, ForeignKeyField

from base.database import Base
from base.tables import outbox
from base.tables.outbox import Letter
from models import Booking, User

KIND = "visitor"
DEEDS = ("booked", "asked", "moved", "cancelled")


class TeamLetters(Base):
    """What one person wants to be told by e-mail; no row: as everybody begins.

    `own`: what clients do online in the person's own calendars. `all`: the same in every calendar,
    for those who book for all. `asked`: requests that wait; None: in own calendars, and owners
    everywhere. `morning`: the day's list. `digest`: what happened in the week, for owners.
    """

    user = ForeignKeyField(User, unique=True, on_delete="CASCADE", backref="team_letters")
    own = BooleanField(default=True)
    all = BooleanField(default=False)
    asked = BooleanField(null=True)
    morning = BooleanField(default=False)
    digest = BooleanField(default=False)

    @classmethod
    def of(cls, user: User) -> "TeamLetters":
        """The person's choice; where there is none yet, as everybody begins, not stored."""
        row: TeamLetters | None = cls.get_or_none(cls.user == user)
        return row or cls(user=user)

    def change(self, **columns: Any) -> None:
        """Set columns."""
        for name, value in columns.items():
            setattr(self, name, value)
        self.save()

    def wants(self, deed: str, person: User, is_own: bool) -> bool:
        """Whether the person wants to be told of a deed, in a calendar of their own or not."""
        if deed == "asked":
            if self.asked is None:
                return is_own or person.role == "owner"
            return bool(self.asked) and (is_own or person.books_for_all)
        return bool(self.own if is_own else self.all and person.books_for_all)


def visitor_did(booking: Booking, deed: str) -> None:
    """Queue what the team is told of something that a visitor just did to a booking (one of DEEDS),
    in its transaction.
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
