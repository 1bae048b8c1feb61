"""A series on the pages: every taken time is shown before saving, can be skipped or booked anyway,
and the message names bookings left unchanged.
"""

import html
import re
from datetime import UTC, date, datetime, timedelta

import external
import pytest

from base.scheduling import Span, repeats
from base.tables.notes import NoteVersion
from base.tables.time_off import DatedHours
from models import AuditEntry, Booking, Feed, Patient, Practitioner, Service, Venue
from tests.pages import Filled, form_of, forms_of

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
PARTIAL = {"HX-Request": "true"}


def span(weeks=0, hours=0.0):
    start = NINE + weeks * WEEK + timedelta(hours=hours)
    return Span(start, start + HOUR)


def text(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True))).split())


@pytest.fixture
def pat(signed_in, linden, clock):
    return signed_in(linden.pat)


@pytest.fixture
def maya(signed_in, linden, clock):
    return signed_in(linden.maya)


@pytest.fixture
def series(linden, clock):
    return Booking.book(
        linden.calendar,
        repeats(span(), linden.street.zone, 1, count=4),
        linden.pat,
        patient=linden.patient,
    )


def new(browser, **typed):
    form = form_of(browser.get("/bookings/new?day=2026-11-26"), "booking-form")
    return form.put(
        **{"starts": "09:00", "ends": "10:00", "repeat": "weekly", "count": "6", **typed}
    )


def edit(browser, row, **typed):
    return form_of(browser.get(f"/bookings/{row.id}/edit"), "booking-form").put(**typed)


def times():
    return [row.starts_at - NINE for row in Booking.select().order_by(Booking.starts_at)]


# ---- taken times before saving ----


def test_every_taken_time_of_a_new_series_is_shown_bookings_and_outside(pat, linden):
    Booking.book(linden.calendar, [span(1)], linden.pat, patient=linden.patient)
    external.event(external.source(linden.pat), "Dentist", "2026-12-31 09:30", "2026-12-31 10:30")
    answer = new(pat).send(pat)
    assert answer.status_code == 422
    said = text(answer)
    for words in (
        "2 of 6 times are taken",
        "Thursday 3 December, 09:00–10:00: Małgorzata Wójcik",
        "Thursday 31 December, 09:00–10:00: Dentist",
        "Skip these",
        "Book anyway",
    ):
        assert words in said
    assert Booking.select().count() == 1


def test_the_check_while_typing_shows_them_as_well(pat, linden):
    Booking.book(linden.calendar, [span(3)], linden.pat)
    query = {
        "calendar": linden.calendar.id,
        "day": "2026-11-26",
        "starts": "09:00",
        "ends": "10:00",
        "status": "confirmed",
        "repeat": "weekly",
        "count": "6",
    }
    said = text(pat.get("/bookings/check", query_string=query, headers=PARTIAL))
    assert "1 of 6 times is taken" in said and "Thursday 17 December" in said


def test_times_of_a_series_on_a_holiday_are_named_before_and_after_saving(pat, linden):
    for day in (date(2026, 12, 10), date(2026, 12, 24)):
        DatedHours.add(linden.street, day, [], linden.olive, name="Holiday")
    dates = "Thursday 10 December, 09:00–10:00; Thursday 24 December, 09:00–10:00."
    Booking.book(linden.calendar, [span(1)], linden.pat)
    answer = new(pat).send(pat)
    said = f"2 of 6 times are outside the working hours: {dates} You can book anyway."
    assert said in text(answer)
    form_of(answer, "booking-form").put(overlap="skip").send(pat)
    said = f"2 of 5 times are outside the working hours at Linden Street: {dates}"
    assert said in text(pat.get("/calendar"))


def test_times_of_a_moved_series_on_a_holiday_are_named_before_and_after_saving(
    pat, linden, series
):
    for day in (date(2026, 12, 3), date(2026, 12, 17)):
        DatedHours.add(linden.street, day, [], linden.olive, name="Holiday")
    Booking.book(linden.calendar, [span(2, 2)], linden.pat)
    dates = "Thursday 3 December, 11:00–12:00; Thursday 17 December, 11:00–12:00."
    answer = edit(pat, series[0], starts="11:00", ends="12:00", which="all").send(pat)
    assert f"2 of 4 times are outside the working hours: {dates}" in text(answer)
    form_of(answer, "booking-form").put(overlap="ok").send(pat)
    said = f"2 of 4 times are outside the working hours at Linden Street: {dates}"
    assert said in text(pat.get("/calendar"))
    edit(pat, series[0], notes="Towel", which="all").send(pat)
    assert "outside the working hours" not in text(pat.get("/calendar"))


