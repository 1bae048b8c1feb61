"""Settings → E-mails to clients."""

import pytest
from client_world import booked, event
from online_world import text_of

from base.bookings.client_letters import LetterSettings
from letters.to_clients import WORDINGS
from tests.pages import form_of

ADDRESS = "/settings/letters/"
# No statement of these pages is written for one database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def manager(signed_in, linden):
    return signed_in(linden.maya)


def form(manager):
    return form_of(manager.get(ADDRESS), "letters-form")


def test_a_manager_chooses_who_gets_letters(manager, linden):
    assert "No e-mails are sent" in manager.get(ADDRESS).get_data(as_text=True)
    sent = form(manager).put(to_clients="all", method="PUBLISH", reply_to="desk@linden.test")
    assert sent.send(manager).status_code == 303
    row = LetterSettings.of(linden.clinic)
    assert (row.to_clients, row.method, row.reply_to) == ("all", "PUBLISH", "desk@linden.test")


@pytest.mark.parametrize(
    "typed", [{"to_clients": "some"}, {"reply_to": "no address"}, {"method": "CANCEL"}]
)
def test_what_cannot_be_is_refused(manager, linden, typed):
    assert form(manager).put(**typed).send(manager).status_code == 422
    assert LetterSettings.of(linden.clinic).to_clients == "online"


def test_practitioners_have_no_such_page(signed_in, linden):
    browser = signed_in(linden.pat)
    assert browser.get(ADDRESS).status_code == browser.post(ADDRESS).status_code == 403


def test_own_words_stand_in_the_letter_and_break_nothing(manager, linden, clock, letters):
    page = form_of(manager.get(f"{ADDRESS}wording"), "wording-form")
    own = "Ring <b>twice</b>.\r\n{{ 7 * 7 }} {name} %s https://a.test"
    assert page.put(booked=own).send(manager).status_code == 303
    LetterSettings.stored(linden.clinic).change(None, to_clients="all")
    linden.patient.change(None, email="malgorzata@client.test")
    booked(linden, clock)
    (letter,) = letters.send()
    found, _entry = event(letter)
    assert "Ring &lt;b&gt;twice&lt;/b&gt;." in found.html and "{{ 7 * 7 }} {name} %s" in found.text
    assert "/appointment/" in found.html and b"twice" not in found.ics


def test_the_words_of_two_people_are_merged_by_kind(manager, signed_in, linden):
    owner = signed_in(linden.olive)
    first, second, third = (
        form_of(one.get(f"{ADDRESS}wording"), "wording-form") for one in (manager, owner, owner)
    )
    assert first.put(booked="Welcome.").send(manager).status_code == 303
    assert second.put(moved="Sorry.").send(owner).status_code == 303
    assert LetterSettings.of(linden.clinic).wordings == {"booked": "Welcome.", "moved": "Sorry."}
    assert third.put(booked="See you.").send(owner).status_code == 422
    assert LetterSettings.of(linden.clinic).wordings["booked"] == "Welcome."


@pytest.mark.parametrize("kind", WORDINGS)
def test_a_preview_shows_what_is_typed_and_saves_nothing(manager, linden, kind):
    page = form_of(manager.get(f"{ADDRESS}wording"), "wording-form").put(**{kind: "Ring <i>twice"})
    shown = manager.post(f"{ADDRESS}wording/{kind}", data=dict(page.fields))
    text = shown.get_data(as_text=True)
    assert shown.status_code == 200 and "Ring &lt;i&gt;twice" in text and "Pat Linden" in text
    assert LetterSettings.of(linden.clinic).wordings == {}
    assert manager.post(f"{ADDRESS}wording/none").status_code == 404


def test_the_card_says_which_letters_went_out_and_the_board_sends_again(
    manager, linden, clock, letters
):
    LetterSettings.stored(linden.clinic).change(None, to_clients="all")
    linden.patient.change(None, email="malgorzata@client.test")
    made = booked(linden, clock)

    def card():
        return text_of(manager.get(f"/bookings/{made.id}"))

    assert "E-mail to the client: on its way" in card()
    letters.server.plan = lambda stage, to: "550 5.1.1 nobody" if stage == "RCPT" else None
    letters.send()
    assert "not delivered, the mail server answered 550 5.1.1" in card()
    assert "Send again" in text_of(manager.get("/health/"))
    letters.server.begin_anew()
    assert manager.post(f"{ADDRESS}again").status_code == 303
    (letter,) = letters.send()
    assert letter["To"] == "malgorzata@client.test" and letters.send() == []
    assert "Confirmation: sent" in card()
    board = text_of(manager.get("/health/"))
    assert "Send again" not in board and "Wójcik" not in board
    assert "Wójcik" not in letter.as_string()
