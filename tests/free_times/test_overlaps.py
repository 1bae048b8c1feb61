"""No two bookings of a person overlap unless somebody agreed: each way of taking time asks,
agreements are stored, and the nightly check finds overlaps without one.
"""

import runpy
from datetime import UTC, datetime, timedelta

import external
import pytest

from base.bookings.agreements import Agreement
from base.bookings.clashes import ClosedCalendar, SlotTaken
from base.database import database
from base.scheduling import BadTime, Span, whole_days
from base.tables.time_off import TimeOff
from free_times import overlaps
from models import Booking, Clinic, Practitioner, User, Venue
from operate import overlap_check as nightly
from operate.migrate import DIRECTORY

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def span(hours: float = 0, length: timedelta = HOUR) -> Span:
    return Span(NINE + hours * HOUR, NINE + hours * HOUR + length)


@pytest.fixture
def book(linden, clock):
    def make(*spans, calendar=linden.calendar, **fields):
        return Booking.book(calendar, list(spans) or [span()], linden.pat, **fields)

    return make


def keys(row: Booking, span: Span, **change) -> set[str]:
    """What the page would name before a change."""
    return {key for clash in row.clashes(None, span, **change) for key in clash.keys}


def found(linden) -> list[tuple[int, int, bool]]:
    return [(one.first, one.second, one.is_agreed) for one in overlaps.pairs(linden.clinic)]


def test_what_was_booked_over_another_with_consent_is_agreed(book, linden):
    (one,) = book()
    (two,) = book(span(0.5), allow_overlap=True)
    assert found(linden) == [(one.id, two.id, True)]
    (by,) = Agreement.select()
    assert (by.by, by.how, by.booking_id) == (linden.pat, "person", two.id)


@pytest.mark.parametrize("venue", ["street", "harbour"])
def test_what_came_by_another_way_is_found_at_whichever_venue(book, linden, venue):
    calendar = Practitioner.open(linden.pat, getattr(linden, venue), None)
    (one,) = book()
    plain = {"clinic": linden.clinic, "practitioner": calendar, "status": "pending"}
    two = Booking.create(starts_at=NINE + HOUR / 2, ends_at=NINE + HOUR * 2, **plain)
    Booking.create(starts_at=NINE + 2 * HOUR, ends_at=NINE + HOUR * 3, **plain)
    Booking.create(starts_at=NINE, ends_at=NINE + HOUR, **plain | {"status": "cancelled"})
    assert found(linden) == [(one.id, two.id, False)]


def test_a_long_booking_overlaps_every_booking_within_it(book, linden):
    (whole,) = book(whole_days(NINE.date(), NINE.date() + DAY, linden.street.zone))
    later = [book(span(n), allow_overlap=True)[0] for n in (0, 2, 20)]
    assert found(linden) == [(whole.id, row.id, True) for row in later]
    assert overlaps.pairs(linden.clinic, later[-1].id) == []


def test_consent_is_void_once_either_moves(book, linden):
    (one,) = book()
    (two,) = book(span(0.5), allow_overlap=True)
    agreed = keys(two, span(0.75))
    two.change(None, span(0.75), allow_overlap=agreed)
    assert found(linden) == [(one.id, two.id, True)]
    one.change(None, span(0, HOUR * 3 / 2), allow_overlap=True)
    assert found(linden) == [(one.id, two.id, True)]
    Booking.update(ends_at=NINE + HOUR * 2).where(Booking.id == one.id).execute()
    Agreement.delete().where(Agreement.booking == one).execute()
    assert found(linden) == [(one.id, two.id, False)]


def test_consent_to_a_booking_that_moved_meanwhile_is_none(book, linden):
    (one,) = book()
    (two,) = book(span(3))
    shown = keys(two, span(0.75))
    one.change(None, span(0.25))
    with pytest.raises(SlotTaken):
        two.change(None, span(0.75), allow_overlap=shown)
    two.change(None, span(0.75), allow_overlap=keys(two, span(0.75)))
    assert found(linden) == [(one.id, two.id, True)]


def test_consent_to_an_event_outside_that_moved_meanwhile_is_none(book, linden):
    event = external.event(
        external.source(linden.pat), "Fair", f"{NINE:%Y-%m-%d} 09:00", f"{NINE:%Y-%m-%d} 09:30"
    )
    (row,) = book(span(3))
    shown = keys(row, span())
    event.ends_at += HOUR
    event.save()
    with pytest.raises(SlotTaken):
        row.change(None, span(), allow_overlap=shown)


