"""The waiting list as visitors use it: asking, the offer by e-mail, one press, and the desk."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from client_world import event, team_is_told_nothing
from online_world import book, links, only_form, solve, switch_on, text_of, times_of
from sync_world import WORLDS

from base.scheduling import Span
from free_times.earlier import accepting, joining, news
from free_times.earlier.entries import EarlierSettings, WaitingEntry, Wanted
from free_times.earlier.offering import EarlierOffer
from free_times.online import by_letter
from free_times.online.made_online import OnlineBooking
from free_times.rules import OnlineSettings
from models import Booking, Patient
from sync.tables.channels import Channel

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MINUTE = timedelta(minutes=1)
PAT = {"with": "pat-linden"}


@pytest.fixture
def page(linden, clock, letters):
    clock.now = datetime(2026, 11, 23, 10, tzinfo=UTC)
    team_is_told_nothing(linden)
    EarlierSettings.stored(linden.clinic).change(None, mode="turn", visitors_ask=True)
    return switch_on(linden, phone="+44 20 7946 0000")


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


def block(linden, start, hours):
    """Somebody else's appointment with Pat."""
    other = Patient.named(linden.clinic, None, "Ann")
    span = Span(start, start + timedelta(hours=hours))
    facts = {"patient": other, "service": linden.service, "allow_overlap": True}
    return Booking.book(linden.calendar, [span], linden.olive, **facts)[0]


@pytest.fixture
def offered(linden, page, visitor, letters, clock):
    """Nora is booked on Friday, asks, and Wednesday at 11 becomes free: her letter and its way."""
    freed = block(linden, datetime(2026, 11, 25, 11, tzinfo=UTC), 1)
    done = book(visitor, page.path, at=-1, **PAT)
    asks = visitor.get(f"{done.location}/earlier")
    assert "Tell me about earlier times" in text_of(asks)
    answer = only_form(asks, "/earlier").put(days=["2"], from_wall="09:00").send(visitor)
    assert answer.status_code == 303
    assert "You are on the waiting list" in text_of(visitor.get(done.location))
    letters.send()
    freed.cancel(linden.olive)
    clock.now += timedelta(minutes=1)
    news.offer_freed_times()
    (letter,) = letters.send()
    text = letter.get_body(("plain",)).get_content()
    way = next(line for line in text.splitlines() if "/earlier/" in line)
    return letter, way.removeprefix("http://localhost"), done.location


def test_a_visitor_takes_an_earlier_time_with_one_press(visitor, letters, clock, offered):
    letter, way, manage = offered
    assert letter["Subject"] == "Appointment, Linden Physiotherapy"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    html = letter.get_body(("html",)).get_content()
    assert "Wednesday 25 November 2026, 11:00" in html and "Nora" not in html + way
    before = Booking.get(Booking.online)
    for _ in range(3):
        shown = visitor.get(way)
    assert "An earlier time is free" in text_of(shown) and "Nora" not in text_of(shown)
    assert Booking.get_by_id(before.id).starts_at == before.starts_at, "looking changes nothing"
    form = only_form(shown, "/take")
    clock.now += timedelta(minutes=1)
    assert form.send(visitor).status_code == 303
    assert form.send(visitor).status_code == 303, "a second press"
    after = Booking.get_by_id(before.id)
    assert after.starts_at == datetime(2026, 11, 25, 11, tzinfo=UTC)
    assert (after.uuid, after.sequence) == (before.uuid, before.sequence + 1)
    assert Booking.select().where(Booking.status == "confirmed").count() == 1
    done = visitor.get(way)
    assert "You have this time" in text_of(done)
    (moved,) = letters.send()
    found, entry = event(moved)
    assert "has changed" in found.text and found.method == "REQUEST"
    assert entry["DTSTART"].dt == after.starts_at and int(entry["SEQUENCE"]) == after.sequence
    new_way = next(one for one in links(done) if "/booking/" in one)
    assert visitor.get(new_way).status_code == 200
    assert visitor.get(manage).status_code == 410, "the link changed with the time"


