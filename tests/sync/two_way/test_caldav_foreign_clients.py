"""Calendar programs that others wrote see the same events in our calendar as Kalends has bookings,
at each CalDAV server: after creating, moving and cancelling, and in a series.

vdirsyncer with khal at Radicale and Xandikos; with ALL_CALDAV_SERVERS=1 at every server that is
installed, and Thunderbird as well.
"""

from datetime import UTC, timedelta

import pytest
from caldav_account_world import World, at, quiet  # noqa: F401 (a fixture)
from caldav_installed import EVERY, installed
from caldav_servers import SERVERS
from foreign_clients import MINUTE, Khal, Shown, Thunderbird, door

from base import scheduling
from base.scheduling import Span
from models import Booking
from tests.conftest import lacking

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FIRST, DAYS = "2026-11-20", 60
TITLE = "Shoulder · K-2041"
LUNCH = Shown("2026-12-01 12:00", "2026-12-01 13:00", "Lunch")


@pytest.fixture(scope="module", params=[*SERVERS, *(installed() if EVERY else ())])
def running(request):
    with at(request.param) as server:
        yield server


@pytest.fixture
def world(linden, clock, running):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    made = World(linden, clock, running)
    yield made
    for path in made.made:
        made.http.delete(running.origin + path)
    made.http.close()
    running.requests.clear()


@pytest.fixture(params=[Khal, *([Thunderbird] if EVERY else ())])
def program(request):
    if request.param is Thunderbird and not Thunderbird.program.exists():
        lacking("Thunderbird", "apt-get install thunderbird")
    return request.param


def book(world, *spans):
    fields = {"patient": world.linden.patient, "service": world.linden.service}
    return Booking.book(world.linden.calendar, spans, world.user, allow_overlap=True, **fields)


def expected(*more):
    """The bookings that stand, as a calendar program shows them, and what stands there besides."""
    rows = Booking.select().where(Booking.status == "confirmed")
    return sorted([*(Shown(*times(row.span), TITLE) for row in rows), *more])


def times(span):
    if span.all_day:
        return f"{span.starts_on}", f"{span.ends_on - timedelta(days=1)}"
    return [f"{moment.astimezone(UTC):{MINUTE}}" for moment in (span.starts_at, span.ends_at)]


def later(booking, **time):
    by = timedelta(**time)
    return Span(booking.starts_at + by, booking.ends_at + by)


def test_a_foreign_program_sees_what_is_booked_and_adds_an_event_beside(world, program, tmp_path):
    zone, first = world.linden.street.zone, world.book(days=3)
    cancelled, moved = world.book(days=4), world.book(days=5)
    day = moved.starts_at.date() + timedelta(days=9)
    book(world, scheduling.whole_days(day, day, zone))
    series = book(world, *(later(first, hours=2, weeks=week) for week in range(4)))
    account = world.start()
    with door(world.server) as origin:
        there = program(tmp_path, origin + account.destination.calendar_id)
        assert len(expected()) == 8
        assert there.shown(FIRST, DAYS, expected()) == expected()
        added = [LUNCH] if program is Khal else []
        for one in added:
            there.add(*one)
        moved.change(world.user, later(moved, days=1, hours=3))
        cancelled.set_status("cancelled", world.user)
        series[1].change(world.user, later(series[1], hours=1), which="following")
        series[3].cancel(world.user, which="one")
        account = world.settle(world.run(account), 2)
        assert len(expected()) == 6
        assert there.shown(FIRST, DAYS, expected(*added)) == expected(*added)
        account = world.assert_still(account)
        assert len(world.listed(account)) == 6 + len(added)
