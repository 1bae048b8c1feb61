"""If our copy of a calendar outside is too old, it is asked before a time is confirmed to a
visitor; and the clinic's choice applies if it gives no answer.
"""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from online_world import only_form, switch_on, text_of, times_of, to_check
from sync_world import WORLDS

from base import scheduling
from base.scheduling import Span
from base.tables.audit import AuditEntry
from free_times.online import answering, holds, making, managing, names, requests, unattended
from free_times.online.holds import Hold
from free_times.online.made_online import OnlineBooking
from free_times.online.page import OnlinePage
from free_times.online.tickets import Ticket
from free_times.rules import WHEN_STALE, OnlineSettings
from models import Booking
from sync.tables.accounts import Account
from sync.tables.channels import Channel
from sync.two_way import live
from sync.two_way.standing.freshness import Certainty
from tests.races import at_once

ONE = pytest.mark.parametrize("world", ["google"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def page(linden, world):
    linden.colleague_calendar.set_online(
        None, takes_online=False, takes_new_online=True, online_most=None
    )
    world.account = world.start(sources=[world.source()])
    Channel.update(called_at=world.clock.now).execute()
    world.later(minutes=3)
    return switch_on(linden)


@pytest.fixture
def jobs(queued, page):
    return queued


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


def press(visitor, page):
    """The answer to "Book", and the page that comes then."""
    answer = only_form(to_check(visitor, page.path, at=20), "/book").send(visitor)
    assert answer.status_code == 303, text_of(answer)
    return answer


def starts() -> datetime:
    return Hold.get().starts_at


def test_the_visitor_waits_a_moment_and_is_booked(visitor, page, jobs, world):
    answer = press(visitor, page)
    assert "/wait?" in answer.location and "Nora" not in answer.location
    assert "nora" not in Hold.get().sealed.lower()
    waits = visitor.get(answer.location)
    assert waits.status_code == 200 and 'http-equiv="refresh"' in waits.text
    assert Booking.select().count() == 0
    before = len(world.sandbox.requests)
    jobs.work()
    assert len(world.sandbox.requests) > before
    done = visitor.get(answer.location)
    assert done.status_code == 303 and "/booking/" in done.location
    assert "You are booked" in text_of(visitor.get(done.location))
    assert (Booking.get().status, OnlineBooking.get().looked) == ("confirmed", "")
    assert Hold.select().count() == 0
    again = visitor.get(answer.location)  # the page was asked for twice
    assert again.location == done.location and Booking.select().count() == 1
    world.later(minutes=3)
    assert done.location not in visitor.get(answer.location).text


def test_what_came_meanwhile_outside_is_not_booked_over(visitor, page, jobs, world):
    answer = press(visitor, page)
    at = starts()
    world.robin.add("Dentist", at, at + timedelta(minutes=30))
    jobs.work()
    refused = visitor.get(answer.location)
    assert refused.status_code == 409
    shown = text_of(refused)
    assert "This time was just taken. Nothing was booked." in shown
    assert "What you typed is kept." in shown and "Dentist" not in shown
    assert 'value="Nora Visitor"' in refused.text
    assert Booking.select().count() == 0 and Hold.get().asked_at is None


@ONE
def test_a_visitor_who_closes_the_page_is_booked(visitor, page, jobs, world):
    answer = press(visitor, page)
    unattended.finish()  # the page may still be open
    assert Booking.select().count() == 0
    jobs.work()
    world.later(seconds=9)
    unattended.finish()
    made = OnlineBooking.get()
    assert (made.booking.status, made.looked, made.booking.patient.name) == (
        "confirmed", "", "Nora Visitor",
    )  # fmt: skip
    assert Hold.select().count() == 0
    unattended.finish()
    back = visitor.get(answer.location)  # the page was there after all
    assert "/booking/" in back.location and Booking.select().count() == 1


def by_its_page(visitor, answer):
    visitor.get(answer.location)


def by_the_sweep(visitor, answer):
    unattended.finish()
    answering.finish_unattended()


LATE = pytest.mark.parametrize("look", [by_its_page, by_the_sweep], ids=lambda way: way.__name__)


@ONE
@ON_SQLITE
@LATE
@pytest.mark.parametrize("came", ["nothing", "an event", "no answer"])
def test_what_was_read_long_before_somebody_looks_is_asked_once_more(
    visitor, page, jobs, world, look, came
):
    """The page was closed and is opened again, or whoever does it in its place was held up."""
    answer = press(visitor, page)
    at = starts()
    jobs.work()
    if came == "an event":
        world.robin.add("Dentist", at, at + timedelta(minutes=30))
    world.later(minutes=9)
    if came == "no answer":
        world.sandbox.faults.fail(path=world.lists, status=503, times=None)
    look(visitor, answer)
    assert Booking.select().count() == 0 and Hold.get().sealed
    look(visitor, answer)  # it is being asked: nobody asks twice
    assert len(jobs.of(live.read_calendars)) == 1
    jobs.work()
    world.later(seconds=9)
    look(visitor, answer)
    booked = {"nothing": ["confirmed"], "an event": [], "no answer": ["pending"]}
    assert [row.status for row in Booking.select()] == booked[came]
    assert not any(hold.asked_at for hold in Hold.select())


@ONE
@ON_SQLITE
@LATE
def test_after_the_hold_ends_the_clinics_choice_applies(visitor, page, jobs, world, look):
    answer = press(visitor, page)
    jobs.work()
    Hold.update(expires_at=world.clock.now + timedelta(minutes=1)).execute()
    world.later(minutes=3)
    look(visitor, answer)
    assert (Booking.get().status, OnlineBooking.get().looked) == ("pending", "pending")


@ONE
@ON_SQLITE
@LATE
def test_a_move_that_is_looked_at_late_is_asked_once_more(visitor, page, jobs, world, look):
    _way, form = a_move(visitor, page, jobs, world)
    first = Booking.get().starts_at
    answer = form.send(visitor)
    jobs.work()
    at = datetime.fromtimestamp(int(form["time"]), first.tzinfo)
    world.robin.add("Dentist", at, at + timedelta(hours=1))
    Hold.update(expires_at=world.clock.now + timedelta(minutes=9)).execute()
    world.later(minutes=3)
    look(visitor, answer)
    assert Booking.get().starts_at == first and Hold.get().sealed
    jobs.work()
    world.later(seconds=9)
    look(visitor, answer)
    assert Booking.get().starts_at == first


@ONE
@ON_SQLITE
@LATE
def test_a_move_that_is_looked_at_too_late_changes_nothing(visitor, page, jobs, world, look):
    _way, form = a_move(visitor, page, jobs, world)
    first = Booking.get().starts_at
    answer = form.send(visitor)
    jobs.work()
    world.later(minutes=3)
    if look is by_its_page:
        assert "Your booking is unchanged" in text_of(visitor.get(answer.location))
    else:
        look(visitor, answer)
    assert Booking.get().starts_at == first and not any(one.asked_at for one in Hold.select())


@ONE
@pytest.mark.parametrize(
    ("choice", "came"), [("open", "confirmed"), ("pending", "pending"), ("close", None)]
)
def test_without_an_answer_and_a_page_it_is_as_the_clinic_chose(
    visitor, page, jobs, world, choice, came
):
    OnlineSettings.update(when_stale=choice).execute()
    press(visitor, page)
    world.later(seconds=9)
    unattended.finish()
    assert [row.status for row in Booking.select()] == ([came] if came else [])
    assert all(hold.asked_at is None for hold in Hold.select())


@ONE
@ON_SQLITE
@pytest.mark.parametrize("what", ["off", "taken", "gone", "a day old"])
def test_what_cannot_be_booked_any_more_is_said(visitor, page, jobs, world, linden, letters, what):
    answer = press(visitor, page)
    at = starts()
    jobs.work()
    if what == "off":
        OnlineSettings.update(is_on=False).execute()
    if what == "taken":
        Booking.book(linden.calendar, [Span(at, at + timedelta(minutes=30))], None)
    if what == "gone":
        linden.service.set_archived(True, None)
    count = Booking.select().count()
    world.later(minutes=1, hours=24 if what == "a day old" else 0)
    for _ in range(2):
        unattended.finish()
    assert Booking.select().count() == count and Hold.get().asked_at is None
    [letter] = [one for one in letters.send() if one["To"] == "nora@visitor.test"]
    assert "Nothing is booked" in letter.get_content() and "Nora" not in letter.get_content()
    assert AuditEntry.select().where(AuditEntry.action == "online.unmade").count() == 1
    back = visitor.get(answer.location)  # and who opens the page again finds what was typed
    assert ("Nora Visitor" in back.text) == (what != "off")
    assert "You are booked" not in text_of(back)
    world.later(hours=3)
    holds.clean_up(scheduling.utc_now())
    assert Hold.select().count() == 0 and "Nora" not in visitor.get(answer.location).text


@ONE
@ON_SQLITE
def test_a_press_that_was_left_for_long_becomes_a_request(
    visitor, page, jobs, world, linden, letters
):
    """The server was away: its time is held no more, and is free still."""
    answer = press(visitor, page)
    world.later(minutes=25)
    holds.clean_up(scheduling.utc_now())
    unattended.finish()
    made = OnlineBooking.get()
    assert (made.booking.status, made.booking.patient.name) == ("pending", "Nora Visitor")
    told = [one["To"] for one in letters.send()]
    assert "nora@visitor.test" in told and linden.pat.email in told
    assert "Request sent" in text_of(visitor.get(visitor.get(answer.location).location))
    unattended.finish()
    assert Booking.select().count() == 1 and Hold.select().count() == 0


@ONE
@ON_SQLITE
def test_a_move_that_was_left_and_cannot_be_made_is_said(visitor, page, jobs, world, letters):
    _way, form = a_move(visitor, page, jobs, world)
    letters.send()
    first = Booking.get().starts_at
    answer = form.send(visitor)
    world.later(seconds=9)
    for _ in range(2):
        unattended.finish()
    [letter] = letters.send()
    assert "Your appointment is unchanged" in letter.get_content()
    assert Booking.get().starts_at == first
    assert "Your booking was not moved." in text_of(visitor.get(answer.location))


@ONE
def test_a_move_is_made_though_its_page_was_closed(visitor, page, jobs, world):
    done = visitor.get(press(visitor, page).location)
    jobs.work()
    done = visitor.get(done.request.full_path)
    first = Booking.get().starts_at
    world.later(minutes=3)
    listed = visitor.get(f"{done.location}/move")
    form = only_form(listed, "/move").put(time=times_of(listed)[-1])
    waits = form.send(visitor)
    assert "/move/wait" in waits.location and Booking.get().starts_at == first
    jobs.work()
    world.later(seconds=9)
    unattended.finish()
    assert Booking.get().starts_at != first and Hold.select().count() == 0
    unattended.finish()
    assert "/booking/" in visitor.get(waits.location).location


@ONE
def test_what_is_free_outside_does_not_stand_in_the_way(visitor, page, jobs, world):
    answer = press(visitor, page)
    at = starts()
    event = world.robin.add("Dentist", at, at + timedelta(minutes=30))
    world.robin.show_busy(event, False)
    jobs.work()
    assert "/booking/" in visitor.get(answer.location).location


@ONE
@pytest.mark.parametrize(
    ("choice", "status", "looked"),
    [("open", "confirmed", "open"), ("pending", "pending", "pending")],
)
def test_without_an_answer_it_is_as_the_clinic_chose(
    visitor, page, jobs, world, linden, choice, status, looked, signed_in
):
    OnlineSettings.update(when_stale=choice).execute()
    answer = press(visitor, page)
    world.later(seconds=5)
    done = visitor.get(answer.location)
    assert done.status_code == 303
    assert (Booking.get().status, OnlineBooking.get().looked) == (status, looked)
    said = text_of(visitor.get(done.location))
    assert ("Request sent" in said) == (choice == "pending")
    day = text_of(signed_in(linden.maya).get("/calendar/team"))
    assert ("could not be checked" in day) == (choice == "pending")


@ONE
def test_without_an_answer_nothing_is_booked_where_the_clinic_closes(
    visitor, page, jobs, world, linden
):
    OnlineSettings.update(when_stale="close").execute()
    answer = press(visitor, page)
    world.sandbox.faults.fail(path=world.lists, status=503, times=None)
    jobs.work()
    refused = visitor.get(answer.location)
    assert refused.status_code == 409
    assert "We cannot make sure at the moment that this time is free" in text_of(refused)
    assert Booking.select().count() == 0 and Hold.get().asked_at is None
    # what was typed is there still, and a minute later it works
    world.sandbox.faults.clear()
    world.later(minutes=1)
    Account.update(wait_until=None).execute()
    again = only_form(refused, "/book").send(visitor)
    jobs.work()
    assert "/booking/" in visitor.get(again.location).location


@ONE
def test_who_cannot_be_asked_makes_nobody_wait(visitor, page, jobs, world):
    Account.update(health="reconnect").execute()
    answer = press(visitor, page)
    assert "/booking/" in answer.location and jobs.of(live.read_calendars) == []
    assert (Booking.get().status, OnlineBooking.get().looked) == ("pending", "pending")


@ONE
def test_where_events_outside_block_nothing_nobody_is_asked(visitor, page, jobs, world):
    OnlineSettings.update(outside_blocks=False).execute()
    answer = press(visitor, page)
    assert "/booking/" in answer.location and jobs.of(live.read_calendars) == []
    assert Booking.get().status == "confirmed"


@ONE
def test_what_was_read_just_now_is_not_asked(visitor, page, jobs, world):
    world.run(world.account)
    live.read_calendars(world.user.id)
    assert "/booking/" in press(visitor, page).location and jobs.of(live.read_calendars) == []


@ONE
def test_pressed_twice_it_is_one_booking(visitor, page, jobs, world):
    checked = to_check(visitor, page.path, at=20)
    first, second = (only_form(checked, "/book").send(visitor) for _ in range(2))
    assert "/wait?" in first.location and "/wait?" in second.location
    jobs.work()
    ends = {visitor.get(one.location).location for one in (first, second)}
    assert len(ends) == 1 and Booking.select().count() == 1
    assert only_form(checked, "/book").send(visitor).location in ends


@ONE
def test_somebody_of_the_team_takes_it_meanwhile(visitor, page, jobs, world, linden):
    answer = press(visitor, page)
    at = starts()
    Booking.book(linden.calendar, [Span(at, at + timedelta(minutes=50))], linden.pat)
    refused = visitor.get(answer.location)
    assert refused.status_code == 409 and "just taken" in text_of(refused)
    assert OnlineBooking.select().count() == 0


@ONE
def test_an_address_that_waits_for_nothing_books_nothing(visitor, page, jobs, world):
    checked = to_check(visitor, page.path, at=20)
    form = only_form(checked, "/book")
    ticket = dict(form.fields)["form"]
    shown = visitor.get(f"{page.path}/wait?form={ticket}")
    assert shown.status_code == 200 and "Your name" in text_of(shown)
    for text in ("", "x", ticket[:-1], "1.2.3"):
        assert visitor.get(f"{page.path}/wait?form={text}").status_code == 404
    assert Booking.select().count() == 0


def a_move(visitor, page, jobs, world):
    """The page of a booking, and the form that moves it, while calendars are too old."""
    answer = press(visitor, page)
    jobs.work()
    done = visitor.get(answer.location)
    world.later(minutes=10)
    ask = visitor.get(f"{done.location}/move")
    return done.location, only_form(ask, "/move").put(time=times_of(ask)[-1])


@ONE
def test_a_move_waits_for_calendars_outside_too(visitor, page, jobs, world):
    way, form = a_move(visitor, page, jobs, world)
    before = Booking.get().starts_at
    assert visitor.get(f"{way}/move/wait").status_code == 200  # nobody has pressed the button
    assert Booking.get().starts_at == before
    answer = form.send(visitor)
    assert answer.location == f"{way}/move/wait"
    assert 'http-equiv="refresh"' in visitor.get(answer.location).text
    assert Booking.get().starts_at == before and Hold.select().count() == 1
    jobs.work()
    moved = visitor.get(answer.location)
    assert "You are booked" in text_of(visitor.get(moved.location))
    assert int(Booking.get().starts_at.timestamp()) == int(form["time"])
    assert Hold.select().count() == 0
    assert visitor.get(answer.location).location == moved.location  # the same page twice


@ONE
@pytest.mark.parametrize("choice", ["open", "pending", "close"])
def test_a_move_that_cannot_be_checked(visitor, page, jobs, world, choice):
    OnlineSettings.get().change(None, when_stale=choice)
    way, form = a_move(visitor, page, jobs, world)
    before = Booking.get().starts_at
    answer = form.send(visitor)
    world.later(seconds=6)
    said = visitor.get(answer.location)
    if choice == "open":
        assert said.status_code == 303 and Booking.get().starts_at != before
    else:
        assert said.status_code == 409 and "Your booking is unchanged" in text_of(said)
        assert Booking.get().starts_at == before and Hold.select().count() == 0
        assert visitor.get(way).status_code == 200
    assert Booking.get().status == "confirmed"


@ONE
def test_a_move_onto_a_busy_event_outside(visitor, page, jobs, world):
    way, form = a_move(visitor, page, jobs, world)
    before = Booking.get().starts_at
    at = datetime.fromtimestamp(int(form["time"]), before.tzinfo)
    answer = form.send(visitor)
    world.robin.add("Dentist", at, at + timedelta(hours=1))
    jobs.work()
    said = visitor.get(answer.location)
    assert said.status_code == 409 and "just taken" in text_of(said)
    assert Booking.get().starts_at == before and visitor.get(way).status_code == 200


@pytest.fixture
def offered(visitor, page, jobs, world, linden):
    """Another time was offered for a request, and calendars outside were read too long ago."""
    OnlineSettings.get().change(None, needs_approval=True)
    answer = press(visitor, page)
    jobs.work()
    way = visitor.get(answer.location).location
    made = OnlineBooking.get()
    start = made.booking.starts_at + timedelta(days=1)
    free = next(requests.other_times(made, start, start + timedelta(days=7)))
    requests.propose_time(made, free.starts_at, linden.olive)
    world.later(minutes=10)
    return SimpleNamespace(way=way, at=free.starts_at, form=only_form(visitor.get(way), "/accept"))


def state() -> tuple:
    row = OnlineBooking.get()
    return row.booking.status, row.answer, row.looked, row.pressed_at


@ONE
@ON_SQLITE
def test_a_time_that_was_offered_waits_for_calendars_outside(visitor, offered, jobs, world):
    assert visitor.get(f"{offered.way}/accept/wait").status_code == 200  # nobody has pressed
    answers = [offered.form.send(visitor) for _ in range(2)]
    assert {one.location for one in answers} == {f"{offered.way}/accept/wait"}
    waits = answers[0].location
    assert 'http-equiv="refresh"' in visitor.get(waits).text
    assert state()[:2] == ("pending", "offered")
    jobs.work()
    assert visitor.get(waits).location == offered.way
    assert "You are booked" in text_of(visitor.get(offered.way))
    assert state() == ("confirmed", "", "", None)
    assert "You are booked" in text_of(visitor.get(waits))  # the same page twice
    assert offered.form.send(visitor).location == offered.way
    assert Booking.select().count() == 1


@ONE
@ON_SQLITE
@pytest.mark.parametrize("look", [by_its_page, by_the_sweep], ids=lambda way: way.__name__)
@pytest.mark.parametrize("came", ["free", "busy", "other", "declined", "open", "pending", "close"])
def test_what_becomes_of_a_time_that_was_offered(visitor, offered, jobs, world, linden, look, came):
    """`came`: nothing or an event outside; another answer of the clinic; or no answer outside."""
    OnlineSettings.get().change(None, when_stale=came if came in WHEN_STALE else "pending")
    answer, made = offered.form.send(visitor), OnlineBooking.get()
    if came == "busy":
        world.robin.add("Dentist", offered.at, offered.at + timedelta(minutes=30))
    if came == "other":
        requests.propose_time(made, offered.at + timedelta(days=1), linden.olive)
    if came == "declined":
        requests.decline(made, linden.olive)
    if came not in WHEN_STALE:
        jobs.work()
    world.later(seconds=9)
    look(visitor, answer)
    answering.finish_unattended()
    wanted = {
        "free": ("confirmed", "", "", None),
        "open": ("confirmed", "", "open", None),
        "pending": ("pending", "", "pending", None),
        "declined": ("cancelled", "declined", "", None),
    }
    assert state() == wanted.get(came, ("pending", "offered", "", None))
    shown = text_of(visitor.get(offered.way))
    words = {
        "free": "You are booked",
        "open": "You are booked",
        "pending": "Request sent",
        "declined": "Not possible",
    }
    assert words.get(came, "offers you another time") in shown and "Dentist" not in shown
    said = offered.form.send(visitor)  # the button of the page from before, once more
    refused = {"other": "not offered any more", "declined": "not offered any more"}
    refused["busy"] = "This time was just taken"
    assert said.status_code == (409 if came in refused else 303), text_of(said)
    assert refused.get(came, "") in text_of(said)


@ONE
@ON_SQLITE
def test_a_time_that_was_offered_and_cannot_be_checked(visitor, offered, jobs, world):
    OnlineSettings.get().change(None, when_stale="close")
    answer = offered.form.send(visitor)
    world.later(seconds=6)
    said = visitor.get(answer.location)
    assert said.status_code == 409 and "cannot make sure" in text_of(said)


@ONE
def test_a_move_is_a_request_where_the_clinic_confirms(visitor, page, jobs, world):
    way, form = a_move(visitor, page, jobs, world)
    Booking.get().set_status("confirmed", None)
    OnlineSettings.get().change(None, needs_approval=True, outside_blocks=False)
    assert "has to confirm" in text_of(visitor.get(f"{way}/move"))
    moved = form.send(visitor)
    assert "Request sent" in text_of(visitor.get(moved.location))
    assert Booking.get().status == "pending" and OnlineBooking.get().approve_by


@ONE
@ON_SQLITE
def test_only_one_of_many_waiting_moves_holds_the_time(page, jobs, world, linden, clock):
    """Each would keep the others from it: then nobody had it."""
    row, settings = names.find_page("linden")
    shown = OnlinePage.of(row.clinic, row.name, settings)
    monday = clock.now.replace(hour=9, minute=0) + timedelta(days=3)
    minutes, price = linden.service.duration_minutes, linden.service.price_cents
    chosen = {"clinic": row.clinic.id, "service": linden.service.id, "minutes": minutes}
    chosen |= {"calendar": linden.calendar.id, "anyone": False, "price_cents": price}
    made = [
        making.book_once(
            shown,
            Ticket.issue(starts_at=monday + timedelta(hours=n), **chosen),
            making.Details(f"Visitor {n}", f"v{n}@visitor.test"),
        )
        for n in range(5)
    ]
    target, came = monday + timedelta(hours=6), []

    def ask(one, n):
        try:
            came.append(managing.ask_about_move(shown, one, target, f"origin {n}"))
        except making.JustTaken:
            came.append(None)

    jobs_of_round = [lambda n, one=one: n or ask(one, one.id) for one in made]
    assert at_once(*jobs_of_round) == []
    assert came.count(Certainty.ASKING) == Hold.select().count() == 1
    assert came.count(None) == 4
