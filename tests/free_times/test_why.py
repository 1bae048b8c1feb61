"""The reasons why somebody is not free. They always agree with the list of free times."""

import random
from datetime import UTC, date, datetime, timedelta

import external
import pytest

from base.scheduling import Span
from base.tables.time_off import DatedHours, TimeOff
from free_times.finding import Wish, free_times
from free_times.rules import OnlineRules
from free_times.why import Reason, reasons
from models import Booking, Service

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a Thursday; London is on UTC then
THURSDAY = date(2026, 11, 26)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def busy(linden, clock):
    """A day with one of everything.

    A booking with gaps at 10:00, lunch at 12:00, an event outside at 14:00, and hours until 16:00.
    """
    service = Service.create(
        clinic=linden.clinic, name="First", gap_before_minutes=10, buffer_minutes=20
    )
    (linden.row,) = Booking.book(
        linden.calendar, [Span(NINE + HOUR, NINE + 2 * HOUR)], linden.pat, service=service
    )
    lunch = {"first_on": THURSDAY, "last_on": THURSDAY, "zone_name": "Europe/London"}
    TimeOff.add(linden.pat, linden.pat, kind="lunch", starts="12:00", ends="13:00", **lunch)
    external.event(external.source(linden.pat), "Dentist", f"{THURSDAY} 14:00", f"{THURSDAY} 14:30")
    DatedHours.add(linden.street, THURSDAY, [["08:30", "16:00"]], linden.maya, "Stocktaking")
    return linden


def why(linden, hours: float, minutes: int = 30, step: int = 5, **more) -> list[Reason]:
    wish = Wish(linden.calendar, minutes, more.pop("before", 0), more.pop("after", 0))
    (found,) = reasons([wish], NINE + hours * HOUR, step, **more)
    return found


def kinds(linden, hours: float, minutes: int = 30, **more) -> list[str]:
    return [one.kind for one in why(linden, hours, minutes, **more)]


def test_a_free_time_has_no_reason(busy):
    assert why(busy, 2.5) == []


def test_each_reason_is_named(busy):
    assert [one.booking for one in why(busy, 1)] == [busy.row]
    (off,) = why(busy, 3)
    assert (off.kind, off.off.off.kind) == ("time_off", "lunch")
    (event,) = why(busy, 5)
    assert (event.kind, event.event.title) == ("event", "Dentist")
    (hours,) = why(busy, 7)
    assert (hours.kind, hours.hours, hours.name) == ("hours", [["09:00", "16:00"]], "Stocktaking")
    assert kinds(busy, 2.5, earliest=NINE + 3 * HOUR) == ["past"]
    assert kinds(busy, 2.55, 20, step=15) == ["step"]
    assert kinds(busy, 2.5, 180) == ["event", "time_off"]


def test_a_gap_names_its_neighbour_how_long_it_is_and_on_which_side(busy):
    (after_it,) = why(busy, 2)
    assert (after_it.kind, after_it.booking, after_it.minutes, after_it.side) == (
        *("gap", busy.row, 20, "before"),
    )
    (before_it,) = why(busy, 0.5, 30, after=25)
    assert (before_it.kind, before_it.minutes, before_it.side) == ("gap", 25, "after")
    (lunch,) = why(busy, 2.5, 30, after=15)
    assert (lunch.kind, lunch.off.off.kind, lunch.minutes) == ("gap", "lunch", 15)


def test_a_holiday_closes_the_day_by_its_name(linden, clock):
    DatedHours.create(
        clinic=linden.clinic, venue=linden.street, day=THURSDAY, name="Feast", is_holiday=True
    )
    (reason,) = why(linden, 2)
    assert (reason.kind, reason.hours, reason.name) == ("hours", [], "Feast")


def test_bookings_that_are_about_to_move_do_not_count(busy):
    assert kinds(busy, 1, but=[busy.row.id]) == []


def test_reasons_agree_with_the_list_of_free_times(linden, clock):
    """Random days over both changes of the clocks, on the grid and off it."""
    chance = random.Random(7)
    calendar = external.source(linden.pat)
    plain = {"clinic": linden.clinic, "practitioner": linden.calendar}
    linden.calendar.venue.hours = {"fri": [["20:00", "00:00"]], "sat": [["00:00", "03:00"]]}
    ever = [False, False]  # by the team's ways, by clients
    services = [
        Service.create(
            clinic=linden.clinic, name=f"{n}", gap_before_minutes=n, buffer_minutes=25 - n
        )
        for n in (0, 10, 25)
    ]
    for n, first in enumerate(
        (datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC))
    ):
        linden.calendar.set_hours(
            linden.pat,
            {"fri": [["22:00", "00:00"]], "sat": [["00:00", "04:00"]], "sun": [["00:00", "12:00"]]},
        )

        def some(most: int = 72, first=first) -> datetime:
            return first + chance.randrange(most * 12) * 5 * MINUTE

        for _ in range(12):
            at = some()
            Booking.create(
                **plain,
                service=chance.choice([None, *services]),
                starts_at=at,
                ends_at=at + chance.choice((20, 50)) * MINUTE,
                status=chance.choice(("confirmed", "pending", "cancelled")),
                online=chance.choice((True, False, None, None)),
            )
        at = some()
        external.event(calendar, f"{n}", f"{at:%Y-%m-%d %H:%M}", f"{at + HOUR:%Y-%m-%d %H:%M}")
        off = {"first_on": at.date(), "last_on": at.date(), "zone_name": "Europe/London"}
        TimeOff.add(linden.pat, None, kind="lunch", starts="01:00", ends="02:30", **off)
        rules = OnlineRules(8 * HOUR, 60 * HOUR, 1, outside_blocks=False)
        for step, own in ((5, None), (15, None), (20, None), (5, rules), (15, rules)):
            wish = Wish(linden.calendar, 35, 5, 15, own)
            earliest = some(30)
            last = first + 84 * HOUR
            found = free_times([wish], earliest, last, step, now=earliest)
            listed = {one.starts_at for one in found}
            asked = {some(80) for _ in range(25)} | set(
                chance.sample(sorted(listed), min(8, len(listed)))
            )
            for at in asked:
                (found,) = reasons([wish], at, step, earliest=earliest)
                assert (at in listed) == (not found), (at, step, found)
            ever[own is not None] |= bool(listed)
    assert ever == [True, True]


def test_reasons_take_at_most_six_queries(busy, linden, caplog):
    caplog.set_level("DEBUG", "peewee")
    wishes = [Wish(one, 360) for one in (linden.calendar, linden.colleague_calendar, linden.abroad)]
    found = reasons(wishes, NINE + 0.75 * HOUR, 15)
    assert len(found[0]) >= 3 and not found[1] and found[2]
    assert len([record for record in caplog.records if record.name == "peewee"]) <= 6
