"""Events of ours that somebody drags or copies into another calendar of the account: brought home
or taken away, on both providers.
"""

from datetime import timedelta

import httpx
import pytest
from sync_world import WORLDS, lie, shortened

from base.tables.outside import ExternalEvent
from models import Booking
from sync.tables import controls, ending, sources, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice
from sync.tables.strays import Stray
from sync.two_way.standing import decisions

pytestmark = pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # whichever database it is makes no difference


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="full_name")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 7):
        world.book(days=day)
    return world.start(sources=[world.source()])


@pytest.fixture
def elsewhere(world):
    """A calendar of the person's own that is not read."""
    return world.robin.add_calendar("Ideas")


@pytest.fixture(params=["read", "listed"])
def other(request, world, account, elsewhere):
    return world.source() if request.param == "read" else elsewhere


def drag(world, account, other, number=0) -> Booking:
    booking = list(Booking.select().order_by(Booking.starts_at))[number]
    world.robin.drag(world.event_of(account, booking)["id"], other, world.destination(account))
    return booking


def everywhere(world, account) -> dict[str, int]:
    return {uid: len(events) for uid, events in world.standing(account).items()}


def a_day_passes(world, account):
    for _ in range(2):
        world.later(hours=21)
        world.run(account)


def test_a_dragged_event_is_written_again_in_our_calendar(world, account, other):
    drag(world, account, other)
    world.poll(account)
    a_day_passes(world, account)
    world.assert_in_step(account)
    assert not Stray.select().exists() and world.mirrored(account) == []


@pytest.mark.parametrize("minutes", [0, 1, 3])
@pytest.mark.parametrize("is_shown", [False, True], ids=["hidden", "still shown by its id"])
def test_a_resync_finds_it_at_once(world, account, other, minutes, is_shown):
    """Also what was written a moment ago."""
    if is_shown and world.kind == "microsoft":
        world.sandbox.deleted_items_found = True
    world.later(minutes=minutes)
    drag(world, account, other)
    controls.ask_for_run(account, "resync")
    world.run(account)
    world.assert_in_step(account)


@pytest.mark.parametrize("status", [403, 500])
def test_what_was_just_written_is_let_be_where_a_resync_cannot_look(
    world, account, status, monkeypatch
):
    reason = world.refusal(status) or "refused"
    world.sandbox.faults.fail(status, reason, method="GET", path="/events/[^/]+$", times=None)
    before = everywhere(world, account)
    controls.ask_for_run(account, "resync")
    with monkeypatch.context() as told:
        lie(told, None, lambda items: items[::2])
        world.run(account)
    world.sandbox.faults.clear()
    assert everywhere(world, account) == before and world.notices(account) == []
    for _ in range(2):
        world.later(minutes=10)
        world.run(account)
    world.assert_in_step(account)


@pytest.mark.parametrize("copies", [True, False])
def test_a_stray_that_the_filter_omits_is_found_within_a_day(
    world, account, elsewhere, copies, monkeypatch
):
    booking = Booking.select().order_by(Booking.id).first()
    if copies:
        world.copy(world.event_of(account, booking), elsewhere)
    else:
        drag(world, account, elsewhere)
    world.later(hours=1)
    answer = httpx.WSGITransport.handle_request

    def unfiltered(self, request):
        told = answer(self, request)
        names = request.url.params.keys()
        is_filtered = "$filter" in names or "privateExtendedProperty" in names
        return shortened(told, lambda items: []) if is_filtered else told

    with monkeypatch.context() as lies:
        lies.setattr(httpx.WSGITransport, "handle_request", unfiltered)
        a_day_passes(world, account)
        world.assert_in_step(account)
        world.poll(account)
    assert not Stray.select().exists() and world.notices(account) in ([], ["deleted"])


def test_a_search_lists_a_few_calendars_and_the_others_the_next_day(world, account, monkeypatch):
    monkeypatch.setattr("sync.two_way.reading.search.MOST_LISTED", 2)
    made = [world.robin.add_calendar(f"Ideas {number}") for number in range(5)]
    listed = []
    for _ in range(4):
        world.later(hours=21)
        world.run(account)
        rows = RemoteCalendar.select().where(RemoteCalendar.sought_at >= world.clock.now)
        listed.append(rows.count())
    assert listed == [2, 2, 2, 2]
    ideas = RemoteCalendar.select().where(RemoteCalendar.calendar_id.in_(made))
    assert not ideas.where(RemoteCalendar.sought_at.is_null()).exists()


