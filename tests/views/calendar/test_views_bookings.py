"""Bookings over HTTP: the form, the card, statuses, cancelling, and who may do it."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from base.scheduling import Span
from base.tables.time_off import DatedHours
from models import AuditEntry, Booking, Patient
from tests.pages import Filled, forms_of

PARTIAL = {"HX-Request": "true"}
THURSDAY = "2026-11-26"  # the clock of the tests stands at Friday, 20 November 2026
NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


@pytest.fixture
def pat(signed_in, linden, clock):
    return signed_in(linden.pat)


@pytest.fixture
def manager(signed_in, linden, clock):
    return signed_in(linden.maya)


@pytest.fixture
def typed(linden):
    """What one types into the form; `typed(starts="10:00")` says what differs."""

    def fields(**other):
        return {
            "key": "k1",
            "calendar": linden.calendar.id,
            "patient": linden.patient.id,
            "service": linden.service.id,
            "day": THURSDAY,
            "starts": "09:00",
            "ends": "09:50",
            "rate": "",
            "status": "confirmed",
            "notes": "",
            "repeat": "once",
            **other,
        }

    return fields


@pytest.fixture
def booking(linden, clock):
    return Booking.book(
        linden.calendar,
        [Span(NINE, NINE + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
        service=linden.service,
        rate_cents=6500,
        notes="left shoulder",
    )[0]


@pytest.fixture
def series(linden, clock):
    spans = [
        Span(NINE + timedelta(days=7 * n), NINE + timedelta(days=7 * n, minutes=50))
        for n in range(3)
    ]
    return Booking.book(linden.calendar, spans, linden.pat, patient=linden.patient)


def text(answer) -> str:
    """What a person reads, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True))).split())


def after(browser) -> str:
    """What the calendar says after a change."""
    return text(browser.get("/calendar"))


def only() -> Booking:
    return Booking.select().get()


def again(row: Booking) -> Booking:
    return Booking.get_by_id(row.id)


# ---- making ----


def test_the_form_begins_with_the_time_that_was_pressed(pat, linden):
    page = pat.get(
        f"/bookings/new?calendar={linden.calendar.id}&day={THURSDAY}&from=13:50"
    ).get_data(as_text=True)
    assert 'value="2026-11-26"' in page
    assert 'value="13:50"' in page


def test_a_booking_is_made_and_the_calendar_of_its_day_comes_next(pat, linden, typed):
    answer = pat.post("/bookings/", data=typed(notes="bring the scan"))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/calendar?calendar={linden.calendar.id}&day={THURSDAY}"
    made = only()
    assert (made.starts_at, made.ends_at, made.patient, made.service) == (
        NINE,
        NINE + timedelta(minutes=50),
        linden.patient,
        linden.service,
    )
    assert (made.rate_cents, made.notes, made.status) == (6500, "bring the scan", "confirmed")
    assert "Booked: Thursday 26 November, 09:00–09:50." in after(pat)


def test_htmx_is_sent_on_to_the_calendar_as_well(pat, typed):
    answer = pat.post("/bookings/", data=typed(), headers=PARTIAL)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].startswith("/calendar")


def test_a_form_sent_twice_books_once(pat, typed):
    first, second = pat.post("/bookings/", data=typed()), pat.post("/bookings/", data=typed())
    assert first.status_code == second.status_code == 303
    assert Booking.select().count() == 1


def _handed_over(linden, made):
    made.change(linden.maya, made.span, practitioner=linden.colleague_calendar)


def _closed(linden, made):
    linden.calendar.set_archived(True, linden.maya)


@pytest.mark.parametrize("became", [_handed_over, _closed])
def test_a_form_with_a_new_client_sent_once_more_books_and_adds_nobody(pat, linden, typed, became):
    fields = typed(patient="new", q="Mo Farrell", phone="07700 900123")
    pat.post("/bookings/", data=fields)
    became(linden, only())
    answer = pat.post("/bookings/", data=fields)
    assert answer.status_code == 303 and only()
    assert Patient.select().where(Patient.last_name == "Farrell").count() == 1
    assert "Booked: Thursday 26 November, 09:00–09:50." in after(pat)


def test_a_form_whose_booking_was_cancelled_says_so_and_books_nothing(pat, linden, typed):
    pat.post("/bookings/", data=typed())
    only().cancel(linden.maya)
    assert pat.post("/bookings/", data=typed()).status_code == 303
    assert "You booked it with this form before. It is cancelled now." in after(pat)
    assert only().status == "cancelled"


def test_without_an_end_it_lasts_as_long_as_the_service(pat, typed):
    pat.post("/bookings/", data=typed(ends=""))
    assert only().ends_at == NINE + timedelta(minutes=50)


def test_neither_client_nor_service_is_needed(pat, typed):
    assert pat.post("/bookings/", data=typed(patient="", service="")).status_code == 303
    assert (only().patient, only().service, only().rate_cents) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"day": ""}, "Choose a day"),
        ({"day": "soon"}, "Choose a day, such as 2026-11-20"),
        ({"day": "0001-01-01"}, "Choose a day from 1970 to 2099"),
        ({"day": "9999-12-31"}, "Choose a day from 1970 to 2099"),
        ({"starts": ""}, "Say when it starts, or tick All day"),
        ({"starts": "25:00"}, "Write a time such as 09:30"),
        ({"starts": "09+01"}, "Write a time such as 09:30"),
        ({"ends": "0950Z"}, "Write a time such as 09:30"),
        ({"ends": "", "service": ""}, "Say when it ends, or choose a service"),
        ({"ends": "08:00"}, "It ends before it starts"),
        ({"ends": "09:00"}, "It ends before it starts"),
        ({"all_day": "y", "last_day": "2026-11-25"}, "The last day lies before the first"),
        ({"all_day": "y", "last_day": "2027-11-25"}, "lasts at most 31 days"),
        ({"patient": "", "q": "mo"}, "Choose a client, or add a new one"),
        ({"patient": "new", "q": ""}, "Write the name of the new client"),
        ({"patient": "new", "q": "An\u202en"}, "There is a hidden character after “An”"),
        ({"service": "999999"}, "Choose one from the list"),
        ({"status": "lost"}, "Choose one from the list"),
        ({"rate": "much"}, "Write an amount such as 65 or 65.50"),
        ({"notes": "x" * 4001}, "Use at most 4,000 characters"),
        ({"repeat": "weekly"}, "Say how many times, from 2 to 104, or until which day"),
        ({"repeat": "weekly", "count": "105"}, "Say how many times, from 2 to 104"),
        ({"repeat": "weekly", "count": "many"}, "Write a whole number"),
        ({"repeat": "weeks", "every": "53", "count": "2"}, "Repeat every 1 to 52 weeks"),
        ({"repeat": "weeks", "every": "", "count": "2"}, "Repeat every 1 to 52 weeks"),
        (
            {"repeat": "weekly", "until": "2026-11-27"},
            "Choose a day on which it has happened at least twice",
        ),
        ({"repeat": "weekly", "until": "2090-01-01"}, "Make at most 104 bookings at once"),
        (
            {"repeat": "weekly", "count": "2", "all_day": "y", "last_day": "2026-12-10"},
            "Each one would run into the next",
        ),
        ({"repeat": "hourly", "count": "2"}, "Choose one from the list"),
    ],
)
def test_what_cannot_be_booked_comes_back_with_a_sentence_and_is_not_stored(
    pat, typed, change, said
):
    answer = pat.post("/bookings/", data=typed(**change))
    assert answer.status_code == 422
    assert said in text(answer)
    assert "Nothing is saved yet" in text(answer)
    assert Booking.select().count() == 0


