"""Booking where time is taken outside.

A warning while one types, a refusal on saving, and "Book anyway".
"""

import html
import re
from datetime import UTC, datetime, timedelta
from functools import partial

import external
import pytest

from base.scheduling import Span
from base.tables.outside import RULES
from models import Booking, Venue

PARTIAL = {"HX-Request": "true"}
DAY = "2026-11-26"  # a Thursday; London is at UTC then
NINE = datetime(2026, 11, 26, 9, tzinfo=UTC)


@pytest.fixture
def pat(signed_in, linden, clock):
    return signed_in(linden.pat)


@pytest.fixture
def add(linden, clock):
    return partial(external.event, external.source(linden.pat))


@pytest.fixture
def dentist(add):
    return add("Dentist", f"{DAY} 09:00", f"{DAY} 10:00")


@pytest.fixture
def typed(linden):
    def fields(**other):
        return {
            "key": "k1",
            "calendar": linden.calendar.id,
            "patient": linden.patient.id,
            "service": linden.service.id,
            "day": DAY,
            "starts": "09:30",
            "ends": "10:20",
            "rate": "",
            "status": "confirmed",
            "notes": "",
            "repeat": "once",
            **other,
        }

    return fields


def text(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True))).split())


def asked(browser, fields) -> str:
    """What the form says while one types."""
    return text(browser.get("/bookings/check", query_string=fields, headers=PARTIAL))


def test_the_form_warns_about_busy_time_outside_and_offers_the_next_free_time(pat, dentist, typed):
    said = asked(pat, typed())
    assert "Dentist is in your other calendar until 10:00" in said
    assert "Dentist, 09:00–10:00, in your calendar Family." in said
    assert "The next free time is 10:00–10:50." in said
    assert "Book anyway" in said


def test_busy_time_outside_is_refused_and_booked_if_the_person_agrees(pat, dentist, typed):
    answer = pat.post("/bookings/", data=typed())
    assert answer.status_code == 422
    assert "The time is taken. Choose another, or tick “Book anyway”" in text(answer)
    assert "Dentist, 09:00–10:00, in your calendar Family." in text(answer)
    assert Booking.select().count() == 0
    assert pat.post("/bookings/", data=typed(overlap="ok")).status_code == 303
    assert Booking.select().count() == 1


@pytest.mark.parametrize("fields", [{"starts": "10:00", "ends": "10:50"}, {"status": "offered"}])
def test_what_takes_no_time_of_it_is_not_warned_about(pat, dentist, typed, fields):
    assert "Dentist is" not in asked(pat, typed(**fields))
    assert pat.post("/bookings/", data=typed(**fields)).status_code == 303


@pytest.mark.parametrize("busy", ["free", "tentative", "elsewhere"])
def test_what_does_not_block_is_only_listed(pat, add, typed, busy):
    add("Yoga", f"{DAY} 09:00", f"{DAY} 10:00", busy=busy)
    said = asked(pat, typed())
    assert "is in your other calendar" not in said
    assert "09:00 Yoga, does not block" in said
    assert pat.post("/bookings/", data=typed()).status_code == 303


def test_a_booking_and_an_outside_time_in_the_way_are_both_named(pat, linden, dentist, typed):
    Booking.book(
        linden.calendar,
        [Span(NINE + timedelta(hours=1), NINE + timedelta(hours=2))],
        linden.pat,
        patient=linden.patient,
    )
    said = asked(pat, typed())
    assert "Małgorzata Wójcik is here until 11:00" in said
    assert (
        "Małgorzata Wójcik, 10:00–11:00, confirmed. Dentist, 09:00–10:00, in your calendar Family."
        in said
    )


def test_each_of_a_series_is_looked_at(pat, add, typed):
    add("Dentist", "2026-12-03 09:00", "2026-12-03 10:00")
    answer = pat.post("/bookings/", data=typed(repeat="weekly", count="3"))
    assert answer.status_code == 422
    assert (
        "Thursday 3 December, 09:30–10:20: Dentist, 09:00–10:00, in your calendar Family."
        in text(answer)
    )
    assert Booking.select().count() == 0


def test_moving_into_it_is_refused_and_writing_a_note_under_it_is_not(pat, linden, dentist, typed):
    booking = Booking.book(
        linden.calendar,
        [Span(NINE + timedelta(hours=3), NINE + timedelta(hours=4))],
        linden.pat,
        patient=linden.patient,
        service=linden.service,
    )[0]
    fields = typed(sequence=booking.sequence, which="one")
    assert pat.post(f"/bookings/{booking.id}", data=fields).status_code == 422
    assert pat.post(f"/bookings/{booking.id}", data=fields | {"overlap": "ok"}).status_code == 303
    booking = Booking.get_by_id(booking.id)
    assert booking.starts_at == NINE + timedelta(minutes=30)
    assert (
        pat.post(
            f"/bookings/{booking.id}", data=fields | {"sequence": booking.sequence, "notes": "x"}
        ).status_code
        == 303
    )


# ---- who reads what ----


def test_others_only_read_that_the_time_is_taken(signed_in, linden, dentist, add, typed):
    add("Secret yoga", f"{DAY} 12:00", f"{DAY} 13:00", busy="free")
    maya = signed_in(linden.maya)
    said = asked(maya, typed()) + text(maya.post("/bookings/", data=typed()))
    assert "Busy outside until 10:00" in said
    assert "Busy (other calendar), 09:00–10:00." in said
    assert not {word for word in ("Dentist", "Family", "yoga") if word in said}
    assert Booking.select().count() == 0


