"""The team's day over HTTP: its columns, their content, its readers, and the number of queries."""

import logging
import re
from datetime import date, time, timedelta

import external
import pytest

from base.scheduling import timed, whole_days
from base.tables.time_off import DatedHours, TimeOff
from models import Booking, Clinic, Practitioner, User
from tests.conftest import WEEKDAYS
from tests.pages import form_of

FRIDAY = date(2026, 11, 20)  # the day of the tests' clock, 11:40 in London
PARTIAL = {"HX-Request": "true"}


@pytest.fixture
def book(linden, clock):
    def make(start: str, end: str, calendar=None, day: date = FRIDAY, **fields):
        calendar = calendar or linden.calendar
        span, _ = timed(day, time.fromisoformat(start), time.fromisoformat(end), calendar.zone)
        fields = {"patient": linden.patient, "service": linden.service} | fields
        fields = {"allow_overlap": True} | fields
        return Booking.book(calendar, [span], linden.maya, **fields)[0]

    return make


@pytest.fixture
def desk(signed_in, receptionist, clock):
    return signed_in(receptionist)


def page(browser, **query) -> str:
    answer = browser.get("/calendar/team", query_string=query)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def column(html: str, calendar) -> str:
    """The column of the calendar, as HTML; empty where there is none."""
    start = f'<section aria-labelledby="c{calendar.id}"'
    return html.partition(start)[2].partition("</section>")[0]


def blocks(html: str, calendar) -> list[tuple[str, str, str]]:
    return re.findall(
        r'<li data-from="([\d:]+)" data-to="([\d:]+)"[^>]*><a class="booking".*?<strong>(.*?)<',
        column(html, calendar),
        re.DOTALL,
    )


def free(html: str, calendar) -> list[str]:
    return re.findall(
        r"/bookings/new\?calendar=\d+&amp;day=[\d-]+&amp;from=([\d:]+)", column(html, calendar)
    )


def test_book_begins_with_somebody_who_works_on_the_day(desk, linden):
    def offered():
        return re.search(r'aria-keyshortcuts="n" href="/bookings/new\?calendar=(\d+)', page(desk))[
            1
        ]

    first = Practitioner.get_by_id(int(offered()))
    Practitioner.update(hours={}).where(Practitioner.id == first.id).execute()
    assert offered() != str(first.id)
    Practitioner.update(hours={}).execute()
    assert offered() == str(first.id)


def test_everyone_has_a_column_with_bookings_and_free_stretches(desk, linden, book):
    booking = book("12:00", "12:50")
    book("14:00", "15:00", linden.colleague_calendar)
    html = page(desk)
    assert ">Friday 20 November 2026</span></h1>" in html
    assert blocks(html, linden.calendar) == [("12:00", "12:50", "Małgorzata Wójcik")]
    assert blocks(html, linden.colleague_calendar) == [("14:00", "15:00", "Małgorzata Wójcik")]
    assert free(html, linden.calendar) == ["11:40", "12:50", "14:00", "15:00", "16:00"]
    assert f'data-seen="{booking.sequence}"' in column(html, linden.calendar)
    assert f'href="/bookings/{booking.id}?view=team&amp;shown=2026-11-20"' in html
    listed = desk.get("/calendar/team/list?day=2026-11-20", headers=PARTIAL).get_data(as_text=True)
    assert "<span>12:00–12:50</span> <strong>Małgorzata Wójcik</strong>" in listed
    free_time = "<span>12:50–17:00</span> <strong>Free</strong><span[^>]*>Pat Linden"
    assert re.search(free_time, listed)


