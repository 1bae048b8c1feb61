"""Time off in two-way sync: as busy "Away" in the person's calendar outside, nothing of its kind or
note, under the same laws as bookings.
"""

import json
from datetime import date, timedelta

import pytest
from sync_world import WORLDS

from base.tables.audit import AuditEntry
from base.tables.time_off import DatedHours, TimeOff
from models import Booking
from sync.tables import controls, ending
from sync.tables.accounts import Account
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.two_way.standing import decisions, state

LONDON = {"zone_name": "Europe/London"}


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 6):
        world.book(days=day)
    return world.start()


def day_in(world, days: int) -> date:
    return world.clock.now.date() + timedelta(days=days)


def lunch(world, days: int = 3, **more) -> TimeOff:
    """An hour at noon."""
    day = day_in(world, days)
    fields = {"kind": "lunch", "note": "with the lawyer", "first_on": day, "last_on": day}
    fields |= {"starts": "12:00", "ends": "13:00", **LONDON} | more
    return TimeOff.add(world.user, world.user, **fields)


def leave(world, days: int = 10, length: int = 14) -> TimeOff:
    """Whole days."""
    first = day_in(world, days)
    last = first + timedelta(days=length - 1)
    fields = {"kind": "sick", "note": "surgery", "first_on": first, "last_on": last}
    return TimeOff.add(world.user, world.user, **fields)


def away(world, account) -> dict[str, dict]:
    """What stands outside of time off, by its uid: each once."""
    bookings = {str(row.uuid) for row in Booking.select()}
    standing = {uid: them for uid, them in world.standing(account).items() if uid not in bookings}
    assert {len(them) for them in standing.values()} <= {1}
    return {uid: them[0] for uid, them in standing.items()}


def move(world, account, event) -> None:
    """Somebody drags it by three hours."""
    hours = timedelta(hours=3)
    starts_at, ends_at = world.times_of(event)
    world.robin.move(event["id"], starts_at + hours, ends_at + hours, world.destination(account))


def assert_in_step(world, account, rows: list[tuple[TimeOff, list[date]]]) -> None:
    """Exactly these days of time off stand outside, and another look writes nothing."""
    expected = {str(row.uid(day)) for row, days in rows for day in days}
    assert away(world, account).keys() == expected
    world.assert_nothing_more(account)
    assert Account.get_by_id(account.id).health == "ok"


def test_time_off_stands_outside_as_busy_and_says_nothing_more(world, account):
    noon, weeks = lunch(world), leave(world)
    world.run(account)
    found = away(world, account)
    assert_in_step(world, account, [(noon, [noon.first_on]), (weeks, [weeks.first_on])])
    for event in found.values():
        assert world.title_of(event) == "Away"
        assert not event.get("attendees") and event.get("location") in (None, {"displayName": ""})
        assert event.get("transparency", "opaque") == "opaque" or event.get("showAs") == "busy"
        text = json.dumps(event)
        assert not any(word in text for word in ("lunch", "lawyer", "sick", "surgery"))
        assert (event.get("visibility") or event.get("sensitivity")) == "private"
    whole = found[str(weeks.uid(weeks.first_on))]
    end = weeks.last_on + timedelta(days=1)
    assert world.days_of(whole) == (weeks.first_on.isoformat(), end.isoformat())
    starts_at, ends_at = world.times_of(found[str(noon.uid(noon.first_on))])
    assert (starts_at.hour, ends_at - starts_at) == (12, timedelta(hours=1))


def test_a_note_or_kind_changes_nothing_outside(world, account):
    noon = lunch(world)
    world.run(account)
    writes = world.writes()
    noon.change(world.user, note="with somebody else", kind="other")
    world.poll(account)
    assert world.writes() == writes


