"""Messages about bookings that lie outside changed hours. The bookings stay as they are."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flask import flash, url_for

from base import scheduling
from base.catalogue import ngettext
from free_times import outside_hours
from models import Booking, Practitioner, Venue
from views.kit import display


@contextmanager
def counting_outside(owner: Practitioner | Venue) -> Iterator[None]:
    """Compare before and after a change, and say on the next page how many bookings of the
    calendar, or of the venue, are outside the working hours because of it.
    """
    before = {row.id for row in outside_hours.to_come(owner)}
    yield
    warn_of_outside(owner, [row for row in outside_hours.to_come(owner) if row.id not in before])


def warn_of_outside(owner: Practitioner | Venue, found: Sequence[Booking]) -> None:
    """Say how many bookings these are, with a link to the booking or to the list of them."""
    if not found:
        return
    day = scheduling.local_day(found[0].starts_at, owner.zone)
    sentence = ngettext(
        "{count} booking lies outside these hours and stays, on {day}.",
        "{count} bookings lie outside these hours and stay, the first on {day}.",
        len(found),
        count=len(found),
        day=display.day(day, year=True),
    )
    several = len(found) > 1
    show = address(owner) if several else url_for("team_day.index", day=day)
    flash({"text": sentence, "show": show, "several": several}, "warning")


def address(owner: Practitioner | Venue) -> str:
    """The address of the list of bookings outside the hours."""
    if isinstance(owner, Venue):
        return url_for("dates.outside_of_venue", venue_id=owner.id)
    return url_for("dates.outside_of_calendar", calendar_id=owner.id)
