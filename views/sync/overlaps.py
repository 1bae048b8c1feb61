"""Overlapping bookings of one person, on the owner's board.

The nightly check found them; pairs that no longer overlap are left out.
"""

from dataclasses import dataclass

from models import Booking, Clinic
from views.kit import display


@dataclass(frozen=True)
class Side:
    """One of the two bookings: a description, and its id for the address of its card."""

    booking: int
    words: str


@dataclass(frozen=True)
class Overlaps:
    """The overlaps that the board lists.

    `nobody`: pairs that nobody agreed to. `agreed`: future pairs that somebody agreed to. Each
    comes with its person. `counts` of both may be larger than the lists.
    """

    counts: tuple[int, int]
    nobody: list[tuple[str, Side, Side]]
    agreed: list[tuple[str, Side, Side]]


def overlaps_of(clinic: Clinic) -> Overlaps | None:
    """The overlaps of the clinic; None before the first check. One query if there are any."""
    if clinic.overlaps_checked_at is None:
        return None
    kept = clinic.overlaps
    lists = kept.get("nobody_ids", []), kept.get("agreed_ids", [])
    listed = Booking.of_ids(clinic, {one for ids in lists for pair in ids for one in pair})
    rows = {row.id: row for row in listed}
    nobody, agreed = ([_pair(rows, ids) for ids in pairs if _stands(rows, ids)] for pairs in lists)
    gone = len(lists[0]) - len(nobody), len(lists[1]) - len(agreed)
    counts = kept.get("nobody", 0) - gone[0], kept.get("agreed", 0) - gone[1]
    return Overlaps(counts, nobody, agreed)


def _stands(rows: dict[int, Booking], ids: list[int]) -> bool:
    """Whether both bookings still exist and overlap."""
    if not all(one in rows for one in ids):
        return False
    one, two = (rows[one] for one in ids)
    return one.overlaps(two)


def _pair(rows: dict[int, Booking], ids: list[int]) -> tuple[str, Side, Side]:
    one, two = (rows[one] for one in ids)
    return one.practitioner.user.name, _side(one), _side(two)


def _side(row: Booking) -> Side:
    return Side(row.id, f"{row.title}, {display.from_to(row, row.practitioner.zone)}")
