"""Settings → Text messages."""

import itertools
from datetime import timedelta

import pytest
from client_world import booked
from interrupted import Interruption
from online_world import text_of

from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from base.tables import texts
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter
from base.tables.texts import TextSettings
from models import Patient
from tests.pages import form_of

ADDRESS = "/settings/text-messages/"
URL = "https://texts.example.test/in?key=hunter2"
# No statement of these pages is written for one database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def owner(signed_in, linden):
    return signed_in(linden.olive)


def form(owner):
    return form_of(owner.get(ADDRESS), "texts-form")


def secret_of(answer):
    return answer.get_data(as_text=True).partition("<code>")[2].partition("</code>")[0]


def test_an_owner_sets_it_up_step_by_step(owner, linden):
    page = owner.get(ADDRESS)
    assert b"There is none yet" in page.data and b"Set the address and the secret" in page.data
    refused = form(owner).put(is_on="y", url=URL).send(owner)
    assert refused.status_code == 422 and "send a trial message" in text_of(refused)
    assert form(owner).put(url=URL).send(owner).status_code == 303
    assert "https://texts.example.test/…" in owner.get(ADDRESS).get_data(as_text=True)
    made = owner.post(f"{ADDRESS}secret")
    secret = secret_of(made)
    assert len(secret) > 40 and TextSettings.get().secret == secret
    assert b"<code>" not in owner.get(ADDRESS).data  # shown once
    assert form(owner).put(is_on="y", waits="y").send(owner).status_code == 303
    row = TextSettings.get()
    assert row.sends and row.url == URL and row.kinds == ["waits", *texts.USUAL]
    actions = [one.action for one in AuditEntry.select().order_by(AuditEntry.id)]
    assert actions[-3:] == ["texts.changed", "texts.secret", "texts.changed"]
    stored = f"{[one.__data__ for one in AuditEntry.select()]} {row.sealed_url} {row.sealed_secret}"
    assert "hunter2" not in stored and secret not in stored
    for one in (owner.get(ADDRESS), owner.get("/settings/history")):
        assert "hunter2" not in one.get_data(as_text=True)


def test_a_secret_that_is_shown_is_the_one_that_counts(owner, linden, clock, monkeypatch):
    interruption = Interruption(monkeypatch)
    for moment in itertools.count():
        answers = interruption.within(
            *[lambda: owner.post(f"{ADDRESS}secret") for _ in range(2)], moment
        )
        if answers[1] is None:
            break
        shown = {secret_of(one) for one in answers}
        assert shown == {TextSettings.get().secret}
        clock.now += timedelta(minutes=2)
    assert moment > 1
    assert AuditEntry.select().where(AuditEntry.action == "texts.secret").count() == moment + 1


def test_a_second_press_on_purpose_reads_why_the_secret_is_the_same(owner, linden, clock):
    first, second = (owner.post(f"{ADDRESS}secret") for _ in range(2))
    assert secret_of(first) == secret_of(second)
    assert "For a minute the button shows this one again" in text_of(second)
    assert "For a minute" not in text_of(owner.get(ADDRESS))


def test_a_new_secret_replaces_one_that_was_made_before_or_by_another_person(linden, clock):
    settings = TextSettings.stored(linden.clinic)
    made = [settings.make_secret(linden.olive), settings.make_secret(linden.maya)]
    clock.now += timedelta(minutes=2)
    made.append(settings.make_secret(linden.maya))
    settings.forget(linden.maya)
    made.append(settings.make_secret(linden.maya))
    assert len(set(made)) == 4 and settings.secret == made[-1]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://texts.example.test/", "begin with https://"),
        ("texts.example.test", "no complete address"),
        ("https://", "no complete address"),
        ("javascript:alert(1)", "no complete address"),
    ],
)
def test_addresses_that_cannot_be_are_refused_in_a_sentence(owner, linden, url, said):
    refused = form(owner).put(url=url).send(owner)
    assert refused.status_code == 422 and said in text_of(refused)
    assert not TextSettings.select().exists()


OTHERS = "https://other.example.test/in?key=swordfish"


def test_an_address_that_another_owner_wrote_meanwhile_is_not_lost_unseen(signed_in, linden):
    first, second = (signed_in(linden.olive) for _ in range(2))
    forms = form(first), form(second)
    assert forms[0].put(url=URL).send(first).status_code == 303
    asked = forms[1].put(url=OTHERS).send(second)
    assert asked.status_code == 422 and "https://texts.example.test/…" in text_of(asked)
    assert "hunter2" not in asked.get_data(as_text=True)
    assert TextSettings.get().url == URL
    asked = form_of(asked, "texts-form")
    assert asked.put(**{"keep-url": "theirs"}).send(second).status_code == 303
    assert TextSettings.get().url == URL
    assert asked.put(**{"keep-url": "yours"}).send(second).status_code == 303
    assert TextSettings.get().url == OTHERS


