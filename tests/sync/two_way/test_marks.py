"""Several writers of one calendar: each event has its writer, and nobody changes another's. The
marks themselves never change.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sync_world import WORLDS

from models import Booking
from sync.connect import calendar_list
from sync.events.event import Event, Face, Mark, RemoteEvent
from sync.providers.google import shapes as google_shapes
from sync.providers.microsoft import shapes as microsoft_shapes
from sync.tables import controls, ending, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.two_way.plans import marks

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
EVENT = Event(
    "4f0c", 0, "confirmed", Face("Reserved"), AT, AT.replace(hour=11), AT, AT, "Europe/London"
)
WHOLE = Mark("b7c1", "4f0c", 2, "a11ce")


def seen(mark, remote_id="x"):
    return RemoteEvent(remote_id, "1", AT, AT.replace(hour=11), "Reserved", mark=mark)


# ---- golden values: what stands in people's calendars was written with these ----


class TestWhatNeverChanges:
    def test_ids_made_from_a_mark_without_an_account(self):
        assert (
            google_shapes.event_id(Mark("b7c1", "4f0c", 1), b"secret")
            == "1ujcddopm59pgoidq2tbuujgl78ih017"
        )
        assert (
            microsoft_shapes.provisional_id(Mark("b7c1", "4f0c", 1), b"secret")
            == "promised-0fa6c6b719b15398624dd0babf7a70a9d1288027"
        )

    def test_names_of_properties(self):
        assert google_shapes.from_mark(WHOLE) == {
            "kalendsInstallation": "b7c1",
            "kalendsReference": "4f0c",
            "kalendsGeneration": "2",
            "kalendsAccount": "a11ce",
        }
        ours = "String {6d1f0f7e-5c0b-4a52-9b0e-3f2d9a7c41e8} Name "
        assert microsoft_shapes.to_create("promised-1", EVENT, WHOLE)[
            "singleValueExtendedProperties"
        ] == [
            {"id": ours + "kalendsMark", "value": '["b7c1", "4f0c", 2]'},
            {"id": ours + "kalendsAccount", "value": "a11ce"},
            {"id": ours + "kalendsPromise", "value": "promised-1"},
        ]
        assert ours + "kalendsNote" == microsoft_shapes.NOTE

    def test_references_of_calendars_and_the_account_in_a_mark(self, db, linden):
        linden.clinic.installation = "00112233aabbccdd"
        assert calendar_list.reference(linden.clinic) == "kalends:18aa21a9513c:"
        assert calendar_list.reference(linden.clinic, 7) == "kalends:18aa21a9513c:5a829954bc57"
        account = Account(clinic=linden.clinic, user=7, kind="google", email="Robin@Example.com")
        assert marks.part(account) == "4b6208ebcedffa68"

    def test_an_account_keeps_its_part_of_marks_after_reconnecting(self, db, linden):
        def part(**columns):
            usual = {
                "clinic": linden.clinic,
                "user": linden.pat,
                "kind": "google",
                "email": "robin@example.com",
            }
            return marks.part(Account(**usual | columns))

        assert part(id=1) == part(id=2, email="ROBIN@example.com ")
        assert (
            len(
                {
                    part(),
                    part(email="ana@example.com"),
                    part(kind="microsoft"),
                    part(user=linden.quinn),
                }
            )
            == 4
        )


@pytest.mark.parametrize("mark", [WHOLE, replace(WHOLE, account="")])
def test_marks_come_back_as_they_were_written(mark):
    assert (
        google_shapes.to_mark({"extendedProperties": {"private": google_shapes.from_mark(mark)}})
        == mark
    )
    assert microsoft_shapes.to_mark(microsoft_shapes.to_restore(EVENT, mark)) == mark


def test_two_accounts_never_use_the_same_provisional_id():
    assert google_shapes.event_id(WHOLE, b"s") != google_shapes.event_id(
        replace(WHOLE, account="b0b"), b"s"
    )


# ---- two writers of one calendar, as earlier versions allowed it ----


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    for person in (linden.pat, linden.quinn):
        person.change_sync(sync_allowed=True, identifier="internal_id")
    linden.clinic.change(linden.olive, sync_existing=True)
    return WORLDS[request.param](linden, clock)


def writes_to(world, user, calendar_id, email=None) -> Account:
    """The person's account, begun in a calendar that is there, whoever else writes to it."""
    account = world.connect(user, email)
    starting.start(account, user, "Kalends", "Europe/London")
    RemoteCalendar.delete().where(
        RemoteCalendar.account == account, RemoteCalendar.calendar_id == calendar_id
    ).execute()
    RemoteCalendar.update(calendar_id=calendar_id).where(
        RemoteCalendar.account == account, RemoteCalendar.role == "destination"
    ).execute()
    world.run(account)
    return account


