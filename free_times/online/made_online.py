"""Details of a booking that a visitor made, besides the booking itself.

Names and contacts stand only in the client's record.
"""

import secrets
from datetime import datetime

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from base.database import Base, InstantField, now
from models import Booking, Clinic


class OnlineBooking(Base):
    """A booking that was made on the clinic's page, one to one.

    `form_use`: the one that made it, as a hash. `approve_by`: when a request lapses (None: it was
    confirmed at once, or does not lapse any more). `outcome`: how a request ended without
    confirmation, at `decided_at`: "" (it did not), "declined", "lapsed", or "cancelled" by anybody.
    `answered_sequence`: the booking's sequence when the clinic declined, offered another time or
    let it lapse, or anybody cancelled it; after a later change the answer does not count any more
    (`answer`). `pressed_at`: when the visitor accepted an offered time, while calendars outside are
    asked. `looked`: "", or, if a calendar outside could not be asked, what the clinic then allows
    ("open", "pending"). `newcomer`: the client (id) that this booking added, or an earlier one
    whose record was still unchecked; the booking may have another client since. `is_to_check`:
    nobody has checked yet whether that record is a double. `salt`: from which the booking link is
    derived; `salt_before`: the salt before the visitor moved the booking, at `moved_at`.
    """

    clinic = ForeignKeyField(Clinic, backref="online_bookings")
    booking = ForeignKeyField(Booking, unique=True, backref="made_online", on_delete="CASCADE")
    form_use = CharField(64, unique=True, column_name="form")
    salt = CharField(40, default=lambda: secrets.token_urlsafe(24))
    salt_before = CharField(40, default="")
    moved_at = InstantField(null=True)
    made_at = InstantField(default=now)
    approve_by = InstantField(null=True, index=True)
    answered_sequence = IntegerField(null=True)
    pressed_at = InstantField(null=True, index=True)
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
        """When a request lapses: at `approve_by`, or at its start if that is earlier. The team may
        have moved it to an earlier start since.
        """
        booked: Booking = self.booking
        return min(self.approve_by, booked.starts_at) if self.approve_by else None

    @property
    def is_of_newcomer(self) -> bool:
        """Whether its client was added by this booking, still has it, and must be checked."""
        return self.is_to_check and self.newcomer == self.booking.patient_id

    @property
    def answer(self) -> str:
        """The clinic's last answer to the request, while it counts: "offered" (the booking's
        present time), "declined", "lapsed", or "".
        """
        booking = self.booking
        if self.answered_sequence != booking.sequence:
            return ""
        return {"pending": "offered", "cancelled": self.outcome}.get(booking.status, "")

    @property
    def status_for_client(self) -> str:
        """How the booking stands for its client: "declined", "lapsed", "cancelled"; "over";
        "another_time" (the clinic offers one); "request"; "unconfirmed" (no time is kept);
        "booked".
        """
        booking = self.booking
        if booking.status == "cancelled":
            return self.answer if self.answer in ("declined", "lapsed") else "cancelled"
        if booking.is_over:
            return "over"
        if self.answer == "offered":
            return "another_time"
        return {"pending": "request", "offered": "unconfirmed"}.get(booking.status, "booked")


def count_since(clinic: Clinic, since: datetime) -> int:
    """How many bookings of the clinic were made online after this instant."""
    made = Booking.clinic == clinic, Booking.created_at > since, Booking.online
    return int(Booking.select().where(*made).count())


def made_of(booking: Booking) -> OnlineBooking | None:
    """The row of a booking that a visitor made, with it at hand; None: the team made it."""
    row: OnlineBooking | None = OnlineBooking.get_or_none(OnlineBooking.booking == booking)
    if row is not None:
        row.booking = booking
    return row


def made_by_form_use(form_use: str) -> OnlineBooking | None:
    """The booking that a form use has made already."""
    return OnlineBooking.get_or_none(OnlineBooking.form_use == form_use)
