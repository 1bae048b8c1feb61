"""Free times from rows: working hours, bookings, external events, time off and gaps; with few
queries, and with a proposed person if anyone will do.
"""

import logging
import random
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import external
import pytest

from base.bookings.clashes import SlotTaken
from base.scheduling import Span, whole_days
from base.tables.time_off import DatedHours, TimeOff
from free_times.finding import Wish, free_times, in_part, next_free
from models import Booking, Practitioner, Service, User

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a Thursday; London is on UTC then
THURSDAY = date(2026, 11, 26)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def span(hours: float = 0, length: timedelta = HOUR) -> Span:
    """A span that begins so many hours after nine."""
    start = NINE + hours * HOUR
    return Span(start, start + length)


@pytest.fixture
def book(linden, clock):
    def make(*spans, calendar=linden.calendar, **fields):
        return Booking.book(calendar, list(spans) or [span()], linden.pat, **fields)

    return make


def first(wish: Wish, after: datetime = NINE) -> datetime | None:
    return next_free(wish, after, 14, 5)


def starts(wishes: list[Wish], hours: float = 8, step: int = 60) -> list[str]:
    """The free starts of the day as London's clock shows them."""
    found = free_times(wishes, NINE, NINE + hours * HOUR, step)
    return [f"{free.starts_at:%H:%M}" for free in found]


def test_the_next_free_time_is_the_first_that_is_long_enough(book, linden):
    book(span(0, HOUR * 3)), book(span(3.5))
    assert first(Wish(linden.calendar, 30)) == NINE + HOUR * 3
    assert first(Wish(linden.calendar, 60)) == NINE + HOUR * 4.5


def test_bookings_that_are_about_to_move_do_not_count(book, linden):
    (row,) = book()
    assert next_free(Wish(linden.calendar, 60), NINE, 1, 5, [row.id]) == NINE


def test_the_next_free_time_may_be_another_day_or_nowhere(book, linden):
    book(whole_days(THURSDAY, THURSDAY, linden.street.zone))
    assert first(Wish(linden.calendar, 60)) == NINE + DAY
    assert first(Wish(linden.calendar, 9 * 60)) is None


@pytest.mark.parametrize(
    "at", [datetime(1970, 1, 2, tzinfo=UTC), datetime(2099, 12, 31, 23, tzinfo=UTC)]
)
def test_nothing_breaks_at_either_end_of_history(linden, at):
    assert first(Wish(linden.calendar, 50), at) is None or at.year == 1970


@pytest.mark.parametrize("status", ["cancelled", "no_show", "offered"])
def test_what_holds_no_time_takes_none(book, linden, status):
    book(status=status)
    assert first(Wish(linden.calendar, 60)) == NINE


def test_pending_holds_time_as_confirmed_does(book, linden):
    book(status="pending")
    assert first(Wish(linden.calendar, 60)) == NINE + HOUR


def test_events_outside_take_time_by_their_calendar_s_rules(linden, clock):
    calendar = external.source(linden.pat)
    external.event(calendar, "Dentist", f"{THURSDAY} 09:00", f"{THURSDAY} 10:10")
    external.event(calendar, "Perhaps", f"{THURSDAY} 10:10", f"{THURSDAY} 12:00", "tentative")
    assert first(Wish(linden.calendar, 50)) == NINE + HOUR + timedelta(minutes=10)


def test_a_whole_day_outside_is_a_day_of_the_venue(linden, clock):
    calendar = external.source(linden.quinn)
    external.event(calendar, "Fair", "2026-11-26", "2026-11-27")
    assert starts([Wish(linden.abroad, 60)], 20) == []
    assert first(Wish(linden.abroad, 60)) == NINE + DAY + 5 * HOUR


def test_a_person_at_two_venues_in_two_zones_is_busy_at_both(book, linden):
    book(span(5, 3 * HOUR), calendar=linden.abroad)  # 14:00 in London, 09:00 in New York
    assert starts([Wish(linden.colleague_calendar, 60)]) == [
        "09:00",
        "10:00",
        "11:00",
        "12:00",
        "13:00",
    ]
    assert first(Wish(linden.abroad, 60)) == NINE + 8 * HOUR


def test_time_off_and_other_hours_on_a_date_count(linden, clock):
    row = {"first_on": THURSDAY, "last_on": THURSDAY, "zone_name": "Europe/London"}
    TimeOff.add(linden.pat, linden.pat, kind="lunch", starts="11:00", ends="12:00", **row)
    DatedHours.add(linden.street, THURSDAY, [["10:00", "14:00"]], linden.maya)
    assert starts([Wish(linden.calendar, 60)]) == ["10:00", "12:00", "13:00"]


