"""Changes by the clinic before each step of a visitor's booking: the visitor reads a sentence with
a way to continue, and typed texts are kept.
"""

from datetime import timedelta

import external
import pytest
from online_world import TYPED, book, links, only_form, switch_on, text_of, times_of, to_details

from base import scheduling
from base.tables import time_off
from free_times.online.holds import Hold
from free_times.online.made_online import OnlineBooking
from free_times.rules import OnlineSettings
from models import Booking, Practitioner, Service, Venue
from tests.pages import Filled, forms_of

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PAT = {"service": "shoulder", "venue": "linden-street", "with": "pat-linden"}
PHONE = "+44 20 7946 0000"


@pytest.fixture
def page(linden, clock):
    Service.add(linden.clinic, None, name="First visit", bookable_online=True)
    return switch_on(linden, change_hours=0, phone=PHONE)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


# ---- what happens ----


def leave(linden):
    linden.pat.leave(linden.olive)


def archive(linden):
    Service.get_by_id(linden.service.id).set_archived(True, None)


def switch_off(linden):
    OnlineSettings.get().change(None, is_on=False)


def take_offline(linden):
    Service.get_by_id(linden.service.id).change(None, bookable_online=False)


def close_calendar(linden):
    linden.calendar.set_archived(True, None)


def close_venue(linden):
    linden.street.set_archived(True, None)


def close_everything(linden):
    for service in Service.select():
        service.change(None, bookable_online=False)


def re_zone(linden):
    street = Venue.get_by_id(linden.street.id)
    said = {"name": street.name, "address": street.address, "hours": street.hours}
    street.change(None, zone_name="Asia/Tokyo", **said)


def change_hours(linden):
    linden.calendar.set_hours(None, {"mon": [["06:00", "06:30"]]})


def go_away(linden):
    day = scheduling.utc_now().date()
    last = day + timedelta(days=30)
    time_off.TimeOff.add(linden.pat, None, kind="leave", first_on=day, last_on=last)


def be_busy_outside(linden):
    source = external.source(linden.pat, listed_at=scheduling.utc_now())
    external.event(source, "Private", "2026-11-20 00:00", "2026-12-20 00:00")


def lose_the_plan(linden):
    external.source(linden.pat)
    linden.clinic.change_plan("basic", None)


def be_revoked(linden):
    external.source(linden.pat, health="reconnect")


def ask_for_approval(linden):
    OnlineSettings.get().change(None, needs_approval=True, asks="phone", consent="Agreed.")


HAPPENS = (
    leave,
    archive,
    switch_off,
    take_offline,
    close_calendar,
    close_venue,
    close_everything,
    re_zone,
    change_hours,
    go_away,
    be_busy_outside,
    lose_the_plan,
    be_revoked,
    ask_for_approval,
)
STILL_BOOKED = {lose_the_plan, be_revoked}  # by the clinic's choice, as a request


# ---- where somebody is: each gives the press that comes next ----


def at_people(visitor, page, at):
    return lambda: visitor.get(f"{page.path}/people?service=shoulder&venue=linden-street")


def at_times(visitor, page, at):
    return lambda: visitor.get(f"{page.path}/times", query_string=PAT)


def at_a_time(visitor, page, at):
    listed = visitor.get(f"{page.path}/times", query_string=PAT)
    return _sends(visitor, only_form(listed, "/hold").put(time=times_of(listed)[at]))


def at_another_time(visitor, page, at):
    form = _details(visitor, page, at).put(**TYPED)
    return lambda: visitor.post(_other_time(form, page), data=dict(form.fields))


def at_the_press_of_another_time(visitor, page, at):
    form = _details(visitor, page, at).put(**TYPED)
    listed = visitor.post(_other_time(form, page), data=dict(form.fields))
    return _sends(visitor, only_form(listed, "/hold").put(time=times_of(listed)[at + 1]))


def at_the_form(visitor, page, at):
    chosen = at_a_time(visitor, page, at)()
    return lambda: visitor.get(chosen.location)


def at_what_was_typed(visitor, page, at):
    return _sends(visitor, _details(visitor, page, at).put(**TYPED))


def at_more_time(visitor, page, at):
    return _sends(visitor, _details(visitor, page, at).put(**TYPED, extend="form"))


def at_the_last_look(visitor, page, at):
    return _sends(visitor, _last(visitor, page, at))


def at_changing_details(visitor, page, at):
    form = _last(visitor, page, at).put(change="1")
    form.action = f"{page.path}/details"
    return _sends(visitor, form)


def at_a_booking(visitor, page, at):
    done = book(visitor, page.path, at=at, **{"with": "pat-linden"})
    return lambda: visitor.get(done.location)


