"""What a cell says.

Dates, times, lengths, amounts and words, as clinic programs and spreadsheets write them. Pure.

A date such as 03/04/2027 says nothing by itself: which of its numbers is the day is decided for a
whole file (`order_of`), never for a line.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache

from base.text import search_key

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
}
_MONTH = "(" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_NUMBERS = re.compile(r"(\d{1,2})[./\-\s](\d{1,2})[./\-\s](\d{4}|\d{2})", re.A)
_DOTTED = re.compile(r"([01]?\d|2[0-4])\.[0-5]\d\.00(?!\d)", re.A)  # 09.30.00: no year 2000
_YEAR_FIRST = re.compile(r"(\d{4})[./-](\d{1,2})[./-](\d{1,2})", re.A)
_DAY_MONTH = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th|\.)?[\s-]*{_MONTH},?[\s-]*(\d{{4}}|\d{{2}})", re.A
)
_MONTH_DAY = re.compile(rf"{_MONTH}\s*(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})", re.A)
_WEEKDAY = re.compile(
    r"^(mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(day)?\.?,?\s+", re.A
)
_TIME = re.compile(
    r"(\d{1,2})(?:[:.h](\d{2})(?:[:.](\d{2})(?:\.\d+)?)?)?\s*(am|pm|a\.m\.|p\.m\.|a|p)?", re.A
)
_OFFSET = re.compile(r"(?:z|utc|gmt|(?:utc|gmt)?([+-])(\d{2}):?(\d{2}))$", re.A)
# 09:00-09:45, unless the date is ISO's with its T.
_RANGE = re.compile(r"\d{1,2}[:.]\d{2} ?-\d{2}:\d{2}$", re.A)
_LENGTH = re.compile(
    r"(?:(\d{1,3})\s*(?:h|hr|hrs|hour|hours)\.?)?,?\s*(?:(\d{1,5})\s*(?:m|min|mins|minute|minutes)\.?)?",
    re.A,
)
_SPOILED = re.compile(r"\d[.,]?\d*e\+?\d+", re.A | re.I)
_CURRENCY = re.compile(r"\b[a-z]{1,2}\$|[£€$]|\b[a-z]{3}\b", re.I)
SIGNS = {"£": "GBP", "€": "EUR"}  # a dollar may be anybody's
CODES = [
    "GBP",
    "EUR",
    "USD",
    "AUD",
    "CAD",
    "NZD",
    "CHF",
    "CZK",
    "DKK",
    "SEK",
    "NOK",
    "ISK",
    "PLN",
    "HUF",
    "RON",
    "BGN",
    "TRY",
    "ZAR",
    "INR",
    "SGD",
    "HKD",
    "AED",
    "ILS",
    "JPY",
    "BRL",
    "MXN",
]

NOTHING = ("", "-", "–", "—", "n/a", "none", "null", "nil")  # how programs write an empty cell
YES = ("yes", "y", "true", "1", "x", "t", "on", "ja", "oui", "si", "ein")
PAID = ("paid", "paid in full", "fully paid", "settled")
UNPAID = (
    "unpaid",
    "not paid",
    "outstanding",
    "due",
    "overdue",
    "open",
    "pending",
    "owing",
    "invoiced",
    "billed",
    "waived",
    "void",
    "written off",
)
PARTLY_PAID = (
    "partly paid",
    "part paid",
    "partially paid",
    "partial",
    "deposit paid",
    "deposit",
    "refunded",
    "partially refunded",
)
NO = ("no", "n", "false", "0", "f", "off", "nein", "non", "nee", "aus", *NOTHING)
_WORDS = {  # our status → what other programs say
    "confirmed": (
        "confirmed, booked, scheduled, upcoming, active, accepted, approved, reserved, new, show"
    ),
    "pending": (
        "pending, tentative, requested, unconfirmed, not confirmed, awaiting confirmation, waiting"
    ),
    "arrived": (
        "arrived, checked in, check in, checkedin, started, in progress, in session, waiting room"
    ),
    "delivered": (
        "delivered, attended, completed, complete, done, finished, seen, fulfilled, kept,"
        " checked out"
    ),
    "invoiced": "invoiced, billed",
    "paid": "paid",
    "offered": "offered",
    "cancelled": (
        "cancelled, canceled, cancelled by client, canceled by client, cancelled by patient,"
        " cancelled by practitioner, client cancelled, late cancel, late cancelled, late canceled,"
        " late cancellation, deleted, declined, archived, rejected"
    ),
    "no_show": (
        "no show, noshow, did not arrive, did not attend, did not show, dna, missed, absent, no"
        " showed, failed to attend, failed to arrive, not attended, fta"
    ),
}
STATUSES = {word.strip(): status for status, words in _WORDS.items() for word in words.split(",")}

# What stands for a client who gave no name.
UNNAMED = ("walk in", "walkin", "walk in client", "walk in customer")


class NoValue(ValueError):
    """The cell says nothing that can be read as this."""


@dataclass(frozen=True, slots=True)
class When:
    """What a cell says of a time.

    A date, a wall time, or both; `offset` from UTC where it names one.
    """

    date: date | None
    time: time | None
    offset: timedelta | None = None


def plain_spaces(raw: str) -> str:
    """The cell with ordinary spaces.

    Programs write narrow and unbreakable ones before AM and between thousands.
    """
    return (
        raw if raw.isascii() else re.sub(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]", " ", raw)
    )


def is_spoiled(raw: str) -> bool:
    """Whether a spreadsheet made a long number of it, such as 1.39073E+18: the digits are lost."""
    return bool(_SPOILED.fullmatch(raw.strip()))


def _numeric(raw: str) -> tuple[int, int, str] | None:
    found = _NUMBERS.match(_WEEKDAY.sub("", raw.strip().lower()))
    return (
        (int(found[1]), int(found[2]), found[3])
        if found and not _YEAR_FIRST.match(raw.strip()) and not _DOTTED.match(raw.strip())
        else None
    )


def order_of(cells: Iterable[str]) -> str | None:
    """Whether these dates have the day, the month or a year of two digits first.

    None: nothing tells. Raises NoValue where they contradict each other.

    Cells without doubt (month names, the year first, the same number twice) do not count.
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
        # 27/3/13: days change more often than years, else nothing tells
        return YEAR_FIRST if len(firsts) < len(lasts) else None
    return next(iter(found), None if is_open else DAY_FIRST)


