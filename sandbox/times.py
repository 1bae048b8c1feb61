"""Event times in Google's form: a date, or an instant with the name of a zone."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .errors import Refused, invalid

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?")


def utc_now() -> datetime:
    return datetime.now(UTC)


def zone(name: str, parameter: str = "timeZone") -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise invalid(f"Invalid time zone definition: {name!r}", parameter) from None


def instant(text: str, parameter: str) -> datetime:
    """An aware datetime from RFC 3339 with its offset; fractions are dropped."""
    at = _read(text, parameter)
    if at.tzinfo is None:
        raise invalid("The offset is missing.", parameter)
    return at


def written(at: datetime) -> str:
    """RFC 3339, `Z` instead of +00:00."""
    text = at.replace(microsecond=0).isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def written_utc(at: datetime) -> str:
    """`created` and `updated`: UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clean(time: dict | None, calendar_zone: str, parameter: str) -> dict:
    """The time as it is stored.

    Raises Refused for anything but exactly one date or exactly one instant.
    """
    time = {name: value for name, value in (time or {}).items() if value is not None}
    if ("date" in time) == ("dateTime" in time):
        raise Refused(
            400,
            "invalid" if time else "required",
            f"Exactly one of date and dateTime is needed in {parameter}.",
            ("parameter", parameter),
        )
    if "date" in time:
        return {"date": _day(time["date"], parameter).isoformat()}
    at = _read(time["dateTime"], parameter)
    name = time.get("timeZone") or calendar_zone
    if at.tzinfo is None:
        if "timeZone" not in time:
            raise invalid(f"Missing time zone definition for {parameter} time.", parameter)
        at = at.replace(tzinfo=zone(name))
    zone(name)
    return shown({"dateTime": written(at), "timeZone": name}, calendar_zone)


def shown(time: dict, answer_zone: str) -> dict:
    """The time with its offset as it is in the zone of the answer; dates stay."""
    if "date" in time:
        return dict(time)
    return {
        "dateTime": written(
            datetime.fromisoformat(time["dateTime"]).astimezone(ZoneInfo(answer_zone))
        ),
        "timeZone": time["timeZone"],
    }


def begins(time: dict, calendar_zone: str) -> datetime:
    """The instant of an event's time; a date begins at midnight in the calendar's zone."""
    if "date" in time:
        return datetime.combine(
            date.fromisoformat(time["date"]), datetime.min.time(), ZoneInfo(calendar_zone)
        ).astimezone(UTC)
    return datetime.fromisoformat(time["dateTime"]).astimezone(UTC)


def moved_along(start: dict, first_start: dict, first_end: dict) -> dict:
    """The end of an occurrence that begins at `start`, as long as the first one."""
    if "date" in start:
        days = date.fromisoformat(first_end["date"]) - date.fromisoformat(first_start["date"])
        return {"date": (date.fromisoformat(start["date"]) + days).isoformat()}
    length = datetime.fromisoformat(first_end["dateTime"]) - datetime.fromisoformat(
        first_start["dateTime"]
    )
    end = datetime.fromisoformat(start["dateTime"]).astimezone(UTC) + length
    return {"dateTime": written(end), "timeZone": first_end["timeZone"]}


def check_order(start: dict, end: dict) -> None:
    """Refuse a span that is empty, ends before it starts, or has a date and an instant."""
    if ("date" in start) != ("date" in end):
        raise invalid("Start and end must both be dates or both be times.", "end")
    if begins(end, "UTC") <= begins(start, "UTC"):
        raise Refused(
            400, "timeRangeEmpty", "The specified time range is empty.", ("parameter", "end")
        )


def next_day(day: date) -> date:
    return day + timedelta(days=1)


def _read(text: str, parameter: str) -> datetime:
    if not isinstance(text, str) or not RFC_3339.fullmatch(text):
        raise invalid(f"Not RFC 3339: {text!r}", parameter)
    try:
        return datetime.fromisoformat(text.upper()).replace(microsecond=0)
    except ValueError:
        raise invalid(f"No such time: {text!r}", parameter) from None


def _day(text: str, parameter: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  a plain date has no zone
    except (ValueError, TypeError):
        raise invalid(f"No such day: {text!r}", parameter) from None
