"""Reading the parts of an answer of any shape: the result is an event, or one word why it cannot be
read. Pure.

Only the times of an event must be right. Everything else has a default.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sync.events.event import EARLIEST, LATEST, Mark, RemoteEvent, Unread

from .errors import Endless, Unavailable, Unreadable
from .values import plain, zone

# Earlier and later days count as these: see `EARLIEST`.
FIRST_DAY, LAST_DAY = date(1000, 1, 1), date(9000, 1, 1)
ID_LENGTH, ETAG_LENGTH = 1200, 300
MOST_PAGES = 1000
MOST_LIST_PAGES = 50  # pages of a list of calendars or channels, each with hundreds
Told = TypeVar("Told")
Bound = TypeVar("Bound", date, datetime)
_YEAR = re.compile(r"([+-]?\d{4,9})-")
_LEAP_SECOND = re.compile(r"(T\d\d:\d\d):60")


class NoStartOrEnd(Exception):
    """The start or the end is missing."""


class UnknownZone(ValueError):
    """The zone of the time is unknown here."""


# ---- a whole answer ----


@contextmanager
def reading() -> Iterator[None]:
    """Raise Unavailable for any error while an answer is read, since the answer then has another
    shape. The error does not contain the answer's content.
    """
    try:
        yield
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ):
        raise Unavailable("unreadable answer") from None


def following(seen: set[str], place: object, is_short: bool = False) -> str:
    """The place of the next page, after those that were `seen` (the set grows). `is_short`: for
    lists other than a calendar's events. Raises Endless, and TypeError for a value of another
    shape.
    """
    if not isinstance(place, str):
        raise TypeError("no place")
    if place in seen or len(seen) >= (MOST_LIST_PAGES if is_short else MOST_PAGES):
        raise Endless("endless pages")
    seen.add(place)
    return place


# ---- one event ----


def apart(
    item: object, read: Callable[[dict[str, Any]], RemoteEvent | None]
) -> RemoteEvent | Unread | None:
    """The event that `read` makes of an item of a list, or the reason why it cannot be read. Never
    raises.
    """
    try:
        return _in_order(read(_fields(item)))
    except Unreadable as error:
        reason = error.reason
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError):
        reason = "shape"
    return Unread(identity(within(item).get("id")), reason)


def _fields(item: object) -> dict[str, Any]:
    """The item of a list as a dictionary. Raises Unreadable for anything else."""
    if not isinstance(item, dict):
        raise Unreadable("no_id")
    return item


def all_apart(
    items: Iterable[object], read: Callable[[dict[str, Any]], RemoteEvent | None]
) -> tuple[list[RemoteEvent], list[Unread]]:
    """The events of a list, and its items that cannot be read."""
    return events_and_unread(apart(item, read) for item in items)


def events_and_unread(
    found: Iterable[RemoteEvent | Unread | None],
) -> tuple[list[RemoteEvent], list[Unread]]:
    """The events among the results, and those that cannot be read."""
    events, unread = [], []
    for one in found:
        if isinstance(one, RemoteEvent):
            events.append(one)
        elif one is not None:
            unread.append(one)
    return events, unread


def answered(
    item: object, read: Callable[[dict[str, Any]], RemoteEvent | None]
) -> RemoteEvent | None:
    """The event that `read` makes of the answer to a call about one event. Raises Unavailable for
    an answer of another shape, Unreadable for an event that cannot be read.
    """
    with reading():
        if not isinstance(item, dict):
            raise TypeError("no dictionary")
        if not identity(item["id"]):
            raise Unavailable("no event")
        return _in_order(read(item))


def _in_order(found: RemoteEvent | None) -> RemoteEvent | None:
    if found is not None and found.ends_at < found.starts_at:
        raise Unreadable("backwards")
    return found


def is_of_another_shape(items: object) -> bool:
    """Whether the items are not a list of dictionaries."""
    return not isinstance(items, list) or (
        bool(items) and not any(isinstance(item, dict) for item in items)
    )


def all_told(items: Iterable[object], read: Callable[[dict[str, Any]], Told]) -> list[Told]:
    """The results of `read` for the items of a list, without those that it cannot read."""
    found = []
    for item in items:
        with suppress(Unreadable):
            found.append(read(_fields(item)))
    return found


def sure_identity(item: object) -> str:
    """The id of an item. Raises Unreadable."""
    found = identity(item.get("id")) if isinstance(item, dict) else ""
    if not found:
        raise Unreadable("no_id")
    return found


def times(
    start: Callable[[], tuple[date | None, datetime]],
    end: Callable[[], tuple[date | None, datetime]],
) -> tuple[date | None, datetime, date | None, datetime]:
    """First day and instant, last day (exclusive) and instant. Raises Unreadable."""
    (starts_on, starts_at), (ends_on, ends_at) = _side(start, "start"), _side(end, "end")
    if (starts_on is None) != (ends_on is None):
        raise Unreadable("bad_end")
    return starts_on, starts_at, ends_on, ends_at


def _side(
    read: Callable[[], tuple[date | None, datetime]], name: str
) -> tuple[date | None, datetime]:
    try:
        return read()
    except NoStartOrEnd:
        raise Unreadable(f"no_{name}") from None
    except UnknownZone:
        raise Unreadable("zone") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise Unreadable(f"bad_{name}") from None


# ---- its values ----


def given(value: object, *names: str) -> dict[str, Any]:
    """A start or an end that contains one of these. Raises NoTime."""
    if not isinstance(value, dict) or not any(value.get(name) for name in names):
        raise NoStartOrEnd
    return value


def day(value: object) -> date:
    """A day in ISO 8601, within bounds. Raises ValueError."""
    written = _dated(value)
    return _beyond(written, FIRST_DAY, LAST_DAY) or min(
        max(date.fromisoformat(written[:10]), FIRST_DAY), LAST_DAY
    )


def instant(value: object, zone_name: object = None) -> datetime:
    """A date and time in ISO 8601, to the second and within our range; a time without offset is on
    the clock of its zone. Raises ValueError.
    """
    written = _dated(value)
    far = _beyond(written, EARLIEST, LATEST)
    if far:
        return far
    at = datetime.fromisoformat(_LEAP_SECOND.sub(r"\1:59", written.upper()))
    if at.tzinfo is None:
        at = at.replace(tzinfo=_zone(zone_name))
    return min(max(at.astimezone(UTC).replace(microsecond=0), EARLIEST), LATEST)


def _dated(value: object) -> str:
    """The text of a date. Programs write the years 0 and 1 for a missing time. Raises
    ValueError.
    """
    if not isinstance(value, str) or _year(value) < 2:
        raise ValueError("no date")
    return value


def _year(written: str) -> int:
    found = _YEAR.match(written)
    return int(found[1]) if found else 0


def _beyond(written: str, first: Bound, last: Bound) -> Bound | None:
    """The first or the last time that can be used, in place of a time near the limits of
    `datetime`, to which nothing could be added.
    """
    year = _year(written)
    return last if year >= last.year else first if year < first.year else None


def _zone(name: object) -> ZoneInfo:
    try:
        return zone(name if isinstance(name, str) else "")
    except ValueError:
        raise UnknownZone("unknown zone") from None


def changed_at(value: object) -> datetime | None:
    """The last change of an event, to the fraction of a second; None if the value is not a time."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.upper())
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return at if 1970 < at.year < 2200 else None


def identity(value: object) -> str:
    """An id that can be stored, "" for anything else."""
    if not isinstance(value, str) or not 0 < len(value) <= ID_LENGTH or "\0" in value:
        return ""
    # no half of a surrogate pair
    return value if value.encode(errors="replace").decode() == value else ""


def etag(value: object) -> str:
    """The version of an event, "" if missing."""
    version = identity(value)
    return version if len(version) <= ETAG_LENGTH else ""


def text(value: object, limit: int) -> str:
    """Text from outside, shortened and cleaned; "" for anything but text."""
    return plain(value, limit) if isinstance(value, str) else ""


def within(item: object, *names: str) -> dict[str, Any]:
    """A dictionary inside another, {} if missing."""
    for name in names:
        item = item.get(name) if isinstance(item, dict) else None
    return item if isinstance(item, dict) else {}


def each(value: object) -> list[dict[str, Any]]:
    """The dictionaries of a list, [] for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def of_installation(mark: Mark | None, installation: str) -> Mark | None:
    """The mark, if it is one of this installation."""
    return mark if mark and mark.installation == installation else None