def test_a_stray_never_blocks_its_person(world, account):
    controls.change(account, world.user, edits="ask")
    drag(world, account, world.source())
    world.poll(account)
    world.poll(account)
    assert ExternalEvent.select().count() == 0 and "double" not in world.notices(account)


@pytest.mark.parametrize("edits", ["put_back", "ask"])
def test_a_stray_of_a_cancelled_booking_is_deleted(world, account, other, edits):
    controls.change(account, world.user, edits=edits)
    booking = drag(world, account, other)
    world.poll(account)
    booking.cancel(world.user)
    world.run(account)
    a_day_passes(world, account)
    assert str(booking.uuid) not in world.standing(account)
    assert set(everywhere(world, account).values()) == {1}


@pytest.mark.parametrize("edits", ["put_back", "ask"])
def test_a_stray_that_shows_too_much_is_deleted(world, account, other, edits):
    controls.change(account, world.user, edits=edits)
    drag(world, account, other)
    world.poll(account)
    world.user.change_sync(identifier="none")
    world.run(account)
    a_day_passes(world, account)
    titles = {
        world.title_of(event) for events in world.standing(account).values() for event in events
    }
    assert not any("Wójcik" in title for title in titles)
    assert set(everywhere(world, account).values()) == {1}


@pytest.mark.parametrize("goal", ["off", "disconnect", "restart"])
def test_removing_everything_removes_it_as_well(world, account, other, goal):
    drag(world, account, other)
    world.poll(account)
    drag(world, account, other, 2)
    ending.begin_departure(account, world.user, goal, True)
    world.run(account)
    if goal == "restart":
        world.assert_in_step(account)
    else:
        assert world.standing(account) == {}


def test_while_somebody_decides_it_stays_and_then_there_is_one(world, account, other):
    controls.change(account, world.user, edits="ask")
    drag(world, account, other)
    world.poll(account)
    a_day_passes(world, account)
    assert set(everywhere(world, account).values()) == {1} and world.notices(account) == ["deleted"]
    decisions.put_back(Notice.get(Notice.kind == "deleted"))
    world.run(account)
    a_day_passes(world, account)
    world.assert_in_step(account)


def test_dragged_there_and_back_it_stays_one(world, account, other):
    booking = drag(world, account, other)
    here = world.destination(account)
    key = world.event_of(account, booking)["id"]
    world.poll(account)
    if key in {event["id"] for event in world.robin.events(other)}:
        world.robin.drag(key, here, other)
    world.poll(account)
    a_day_passes(world, account)
    world.assert_in_step(account)


def test_a_copy_goes_and_the_event_stays(world, account, other):
    world.copy(world.event_of(account, Booking.select().order_by(Booking.id).first()), other)
    world.poll(account)
    a_day_passes(world, account)
    world.assert_in_step(account)
    assert [notice for notice in world.notices(account) if notice != "stray"] == []


def test_a_repeating_stray_is_deleted_as_a_whole(world, account, other):
    made = world.copy(world.event_of(account, Booking.select().order_by(Booking.id).first()), other)
    world.repeat(next(event for event in world.robin.events(other) if event["id"] == made), other)
    world.poll(account)
    a_day_passes(world, account)
    world.assert_in_step(account)
    assert world.mirrored(account) == []


def test_a_repeating_stray_blocks_nothing(world, account, other):
    made = world.copy(world.event_of(account, Booking.select().order_by(Booking.id).first()), other)
    world.repeat(next(event for event in world.robin.events(other) if event["id"] == made), other)
    world.poll(account)
    assert world.mirrored(account) == [] and "double" not in world.notices(account)
    RemoteCalendar.update(sync_token=None, due_at=None).where(
        RemoteCalendar.calendar_id == other
    ).execute()
    world.poll(account)
    assert world.mirrored(account) == [] and world.notices(account) == []


def test_external_events_beside_a_stray_stay(world, account, other):
    at = world.clock.now + timedelta(days=2)
    made = world.robin.add("Dentist", at, at + timedelta(hours=1), other)
    drag(world, account, other)
    world.poll(account)
    a_day_passes(world, account)
    assert made in {event["id"] for event in world.robin.events(other)}
    world.assert_in_step(account)