def test_htmx_gets_the_form_back_with_what_was_typed(pat, typed):
    answer = pat.post(
        "/bookings/", data=typed(ends="08:00", notes="bring the scan"), headers=PARTIAL
    )
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert page.startswith('<form id="booking-form"')
    assert "bring the scan" in page
    assert 'value="08:00"' in page


def test_control_characters_do_not_reach_the_notes(pat, typed):
    pat.post("/bookings/", data=typed(notes="left\u202e\x00 knee"))
    assert only().notes == "left knee"


def test_an_end_in_the_small_hours_means_the_next_day_and_says_so(pat, typed):
    pat.post("/bookings/", data=typed(starts="22:00", ends="02:00"))
    assert only().ends_at == datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
    assert "It ends on Friday 27 November." in after(pat)


def test_whole_days_at_a_daily_rate(pat, typed):
    pat.post(
        "/bookings/",
        data=typed(all_day="y", starts="", ends="", last_day="2026-11-27", rate="420", service=""),
    )
    made = only()
    assert (made.starts_on.isoformat(), made.ends_on.isoformat(), made.rate_cents) == (
        THURSDAY,
        "2026-11-28",
        42000,
    )


def test_outside_working_hours_is_said_and_not_refused(pat, typed):
    assert pat.post("/bookings/", data=typed(starts="18:00", ends="19:00")).status_code == 303
    assert "outside the working hours at Linden Street" in after(pat)


@pytest.mark.parametrize(
    ("day", "starts", "ends", "stored", "said"),
    [
        (
            "2027-03-28",
            "01:30",
            "02:20",
            "2027-03-28 01:30",
            (
                "01:30 on Sunday 28 March 2027 in London does not exist: the clocks go forward. We"
                " take 02:30."
            ),
        ),
        (
            "2026-10-25",
            "01:30",
            "03:00",
            "2026-10-25 00:30",
            (
                "01:30 on Sunday 25 October 2026 in London comes twice: the clocks go back. We take"
                " the first, 01:30 BST."
            ),
        ),
    ],
)
def test_odd_times_at_clock_changes_are_booked_and_told(
    pat, typed, day, starts, ends, stored, said
):
    pat.post("/bookings/", data=typed(day=day, starts=starts, ends=ends))
    assert f"{only().starts_at:%Y-%m-%d %H:%M}" == stored
    assert said in after(pat)


TWICE = {"day": "2026-10-25", "starts": "01:15", "ends": "01:45"}  # BST, and an hour later GMT


@pytest.mark.parametrize(("chosen", "hour"), [("", 0), ("first", 0), ("second", 1)])
def test_either_of_two_equal_hours_can_be_booked(pat, typed, chosen, hour):
    page = pat.get("/bookings/check", query_string=typed(**TWICE, hour_pass=chosen))
    shown = page.get_data(as_text=True)
    assert "01:15 BST" in shown and "01:15 GMT" in shown and 'name="hour_pass"' in shown
    pat.post("/bookings/", data=typed(**TWICE, hour_pass=chosen))
    row = only()
    assert f"{row.starts_at:%H:%M}" == f"0{hour}:15"
    assert row.ends_at - row.starts_at == timedelta(minutes=30)
    assert ("the second, 01:15 GMT" if hour else "the first, 01:15 BST") in after(pat)


@pytest.mark.parametrize(
    ("changes", "starts"),
    [
        ({"ends": "01:55"}, "01:15"),
        ({"notes": "left shoulder"}, "01:15"),
        ({"hour_pass": "first"}, "00:15"),
        ({"hour_pass": "second"}, "01:15"),
        ({"starts": "00:30", "ends": "00:50"}, "23:30"),
    ],
    ids=str,
)
def test_a_booking_in_the_second_of_two_equal_hours_stays_there_unless_asked(
    pat, typed, changes, starts
):
    pat.post("/bookings/", data=typed(**TWICE, hour_pass="second"))
    row = only()
    assert f"{row.starts_at:%H:%M}" == "01:15"
    pat.post(f"/bookings/{row.id}", data=typed(**{**TWICE, **changes}))
    assert f"{Booking.get_by_id(row.id).starts_at:%H:%M}" == starts


def test_the_next_free_time_may_be_the_second_of_two_equal_hours(pat, linden, typed):
    DatedHours.add(linden.calendar, date(2027, 10, 31), [["00:00", "06:00"]], linden.pat)
    night = TWICE | {"day": "2027-10-31"}
    pat.post("/bookings/", data=typed(**night | {"key": "k2", "starts": "00:00", "ends": "01:59"}))
    asked = typed(**night)
    page = pat.get("/bookings/check", query_string=asked).get_data(as_text=True)
    (take,) = re.findall(r'name="take" value="([^"]*)"', page)
    assert take == "2027-10-31T01:00 30 second"
    form = pat.post("/bookings/", data=asked | {"take": take}).get_data(as_text=True)
    assert re.search(r'id="pass-second" value="second" checked', " ".join(form.split()))


def test_a_time_moved_past_the_end_keeps_its_length(pat, typed):
    pat.post("/bookings/", data=typed(day="2027-03-28", starts="01:30", ends="02:20"))
    assert only().ends_at - only().starts_at == timedelta(minutes=50)


