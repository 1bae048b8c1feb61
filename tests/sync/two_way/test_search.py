"""The search for our events in all calendars of an account: slices that continue, one calendar
without an end that stops no others, and calendars that could not be searched, which a departure
names; with both providers.
"""

import itertools
from datetime import timedelta
from urllib.parse import unquote

import httpx
import pytest
from sync_world import WORLDS, lie

from models import Booking
from sync.providers import parsing
from sync.providers.google.adapter import Google
from sync.providers.microsoft.adapter import Microsoft
from sync.tables import controls, ending
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.pace import ReadPage
from sync.two_way.run import run

# Whichever database it is makes no difference.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
COPIES = 8


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, COPIES + 1):
        world.book(days=day)
    return world.start(sources=[world.source()])


def searches(world, monkeypatch, calendar_id, instead=lambda asked: None) -> list[str]:
    """The addresses of lists of one calendar that are asked for; `instead` may answer them."""
    asked = []

    def told(self, request, answer=httpx.WSGITransport.handle_request):
        address = unquote(str(request.url))
        if request.method == "GET" and f"{calendar_id}/" in address:
            asked.append(address)
            if page := instead(asked):
                return httpx.Response(200, json=page)
        return answer(self, request)

    monkeypatch.setattr(httpx.WSGITransport, "handle_request", told)
    return asked


def in_slices(account, most=80) -> int:
    for number in itertools.count():
        assert number < most
        if not run(account.id, 1e-9):
            return number


def test_a_long_search_goes_on_where_its_slice_ended(world, account, monkeypatch):
    """Copies of all bookings lie over several pages of two calendars."""
    places = [world.robin.add_calendar(name) for name in ("Ideas", "Plans")]
    for booking, place in itertools.product(list(Booking.select()), places):
        world.copy(world.event_of_home(account, booking), place)
    world.sandbox.page_cap = 2
    asked = searches(world, monkeypatch, places[0])
    controls.ask_for_run(account, "resync", world.user)
    assert in_slices(account) > COPIES // 2
    pages = COPIES // 2 + 1
    # once to search, by filter and by list, and once more before they are taken away
    assert len(asked) <= 3 * pages
    assert {len(events) for events in world.standing(account).values()} == {1}
    assert not ReadPage.select().exists()


def test_a_calendar_without_end_is_searched_once_a_week_and_the_others_daily(
    world, account, monkeypatch
):
    monkeypatch.setattr(parsing, "MOST_PAGES", 12)
    ideas, plans = (world.robin.add_calendar(name) for name in ("Ideas", "Plans"))
    host = "http://sandbox/v1.0/me/calendars"
    asked = searches(
        world,
        monkeypatch,
        ideas,
        lambda asked: {
            "kind": "calendar#events",
            "items": [],
            "value": [],
            "nextPageToken": f"page{len(asked)}",
            "@odata.nextLink": f"{host}/{ideas}/more?page={len(asked)}",
        },
    )
    controls.ask_for_run(account, "resync", world.user)
    in_slices(account)
    for _ in range(5):
        world.later(hours=21)
        world.run(account)
    assert 24 <= len(asked) <= 26  # by filter, and as a whole
    assert RemoteCalendar.get(RemoteCalendar.calendar_id == ideas).search_word == "endless pages"
    booking = Booking.select().order_by(Booking.id.desc()).first()
    world.copy(world.event_of_home(account, booking), plans)
    world.later(hours=21)
    world.run(account)
    assert len(world.standing(account)[str(booking.uuid)]) == 1
    monkeypatch.undo()
    world.later(days=7)
    world.run(account)
    assert RemoteCalendar.get(RemoteCalendar.calendar_id == ideas).search_word == ""


def test_a_list_of_calendars_that_hides_one_forgets_no_stray_there(world, account, monkeypatch):
    ideas = world.robin.add_calendar("Ideas")
    controls.ask_for_run(account, "resync", world.user)
    world.run(account)
    world.robin.drag(
        world.event_of(account, Booking.select().order_by(Booking.id).first())["id"],
        ideas,
        world.destination(account),
    )
    ending.begin_departure(Account.get_by_id(account.id), world.user, "disconnect")
    lie(
        monkeypatch,
        1,
        lambda items: [one for one in items if one["id"] != ideas],
        "calendarList$|/me/calendars$",
    )
    for minutes in (0, 1, 5, 20):
        world.later(minutes=minutes)
        world.run()
    assert world.standing(account) == {} and not Account.select().exists()


# ---- departures in slices ----


@pytest.fixture
def small_batches(monkeypatch):
    for adapter in (Google, Microsoft):
        monkeypatch.setattr(adapter, "batch_size", 3)
    monkeypatch.setattr("sync.providers.google.adapter.BATCH_SIZE", 3)
    monkeypatch.setattr("sync.providers.microsoft.json_batch.MOST", 3)


def left(world) -> list[str]:
    """Titles of all that stands outside, in every calendar."""
    return [
        world.title_of(event)
        for calendar_id in world.robin.calendars
        for event in world.robin.events(calendar_id)
    ]


@pytest.mark.parametrize("removes", ["the calendar", "events alone"])
def test_a_departure_continues_where_its_slice_ended(
    world, account, monkeypatch, small_batches, removes
):
    if removes == "events alone":  # others keep something in it
        at = world.clock.now + timedelta(days=3)
        world.robin.add("Mine", at, at + timedelta(hours=1), world.destination(account))
        world.run(account)
    world.sandbox.page_cap = 2
    there = world.destination(account)
    asked = searches(world, monkeypatch, there)
    ending.begin_departure(Account.get_by_id(account.id), world.user, "disconnect")
    assert in_slices(account) > COPIES // 2
    assert left(world) == (["Mine"] if removes == "events alone" else [])
    assert (there in world.robin.calendars) == (removes == "events alone")
    for _ in range(3):  # until "not there" was said several times
        world.later(minutes=2)
        in_slices(account)
    assert not Account.select().exists() and not ReadPage.select().exists()
    lists_of_all = 7 if world.kind == "google" else 10  # with what comes before each list
    assert len(asked) <= lists_of_all * (COPIES // 2 + 2)


def test_a_calendar_in_which_somebody_puts_something_between_two_slices_stays(world, account):
    """Not before both lists, but while the second is read."""
    world.sandbox.page_cap = 2
    there, at = world.destination(account), world.clock.now + timedelta(days=1)
    ending.begin_departure(Account.get_by_id(account.id), world.user, "disconnect")
    while not ReadPage.select().where(ReadPage.purpose == "leave, again").exists():
        assert run(account.id, 1e-9)
    world.robin.add("Mine", at - timedelta(hours=20), at - timedelta(hours=19), there)
    in_slices(account)
    world.later(minutes=10)
    in_slices(account)
    assert left(world) == ["Mine"] and there in world.robin.calendars
    assert not Account.select().exists()