def test_the_gap_after_a_service_is_kept_on_both_sides(book, linden):
    service = Service.create(clinic=linden.clinic, name="First", buffer_minutes=20)
    book(span(2), service=service)
    plain, tidied = Wish(linden.calendar, 60), Wish(linden.calendar, 60, 0, 30)
    assert starts([plain], 4, 30) == ["09:00", "09:30", "10:00", "12:30", "13:00"]
    assert starts([tidied], 4, 30) == ["09:00", "09:30", "12:30", "13:00"]


def test_a_gap_of_a_booking_before_the_window_reaches_into_it(book, linden):
    service = Service.create(clinic=linden.clinic, name="Sauna", buffer_minutes=26 * 60)
    book(Span(NINE - DAY, NINE - DAY + HOUR), service=service)
    assert first(Wish(linden.calendar, 60)) == NINE + 3 * HOUR


def test_hours_that_meet_at_midnight_are_one_opening(linden, clock):
    linden.calendar.set_hours(
        linden.pat, {"thu": [["22:00", "00:00"]], "fri": [["00:00", "02:00"]]}
    )
    found = free_times([Wish(linden.calendar, 90)], NINE, NINE + DAY, 30)
    assert [f"{free.starts_at:%a %H:%M}" for free in found] == [
        *("Thu 22:00", "Thu 22:30", "Thu 23:00", "Thu 23:30", "Fri 00:00", "Fri 00:30")
    ]


def test_a_part_of_the_day_is_one_on_the_venue_s_clock(linden, clock):
    found = free_times([Wish(linden.abroad, 60)], NINE, NINE + DAY, 60, suits=in_part("afternoon"))
    assert [f"{free.starts_at:%H:%M}" for free in found] == [
        "17:00",
        "18:00",
        "19:00",
        "20:00",
        "21:00",
    ]


def test_a_question_takes_four_queries_however_many_and_however_long(book, linden, caplog):
    for n in range(6):
        user = User.create(clinic=linden.clinic, name=f"P{n}", email=f"p{n}@linden.test")
        Practitioner.create(clinic=linden.clinic, user=user, venue=linden.street, hours={})
        TimeOff.add(user, user, kind="leave", first_on=THURSDAY, last_on=THURSDAY)
    book(), external.event(external.source(linden.pat), "Away", "2026-11-27", "2026-11-28")
    counts = []
    for days in (1, 56):
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="peewee"):
            wishes = [Wish(one, 50) for one in Practitioner.listed(linden.clinic)]
            assert len(list(free_times(wishes, NINE, NINE + days * DAY, 15))) > 10
        counts.append(len([one for one in caplog.records if one.name == "peewee"]))
    assert counts == [4, 4]


@pytest.fixture
def long_here(linden):
    """Both have worked here for long."""
    for user in (linden.calendar.user, linden.colleague_calendar.user):
        user.created_at = NINE - 100 * DAY
        user.save()


def proposed(linden, at: datetime = NINE + DAY, *more: Practitioner) -> str:
    """Who is proposed where Pat and Quinn are both free; `more` are asked, too, and are not."""
    wishes = [Wish(one, 60) for one in (linden.calendar, linden.colleague_calendar, *more)]
    free = next(free_times(wishes, at, at, 60))
    assert len(free.others) == 1
    return free.wish.calendar.user.name


def test_anyone_means_the_least_booked_person(book, linden, long_here):
    book(span(0), span(2))
    book(span(0), calendar=linden.colleague_calendar)
    assert proposed(linden) == "Quinn Linden"
    book(span(2), span(4), calendar=linden.colleague_calendar)
    assert proposed(linden) == "Pat Linden"


def test_time_off_makes_the_rest_of_the_time_count_more(book, linden, long_here):
    book(span(0)), book(span(0), calendar=linden.colleague_calendar)
    book(span(2), calendar=linden.colleague_calendar)
    assert proposed(linden) == "Pat Linden"
    TimeOff.add(
        *(linden.pat, linden.pat),
        kind="leave",
        first_on=date(2026, 10, 1),
        last_on=date(2026, 11, 20),
    )
    assert proposed(linden) == "Quinn Linden"


def test_among_equals_the_person_booked_longest_ago_is_proposed(book, linden, long_here):
    book(span(0), calendar=linden.colleague_calendar)
    book(span(4))
    assert proposed(linden) == "Quinn Linden"


