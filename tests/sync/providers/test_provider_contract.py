"""The contract of `sync.providers.base.Provider`, which every adapter keeps, each against its
sandbox.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_worlds import INSTALLATION, NOW, SECRET, WINDOW, WORLDS, event, mark, whole_days

from sync.events.event import Window
from sync.providers.base import Create, Delete, Update
from sync.providers.errors import (
    AuthExpired,
    Exists,
    Gone,
    PreconditionFailed,
    ProviderError,
    RateLimited,
    SyncTokenExpired,
    Unanswered,
    Unavailable,
)

SOON = NOW + timedelta(days=4)


@pytest.fixture(params=WORLDS)
def world(request):
    return WORLDS[request.param]()


def applied(known, delta):
    """What we hold of a source after a pull, by id.

    A tombstone of a series takes its occurrences along, as does a list of them.
    """
    gone = delta.tombstones | delta.relisted
    kept = (
        {}
        if delta.complete
        else {one: seen for one, seen in known.items() if not {one, seen.series_id} & gone}
    )
    return kept | {seen.remote_id: seen for seen in delta.changed}


def outcomes(results):
    """What became of each operation, in a word."""
    return [type(result.error).__name__ if result.error else "done" for result in results]


class TestCalendars:
    def test_calendars_have_name_access_and_zone(self, world):
        by_name = {calendar.name: calendar for calendar in world.provider.calendars()}
        ours = by_name["Linden bookings"]
        assert (ours.calendar_id, ours.access, ours.can_write, ours.is_primary) == (
            world.destination,
            "owner",
            True,
            False,
        )
        assert [calendar.calendar_id for calendar in by_name.values() if calendar.is_primary] == [
            world.source
        ]
        assert {by_name["Public holidays"].can_write, by_name["Room rota"].can_write} == {False}
        assert world.provider.email() == world.email

    def test_one_of_ours_is_made_once_and_taken_away_as_often_as_asked(self, world):
        made = world.provider.create_calendar("Room 2 & more", "Australia/Lord_Howe")
        assert (made.name, made.access, made.is_primary) == ("Room 2 & more", "owner", False)
        assert made.calendar_id in world.robin.calendars
        world.provider.delete_calendar(made.calendar_id)
        world.provider.delete_calendar(made.calendar_id)
        assert made.calendar_id not in world.robin.calendars


class TestWriting:
    def test_an_event_comes_back_as_it_went_out(self, world):
        made = world.write(
            Create(world.row.new_id(mark(), SECRET), event("Fußpflege 🦶", SOON, 45), mark())
        )[0].event
        assert (made.title, made.description, made.location) == (
            "Fußpflege 🦶",
            "Status: Confirmed",
            "1 High Street",
        )
        assert (made.starts_at, made.ends_at, made.starts_on) == (
            SOON,
            SOON + timedelta(minutes=45),
            None,
        )
        assert (made.status, made.busy) == ("confirmed", "busy")
        assert (made.mark, made.is_private, made.is_series, made.series_id) == (
            mark(),
            True,
            False,
            None,
        )
        assert world.provider.get(world.destination, made.remote_id) == made

    def test_a_pending_booking_is_tentative(self, world):
        made = world.made(status="tentative")
        assert (made.status, made.busy) == ("tentative", "tentative")

    def test_one_change_is_one_request(self, world):
        made = world.made()
        world.forget_requests()
        world.clock.now += timedelta(minutes=5)
        changed = world.write(
            world.updated(world.create(), made.etag, title="Moved", starts_at=SOON)
        )[0].event
        assert changed.updated_at - made.updated_at == timedelta(minutes=5)
        assert (changed.title, changed.starts_at, changed.mark, changed.remote_id) == (
            "Moved",
            SOON,
            made.mark,
            made.remote_id,
        )
        assert changed.etag != made.etag
        assert world.write(world.deleted(changed))[0].error is None
        assert world.requests() == 2
        assert world.living() == 0

    def test_a_first_sync_of_a_thousand_bookings_takes_few_requests(self, world):
        assert world.provider.find_marked(world.destination, INSTALLATION) == []
        results = world.write(*(world.create(number) for number in range(1000)))
        delta = world.pull(calendar=world.destination, unrolled=False)
        assert outcomes(results) == ["done"] * 1000
        assert [result.operation.mark for result in results] == [
            result.event.mark for result in results
        ]
        assert {found.remote_id: found.etag for found in delta.changed} == {
            result.event.remote_id: result.event.etag for result in results
        }
        assert world.requests() <= world.first_sync_requests
        world.forget_requests()
        assert world.pull(delta.sync_token, world.destination, unrolled=False).changed == ()
        assert world.requests() == 1

    def test_operations_are_sent_only_as_results_are_asked_for(self, world):
        writing = world.provider.write(
            world.destination, (world.create(number) for number in range(120))
        )
        next(writing)
        assert 0 < world.living() <= 50

    def test_nothing_to_write_asks_nothing(self, world):
        assert world.write() == []
        assert world.requests() == 0

    def test_two_writes_to_one_event_happen_in_their_order(self, world):
        create = world.create()
        results = world.write(
            create,
            world.updated(create, title="Second"),
            world.updated(create, title="Third"),
            Delete(create.remote_id),
        )
        assert outcomes(results) == ["done"] * 4
        assert [result.event and result.event.title for result in results] == [
            "Booking 0",
            "Second",
            "Third",
            None,
        ]
        assert world.living() == 0

    def test_a_change_meanwhile_is_not_overwritten(self, world):
        made = world.made()
        world.outside_move(made.remote_id, SOON, world.destination)
        assert (
            outcomes(
                world.write(
                    world.updated(world.create(), made.etag), world.deleted(made, made.etag)
                )
            )
            == ["PreconditionFailed"] * 2
        )
        now = world.provider.get(world.destination, made.remote_id)
        assert now.starts_at == SOON
        assert outcomes(world.write(world.updated(world.create(), now.etag))) == ["done"]

    def test_deleting_what_is_not_there_says_so(self, world):
        made = world.made()
        world.outside_delete(made.remote_id, world.destination)
        results = world.write(
            world.deleted(made), Delete(world.create(7).remote_id), world.deleted(made, etag="")
        )
        assert (
            outcomes(results) == ["Gone"] * 3
            if world.promises_ids_of_its_own
            else ["Gone", "done", "Gone"]
        )

    def test_changing_what_never_was_tells_so(self, world):
        assert outcomes(world.write(world.updated(world.create(7)))) == ["Gone"]

    def test_a_taken_id_returns_the_existing_event(self, world):
        made = world.made()
        (result,) = world.write(world.create())
        assert isinstance(result.error, Exists)
        assert (result.error.event, result.error.etag) == (made, made.etag)
        assert world.living() == 1

    def test_an_id_whose_event_was_deleted_is_brought_back(self, world):
        made = world.made()
        world.outside_delete(made.remote_id, world.destination)
        assert world.provider.get(world.destination, made.remote_id) is None
        (taken,) = world.write(world.create())
        if not world.restores_deleted:
            return
        assert isinstance(taken.error, Exists) and taken.error.event is None
        (restored,) = world.write(world.updated(world.create(), taken.error.etag, title="Back"))
        assert (restored.event.title, restored.event.mark, world.living()) == ("Back", made.mark, 1)

    def test_a_calendar_that_is_gone_says_so(self, world):
        world.robin.delete_calendar(world.destination)
        assert outcomes(world.write(world.create())) == ["Gone"]
        assert outcomes(world.write(Delete(world.create().remote_id))) == ["Gone"]
        with pytest.raises(Gone):
            world.pull(calendar=world.destination)
        with pytest.raises(Gone):
            world.provider.find_marked(world.destination, INSTALLATION)
        assert world.provider.get(world.destination, world.create().remote_id) is None

    def test_a_calendar_that_may_only_be_read_refuses(self, world):
        holidays = next(
            calendar.calendar_id
            for calendar in world.provider.calendars()
            if calendar.name == "Public holidays"
        )
        results = list(
            world.provider.write(holidays, [world.create(number) for number in range(120)])
        )
        assert set(outcomes(results)) <= {"Forbidden", "ScopeDoubted", "Unsent"}
        assert outcomes(results)[0] != "Unsent"

    def test_nobody_is_invited_told_or_reminded(self, world):
        made = world.made()
        world.write(world.updated(world.create(), made.etag))
        world.write(world.deleted(made, etag=""))
        assert world.sent
        assert world.guests_told() == []

    def test_guests_and_repeats_put_on_our_event_go_with_the_next_change(self, world):
        made = world.made()
        world.outside_spoil(made.remote_id)
        assert world.guests()
        assert world.provider.get(world.destination, made.remote_id).is_series
        changed = world.write(world.updated(world.create()))[0].event
        assert not changed.is_series
        assert not world.guests()


class TestTrouble:
    def test_one_item_that_fails_fails_alone(self, world):
        world.refuse(500, skip=1)
        results = world.write(*(world.create(number) for number in range(60)))
        assert outcomes(results) == ["done", "Unavailable"] + ["done"] * 58

    @pytest.mark.parametrize("wait_seconds", [None, 7])
    def test_too_much_at_once_stops_the_rest_and_tells_how_long(self, world, wait_seconds):
        world.refuse(429, skip=3, retry_after_seconds=wait_seconds)
        results = world.write(*(world.create(number) for number in range(120)))
        words = outcomes(results)
        assert (words.count("done"), words.count("RateLimited")) == (words.index("Unsent") - 1, 1)
        assert words[3] == "RateLimited" and words[-20:] == ["Unsent"] * 20
        assert results[3].error.retry_after_seconds == wait_seconds
        assert world.living() == words.count("done")

    @pytest.mark.parametrize(
        "status", [400, 401, 403, 404, 409, 410, 412, 423, 429, 500, 502, 503, 504]
    )
    def test_the_refusal_of_a_whole_batch_is_no_verdict_about_its_items(self, world, status):
        made, other = world.made(), world.made(2)
        world.refuse_batches(status, minutes=60)
        results = world.write(
            world.updated(world.create(), made.etag), world.create(1), world.deleted(other)
        )
        assert not any(
            isinstance(result.error, (Gone, Exists, PreconditionFailed, SyncTokenExpired))
            for result in results
        )
        trouble = {AuthExpired, RateLimited, Unavailable}
        alone = {ProviderError}  # each was sent by itself in the end, and its content refused
        assert {type(result.error) for result in results} <= (alone if status == 400 else trouble)
        assert world.living() == 2

    def test_a_connection_that_dies_in_a_batch_leaves_unknown_not_failed(self, world):
        creates = [world.create(number) for number in range(120)]
        world.cut_batch(after=2)
        words = outcomes(world.write(*creates))
        assert set(words) == {"Unanswered", "Unsent"} and words[:2] == ["Unanswered"] * 2
        assert world.living() == 2
        assert outcomes(world.write(*world.retried(creates))) == ["Exists"] * 2 + ["done"] * 118
        assert world.living() == 120

    def test_after_a_lost_answer_everything_is_found_again(self, world):
        creates = [world.create(number) for number in range(5)]
        world.lose_answer()
        assert outcomes(world.write(*creates)) == ["Unanswered"] * 5
        results = world.write(*world.retried(creates))
        assert [result.error.event.mark for result in results] == [
            create.mark for create in creates
        ]
        assert world.living() == 5

    def test_a_lost_answer_to_a_deletion_does_no_harm(self, world):
        made = world.made()
        world.lose_answer()
        assert outcomes(world.write(world.deleted(made))) == ["Unanswered"]
        assert outcomes(world.write(world.deleted(made))) == ["Gone"]

    def test_a_dead_access_token_is_replaced_once(self, world):
        before = world.tokens.access_token
        world.kill_access_token()
        assert world.pull().complete
        world.kill_access_token()
        assert outcomes(world.write(*(world.create(number) for number in range(3)))) == ["done"] * 3
        assert (world.living(), world.tokens.access_token != before) == (3, True)

    def test_access_taken_back_is_final(self, world):
        world.revoke()
        with pytest.raises(AuthExpired):
            world.pull()
        with pytest.raises(AuthExpired):
            world.provider.calendars()
        words = outcomes(world.write(*(world.create(number) for number in range(60))))
        batch = world.provider.batch_size
        assert words == ["AuthExpired"] * batch + ["Unsent"] * (60 - batch)

    def test_a_fresh_token_that_is_refused_too_is_final(self, world):
        world.sandbox.faults.fail(401, path="v3|v1.0|batch|/me", times=None, minutes=5)
        with pytest.raises(AuthExpired):
            world.pull()
        assert outcomes(world.write(world.create())) == ["AuthExpired"]

    def test_what_alone_is_refused_with_401_is_not_the_access(self, world):
        made = world.made()
        world.refuse_reads(401, times=2)
        with pytest.raises(ProviderError) as told:
            world.pull()
        assert type(told.value) is ProviderError
        world.refuse(401, times=2)
        assert outcomes(world.write(world.create(7))) == ["ProviderError"]
        world.refuse_batches(401, times=2)
        assert outcomes(world.write(world.create(8))) == ["Unavailable"]
        world.sandbox.faults.fail(401, path="/events/", method="GET", times=2)
        assert world.provider.look(world.destination, [made.remote_id]) == {}

    def test_where_nothing_tells_whose_a_401_is_it_is_trouble_that_passes(self, world):
        world.refuse_reads(401, times=2)
        world.sandbox.faults.fail(503, path="/me$|/primary$", times=1)
        with pytest.raises(Unavailable):
            world.pull()

    @pytest.mark.parametrize(
        ("status", "error"), [(429, RateLimited), (500, Unavailable), (503, Unavailable)]
    )
    def test_trouble_while_reading_is_never_an_answer(self, world, status, error):
        world.refuse_reads(status)
        with pytest.raises(error):
            world.pull()

    def test_no_answer_while_reading_is_an_error(self, world):
        world.lose_reads()
        with pytest.raises(Unanswered):
            world.pull()

    def test_errors_name_no_event_and_no_address(self, world):
        made = world.made()
        errors = [
            result.error
            for result in world.write(
                world.create(),
                world.updated(world.create(), '"old"'),
                world.updated(world.create(9)),
            )
        ]
        for error in errors:
            assert not any(
                text in f"{error} {error!r} {error.args}"
                for text in (made.remote_id, world.destination, "Booking", "sandbox")
            )


class TestReading:
    def test_everything_in_the_window_then_only_changes(self, world):
        lunch, gym = world.outside("Lunch", SOON), world.outside("Gym", SOON + timedelta(days=1))
        world.outside("Long ago", NOW - timedelta(days=400))
        first = world.pull()
        assert first.complete and first.window == WINDOW
        assert {found.remote_id: found.title for found in first.changed} == {
            lunch: "Lunch",
            gym: "Gym",
        }
        world.outside_move(lunch, SOON + timedelta(hours=2))
        world.outside_delete(gym)
        tea = world.outside("Tea", SOON)
        second = world.pull(first.sync_token)
        assert not second.complete
        assert {found.remote_id: found.starts_at for found in second.changed} == {
            lunch: SOON + timedelta(hours=2),
            tea: SOON,
        }
        assert second.tombstones == {gym}
        third = world.pull(second.sync_token)
        assert (third.changed, third.tombstones) == ((), frozenset())

    def test_a_pull_with_nothing_new_is_one_request(self, world):
        first = world.pull()
        world.forget_requests()
        world.pull(first.sync_token)
        assert world.requests() == 1

    def test_short_and_empty_pages_lose_nothing(self, world):
        world.short_pages()
        first = {
            world.outside(f"Event {number}", SOON + timedelta(hours=number)) for number in range(10)
        }
        before = world.pull()
        later = {
            world.outside(f"Later {number}", SOON + timedelta(hours=number)) for number in range(7)
        }
        world.outside_delete(min(first))
        after = world.pull(before.sync_token)
        assert {found.remote_id for found in before.changed} == first
        assert ({found.remote_id for found in after.changed}, after.tombstones) == (
            later,
            {min(first)},
        )

    def test_a_lost_sync_token_is_told_apart(self, world):
        token = world.pull().sync_token
        world.lose_sync_tokens()
        with pytest.raises(SyncTokenExpired):
            world.pull(token)
        assert world.pull().complete

    def test_a_sync_token_can_be_lost_in_the_middle_of_paging(self, world):
        token = world.pull().sync_token
        for number in range(8):
            world.outside(f"Event {number}", SOON)
        world.short_pages()
        world.refuse_reads(410, skip=2)
        with pytest.raises(SyncTokenExpired):
            world.pull(token)

    @pytest.mark.parametrize("lag_seconds", [0, 60])
    @pytest.mark.parametrize("change", ["delete", "move"])
    def test_what_goes_between_two_pages_of_a_list_hides_nothing(self, world, change, lag_seconds):
        """Also where the history tells of it later."""
        world.sandbox.page_cap = 3
        first, *others = [
            world.outside(f"Event {number}", SOON + timedelta(hours=number)) for number in range(10)
        ]

        def act(response):
            response.read()
            if first in response.text and not response.request.url.path.endswith("delta"):
                world.http.event_hooks["response"].remove(act)
                if change == "delete":
                    world.outside_delete(first)
                else:
                    world.outside_move(first, NOW + timedelta(days=800))

        world.clock.now += timedelta(minutes=5)
        world.sandbox.delta_lag_seconds = lag_seconds
        world.http.event_hooks["response"].append(act)
        before = world.pull()
        assert world.http.event_hooks["response"][-1] is not act
        world.clock.now += timedelta(minutes=5)
        after = applied(applied({}, before), world.pull(before.sync_token))
        assert after.keys() == set(others)

    def test_what_leaves_the_window_is_gone_from_a_source(self, world):
        lunch = world.outside("Lunch", SOON)
        token = world.pull().sync_token
        world.outside_move(lunch, NOW + timedelta(days=800))
        delta = world.pull(token)
        assert (delta.changed, delta.tombstones) == ((), {lunch})
        world.outside_move(lunch, SOON)
        assert [found.remote_id for found in world.pull(delta.sync_token).changed] == [lunch]

    def test_what_leaves_the_window_in_our_calendar_is_told_where_it_is(self, world):
        made = world.made()
        token = world.pull(calendar=world.destination, unrolled=False).sync_token
        world.outside_move(made.remote_id, NOW + timedelta(days=800), world.destination)
        delta = world.pull(token, world.destination, unrolled=False)
        assert [(found.remote_id, found.starts_at) for found in delta.changed] == [
            (made.remote_id, NOW + timedelta(days=800))
        ]
        assert delta.tombstones == frozenset()

    def test_a_repeat_comes_as_occurrences_within_the_window(self, world):
        series = world.outside_weekly("Team", SOON)
        narrow = Window(NOW, NOW + timedelta(days=30))
        first = world.pull(window=narrow)
        assert [found.starts_at for found in first.changed] == [
            SOON + timedelta(weeks=week) for week in range(4)
        ]
        assert {(found.series_id, found.is_series) for found in first.changed} == {(series, False)}
        removed = first.changed[1]
        world.outside_delete(removed.remote_id)
        known = applied({}, first)
        assert applied(
            known, world.pull(first.sync_token, window=narrow)
        ).keys() == known.keys() - {removed.remote_id}

    def test_a_repeat_that_is_deleted_takes_its_occurrences_along(self, world):
        series = world.outside_weekly("Team", SOON)
        lunch = world.outside("Lunch", SOON)
        first = world.pull()
        world.outside_delete(series)
        assert applied(applied({}, first), world.pull(first.sync_token)).keys() == {lunch}

    def test_a_new_endless_repeat_stays_within_the_window_too(self, world):
        token = world.pull().sync_token
        world.outside_weekly("Team", SOON)
        delta = world.pull(token)
        assert 50 <= len(delta.changed) <= 54
        assert all(found.starts_at < WINDOW.ends_at + timedelta(days=1) for found in delta.changed)

    def test_a_repeat_in_our_calendar_is_one_external_event(self, world):
        series = world.outside_weekly("Team", SOON, world.destination)
        (found,) = world.pull(calendar=world.destination, unrolled=False).changed
        assert (found.remote_id, found.is_series, found.mark) == (series, True, None)

    def test_marks_find_our_events_and_nobody_elses(self, world):
        world.short_pages()
        ours = {
            result.event.remote_id
            for result in world.write(*(world.create(number) for number in range(7)))
        }
        gone = min(ours)
        world.outside_delete(gone, world.destination)
        other = mark("booking1", installation="another")
        world.write(Create(world.row.new_id(other, SECRET), event(), other))
        world.outside("Lunch", SOON, calendar=world.destination)
        found = world.provider.find_marked(world.destination, INSTALLATION)
        assert {one.remote_id for one in found} == ours - {gone}
        assert {one.mark.installation for one in found} == {INSTALLATION}


class TestTimes:
    @pytest.mark.parametrize(
        "zone_name",
        [
            "Pacific/Pago_Pago",
            "Pacific/Kiritimati",
            "Europe/London",
            "America/St_Johns",
            "Asia/Kathmandu",
        ],
    )
    def test_whole_days_stay_whole_days(self, world, zone_name):
        own = mark("days")
        created = Create(
            world.row.new_id(own, SECRET),
            whole_days(date(2026, 12, 1), date(2026, 12, 3), zone_name=zone_name),
            own,
        )
        made = world.write(created)[0].event
        assert (made.starts_on, made.ends_on) == (date(2026, 12, 1), date(2026, 12, 3))
        assert (made.starts_at, made.ends_at) == (
            datetime(2026, 12, 1, tzinfo=UTC),
            datetime(2026, 12, 3, tzinfo=UTC),
        )

    def test_an_event_can_turn_from_times_to_days_and_back(self, world):
        made = world.made()
        create = world.create()
        days = world.write(
            Update(
                made.remote_id,
                whole_days(date(2026, 12, 1), date(2026, 12, 2)),
                create.mark,
                made.etag,
            )
        )[0].event
        times = world.write(world.updated(create, days.etag, starts_at=SOON))[0].event
        assert (days.starts_on, times.starts_on, times.starts_at) == (date(2026, 12, 1), None, SOON)

    def test_external_whole_days_are_days(self, world):
        world.outside("Holiday", date(2026, 12, 24))
        (found,) = world.pull().changed
        assert (found.starts_on, found.ends_on) == (date(2026, 12, 24), date(2026, 12, 25))

    @pytest.mark.parametrize(
        "at", ["2027-03-28T00:30", "2027-03-28T01:30", "2027-10-31T00:30", "2027-10-31T01:30"]
    )
    def test_times_around_a_clock_change_are_the_same_instants(self, world, at):
        at = datetime.fromisoformat(at).replace(tzinfo=UTC)
        for zone_name in ("Europe/London", "Australia/Sydney"):
            own = mark(zone_name)
            made = world.write(
                Create(
                    world.row.new_id(own, SECRET),
                    event(starts_at=at, zone_name=zone_name),
                    own,
                )
            )[0].event
            assert (made.starts_at, made.ends_at) == (at, at + timedelta(hours=1))

    def test_times_of_external_events_are_utc_whatever_their_zone(self, world):
        world.outside("Lunch", datetime(2026, 12, 1, 12, tzinfo=ZoneInfo("Asia/Kathmandu")))
        assert [found.starts_at for found in world.pull().changed] == [
            datetime(2026, 12, 1, 6, 15, tzinfo=UTC)
        ]


class TestIds:
    def test_ids_depend_on_mark_and_secret(self, world):
        new_id = world.row.new_id
        marks = [mark(), mark("other"), mark(generation=2), mark(installation="another")]
        assert new_id(mark(), SECRET) == new_id(mark(), SECRET)
        assert len({new_id(one, secret) for one in marks for secret in (SECRET, b"another")}) == 8

    @given(
        st.tuples(st.text(min_size=1), st.text(min_size=1)),
        st.tuples(st.text(min_size=1), st.text(min_size=1)),
    )
    def test_no_two_marks_meet(self, one, other):
        for kind in WORLDS.values():
            new_id = kind.row.new_id
            same = new_id(mark(one[0], installation=one[1]), SECRET) == new_id(
                mark(other[0], installation=other[1]), SECRET
            )
            assert same == (one == other)


class TestChannels:
    def test_a_channel_is_opened_called_and_closed(self, world):
        ends_at = NOW + timedelta(days=2)
        channel = world.provider.channels.open(
            world.source, "c0ffee-1", "https://clinic.example/hooks/google", "s" * 43, ends_at
        )
        assert NOW < channel.expires_at <= ends_at
        world.messages.clear()
        world.outside("Lunch", SOON)
        assert world.told() == [("https://clinic.example/hooks/google", "s" * 43)]
        world.provider.channels.close(channel)
        world.outside("Tea", SOON)
        assert len(world.told()) == 1
        world.provider.channels.close(channel)

    def test_a_channel_is_renewed_or_must_be_opened_again(self, world):
        ends_at = NOW + timedelta(days=3)
        channel = world.provider.channels.open(
            world.source,
            "c0ffee-1",
            "https://clinic.example/hooks/google",
            "s" * 43,
            NOW + timedelta(days=2),
        )
        renewed = world.provider.channels.renew(channel, ends_at)
        assert renewed is None or (renewed.channel_id, renewed.expires_at) == (
            channel.channel_id,
            ends_at,
        )
        world.provider.channels.close(channel)
        if renewed:
            with pytest.raises(Gone):
                world.provider.channels.renew(channel, ends_at)
