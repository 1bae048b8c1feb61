"""Which visitors may book, though nobody knows who they are.

Each booking costs its sender a proof of work, or shows that an address is read. Whoever can do
neither asks the clinic. Nobody fills a practitioner's days with one address or number.
"""

from base import scheduling
from base.bookings.statuses import OPEN_STATUSES
from base.database import database
from base.text import phone_tail
from models import Booking, Clinic, Patient

from . import proofs, taking
from .bookings import OnlineBooking
from .forms import Ticket
from .page import Page
from .taking import Details

MOST = 4  # appointments to come, made online, of one e-mail address or phone number
MOST_UNPROVEN = 1  # the same, for whoever showed neither a proof nor an address


class NeedsCode(Exception):
    """No proof came with the form, and a code by e-mail can take its place."""


class TooMany(Exception):
    """As many appointments to come have this address or number as one may make online."""


def take(
    page: Page,
    ticket: Ticket,
    details: Details,
    *,
    proof: str = "",
    reads_mail: bool = False,
    may_mail: bool = False,
    as_request: bool = False,
    looked: str = "",
) -> OnlineBooking:
    """Book the time as `taking.take` does, in one transaction with what pays for it.

    `proof`: the answer of the visitor's browser. `reads_mail`: the visitor has typed the code that
    went to the address. `may_mail`: a code can go there. Without any of them it is a request
    to the clinic.

    Raises NeedsCode, TooMany, and what `taking.take` raises; then nothing is booked, and the
    proof can be used again.
    """
    found = proofs.nonce_of(proof, ticket.visitor)  # takes time: while nobody waits for it
    with database.atomic():
        page.clinic.lock()
        earlier = taking.earlier(page, ticket)
        if earlier:
            return earlier
        is_shown = proofs.spend(found) or reads_mail
        if not is_shown and may_mail:
            raise NeedsCode
        if _to_come(page.clinic, details) >= (MOST if is_shown else MOST_UNPROVEN):
            raise TooMany
        return taking.book(
            page, ticket, details, as_request=as_request or not is_shown, looked=looked
        )


def _to_come(clinic: Clinic, details: Details) -> int:
    """How many appointments to come, made online, have this address or number."""
    tail = phone_tail(details.phone)
    may_be = (Patient.email == details.email) | (Patient.phone != "" if tail else False)
    contacts = (
        OnlineBooking.select(Patient.email, Patient.phone)
        .join(Booking)
        .join(Patient)
        .where(
            OnlineBooking.clinic == clinic,
            Booking.ends_at > scheduling.utc_now(),
            Booking.status.in_(OPEN_STATUSES),
            may_be,
        )
    )
    return sum(
        bool((details.email and email == details.email) or (tail and phone_tail(phone) == tail))
        for email, phone in contacts.tuples()
    )