@lru_cache(20_000)
def when(raw: str, order: str = DAY_FIRST) -> When:
    """A date, a time, or both, in one cell. Raises NoValue."""
    rest = re.sub(r"\s+", " ", re.sub(r"\([^()]*\)", " ", raw.lower())).strip()
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
    if day and (zone := _OFFSET.search(rest)):
        offset = timedelta(hours=int(zone[2] or 0), minutes=int(zone[3] or 0)) * (
            -1 if zone[1] == "-" else 1
        )
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


def _wall(rest: str) -> time:
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
    """How long: 50, "50 min", 1:30, "1h 15min", "1.5 hours". Raises NoValue."""
    text = raw.strip().lower().removeprefix("pt")
    if found := re.fullmatch(r"(\d{1,3}):(\d{2})(?::\d{2})?", text, re.A):
        if int(found[1]) > 24:  # 45:00 is more likely minutes and seconds
            raise NoValue("hours or minutes")
        return timedelta(hours=int(found[1]), minutes=int(found[2]))
    if found := re.fullmatch(r"(\d{1,2})[.,](\d{1,2})\s*(?:h|hr|hrs|hours?)", text, re.A):
        return timedelta(minutes=round(float(f"{found[1]}.{found[2]}") * 60))
    if re.fullmatch(r"\d{1,5}(\.0+)?", text, re.A):
        return timedelta(minutes=int(text.partition(".")[0]))
    found = _LENGTH.fullmatch(text)
    if not found or not (found[1] or found[2]):
        raise NoValue("no length")
    return timedelta(hours=int(found[1] or 0), minutes=int(found[2] or 0))


def amount(raw: str) -> int | None:
    """An amount in minor units: 65, "65 GBP", "£1,234.50", "1.234,50"; None for nothing.

    Raises NoValue.
    """
    text = re.sub(r"[\s']", "", _CURRENCY.sub("", "" if raw.strip().lower() in NOTHING else raw))
    if not text:
        return None
    if found := re.fullmatch(r"(\d{1,3}(?:[.,]\d{3})+|\d{1,7})(?:[.,](\d{1,2}))?", text, re.A):
        whole = re.sub(r"[.,]", "", found[1])
        if len(whole) <= 7:
            return int(whole) * 100 + int((found[2] or "0").ljust(2, "0"))
    raise NoValue("no amount")


def currency(raw: str) -> str:
    """The currency that an amount names, "" where it names none."""
    words = re.findall(r"[A-Z]{3}", raw.upper())
    return next((word for word in words if word in CODES), "") or next(
        (SIGNS[sign] for sign in SIGNS if sign in raw), ""
    )


def phones(raw: str) -> list[str]:
    """The telephone numbers of a cell, each with what it is called there.

    Such as "Mobile: 0400 000 001, Home: 02 7010 0001".
    """
    parts = [part.strip() for part in re.split(r"[,;\n]|:::", raw) if part.strip()]
    if not all(len(re.findall(r"\d", part)) >= 5 for part in parts):
        return [raw.strip()] if raw.strip() else []
    return [re.sub(r"(^|:\s*)'", r"\1", part) for part in parts]


def bare_phone(raw: str) -> str:
    """A number without what it is called: "Mobile: 0400 000 001"."""
    return re.sub(r"^[^\d+(:]*:\s*", "", raw)


def words_of(raw: str) -> str:
    """The words of a cell, to be looked up."""
    return re.sub(r"[\s_\-/]+", " ", search_key(raw)).strip()


def status(raw: str) -> str:
    """Our status for another program's word. Raises NoValue."""
    word = words_of(raw)
    if re.search(r"\bcancel", word) and not re.search(r"\b(not|never|no longer|un)\b", word):
        return "cancelled"  # in whatever words: by whom, how late, why
    if word not in STATUSES:
        raise NoValue("no status")
    return STATUSES[word]


def yes(raw: str) -> bool:
    """Whether a box is ticked. Raises NoValue."""
    word = search_key(raw)
    if word not in (*YES, *NO):
        raise NoValue("neither yes nor no")
    return word in YES


def paid(raw: str, rate: int | None, order: str = DAY_FIRST) -> bool | None:
    """Whether a cell says that all of `rate` is paid; None: a part.

    `rate` is in minor units; None: not known. A cell says so by a tick, in words, by the day or by
    the amount. Raises NoValue.
    """
    word = words_of(raw)
    if word in PARTLY_PAID:
        return None
    if word in (*PAID, *UNPAID):
        return word in PAID
    if word in (*YES, *NO):
        return word in YES
    try:
        if when(raw, order).date:
            return True
    except NoValue:
        pass
    if not any(character.isdigit() for character in raw):
        raise NoValue("no amount")
    given = amount(raw)
    return None if given and rate and given < rate else bool(given)


def names(raw: str) -> tuple[str, str]:
    """First and last name of one cell: "Ada Lovelace", or "Lovelace, Ada"."""
    last, comma, first = raw.partition(",")
    if comma and first.strip():
        return first.strip(), last.strip()
    first, _, last = raw.strip().partition(" ")
    return first, last.strip()