def test_the_second_who_presses_reads_a_soft_sentence(visitor, linden, clock, offered):
    _letter, way, _manage = offered
    block(linden, datetime(2026, 11, 25, 11, tzinfo=UTC), 1)
    answer = visitor.post(f"{way}take")
    assert answer.status_code == 409
    said = text_of(answer)
    assert "This time is not free any more" in said and "You stay on the waiting list" in said
    assert "Your appointment is unchanged" in said
    news.offer_freed_times()
    assert WaitingEntry.get().is_waiting and EarlierOffer.get().phase == "gone"


def test_keeping_the_appointment(visitor, clock, offered):
    _letter, way, _manage = offered
    only_form(visitor.get(way), "/decline").send(visitor)
    assert "You did not want this time" in text_of(visitor.get(way))
    assert visitor.post(f"{way}take").status_code == 409
    assert WaitingEntry.get().is_waiting


def test_leaving_by_one_press_of_the_mail_program(visitor, letters, clock, offered):
    letter, way, _manage = offered
    leave = letter["List-Unsubscribe"].strip("<>").removeprefix("http://localhost")
    assert "Leave the waiting list" in text_of(visitor.get(leave))
    assert WaitingEntry.get().is_waiting
    answer = visitor.post(leave, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 303 and not WaitingEntry.get().is_waiting
    assert "not on the waiting list" in text_of(visitor.get(leave))
    assert visitor.post(f"{way}take").status_code == 409
    for wrong in (f"{way[:-3]}xx/", f"{leave[:-3]}xx/", "/earlier/1/2/", "/earlier/list/1/2/"):
        assert visitor.get(wrong).status_code == 404
        assert visitor.post(wrong).status_code in (404, 405)


def test_changing_and_leaving_on_the_page_of_the_booking(visitor, offered):
    _letter, _way, manage = offered
    shown = visitor.get(f"{manage}/earlier")
    form = only_form(shown, "/earlier")
    refused = form.put(from_wall="12:00", to_wall="09:00").send(visitor)
    assert refused.status_code == 422 and "Write a later time" in text_of(refused)
    form.put(from_wall="", to_wall="").send(visitor)
    assert WaitingEntry.get().from_wall == "" and WaitingEntry.select().count() == 1
    form.put(leave="1").send(visitor)
    assert WaitingEntry.get().ended_because == "left"
    assert "Rather come earlier?" in text_of(visitor.get(manage))


def test_where_the_clinic_does_not_let_clients_ask(visitor, page, linden, letters):
    EarlierSettings.get().change(None, visitors_ask=False)
    done = book(visitor, page.path, at=-1, **PAT)
    assert "Rather come earlier?" not in text_of(visitor.get(done.location))
    answer = visitor.post(f"{done.location}/earlier", data={"with_whom": ""})
    assert answer.status_code in (409, 422) and WaitingEntry.select().count() == 0


def test_who_waits_for_a_person_of_two_venues_chooses_between_them(visitor, page):
    asked = {"service": "shoulder", "with": "quinn-linden"}
    shown = text_of(visitor.get(f"{page.path}/waiting-list", query_string=asked))
    assert "Quinn Linden, Linden Street" in shown and "Quinn Linden, Harbour House" in shown


def test_the_time_that_is_offered_is_shown_to_no_other_visitor(visitor, page, app, clock, offered):
    other = app.test_client(use_cookies=False)
    asked = {"service": "shoulder", "venue": "linden-street", "from": "2026-11-25", **PAT}
    at = str(int(datetime(2026, 11, 25, 11, tzinfo=UTC).timestamp()))
    assert at not in times_of(other.get(f"{page.path}/times", query_string=asked))
    clock.now += timedelta(minutes=61)
    assert at in times_of(other.get(f"{page.path}/times", query_string=asked))
    assert "Nobody answered in time" in text_of(visitor.get(offered[1]))


@pytest.fixture
def outside(linden, offered, queued, clock):
    """Pat's own calendar in Google, read three minutes ago: too old to promise a time by it."""
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world = WORLDS["google"](linden, clock)
    world.start(sources=[world.source()])
    Channel.update(called_at=clock.now).execute()
    world.later(minutes=3)
    return world


@pytest.mark.parametrize(
    ("answers", "choice", "is_moved"),
    [(True, "pending", True), (False, "pending", False), (False, "open", True)],
)
def test_calendars_outside_are_asked_before(
    visitor, letters, clock, offered, outside, queued, answers, choice, is_moved
):
    _letter, way, _manage = offered
    OnlineSettings.get().change(None, when_stale=choice)
    before = Booking.get(Booking.online).starts_at
    answer = visitor.post(f"{way}take")
    assert answer.status_code == 303 and answer.location.endswith("/wait")
    assert "One moment" in text_of(visitor.get(answer.location))
    assert Booking.get(Booking.online).starts_at == before
    before_asking = len(outside.sandbox.requests)
    if answers:
        queued.work()
    assert (len(outside.sandbox.requests) > before_asking) == answers
    clock.now += timedelta(seconds=9)
    accepting.finish_unattended()  # the page was closed
    accepting.finish_unattended()
    assert (Booking.get(Booking.online).starts_at != before) == is_moved
    told = [one.get_body(("plain",)).get_content() for one in letters.send()]
    unchanged = [text for text in told if "Your appointment is unchanged" in text]
    assert len(unchanged) == (0 if is_moved else 1)
    said = text_of(visitor.get(answer.location))
    assert ("You have this time" if is_moved else "An earlier time is free") in said


def test_a_clinic_that_confirms_by_hand_keeps_what_it_confirmed(visitor, linden, offered):
    _letter, way, _manage = offered
    OnlineSettings.get().change(None, needs_approval=True)
    visitor.post(f"{way}take")
    assert Booking.get(Booking.online).status == "confirmed"
    assert OnlineBooking.get().approve_by is None


def test_the_desk_sees_who_waits_offers_and_books(signed_in, linden, letters, clock, offered, page):
    desk = signed_in(linden.olive)
    shown = desk.get("/waiting-list/")
    said = text_of(shown)
    assert "Nora Visitor" in said and "Wednesday" in said and "answer until" in said
    accepting.decline(EarlierOffer.get())
    block(linden, datetime(2026, 12, 2, 11, tzinfo=UTC), 1).cancel(linden.olive)
    card = desk.get(f"/bookings/{Booking.get(Booking.status == 'cancelled').id}")
    assert "1 client on the waiting list could come then" in text_of(card)
    freed = Booking.get(Booking.status == "cancelled")
    shown = desk.get(f"/waiting-list/?freed={freed.id}")
    form = only_form(shown, "/book")
    assert form.put(time=form_time(shown)).send(desk).status_code == 303
    assert Booking.get(Booking.online).starts_at == freed.starts_at
    assert "Nobody waits" in text_of(desk.get("/waiting-list/"))


def form_time(shown) -> str:
    """What the button of a free time sends."""
    return shown.get_data(as_text=True).split('name="time"')[1].split('value="')[1].split('"')[0]


def test_the_desk_adds_clients_and_a_practitioner_only_own_ones(signed_in, linden, clock, page):
    mine = block(linden, datetime(2026, 11, 27, 11, tzinfo=UTC), 1)
    desk = signed_in(linden.quinn)
    assert desk.get(f"/waiting-list/booking/{mine.id}").status_code == 403
    desk = signed_in(linden.pat)
    shown = desk.get(f"/waiting-list/booking/{mine.id}")
    assert "Add to the waiting list" in text_of(shown)
    only_form(shown, f"/booking/{mine.id}").send(desk)
    entry = WaitingEntry.get()
    assert entry.by_team and entry.calendars == [linden.calendar.id]
    assert signed_in(linden.quinn).post(f"/waiting-list/{entry.id}/remove").status_code == 403
    shown = desk.get(f"/waiting-list/client/{linden.patient.id}")
    form = only_form(shown, f"/client/{linden.patient.id}")
    assert "Choose the last day" in text_of(form.send(desk))
    form.put(until="2026-12-20").send(desk)
    assert WaitingEntry.select().count() == 2
    assert desk.post(f"/waiting-list/{entry.id}/remove").status_code == 303
    assert WaitingEntry.get_by_id(entry.id).ended_because == "removed"


def test_settings(signed_in, linden, page):
    assert signed_in(linden.pat).get("/settings/waiting-list/").status_code == 403
    desk = signed_in(linden.maya)
    form = only_form(desk.get("/settings/waiting-list/"), "/settings/waiting-list/")
    form.put(mode="all", minutes="30").send(desk)
    row = EarlierSettings.get()
    assert (row.mode, row.minutes, row.visitors_ask) == ("all", 30, True)


def ask_any(visitor, page, **typed):
    """The form of a visitor for whom no time suits, filled in."""
    asked = {"service": "shoulder", "venue": "linden-street", **PAT}
    times = visitor.get(f"{page.path}/times", query_string=asked)
    (way,) = [one for one in links(times) if "waiting-list" in one]
    shown = visitor.get(way)
    typed = {"name": "Nora Visitor", "email": "nora@visitor.test", "until": "2026-12-18"} | typed
    form = only_form(shown, "/waiting-list").put(**typed)
    challenge = re.search(r'data-proof="([^"]+)"', shown.get_data(as_text=True))[1]
    return form, solve(unescape(challenge))


def test_no_time_suits_and_the_first_that_becomes_free_is_booked(
    visitor, page, linden, letters, clock
):
    freed = block(linden, datetime(2026, 11, 25, 11, tzinfo=UTC), 1)
    form, proof = ask_any(visitor, page)
    done = form.put(proof=proof).send(visitor)
    assert done.status_code == 303
    assert form.send(visitor).location == done.location, "a second press"
    assert "You are on the waiting list" in text_of(visitor.get(done.location))
    entry = WaitingEntry.get()
    assert "Nora" not in entry.sealed and entry.contact.email == "nora@visitor.test"
    assert Patient.select().where(Patient.first_name == "Nora").count() == 0
    freed.cancel(linden.olive)
    clock.now += timedelta(minutes=1)
    news.offer_freed_times()
    (letter,) = letters.send()
    assert letter["To"] == "nora@visitor.test"
    text = letter.get_body(("plain",)).get_content()
    way = next(line for line in text.splitlines() if "/earlier/" in line)
    way = way.removeprefix("http://localhost")
    only_form(visitor.get(way), "/take").send(visitor)
    visitor.post(f"{way}take")
    made = Booking.get(Booking.online)
    assert made.starts_at == freed.starts_at and made.patient.name == "Nora Visitor"
    assert made.practitioner == linden.calendar and OnlineBooking.get().is_to_check
    assert Booking.select().where(Booking.online).count() == 1
    (told,) = letters.send()
    assert "You are booked" in event(told)[0].text
    assert "You have this time" in text_of(visitor.get(way))
    assert WaitingEntry.get().sealed == ""


def test_a_clinic_that_confirms_by_hand_gets_a_request(visitor, page, linden, letters, clock):
    OnlineSettings.get().change(None, needs_approval=True)
    freed = block(linden, datetime(2026, 11, 25, 11, tzinfo=UTC), 1)
    form, proof = ask_any(visitor, page)
    form.put(proof=proof).send(visitor)
    freed.cancel(linden.olive)
    clock.now += timedelta(minutes=1)
    news.offer_freed_times()
    accepting.book_offered(EarlierOffer.get())
    assert Booking.get(Booking.online).status == "pending"


def test_without_script_a_code_shows_that_the_address_is_read(visitor, page, letters):
    form, _proof = ask_any(visitor, page)
    asks = form.send(visitor)
    assert asks.status_code == 422 and WaitingEntry.select().count() == 0
    (letter,) = letters.send()
    code = re.search(r"\b\d{6}\b", letter.get_content())[0]
    again = only_form(asks, "/waiting-list")
    assert (
        again.put(code="000000" if code != "000000" else "111111").send(visitor).status_code == 422
    )
    assert again.put(code=code).send(visitor).status_code == 303
    assert WaitingEntry.select().count() == 1


def test_what_is_missing_is_said_and_what_was_typed_is_kept(visitor, page):
    form, proof = ask_any(visitor, page, until="", name="")
    answer = form.put(proof=proof, days=["1"]).send(visitor)
    said = text_of(answer)
    assert answer.status_code == 422 and "Write your name" in said
    assert 'value="nora@visitor.test"' in answer.get_data(as_text=True)
    assert "Choose the last day" in said and WaitingEntry.select().count() == 0


def test_nobody_goes_on_the_list_more_than_three_times(visitor, page, linden):
    for n in range(4):
        form, proof = ask_any(visitor, page)
        assert form.put(proof=proof).send(visitor).status_code == (303 if n < 3 else 409)
    assert WaitingEntry.select().count() == 3
    EarlierSettings.get().change(None, visitors_ask=False)
    asked = {"service": "shoulder", "venue": "linden-street"}
    assert "No time suits?" not in text_of(visitor.get(f"{page.path}/times", query_string=asked))
    assert visitor.get(f"{page.path}/waiting-list", query_string=asked).status_code == 404


@pytest.fixture
def of_team(linden, page):
    """What the team booked for a client, and its page."""
    linden.patient.change(None, email="malgorzata@client.test")
    start = datetime(2026, 11, 27, 15, tzinfo=UTC)
    facts = {"patient": linden.patient, "service": linden.service}
    booking = Booking.book(linden.calendar, [Span(start, start + 50 * MINUTE)], None, **facts)[0]
    return booking, f"/appointment/{booking.uuid}/{by_letter.token(booking)}/"


def test_a_client_whom_the_team_booked_asks_from_the_link_in_a_letter(
    visitor, of_team, linden, letters, clock
):
    booking, way = of_team
    assert "Rather come earlier?" in text_of(visitor.get(way))
    asks = visitor.get(f"{way}earlier")
    assert "Now: Friday 27 November, 15:00" in text_of(asks) and "see other times" not in text_of(
        asks
    )
    late = only_form(asks, "/earlier").put(from_wall="12:00", to_wall="11:00").send(visitor)
    assert late.status_code == 422 and WaitingEntry.select().count() == 0
    freed = block(linden, datetime(2026, 11, 25, 11, tzinfo=UTC), 1)
    answer = only_form(asks, "/earlier").put(days=["2"]).send(visitor)
    assert answer.status_code == 303 and answer.location == way
    assert "You are on the waiting list" in text_of(visitor.get(way))
    entry = WaitingEntry.get()
    assert (entry.booking, entry.by_team, entry.weekdays) == (booking, False, [2])
    freed.cancel(linden.olive)
    clock.now += MINUTE
    news.offer_freed_times()
    assert accepting.book_offered(EarlierOffer.get()).starts_at == freed.starts_at
    joining.ask_for(Booking.get_by_id(booking.id), Wanted(), linden.olive)
    assert "Leave the waiting list" in text_of(visitor.get(f"{way}earlier"))
    assert visitor.post(f"{way}earlier", data={"leave": "1"}).status_code == 303
    assert not WaitingEntry.select().where(WaitingEntry.phase == "waiting").exists()


@pytest.mark.parametrize(
    "why",
    ["clients may not", "no page", "not online", "too late", "cancelled", "no service"],
)
def test_an_earlier_time_is_not_offered_if_the_client_may_not_ask(
    visitor, of_team, linden, clock, why
):
    booking, way = of_team
    {
        "clients may not": lambda: EarlierSettings.get().change(None, visitors_ask=False),
        "no page": lambda: OnlineSettings.get().change(None, is_on=False),
        "not online": lambda: linden.service.change(None, bookable_online=False),
        "too late": lambda: OnlineSettings.get().change(None, change_hours=24 * 30),
        "cancelled": lambda: booking.cancel(linden.olive),
        "no service": lambda: booking.change(linden.olive, booking.span, service=None),
    }[why]()
    for answer in (visitor.get(way), visitor.get(f"{way}earlier")):
        assert answer.status_code == 200 and "earlier" not in text_of(answer)
    assert visitor.post(f"{way}earlier").status_code == 409
    assert WaitingEntry.select().count() == 0