def test_pages_of_an_earlier_version_name_bookings_without_their_time(book, linden):
    (one,) = book()
    (two,) = book(span(0.5), allow_overlap={f"b{one.id}"})
    assert found(linden) == [(one.id, two.id, True)]


def test_a_series_that_overlaps_takes_its_consent_along(book, linden):
    one, _ = book(span(), span(7 * 24))
    (two,) = book(span(0.5), allow_overlap=True)
    Booking.update(series=one.series).where(Booking.id == two.id).execute()
    one.change(None, span(24), which="all")  # the day after, each at its own hour
    (pair,) = overlaps.pairs(linden.clinic)
    assert pair.is_agreed and {pair.first, pair.second} == {one.id, two.id}


@pytest.mark.parametrize("other", ["settled", "at another hour"])
def test_a_series_asks_where_two_of_it_would_overlap_otherwise_than_now(book, linden, other):
    one, _ = book(span(), span(7 * 24))
    (two,) = book(span(0.75), allow_overlap=True)
    status = "delivered" if other == "settled" else "confirmed"
    Booking.update(series=one.series, status=status).where(Booking.id == two.id).execute()
    one = Booking.get_by_id(one.id)
    by = 0.5 if other == "settled" else 4  # both would take the hour of this one
    with pytest.raises(SlotTaken):
        one.change(None, span(by), which="all")
    one.change(None, span(by), which="all", allow_overlap=keys(one, span(by), which="all"))
    assert all(pair.is_agreed for pair in overlaps.pairs(linden.clinic))
    assert len(overlaps.pairs(linden.clinic)) == 1


def test_undo_of_a_cancellation_brings_back_what_was_agreed_to(book, linden):
    (one,) = book()
    (two,) = book(span(0.5), allow_overlap=True)
    one.cancel(linden.pat)
    assert found(linden) == []
    assert one.undo_status(linden.pat)
    assert found(linden) == [(one.id, two.id, True)]


# ---- confirming ----


def test_confirming_checks_again_what_came_since(book, linden):
    (row,) = book(status="pending")
    external.event(
        external.source(linden.pat), "Fair", f"{NINE:%Y-%m-%d} 09:00", f"{NINE:%Y-%m-%d} 09:30"
    )
    for confirm in (
        lambda **how: row.set_status("confirmed", linden.pat, **how),
        lambda **how: row.set_status("arrived", linden.pat, **how),
        lambda **how: row.change(linden.pat, row.span, status="confirmed", **how),
    ):
        with pytest.raises(SlotTaken) as refusal:
            confirm()
        assert Booking.get_by_id(row.id).status == "pending"
    agreed = {key for clash in refusal.value.clashes for key in clash.keys}
    row.set_status("confirmed", linden.pat, allow_overlap=agreed)
    assert Booking.get_by_id(row.id).status == "confirmed"


def test_confirming_does_not_ask_again_for_what_was_agreed_to(book, linden):
    day = f"{NINE:%Y-%m-%d}"
    calendar = external.source(linden.pat)
    external.event(calendar, "Fair", f"{day} 09:00", f"{day} 09:30")
    book(allow_overlap=True)
    (row,) = book(span(0.25), status="pending", allow_overlap=True)
    row.set_status("confirmed", linden.pat)
    (again,) = book(span(0.5), status="pending", allow_overlap=True)
    external.event(calendar, "Dentist", f"{day} 09:30", f"{day} 10:00")
    with pytest.raises(SlotTaken):
        again.set_status("confirmed", linden.pat)


def test_what_only_became_of_a_visit_is_not_asked_for(book, linden):
    (row,) = book(status="pending")
    TimeOff.add(linden.pat, None, kind="sick", first_on=NINE.date(), last_on=NINE.date())
    row.set_status("delivered", linden.pat)
    assert Booking.get_by_id(row.id).status == "delivered"


def test_a_confirmation_of_a_series_may_skip_what_is_taken(book, linden):
    one, two = book(span(), span(7 * 24), status="pending")
    TimeOff.add(linden.pat, None, kind="sick", first_on=NINE.date(), last_on=NINE.date())
    changed = one.set_status("confirmed", linden.pat, which="all", skip_taken=True)
    statuses = [Booking.get_by_id(row.id).status for row in (one, two)]
    assert statuses == ["pending", "confirmed"] and len(changed.skipped) == 1


def test_who_skips_what_is_taken_and_is_left_with_nothing_is_refused(book):
    book()
    with pytest.raises(SlotTaken):
        book(skip_taken=True, allow_overlap=True)


# ---- what nobody can mean ----


