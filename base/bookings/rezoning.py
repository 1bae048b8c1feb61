"""Whole-day bookings of a venue that gets another time zone.

The days stay, so the instants move. Afterwards no booking may overlap another one newly.
"""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from base import scheduling
from base.working_time import DAY

from .agreements import Agreement
from .clashes import Clash, SlotTaken, agreed_together, booking_key_of, clashes
from .steps import NewValues


def lay_anew(rows: Sequence[Any], zone: ZoneInfo) -> None:
    """Move whole-day bookings to the midnights of the zone.

    Call it inside the transaction that changes the zone. Raises SlotTaken if one would overlap
    another booking of its person.
    """
    steps = [
        NewValues(
            row, scheduling.whole_days(row.starts_on, row.ends_on - DAY, zone), row.practitioner
        )
        for row in rows
    ]
    found, fresh, stays = clashes(steps), [], agreed_together(steps)
    others = [row.id for _, clash in found for row in clash.bookings]
    agreed = Agreement.of([*(row.id for row in rows), *others])
    for step, clash in found:
        overlapped = [row for row in clash.bookings if row.span.overlaps(step.row.span)]
        if new := [row for row in clash.bookings if row not in overlapped]:
            fresh.append(Clash(step.calendar, step.span, new, ()))
        stays += [
            (step.row, row)
            for row in overlapped
            if booking_key_of(row) in agreed[step.row.id]
            or booking_key_of(step.row) in agreed[row.id]
        ]
    if fresh:
        raise SlotTaken(fresh)
    for row, step in zip(rows, steps, strict=True):
        row.place(step.span)
        row.save()
    Agreement.keep([(one.id, booking_key_of(two)) for one, two in stays], None)