def test_taken_times_are_skipped_and_named(pat, linden):
    Booking.book(linden.calendar, [span(1)], linden.pat)
    form_of(new(pat).send(pat), "booking-form").put(overlap="skip").send(pat)
    assert times() == [n * WEEK for n in range(6)]
    assert Booking.select().where(Booking.series.is_null(False)).count() == 5
    assert "Skipped, because the time is taken: Thursday 3 December, 09:00–10:00." in text(
        pat.get("/calendar")
    )


def test_taken_times_are_booked_anyway_only_as_far_as_was_agreed(pat, linden):
    Booking.book(linden.calendar, [span(1)], linden.pat)
    form = form_of(new(pat).send(pat), "booking-form").put(overlap="ok")
    Booking.book(linden.calendar, [span(2)], linden.pat)  # meanwhile
    answer = form.send(pat)
    assert answer.status_code == 422 and "2 of 6 times are taken" in text(answer)
    assert form_of(answer, "booking-form")["overlap"] is None  # asked anew
    assert form_of(answer, "booking-form").put(overlap="ok").send(pat).status_code == 303
    assert Booking.select().count() == 8


def test_the_next_free_time_is_free_for_the_whole_series(pat, linden):
    Booking.book(
        linden.calendar, [span(4, -0.5)], linden.pat
    )  # a later date clashes, the first one is free
    answer = new(pat).send(pat)
    assert "The next free time for all of them is 09:30–10:30" in text(answer)
    page = answer.get_data(as_text=True)
    take = re.search(r'name="take" value="([^"]+)"', page)[1]
    again = form_of(answer, "booking-form").put(take=take).send(pat)
    assert "times are taken" not in text(again) and "time is taken" not in text(again)
    form_of(again, "booking-form").send(pat)
    assert Booking.select().where(Booking.series.is_null(False)).count() == 6


def test_the_next_free_time_for_a_series_of_the_past_is_free_as_well(pat, linden):
    """None is offered before now: what is taken is looked up where the series would come to lie."""
    long_ago, friday = span(-4), span(2, 24)
    Booking.book(linden.calendar, [long_ago], linden.pat)
    whole = Span(friday.starts_at, friday.starts_at + 9 * HOUR)  # three weeks after today
    Booking.book(linden.calendar, [whole], linden.pat)
    answer = new(pat, day="2026-10-29", count="4").send(pat)
    take = re.search(r'name="take" value="([^"]+)"', answer.get_data(as_text=True))[1]
    assert "taken" not in text(form_of(answer, "booking-form").put(take=take).send(pat))


def test_the_next_free_time_for_a_series_knows_whole_days_where_each_is(maya, linden, series):
    """A colleague's day off in Auckland is over before it is noon in London."""
    venue = Venue.create(clinic=linden.clinic, name="Bay", zone_name="Pacific/Auckland")
    there = Practitioner.create(clinic=linden.clinic, user=linden.quinn, venue=venue)
    series[1].change(linden.maya, span(1, -13), practitioner=there)  # 3 December, 09:00 there
    external.event(external.source(linden.quinn), "Feast", "2026-12-03", "2026-12-04")
    first = Booking.get_by_id(series[0].id)
    answer = edit(maya, first, starts="09:30", ends="10:30", which="all").send(maya)
    assert "1 of 4 times is taken" in text(answer)
    take = re.search(r'name="take" value="([^"]+)"', answer.get_data(as_text=True))[1]
    assert "taken" not in text(form_of(answer, "booking-form").put(take=take).send(maya))


