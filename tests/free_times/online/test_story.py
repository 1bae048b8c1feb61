"""A visitor books, moves and cancels, without JavaScript, cookie or account."""

from datetime import timedelta

import pytest
from online_world import (
    TYPED,
    book,
    links,
    only_form,
    switch_on,
    text_of,
    times_of,
    to_check,
    to_details,
)

from free_times.online.made_online import OnlineBooking
from free_times.rules import OnlineSettings
from models import Booking, Patient


@pytest.fixture
def page(linden, clock):
    return switch_on(linden)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


def test_from_the_first_page_to_a_booking(visitor, page, linden):
    first = visitor.get(f"{page.path}/")
    assert "Set-Cookie" not in first.headers
    way = next(one for one in links(first) if "/times" in one and "linden-street" in one)
    listed = visitor.get(way)
    assert "Earliest" in text_of(listed)
    chosen = only_form(listed, "/hold").put(time=times_of(listed)[0]).send(visitor)
    details = visitor.get(chosen.location)
    checked = only_form(details, "/details").put(**TYPED).send(visitor)
    assert "Is this right?" in text_of(checked) and "Nora Visitor" in text_of(checked)
    done = only_form(checked, "/book").send(visitor)
    assert done.status_code == 303 and "Nora" not in done.location
    shown = visitor.get(done.location)
    assert "You are booked" in text_of(shown)
    assert "Nora" not in text_of(shown) and "visitor.test" not in shown.get_data(as_text=True)
    row = Booking.get()
    assert (row.status, row.online, row.service_id) == ("confirmed", True, linden.service.id)
    assert row.patient.name == "Nora Visitor" and row.patient.email == "nora@visitor.test"
    assert int(row.starts_at.timestamp()) == int(times_of(listed)[0])
    assert OnlineBooking.get().is_to_check


@pytest.mark.parametrize(("hours", "is_final"), [(0, False), (240, True)])
def test_before_it_is_booked_one_reads_whether_it_can_still_be_changed(
    visitor, page, hours, is_final
):
    OnlineSettings.update(change_hours=hours).execute()
    answer = to_details(visitor, page.path)
    checked = only_form(answer, "/details").put(**TYPED).send(visitor)
    assert ("cannot move or cancel this appointment online" in text_of(checked)) is is_final
    done = visitor.get(only_form(checked, "/book").send(visitor).location)
    assert ("can’t be changed online now" in text_of(done)) is is_final


def test_the_same_form_twice_is_one_booking(visitor, page):
    answer = to_details(visitor, page.path)
    checked = only_form(answer, "/details").put(**TYPED).send(visitor)
    form = only_form(checked, "/book")
    first, second = form.send(visitor), form.send(visitor)
    assert first.location == second.location
    assert Booking.select().count() == Patient.select().where(Patient.email != "").count() == 1


def test_moving_and_cancelling(visitor, page, clock):
    done = book(visitor, page.path, at=20)
    before = Booking.get().starts_at
    shown = visitor.get(done.location)
    move = visitor.get(next(one for one in links(shown) if one.endswith("/move")))
    form = only_form(move, "/move").put(time=times_of(move)[-1])
    moved, again = form.send(visitor), form.send(visitor)
    assert moved.status_code == again.status_code == 303 and moved.location == again.location
    row = Booking.get()
    assert row.starts_at != before and int(row.starts_at.timestamp()) == int(times_of(move)[-1])
    old = visitor.get(done.location)
    assert old.status_code == 410 and "moved" in text_of(old)
    ask = visitor.get(f"{moved.location}/cancel")
    assert Booking.get().status == "confirmed"
    gone = only_form(ask, "/cancel").send(visitor)
    assert "Cancelled" in text_of(visitor.get(gone.location))
    assert Booking.get().status == "cancelled"
    assert only_form(ask, "/cancel").send(visitor).status_code == 303


@pytest.mark.parametrize("hours", [0, 240])
@pytest.mark.parametrize("proof", [True, False])
def test_a_future_booking_says_to_keep_its_address(visitor, page, linden, clock, hours, proof):
    """It is the only way back to it, also to an answer, and where nothing can be changed."""
    OnlineSettings.stored(linden.clinic).change(None, change_hours=hours)
    form = only_form(to_check(visitor, page.path), "/book")
    done = (form if proof else form.put(proof="")).send(visitor)
    said = text_of(visitor.get(done.location))
    assert "Keep this page’s address" in said
    assert ("can’t be changed online" in said) == bool(hours)
    clock.now += timedelta(days=14)
    assert "Keep this page’s address" not in text_of(visitor.get(done.location))


@pytest.mark.parametrize("cents", [0, 5250])
def test_the_price_that_was_agreed_stands_on_every_page_of_the_booking(
    visitor, page, linden, cents
):
    linden.service.change(None, price_cents=cents)
    done = book(visitor, page.path, at=20)
    linden.service.change(None, price_cents=9900)
    assert Booking.get().rate_cents == cents
    for way in ("", "/move", "/cancel"):
        said = text_of(visitor.get(done.location + way))
        assert linden.service.name in said and "£99" not in said
        assert ("£52.50" in said) == bool(cents), way
    Booking.update(rate_cents=None).execute()  # as the version before booked
    assert "£99" in text_of(visitor.get(done.location))
