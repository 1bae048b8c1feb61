"""The engine over real rows and the sandbox: the state of both sides after every kind of change."""

import logging
from datetime import timedelta

import pytest
from sync_world import WORLDS

from base.scheduling import Span
from base.tables.outside import ExternalEvent
from models import Booking
from sync.tables import controls, ending, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.pace import Pace
from sync.tables.runs import SyncRun
from sync.two_way.standing import decisions


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 6):
        world.book(days=day)
    return world.start()


def test_bookings_stand_outside_after_the_start_with_the_face_the_person_chose(world):
    booking = world.book()
    account = world.start()
    event = world.event_of(account, booking)
    private = event.get("visibility") or event.get("sensitivity")
    assert (
        world.title_of(event) == "Shoulder · K-2041"
        and private == "private"
        and not event.get("attendees")
    )
    assert world.calendars_of_ours(account) == [world.destination(account)]
    world.assert_in_step(account)


def test_a_run_with_nothing_to_do_is_one_request_and_a_change_is_two_at_most(world, account):
    world.poll(account)  # hears its own echo
    world.sandbox.requests.clear()
    world.poll(account)
    assert sum(not record.in_batch for record in world.sandbox.requests) == 1
    world.sandbox.requests.clear()
    world.book(days=8)
    world.run(account)
    # Live messages tell of changes there.
    assert sum(not record.in_batch for record in world.sandbox.requests) == 1
    Channel.delete().execute()
    Pace.create(account=account, channels_wait_until=world.clock.now + timedelta(days=1))
    world.poll(account)
    world.sandbox.requests.clear()
    world.book(days=9)
    world.run(account)
    assert sum(not record.in_batch for record in world.sandbox.requests) == 2
    world.assert_in_step(account)


@pytest.mark.parametrize("change", ["move", "cancel", "note", "status"])
def test_a_change_here_is_a_change_there(world, account, change):
    booking = Booking.select().order_by(Booking.id).first()
    if change == "move":
        booking.change(world.user, world.book(days=20, hour=15, status="offered").span)
    elif change == "cancel":
        booking.cancel(world.user)
    elif change == "note":
        booking.change(world.user, booking.span, notes="Bring the scans")
    else:
        booking.set_status("pending", world.user)
    world.run(account)
    world.assert_in_step(account)


# ---- edits outside ----


def edit(world, account, booking, how):
    """Somebody changes our event outside."""
    event, there = world.event_of(account, booking), world.destination(account)
    if how == "moved":
        world.robin.move(
            event["id"],
            booking.starts_at + timedelta(hours=3),
            booking.ends_at + timedelta(hours=3),
            there,
        )
    elif how == "edited":
        world.robin.retitle(event["id"], "Mine", there)
    elif how == "repeated":
        world.repeat(event, there)
    else:
        world.robin.delete(event["id"], there)


@pytest.mark.parametrize("how", ["moved", "edited", "repeated", "deleted"])
def test_what_somebody_does_to_our_event_outside_is_put_back_and_told(world, account, how):
    booking = Booking.select().order_by(Booking.id).first()
    before = (booking.starts_at, booking.status, booking.sequence)
    edit(world, account, booking, how)
    world.poll(account)
    world.assert_in_step(account)
    assert world.notices(account) == [how]
    notice = Notice.get()
    assert notice.booking == booking and notice.detail["is_put_back"]
    booking = Booking.get_by_id(booking.id)
    assert (booking.starts_at, booking.status, booking.sequence) == before


@pytest.mark.parametrize("how", ["moved", "edited", "deleted"])
def test_where_the_person_is_to_be_asked_nothing_is_put_back_before_they_said(world, account, how):
    controls.change(account, world.user, edits="ask")
    world.run(account)
    booking = Booking.select().order_by(Booking.id).first()
    edit(world, account, booking, how)
    world.poll(account)
    standing = world.standing(account).get(str(booking.uuid), [])
    assert (how == "deleted") == (standing == []) and world.notices(account) == [how]
    writes = world.writes()
    world.poll(account)
    assert world.writes() == writes and not Notice.get().detail["is_put_back"]


def test_where_times_are_to_be_followed_the_booking_moves(world, account):
    controls.change(account, world.user, edits="follow")
    world.run(account)
    booking = Booking.select().order_by(Booking.id).first()
    edit(world, account, booking, "moved")
    world.poll(account)
    assert Booking.get_by_id(booking.id).starts_at == booking.starts_at + timedelta(hours=3)
    world.assert_in_step(account)


def test_a_booking_does_not_follow_onto_another_and_is_put_back(world, account):
    controls.change(account, world.user, edits="follow")
    world.run(account)
    booking = Booking.select().order_by(Booking.id).first()  # the one beside the next
    world.book(days=1, hour=13)
    world.run(account)
    edit(world, account, booking, "moved")
    world.poll(account)
    assert Booking.get_by_id(booking.id).starts_at == booking.starts_at
    assert world.notices(account) == ["moved"] and Notice.get().detail["could_not_follow"]
    world.assert_in_step(account)


