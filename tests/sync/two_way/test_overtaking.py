"""Today's changes do not wait for a first filling: what is done between two batches, in which
order, and how many requests one change costs.
"""

import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sync_world import WORLDS

import models
from base.scheduling import Span
from models import Booking
from sync.tables import controls, sources, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.pace import ToldChange
from sync.tables.runs import SyncRun
from sync.two_way import run


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


def is_batch(request):
    """A batch that makes events."""
    return request.method == "POST" and "batch" in request.url.path and b"POST" in request.content


def filling(world, days=60):
    """An account whose first filling takes several batches, about to begin."""
    rows = [
        {
            "practitioner": world.linden.calendar.id,
            "patient": None,
            "service": None,
            "starts_at": at,
            "ends_at": at + timedelta(minutes=30),
        }
        for at in (
            world.clock.now + timedelta(days=day, hours=hour)
            for day in range(-20, days)
            for hour in (1, 3)
        )
    ]
    Booking.add_many(world.linden.clinic, rows, world.user)
    world.later(hours=1)  # they were not made just now
    account = world.connect()
    starting.start(account, world.user, "Kalends", "Europe/London")
    sources.turn_on(
        RemoteCalendar.get(
            RemoteCalendar.account == account, RemoteCalendar.calendar_id == world.source()
        ),
        world.user,
    )
    return account


def standing_after(world, account, number, act, what):
    """What `what()` gives right after the batch that follows the change."""
    found, seen = [], []

    def look(moment, request):
        if moment == "after" and is_batch(request):
            seen.append(request)
            if len(seen) == number:
                act()
            elif len(seen) == number + 1:
                found.append(what())

    world.watch(look)
    run.run(account.id)
    world.watch(lambda moment, request: None)
    assert len(seen) > number + 1, "the filling was over before"
    return found[0]


def test_a_booking_made_during_a_filling_goes_out_next(world):
    account, made = filling(world), []
    there = standing_after(
        world,
        account,
        2,
        lambda: made.append(world.book(days=200)),
        lambda: world.standing(account).keys(),
    )
    assert str(made[0].uuid) in there
    world.assert_in_step(Account.get_by_id(account.id))


def test_a_booking_that_is_written_already_and_changes_during_a_filling_is_written_again_next(
    world,
):
    account = filling(world)
    start = world.clock.now

    def first():
        return Booking.get(Booking.uuid == MappingRow.get(MappingRow.phase == "synced").uid)

    moved = []

    def move():
        booking = first()
        booking.change(
            world.user, Span(start + timedelta(days=300), start + timedelta(days=300, hours=1))
        )
        moved.append(booking)

    def place():
        (event,) = world.standing(account)[str(moved[0].uuid)]
        return world.times_of(event)

    assert standing_after(world, account, 2, move, place)[0] == start + timedelta(days=300)
    world.assert_in_step(Account.get_by_id(account.id))


def test_a_booking_cancelled_during_a_filling_goes_next_or_never_comes(world):
    account, gone = filling(world), []

    def cancel():
        written = Booking.get(Booking.uuid == MappingRow.get(MappingRow.phase == "synced").uid)
        unwritten = (
            Booking.select()
            .where(
                Booking.id.not_in(
                    MappingRow.select(MappingRow.booking).where(MappingRow.booking.is_null(False))
                )
            )
            .first()
        )
        for booking in (written, unwritten):
            booking.set_status("cancelled", world.user)
            gone.append(str(booking.uuid))

    there = standing_after(world, account, 2, cancel, lambda: world.standing(account).keys())
    assert gone[0] not in there
    assert not set(gone) & world.standing(account).keys()
    world.assert_in_step(Account.get_by_id(account.id))


def test_busy_time_outside_is_here_before_a_filling_begins_and_stays_up_to_date(world):
    world.robin.add(
        "Before", world.clock.now + timedelta(days=2), world.clock.now + timedelta(days=2, hours=1)
    )
    account = filling(world)

    def push():
        assert world.mirrored(account) == ["Before"]
        world.robin.add(
            "During",
            world.clock.now + timedelta(days=3),
            world.clock.now + timedelta(days=3, hours=1),
        )
        RemoteCalendar.update(due_at=None).where(RemoteCalendar.role == "source").execute()

    standing_after(world, account, 2, push, lambda: None)
    assert world.mirrored(account) == ["Before", "During"]
    world.assert_in_step(Account.get_by_id(account.id))


def test_busy_time_that_comes_during_a_filling_is_here_before_its_next_batch(world):
    account = filling(world)

    def push():
        world.robin.add(
            "During",
            world.clock.now + timedelta(days=3),
            world.clock.now + timedelta(days=3, hours=1),
        )
        RemoteCalendar.update(due_at=None).where(RemoteCalendar.role == "source").execute()

    assert standing_after(world, account, 2, push, lambda: world.mirrored(account)) == ["During"]


def test_a_person_who_pauses_stops_a_filling_at_the_next_batch(world):
    account = filling(world)
    count = []

    def look(moment, request):
        if moment == "after" and is_batch(request):
            count.append(request)
            if len(count) == 2:
                controls.pause(Account.get_by_id(account.id), world.user)

    world.watch(look)
    run.run(account.id)
    assert len(count) == 2


def test_what_may_be_shown_is_obeyed_by_the_next_batch(world):
    account = filling(world)
    Booking.update(patient=world.linden.patient).execute()
    world.user.change_sync(identifier="full_name")

    def lower():
        models.User.get_by_id(world.user.id).change_sync(identifier="none")

    written = []

    def look(moment, request):
        if is_batch(request):
            if moment == "after":
                written.append(request)
                if len(written) == 2:
                    lower()
            elif len(written) > 2:
                assert b"Wojcik" not in request.content and "Wójcik" not in request.content.decode(
                    "unicode_escape", "ignore"
                )

    world.watch(look)
    run.run(account.id)
    world.watch(lambda moment, request: None)
    assert len(written) > 3
    world.assert_in_step(Account.get_by_id(account.id))


