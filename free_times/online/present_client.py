"""Only the present client of an appointment can use its booking links; those of an earlier client
end.
"""

from datetime import UTC, datetime

from models import Booking, Patient

# booking links in letters of earlier versions name no client
UNNAMED = datetime(2026, 12, 1, tzinfo=UTC)


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
