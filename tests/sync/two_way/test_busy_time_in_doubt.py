"""Lists that lack existing busy time: a list alone frees no time, and deleted events free theirs
soon, with both providers.
"""

from datetime import timedelta
from urllib.parse import unquote

import pytest
from sync_world import VIEWS, WORLDS, lie

from base.tables.outside import ExternalEvent
from sync.tables import ending, sources
from sync.tables.accounts import Account, RemoteCalendar
from sync.two_way.reading.lacking import LATER
from sync.two_way.reading.second_reading import LAST

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

LIES = {
    "empty": lambda items: [],
    "half": lambda items: items[::2],
    "last": lambda items: items[:-1],
}


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    world.book(days=1)
    return world.start(sources=[world.source()])


def add(world, number, first_day=2) -> list[str]:
    """That many busy times, an hour a day."""
    at = world.clock.now + timedelta(days=first_day)
    return [
        world.robin.add(f"Busy {n}", *(at + timedelta(days=n, hours=h) for h in (0, 1)))
        for n in range(number)
    ]


def read_whole(world, account):
    world.sandbox.expire_sync_tokens()
    world.poll(account)


def vanish(world, *events):
    """Somebody deletes them, and no history tells it."""
    calendar = world.robin.calendar(world.source())
    for event in events:
        for key in [key for key, one in calendar["events"].items() if event in (key, one["id"])]:
            del calendar["events"][key]


def asked(world, since) -> int:
    """Batches in which events were asked for by their ids, or by their times."""
    return sum("batch" in record.path for record in list(world.sandbox.requests)[since:])


@pytest.mark.parametrize(
    ("number", "shorten", "times"),
    [
        (1, "empty", 1),
        (2, "last", 1),
        (7, "empty", 1),
        (7, "half", 3),
        (2, "empty", None),
        (70, "half", 1),
        (70, "empty", None),
    ],
)
def test_a_wrong_list_frees_no_busy_time(world, account, number, shorten, times, monkeypatch):
    add(world, number)
    before = world.poll(account) and world.mirrored(account)
    assert len(before) == number
    with monkeypatch.context() as told:
        lie(told, times, LIES[shorten], VIEWS)
        for _ in range(6):
            read_whole(world, account)
            assert world.mirrored(account) == before and world.notices(account) == []
            world.later(minutes=5)
    for _ in range(3):
        world.later(hours=1)
        world.run(account)
        assert world.mirrored(account) == before and world.notices(account) == []
    assert not ExternalEvent.select().where(ExternalEvent.doubted_at.is_null(False)).exists()
    world.assert_in_step(account)


@pytest.mark.parametrize("shorten", ["empty", "half"])
def test_a_list_that_lacked_an_existing_event_is_read_again_soon(
    world, account, shorten, monkeypatch
):
    """What is there for the first time cannot be asked for by its id."""
    add(world, 7)
    world.poll(account)
    fresh = add(world, 2, first_day=40)
    with monkeypatch.context() as told:
        lie(told, None, {"empty": LIES["empty"], "half": lambda items: items[:3]}[shorten], VIEWS)
        read_whole(world, account)
    assert len(world.mirrored(account)) < 9 and len(fresh) == 2
    world.later(seconds=LATER.seconds + 1)
    world.run(account)
    assert len(world.mirrored(account)) == 9
    assert not ExternalEvent.select().where(ExternalEvent.doubted_at.is_null(False)).exists()


@pytest.mark.parametrize("is_kept", [False, True], ids=["gone", "among deleted things"])
@pytest.mark.parametrize("number", [1, 5, 60])
def test_what_is_gone_is_free_by_the_next_look(world, account, number, is_kept):
    """No history tells it. Some providers still show by its id what was deleted."""
    gone, _ = add(world, number), add(world, 5, first_day=100)
    world.poll(account)
    if is_kept and world.kind == "microsoft":
        world.sandbox.deleted_items_found = True
        for event in gone:
            world.robin.delete(event)
    else:
        vanish(world, *gone)
    before = len(world.sandbox.requests)
    read_whole(world, account)
    assert asked(world, before) <= 2
    world.later(seconds=LATER.seconds + 1)
    world.run(account)
    assert len(world.mirrored(account)) == 5 and asked(world, before) <= 4 + number // 15