def test_a_title_that_is_empty_says_so(pat, add, typed):
    add("", f"{DAY} 09:00", f"{DAY} 10:00")
    assert "Busy outside until 10:00 (no title), 09:00–10:00" in asked(pat, typed())


# ---- statuses ----


@pytest.fixture
def cancelled(linden, clock):
    booking = Booking.book(
        linden.calendar,
        [Span(NINE, NINE + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
    )[0]
    booking.cancel(linden.pat)
    return booking


def test_a_cancelled_booking_comes_back_under_it_only_when_one_says_so(pat, cancelled, dentist):
    answer = pat.post(f"/bookings/{cancelled.id}/status", data={"status": "confirmed"})
    assert answer.status_code == 422
    assert "The time is taken now Dentist, 09:00–10:00, in a calendar outside." in text(answer)
    assert Booking.get_by_id(cancelled.id).status == "cancelled"
    pat.post(f"/bookings/{cancelled.id}/status", data={"status": "confirmed", "overlap": "ok"})
    assert Booking.get_by_id(cancelled.id).status == "confirmed"
    assert "Overlaps Dentist, 09:00–10:00, in a calendar outside." in text(
        pat.get(f"/bookings/{cancelled.id}")
    )


def test_a_manager_who_brings_it_back_reads_no_title(signed_in, linden, cancelled, dentist):
    maya = signed_in(linden.maya)
    said = text(maya.post(f"/bookings/{cancelled.id}/status", data={"status": "confirmed"}))
    assert "Busy (other calendar), 09:00–10:00, in a calendar outside." in said
    maya.post(f"/bookings/{cancelled.id}/status", data={"status": "confirmed", "overlap": "ok"})
    card = text(maya.get(f"/bookings/{cancelled.id}"))
    assert "Overlaps Busy (other calendar)" in card
    assert "Dentist" not in said + card


def test_a_cancellation_is_not_undone_under_it(pat, cancelled, dentist):
    pat.post(f"/bookings/{cancelled.id}/undo")
    assert Booking.get_by_id(cancelled.id).status == "cancelled"
    assert "The time has been taken since" in text(pat.get("/calendar"))


# ---- whole days and long ones ----


@pytest.mark.parametrize(
    "zone", ["Pacific/Pago_Pago", "Europe/London", "Pacific/Kiritimati"]
)  # UTC−11 to UTC+14
def test_a_whole_day_takes_the_venue_s_own_day_to_the_minute(pat, linden, add, typed, zone):
    Venue.update(zone_name=zone).where(Venue.id == linden.street.id).execute()
    add("Holiday", DAY, "2026-11-27")
    for day, start, end, is_taken in (
        ("2026-11-25", "23:00", "00:00", False),
        (DAY, "00:00", "00:30", True),
        (DAY, "23:30", "00:00", True),
        ("2026-11-27", "00:00", "00:30", False),
    ):
        fields = typed(day=day, starts=start, ends=end, key=f"{day} {start}")
        assert ("Holiday is in your other calendar all day" in asked(pat, fields)) == is_taken, (
            day,
            start,
        )
        assert pat.post("/bookings/", data=fields).status_code == (422 if is_taken else 303), (
            day,
            start,
        )


@pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "Pacific/Kiritimati"])
def test_a_booking_for_whole_days_meets_a_whole_day_outside(pat, linden, add, typed, zone):
    Venue.update(zone_name=zone).where(Venue.id == linden.street.id).execute()
    add("Holiday", DAY, "2026-11-28")
    taken = {
        day: pat.post(
            "/bookings/", data=typed(day=day, all_day="y", starts="", ends="", key=day)
        ).status_code
        for day in ("2026-11-25", DAY, "2026-11-27", "2026-11-28")
    }
    assert taken == {"2026-11-25": 303, DAY: 422, "2026-11-27": 422, "2026-11-28": 303}


def test_an_event_of_many_months_is_in_the_way_and_said_with_both_ends(pat, add, typed):
    add("Sabbatical", "2026-10-01 08:00", "2027-03-01 12:00")
    said = asked(pat, typed())
    assert "Sabbatical is in your other calendar until 12:00 on Mon 1 Mar" in said
    assert "Thursday 1 October 2026, 09:00 to Monday 1 March 2027, 12:00" in said
    assert "The next free time" not in said  # two weeks ahead are looked at
    assert pat.post("/bookings/", data=typed()).status_code == 422
    assert pat.post("/bookings/", data=typed(overlap="ok")).status_code == 303


def test_whole_days_of_all_history_are_in_the_way(pat, add, typed):
    add("Always", "1901-01-01", "2200-01-01")
    assert "Always is in your other calendar all day" in asked(pat, typed())
    assert pat.post("/bookings/", data=typed()).status_code == 422


def test_that_day_lists_what_is_outside_among_the_bookings(pat, linden, dentist, add):
    add("Holiday", DAY, "2026-11-28", rules=RULES | {"all_day": False})
    add("Night train", "2026-11-25 22:00", f"{DAY} 02:00")
    add("The day before", "2026-11-25", DAY)
    Booking.book(
        linden.calendar,
        [Span(NINE + timedelta(hours=2), NINE + timedelta(hours=3))],
        linden.pat,
        patient=linden.patient,
    )
    day = text(pat.get(f"/bookings/new?day={DAY}")).split("Thursday 26 November")[1]
    assert (
        "All day Holiday, does not block 00:00 Night train 09:00 Dentist 11:00 Małgorzata Wójcik"
        in day
    )
    assert "The day before" not in day
