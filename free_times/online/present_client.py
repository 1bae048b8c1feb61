"""Only the present client of an appointment can use its booking links; those of an earlier client
end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from base.database import alone
from models import Booking, Patient

# booking links in letters of earlier versions name no client
UNNAMED = datetime(2026, 12, 1, tzinfo=UTC)


class AnotherClient(Exception):
    """The appointment went to another client after the link of the former one was checked."""


def named(key: str, booking: Booking) -> str:
    """The text from which a booking link for the present client is derived. `key`: the other part
    of the text.
    """
    return f"{key}|{booking.patient_id or 0}"


def names(key: str, booking: Booking | None) -> list[str]:
    """All texts from which a valid booking link may be derived: for the client's record in use, and
    for the records merged into it. The same query for every answer.
    """
    client = booking.patient.record_in_use if booking and booking.patient else None
    number = client.id if client else 0
    merged = Patient.select(Patient.id).where(Patient.merged_into == number)
    found = [f"{key}|{one}" for one in (number, *(row.id for row in merged))]
    return [*found, key] if booking is None or booking.created_at < UNNAMED else found


def check_still(was: Booking, booking: Booking) -> None:
    """Check, once the booking is locked, that it has the client that it had when the link was
    checked (`was`); two records that were merged are one client. Raises AnotherClient.
    """
    if was.patient_id != booking.patient_id and _in_use(was) != _in_use(booking):
        raise AnotherClient


def _in_use(booking: Booking) -> int | None:
    """The number of the client's record in use, as it is stored now."""
    row: Patient | None = Patient.get_or_none(Patient.id == booking.patient_id)
    return None if row is None else row.record_in_use.id


@contextmanager
def alone_with(booking: Booking) -> Iterator[Booking]:
    """One transaction of a press on a booking link: `database.alone`, and the client is still the
    same. Raises AnotherClient.
    """
    was = Booking(patient=booking.patient_id)
    with alone(booking) as row:
        check_still(was, row)
        yield row
