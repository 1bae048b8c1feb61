"""Other hours on a date and public holidays: who may set them, what they close, and invalid dates
and countries.
"""

import re
from datetime import date, time, timedelta

import pytest

from base import opening_hours, scheduling
from base.tables.time_off import DatedHours, rota
from models import Booking, Venue
from operate import holidays
from tests.pages import form_of

SATURDAY, MONDAY = date(2026, 11, 21), date(2026, 11, 23)


@pytest.fixture(autouse=True)
def begun(linden, clock):
    """The first steps are done."""
    spans = opening_hours.open_spans(linden.calendar.hours, date(2026, 1, 5), linden.calendar.zone)
    Booking.book(linden.colleague_calendar, spans, None)


@pytest.fixture
def maya(signed_in, linden, clock):
    return signed_in(linden.maya)


def text(answer) -> str:
    return " ".join(answer.get_data(as_text=True).split())


def hours(calendar, day: date):
    zone = calendar.zone
    start = scheduling.midnight(day, zone)
    return rota(calendar, start, start + timedelta(days=1)).hours_on(day)


def add(browser, path: str, day="2026-11-21", walls=("10:00", "13:00", "", ""), name=""):
    return browser.post(path, data={"day": day, "hours": list(walls), "name": name})


# ---- other hours on a date ----


def test_somebody_works_on_a_saturday(signed_in, linden, clock):
    browser = signed_in(linden.pat)
    path = f"/dates/calendars/{linden.calendar.id}"
    assert add(browser, path).status_code == 303
    assert "Saturday 21 November 2026: 10:00–13:00" in text(browser.get(path))
    assert hours(linden.calendar, SATURDAY) == [["10:00", "13:00"]]
    week = text(browser.get("/calendar"))
    assert 'data-kind="hours" data-from="10:00" data-to="13:00"' in week
    assert "day=2026-11-21&amp;from=10:00" in week


def test_a_venue_that_closes_at_noon_cuts_everyones_day(maya, linden):
    path = f"/dates/venues/{linden.street.id}"
    assert (
        add(maya, path, "2026-11-23", ("08:00", "12:00", "", ""), "Stocktaking").status_code == 303
    )
    for calendar in (linden.calendar, linden.colleague_calendar):
        assert hours(calendar, MONDAY) == [["09:00", "12:00"]]
    assert hours(linden.abroad, MONDAY) == [["09:00", "17:00"]]
    query = {"calendar": linden.calendar.id, "day": "2026-11-23"}
    assert "Stocktaking" in text(maya.get("/calendar", query_string={**query, "view": "agenda"}))
    page = text(
        maya.get("/bookings/check", query_string={**query, "starts": "14:00", "ends": "15:00"})
    )
    assert "This is outside the working hours. You can book anyway." in page


def test_bookings_outside_of_new_hours_are_told_and_stay(maya, linden, clock):
    """Of a venue, a calendar and a holiday; not those within, elsewhere or called off."""

    def book(calendar, start, minutes=50, day=MONDAY, **more):
        at, _ = scheduling.instant(day, time.fromisoformat(start), calendar.zone)
        return Booking.book(
            calendar, [scheduling.Span(at, at + timedelta(minutes=minutes))], None, **more
        )[0]

    late = book(linden.calendar, "11:30")
    book(linden.colleague_calendar, "09:00")
    book(linden.abroad, "15:00")
    book(linden.calendar, "14:00", status="cancelled")
    path = f"/dates/venues/{linden.street.id}"
    add(maya, path, "2026-11-23", ("08:00", "12:00", "", ""))
    shown = text(maya.get(path))
    said = "1 booking lies outside these hours and stays, on Monday 23 November 2026."
    assert said in shown and '<a href="/calendar/team?day=2026-11-23">Show it</a>' in shown
    book(linden.calendar, "09:00", day=SATURDAY)
    path = f"/dates/calendars/{linden.calendar.id}"
    add(maya, path, "2026-11-21", ("08:00", "12:00", "", ""))
    assert "outside these hours" not in text(maya.get(path))
    for hour in ("10:00", "13:00"):
        book(linden.calendar, hour, day=date(2026, 12, 25))
    choose(maya, linden.street, "GB", "ENG")
    said = "2 bookings lie outside these hours and stay, the first on Friday 25 December 2026."
    assert said in text(maya.get(f"/dates/venues/{linden.street.id}"))
    assert Booking.get_by_id(late.id).span == late.span


def week_of(calendar, walls) -> dict:
    """What the form of a calendar sends where all working days have these hours."""
    days = [walls] * 5 + [("", "", "", "")] * 2
    return {f"c{calendar.id}-hours": [wall for day in days for wall in day]}


