"""The mirror of external events: which are removed, why a calendar cannot be read, and how many
requests it costs, with both providers.
"""

import html
import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spoiled import SPOILED

from base.tables.outbox import Letter
from base.tables.outside import EARLIER_RULES, RULES, ExternalEvent
from letters import trouble
from models import Booking
from sync.connect import gateway
from sync.events.event import Delta, RemoteEvent, Window
from sync.tables import controls, sources
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice
from sync.tables.unread import CalendarTrouble
from sync.two_way.reading import incoming, mirror
from sync.two_way.reading.pull import CalendarReading
from sync.two_way.worker.context import RunContext


@pytest.fixture(params=SPOILED)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SPOILED[request.param](linden, clock)


@pytest.fixture
def pat(signed_in, linden):
    return signed_in(linden.pat)


def page(browser, path="/sync/") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return " ".join(html.unescape(answer.get_data(as_text=True)).split())


@pytest.fixture
def account(world):
    world.book(days=1)
    return world.start(sources=[world.source()])


def source(account) -> RemoteCalendar:
    return RemoteCalendar.get(RemoteCalendar.account == account, RemoteCalendar.role == "source")


def add(world, title, days=2, calendar="primary") -> str:
    at = world.clock.now + timedelta(days=days)
    return world.robin.add(title, at, at + timedelta(hours=1), calendar)


def seen(remote_id, starts_at, hours=1, **fields) -> RemoteEvent:
    return RemoteEvent(
        remote_id, "1", starts_at, starts_at + timedelta(hours=hours), remote_id, **fields
    )


def take(world, account, *changed, complete=False, tombstones=(), unread=()):
    """What a pull that tells this does to the mirror."""
    window = Window(world.clock.now - timedelta(days=30), world.clock.now + timedelta(days=400))
    change = incoming.compare(
        account,
        source(account),
        Delta(changed, frozenset(tombstones), None, complete, window, tuple(unread)),
    )
    for portion in change.portions():
        portion.store()
    return change


# ---- what leaves ----


def test_occurrences_of_a_series_that_is_a_single_event_now_go(world, account):
    at = world.clock.now + timedelta(days=2)
    take(
        world,
        account,
        *(seen(f"one_{n}", at + timedelta(days=7 * n), series_id="one") for n in range(20)),
    )
    take(world, account, seen("other_1", at, series_id="other"))
    take(world, account, seen("one", at))
    assert sorted(row.remote_id for row in ExternalEvent.select()) == ["one", "other_1"]


def test_a_series_made_single_outside_leaves_no_ghost(world, account):
    series = world.add_repeating(
        "Yoga", world.clock.now + timedelta(days=1), world.source(), times=9
    )
    world.poll(account)
    assert len(world.mirrored(account)) == 9
    world.robin.change(series, recurrence=None)
    if world.kind == "microsoft":
        world.sandbox.removals_told_by_master = True
    world.poll(account)
    assert world.mirrored(account) == ["Yoga"]


def test_what_only_a_whole_read_tells_is_right_within_a_day(world, account):
    """A provider that tells nothing of what leaves its window, or forgot to tell."""
    gone = add(world, "Moved away", 3)
    add(world, "Stays", 4)
    world.poll(account)
    row = ExternalEvent.get(ExternalEvent.title == "Moved away")
    world.robin.delete(gone)
    world.poll(account)
    ExternalEvent.insert(
        {name: value for name, value in row.__data__.items() if name != "id"}
    ).execute()  # as if that had never been told
    world.later(hours=22)
    world.run(account)
    world.poll(account)
    assert world.mirrored(account) == ["Stays"]


def test_a_whole_read_once_a_day_costs_no_more_than_that(world, account):
    whole = []
    marks = ("timeMin", "calendarView?")
    world.watch(
        lambda moment, request: (
            whole.append(1)
            if moment == "before" and any(mark in str(request.url) for mark in marks)
            else None
        )
    )
    for _ in range(30):
        world.later(hours=2)
        world.run(account)
    assert 2 <= len(whole) <= 8  # of the source and of our own calendar, in two and a half days


# ---- why a calendar cannot be read ----


FAULTS = {
    500: "unavailable",
    503: "unavailable",
    403: "forbidden",
    400: "refused",
    404: "not_found",
}


@pytest.mark.parametrize("status", FAULTS)
def test_a_read_that_fails_is_told_with_its_reason_and_frees_nothing(pat, world, account, status):
    add(world, "Dentist")
    world.poll(account)
    world.sandbox.faults.fail(
        status,
        world.refusal(status),
        path=world.reading(world.source()),
        times=None,
        minutes=60 * 24,
    )
    for _ in range(6):
        world.poll(account)
    trouble = CalendarTrouble.get(CalendarTrouble.ended_at.is_null())
    assert (trouble.reason, trouble.looks) == (FAULTS[status], 6) and source(
        account
    ).gone_since is None
    shown = page(pat)
    assert "Cannot be read" in page(pat, f"/sync/calendars/{source(account).id}")
    assert (
        "Cannot be read" in shown
        and "Free the times" not in shown
        and "In step." not in shown
        and "was deleted" not in shown
    )
    assert world.mirrored(account) == ["Dentist"] and Account.get().health == "ok"
    world.sandbox.faults.clear()
    world.poll(account)
    assert CalendarTrouble.open_ones(account) == [] and "Cannot be read" not in page(pat)