def test_weekly_time_off_stands_there_week_by_week(world, account):
    day = day_in(world, 3)
    weeks = [day + timedelta(days=7 * n) for n in range(6)]
    noon = lunch(world, weekly=True, until=weeks[-1])
    world.run(account)
    assert_in_step(world, account, [(noon, weeks)])
    noon.remove(world.user, weeks[2])
    world.run(account)
    assert_in_step(world, account, [(noon, weeks[:2] + weeks[3:])])
    noon.change(world.user, starts="12:30", ends="13:30")
    world.run(account)
    assert_in_step(world, account, [(noon, weeks[:2] + weeks[3:])])
    shown = away(world, account)[str(noon.uid(weeks[0]))]
    assert world.times_of(shown)[0].minute == 30


def test_weekly_time_off_without_end_reaches_to_the_end_of_the_window_and_rolls_on(world, account):
    controls.change(account, world.user, future_days=30)
    noon = lunch(world, weekly=True)
    world.run(account)
    before = away(world, account)
    assert len(before) in (4, 5)
    world.later(days=7)
    world.run(account)
    assert len(away(world, account)) == len(before) + 1
    assert str(noon.uid(noon.first_on)) in away(world, account)


def test_dated_hours_are_not_sent(world, account):
    writes = world.writes()
    DatedHours.add(world.linden.calendar, day_in(world, 4), [], world.user)
    DatedHours.add(world.linden.street, day_in(world, 5), [["09:00", "12:00"]], world.user)
    world.poll(account)
    assert world.writes() == writes and away(world, account) == {}


def test_a_colleague_s_time_off_does_not_go_there(world, account):
    day = day_in(world, 3)
    TimeOff.add(world.linden.quinn, None, kind="leave", first_on=day, last_on=day)
    world.run(account)
    assert away(world, account) == {}


def test_what_was_removed_goes_and_comes_back_with_undo(world, account):
    weeks = leave(world)
    world.run(account)
    weeks.remove(world.user)
    world.run(account)
    assert_in_step(world, account, [])
    weeks.bring_back(world.user)
    world.run(account)
    assert_in_step(world, account, [(weeks, [weeks.first_on])])


def test_what_was_removed_while_nobody_synced_goes_even_after_its_row_is_gone(world, account):
    weeks = leave(world)
    world.run(account)
    weeks.remove(world.user)
    TimeOff.clean_up(world.clock.now + timedelta(days=3))
    assert not TimeOff.select().exists()
    world.run(account)
    assert_in_step(world, account, [])


@pytest.mark.parametrize("how", ["moved", "edited", "repeated", "deleted", "copied"])
def test_what_somebody_does_to_it_outside_is_put_back_and_told(world, account, how):
    noon = lunch(world)
    world.run(account)
    (event,), there = away(world, account).values(), world.destination(account)
    if how == "moved":
        move(world, account, event)
    elif how == "edited":
        world.robin.retitle(event["id"], "Mine", there)
    elif how == "repeated":
        world.repeat(event, there)
    elif how == "deleted":
        world.robin.delete(event["id"], there)
    else:
        world.copy(event, there)
    world.poll(account)
    assert_in_step(world, account, [(noon, [noon.first_on])])
    assert world.notices(account) == ([] if how == "copied" else [how])
    if how != "copied":
        notice = Notice.get()
        assert notice.detail["away"] and notice.booking is None


def test_where_the_person_is_to_be_asked_nothing_is_put_back_before_they_said(world, account):
    noon = lunch(world)
    controls.change(account, world.user, edits="ask")
    world.run(account)
    (event,) = away(world, account).values()
    world.robin.delete(event["id"], world.destination(account))
    world.poll(account)
    assert away(world, account) == {} and world.notices(account) == ["deleted"]
    decisions.put_back(Notice.get())
    world.run(account)
    assert_in_step(world, account, [(noon, [noon.first_on])])


def test_where_times_are_followed_time_off_stays_as_it_is(world, account):
    noon = lunch(world)
    controls.change(account, world.user, edits="follow")
    world.run(account)
    (event,) = away(world, account).values()
    move(world, account, event)
    world.poll(account)
    world.poll(account)
    assert TimeOff.get().starts == "12:00" and world.notices(account) == ["moved"]
    assert_in_step(world, account, [(noon, [noon.first_on])])