@pytest.fixture
def both(world):
    """Pat and Quinn, each with four bookings, write to one calendar of Robin's: two accounts of
    Google's, or one mailbox.
    """
    shared = world.robin.add_calendar("Practice")
    email = world.email
    if world.kind == "google":
        world.robin.share(shared, world.other_email, "owner")
        email = world.other_email
    for day in range(1, 5):
        world.book(days=day)
        world.book(days=day, hour=14, calendar=world.linden.colleague_calendar)
    return (
        writes_to(world, world.linden.pat, shared),
        writes_to(world, world.linden.quinn, shared, email),
        shared,
    )


def by_person(world, shared) -> dict[str, int]:
    """How many events stand in a calendar, by whose booking they are of."""
    whose = {str(row.uuid): row.practitioner.user.name.split()[0] for row in Booking.select()}
    counts = {}
    for event in world.robin.events(shared):
        key = whose.get(world.reference_of(event), "of nobody")
        counts[key] = counts.get(key, 0) + 1
    return counts


def forget_accounts(world, shared) -> None:
    """The marks as earlier versions wrote them."""
    for event in world.robin.calendar(shared)["events"].values():
        for properties in (
            event.get("extendedProperties", {}).get("private", {}),
            event.get("_properties", {}),
        ):
            for name in [name for name in properties if name.endswith("kalendsAccount")]:
                del properties[name]


BOTH = {"Pat": 4, "Quinn": 4}


@pytest.mark.parametrize("marks_are_old", [False, True])
class TestTwoPeople:
    def test_nobody_touches_the_others_events(self, world, both, marks_are_old):
        *accounts, shared = both
        assert by_person(world, shared) == BOTH
        if marks_are_old:
            forget_accounts(world, shared)
        for account in accounts:
            controls.ask_for_run(account, "resync")
        writes = world.writes()
        world.poll()
        world.poll()
        assert world.writes() == writes and by_person(world, shared) == BOTH
        assert [world.notices(account) for account in accounts] == [[], []]

    def test_a_new_start_adopts_ones_own_and_no_more(self, world, both, marks_are_old):
        pat, _, shared = both
        if marks_are_old:
            forget_accounts(world, shared)
        MappingRow.delete().where(MappingRow.account == pat).execute()
        controls.ask_for_run(pat, "resync")
        writes = world.writes()
        world.poll()
        assert world.writes() == writes and by_person(world, shared) == BOTH
        assert (
            MappingRow.select()
            .where(MappingRow.account == pat, MappingRow.phase == "synced")
            .count()
            == 4
        )

    @pytest.mark.parametrize("goal", ["off", "disconnect"])
    def test_leaving_takes_away_ones_own(self, world, both, goal, marks_are_old):
        pat, quinn, shared = both
        if marks_are_old:
            forget_accounts(world, shared)
        ending.begin_departure(pat, world.linden.pat, goal, True)
        world.run(pat)
        world.poll(quinn)
        assert by_person(world, shared) == {"Quinn": 4} and world.notices(quinn) == []

    def test_a_cancelled_booking_goes_alone(self, world, both, marks_are_old):
        *_accounts, shared = both
        if marks_are_old:
            forget_accounts(world, shared)
        Booking.get(Booking.practitioner == world.linden.calendar).cancel(world.linden.pat)
        world.poll()
        assert by_person(world, shared) == {"Pat": 3, "Quinn": 4}