def test_repeats_become_bookings_of_their_own_in_one_series(pat, typed):
    pat.post("/bookings/", data=typed(repeat="weeks", every="3", count="4"))
    rows = list(Booking.select().order_by(Booking.starts_at))
    assert [row.starts_at - NINE for row in rows] == [timedelta(days=21 * n) for n in range(4)]
    assert len({row.series for row in rows}) == 1
    assert "and 3 more" in after(pat)


def test_repeats_until_a_day_include_it(pat, typed):
    pat.post("/bookings/", data=typed(repeat="weekly", until="2026-12-10"))
    assert Booking.select().count() == 3


def test_a_new_client_is_added_with_an_internal_id(pat, typed):
    pat.post("/bookings/", data=typed(patient="new", q="Mo Farrell O’Shea"))
    client = only().patient
    assert (client.first_name, client.last_name) == ("Mo", "Farrell O’Shea")
    assert client.internal_id == "K-2042"
    said = after(pat)
    assert "The new client has the ID K-2042." in said


def test_a_new_client_comes_with_phone_and_e_mail_in_one_step(pat, typed):
    page = pat.post(
        "/bookings/clients", data=typed(q="Mo Farrell", patient=""), headers=PARTIAL
    ).get_data(as_text=True)
    assert 'value="new" checked' in page and 'name="matched" value="new"' in page
    reach = {"phone": "+44 7700 900052", "email": "Mo@example.org"}
    data = typed(patient="new", matched="new", q="Mo Farrell", **reach)
    assert pat.post("/bookings/", data=data).status_code == 303
    client = only().patient
    assert (client.name, client.phone, client.email) == (
        "Mo Farrell",
        "+44 7700 900052",
        "mo@example.org",
    )


def test_a_save_of_a_name_that_finds_nobody_asks_once_with_the_answer_chosen(pat, typed):
    answer = pat.post("/bookings/", data=typed(patient="", q="Mo Farrell"))
    assert answer.status_code == 422
    assert 'value="new" checked' in answer.get_data(as_text=True)


def test_a_new_client_whom_the_text_chose_is_let_go_where_it_finds_somebody_since(pat, typed):
    data = typed(patient="new", matched="new", q="Małgorzata")
    answer = pat.post("/bookings/", data=data)
    assert answer.status_code == 422 and "Choose a client" in text(answer)
    assert Patient.select().count() == 1


def test_what_is_wrong_with_an_address_counts_only_for_a_new_client(pat, linden, typed):
    data = {"email": "no address", "phone": "x" * 50}
    answer = pat.post("/bookings/", data=typed(patient="new", q="Mo Farrell", **data))
    assert answer.status_code == 422 and "name@example.org" in text(answer)
    assert "no address" in answer.get_data(as_text=True)
    assert pat.post("/bookings/", data=typed(patient=linden.patient.id, **data)).status_code == 303


@pytest.mark.parametrize(
    ("name", "reach", "is_told"),
    [
        ("Gosia W", {"phone": "07700 900 052"}, True),
        ("Gosia W", {"email": "M@wojcik.test"}, True),
        ("Malgorzata Wojcick", {}, True),
        ("Wójcik, Małgorzata", {}, True),
        ("Gosia W", {"phone": "12345"}, False),
        ("Marek Wójcik", {"phone": "07700 900053", "email": "n@wojcik.test"}, False),
    ],
)
def test_a_new_client_who_may_be_in_the_list_is_told_before_and_once(
    pat, linden, typed, name, reach, is_told
):
    linden.patient.phone, linden.patient.email = "+44 7700 900052", "m@wojcik.test"
    linden.patient.save()
    data = typed(patient="new", q=name, **reach)
    answer = pat.post("/bookings/", data=data)
    assert answer.status_code == (422 if is_told else 303)
    if is_told:
        assert "Use Małgorzata Wójcik" in text(answer)
        told = {"told": str(linden.patient.id)}
        assert pat.post("/bookings/", data=data | told).status_code == 303
    assert Patient.select().count() == 2


def test_the_second_of_two_bookings_for_one_new_client_is_asked(signed_in, linden, typed):
    desks = [signed_in(one) for one in (linden.maya, linden.olive)]
    free = {
        "maya": {"starts": "09:00", "ends": "09:50"},
        "olive": {"starts": "11:00", "ends": "11:50"},
    }
    forms = [typed(key=who, patient="new", q="Mo Farrell", **at) for who, at in free.items()]

    def press(n):
        return desks[n].post("/bookings/", data=forms[n]).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(press, (0, 1))) == [303, 422]
    first = Patient.get(Patient.last_name == "Farrell")
    late = 1 if press(0) == 303 else 0  # a second press of the one that is booked books nothing
    page = text(desks[late].post("/bookings/", data=forms[late]))
    assert "This client may be in your list already" in page and "Use Mo Farrell" in page
    told = forms[late] | {"told": str(first.id)}
    assert desks[late].post("/bookings/", data=told).status_code == 303
    assert (Booking.select().count(), Patient.select().count()) == (2, 3)


def test_two_presses_at_once_of_one_form_with_a_new_client_book_once(signed_in, linden, typed):
    desk, form = signed_in(linden.maya), typed(key="one", patient="new", q="Mo Farrell")
    with ThreadPoolExecutor(2) as pool:
        codes = pool.map(lambda __: desk.post("/bookings/", data=form).status_code, range(2))
        assert list(codes) == [303, 303]
    assert (Booking.select().count(), Patient.select().count()) == (1, 2)


def test_a_double_of_another_clinic_is_never_told(pat, linden, typed, stranger):
    Patient.add(stranger.clinic, None, first_name="Mo", last_name="Farrell", phone="07700900052")
    data = typed(patient="new", q="Mo Farrell", phone="07700900052")
    assert pat.post("/bookings/", data=data).status_code == 303


def test_an_archived_double_leads_to_the_record(pat, linden, typed):
    linden.patient.set_archived(True, None)
    page = pat.post("/bookings/", data=typed(patient="new", q=linden.patient.name))
    assert f"/clients/{linden.patient.id}" in page.get_data(as_text=True)


def test_a_refused_booking_adds_no_client(pat, typed, booking):
    assert (
        pat.post("/bookings/", data=typed(key="k2", patient="new", q="Mo Farrell")).status_code
        == 422
    )
    assert Patient.select().where(Patient.first_name == "Mo").count() == 0


# ---- taken time ----


