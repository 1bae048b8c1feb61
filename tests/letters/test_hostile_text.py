"""Whatever somebody typed, or an earlier version stored: it ends no header of a letter, begins no
other one, and does not keep the letter from going out.
"""

import smtplib
from email import policy

import pytest
from client_world import booked, event, team_is_told_nothing

from base import text
from base.bookings.client_letters import LetterSettings
from base.tables.outbox import Letter
from free_times.rules import OnlineSettings
from letters import sending, to_clients
from letters.mail_text import Text
from models import Clinic, Patient, Service, User, Venue
from tests.pages import form_of

# No statement here is written for one database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ENCODED = "=?utf-8?q?=0D=0ABcc:_eve@evil.test=0D=0A=0D=0AHello?="
HOSTILE = {
    "line break": "Lin\r\nBcc: eve@evil.test\r\n\r\nHello",
    "line feed": "Lin\nBcc: eve@evil.test\n\nHello",
    "carriage return": "Lin\rBcc: eve@evil.test\r\rHello",
    "line end of Unicode": "Lin\u2028Bcc: eve@evil.test\x85\u2029\x0bHello",
    "direction": "Lin\u202etset.live@eve\u2066\u200f",
    "NUL": "Lin\x00den\x01\x7f",
    "encoded word": f"Lin {ENCODED}",
    "encoded word alone": ENCODED,
    "encoded word taken apart": "=\x00?utf-8?q?=0D=0ABcc:_eve@evil.test?=",
    "long": "x" * 10_000,
    "long, with accents": "é" * 10_000,
    "long, with spaces": "Lin den " * 1_250,
    "quotes": '"Lin" <eve@evil.test>, \\ (den; :',
    "nothing": "\r\n\t \u2028",
}
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type"),
}


@pytest.fixture
def to_all(linden, letters):
    team_is_told_nothing(linden)
    LetterSettings.stored(linden.clinic).change(None, to_clients="all", names_service=True)
    linden.patient.change(None, email="malgorzata@client.test")


def bare(letter) -> None:
    """The letter has our headers, each once, and they say who it is from and to."""
    assert letter.defects == [] and letter["Bcc"] is None
    assert sorted(letter.keys()) == sorted(set(letter.keys())) and set(letter.keys()) <= HEADERS
    (sender,) = letter["From"].addresses
    (to,) = letter["To"].addresses
    assert (sender.addr_spec, to.addr_spec) == ("kalends@linden.test", "malgorzata@client.test")
    assert not letter["From"].defects and not letter["Subject"].defects
    assert not any(c in letter["Subject"] + sender.display_name for c in "\r\n\x00\u202e\u2066\x85")


@pytest.mark.parametrize("kind", HOSTILE)
def test_rows_that_were_stored_before_end_no_header(linden, clock, letters, to_all, kind):
    bad = HOSTILE[kind]
    for table, columns in (
        (Clinic, ["name"]), (Venue, ["name", "address"]), (User, ["name"]), (Service, ["name"]),
    ):  # fmt: skip
        table.update(dict.fromkeys(columns, bad)).where(table.id == ids(linden)[table]).execute()
    stored = LetterSettings.stored(linden.clinic)
    stored.change(None, wordings={"booked": bad}, reply_to=bad)
    OnlineSettings.stored(linden.clinic).change(None, cancellation=bad, phone=bad)
    booked(linden, clock)
    (letter,) = letters.send()
    bare(letter)
    found, entry = event(letter)
    assert letter["Reply-To"] is None and "/appointment/" in found.text
    assert not [c for c in "\x00\u202e\u2066\u2028" if c in found.text + found.html]
    assert entry["ORGANIZER"] == "mailto:kalends@linden.test"
    assert entry["ATTENDEE"] == "mailto:malgorzata@client.test"


def ids(linden) -> dict:
    row = {Clinic: linden.clinic.id, Venue: linden.street.id, User: linden.pat.id}
    return {**row, Service: linden.service.id}


