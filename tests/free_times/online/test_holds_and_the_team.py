"""A visitor's hold is only a warning for the team, and it is named among the reasons why a time is
not free.
"""

from datetime import timedelta

import pytest
from online_world import TYPED, only_form, switch_on, text_of, to_details

from base import scheduling
from base.scheduling import Span
from free_times.online.holds import Hold
from models import Booking
from tests.pages import form_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def hold(app, linden, clock):
    page = switch_on(linden)
    visitor = app.test_client(use_cookies=False)
    details = to_details(visitor, page.path, at=20, **{"with": "pat-linden"})
    row = Hold.get()
    row.page, row.visitor_client, row.details = page, visitor, details
    return row


def test_the_booking_form_warns_about_a_hold_and_books_anyway(hold, signed_in, linden):
    maya, calendar = signed_in(linden.maya), hold.practitioner
    local = hold.starts_at.astimezone(calendar.zone)
    asked = {"calendar": calendar.id, "day": local.date(), "from": f"{local:%H:%M}", "minutes": 30}
    shown = text_of(maya.get("/bookings/new", query_string=asked))
    assert f"A client is booking {local:%H:%M}" in shown and "your team can still book it" in shown
    Booking.book(calendar, [Span(hold.starts_at, hold.ends_at)], linden.maya)
    later = {**asked, "from": f"{local.replace(hour=16):%H:%M}"}
    assert "A client is booking" not in text_of(maya.get("/bookings/new", query_string=later))


def test_the_page_that_says_why_names_it(hold, signed_in, linden):
    maya, calendar = signed_in(linden.maya), hold.practitioner
    local = hold.starts_at.astimezone(calendar.zone)
    asked = {
        "calendar": calendar.id,
        "service": linden.service.id,
        "day": local.date(),
        "at": f"{local:%H:%M}",
        "minutes": "",
        "venue": "",
    }
    shown = text_of(maya.get("/free-times/why/", query_string=asked))
    assert "Free." in shown and "Clients cannot book it online:" in shown
    assert "A client is booking" in shown
    Hold.update(expires_at=scheduling.utc_now()).execute()
    shown = text_of(maya.get("/free-times/why/", query_string=asked))
    assert "Clients can book it online." in shown


SAID = "A client was booking this time online just now"


def moved(browser, booking, hold, **more):
    """Dragged onto the time that is held."""
    day = scheduling.local_day(hold.starts_at, hold.practitioner.zone)
    by = (hold.starts_at - booking.starts_at).total_seconds() % 86_400 // 60
    data = {"seen": booking.sequence, "day": str(day), "by": int(by), **more}
    return browser.post(f"/bookings/{booking.id}/move", data=data)


def elsewhere(hold, linden, ahead=timedelta(days=7), calendar=None):
    span = Span(hold.starts_at + ahead, hold.ends_at + ahead)
    return Booking.book(calendar or hold.practitioner, [span], None, patient=linden.patient)[0]


def asks_for(answer, browser) -> str:
    """What the form says that opens in place of the move."""
    assert "/edit?" in answer.location
    return text_of(browser.get(answer.location))


def dragged(maya, hold, linden):
    booking = elsewhere(hold, linden)
    answer = moved(maya, booking, hold)
    said = asks_for(answer, maya)
    assert "A client is booking this time online. Nothing is saved yet" in said
    assert "your team can still book it" in said
    assert Booking.get_by_id(booking.id).starts_at == booking.starts_at
    form = form_of(maya.get(answer.location), "booking-form")
    return form.send(maya)


def made_longer(maya, hold, linden):
    booking = elsewhere(hold, linden, -timedelta(minutes=50))
    answer = maya.post(f"/bookings/{booking.id}/move", data={"seen": 0, "longer": "15"})
    assert "A client is booking this time online." in asks_for(answer, maya)
    return form_of(maya.get(answer.location), "booking-form").send(maya)


