"""Days and months in words come from the catalogue, everywhere."""

import gettext
import re
from datetime import UTC, date, datetime
from pathlib import Path

from base import catalogue, day_names

TOP = Path(__file__).parents[2]
ROOMS = ("base", "free_times", "letters", "operate", "people", "sync", "templates", "views")


class Capitals(gettext.NullTranslations):
    """A language in which everything is loud, and the month comes first."""

    def gettext(self, message):
        swapped = {"{day} {month}": "{month} {day}."}.get(message, message)
        return swapped if "{" in swapped else swapped.upper()


def test_days_and_months_are_in_english():
    on, at = date(2026, 5, 1), datetime(2026, 11, 20, 9, 5, tzinfo=UTC)
    assert day_names.full(on) == "Friday 1 May"
    assert day_names.full(on, year=True) == "Friday 1 May 2026"
    assert day_names.short(date(2026, 9, 2)) == "Wed 2 Sep"
    assert day_names.plain(on) == "1 May 2026" and day_names.plain(on, year=False) == "1 May"
    assert day_names.of_year(on) == "May 2026"
    assert day_names.moment(at) == "20 November 2026, 09:05"
    assert [f"{date(2026, month, 1):%B %b}" for month in range(1, 13)] == [
        f"{long} {short}"
        for long, short in zip(day_names.MONTHS, day_names.SHORT_MONTHS, strict=True)
    ]


def test_in_another_language():
    mark = catalogue.translations.set(Capitals())
    try:
        assert day_names.full(date(2026, 11, 20), year=True) == "FRIDAY NOVEMBER 20. 2026"
        assert day_names.short(date(2026, 11, 20)) == "FRI 20 NOV"
        assert day_names.of_year(date(2026, 11, 20)) == "NOVEMBER 2026"
    finally:
        catalogue.translations.reset(mark)


def test_nothing_asks_the_machine_for_a_name():
    files = [path for room in ROOMS for path in (TOP / room).rglob("*") if path.is_file()]
    named = [
        str(path.relative_to(TOP))
        for path in [*files, *TOP.glob("*.py")]
        if path.suffix in (".py", ".html", ".txt") and re.search(r"%-?[aAbBcx]\b", path.read_text())
    ]
    assert named == []
