"""Fields about the days of a week, which begins on the first day of the reader's week."""

from typing import Any

from flask import request
from wtforms import Field

from base import day_names, opening_hours, region, scheduling
from base.catalogue import _

from .choices import Ticks


class Weekdays(Ticks):
    """Days of the week, in the reader's order; their values count from Monday (0)."""

    def __init__(self, label: str, is_short: bool = False, **kwargs: Any) -> None:
        names = day_names.SHORT_WEEKDAYS if is_short else day_names.WEEKDAYS
        days = [(str(n), names[n]) for n in region.weekdays()]
        super().__init__(label, choices=days, **kwargs)


class WeekHours(Field):
    """Hours of a week, up to two stretches a day: 28 time inputs of one name, in order
    (`templates/_hours.html`), from the day `first`.
    """

    DAYS = day_names.WEEKDAYS

    @property
    def first(self) -> int:
        """The weekday of the first input, 0 for Monday, in the page that was sent."""
        if not self.raw_data:
            return region.current.get().week_start
        sent = request.form.get(f"{self.name}-first", "0")
        return int(sent) if sent in ("5", "6") else 0

    def _days(self) -> list[int]:
        return [(self.first + n) % 7 for n in range(7)]

    def rows(self) -> list[tuple[str, list[str]]]:
        """For each day its name and four wall times: from, to, from, to; "" for empty ones."""
        if self.raw_data:
            flat = [*self.raw_data, *[""] * 28]
        else:
            stretches = [
                ([*(self.data or {}).get(day, []), ["", ""], ["", ""]])[:2]
                for day in (opening_hours.WEEKDAYS[n] for n in self._days())
            ]
            flat = [wall for day in stretches for stretch in day for wall in stretch]
        names = [self.DAYS[n] for n in self._days()]
        return [(day, flat[4 * n : 4 * n + 4]) for n, day in enumerate(names)]

    def process_formdata(self, valuelist: Any) -> None:
        walls = [value[:5] for value in [*valuelist, *[""] * 28][:28]]
        self.data = {}
        for n, number in enumerate(self._days()):
            day, name = opening_hours.WEEKDAYS[number], self.DAYS[number]
            start, end, start_again, end_again = walls[4 * n : 4 * n + 4]
            stretches = [pair for pair in ([start, end], [start_again, end_again]) if any(pair)]
            try:
                self.data.update(opening_hours.check_hours({day: stretches}))
            except scheduling.BadTime:
                raise ValueError(
                    _(
                        "{name}: write a start and a later end; a second stretch begins after the"
                        " first has ended",
                        name=name,
                    )
                ) from None