def test_an_event_dragged_far_away_is_put_back_and_not_doubled(world, account):
    booking = Booking.select().order_by(Booking.id).first()
    far = booking.starts_at + timedelta(days=900)
    world.robin.move(
        world.event_of(account, booking)["id"],
        far,
        far + timedelta(hours=1),
        world.destination(account),
    )
    world.poll(account)
    world.assert_in_step(account)


def test_a_copy_that_somebody_made_of_our_event_is_taken_away(world, account):
    world.copy(
        world.event_of(account, Booking.select().order_by(Booking.id).first()),
        world.destination(account),
    )
    world.poll(account)
    world.assert_in_step(account)


def test_what_is_undone_again_and_again_is_let_be_for_a_while(world, account):
    booking = Booking.select().order_by(Booking.id).first()
    for _ in range(20):
        edit(world, account, booking, "edited")
        world.later(seconds=30)
        world.run(account)
        Account.wake(account.id, "live")
        world.run(account)
    mapping = MappingRow.get(MappingRow.uid == str(booking.uuid))
    assert (
        mapping.problem == "undone" and world.title_of(world.event_of(account, booking)) == "Mine"
    )
    world.later(hours=2)
    world.run(account)
    world.assert_in_step(account)


def test_changes_made_here_do_not_count_as_undone(world, account):
    """Somebody plans for an hour, and tries twenty times for the same booking."""
    booking = Booking.select().order_by(Booking.id).first()
    for minutes in range(1, 21):
        booking = Booking.get_by_id(booking.id)
        by = timedelta(minutes=minutes % 2 * 10 - 5)
        span = Span(booking.starts_at + by, booking.ends_at + by)
        booking.change(world.user, span, allow_overlap=True)
        world.run(account)
    assert MappingRow.get(MappingRow.uid == str(booking.uuid)).problem == ""
    world.assert_in_step(account)


# ---- what is asked first ----


def test_a_plan_that_takes_away_much_waits_for_a_person_and_the_rest_goes_on(world):
    for day in range(1, 21):
        world.book(days=day)
    account = world.start()
    for booking in list(Booking.select().limit(8)):
        booking.cancel(world.user)
    fresh = world.book(days=30)
    world.run(account)
    assert world.notices(account) == ["deletes"] and Notice.get().detail["count"] == 8
    assert len(world.standing(account)) == 21 and str(fresh.uuid) in world.standing(account)
    world.poll(account)
    assert world.notices(account) == ["deletes"] and len(world.standing(account)) == 21
    decisions.approve(Notice.get(Notice.settled_at.is_null()))
    world.run(account)
    world.assert_in_step(account)
    assert world.notices(account) == [] and not Account.get().approved


def test_our_calendar_suddenly_empty_waits_for_a_person(world, account):
    for event in world.robin.events(world.destination(account)):
        world.robin.delete(event["id"], world.destination(account))
    world.run(account)
    world.poll(account)
    assert world.notices(account) == ["empty"] and world.standing(account) == {}
    decisions.approve(Notice.get(Notice.settled_at.is_null()))
    world.run(account)
    world.assert_in_step(account)


def test_our_calendar_deleted_outside_stops_and_tells(world, account):
    world.robin.delete_calendar(world.destination(account))
    assert world.poll(account).health == "waiting"  # a single "not found" is not believed
    for _ in range(3):
        account = world.poll(account)
    assert account.health == "calendar_gone" and world.notices(account) == ["calendar_gone"]
    starting.start(account, world.user, "Kalends again", "Europe/London")
    world.run(account)
    world.assert_in_step(account)


# ---- external events ----


@pytest.fixture
def reading(world):
    """Connected, with the person's main calendar read."""
    world.robin.add(
        "Dentist", world.clock.now + timedelta(days=2), world.clock.now + timedelta(days=2, hours=1)
    )
    return world.start(sources=[world.source()])


def test_the_mirror_follows_external_events(world, reading):
    assert world.mirrored(reading) == ["Dentist"]
    lunch = world.robin.add(
        "Lunch", world.clock.now + timedelta(days=1), world.clock.now + timedelta(days=1, hours=1)
    )
    world.poll(reading)
    assert world.mirrored(reading) == ["Lunch", "Dentist"]
    world.robin.move(
        lunch, world.clock.now + timedelta(days=5), world.clock.now + timedelta(days=5, hours=1)
    )
    world.robin.show_busy(lunch, False)
    world.poll(reading)
    row = ExternalEvent.get(ExternalEvent.title == "Lunch")
    assert world.mirrored(reading) == ["Dentist", "Lunch"] and row.busy == "free" and not row.blocks
    world.robin.delete(lunch)
    world.poll(reading)
    assert world.mirrored(reading) == ["Dentist"]


