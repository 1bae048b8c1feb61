"""The calendar over HTTP: the place of each item, its readers, its zone, and the number of
queries.
"""

import logging
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from base.scheduling import Span, timed, whole_days
from models import Booking, Feed, Practitioner
from views.calendar import grid
from views.kit import display
from views.kit.words import sync_words
from views.visitor import choosing

MONDAY = date(2026, 11, 16)  # the week of the tests' Friday, 20 November 2026, 11:40 in London
PARTIAL = {"HX-Request": "true"}


@pytest.fixture
def book(linden, clock):
    def make(day: date, start: str, end: str, calendar=None, **fields):
        calendar = calendar or linden.calendar
        span, _ = timed(day, time.fromisoformat(start), time.fromisoformat(end), calendar.zone)
        fields = {
            "patient": linden.patient,
            "service": linden.service,
            "allow_overlap": True,
            **fields,
        }
        return Booking.book(calendar, [span], linden.pat, **fields)[0]

    return make


@pytest.fixture
def pat(signed_in, linden, clock):
    return signed_in(linden.pat)


def page(browser, **query) -> str:
    answer = browser.get("/calendar", query_string=query)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def blocks(html: str) -> list[tuple[str, str, str, str]]:
    """(day, from, to, title) of every block in the grid."""
    found = []
    for section in html.split('<section aria-labelledby="d')[1:]:
        for start, end, title in re.findall(
            r'<li data-from="([\d:]+)" data-to="([\d:]+)"[^>]*><a'
            r' class="booking".*?<strong>(.*?)</strong>',
            section,
        ):
            found.append((section[:10], start, end, title))
    return found


def gaps(html: str, day: str) -> list[str]:
    return re.findall(rf"day={day}&amp;from=([\d:]+)", html)


def test_the_front_door_leads_to_the_calendar(pat):
    assert pat.get("/").headers["Location"] == "/calendar"
    assert pat.get("/calendar").status_code == 200


def test_strangers_are_asked_to_sign_in(app, linden):
    assert "/sign-in" in app.test_client().get("/calendar").headers["Location"]


def test_a_week_shows_its_bookings_as_blocks_with_name_time_service_and_status(pat, book):
    booking = book(MONDAY, "09:27", "10:13", status="pending")
    html = page(pat)
    assert blocks(html) == [("2026-11-16", "09:25", "10:15", "Małgorzata Wójcik")]
    assert f'data-status="pending" href="/bookings/{booking.id}"' in html
    assert "<span>09:27–10:13</span><span>Shoulder</span><b>Pending</b>" in html


def test_overlapping_blocks_stand_side_by_side(pat, book):
    book(MONDAY, "09:00", "10:00"), book(MONDAY, "09:30", "10:30"), book(MONDAY, "11:00", "12:00")
    assert re.findall(r'data-lane="(\d/\d)"', page(pat)) == ["1/2", "2/2"]


def test_each_of_five_at_once_has_a_place_of_its_own(pat, book):
    for n in range(5):
        book(MONDAY, f"09:{n:02}", "10:00")
    found = re.findall(r'data-lane="(.*?)"', page(pat))
    assert found == ["1/6", "2/6", "3/6", "4/6", "5/6"]


def test_a_booking_past_midnight_shows_on_both_days(pat, book):
    book(MONDAY, "22:00", "02:00")
    html = page(pat)
    assert [place[:3] for place in blocks(html)] == [
        ("2026-11-16", "22:00", "24:00"),
        ("2026-11-17", "00:00", "02:00"),
    ]
    assert "<span>22:00–02:00</span>" in html
    assert "<span>until 02:00</span>" in html
    assert 'data-first="00"' in html


def test_a_booking_that_ends_at_midnight_stays_on_its_day(pat, book):
    book(MONDAY, "22:00", "00:00")
    assert [place[:3] for place in blocks(page(pat))] == [("2026-11-16", "22:00", "24:00")]