def at(linden, start: str, day=MONDAY, calendar=None) -> Booking:
    calendar = calendar or linden.calendar
    begins, _ = scheduling.instant(day, time.fromisoformat(start), calendar.zone)
    span = scheduling.Span(begins, begins + timedelta(minutes=50))
    return Booking.book(calendar, [span], None, patient=linden.patient)[0]


def test_bookings_that_new_weekly_hours_leave_outside_are_told_and_listed(maya, linden):
    """Not those that lay outside before, and not where the hours stay as they are."""
    at(linden, "19:00")
    late, early = at(linden, "16:00"), at(linden, "09:00", date(2026, 12, 1))
    path = f"/team/{linden.pat.id}/calendars/{linden.calendar.id}"
    answer = maya.post(path, data=week_of(linden.calendar, ("09:00", "12:00", "13:00", "16:00")))
    said = "1 booking lies outside these hours and stays, on Monday 23 November 2026."
    shown = text(maya.get(answer.location))
    assert said in shown and '<a href="/calendar/team?day=2026-11-23">Show it</a>' in shown
    answer = maya.post(path, data=week_of(linden.calendar, ("09:00", "12:00", "13:00", "16:00")))
    assert "outside these hours" not in text(maya.get(answer.location))
    at(linden, "11:00", date(2026, 12, 2))
    answer = maya.post(path, data=week_of(linden.calendar, ("14:00", "15:00", "", "")))
    said = "2 bookings lie outside these hours and stay, the first on Tuesday 1 December 2026."
    shown = text(maya.get(answer.location))
    listed = f"/dates/calendars/{linden.calendar.id}/outside"
    assert said in shown and f'<a href="{listed}">Show them</a>' in shown
    page = text(maya.get(listed))
    assert "4 bookings lie outside the working hours of their day." in page
    assert page.count("Małgorzata Wójcik") == 4 and f'href="/bookings/{early.id}"' in page
    assert Booking.get_by_id(late.id).span == late.span


def test_bookings_that_another_zone_of_a_venue_leaves_outside_are_told(maya, linden):
    at(linden, "09:00")
    at(linden, "10:00")
    at(linden, "15:00", calendar=linden.abroad)
    form = form_of(maya.get(f"/settings/venues/{linden.street.id}"), "venue-form")
    answer = form.put(zone_name="Atlantic/Azores").send(maya)  # an hour earlier on the clock
    shown = text(maya.get(answer.location))
    assert "1 booking lies outside these hours and stays, on Monday 23 November 2026." in shown
    form = form_of(maya.get(f"/settings/venues/{linden.street.id}"), "venue-form")
    answer = form.put(zone_name="America/New_York").send(maya)
    shown = text(maya.get(answer.location))
    assert "1 booking lies outside these hours and stays" in shown  # the other is known
    page = text(maya.get(f"/dates/venues/{linden.street.id}/outside"))
    assert "3 bookings" not in page and page.count("Małgorzata Wójcik") == 2


def test_who_reads_the_list_of_bookings_outside_the_hours(signed_in, linden, stranger, maya):
    at(linden, "19:00")
    own, venue = (
        f"/dates/{kind}/{key}/outside"
        for kind, key in (("calendars", linden.calendar.id), ("venues", linden.street.id))
    )
    for person, codes in (
        (linden.pat, (200, 403)),
        (linden.quinn, (403, 403)),
        (linden.maya, (200, 200)),
        (stranger, (404, 404)),
    ):
        browser = signed_in(person)
        assert (browser.get(own).status_code, browser.get(venue).status_code) == codes
    Booking.update(status="cancelled").execute()
    assert "Every booking lies within the working hours" in text(maya.get(own))


def test_bookings_on_a_date_that_has_the_usual_hours_again_are_told(maya, linden):
    path = f"/dates/calendars/{linden.calendar.id}"
    add(maya, path, "2026-11-21", ("10:00", "13:00", "", ""))
    at(linden, "11:00", SATURDAY)
    row = DatedHours.get()
    said = "1 booking lies outside these hours and stays, on Saturday 21 November 2026."
    form = form_of(maya.get(f"/dates/{row.id}"), "date-form")
    form.put(day="2026-11-22").send(maya)
    assert said in text(maya.get(path))
    form_of(maya.get(f"/dates/{row.id}"), "date-form").put(day="2026-11-21").send(maya)
    assert said not in text(maya.get(path))
    maya.post(f"/dates/{row.id}/removal")
    assert said in text(maya.get(path))


