"""Days and months in words, for every page, letter and command: by the catalogue, never by the
machine's locale.
"""

from datetime import date, datetime

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
    """Fri."""
    return str(SHORT_WEEKDAYS[on.weekday()])


def month(on: date) -> str:
    """November."""
    return str(MONTHS[on.month - 1])


def of_year(on: date) -> str:
    """November 2026."""
    return _("{month} {year}", month=month(on), year=on.year)


def plain(on: date, year: bool = True) -> str:
    """20 November 2026, or 20 November."""
    said = _("{day} {month}", day=on.day, month=month(on))
    return _("{day} {year}", day=said, year=on.year) if year else said


def full(on: date, year: bool = False) -> str:
    """Friday 20 November, with the year where asked."""
    return _("{weekday} {day}", weekday=weekday(on), day=plain(on, year))


def short(on: date) -> str:
    """Fri 20 Nov."""
    named = {"weekday": short_weekday(on), "month": str(SHORT_MONTHS[on.month - 1])}
    return _("{weekday} {day} {month}", day=on.day, **named)


def moment(at: datetime) -> str:
    """20 November 2026, 14:05, on the clock of its zone."""
    return _("{day}, {clock}", day=plain(at), clock=f"{at:%H:%M}")
