"""Rules of repeating events whose unrolling would take for ever, recognised by their text. Pure."""

from datetime import datetime, timedelta
from typing import Any

import icalendar

from sync.events.event import LATEST

MOST_OCCURRENCES = 1000  # occurrences of one event in the window, at most
MOST_STEPS = 200_000  # from an event's start to the end of the window
_LENGTH = {
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
    "MONTHLY": timedelta(days=28),
    "YEARLY": timedelta(days=365),
}
_LONGEST_MONTHS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def is_readable(rule: Any) -> bool:
    """Whether the rule is one of RFC 5545 (3.3.10), with an interval of at least 1."""
    return (
        isinstance(rule, icalendar.vRecur)
        and _word(rule, "FREQ") in (*_LENGTH, "SECONDLY")
        and all(_number(value) >= 1 for value in _all(rule, "INTERVAL"))
        and "RSCALE" not in rule
    )


def is_endless_work(rule: Any, starts_at: datetime, from_: datetime, to: datetime) -> bool:
    """Whether unrolling the rule up to `to` takes more steps than any real calendar needs, or gives
    more occurrences from `from_` on.
    """
    frequency = _word(rule, "FREQ")
    if frequency == "SECONDLY":
        return True
    step = _LENGTH[frequency] * max(1, *map(_number, _all(rule, "INTERVAL")), 1)
    until = min([to, *(end for end in map(_end, _all(rule, "UNTIL")) if end)])
    counts = [_number(value) for value in _all(rule, "COUNT")]
    steps = min([(until - starts_at) / step, *counts])
    within = min([(until - max(from_, starts_at)) / step, *counts])
    # BYMINUTE and the like give several in one step
    more = 1
    for part in ("BYSECOND", "BYMINUTE", "BYHOUR", "BYDAY", "BYMONTHDAY", "BYYEARDAY"):
        more *= max(1, len(_all(rule, part)) if frequency not in ("MINUTELY", "HOURLY") else 1)
    most = MOST_OCCURRENCES * (1 if frequency in ("MINUTELY", "HOURLY") else 10)
    return steps > MOST_STEPS or within * more > most


def never_happens(rule: Any) -> bool:
    """Whether no day fits the rule, such as 30 February: the library would search until the year
    9999.
    """
    months = [_number(value) for value in _all(rule, "BYMONTH")]
    days = [_number(value) for value in _all(rule, "BYMONTHDAY")]
    return bool(months and days) and not any(
        0 < abs(day) <= _LONGEST_MONTHS.get(month, 31) for month in months for day in days
    )


def _all(rule: Any, name: str) -> list[Any]:
    values = rule.get(name, [])
    return values if isinstance(values, list) else [values]


def _word(rule: Any, name: str) -> str:
    return str(next(iter(_all(rule, name)), "")).upper()


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _end(value: object) -> datetime | None:
    """When a rule's bound has passed everywhere, as an aware instant: a day after it. None for a
    date or a time without a zone, which have no instant of their own.
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value + timedelta(days=1) if value.year < LATEST.year else LATEST
    return None
