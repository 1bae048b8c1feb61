"""Letters to the team: each person's own switches, and no client's name."""

import re
from datetime import UTC, datetime, timedelta

import external
import pytest
from client_world import booked
from online_world import book, only_form, switch_on, text_of

from base.bookings.client_letters import LetterSettings
from base.tables.outbox import Letter
from free_times.earlier import joining
from free_times.earlier.entries import Wanted
from free_times.online import team_letters
from free_times.online.team_letters import TeamLetters
from letters import to_team
from models import Booking
from sync.tables.runs import SyncRun

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def page(linden, clock, letters):
    return switch_on(linden)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


def to_the_team(letters) -> dict[str, str]:
    """Subjects by reader of what went to the team."""
    sent = letters.send()
    assert not [one for one in sent if "Nora" in one.as_string()]
    return {one["To"]: one["Subject"] for one in sent if one["To"] != "nora@visitor.test"}


def test_whose_calendar_it_is_learns_what_a_visitor_does(visitor, page, letters, clock):
    done = book(visitor, page.path, at=20)
    assert to_the_team(letters) == {"pat@linden.test": "A client booked online"}
    clock.now += timedelta(minutes=1)
    only_form(visitor.get(f"{done.location}/cancel"), "/cancel").send(visitor)
    assert to_the_team(letters) == {"pat@linden.test": "A client cancelled an appointment"}


def test_owners_get_letters_about_open_requests_only(visitor, page, letters, linden, clock):
    switch_on(linden, needs_approval=True)
    book(visitor, page.path, at=20)
    subject = "A request waits for your answer"
    assert to_the_team(letters) == {"pat@linden.test": subject, "olive@linden.test": subject}
    book(visitor, page.path, at=30)
    Booking.select().order_by(Booking.id.desc()).get().set_status("confirmed", linden.olive)
    assert to_the_team(letters) == {}


def test_each_person_switches_their_own(visitor, page, letters, linden, signed_in):
    browser = signed_in(linden.pat)
    form = only_form(browser.get("/profile/letters/"), "/profile/letters/")
    assert "all" not in form.choices and "digest" not in form.choices
    browser.post("/profile/letters/", data={"asked": "y", "all": "y", "digest": "y"})
    choice = TeamLetters.of(linden.pat)
    assert (choice.own, choice.all, choice.asked, choice.digest) == (False, False, True, False)
    TeamLetters.choose(linden.maya, all=True)
    book(visitor, page.path, at=20)
    assert to_the_team(letters) == {"maya@linden.test": "A client booked online"}


def test_names_stand_only_where_the_clinic_allows_them(visitor, page, letters, linden):
    LetterSettings.stored(linden.clinic).change(None, names_clients=True)
    book(visitor, page.path, at=20)
    (letter,) = (one for one in letters.send() if one["To"] == "pat@linden.test")
    assert "Nora Visitor" in letter.get_content() and "Nora" not in letter["Subject"]


def test_the_morning_list(app, linden, clock, letters):
    booked(linden, clock)
    TeamLetters.choose(linden.pat, morning=True)
    TeamLetters.choose(linden.quinn, morning=True)

    def at(wall):
        clock.now = datetime.fromisoformat(wall).replace(tzinfo=UTC)
        with app.app_context():
            to_team.write_due()
            to_team.write_due()
        return letters.send()

    assert at("2026-11-27 06:29") == at("2026-11-26 08:00") == []
    (letter,) = at("2026-11-27 06:30")
    assert letter["To"] == "pat@linden.test"
    assert "11:40–12:30, Shoulder, K-2041" in letter.get_content()
    assert "Wójcik" not in letter.as_string()
    assert at("2026-11-27 09:00") == []


def test_the_week_goes_to_owners_on_mondays(app, linden, clock, letters, signed_in):
    for person in (linden.olive, linden.maya):
        TeamLetters.choose(person, digest=True)
    clock.now = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    with app.app_context():
        to_team.write_due()
    source = external.source(linden.pat, listed_at=clock.now)
    for days, counts in (
        (1, {"adopted": 2, "imported": 9}),
        (3, {"put_back": 1}),
        (8, {"adopted": 4}),
    ):
        at = clock.now - timedelta(days=days)
        SyncRun.create(
            clinic=linden.clinic,
            account=source.account,
            because="poll",
            counts=counts,
            started_at=at,
        )
    mine = booked(linden, clock)
    joining.ask_for(mine, Wanted([linden.calendar.id]), linden.olive)
    (letter,) = letters.send()
    assert letter["To"] == "olive@linden.test"
    for line in (
        "Requests that wait for an answer: 0",
        "Bookings changed in other calendars: 3",
        "Clients on the waiting list: 1",
        "Booked from the waiting list: 0",
    ):
        assert line in letter.get_content()
    said = letter.get_content()
    name, path = re.search(r"on the page (\w+):\s+https?://[^/]+(\S+)", said).groups()
    assert f"<h1>{name}</h1>" in signed_in(linden.olive).get(path).get_data(as_text=True)
    assert Letter.select().count() == 1


def hand_over(booking, linden, actor, **more):
    booking.change(actor, booking.span, practitioner=linden.colleague_calendar, **more)


@pytest.mark.parametrize("meanwhile", ["", "by themselves", "off", "back", "cancelled", "past"])
def test_a_person_who_loses_a_booking_to_a_colleague_gets_a_letter(
    linden, clock, letters, meanwhile
):
    mine = booked(linden, clock)
    if meanwhile == "off":
        TeamLetters.choose(linden.pat, lost=False)
    hand_over(mine, linden, linden.pat if meanwhile == "by themselves" else linden.olive)
    assert letters.send() == [], "it may be taken back"
    clock.now += team_letters.TOGETHER
    if meanwhile == "back":
        mine.change(linden.olive, mine.span, practitioner=linden.calendar)
    if meanwhile == "cancelled":
        mine.cancel(linden.olive)
    if meanwhile == "past":
        clock.now += timedelta(days=8)
    told = to_the_team(letters)
    assert told == ({} if meanwhile else {"pat@linden.test": "A booking went to a colleague"})


def test_what_is_handed_over_one_by_one_is_one_letter(linden, clock, letters):
    for n in range(40):
        hand_over(booked(linden, clock, days=7 + n), linden, linden.olive)
    hand_over(booked(linden, clock, days=70, count=2), linden, linden.olive, which="all")
    clock.now += team_letters.TOGETHER
    (letter,) = letters.send()
    said = letter.get_content()
    assert "these bookings are not in your calendar any more" in said
    assert said.count("Now with Quinn Linden: ") == 30 and "and 12 more" in said
    assert "Wójcik" not in letter.as_string()


def test_the_board_names_people_whose_letter_failed(linden, clock, letters, signed_in):
    hand_over(booked(linden, clock), linden, linden.olive)
    clock.now += team_letters.TOGETHER
    letters.server.plan = lambda stage, to: "550 5.1.1 nobody" if stage == "RCPT" else None
    assert letters.send() == []
    board = text_of(signed_in(linden.olive).get("/health/"))
    assert "To Pat Linden: the mail server answered 550" in board and "Send again" in board
