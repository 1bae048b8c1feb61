"""Presets for feeds and two-way sync: title, details, statuses and days."""

from typing import Any

LOCUM = {
    "confirmed": "confirmed",
    "delivered": "confirmed",
    "invoiced": "confirmed",
    "paid": "confirmed",
}
CLINIC = {
    "pending": "tentative",
    "confirmed": "confirmed",
    "arrived": "confirmed",
    "delivered": "confirmed",
    "invoiced": "confirmed",
    "paid": "confirmed",
    "cancelled": "cancelled",
    "no_show": "cancelled",
}
STATUS_PRESETS = {"clinic": CLINIC, "locum": LOCUM}  # a booking's status → the iCalendar one
TITLE = "{service} {client}"
# Days back, days ahead; None: no end.
WINDOWS = {
    "year": (30, 365),
    "half_year": (30, 183),
    "everything": (None, None),
}


def preset(name: str, notes_may_leave: bool) -> dict[str, Any]:
    """The settings of the preset "clinic" or "locum". A locum's feed shows notes if the clinic
    allows notes outside.
    """
    if name == "clinic":
        past_days, future_days = WINDOWS["year"]
        return {
            "title": TITLE,
            "details": "",
            "statuses": dict(CLINIC),
            "past_days": past_days,
            "future_days": future_days,
        }
    return {
        "title": "{organisation}",
        "details": "status rate notes" if notes_may_leave else "status rate",
        "statuses": dict(LOCUM),
        "past_days": None,
        "future_days": None,
    }
