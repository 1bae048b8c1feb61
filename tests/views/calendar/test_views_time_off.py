"""Time off on the pages: three presses from the week; bookings during it are listed and stay; who
may read its kind; and what is refused.
"""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from base.scheduling import Span
from base.tables.time_off import TimeOff
from models import Booking, Practitioner, Venue
from tests.pages import form_of

FRIDAY = date(2026, 11, 20)  # of the tests: 11:40 in London


@pytest.fixture
def pat(signed_in, linden, clock):
    booked(linden, "2026-01-05T10:00", linden.colleague_calendar)  # the first steps are done
    return signed_in(linden.pat)


@pytest.fixture
def off(linden):
    """`off(linden.pat, first_on=…)`: time off as it is stored."""

    def add(user, **fields):
        fields = {"kind": "sick", "first_on": FRIDAY, "note": "a private matter"} | fields
        return TimeOff.add(user, user, **({"last_on": fields["first_on"]} | fields))

    return add


def hours(first=FRIDAY, starts="13:00", ends="14:00", **more):
    times = {"starts": starts, "ends": ends, "zone_name": "Europe/London"}
    return {"first_on": first, **times, **more}


def text(answer) -> str:
    return answer.get_data(as_text=True)


def week(browser, calendar, **more) -> str:
    answer = browser.get("/calendar", query_string={"calendar": calendar.id, **more})
    assert answer.status_code == 200
    return text(answer)


def gaps(html: str, day: date = FRIDAY) -> list[str]:
    return re.findall(rf"day={day}&amp;from=([\d:]+)", html)


def send(browser, calendar, path="/time-off/", **fields):
    fields = {"first_on": "2026-11-23", "kind": "leave", "key": "k", **fields}
    return browser.post(f"{path}?calendar={calendar.id}", data=fields)


def booked(linden, start: str, calendar=None, **fields):
    begins = datetime.fromisoformat(start).replace(tzinfo=UTC)
    spans = [Span(begins, begins + timedelta(hours=1))]
    calendar = calendar or linden.calendar
    return Booking.book(calendar, spans, None, patient=linden.patient, **fields)[0]


# ---- from the week ----


def test_three_presses_from_the_week_block_an_hour(pat, linden):
    stretch = re.search(r'href="(/bookings/new[^"]+from=14:00[^"]*)"', week(pat, linden.calendar))
    form = text(pat.get(stretch[1].replace("&amp;", "&")))
    block = re.search(
        r'href="(/time-off/new[^"]+)"[^>]*>.*?Block\s*<span[^>]*>\s*this time</span></a>',
        form,
        re.S,
    )
    answer = form_of(pat.get(block[1].replace("&amp;", "&")), "off-form").send(pat)
    assert answer.status_code == 303
    (row,) = TimeOff.select()
    assert (row.user, row.first_on, row.starts, row.ends) == (linden.pat, FRIDAY, "14:00", "15:00")
    html = week(pat, linden.calendar)
    assert "Blocked: Time off, Friday 20 November, 14:00–15:00." in html
    assert 'data-status="away"' in html and f'href="/time-off/{row.id}?' in html
    assert gaps(html) == ["11:40", "12:00", "13:00", "15:00", "16:00"]


def test_two_weeks_of_leave_close_every_day_of_them(pat, linden):
    send(pat, linden.calendar, whole="y", last_on="2026-12-06")
    html = week(pat, linden.calendar, day="2026-12-02")
    assert html.count("<strong>Leave</strong>") == 7 and gaps(html, date(2026, 12, 2)) == []
    assert html.count('data-kind="hours"') == 0
    assert gaps(week(pat, linden.calendar, day="2026-12-07"), date(2026, 12, 7)) != []


def test_an_open_week_follows(pat, linden, off):
    look = re.search(r'hx-get="(/calendar/changes[^"]+)"', week(pat, linden.calendar))[1]
    ask = {"HX-Request": "true"}
    assert pat.get(look.replace("&amp;", "&"), headers=ask).status_code == 204
    off(linden.pat, **hours())
    assert "Sick leave" in text(pat.get(look.replace("&amp;", "&"), headers=ask))


