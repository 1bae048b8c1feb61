"""The rules on rows, without HTTP.

Clinic and revisions, plans, venues, people, clients, links, ways in.
"""

import json
import threading
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import IntegrityError

import models
from base import passwords
from base.bookings.statuses import STATUSES
from base.database import AlreadyUsed, InstantField, JSONText, is_sqlite
from base.feed_presets import CLINIC, LOCUM
from base.scheduling import timed, whole_days
from base.tables.audit import AuditEntry
from base.text import IDENTIFIERS
from models import (
    PLANS,
    Booking,
    Clinic,
    Feed,
    FeedRead,
    LastOwner,
    LastVenue,
    NotYours,
    Patient,
    Practitioner,
    Service,
    User,
    Venue,
)
from people import clients, founding, own_zone
from people.credentials import OneTimeToken, Throttle
from sync.feeds import owned
from tests.conftest import PASSWORD

LONDON = ZoneInfo("Europe/London")
DAY = date(2026, 11, 26)


@pytest.fixture
def book(linden, clock):
    def make(calendar=None, hour=14, **fields):
        calendar = calendar or linden.calendar
        return Booking.book(
            calendar,
            [timed(DAY, time(hour), time(hour, 50), calendar.zone)[0]],
            calendar.user,
            **fields,
        )[0]

    return make


@pytest.fixture
def link(linden, clock):
    return Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)


def again(row):
    """The row as the database has it."""
    return type(row).get_by_id(row.id)


def actions(clinic) -> list[str]:
    return [
        entry.action
        for entry in AuditEntry.select().where(AuditEntry.clinic == clinic).order_by(AuditEntry.id)
    ]


# ---- fields and the database ----