def test_the_board_does_not_say_that_all_is_well_meanwhile(signed_in, linden, world, account):
    world.sandbox.faults.fail(503, path=world.reading(world.source()), times=None, minutes=60)
    world.poll(account)
    world.poll(account)
    shown = page(signed_in(linden.olive), "/health/")
    assert "A calendar cannot be read" in shown and world.source() not in shown


def test_a_calendar_that_is_surely_gone_offers_to_free_its_times(pat, world):
    other = world.robin.add_calendar("Family")
    add(world, "Dentist", 2, other)
    account = world.start(sources=[other])
    world.robin.delete_calendar(other)
    world.poll(account)
    world.poll(account)
    assert source(account).gone_since is None and "Free the times" not in page(pat)
    world.poll(account)
    world.poll(account)
    assert (
        source(account).gone_since
        and "Free the times" in page(pat)
        and world.mirrored(account) == ["Dentist"]
    )
    pat.post(f"/sync/calendars/{source(account).id}/stop")
    assert world.mirrored(account) == []


def without_end(world, key) -> list[str]:
    """Lists of this calendar go on and on; gives the addresses that are asked for."""
    asked = []

    def instead(url):
        if key not in unquote(url):
            return None
        asked.append(url)
        more = {
            "nextPageToken": f"page{len(asked)}",
            "@odata.nextLink": f"http://sandbox/v1.0/me/calendars/{key}/more?page={len(asked)}",
        }
        return {"kind": "calendar#events", "items": [], "value": []} | more

    world.instead = instead
    return asked


def test_a_calendar_without_end_is_asked_for_once_a_day(world, account):
    asked = without_end(world, world.source())
    RemoteCalendar.update(sync_token=None, due_at=None).where(
        RemoteCalendar.id == source(account).id
    ).execute()
    for _ in range(6):
        controls.ask_for_run(Account.get_by_id(account.id), "check", world.user)
        world.poll(account)
    assert (
        1000 <= len(asked) <= 1001
        and CalendarTrouble.get(CalendarTrouble.ended_at.is_null()).reason == "endless"
    )
    world.instead = None
    world.later(hours=25)
    world.run(account)
    assert CalendarTrouble.open_ones(account) == []


def test_bookings_go_out_though_our_own_calendar_has_no_end(world, account):
    asked = without_end(world, f"{world.destination(account)}/events?")
    if world.kind == "microsoft":
        asked = without_end(world, f"{world.destination(account)}/calendarView/delta")
    RemoteCalendar.update(sync_token=None, due_at=None).where(
        RemoteCalendar.role == "destination"
    ).execute()
    first, second = world.book(days=3), world.book(days=4)
    world.run(account)
    first.cancel(world.user)
    third = world.book(days=5)
    for _ in range(4):
        controls.ask_for_run(Account.get_by_id(account.id), "check", world.user)
        world.poll(account)
    standing = world.standing(account)
    assert {str(row.uuid) for row in (second, third)} <= standing.keys() and str(
        first.uuid
    ) not in standing
    assert (
        1000 <= len(asked) <= 1001
        and CalendarTrouble.get(CalendarTrouble.ended_at.is_null()).reason == "endless"
    )
    world.instead = None
    world.later(hours=25)
    for _ in range(2):
        world.poll(account)
    assert CalendarTrouble.open_ones(account) == []
    world.assert_in_step(account)


# ---- letters ----


@pytest.mark.parametrize("how", ["events", "calendar"])
def test_a_person_is_written_to_once_an_episode(world, account, letters, how):
    add(world, "Bad")
    if how == "events":
        world.spoil_title("Bad", lambda item: item | {"start": None})
    else:
        world.sandbox.faults.fail(
            403, world.refusal(403), path=world.reading(world.source()), times=None, minutes=60 * 48
        )
    for _ in range(10):
        world.later(hours=1)
        world.run(account)
        trouble.write_about_calendars()
    assert Letter.select().where(Letter.kind == "calendar_trouble").count() == 1
    (letter,) = letters.send()
    assert "Bad" not in str(letter) and "cannot be read" in letter["Subject"]


# ---- what it costs ----