def test_a_series_cannot_meet_itself(book):
    long = span(0, 9 * DAY)
    with pytest.raises(BadTime, match="each_other"):
        book(long, Span(long.starts_at + 7 * DAY, long.ends_at + 7 * DAY))
    assert not Booking.select().exists()


@pytest.mark.parametrize("closed", ["calendar", "venue", "person"])
def test_nothing_is_booked_in_a_calendar_that_was_closed_meanwhile(book, linden, closed):
    stale = Practitioner.get_by_id(linden.calendar.id)
    (row,) = book(calendar=linden.colleague_calendar)
    if closed == "calendar":
        linden.calendar.set_archived(True, None)
    elif closed == "venue":
        Venue.get_by_id(linden.street.id).set_archived(True, None)
    else:
        User.get_by_id(linden.pat.id).leave(None)
    with pytest.raises(ClosedCalendar):
        Booking.book(stale, [span(3)], linden.maya)
    with pytest.raises(ClosedCalendar):
        row.change(linden.maya, span(5), practitioner=stale)
    assert Booking.select().count() == 1


def test_what_is_left_in_a_closed_calendar_can_still_be_moved_and_called_off(book, linden):
    (row,) = book()
    linden.calendar.set_archived(True, None)
    row.change(linden.maya, span(2))
    row.cancel(linden.maya)


def test_whole_days_do_not_come_to_overlap_when_a_venue_changes_its_zone(book, linden):
    book(whole_days(NINE.date(), NINE.date(), linden.street.zone))
    (night,) = book(span(16))  # 01:00 of the next day in London, the same day in New York
    fields = {name: getattr(linden.street, name) for name in ("name", "address", "hours")}
    with pytest.raises(SlotTaken):
        linden.street.change(None, zone_name="America/New_York", **fields)
    assert Venue.get_by_id(linden.street.id).zone_name == "Europe/London"
    night.cancel(None)
    linden.street.change(None, zone_name="America/New_York", **fields)
    assert found(linden) == []


def test_consent_stays_with_whole_days_whose_venue_changes_its_zone(book, linden):
    (day,) = book(whole_days(NINE.date(), NINE.date(), linden.street.zone))
    (two,) = book(span(6), allow_overlap=True)
    fields = {name: getattr(linden.street, name) for name in ("name", "address", "hours")}
    linden.street.change(None, zone_name="Europe/Paris", **fields)
    assert found(linden) == [(day.id, two.id, True)]


# ---- every night ----


def test_the_nightly_check_counts_both_kinds(book, linden, stranger, clock):
    (one,) = book()
    (two,) = book(span(0.5), allow_overlap=True)
    (three,) = book(span(4))
    Booking.update(starts_at=NINE + HOUR, ends_at=NINE + HOUR * 2).where(
        Booking.id == three.id
    ).execute()
    nightly.check_clinics()
    clinic = Clinic.get_by_id(linden.clinic.id)
    assert clinic.overlaps_checked_at == clock.now
    assert clinic.overlaps == {
        "nobody": 1,
        "agreed": 1,
        "nobody_ids": [[two.id, three.id]],
        "agreed_ids": [[one.id, two.id]],
    }
    assert Clinic.get_by_id(stranger.clinic_id).overlaps["nobody"] == 0
    assert [fine for fine, _ in nightly.examine()] == [False]
    three.change(None, span(4))
    assert list(nightly.examine()) == [
        (True, "Bookings: 0 overlaps that nobody agreed to, 1 that somebody did.")
    ]


def test_what_overlapped_before_this_was_written_down_counts_as_agreed_to(book, linden):
    plain = {"clinic": linden.clinic, "practitioner": linden.calendar, "status": "confirmed"}
    abroad = Practitioner.open(linden.pat, linden.harbour, None)
    one = Booking.create(starts_at=NINE, ends_at=NINE + 3 * HOUR, **plain)
    two = Booking.create(starts_at=NINE, ends_at=NINE + HOUR, **plain | {"practitioner": abroad})
    three = Booking.create(starts_at=NINE + 2 * HOUR, ends_at=NINE + 4 * HOUR, **plain)
    Booking.create(starts_at=NINE, ends_at=NINE + HOUR, **plain | {"status": "no_show"})
    assert [pair.is_agreed for pair in overlaps.pairs(linden.clinic)] == [False, False]
    migration = runpy.run_path(str(DIRECTORY / "0025_agreed_overlaps.py"))
    database.execute_sql(migration["_KEEP"].replace("%s", "1"))
    assert found(linden) == [(one.id, two.id, True), (one.id, three.id, True)]
    assert {row.how for row in Agreement.select()} == {"earlier"}