@given(st.datetimes(datetime(1900, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  hypothesis adds the zone
def test_an_instant_is_kept_to_the_microsecond(at):
    field = InstantField()
    assert field.python_value(field.db_value(at)) == at


def test_an_instant_needs_a_zone_and_may_have_any():
    with pytest.raises(ValueError, match="zone"):
        InstantField().db_value(datetime(2026, 11, 20))  # noqa: DTZ001  that is the point
    at = datetime(2026, 7, 1, 12, tzinfo=LONDON)
    assert InstantField().python_value(InstantField().db_value(at)) == datetime(
        2026, 7, 1, 11, tzinfo=UTC
    )


def test_a_small_value_is_kept_as_json_in_one_order():
    assert JSONText().db_value({"b": 1, "a": "é"}) == '{"a": "é", "b": 1}'
    assert JSONText().python_value(JSONText().db_value(None)) is None


def test_new_rows_take_their_time_from_the_one_clock(book, clock, linden):
    clock.now = datetime(2030, 1, 1, tzinfo=UTC)
    booking = book(hour=9)
    assert (
        booking.created_at
        == booking.updated_at
        == clock.now
        == AuditEntry.select().order_by(AuditEntry.id.desc()).first().at
    )


def test_sqlite_waits_ten_seconds_and_keeps_references(db):
    if not is_sqlite():
        assert db.execute_sql("SHOW server_encoding").fetchone() == ("UTF8",)
        return
    found = {
        name: db.execute_sql(f"PRAGMA {name}").fetchone()[0]
        for name in ("busy_timeout", "foreign_keys", "journal_mode")
    }
    assert found == {"busy_timeout": 10_000, "foreign_keys": 1, "journal_mode": "wal"}


@pytest.mark.parametrize(
    "make",
    [
        lambda c: Clinic.create(name="x", plan="gold"),
        lambda c: Clinic.create(name="x", privacy_ceiling="everything"),
        lambda c: User.create(clinic=c.clinic, email="x@x.test", name="x", role="boss"),
        lambda c: User.create(clinic=c.clinic, email=c.pat.email, name="x"),
        lambda c: Venue.create(clinic=c.clinic, name="Linden Street", zone_name="UTC"),
        lambda c: Practitioner.create(clinic=c.clinic, user=c.pat, venue=c.street),
        lambda c: Service.create(clinic=c.clinic, name="Shoulder"),
        lambda c: Patient.create(clinic=c.clinic, first_name="x", internal_id="K-2041"),
        lambda c: Feed.create(clinic=c.clinic, user=c.pat, name="x", kind="everything"),
        lambda c: Feed.create(clinic=c.clinic, user=c.pat, name="x", scope="world"),
    ],
)
def test_the_schema_refuses_what_cannot_be(linden, make):
    with pytest.raises(IntegrityError), models.database.atomic():
        make(linden)


def test_two_clinics_may_use_the_same_names(linden, stranger):
    Venue.add(stranger.clinic, stranger, name="Linden Street", zone_name="Europe/London")
    Service.add(stranger.clinic, stranger, name="Shoulder")
    assert (
        Patient.add(stranger.clinic, stranger, first_name="Ann", internal_id="K-2041").internal_id
        == "K-2041"
    )


# ---- clinic and revisions ----


def test_founding_makes_a_clinic_ready_to_book(db, clock):
    owner = founding.found("Elm", "Australia/Lord_Howe", "Ada Elm", "ada@elm.test")
    (calendar,) = owner.practitioners
    assert (
        owner.is_owner
        and not owner.sync_allowed
        and owner.identifier is None
        and owner.password_hash is None
    )
    assert calendar.zone == ZoneInfo("Australia/Lord_Howe") and set(calendar.hours) == {
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
    }
    assert owner.clinic.plan == "self-hosted" and actions(owner.clinic) == ["clinic.founded"]


def test_founding_with_an_address_in_use_leaves_nothing(linden):
    with pytest.raises(IntegrityError):
        founding.found("Elm", "Europe/London", "Pat", linden.pat.email)
    assert Clinic.select().count() == 1


def test_revisions_are_seconds_and_always_grow(linden, clock):
    clinic, now = linden.clinic, int(clock.now.timestamp())
    assert [clinic.next_rev() for _ in range(3)] == [now, now + 1, now + 2]
    clock.now += timedelta(seconds=1)
    assert clinic.next_rev() == now + 3
    clock.now += timedelta(hours=1)
    assert clinic.next_rev() == now + 3601
    clock.now -= timedelta(days=400)  # a clock put back
    assert clinic.next_rev() == now + 3602
    assert again(clinic).latest_rev == now + 3602


def test_revisions_taken_through_stale_rows_still_grow(linden, clock):
    one, other = again(linden.clinic), again(linden.clinic)
    assert one.next_rev() < other.next_rev() < one.next_rev()


def test_clinics_count_apart(linden, stranger, clock):
    before = again(stranger.clinic).latest_rev
    linden.clinic.bump_faces()
    assert again(stranger.clinic).latest_rev == before


def test_a_later_commit_has_the_later_revision(linden):
    """Whoever reads a revision sees every change that has a smaller one.

    Commits come in the order of their revisions.
    """
    seen, stop = [], threading.Event()

    def watch():
        with models.database.connection_context():
            while not stop.is_set():
                seen.append(
                    list(
                        Practitioner.select(Practitioner.calendar_rev)
                        .order_by(Practitioner.id)
                        .tuples()
                    )
                )

    def work(calendar):
        with models.database.connection_context():
            for n in range(8):
                Booking.book(
                    calendar,
                    [timed(DAY + timedelta(days=n), time(9), time(10), LONDON)[0]],
                    calendar.user,
                )

    watcher = threading.Thread(target=watch)
    workers = [
        threading.Thread(target=work, args=(calendar,))
        for calendar in (linden.calendar, linden.colleague_calendar)
    ]
    watcher.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    stop.set()
    watcher.join()
    highest = [max(rev for (rev,) in row) for row in seen]
    assert highest == sorted(highest) and Booking.select().count() == 16


def test_an_unchanged_clinic_moves_nothing(linden, clock):
    before = again(linden.clinic).latest_rev
    linden.clinic.change(linden.olive, name=linden.clinic.name, currency="GBP")
    assert again(linden.clinic).latest_rev == before and actions(linden.clinic) == []


def test_a_ceiling_cuts_the_choices(linden):
    linden.clinic.change(linden.olive, privacy_ceiling="initials")
    assert linden.clinic.allowed_identifiers() == ("none", "internal_id", "initials")
    assert again(linden.clinic).faces_rev == again(linden.clinic).latest_rev


def test_switching_internal_ids_on_gives_one_to_everybody(linden):
    linden.clinic.change(linden.olive, internal_ids=False)
    for name in ("Ann", "Bea"):
        Patient.create(clinic=linden.clinic, first_name=name)
    linden.clinic.change(linden.olive, internal_ids=True)
    assert sorted(Patient.select(Patient.internal_id).tuples()) == [
        ("K-2041",),
        ("K-2042",),
        ("K-2043",),
    ]


# ---- plans ----


@pytest.mark.parametrize(
    ("plan", "features"),
    [
        ("self-hosted", {"feed", "sync", "all_sync"}),
        ("pro", {"feed", "sync", "all_sync"}),
        ("plus", {"feed", "sync"}),
        ("basic", {"sync"}),
    ],
)
def test_each_plan_has_its_features(linden, plan, features):
    linden.clinic.change_plan(plan, linden.olive)
    assert {
        feature for feature in ("feed", "sync", "all_sync") if linden.clinic.allows(feature)
    } == features
    assert set(PLANS) == {"self-hosted", "pro", "plus", "basic"}


def test_losing_links_suspends_the_living_ones_once(linden, link, clock):
    stopped = Feed.generate(linden.pat, "old", linden.pat, practitioner=linden.calendar)
    stopped.revoke(linden.pat)
    linden.clinic.change_plan("plus", linden.olive)
    assert again(link).suspended_at is None
    linden.clinic.change_plan("basic", linden.olive)
    at = clock.now
    clock.now += timedelta(days=3)
    linden.clinic.change_plan("basic", linden.olive)
    linden.clinic.change_plan("pro", linden.olive)
    assert (
        again(link).suspended_at == at
        and again(link).is_stopped
        and again(stopped).suspended_at is None
    )
    assert list(owned.living(linden.clinic)) == [] and again(link).rev > link.rev


# ---- venues ----


def test_a_venue_changes_its_name_alone_or_says_that_it_is_taken(linden, clock):
    rev = again(linden.clinic).faces_rev
    linden.street.change(
        linden.olive, name="Elm", address="1 Elm", zone_name="Europe/London", hours={}
    )
    assert again(linden.clinic).faces_rev > rev
    with pytest.raises(AlreadyUsed):
        again(linden.street).change(
            linden.olive, name="Harbour House", address="", zone_name="Europe/London", hours={}
        )
    assert again(linden.street).name == "Elm"


def test_another_zone_moves_whole_days_and_no_timed_booking(linden, book, clock):
    timed_one = book()
    days = Booking.book(
        linden.calendar, [whole_days(date(2026, 12, 1), date(2026, 12, 2), LONDON)], linden.pat
    )[0]
    elsewhere = book(linden.abroad)
    linden.street.change(
        linden.olive, name="Linden Street", address="", zone_name="Pacific/Kiritimati", hours={}
    )
    assert again(timed_one).span == timed_one.span and again(elsewhere).span == elsewhere.span
    assert again(days).span == whole_days(
        date(2026, 12, 1), date(2026, 12, 2), ZoneInfo("Pacific/Kiritimati")
    )
    assert again(days).uuid == days.uuid


def test_the_last_venue_stays_open(linden):
    linden.street.set_archived(True, linden.olive)
    with pytest.raises(LastVenue):
        linden.harbour.set_archived(True, linden.olive)
    assert not again(linden.harbour).archived
    assert [p.id for p in Practitioner.listed(linden.clinic)] == [linden.abroad.id]
    assert not own_zone.differ(linden.clinic)


def test_a_calendar_opens_once_and_again(linden):
    first = Practitioner.open(linden.maya, linden.street, linden.olive)
    first.set_archived(True, linden.olive)
    second = Practitioner.open(linden.maya, linden.street, linden.olive)
    assert (
        first.id == second.id and not again(first).archived and second.hours == linden.street.hours
    )
    assert actions(linden.clinic) == [
        "practitioner.added",
        "practitioner.archived",
        "practitioner.returned",
    ]


# ---- people ----


@pytest.mark.parametrize(
    "chosen",
    [
        {"sync_allowed": False},
        {"identifier": "initials"},
        {"hide_sensitive": True},
        {"mode": "off"},
        {"sync_allowed": True, "identifier": "none"},
    ],
)
def test_sync_settings_are_kept_and_move_the_person_s_revision(linden, clock, chosen):
    linden.pat.change_sync(**chosen)
    stored = again(linden.pat)
    assert {name: getattr(stored, name) for name in chosen} == chosen
    assert stored.rev == again(linden.clinic).latest_rev > 0 == again(linden.quinn).rev


@pytest.mark.parametrize(
    ("own", "chosen", "left"),
    [
        ("full_name", "initials", None),
        ("internal_id", "initials", "internal_id"),
        ("initials", "initials", "initials"),
        (None, "none", None),
    ],
)
def test_a_safer_choice_pulls_links_down_with_it(linden, link, own, chosen, left):
    link.change(linden.pat, identifier=own)
    linden.pat.change_sync(identifier=chosen)
    assert again(link).identifier == left


def test_leaving_ends_every_way_in_and_keeps_the_bookings(linden, link, book, clock):
    booking, epoch = book(), linden.pat.epoch
    secret = OneTimeToken.issue(linden.pat, "reset", linden.olive, days=1)
    linden.pat.leave(linden.olive)
    gone = again(linden.pat)
    assert not gone.is_active and gone.sign_in_state == "left" and gone.epoch == epoch + 1
    assert (
        again(link).revoked_because == "left"
        and again(linden.calendar).archived
        and OneTimeToken.find(secret) is None
    )
    assert again(booking).span == booking.span
    gone.come_back(linden.olive)
    assert (
        again(linden.pat).is_active
        and not again(linden.calendar).archived
        and again(link).is_stopped
    )


def test_somebody_who_can_sign_in_always_owns_the_clinic(linden):
    for last_step in (
        lambda: linden.olive.leave(linden.olive),
        lambda: linden.olive.change(
            linden.olive, name="Olive", email=linden.olive.email, role="manager"
        ),
    ):
        with pytest.raises(LastOwner):
            last_step()
    invited = User.invite(
        linden.clinic,
        linden.olive,
        [linden.street],
        name="New",
        email="new@linden.test",
        role="owner",
    )
    with pytest.raises(LastOwner):
        again(linden.olive).leave(linden.olive)
    invited.set_password("correct horse battery", None)
    again(linden.olive).leave(invited)
    assert again(linden.olive).left_at


def test_who_looks_after_whom(linden):
    may = {
        (who.name[:1], whom.name[:1])
        for who in (linden.olive, linden.maya, linden.pat)
        for whom in (linden.olive, linden.maya, linden.pat, linden.quinn)
        if who.may_manage(whom)
    }
    assert may == {
        ("O", "O"),
        ("O", "M"),
        ("O", "P"),
        ("O", "Q"),
        ("M", "M"),
        ("M", "P"),
        ("M", "Q"),
    }
    below = ("practitioner", "receptionist")
    assert linden.maya.roles_to_give(linden.pat) == linden.maya.roles_to_give() == below


def test_a_password_is_stored_as_argon2_and_ends_sessions(linden):
    key = linden.pat.get_id()
    linden.pat.set_password("a new and better one", linden.olive)
    stored = again(linden.pat)
    assert stored.password_hash.startswith("$argon2id$") and "better" not in stored.password_hash
    assert (
        stored.check_password("a new and better one")
        and not stored.check_password("A new and better one")
        and stored.get_id() != key
    )


def test_nobody_signs_in_without_a_password(linden):
    invited = User.invite(
        linden.clinic, linden.olive, [], name="New", email="new@linden.test", role="practitioner"
    )
    assert (
        invited.sign_in_state == "invited"
        and not invited.check_password("")
        and not invited.check_password("anything")
    )


def test_why_links_do_not_answer(linden):
    assert linden.pat.why_no_feeds() is None
    linden.pat.change_sync(sync_allowed=False)
    assert linden.pat.why_no_feeds() == "opt_in"
    linden.clinic.change_plan("basic", linden.olive)
    assert again(linden.pat).why_no_feeds() == "plan"


# ---- ways in beside the password ----


def test_a_one_time_link_works_once_and_for_a_while(linden, clock):
    secret = OneTimeToken.issue(linden.pat, "invite", linden.olive, days=2)
    assert OneTimeToken.select().where(OneTimeToken.secret_hash == secret).count() == 0
    assert OneTimeToken.find(secret).user == linden.pat and OneTimeToken.find(secret[:-1]) is None
    clock.now += timedelta(days=2, seconds=-1)
    assert (
        OneTimeToken.find(secret)
        .use("correct horse battery")
        .check_password("correct horse battery")
    )
    assert OneTimeToken.find(secret) is None
    later = OneTimeToken.issue(linden.pat, "invite", linden.olive, days=2)
    clock.now += timedelta(days=2)
    assert OneTimeToken.find(later) is None


def test_a_newer_link_ends_no_older_one_and_a_new_address_ends_all(linden, clock):
    links = [
        OneTimeToken.issue(linden.pat, purpose, None, days=1)
        for purpose in ("reset", "invite", "reset")
    ]
    assert [OneTimeToken.find(secret) is not None for secret in links] == [True] * 3
    linden.pat.change(linden.olive, name="Pat", email="pat@elsewhere.test", role="practitioner")
    assert [OneTimeToken.find(secret) for secret in links] == [None] * 3


def test_each_failure_past_the_free_ones_doubles_the_wait(db, clock):
    waits = []
    for _ in range(12):
        Throttle.fail("key", free=5)
        waits.append(Throttle.wait_seconds(["key", "unknown"]))
    assert waits == [0, 0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert Throttle.wait_seconds(["unknown"]) == Throttle.wait_seconds([]) == 0
    clock.now += timedelta(hours=7)
    Throttle.fail("key", free=5)
    assert Throttle.get_by_id("key").failures == 1
    Throttle.forget("key")
    assert Throttle.select().count() == 0


# ---- clients and services ----


def test_internal_ids_are_the_next_free_numbers(linden, stranger):
    assert Patient.add(linden.clinic, None, first_name="Ann").internal_id == "K-2042"
    for odd in ("K-x", "X-9000", "K-99999999999999999999"[:20]):
        Patient.add(linden.clinic, None, first_name="Odd", internal_id=odd)
    assert Patient.add(linden.clinic, None, first_name="Bea").internal_id == "K-2043"
    assert Patient.add(stranger.clinic, None, first_name="Cleo").internal_id == "K-1001"
    with pytest.raises(AlreadyUsed):
        Patient.add(linden.clinic, None, first_name="Dora", internal_id="K-2042")
    assert Patient.select().where(Patient.first_name == "Dora").count() == 0


@pytest.mark.parametrize(
    ("fields", "shows"),
    [
        ({"first_name": "Maria"}, True),
        ({"last_name": ""}, True),
        ({"internal_id": "K-7"}, True),
        ({"first_name": "Małgorzata"}, False),
        ({"phone": "1"}, False),
        ({"email": "x@x.test"}, False),
        ({"notes": "x"}, False),
    ],
)
def test_a_client_s_change_shows_in_the_calendars_that_have_bookings_of_it(
    linden, book, fields, shows
):
    book(patient=linden.patient)
    book(linden.colleague_calendar)
    mine, other = again(linden.calendar).calendar_rev, again(linden.colleague_calendar).calendar_rev
    linden.patient.change(linden.pat, **fields)
    assert (again(linden.calendar).calendar_rev > mine) == shows
    assert again(linden.colleague_calendar).calendar_rev == other


def test_a_refused_change_of_a_client_changes_nothing(linden, book):
    other = Patient.add(linden.clinic, None, first_name="Ann", internal_id="K-1")
    book(patient=other)
    rev = again(linden.calendar).calendar_rev
    with pytest.raises(AlreadyUsed):
        other.change(linden.pat, internal_id="K-2041", first_name="Anna")
    assert again(other).first_name == "Ann" and again(linden.calendar).calendar_rev == rev


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("malgorzata", True),
        ("WÓJ mał", True),
        ("K-2041", True),
        ("2041", True),
        ("+353 1", True),
        ("35315550100", True),
        ("", True),
        ("%", False),
        ("_", False),
        ("\\", False),
        ("malgorzata nowak", False),
        ("' OR 1=1 --", False),
    ],
)
def test_search_finds_by_every_word_and_takes_signs_literally(linden, stranger, query, found):
    Patient.add(
        stranger.clinic,
        None,
        first_name="Małgorzata",
        last_name="Wójcik",
        phone="+353 1 555 0100",
        internal_id="K-2041",
    )
    assert list(clients.matching(linden.clinic, query)) == ([linden.patient] if found else [])


def test_a_saved_client_can_be_found_by_the_new_name(linden):
    linden.patient.last_name = "Nowak"
    linden.patient.save(only=[Patient.last_name])
    assert list(clients.matching(linden.clinic, "nowak")) == [linden.patient]


def test_a_name_of_several_words_is_taken_apart(linden):
    client = Patient.named(linden.clinic, linden.pat, "Anna van der Berg")
    assert (client.first_name, client.last_name, client.name) == (
        "Anna",
        "van der Berg",
        "Anna van der Berg",
    )


@pytest.mark.parametrize(
    ("fields", "shows"),
    [({"name": "Knee"}, True), ({"price_cents": 1}, False), ({"name": "Shoulder"}, False)],
)
def test_a_service_shows_in_feeds_by_its_name(linden, clock, fields, shows):
    before = again(linden.clinic).faces_rev
    linden.service.change(linden.olive, **fields)
    assert (again(linden.clinic).faces_rev > before) == shows


def test_a_service_s_name_is_its_own(linden):
    with pytest.raises(AlreadyUsed):
        Service.add(linden.clinic, linden.olive, name="Shoulder")
    Service.add(linden.clinic, linden.olive, name="Knee").set_archived(True, linden.olive)
    assert [service.name for service in Service.listed(linden.clinic)] == ["Shoulder"]


# ---- links ----


def test_a_new_link_shows_the_year_as_the_clinic_preset_says(link):
    stored = again(link)
    assert (stored.past_days, stored.future_days, stored.statuses, stored.title) == (
        30,
        365,
        CLINIC,
        "{service} {client}",
    )
    assert (
        stored.identifier,
        stored.hide_sensitive,
        stored.details,
        stored.kind,
        stored.scope,
    ) == (None, False, "", "bookings", "practitioner")
    assert set(LOCUM) < set(CLINIC) < set(STATUSES)


@pytest.mark.parametrize("notes", [True, False])
def test_a_locum_link_shows_everything_under_the_organisation(linden, clock, notes):
    linden.clinic.change(linden.olive, feed_preset="locum", notes_may_leave=notes)
    pat = again(linden.pat)
    link = Feed.generate(pat, "agency", pat, practitioner=linden.calendar, future_days=90)
    assert (link.title, link.past_days, link.future_days, link.statuses) == (
        "{organisation}",
        None,
        90,
        LOCUM,
    )
    assert link.details == ("status rate notes" if notes else "status rate")


def test_a_draft_is_not_stored(linden):
    assert Feed.draft(linden.pat, scope="person").id is None and Feed.select().count() == 0


def test_every_link_has_a_salt_and_a_name_of_its_own(linden, clock):
    made = [Feed.generate(linden.pat, "x", linden.pat, scope="person") for _ in range(20)]
    assert len({feed.salt for feed in made}) == len({feed.uuid for feed in made}) == 20
    assert all(len(feed.salt) >= 32 for feed in made)


def test_only_managers_make_links_that_show_others(linden, clock):
    assert not Feed.draft(linden.maya, scope="person").shows_others
    for settings in ({"scope": "clinic"}, {"practitioner": linden.colleague_calendar}):
        assert Feed.draft(linden.maya, **settings).shows_others
        assert Feed.generate(linden.maya, "x", linden.maya, **settings).id
        with pytest.raises(NotYours):
            Feed.generate(linden.pat, "x", linden.pat, **settings)


def test_rotation_gives_a_new_salt_and_forgets_the_readers(linden, link, clock):
    FeedRead.create(feed=link, family="Outlook", first_at=clock.now, last_at=clock.now)
    before = again(link)
    link.rotate(linden.pat)
    after = again(link)
    assert (
        after.salt != before.salt
        and after.uuid == before.uuid
        and after.rev > before.rev
        and after.rotated_at == clock.now
    )
    assert FeedRead.select().count() == 0


def test_a_stopped_link_stays_on_the_list_until_it_is_cleared(linden, link, clock):
    other = Feed.generate(linden.pat, "other", linden.pat, scope="person")
    link.revoke(linden.pat)
    assert [feed.id for feed in owned.feeds_of(linden.pat)] == [other.id, link.id] and list(
        owned.living(linden.pat)
    ) == [other]
    link.clear()
    assert [feed.id for feed in owned.feeds_of(linden.pat)] == [other.id] and again(
        link
    ).revoked_at == clock.now


def test_habits_are_those_of_living_links_and_not_of_browsers(linden, link, clock):
    other = Feed.generate(linden.pat, "other", linden.pat, scope="person")
    for feed, family, seconds in (
        (link, "Outlook", 7200),
        (other, "Outlook", 3600),
        (other, "Thunderbird", None),
        (other, "a browser", 5),
    ):
        FeedRead.create(
            feed=feed,
            family=family,
            first_at=clock.now,
            last_at=clock.now,
            interval_seconds=seconds,
        )
    assert owned.habits(linden.pat) == {"Outlook": 3600, "Thunderbird": None}
    other.revoke(linden.pat)
    assert owned.habits(linden.pat) == {"Outlook": 7200}


# ---- what is noted ----


def test_the_history_names_who_did_what_and_no_client_token_or_address(linden, link, book, clock):
    booking = book(patient=linden.patient, notes="Bring the scans")
    booking.change(linden.maya, booking.span, notes="No scans")
    booking.cancel(linden.maya)
    linden.patient.change(linden.pat, first_name="Maria")
    Patient.add(linden.clinic, linden.pat, first_name="Ann", last_name="Lee")
    linden.pat.change_sync(identifier="full_name")
    linden.pat.set_password("correct horse battery", linden.pat)
    link.change(linden.pat, title="{client}")
    link.rotate(linden.pat)
    link.revoke(linden.pat)
    OneTimeToken.issue(linden.pat, "reset", linden.olive, days=1)
    linden.clinic.change_plan("basic", linden.olive)
    linden.pat.leave(linden.olive)
    entries = list(AuditEntry.select())
    told = json.dumps(
        [[entry.action, entry.kind, entry.detail] for entry in entries], ensure_ascii=False
    )
    for secret in (
        "Małgorzata",
        "Maria",
        "Wójcik",
        "Ann",
        "Lee",
        "scans",
        link.salt,
        again(link).salt,
        str(link.uuid),
        "horse",
        "@",
    ):
        assert secret not in told
    assert {entry.user_id for entry in AuditEntry.about(booking)} == {linden.pat.id, linden.maya.id}
    assert len(entries) == len(actions(linden.clinic)) >= 13


def test_identifiers_stand_in_the_order_of_safety():
    assert IDENTIFIERS == (
        "none",
        "internal_id",
        "initials",
        "first_name",
        "first_name_last_initial",
        "full_name",
    )


def test_after_a_restore_every_clinic_is_newer_than_before_it(linden, stranger, clock):
    ahead = int(clock.now.timestamp()) + 30  # a burst of changes had run ahead of the clock
    models.Clinic.update(latest_rev=ahead, faces_rev=5).where(
        models.Clinic.id == linden.clinic.id
    ).execute()
    models.Clinic.age_faces()
    assert models.Clinic.get_by_id(linden.clinic.id).faces_rev == ahead + 1
    assert models.Clinic.get_by_id(stranger.clinic_id).faces_rev >= int(clock.now.timestamp())


def test_no_password_costs_as_much_as_one(linden, monkeypatch):
    """In force outside the tests: what is verified for a stranger is as dear as for a person."""
    monkeypatch.setattr(passwords, "hasher", argon2.PasswordHasher())
    mine, nobodys = passwords.hash_of(PASSWORD), passwords.nobodys_hash()
    assert argon2.extract_parameters(nobodys) == argon2.extract_parameters(mine)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):  # not: that it is no hash
        passwords.hasher.verify(nobodys, PASSWORD)
    linden.pat.password_hash = ""
    assert not linden.pat.check_password("") and not linden.pat.check_password(PASSWORD)