def test_a_colleagues_bookings_in_a_shared_calendar_block_nobody(world, both):
    pat, quinn, shared = both
    at = world.clock.now.replace(hour=9)
    world.robin.add("Meeting", at, at.replace(hour=10), shared)
    world.poll()
    world.poll()
    assert world.mirrored(pat) == world.mirrored(quinn) == ["Meeting"]


def test_another_installations_events_are_external_and_stay(world, both):
    pat, quinn, shared = both
    ending.begin_departure(quinn, world.linden.quinn, "disconnect", False)
    world.run(quinn)
    for event in world.robin.calendar(shared)[
        "events"
    ].values():  # Quinn's are of another installation from now on
        reference = world.reference_of(event)
        if reference not in {mapping.uid for mapping in pat.mappings}:
            private = event.get("extendedProperties", {}).get("private")
            if private:
                private["kalendsInstallation"] = "another"
            else:
                name = next(name for name in event["_properties"] if name.endswith("kalendsMark"))
                event["_properties"][name] = event["_properties"][name].replace(
                    world.linden.clinic.installation, "another"
                )
    controls.ask_for_run(pat, "resync")
    world.poll()
    assert len(world.mirrored(pat)) == 4
    ending.begin_departure(pat, world.linden.pat, "disconnect", True)
    world.run(pat)
    assert by_person(world, shared) == {"Quinn": 4}


def test_a_mark_of_an_earlier_version_is_rewritten_with_the_next_change(world, both):
    pat, _, shared = both
    forget_accounts(world, shared)
    row = pat.mappings.first().booking
    row.set_status("pending", world.linden.pat)
    world.poll()
    named = [event for event in world.robin.events(shared) if marks.part(pat) in str(event)]
    assert [world.reference_of(event) for event in named] == [str(row.uuid)]


def test_a_calendar_of_ours_that_a_colleague_writes_to_is_not_taken_away(world, linden):
    world.book()
    pat = world.start(linden.pat)
    made = world.destination(pat)
    quinn = writes_to(world, linden.quinn, made)
    world.book(
        days=2, calendar=linden.colleague_calendar
    )  # not written yet: the calendar holds Pat's event alone
    ending.begin_departure(pat, linden.pat, "disconnect", True)
    world.run(pat)
    world.run(quinn)
    assert by_person(world, made) == {"Quinn": 1}


@pytest.mark.parametrize("world", ["google"], indirect=True)
def test_a_calendar_of_ours_with_an_event_that_cannot_be_read_is_not_taken_away(world, linden):
    world.book()
    pat = world.start(linden.pat)
    made, at = world.destination(pat), world.clock.now
    key = world.robin.add("Private", at, at.replace(hour=23), made)
    for side in ("start", "end"):
        world.robin.calendar(made)["events"][key][side] |= {
            "timeZone": "Nowhere/Land",
            "dateTime": "2026-11-20T22:00:00",
        }
    ending.begin_departure(pat, linden.pat, "disconnect", True)
    world.sandbox.strict = False
    world.run(pat)
    assert [event["id"] for event in world.robin.events(made)] == [key]


@pytest.mark.parametrize("is_made", [True, False])
def test_an_upgrade_by_itself_writes_nothing_and_tells_nothing(world, linden, is_made):
    for day in range(1, 5):
        world.book(days=day)
    pat = (
        world.start(linden.pat)
        if is_made
        else writes_to(world, linden.pat, world.robin.add_calendar("Practice"))
    )
    forget_accounts(world, world.destination(pat))
    MappingRow.update(guests=None, guests_told=None).execute()
    Account.update(searched_at=None).execute()
    writes = world.writes()
    world.poll(pat)
    controls.ask_for_run(pat, "resync")
    world.run(pat)
    world.later(hours=21)
    world.run(pat)
    assert world.writes() == writes and world.notices(pat) == []
    MappingRow.delete().execute()  # and a fresh start finds them again
    controls.ask_for_run(pat, "resync")
    world.run(pat)
    assert world.writes() == writes
    world.assert_in_step(pat)
