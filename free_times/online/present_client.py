"""The client for whom the links of an appointment work: its present client, not an earlier one."""

from datetime import UTC, datetime

from models import Booking, Patient

# Links in letters of earlier versions name no client.
UNNAMED = datetime(2026, 12, 1, tzinfo=UTC)


def named(key: str, booking: Booking) -> str:
    """The text from which a link for the client is derived. `key`: the other part of it."""
    return f"{key}|{booking.patient_id or 0}"


def names(key: str, booking: Booking | None) -> list[str]:
    """All texts from which a valid link may be derived: for the client's record in use, and for
    those merged into it. The same query for every answer.
    """
    client = booking.patient.record_in_use if booking and booking.patient else None
    number = client.id if client else 0
    merged = Patient.select(Patient.id).where(Patient.merged_into == number)
    found = [f"{key}|{one}" for one in (number, *(row.id for row in merged))]
    return [*found, key] if booking is None or booking.created_at < UNNAMED else found
