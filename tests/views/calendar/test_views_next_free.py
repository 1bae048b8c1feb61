"""Next free over HTTP: the listed times for each person, and the address of each line."""

import html
import re
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pages import Filled, forms_of

from base.scheduling import Span
from base.tables.time_off import DatedHours
from models import Booking, Practitioner, Service, Venue

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday, twenty minutes after the clock's now
HOUR = timedelta(hours=1)


@pytest.fixture
def maya(signed_in, linden, clock):
    return signed_in(linden.maya)


def text(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True))).split())


def links(answer) -> list[str]:
    """The addresses of the booking form that a page leads to, in order."""
    found = re.findall(r'href="(/bookings/new[^"]*)"', answer.get_data(as_text=True))
    return [html.unescape(one) for one in found]


def test_the_calendar_leads_to_it_and_it_answers_at_once(maya, linden):
    assert 'href="/free-times/"' in maya.get("/calendar").get_data(as_text=True)
    said = text(maya.get("/free-times/"))
    assert "Earliest: Today, Friday 20 November, 11:45–12:35 with" in said
    assert "Monday 23 November 58 times" in said


def test_a_line_fills_the_booking_form(maya, linden):
    Service.create(clinic=linden.clinic, name="First visit", duration_minutes=80, price_cents=9000)
    query = {"service": linden.service.id, "calendar": linden.calendar.id, "minutes": "80"}
    first = links(maya.get("/free-times/", query_string=query | {"patient": linden.patient.id}))[0]
    page = maya.get(first).get_data(as_text=True)
    assert 'value="11:45"' in page and 'value="13:05"' in page and "Małgorzata" in page
    assert f'<option selected value="{linden.service.id}">' in page and 'value="65"' in page


def test_a_line_in_the_second_of_two_equal_hours_books_there(maya, linden):
    """01:00 to 02:00 BST is taken, and the next line says 01:00 GMT."""
    DatedHours.add(linden.calendar, date(2027, 10, 31), [["00:00", "06:00"]], linden.pat)
    first = datetime(2027, 10, 31, tzinfo=UTC)
    Booking.book(linden.calendar, [Span(first - HOUR, first + HOUR)], linden.pat)
    query = {"calendar": linden.calendar.id, "minutes": "30", "day": "2027-10-31"}
    answer = maya.get("/free-times/", query_string=query)
    assert "Sunday 31 October 2027, 01:00 GMT–01:30 GMT" in text(answer)
    page = maya.get(links(answer)[0])
    form = Filled(next(one for one in forms_of(page) if one["action"].endswith("/bookings/")))
    form.put(patient="none").send(maya)
    made = Booking.select().order_by(Booking.id.desc()).get()
    assert made.span == Span(first + HOUR, first + HOUR + HOUR / 2)


def test_a_booking_with_anyone_is_stored_as_such(maya, linden):
    query = {"service": linden.service.id, "venue": linden.street.id}
    first = links(maya.get("/free-times/", query_string=query))[0]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(first).query).items()}
    assert asked["anyone"] == "1"
    anyone = re.search(r'name="anyone"[^>]*value="1"', maya.get(first).get_data(as_text=True))
    typed = {"key": "k", "calendar": asked["calendar"], "day": asked["day"], "starts": "11:45"}
    typed |= {"ends": "12:35", "status": "confirmed", "repeat": "once", "patient": "none"}
    assert anyone and maya.post("/bookings/", data=typed | {"anyone": "1"}).status_code == 303
    assert Booking.get().anyone
    maya.post("/bookings/", data=typed | {"key": "l", "starts": "13:00", "ends": "13:30"})
    assert [row.anyone for row in Booking.select().order_by(Booking.id)] == [True, False]


def test_the_others_who_are_free_then_have_a_link_each(maya, linden):
    query = {"service": linden.service.id, "venue": linden.street.id}
    _, first, second = links(maya.get("/free-times/", query_string=query))[:3]
    calendars = [parse_qs(urlsplit(one).query)["calendar"][0] for one in (first, second)]
    assert sorted(map(int, calendars)) == [linden.calendar.id, linden.colleague_calendar.id]
    assert "anyone=1" in first and "anyone" not in second


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"when": "this_week", "part": "afternoon"}, "Earliest: Today, Friday 20 November, 12:00"),
        ({"when": "next_week", "part": "afternoon"}, "Earliest: Monday 23 November, 12:00"),
        ({"day": "2027-01-04"}, "Earliest: Monday 4 January 2027, 09:00"),
        ({"day": "1999-01-04"}, "Earliest: Today, Friday 20 November, 11:45"),
        ({"day": "2099-12-31"}, "Nothing is free No time of this length"),
        ({"when": "this_week", "minutes": "400"}, "Nothing is free then The next free time after"),
        ({"when": "this_week", "part": "evening"}, "Nothing is free No time of this length"),
        ({"minutes": "500"}, "Nothing is free No time of this length"),
    ],
)
def test_what_was_asked_is_answered(maya, linden, asked, said):
    query = {"service": linden.service.id, "calendar": linden.calendar.id} | asked
    assert said in text(maya.get("/free-times/", query_string=query))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"service": ""}, "Choose a service, or write how many minutes it takes"),
        ({"minutes": "4"}, "Write whole minutes from 5 to 720"),
        ({"minutes": "soon"}, "Write whole minutes from 5 to 720"),
        ({"service": "999"}, "Choose one from the list"),
        ({"day": "someday"}, "Choose a day, such as 2026-11-20"),
        ({"when": "never"}, "Choose one from the list"),
    ],
)
def test_what_cannot_be_looked_up_is_said(maya, linden, asked, said):
    answer = maya.get("/free-times/", query_string={"service": linden.service.id} | asked)
    assert answer.status_code == 422 and said in text(answer)