@pytest.mark.parametrize("number", [1, 70])
@pytest.mark.parametrize("status", [403, 423, 500])
def test_a_look_that_is_refused_confirms_nothing(world, account, number, status, monkeypatch):
    """However many lists lack what is there."""
    add(world, number)
    world.poll(account)
    before = world.mirrored(account)
    reason = world.refusal(status) or "refused"
    world.sandbox.faults.fail(
        status, reason, method="GET", path="/events/[^/]+$", times=None, minutes=110
    )
    with monkeypatch.context() as told:
        lie(told, None, lambda items: items[-1:] if number > 1 else [], VIEWS)
        read_whole(world, account)
        for minutes in (1, 2, 5, 10, 30, 60):
            world.later(minutes=minutes)
            world.run(account)
            assert world.mirrored(account) == before and world.notices(account) == []
    for _ in range(3):
        world.later(hours=1)
        world.run(account)
    assert world.mirrored(account) == before
    assert not ExternalEvent.select().where(ExternalEvent.doubted_at.is_null(False)).exists()


def test_what_cannot_be_asked_for_is_free_within_a_day(world, account):
    (gone,) = add(world, 1)
    add(world, 1, first_day=9)
    world.poll(account)
    vanish(world, gone)
    world.sandbox.faults.fail(500, path=f"/events/{gone}", times=None)
    read_whole(world, account)
    for _ in range(2):
        world.later(hours=9)
        world.run(account)
        assert len(world.mirrored(account)) == 2
    world.later(hours=3)
    world.run(account)
    assert len(world.mirrored(account)) == 1


@pytest.mark.parametrize("shorten", LIES)
@pytest.mark.parametrize("is_new", [False, True], ids=["after a fresh start", "turned on"])
def test_a_first_reading_that_lacks_events_is_noticed_soon(
    world, account, shorten, is_new, monkeypatch
):
    add(world, 7)
    if is_new:
        sources.turn_off(RemoteCalendar.get(RemoteCalendar.role == "source"), world.user)
        sources.turn_on(
            RemoteCalendar.get(RemoteCalendar.calendar_id == world.source()), world.user
        )
    else:
        ending.begin_departure(Account.get(), world.user, "restart", False)
    with monkeypatch.context() as told:
        lie(told, None, LIES[shorten], VIEWS)
        world.run(account, times=2)
    assert len(world.mirrored(account)) < 7
    world.later(seconds=LATER.seconds + 1)
    world.run(account)
    assert len(world.mirrored(account)) == 7


@pytest.mark.parametrize("where", ["source", "destination"])
def test_two_lists_in_a_row_that_lack_the_same_are_noticed_within_the_hour(
    world, account, where, monkeypatch
):
    calendar = {"source": world.source(), "destination": world.destination(account)}[where]
    at = world.clock.now + timedelta(days=2)
    ending.begin_departure(Account.get(), world.user, "restart", False)
    late = world.robin.add("Late", at, at + timedelta(hours=1), calendar)
    lacks_it = {"lists": "/(events|calendarView|instances)(/delta)?$", "times": None}
    with monkeypatch.context() as told:
        lie(told, shorten=lambda items: [one for one in items if one["id"] != late], **lacks_it)
        world.run(account, times=2)
        world.later(seconds=LATER.seconds + 1)
        world.run(account)
        for _ in range(3):
            world.poll(account)
        assert "Late" not in world.mirrored(account)
    world.later(seconds=LAST.seconds)
    world.run(account)
    assert "Late" in world.mirrored(account)