def at_times_to_move(visitor, page, at):
    done = book(visitor, page.path, at=at, **{"with": "pat-linden"})
    return lambda: visitor.get(f"{done.location}/move")


def at_a_move(visitor, page, at):
    done = book(visitor, page.path, at=at, **{"with": "pat-linden"})
    ask = visitor.get(f"{done.location}/move")
    return _sends(visitor, only_form(ask, "/move").put(time=times_of(ask)[at + 20]))


def at_a_cancellation(visitor, page, at):
    done = book(visitor, page.path, at=at, **{"with": "pat-linden"})
    return _sends(visitor, only_form(visitor.get(f"{done.location}/cancel"), "/cancel"))


def _sends(visitor, form):
    return lambda: form.send(visitor)


def _details(visitor, page, at):
    return only_form(to_details(visitor, page.path, at=at, **{"with": "pat-linden"}), "/details")


def _last(visitor, page, at):
    return only_form(_details(visitor, page, at).put(**TYPED).send(visitor), "/book")


def _other_time(form, page) -> str:
    said = "&".join(f"{name}={word}" for name, word in PAT.items())
    return f"{page.path}/times?{said}&form={form['form']}"


BEFORE = (at_people, at_times, at_a_time, at_the_form)
UNKNOWN = (at_people, at_times, at_a_time)  # where nothing shows that they were on the page
TYPING = (
    at_another_time,
    at_the_press_of_another_time,
    at_what_was_typed,
    at_more_time,
    at_the_last_look,
    at_changing_details,
)
BOOKED = (at_a_booking, at_times_to_move, at_a_move, at_a_cancellation)


def answer_of(visitor, press):
    """The page that the press leads to."""
    answer = press()
    for _ in range(3):
        if answer.status_code not in (303, 307):
            break
        answer = visitor.get(answer.location)
    assert answer.status_code in (200, 404, 409, 422), answer.status_code
    said = text_of(answer)
    assert "<h1>" in answer.text and "Private" not in said
    assert "Nora" not in answer.request.full_path
    return answer


