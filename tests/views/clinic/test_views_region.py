"""How a clinic writes dates and times, on the pages of the team, of visitors and in letters."""

import re
from datetime import UTC, datetime, timedelta

import external
import pytest
from client_world import event, team_is_told_nothing
from online_world import book, switch_on

from base import day_names, region, scheduling
from base.region import Region
from base.scheduling import Span
from base.tables.outbox import Letter
from free_times.online.team_letters import TeamLetters
from letters import kinds
from models import AuditEntry, Booking, Clinic, User, Venue
from people import founding, guide_notes
from tests.conftest import PASSWORD

# Pages and letters are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")

AMERICAN = {"week_start": "6", "twelve_hours": "1", "date_order": "mdy", "paper": "letter"}
TWELVE = re.compile(r"\b1?\d:\d\d [ap]m\b")


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


@pytest.fixture
def american(linden):
    linden.clinic.change(None, week_start=6, twelve_hours=True, date_order="mdy")


def test_a_manager_chooses_it_in_the_settings_and_every_page_follows(signed_in, linden):
    owner = signed_in(linden.olive)
    settings = {"name": "Linden", "currency": "USD", "step_minutes": "15"}
    linden.clinic.change(None, name="Linden", currency="USD")
    revision = Clinic.get_by_id(linden.clinic.id).faces_rev
    assert owner.post("/settings/clinic", data=settings | AMERICAN).status_code == 303
    clinic = Clinic.get_by_id(linden.clinic.id)
    assert clinic.region == Region(6, True, "mdy", "letter")
    assert clinic.faces_rev == revision  # private links say the same as before
    page = text_of(owner.get("/settings/"))
    assert '<option selected value="6">Sunday</option>' in page
    history = text_of(owner.get("/settings/history"))
    assert "first day of the week" in history and TWELVE.search(history)
    start = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
    span = Span(start, start + timedelta(minutes=50))
    Booking.book(linden.calendar, [span], linden.pat, patient=linden.patient)
    where = f"/calendar?day=2026-11-25&calendar={linden.calendar.id}"
    week = text_of(owner.get(where))
    days = re.findall(r'id="d(2026-\d\d-\d\d)"', week)
    assert (days[0], len(days)) == ("2026-11-22", 7)
    assert ">9 am</li>" in week and ">14:00<" not in week
    assert "Wednesday, November 25" in week and 'data-paper="letter"' in week
    assert "2:05–2:55 pm" in week and "2:05–2:55 pm" in text_of(owner.get(f"{where}&view=agenda"))
    assert AuditEntry.about(clinic).first().action == "clinic.changed"


def test_what_is_not_offered_is_refused_and_what_was_not_sent_stays_as_it_began(signed_in, linden):
    owner = signed_in(linden.olive)
    settings = {"name": "Linden", "currency": "USD", "step_minutes": "15"}
    for wrong in ({"week_start": "2"}, {"date_order": "dym"}):
        answer = owner.post("/settings/clinic", data=settings | AMERICAN | wrong)
        assert answer.status_code == 422 and "Choose one from the list" in text_of(answer)
    assert Clinic.get_by_id(linden.clinic.id).region == Region()


def test_one_clinic_never_writes_as_another(signed_in, linden, american, app):
    other = founding.found("Elm", "Europe/London", "Ada Elm", "ada@elm.test")
    other.set_password(PASSWORD, other)
    here, there = signed_in(linden.olive), signed_in(other)
    for __ in range(2):
        assert TWELVE.search(text_of(here.get("/settings/history")))
        assert not TWELVE.search(text_of(there.get("/settings/history")))
    app.test_client().get("/sign-in")
    assert region.current.get() == Region()


def test_visitors_and_their_letters_follow(app, linden, clock, letters, american):
    team_is_told_nothing(linden)
    page = switch_on(linden)
    visitor = app.test_client(use_cookies=False)
    done = book(visitor, page.path)
    (letter,) = letters.send()
    assert region.current.get() == Region()
    shown = text_of(visitor.get(done.location))
    row = Booking.get()
    start, end = (at.astimezone(linden.street.zone) for at in (row.starts_at, row.ends_at))
    with region.using(Region(6, True, "mdy")):
        times, until = region.between(start, end), region.clock(end)
    found, __ = event(letter)
    assert times in found.text and times in found.html
    for said in (shown, found.text, found.html):
        assert until in said and f"{start:%B} {start.day}" in said
    assert times in shown


def test_a_clinic_begins_as_is_usual_where_it_is(linden):
    owner = founding.found("Elm", "America/New_York", "Ada Elm", "ada@elm.test")
    clinic = Clinic.get_by_id(owner.clinic_id)
    assert (clinic.region, clinic.currency) == (Region(6, True, "mdy", "letter"), "USD")
    assert clinic.privacy_ceiling == "first_name_last_initial"


