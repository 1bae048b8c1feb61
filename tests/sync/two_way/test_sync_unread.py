"""An event that cannot be read stops nothing.

Not its calendar, not its series, not our bookings, on both providers.
"""

import random
from collections import Counter
from datetime import timedelta

import pytest
from spoiled import SPOILED

from base.tables.outside import ExternalEvent
from models import Booking
from sync.tables import controls
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.unread import CalendarTrouble, UnreadEvent


@pytest.fixture(params=SPOILED)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SPOILED[request.param](linden, clock)


@pytest.fixture
def account(world):
    world.book(days=1)
    return world.start(sources=[world.source()])


def reasons(account) -> Counter:
    """How many events of its source could not be read, by reason."""
    number = source(account).id
    return UnreadEvent.reasons([number])[number]


def source(account) -> RemoteCalendar:
    return RemoteCalendar.get(RemoteCalendar.account == account, RemoteCalendar.role == "source")


def add(world, title, days=2, calendar="primary") -> str:
    at = world.clock.now + timedelta(days=days)
    return world.robin.add(title, at, at + timedelta(hours=1), calendar)


def without(name):
    return lambda item: {key: value for key, value in item.items() if key != name}


def anew(world, account):
    """All of it is read again."""
    controls.ask_for_run(Account.get_by_id(account.id), "resync", world.user)
    return world.run(account)


SPOILS = {  # what is spoiled, and the reason that is kept
    "no start": (without("start"), "no_start"),
    "no end": (without("end"), "no_end"),
    "null start": (lambda item: item | {"start": None}, "no_start"),
    "year 0": (
        lambda item: item | {"start": {"dateTime": "0000-01-01T00:00:00", "timeZone": "UTC"}},
        "bad_start",
    ),
    "year 1": (
        lambda item: item | {"start": {"dateTime": "0001-01-01T00:00:00", "timeZone": "UTC"}},
        "bad_start",
    ),
    "zone": (
        lambda item: item | {"start": {"dateTime": "2026-11-22T10:00:00", "timeZone": "No/Where"}},
        "zone",
    ),
    "backwards": (
        lambda item: item | {"end": {"dateTime": "2020-11-22T10:00:00", "timeZone": "UTC"}},
        "backwards",
    ),
    "words": (
        lambda item: item | {"end": {"dateTime": "after lunch", "timeZone": "UTC"}},
        "bad_end",
    ),
    "no id": (without("id"), "no_id"),
    "number": (lambda item: 5, "no_id"),
}
ODD = {
    "no etag": lambda item: {key: value for key, value in item.items() if "etag" not in key},
    "null title": lambda item: item | {"summary": None},
    "null subject": lambda item: item | {"subject": None},
    "null guests": lambda item: item | {"attendees": None},
    "changed in year 0": lambda item: (
        item | {"updated": "0000-01-01T00:00:00Z", "lastModifiedDateTime": "0000-01-01T00:00:00Z"}
    ),
    "for ever": lambda item: item | {"end": {"dateTime": "9999-12-31T23:59:59", "timeZone": "UTC"}},
    "beyond": lambda item: item | {"end": {"dateTime": "10000-01-01T00:00:00", "timeZone": "UTC"}},
}


def spoil_all(world, spoils) -> None:
    """Events whose title names a way to spoil them are."""

    def spoil(item):
        how = (item.get("summary") or item.get("subject") or "").removeprefix("Bad: ")
        return spoils[how](item) if how in spoils else item

    world.spoil = spoil


def test_events_that_cannot_be_read_are_named_and_keep_no_other_out(world, account):
    for number, how in enumerate(SPOILS):
        add(world, f"Bad: {how}", 2 + number)
    add(world, "Good", 30)
    spoil_all(world, {how: spoil for how, (spoil, _) in SPOILS.items()})
    booking = world.book(days=8)
    world.poll(account)
    assert world.mirrored(account) == ["Good"]
    assert reasons(account) == Counter(reason for _, reason in SPOILS.values())
    assert [trouble.kind for trouble in CalendarTrouble.open_ones(account)] == ["events"]
    assert str(booking.uuid) in world.standing(account) and Account.get().health == "ok"
    world.spoil = None
    anew(world, account)
    assert (
        len(world.mirrored(account)) == len(SPOILS) + 1
        and not UnreadEvent.select().exists()
        and not CalendarTrouble.open_ones(account)
    )


def test_what_is_only_odd_takes_its_time(world, account):
    for how in ODD:
        add(world, f"Bad: {how}")
    spoil_all(world, ODD)
    for _ in range(2):
        anew(world, account)
        assert (
            ExternalEvent.select().where(ExternalEvent.blocks).count() == len(ODD)
            and not UnreadEvent.select().exists()
        )
        assert Account.get().health == "ok"