def typed(maya, hold, linden):
    """Without a look at what stands beside the form."""
    booking = elsewhere(hold, linden)
    form = form_of(maya.get(f"/bookings/{booking.id}/edit"), "booking-form")
    local = [at.astimezone(hold.practitioner.zone) for at in (hold.starts_at, hold.ends_at)]
    starts, ends = (f"{at:%H:%M}" for at in local)
    return form.put(day=str(local[0].date()), starts=starts, ends=ends).send(maya)


def booked_by_the_team(maya, hold, linden):
    local = hold.starts_at.astimezone(hold.practitioner.zone)
    asked = {"calendar": hold.practitioner_id, "day": local.date(), "from": f"{local:%H:%M}"}
    form = form_of(maya.get("/bookings/new", query_string=asked), "booking-form")
    return form.put(ends=f"{local + timedelta(minutes=30):%H:%M}").send(maya)


def uncancelled(maya, hold, linden):
    booking = elsewhere(hold, linden)
    booking.cancel(None)
    Booking.update(starts_at=hold.starts_at, ends_at=hold.ends_at).execute()
    return maya.post(f"/bookings/{booking.id}/undo")


def confirmed_again(maya, hold, linden):
    booking = elsewhere(hold, linden)
    booking.cancel(None)
    Booking.update(starts_at=hold.starts_at, ends_at=hold.ends_at).execute()
    return maya.post(f"/bookings/{booking.id}/status", data={"status": "confirmed"})


def blocked(maya, hold, linden):
    local = hold.starts_at.astimezone(hold.practitioner.zone)
    asked = {"calendar": hold.practitioner_id, "day": local.date(), "from": f"{local:%H:%M}"}
    form = form_of(maya.get("/time-off/new", query_string=asked), "off-form")
    return form.send(maya)


def handed_over(maya, hold, linden):
    ours = {linden.calendar, linden.colleague_calendar}
    (other,) = ours - {hold.practitioner}
    booking = elsewhere(hold, linden, timedelta(), other)
    other.set_archived(True, None)
    said = {"booking": str(booking.id), "to": str(hold.practitioner_id)}
    return maya.post(f"/team/hand-over/{other.id}", data=said)


@pytest.mark.parametrize(
    "take",
    [
        dragged,
        made_longer,
        typed,
        booked_by_the_team,
        uncancelled,
        confirmed_again,
        blocked,
        handed_over,
    ],
    ids=lambda way: way.__name__,
)
def test_the_team_and_the_client_are_told_when_the_team_takes_a_held_time(
    hold, signed_in, linden, take
):
    maya = signed_in(linden.maya)
    answer = take(maya, hold, linden)
    assert answer.status_code == 303, text_of(answer)
    page = text_of(maya.get(answer.location))
    assert SAID in page and "Nora" not in page
    assert SAID not in text_of(maya.get(answer.location))  # once
    refused = only_form(hold.details, "/details").put(**TYPED).send(hold.visitor_client)
    assert refused.status_code == 409
    said = text_of(refused)
    assert "This time was just taken. Nothing was booked. Choose another one." in said
    assert "Nora Visitor" in refused.get_data(as_text=True)  # what was typed goes along


def test_who_writes_a_note_is_not_told_once_more(hold, signed_in, linden):
    maya = signed_in(linden.maya)
    booked_by_the_team(maya, hold, linden)
    assert SAID in text_of(maya.get("/calendar/team"))
    booking = Booking.get()
    form = form_of(maya.get(f"/bookings/{booking.id}/edit"), "booking-form")
    page = maya.get(form.put(notes="Bring the X-ray").send(maya).location)
    assert "Changed:" in text_of(page) and SAID not in text_of(page)


def test_a_move_to_a_time_beside_it_asks_nothing(hold, signed_in, linden):
    maya, booking = signed_in(linden.maya), elsewhere(hold, linden)
    Hold.update(expires_at=scheduling.utc_now()).execute()
    answer = moved(maya, booking, hold)
    assert "/edit" not in answer.location
    page = text_of(maya.get(answer.location))
    assert "Moved:" in page and SAID not in page