def test_taken_time_is_refused_with_who_is_there_and_what_is_free_next(pat, typed, booking):
    answer = pat.post("/bookings/", data=typed(starts="09:30", ends="10:20"))
    assert answer.status_code == 422
    assert "Małgorzata Wójcik is here until 09:50" in text(answer)
    assert "The next free time is 10:00–10:50" in text(answer)
    assert "Book anyway" in text(answer)
    assert Booking.select().count() == 1


def test_the_proposed_time_can_be_taken_and_keeps_the_rest(pat, typed, booking):
    answer = pat.post(
        "/bookings/",
        data=typed(
            starts="09:30", ends="10:20", notes="bring the scan", take="2026-11-26T09:50 50"
        ),
    )
    assert answer.status_code == 200
    page = answer.get_data(as_text=True)
    assert all(part in page for part in ('value="09:50"', 'value="10:40"', "bring the scan"))
    assert Booking.select().count() == 1


@pytest.mark.parametrize(
    "take",
    [
        "",
        "x",
        "9999-12-01T09:00 50",
        "2026-11-26",
        "2026-11-26T09:50 many",
        "9999-12-31T23:00 5000",
    ],
)
def test_a_proposal_that_we_did_not_write_changes_nothing(pat, typed, booking, take):
    assert 'value="09:30"' in pat.post(
        "/bookings/", data=typed(starts="09:30", take=take)
    ).get_data(as_text=True)


def test_taken_time_is_booked_if_the_person_agrees(pat, typed, booking):
    assert pat.post("/bookings/", data=typed(overlap="ok")).status_code == 303
    assert Booking.select().count() == 2


def test_an_offered_time_is_not_refused(pat, typed, booking):
    assert pat.post("/bookings/", data=typed(status="offered")).status_code == 303


def test_the_check_while_typing_names_the_conflict_and_shows_the_day(pat, linden, booking):
    query = {"calendar": linden.calendar.id, "day": THURSDAY, "starts": "09:30", "ends": "10:00"}
    answer = pat.get("/bookings/check", query_string=query, headers=PARTIAL)
    page = answer.get_data(as_text=True)
    assert page.strip().startswith('<section id="overlap"')
    assert '<aside id="that-day"' in page
    assert "Małgorzata Wójcik is here until 09:50" in text(answer)
    assert "This one" in text(answer)
    assert Booking.select().count() == 1


def test_the_check_leaves_the_booking_itself_out(pat, linden, booking):
    query = {
        "booking": booking.id,
        "day": THURSDAY,
        "starts": "09:30",
        "ends": "10:00",
        "status": "confirmed",
    }
    assert "is here" not in text(pat.get("/bookings/check", query_string=query, headers=PARTIAL))


def test_the_check_fills_end_and_rate_from_the_service(pat, linden):
    query = {
        "calendar": linden.calendar.id,
        "service": linden.service.id,
        "day": THURSDAY,
        "starts": "14:00",
        "fill": "service",
    }
    page = pat.get("/bookings/check", query_string=query, headers=PARTIAL).get_data(as_text=True)
    assert 'id="ends-field"' in page
    assert 'value="14:50"' in page
    assert 'value="65"' in page


def test_the_check_without_a_time_says_nothing(pat, linden):
    page = pat.get(
        "/bookings/check",
        query_string={"calendar": linden.calendar.id, "day": THURSDAY},
        headers=PARTIAL,
    ).get_data(as_text=True)
    assert '<section id="overlap" aria-live="polite">' in page


# ---- clients ----


def test_clients_are_found_as_one_types_by_name_without_accents_or_id(pat, linden, typed):
    for query in ("malgor", "k-2041", "0100"):
        answer = pat.post("/bookings/clients", data=typed(q=query, patient=""), headers=PARTIAL)
        assert answer.get_data(as_text=True).strip().startswith('<fieldset id="client-results"')
        assert f'value="{linden.patient.id}"' in answer.get_data(as_text=True)
        assert (f"Add “{query}” as a new client" in text(answer)) == (query != "k-2041")


def test_clients_whose_name_begins_so_come_first(pat, linden, typed):
    Patient.create(
        clinic=linden.clinic, first_name="Aaron", last_name="Kaplan", email="aaron@mail.test"
    )
    found = text(pat.post("/bookings/clients", data=typed(q="ma", patient=""), headers=PARTIAL))
    assert found.index("Małgorzata") < found.index("Aaron")


def test_find_works_without_javascript_and_keeps_what_was_typed(pat, linden, typed):
    answer = pat.post(
        "/bookings/", data=typed(q="wojcik", patient="", find="1", notes="bring the scan")
    )
    assert answer.status_code == 200
    assert "Małgorzata Wójcik" in text(answer)
    assert "bring the scan" in text(answer)
    assert Booking.select().count() == 0


def test_another_clinic_s_clients_are_neither_found_nor_booked(pat, typed, stranger):
    theirs = Patient.create(clinic=stranger.clinic, first_name="Zoltan")
    assert "Zoltan" not in text(
        pat.post("/bookings/clients", data=typed(q="zol", patient=""), headers=PARTIAL)
    ).replace("Add “zol”", "")
    assert pat.post("/bookings/", data=typed(patient=theirs.id)).status_code == 404
    assert pat.get(f"/bookings/new?patient={theirs.id}").status_code == 404


# ---- the card ----


def test_the_card_is_a_page_with_its_week_behind_it(pat, linden, booking):
    answer = pat.get(f"/bookings/{booking.id}")
    page = answer.get_data(as_text=True)
    assert 'id="week"' in page
    assert '<dialog id="booking-card" open' in page
    for fact in (
        "Thursday 26 November, 09:00–09:50",
        "London time",
        "Shoulder, £65",
        "K-2041",
        "left shoulder",
        "Mark as arrived",
        "Book again",
        "Booked by Pat Linden",
    ):
        assert fact in text(answer), fact
    assert f"/clients/{linden.patient.id}" in page


def test_a_card_without_a_price_shows_no_amount(pat, booking):
    Booking.update(rate_cents=0).where(Booking.id == booking.id).execute()
    assert "£" not in text(pat.get(f"/bookings/{booking.id}", headers=PARTIAL))


def test_htmx_gets_the_card_alone(pat, booking):
    page = pat.get(f"/bookings/{booking.id}", headers=PARTIAL).get_data(as_text=True)
    assert page.strip().startswith('<dialog id="booking-card" open')
    assert 'id="week"' not in page