ADDRESSES = {
    "line break": "desk@linden.test\r\nBcc: eve@evil.test",
    "two": "desk@linden.test, eve@evil.test",
    "named": "Desk <desk@linden.test>",
    "direction": "desk\u202e@linden.test",
    "NUL": "desk\x00@linden.test",
    "encoded word": "=?utf-8?q?=0d=0abcc=3aeve=40evil.test?=@linden.test",
    "encoded word later": "a=?utf-8?q?=0d=0abcc=3aeve=40evil.test?=@linden.test",
    "encoded word of one": "=?utf-8?b?dqpiy2m6ihg=?=@linden.test",
    "long": f"{'x' * 10_000}@linden.test",
    "long at the end": f"desk@{'x.' * 5_000}test",
    "no name": "@linden.test",
    "no place": "desk@",
}


@pytest.mark.parametrize("kind", ADDRESSES)
def test_an_address_that_is_none_is_refused_wherever_it_comes_from(
    linden, clock, letters, to_all, signed_in, kind
):
    """In the form, in the settings that were stored before, and as a client's."""
    bad = ADDRESSES[kind]
    with pytest.raises(text.NoAddress):
        text.email(bad)
    manager = signed_in(linden.maya)
    form = form_of(manager.get("/settings/letters/"), "letters-form")
    assert form.put(reply_to=bad).send(manager).status_code == 422
    assert LetterSettings.of(linden.clinic).reply_to == ""
    LetterSettings.stored(linden.clinic).change(None, reply_to=bad)
    booked(linden, clock)
    (letter,) = letters.send()
    bare(letter)
    Patient.update(email=bad).where(Patient.id == linden.patient.id).execute()
    booked(linden, clock, days=14)
    assert letters.send() == []
    last = Letter.select().order_by(Letter.id.desc()).first()
    assert (last.phase, last.word) == ("failed", "address")


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_the_form_of_own_words_takes_is_one_paragraph_of_a_letter(
    linden, clock, letters, to_all, signed_in, kind
):
    manager = signed_in(linden.maya)
    page = form_of(manager.get("/settings/letters/wording"), "wording-form")
    status = page.put(booked=f"Ring {HOSTILE[kind]}").send(manager).status_code
    assert status == (422 if kind.startswith("long") else 303)
    booked(linden, clock)
    (letter,) = letters.send()
    bare(letter)
    stored = LetterSettings.of(linden.clinic).wordings.get("booked")
    words = stored or str(to_clients.WORDINGS["booked"])
    found, entry = event(letter)
    for line in words.splitlines():
        assert line in found.text
    assert words not in str(entry.to_ical(), "utf-8")


def test_a_question_mark_in_an_address_begins_no_header_of_a_mailto(linden, clock, letters, to_all):
    linden.patient.change(None, email="a?bcc=eve@evil.test")
    booked(linden, clock)
    (letter,) = letters.send()
    assert event(letter)[1]["ATTENDEE"] == "mailto:a%3Fbcc%3Deve@evil.test"


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_letter_at_all_takes_a_header_from_its_subject(linden, letters, kind):
    """Of letters to the team as well: their subjects name people."""
    row = Letter(kind="sync_trouble", about=1, sequence="1", clinic=linden.clinic)
    said = Text("malgorzata@client.test", HOSTILE[kind], "Hello", sender=HOSTILE[kind])
    message = sending.compose(row, said)
    lines = message.as_bytes(policy=policy.SMTP).split(b"\r\n")
    assert max(map(len, lines)) <= 998  # RFC 5322 §2.1.1
    with smtplib.SMTP(letters.server.hostname, letters.server.port) as server:
        server.send_message(message, "kalends@linden.test", ["malgorzata@client.test"])
    letter = letters.server.taken[-1]
    assert set(letter.keys()) - HEADERS <= {"Content-Transfer-Encoding"}
    assert letter["Bcc"] is None and len(letter["From"].addresses) == 1
    assert letter.get_content().strip() == "Hello"