def test_the_next_free_time_for_a_series_keeps_the_gaps_of_both_neighbours(pat, linden):
    first = Service.create(
        clinic=linden.clinic, name="First", gap_before_minutes=10, buffer_minutes=20
    )
    linden.clinic.change(None, step_minutes=5)
    Booking.book(linden.calendar, [span(4, 0)], linden.pat, service=first)
    answer = new(pat).send(pat)  # ends at 10:00, and 20 minutes stay free
    assert "The next free time for all of them is 10:20–11:20" in text(answer)
    answer = new(pat, service=str(first.id)).send(pat)
    assert "The next free time for all of them is 10:20–11:20" in text(answer)
    Booking.book(linden.calendar, [span(3, 3)], linden.pat)
    answer = new(pat, starts="09:30", ends="10:50", service=str(first.id)).send(pat)
    assert "The next free time for all of them is 10:20–11:40" in text(answer)


def test_the_next_free_time_keeps_the_steps_of_the_clinic(pat, linden):
    Booking.book(linden.calendar, [span(4, 0)], linden.pat)
    linden.clinic.change(None, step_minutes=20)
    linden.calendar.set_hours(linden.pat, {"thu": [["08:30", "17:00"]]})
    assert "The next free time for all of them is 10:10–11:10" in text(new(pat).send(pat))
    Booking.book(linden.calendar, [span(0, 0)], linden.pat)
    once = new(pat, repeat="once", count="").send(pat)
    assert "The next free time is 10:10–11:10" in text(once)
    linden.clinic.change(None, step_minutes=5)
    assert "The next free time for all of them is 10:00–11:00" in text(new(pat).send(pat))


def test_the_next_free_time_of_a_moved_series_is_free_for_each_in_its_calendar(
    maya, linden, series
):
    series[2].change(linden.maya, span(2, 5), practitioner=linden.abroad)  # nine in New York
    Booking.book(linden.colleague_calendar, [span(2, 7)], linden.quinn)  # eleven there
    answer = edit(maya, series[0], starts="11:00", ends="12:00", which="all").send(maya)
    assert answer.status_code == 422
    assert "The next free time for all of them is 12:00–13:00" in text(answer)


def test_a_moved_series_can_be_taken_back(pat, linden, series):
    answer = edit(pat, series[0], starts="11:00", ends="12:00", which="all").send(pat)
    assert times() == [n * WEEK + 2 * HOUR for n in range(4)]
    page = pat.get(answer.location)
    undo = next(one for one in forms_of(page) if one["action"].endswith("/move/undo"))
    said = text(pat.get(Filled(undo).send(pat).location))
    assert "Taken back: 4 bookings are where they were." in said
    assert times() == [n * WEEK for n in range(4)]


def test_a_move_of_a_series_shows_every_clash_and_skips_it(pat, linden, series):
    Booking.book(linden.calendar, [span(2, 2)], linden.pat)
    answer = edit(pat, series[0], starts="11:00", ends="12:00", which="all").send(pat)
    assert "1 of 4 times is taken" in text(answer)
    assert form_of(answer, "booking-form").put(overlap="skip").send(pat).status_code == 303
    assert times() == [
        2 * HOUR,
        WEEK + 2 * HOUR,
        2 * WEEK,
        2 * WEEK + 2 * HOUR,
        3 * WEEK + 2 * HOUR,
    ]
    assert "Skipped" in text(pat.get("/calendar"))


def test_the_offer_leaves_the_series_own_paid_bookings_where_they_are(pat, linden, series):
    series[1].change(linden.pat, span(1, 3))
    Booking.get_by_id(series[1].id).set_status("paid", linden.pat)  # it stays at noon
    Booking.book(linden.calendar, [span(2, 2)], linden.pat)
    answer = edit(pat, series[0], starts="11:00", ends="12:00", which="all").send(pat)
    assert "The next free time for all of them is 12:00–13:00" in text(
        answer
    )  # the paid one is not in the way of any
    answer = edit(pat, series[0], day="2026-12-03", starts="11:30", ends="12:30", which="all").send(
        pat
    )
    assert "1 of 3 times is taken" in text(answer)
    assert "The next free time for all of them is 13:00–14:00" in text(answer)


def test_a_series_that_would_end_past_the_last_day_is_refused_in_words(pat, linden, series):
    answer = edit(pat, series[0], day="2099-12-29", which="all").send(pat)
    assert answer.status_code == 422
    assert "Choose a day from 1970 to 2099" in text(answer)
    assert times() == [n * WEEK for n in range(4)]


