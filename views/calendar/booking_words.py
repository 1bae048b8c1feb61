"""What a change of a series left alone, and why: sentences without a client's name, since they
travel in a cookie.
"""

from base.series import Changed
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
        times = [
            display.from_to(clash.span, clash.calendar.zone)
            for clash in changed.skipped[:MOST_TIMES]
        ]
        more = len(changed.skipped) - len(times)
        said.append(
            f"{skipped}, because the time is taken:"
            f" {'; '.join(times)}{f'; and {more} more' if more else ''}."
        )
    return said
