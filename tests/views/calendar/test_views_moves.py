"""Bookings moved and made longer by hand, over HTTP: saved, asked about, refused, undone."""

import html
import re
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from base.scheduling import Span
from base.tables.time_off import DatedHours
from models import AuditEntry, Booking
from tests.pages import Filled, forms_of

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a Thursday; the clock stands at 20 November
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)


@pytest.fixture
def pat(signed_in, linden, clock):
    return signed_in(linden.pat)


@pytest.fixture
def desk(signed_in, receptionist, clock):
    return signed_in(receptionist)


def book(linden, start=NINE, length=50, **more) -> Booking:
    span = Span(start, start + timedelta(minutes=length))
    return Booking.book(linden.calendar, [span], linden.pat, patient=linden.patient, **more)[0]


@pytest.fixture
def booking(linden, clock):
    return book(linden, notes="left shoulder")


def again(row: Booking) -> Booking:
    return Booking.get_by_id(row.id)


def place(row: Booking) -> tuple[datetime, datetime]:
    return again(row).starts_at, again(row).ends_at


def move(browser, row: Booking, **fields):
    return browser.post(f"/bookings/{row.id}/move", data={"seen": again(row).sequence, **fields})


def text(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True))).split())


def undo_on(answer) -> Filled:
    return Filled(next(form for form in forms_of(answer) if "/undo" in form["action"]))


def wish_of(answer) -> dict[str, str]:
    """What the form that follows is filled in with."""
    where = urlsplit(answer.location)
    assert answer.status_code == 303 and where.path.endswith("/edit"), answer.location
    return {name: values[0] for name, values in parse_qs(where.query).items()}


def test_the_card_makes_a_booking_longer_and_undo_takes_that_back(pat, booking):
    card = pat.get(f"/bookings/{booking.id}")
    form = Filled(next(form for form in forms_of(card) if form["action"].endswith("/move")))
    answer = form.put(longer="15").send(pat)
    assert place(booking) == (NINE, NINE + timedelta(minutes=65))
    page = pat.get(answer.location)
    assert "Changed: Thursday 26 November, 09:00–10:05." in text(page)
    taken_back = undo_on(page).send(pat)
    assert place(booking) == (NINE, NINE + timedelta(minutes=50))
    assert "Taken back: Thursday 26 November, 09:00–09:50 again." in text(
        pat.get(taken_back.location)
    )


def test_a_press_that_comes_twice_lengthens_once(pat, booking):
    card = pat.get(f"/bookings/{booking.id}")
    form = Filled(next(form for form in forms_of(card) if form["action"].endswith("/move")))
    form.put(longer="15").send(pat)
    second = form.send(pat)
    assert place(booking)[1] == NINE + timedelta(minutes=65)
    assert "Someone else changed this booking" in text(pat.get(second.location))


def test_the_shortest_is_not_made_shorter(pat, linden, clock):
    row = book(linden, length=15)
    assert "−15 min" not in text(pat.get(f"/bookings/{row.id}"))
    answer = move(pat, row, longer="-15")
    assert place(row) == (NINE, NINE + QUARTER)
    assert "It would end before it starts." in text(pat.get(answer.location))


def test_minutes_between_two_steps_stay(pat, linden, clock):
    row = book(linden, NINE + timedelta(minutes=7), 48)
    move(pat, row, day="2026-11-27", by="30")
    start = NINE + timedelta(days=1, minutes=37)
    assert place(row) == (start, start + timedelta(minutes=48))


def test_the_desk_moves_to_another_calendar_and_back_with_undo(desk, linden, booking):
    answer = move(desk, booking, calendar=linden.colleague_calendar.id, by="60")
    moved = again(booking)
    assert (moved.practitioner, moved.starts_at) == (linden.colleague_calendar, NINE + HOUR)
    assert moved.notes == "left shoulder"
    undo_on(desk.get(answer.location)).send(desk)
    assert (again(booking).practitioner, place(booking)[0]) == (linden.calendar, NINE)


def test_one_of_a_series_moves_alone(pat, linden, clock):
    spans = [
        Span(NINE + timedelta(days=7 * n), NINE + timedelta(days=7 * n, hours=1)) for n in (0, 1)
    ]
    first, second = Booking.book(linden.calendar, spans, linden.pat)
    move(pat, first, by="60")
    assert (place(first)[0], place(second)[0]) == (NINE + HOUR, spans[1].starts_at)


def test_a_taken_time_opens_the_form_with_the_wish_and_saves_nothing(pat, linden, booking):
    book(linden, NINE + 2 * HOUR)
    answer = move(pat, booking, by="120")
    assert place(booking)[0] == NINE
    wish = wish_of(answer)
    assert (wish["day"], wish["from"], wish["to"]) == ("2026-11-26", "11:00", "11:50")
    page = pat.get(answer.location)
    assert "The time is taken. Nothing is saved yet" in text(page)
    form = Filled(next(form for form in forms_of(page) if form["id"] == "booking-form"))
    assert (form["starts"], form["ends"], form["notes"]) == ("11:00", "11:50", "left shoulder")
    assert form.send(pat).status_code == 422  # still asked about, as the form does
    assert form.put(overlap="ok").send(pat).status_code == 303
    assert place(booking)[0] == NINE + 2 * HOUR