def test_a_full_day_stays_small_in_bytes_and_queries(signed_in, linden, book, clock, caplog):
    linden.harbour.set_archived(True, linden.olive)
    calendars = [linden.calendar, linden.colleague_calendar]
    for n in range(10):
        person = User.create(
            clinic=linden.clinic, email=f"p{n}@linden.test", name=f"Person Number{n} Linden"
        )
        calendars.append(
            Practitioner.create(
                clinic=linden.clinic, user=person, venue=linden.street, hours=WEEKDAYS
            )
        )
    for calendar in calendars:
        for n in range(10):
            book(f"{8 + n:02}:00", f"{8 + n:02}:40", calendar, day=FRIDAY + timedelta(days=3))
    sizes, counts = [], []
    for who in (linden.maya, linden.pat):
        browser = signed_in(who)
        with caplog.at_level(logging.DEBUG, logger="peewee"):
            caplog.clear()
            answer = browser.get("/calendar/team?day=2026-11-23")
        queries = [r for r in caplog.records if r.name == "peewee" and "SELECT" in str(r.msg)]
        sizes.append(len(answer.data))
        counts.append(len(queries))
        assert answer.get_data(as_text=True).count("data-calendar=") == 12
    assert max(counts) <= 8 and min(counts) > 0, counts
    assert max(sizes) <= 80_000, sizes


# ---- what stands in a column ----


def test_time_off_is_named_for_the_desk_and_away_for_colleagues(desk, signed_in, linden, clock):
    fields = {"first_on": FRIDAY, "last_on": FRIDAY, "zone_name": "Europe/London"}
    row = TimeOff.add(
        linden.pat, linden.pat, kind="sick", note="Flu", starts="14:00", ends="15:00", **fields
    )
    html = page(desk)
    assert blocks(html, linden.calendar) == [("14:00", "15:00", "Sick leave")]
    assert f"/time-off/{row.id}?" in html and "Flu" not in html
    assert free(html, linden.calendar) == ["11:40", "12:00", "13:00", "15:00", "16:00"]
    seen = page(signed_in(linden.quinn))
    assert blocks(seen, linden.calendar) == [("14:00", "15:00", "Away")]
    assert f"/time-off/{row.id}" not in seen and free(seen, linden.calendar) == []


def test_the_desk_changes_time_off_and_never_sees_its_note(desk, signed_in, linden, clock):
    fields = {"first_on": FRIDAY, "last_on": FRIDAY, "zone_name": "Europe/London"}
    row = TimeOff.add(
        linden.pat, linden.pat, kind="sick", note="Flu", starts="14:00", ends="15:00", **fields
    )
    list_ = f"/time-off/?calendar={linden.calendar.id}"
    address = f"/time-off/{row.id}?calendar={linden.calendar.id}&view=team&shown=2026-11-20"
    for seen in (list_, address):
        assert "Flu" not in desk.get(seen).get_data(as_text=True), seen
        assert "Flu" in signed_in(linden.maya).get(seen).get_data(as_text=True), seen
    sent = form_of(desk.get(address), "off-form").put(kind="leave", ends="16:00")
    assert sent.send(desk).location == "/calendar/team?day=2026-11-20"
    changed = TimeOff.get_by_id(row.id)
    assert (changed.kind, changed.ends, changed.note) == ("leave", "16:00", "Flu")
    again = form_of(desk.get(address), "off-form").put(ends="").send(desk)
    assert again.status_code == 422 and "Flu" not in again.get_data(as_text=True)


def test_whole_days_off_holidays_and_other_hours(desk, linden, clock):
    TimeOff.add(linden.pat, linden.pat, kind="leave", first_on=FRIDAY, last_on=FRIDAY)
    DatedHours.add(linden.colleague_calendar, FRIDAY, [["13:00", "14:00"]], linden.maya, "Half day")
    html = page(desk)
    assert "Leave" in column(html, linden.calendar) and not free(html, linden.calendar)
    assert 'data-kind="hours"' not in column(html, linden.calendar)
    own = column(html, linden.colleague_calendar)
    assert "Half day" in own and free(html, linden.colleague_calendar) == ["13:00"]
    DatedHours.add(linden.street, FRIDAY, [], linden.maya, "Stock-taking")
    html = page(desk)
    assert "Stock-taking" in column(html, linden.calendar)
    assert free(html, linden.colleague_calendar) == []


