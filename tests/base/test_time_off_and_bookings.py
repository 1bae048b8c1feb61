"""Time off is refused like any taken time until somebody agrees, in series, undo and handing over.
An agreement covers only the conflicts that were shown.
"""

from datetime import UTC, date, datetime, timedelta

import pytest

from base.bookings.clashes import SlotTaken
from base.scheduling import Span
from base.tables.time_off import TimeOff
from free_times import busy
from models import Booking
from people import leftover

MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


def spans(count=1, start=MONDAY):
    hour, week = timedelta(hours=1), timedelta(days=7)
    return [Span(start + n * week, start + n * week + hour) for n in range(count)]


def lunch(user, **more):
    when = {"first_on": MONDAY.date(), "last_on": MONDAY.date(), "starts": "12:00", "ends": "13:00"}
    return TimeOff.add(user, user, kind="lunch", zone_name="Europe/London", **when | more)


def test_a_booking_over_it_is_refused_until_somebody_agrees(linden, clock):
    row = lunch(linden.pat)
    with pytest.raises(SlotTaken) as refused:
        Booking.book(linden.calendar, spans(), linden.pat)
    assert [one.off.id for one in refused.value.away] == [row.id]
    (clash,) = refused.value.clashes
    row.change(linden.pat, starts="12:30")
    with pytest.raises(SlotTaken):  # what they agreed to stands elsewhere now
        Booking.book(linden.calendar, spans(), linden.pat, allow_overlap=clash.keys)
    row.change(linden.pat, starts="12:00")
    Booking.book(linden.calendar, spans(), linden.pat, allow_overlap=clash.keys)
    assert Booking.select().count() == 1
    Booking.book(linden.colleague_calendar, spans(), linden.quinn)  # a colleague works


def test_a_series_may_skip_weeks_of_time_off(linden, clock):
    lunch(linden.pat, weekly=True, until=date(2026, 11, 30))
    made = Booking.book(linden.calendar, spans(4), linden.pat, skip_taken=True)
    assert [row.starts_at.day for row in made] == [7, 14] and len(made.skipped) == 2


def test_moving_onto_it_and_taking_back_a_cancellation(linden, clock):
    booking = Booking.book(linden.calendar, spans(start=MONDAY + timedelta(hours=2)), None)[0]
    row = lunch(linden.pat, ends="15:00", starts="14:00")
    booking.set_status("arrived", linden.pat)  # it was there before: nothing is asked
    with pytest.raises(SlotTaken):
        booking.change(
            linden.pat, Span(MONDAY + timedelta(hours=1.5), MONDAY + timedelta(hours=2.5))
        )
    booking.cancel(linden.pat)
    booking.undo_status(linden.pat)  # it overlapped before
    assert Booking.get_by_id(booking.id).status == "arrived"
    row.remove(linden.pat)
    booking.cancel(linden.pat)
    row.bring_back(linden.pat)
    with pytest.raises(SlotTaken):
        booking.undo_status(linden.pat)


def test_whom_bookings_may_be_handed_to(linden, clock):
    rows = Booking.book(linden.calendar, spans(2), None)
    lunch(linden.quinn)
    assert leftover.free_for(linden.colleague_calendar, rows) == 1
    done = leftover.hand_over(rows, linden.colleague_calendar, linden.maya)
    assert len(done.done) == 1 and len(done.stayed) == 1


def test_the_next_free_time_leaves_it_out(linden, clock):
    lunch(linden.pat)
    held = busy.busy_times(linden.pat.id, MONDAY, MONDAY + timedelta(hours=3), linden.calendar.zone)
    assert held == [(MONDAY, MONDAY + timedelta(hours=1))]