def test_the_form_with_a_wish_tells_what_somebody_changed_meanwhile(pat, linden, booking):
    book(linden, NINE + 2 * HOUR)
    page = pat.get(move(pat, booking, by="120").location)
    again(booking).change(linden.maya, Span(NINE - HOUR, NINE), notes="right shoulder")
    form = Filled(next(form for form in forms_of(page) if form["id"] == "booking-form"))
    answer = form.put(overlap="ok").send(pat)
    assert answer.status_code == 422
    assert (place(booking)[0], again(booking).notes) == (NINE - HOUR, "right shoulder")


def test_outside_the_hours_the_form_asks(pat, booking):
    answer = move(pat, booking, by=str(12 * 60))
    assert (place(booking)[0], wish_of(answer)["from"]) == (NINE, "21:00")
    assert "outside the working hours" in text(pat.get(answer.location))


def test_shortening_a_booking_outside_the_hours_asks_nothing(pat, linden, clock):
    row = book(linden, NINE + 12 * HOUR)
    assert move(pat, row, longer="-15").location.startswith("/calendar")
    assert place(row)[1] == NINE + 12 * HOUR + timedelta(minutes=35)


def test_two_people_move_it_and_the_second_is_told(pat, desk, linden, booking):
    seen = booking.sequence
    move(desk, booking, by="60")
    answer = pat.post(f"/bookings/{booking.id}/move", data={"seen": seen, "by": "-60"})
    assert place(booking)[0] == NINE + HOUR
    assert "Someone else changed this booking" in text(pat.get(answer.location))


def test_without_saying_what_was_seen_nothing_moves(pat, booking):
    pat.post(f"/bookings/{booking.id}/move", data={"by": "60"})
    assert place(booking)[0] == NINE


def test_a_note_written_meanwhile_stays(pat, linden, booking):
    seen = booking.sequence
    again(booking).change(linden.maya, booking.span, notes="right shoulder")
    pat.post(f"/bookings/{booking.id}/move", data={"seen": seen, "by": "60"})
    assert (place(booking)[0], again(booking).notes) == (NINE + HOUR, "right shoulder")


def test_a_move_that_moves_nothing_leaves_no_trace(pat, booking):
    before = AuditEntry.select().count()
    move(pat, booking, day="2026-11-26", by="0")
    assert (AuditEntry.select().count(), again(booking).sequence) == (before, booking.sequence)


# ---- taking it back ----


def test_undo_leaves_a_later_move_and_a_later_status_alone(pat, linden, booking):
    undo = undo_on(pat.get(move(pat, booking, by="60").location))
    again(booking).change(linden.maya, Span(NINE + 3 * HOUR, NINE + 4 * HOUR))
    said = text(pat.get(undo.send(pat).location))
    assert "changed since, so it stays" in said and place(booking)[0] == NINE + 3 * HOUR
    undo = undo_on(pat.get(move(pat, booking, by="-60").location))
    again(booking).set_status("arrived", linden.maya)
    undo.send(pat)
    assert (place(booking)[0], again(booking).status) == (NINE + 2 * HOUR, "arrived")


def test_undo_keeps_a_note_that_was_written_since(pat, linden, booking):
    undo = undo_on(pat.get(move(pat, booking, by="60").location))
    again(booking).change(linden.maya, again(booking).span, notes="right shoulder")
    undo.send(pat)
    assert (place(booking)[0], again(booking).notes) == (NINE, "right shoulder")


def test_undo_twice_goes_back_once(pat, booking):
    undo = undo_on(pat.get(move(pat, booking, by="60").location))
    undo.send(pat), undo.send(pat)
    assert place(booking)[0] == NINE


def test_undo_is_refused_where_the_time_was_taken_since(pat, linden, booking):
    undo = undo_on(pat.get(move(pat, booking, by="120").location))
    book(linden)
    said = text(pat.get(undo.send(pat).location))
    assert "taken since" in said and place(booking)[0] == NINE + 2 * HOUR


def test_undo_goes_back_over_what_was_agreed_to_overlap(pat, linden, booking):
    over = book(linden, allow_overlap=True)
    undo_on(pat.get(move(pat, over, by="120").location)).send(pat)
    assert place(over)[0] == NINE


def test_undo_does_not_move_into_a_calendar_that_is_not_the_person_s(
    pat, desk, signed_in, linden, booking
):
    move(desk, booking, calendar=linden.colleague_calendar.id)
    entry = AuditEntry.about(booking).first()
    quinn = signed_in(linden.quinn)
    quinn.post(f"/bookings/{booking.id}/move/undo", data={"change": entry.id})
    assert again(booking).practitioner == linden.colleague_calendar


def test_undo_names_a_change_of_this_booking(pat, linden, booking):
    other = book(linden, NINE + 5 * HOUR)
    move(pat, other, by="60")
    entry = AuditEntry.about(other).first()
    for change in (entry.id, "", 999_999_999):
        pat.post(f"/bookings/{booking.id}/move/undo", data={"change": change})
    assert (place(booking)[0], place(other)[0]) == (NINE, NINE + 6 * HOUR)