def test_external_events_show_their_titles_to_their_owner_alone(desk, signed_in, linden, clock):
    source = external.source(linden.pat, listed_at=clock.now)
    external.event(source, "School run", "2026-11-20 13:00", "2026-11-20 14:00")
    external.event(source, "Football", "2026-11-20 15:00", "2026-11-20 16:00", busy="free")
    html = page(desk)
    assert blocks(html, linden.calendar) == [("13:00", "14:00", "Busy (other calendar)")]
    assert "School run" not in html and "13:00" not in free(html, linden.calendar)
    own = page(signed_in(linden.pat))
    assert [title for _, _, title in blocks(own, linden.calendar)] == ["School run", "Football"]


def test_what_overlaps_by_agreement_stands_side_by_side(desk, linden, book):
    book("12:00", "13:00"), book("12:30", "13:30")
    assert re.findall(r'data-lane="(\d/\d)"', column(page(desk), linden.calendar)) == ["1/2", "2/2"]


def test_a_booking_past_midnight_shows_on_both_days(desk, linden, book):
    book("22:00", "02:00")
    assert blocks(page(desk), linden.calendar)[0][:2] == ("22:00", "24:00")
    html = page(desk, day="2026-11-21")
    assert blocks(html, linden.calendar)[0][:2] == ("00:00", "02:00") and "until 02:00" in html


def test_whole_day_bookings_stand_on_top(desk, linden, clock):
    days = [whole_days(FRIDAY, FRIDAY, linden.street.zone)]
    (row,) = Booking.book(linden.calendar, days, linden.maya)
    assert "Blocked" in column(page(desk), linden.calendar).partition("<ol")[0]
    Booking.update(rate_cents=45000).where(Booking.id == row.id).execute()  # a day of a locum
    assert "No client" in column(page(desk), linden.calendar).partition("<ol")[0]


@pytest.mark.parametrize("status", ["cancelled", "no_show"])
def test_one_press_books_the_time_of_a_cancelled_booking(desk, linden, book, status):
    booking = book("13:20", "14:10", status=status)
    html = page(desk)
    assert f'data-lane="side" data-seen="{booking.sequence}"' in column(html, linden.calendar)
    pressed = ["11:40", "12:00", "13:00", "13:20", "14:10", "15:00", "16:00"]
    assert free(html, linden.calendar) == pressed
    again = desk.get(
        f"/bookings/new?calendar={linden.calendar.id}&day=2026-11-20&from=13:20&view=team"
    ).get_data(as_text=True)
    assert 'value="13:20"' in again
    book("13:30", "14:00")  # taken again: nothing stands aside any more
    assert re.findall(r'data-lane="(.*?)"', column(page(desk), linden.calendar)) == ["1/2", "2/2"]


# ---- whose columns ----


def test_two_zones_say_theirs_and_each_has_its_own_now(desk, linden, book, clock):
    book("09:30", "10:30", linden.abroad)
    html = page(desk)
    assert "Harbour House, New York time" in column(html, linden.abroad)
    assert "Linden Street, London time" in column(html, linden.calendar)
    assert blocks(html, linden.abroad) == [("09:30", "10:30", "Małgorzata Wójcik")]
    now = r'data-kind="now" data-from="([\d:]+)"'
    assert re.findall(now, column(html, linden.calendar)) == ["11:40"]
    assert re.findall(now, column(html, linden.abroad)) == []  # before the first hour: 06:40 there
    assert "<span>at Harbour House</span>" in column(html, linden.colleague_calendar)
    assert not re.search(r"data-seen", column(html, linden.colleague_calendar))