def test_whole_days_stand_on_top_of_each_of_their_days(pat, linden, clock):
    Booking.book(
        linden.calendar,
        [whole_days(MONDAY, MONDAY + timedelta(days=1), linden.street.zone)],
        linden.pat,
        rate_cents=42000,
    )
    html = page(pat)
    assert html.count("<span>£420 a day</span>") == 2
    assert blocks(html) == []


def test_the_grid_begins_and_ends_with_hours_and_bookings(pat, book):
    book(MONDAY, "09:00", "10:00")
    assert 'data-first="08"' in page(pat)
    book(MONDAY, "05:50", "06:30"), book(MONDAY, "19:10", "20:40")
    html = page(pat)
    assert 'data-first="05"' in html
    assert '<li data-from="20:00" data-to="21:00">20:00</li>' in html
    assert '<li data-from="21:00"' not in html


def test_now_is_a_line_on_today_alone(pat, book):
    book(MONDAY, "09:00", "10:00")
    html = page(pat)
    assert html.count('data-kind="now"') == 2  # the clock and the day
    assert "<small>11:40</small>" in html
    assert 'data-kind="now"' not in page(pat, day="2026-11-27")


def test_free_time_from_now_on_is_cut_at_hours_around_what_is_booked(pat, book):
    friday = date(2026, 11, 20)
    book(friday, "13:00", "13:50"), book(friday, "15:00", "16:00", status="cancelled")
    assert gaps(page(pat), "2026-11-20") == ["11:40", "12:00", "13:50", "15:00", "16:00"]
    assert gaps(page(pat), "2026-11-19") == []
    assert len(gaps(page(pat, day="2026-11-27"), "2026-11-27")) == 8


@pytest.mark.parametrize(
    ("others", "leading"),
    [
        ([("18:00", "19:00", "confirmed")], ["09:00"]),
        (
            [("09:00", "10:30", "offered")],
            ["11:00"],
        ),  # 10:30 to 11:00 is in the piece that begins at ten, and that is half hidden
        (
            [
                ("09:00", "10:00", "offered"),
                ("10:00", "11:00", "cancelled"),
                ("13:00", "14:00", "confirmed"),
            ],
            ["10:00", "11:00", "14:00"],  # what was called off stands beside its freed time
        ),
        ([("11:10", "12:00", "cancelled")], ["09:00", "11:10"]),
        ([("09:00", "17:00", "offered")], ["09:00"]),
    ],
)
def test_each_free_stretch_is_labelled_once_where_no_block_hides_it(pat, book, others, leading):
    ahead = MONDAY + timedelta(days=7)
    for start, end, status in others:
        book(ahead, start, end, status=status)
    html = page(pat, day=ahead)
    assert (
        re.findall(rf'<a hx-boost="false" href="[^"]*day={ahead}&amp;from=([\d:]+)"', html)
        == leading
    )
    assert len(gaps(html, str(ahead))) >= 7


def test_in_a_colleague_s_calendar_one_sees_and_does_not_book(pat, linden, book):
    book(MONDAY, "09:00", "10:00", calendar=linden.colleague_calendar)
    html = page(pat, calendar=linden.colleague_calendar.id)
    assert len(blocks(html)) == 1
    assert "/bookings/new" not in html
    assert "Quinn Linden" in html


def test_managers_book_in_every_calendar(signed_in, linden, clock, book):
    book(MONDAY, "09:00", "10:00")
    assert f"/bookings/new?calendar={linden.calendar.id}" in page(
        signed_in(linden.maya), calendar=linden.calendar.id
    )


def test_another_venue_s_bookings_keep_the_person_busy_here(signed_in, linden, book):
    book(date(2026, 11, 20), "09:00", "10:00", calendar=linden.abroad)  # New York: 14:00 in London
    html = page(signed_in(linden.quinn), calendar=linden.colleague_calendar.id)
    assert blocks(html) == [("2026-11-20", "14:00", "15:00", "Małgorzata Wójcik")]
    assert "<span>at Harbour House</span>" in html
    assert "14:00" not in gaps(html, "2026-11-20")