@pytest.mark.parametrize("how", ["no start", "no id", "number"])
def test_what_was_known_of_an_event_stays_until_it_can_be_read_or_is_gone(world, account, how):
    bad = add(world, "Bad")
    add(world, "Good", 3)
    world.poll(account)
    world.spoil_title("Bad", SPOILS[how][0])
    if how == "no start":
        world.robin.change(
            bad, location="Elsewhere"
        ) if world.kind == "google" else world.robin.change(
            bad, location={"displayName": "Elsewhere"}
        )
        world.poll(account)
    anew(world, account)
    assert world.mirrored(account) == ["Bad", "Good"] and UnreadEvent.select().count() == 1
    world.robin.delete(bad)
    world.poll(account)
    if how != "no start":  # nobody could tell which one it was
        anew(world, account)
    assert world.mirrored(account) == ["Good"] and not UnreadEvent.select().exists()


def test_one_occurrence_that_cannot_be_read_keeps_its_series(world, account):
    world.add_repeating("Weekly", world.clock.now + timedelta(days=1), world.source(), times=5)
    day = (world.clock.now + timedelta(days=8)).date().isoformat()
    world.spoil = lambda item: (
        item | {"end": None} if item["start"].get("dateTime", "").startswith(day) else item
    )
    world.poll(account)
    anew(world, account)
    assert world.mirrored(account) == ["Weekly"] * 4 and reasons(account) == {"no_end": 1}


def test_in_our_own_calendar_they_stop_no_booking(world, account):
    there = world.destination(account)
    for number, how in enumerate(SPOILS):
        add(world, f"Bad: {how}", 2 + number, there)
    add(world, "Mine", 30, there)
    spoil_all(world, {how: spoil for how, (spoil, _) in SPOILS.items()})
    booking = world.book(days=8)
    world.poll(account)
    anew(world, account)
    booking.change(world.user, world.book(days=20, hour=15, status="offered").span)
    world.poll(account)
    assert world.mirrored(account) == ["Mine"] and UnreadEvent.select().count() == len(SPOILS)
    world.spoil = None
    world.assert_in_step(account)


@pytest.mark.parametrize("how", ["no start", "no id"])
def test_an_event_of_ours_that_cannot_be_read_is_neither_doubled_nor_given_up(world, account, how):
    bad = Booking.select().order_by(Booking.id).first()
    world.spoil_title(world.title_of(world.event_of(account, bad)), SPOILS[how][0])
    world.poll(account)
    anew(world, account)
    world.poll(account)
    assert world.notices(account) == []
    world.spoil = None
    anew(world, account)
    world.assert_in_step(account)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_an_answer_holds_nothing_breaks_and_the_others_arrive(world, account, seed):
    """Fields of one event are replaced at random by what they should never be, on every level, in
    lists, looks and batches.
    """
    draw = random.Random(seed)
    rubbish = (
        None,
        "",
        0,
        -1,
        1e308,
        True,
        [],
        {},
        [None],
        {"a": None},
        "\0",
        "\ud800",
        "9999-12-31",
        "0000-00-00",
        "2026-11-24T25:00:00Z",
        "x" * 5000,
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        {"dateTime": []},
        {"date": "0001-01-01"},
        [[[]]],
        {"self": 1},
    )

    def mutated(value: object) -> object:
        if isinstance(value, dict) and value and draw.random() < 0.8:
            name = draw.choice(sorted(value))
            return (
                value | {name: mutated(value[name])}
                if draw.random() < 0.9
                else without(name)(value)
            )
        return draw.choice(rubbish)

    good = [add(world, f"Good {number}", 3 + number) for number in range(3)]
    add(world, "Bad")
    booking = world.book(days=9)
    for _ in range(6):
        world.spoil_title("Bad", mutated)
        for event in good:
            world.robin.show_busy(event, draw.random() < 0.5)
        anew(world, account)
        account = world.poll(account)
        assert account.health == "ok", account.health_word
        assert {f"Good {number}" for number in range(3)} <= set(world.mirrored(account))
    assert str(booking.uuid) in world.standing(account)
    world.spoil = None
    anew(world, account)
    assert (
        sorted(world.mirrored(account)) == ["Bad", "Good 0", "Good 1", "Good 2"]
        and not UnreadEvent.select().exists()
    )
    world.assert_in_step(account)


# ---- Outlook shows some events only in lists ----


@pytest.mark.parametrize("world", ["microsoft"], indirect=True)
@pytest.mark.parametrize("status", [403, 500])
@pytest.mark.parametrize("whose", ["ours", "external", "source"])
def test_one_event_that_outlook_refuses_to_show_for_good_stops_nothing(
    world, account, status, whose
):
    mine = world.book(days=2)
    world.run(account)
    there = world.destination(account)
    calendar = "primary" if whose == "source" else there
    bad = world.event_of(account, mine)["id"] if whose == "ours" else add(world, "Bad", 4, calendar)
    world.poll(account)
    world.sandbox.faults.fail(
        status, world.refusal(status), path=f"/events/{bad}", method="GET", times=None
    )
    for number in range(4):
        world.robin.retitle(bad, f"Changed {number}", calendar)
        booking = world.book(days=10 + number)
        world.poll(account)
        assert Account.get().health == "ok" and str(booking.uuid) in world.standing(account)
    if whose != "ours":
        assert world.mirrored(account) == ["Changed 3"]
    world.sandbox.faults.clear()
    world.later(hours=7)
    world.run(account)
    world.assert_in_step(account)
