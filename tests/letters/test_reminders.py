"""Reminders: when they are sent, to which clients, and how they end."""

from datetime import UTC, date, datetime, timedelta

import pytest
from client_world import booked, parts, team_is_told_nothing
from online_world import book, switch_on, text_of

from base import scheduling
from base.bookings.client_letters import LetterSettings
from base.scheduling import Span
from base.tables.outbox import Letter
from letters import reminders
from models import Booking, Patient

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def to_all(linden, letters, clock):
    team_is_told_nothing(linden)
    LetterSettings.stored(linden.clinic).change(None, to_clients="all")
    linden.patient.change(None, email="malgorzata@client.test")


@pytest.fixture
def at(app, clock, letters):
    """`at("2026-11-26 10:00")`: the clock of London stands there, chores run; what went out."""

    def go(wall):
        clock.now = datetime.fromisoformat(wall).replace(tzinfo=UTC)
        with app.app_context():
            reminders.write_due()
            reminders.write_due()
        return letters.send()

    return go


def test_the_day_before_at_ten_and_once(linden, clock, letters, to_all, at):
    made = booked(linden, clock)  # Friday 27 November, 11:40
    letters.send()
    assert at("2026-11-26 09:58") == []
    (letter,) = at("2026-11-26 10:00")
    text = letter.get_body(("plain",)).get_content()
    assert "Your appointment is coming up" in text and "Friday 27 November 2026" in text
    assert letter["Subject"] == "Appointment, Linden Physiotherapy"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["List-Unsubscribe"].strip("<>") in text
    assert at("2026-11-26 10:20") == at("2026-11-27 09:00") == []
    assert made.status == "confirmed"


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        (lambda made, linden: made.cancel(linden.olive), 0),
        (lambda made, linden: made.set_status("pending", linden.olive), 0),
        (lambda made, linden: linden.patient.change(None, email=""), 0),
        (lambda made, linden: made.change(linden.olive, made.span, notes="late"), 1),
    ],
    ids=["cancelled", "pending", "no address", "a note"],
)
@ONE_DATABASE
def test_what_changes_between_the_row_and_its_time(
    linden, clock, letters, to_all, at, change, sent
):
    made = booked(linden, clock)
    letters.send()
    at("2026-11-26 09:30")
    assert Letter.select().where(Letter.kind == "reminder").count() == 1
    change(made, linden)
    letters.send()
    assert len(at("2026-11-26 10:00")) == sent


@ONE_DATABASE
def test_a_moved_appointment_is_reminded_of_at_its_own_time(linden, clock, letters, to_all, at):
    made = booked(linden, clock)
    letters.send()
    at("2026-11-26 09:30")
    day = timedelta(days=1)
    made.change(linden.olive, Span(made.starts_at + day, made.ends_at + day))
    letters.send()
    assert at("2026-11-26 10:00") == []
    assert len(at("2026-11-27 10:00")) == 1


@ONE_DATABASE
def test_nobody_is_reminded_of_what_was_booked_or_moved_later(linden, clock, letters, to_all, at):
    made = booked(linden, clock, days=3)
    clock.now = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
    booked(linden, clock, days=1)
    later = timedelta(hours=4)
    made.change(linden.olive, Span(made.starts_at + later, made.ends_at + later))
    letters.send()
    assert at("2026-11-22 13:30") == at("2026-11-22 20:00") == []


@ONE_DATABASE
def test_never_at_night_and_late_only_by_day(linden, clock, letters, to_all, at):
    booked(linden, clock)
    letters.send()
    assert at("2026-11-26 23:30") == []
    assert at("2026-11-27 06:59") == []
    assert len(at("2026-11-27 08:00")) == 1


@ONE_DATABASE
def test_another_zone_of_the_venue_tells_nobody_and_reminds_nobody_twice(
    linden, clock, letters, to_all, at
):
    """Timed appointments keep their instant and whole days their day: what clients know is true."""
    day = date(2026, 11, 27)
    span = scheduling.whole_days(day, day, linden.street.zone)
    Booking.book(linden.calendar, [span], linden.olive, patient=linden.patient)
    booked(linden, clock, days=10)
    assert len(letters.send()) == 2 and len(at("2026-11-26 10:00")) == 1
    kept = {name: getattr(linden.street, name) for name in ("name", "address", "hours")}
    linden.street.change(linden.olive, zone_name="America/New_York", **kept)
    assert at("2026-11-26 10:10") == at("2026-11-26 16:00") == []


@ONE_DATABASE
def test_several_reminders_and_after_a_break_only_the_last(linden, clock, letters, to_all, at):
    rules = [{"days": 3, "at": "09:00"}, {"days": 0, "at": "07:30"}]
    LetterSettings.stored(linden.clinic).change(None, reminders=rules)
    booked(linden, clock)
    letters.send()
    assert len(at("2026-11-24 09:00")) == 1
    assert at("2026-11-26 10:00") == []
    assert len(at("2026-11-27 07:30")) == 1
    booked(linden, clock, days=7)
    letters.send()
    assert len(at("2026-12-02 12:00")) == 1, "the server was away for the first"


