"""The Graph adapter against the imitation of Graph: one event for each mark, doubtful answers, and
deltas that only show where to look.
"""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from provider_worlds import INSTALLATION, NOW, SECRET, MicrosoftWorld, event, mark, whole_days

from sandbox.graph import seed as graph_seed
from sync.events.fingerprint import fingerprint, wanted
from sync.providers.base import ChannelCall, Create, Delete, Update
from sync.providers.errors import Exists, NameInUse, NoMailbox, SyncTokenExpired
from sync.providers.microsoft.channels import GraphWebhook

SOON = NOW + timedelta(days=4)


@pytest.fixture
def world():
    return MicrosoftWorld()


def outcomes(results):
    return [type(result.error).__name__ if result.error else "done" for result in results]


# ---- one event for one mark ----


@pytest.mark.parametrize("answers", [201, 409, None])
@pytest.mark.parametrize("filters", [True, False])
def test_a_creation_whose_answer_was_lost_is_found_again(world, answers, filters):
    world.sandbox.repeated_transaction, world.sandbox.filter_per_calendar = answers, filters
    creates = [world.create(number) for number in range(25)]
    world.lose_answer()
    world.write(*creates)
    results = world.write(*world.retried(creates))
    assert outcomes(results) == ["Exists"] * 20 + ["done"] * 5
    assert [result.error.event.mark for result in results[:20]] == [
        create.mark for create in creates[:20]
    ]
    assert world.living() == 25


@pytest.mark.parametrize("answers", [201, 409])
def test_a_creation_repeated_at_once_makes_no_second_event(world, answers):
    world.sandbox.repeated_transaction = answers
    made = world.made()
    (again,) = world.write(world.create())
    assert (again.event or again.error.event) == made
    assert world.living() == 1


@pytest.mark.parametrize("answers", [201, 409])
def test_a_repeated_creation_returns_the_existing_event(world, answers):
    world.sandbox.repeated_transaction = answers
    made = world.made()
    world.outside_move(made.remote_id, SOON, world.destination)
    (again,) = world.write(world.create())
    assert isinstance(again.error, Exists) and again.error.event.starts_at == SOON
    assert again.error.etag == world.provider.get(world.destination, made.remote_id).etag


def test_a_creation_that_is_answered_with_a_deleted_event_is_not_done(world):
    world.sandbox.repeated_transaction = 201
    made = world.made()
    world.outside_delete(made.remote_id, world.destination)
    (again,) = world.write(*world.retried([world.create()]))
    assert isinstance(again.error, Exists) and again.error.event is None


def test_an_event_with_a_provisional_id_can_be_changed_read_and_deleted(world):
    create = world.create()
    made = world.write(create)[0].event
    assert world.provider.get(world.destination, create.remote_id) == made
    (changed,) = world.write(Update(create.remote_id, event("Second"), create.mark))
    assert (changed.event.title, changed.event.remote_id) == ("Second", made.remote_id)
    assert outcomes(world.write(Delete(create.remote_id))) == ["done"]
    assert world.living() == 0


def test_a_copy_that_a_person_made_is_told_with_its_mark_and_not_taken_for_lost(world):
    made = world.made()
    kept = world.robin.calendars[world.destination]["events"][made.remote_id]
    copy = world.outside("Booking 0", SOON, calendar=world.destination)
    world.robin.calendars[world.destination]["events"][copy]["_properties"] = dict(
        kept["_properties"]
    )
    assert {
        found.remote_id for found in world.provider.find_marked(world.destination, INSTALLATION)
    } == {made.remote_id, copy}


# ---- answers that leave a doubt ----


def test_a_conflict_that_is_none_is_tried_again(world):
    made = world.made()
    world.sandbox.false_conflicts = 1
    changed = world.write(world.updated(world.create(), made.etag, title="Moved"))[0].event
    world.sandbox.false_conflicts = 1
    assert (changed.title, outcomes(world.write(world.deleted(changed)))) == ("Moved", ["done"])
    again = world.made(1)
    world.sandbox.false_conflicts = 2
    assert outcomes(world.write(world.deleted(again))) == ["PreconditionFailed"]


def test_a_conflict_over_a_deleted_event_is_none(world):
    first, second = world.made(), world.made(1)
    for made in (first, second):
        world.outside_delete(made.remote_id, world.destination)
    assert outcomes(
        world.write(world.updated(world.create(), first.etag), world.deleted(second))
    ) == ["Gone", "Gone"]


def test_deleting_again_may_be_called_a_bad_request(world):
    world.sandbox.deleted_again = 400
    made = world.made()
    world.outside_delete(made.remote_id, world.destination)
    assert outcomes(world.write(world.deleted(made))) == ["Gone"]


