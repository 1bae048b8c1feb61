"""The wishes of a client on the waiting list: with which person, on which days, at which hours."""

from collections.abc import Sequence
from datetime import time
from typing import Any

from base import day_names, region
from base.catalogue import _, lazy
from free_times.earlier import entries, joining
from free_times.earlier.entries import WaitingEntry, Wanted
from free_times.own_terms import ServiceTerms
from models import Booking, Venue

from .choices import Choice
from .forms import Clock, Day, Form
from .week_fields import Weekdays


class WantedForm(Form):
    """The wishes of a client who waits. `calendars`: those that offer the service."""

    with_whom = Choice(lazy("With"), default="")
    days = Weekdays(lazy("On these days"))
    from_wall = Clock(lazy("Begins from"))
    to_wall = Clock(lazy("Begins before"))
    until = Day(lazy("Until"))

    def __init__(
        self,
        terms: Sequence[ServiceTerms],
        venue: Venue | None,
        entry: WaitingEntry | None = None,
        typed: Any = None,
        with_csrf: bool = True,
    ) -> None:
        super().__init__(
            formdata=typed, data=_data(entry), meta={} if with_csrf else {"csrf": False}
        )
        self.calendars = [
            one.calendar for one in terms if venue is None or one.calendar.venue_id == venue.id
        ]
        self.venue = venue
        several = len({one.venue_id for one in self.calendars}) > 1
        self.with_whom.choices = [
            ("", _("Anyone who is free")),
            *(
                (str(one.id), f"{one.user.name}, {one.venue.name}" if several else one.user.name)
                for one in self.calendars
            ),
        ]

    def validate(self, **kwargs: Any) -> bool:
        super().validate(**kwargs)
        first, last = self.from_wall.data, self.to_wall.data
        if first and last and last <= first and not self.errors:
            self.fault("to_wall", _("Write a later time than “Begins from”"))
        return not self.errors

    def wanted(self) -> Wanted:
        """The wishes in the form, for storing."""
        chosen = self.with_whom.data
        return Wanted(
            [int(chosen)] if chosen else [],
            self.venue,
            [int(day) for day in self.days.data or []],
            self.from_wall.data,
            self.to_wall.data,
            self.until.data if self.until else None,
        )


def _data(entry: WaitingEntry | None) -> dict[str, Any]:
    if entry is None:
        return {}
    return {
        "with_whom": str(entry.calendars[0]) if entry.calendars else "",
        "days": [str(day) for day in entry.weekdays],
        "from_wall": _wall(entry.from_wall),
        "to_wall": _wall(entry.to_wall),
        "until": entry.until,
    }


def _wall(text: str) -> time | None:
    return time.fromisoformat(text) if text else None


def card(booking: Booking, may_move: bool) -> dict[str, str] | None:
    """The wishes on one line, for the client's page of an appointment; "" if there are none yet.
    None if the client may not ask. `may_move`: whether they may take another time at all.
    """
    entry = entries.of_booking(booking)
    if entry is not None:
        return {"suits": in_words(entry)}
    return {"suits": ""} if joining.may_ask(booking, may_move) else None


def in_words(entry: WaitingEntry) -> str:
    """The wishes, on one line."""
    days = [str(day_names.WEEKDAYS[day]) for day in entry.weekdays]
    parts = [
        ", ".join(days) if days else _("any day"),
        _hours(entry),
        _("until {day}", day=day_names.plain(entry.until, year=False)) if entry.until else "",
    ]
    return ", ".join(part for part in parts if part)


def _hours(entry: WaitingEntry) -> str:
    first, last = (wall and region.wall(wall) for wall in (entry.from_wall, entry.to_wall))
    if first and last:
        return _("between {first} and {last}", first=first, last=last)
    if first:
        return _("from {first}", first=first)
    return _("before {last}", last=last) if last else ""