def test_every_status_can_be_reached_from_every_other(pat, booking):
    for status in (
        "offered",
        "pending",
        "confirmed",
        "arrived",
        "delivered",
        "invoiced",
        "paid",
        "cancelled",
        "no_show",
    ):
        booking.set_status(status, None)
        page = pat.get(f"/bookings/{booking.id}", headers=PARTIAL).get_data(as_text=True)
        reached = set(re.findall(r'name="status" value="(\w+)"', page)) | (
            {"cancelled"} if "Cancel booking" in page else set()
        )
        assert len(reached | {status}) == 9, status


def test_the_card_says_what_it_overlaps(pat, linden, booking):
    Booking.book(
        linden.calendar, [booking.span], linden.pat, allow_overlap=True, service=linden.service
    )
    assert "Overlaps Shoulder, 09:00–09:50, confirmed" in text(pat.get(f"/bookings/{booking.id}"))


def test_a_colleague_s_card_can_be_read_without_notes_rate_or_buttons(
    signed_in, linden, booking, clock
):
    answer = signed_in(linden.quinn).get(f"/bookings/{booking.id}", headers=PARTIAL)
    assert "Małgorzata Wójcik" in text(answer)
    assert "<form" not in answer.get_data(as_text=True)
    for hidden in ("left shoulder", "£65", "History", "Change or move"):
        assert hidden not in text(answer)


# ---- statuses ----


def test_a_status_is_one_press_and_can_be_undone(pat, booking):
    answer = pat.post(f"/bookings/{booking.id}/status", data={"status": "arrived"})
    assert answer.status_code == 303
    assert again(booking).status == "arrived"
    page = pat.get("/calendar").get_data(as_text=True)
    assert f'action="/bookings/{booking.id}/undo"' in page
    assert pat.post(f"/bookings/{booking.id}/undo").status_code == 303
    assert again(booking).status == "confirmed"
    assert "Taken back: confirmed again." in after(pat)


def test_undoing_twice_changes_nothing_more(pat, booking):
    pat.post(f"/bookings/{booking.id}/status", data={"status": "arrived"})
    pat.post(f"/bookings/{booking.id}/undo"), pat.post(f"/bookings/{booking.id}/undo")
    assert again(booking).status == "confirmed"
    assert "There is nothing to take back any more." in after(pat)


def test_undo_takes_back_its_own_change_and_none_that_a_colleague_made_since(
    pat, signed_in, linden, booking
):
    maya = signed_in(linden.maya)
    pat.post(f"/bookings/{booking.id}/cancellation")
    undo = Filled(next(form for form in forms_of(pat.get("/calendar")) if "undo" in form["action"]))
    for status in ("confirmed", "cancelled"):  # the second is as the page with the button has it
        maya.post(f"/bookings/{booking.id}/status", data={"status": status})
        undo.send(pat)
        assert again(booking).status == status
        assert "There is nothing to take back any more." in after(pat)


def test_an_unknown_status_comes_back_with_the_card(pat, booking):
    answer = pat.post(f"/bookings/{booking.id}/status", data={"status": "lost"}, headers=PARTIAL)
    assert answer.status_code == 422
    assert answer.get_data(as_text=True).strip().startswith('<dialog id="booking-card"')
    assert again(booking).status == "confirmed"


def test_a_cancelled_booking_is_restored_into_taken_time_only_if_the_person_agrees(
    pat, linden, booking
):
    booking.cancel(linden.pat)
    Booking.book(linden.calendar, [booking.span], linden.pat, patient=linden.patient)
    answer = pat.post(f"/bookings/{booking.id}/status", data={"status": "confirmed"})
    assert answer.status_code == 422
    assert "The time is taken now" in text(answer)
    assert again(booking).status == "cancelled"
    pat.post(f"/bookings/{booking.id}/status", data={"status": "confirmed", "overlap": "ok"})
    assert again(booking).status == "confirmed"


# ---- cancelling ----


def test_one_booking_is_cancelled_with_one_press_and_comes_back_with_undo(pat, booking):
    assert pat.post(f"/bookings/{booking.id}/cancellation", headers=PARTIAL).status_code == 204
    assert again(booking).status == "cancelled"
    assert "The time is free again." in after(pat)
    pat.post(f"/bookings/{booking.id}/undo")
    assert again(booking).status == "confirmed"


def test_a_cancellation_is_not_undone_into_taken_time(pat, linden, booking):
    pat.post(f"/bookings/{booking.id}/cancellation")
    Booking.book(linden.calendar, [booking.span], linden.pat)
    pat.post(f"/bookings/{booking.id}/undo")
    assert again(booking).status == "cancelled"
    assert "The time has been taken since" in after(pat)


def test_one_of_a_series_asks_which_and_leaves_a_way_out(pat, series):
    answer = pat.get(f"/bookings/{series[1].id}/cancellation")
    assert 'id="week"' in answer.get_data(as_text=True)
    for words in (
        "2 of 3",
        "Only this one",
        "This and following",
        "The whole series",
        "Keep the booking",
    ):
        assert words in text(answer)
    assert (
        pat.get(f"/bookings/{series[1].id}/cancellation", headers=PARTIAL)
        .get_data(as_text=True)
        .strip()
        .startswith('<dialog id="booking-card"')
    )


@pytest.mark.parametrize(("which", "left"), [("one", 2), ("following", 1), ("all", 0)])
def test_this_this_and_following_or_all_are_cancelled(pat, series, which, left):
    pat.post(f"/bookings/{series[1].id}/cancellation", data={"which": which})
    assert Booking.select().where(Booking.status == "confirmed").count() == left


def test_an_unknown_extent_cancels_nothing(pat, series):
    answer = pat.post(f"/bookings/{series[1].id}/cancellation", data={"which": "some"})
    assert answer.status_code == 422
    assert "Nothing is cancelled yet" in text(answer)
    assert Booking.select().where(Booking.status == "cancelled").count() == 0


# ---- changing ----


def form_of(browser, booking: Booking) -> dict:
    """The fields of the form as the page has them."""
    page = browser.get(f"/bookings/{booking.id}/edit").get_data(as_text=True)
    fields = {}
    for tag in re.findall(r"<input[^>]*>", page.split('id="booking-form"')[1]):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") not in ("radio", "checkbox") or " checked" in tag:
            fields[attributes.get("name")] = attributes.get("value", "")
    for name, options in re.findall(r'<select[^>]*name="(\w+)".*?>(.*?)</select>', page, re.S):
        fields[name] = re.search(r'<option selected value="([^"]*)"', options)[1]
    fields["notes"] = html.unescape(re.search(r"<textarea[^>]*>\s*(.*?)</textarea>", page, re.S)[1])
    return fields


