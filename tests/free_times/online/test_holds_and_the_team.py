"""What a visitor holds is a soft warning for the team, and named where somebody asks why."""

import pytest
from online_world import book, switch_on, text_of, to_details

from base import scheduling
from base.scheduling import Span
from free_times.online.holds import Hold
from models import Booking


@pytest.fixture
def hold(app, linden, clock):
    page = switch_on(linden)
    visitor = app.test_client(use_cookies=False)
    to_details(visitor, page.path, at=20)
    row = Hold.get()
    row.page = page
    return row


def test_the_booking_form_warns_and_books_all_the_same(hold, signed_in, linden):
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


def test_a_time_that_the_team_took_is_told_to_the_visitor(hold, app, linden):
    Booking.book(hold.practitioner, [Span(hold.starts_at, hold.ends_at)], linden.maya)
    visitor = app.test_client(use_cookies=False)
    assert book(visitor, hold.page.path, at=0).status_code == 303  # others are still there
    assert Booking.select().where(Booking.online).count() == 1
