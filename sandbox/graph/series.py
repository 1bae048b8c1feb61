"""The times of a series: Graph's patterns as recurrence rules, unrolled one occurrence at a time.

An occurrence's id is the id of its series followed by the date on which it was due. Patterns give
at most one occurrence a day.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from .. import recurrence
from ..errors import Refused as BadRule
from .errors import Refused, invalid
from .times import instant, wall, zone

DAYS = {
    name: name[:2].upper()
    for name in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
}
INDEXES = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
FREQUENCIES = {
    "daily": "DAILY",
    "weekly": "WEEKLY",
    "absoluteMonthly": "MONTHLY",
    "relativeMonthly": "MONTHLY",
    "absoluteYearly": "YEARLY",
    "relativeYearly": "YEARLY",
}
DATE_LENGTH = 8


def clean(value: object, start: dict) -> dict | None:
    """The recurrence as it is stored. Raises Refused (400) for one that cannot be unrolled."""
    if value is None:
        return None
    try:
        pattern, span = dict(value["pattern"]), dict(value["range"])
        kept = {"pattern": _pattern(pattern), "range": _range(span, start)}
        next(dates(start, kept, instant(start)))
    except (KeyError, TypeError, ValueError, AttributeError, BadRule):
        raise invalid(
            "The recurrence pattern is not valid.", "ErrorInvalidRecurrencePattern"
        ) from None
    return kept


def _pattern(given: dict) -> dict:
    usual = {
        "type": None,
        "interval": 1,
        "month": 0,
        "dayOfMonth": 0,
        "daysOfWeek": [],
        "firstDayOfWeek": "sunday",
        "index": "first",
    }
    return usual | {name: given[name] for name in usual if given.get(name) is not None}


def _range(given: dict, start: dict) -> dict:
    kept = {
        "type": given["type"],
        "startDate": given.get("startDate") or wall(start).date().isoformat(),
        "endDate": given.get("endDate") or "0001-01-01",
        "recurrenceTimeZone": given.get("recurrenceTimeZone") or start["timeZone"],
        "numberOfOccurrences": given.get("numberOfOccurrences") or 0,
    }
    if kept["startDate"] != wall(start).date().isoformat():
        raise invalid(
            "The start date of the range must be the date of the start.",
            "ErrorPropertyValidationFailure",
        )
    if kept["type"] == "endDate" and kept["endDate"] < kept["startDate"]:
        raise ValueError
    return kept


def rule(kept: dict, start: dict) -> str:
    """The RRULE line of a stored recurrence.

    Raises KeyError or ValueError if the pattern is incomplete.
    """
    pattern, span = kept["pattern"], kept["range"]
    days = ",".join(DAYS[day] for day in pattern["daysOfWeek"])
    parts = [f"FREQ={FREQUENCIES[pattern['type']]}", f"INTERVAL={pattern['interval']}"]
    if (
        pattern["interval"] < 1
        or not 0 <= pattern["dayOfMonth"] <= 31
        or not 0 <= pattern["month"] <= 12
    ):
        raise ValueError(pattern)
    if pattern["type"] in ("weekly", "relativeMonthly", "relativeYearly") and not days:
        raise ValueError(pattern)
    if pattern["type"] == "weekly":
        parts += [f"BYDAY={days}", f"WKST={DAYS[pattern['firstDayOfWeek']]}"]
    elif pattern["type"].startswith("relative"):
        parts += [f"BYDAY={days}", f"BYSETPOS={INDEXES[pattern['index']]}"]
    elif pattern["type"].startswith("absolute"):
        parts.append(f"BYMONTHDAY={pattern['dayOfMonth'] or wall(start).day}")
    if pattern["type"].endswith("Yearly"):
        parts.append(f"BYMONTH={pattern['month'] or wall(start).month}")
    ends = {
        "noEnd": [],
        "numbered": [f"COUNT={span['numberOfOccurrences']}"],
        "endDate": [f"UNTIL={span['endDate'].replace('-', '')}"],
    }
    return "RRULE:" + ";".join(parts + ends[span["type"]])


def simple(kind: str, start: dict) -> dict:
    """A recurrence without end: `daily`, or `weekly` on the day of the week of its start."""
    days = [list(DAYS)[wall(start).weekday()]] if kind == "weekly" else []
    pattern = {"type": kind, "interval": 1} | ({"daysOfWeek": days} if days else {})
    return {
        "pattern": pattern,
        "range": {"type": "noEnd", "startDate": wall(start).date().isoformat()},
    }


def dates(start: dict, kept: dict, until: datetime) -> Iterator[date]:
    """The days on which a series is due, in order, lazily, up to an instant."""
    home = zone(start["timeZone"])
    first = {"dateTime": wall(start).replace(tzinfo=home).isoformat(), "timeZone": home.key}
    for _, due in recurrence.occurrences(first, [rule(kept, start)], until):
        yield datetime.fromisoformat(due["dateTime"]).date()


def occurrence(master: dict, day: date) -> dict:
    """An unchanged occurrence, which is not kept."""
    length = wall(master["end"]) - wall(master["start"])
    begins = datetime.combine(day, wall(master["start"]).time())
    start = master["start"] | {"dateTime": begins.isoformat()}
    end = master["end"] | {"dateTime": (begins + length).isoformat()}
    event = {
        name: value for name, value in master.items() if name not in ("recurrence", "transactionId")
    }
    return event | {
        "id": occurrence_id(master["id"], day),
        "type": "occurrence",
        "seriesMasterId": master["id"],
        "start": start,
        "end": end,
        "iCalUId": f"{master['iCalUId']}{day:%Y%m%d}",
        "originalStart": instant(start).isoformat(),
        "_from": int(instant(start).timestamp()),
        "_to": int(instant(end).timestamp()),
        "_properties": {},
        "_revision": master["_shaped"],
    }


def occurrence_id(master_id: str, day: date) -> str:
    return f"{master_id}{day:%Y%m%d}"


def day_of(occurrence_id: str) -> date:
    return datetime.strptime(occurrence_id[-DATE_LENGTH:], "%Y%m%d").date()  # noqa: DTZ007  a day on the series' wall clock


def between(calendar: dict, master: dict, low: datetime, high: datetime) -> Iterator[dict]:
    """The living occurrences and exceptions of a series that touch a window.

    The unchanged ones in order of their days, then the exceptions.
    """
    length = wall(master["end"]) - wall(master["start"])
    earliest = (
        low - length - timedelta(days=2)
    ).date()  # wall clocks differ from UTC by less than two days
    for day in dates(master["start"], master["recurrence"], high):
        if day >= earliest and occurrence_id(master["id"], day) not in calendar["events"]:
            event = occurrence(master, day)
            if touches(event, low, high):
                yield event
    yield from (
        event
        for event in exceptions(calendar, master["id"])
        if not event["_gone"] and touches(event, low, high)
    )


def exceptions(calendar: dict, master_id: str) -> list[dict]:
    """Changed and removed occurrences of a series."""
    return [event for event in calendar["events"].values() if event["seriesMasterId"] == master_id]


def touches(event: dict, low: datetime, high: datetime) -> bool:
    """Whether an event lies in a window at least in part. An event without length does if it begins
    there.
    """
    begins, ends, first, last = event["_from"], event["_to"], low.timestamp(), high.timestamp()
    return begins < last and (ends > first or begins == ends == first)


def check_neighbours(calendar: dict, master: dict, event: dict, start: dict) -> None:
    """Raises Refused (400) when an occurrence would move onto or past the day of its neighbour."""
    day, new_day = day_of(event["id"]), wall(start).date()
    until = datetime.combine(max(day, new_day), time.max, UTC) + timedelta(days=400)
    before, after = None, None
    for due in dates(master["start"], master["recurrence"], until):
        kept = calendar["events"].get(occurrence_id(master["id"], due))
        if due == day or (kept and kept["_gone"]):
            continue
        lies_on = wall(kept["start"]).date() if kept else due
        before, after = (lies_on, after) if due < day else (before, after or lies_on)
        if after:
            break
    if (before and new_day <= before) or (after and new_day >= after):
        raise Refused(
            400,
            "ErrorOccurrenceCrossingBoundary",
            "Modified occurrence is crossing or overlapping adjacent occurrence.",
        )
