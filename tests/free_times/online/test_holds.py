"""Times held while visitors type: they keep the time, and nobody can block a clinic with them."""

import re
from datetime import timedelta
from html import unescape

import pytest
from online_world import TYPED, book, only_form, switch_on, text_of, times_of, to_check, to_details

from free_times.online.holds import Hold
from free_times.rules import OnlineSettings
from models import Booking


@pytest.fixture
def page(linden, clock):
    return switch_on(linden)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


@pytest.fixture
def other(app, page):
    """A visitor from elsewhere."""
    browser = app.test_client(use_cookies=False)
    browser.environ_base["REMOTE_ADDR"] = "192.0.2.77"
    return browser


WITH_PAT = {"with": "pat-linden"}


def listed(browser, page, **asked):
    said = {"service": "shoulder", "venue": "linden-street", **asked}
    return times_of(browser.get(f"{page.path}/times", query_string=said))


def test_a_chosen_time_is_offered_to_nobody_else_for_ten_minutes(visitor, other, page, clock):
    first = listed(other, page, **WITH_PAT)[0]
    details = to_details(visitor, page.path, **WITH_PAT)
    until = f"{clock.now + timedelta(minutes=10):%H:%M}"
    assert f"kept for you for 10 minutes, until {until} (London time)" in text_of(details)
    abroad = to_details(other, page.path, at=-1, zone="America/New_York", **WITH_PAT)
    assert "until 06:50 (New York time)" in text_of(abroad)
    Hold.get(Hold.origin != Hold.select().order_by(Hold.id).get().origin).delete_instance()
    assert first not in listed(other, page, **WITH_PAT)
    clock.now += timedelta(minutes=10)
    OnlineSettings.get().change(None, notice_hours=0)
    assert Hold.select().count() == 1 and first in listed(other, page, **WITH_PAT)


def test_staff_are_not_kept_from_a_held_time(visitor, page, linden, signed_in):
    to_details(visitor, page.path, **WITH_PAT)
    held = Hold.get()
    asked = {"calendar": linden.calendar.id, "service": linden.service.id}
    shown = signed_in(linden.olive).get("/free-times/", query_string=asked)
    assert f"{held.starts_at.astimezone(linden.calendar.zone):%H:%M}–" in text_of(shown)


def test_a_lapsed_hold_keeps_what_was_typed(visitor, page, clock):
    checked = to_check(visitor, page.path, **WITH_PAT)
    clock.now += timedelta(minutes=20)
    done = only_form(checked, "/book").send(visitor)
    assert done.status_code == 303 and Booking.get().patient.name == TYPED["name"]


def test_where_somebody_was_faster_nothing_typed_is_lost(visitor, other, page, clock):
    checked = to_check(visitor, page.path, **WITH_PAT)
    mine = Hold.get().starts_at
    clock.now += timedelta(minutes=11)
    OnlineSettings.get().change(None, notice_hours=0)
    at = listed(other, page, **WITH_PAT).index(str(int(mine.timestamp())))
    book(other, page.path, {"name": "Fast Visitor", "phone": "+44 7700 900123"}, at=at, **WITH_PAT)
    assert Booking.get().starts_at == mine
    refused = only_form(checked, "/book").send(visitor)
    assert refused.status_code == 409 and "just taken" in text_of(refused)
    again = only_form(refused, "/hold").put(time=times_of(refused)[0]).send(visitor)
    assert "Is this right?" in text_of(again) and TYPED["email"] in text_of(again)
    assert only_form(again, "/book").send(visitor).status_code == 303
    assert Booking.select().count() == 2


def test_a_hold_is_extended_by_a_press_with_all_that_was_typed(visitor, page, clock):
    form = only_form(to_details(visitor, page.path, at=-1), "/details")
    clock.now += timedelta(minutes=9)
    later = form.put(name="Half", email="", extend="form").send(visitor)
    assert Hold.get().expires_at == clock.now + timedelta(minutes=10)
    assert only_form(later, "/details")["name"] == "Half" and "to fix" not in text_of(later)
    clock.now += timedelta(hours=3)
    only_form(later, "/details").put(extend="form").send(visitor)
    assert Hold.select().count() == 0  # there is an end


def another_time(details) -> str:
    """Where the button "Choose another time" of the form leads."""
    found = re.search(r'formaction="([^"]+)">Choose another time', details.get_data(as_text=True))
    return unescape(found[1])


def test_another_time_takes_the_place_of_the_first(visitor, other, page):
    details = to_details(visitor, page.path, **WITH_PAT)
    first = Hold.get().starts_at
    way = another_time(details)
    times = visitor.get(way)
    assert str(int(first.timestamp())) in times_of(times)
    only_form(times, "/hold").put(time=times_of(times)[-1]).send(visitor)
    assert Hold.select().count() == 1 and Hold.get().starts_at != first


def test_a_time_that_is_pressed_twice_is_kept_once_and_given(visitor, other, page):
    times = visitor.get(f"{page.path}/times?service=shoulder&venue=linden-street&with=pat-linden")
    form = only_form(times, "/hold").put(time=times_of(times)[4])
    answers = [form.send(visitor), form.send(visitor)]
    assert [one.status_code for one in answers] == [303, 303] and Hold.select().count() == 1
    own = Hold.get().form_use
    theirs = only_form(other.get(times.request.full_path), "/hold").put(time=form["time"])
    assert theirs.send(other).status_code == 409
    checked = only_form(visitor.get(answers[1].location), "/details").put(**TYPED).send(visitor)
    done = only_form(checked, "/book").send(visitor)
    assert visitor.get(answers[0].location).location == done.location
    later = form.put(time=times_of(times)[-1]).send(visitor)  # the same page, once more
    assert later.status_code == 303 and Hold.get().form_use != own


def test_after_a_booking_the_same_page_books_another(visitor, page):
    details = to_details(visitor, page.path)
    way = another_time(details)
    checked = only_form(details, "/details").put(**TYPED).send(visitor)
    only_form(checked, "/book").send(visitor)
    times = visitor.get(way)
    chosen = only_form(times, "/hold").put(time=times_of(times)[-1]).send(visitor)
    second = only_form(visitor.get(chosen.location), "/details").put(**TYPED).send(visitor)
    only_form(second, "/book").send(visitor)
    assert Booking.select().count() == 2


def test_one_network_holds_five_times_and_may_still_book(app, visitor, page):
    for at in range(0, 60, 10):
        answer = to_details(app.test_client(use_cookies=False), page.path, at=at)
        assert answer.status_code == 200
    assert Hold.select().count() == 5 and "yours once you have booked" in text_of(answer)
    assert book(visitor, page.path).status_code == 303


def test_holds_leave_half_of_a_day(app, page, linden):
    for n in range(12):
        browser = app.test_client(use_cookies=False)
        browser.environ_base["REMOTE_ADDR"] = f"192.0.2.{n}"
        found = listed(browser, page, **WITH_PAT)
        to_details(browser, page.path, at=found.index(found[0]) + 4 * (n % 2), **WITH_PAT)
    assert listed(browser, page, **WITH_PAT)
    days = [hold.starts_at.date() for hold in Hold.select()]
    most = max(days.count(day) for day in days)
    assert 3 <= most <= 5