def test_an_endless_series_is_mirrored_inside_the_window_and_goes_with_its_series(world, reading):
    series = world.add_repeating(
        "Stretching", world.clock.now + timedelta(hours=1), world.source(), "daily"
    )
    world.poll(reading)
    count = ExternalEvent.select().where(ExternalEvent.title == "Stretching").count()
    assert 365 < count < 420
    world.robin.delete(series)
    world.poll(reading)
    assert world.mirrored(reading) == ["Dentist"]


def test_a_lost_sync_token_loses_no_event_and_keeps_no_dead_one(world, reading):
    gone = world.robin.add(
        "Gone", world.clock.now + timedelta(days=1), world.clock.now + timedelta(days=1, hours=1)
    )
    world.poll(reading)
    world.robin.delete(gone)
    world.robin.add(
        "New", world.clock.now + timedelta(days=3), world.clock.now + timedelta(days=3, hours=1)
    )
    world.sandbox.expire_sync_tokens()
    world.poll(reading)
    assert world.mirrored(reading) == ["Dentist", "New"]
    world.assert_in_step(reading)


def test_a_source_that_is_suddenly_empty_keeps_blocking_until_a_person_agrees(world, reading):
    extra = [
        world.robin.add(
            f"Event {n}",
            world.clock.now + timedelta(days=n),
            world.clock.now + timedelta(days=n, hours=1),
        )
        for n in range(3, 6)
    ]
    world.poll(reading)
    for event in [
        *extra,
        *(event["id"] for event in world.robin.events() if world.title_of(event) == "Dentist"),
    ]:
        world.robin.delete(event)
    world.sandbox.expire_sync_tokens()
    world.poll(reading)
    assert len(world.mirrored(reading)) == 4 and world.notices(reading) == ["source_empty"]
    decisions.accept_empty(Notice.get())
    world.run(reading)
    assert world.mirrored(reading) == []


def test_events_that_people_keep_in_our_calendar_take_their_time_and_are_never_touched(
    world, account
):
    there = world.destination(account)
    world.robin.add(
        "Mine",
        world.clock.now + timedelta(days=2),
        world.clock.now + timedelta(days=2, hours=1),
        there,
    )
    world.add_repeating("Mine weekly", world.clock.now + timedelta(days=1), there, times=3)
    before = [
        world.version_of(event)
        for event in world.robin.events(there)
        if world.title_of(event).startswith("Mine")
    ]
    world.poll(account)
    assert world.mirrored(account) == ["Mine weekly", "Mine", "Mine weekly", "Mine weekly"]
    world.assert_in_step(account)
    controls.ask_for_run(account, "resync")
    world.run(account)
    assert world.mirrored(account) == ["Mine weekly", "Mine", "Mine weekly", "Mine weekly"]
    assert [
        world.version_of(event)
        for event in world.robin.events(there)
        if world.title_of(event).startswith("Mine")
    ] == before


def test_a_busy_time_that_lands_on_a_booking_is_told_and_the_notice_ends_with_it(world, reading):
    booking = world.book(days=4)
    world.run(reading)
    clash = world.robin.add("Clash", booking.starts_at, booking.ends_at)
    world.poll(reading)
    assert world.notices(reading) == ["double"] and Notice.get().booking == booking
    world.robin.move(
        clash, booking.starts_at + timedelta(days=2), booking.ends_at + timedelta(days=2)
    )
    world.poll(reading)
    assert world.notices(reading) == []
    assert Booking.get_by_id(booking.id).status == "confirmed"


# ---- coming and going ----


def test_toggling_ten_times_leaves_exactly_one_copy_of_everything(world, account):
    for number in range(10):
        ending.begin_departure(account, world.user, "off", removes=bool(number % 2))
        account = world.run(account)
        assert account.phase == "off" and world.mirrored(account) == []
        assert (number % 2 == 1) == (world.standing(account) == {})
        starting.start(account, world.user, "Kalends", "Europe/London")
        world.run(account)
        world.assert_in_step(account)
    assert len(world.calendars_of_ours(account)) == 1


def test_a_fresh_start_makes_every_event_once(world, account):
    first = world.destination(account)
    ending.begin_departure(account, world.user, "restart")
    account = world.run(account)
    assert account.phase == "active" and world.destination(account) != first
    world.assert_in_step(account)


