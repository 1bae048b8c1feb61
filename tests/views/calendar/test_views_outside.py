"""External events in the calendar: their place, who may read their titles, the time that they leave
free, and that an open page follows.
"""

import logging
import re
from datetime import UTC, date, datetime, timedelta
from functools import partial

import external
import pytest

from base.scheduling import Span, midnight
from base.tables.outside import RULES, ExternalEvent
from models import Booking, Venue
from sync.tables import ending, sources
from sync.tables.accounts import Account

FRIDAY = date(2026, 11, 20)  # of the tests: 11:40 in London
PARTIAL = {"HX-Request": "true"}


@pytest.fixture
def source(linden, clock):
    """A calendar of Pat's that is read to block time."""
    return external.source(linden.pat)


@pytest.fixture
def add(source):
    """`add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")`: London is at UTC in November."""
    return partial(external.event, source)


@pytest.fixture
def pat(signed_in, linden, clock):
    return signed_in(linden.pat)


def page(browser, **query) -> str:
    answer = browser.get("/calendar", query_string=query)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def placed(html: str) -> list[tuple[str, str, str, str]]:
    """(day, from, to, title) of every external event in the grid."""
    found = []
    for section in html.split('<section aria-labelledby="d')[1:]:
        block = (
            r'<li data-from="([\d:]+)" data-to="([\d:]+)"[^>]*><a class="booking"'
            r' data-status="external".*?<strong>(.*?)</strong>'
        )
        found += [(section[:10], *place) for place in re.findall(block, section)]
    return found


def gaps(html: str, day: date = FRIDAY) -> list[str]:
    return re.findall(rf"day={day}&amp;from=([\d:]+)", html)


def test_an_external_event_is_locked_with_title_times_and_calendar(pat, add):
    event = add("Dentist", "2026-11-20 13:07", "2026-11-20 14:00")
    html = page(pat)
    assert placed(html) == [("2026-11-20", "13:05", "14:00", "Dentist")]
    assert f'data-status="external" href="/calendar/outside/{event.id}?calendar=' in html
    assert "<span>13:07–14:00</span><span>Family</span><b>Other calendar</b>" in html
    assert 'data-status="external"><svg' in html.split('id="legend"')[1]


def test_a_free_event_outside_leaves_the_time_free(pat, add):
    add("Yoga", "2026-11-20 13:00", "2026-11-20 14:00", busy="free")
    html = page(pat)
    assert 'data-status="external" data-busy="free"' in html
    assert "<span>Free, Family</span>" in html
    assert "13:00" in gaps(html)


def test_free_time_leaves_out_what_blocks(pat, add):
    add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    add("Perhaps", "2026-11-20 15:00", "2026-11-20 16:00", busy="tentative")
    assert gaps(page(pat)) == ["11:40", "12:00", "14:00", "15:00", "16:00"]


def test_an_external_event_is_drawn_beside_an_overlapping_booking(pat, linden, add):
    add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    start = datetime(2026, 11, 20, 13, 30, tzinfo=UTC)
    Booking.book(
        linden.calendar,
        [Span(start, start + timedelta(hours=1))],
        linden.pat,
        patient=linden.patient,
        allow_overlap=True,
    )
    assert re.findall(r'data-lane="(\d/\d)"', page(pat)) == ["1/2", "2/2"]


def test_an_event_over_midnight_stands_on_both_days(pat, add):
    add("Night train", "2026-11-18 22:00", "2026-11-19 02:00")
    html = page(pat)
    assert placed(html) == [
        ("2026-11-18", "22:00", "23:00", "Night train"),
        ("2026-11-19", "01:00", "02:00", "Night train"),
    ]
    assert 'data-first="01"' in html  # the night between needs no room
    assert "<span>22:00–02:00</span>" in html and "<span>until 02:00</span>" in html


def test_an_event_of_many_weeks_is_cut_to_each_day_and_blocks_all_of_it(pat, add):
    add("Sabbatical", "2026-11-17 12:00", "2027-03-01 12:00")
    html = page(pat)
    assert placed(html)[0] == ("2026-11-17", "12:00", "18:00", "Sabbatical")
    assert placed(html)[1] == ("2026-11-18", "08:00", "18:00", "Sabbatical")
    assert "<span>from 12:00</span>" in html
    assert len(placed(html)) == 6 and html.count("<span>all day</span>") == 5
    assert gaps(html) == []