def test_what_was_given_to_anyone_counts_for_the_week(book, linden, long_here):
    """Whoever is new and has had twice an equal share of the week waits."""
    book(*(span(n) for n in range(7)), calendar=linden.colleague_calendar)
    book(*(span(n, HOUR / 2) for n in range(3)), anyone=True)
    assert proposed(linden) == "Pat Linden"  # of two, twice an equal share is all of it
    assert proposed(linden, NINE + DAY, linden.abroad) == "Quinn Linden"
    assert proposed(linden, NINE + 4 * DAY, linden.abroad) == "Pat Linden"


@pytest.mark.parametrize("seed", range(6))
def test_a_time_alone_is_proposed_to_whom_the_list_proposes_it(book, linden, seed):
    """Asked about by sums of days, or by every booking of the weeks around."""
    chance = random.Random(seed)
    since = NINE - 60 * DAY
    two = linden.calendar, linden.colleague_calendar
    for calendar, came in zip(two, (since, chance.choice((since, NINE - 20 * DAY))), strict=True):
        calendar.user.created_at = came
        calendar.user.save()
        for day in chance.sample(range(-30, 35), 20):
            hour, length = chance.randrange(9), timedelta(hours=chance.choice((0.5, 1, 2, 14, 40)))
            what = span(24 * day + hour, length)
            status = chance.choice(("confirmed", "cancelled"))
            try:
                Booking.book(calendar, [what], linden.pat, anyone=chance.random() < 0.5)
            except SlotTaken:
                continue
            if status == "cancelled":
                Booking.select().order_by(Booking.id.desc()).get().set_status(status, linden.pat)
    TimeOff.add(two[0].user, linden.pat, kind="leave", first_on=THURSDAY, last_on=THURSDAY)
    wishes = [Wish(one, 30, 0, 5) for one in two]
    but = [chance.randrange(40)]
    listed = list(free_times(wishes, NINE - 2 * DAY, NINE + 12 * DAY, 60, but=but))
    assert sum(bool(free.others) for free in listed) > 20
    for free in listed:
        (alone,) = free_times(wishes, free.starts_at, free.starts_at, 60, but=but)
        assert alone == free


def test_a_time_alone_takes_one_query_more_where_there_is_a_choice(book, linden, caplog):
    book(span(24))
    counts = []
    for at in (NINE + DAY, NINE + DAY + HOUR):
        wishes = [Wish(one, 60) for one in (linden.calendar, linden.colleague_calendar)]
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="peewee"):
            (free,) = free_times(wishes, at, at, 60)
        counts.append(
            (len(free.others), len([one for one in caplog.records if one.name == "peewee"]))
        )
    assert counts == [(0, 3), (1, 4)]


def test_who_is_not_free_then_is_not_proposed(book, linden):
    book(span(0))
    wishes = [Wish(linden.calendar, 60), Wish(linden.colleague_calendar, 60)]
    free, later = islice(free_times(wishes, NINE, NINE + DAY, 60), 2)
    assert (free.wish.calendar, free.others) == (linden.colleague_calendar, [])
    assert len(later.others) == 1


def test_nobody_asked_for_means_nothing_free(linden):
    assert list(free_times([], NINE, NINE + DAY, 15)) == []


def test_only_who_has_the_same_clock_is_another_choice(linden, clock):
    wishes = [Wish(one, 60) for one in (linden.calendar, linden.colleague_calendar, linden.abroad)]
    at = NINE + 5 * HOUR  # 14:00 in London, 09:00 in New York
    found = [
        (free.wish.calendar.venue, len(free.others)) for free in free_times(wishes, at, at, 60)
    ]
    assert found == [(linden.harbour, 0), (linden.street, 1)]


def test_a_window_that_ends_before_it_begins_holds_nothing(linden, clock):
    assert list(free_times([Wish(linden.calendar, 60)], NINE, NINE - HOUR, 60)) == []


@pytest.mark.parametrize("what", ["time off", "outside", "booking"])
def test_a_gap_is_kept_from_what_ends_as_the_window_begins(book, linden, what):
    if what == "booking":
        book(span(-1))
    elif what == "outside":
        event = "Call", f"{THURSDAY} 08:00", f"{THURSDAY} 09:00"
        external.event(external.source(linden.pat), *event)
    else:
        row = {"first_on": THURSDAY, "last_on": THURSDAY, "zone_name": "Europe/London"}
        TimeOff.add(linden.pat, linden.pat, kind="other", starts="08:00", ends="09:00", **row)
    assert first(Wish(linden.calendar, 60, before=30)) == NINE + HOUR / 2