def test_hours_of_a_date_are_changed_and_removed(maya, linden):
    path = f"/dates/venues/{linden.street.id}"
    add(maya, path, "2026-11-23", ("", "", "", ""), "Stocktaking")
    row = DatedHours.get()
    assert row.hours == [] and "closed (Stocktaking)" in text(maya.get(path))
    form = form_of(maya.get(f"/dates/{row.id}"), "date-form")
    late = form_of(maya.get(f"/dates/{row.id}"), "date-form")
    form.put(hours=["18:00", "00:00", "", ""]).send(maya)
    assert hours(linden.calendar, MONDAY) == []  # nobody works then
    assert DatedHours.get().hours == [["18:00", "00:00"]]
    answer = late.put(hours=["09:00", "10:00", "", ""]).send(maya)
    assert answer.status_code == 422 and "18:00–00:00" in text(answer)
    assert maya.post(f"/dates/{row.id}/removal").status_code == 303
    assert hours(linden.calendar, MONDAY) == [["09:00", "17:00"]]


@pytest.mark.parametrize(
    ("day", "walls", "sentence"),
    [
        ("", ("10:00", "13:00", "", ""), "Choose a date"),
        ("1901-01-01", ("10:00", "13:00", "", ""), "Choose a day from 1970 to 2099"),
        ("2026-11-21", ("13:00", "10:00", "", ""), "Write a start and a later end"),
        ("2026-11-21", ("10:00", "", "", ""), "Write a start and a later end"),
        ("2026-11-21", ("10:00", "13:00", "12:00", "14:00"), "begins after the first has ended"),
        ("2026-11-24", ("10:00", "13:00", "", ""), "This date has other hours already"),
    ],
)
def test_what_is_no_date_or_no_hours_is_said(maya, linden, day, walls, sentence):
    DatedHours.add(linden.street, date(2026, 11, 24), [], None)
    answer = add(maya, f"/dates/venues/{linden.street.id}", day, walls)
    assert answer.status_code == 422 and sentence in text(answer)
    assert DatedHours.select().count() == 1


def test_who_may_set_them(signed_in, linden, clock, stranger):
    row = DatedHours.add(linden.street, MONDAY, [], None)
    own = DatedHours.add(linden.calendar, MONDAY, [], None)
    pat, sam = signed_in(linden.pat), signed_in(stranger)
    assert pat.get(f"/dates/venues/{linden.street.id}").status_code == 403
    assert add(pat, f"/dates/venues/{linden.street.id}").status_code == 403
    assert pat.get(f"/dates/calendars/{linden.colleague_calendar.id}").status_code == 403
    assert pat.post(f"/dates/{row.id}/removal").status_code == 403
    for path in (f"/dates/venues/{linden.street.id}", f"/dates/{row.id}", f"/dates/{own.id}"):
        assert sam.get(path).status_code == 404
    for path in (f"/dates/{row.id}/removal", f"/dates/venues/{linden.street.id}/country"):
        assert sam.post(path).status_code == 404
    assert pat.post(f"/dates/{own.id}/removal").status_code == 303


# ---- public holidays ----


def choose(browser, venue, country: str, region=""):
    form = form_of(browser.get(f"/dates/venues/{venue.id}"), "country-form")
    return form.put(country=country, region=region).send(browser)


def test_a_country_closes_the_venue_on_its_holidays_of_a_year(maya, linden):
    assert choose(maya, linden.street, "GB").status_code == 303
    assert choose(maya, linden.street, "GB", "SCT").status_code == 303
    named = {
        row.day: row.name for row in holidays.coming_holidays(Venue.get_by_id(linden.street.id))
    }
    assert "Andrew" in named[date(2026, 11, 30)]
    assert min(named) >= date(2026, 11, 20) and max(named) <= date(2027, 11, 20)
    christmas = date(2026, 12, 25)
    assert hours(linden.calendar, christmas) == [] and hours(linden.abroad, christmas) != []
    query = {"calendar": linden.calendar.id, "day": "2026-12-25"}
    assert "Christmas Day" in text(maya.get("/calendar", query_string=query))


def test_an_unticked_holiday_is_open_and_stays_so(maya, linden, clock):
    choose(maya, linden.street, "DE", "BY")
    path = f"/dates/venues/{linden.street.id}"
    form = form_of(maya.get(path), "holidays-form")
    days = [value for name, value in form.fields if name == "closed"]
    assert "2027-01-06" in days and len(days) == len(form.choices["closed"])
    form.put(closed=[day for day in days if day != "2027-01-06"]).send(maya)
    epiphany = date(2027, 1, 6)
    assert hours(linden.calendar, epiphany) == [["09:00", "17:00"]]
    assert hours(linden.calendar, date(2027, 1, 1)) == []
    clock.now += timedelta(days=300)
    holidays.refresh()
    holidays.refresh()
    rows = {
        row.day: row.counts for row in holidays.coming_holidays(Venue.get_by_id(linden.street.id))
    }
    assert rows[date(2028, 1, 6)] is False and rows[date(2028, 1, 1)] is True