def test_the_agenda_and_the_day_show_it_too(pat, linden, off):
    row = off(linden.pat, **hours())
    for view in ("agenda", "day"):
        html = week(pat, linden.calendar, view=view)
        assert "Sick leave" in html and f"/time-off/{row.id}" in html


# ---- who reads what ----


def test_colleagues_read_that_somebody_is_away_and_nothing_else(signed_in, linden, off, clock):
    rows = [off(linden.pat, **hours()), off(linden.pat, first_on=date(2026, 11, 19))]
    browser = signed_in(linden.quinn)
    for view in ("week", "day", "agenda"):
        html = week(browser, linden.calendar, view=view)
        assert "<strong>Away</strong>" in html
        assert not {word for word in ("Sick", "private", "/time-off/") if word in html}
    for row in rows:
        for path in ("", "/deletion", "/return"):
            assert browser.post(f"/time-off/{row.id}{path}").status_code == 403
        assert browser.get(f"/time-off/{row.id}").status_code == 403
    assert browser.get(f"/time-off/?calendar={linden.calendar.id}").status_code == 403
    assert send(browser, linden.calendar, whole="y").status_code == 403


def test_managers_see_and_change_it(signed_in, linden, off, clock):
    row = off(linden.pat, **hours())
    browser = signed_in(linden.maya)
    assert "Sick leave" in week(browser, linden.calendar)
    page = text(browser.get(f"/time-off/?calendar={linden.calendar.id}"))
    assert "a private matter" in page and "Sick leave, Friday 20 November, 13:00–14:00" in page
    assert "a private matter" in text(browser.get(f"/time-off/{row.id}"))


def test_another_clinic_finds_nothing(app, linden, off, stranger, signed_in):
    row = off(linden.pat, **hours())
    browser = signed_in(stranger)
    for path in (f"/time-off/{row.id}", f"/time-off/?calendar={linden.calendar.id}"):
        assert browser.get(path).status_code == 404
    assert browser.post(f"/time-off/{row.id}/deletion").status_code == 404


# ---- bookings in it ----


def test_bookings_in_it_are_listed_before_it_is_saved_and_never_touched(pat, linden):
    rows = [booked(linden, f"2026-11-{day}T10:00") for day in (23, 24, 25)]
    booked(linden, "2026-11-26T10:00")
    booked(linden, "2026-11-23T12:00", status="cancelled")
    before = [row.__data__ for row in Booking.select().order_by(Booking.id)]
    answer = send(pat, linden.calendar, whole="y", last_on="2026-11-25")
    assert answer.status_code == 422 and "3 bookings lie in it" in text(answer)
    assert text(answer).count("Małgorzata Wójcik</a>, ") == 3
    assert TimeOff.select().count() == 0
    sent = form_of(answer, "off-form")
    extra = booked(linden, "2026-11-25T15:00")  # somebody books meanwhile: it is listed, too
    answer = sent.send(pat)
    assert answer.status_code == 422 and "4 bookings lie in it" in text(answer)
    assert form_of(answer, "off-form").send(pat).status_code == 303
    extra.delete_instance()
    assert [row.__data__ for row in Booking.select().order_by(Booking.id)] == before
    assert rows and TimeOff.select().count() == 1


def test_bookings_at_every_venue_and_in_every_week_count(signed_in, linden, clock):
    browser = signed_in(linden.quinn)
    booked(linden, "2026-12-11T12:15", linden.colleague_calendar)
    booked(linden, "2026-12-18T12:15", linden.abroad)
    booked(linden, "2026-12-18T13:15", linden.abroad)
    lunch = {"starts": "12:00", "ends": "13:00", "weekly": "y", "first_on": "2026-11-27"}
    answer = send(browser, linden.colleague_calendar, **lunch)
    assert "2 bookings lie in it" in text(answer)
    answer = send(browser, linden.colleague_calendar, **lunch, until="2026-12-11")
    assert "1 booking lies in it" in text(answer)


# ---- booking over it ----


