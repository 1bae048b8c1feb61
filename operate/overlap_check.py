"""The nightly check that no two bookings of a person overlap unless somebody agreed to it. Its
result is on Health and in the `doctor`.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from base import scheduling
from base.catalogue import _, ngettext
from base.tables import faulty
from free_times import overlaps
from models import Clinic

MOST_KEPT = 20  # pairs of bookings that are stored by id, for either kind
log = logging.getLogger("kalends.overlaps")


def check_clinics() -> int:
    """Check every clinic, and store the result with it. Returns how many clinics failed."""
    return faulty.each("overlaps", Clinic.select(), _check)


def _check(clinic: Clinic) -> None:
    found = overlaps.sure(clinic)
    at = scheduling.utc_now()
    kept = {"overlaps": summary(found, at.timestamp()), "overlaps_checked_at": at}
    Clinic.update(**kept).where(Clinic.id == clinic.id).execute()
    if count := kept["overlaps"]["nobody"]:
        log.error("clinic %s: %s overlaps that nobody agreed to", clinic.id, count)


def summary(found: Sequence[overlaps.OverlapPair], now: float) -> dict[str, Any]:
    """The number of overlaps that nobody agreed to, and of future ones that somebody agreed to;
    with both bookings of each (ids), up to a limit.
    """
    nobody = [pair for pair in found if not pair.is_agreed]
    agreed = [pair for pair in found if pair.is_agreed and pair.ends_at > now * overlaps.SECOND]

    def ids(pairs: Sequence[overlaps.OverlapPair]) -> list[list[int]]:
        return [[pair.first, pair.second] for pair in pairs[:MOST_KEPT]]

    return {
        "nobody": len(nobody),
        "agreed": len(agreed),
        "nobody_ids": ids(nobody),
        "agreed_ids": ids(agreed),
    }


def examine() -> Iterator[tuple[bool, str]]:
    """A line of the `doctor`. It checks at once and does not wait for the night."""
    found = [pair for clinic in Clinic.select() for pair in overlaps.sure(clinic)]
    nobody = [pair for pair in found if not pair.is_agreed]
    agreed = len(found) - len(nobody)
    if nobody:
        ids = ", ".join(f"{pair.first} and {pair.second}" for pair in nobody[:5])
        yield (
            False,
            ngettext(
                "Bookings: {count} overlap that nobody agreed to (bookings {ids}). Open Health"
                " to see it, and move one of the two.",
                "Bookings: {count} overlaps that nobody agreed to (bookings {ids}). Open Health"
                " to see them, and move one of each.",
                len(nobody),
                count=len(nobody),
                ids=ids,
            ),
        )
    else:
        yield (
            True,
            _(
                "Bookings: 0 overlaps that nobody agreed to, {agreed} that somebody did.",
                agreed=agreed,
            ),
        )
