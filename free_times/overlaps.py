"""Overlapping bookings of one person, and whether somebody agreed to them."""

from dataclasses import dataclass
from datetime import datetime

from peewee import chunked

from base import scheduling
from base.bookings.agreements import Agreement
from base.bookings.clashes import booking_key
from base.bookings.statuses import FREE_STATUSES
from base.database import database
from models import Booking, Clinic, User

SECOND = 1_000_000  # microseconds
_LONGEST = 33 * 86_400 * SECOND  # the longest booking in microseconds

# A booking can overlap another only if it begins before an earlier one of its person has ended. A
# single pass in order of time finds these; a join of all with all would compare them by the
# million.
_PAIRS = """
WITH marked AS (
  SELECT b.id, p.user_id, b.starts_at, b.ends_at,
    MAX(b.ends_at) OVER (
      PARTITION BY p.user_id ORDER BY b.starts_at, b.id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS reach
  FROM booking b JOIN practitioner p ON p.id = b.practitioner_id
  WHERE b.clinic_id = {clinic} AND b.status NOT IN {free} {within}
)
SELECT o.id, o.starts_at, o.ends_at, m.id, m.starts_at, m.ends_at
FROM marked m
JOIN practitioner q ON q.user_id = m.user_id
JOIN booking o ON o.practitioner_id = q.id AND o.status NOT IN {free}
  AND o.ends_at > m.starts_at AND o.starts_at > m.starts_at - {longest}
  AND o.starts_at <= m.starts_at
  AND (o.starts_at < m.starts_at OR (o.starts_at = m.starts_at AND o.id < m.id))
WHERE m.starts_at < m.reach AND (o.id > {since} OR m.id > {since})
ORDER BY m.starts_at, m.id, o.id
"""


@dataclass(frozen=True)
class OverlapPair:
    """Two bookings (ids) of a person that overlap, the earlier first. `keys`: the bookings as an
    agreement names them. `ends_at`: when the later one ends, in microseconds since 1970.
    """

    first: int
    second: int
    keys: tuple[str, str]
    ends_at: int
    is_agreed: bool = True


def pairs(
    clinic: Clinic, since: int = 0, within: tuple[datetime, datetime] | None = None
) -> list[OverlapPair]:
    """Pairs of the clinic's bookings that take time of one person at once, in order of time.
    `since`: only pairs in which one booking has a greater id. `within`: two instants; only pairs
    that both touch the time between them.
    """
    bounds = ""
    if within:
        start, end = map(scheduling.number, within)
        bounds = (
            f"AND b.starts_at < {end} AND b.ends_at > {start} AND b.starts_at > {start - _LONGEST}"
        )
    statement = _PAIRS.format(
        clinic=int(clinic.id),
        free=FREE_STATUSES,
        longest=_LONGEST,
        since=int(since),
        within=bounds,
    )
    rows = database.execute_sql(statement).fetchall()
    agreed: dict[int, set[str]] = {}
    for some in chunked(sorted({row[at] for row in rows for at in (0, 3)}), 500):
        agreed |= Agreement.of(some)
    found = []
    for first, starts, ends, second, later_starts, later_ends in rows:
        keys = (
            booking_key(first, starts // SECOND, ends // SECOND),
            booking_key(second, later_starts // SECOND, later_ends // SECOND),
        )
        is_agreed = keys[1] in agreed.get(first, ()) or keys[0] in agreed.get(second, ())
        found.append(OverlapPair(first, second, keys, max(ends, later_ends), is_agreed))
    return found


def sure(clinic: Clinic) -> list[OverlapPair]:
    """The overlapping pairs (see `pairs`) without changes that are not committed yet: a pair that
    nobody agreed to counts only if two readings have it.
    """
    found = pairs(clinic)
    doubtful = {pair.keys for pair in found if not pair.is_agreed}
    if not doubtful:
        return found
    return [pair for pair in pairs(clinic) if pair.is_agreed or pair.keys in doubtful]


def latest_id() -> int:
    """The greatest id of a booking now, for a later search for newer overlaps."""
    return Booking.select(Booking.id).order_by(Booking.id.desc()).limit(1).scalar() or 0


def agree_to_new(
    clinic: Clinic,
    since: int,
    by: User | None,
    how: str,
    within: tuple[datetime, datetime] | None = None,
) -> None:
    """Store that a person allowed the overlaps of bookings that they made just now: those with an
    id above `since`, `within` two instants. Call it in the transaction that made them.
    """
    found = [pair for pair in pairs(clinic, since, within) if not pair.is_agreed]
    Agreement.keep([(pair.second, pair.keys[0]) for pair in found], by, how)
