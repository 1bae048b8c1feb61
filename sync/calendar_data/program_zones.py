"""Names of time zones as programs write them, and the zones that they mean. Pure."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from tzlocal.windows_tz import win_tz

_OFFSET = re.compile(r"\(?(?:GMT|UTC)\s*([+-])(\d{1,2}):?(\d{2})?\)?", re.ASCII)
_WINTER, _SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)


def meant(name: str) -> tzinfo | None:
    """The zone of a name; None if it is unknown.

    IANA and Windows names, an IANA name at the end of a longer one ("/mozilla.org/2005/
    Europe/Berlin"), the texts of Outlook ("(UTC+01:00) Amsterdam, Berlin, …"), and plain offsets.
    """
    return next(_guesses(name.strip().strip('"')), None)


def _guesses(name: str) -> Iterator[tzinfo]:
    parts = [part for part in name.split("/") if part]
    for count in (len(parts), 3, 2, 1):
        if found := _iana("/".join(parts[-count:])):
            yield found
    if name in win_tz and (found := _iana(win_tz[name])):
        yield found
    if name.upper() in ("Z", "UTC", "GMT"):
        yield UTC
    if offset := _OFFSET.match(name):
        sign, hours, minutes = offset[1], int(offset[2]), int(offset[3] or 0)
        fixed = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
        yield from _cities(name[offset.end() :], fixed)
        if abs(fixed) < timedelta(hours=24):
            yield timezone(fixed)


def _cities(text: str, offset: timedelta) -> Iterator[tzinfo]:
    """The zone of the first city in the text that has this offset in a part of the year."""
    for city in re.split(r"[,(]", text):
        zone = _iana(_by_city().get(city.strip().lower(), ""))
        if zone and offset in (zone.utcoffset(_WINTER), zone.utcoffset(_SUMMER)):
            yield zone


@cache
def _by_city() -> dict[str, str]:
    return {
        name.rpartition("/")[2].replace("_", " ").lower(): name
        for name in sorted(available_timezones())
        if "/" in name and not name.startswith(("posix/", "right/", "Etc/"))
    }


def _iana(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None
