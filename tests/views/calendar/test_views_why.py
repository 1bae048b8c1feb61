"""Why a time is not free, over HTTP: the reasons for each reader, and the links to the page."""

import html
import re
from datetime import UTC, datetime, timedelta

import external
import pytest

from base.scheduling import Span
from base.tables.time_off import DatedHours, TimeOff
from free_times.rules import OnlineSettings
from models import Booking, Service

DAY = "2026-11-23"  # the Monday after the clock's now
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def busy(linden, clock):
    """Pat's Monday: a booking with gaps at 10:00, lunch at 12:00, an event outside at 14:00."""
    linden.first = Service.create(
        clinic=linden.clinic, name="First", gap_before_minutes=10, buffer_minutes=20
    )
    (linden.row,) = Booking.book(
        linden.calendar,
        [Span(NINE + HOUR, NINE + 2 * HOUR)],
        linden.pat,
        service=linden.first,
        patient=linden.patient,
    )
    lunch = {"first_on": NINE.date(), "last_on": NINE.date(), "zone_name": "Europe/London"}
    TimeOff.add(linden.pat, linden.pat, kind="lunch", starts="12:00", ends="13:00", **lunch)
    calendar = external.source(linden.pat)
    calendar.read_at = clock.now - 3 * MINUTE
    calendar.save()
    external.event(calendar, "Dentist", f"{DAY} 14:00", f"{DAY} 14:30")
    return linden


def asked(browser, linden, at: str, **more) -> str:
    query = {"calendar": linden.calendar.id, "minutes": "30", "day": DAY, "at": at, "venue": ""}
    answer = browser.get("/free-times/why/", query_string=query | {"service": ""} | more)
    assert answer.status_code == 200
    return text(answer)


def text(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True))).split())


def test_each_thing_in_the_way_is_named(signed_in, busy):
    pat = signed_in(busy.pat)
    assert "Małgorzata Wójcik, 10:00–11:00, confirmed." in asked(pat, busy, "10:30")
    assert "Lunch, 12:00–13:00." in asked(pat, busy, "12:15")
    assert "Dentist, 14:00–14:30. Your calendar" in asked(pat, busy, "14:15")
    assert "was last read 3 minutes ago." in asked(pat, busy, "14:15")
    assert "20 minutes must stay free before it, and Małgorzata Wójcik ends at 11:00." in asked(
        pat, busy, "11:15"
    )
    assert "Outside the working hours on Monday 23 November: 09:00 to 17:00." in asked(
        pat, busy, "16:45"
    )
    assert "This time is in the past." in asked(pat, busy, "10:00", day="2026-11-20")
    said = asked(pat, busy, "13:05")
    assert "Free. Book 13:05–13:35" in said and "listed every 15 minutes" in said
    assert "Free. Book 13:00–13:30" in asked(pat, busy, "13:00")


def test_a_holiday_or_closed_day_is_named(signed_in, busy):
    DatedHours.add(busy.street, NINE.date(), [], busy.maya, "Feast of the harbour")
    said = asked(signed_in(busy.pat), busy, "13:00")
    assert "No working hours on Monday 23 November (Feast of the harbour)." in said


def test_a_manager_is_told_that_a_calendar_outside_is_busy_and_not_with_what(signed_in, busy):
    said = asked(signed_in(busy.maya), busy, "14:15")
    assert "Dentist" not in said and "Busy (other calendar), 14:00–14:30." in said
    assert "A calendar of Pat Linden outside Kalends was last read 3 minutes ago." in said
    near = asked(signed_in(busy.maya), busy, "14:30", service=str(busy.first.id))
    assert "Dentist" not in near and "10 minutes must stay free before it" in near
    assert "Lunch" in asked(signed_in(busy.maya), busy, "12:15")


def test_a_colleague_learns_nothing_of_another_calendar(signed_in, busy):
    said = asked(signed_in(busy.quinn), busy, "10:30", calendar="")
    assert "Małgorzata" not in said and "Pat Linden" not in said
    query = {"calendar": busy.calendar.id, "minutes": "30", "day": DAY, "at": "10:30"}
    assert signed_in(busy.quinn).get("/free-times/why/", query_string=query).status_code == 422


def test_everybody_is_answered_on_the_clock_of_their_venue(signed_in, busy):
    said = asked(signed_in(busy.maya), busy, "10:30", calendar="")
    assert "Pat Linden, Linden Street Małgorzata Wójcik" in said
    assert "Quinn Linden, Linden Street Free. Book 10:30–11:00" in said
    assert "Quinn Linden, Harbour House Free. Book 10:30–11:00" in said


