"""Fifty visitors at once, for times that overlap: exactly those that fit are booked."""

import itertools
import threading
from datetime import timedelta

import external
import pytest
from online_world import switch_on

import models
from base.bookings.agreements import Agreement
from base.scheduling import Span
from base.tables import time_off
from free_times.online import chosen_time, making, managing, names
from free_times.online.made_online import OnlineBooking
from free_times.online.making import Details, JustTaken, TermsChanged
from free_times.online.page import OnlinePage
from free_times.online.tickets import Ticket
from free_times.rules import OnlineSettings
from models import Booking, Service


def page_of(name="linden") -> OnlinePage:
    row, settings = names.find_page(name)
    return OnlinePage.of(row.clinic, row.name, settings)


def all_at_once(jobs):
    """Run each on a thread with a connection of its own, ten at a time; what came of each."""
    done, left, gate = {}, list(enumerate(jobs)), threading.Barrier(10)

    def run():
        gate.wait(20)
        with models.database.connection_context():
            while left:
                try:
                    number, job = left.pop()
                except IndexError:
                    return
                try:
                    done[number] = job()
                except Exception as error:
                    done[number] = error

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [done[number] for number in sorted(done)]


@pytest.fixture
def page(linden, clock):
    switch_on(linden, change_hours=0)
    linden.clinic.change(None, step_minutes=5)
    linden.service.change(None, buffer_minutes=10)
    short = Service.add(
        linden.clinic,
        None,
        name="Short",
        duration_minutes=20,
        gap_before_minutes=5,
        bookable_online=True,
    )
    return linden.service, short


def ticket(linden, service, starts_at, anyone=False):
    chosen = {"minutes": service.duration_minutes, "price_cents": service.price_cents}
    return Ticket.issue(
        clinic=linden.clinic.id,
        service=service.id,
        calendar=linden.calendar.id,
        anyone=anyone,
        starts_at=starts_at,
        **chosen,
    )


def test_fifty_for_overlapping_times_of_two_services(linden, page, clock):
    nine = clock.now.replace(hour=9, minute=0) + timedelta(days=3)
    tickets = [
        ticket(linden, page[n % 2], nine + timedelta(minutes=5 * (7 * n % 25))) for n in range(50)
    ]
    shown = page_of()

    def press(n, one):
        return lambda: making.book_once(shown, one, Details(f"Visitor {n}", f"v{n}@visitor.test"))

    came = all_at_once([press(n, one) for n, one in enumerate(tickets)])
    made = [one for one in came if isinstance(one, OnlineBooking)]
    assert {type(one) for one in came} == {OnlineBooking, JustTaken}
    rows = sorted(Booking.select(), key=lambda row: row.starts_at)
    assert len(rows) == len(made) >= 2
    for earlier, later in itertools.pairwise(rows):
        gap = max(earlier.service.buffer_minutes, later.service.gap_before_minutes)
        assert later.starts_at >= earlier.ends_at + timedelta(minutes=gap)
    for one, result in zip(tickets, came, strict=True):  # whoever was refused could not fit in
        if isinstance(result, JustTaken):
            with pytest.raises(JustTaken):
                making.still_free(page_of(), one)


def test_one_form_ten_times_at_once_is_one_booking(linden, page, clock):
    at = clock.now.replace(hour=9, minute=0) + timedelta(days=3)
    one, shown = ticket(linden, page[0], at, anyone=True), page_of()
    details = Details("Nora Visitor", "nora@visitor.test")
    came = all_at_once([lambda: making.book_once(shown, one, details)] * 10)
    assert len({made.id for made in came}) == 1 and Booking.select().count() == 1


def booked_beside(linden, at):
    """Not in the time itself: in the ten minutes that the service wants free after it."""
    Booking.book(linden.calendar, [Span(at + timedelta(minutes=55), at + timedelta(hours=2))], None)


def held_by_another(linden, at):
    chosen_time.hold(page_of(), ticket(linden, linden.service, at), "another network")


def busy_outside(linden, at):
    clock = [when.strftime("%Y-%m-%d %H:%M") for when in (at, at + timedelta(minutes=10))]
    external.event(external.source(linden.pat), "School", *clock)


def away(linden, at):
    day = at.date()
    off = {"kind": "leave", "first_on": day, "last_on": day}
    time_off.TimeOff.add(linden.pat, None, zone_name=linden.street.zone_name, **off)