def ways_on(answer) -> list:
    """What can be pressed in the page besides the clinic's name: links and forms."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return [one for one in links(answer) if one.replace("&", "&amp;") in main] + forms_of(answer)


@ON_SQLITE
@pytest.mark.parametrize("happens", HAPPENS)
def test_a_refusal_has_a_sentence_and_a_link_to_go_on(visitor, page, linden, happens):
    presses = {step: step(visitor, page, 4 * n) for n, step in enumerate(BEFORE + TYPING)}
    happens(linden)
    answers = {step: answer_of(visitor, press) for step, press in presses.items()}
    booked = list(Booking.select())
    assert len(booked) == (happens in STILL_BOOKED)
    nothing = visitor.get("/book/nobody/").data
    if happens in (switch_off, close_everything):
        back_again(linden)
    for step, answer in answers.items():
        if happens is switch_off and step in UNKNOWN:
            assert answer.data == nothing
            continue
        assert ways_on(answer) or PHONE in text_of(answer), step
        if step in BEFORE:
            continue
        if step is at_the_last_look and booked:
            assert "Request sent" in text_of(answer) and booked[0].status == "pending"
            continue
        assert TYPED["name"] in answer.text, step
        if happens is not ask_for_approval:
            assert TYPED["email"] in answer.text, step
        if step is at_the_last_look and happens is not ask_for_approval:
            assert "Is this right?" in text_of(followed(visitor, answer))


def back_again(linden):
    OnlineSettings.get().change(None, is_on=True)
    for service in Service.select():
        Service.get_by_id(service.id).change(None, bookable_online=True)


def followed(visitor, answer):
    """The page to which one comes by pressing always the first button that carries what was typed,
    typing nothing again.
    """
    for _ in range(6):
        if "Is this right?" in text_of(answer):
            break
        forms = [one for one in forms_of(answer) if ("name", TYPED["name"]) in one["fields"]]
        assert forms, text_of(answer)
        times = times_of(answer)
        form = Filled(next((one for one in forms if one["action"].endswith("/hold")), forms[0]))
        form.put(time=times[0] if times else None)
        answer = answer_of(visitor, lambda form=form: form.send(visitor))
    return answer


@ON_SQLITE
@pytest.mark.parametrize("happens", HAPPENS)
def test_a_booking_stays_until_its_visitor_moves_or_cancels_it(visitor, page, linden, happens):
    presses = {step: step(visitor, page, 4 * n) for n, step in enumerate(BOOKED)}
    rows = list(Booking.select().order_by(Booking.id))
    happens(linden)
    for (step, press), was in zip(presses.items(), rows, strict=True):
        answer = answer_of(visitor, press)
        assert ways_on(answer) or PHONE in text_of(answer), step
        now = Booking.get_by_id(was.id)
        if step is at_a_cancellation:
            assert now.status == "cancelled"
        elif step is not at_a_move:
            assert (now.status, now.starts_at) == (was.status, was.starts_at)
        elif now.starts_at == was.starts_at:
            assert now.status == was.status and answer.status_code == 409
        else:
            assert happens is ask_for_approval and now.status == "pending"


@ON_SQLITE
def test_only_visitors_who_were_on_a_closed_page_read_that_it_is_closed(
    visitor, page, linden, stranger
):
    form = _last(visitor, page, 4)
    switch_off(linden)
    answer = form.send(visitor)
    assert answer.status_code == 404 and "closed at the moment" in text_of(answer)
    nothing = visitor.get("/book/nobody/").data
    for said in ("", "x", form["form"][:-1] + "x", form["form"].replace(".", ",")):
        assert form.put(form=said).send(visitor).data == nothing
    assert visitor.get(f"{page.path}/").data == nothing


def test_anyone_is_somebody_else_where_the_first_has_left(visitor, page, linden):
    form = only_form(to_details(visitor, page.path, at=4), "/details").put(**TYPED)
    checked = form.send(visitor)
    proposed = Hold.get().practitioner
    proposed.user.leave(linden.olive)
    answer = only_form(checked, "/book").send(visitor)
    assert answer.status_code in (303, 409)
    if answer.status_code == 303:
        assert Booking.get().practitioner_id != proposed.id


def test_a_venue_that_is_re_zoned_meanwhile(visitor, page, linden):
    form = _last(visitor, page, 4)
    re_zone(linden)
    answer = form.send(visitor)
    assert answer.status_code in (303, 409)
    for row in Booking.select():
        local = row.starts_at.astimezone(Practitioner.get_by_id(row.practitioner_id).zone)
        assert 9 <= local.hour < 17


@ON_SQLITE
@pytest.mark.parametrize("happens", [leave, close_calendar, close_venue])
def test_other_times_are_at_one_venue_on_its_clock(visitor, page, linden, happens):
    """Another venue, on another clock, offers it too."""
    form = _details(visitor, page, 4).put(**TYPED)
    happens(linden)
    answer = form.send(visitor)
    said = text_of(answer)
    assert TYPED["name"] in answer.text
    if happens is close_venue:
        assert "Where would you like to come?" in said or "New York time" in said
    else:
        assert "London time" in said and "at Linden Street" in said


@ON_SQLITE
def test_where_a_person_is_needed_another_one_is_chosen_with_all_that_was_typed(
    visitor, page, linden
):
    Practitioner.create(
        clinic=linden.clinic, user=linden.maya, venue=linden.street, hours=linden.calendar.hours
    )
    Service.get_by_id(linden.service.id).change(None, online_choice="person")
    form = _details(visitor, page, 4).put(**TYPED)
    leave(linden)
    answer = form.send(visitor)
    assert "With whom?" in text_of(answer) and "New York" not in text_of(answer)
    assert TYPED["name"] in answer.text


@ON_SQLITE
def test_nobody_agrees_to_a_sentence_that_they_did_not_read(visitor, page, linden):
    OnlineSettings.get().change(None, consent="I agree.")
    form = _details(visitor, page, 4)
    form.put(**TYPED, agrees=form.choices["agrees"][0])
    last = only_form(form.send(visitor), "/book")
    OnlineSettings.get().change(None, consent="I agree to all else, too.")
    refused = last.send(visitor)
    assert refused.status_code == 422 and not OnlineBooking.select().exists()
    last.action = f"{page.path}/details"
    shown = only_form(last.put(change="1").send(visitor), "/details")
    assert shown["agrees"] is None and shown["name"] == TYPED["name"]


@ON_SQLITE
@pytest.mark.parametrize("happens", [None, switch_off, archive, leave])
def test_what_can_be_moved_no_more_stays_and_says_so(visitor, page, linden, happens):
    done = book(visitor, page.path, at=10, **{"with": "pat-linden"})
    form = only_form(ask := visitor.get(f"{done.location}/move"), "/move")
    row = Booking.get()
    happens(linden) if happens else row.change(linden.olive, row.span, service=None)
    for time in (times_of(ask)[-1], "", "soon"):
        answer = form.put(time=time).send(visitor)
        assert answer.status_code == 409
        assert "cannot be moved online any more" in text_of(answer) and not times_of(answer)
    assert visitor.get(f"{done.location}/move").status_code == 200
    assert Booking.get().starts_at == row.starts_at