@pytest.mark.parametrize("filters", [True, False])
def test_an_event_found_only_among_deleted_ones_is_gone(world, filters):
    world.sandbox.deleted_again, world.sandbox.deleted_items_found = 400, True
    world.sandbox.filter_per_calendar = filters
    made = world.made()
    world.outside_delete(made.remote_id, world.destination)
    assert outcomes(world.write(world.deleted(made))) == ["Gone"]
    assert outcomes(world.write(*world.retried([world.create()]))) == ["Exists"]


def test_a_bad_request_over_a_living_event_is_no_deletion(world):
    made = world.made()
    world.sandbox.faults.fail(400, method="DELETE")
    assert outcomes(world.write(world.deleted(made))) == ["ProviderError"]
    assert world.living() == 1


def test_an_item_that_meets_a_dead_token_is_sent_again(world):
    world.refuse(401, skip=1)
    world.forget_requests()
    assert outcomes(world.write(*(world.create(number) for number in range(4)))) == ["done"] * 4
    world.refuse(401, skip=1, times=9)
    words = outcomes(world.write(*(world.create(number) for number in range(4, 8))))
    assert words == ["done", *["ProviderError"] * 3]


# ---- deltas ----


@pytest.mark.parametrize("told", [True, False])
def test_an_occurrence_that_was_removed_is_gone_however_it_is_told(world, told):
    world.sandbox.removals_told_by_master = not told
    series = world.outside_weekly("Team", SOON)
    first = world.pull()
    removed = first.changed[2]
    world.outside_delete(removed.remote_id)
    delta = world.pull(first.sync_token)
    # listed anew: what the list lacks of it is made sure
    assert removed.remote_id in delta.tombstones or series in delta.relisted
    assert {one.remote_id for one in delta.changed} == {one.remote_id for one in first.changed} - {
        removed.remote_id
    }
    assert {(one.title, one.busy, one.series_id) for one in delta.changed} == {
        ("Team", "busy", series)
    }


def test_our_own_events_are_known_in_a_calendar_that_is_also_read(world):
    token = world.pull(calendar=world.destination).sync_token
    made = world.made()
    for sync_token in (None, token):
        (found,) = world.pull(sync_token, world.destination).changed
        assert (found.remote_id, found.mark) == (made.remote_id, made.mark)


def test_much_that_changed_at_once_is_read_as_a_whole(world):
    token = world.pull().sync_token
    for number in range(70):
        world.outside(f"Event {number}", SOON)
    world.forget_requests()
    delta = world.pull(token)
    assert (delta.complete, len(delta.changed)) == (True, 70)
    assert world.requests() <= 4
    for number in range(12):
        world.outside_weekly(f"Series {number}", SOON)
    assert world.pull(delta.sync_token).complete


def test_many_deletions_in_our_calendar_are_settled_by_one_list(world):
    made = [result.event for result in world.write(*(world.create(number) for number in range(30)))]
    token = world.pull(calendar=world.destination, unrolled=False).sync_token
    for one in made[:25]:
        world.outside_delete(one.remote_id, world.destination)
    world.outside_move(made[29].remote_id, NOW + timedelta(days=900), world.destination)
    world.forget_requests()
    delta = world.pull(token, world.destination, unrolled=False)
    assert (delta.tombstones, [one.remote_id for one in delta.changed]) == (
        {one.remote_id for one in made[:25]},
        [made[29].remote_id],
    )
    assert world.requests() == 2


def test_a_series_in_our_calendar_is_told_as_one_when_its_occurrences_change(world):
    made = world.made()
    token = world.pull(calendar=world.destination, unrolled=False).sync_token
    world.outside_spoil(made.remote_id)
    (found,) = world.pull(token, world.destination, unrolled=False).changed
    assert (found.remote_id, found.is_series, found.mark) == (made.remote_id, True, made.mark)


def test_a_first_sync_as_the_engine_does_it_stays_below_eighty(world):
    token = world.pull(calendar=world.destination, unrolled=False).sync_token
    results = world.write(*(world.create(number) for number in range(1000)))
    delta = world.pull(token, world.destination, unrolled=False)
    assert len(delta.changed) == 1000 and {one.mark for one in delta.changed} == {
        result.operation.mark for result in results
    }
    assert world.requests() <= 60


def test_whole_days_of_an_unknown_clock_do_not_shift(world):
    world.outside("Holiday", date(2026, 12, 24), originalStartTimeZone="tzone://Microsoft/Custom")
    (found,) = world.pull().changed
    assert (found.starts_on, found.ends_on) == (date(2026, 12, 24), date(2026, 12, 25))