def test_an_event_without_length_can_be_seen_and_takes_nothing(pat, add):
    add("Reminder", "2026-11-20 13:00", "2026-11-20 13:00")
    html = page(pat)
    assert placed(html) == [("2026-11-20", "13:00", "13:15", "Reminder")]
    assert "13:00" in gaps(html)


@pytest.mark.parametrize(
    "zone", ["Pacific/Pago_Pago", "Europe/London", "Pacific/Kiritimati"]
)  # UTC−11 to UTC+14
def test_whole_days_stand_on_their_dates_in_every_zone_and_block_where_the_calendar_says_so(
    signed_in, linden, add, zone, clock
):
    Venue.update(zone_name=zone).where(Venue.id == linden.street.id).execute()
    add("Holiday", "2026-11-26", "2026-11-27")
    html = page(signed_in(linden.pat), day="2026-11-26")
    columns = html.split('<section aria-labelledby="d')[1:]
    assert [column[:10] for column in columns if "Holiday" in column] == ["2026-11-26"]
    assert placed(html) == []
    assert gaps(html, date(2026, 11, 26)) == []
    assert len(gaps(html, date(2026, 11, 27))) == 8 and len(gaps(html, date(2026, 11, 25))) == 8


def test_whole_days_without_end_can_be_shown(pat, add):
    add("Always", "1901-01-01", "2200-01-01")
    for day in ("2026-11-20", "1970-01-02", "2099-12-31"):
        assert "Always" in page(pat, day=day)


def test_the_agenda_and_the_day_show_them_too(pat, add):
    event = add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00", busy="free")
    for view in ("agenda", "day"):
        html = page(pat, view=view)
        assert "Dentist" in html and "Family" in html and 'data-busy="free"' in html
        assert (
            f"/calendar/outside/{event.id}" in html
            and f"view={view}" in html.split(f"/calendar/outside/{event.id}")[1][:60]
        )


# ---- who reads what ----


@pytest.mark.parametrize("name", ["quinn", "maya", "olive"])
def test_nobody_but_the_owner_reads_titles_and_calendars(signed_in, linden, add, name):
    event = add("Divorce lawyer", "2026-11-20 13:00", "2026-11-20 14:00")
    add("Secret yoga", "2026-11-20 15:00", "2026-11-20 16:00", busy="free")
    browser = signed_in(getattr(linden, name))
    for view in ("week", "day", "agenda"):
        html = page(browser, calendar=linden.calendar.id, view=view)
        assert "Busy (other calendar)" in html
        assert not {word for word in ("Divorce", "Family", "yoga", "pat@home.test") if word in html}
    card = browser.get(f"/calendar/outside/{event.id}", headers=PARTIAL).get_data(as_text=True)
    assert (
        "Busy (other calendar)" in card
        and "13:00–14:00" in card
        and "Only Pat Linden sees what it is" in card
    )
    assert not {word for word in ("Divorce", "Family", "pat@home.test") if word in card}


def test_managers_book_around_what_blocks_a_colleague(signed_in, linden, add):
    add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    assert gaps(page(signed_in(linden.maya), calendar=linden.calendar.id)) == [
        "11:40",
        "12:00",
        "14:00",
        "15:00",
        "16:00",
    ]


def test_a_free_event_of_a_colleague_is_not_found(signed_in, linden, add):
    event = add("Yoga", "2026-11-20 13:00", "2026-11-20 14:00", busy="free")
    assert signed_in(linden.maya).get(f"/calendar/outside/{event.id}").status_code == 404


# ---- the card ----


def test_the_card_says_when_from_where_and_why_it_blocks_and_offers_no_change(pat, add):
    event = add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    html = pat.get(f"/calendar/outside/{event.id}", headers=PARTIAL).get_data(as_text=True)
    assert html.lstrip().startswith('<dialog id="booking-card"')
    for words in (
        "Dentist",
        "Friday 20 November, 13:00–14:00, London time",
        "Family",
        "pat@home.test, Google",
        "It is marked busy in Google, so it blocks booking here.",
        "Change it in Google; it syncs back.",
    ):
        assert words in html
    assert "<form" not in html


