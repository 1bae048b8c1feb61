"""Times and zones in Graph's form: a time on a clock, and the name of its zone."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from .errors import Refused, invalid

WINDOWS = dict(WINDOWS_TO_OLSON) | {"UTC": "UTC"}
RENAMED = {
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Rangoon": "Asia/Yangon",
    "Europe/Kiev": "Europe/Kyiv",
}
LISTED = sorted({RENAMED.get(name, name) for name in WINDOWS.values()})
WINDOWS_NAMES = {RENAMED.get(iana, iana): name for name, iana in WINDOWS.items()} | {
    iana: name for name, iana in WINDOWS.items()
}
WALL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.\d{1,7})?")
WINDOW_EDGE = re.compile(
    r"(\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?)(?:\.\d{1,7})?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE
)


def zone(name: str, only_listed: bool = False) -> ZoneInfo:
    """The zone of a Windows or IANA name.

    `only_listed` refuses IANA names outside Microsoft's list. Raises Refused (400).
    """
    try:
        if only_listed and name not in WINDOWS and name not in LISTED:
            raise ValueError(name)
        return ZoneInfo(WINDOWS.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        message = (
            "A valid TimeZone value must be specified. The following TimeZone value is not"
            f" supported: '{name}'."
        )
        raise Refused(400, "TimeZoneNotSupportedException", message) from None


def windows_name(name: str) -> str:
    """The name that Exchange keeps for a zone: its Windows name if it has one."""
    return name if name in WINDOWS else WINDOWS_NAMES.get(name, name)


def clean(value: object, side: str, only_listed: bool = False) -> dict:
    """The `dateTimeTimeZone` as it is kept, whole seconds. Raises Refused (400)."""
    matched = WALL.fullmatch(str(value.get("dateTime"))) if isinstance(value, dict) else None
    if not matched:
        raise invalid(
            f"The value of {side} is not a date and time without offset.",
            "ErrorPropertyValidationFailure",
        )
    try:
        at = datetime.fromisoformat(matched[1])
    except ValueError:
        raise invalid(
            f"The value of {side} is no time.", "ErrorPropertyValidationFailure"
        ) from None
    name = value.get("timeZone") or "UTC"
    zone(name, only_listed)
    return {"dateTime": at.isoformat(), "timeZone": name}


def wall(time: dict) -> datetime:
    """The naive wall-clock value of a kept time."""
    return datetime.fromisoformat(time["dateTime"])


def instant(time: dict) -> datetime:
    return wall(time).replace(tzinfo=zone(time["timeZone"])).astimezone(UTC)


def shown(time: dict, answer_zone: str) -> dict:
    """A kept time in the zone of the answer, under the name that was asked for."""
    return {
        "dateTime": _digits(instant(time).astimezone(zone(answer_zone))),
        "timeZone": answer_zone,
    }


def written(at: datetime) -> str:
    """A UTC instant with seven digits and Z."""
    return _digits(at.astimezone(UTC)) + "Z"


def edge(text: str | None, name: str) -> datetime:
    """One end of a view's window: its offset is honoured, without one it is UTC.

    Raises Refused (400).
    """
    matched = WINDOW_EDGE.fullmatch(text or "")
    if not matched:
        raise invalid(
            f"This request requires a time window: {name} is missing or wrong.",
            "ErrorInvalidParameter",
        )
    try:
        at = datetime.fromisoformat(
            datetime.fromisoformat(matched[1]).isoformat() + (matched[2] or "Z").upper()
        )
    except ValueError:
        raise invalid(f"{name} is no time.", "ErrorInvalidParameter") from None
    return at.astimezone(UTC)


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def check_order(start: dict, end: dict, all_day: bool) -> None:
    """Refuse an end before the start, and whole days that are not whole."""
    if all_day:
        at_midnight = {wall(start).time(), wall(end).time()} == {datetime.min.time()} and start[
            "timeZone"
        ] == end["timeZone"]
        if not at_midnight or wall(end) - wall(start) < timedelta(days=1):
            raise invalid(
                "The Event.Start or Event.End property for AllDay event should be set to midnight.",
                "ErrorPropertyValidationFailure",
            )
    if instant(end) < instant(start):
        raise invalid("The end is before the start.", "ErrorPropertyValidationFailure")


def _digits(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.0000000"
