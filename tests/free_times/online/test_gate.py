"""A visitor's booking needs a proof of work or a code by e-mail; otherwise it is only a request."""

import re
from datetime import timedelta

import pytest
from online_world import TYPED, book, only_form, solve, switch_on, text_of, to_check

from base.scheduling import Span
from free_times.online import admission, proofs
from free_times.online.made_online import OnlineBooking
from free_times.online.proofs import SpentProof
from free_times.online.tickets import Ticket
from models import Booking
from views.kit import brakes


@pytest.fixture
def page(linden, clock):
    return switch_on(linden)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


def last_form(browser, page, typed=None, **chosen):
    """The form of the last press, with its proof."""
    return only_form(to_check(browser, page.path, typed, **chosen), "/book")


def statuses() -> list[str]:
    return [row.status for row in Booking.select().order_by(Booking.id)]


def digits(letters) -> str:
    (letter,) = letters.send()
    return re.search(r"\b\d{6}\b", letter.get_content())[0]


def test_with_a_proof_it_is_booked(visitor, page, letters):
    assert last_form(visitor, page).send(visitor).status_code == 303
    assert statuses() == ["confirmed"]
    assert "Your code" not in str([letter["Subject"] for letter in letters.send()])


def test_without_a_proof_and_without_mail_it_is_a_request(visitor, page):
    assert last_form(visitor, page).put(proof="").send(visitor).status_code == 303
    assert statuses() == ["pending"] and OnlineBooking.get().approve_by is not None


def test_with_neither_a_second_one_is_refused(visitor, page):
    last_form(visitor, page).put(proof="").send(visitor)
    answer = last_form(visitor, page, at=20).put(proof="").send(visitor)
    assert answer.status_code == 409 and "call the clinic" in text_of(answer)
    assert statuses() == ["pending"]


@pytest.mark.parametrize("wrong", ["", "nonsense", "another"])
def test_without_a_good_proof_a_code_takes_its_place(visitor, page, letters, wrong):
    answer = solve(proofs.challenge("another form")) if wrong == "another" else wrong
    asked = last_form(visitor, page).put(proof=answer).send(visitor)
    assert asked.status_code == 422 and "six digits" in text_of(asked) and statuses() == []
    form = only_form(asked, "/book")
    refused = form.put(code="000 000").send(visitor)
    assert refused.status_code == 422 and "not right" in text_of(refused) and statuses() == []
    done = form.put(code=digits(letters)).send(visitor)
    assert done.status_code == 303 and statuses() == ["confirmed"]


def test_wrong_codes_run_out(visitor, page, letters):
    form = only_form(last_form(visitor, page).put(proof="").send(visitor), "/book")
    right = digits(letters)
    for _ in range(5):
        form.put(code="000000").send(visitor)
    assert form.put(code=right).send(visitor).status_code == 422
    assert statuses() == [] and digits(letters) != right


def test_no_more_codes_than_a_few(visitor, page, letters):
    form = only_form(last_form(visitor, page).put(proof="").send(visitor), "/book")
    for _ in range(2):
        for _ in range(5):
            form.put(code="000000").send(visitor)
        form.send(visitor)
    for _ in range(6):
        answer = form.put(code="000000").send(visitor)
    assert answer.status_code == 429 and "in an hour" in text_of(answer)
    assert len(letters.send()) == 3


def test_a_visitor_with_only_a_phone_number_gets_no_code(visitor, page, letters):
    typed = {"name": "Nora Visitor", "phone": "+44 7700 900123"}
    form = last_form(visitor, page, typed)
    assert form.put(proof="").send(visitor).status_code == 303
    assert statuses() == ["pending"]
    assert "Your code" not in str([letter["Subject"] for letter in letters.send()])


def test_one_proof_pays_for_one_booking_and_the_same_press_again_for_none(visitor, page):
    form = last_form(visitor, page)
    first = form.send(visitor)
    assert form.send(visitor).location == first.location
    assert statuses() == ["confirmed"] and SpentProof.select().count() == 1


def test_a_proof_is_not_spent_where_nothing_was_booked(visitor, page, linden):
    form = last_form(visitor, page, **{"with": "pat-linden"})
    ticket = Ticket.read(form["form"], linden.clinic.id)
    Booking.book(linden.calendar, [Span(ticket.starts_at, ticket.ends_at)], linden.pat)
    answer = form.send(visitor)
    assert answer.status_code == 409 and "just taken" in text_of(answer)
    assert SpentProof.select().count() == 0


@pytest.mark.parametrize(
    "typed",
    [
        {"name": "Nora Visitor", "email": "Nora@visitor.test"},
        {"name": "Nora Visitor", "phone": "+44 7700 900123"},
    ],
    ids=["email", "phone"],
)
def test_a_contact_has_a_few_appointments_to_come_and_then_the_clinic_is_called(
    visitor, page, clock, typed
):
    for n in range(admission.MOST):
        assert book(visitor, page.path, {**typed, "name": f"Nora {n}"}, at=8 * n).status_code == 303
    written = {"phone": "07700900123"} if "phone" in typed else {"email": "nora@VISITOR.test"}
    answer = book(visitor, page.path, {"name": "Someone Else", **written}, at=40)
    assert answer.status_code == 409 and len(statuses()) == admission.MOST
    clock.now += timedelta(days=40)
    assert book(visitor, page.path, {"name": "Nora Later", **written}).status_code == 303


def test_a_field_that_nobody_sees_catches_programs(visitor, page):
    answer = to_check(visitor, page.path, {**TYPED, "website": "https://spam.test"})
    assert answer.status_code == 422 and "Leave the last field empty" in text_of(answer)
    form = last_form(visitor, page).put(website="x")
    assert form.send(visitor).status_code == 422 and statuses() == []


def test_many_presses_from_one_network_have_to_wait_and_lose_nothing(visitor, page, clock):
    form = last_form(visitor, page).put(proof="", email="")
    for n in range(brakes.BOOKINGS):
        form.put(phone=f"+44 7700 9001{n:02}").send(visitor)
    answer = last_form(visitor, page).send(visitor)
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    assert "Wait a minute" in text_of(answer) and "Nora Visitor" in text_of(answer)
    again = only_form(answer, "/book")
    clock.now += timedelta(minutes=2)
    assert again.send(visitor).status_code == 303 and statuses() == ["pending", "confirmed"]


def test_one_contact_from_many_networks_has_to_wait(app, page):
    for n in range(brakes.CONTACT):
        browser = app.test_client(use_cookies=False)
        browser.environ_base["REMOTE_ADDR"] = f"192.0.2.{n}"
        assert last_form(browser, page, at=5 * n).put(proof="").send(browser).status_code != 429
    browser.environ_base["REMOTE_ADDR"] = "192.0.2.200"
    assert last_form(browser, page, at=1).send(browser).status_code == 429
