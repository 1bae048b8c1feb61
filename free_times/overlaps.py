"""Bookings of one person at the same time, and whether somebody agreed to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import chunked

from base.bookings.agreements import Agreement
from base.bookings.clashes import booking_key
from base.bookings.statuses import FREE_STATUSES
from base.database import EPOCH, database
from models import Booking, Clinic, User

SECOND = 1_000_000  # in microseconds
_LONGEST = 33 * 86_400 * SECOND  # no booking is longer: microseconds

# Only a booking that begins before an earlier one of its person has ended can overlap one, which a
# single pass in order of time tells: joining all with all would compare them by the million.
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
class Pair:
    """Two bookings (ids) of a person that overlap, the earlier first; `keys` name each of them as
    an agreement does. `ends_at`: when the later of them ends, in microseconds since 1970.
    """

    first: int
    second: int
    keys: tuple[str, str]
    ends_at: int
    is_agreed: bool = True


def pairs(
    clinic: Clinic, since: int = 0, within: tuple[datetime, datetime] | None = None
) -> list[Pair]:
    """All bookings of the clinic that hold time and overlap another one of the same person, two by
    two, in order of time; with `since` only where one of them has a greater id than that, `within`
    two instants only where both touch the stretch between them.
    """
    bounds = ""
    if within:
        start, end = ((at - EPOCH) // timedelta(microseconds=1) for at in within)
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
    agreed = {}
    for some in chunked(sorted({row[at] for row in rows for at in (0, 3)}), 500):
        agreed |= Agreement.of(some)
    found = []
    for first, starts, ends, second, later_starts, later_ends in rows:
        keys = (
            booking_key(first, starts // SECOND, ends // SECOND),
            booking_key(second, later_starts // SECOND, later_ends // SECOND),
        )
        is_agreed = keys[1] in agreed.get(first, ()) or keys[0] in agreed.get(second, ())
        found.append(Pair(first, second, keys, max(ends, later_ends), is_agreed))
    return found


def sure(clinic: Clinic) -> list[Pair]:
    """The same, without what somebody is changing at this moment: that nobody agreed must be so at
    two looks.
    """
    found = pairs(clinic)
    doubtful = {pair.keys for pair in found if not pair.is_agreed}
    if not doubtful:
        return found
    return [pair for pair in pairs(clinic) if pair.is_agreed or pair.keys in doubtful]


def latest_id() -> int:
    """The greatest id of a booking so far, to find later what overlaps since."""
    return Booking.select(Booking.id).order_by(Booking.id.desc()).limit(1).scalar() or 0


def agree_to_new(
    clinic: Clinic,
    since: int,
    by: User | None,
    how: str,
    within: tuple[datetime, datetime] | None = None,
) -> None:
    """Write down that whoever made the bookings after the id `since` chose to take overlaps
    `within` two instants, in the same transaction.
    """
    found = [pair for pair in pairs(clinic, since, within) if not pair.is_agreed]
    Agreement.keep([(pair.second, pair.keys[0]) for pair in found], by, how)