def test_booking_over_it_warns_and_may_go_on(pat, linden, off):
    off(linden.pat, **hours())
    fields = {"calendar": linden.calendar.id, "patient": "none", "day": "2026-11-20"}
    fields |= {"starts": "13:30", "ends": "14:20", "status": "confirmed", "repeat": "once"}
    answer = pat.post("/bookings/", data=fields)
    assert answer.status_code == 422 and "Pat Linden is away until 14:00" in text(answer)
    assert "Sick leave, 13:00–14:00." in text(answer)
    assert "The next free time is 14:00–14:50." in text(answer)
    (agreed,) = re.findall(r'name="agreed" id="agreed" value="([^"]+)"', text(answer))
    answer = pat.post("/bookings/", data=fields | {"overlap": "ok", "agreed": agreed})
    assert answer.status_code == 303 and Booking.select().count() == 2
    card = text(pat.get(f"/bookings/{Booking.get(Booking.practitioner == linden.calendar).id}"))
    assert "Overlaps Sick leave, 13:00–14:00, time off." in " ".join(card.split())


def test_a_colleague_is_not_told_why_a_time_is_taken(signed_in, linden, off, clock):
    off(linden.quinn, **hours())
    answer = signed_in(linden.maya).get(
        "/bookings/check",
        query_string={
            "calendar": linden.colleague_calendar.id,
            "day": "2026-11-20",
            "starts": "13:30",
            "ends": "14:00",
        },
    )
    assert "Sick leave" in text(answer)
    row = booked(linden, "2026-11-20T13:15", linden.colleague_calendar, allow_overlap=True)
    card = " ".join(text(signed_in(linden.pat).get(f"/bookings/{row.id}")).split())
    assert "Overlaps Away, 13:00–14:00, time off." in card and "Sick" not in card


# ---- change, delete, undo ----


def test_time_off_is_changed_deleted_and_restored(pat, linden, off):
    row = off(linden.pat, **hours())
    sent = form_of(pat.get(f"/time-off/{row.id}"), "off-form")
    answer = sent.put(ends="15:00").send(pat)
    assert answer.status_code == 303 and TimeOff.get().ends == "15:00"
    assert pat.post(f"/time-off/{row.id}/deletion").status_code == 303
    html = week(pat, linden.calendar)
    assert "Deleted: Sick leave, Friday 20 November, 13:00–15:00." in html
    assert 'data-status="away"' not in html
    undo = re.search(r'action="(/time-off/[^"]+)"', html)[1].replace("&amp;", "&")
    assert pat.get(f"/time-off/{row.id}").status_code == 404
    assert pat.post(f"/time-off/{row.id}/deletion").status_code == 303  # a second press
    assert pat.post(undo).status_code == 303
    assert 'data-status="away"' in week(pat, linden.calendar)


def test_one_day_of_weekly_time_off_is_deleted_and_restored(pat, linden, off):
    row = off(linden.pat, **hours(date(2026, 11, 6), weekly=True))
    page = text(pat.get(f"/time-off/{row.id}?on=2026-11-20"))
    assert "Delete only Friday 20 November" in page and "Delete every week" in page
    path = f"/time-off/{row.id}/deletion?on=2026-11-20"
    assert pat.post(path, data={"one": "yes"}).status_code == 303
    html = week(pat, linden.calendar)
    assert "13:00" in gaps(html)
    assert 'data-status="away"' in week(pat, linden.calendar, day="2026-11-27")
    undo = re.search(r'action="(/time-off/[^"]+)"', html)[1].replace("&amp;", "&")
    assert pat.post(undo).status_code == 303
    assert "13:00" not in gaps(week(pat, linden.calendar))


def test_what_two_people_change_is_merged_or_asked(pat, signed_in, linden, off):
    row = off(linden.pat, **hours())
    first, second = (form_of(pat.get(f"/time-off/{row.id}"), "off-form") for _ in range(2))
    row.change(linden.maya, note="seen by the manager")
    first.put(kind="training").send(pat)
    assert (TimeOff.get().note, TimeOff.get().kind) == ("seen by the manager", "training")
    row.change(linden.maya, ends="16:00")
    answer = second.put(ends="15:00").send(pat)
    assert answer.status_code == 422 and "Someone else changed this" in text(answer)
    assert TimeOff.get().ends == "16:00"


def test_the_same_form_pressed_twice_blocks_once(pat, linden):
    for _ in range(2):
        assert send(pat, linden.calendar, whole="y").status_code == 303
    assert TimeOff.select().count() == 1