def test_the_venue_is_remembered_with_the_person_not_in_a_cookie(desk, linden, receptionist, clock):
    answer = desk.post(
        "/calendar/team/choice",
        data={"venue": linden.harbour.id, "working": "1", "day": "2026-11-23"},
    )
    assert answer.location == "/calendar/team?day=2026-11-23"
    html = page(desk)
    assert column(html, linden.abroad) and not column(html, linden.calendar)
    assert "Harbour House, New York time" in html and "Harbour House, who works" in html
    assert page(desk, day="2026-11-21").count("data-calendar=") == 0  # a Saturday: nobody works
    assert User.get_by_id(receptionist.id).day_venue == linden.harbour.id
    desk.post("/calendar/team/choice", data={"venue": "", "working": "0"})
    assert page(desk, day="2026-11-21").count("data-calendar=") == 3
    linden.harbour.set_archived(True, linden.olive)
    desk.post("/calendar/team/choice", data={"venue": linden.harbour.id, "working": "0"})
    assert column(page(desk), linden.calendar)  # a closed venue is no choice any more


def test_nobody_chooses_another_clinic_s_venue(desk, stranger, receptionist):
    theirs = stranger.calendars().first().venue
    assert desk.post("/calendar/team/choice", data={"venue": theirs.id}).status_code == 404
    assert User.get_by_id(receptionist.id).day_venue is None
    assert desk.post("/calendar/team/choice", data={"venue": "9" * 20}).status_code in (303, 404)


def test_another_clinic_sees_nothing(signed_in, linden, stranger, book):
    book("12:00", "13:00")
    html = page(signed_in(stranger))
    assert "Wójcik" not in html and "Pat Linden" not in html


def test_a_closed_calendar_stays_while_it_holds_bookings_of_the_day(desk, linden, book):
    book("12:00", "13:00")
    book("09:00", "10:00", day=FRIDAY - timedelta(days=7))
    linden.pat.leave(linden.olive)
    html = page(desk)
    assert "closed" in column(html, linden.calendar) and free(html, linden.calendar) == []
    assert blocks(html, linden.calendar) == [("12:00", "13:00", "Małgorzata Wójcik")]
    assert column(page(desk, day="2026-11-13"), linden.calendar)  # long ago, too
    assert not column(page(desk, day="2026-11-24"), linden.calendar)


def test_practitioners_see_all_and_book_in_their_own(signed_in, linden, book):
    booking = book("12:00", "13:00")
    html = page(signed_in(linden.quinn))
    assert f"/bookings/{booking.id}?" in html and "data-seen" not in html
    assert free(html, linden.calendar) == [] and free(html, linden.colleague_calendar)


# ---- the way there and on ----


@pytest.mark.parametrize(
    ("who", "place"),
    [
        ("receptionist", "/calendar/team"),
        ("maya", "/calendar/team"),
        ("olive", "/calendar/team"),
        ("pat", "/calendar"),
    ],
)
def test_the_teams_day_opens_first_for_people_who_book_for_all(
    app, linden, receptionist, book, who, place
):
    book("12:00", "13:00")
    person = receptionist if who == "receptionist" else getattr(linden, who)
    browser = app.test_client()
    typed = {"email": person.email, "password": "correct horse battery"}
    assert browser.post("/sign-in", data=typed).location == place
    assert browser.get("/").location == place


def test_an_owner_alone_begins_with_the_week(signed_in, stranger, linden):
    assert signed_in(stranger).get("/").location == "/calendar"


@pytest.mark.parametrize("day", ["nonsense", "1969-12-31", "2100-01-01", "2026-02-30"])
def test_a_day_that_is_none_is_not_there(desk, day):
    assert desk.get(f"/calendar/team?day={day}").status_code == 404


@pytest.mark.parametrize("day", ["1970-01-02", "2099-12-31", "2026-03-29", "2026-10-25"])
def test_the_ends_of_time_and_changes_of_the_clocks_can_be_seen(desk, linden, day):
    assert column(page(desk, day=day), linden.calendar)