def test_a_manager_does_not_read_what_a_colleague_does_outside(maya, linden, clock):
    own = Practitioner.create(clinic=linden.clinic, user=linden.maya, venue=linden.street)
    rows = Booking.book(own, repeats(span(), linden.street.zone, 1, count=3), linden.maya)
    rows[1].change(linden.maya, span(1, 5), practitioner=linden.abroad)
    external.event(
        external.source(linden.quinn), "Oncology", "2026-12-03 16:30", "2026-12-03 17:30"
    )
    answer = edit(maya, rows[0], starts="11:00", ends="12:00", which="all").send(maya)
    assert (
        "Thursday 3 December, 11:00–12:00 (Quinn Linden, New York time): Busy (other calendar)"
        in text(answer)
    )
    assert "Oncology" not in text(answer)


# ---- what was left alone ----


def test_the_page_says_what_a_change_left_alone_and_why(pat, linden, series):
    series[1].change(linden.maya, span(1), practitioner=linden.colleague_calendar)
    series[2].set_status("paid", linden.pat)
    assert "1 of this series belongs to a colleague and stays as it is" in text(
        pat.get(f"/bookings/{series[0].id}/edit")
    )
    edit(pat, series[0], starts="11:00", ends="12:00", which="all").send(pat)
    said = text(pat.get("/calendar"))
    assert "1 booking of a colleague was not changed" in said
    assert "paid, missed or cancelled booking kept its status, time and rate" in said
    assert times() == [2 * HOUR, WEEK, 2 * WEEK, 3 * WEEK + 2 * HOUR]


def test_cancelling_all_says_beforehand_and_afterwards_what_stays(pat, linden, series):
    series[1].change(linden.maya, span(1), practitioner=linden.colleague_calendar)
    assert "1 of this series belongs to a colleague and will not be cancelled" in text(
        pat.get(f"/bookings/{series[0].id}/cancellation")
    )
    pat.post(f"/bookings/{series[0].id}/cancellation", data={"which": "all"})
    assert "3 bookings are cancelled" in text(pat.get("/calendar"))
    assert Booking.get_by_id(series[1].id).status == "confirmed"
    Booking.book(linden.calendar, [span(2)], linden.pat)
    pat.post(f"/bookings/{series[0].id}/undo")
    said = text(pat.get("/calendar"))
    assert "2 bookings have the status again that they had before" in said
    assert "Not taken back, because the time is taken: Thursday 10 December, 09:00–10:00." in said


def test_the_history_says_from_whom_to_whom_and_which_fields(maya, linden, series, signed_in):
    edit(
        maya,
        series[0],
        calendar=str(linden.colleague_calendar.id),
        notes="private matter",
        which="all",
    ).send(maya)
    for row in series:
        said = text(maya.get(f"/bookings/{row.id}"))
        assert "iven from Pat Linden (Linden Street) to Quinn Linden (Linden Street)" in said
        assert "notes" in said.split("History")[1]
    owner = text(signed_in(linden.olive).get("/settings/history"))
    assert (
        "from the calendar of Pat Linden at Linden Street, to the calendar of Quinn Linden at"
        " Linden Street (notes)" in owner
    )
    assert "private matter" not in owner
    assert not [entry for entry in AuditEntry.select() if "private" in str(entry.detail)]


@pytest.mark.parametrize("what", ["status", "cancellation"])
def test_a_button_of_a_card_that_is_out_of_date_asks_again(pat, linden, series, what):
    page = pat.get(f"/bookings/{series[0].id}{'/cancellation' if what == 'cancellation' else ''}")
    form = next(
        Filled(found)
        for found in forms_of(page)
        if found["action"].split("?")[0] == f"/bookings/{series[0].id}/{what}"
    )
    series[0].set_status("paid", linden.maya)
    answer = form.put(**({"status": "arrived"} if what == "status" else {})).send(pat)
    assert answer.status_code == 422 and "Someone else changed the status" in text(answer)
    assert Booking.get_by_id(series[0].id).status == "paid"
    again = next(
        Filled(found)
        for found in forms_of(answer)
        if found["action"].split("?")[0] == f"/bookings/{series[0].id}/status"
    )
    assert again.put(status="arrived").send(pat).status_code == 303


# ---- earlier notes ----


