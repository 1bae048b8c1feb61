"""What a change of a series left alone, and why.

Sentences without a client's name, since they travel in a cookie.
"""

from collections.abc import Sequence

from base import scheduling, time_off
from base.changes import Changed
from base.scheduling import Span
from models import Practitioner
from views.kit import display

MOST_TIMES = 5
_KEPT = {
    "colleague": (
        "1 booking of a colleague was not changed. They or a manager can change it.",
        "{count} bookings of colleagues were not changed. They or a manager can change them.",
    ),
    "settled": (
        "1 {delivered}, paid, missed or cancelled booking kept its status, time and rate.",
        "{count} {delivered}, paid, missed or cancelled bookings kept their status, time and rate.",
    ),
    "own": (
        "1 booking kept what was set for it alone.",
        "{count} bookings kept what was set for them alone.",
    ),
}


def left_alone(changed: Changed, skipped: str = "Skipped") -> list[str]:
    """A sentence for each reason."""
    said = [
        _KEPT[why][count > 1].format(
            count=count, delivered=display.STATUS_NAMES["delivered"].lower()
        )
        for why, count in changed.kept.items()
    ]
    if changed.skipped:
        times = [display.from_to(clash.span, clash.calendar.zone) for clash in changed.skipped]
        said.append(f"{skipped}, because the time is taken: {_some(times)}.")
    return said


def leaving_hours(practitioner: Practitioner, spans: Sequence[Span]) -> list[Span]:
    """The timed spans that leave the working hours of their day.

    Only a warning: people do work late.
    """
    timed = [span for span in spans if not span.all_day]
    if not timed:
        return []
    bounds = min(span.starts_at for span in timed), max(span.ends_at for span in timed)
    rota = time_off.rota(practitioner, *bounds)
    return [
        span
        for span in timed
        if not scheduling.within(
            span, rota.open_on(scheduling.local_day(span.starts_at, practitioner.zone))
        )
    ]


def outside_hours(practitioner: Practitioner, spans: Sequence[Span], at: str = "") -> str:
    """Which of these times leave the working hours, holidays among them; "" where none does."""
    found, words = leaving_hours(practitioner, spans), f"outside the working hours{at}"
    if len(spans) == 1 or not found:
        return f"This is {words}." if found else ""
    times = _some([display.from_to(span, practitioner.zone) for span in found])
    return (
        f"{len(found)} of {len(spans)} times {'is' if len(found) == 1 else 'are'} {words}: {times}."
    )


def _some(times: Sequence[str]) -> str:
    more = len(times) - MOST_TIMES
    return "; ".join(times[:MOST_TIMES]) + (f"; and {more} more" if more > 0 else "")