def test_saving_an_untouched_form_changes_nothing(pat, booking):
    before = again(booking).__data__
    assert pat.post(f"/bookings/{booking.id}", data=form_of(pat, booking)).status_code == 303
    assert {**again(booking).__data__, "updated_at": None} == {**before, "updated_at": None}


def test_a_form_opened_before_a_cancellation_does_not_undo_it(manager, linden, booking):
    opened = form_of(manager, booking)
    again(booking).cancel(linden.olive)
    assert (
        manager.post(
            f"/bookings/{booking.id}",
            data=opened | {"notes": "parking at the back"},
            headers=PARTIAL,
        ).status_code
        == 204
    )
    assert (again(booking).status, again(booking).notes) == ("cancelled", "parking at the back")


def test_a_form_opened_before_a_move_does_not_move_it_back(manager, linden, booking):
    opened = form_of(manager, booking)
    moved = Span(NINE + timedelta(hours=2), NINE + timedelta(hours=3))
    again(booking).change(linden.olive, moved)
    assert (
        manager.post(f"/bookings/{booking.id}", data=opened | {"status": "arrived"}).status_code
        == 303
    )
    assert (again(booking).span, again(booking).status) == (moved, "arrived")


def test_a_form_that_does_not_say_what_it_saw_shows_what_is_stored_now(manager, linden, booking):
    opened = form_of(manager, booking) | {"seen": ""}
    again(booking).cancel(linden.olive)
    answer = manager.post(
        f"/bookings/{booking.id}",
        data=opened | {"notes": "parking at the back"},
        headers=PARTIAL,
    )
    assert answer.status_code == 422
    assert "This page was out of date. Nothing is saved yet" in text(answer)
    assert "parking at the back" in text(answer)
    assert (again(booking).status, again(booking).notes) == ("cancelled", "left shoulder")


def test_the_second_press_of_save_says_saved_as_well(pat, booking):
    typed_in = form_of(pat, booking) | {"starts": "11:00", "ends": "11:50"}
    assert [pat.post(f"/bookings/{booking.id}", data=typed_in).status_code for _ in range(2)] == [
        303,
        303,
    ]
    assert AuditEntry.about(booking).count() == 2  # booked, moved


def test_the_form_keeps_what_it_saw_of_the_booking_while_one_looks_for_a_client(
    pat, linden, booking
):
    opened = form_of(pat, booking)
    again(booking).cancel(linden.olive)
    page = pat.post(f"/bookings/{booking.id}", data=opened | {"q": "mo", "find": "1"}).get_data(
        as_text=True
    )
    assert f'name="seen" type="hidden" value="{opened["seen"]}"' in page


def test_the_history_tells_a_status_set_through_the_form(pat, booking):
    pat.post(f"/bookings/{booking.id}", data=form_of(pat, booking) | {"status": "no_show"})
    assert "Changed, now no-show by Pat Linden" in text(pat.get(f"/bookings/{booking.id}"))
    pat.post(
        f"/bookings/{booking.id}",
        data=form_of(pat, booking) | {"status": "confirmed", "starts": "11:00", "ends": "11:50"},
    )
    assert "Moved from Thu 26 Nov 09:00 to Thu 26 Nov 11:00, now confirmed by Pat Linden" in text(
        pat.get(f"/bookings/{booking.id}")
    )


def test_the_second_pass_of_a_repeated_hour_survives_an_untouched_form(pat, linden, clock):
    # 01:30 GMT, half an hour after 01:30 BST would have been booked.
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    (row,) = Booking.book(
        linden.calendar, [Span(second, second + timedelta(minutes=30))], linden.pat
    )
    pat.post(f"/bookings/{row.id}", data=form_of(pat, row) | {"notes": "late"})
    assert (again(row).starts_at, again(row).notes) == (second, "late")


def test_a_booking_is_moved_and_the_history_says_from_where(pat, booking):
    answer = pat.post(
        f"/bookings/{booking.id}",
        data=form_of(pat, booking) | {"starts": "11:00", "ends": "11:50"},
        headers=PARTIAL,
    )
    assert answer.status_code == 204
    assert again(booking).starts_at == NINE + timedelta(hours=2)
    assert "Moved from Thu 26 Nov 09:00 to Thu 26 Nov 11:00 by Pat Linden" in text(
        pat.get(f"/bookings/{booking.id}")
    )


def test_a_move_into_taken_time_is_refused_and_keeps_the_booking(pat, linden, booking):
    Booking.book(
        linden.calendar,
        [Span(NINE + timedelta(hours=2), NINE + timedelta(hours=3))],
        linden.pat,
        patient=linden.patient,
    )
    answer = pat.post(
        f"/bookings/{booking.id}",
        data=form_of(pat, booking) | {"starts": "11:30", "ends": "12:20"},
        headers=PARTIAL,
    )
    assert answer.status_code == 422
    assert answer.get_data(as_text=True).startswith('<form id="booking-form"')
    assert "is here until 12:00" in text(answer)
    assert again(booking).starts_at == NINE


@pytest.mark.parametrize(("which", "moved"), [("one", 1), ("following", 2), ("all", 3)])
def test_this_this_and_following_or_all_are_moved(pat, series, which, moved):
    pat.post(
        f"/bookings/{series[1].id}",
        data=form_of(pat, series[1]) | {"starts": "11:00", "ends": "11:50", "which": which},
    )
    assert sum(row.starts_at.hour == 11 for row in Booking.select()) == moved


def test_a_note_for_all_leaves_their_statuses_alone(pat, series):
    series[0].set_status("paid", None)
    pat.post(
        f"/bookings/{series[1].id}",
        data=form_of(pat, series[1]) | {"notes": "parking at the back", "which": "all"},
    )
    assert {row.notes for row in Booking.select()} == {"parking at the back"}
    assert again(series[0]).status == "paid"


def test_a_manager_moves_a_booking_to_another_calendar_in_that_one_s_zone(manager, linden, booking):
    manager.post(
        f"/bookings/{booking.id}", data=form_of(manager, booking) | {"calendar": linden.abroad.id}
    )
    moved = again(booking)
    assert moved.practitioner == linden.abroad
    assert moved.starts_at == NINE + timedelta(hours=5)  # nine o'clock in New York


