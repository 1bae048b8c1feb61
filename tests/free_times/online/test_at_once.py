"""Fifty visitors at once, for times that overlap: exactly those that fit are booked."""

import itertools
import threading
from datetime import timedelta

import pytest
from online_world import switch_on

import models
from base.scheduling import Span
from free_times.online import hold_bounds, managing, names, taking
from free_times.online.bookings import OnlineBooking
from free_times.online.forms import Ticket
from free_times.online.page import Page
from free_times.online.taking import Details, JustTaken
from models import Booking, Service


def page_of(name="linden") -> Page:
    row, settings = names.find(name)
    return Page.of(row.clinic, row.name, settings)


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
        return lambda: taking.take(shown, one, Details(f"Visitor {n}", f"v{n}@visitor.test"))

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
                taking.still_free(page_of(), one)


def test_one_form_ten_times_at_once_is_one_booking(linden, page, clock):
    at = clock.now.replace(hour=9, minute=0) + timedelta(days=3)
    one, shown = ticket(linden, page[0], at, anyone=True), page_of()
    details = Details("Nora Visitor", "nora@visitor.test")
    came = all_at_once([lambda: taking.take(shown, one, details)] * 10)
    assert len({made.id for made in came}) == 1 and Booking.select().count() == 1


def test_bookings_moves_and_holds_at_once_leave_no_overlap(linden, page, clock):
    nine = clock.now.replace(hour=9, minute=0) + timedelta(days=3)
    shown = page_of()
    first = [
        taking.take(
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
        return lambda: hold_bounds.hold(shown, ticket(linden, page[1], target), f"origin {n}")

    def take(n):
        one = ticket(linden, page[n % 2], target + timedelta(minutes=5 * n))
        return lambda: taking.take(shown, one, Details(f"Second {n}", f"s{n}@visitor.test"))

    def by_staff():
        return Booking.book(linden.calendar, [Span(target, target + timedelta(hours=1))], None)

    jobs = [*map(move, first), *map(hold, range(5)), *map(take, range(8)), by_staff]
    came = all_at_once(jobs)
    faults = [one for one in came if isinstance(one, Exception)]
    assert {type(one).__name__ for one in faults} <= {"JustTaken", "SlotTaken"}
    rows = sorted(Booking.select(), key=lambda row: row.starts_at)
    for earlier, later in itertools.pairwise(rows):
        assert later.starts_at >= earlier.ends_at
