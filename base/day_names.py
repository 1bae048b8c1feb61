"""Days and months in words, for every page, letter and command. Names come from the catalogue,
never from the machine's locale; the order is that of the `region`.
"""

from datetime import date, datetime

from . import region
from .catalogue import _, lazy

WEEKDAYS = (
    lazy("Monday"),
    lazy("Tuesday"),
    lazy("Wednesday"),
    lazy("Thursday"),
    lazy("Friday"),
    lazy("Saturday"),
    lazy("Sunday"),
)
SHORT_WEEKDAYS = (
    lazy("Mon"),
    lazy("Tue"),
    lazy("Wed"),
    lazy("Thu"),
    lazy("Fri"),
    lazy("Sat"),
    lazy("Sun"),
)
MONTHS = (
    lazy("January"),
    lazy("February"),
    lazy("March"),
    lazy("April"),
    lazy("May"),
    lazy("June"),
    lazy("July"),
    lazy("August"),
    lazy("September"),
    lazy("October"),
    lazy("November"),
    lazy("December"),
)
SHORT_MONTHS = (
    lazy("Jan"),
    lazy("Feb"),
    lazy("Mar"),
    lazy("Apr"),
    lazy("May"),
    lazy("Jun"),
    lazy("Jul"),
    lazy("Aug"),
    lazy("Sep"),
    lazy("Oct"),
    lazy("Nov"),
    lazy("Dec"),
)


def weekday(on: date) -> str:
    """Friday."""
    return str(WEEKDAYS[on.weekday()])


def short_weekday(on: date) -> str:
    """A weekday in short: Fri."""
    return str(SHORT_WEEKDAYS[on.weekday()])


def month(on: date) -> str:
    """November."""
    return str(MONTHS[on.month - 1])


def of_year(on: date) -> str:
    """November 2026."""
    return _("{month} {year}", month=month(on), year=on.year)


def plain(on: date, year: bool = True) -> str:
    """20 November 2026, or 20 November; in the order of the region: November 20, 2026."""
    order = region.current.get().date_order
    if order == "dmy":
        date_text = _("{day} {month}", day=on.day, month=month(on))
        return _("{day} {year}", day=date_text, year=on.year) if year else date_text
    date_text = _("{month} {day}", day=on.day, month=month(on))
    if not year:
        return date_text
    if order == "mdy":
        return _("{day}, {year}", day=date_text, year=on.year)
    return _("{year} {day}", day=date_text, year=on.year)


def full(on: date, year: bool = False) -> str:
    """Friday 20 November, with the year where asked; or Friday, November 20."""
    named = {"weekday": weekday(on), "day": plain(on, year)}
    if region.current.get().date_order == "dmy":
        return _("{weekday} {day}", **named)
    return _("{weekday}, {day}", **named)


def short(on: date, year: bool = False) -> str:
    """Fri 20 Nov, or Fri, Nov 20; with the year if asked."""
    order = region.current.get().date_order
    named = {"weekday": short_weekday(on), "month": str(SHORT_MONTHS[on.month - 1])}
    if order == "dmy":
        date_text = _("{weekday} {day} {month}", day=on.day, **named)
        return _("{day} {year}", day=date_text, year=on.year) if year else date_text
    date_text = _("{weekday}, {month} {day}", day=on.day, **named)
    return _("{day}, {year}", day=date_text, year=on.year) if year else date_text


def moment(at: datetime) -> str:
    """20 November 2026, 14:05, on the clock of its zone, which is named in the hour that comes
    twice.
    """
    return _("{day}, {clock}", day=plain(at), clock=region.clear_clock(at))
