"""Remarks about saved bookings: those of a series that a change did not reach, and times outside
the working hours. They name no client, since they travel in a cookie.
"""

from collections.abc import Sequence

from base import scheduling
from base.bookings.changes import Changed
from base.catalogue import _, lazy, ngettext
from base.scheduling import Span
from base.tables import time_off
from models import Practitioner
from views.kit import display

_KEPT = {
    "colleague": (
        lazy("1 booking of a colleague was not changed. They or a manager can change it."),
        lazy("{count} bookings of colleagues were not changed. They or a manager can change them."),
    ),
    "settled": (
        lazy("1 {delivered}, paid, missed or cancelled booking kept its status, time and rate."),
        lazy(
            "{count} {delivered}, paid, missed or cancelled bookings kept their status, time"
            " and rate."
        ),
    ),
    "since": (
        lazy("1 booking was changed since, so it stays where it is."),
        lazy("{count} bookings were changed since, so they stay where they are."),
    ),
    "own": (
        lazy("1 booking kept what was set for it alone."),
        lazy("{count} bookings kept what was set for them alone."),
    ),
}


def left_alone(changed: Changed, skipped: str = lazy("Skipped")) -> list[str]:
    """A sentence for each reason why bookings were left unchanged."""
    sentences = [
        _KEPT[why][count > 1].format(
            count=count, delivered=display.STATUS_NAMES["delivered"].lower()
        )
        for why, count in changed.kept.items()
    ]
    if changed.skipped:
        times = [display.from_to(clash.span, clash.calendar.zone) for clash in changed.skipped]
        sentences.append(
            _(
                "{skipped}, because the time is taken: {some}.",
                skipped=skipped,
                some=display.some(times),
            )
        )
    return sentences


def leaving_hours(practitioner: Practitioner, spans: Sequence[Span]) -> list[Span]:
    """The spans that leave the working hours of their day, without whole days. Only a warning:
    people do work late.
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
    """A sentence about times outside the working hours, also on holidays; "" if there are none."""
    found, words = leaving_hours(practitioner, spans), _("outside the working hours{at}", at=at)
    if len(spans) == 1 or not found:
        return _("This is {words}.", words=words) if found else ""
    times = display.some([display.from_to(span, practitioner.zone) for span in found])
    return ngettext(
        "{some} of {all} times is {words}: {times}.",
        "{some} of {all} times are {words}: {times}.",
        len(found),
        some=len(found),
        all=len(spans),
        words=words,
        times=times,
    )