def test_a_clinic_without_calendars_says_what_to_do(signed_in, linden):
    Practitioner.update(archived=True).execute()
    assert "No calendar is open" in page(signed_in(linden.maya))
    assert signed_in(linden.maya).get("/calendar/team/list").status_code == 302


def test_where_all_is_closed_what_is_booked_still_shows(desk, linden, book):
    book("12:00", "13:00")
    Practitioner.update(archived=True).execute()
    html = page(desk)
    assert blocks(html, linden.calendar) and "Book</a>" not in html
    linden.street.archived = True
    linden.street.save()
    assert blocks(page(desk), linden.calendar)


def test_an_open_page_asks_for_changes_only(desk, linden, book, clock):
    address = re.search(r'hx-get="(/calendar/team/changes/columns[^"]*)"', page(desk))[1]
    address = address.replace("&amp;", "&")
    assert desk.get(address, headers=PARTIAL).status_code == 204
    book("12:00", "13:00")
    fresh = desk.get(address, headers=PARTIAL).get_data(as_text=True)
    assert blocks(fresh, linden.calendar) and "<html" not in fresh
    assert desk.get(address).location == "/calendar/team?day=2026-11-20"
    linden.quinn.change(linden.olive, name="Quinn New", email="quinn@linden.test", role="manager")
    later = re.search(r'hx-get="(/calendar/team/changes[^"]*)"', fresh)[1].replace("&amp;", "&")
    assert desk.get(later, headers=PARTIAL).status_code == 200
    listed = later.replace("/columns", "/list")
    assert 'data-view="agenda"' in desk.get(listed, headers=PARTIAL).get_data(as_text=True)


def test_changes_lead_back_to_the_day_of_the_team(desk, linden, book):
    booking = book("12:00", "13:00")
    came = "?view=team&shown=2026-11-20"
    answer = desk.post(f"/bookings/{booking.id}/status{came}", data={"status": "arrived"})
    assert answer.location == "/calendar/team?day=2026-11-20"
    card = desk.get(f"/bookings/{booking.id}{came}").get_data(as_text=True)
    assert 'id="booking-card" open' in card and "data-calendar=" in card
    assert 'data-close href="/calendar/team?day=2026-11-20"' in card
    form = desk.get(
        f"/bookings/new?calendar={linden.calendar.id}&day=2026-11-23&from=10:00&view=team"
    ).get_data(as_text=True)
    assert 'action="/bookings/?view=team&amp;shown=2026-11-23"' in form
    assert "/time-off/new?" in form and "view=team" in form.partition("/time-off/new?")[2][:120]
    typed = {"kind": "lunch", "first_on": "2026-11-23", "starts": "12:00", "ends": "13:00"}
    blocked = desk.post(
        f"/time-off/?calendar={linden.calendar.id}&view=team&shown=2026-11-23", data=typed
    )
    assert blocked.location == "/calendar/team?day=2026-11-23"
    assert "view=team" in desk.get(f"/free-times/{came}").get_data(as_text=True)


def test_clinics_keep_apart_in_closed_calendars(desk, linden, stranger, book):
    book("12:00", "13:00")
    assert Clinic.select().count() == 2
    assert page(desk).count("data-calendar=") == 3


@pytest.mark.parametrize("page", ["", "/edit"])
@pytest.mark.parametrize(
    ("query", "part"), [("?view=team&shown=2026-11-20", "/calendar/team"), ("", "/calendar")]
)
def test_the_menu_marks_the_view_one_came_from(desk, linden, book, page, query, part):
    booking = book("14:00", "14:50")
    html = desk.get(f"/bookings/{booking.id}{page}{query}").get_data(as_text=True)
    menu = html[html.index('<nav id="menu"') : html.index("<main")]
    assert re.findall(r'href="([^"]*)" aria-current="page"', menu) == [part]