def test_times_say_their_zone_where_another_venue_differs(pat, linden):
    assert "London time" in page(pat)
    Practitioner.update(archived=True).where(Practitioner.id == linden.abroad.id).execute()
    assert "London time" not in page(pat)


def test_the_switcher_has_one_s_own_calendars_first_and_keeps_day_and_view(
    signed_in, linden, clock, book
):
    book(MONDAY, "09:00", "10:00")
    html = page(signed_in(linden.quinn), view="agenda", day="2026-11-16").split("</summary>")[-1]
    assert (
        html.index("Your calendars")
        < html.index(" Harbour House</a>")
        < html.index(" Pat Linden</a>")
    )
    assert f"/calendar?day=2026-11-16&amp;view=agenda&amp;calendar={linden.calendar.id}" in html


def test_the_menu_leads_to_calendar_sync(pat):
    menu = page(pat).split('aria-label="More"')[1].split("</details>")[0]
    assert [
        word in menu for word in ("Calendar sync", "Private links", "Print this week", "Help")
    ] == [True] * 4


@pytest.mark.parametrize(
    ("view", "earlier", "later"),
    [
        ("week", "2026-11-13", "2026-11-27"),
        ("day", "2026-11-19", "2026-11-21"),
        ("agenda", "2026-11-13", "2026-11-27"),
    ],
)
def test_previous_and_next_keep_the_view(pat, book, view, earlier, later):
    book(MONDAY, "09:00", "10:00")
    html = page(pat, view=view)
    assert f"day={earlier}&amp;view={view}" in html
    assert f"day={later}&amp;view={view}" in html


def test_a_day_fills_only_that_day(pat, book):
    book(MONDAY, "09:00", "10:00"), book(MONDAY + timedelta(days=1), "09:00", "10:00")
    assert [place[0] for place in blocks(page(pat, view="day", day="2026-11-17"))] == ["2026-11-17"]


def test_an_agenda_lists_seven_days_with_words_for_the_status(pat, book):
    book(date(2026, 11, 20), "09:00", "10:00", status="no_show")
    book(date(2026, 11, 26), "09:00", "10:00"), book(date(2026, 11, 27), "09:00", "10:00")
    html = page(pat, view="agenda")
    assert html.count('class="booking"') == 2
    assert "No-show" in html
    assert "Friday 20 November, today" in html
    assert "does not work at Linden Street on Sundays" in html


def test_before_the_first_booking_it_says_how_to_make_one(signed_in, linden, clock, book):
    html = page(signed_in(linden.pat))
    assert "No bookings yet" in html
    assert "Make a booking" in html
    assert "of 4 done" not in html
    Feed.generate(linden.olive, "my phone", linden.olive)
    assert "4 of 4 done" in page(signed_in(linden.olive))
    book(MONDAY, "09:00", "10:00")
    assert "No bookings yet" not in page(signed_in(linden.pat))
    assert "Nothing booked this week." in page(signed_in(linden.pat), day="2026-12-10")


def test_a_clinic_without_calendars_is_told_where_to_open_one(signed_in, linden, clock):
    Practitioner.update(archived=True).execute()
    assert "Go to Team" in page(signed_in(linden.maya))
    assert "Ask the owner" in page(signed_in(linden.pat))


def test_a_leaver_s_calendar_can_still_be_read_and_not_booked(signed_in, linden, clock, book):
    book(MONDAY, "09:00", "10:00")
    linden.pat.leave(linden.olive)
    html = page(signed_in(linden.maya), calendar=linden.calendar.id)
    assert len(blocks(html)) == 1
    assert "/bookings/new" not in html


@pytest.mark.parametrize(
    "query",
    [
        {"day": "tomorrow"},
        {"day": "9999-12-31"},
        {"day": "0001-01-01"},
        {"view": "year"},
        {"calendar": "x"},
        {"calendar": "999999999"},
        {"calendar": "-1"},
    ],
)
def test_what_we_did_not_write_is_not_found(pat, query):
    assert pat.get("/calendar", query_string=query).status_code == 404


