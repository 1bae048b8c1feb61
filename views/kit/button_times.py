"""Times as buttons and addresses of our pages carry them."""

from datetime import UTC, date, datetime

from base import scheduling


def instant(seconds: str) -> datetime | None:
    """A time of a list, as its button sent it: seconds since 1970. None for anything else."""
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):
        return None
    at = datetime.fromtimestamp(int(seconds), UTC)
    return at if scheduling.is_possible_day(at.date()) else None


def day(text: str) -> date | None:
    """A day of an address, 2026-11-20. None for anything else, and for days that no page has."""
    try:
        found = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return found if scheduling.is_possible_day(found) else None