def test_people_who_may_read_notes_see_earlier_notes(pat, signed_in, linden, series):
    edit(pat, series[0], notes="allergic to latex").send(pat)
    edit(pat, series[0], notes="").send(pat)
    assert "allergic to latex" in text(pat.get(f"/bookings/{series[0].id}"))
    assert "allergic to latex" not in text(signed_in(linden.quinn).get(f"/bookings/{series[0].id}"))
    form_of(pat.get(f"/clients/{linden.patient.id}/edit"), "client-form").put(
        notes="prefers mornings"
    ).send(pat)
    form_of(pat.get(f"/clients/{linden.patient.id}/edit"), "client-form").put(
        notes="prefers evenings"
    ).send(pat)
    said = text(pat.get(f"/clients/{linden.patient.id}"))
    assert "prefers mornings" in said and "Pat Linden changed it" in said


def test_another_clinic_s_earlier_notes_are_not_there(stranger, linden):
    linden.patient.change(linden.pat, notes="secret")
    linden.patient.change(linden.pat, notes="")
    double = Patient(id=linden.patient.id, clinic=stranger.clinic)
    assert list(NoteVersion.of(double)) == []


# ---- rows that a form must not name ----


def test_an_archived_client_is_not_booked_by_a_crafted_form(pat, linden, series):
    archived = Patient.create(clinic=linden.clinic, first_name="Gone", archived=True)
    answer = new(pat, repeat="once", patient=str(archived.id), starts="15:00", ends="16:00").send(
        pat
    )
    assert answer.status_code == 422 and "This client is archived" in text(answer)
    answer = edit(pat, series[0], patient=str(archived.id)).send(pat)
    assert answer.status_code == 422
    assert not Booking.select().where(Booking.patient == archived).exists()


def test_a_booking_keeps_a_client_who_was_archived_since(pat, linden, series):
    linden.patient.set_archived(True, None)
    assert edit(pat, series[0], notes="late").send(pat).status_code == 303
    assert Booking.get_by_id(series[0].id).patient == linden.patient
    page = pat.get(f"/bookings/new?again={series[0].id}&day=2026-11-26")
    assert form_of(page, "booking-form")["patient"] is None


def test_an_archived_service_and_a_closed_calendar_are_not_booked(maya, pat, linden, series):
    linden.service.set_archived(True, None)
    assert (
        new(pat, repeat="once", service=str(linden.service.id), starts="15:00", ends="16:00")
        .send(pat)
        .status_code
        == 422
    )
    linden.abroad.set_archived(True, None)
    assert edit(maya, series[0], calendar=str(linden.abroad.id)).send(maya).status_code == 404
    assert (
        maya.post(
            "/sync/links/", data={"name": "x", "kind": "bookings", "covers": str(linden.abroad.id)}
        ).status_code
        == 404
    )
    assert not Feed.select().exists()


def test_rows_of_another_clinic_are_not_there(maya, pat, linden, series, stranger):
    theirs = Patient.add(stranger.clinic, None, first_name="Theirs")
    calendar, venue = (
        Practitioner.get(Practitioner.clinic == stranger.clinic),
        Venue.get(Venue.clinic == stranger.clinic),
    )
    assert edit(maya, series[0], patient=str(theirs.id)).send(maya).status_code == 404
    assert edit(maya, series[0], calendar=str(calendar.id)).send(maya).status_code == 404
    assert (
        maya.post(f"/team/{linden.pat.id}/calendars", data={"venue": str(venue.id)}).status_code
        == 422
    )
    assert (
        maya.post(
            f"/team/{linden.pat.id}", data={"parts": f"c{calendar.id}", f"c{calendar.id}-hours": ""}
        ).status_code
        == 404
    )
    assert (
        pat.post(
            "/sync/links/", data={"name": "x", "kind": "bookings", "covers": str(calendar.id)}
        ).status_code
        == 404
    )


def test_a_series_that_would_overlap_itself_says_so(pat, linden):
    typed = {"all_day": "y", "last_day": "2026-12-04", "patient": "none"}
    answer = new(pat, **typed).send(pat)
    assert answer.status_code == 422
    assert "Each one would run into the next. Leave more weeks between them" in text(answer)
    assert not Booking.select().exists()


def test_a_calendar_that_was_closed_while_the_form_was_open_is_told(maya, linden):
    form = new(maya, patient="none", repeat="once", calendar=linden.calendar.id)
    linden.calendar.set_archived(True, linden.olive)
    answer = form.send(maya)
    assert answer.status_code in (404, 422) and not Booking.select().exists()