def test_a_form_whose_time_off_was_deleted_says_so_and_blocks_nothing(pat, linden):
    send(pat, linden.calendar, whole="y")
    TimeOff.get().remove(linden.pat)
    send(pat, linden.calendar, whole="y")
    assert TimeOff.select().count() == 1 and TimeOff.get().removed_at
    assert "was saved with this form before, and deleted since" in text(pat.get("/calendar"))


def test_the_same_form_for_another_day_blocks_that_too(pat, linden):
    """The way back in the browser leads to the same form."""
    send(pat, linden.calendar, whole="y")
    send(pat, linden.calendar, whole="y", first_on="2026-11-30")
    assert TimeOff.select().count() == 2


# ---- bad input ----


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"whole": "y", "last_on": "2026-11-22"}, "It ends before it starts"),
        ({"starts": "14:00", "ends": "13:00"}, "It ends before it starts"),
        ({"starts": "14:00", "ends": "14:00"}, "It ends before it starts"),
        ({"starts": "14:00"}, "Say when it ends, or tick Whole days"),
        ({"ends": "14:00"}, "Say when it starts, or tick Whole days"),
        ({"starts": "noon", "ends": "14:00"}, "Write a time such as 09:30"),
        ({"whole": "y", "first_on": ""}, "Choose the first day"),
        ({"whole": "y", "first_on": "1901-01-01"}, "Choose a day from 1970 to 2099"),
        ({"whole": "y", "last_on": "2034-01-01"}, "Time off lasts at most 5 years"),
        ({"whole": "y", "weekly": "y", "last_on": "2026-12-01"}, "must end before it begins again"),
        ({"whole": "y", "weekly": "y", "until": "2026-11-01"}, "Choose a day after the first one"),
        ({"whole": "y", "kind": "party"}, "Choose one from the list"),
        ({"whole": "y", "note": "x" * 2001}, "Use at most 2,000 characters"),
    ],
)
def test_what_is_no_time_off_is_said_beside_its_field(pat, linden, fields, sentence):
    answer = send(pat, linden.calendar, **fields)
    assert answer.status_code == 422 and sentence in text(answer)
    assert TimeOff.select().count() == 0


def test_times_that_the_clocks_skip_are_not_saved(pat, linden):
    fields = {"starts": "01:15", "ends": "01:45", "first_on": "2027-03-28"}
    answer = send(pat, linden.calendar, **fields)
    assert answer.status_code == 422 and "The clocks go forward" in text(answer)
    assert not TimeOff.select().exists()
    assert send(pat, linden.calendar, **fields | {"ends": "02:15"}).status_code == 303


@pytest.mark.parametrize("starts", ["22:30", "23:00", "23:30"])
def test_an_hour_that_a_link_proposes_late_in_the_evening_can_be_saved(pat, linden, starts):
    asked = {"calendar": linden.calendar.id, "day": "2026-11-23", "from": starts}
    page = pat.get("/time-off/new", query_string=asked)
    assert form_of(page, "off-form").send(pat).status_code == 303
    stretch = TimeOff.get().off.on(date(2026, 11, 23), linden.calendar.zone)
    assert stretch.ends_at - stretch.starts_at == timedelta(hours=1)


def test_an_evening_may_end_at_midnight(pat, linden):
    assert send(pat, linden.calendar, starts="18:00", ends="00:00").status_code == 303
    assert TimeOff.get().last_on == date(2026, 11, 24)
    assert "<span>18:00–00:00</span>" in week(pat, linden.calendar, day="2026-11-23")


def test_over_a_clock_change_and_over_years(pat, linden):
    send(
        pat,
        linden.calendar,
        first_on="2027-03-27",
        last_on="2027-03-28",
        starts="22:00",
        ends="06:00",
        key="a",
    )
    assert "until 06:00" in week(pat, linden.calendar, day="2027-03-28")
    send(pat, linden.calendar, whole="y", first_on="2027-06-01", last_on="2030-05-31", key="b")
    assert "<strong>Leave</strong>" in week(pat, linden.calendar, day="2029-02-28")


