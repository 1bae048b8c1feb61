"""A series that two people have open at once: what one saves reaches the bookings that they meant,
whatever the other changed meanwhile, and they are told of it.
"""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest

from base.scheduling import Span, repeats
from models import AuditEntry, Booking, Patient
from tests.pages import Filled, form_of

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a Thursday
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)


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
    spans = repeats(Span(NINE, NINE + HOUR), linden.street.zone, 1, count=5)
    return Booking.book(linden.calendar, spans, linden.pat, patient=linden.patient)


@pytest.fixture
def others(linden):
    return [
        Patient.add(linden.clinic, None, first_name=name, last_name="Other")
        for name in ("Otto", "Zoe")
    ]


def edit(browser, row, **typed) -> Filled:
    return form_of(browser.get(f"/bookings/{row.id}/edit"), "booking-form").put(**typed)


def saved(browser, answer) -> str:
    assert answer.status_code == 303
    return text(browser.get(answer.location))


def decided(browser, form, **kept) -> str:
    """Save, choose which to keep, save again; what is said then."""
    asked = form.send(browser)
    assert asked.status_code == 422
    return saved(browser, form_of(asked, "booking-form").put(**kept).send(browser))


def rows():
    return list(Booking.select().order_by(Booking.id))


def places():
    """How far each lies from the place that it had first."""
    return [row.starts_at - NINE - n * WEEK for n, row in enumerate(rows())]


# ---- both changed the same, one of them for this booking alone ----


def test_a_value_for_all_reaches_all_where_a_colleague_set_another_for_this_one(
    pat, maya, series, others
):
    theirs = {"patient": str(others[0].id), "rate": "50", "notes": "Parking behind the house"}
    mine = {"patient": str(others[1].id), "rate": "70", "notes": "Allergic to latex"}
    form = edit(maya, series[0], which="all", **mine)
    edit(pat, series[0], which="one", **theirs).send(pat)
    choices = {"keep__patient": "yours", "keep__rate": "yours", "keep__notes": "both"}
    said = decided(maya, form, **choices)
    assert "and 4 more" in said and "set for them alone" not in said
    both = "Parking behind the house\nAllergic to latex"
    assert {(row.patient_id, row.rate_cents, row.notes) for row in rows()} == {
        (others[1].id, 7000, both)
    }


def test_what_the_same_person_set_apart_for_one_stays_apart(pat, maya, series, others):
    edit(maya, series[3], which="one", rate="20").send(maya)
    form = edit(maya, series[0], which="all", rate="70")
    edit(pat, series[0], which="one", rate="50").send(pat)
    assert "1 booking kept what was set for it alone" in decided(maya, form, keep__rate="yours")
    assert [row.rate_cents for row in rows()] == [7000, 7000, 7000, 2000, 7000]


def test_the_same_change_of_two_counts_for_as_many_as_the_second_meant(pat, maya, series, others):
    there = {"patient": str(others[0].id), "day": "2026-11-27"}
    form = edit(maya, series[0], which="all", **there)
    edit(pat, series[0], which="one", **there).send(pat)
    assert "and 4 more" in saved(maya, form.send(maya))
    assert {row.patient_id for row in rows()} == {others[0].id}
    assert places() == [timedelta(days=1)] * 5
    entries = AuditEntry.select().count()
    form.send(maya)  # pressed twice
    assert places() == [timedelta(days=1)] * 5 and AuditEntry.select().count() == entries


@pytest.mark.parametrize("which", ["one", "all"])
def test_a_move_of_all_goes_to_the_day_that_was_meant(pat, maya, series, which):
    """Monday, for a series on Thursdays, whether a colleague moved one or all to Friday."""
    form = edit(maya, series[0], which="all", day="2026-11-30")
    edit(pat, series[0], which=which, day="2026-11-27", starts="14:00", ends="15:00").send(pat)
    decided(maya, form, keep__calendar="yours")
    assert places() == [timedelta(days=4)] * 5


@pytest.mark.parametrize("which", ["one", "all"])
def test_all_go_to_the_colleague_who_was_meant(
    signed_in, receptionist, maya, linden, series, which
):
    desk = signed_in(receptionist)
    form = edit(maya, series[0], which="all", calendar=str(linden.colleague_calendar.id))
    edit(desk, series[0], which=which, calendar=str(linden.abroad.id)).send(desk)
    decided(maya, form, keep__calendar="yours")
    assert {row.practitioner_id for row in rows()} == {linden.colleague_calendar.id}