@pytest.mark.parametrize(
    ("busy", "end", "why"),
    [
        (
            "free",
            "2026-11-20 14:00",
            "It is marked free in Google, so it does not block booking here.",
        ),
        (
            "tentative",
            "2026-11-20 14:00",
            "It is marked tentative, and such times of this calendar do not block booking here.",
        ),
        (
            "busy",
            "2026-11-22",
            "It lasts whole days, and whole days of this calendar do not block booking here.",
        ),
    ],
)
def test_the_card_says_why_a_time_does_not_block(pat, linden, add, busy, end, why):
    event = add("Something", "2026-11-20" if len(end) == 10 else "2026-11-20 13:00", end, busy=busy)
    sources.set_rules(event.calendar, linden.pat, RULES | {"all_day": False})
    assert why in pat.get(f"/calendar/outside/{event.id}").get_data(as_text=True)


def test_without_javascript_the_card_opens_over_the_former_view(pat, add, linden):
    add("Sabbatical", "2026-11-17 12:00", "2027-03-01 12:00")
    html = page(pat, day="2026-12-15", view="day")
    address = re.search(r'href="(/calendar/outside/[^"]+)"', html)[1].replace("&amp;", "&")
    card = pat.get(address).get_data(as_text=True)
    assert (
        "Tuesday 15 December 2026" in card
        and "Tuesday 17 November 2026, 12:00 to Monday 1 March 2027, 12:00" in card
    )
    assert f"/calendar?calendar={linden.calendar.id}&amp;day=2026-12-15&amp;view=day" in card


def test_a_card_is_not_found_through_another_calendar_or_from_another_clinic(
    pat, signed_in, linden, stranger, add
):
    event = add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    assert (
        pat.get(f"/calendar/outside/{event.id}?calendar={linden.colleague_calendar.id}").status_code
        == 404
    )
    assert signed_in(stranger).get(f"/calendar/outside/{event.id}").status_code == 404
    assert pat.get("/calendar/outside/999999").status_code == 404


def test_titles_are_escaped(pat, add):
    event = add("<script>alert(1)</script>", "2026-11-20 13:00", "2026-11-20 14:00")
    assert "<script>alert" not in page(pat) + pat.get(f"/calendar/outside/{event.id}").get_data(
        as_text=True
    )


# ---- an open page follows ----


def looks(html: str) -> str:
    """What the page asks for by itself."""
    return re.search(r'hx-get="(/calendar/changes[^"]+)" hx-trigger="look from:document"', html)[
        1
    ].replace("&amp;", "&")


@pytest.mark.parametrize("view", ["week", "day", "agenda"])
def test_an_open_page_is_renewed_only_after_a_change(pat, linden, source, add, clock, view):
    add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    address = looks(page(pat, view=view))
    assert pat.get(address, headers=PARTIAL).status_code == 204
    add("Doctor", "2026-11-20 15:00", "2026-11-20 16:00")
    Account.get().show_anew()
    answer = pat.get(address, headers=PARTIAL).get_data(as_text=True)
    assert (
        answer.lstrip().startswith('<div id="week"')
        and "Doctor" in answer
        and "<html" not in answer
    )
    assert pat.get(looks(answer), headers=PARTIAL).status_code == 204
    start = datetime(2026, 11, 20, 9, tzinfo=UTC)
    Booking.book(
        linden.calendar,
        [Span(start, start + timedelta(hours=1))],
        linden.pat,
        patient=linden.patient,
    )
    assert "Wójcik" in pat.get(looks(answer), headers=PARTIAL).get_data(as_text=True)


def test_what_a_person_does_away_with_is_gone_from_open_pages(pat, linden, source, add, clock):
    add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    address = looks(page(pat))
    sources.set_rules(source, linden.pat, RULES | {"busy": False})
    answer = pat.get(address, headers=PARTIAL).get_data(as_text=True)
    assert "13:00" in gaps(answer)
    clock.now += timedelta(seconds=1)
    sources.turn_off(source, linden.pat)
    answer = pat.get(looks(answer), headers=PARTIAL).get_data(as_text=True)
    assert 'id="week"' in answer and "Dentist" not in answer
    sources.turn_on(source, linden.pat)
    add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    clock.now += timedelta(seconds=1)
    ending.begin_departure(source.account, linden.pat, "disconnect")
    left = pat.get(looks(answer), headers=PARTIAL).get_data(as_text=True)
    assert 'id="week"' in left and "Dentist" not in left