def switched_off(linden, at):
    OnlineSettings.get().change(None, is_on=False)


def takes_none(linden, at):
    linden.calendar.set_online(None, takes_online=False, takes_new_online=True, online_most=None)


def full_day(linden, at):
    linden.calendar.set_online(None, takes_online=True, takes_new_online=True, online_most=1)
    later = ticket(linden, linden.service, at + timedelta(hours=3))
    making.book_once(page_of(), later, Details("Ola Other", "ola@visitor.test"))


def left(linden, at):
    linden.pat.leave(linden.olive)


def longer(linden, at):
    Service.get_by_id(linden.service.id).change(None, duration_minutes=80)


def dearer(linden, at):
    Service.get_by_id(linden.service.id).change(None, price_cents=1)


def more_notice(linden, at):
    OnlineSettings.get().change(None, notice_hours=24 * 20)


def named_no_more(linden, at):
    others = {True: "person", False: "anyone"}
    Service.get_by_id(linden.service.id).change(None, online_choice=others[linden.anyone])


BY_ANOTHER = (booked_beside, held_by_another, busy_outside, away, full_day)
CLOSED = (takes_none, left, switched_off, more_notice, named_no_more)
REFUSED = dict.fromkeys((*BY_ANOTHER, *CLOSED), JustTaken)
REFUSED |= dict.fromkeys((longer, dearer), TermsChanged)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("happens", REFUSED, ids=lambda one: one.__name__)
@pytest.mark.parametrize("anyone", [False, True])
def test_what_happens_between_the_rules_and_the_lock(linden, page, clock, happens, anyone):
    """The time is judged before the clinic is locked: what came since counts all the same."""
    at = clock.now.replace(hour=9, minute=0) + timedelta(days=3)
    one, details = ticket(linden, page[0], at, anyone), Details("Nora Visitor", "n@visitor.test")
    judged, linden.anyone = making.judge(page_of(), one), anyone
    shown = page_of()
    happens(linden, at)
    before = Booking.select().count()

    def press():
        with models.database.atomic():
            shown.clinic.lock()
            return making.book(shown, one, details, judged=judged)

    if anyone and happens in BY_ANOTHER:  # somebody else is free
        assert press().booking.practitioner == linden.colleague_calendar
        return
    with pytest.raises(REFUSED[happens]):
        press()
    assert Booking.select().count() == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_bookings_and_events_that_block_nothing_stay_agreed(linden, page, clock):
    at = clock.now.replace(hour=9, minute=0) + timedelta(days=3)
    OnlineSettings.get().change(None, outside_blocks=False)
    busy_outside(linden, at)
    made = making.book_once(
        page_of(), ticket(linden, page[0], at), Details("Nora", "n@visitor.test")
    )
    assert Agreement.of([made.booking_id])[made.booking_id]


def test_bookings_moves_and_holds_at_once_leave_no_overlap(linden, page, clock):
    nine = clock.now.replace(hour=9, minute=0) + timedelta(days=3)
    shown = page_of()
    first = [
        making.book_once(
            shown,
            ticket(linden, page[0], nine + timedelta(hours=n)),
            Details(f"First {n}", f"f{n}@visitor.test"),
        )
        for n in range(3)
    ]
    target = nine + timedelta(hours=4)

    def move(made):
        return lambda: managing.move(shown, made, target)

    def hold(n):
        return lambda: chosen_time.hold(shown, ticket(linden, page[1], target), f"origin {n}")

    def take(n):
        one = ticket(linden, page[n % 2], target + timedelta(minutes=5 * n))
        return lambda: making.book_once(shown, one, Details(f"Second {n}", f"s{n}@visitor.test"))

    def by_staff():
        return Booking.book(linden.calendar, [Span(target, target + timedelta(hours=1))], None)

    jobs = [*map(move, first), *map(hold, range(5)), *map(take, range(8)), by_staff]
    came = all_at_once(jobs)
    faults = [one for one in came if isinstance(one, Exception)]
    assert {type(one).__name__ for one in faults} <= {"JustTaken", "SlotTaken"}
    rows = sorted(Booking.select(), key=lambda row: row.starts_at)
    for earlier, later in itertools.pairwise(rows):
        assert later.starts_at >= earlier.ends_at
