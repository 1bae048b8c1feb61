"""The conditions under which an unknown visitor may book.

Each booking needs a proof of work, or a code that shows that an e-mail address is read. Without
either it becomes a request to the clinic. The number of appointments for one address or phone
number is limited.
"""

from datetime import timedelta

from base import scheduling
from base.bookings.statuses import OPEN_STATUSES
from base.database import database
from base.tables.bulk import tuples
from base.text import phone_tail
from free_times.finding import FreeTime
from models import Booking, Clinic, Patient

from . import making, proofs
from .made_online import OnlineBooking
from .making import Details
from .page import OnlinePage
from .tickets import Ticket

MOST = 4  # future appointments, made online, for one e-mail address or phone number
MOST_UNPROVEN = 1  # the same without a proof or a code


class NeedsCode(Exception):
    """The form came without a proof, and a code by e-mail can replace it."""


class TooMany(Exception):
    """The address or number already has as many future appointments as may be booked online."""


def book_if_admitted(
    page: OnlinePage,
    ticket: Ticket,
    details: Details,
    *,
    proof: str = "",
    reads_mail: bool = False,
    may_mail: bool = False,
    as_request: bool = False,
    looked: str = "",
    judged: FreeTime | None = None,
) -> OnlineBooking:
    """Book the time as `making.book_once` does, in one transaction that also uses up the proof.

    `proof`: the answer of the visitor's browser. `reads_mail`: the visitor typed the code that was
    sent to the address. `may_mail`: a code can be sent there. If none of the three is given, the
    booking becomes a request to the clinic. `judged`: the free time, if the caller has just checked
    every rule.

    Raises NeedsCode, TooMany, and what `making.book_once` raises. In these cases nothing is booked,
    and the proof can be used again.
    """
    found = proofs.solved(proof, ticket.form_use)  # slow, so before the lock
    judged = judged or making.judge(page, ticket)
    with database.atomic():
        page.clinic.lock()
        earlier = making.earlier(page, ticket)
        if earlier:
            return earlier
        is_shown = proofs.spend(found) or reads_mail
        if not is_shown and may_mail:
            raise NeedsCode
        if _to_come(page.clinic, details) >= (MOST if is_shown else MOST_UNPROVEN):
            raise TooMany
        asks = as_request or not is_shown
        return making.book(page, ticket, details, as_request=asks, looked=looked, judged=judged)


def _to_come(clinic: Clinic, details: Details) -> int:
    """The number of future appointments, booked online, with this address or phone number."""
    tail, now = phone_tail(details.phone), scheduling.utc_now()
    may_be = (Patient.email == details.email) | (Patient.phone != "" if tail else False)
    contacts = (
        OnlineBooking.select(Patient.email, Patient.phone)
        .join(Booking)
        .join(Patient)
        .where(
            OnlineBooking.clinic == clinic,
            Booking.clinic == clinic,  # with the start, an index finds future bookings
            Booking.starts_at > now - scheduling.LONGEST - timedelta(days=2),
            Booking.ends_at > now,
            Booking.status.in_(OPEN_STATUSES),
            may_be,
        )
    )
    return sum(
        bool((details.email and email == details.email) or (tail and phone_tail(phone) == tail))
        for email, phone in tuples(contacts)
    )
