"""The times of a series: RRULE, RDATE, EXDATE and EXRULE lines, unrolled one occurrence at
a time.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr

from .errors import invalid
from .times import written

LINE = re.compile(r"(RRULE|EXRULE|RDATE|EXDATE)((?:;[^:]*)?):(.+)")
FREQUENCY = re.compile(r"(^|;)FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;|$)")
MARK = re.compile(r"UNTIL=(\w+)")


def occurrences(start: dict, lines: list[str], until: datetime) -> Iterator[tuple[str, dict]]:
    """Yields (stamp, start) in order, lazily, up to the instant `until`.

    The stamp is the last part of an instance's id.
    """
    zone = ZoneInfo(start["timeZone"]) if "timeZone" in start else None
    limit = until.astimezone(zone or UTC).replace(tzinfo=None)
    for local in _rules(_local(start, zone), lines, zone):
        if local > limit:
            return
        yield _stamped(local, zone)


def check(start: dict, lines: list[str]) -> None:
    """Refuse lines that cannot be unrolled, or by which a series never takes place."""
    zone = ZoneInfo(start["timeZone"]) if "timeZone" in start else None
    if next(iter(_rules(_local(start, zone), lines, zone)), None) is None:
        raise invalid("The series never takes place.", "recurrence")


def _local(start: dict, zone: ZoneInfo | None) -> datetime:
    """The start on the clock of the zone: a series keeps its hour when the clocks change."""
    if zone is None:
        return datetime.combine(date.fromisoformat(start["date"]), time.min)
    return datetime.fromisoformat(start["dateTime"]).astimezone(zone).replace(tzinfo=None)


def _stamped(local: datetime, zone: ZoneInfo | None) -> tuple[str, dict]:
    if zone is None:
        return f"{local:%Y%m%d}", {"date": local.date().isoformat()}
    at = local.replace(tzinfo=zone)
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}", {"dateTime": written(at), "timeZone": zone.key}


def _rules(first: datetime, lines: list[str], zone: ZoneInfo | None) -> rruleset:
    rules = rruleset()
    rules.rdate(first)
    for line in lines:
        matched = LINE.fullmatch(line)
        if not matched:
            raise invalid(f"Invalid recurrence rule: {line!r}", "recurrence")
        name, parameters, value = matched.groups()
        if name.endswith("RULE"):
            getattr(rules, name.lower())(_rule(value, first, zone))
        else:
            for one in value.split(","):
                getattr(rules, name.lower())(_named_time(one, parameters, first.time(), zone))
    return rules


def _rule(value: str, first: datetime, zone: ZoneInfo | None):
    if not FREQUENCY.search(value):
        raise invalid(f"Invalid recurrence rule: {value!r}", "recurrence")
    value = MARK.sub(
        lambda until: f"UNTIL={_named_time(until[1], '', time.max, zone):%Y%m%dT%H%M%S}", value
    )
    try:
        return rrulestr(value, dtstart=first)
    except ValueError:
        raise invalid(f"Invalid recurrence rule: {value!r}", "recurrence") from None


def _named_time(text: str, parameters: str, whole_day: time, zone: ZoneInfo | None) -> datetime:
    """A date or time in a line, on the clock of the series. A date gets its time of day from
    `whole_day`.
    """
    try:
        if "T" not in text:
            return datetime.combine(datetime.strptime(text, "%Y%m%d"), whole_day)  # noqa: DTZ007  wall clock
        at = datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007  wall clock
    except ValueError:
        raise invalid(f"Invalid recurrence rule: {text!r}", "recurrence") from None
    if text.endswith("Z"):
        return at.replace(tzinfo=UTC).astimezone(zone or UTC).replace(tzinfo=None)
    if ";TZID=" in parameters and zone:
        return (
            at.replace(tzinfo=ZoneInfo(parameters.split("=")[1]))
            .astimezone(zone)
            .replace(tzinfo=None)
        )
    return at