def test_a_note_for_all_moves_none_that_a_colleague_moved_or_gave_away(
    signed_in, receptionist, maya, linden, series
):
    desk = signed_in(receptionist)
    form = edit(maya, series[0], which="all", notes="Towel")
    there = {"calendar": str(linden.colleague_calendar.id), "day": "2026-11-27"}
    edit(desk, series[0], which="one", **there).send(desk)
    said = saved(maya, form.send(maya))
    assert "while you had it open: When." in said
    assert [row.notes for row in rows()] == ["Towel"] * 5
    assert places() == [timedelta(days=1), *[timedelta(0)] * 4]
    assert [row.practitioner_id for row in rows()] == [
        linden.colleague_calendar.id,
        *[linden.calendar.id] * 4,
    ]


# ---- what a form cannot show side by side is asked for once ----


@pytest.mark.parametrize(("day", "reached"), [("2027-01-07", 1), ("2026-11-20", 5)])
def test_this_and_following_asks_where_others_follow_it_now(pat, maya, series, day, reached):
    form = edit(maya, series[2], which="following", notes="Towel")
    edit(pat, series[2], which="one", day=day).send(pat)
    asked = form.send(maya)
    assert asked.status_code == 422 and "so other bookings follow it now" in text(asked)
    assert 'id="which-error"' in asked.get_data(as_text=True)
    assert [row.notes for row in rows()] == [""] * 5
    form_of(asked, "booking-form").send(maya)
    assert [row.notes for row in rows()].count("Towel") == reached


def test_who_moves_what_a_colleague_cancelled_is_told_before(maya, linden, series):
    form = edit(maya, series[0], which="all", starts="11:00", ends="12:00", notes="Towel")
    series[0].cancel(linden.pat, which="all")
    asked = form.send(maya)
    assert asked.status_code == 422 and places() == [timedelta(0)] * 5
    assert "and now it is: cancelled" in text(asked)
    again = form_of(asked, "booking-form")
    assert again["status"] == "cancelled" and again["notes"] == "Towel"
    again.put(status="confirmed", which="one").send(maya)
    assert [row.status for row in rows()] == ["confirmed", *["cancelled"] * 4]
    assert places() == [2 * HOUR, *[timedelta(0)] * 4]


def test_a_note_for_what_was_cancelled_meanwhile_is_kept_and_that_is_said(maya, linden, series):
    form = edit(maya, series[0], which="one", notes="Towel")
    series[0].cancel(linden.pat)
    assert "while you had it open: Status." in saved(maya, form.send(maya))
    assert (rows()[0].status, rows()[0].notes) == ("cancelled", "Towel")


def test_two_clients_side_by_side_stand_under_their_name(pat, maya, series, others):
    form = edit(maya, series[0], patient=str(others[0].id))
    edit(pat, series[0], patient=str(others[1].id)).send(pat)
    assert "Client Theirs, saved now Zoe Other" in text(form.send(maya))


# ---- cancelling more than one ----


def hidden(answer) -> dict[str, str]:
    found = re.findall(r'name="(was|shown|since)"\s+value="([^"]*)"', answer.get_data(as_text=True))
    return dict(found)


def cancel(browser, row, which, **seen):
    return browser.post(f"/bookings/{row.id}/cancellation", data={"which": which, **seen})


@pytest.mark.parametrize("does", ["moves", "gives another client", "has arrived"])
def test_cancelling_all_names_first_what_a_colleague_changed_meanwhile(
    pat, maya, series, others, does
):
    seen = hidden(maya.get(f"/bookings/{series[0].id}/cancellation"))
    if does == "moves":
        edit(pat, series[2], which="one", starts="14:00", ends="15:00").send(pat)
    elif does == "gives another client":
        edit(pat, series[2], which="one", patient=str(others[0].id)).send(pat)
    else:
        pat.post(f"/bookings/{series[2].id}/status", data={"status": "arrived"})
    asked = cancel(maya, series[0], "all", **seen)
    assert asked.status_code == 422 and "1 of these bookings was changed" in text(asked)
    times = "14:00–15:00" if does == "moves" else "09:00–10:00"
    assert f"Thursday 10 December, {times}" in text(asked)
    assert {row.status for row in rows()} <= {"confirmed", "arrived"}
    again = cancel(maya, series[0], "all", **hidden(asked))
    assert "5 bookings are cancelled" in saved(maya, again)
    assert {row.status for row in rows()} == {"cancelled"}


@pytest.mark.parametrize("which", ["one", "following"])
def test_what_is_not_cancelled_is_not_asked_about(pat, maya, series, which):
    first = series[0] if which == "one" else series[2]
    seen = hidden(maya.get(f"/bookings/{first.id}/cancellation"))
    edit(pat, series[1], which="one", notes="Towel").send(pat)
    edit(maya, series[3], which="one", notes="Mine").send(maya)
    assert cancel(maya, first, which, **seen).status_code == 303
    assert [row.status == "cancelled" for row in rows()] == [
        row.id == first.id if which == "one" else row.id >= first.id for row in rows()
    ]
