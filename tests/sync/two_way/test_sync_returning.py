"""A person who disconnects without removing anything, and connects again, gets the same calendar,
though lists omit it, and the same events, though the account has another address.
"""

import pytest
from sync_world import WORLDS, lie

from base.tables.outside import ExternalEvent
from models import Booking
from sync.tables import controls, ending, sources, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.excess import Excess
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.two_way.plans import showing
from sync.two_way.standing import decisions

CALENDARS = "calendarList$|/me/calendars$"


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    linden.clinic.change(linden.olive, sync_existing=True)
    return WORLDS[request.param](linden, clock)


def begin(world):
    for day in range(1, 4):
        world.book(days=day)
    return world.start(sources=[world.source()])


def go(world, account, goal):
    """Stop, and let everything stand outside."""
    ending.begin_departure(Account.get_by_id(account.id), world.user, goal, False)
    world.run()
    return Account.get() if goal == "off" else world.connect()


def settle(world):
    for minutes in (0, 1, 5, 20, 40):
        world.later(minutes=minutes)
        world.run()


def ids(world, account):
    return sorted(event["id"] for events in world.standing(account).values() for event in events)


@pytest.mark.parametrize("goal", ["off", "disconnect"])
@pytest.mark.parametrize("times", [2, None])
def test_lists_that_hide_our_calendar_make_no_second_one(world, goal, times, monkeypatch):
    account = begin(world)
    there, before = world.destination(account), ids(world, account)
    with monkeypatch.context() as told:
        account = go(world, account, goal)
        lie(told, times, lambda items: [one for one in items if one["id"] != there], CALENDARS)
        starting.start(account, world.user, "Kalends Pat", "Europe/London")
        settle(world)
    assert world.calendars_of_ours(account) == [there] and ids(world, account) == before
    world.assert_in_step(account)


@pytest.mark.parametrize("status", [403, 404])
def test_one_refusal_of_our_calendar_makes_no_second_one(world, status, monkeypatch):
    account = begin(world)
    there, account = world.destination(account), go(world, account, "off")
    reason = world.refusal(status) or "notFound"
    world.sandbox.faults.fail(status, reason, path="/calendars/[^/]+$", method="GET", times=2)
    lie(monkeypatch, None, lambda items: [one for one in items if one["id"] != there], CALENDARS)
    starting.start(account, world.user, "Kalends Pat", "Europe/London")
    settle(world)
    assert world.calendars_of_ours(account) == [there]
    world.assert_in_step(account)


def test_events_of_bookings_that_were_cancelled_meanwhile_are_not_called_copies(world):
    account = begin(world)
    for day in range(4, 16):
        world.book(days=day)
    world.run(account)
    account = go(world, account, "disconnect")
    cancelled = [str(row.uuid) for row in Booking.select().order_by(Booking.id).limit(12)]
    for row in Booking.select().where(Booking.uuid.in_(cancelled)):
        row.cancel(world.user)
    starting.start(account, world.user, "Kalends Pat", "Europe/London")
    settle(world)
    told = Notice.get(Notice.kind == "deletes").detail
    assert (told["count"], told["total"]) == (12, 15)
    assert told["uids"] == [] and told["ended"] == sorted(cancelled) and told["strange"] == 0


@pytest.mark.parametrize("direction", ["both", "out"])
def test_the_calendars_that_block_are_remembered_while_sync_is_off(world, direction):
    account = begin(world)
    (read,) = RemoteCalendar.select().where(RemoteCalendar.role == "source")
    other = RemoteCalendar.get(RemoteCalendar.name == "Family")
    sources.turn_on(other, world.user)
    sources.turn_off(RemoteCalendar.get_by_id(other.id), world.user)
    sources.set_rules(read, world.user, {**read.rules, "tentative": False})
    settle(world)
    account = go(world, account, "off")
    assert not ExternalEvent.select().exists()
    assert not RemoteCalendar.select().where(RemoteCalendar.role == "source").exists()
    starting.start(account, world.user, "Kalends Pat", "Europe/London", direction=direction)
    settle(world)
    found = list(RemoteCalendar.select().where(RemoteCalendar.role == "source"))
    assert [row.id for row in found] == ([read.id] if direction == "both" else [])
    if direction == "out":
        controls.change(Account.get(), world.user, direction="both")
        settle(world)
        (found,) = RemoteCalendar.select().where(RemoteCalendar.role == "source")
    else:
        (found,) = found
    assert found.id == read.id and found.read_at and not found.rules["tentative"]
    world.assert_in_step(Account.get())


