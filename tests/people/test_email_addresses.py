"""E-mail addresses are proved by a link if mail is set up, and no page reveals which addresses are
in use.
"""

import dataclasses
import re
from datetime import timedelta

import pytest

import models
from base.database import AlreadyUsed
from models import Clinic, User
from operate import chores
from people import email_addresses
from people.email_addresses import AddressProof
from tests.conftest import PASSWORD

SENTENCE = "a sentence of mine"
CLINIC = {
    "clinic": "First Clinic",
    "zone_name": "Europe/Dublin",
    "name": "Fia First",
    "password": SENTENCE,
}


@pytest.fixture
def browser(app, linden, clock):
    return app.test_client()


@pytest.fixture
def signup_open(app, monkeypatch):
    monkeypatch.setitem(
        app.config, "SETTINGS", dataclasses.replace(app.config["SETTINGS"], signup_open=True)
    )


def link(letter) -> str:
    return re.search(r"http://localhost(/\S+)", letter.get_content())[1]


def sign_in(browser, email, password=PASSWORD):
    answer = browser.post("/sign-in", data={"email": email, "password": password})
    models.database.connect(reuse_if_open=True)
    return answer.status_code


# ---- signing up ----


def test_a_clinic_is_made_by_the_link_alone(browser, letters, signup_open):
    assert "We send a link to it" in browser.get("/welcome").text
    answer = browser.post("/welcome", data={**CLINIC, "email": "Fia@First.test"})
    assert "We sent a link to that address" in answer.text and Clinic.select().count() == 1
    (letter,) = letters.send()
    assert letter["To"] == "fia@first.test"
    path = link(letter)
    assert 'value="fia@first.test"' in browser.get(path).text
    answer = browser.post(path, data={**CLINIC, "email": "somebody@else.test"})
    models.database.connect(reuse_if_open=True)
    assert answer.status_code == 303 and User.get(User.email == "fia@first.test").is_owner
    assert not User.select().where(User.email == "somebody@else.test").exists()
    assert (
        browser.get(path).status_code == 404 and browser.post(path, data=CLINIC).status_code == 404
    )


def test_the_page_does_not_tell_whose_address_is_in_use_but_the_letter_tells_its_owner(
    browser, letters, signup_open
):
    known = browser.post("/welcome", data={"email": "pat@linden.test"})
    unknown = browser.post("/welcome", data={"email": "nobody@linden.test"})
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    to_known, to_unknown = letters.send()
    assert "You already have an account" in to_known.get_content() and link(to_known) == "/sign-in"
    assert link(to_unknown).startswith("/sign-up/")


def test_without_mail_the_refusal_names_no_address(browser, signup_open):
    answer = browser.post("/welcome", data={**CLINIC, "email": "pat@linden.test"})
    assert (
        answer.status_code == 422
        and "in use" not in answer.text
        and "did not work with these details" in answer.text
    )


def test_the_link_ends_with_its_day_with_sign_up_and_when_the_address_is_taken(
    app, browser, letters, signup_open, clock, monkeypatch, linden
):
    browser.post("/welcome", data={"email": "fia@first.test"})
    path = link(letters.send()[0])
    User.invite(linden.clinic, None, [], name="Fia", email="fia@first.test", role="practitioner")
    assert browser.post(path, data=CLINIC).status_code == 422 and Clinic.select().count() == 1
    User.delete().where(User.email == "fia@first.test").execute()
    monkeypatch.setitem(
        app.config, "SETTINGS", dataclasses.replace(app.config["SETTINGS"], signup_open=False)
    )
    assert browser.get(path).status_code == 404
    monkeypatch.setitem(
        app.config, "SETTINGS", dataclasses.replace(app.config["SETTINGS"], signup_open=True)
    )
    assert browser.get(path).status_code == 200
    clock.now += timedelta(days=1, seconds=1)
    assert browser.get(path).status_code == 404