def test_deleting_much_of_it_at_once_waits_for_the_person_as_bookings_do(world, account):
    weekly = lunch(world, weekly=True)
    world.run(account)
    count = len(away(world, account))
    weekly.remove(world.user)
    world.run(account)
    assert world.notices(account) == ["deletes"] and len(away(world, account)) == count
    detail = Notice.get().detail
    assert (detail["count"], detail["off"]) == (count, count)
    decisions.approve(Notice.get())
    world.run(account)
    assert_in_step(world, account, [])


def test_switching_it_off_takes_it_away_unasked_and_leaves_the_bookings(world, account):
    weekly, weeks = lunch(world, weekly=True), leave(world)
    world.run(account)
    assert len(away(world, account)) > 40
    controls.change(account, world.user, time_off=False)
    world.run(account)
    assert away(world, account) == {} and world.notices(account) == []
    world.assert_in_step(account)
    controls.change(account, world.user, time_off=True)
    world.run(account)
    assert str(weeks.uid(weeks.first_on)) in away(world, account)
    assert str(weekly.uid(weekly.first_on)) in away(world, account)
    world.assert_nothing_more(account)


def test_an_account_of_an_earlier_version_is_not_asked_for_it(world, account):
    controls.change(account, world.user, time_off=False)
    world.run(account)
    lunch(world)
    assert list(Account.due(world.clock.now)) == []
    world.poll(account)
    assert away(world, account) == {}


def test_a_change_makes_the_account_due(world, account):
    assert list(Account.due(world.clock.now)) == []
    noon = lunch(world)
    assert list(Account.due(world.clock.now)) == [account]
    world.run(account)
    assert list(Account.due(world.clock.now)) == []
    noon.remove(world.user)
    assert list(Account.due(world.clock.now)) == [account]


def test_a_resync_and_a_fresh_start_double_nothing(world, account):
    noon, weeks = lunch(world), leave(world)
    world.run(account)
    everything = [(noon, [noon.first_on]), (weeks, [weeks.first_on])]
    controls.ask_for_run(account, "resync", world.user)
    world.run(account)
    assert_in_step(world, account, everything)
    MappingRow.delete().execute()  # as after a restore: what bears our mark is adopted
    controls.ask_for_run(account, "resync", world.user)
    world.run(account)
    assert_in_step(world, account, everything)


def test_a_departure_takes_it_away(world, account):
    leave(world)
    lunch(world)
    world.run(account)
    ending.begin_departure(account, world.user, "disconnect", removes=True)
    world.run(account, times=3)
    world.later(hours=1)
    world.run(account, times=2)
    assert not any(world.robin.events(key) for key in world.calendars_of_ours(account))


@pytest.mark.parametrize("mishap", ["time_out", "reset", "fail", "fail 429"])
@pytest.mark.parametrize("skip", [0, 1])
def test_a_lost_answer_doubles_and_loses_nothing(world, account, mishap, skip):
    noon = lunch(world)
    world.trouble(mishap, "", skip)
    for _ in range(4):
        world.later(minutes=30)
        world.run(account)
    assert_in_step(world, account, [(noon, [noon.first_on])])


def test_what_left_the_window_is_left_alone(world, account):
    noon = lunch(world)
    world.run(account)
    world.later(days=60)
    world.run(account)
    assert str(noon.uid(noon.first_on)) in away(world, account)
    writes = world.writes()
    world.poll(account)
    assert world.writes() == writes


def test_time_off_is_not_counted_as_a_booking(world, account):
    lunch(world, weekly=True)
    world.run(account)
    standing = state.Standing(Account.get_by_id(account.id))
    assert (standing.due, standing.in_step) == (5, 5)


def test_history_and_notices_tell_no_kind(world, account):
    leave(world)
    world.run(account)
    assert "sick" not in json.dumps([row.detail for row in AuditEntry.select()])