def test_where_our_calendar_was_deleted_meanwhile_a_new_one_is_made(world):
    account = begin(world)
    there, account = world.destination(account), go(world, account, "off")
    world.robin.delete_calendar(there)
    starting.start(account, world.user, "Kalends Pat", "Europe/London")
    settle(world)
    (made,) = world.calendars_of_ours(account)
    assert made != there
    world.assert_in_step(account)


def test_under_another_address_the_events_of_the_same_person_are_theirs(world):
    for day in range(1, 5):
        world.book(days=day)
    shared = world.robin.add_calendar("Practice")
    world.robin.share(shared, world.other_email, "owner" if world.kind == "google" else "writer")
    account = world.connect()
    starting.start(account, world.user, "Practice", "Europe/London", shared)
    world.run()
    before = ids(world, account)
    ending.begin_departure(account, world.user, "disconnect", False)
    world.run()
    Booking.select().order_by(Booking.id).first().cancel(world.user)
    account = world.connect(email=world.other_email)
    starting.start(account, world.user, "Practice", "Europe/London", shared)
    settle(world)
    assert len(ids(world, account)) == 3 and set(ids(world, account)) < set(before)
    world.assert_in_step(account)
    for _ in range(26):
        world.later(hours=1)
        world.run()
    world.assert_in_step(account)
    ending.begin_departure(Account.get(), world.user, "disconnect")
    settle(world)
    assert world.standing(account) == {} and not Account.select().exists()


def test_what_a_colleague_left_there_stays_theirs(world):
    for day in range(1, 3):
        world.book(days=day)
        world.book(days=day, hour=8, calendar=world.linden.colleague_calendar)
    world.linden.quinn.change_sync(sync_allowed=True, identifier="internal_id")
    shared = world.robin.add_calendar("Practice")
    account = world.connect(world.linden.quinn)
    starting.start(account, world.linden.quinn, "Practice", "Europe/London", shared)
    world.run()
    theirs = set(ids(world, account))
    ending.begin_departure(account, world.linden.quinn, "disconnect", False)
    world.run()
    account = world.connect()
    starting.start(account, world.user, "Practice", "Europe/London", shared)
    settle(world)
    assert len(ids(world, account)) == 4 and theirs < set(ids(world, account))
    ending.begin_departure(account, world.user, "disconnect")
    settle(world)
    assert set(ids(world, account)) == theirs


def test_after_a_removal_no_name_of_a_deleted_event_is_used_again(world):
    """Providers remember the names of events and of creations: they refuse one that was used, or
    answer with what was deleted.
    """
    shared = world.robin.add_calendar("Practice")
    account, booking = world.connect(), world.book()
    refused = []
    for _ in range(3):
        starting.start(account, world.user, "Practice", "Europe/London", shared)
        settle(world)
        assert world.event_of(Account.get(), booking)
        refused += [record for record in world.sandbox.requests if record.status == 409]
        ending.begin_departure(Account.get(), world.user, "disconnect")
        settle(world)
        account = world.connect()
    assert refused == []


def undescribe(world, calendar_id):
    """Somebody removes from our calendar what says that it is ours."""
    calendar = world.robin.calendar(calendar_id)
    calendar["_properties" if world.kind == "microsoft" else "description"] = (
        {} if world.kind == "microsoft" else "My appointments"
    )


@pytest.mark.parametrize("goal", ["off", "disconnect"])
def test_our_calendar_stays_ours_under_another_description(world, goal):
    account = begin(world)
    there, before = world.destination(account), ids(world, account)
    undescribe(world, there)
    world.later(days=1)  # the list of calendars is brought up to date
    world.run()
    account = go(world, account, goal)
    starting.start(account, world.user, "Kalends Pat", "Europe/London")
    settle(world)
    assert world.destination(account) == there and ids(world, account) == before
    world.assert_in_step(account)
    world.later(days=1)
    world.run()
    ending.begin_departure(Account.get(), world.user, "disconnect")
    settle(world)
    assert there not in world.robin.calendars and not Account.select().exists()


# ---- after an earlier state of the database was restored ----


def restored(world, account, since):
    """The database goes back to what it was: these bookings, and what was known of their events,
    are no more.
    """
    place, bookings = since
    later = Booking.id.not_in(bookings)
    uids = [str(row.uuid) for row in Booking.select().where(later)]
    MappingRow.delete().where(MappingRow.uid.in_(uids)).execute()
    Booking.delete().where(later).execute()
    RemoteCalendar.update(sync_token=place).where(
        RemoteCalendar.id == account.destination
    ).execute()
    return uids