def test_book_again_copies_client_service_and_length_and_not_the_status(pat, booking):
    booking.set_status("paid", None)
    page = pat.get(f"/bookings/new?again={booking.id}&day={THURSDAY}").get_data(as_text=True)
    assert all(
        part in page for part in ('value="09:00"', 'value="09:50"', "left shoulder", "Małgorzata")
    )
    assert '<option selected value="confirmed">' in page


@pytest.mark.parametrize(("weeks", "proposed"), [(0, "2026-12-03"), (4, THURSDAY)])
def test_book_again_proposes_its_weekday_the_next_week_that_is_to_come(
    pat, booking, weeks, proposed
):
    ago = timedelta(weeks=weeks)
    Booking.update(starts_at=NINE - ago, ends_at=NINE - ago + timedelta(hours=1)).execute()
    assert f'value="{proposed}"' in pat.get(f"/bookings/new?again={booking.id}").text


def test_book_again_proposes_a_week_in_which_its_time_is_free(pat, linden, booking):
    for weeks in (1, 2, 4):
        span = Span(*(at + timedelta(weeks=weeks) for at in (booking.starts_at, booking.ends_at)))
        Booking.book(linden.calendar, [span], linden.pat)
    page = pat.get(f"/bookings/new?again={booking.id}").text
    assert 'value="2026-12-17"' in page and "is here until" not in page
    Booking.update(status="cancelled").where(Booking.id != booking.id).execute()
    assert 'value="2026-12-03"' in pat.get(f"/bookings/new?again={booking.id}").text


def test_notes_say_whether_they_may_leave(pat, linden):
    assert "Notes are not sent to calendars outside" in text(pat.get("/bookings/new"))
    linden.clinic.notes_may_leave = True
    linden.clinic.save()
    assert "Shown in private links that include notes" in text(pat.get("/bookings/new"))


# ---- who may ----

CHANGES = [
    ("get", "edit"),
    ("post", ""),
    ("post", "status"),
    ("get", "cancellation"),
    ("post", "cancellation"),
    ("post", "undo"),
    ("post", "move"),
    ("post", "move/undo"),
]


@pytest.mark.parametrize(("method", "what"), CHANGES)
def test_a_colleague_may_not_change_it(signed_in, linden, booking, method, what):
    quinn = signed_in(linden.quinn)
    assert (
        getattr(quinn, method)(
            f"/bookings/{booking.id}/{what}".rstrip("/"), data={"status": "paid"}
        ).status_code
        == 403
    )
    assert again(booking).status == "confirmed"


@pytest.mark.parametrize(("method", "what"), [("get", ""), *CHANGES])
def test_for_another_clinic_it_is_not_there(signed_in, stranger, booking, method, what):
    sam = signed_in(stranger)
    assert (
        getattr(sam, method)(
            f"/bookings/{booking.id}/{what}".rstrip("/"), data={"status": "paid"}
        ).status_code
        == 404
    )
    assert again(booking).status == "confirmed"


@pytest.mark.parametrize(("method", "what"), [("get", ""), *CHANGES])
def test_a_booking_that_is_not_there_is_not_found(pat, method, what):
    assert getattr(pat, method)(f"/bookings/99999999999/{what}".rstrip("/")).status_code == 404


def test_one_books_in_one_s_own_calendars_only(pat, linden, typed, stranger):
    assert (
        pat.post("/bookings/", data=typed(calendar=linden.colleague_calendar.id)).status_code == 403
    )
    assert pat.get(f"/bookings/new?calendar={linden.colleague_calendar.id}").status_code == 403
    assert (
        pat.post("/bookings/", data=typed(calendar=stranger.practitioners.get().id)).status_code
        == 404
    )
    assert (
        pat.post("/bookings/clients", data=typed(calendar=linden.colleague_calendar.id)).status_code
        == 403
    )
    assert Booking.select().count() == 0


def test_a_booking_is_not_moved_into_a_colleague_s_calendar(pat, linden, booking):
    assert (
        pat.post(
            f"/bookings/{booking.id}",
            data=form_of(pat, booking) | {"calendar": linden.colleague_calendar.id},
        ).status_code
        == 403
    )
    assert again(booking).practitioner == linden.calendar


def leave(linden):
    linden.pat.leave(linden.olive)


def close_calendar(linden):
    linden.calendar.set_archived(True, linden.olive)


def close_venue(linden):
    linden.street.set_archived(True, linden.olive)


@pytest.mark.parametrize("close", [leave, close_calendar, close_venue])
def test_nothing_new_in_a_closed_calendar(manager, linden, typed, booking, close):
    elsewhere = Booking.book(
        linden.abroad, [Span(NINE + timedelta(days=1), NINE + timedelta(days=1, hours=1))], None
    )[0]
    filled = form_of(manager, elsewhere)
    close(linden)
    assert manager.get(f"/bookings/new?calendar={linden.calendar.id}").status_code == 404
    assert manager.get(f"/bookings/new?again={booking.id}").status_code == 404
    refused = manager.post("/bookings/", data=typed(day="2026-11-27", notes="Left shoulder"))
    told = refused.get_data(as_text=True)
    assert refused.status_code == 404 and "This calendar is closed" in told
    assert "choose another one" in told and "Left shoulder" in told
    assert (
        manager.post(
            f"/bookings/{elsewhere.id}", data=filled | {"calendar": linden.calendar.id}
        ).status_code
        == 404
    )
    assert again(elsewhere).practitioner == linden.abroad
    assert Booking.select().where(Booking.practitioner == linden.calendar).count() == 1


def test_a_booking_of_a_closed_venue_can_still_be_settled_and_not_be_booked_again(
    manager, linden, booking
):
    assert "Book again" in text(manager.get(f"/bookings/{booking.id}"))
    close_venue(linden)
    assert "Book again" not in text(manager.get(f"/bookings/{booking.id}"))
    assert (
        manager.post(
            f"/bookings/{booking.id}", data=form_of(manager, booking) | {"status": "paid"}
        ).status_code
        == 303
    )
    assert again(booking).status == "paid"


@pytest.mark.parametrize("start", ["09:00%2B01:00", "0900Z", "25:00", "soon"])
def test_a_start_that_is_no_wall_time_is_not_found(pat, booking, start):
    assert pat.get(f"/bookings/new?from={start}").status_code == 404
    assert pat.get(f"/bookings/new?again={booking.id}&from={start}").status_code == 404


def test_no_client_s_name_travels_in_the_session_or_the_history(pat, typed, app):
    pat.post("/bookings/", data=typed(patient="new", q="Mo Farrell"))
    with pat.session_transaction() as session:
        assert "Farrell" not in str(dict(session))
    assert "Farrell" not in str([entry.detail for entry in AuditEntry.select()])