@pytest.mark.parametrize("day", ["1970-01-02", "2099-12-31", "2026-03-29", "2026-10-25"])
@pytest.mark.parametrize("view", ["week", "day", "agenda"])
def test_the_first_and_the_last_day_and_clock_changes_can_be_shown(pat, book, day, view):
    book(MONDAY, "09:00", "10:00")
    assert page(pat, day=day, view=view)


def test_the_repeated_hour_is_shown_with_both_its_bookings(pat, linden, clock):
    # 01:15 twice in London.
    passes = [datetime(2026, 10, 25, hour, 15, tzinfo=UTC) for hour in (0, 1)]
    for at in passes:
        Booking.book(
            linden.calendar,
            [Span(at, at + timedelta(minutes=30))],
            linden.pat,
            patient=linden.patient,
        )
    html = page(pat, day="2026-10-25")
    assert [place[1:3] for place in blocks(html)] == [("01:15", "01:45"), ("01:15", "01:45")]
    assert re.findall(r'data-lane="(\d/\d)"', html) == ["1/2", "2/2"]
    assert "01:15 BST–01:45 BST" in html and "01:15 GMT–01:45 GMT" in html


@pytest.mark.parametrize(("hour", "name"), [(0, "BST"), (1, "GMT")])
def test_an_instant_in_the_hour_that_comes_twice_names_its_time(hour, name):
    at, london = datetime(2027, 10, 31, hour, 30, tzinfo=UTC), ZoneInfo("Europe/London")
    new_york = ZoneInfo("America/New_York")
    assert display.clock(at, london) == f"01:30 {name}"
    assert display.moment(at, london) == f"31 October 2027, 01:30 {name}"
    assert choosing.in_zone(at, new_york, london) == f"{display.short_day(at)}, 01:30 {name}"
    assert display.clock(at + timedelta(hours=2), london) == f"0{hour + 2}:30"
    assert grid.now_line(at.astimezone(london), 0, 24) == (f"01:30 {name}", "01:30", "01:35")


def test_another_clinic_s_calendar_is_not_found(pat, stranger):
    assert (
        pat.get("/calendar", query_string={"calendar": stranger.practitioners.get().id}).status_code
        == 404
    )


def test_names_are_escaped(pat, linden, book):
    linden.patient.change(None, first_name="<script>alert(1)</script>", last_name="")
    book(MONDAY, "09:00", "10:00")
    assert "<script>alert" not in page(pat)


def test_a_full_week_stays_small_in_bytes_and_queries(pat, linden, book, caplog):
    for n in range(200):
        day, slot = MONDAY + timedelta(days=n % 7), n // 7
        book(
            day,
            f"{8 + slot * 20 // 60:02}:{slot * 20 % 60:02}",
            f"{8 + (slot * 20 + 20) // 60:02}:{(slot * 20 + 20) % 60:02}",
        )
    with caplog.at_level(logging.DEBUG, logger="peewee"):
        answer = pat.get("/calendar")
    assert answer.get_data(as_text=True).count('class="booking"') == 200
    assert len(answer.data) < 60_000, len(answer.data)
    queries = [
        record
        for record in caplog.records
        if record.name == "peewee" and "SELECT" in str(record.msg)
    ]
    assert 0 < len(queries) <= 10, len(queries)


def test_an_owner_without_a_calendar_sees_the_oldest_venue_and_its_zone(
    signed_in, linden, clock, book
):
    book(MONDAY, "09:00", "10:00")
    olive = signed_in(linden.olive)
    assert "Pat Linden, Linden Street, London time" in page(olive)
    assert 'value="Europe/London"' in olive.get("/settings/venues/new").get_data(as_text=True)
    assert (
        sync_words.zone(list(Practitioner.listed(linden.clinic)), linden.olive)
        == linden.street.zone
    )
    assert sync_words.zone([linden.calendar, linden.abroad], linden.quinn) == linden.harbour.zone
