"""The sample clinic: it looks like a real one, and keeps every rule that bookings have."""

from collections import Counter, defaultdict
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from base.bookings.statuses import FREE_STATUSES, STATUSES
from free_times.online.names import PageName
from free_times.rules import OnlineSettings
from models import (
    AuditEntry,
    Booking,
    Clinic,
    Feed,
    FeedRead,
    Patient,
    Practitioner,
    Service,
    User,
    Venue,
)
from operate import sample
from sync.feeds import feed as feeds

PASSWORD = "sample pass 1"


@pytest.fixture
def clinic(db, clock):
    sample.load(PASSWORD)
    return Clinic.get()


def test_everybody_on_the_list_can_sign_in(app, db, clock):
    people = sample.load(PASSWORD)
    assert Counter(role for role, _ in people) == {
        "Owner": 1,
        "Manager": 1,
        "Receptionist": 1,
        "Practitioner": 5,
    }
    for _, email in people:
        assert User.get(User.email == email).check_password(PASSWORD)


def test_the_clinic_has_two_zones_and_one_person_at_both_venues(clinic):
    assert {venue.zone_name for venue in Venue} == {"Europe/London", "America/New_York"}
    assert sorted(Counter(calendar.user.name for calendar in Practitioner).values()) == [
        1,
        1,
        1,
        1,
        2,
    ]
    assert (Patient.select().count(), Service.select().count()) == (60, 8)


def test_contact_data_can_belong_to_nobody(clinic):
    for client in Patient:
        assert client.email == "" or client.email.endswith("@mail.example")
        assert client.phone == "" or client.phone.startswith(("+44 7700 900", "+1 555 01"))


def test_bookings_reach_from_three_months_back_to_thirteen_ahead_in_every_status(clinic, clock):
    rows = list(Booking)
    assert 500 < len(rows) < 800
    under_way = (
        {"arrived"} if any(row.starts_at < clock.now < row.ends_at for row in rows) else set()
    )
    assert {row.status for row in rows} == set(STATUSES) - {"arrived"} | under_way
    assert min(row.starts_at for row in rows) < clock.now - timedelta(days=80)
    assert max(row.starts_at for row in rows) > clock.now + timedelta(days=360)
    assert all(
        row.status in ("delivered", "invoiced", "paid", "no_show", "cancelled")
        for row in rows
        if row.ends_at < clock.now
    )
    assert any(row.all_day and row.rate_cents for row in rows)
    assert len({row.series for row in rows if row.series}) == 5


def test_a_series_and_a_night_cross_a_clock_change(clinic):
    london = ZoneInfo("Europe/London")
    shifts = defaultdict(set)
    for row in (
        Booking.select()
        .join(Practitioner)
        .join(Venue)
        .where(Booking.series.is_null(False), Venue.zone_name == "Europe/London")
    ):
        local = row.starts_at.astimezone(london)
        shifts[row.series].add((local.time(), local.utcoffset()))
    assert any(len(seen) == 2 and len({wall for wall, _ in seen}) == 1 for seen in shifts.values())
    offsets = [
        (row.starts_at.astimezone(london).utcoffset(), row.ends_at.astimezone(london).utcoffset())
        for row in Booking
        if not row.all_day
    ]
    assert any(start != end for start, end in offsets)


def test_nobody_is_double_booked_but_twice_on_purpose(clinic):
    busy = defaultdict(list)
    for row in (
        Booking.select(Booking, Practitioner)
        .join(Practitioner)
        .where(Booking.status.not_in(FREE_STATUSES))
    ):
        busy[row.practitioner.user_id].append(row)
    pairs = [
        (one, other)
        for rows in busy.values()
        for n, one in enumerate(rows)
        for other in rows[n + 1 :]
        if one.span.overlaps(other.span)
    ]
    assert 1 <= len(pairs) <= 4
    assert all("on purpose" in one.notes + other.notes for one, other in pairs)


def test_two_links_are_being_read_and_serve_at_once(app, clinic, clock):
    phone, tablet = Feed.select().order_by(Feed.id)
    assert (phone.name, tablet.name, tablet.kind) == ("My phone", "Kitchen tablet", "availability")
    assert FeedRead.select().where(FeedRead.feed == phone).count() == 2
    body = app.test_client().get(feeds.path(app.config["SECRET_KEY"], phone)).get_data(as_text=True)
    assert body.count("BEGIN:VEVENT") > 50
    # This person shows internal IDs.
    assert not any(client.last_name in body for client in Patient if len(client.last_name) > 5)
    assert User.select().where(User.sync_allowed).count() == 1


def test_the_same_day_gives_the_same_bookings(clinic, clock):
    first = list(
        Booking.select(Booking.uuid, Booking.starts_at, Booking.status)
        .order_by(Booking.uuid)
        .tuples()
    )
    for table in (
        AuditEntry,
        PageName,
        OnlineSettings,
        FeedRead,
        Feed,
        Booking,
        Patient,
        Service,
        Practitioner,
        User,
        Venue,
        Clinic,
    ):
        table.delete().execute()
    sample.load(PASSWORD)
    assert (
        list(
            Booking.select(Booking.uuid, Booking.starts_at, Booking.status)
            .order_by(Booking.uuid)
            .tuples()
        )
        == first
    )


def test_the_audit_names_no_client(clinic):
    said = " ".join(str(entry.detail) for entry in AuditEntry)
    assert not any(client.last_name in said for client in Patient if client.last_name)


def test_the_command_tells_the_sign_ins_and_refuses_a_second_time(app, db):
    runner = app.test_cli_runner()
    first, second = runner.invoke(args=["sample"]), runner.invoke(args=["sample"])
    assert first.exit_code == 0
    assert "owner@sample.test" in first.output
    assert "with the password " in first.output
    assert second.exit_code == 1
    assert "There is a clinic in this database already" in second.output


def test_the_sample_stays_out_of_a_database_in_use(linden):
    with pytest.raises(sample.NotEmpty):
        sample.load(PASSWORD)
    assert Clinic.select().count() == 1