def state(account):
    place = RemoteCalendar.get_by_id(account.destination.id).sync_token
    return place, [row.id for row in Booking.select()]


@pytest.mark.parametrize("answer", ["approve", "keep_outside"])
def test_what_stands_outside_of_bookings_made_since_the_backup_waits_for_a_person(world, answer):
    account = begin(world)
    world.poll(account)
    before = state(account)
    world.book(days=4)
    world.book(days=5)
    world.poll(account)
    uids = restored(world, account, before)
    world.book(days=6)
    Booking.select().order_by(Booking.id).first().cancel(
        world.user
    )  # what is known goes out and away as ever
    for minutes in (7, 7, 7, 60 * 20, 7, 60 * 24, 7):
        world.later(minutes=minutes)
        world.run(account)
        assert set(uids) <= world.standing(account).keys()
        (notice,) = Notice.select().where(Notice.settled_at.is_null())
        assert (notice.kind, notice.detail["strange"], notice.detail["count"]) == ("deletes", 2, 2)
    assert len(world.standing(account)) == 5
    getattr(decisions, answer)(notice)
    world.poll(account)
    left = set(uids) & world.standing(account).keys()
    assert left == (set() if answer == "approve" else set(uids))
    for minutes in (7, 60 * 24, 7):
        world.later(minutes=minutes)
        world.run(account)
        assert not Notice.select().where(Notice.settled_at.is_null()).exists()
    assert len(world.standing(account)) == 3 + len(left)


def test_who_stops_sync_after_a_restore_leaves_nothing_behind(world):
    account = begin(world)
    before = state(account)
    world.book(days=4)
    world.poll(account)
    restored(world, account, before)
    world.poll(account)
    ending.begin_departure(Account.get(), world.user, "disconnect")
    settle(world)
    assert world.standing(account) == {}


def test_what_was_cancelled_or_removed_here_goes_unasked(world):
    """Rows of bookings and of time off stay: what they say is known, though no mapping is left."""
    account = begin(world)
    world.poll(account)
    Booking.select().order_by(Booking.id).first().cancel(world.user)
    MappingRow.delete().execute()
    RemoteCalendar.update(sync_token=None).where(RemoteCalendar.id == account.destination).execute()
    world.poll(account)
    world.poll(account)
    assert len(world.standing(account)) == 2
    assert not Notice.select().where(Notice.kind == "deletes").exists()


# ---- less is to be shown, and no plan writes it ----


def words_outside(world, account):
    """The titles of what stands there of ours that still bear the client's name."""
    return [
        world.title_of(event)
        for events in world.standing(account).values()
        for event in events
        if "Wójcik" in world.title_of(event)
    ]


def unknown(world, account):
    """A booking that is known outside alone, in our calendar."""
    world.poll(account)
    before = state(account)
    booking = world.book(days=4)
    world.poll(account)
    restored(world, account, before)
    world.poll(account)
    return booking


def dragged(world, account):
    """The same, in another calendar."""
    world.poll(account)
    before = state(account)
    booking = world.book(days=4)
    world.poll(account)
    event = world.event_of(account, booking)
    world.robin.drag(event["id"], world.source(), world.destination(account))
    restored(world, account, before)
    world.poll(account)
    return booking


def kept_unknown(world, account):
    booking = unknown(world, account)
    decisions.keep_outside(Notice.question(account))
    world.poll(account)
    return booking


def waiting(world, account):
    """So many bookings are cancelled that a person is asked about their events."""
    for day in range(4, 8):
        world.book(days=day)
    world.poll(account)
    for row in Booking.select().limit(6):
        row.cancel(world.user)
    world.poll(account)
    assert Notice.question(account)
    return Booking.select().order_by(Booking.id).first()


def kept(world, account):
    booking = waiting(world, account)
    decisions.keep_outside(Notice.question(account))
    world.poll(account)
    return booking


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what is said is the same
@pytest.mark.parametrize(
    ("world", "left"),
    [
        *((world, left) for world in WORLDS for left in (unknown, dragged)),
        *(("google", left) for left in (kept_unknown, waiting, kept)),
    ],
    indirect=["world"],
)
def test_who_shows_less_leaves_no_words_outside(world, left):
    world.user.change_sync(identifier="full_name")
    account = begin(world)
    booking = left(world, account)
    stands = len(world.standing(account))
    assert len(words_outside(world, account)) == stands
    at = world.times_of(world.event_of(account, booking))
    world.user.change_sync(identifier="initials")
    world.poll(account)
    assert words_outside(world, account) == [] and len(world.standing(account)) == stands
    assert world.times_of(world.event_of(account, booking)) == at
    for minutes in (7, 60 * 21, 7):
        world.later(minutes=minutes)
        world.run(account)
    assert len(world.standing(account)) == stands
    world.assert_nothing_more(account)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what is said is the same
