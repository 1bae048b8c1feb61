""" "Was this page helpful?" of the guides: an answer reaches the people who look after Kalends."""

import pytest

from base.tables.outbox import Letter
from models import Clinic
from people import guide_notes
from people.guide_notes import GuideNote

# Pages and letters are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")

NO = {"helpful": "no", "note": "Where is the button?"}


def test_an_answer_goes_to_the_contact_and_is_kept(signed_in, linden, letters):
    linden.clinic.change(None, contact="help@linden.test")
    pat = signed_in(linden.pat)
    assert "Was this page helpful?" in pat.get("/help/google").text
    answer = pat.post("/help/google/answers", data=NO)
    assert answer.location == "/help/google"
    (letter,) = letters.send()
    assert letter["To"] == "help@linden.test" and letter["Reply-To"] == linden.pat.email
    body = letter.get_body().get_content()
    assert "Where is the button?" in body and "/help/google" in body
    kept = signed_in(linden.olive).get("/help/answers").text
    assert "Where is the button?" in kept and linden.pat.name in kept
    assert pat.get("/help/answers").status_code == 403


def test_without_a_contact_each_owner_is_written_to_and_without_mail_it_is_kept(
    signed_in, linden, letters
):
    signed_in(linden.pat).post("/help/google/answers", data=NO)
    assert [letter["To"] for letter in letters.send()] == [linden.olive.email]
    Clinic.update(contact="Olive, 1st floor").execute()
    assert guide_notes.addresses(Clinic.get()) == [linden.olive.email]


def test_a_plain_yes_writes_nobody_and_what_is_too_long_or_not_offered_is_refused(
    signed_in, linden, app
):
    pat = signed_in(linden.pat)
    assert pat.post("/help/google/answers", data={"helpful": "yes"}).status_code == 303
    assert not Letter.select().exists() and GuideNote.get().is_helpful
    for wrong in ({"helpful": "maybe"}, NO | {"note": "x" * 1001}, {}):
        assert pat.post("/help/google/answers", data=wrong).status_code == 422
    assert pat.post("/help/nowhere/answers", data=NO).status_code == 404
    assert app.test_client().post("/help/google/answers", data=NO).status_code in (302, 303, 400)
    assert GuideNote.select().count() == 1


def test_answers_are_limited_and_only_the_newest_kept(signed_in, linden, monkeypatch):
    monkeypatch.setattr(guide_notes, "MOST", 3)
    pat = signed_in(linden.pat)
    said = [
        pat.post("/help/google/answers", data={"helpful": "yes"}).status_code for _ in range(11)
    ]
    assert said == [303] * 10 + [429]
    assert GuideNote.select().count() == 3
    olive = signed_in(linden.olive)
    assert olive.post("/help/answers/removal").status_code == 303
    assert not GuideNote.select().exists()