def test_a_first_reading_that_was_right_costs_two_lists_of_ids_more(world, account):
    add(world, 7)
    world.add_repeating("Yoga", world.clock.now + timedelta(days=1), world.source(), times=9)
    world.poll(account)
    row = RemoteCalendar.get(RemoteCalendar.role == "source")
    sources.turn_off(row, world.user)
    sources.turn_on(RemoteCalendar.get_by_id(row.id), world.user)
    world.run(account)
    asked_there = []

    def look(moment, request):
        where = unquote(str(request.url))
        is_search = "privateExtendedProperty" in where or "$filter=" in where  # for strays
        if moment == "after" and world.source() in where and not is_search:
            asked_there.append(where)

    world.watch(look)
    for wait in (LATER, LAST):
        world.later(seconds=wait.seconds + 1)
        asked_there.clear()
        world.run(account)
        assert len(asked_there) == 2  # what changed, and the ids
    whole_at = RemoteCalendar.get_by_id(row.id).whole_at
    for _ in range(3):
        before = len(world.sandbox.requests)
        RemoteCalendar.update(due_at=None).where(RemoteCalendar.id == row.id).execute()
        world.run(account)
        assert len(world.sandbox.requests) == before + 1
    assert RemoteCalendar.get_by_id(row.id).whole_at == whole_at


def test_a_second_reading_that_is_refused_is_done_at_the_next_regular_time(
    world, account, monkeypatch
):
    add(world, 3)
    row = RemoteCalendar.get(RemoteCalendar.role == "source")
    sources.turn_off(row, world.user)
    sources.turn_on(RemoteCalendar.get_by_id(row.id), world.user)
    with monkeypatch.context() as told:
        lie(told, None, LIES["half"], VIEWS)
        world.run(account)
    refusing = {"method": "GET", "path": VIEWS, "times": None}
    world.sandbox.faults.fail(500, skip=0 if world.kind == "microsoft" else 1, **refusing)
    world.later(seconds=LATER.seconds + 1)
    world.run(account)
    assert len(world.mirrored(account)) == 2
    world.sandbox.faults.clear()
    world.poll(account)
    assert len(world.mirrored(account)) == 3


@pytest.mark.parametrize("times", [1, None])
def test_occurrences_that_a_list_of_their_series_lacks_stay(world, account, times, monkeypatch):
    at = world.clock.now + timedelta(days=1)
    series = world.add_repeating("Yoga", at, world.source(), times=9)
    before = world.poll(account) and world.mirrored(account)
    assert len(before) == 9
    with monkeypatch.context() as told:
        lie(told, times, LIES["half"], VIEWS)
        world.robin.change(series, **{"summary" if world.kind == "google" else "subject": "Yoga"})
        for _ in range(3):
            world.poll(account)
            assert world.mirrored(account) == before
    world.later(hours=22)
    for _ in range(2):
        world.poll(account)
    assert world.mirrored(account) == before


def test_an_emptied_calendar_asks_a_person_with_all_in_the_number(world, account):
    vanish(world, *add(world, 70))
    gone = add(world, 70)
    world.poll(account)
    vanish(world, *gone)
    read_whole(world, account)
    assert world.notices(account) == ["source_empty"]
    assert len(world.mirrored(account)) == 70


def test_a_question_about_an_empty_calendar_is_over_once_its_events_are_back(world, account):
    gone = add(world, 4)
    world.poll(account)
    calendar = world.robin.calendar(world.source())["events"]
    kept = dict(calendar)
    vanish(world, *gone)
    read_whole(world, account)
    assert world.notices(account) == ["source_empty"]
    calendar |= kept
    read_whole(world, account)
    assert world.notices(account) == [] and len(world.mirrored(account)) == 4


def test_what_left_the_window_is_not_asked_for(world, account):
    add(world, 2, first_day=360)
    world.poll(account)
    account.put(future_days=90)  # and some more is read
    RemoteCalendar.update(window_to=None).where(RemoteCalendar.role == "source").execute()
    before = len(world.sandbox.requests)
    world.poll(account)
    assert world.mirrored(account) == [] and asked(world, before) == 0