def test_a_wall_time_that_the_clocks_skip_is_none(signed_in, busy, clock):
    said = asked(signed_in(busy.pat), busy, "01:30", day="2027-03-28")
    assert "01:30 does not exist that day: the clocks skip it." in said


@pytest.mark.parametrize("broken", [{"day": ""}, {"at": ""}, {"at": "25:00"}, {"day": "soon"}])
def test_a_question_without_day_or_time_says_so(signed_in, busy, broken):
    query = {"calendar": "", "minutes": "30", "day": DAY, "at": "10:00", "service": ""} | broken
    assert signed_in(busy.pat).get("/free-times/why/", query_string=query).status_code == 422


def test_next_free_leads_to_it(signed_in, busy):
    page = signed_in(busy.pat).get("/free-times/").get_data(as_text=True)
    assert 'action="/free-times/why/"' in page


def test_the_booking_form_names_the_gap_and_leads_to_all_reasons(signed_in, busy):
    pat = signed_in(busy.pat)
    query = {"calendar": busy.calendar.id, "day": DAY, "starts": "11:15", "ends": "11:45"}
    said = text(pat.get("/bookings/check", query_string=query | {"repeat": "once"}))
    assert "20 minutes must stay free before it, and Małgorzata Wójcik ends at 11:00." in said
    taken = pat.get("/bookings/check", query_string=query | {"starts": "10:30"})
    place = html.unescape(re.search(r'href="(/free-times/why/[^"]*)"', taken.get_data(True))[1])
    assert "Małgorzata Wójcik, 10:00–11:00, confirmed." in text(pat.get(place))


# ---- what clients can book themselves ----


@pytest.fixture
def online(busy):
    """Clients can book the first visit: two hours before, two months ahead."""
    Service.update(bookable_online=True).where(Service.id == busy.first.id).execute()
    OnlineSettings.stored(busy.clinic).change(None, is_on=True)
    return busy


def first(browser, linden, at: str, **more) -> str:
    return asked(browser, linden, at, minutes="", service=str(linden.first.id), **more)


def test_what_keeps_clients_from_booking_is_told_apart(signed_in, online, clock):
    pat = signed_in(online.pat)
    assert "Clients can book it online." in first(pat, online, "13:30", day="2026-11-24")
    said = first(pat, online, "13:30", day="2027-02-23")
    assert "Free." in said and "Too far ahead. They can book at most 60 days ahead." in said
    assert "Clients c" not in first(pat, online, "12:15")  # lunch is in the way of everybody
    online.first.change(None, online_notice_hours=100)
    said = first(pat, online, "10:30", day="2026-11-24")
    assert "Free." in said and "Too soon. They must book at least 100 hours before." in said


def test_a_full_day_and_the_hours_of_the_venue_are_named(signed_in, online):
    pat, day = signed_in(online.pat), "2026-11-24"
    online.calendar.set_online(None, takes_online=True, takes_new_online=True, online_most=1)
    tuesday = Span(NINE + 24 * HOUR, NINE + 25 * HOUR)
    Booking.book(online.calendar, [tuesday], None)
    Booking.update(online=True).where(Booking.starts_at == tuesday.starts_at).execute()
    said = first(pat, online, "13:00", day=day)
    assert "Free." in said and "as many as this calendar takes (1)." in said
    online.street.hours = {"tue": [["09:00", "11:00"]]}
    online.street.save()
    assert "The opening hours of the venue count for them." in first(pat, online, "13:00", day=day)


def test_who_takes_no_online_bookings_is_named_where_others_do(signed_in, online):
    maya, day = signed_in(online.maya), "2026-11-24"
    online.calendar.set_online(None, takes_online=False, takes_new_online=True, online_most=None)
    assert "Clients cannot book here online." in first(maya, online, "13:00", day=day)
    OnlineSettings.stored(online.clinic).change(None, is_on=False)
    assert "online" not in first(maya, online, "13:00", day=day)


def test_without_a_question_it_asks_one(signed_in, busy):
    pat = signed_in(busy.pat)
    page = pat.get("/free-times/why/")
    assert page.status_code == 200
    assert "Write a day and a time" in text(page) and "Nothing was looked up" not in text(page)
    form = re.search(r'<form class="card" method="get".*?</form>', page.get_data(True), re.S)[0]
    assert f'value="{NINE.date():%Y}-11-20"' in form  # today
    part = pat.get("/free-times/why/", query_string={"calendar": busy.calendar.id, "minutes": "30"})
    assert part.status_code == 200 and "Nothing was looked up" not in text(part)
    assert re.search(rf'value="{busy.calendar.id}"[^>]* selected|selected[^>]*'
                     rf' value="{busy.calendar.id}"', part.get_data(True))  # fmt: skip