def test_a_first_filling_writes_the_next_days_first_and_the_past_last(world):
    account = filling(world, days=100)
    seen = []

    def look(moment, request):
        if moment == "after" and is_batch(request) and not seen:
            seen.append(
                [world.times_of(events[0])[0] for events in world.standing(account).values()]
            )

    world.watch(look)
    run.run(account.id)
    assert seen[0] and all(
        world.clock.now - timedelta(hours=1) <= at <= world.clock.now + timedelta(days=30)
        for at in seen[0]
    )


def test_a_slice_writes_what_changed_last_before_it_goes_on(world):
    account = filling(world)
    assert run.run(account.id, 1e-9)
    booking = world.book(days=300)
    assert run.run(account.id, 1e-9)
    assert str(booking.uuid) in world.standing(account)


def test_the_next_slice_of_a_filling_reads_what_is_new_alone(world):
    account = filling(world)
    run.run(account.id, 1e-9)
    while run.run(account.id, 1e-9):
        assert RemoteCalendar.get(
            RemoteCalendar.account == account, RemoteCalendar.role == "destination"
        ).sync_token
    world.assert_in_step(Account.get_by_id(account.id))


def test_progress_of_a_filling_with_changes_in_between_adds_up(world):
    account = filling(world)
    standing_after(
        world,
        account,
        2,
        lambda: [row.set_status("cancelled", world.user) for row in Booking.select().limit(8)],
        lambda: None,
    )
    runs = list(SyncRun.select().where(SyncRun.account == account))
    assert (
        all(row.done == row.total for row in runs)
        and not Notice.select().where(Notice.settled_at.is_null()).exists()
    )


# ---- requests for one change ----


@pytest.fixture
def account(world):
    world.book()
    account = world.start(sources=[world.source()])
    world.poll(account)
    world.messages.clear()
    return account


@pytest.fixture
def hear(app, world):
    """Carry what the sandbox has sent to our webhook, as the provider would.

    Each message a request of its own, on a thread of its own.
    """

    def carry():
        messages, world.messages[:] = list(world.messages), []

        def post():
            for address, headers, body in messages:
                kind = {} if not body else {"content_type": "application/json"}
                assert app.test_client().post(
                    urlsplit(address).path, headers=headers, data=body, **kind
                ).status_code in (200, 202)

        caller = threading.Thread(target=post)
        caller.start()
        caller.join()
        return len(messages)

    return carry


def requests(world):
    return sum(not record.in_batch for record in world.sandbox.requests)


CHANGES = {
    "made": lambda world, booking: world.book(days=5),
    "moved": lambda world, booking: booking.change(
        world.user, Span(booking.starts_at + timedelta(days=1), booking.ends_at + timedelta(days=1))
    ),
    "tentative": lambda world, booking: booking.set_status("pending", world.user),
    "cancelled": lambda world, booking: booking.set_status("cancelled", world.user),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("early", [False, True], ids=["message late", "message before the answer"])
def test_one_change_costs_two_requests_at_most_with_live_messages(
    world, account, hear, change, early
):
    world.sandbox.requests.clear()
    if early:
        world.watch(lambda moment, request: moment == "after" and hear())
    CHANGES[change](world, Booking.get())
    world.run(account)
    for _ in range(3):
        hear()
        world.run(account)
    world.watch(lambda moment, request: None)
    assert requests(world) <= 2 and not world.messages and not ToldChange.select().exists()
    world.assert_in_step(account)


def test_what_somebody_changes_outside_in_the_same_moment_is_seen(world, account, hear):
    """A message that tells another version than ours is read, also when it comes during our own
    write.
    """
    booking, other = Booking.get(), world.book(days=9)
    world.run(account)
    hear()
    world.run(account)
    done = []

    def outside(moment, request):
        if moment == "after" and "batch" in request.url.path and not done:
            done.append(request)
            world.robin.change(
                world.event_of(account, other)["id"],
                world.destination(account),
                **({"summary": "Mine"} if world.kind == "google" else {"subject": "Mine"}),
            )
            hear()

    world.watch(outside)
    booking.set_status("pending", world.user)
    world.run(account)
    world.watch(lambda moment, request: None)
    assert done and world.title_of(world.event_of(account, other)) != "Mine"
    assert "edited" in world.notices(account)


def test_a_change_in_a_calendar_that_is_read_costs_no_look_at_ours(world, account, hear):
    world.sandbox.requests.clear()
    world.robin.add(
        "Dentist", world.clock.now + timedelta(days=2), world.clock.now + timedelta(days=2, hours=1)
    )
    hear()
    world.run(account)
    assert requests(world) <= 2 and world.mirrored(account) == ["Dentist"]


def test_an_event_changed_outside_a_moment_before_ours_is_refused_by_its_etag_and_decided(
    world, account
):
    """Its message was lost, and the booking changes too: nothing is overwritten unseen."""
    booking = Booking.get()
    world.robin.change(
        world.event_of(account, booking)["id"],
        world.destination(account),
        **({"summary": "Mine"} if world.kind == "google" else {"subject": "Mine"}),
    )
    world.messages.clear()
    booking.set_status("pending", world.user)
    world.run(account)
    assert world.title_of(world.event_of(account, booking)) != "Mine"
    world.assert_in_step(account)