def test_the_line_of_now_moves_on_by_itself(pat, add, clock):
    add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    address = looks(page(pat))
    clock.now += timedelta(minutes=6)
    assert "<small>11:46</small>" in pat.get(address, headers=PARTIAL).get_data(as_text=True)


def test_a_page_that_only_looks_keeps_no_session_alive_and_then_leaves_the_screen(pat, add, clock):
    add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    address = looks(page(pat))
    for _ in range(13):
        clock.now += timedelta(hours=1)
        answer = pat.get(address, headers=PARTIAL)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/sign-in")


def test_someone_who_opens_the_address_of_changes_is_led_to_the_calendar(pat, add):
    add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    assert pat.get(looks(page(pat))).headers["Location"].startswith("/calendar?calendar=")


def test_a_full_week_of_both_stays_small_in_bytes_and_queries(pat, linden, add, caplog):
    monday = FRIDAY - timedelta(days=4)
    for n in range(200):
        start = midnight(monday + timedelta(days=n % 7), linden.street.zone) + timedelta(
            minutes=480 + 20 * (n // 7)
        )
        Booking.book(
            linden.calendar,
            [Span(start, start + timedelta(minutes=20))],
            linden.pat,
            patient=linden.patient,
            service=linden.service,
        )
    for n in range(20):
        add(f"Elsewhere {n}", f"2026-11-20 {n:02}:00", f"2026-11-20 {n:02}:30")
    with caplog.at_level(logging.DEBUG, logger="peewee"):
        answer = pat.get("/calendar")
    assert len(answer.data) < 62_000, len(answer.data)
    queries = [
        record
        for record in caplog.records
        if record.name == "peewee" and "SELECT" in str(record.msg)
    ]
    assert 0 < len(queries) <= 10, len(queries)
    address = looks(answer.get_data(as_text=True))
    caplog.clear()
    with caplog.at_level(logging.DEBUG, logger="peewee"):
        assert pat.get(address, headers=PARTIAL).status_code == 204
    assert len([record for record in caplog.records if "SELECT" in str(record.msg)]) <= 3


def test_a_calendar_of_the_same_person_elsewhere_shows_them_in_its_own_zone(
    signed_in, linden, source, add
):
    Account.update(user=linden.quinn).execute()
    event = add("Flight", "2026-11-20 15:00", "2026-11-20 16:00")
    ExternalEvent.update(user=linden.quinn).execute()
    quinn = signed_in(linden.quinn)
    assert placed(page(quinn, calendar=linden.abroad.id)) == [
        ("2026-11-20", "10:00", "11:00", "Flight")
    ]
    assert "10:00–11:00, New York time" in quinn.get(
        f"/calendar/outside/{event.id}?calendar={linden.abroad.id}"
    ).get_data(as_text=True)


@pytest.mark.parametrize(
    ("choice", "readers"),
    [
        ("nobody", {"pat"}),
        ("managers", {"pat", "maya", "olive"}),
        ("everyone", {"pat", "maya", "olive", "quinn"}),
    ],
)
def test_each_person_chooses_who_reads_the_titles(signed_in, linden, add, choice, readers):
    event = add("Dentist", "2026-11-20 13:00", "2026-11-20 14:00")
    free = add("Yoga", "2026-11-20 15:00", "2026-11-20 16:00", busy="free")
    signed_in(linden.pat).post("/sync/titles", data={"titles_for": choice})
    for name in ("pat", "maya", "olive", "quinn"):
        reader = signed_in(getattr(linden, name))
        week = page(reader, calendar=linden.calendar.id)
        card = reader.get(f"/calendar/outside/{event.id}").get_data(as_text=True)
        assert ("Dentist" in week, "Dentist" in card) == ((name in readers),) * 2, name
        assert "robin" not in card or name == "pat"
        assert ("Yoga" in week) == (name == "pat")
        assert reader.get(f"/calendar/outside/{free.id}").status_code == (
            200 if name == "pat" else 404
        )