def test_another_country_takes_the_holidays_of_the_first_away(maya, linden):
    choose(maya, linden.street, "DE", "BY")
    choose(maya, linden.street, "PL", "BY")  # the region of the first is none of the second
    venue = Venue.get_by_id(linden.street.id)
    assert (venue.country, venue.region) == ("PL", "")
    assert "Independence Day" in " ".join(row.name for row in holidays.coming_holidays(venue))
    choose(maya, linden.street, "")
    assert DatedHours.select().count() == 0
    assert hours(linden.calendar, date(2026, 12, 25)) == [["09:00", "17:00"]]


def test_hours_written_down_for_a_holiday_go_before_it(maya, linden):
    choose(maya, linden.street, "GB", "ENG")
    add(maya, f"/dates/venues/{linden.street.id}", "2026-12-25", ("10:00", "12:00", "", ""))
    assert hours(linden.calendar, date(2026, 12, 25)) == [["10:00", "12:00"]]


def test_a_country_without_a_list_is_refused_and_closes_nothing(maya, linden, clock):
    answer = choose(maya, linden.street, "ZZ")
    assert answer.status_code == 422 and "Choose one from the list" in text(answer)
    assert holidays.public_holidays("ZZ", "", MONDAY, MONDAY) == {} == holidays.regions("ZZ")
    assert holidays.public_holidays("DE", "nowhere", MONDAY, date(2027, 11, 1)) == {}
    Venue.update(country="ZZ").where(Venue.id == linden.street.id).execute()
    holidays.refresh()  # a country that a later release no longer knows
    assert DatedHours.select().count() == 0
    assert "No public holidays are known" in text(maya.get(f"/dates/venues/{linden.street.id}"))


def test_two_people_tick_at_once(maya, linden):
    choose(maya, linden.street, "DE", "BY")
    path = f"/dates/venues/{linden.street.id}"
    first, second = (form_of(maya.get(path), "holidays-form") for _ in range(2))
    days = [value for name, value in first.fields if name == "closed"]
    first.put(closed=days[1:]).send(maya)
    assert second.put(closed=days[:-1]).send(maya).status_code == 422
    assert [
        row.counts for row in holidays.coming_holidays(Venue.get_by_id(linden.street.id))
    ].count(0) == 1


def test_every_country_can_be_chosen_and_has_a_name():
    names = holidays.countries()
    assert len(names) > 200 and names["GB"] == "United Kingdom" and names["DE"] == "Germany"
    assert holidays.regions("DE")["BY"] == "Bayern" and holidays.regions("IE") == {}
    assert (names["CD"], names["IM"]) == ("DR Congo", "Isle of Man")
    assert names["HM"] == "Heard Island and McDonald Islands"


def test_the_country_of_the_venue_comes_first(maya, linden):
    page = maya.get(f"/dates/venues/{linden.street.id}").get_data(as_text=True)
    offered = re.findall(r'<option[^>]*value="(\w*)"', page.split('name="country"')[1])
    assert offered[:3] == ["", "GB", "AF"]


def test_two_people_choose_a_country_at_once(maya, linden):
    path = f"/dates/venues/{linden.street.id}"
    first, second = (form_of(maya.get(path), "country-form") for _ in range(2))
    first.put(country="PL").send(maya)
    assert second.put(country="DE").send(maya).status_code == 422
    assert Venue.get_by_id(linden.street.id).country == "PL"


def test_people_who_may_set_hours_can_undo_a_removal_for_a_day(signed_in, linden, clock, stranger):
    row = DatedHours.add(linden.street, MONDAY, [["10:00", "12:00"]], None, "Stocktaking")
    maya = signed_in(linden.maya)
    answer = maya.post(f"/dates/{row.id}/removal", follow_redirects=True)
    undo = re.search(r'action="(/dates/removals/\d+/return)"', text(answer))[1]
    assert not DatedHours.select().exists()
    assert signed_in(linden.pat).post(undo).status_code == 403
    assert signed_in(stranger).post(undo).status_code == 404
    assert "Back again" in text(maya.post(undo, follow_redirects=True))
    (back,) = DatedHours.select()
    assert (back.day, back.hours, back.name) == (MONDAY, [["10:00", "12:00"]], "Stocktaking")
    assert "other hours by now" in text(maya.post(undo, follow_redirects=True))
    back.remove(None)
    clock.now += timedelta(days=2)
    assert signed_in(linden.maya).post(undo).status_code == 404
