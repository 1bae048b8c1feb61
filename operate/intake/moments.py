"""Dates, times and lengths in a cell, as clinic programs and spreadsheets write them. Pure.

A date such as 03/04/2027 is ambiguous. Which number is the day is decided for a whole file
(`order_of`), never for one line.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache

from base.text import search_key

from . import languages

DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "day-first", "month-first", "year-first"
ORDERS = DAY_FIRST, MONTH_FIRST, YEAR_FIRST
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
} | languages.MONTHS
_MONTH = "(" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_NUMBERS = re.compile(r"(\d{1,2})[./\-\s](\d{1,2})[./\-\s](\d{4}|\d{2})", re.A)
_DOTTED = re.compile(r"([01]?\d|2[0-4])\.[0-5]\d\.00(?!\d)", re.A)  # 09.30.00: no year 2000
_YEAR_FIRST = re.compile(r"(\d{4})[./-](\d{1,2})[./-](\d{1,2})", re.A)
_DAY_MONTH = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th|er|\.)?[\s-]*(?:de )?{_MONTH},?[\s-]*(?:del? )?(\d{{4}}|\d{{2}})",
    re.A,
)
_MONTH_DAY = re.compile(rf"{_MONTH}\s*(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})", re.A)
_WEEKDAY = re.compile(
    r"^((mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(day)?|"
    rf"({'|'.join(languages.WEEKDAYS)})(?=[.,]*\s+\d))\.?,?\s+",
    re.A,
)
_TIME = re.compile(
    r"(\d{1,2})(?:[:.h](\d{2})(?:[:.](\d{2})(?:\.\d+)?)?)?\s*([ap]\.?\s?m?\.?)?", re.A
)
_OFFSET = re.compile(r"(?:z|utc|gmt|(?:utc|gmt)?([+-])(\d{2}):?(\d{2}))$", re.A)
# 09:00-09:45, unless the date is ISO's with its T.
_RANGE = re.compile(r"\d{1,2}[:.]\d{2} ?-\d{2}:\d{2}$", re.A)
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012–—\u2212", "-"))
_ASIDE = re.compile(r"\([^()]*\)")
_OCLOCK = re.compile(r"(?<=\d)\s*(?:uhr|heures?|h)\b\.?\s*", re.A)  # 9 Uhr 30, 9h
_HOURS = "|".join(["hours?", "hrs?", "h", *languages.HOURS])
_MINUTES = "|".join(["minutes?", "mins?", "m", "'", "\u2032", *languages.MINUTES])
_LENGTH = re.compile(
    rf"(?:(\d{{1,3}})\s*(?:{_HOURS})\.?)?,?\s*(?:(?:and|und|et|y|e|en|i)\s+)?"
    rf"(?:(\d{{1,5}})\s*({_MINUTES})?\.?)?",
    re.A,
)


MOST_OFFSET = timedelta(hours=14)  # no clock is further from UTC


class NoValue(ValueError):
    """The cell does not contain a value of the wanted kind."""


@dataclass(frozen=True, slots=True)
class When:
    """The time in a cell: a date, a wall time, or both; `offset` from UTC if the cell names one."""

    date: date | None
    time: time | None
    offset: timedelta | None = None


def _numeric(raw: str) -> tuple[int, int, str] | None:
    plain = search_key(raw if raw.isascii() else raw.translate(_DASHES))
    found = _NUMBERS.match(_WEEKDAY.sub("", plain))
    return (
        (int(found[1]), int(found[2]), found[3])
        if found and not _YEAR_FIRST.match(raw.strip()) and not _DOTTED.match(raw.strip())
        else None
    )


def order_of(cells: Iterable[str]) -> str | None:
    """Whether these dates begin with the day, the month or a year of two digits. None: they do not
    show it. Raises NoValue if they contradict each other.

    Cells that can be read in only one way (month names, the year first, the same number twice) do
    not count.
    """
    found = set()
    is_open = False
    firsts, lasts, may_be_year = set(), set(), True
    for raw in cells:
        if pair := _numeric(raw):
            first, second, year = pair
            firsts.add(first), lasts.add(year)
            may_be_year &= (
                "." not in raw and len(year) == 2 and second <= 12 and 1 <= int(year) <= 31
            )
            if first > 12 >= second:
                found.add(DAY_FIRST)
            elif second > 12 >= first:
                found.add(MONTH_FIRST)
            is_open |= first <= 12 and second <= 12 and first != second
    if len(found) > 1:
        raise NoValue("both orders")
    if found == {DAY_FIRST} and may_be_year and len(firsts) <= len(lasts):
        # 27/3/13: days change more often than years; otherwise it cannot be decided
        return YEAR_FIRST if len(firsts) < len(lasts) else None
    return next(iter(found), None if is_open else DAY_FIRST)


def in_any_order(raw: str) -> When | None:
    """The moment of a cell that only tells that something happened; None if it is none."""
    for order in ORDERS:
        with suppress(NoValue):
            return when(raw, order)
    return None


def is_dated(raw: str) -> bool:
    """Whether a cell is a date in any order, with a time or without."""
    found = in_any_order(raw)
    return found is not None and found.date is not None


@lru_cache(20_000)
def when(raw: str, order: str = DAY_FIRST) -> When:
    """A date, a time, or both, in one cell. Raises NoValue."""
    rest = raw if raw.isascii() else raw.translate(_DASHES)
    rest = search_key(_ASIDE.sub(" ", rest) if "(" in rest else rest)
    rest = _WEEKDAY.sub("", rest)
    day, rest = _date(rest, order)
    is_range = (
        not rest.startswith("t")
        and bool(_RANGE.search(rest))
        and not re.search(r":\d{2}:\d{2}", rest)
    )
    rest = rest.removeprefix("t").lstrip(" ,").removeprefix("at ").strip()
    if not rest and day:
        return When(day, None)
    offset = None
    if is_range:
        raise NoValue("two times")
    if (zone := _OFFSET.search(rest)) and (day or zone[1] != "-"):  # 09:00-09:45 is none
        offset = timedelta(hours=int(zone[2] or 0), minutes=int(zone[3] or 0)) * (
            -1 if zone[1] == "-" else 1
        )
        if abs(offset) > MOST_OFFSET:
            raise NoValue("no offset")
        rest = rest[: zone.start()].strip()
    return When(day, _wall(rest), offset)


def _date(rest: str, order: str) -> tuple[date | None, str]:
    try:
        if found := _YEAR_FIRST.match(rest):
            day = date(int(found[1]), int(found[2]), int(found[3]))
        elif found := _MONTH_DAY.match(rest):
            day = date(int(found[3]), _MONTHS[found[1]], int(found[2]))
        elif found := _DAY_MONTH.match(rest):
            day = date(_year(found[3]), _MONTHS[found[2]], int(found[1]))
        elif (found := _NUMBERS.match(rest)) and not _DOTTED.match(rest):
            numbers = found[1], found[2], found[3]
            if order == YEAR_FIRST and len(found[3]) == 2:
                numbers = numbers[::-1]
            elif order == MONTH_FIRST:
                numbers = found[2], found[1], found[3]
            day = date(_year(numbers[2]), int(numbers[1]), int(numbers[0]))
        else:
            return None, rest
    except ValueError:
        raise NoValue("no such day") from None
    return day, rest[found.end() :]


def _year(digits: str) -> int:
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


def stretch(raw: str, order: str = DAY_FIRST) -> tuple[When, When]:
    """Two times of a day in one cell: 09:00–09:30. The date may stand before the first. Raises
    NoValue.
    """
    if re.search(r"\dt\d", raw, re.I | re.A):  # 2027-03-14T09:00-10:00 has an offset
        raise NoValue("not two times")
    first, __, last = raw.translate(_DASHES).rpartition("-")
    begins, ends = when(first, order), when(last, order)
    if begins.time is None or ends.time is None or ends.date:
        raise NoValue("not two times")
    return begins, ends


def _wall(rest: str) -> time:
    rest = _OCLOCK.sub("h", rest)
    rest = rest[:-1] + ("" if ":" in rest or "." in rest else ":00") if rest[-1:] == "h" else rest
    found = _TIME.fullmatch(rest)
    if not found or not (found[2] or found[4]):
        raise NoValue("no time")
    hour, minute, half = int(found[1]), int(found[2] or 0), (found[4] or "")[:1]
    if (
        (half and not 1 <= hour <= 12 and not (hour <= 23 and half == "p" and hour > 12))
        or minute > 59
        or hour > 24
        or (hour == 24 and minute)
    ):
        raise NoValue("no time")
    if half and hour <= 12:
        hour = hour % 12 + 12 * (half == "p")
    return time(hour % 24, minute)


def length(raw: str) -> timedelta:
    """A length: 50, "50 min", 1:30, "1h 15min", "1 h 30", "1.5 hours". Raises NoValue."""
    text = search_key(re.sub(r"\([^()]*\)", " ", raw)).removeprefix("pt")
    if found := re.fullmatch(
        rf"(\d{{1,3}}):(\d{{2}})(?::\d{{2}})?(?:\s*(?:{_HOURS})\.?)?", text, re.A
    ):
        if int(found[1]) > 24:  # 45:00 is more likely minutes and seconds
            raise NoValue("hours or minutes")
        return timedelta(hours=int(found[1]), minutes=int(found[2]))
    if found := re.fullmatch(rf"(\d{{1,2}})[.,](\d{{1,2}})\s*(?:{_HOURS})\.?", text, re.A):
        return timedelta(minutes=round(float(f"{found[1]}.{found[2]}") * 60))
    if re.fullmatch(r"\d{1,5}(\.0+)?", text, re.A):
        return timedelta(minutes=int(text.partition(".")[0]))
    found = _LENGTH.fullmatch(text)
    if not found or not (found[1] or (found[2] and found[3])):
        raise NoValue("no length")
    return timedelta(hours=int(found[1] or 0), minutes=int(found[2] or 0))
