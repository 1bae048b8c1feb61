"""The rules of bookings: taken time, series, statuses, undoing, two requests at once."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

import models
from base.bookings.clashes import SlotTaken
from base.bookings.statuses import FREE_STATUSES, STATUSES
from base.scheduling import Span, repeats
from models import AuditEntry, Booking, Patient, Practitioner

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a Thursday; London is on UTC then
HOUR = timedelta(hours=1)


def span(hours: float = 0, length: timedelta = HOUR) -> Span:
    """A span that begins so many hours after nine."""
    start = NINE + timedelta(hours=hours)
    return Span(start, start + length)


@pytest.fixture
def book(linden, clock):
    def make(*spans, **fields):
        return Booking.book(linden.calendar, list(spans) or [span()], linden.pat, **fields)

    return make


@pytest.fixture
def series(linden, book):
    return book(*repeats(span(), linden.street.zone, 1, count=4), patient=linden.patient)


def statuses(rows):
    return [
        row.status
        for row in Booking.select()
        .where(Booking.id.in_([row.id for row in rows]))
        .order_by(Booking.starts_at)
    ]


def test_taken_time_is_refused_and_names_what_is_in_the_way(book):
    (first,) = book()
    with pytest.raises(SlotTaken) as refusal:
        book(span(0.5))
    assert refusal.value.conflicts == [first]
    assert Booking.select().count() == 1


def test_one_booking_may_begin_when_the_other_ends(book):
    book(), book(span(1)), book(span(-1))
    assert Booking.select().count() == 3


def test_a_person_is_busy_at_every_venue_at_once(linden, clock):
    Booking.book(linden.colleague_calendar, [span()], linden.quinn)
    with pytest.raises(SlotTaken):
        Booking.book(linden.abroad, [span()], linden.quinn)


@pytest.mark.parametrize("status", FREE_STATUSES)
def test_offered_cancelled_and_missed_bookings_hold_no_time(book, status):
    book(status=status)
    assert book()


@pytest.mark.parametrize("status", STATUSES)
def test_at_its_end_a_booking_is_not_over_and_takes_no_more_time(book, clock, status):
    (booking,) = book(status=status)
    happens, is_busy = status != "cancelled", status not in FREE_STATUSES
    moment = timedelta(microseconds=1)
    known = []
    for at in (booking.ends_at - moment, booking.ends_at, booking.ends_at + moment):
        clock.now = at
        known.append((booking.is_over, booking.is_ahead, booking.is_busy_yet))
    assert known == [
        (False, happens, is_busy),
        (False, happens, False),
        (True, False, False),
    ]


def test_no_booking_of_a_series_is_made_if_one_time_is_taken(linden, book):
    book(span(24 * 7))
    with pytest.raises(SlotTaken):
        book(*repeats(span(), linden.street.zone, 1, count=3))
    assert Booking.select().count() == 1


def test_the_same_form_sent_twice_makes_one_booking_and_one_client(book, linden):
    key = uuid.uuid4()

    def mo():
        return Patient.named(linden.clinic, linden.pat, "Mo Farrell")

    first, second = book(key=key, new_client=mo), book(key=key, new_client=mo)
    assert [row.id for row in first] == [row.id for row in second]
    assert Patient.select().where(Patient.last_name == "Farrell").count() == 1


def test_the_same_form_sent_again_for_another_time_books_it(book):
    key = uuid.uuid4()
    assert book(key=key) != book(span(3), key=key)


def _moved(made, linden):
    made.change(linden.maya, span(5))


def _handed_over(made, linden):
    made.change(linden.maya, made.span, practitioner=linden.colleague_calendar)


def _cancelled(made, linden):
    made.cancel(linden.maya)


def _taken_out(made, linden):
    made.change(linden.maya, span(5), practitioner=linden.colleague_calendar)
    made.set_status("no_show", linden.maya)


BECAME = [_moved, _handed_over, _cancelled, _taken_out]


@pytest.mark.parametrize("became", BECAME)
@pytest.mark.parametrize("count", [1, 3])
def test_a_form_sent_twice_gives_its_booking_whatever_became_of_it(linden, book, became, count):
    key, spans = uuid.uuid4(), repeats(span(), linden.street.zone, 1, count=count)
    if count == 1:
        spans = spans[:1]
    made = book(*spans, key=key)
    became(made[0], linden)
    linden.calendar.set_archived(True, linden.maya)
    again = book(*spans, key=key)
    assert {row.id for row in again} == {row.id for row in made} and again.is_again
    assert Booking.select().count() == len(made)


def test_the_same_form_for_another_calendar_length_or_count_is_another_form(linden, book):
    key = uuid.uuid4()
    (first,) = book(key=key)
    (other,) = Booking.book(linden.colleague_calendar, [span()], linden.maya, key=key)
    assert other.id != first.id
    for spans in ([span(length=2 * HOUR)], repeats(span(), linden.street.zone, 1, count=2)):
        with pytest.raises(SlotTaken):
            book(*spans, key=key)


def test_a_form_of_a_series_sent_twice_gives_the_series_back(linden, book):
    key, spans = uuid.uuid4(), repeats(span(), linden.street.zone, 1, count=3)
    assert book(*spans, key=key) == book(*spans, key=key)
    assert Booking.select().count() == 3


@pytest.mark.parametrize("same_form", [False, True])
def test_one_of_two_simultaneous_requests_wins(linden, clock, same_form):
    start, outcomes, key = threading.Barrier(8), [], uuid.uuid4()

    def request():
        with models.database.connection_context():
            calendar = Practitioner.get_by_id(linden.calendar.id)
            start.wait()
            try:
                outcomes.append(
                    Booking.book(calendar, [span()], calendar.user, key=key if same_form else None)[
                        0
                    ].id
                )
            except SlotTaken:
                outcomes.append(None)

    crowd = [threading.Thread(target=request) for _ in range(8)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert Booking.select().count() == 1
    assert len(outcomes) == 8
    assert outcomes.count(None) == (0 if same_form else 7)


def test_two_cancelled_bookings_cannot_both_come_back_at_once(linden, clock, book):
    rows = [book(status="cancelled")[0], book(status="cancelled")[0]]
    start, refused = threading.Barrier(2), []

    def request(row_id):
        with models.database.connection_context():
            booking = Booking.get_by_id(row_id)
            start.wait()
            try:
                booking.set_status("confirmed", None)
            except SlotTaken:
                refused.append(row_id)

    crowd = [threading.Thread(target=request, args=(row.id,)) for row in rows]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert sorted(statuses(rows)) == ["cancelled", "confirmed"]
    assert len(refused) == 1


def test_moving_one_of_a_series_leaves_the_others(series, linden):
    series[1].change(linden.pat, span(24 * 7 + 3))
    starts = [row.starts_at - NINE for row in Booking.select().order_by(Booking.starts_at)]
    assert starts == [
        timedelta(0),
        timedelta(days=7, hours=3),
        timedelta(days=14),
        timedelta(days=21),
    ]


def test_this_and_those_after_it_move_together(series, linden):
    series[2].change(linden.pat, span(24 * 15 + 1), which="following")
    starts = [row.starts_at - NINE for row in Booking.select().order_by(Booking.starts_at)]
    assert starts == [
        timedelta(0),
        timedelta(days=7),
        timedelta(days=15, hours=1),
        timedelta(days=22, hours=1),
    ]


def test_a_note_for_the_whole_series_leaves_one_moved_alone_where_it_is(series, linden):
    moved = Booking.get_by_id(series[1].id)
    moved.change(linden.pat, span(24 * 7 + 3))
    first = Booking.get_by_id(series[0].id)
    first.change(linden.pat, first.span, which="all", notes="bring the scan")
    assert Booking.get_by_id(moved.id).starts_at == NINE + timedelta(days=7, hours=3)
    assert {row.notes for row in Booking.select()} == {"bring the scan"}


def test_a_series_keeps_its_wall_time_over_a_clock_change(linden, clock):
    # Clocks go forward on the 28th.
    autumn = Span(datetime(2027, 3, 25, 9, tzinfo=UTC), datetime(2027, 3, 25, 10, tzinfo=UTC))
    rows = Booking.book(
        linden.calendar, repeats(autumn, linden.street.zone, 1, count=2), linden.pat
    )
    assert rows[1].starts_at == datetime(2027, 4, 1, 8, tzinfo=UTC)
    rows[0].change(linden.pat, Span(autumn.starts_at + HOUR, autumn.ends_at + HOUR), which="all")
    assert Booking.get_by_id(rows[1].id).starts_at == datetime(2027, 4, 1, 9, tzinfo=UTC)


def test_a_refused_move_changes_nothing(series, linden):
    Booking.book(linden.calendar, [span(24 * 14 + 3)], linden.pat)
    with pytest.raises(SlotTaken):
        series[0].change(linden.pat, span(3), which="all")
    assert [row.starts_at for row in Booking.get_by_id(series[0].id).in_series("all")] == [
        NINE + timedelta(days=7 * n) for n in range(4)
    ]


def test_a_note_on_a_booking_that_overlaps_already_is_not_refused(book, linden):
    book()
    (second,) = book(allow_overlap=True)
    second.change(linden.pat, second.span, notes="both know")
    with pytest.raises(SlotTaken):
        second.change(linden.pat, span(0.5))


def test_moving_to_a_calendar_abroad_asks_whether_that_person_is_free(book, linden):
    (row,) = book()
    Booking.book(linden.colleague_calendar, [span()], linden.quinn)
    with pytest.raises(SlotTaken):
        row.change(linden.maya, row.span, practitioner=linden.abroad)
    row.change(linden.maya, span(2), practitioner=linden.abroad)
    assert Booking.get_by_id(row.id).practitioner == linden.abroad


def test_cancelling_the_whole_series_spares_what_was_delivered(series, linden):
    series[0].set_status("delivered", linden.pat)
    assert len(series[2].cancel(linden.pat, which="all")) == 3
    assert statuses(series) == ["delivered", "cancelled", "cancelled", "cancelled"]


def test_undoing_a_cancellation_gives_each_its_own_status_back(series, linden):
    series[1].set_status("pending", linden.pat)
    series[0].cancel(linden.pat, which="all")
    assert Booking.get_by_id(series[0].id).undo_status(linden.pat)
    assert statuses(series) == ["confirmed", "pending", "confirmed", "confirmed"]


def test_only_the_latest_change_can_be_undone_and_only_once(book, linden):
    (row,) = book()
    assert not row.undo_status(linden.pat)
    row.cancel(linden.pat)
    assert row.undo_status(linden.pat)
    assert not row.undo_status(linden.pat)


def test_a_cancellation_is_not_undone_into_taken_time(book, linden):
    (row,) = book()
    row.cancel(linden.pat)
    book()
    with pytest.raises(SlotTaken):
        row.undo_status(linden.pat)
    assert statuses([row]) == ["cancelled"]


def test_every_change_reaches_the_feeds_and_the_history(book, linden):
    (row,) = book()
    seen = [Practitioner.get_by_id(linden.calendar.id).calendar_rev]
    for change in (
        lambda: row.change(linden.pat, span(2)),
        lambda: row.cancel(linden.pat),
        lambda: row.undo_status(linden.pat),
    ):
        change()
        seen.append(Practitioner.get_by_id(linden.calendar.id).calendar_rev)
    assert seen == sorted(set(seen))
    assert [entry.action for entry in AuditEntry.about(row)] == [
        "booking.undone",
        "booking.cancelled",
        "booking.moved",
        "booking.made",
    ]
    assert Booking.get_by_id(row.id).sequence == 3


def test_a_person_s_bookings_of_every_venue_come_with_one_query(linden, clock):
    Booking.book(linden.colleague_calendar, [span()], linden.quinn, patient=linden.patient)
    Booking.book(linden.abroad, [span(3)], linden.quinn)
    rows = list(Booking.of_person(linden.quinn, NINE, NINE + timedelta(days=1)))
    assert [row.practitioner.venue.name for row in rows] == ["Linden Street", "Harbour House"]