def test_a_first_read_of_three_thousand_events_is_few_queries_in_short_transactions(world, caplog):
    """From the request to the time of the next reading, with all that is read for it."""
    at = world.clock.now + timedelta(days=2)
    big = world.robin.add_calendar("Everything")
    for n in range(3000):
        begins = at + timedelta(hours=2 * n)
        world.robin.add(f"E{n}", begins, begins + timedelta(minutes=30), big)
    for day in range(2, 60):
        world.book(days=day, hour=10)
    account = world.start()
    calendar = RemoteCalendar.get(RemoteCalendar.calendar_id == big)
    sources.turn_on(calendar, world.user)
    calendar = RemoteCalendar.get_by_id(calendar.id)
    reader, holder = reader_of(world, account)
    with caplog.at_level(logging.DEBUG, "peewee"):
        caplog.clear()
        assert mirror.read_one(reader, calendar)
        statements = [record.msg[0] for record in caplog.records if record.name == "peewee"]
    Account.let_go(account.id, holder)
    assert len(statements) <= 30, "\n".join(statement[:90] for statement in statements)
    # two portions, what they mean for bookings, and how far it was read, each with the lease
    assert sum('SET "leased_until"' in statement for statement in statements) == 4
    assert ExternalEvent.select().count() == 3000
    assert Notice.get(Notice.kind == "double").detail["clashes"]


def reader_of(world, account):
    holder = Account.acquire_lease(account.id)
    row = Account.get_by_id(account.id)
    row.refresh()
    return CalendarReading(
        RunContext(row, holder, gateway.open_account(row), b"a secret of the tests"), 300
    ), holder


# ---- defaults ----


def test_all_day_busy_and_away_block_by_default_and_the_switch_stays(world, account):
    assert RULES["all_day"] and RULES["busy"] and RULES["away"]
    world.robin.add("Holiday", world.clock.now.date() + timedelta(days=4))
    for event in world.robin.events():
        world.robin.show_busy(event["id"])
    world.poll(account)
    assert ExternalEvent.get().blocks
    sources.set_rules(source(account), world.user, RULES | {"all_day": False})
    assert not ExternalEvent.get().blocks


def test_a_calendar_listed_by_an_earlier_version_blocks_by_what_is_usual_now_unless_somebody_chose(
    world, account
):
    other = (
        RemoteCalendar.select()
        .where(RemoteCalendar.account == account, RemoteCalendar.role == "listed")
        .first()
    )
    RemoteCalendar.update(rules=EARLIER_RULES).execute()
    other = RemoteCalendar.get_by_id(other.id)
    sources.turn_on(other, world.user)
    assert RemoteCalendar.get_by_id(other.id).rules == RULES
    sources.set_rules(RemoteCalendar.get_by_id(other.id), world.user, EARLIER_RULES)
    sources.turn_off(RemoteCalendar.get_by_id(other.id), world.user)
    sources.turn_on(RemoteCalendar.get_by_id(other.id), world.user)
    assert RemoteCalendar.get_by_id(other.id).rules == EARLIER_RULES
    assert (
        RemoteCalendar.select()
        .where(RemoteCalendar.role == "source", RemoteCalendar.rules == EARLIER_RULES)
        .count()
        == 2
    )


# ---- our own event, made free ----


@pytest.mark.parametrize("status", ["confirmed", "pending"])
def test_an_event_of_ours_that_was_made_free_is_put_back(world, account, status):
    booking = Booking.select().order_by(Booking.id).first()
    booking.set_status(status, world.user)
    world.run(account)
    world.poll(account)
    world.robin.show_busy(world.event_of(account, booking)["id"], False, world.destination(account))
    world.poll(account)
    event = world.event_of(account, booking)
    assert event.get("transparency", "opaque") == "opaque" and event.get("showAs") != "free"
    world.assert_in_step(account)


@pytest.mark.parametrize("world", ["microsoft"], indirect=True)
@pytest.mark.parametrize("path", ["calendarView", "events", "subscriptions"])
def test_a_folder_name_that_is_taken_is_no_reason_to_name_our_calendar_again(world, account, path):
    world.sandbox.faults.fail(409, "ErrorFolderExists", path=path, times=3)
    world.book(days=8)
    for _ in range(4):
        world.poll(account)
        assert Account.get().phase == "active"
    world.later(hours=7)
    world.run(account)
    world.assert_in_step(account)


# ---- both ends of time ----


instants = st.datetimes().map(lambda at: at.replace(tzinfo=UTC))
zones = st.sampled_from(["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns"]).map(
    ZoneInfo
)


@given(instants, instants, zones, st.booleans())
def test_no_sum_on_what_is_outside_breaks(first, second, zone, whole):
    starts_at, ends_at = sorted([first, second])
    days = {"starts_on": starts_at.date(), "ends_on": ends_at.date()} if whole else {}
    event = ExternalEvent(starts_at=starts_at, ends_at=ends_at, blocks=True, **days)
    taken = event.taken(zone)
    assert taken[0] <= taken[1]
    window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert window.touches(starts_at, ends_at) in (True, False) and window.clearly_contains(
        starts_at, ends_at
    ) in (True, False)