def test_one_address_gets_a_few_letters_an_hour(app, letters, linden, clock):
    for _ in range(7):
        AddressProof.ask("fia@first.test")
    assert len(letters.send()) == 3
    clock.now += timedelta(hours=1, seconds=1)
    AddressProof.ask("fia@first.test")
    assert len(letters.send()) == 1
    clock.now += timedelta(days=2)
    chores.clean_up()
    assert not AddressProof.select().exists()


def test_neither_address_nor_secret_stands_in_the_database(letters, linden):
    AddressProof.ask("fia@first.test")
    row = AddressProof.get()
    assert "fia" not in str(row.__data__) and row.secret not in str(row.__data__)


# ---- another address ----


@pytest.fixture
def olive(signed_in, linden):
    return signed_in(linden.olive)


def change(olive, person, email):
    answer = olive.post(
        f"/team/{person.id}", data={"name": person.name, "email": email, "role": person.role}
    )
    models.database.connect(reuse_if_open=True)
    return answer


def test_a_new_address_counts_once_its_person_opened_the_link(
    olive, signed_in, letters, linden, app
):
    pat = signed_in(linden.pat)
    assert change(olive, linden.pat, "pat@new.test").status_code == 303
    assert "A link was sent to pat@new.test" in olive.get(f"/team/{linden.pat.id}").text
    assert User.get_by_id(linden.pat.id).email == "pat@linden.test"
    (letter,) = letters.send()
    assert letter["To"] == "pat@new.test"
    path = link(letter)
    for browser, status in ((app.test_client(), (302, 303)), (olive, (404, 404))):
        assert (
            browser.get(path).status_code == status[0]
            and browser.post(path).status_code == status[1]
        )
    # Opening it changes nothing.
    assert (
        "pat@new.test" in pat.get(path).text
        and User.get_by_id(linden.pat.id).email == "pat@linden.test"
    )
    assert pat.post(path).status_code == 303
    assert User.get_by_id(linden.pat.id).email == "pat@new.test"
    assert (
        sign_in(app.test_client(), "pat@new.test") == 303
        and sign_in(app.test_client(), "pat@linden.test") == 422
    )
    assert pat.get(path).status_code == 404


def test_the_newest_wish_counts_and_who_has_no_password_yet_needs_no_proof(olive, letters, linden):
    change(olive, linden.pat, "pat@new.test")
    first = AddressProof.get().secret
    change(olive, linden.pat, "pat@newer.test")
    assert AddressProof.find(first) is None and len(letters.send()) == 1
    ida = User.invite(
        linden.clinic, None, [], name="Ida", email="ida@linden.test", role="practitioner"
    )
    change(olive, ida, "ida@new.test")
    assert User.get_by_id(ida.id).email == "ida@new.test"


def test_nothing_is_revealed_about_another_clinics_address(olive, letters, linden, stranger):
    own, other, free = (
        change(olive, linden.pat, email)
        for email in ("quinn@linden.test", "sam@elsewhere.test", "pat@free.test")
    )
    assert own.status_code == 422 and (other.status_code, other.location) == (
        free.status_code,
        free.location,
    )
    assert [letter["To"] for letter in letters.send()] == ["pat@free.test"]


def test_an_address_that_somebody_took_meanwhile_changes_nothing(signed_in, letters, linden):
    email_addresses.change_person(
        linden.pat, linden.olive, name=linden.pat.name, email="pat@new.test", role="practitioner"
    )
    path = link(letters.send()[0])
    User.invite(linden.clinic, None, [], name="Other", email="pat@new.test", role="practitioner")
    pat = signed_in(linden.pat)
    assert (
        pat.post(path).status_code == 404
        and User.get_by_id(linden.pat.id).email == "pat@linden.test"
    )
    with pytest.raises(AlreadyUsed):
        email_addresses.change_person(
            linden.pat, linden.olive, name="Pat", email="pat@new.test", role="practitioner"
        )


def test_without_mail_it_changes_at_once(olive, linden):
    change(olive, linden.pat, "pat@new.test")
    assert (
        User.get_by_id(linden.pat.id).email == "pat@new.test" and not AddressProof.select().exists()
    )