def test_without_services_it_looks_for_half_an_hour(maya, linden):
    linden.service.set_archived(True, None)
    assert "11:45–12:15" in text(maya.get("/free-times/"))


def test_a_practitioner_looks_in_their_own_calendars(signed_in, linden, clock):
    answer = signed_in(linden.pat).get("/free-times/")
    assert "Quinn" not in text(answer) and len(links(answer)) > 10
    calendars = {parse_qs(urlsplit(one).query)["calendar"][0] for one in links(answer)}
    assert calendars == {str(linden.calendar.id)}


def test_who_has_no_calendar_is_told(signed_in, linden, clock):
    linden.calendar.set_archived(True, None)
    assert "No calendar to book in" in text(signed_in(linden.pat).get("/free-times/"))


def test_a_closed_calendar_is_not_offered_and_its_line_leads_nowhere(maya, linden):
    query = {"service": linden.service.id, "calendar": linden.calendar.id}
    first = links(maya.get("/free-times/", query_string=query))[0]
    linden.calendar.set_archived(True, None)
    assert maya.get(first).status_code == 404
    assert maya.get("/free-times/", query_string=query).status_code == 422


@pytest.mark.parametrize("query", ["service=1", "patient={patient}", "calendar={calendar}"])
def test_another_clinic_s_rows_are_not_there(app, linden, stranger, clock, query):
    sam = app.test_client()
    sam.post("/sign-in", data={"email": stranger.email, "password": "correct horse battery"})
    address = query.format(patient=linden.patient.id, calendar=linden.calendar.id)
    answer = sam.get(f"/free-times/?{address}")
    assert answer.status_code in (200, 404, 422)
    assert "Linden" not in text(answer) and "Shoulder" not in text(answer)
    assert sam.get(f"/bookings/new?service={linden.service.id}").status_code == 404


def test_later_days_ask_the_same_again(maya, linden):
    page = maya.get("/free-times/", query_string={"service": linden.service.id, "part": "morning"})
    later = html.unescape(re.search(r'href="(/free-times/[^"]*day=[^"]*)"', page.get_data(True))[1])
    asked = parse_qs(urlsplit(later).query)
    assert asked["part"] == ["morning"] and asked["day"] == ["2026-11-27"]
    assert "Earliest: Friday 27 November" in text(maya.get(later))


def test_a_week_ends_before_midnight(maya, linden):
    linden.calendar.set_hours(linden.pat, {"mon": [["00:00", "06:00"]]})
    query = {"service": linden.service.id, "calendar": linden.calendar.id, "when": "this_week"}
    said = text(maya.get("/free-times/", query_string=query))
    assert "Nothing is free then The next free time after that is Monday 23 November" in said


def test_later_days_leave_nothing_out_where_it_is_tomorrow_already(maya, linden):
    Venue.update(zone_name="Australia/Sydney").where(Venue.id == linden.harbour.id).execute()
    page = maya.get("/free-times/", query_string={"service": linden.service.id})
    later = html.unescape(re.search(r'href="(/free-times/[^"]*day=[^"]*)"', page.get_data(True))[1])
    asked = [parse_qs(urlsplit(one).query) for one in links(maya.get(later))]
    abroad = [one for one in asked if one["calendar"] == [str(linden.abroad.id)]]
    assert ("2026-11-27", "09:00") in {(one["day"][0], one["from"][0]) for one in abroad}


def test_the_page_takes_as_many_queries_for_many_as_for_few(maya, linden, caplog):
    def count() -> int:
        caplog.clear()
        with caplog.at_level("DEBUG", logger="peewee"):
            assert maya.get("/free-times/").status_code == 200
        return len([one for one in caplog.records if one.name == "peewee"])

    few = count()
    for n in range(5):
        user = linden.quinn.clone()
        user.id, user.email = None, f"more{n}@linden.test"
        user.save(force_insert=True)
        Practitioner.create(clinic=linden.clinic, user=user, venue=linden.street, hours={})
        Booking.book(linden.calendar, [Span(NOON + n * HOUR, NOON + n * HOUR + HOUR)], None)
    assert count() <= few


@pytest.mark.parametrize("step", [5, 10, 15, 20, 30])
def test_the_clinic_says_how_far_apart_free_times_are(maya, linden, step):
    changed = {"name": linden.clinic.name, "contact": "", "currency": "GBP", "step_minutes": step}
    assert maya.post("/settings/clinic", data=changed).status_code == 303
    linden.calendar.set_hours(linden.pat, {"mon": [["09:05", "11:00"]]})
    query = {"calendar": linden.calendar.id, "minutes": "30", "service": "", "day": "2026-11-23"}
    page = maya.get("/free-times/", query_string=query)
    starts = re.findall(r"day=2026-11-23&amp;.*?from=([0-9:]+)", page.get_data(as_text=True))
    wanted = [f"{at // 60:02}:{at % 60:02}" for at in range(9 * 60 + 5, 10 * 60 + 31, step)]
    assert sorted(set(starts)) == wanted