def test_disconnecting_takes_away_what_we_made_and_nothing_else(world, account):
    world.robin.add(
        "Mine",
        world.clock.now + timedelta(days=2),
        world.clock.now + timedelta(days=2, hours=1),
        world.destination(account),
    )
    there = world.destination(account)
    ending.begin_departure(account, world.user, "disconnect")
    world.run()
    assert not Account.select().exists()
    assert [world.title_of(event) for event in world.robin.events(there)] == ["Mine"]
    if world.kind == "google":  # Microsoft has no address for giving access back
        assert world.sandbox.oauth.grant("sandbox-client", account.email) is None


def test_disconnecting_finds_what_we_made_without_our_records(world, account):
    MappingRow.delete().execute()
    RemoteCalendar.update(calendar_id=None).where(RemoteCalendar.role == "destination").execute()
    ending.begin_departure(account, world.user, "disconnect")
    world.run()
    assert world.calendars_of_ours(account) == [] and not Account.select().exists()


def test_reconnecting_after_leaving_events_outside_doubles_nothing(world, account):
    ending.begin_departure(account, world.user, "disconnect", removes=False)
    world.run()
    assert len(world.standing(account)) == 5
    again = world.start()
    world.assert_in_step(again)
    assert len(world.calendars_of_ours(again)) == 1


def test_another_identifier_is_written_in_place(world, account):
    ids = {uid: events[0]["id"] for uid, events in world.standing(account).items()}
    world.user.change_sync(identifier="initials")
    world.run(account)
    assert {
        world.title_of(event) for events in world.standing(account).values() for event in events
    } == {"Shoulder · M. W."}
    assert {uid: events[0]["id"] for uid, events in world.standing(account).items()} == ids
    world.assert_in_step(account)


def test_nothing_leaves_while_the_person_does_not_allow_it(world, account):
    world.user.change_sync(sync_allowed=False)
    world.book(days=9)
    writes = world.writes()
    world.poll(account)
    assert world.writes() == writes


def test_events_of_a_person_who_leaves_are_deleted_outside(world, account):
    world.user.leave(world.linden.olive)
    world.run()
    assert world.calendars_of_ours(account) == [] and not Account.select().exists()


def test_two_people_in_one_account_keep_apart(world, account):
    theirs = world.book(days=7, calendar=world.linden.colleague_calendar)
    world.linden.quinn.change_sync(sync_allowed=True, identifier="internal_id")
    other = world.start(world.linden.quinn)
    assert len(world.calendars_of_ours(account)) == 2
    assert [
        row.calendar_id for row in other.calendars if row.calendar_id == world.destination(account)
    ] == []
    assert len(world.standing(account)[str(theirs.uuid)]) == 1
    ending.begin_departure(other, world.linden.quinn, "disconnect")
    world.run()
    world.assert_in_step(account)


def test_the_window_moves_on_and_what_leaves_it_stays(world, account):
    old = Booking.select().order_by(Booking.starts_at).first()
    ahead = world.book(days=380)
    world.run(account)
    assert str(ahead.uuid) not in world.standing(account)
    world.later(days=40)
    world.run(account)
    standing = world.standing(account)
    assert len(standing[str(old.uuid)]) == 1 and len(standing[str(ahead.uuid)]) == 1
    assert MappingRow.get(MappingRow.uid == str(old.uuid)).phase == "frozen"


def test_a_run_tells_the_history_what_it_did(world, account):
    row = SyncRun.get()
    assert (row.total, row.done, row.counts, row.error) == (
        5,
        5,
        {"created": 5},
        "",
    ) and row.ended_at
    world.poll(account)
    assert SyncRun.select().count() == 1


# ---- what it costs ----


def test_a_round_that_finds_little_new_asks_little_of_the_database(world, reading, caplog):
    """A round reads who sends bookings once, however many of its steps want to know."""
    world.run(reading)
    world.book(days=4)
    with caplog.at_level(logging.DEBUG, "peewee"):
        caplog.clear()
        world.run(reading)
        plain = [record.msg[0] for record in caplog.records if record.name == "peewee"]
    senders = [one for one in plain if 'FROM "practitioner" AS "t1" INNER JOIN "user"' in one]
    assert len(world.standing(reading)) == 1
    assert len(senders) == 1, senders
    assert len(plain) <= 65, "\n".join(statement[:90] for statement in plain)


def test_the_history_names_what_was_asked_for_once_alone(world, account):
    world.book(days=2)
    controls.ask_for_run(account, "resync", account.user)
    world.run(account)
    world.book(days=3)
    world.poll(account)
    assert [row.because for row in SyncRun.select().order_by(SyncRun.id.desc()).limit(2)] == [
        "poll",
        "resync",
    ]


def test_the_history_has_a_line_for_a_resync_that_found_nothing(world, account):
    world.run(account)
    controls.ask_for_run(account, "resync", account.user)
    world.run(account)
    latest = SyncRun.select().order_by(SyncRun.id.desc()).get()
    assert (latest.because, latest.counts, latest.error) == ("resync", {}, "")
    assert latest.ended_at is not None