def test_a_move_by_the_form_can_be_taken_back_too(pat, booking):
    page = pat.get(f"/bookings/{booking.id}/edit")
    form = Filled(next(form for form in forms_of(page) if form["id"] == "booking-form"))
    answer = form.put(starts="11:00", ends="11:50").send(pat)
    assert place(booking)[0] == NINE + 2 * HOUR
    undo_on(pat.get(answer.location)).send(pat)
    assert place(booking)[0] == NINE


# ---- days on which the clocks change ----


@pytest.fixture
def open_sundays(linden, clock):
    for day in (date(2027, 3, 28), date(2027, 10, 31)):
        DatedHours.add(linden.calendar, day, [["00:00", "12:00"]], linden.pat)


def test_a_length_stays_over_the_hour_that_is_missing(pat, linden, open_sundays):
    saturday = datetime(2027, 3, 27, 0, 30, tzinfo=UTC)
    row = book(linden, saturday, 120, allow_overlap=True)
    move(pat, row, day="2027-03-28")
    assert place(row) == (saturday + 24 * HOUR, saturday + 26 * HOUR)


@pytest.mark.parametrize(("day", "wall"), [("2027-03-28", "02:30"), ("2027-10-31", "01:30")])
def test_a_time_that_is_missing_or_comes_twice_is_asked_about(pat, linden, open_sundays, day, wall):
    moved = date.fromisoformat(day) - timedelta(days=7)
    start = datetime(2027, moved.month, moved.day, 1, 30, tzinfo=linden.calendar.zone)
    row = book(linden, start.astimezone(UTC), 20)
    answer = move(pat, row, day=day)
    assert wish_of(answer)["from"] == wall and place(row)[0] == start.astimezone(UTC)
    assert "clocks go" in text(pat.get(answer.location))


def test_the_second_pass_of_an_hour_stays_the_second(pat, linden, open_sundays):
    second = datetime(2027, 10, 31, 1, 15, tzinfo=UTC)  # 01:15 GMT, after 01:15 BST
    row = book(linden, second, 30)
    move(pat, row, day="2027-10-31", longer="15")
    assert place(row) == (second, second + 3 * QUARTER)


@pytest.mark.parametrize(("hour", "hour_pass"), [(0, "first"), (1, "second")])
def test_a_question_about_a_move_keeps_the_pass(pat, linden, hour, hour_pass):
    """The form that asks proposes the time to which it was moved."""
    row = book(linden, datetime(2027, 10, 31, hour, 15, tzinfo=UTC), 20, allow_overlap=True)
    wish = wish_of(move(pat, row, by="10"))
    assert (wish["from"], wish["to"], wish["hour_pass"]) == ("01:25", "01:45", hour_pass)
    page = pat.get(f"/bookings/{row.id}/edit", query_string=wish)
    form = Filled(next(one for one in forms_of(page) if one["action"].endswith(f"/{row.id}")))
    form.send(pat)
    assert place(row)[0] == datetime(2027, 10, 31, hour, 25, tzinfo=UTC)


# ---- what cannot be ----


def test_whole_days_are_not_moved_so(pat, linden, clock):
    span = Span(
        datetime(2026, 11, 26, tzinfo=UTC),
        datetime(2026, 11, 27, tzinfo=UTC),
        date(2026, 11, 26),
        date(2026, 11, 27),
    )
    row = Booking.book(linden.calendar, [span], linden.pat)[0]
    assert "+15 min" not in text(pat.get(f"/bookings/{row.id}"))
    answer = move(pat, row, by="60")
    assert "changed in the form" in text(pat.get(answer.location))
    assert again(row).span == span


@pytest.mark.parametrize(
    "fields",
    [
        {"by": "x"},
        {"by": "--5"},
        {"by": "99999999"},
        {"day": "2026-13-01"},
        {"day": "9999-12-31"},
        {"calendar": "999999"},
        {"seen": "-1"},
    ],
)
def test_nonsense_is_not_found(pat, booking, fields):
    assert move(pat, booking, **fields).status_code == 404
    assert place(booking)[0] == NINE


def test_a_practitioner_moves_nothing_into_a_colleague_s_calendar(pat, linden, booking):
    assert move(pat, booking, calendar=linden.colleague_calendar.id).status_code == 403


def test_too_long_is_said_in_words(pat, linden, clock):
    row = book(linden, length=26 * 60)
    answer = move(pat, row, longer=str(31 * 24 * 60))
    assert "at most 31 days" in text(pat.get(answer.location))
    assert place(row)[1] == NINE + 26 * HOUR


def test_a_wish_that_the_form_cannot_hold_loses_no_day(pat, linden, clock):
    row = book(linden, length=26 * 60)
    answer = move(pat, row, longer="15")
    assert wish_of(answer) == {}
    form = Filled(
        next(form for form in forms_of(pat.get(answer.location)) if form["id"] == "booking-form")
    )
    form.send(pat)
    assert place(row) == (NINE, NINE + 26 * HOUR)