@pytest.mark.parametrize(
    ("starts", "before", "then"),
    [
        ("2027-03-28 13:00", "2027-03-27 09:59", "2027-03-27 10:00"),
        ("2027-03-29 13:00", "2027-03-28 08:59", "2027-03-28 09:00"),
        ("2026-10-25 13:00", "2026-10-24 08:59", "2026-10-24 09:00"),
    ],
)
@ONE_DATABASE
def test_ten_is_ten_on_the_wall_of_the_venue(
    linden, clock, letters, to_all, at, starts, before, then
):
    clock.now = datetime.fromisoformat(starts).replace(tzinfo=UTC) - timedelta(days=7)
    booked(linden, clock)
    letters.send()
    assert at(before) == [] and len(at(then)) == 1


@ONE_DATABASE
def test_by_itself_the_team_reminds_nobody(linden, clock, letters, at):
    linden.patient.change(None, email="malgorzata@client.test")
    booked(linden, clock)
    assert at("2026-11-26 10:00") == []


@ONE_DATABASE
def test_one_press_ends_reminders_and_looking_does_not(
    app, linden, clock, letters, to_all, at, signed_in
):
    booked(linden, clock)
    booked(linden, clock, days=9)
    letters.send()
    (letter,) = at("2026-11-26 10:00")
    way = letter["List-Unsubscribe"].strip("<>").removeprefix("http://localhost")
    visitor = app.test_client(use_cookies=False)
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        for _ in range(2):
            assert "No more reminders?" in text_of(visitor.get(way))
        assert Patient.get_by_id(linden.patient.id).unreminded_at is None
        answer = visitor.post(way, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 303
    finally:
        app.config["WTF_CSRF_ENABLED"] = False
    assert "You get no more reminders" in text_of(visitor.get(way))
    assert "Wójcik" not in text_of(visitor.get(way))
    card = signed_in(linden.pat).get(f"/clients/{linden.patient.id}")
    assert "Wants no reminders" in text_of(card)
    assert at("2026-11-28 10:00") == []
    visitor.post(f"{way}/again")
    assert len(at("2026-11-28 10:30")) == 1


@ONE_DATABASE
def test_i_cannot_come(app, linden, clock, letters, to_all, at):
    made = booked(linden, clock, days=9)
    (letter,) = letters.send()
    text = parts(letter).text
    way = next(line for line in text.splitlines() if "/appointment/" in line)
    way = way.removeprefix("http://localhost")
    visitor = app.test_client(use_cookies=False)
    shown = visitor.get(way)
    assert "I cannot come" in text_of(shown) and "Wójcik" not in text_of(shown)
    assert Booking.get_by_id(made.id).status == "confirmed"
    clock.now += timedelta(minutes=1)
    for _ in range(2):
        assert visitor.post(f"{way}cancel").status_code == 303
    assert Booking.get_by_id(made.id).status == "cancelled"
    (letter,) = letters.send()
    assert "You cancelled it yourself" in parts(letter).text
    for wrong in (f"{way[:-2]}x/", way.replace(way[13:15], "00")):
        assert visitor.get(wrong).status_code == visitor.post(f"{wrong}cancel").status_code == 404


@ONE_DATABASE
def test_within_the_rule_it_is_too_late(app, linden, clock, letters, to_all):
    made = booked(linden, clock, days=2)
    (letter,) = letters.send()
    way = next(line for line in parts(letter).text.splitlines() if "/appointment/" in line)
    way = way.removeprefix("http://localhost")
    clock.now += timedelta(days=1, hours=1)
    visitor = app.test_client(use_cookies=False)
    assert "be changed online now" in text_of(visitor.get(way))
    assert visitor.post(f"{way}cancel").status_code == 409
    assert Booking.get_by_id(made.id).status == "confirmed"


@ONE_DATABASE
def test_a_visitor_is_reminded_with_the_link_to_the_booking(app, linden, clock, letters, at):
    page = switch_on(linden, change_hours=2)
    visitor = app.test_client(use_cookies=False)
    done = book(visitor, page.path, at=-1)
    letters.send()
    day = Booking.get().starts_at - timedelta(days=1)
    (letter,) = at(f"{day:%Y-%m-%d} 10:00")
    text = letter.get_body(("plain",)).get_content()
    assert done.location in text and f"{done.location}/cancel" in text


def test_an_appointment_booked_under_a_clock_that_was_ahead_is_reminded_of(
    linden, clock, letters, to_all, at
):
    """It was ahead by a day and a half: the reminder's time seemed to be over."""
    right = clock.now
    clock.now += timedelta(hours=36)
    booked(linden, clock, days=0.5)  # on 22 November, at 11:40
    letters.send()
    clock.now = right
    assert at("2026-11-20 11:50") == []
    assert at("2026-11-21 09:30") == []
    assert len(at("2026-11-21 10:00")) == 1
