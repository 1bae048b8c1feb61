"""What is known of a booking that a visitor made, beside the booking itself.

Names and contacts stand in the client's record alone.
"""

import secrets
from datetime import datetime

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from base.database import Base, InstantField, now
from models import Booking, Clinic


class OnlineBooking(Base):
    """A booking that was made on the clinic's page, one to one.

    `form`: the visit that made it, as a hash. `approve_by`: when a request lapses (None: it was
    confirmed at once, or lapses no more). `outcome`: "" (none), "declined" or "lapsed";
    `answered_sequence`: of the booking when the clinic declined, offered another time, or let it
    lapse: what changed since is no such answer any more (`answer`). `looked`: "" or, where a
    calendar outside could not be asked, what the clinic lets happen then ("open", "pending").
    `newcomer`: the client (id) that was added by it; the booking may have gone to another since.
    `is_to_check`: nobody has looked yet whether that record is a double. `salt`: of the link to
    manage it; `salt_before`: of the one before the visitor moved the booking, at `moved_at`.
    """

    clinic = ForeignKeyField(Clinic, backref="online_bookings")
    booking = ForeignKeyField(Booking, unique=True, backref="made_online", on_delete="CASCADE")
    form = CharField(64, unique=True)
    salt = CharField(40, default=lambda: secrets.token_urlsafe(24))
    salt_before = CharField(40, default="")
    moved_at = InstantField(null=True)
    made_at = InstantField(default=now)
    approve_by = InstantField(null=True, index=True)
    answered_sequence = IntegerField(null=True)
    outcome = CharField(12, default="")
    decided_at = InstantField(null=True)
    looked = CharField(12, default="")
    consent = TextField(default="")
    consented_at = InstantField(null=True)
    zone_name = CharField(60, default="")
    newcomer = IntegerField(null=True)
    is_to_check = BooleanField(default=False)

    class Meta:
        indexes = ((("clinic", "made_at"), False), (("clinic", "approve_by"), False))

    @property
    def lapses_at(self) -> datetime | None:
        """When a request lapses: at `approve_by`, never past its start. The team may have moved it
        to an earlier one since.
        """
        return self.approve_by and min(self.approve_by, self.booking.starts_at)

    @property
    def is_of_newcomer(self) -> bool:
        """Whether it is the booking, still, of a client who came with it and is to be checked."""
        return self.is_to_check and self.newcomer == self.booking.patient_id

    @property
    def answer(self) -> str:
        """What the clinic last said to the request, while that stands: "offered" (the time at which
        the booking lies now), "declined", "lapsed", or "".
        """
        booking = self.booking
        if self.answered_sequence != booking.sequence:
            return ""
        return {"pending": "offered", "cancelled": self.outcome}.get(booking.status, "")


def of_visit(visitor: str) -> OnlineBooking | None:
    """What a visit has booked already."""
    return OnlineBooking.get_or_none(OnlineBooking.form == visitor)