def test_a_person_reads_them_otherwise_than_the_clinic(signed_in, linden, american):
    pat, olive = signed_in(linden.pat), signed_in(linden.olive)
    page = text_of(pat.get("/profile/region/"))
    assert "As the clinic: Sunday" in page and "As the clinic: 2:30 pm" in page
    own = {"own_week_start": "0", "own_twelve_hours": "0", "own_date_order": ""}
    assert pat.post("/profile/region/", data=own).status_code == 303
    assert User.get_by_id(linden.pat.id).region == Region(0, False, "mdy")
    assert not TWELVE.search(text_of(pat.get("/profile")))
    assert TWELVE.search(text_of(olive.get("/profile")))
    assert pat.post("/profile/region/", data=own | {"own_date_order": "dym"}).status_code == 422
    assert pat.post("/profile/region/", data=dict.fromkeys(own, "")).status_code == 303
    assert User.get_by_id(linden.pat.id).region == linden.clinic.region


def test_letters_to_a_person_follow_the_person(linden, app, letters, clock, american):
    linden.pat.read_as(own_date_order="dmy")
    TeamLetters.choose(linden.maya, all=True)
    booking = _tomorrow(linden, clock)
    booking.cancel(linden.pat)
    for person in (linden.pat, linden.maya):
        row = {"deed": "cancelled", "reader": person.id}
        Letter.write(linden.clinic, "visitor", booking, f"{person.id}", person.email, **row)
    with app.app_context():
        bodies = [kinds.render(row).body for row in Letter.select().order_by(Letter.id)]
    day = scheduling.local_day(booking.starts_at, linden.street.zone)
    assert f"{day:%A} {day.day} {day:%B}" in bodies[0]
    assert f"{day:%A}, {day:%B} {day.day}" in bodies[1]


def _tomorrow(linden, clock):
    at = clock.now + timedelta(days=1)
    return Booking.book(linden.calendar, [Span(at, at + timedelta(hours=1))], linden.pat)[0]


@pytest.mark.parametrize("first", [0, 5, 6])
def test_days_go_from_the_first_of_the_week_and_hours_stay_on_their_day(signed_in, linden, first):
    linden.clinic.change(None, week_start=first)
    olive = signed_in(linden.olive)
    address = f"/settings/venues/{linden.street.id}"
    page = text_of(olive.get(address))
    days = re.findall(r'role="group" aria-label="(\w+)"', page)
    assert days[0] == str(day_names.WEEKDAYS[first]) and len(days) == 7
    fields = re.findall(r'<input[^>]*name="hours"[^>]*value="([^"]*)"', page)
    form = {"name": "Street", "zone_name": "london", "hours": fields, "hours-first": str(first)}
    before = dict(linden.street.hours)
    linden.clinic.change(None, week_start=(first + 1) % 7 if first == 5 else 0)  # meanwhile
    assert olive.post(address, data=form | _seen(page)).status_code == 303
    venue = Venue.get_by_id(linden.street.id)
    assert venue.hours == before and venue.zone_name == "Europe/London"


def _seen(page: str) -> dict:
    return dict(re.findall(r'<input[^>]*name="(seen[^"]*)"[^>]*value="([^"]*)"', page))


MONTHS = "|".join(map(str, (*day_names.MONTHS, *day_names.SHORT_MONTHS)))
OTHERWISE = re.compile(rf"\b(1[3-9]|2[0-3]):[0-5]\d\b|\b[1-9]\d? ({MONTHS})\b")
UNREAD = re.compile(r"<(script|style|select|template)\b.*?</\1>", re.S)
PAGES = (  # where the team reads dates or times of day
    "/calendar?day={day}",
    "/calendar?day={day}&view=agenda",
    "/calendar?day={day}&view=day",
    "/calendar/team?day={day}",
    "/bookings/{booking}",
    "/bookings/{booking}/cancellation",
    "/clients/{client}",
    "/time-off/",
    "/dates/venues/{venue}",
    "/waiting-list/",
    "/free-times/",
    "/sync/",
    "/sync/links/",
    "/sync/accounts/history",
    "/health/",
    "/settings/",
    "/settings/history",
    "/settings/sign-ins",
    "/profile",
    "/help/answers",
)


def test_no_page_writes_them_otherwise(signed_in, linden, american, clock):
    """Also none where nobody was thinking of it: a 24-hour clock, or the day before the month."""
    start = datetime(2026, 11, 25, 16, 5, tzinfo=UTC)
    span = Span(start, start + timedelta(minutes=50))
    made = Booking.book(linden.calendar, [span], linden.pat, patient=linden.patient)[0]
    external.event(external.source(linden.pat), "Choir", "2026-11-25 18:30", "2026-11-25 19:30")
    linden.pat.change_sync(sync_allowed=True, identifier="none")
    guide_notes.GuideNote.give(linden.pat, "google", True, "")
    linden.pat.role = "owner"
    linden.pat.save()
    pat = signed_in(linden.pat)
    where = {"day": "2026-11-25", "booking": made.id, "client": linden.patient.id}
    where["venue"] = linden.street.id
    read, wrong = 0, {}
    for page in PAGES:
        answer = pat.get(page.format(**where), follow_redirects=True)
        if answer.status_code != 200:
            wrong[page] = answer.status_code
            continue
        words = re.sub(
            r"<(script|style|select|template)\b.*?</\1>", " ", text_of(answer), flags=re.S
        )
        words = re.sub(r"<[^>]*>", " ", words)
        read += bool(TWELVE.search(words))
        if found := [one.group() for one in OTHERWISE.finditer(words)]:
            wrong[page] = found[:5]
    assert wrong == {} and read > 8