@pytest.mark.parametrize(
    "zone_name",
    [
        "Europe/London",
        "America/Vancouver",
        "Asia/Kathmandu",
        "GMT",
        "Antarctica/Troll",
        "Pacific/Kiritimati",
    ],
)
def test_what_comes_back_is_what_we_wanted(world, zone_name):
    for number, one in enumerate(
        (
            event("A\u0301 <b> & 🦶\r\n", zone_name=zone_name),
            event(status="tentative", zone_name=zone_name),
            whole_days(date(2026, 12, 1), date(2026, 12, 2), zone_name=zone_name),
        )
    ):
        own = mark(f"b{number}")
        sent = replace(one, face=replace(one.face, description="one\n\ntwo\n"))
        made = world.write(Create(world.row.new_id(own, SECRET), sent, own))[0].event
        assert fingerprint(made) == wanted(sent)
        assert fingerprint(world.provider.get(world.destination, made.remote_id)) == wanted(sent)


@pytest.mark.parametrize(
    "spelling",
    ["location", "syncStateNotFound", "SyncStateNotFound", "resyncRequired", "SyncStateInvalid"],
)
def test_a_lost_place_is_known_however_it_is_spelled(world, spelling):
    token = world.pull().sync_token
    world.sandbox.expire_sync_tokens(spelling)
    with pytest.raises(SyncTokenExpired):
        world.pull(token)


def test_changes_told_twice_in_any_order_and_late_end_in_the_same_state(world):
    world.sandbox.replays, world.sandbox.delta_lag_seconds = True, 60
    lunch, gym = world.outside("Lunch", SOON), world.outside("Gym", SOON)
    first = world.pull()
    world.outside_move(lunch, SOON + timedelta(hours=2))
    world.outside_delete(gym)
    soon = world.pull(first.sync_token)
    world.clock.now += timedelta(minutes=5)
    later = world.pull(soon.sync_token)
    assert gym in soon.tombstones | later.tombstones and gym not in {
        found.remote_id for found in later.changed
    }
    assert {
        found.starts_at for found in (*soon.changed, *later.changed) if found.remote_id == lunch
    } == {SOON + timedelta(hours=2)}


def test_an_event_of_ours_that_a_person_dragged_elsewhere_is_gone_from_our_calendar(world):
    made = world.made()
    token = world.pull(calendar=world.destination, unrolled=False).sync_token
    world.robin.drag(made.remote_id, world.source, world.destination)
    assert world.pull(token, world.destination, unrolled=False).tombstones == {made.remote_id}
    assert outcomes(world.write(world.updated(world.create()))) == ["Gone"]


# ---- calendars, channels, and how much is in flight ----


def test_a_new_calendar_can_carry_a_note_to_find_it_by(world):
    made = world.provider.create_calendar("Linden", "Europe/London", "Kept by Kalends, b7c1")
    assert [
        found.calendar_id
        for found in world.provider.calendars()
        if found.description == "Kept by Kalends, b7c1"
    ] == [made.calendar_id]


def test_a_new_calendar_does_without_its_note_where_it_must(world):
    world.sandbox.calendar_properties = False
    assert (
        world.provider.create_calendar(
            "Linden", "Europe/London", "Kept by Kalends, b7c1"
        ).description
        == ""
    )


def test_a_name_is_taken_once_only(world):
    with pytest.raises(NameInUse):
        world.provider.create_calendar("linden bookings", "Europe/London")


def test_an_account_without_a_mailbox_says_so(world):
    world.email = graph_seed.LEE
    world.connect()
    with pytest.raises(NoMailbox):
        world.provider.calendars()
    with pytest.raises(NoMailbox):
        world.provider.channels.open(
            "c1", "c0ffee", "https://clinic.example/hooks/microsoft", "secret", SOON
        )


def test_no_more_than_four_requests_are_ever_in_flight(world):
    world.write(*(world.create(number) for number in range(50)))
    world.pull(calendar=world.destination, unrolled=False)
    assert world.sandbox.requests.most_in_flight(world.email) == 4


def test_the_end_of_a_channel_is_told_and_its_length_is_what_can_be_had(world):
    world.sandbox.subscription_minutes = 4230
    channel = world.provider.channels.open(
        world.source,
        "c0ffee",
        "https://clinic.example/hooks/microsoft",
        "secret",
        NOW + timedelta(days=30),
    )
    assert channel.expires_at == NOW + timedelta(minutes=4220)
    for word in ("reauthorizationRequired", "missed", "subscriptionRemoved"):
        world.sandbox.channels.lifecycle(word)
    told = [
        call
        for _, body in world.messages
        for call in GraphWebhook().calls({}, json.dumps(body).encode())
    ]
    assert told == [
        ChannelCall(channel.channel_id, "secret", what) for what in ("renew", "missed", "removed")
    ]


def test_a_channel_that_we_lost_sight_of_makes_room(world):
    lost, again = (
        world.provider.channels.open(
            world.source, "c0ffee", "https://clinic.example/hooks/microsoft", "secret", SOON
        )
        for _ in range(2)
    )
    assert lost.channel_id != again.channel_id
    assert [one["id"] for one in world.sandbox.channels.live()] == [again.channel_id]