# ---- where one came from ----


@pytest.mark.parametrize(("view", "shown"), [("agenda", "2026-11-23"), ("day", THURSDAY)])
def test_every_change_leads_back_to_the_view_and_the_day_one_came_from(
    pat, linden, booking, view, shown
):
    came = f"view={view}&shown={shown}"
    calendar = pat.get(f"/calendar?view={view}&day={shown}").get_data(as_text=True)
    assert f'href="/bookings/{booking.id}?{came}"' in html.unescape(calendar)
    back = f"/calendar?calendar={linden.calendar.id}&day={shown}&view={view}"
    card = html.unescape(
        pat.get(f"/bookings/{booking.id}?{came}", headers=PARTIAL).get_data(as_text=True)
    )
    for what in ("status", "cancellation"):
        assert f'action="/bookings/{booking.id}/{what}?{came}"' in card
    assert f'href="{back}"' in card and f'href="/bookings/{booking.id}/edit?{came}"' in card
    assert (
        pat.post(f"/bookings/{booking.id}/status?{came}", data={"status": "arrived"}).location
        == back
    )
    undo = html.unescape(pat.get(back).get_data(as_text=True))
    assert f'action="/bookings/{booking.id}/undo?{came}"' in undo
    assert pat.post(f"/bookings/{booking.id}/undo?{came}").location == back
    assert (
        pat.post(f"/bookings/{booking.id}/cancellation?{came}", data={"which": "one"}).location
        == back
    )
    assert f'data-view="{view}"' in pat.get(f"/bookings/{booking.id}?{came}").get_data(as_text=True)


def test_a_booking_moved_out_of_the_view_is_followed(pat, linden, booking):
    form = html.unescape(
        pat.get(f"/bookings/{booking.id}/edit?view=day&shown={THURSDAY}").get_data(as_text=True)
    )
    assert f'hx-post="/bookings/{booking.id}?view=day&shown={THURSDAY}"' in form
    moved = {
        "day": "2026-11-27",
        "starts": "10:00",
        "ends": "10:50",
        "status": "confirmed",
        "patient": linden.patient.id,
    }
    answer = pat.post(f"/bookings/{booking.id}?view=day&shown={THURSDAY}", data=moved)
    assert answer.location == f"/calendar?calendar={linden.calendar.id}&day=2026-11-27&view=day"


@pytest.mark.parametrize(
    "came",
    [
        "view=month&shown=2026-11-23",
        "view=agenda&shown=soon",
        "view=agenda&shown=0001-01-01",
        "view=day",
    ],
)
def test_a_view_that_we_did_not_write_leads_to_the_week(pat, linden, booking, came):
    answer = pat.post(f"/bookings/{booking.id}/status?{came}", data={"status": "arrived"})
    assert answer.location == f"/calendar?calendar={linden.calendar.id}&day={THURSDAY}"


# ---- a session that ended ----


def test_a_form_whose_session_ended_stays_and_says_what_to_do(pat, linden, typed, clock):
    clock.now += timedelta(hours=13)
    for answer in (
        pat.post("/bookings/", data=typed(), headers=PARTIAL),
        pat.get("/bookings/check", headers=PARTIAL),
    ):
        assert (
            answer.status_code == 401
            and "HX-Redirect" not in answer.headers
            and answer.headers["HX-Reswap"].startswith("none")
        )
        page = answer.get_data(as_text=True)
        assert (
            page.startswith('<div id="flash" role="status" hx-swap-oob="true">')
            and 'href="/sign-in" target="_blank"' in page
        )
        assert text(answer) == "You are signed out. Sign in in another tab , then go on here."
    assert not Booking.select().exists()


def test_without_javascript_a_session_that_ended_leads_to_sign_in_with_a_sentence(
    pat, typed, clock
):
    clock.now += timedelta(hours=13)
    answer = pat.post("/bookings/", data=typed())
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert "You were signed out, so nothing was saved." in text(pat.get("/sign-in"))
    assert not Booking.select().exists()


def test_a_page_whose_session_ended_is_where_one_comes_back_to(pat, clock):
    clock.now += timedelta(hours=13)
    assert (
        pat.get(f"/bookings/new?day={THURSDAY}&from=13:50").location
        == f"/sign-in?next=/bookings/new?day%3D{THURSDAY}%26from%3D13:50"
    )


# ---- who was typed, and when ----


@pytest.mark.parametrize(
    ("typed_name", "offers_new"), [("k-2041", False), ("małgorzata wojcik", True)]
)
def test_a_client_typed_whole_is_chosen_and_let_go_when_one_types_on(
    pat, linden, typed, typed_name, offers_new
):
    page = pat.post(
        "/bookings/clients", data=typed(q=typed_name, patient=""), headers=PARTIAL
    ).get_data(as_text=True)
    assert f'value="{linden.patient.id}" checked' in page
    assert ('value="new"' in page) == offers_new
    assert not offers_new or page.index('value="none"') < page.index('value="new"')
    on = {"q": f"{typed_name}x", "patient": linden.patient.id, "matched": linden.patient.id}
    gone_on = pat.post("/bookings/clients", data=typed(**on), headers=PARTIAL).get_data(
        as_text=True
    )
    assert re.findall(r'value="(\w+)" checked', gone_on) == ["new"]  # nobody is called that
    assert (
        pat.post("/bookings/", data=typed(q=typed_name, matched=linden.patient.id)).status_code
        == 303
    )
    assert only().patient == linden.patient


def test_no_client_is_chosen_if_two_have_the_typed_name(pat, linden, typed):
    Patient.create(
        clinic=linden.clinic, first_name="Małgorzata", last_name="Wójcik", internal_id="K-2042"
    )
    page = pat.post(
        "/bookings/clients", data=typed(q="Małgorzata Wójcik", patient=""), headers=PARTIAL
    ).get_data(as_text=True)
    assert " checked" not in page and 'value="new"' in page


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"starts": "14:00", "ends": "13:00"}, "It ends before it starts. Check both times."),
        ({"all_day": "y", "last_day": "2026-11-25"}, "The last day lies before the first."),
    ],
)
def test_the_check_says_at_once_what_saving_would_refuse(pat, linden, times, said):
    answer = pat.get(
        "/bookings/check",
        query_string={"calendar": linden.calendar.id, "day": THURSDAY, **times},
        headers=PARTIAL,
    )
    assert said in text(answer)
