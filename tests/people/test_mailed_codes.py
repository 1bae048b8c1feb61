"""Six digits by e-mail: good for one form use, one address and half an hour, and no guessing."""

import re
from datetime import timedelta

import pytest

from base.tables.outbox import Letter
from letters import kinds
from people import mailed_codes
from people.mailed_codes import MailedCode

ADDRESS = "vera@visitor.test"


def code(letter) -> str:
    return re.search(r"\b\d{6}\b", letter.get_content())[0]


@pytest.fixture
def send(linden, letters, clock):
    """`send(form_use)`: ask for a code, and give the letters that come of it."""

    def run(form_use: str = "one", email: str = ADDRESS):
        return MailedCode.send(linden.clinic, form_use, email), letters.send()

    return run


def test_the_digits_of_the_letter_are_taken(send):
    is_sent, (letter,) = send()
    assert is_sent and letter["To"] == ADDRESS
    assert letter["Subject"] == "Your code for Linden Physiotherapy"
    digits = code(letter)
    assert MailedCode.accept("one", ADDRESS.upper(), f" {digits[:3]} {digits[3:]} ")
    assert MailedCode.accept("one", ADDRESS, digits)  # a form pressed twice


@pytest.mark.parametrize(
    ("form_use", "email"), [("two", ADDRESS), ("one", "other@visitor.test"), ("", "")]
)
def test_the_digits_of_another_form_use_or_address_are_nothing(send, form_use, email):
    _, (letter,) = send()
    assert not MailedCode.accept(form_use, email, code(letter))


def test_a_code_allows_five_tries(send):
    _, (letter,) = send()
    digits = code(letter)
    for wrong in ["", "1", "é", "0" * 5_000, f"{(int(digits) + 1) % 10**6:06}"]:
        assert not MailedCode.accept("one", ADDRESS, wrong)
    assert not MailedCode.accept("one", ADDRESS, digits)


def test_a_code_ends_after_half_an_hour_and_another_can_be_asked_for(send, clock):
    _, (first,) = send()
    clock.now += mailed_codes.LASTS
    assert not MailedCode.accept("one", ADDRESS, code(first))
    _, (second,) = send()
    assert MailedCode.accept("one", ADDRESS, code(second))


def test_asking_again_while_a_code_works_sends_no_other(send):
    _, (letter,) = send()
    assert send() == (True, [])
    assert MailedCode.accept("one", ADDRESS, code(letter))


def test_an_address_a_form_use_and_a_clinic_get_few_codes_an_hour(send, clock, linden):
    assert [send(str(n))[0] for n in range(4)] == [True, True, True, False]
    assert [send("one", f"{n}@visitor.test")[0] for n in range(4)] == [True, True, True, False]
    for n in range(mailed_codes.MOST_OF_CLINIC - 6):
        MailedCode.send(linden.clinic, f"visit {n}", f"many{n}@visitor.test")
    assert not MailedCode.send(linden.clinic, "last", "last@visitor.test")
    clock.now += timedelta(hours=1, seconds=1)
    assert MailedCode.send(linden.clinic, "last", "last@visitor.test")


def test_a_letter_that_comes_too_late_is_dropped(send, linden, clock, app):
    MailedCode.send(linden.clinic, "one", ADDRESS)
    clock.now += mailed_codes.LASTS
    with app.app_context():
        assert kinds.render(Letter.get()) is None


def test_codes_are_forgotten(send, clock):
    send()
    clock.now += mailed_codes.LASTS + timedelta(hours=2)
    MailedCode.clean_up(clock.now)
    assert MailedCode.select().count() == 0


def test_no_row_holds_the_address_or_the_digits(send):
    _, (letter,) = send()
    digits = code(letter)
    for row in (MailedCode.get(), Letter.get()):
        stored = [str(value) for value in row.__data__.values()]
        assert not any(ADDRESS in value or value == digits for value in stored)