def test_an_address_that_is_left_as_it_is_asks_nothing(signed_in, linden):
    first, second = (signed_in(linden.olive) for _ in range(2))
    forms = form(first), form(second)
    assert forms[0].put(url=URL).send(first).status_code == 303
    assert forms[1].put(waits="y").send(second).status_code == 303
    assert TextSettings.get().url == URL and "waits" in TextSettings.get().kinds
    for _ in range(2):  # pressed twice
        assert forms[0].put(url=URL).send(first).status_code == 303
    blind = {"url": "", "waits": "y", **dict.fromkeys(texts.USUAL, "y")}
    assert first.post(ADDRESS, data=blind).status_code == 303
    assert TextSettings.get().url == URL


def test_a_trial_message_says_what_became_of_it(owner, linden, clock):
    settings = TextSettings.stored(linden.clinic)
    settings.make_secret(None)
    settings.change(None, url=URL)
    trial = f"{ADDRESS}trial"
    assert "country code" in text_of(owner.post(trial, data={"phone": "7700"}))
    assert "Write a number" in text_of(owner.post(trial, data={"phone": ""}))
    assert owner.post(trial, data={"phone": "+44 7700 900123"}).status_code == 303
    assert "on its way" in text_of(owner.get(ADDRESS))
    (row,) = Letter.select()
    assert row.to == "+447700900123" and row.queue == texts.queue_of(linden.clinic.id)
    for phase, word, said in [
        ("sent", "", "accepted your trial message"),
        ("failed", "422", "does not accept this message"),
        ("failed", "private", "ask the person who runs this server to allow it"),
        ("failed", "404", "is not there any more"),
        ("failed", "418", "The service answered 418."),
    ]:
        Letter.update(phase=phase, word=word, ended_at=clock.now).execute()
        assert said in text_of(owner.get(ADDRESS)), word


def test_removing_it_sends_nothing_any_more(owner, linden, clock):
    settings = TextSettings.stored(linden.clinic)
    settings.make_secret(None)
    settings.change(None, url=URL, is_on=True)
    assert owner.post(f"{ADDRESS}removal").status_code == 303
    assert not TextSettings.get().sends and TextSettings.get().url == ""
    assert b"Remove address" not in owner.get(ADDRESS).data


def test_only_the_owner_sees_the_text_message_settings(signed_in, linden):
    for person in (linden.maya, linden.pat):
        browser = signed_in(person)
        assert browser.get(ADDRESS).status_code == 403
        for action in ("", "secret", "removal", "trial"):
            assert browser.post(f"{ADDRESS}{action}").status_code == 403
        assert b"Text messages" not in browser.get("/settings/").data


def test_an_address_that_no_key_opens_is_asked_for_again(owner, linden):
    TextSettings.create(clinic=linden.clinic, sealed_url="gAAA", sealed_secret="gAAA", is_on=True)
    assert "write it again" in text_of(owner.get(ADDRESS))
    assert form(owner).put(url=URL).send(owner).status_code == 303
    assert TextSettings.get().url == URL


def test_the_client_s_page_asks_and_says_so(owner, linden):
    page = f"/clients/{linden.patient.id}"
    assert b"text messages" not in owner.get(f"{page}/edit").data
    settings = TextSettings.stored(linden.clinic)
    settings.make_secret(None)
    settings.change(None, url=URL)
    edit = form_of(owner.get(f"{page}/edit"), "client-form")
    refused = edit.put(texts="y", phone="01 555 0100").send(owner)
    assert refused.status_code == 422 and "with its country code" in text_of(refused)
    edit = form_of(owner.get(f"{page}/edit"), "client-form")
    assert edit.put(texts="y").send(owner).status_code == 303
    assert Patient.get_by_id(linden.patient.id).texts
    assert "Asked for text messages" in text_of(owner.get(page))


def test_system_status_and_the_booking_say_what_went_out(owner, linden, clock):
    settings = TextSettings.stored(linden.clinic)
    settings.make_secret(None)
    settings.change(None, url=URL, is_on=True, kinds=["booked"])
    linden.patient.change(None, texts=True)
    made = booked(linden, clock)
    assert "Text message, about the appointment: on its way" in text_of(
        owner.get(f"/bookings/{made.id}")
    )
    assert "0 sent within a day, 1 waiting" in text_of(owner.get("/health/"))
    Letter.update(failing_since=clock.now, word="unreachable").execute()
    assert "The server does not answer." in text_of(owner.get("/health/"))
    ended = {"phase": "failed", "word": "422", "ended_at": clock.now, "detail": {"said": "booked"}}
    Letter.update(ended).execute()
    status = owner.get("/health/")
    assert "1 not accepted within the last week" in text_of(status) and b"Send again" in status.data
    again = owner.post("/settings/letters/again", follow_redirects=True)
    assert "1 message is sent again" in text_of(again)
    assert Letter.get().phase == "waiting"


def test_a_private_service_is_the_operator_s_to_allow(owner, linden):
    before = exchange.set_up_as()
    exchange.set_up(read_allowed("http://texts.clinic.lan"))
    assert form(owner).put(url="http://texts.clinic.lan/in").send(owner).status_code == 303
    exchange.set_up(before)
    assert form(owner).put(url="http://texts.clinic.lan/in").send(owner).status_code == 422