def test_whole_days_count_at_every_venue_and_hours_in_their_own_zone(signed_in, linden, clock):
    browser = signed_in(linden.quinn)
    send(browser, linden.abroad, starts="09:00", ends="12:00", key="a")
    assert TimeOff.get().zone_name == "America/New_York"
    assert "<span>14:00–17:00</span>" in week(browser, linden.colleague_calendar, day="2026-11-23")
    Venue.update(zone_name="Pacific/Kiritimati").where(Venue.id == linden.harbour.id).execute()
    send(browser, linden.abroad, first_on="2026-11-25", whole="y", key="b")
    for calendar in (linden.colleague_calendar, linden.abroad):
        html = week(browser, Practitioner.get_by_id(calendar.id), day="2026-11-25")
        assert gaps(html, date(2026, 11, 25)) == [] and "<strong>Leave</strong>" in html


# ---- several weekdays at once ----


def test_lunch_of_five_weekdays_is_entered_once_and_undone_once(pat, linden):
    typed = {"kind": "lunch", "starts": "12:00", "ends": "12:30", "weekly": "y"}
    send(pat, linden.calendar, first_on="2026-11-25", days=[0, 1, 2, 3, 4], **typed)
    rows = list(TimeOff.select().order_by(TimeOff.first_on))
    assert [f"{row.first_on:%a %d}" for row in rows] == [
        *("Wed 25", "Thu 26", "Fri 27", "Mon 30", "Tue 01")
    ]
    assert {(row.starts, row.ends, row.weekly) for row in rows} == {("12:00", "12:30", True)}
    send(pat, linden.calendar, first_on="2026-11-25", days=[0, 1, 2, 3, 4], **typed)
    assert TimeOff.select().count() == 5  # the second press of the button
    undo = re.search(r'action="(/time-off/\d+/deletion[^"]*)"', week(pat, linden.calendar))[1]
    answer = pat.post(undo.replace("&amp;", "&"), follow_redirects=True)
    assert all(row.removed_at for row in TimeOff.select())
    again = re.search(r'action="(/time-off/\d+/return[^"]*)"', text(answer))[1]
    pat.post(again.replace("&amp;", "&"))
    assert not any(row.removed_at for row in TimeOff.select())


def test_bookings_in_any_of_the_weekdays_are_listed_first(pat, linden):
    booked(linden, "2026-11-26T12:00")
    booked(linden, "2026-12-04T12:00")
    typed = {"kind": "lunch", "starts": "12:00", "ends": "12:30", "weekly": "y"}
    answer = send(pat, linden.calendar, days=[0, 3, 4], **typed)
    assert answer.status_code == 422 and "2 bookings lie in it" in " ".join(text(answer).split())
    assert not TimeOff.select().exists()
    assert form_of(answer, "off-form").send(pat).status_code == 303
    assert TimeOff.select().count() == 3 and Booking.select().count() == 3


def test_weekdays_without_every_week_are_asked_about(pat, linden):
    answer = send(pat, linden.calendar, whole="y", days=[0, 1])
    assert answer.status_code == 422 and "Tick “Every week” too" in text(answer)


def test_time_off_on_several_weekdays_has_one_end(pat, linden):
    typed = {"kind": "lunch", "starts": "12:00", "ends": "12:30", "weekly": "y"}
    answer = send(pat, linden.calendar, until="2026-11-24", days=[0, 3], **typed)
    assert answer.status_code == 422  # no Thursday before that day
    assert not TimeOff.select().exists()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_years_of_leave_may_hold_thousands_of_bookings(linden, pat):
    begins = datetime(2026, 11, 24, 8, tzinfo=UTC)
    length, apart = timedelta(minutes=10), timedelta(minutes=20)
    spans = [Span(begins + n * apart, begins + n * apart + length) for n in range(1500)]
    row = {"practitioner": linden.calendar.id, "status": "confirmed"}
    rows = [row | {"starts_at": one.starts_at, "ends_at": one.ends_at} for one in spans]
    Booking.add_many(linden.clinic, rows, linden.pat)
    Booking.update(id=Booking.id + 1_000_000).execute()  # numbers as they are after years
    asked = form_of(send(pat, linden.calendar, whole="y", last_on="2028-11-22"), "off-form")
    assert len(asked["kept"]) > 10_000
    assert asked.send(pat).status_code == 303
    assert TimeOff.select().count() == 1