def test_who_shows_less_while_sync_is_off_leaves_no_words_either(world):
    world.user.change_sync(identifier="full_name")
    account = begin(world)
    booking = unknown(world, account)
    account = go(world, account, "off")
    world.user.change_sync(identifier="initials")
    starting.start(account, world.user, "Kalends Pat", "Europe/London")
    settle(world)
    assert words_outside(world, account) == []
    assert str(booking.uuid) in world.standing(account)


# ---- what may be shown is a state: it holds for what is found later ----


def as_it_was(world, account, identifier="initials"):
    """Nothing here knows that clients were ever shown by more than that."""
    world.user.change_sync(identifier=identifier)
    account = Account.get_by_id(account.id)
    account.put(shown_as=showing.rules(account))


def since_a_backup(world, account):
    """Clients were shown by their names only after the backup."""
    before = state(account)
    world.user.change_sync(identifier="full_name")
    world.book(days=4)
    world.poll(account)
    world.later(minutes=20)  # the provider's history tells it in another second
    return before


def unknown_and_raised(world, account):
    restored(world, account, since_a_backup(world, account))
    as_it_was(world, account)


def strayed(world, account, calendar=None):
    before = since_a_backup(world, account)
    event = world.event_of(account, Booking.select().order_by(Booking.id.desc()).first())
    there = calendar or world.robin.add_calendar("Ideas")
    world.robin.drag(event["id"], there, world.destination(account))
    restored(world, account, before)
    as_it_was(world, account)


def strayed_where_it_is_read(world, account):
    strayed(world, account, world.source())


def frozen_and_raised(world, account):
    """What has left the window was rewritten with more after the backup."""
    world.later(days=60)
    world.run(account)
    rows = list(MappingRow.select().where(MappingRow.phase == "frozen"))
    assert len(rows) == 3
    world.user.change_sync(identifier="full_name")
    world.poll(account)
    for row in rows:
        row.save()
    as_it_was(world, account)


def found_after_less(world, account):
    """Less is shown before what the restored database lacks is found."""
    before = since_a_backup(world, account)
    controls.pause(Account.get_by_id(account.id), world.user)
    restored(world, account, before)
    world.user.change_sync(identifier="initials")
    anew = Account.get_by_id(account.id)
    anew.put(shown_as=showing.rules(anew))
    controls.resume(anew, world.user)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what is said is the same
@pytest.mark.parametrize(
    "how",
    [
        unknown_and_raised,
        strayed,
        strayed_where_it_is_read,
        frozen_and_raised,
        found_after_less,
    ],
)
def test_whatever_is_found_later_shows_no_more_than_may_be_shown(world, how):
    world.user.change_sync(identifier="initials")
    account = begin(world)
    world.poll(account)
    how(world, account)
    stands = len(world.standing(account))
    assert words_outside(world, account) != []
    for minutes in (7, 60 * 21, 7, 7, 7):
        world.later(minutes=minutes)
        world.run(account)
    assert words_outside(world, account) == [] and len(world.standing(account)) == stands
    assert not Excess.select().exists()
    world.assert_nothing_more(account)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what is said is the same
@pytest.mark.parametrize("status", [403, 404, 412, 429, 500])
def test_words_that_are_refused_once_are_taken_later(world, status):
    world.user.change_sync(identifier="initials")
    account = begin(world)
    world.poll(account)
    unknown_and_raised(world, account)
    world.sandbox.faults.fail(
        status, world.refusal(status) or "notFound", path=world.items, method=world.updating
    )
    for minutes in (7, 7, 7, 60, 60 * 7, 60 * 7):
        world.later(minutes=minutes)
        world.run(account)
    assert words_outside(world, account) == [] and not Excess.select().exists()
    assert len(world.standing(account)) == 4


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what is said is the same
def test_a_look_that_says_not_there_does_not_end_it(world):
    world.user.change_sync(identifier="initials")
    account = begin(world)
    world.poll(account)
    unknown_and_raised(world, account)
    world.sandbox.faults.fail(404, "notFound", path=world.items, method="GET")
    for minutes in (7, 7, 7, 60, 60 * 7):
        world.later(minutes=minutes)
        world.run(account)
    assert words_outside(world, account) == [] and not Excess.select().exists()