def test_many_at_once_are_asked_about_before_they_are_written_again(world, account, other):
    for number in range(6):
        drag(world, account, other, number)
    world.poll(account)
    a_day_passes(world, account)
    assert everywhere(world, account) == dict.fromkeys(world.due(), 1)
    decisions.approve(Notice.get(Notice.topic == Notice.SAFETY_STOP))
    world.run(account)
    a_day_passes(world, account)
    world.assert_in_step(account)


def test_a_refused_removal_is_told_once_and_tried_again(world, account, other):
    drag(world, account, other)
    there = f"{other}/events/"
    world.sandbox.faults.fail(403, world.refusal(403), method="DELETE", path=there, times=None)
    world.poll(account)
    a_day_passes(world, account)
    assert "stray" in world.notices(account) and Account.get().health == "ok"
    decisions.close_without_change(Notice.get(Notice.kind == "stray"))
    a_day_passes(world, account)
    assert "stray" not in world.notices(account)
    world.sandbox.faults.clear()
    a_day_passes(world, account)
    world.assert_in_step(account)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_one_refused_removal_is_not_told(world, account, other, status):
    drag(world, account, other)
    reason, there = world.refusal(status) or "notFound", f"{other}/events/"
    world.sandbox.faults.fail(status, reason, method="DELETE", path=there, times=1)
    world.poll(account)
    a_day_passes(world, account)
    world.assert_in_step(account)
    assert not Notice.select().where(Notice.kind == "stray").exists()


def test_a_deletion_alone_does_not_prove_that_a_stray_is_gone(world, account, other):
    code = {"google": "notFound", "microsoft": "ErrorItemNotFound"}[world.kind]
    drag(world, account, other)
    world.sandbox.faults.fail(404, code, method="DELETE", path=f"{other}/events/", times=1)
    world.poll(account)
    a_day_passes(world, account)
    world.assert_in_step(account)


def test_idle_looks_cost_nothing_more(world, account):
    world.poll(account)
    before = len(world.sandbox.requests)
    world.poll(account)
    idle = len(world.sandbox.requests) - before
    drag(world, account, world.source())
    world.poll(account)
    world.poll(account)
    before = len(world.sandbox.requests)
    world.poll(account)
    assert len(world.sandbox.requests) - before <= idle


def test_a_colleagues_stray_is_left_alone(world, account):
    linden = world.linden
    linden.quinn.change_sync(sync_allowed=True, identifier="internal_id")
    booking = world.book(calendar=linden.colleague_calendar)
    colleague = world.start(linden.quinn)
    drag_of = world.event_of(colleague, booking)
    world.robin.drag(drag_of["id"], world.destination(account), world.destination(colleague))
    world.poll(account)
    assert str(booking.uuid) in world.standing(account)
    for _ in range(2):
        world.later(hours=21)
        world.run()
    assert everywhere(world, account) == dict.fromkeys([*world.due(), str(booking.uuid)], 1)
    assert RemoteCalendar.select().where(RemoteCalendar.role == "destination").count() == 2


@pytest.mark.parametrize(
    "world", ["google"], indirect=True
)  # Microsoft knows one permission for all calendars
def test_a_calendar_that_we_may_only_read_is_told(world):
    world.book()
    account = world.connect(
        None,
        None,
        "calendar.app.created",
        "calendar.calendarlist.readonly",
        "calendar.events.owned.readonly",
    )
    starting.start(account, world.user, "Kalends", "Europe/London")
    sources.turn_on(
        RemoteCalendar.get(
            RemoteCalendar.account == account, RemoteCalendar.calendar_id == world.source()
        ),
        world.user,
    )
    world.run(account)
    drag(world, account, world.source())
    world.poll(account)
    assert "stray" not in world.notices(account)  # one refusal proves nothing
    world.poll(account)
    notice = Notice.get(Notice.kind == "stray")
    assert (notice.detail, notice.calendar.calendar_id, Account.get().health) == (
        {"count": 1},
        world.source(),
        "ok",
    )
    (uid,) = world.due()
    assert len(world.standing(account)[uid]) == 2 and world.mirrored(account) == []
    left = next(
        event["id"] for event in world.robin.events(world.source()) if world.reference_of(event)
    )
    world.robin.delete(left)
    a_day_passes(world, account)
    assert world.notices(account) == ["deleted"]
    world.assert_in_step(account)
