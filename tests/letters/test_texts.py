"""Text messages: recipients, content, and the way to the clinic's own service, over real
sockets.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from client_world import booked, team_is_told_nothing
from dripping import DRIPS, dripping
from online_world import switch_on
from typed_addresses import serving

from base import scheduling, vault
from base.bookings.client_letters import LetterSettings
from base.database import database
from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from base.phones import e164
from base.scheduling import Span
from base.tables import texts
from base.tables.outbox import Letter
from base.tables.texts import KINDS, TextSettings
from free_times.rules import OnlineSettings
from letters import reminders, texting
from letters.smtp import LetterRefused
from letters.text_service import Message, hand_over
from models import Booking, Patient
from people import merges

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NUMBER = "+447700900123"


def answer(status, more=""):
    return f"HTTP/1.1 {status} x\r\n{more}Content-Length: 0\r\n\r\n".encode()


@pytest.fixture
def service(app, linden):
    """The clinic's service: `send()` carries out the job, and gives what it was asked since."""
    before = exchange.set_up_as()
    team_is_told_nothing(linden)
    exchange.set_up(read_allowed("http://127.0.0.1"))
    with serving(None) as server:
        server.answers = [answer(202)]
        settings = TextSettings.stored(linden.clinic)
        url = f"http://127.0.0.1:{server.port}/in?key=hunter2"
        secret = settings.make_secret(linden.olive)
        settings.change(linden.olive, url=url, is_on=True, kinds=list(KINDS))
        linden.patient.change(None, phone="07700 900123", texts=True)
        linden.street.country = "GB"
        linden.street.save()

        def send():
            known = len(server.seen)
            with app.app_context():
                texting.send_due()
            return [
                SimpleNamespace(asked=one, **json.loads(one.body)) for one in server.seen[known:]
            ]

        yield SimpleNamespace(server=server, send=send, secret=secret, settings=settings)
    exchange.set_up(before)


@pytest.mark.parametrize(
    ("typed", "countries", "number"),
    [
        ("07700 900123", ["GB"], NUMBER),
        ("+44 (0)7700 900123", [], NUMBER),
        ("0044 7700 900123", [], NUMBER),
        ("07700 900123", [], None),
        ("07700 900123", ["", "GB"], NUMBER),
        ("+41 44 668 18 00", ["GB"], "+41446681800"),
        ("+39 06 1234 5678", [], "+390612345678"),
        ("112", ["DE"], None),
        ("900123", ["GB"], None),
        ("0900 1234567", ["DE"], None),  # costs extra
        ("1-800-FLOWERS", ["US"], None),
        ("+44 7700 900123 ext 5", [], None),
        ("", ["GB"], None),
        ("+" + "9" * 40, [], None),
    ],
)
def test_numbers_are_written_as_they_are_dialled_from_anywhere(typed, countries, number):
    assert e164(typed, *countries) == number


def test_a_message_is_signed_neutral_and_in_full(linden, clock, service):
    OnlineSettings.stored(linden.clinic).change(None, phone="020 7946 0000")
    made = booked(linden, clock)
    (message,) = service.send()
    assert message.to == NUMBER and message.kind == "booked"
    assert message.text == (
        "Linden Physiotherapy: your appointment is on Fri 27 Nov, 11:40."
        " Questions? Call 020 7946 0000."
    )
    assert message.expires == made.starts_at.isoformat()
    head = message.asked
    assert head.header("Idempotency-Key") == message.id and len(message.id) == 32
    assert head.header("Content-Type") == "application/json"
    at, digest = (part.partition("=")[2] for part in head.header("Kalends-Signature").split(","))
    signed = hmac.new(service.secret.encode(), f"{at}.".encode() + head.body, hashlib.sha256)
    assert digest == signed.hexdigest() and int(at) == int(clock.now.timestamp())
    assert head.head.startswith("POST /in?key=hunter2 ")
    for word in ("Malgorzata", "Shoulder", linden.pat.name.split()[0]):
        assert word.lower() not in message.text.lower()
    (row,) = Letter.select()
    assert (row.phase, row.detail["said"], row.queue) == (
        "sent",
        "booked",
        f"texts {row.clinic_id}",
    )
    assert NUMBER not in str(row.__data__) and service.send() == []


CHANGES = [
    ("moved", lambda made, linden: _later(made, linden), "has moved to Fri 27 Nov, 13:40"),
    ("changed", lambda made, linden: _hand(made, linden), "on Fri 27 Nov, 11:40 has changed"),
    ("cancelled", lambda made, linden: made.cancel(linden.olive), "11:40 is cancelled"),
    ("cancelled", lambda made, linden: _give_away(made, linden), "27 Nov, 11:40 is cancelled"),
]


def _later(made, linden):
    hours = timedelta(hours=2)
    made.change(linden.olive, Span(made.starts_at + hours, made.ends_at + hours))


def _give_away(made, linden):
    other = Patient.create(clinic=linden.clinic, first_name="Otto", internal_id="K-3000")
    later = Span(made.starts_at + timedelta(days=1), made.ends_at + timedelta(days=1))
    made.change(linden.olive, later, patient=other, practitioner=linden.abroad)


def _hand(made, linden):
    made.change(linden.olive, made.span, practitioner=linden.colleague_calendar)


@pytest.mark.parametrize(("kind", "change", "said"), CHANGES)
@ONE_DATABASE
def test_each_change_is_told(linden, clock, service, kind, change, said):
    made = booked(linden, clock)
    service.send()
    change(Booking.get_by_id(made.id), linden)
    (message,) = service.send()
    assert message.kind == kind and said in message.text


@ONE_DATABASE
def test_a_series_is_one_message(linden, clock, service):
    booked(linden, clock, count=3)
    (message,) = service.send()
    assert "3 of your appointments have changed. The next is on Fri 27 Nov, 11:40." in message.text


PREVENTED = {
    "not asked for": lambda linden, settings: linden.patient.change(None, texts=False),
    "no number": lambda linden, settings: linden.patient.change(None, phone=""),
    "half a number": lambda linden, settings: linden.patient.change(None, phone="7700"),
    "off": lambda linden, settings: settings.change(None, is_on=False),
    "not this kind": lambda linden, settings: settings.change(None, kinds=["cancelled"]),
    "no service": lambda linden, settings: settings.forget(None),
}


@ONE_DATABASE
def test_who_gets_none(linden, clock, service):
    for prevent in PREVENTED.values():
        booked(linden, clock, days=7)
        with database.atomic() as undone:
            prevent(linden, service.settings)
            assert service.send() == []
            booked(linden, clock, days=8)
            assert Letter.select().where(Letter.phase == "waiting").count() == 0
            undone.rollback()
        linden.patient = Patient.get_by_id(linden.patient.id)
        service.settings = TextSettings.get()
        assert len(service.send()) == 1  # what kept it here is gone
        Booking.delete().execute()
        Letter.delete().execute()


@ONE_DATABASE
def test_what_is_taken_back_before_it_leaves_is_not_told(linden, clock, service):
    made = booked(linden, clock)
    Booking.get_by_id(made.id).cancel(linden.olive)
    assert service.send() == []
    service.settings.change(None, kinds=["moved"])
    made = booked(linden, clock, days=8)
    _later(Booking.get_by_id(made.id), linden)
    Booking.get_by_id(made.id).cancel(linden.olive)
    assert service.send() == []


@ONE_DATABASE
def test_a_move_is_told_as_one_though_the_booking_itself_was_not(linden, clock, service):
    service.settings.change(None, kinds=["moved"])
    made = booked(linden, clock)
    assert service.send() == []
    _later(Booking.get_by_id(made.id), linden)
    _later(Booking.get_by_id(made.id), linden)
    (message,) = service.send()
    assert message.kind == "moved" and "15:40" in message.text


ANSWERS = [  # status, more headers, whether it ends this message, minutes to wait at least
    (400, "", True, 0),
    (413, "", True, 0),
    (422, "", True, 0),
    (302, "Location: http://10.0.0.1/\r\n", False, 0),
    (401, "", False, 0),
    (404, "", False, 0),
    (409, "", False, 0),
    (429, "Retry-After: 600\r\n", False, 10),
    (429, "Retry-After: 9999999\r\n", False, 1440),
    (500, "", False, 0),
    (503, "Retry-After: soon\r\n", False, 0),
]


def test_what_each_answer_means():
    before = exchange.set_up_as()
    exchange.set_up(read_allowed("http://127.0.0.1"))
    with serving(None) as server, exchange.http_client(5) as http:
        url = f"http://127.0.0.1:{server.port}/"
        message = Message("id", NUMBER, "text", "booked", "en", "2026-12-01T00:00:00+00:00")
        server.answers = [answer(status, more) for status, more, _final, _wait in ANSWERS]
        for status, _more, is_final, minutes in ANSWERS:
            with pytest.raises(LetterRefused) as caught:
                hand_over(http, url, "secret", message)
            refused = caught.value
            assert refused.word == str(status)
            assert (refused.is_final, refused.is_server) == (is_final, not is_final)
            assert refused.wait == timedelta(minutes=minutes)
        server.answers = [answer(200)]
        hand_over(http, url, "secret", message)
        assert len(server.seen) == len(ANSWERS) + 1
    exchange.set_up(before)


@pytest.mark.parametrize("how", sorted(DRIPS.keys() - {"a greeting of TLS"}))
def test_a_service_that_does_not_come_to_an_end_is_left_in_time(how):
    """And the message waits, as after any trouble of the service; its head may have been taken."""
    before = exchange.set_up_as()
    exchange.set_up(read_allowed("http://127.0.0.1"))
    message = Message("id", NUMBER, "text", "booked", "en", "2026-12-01T00:00:00+00:00")
    with dripping(how) as service, exchange.http_client(0.4) as http:
        with pytest.raises(LetterRefused) as caught:
            hand_over(http, service.url, "secret", message)
        assert caught.value.is_server and not caught.value.is_final
        assert service.lines == 1 and service.abandoned.acquire(timeout=10)
    exchange.set_up(before)


@ONE_DATABASE
def test_trouble_of_the_service_keeps_all_messages_as_long(linden, clock, service):
    service.server.answers = [answer(503, "Retry-After: 600\r\n")]
    booked(linden, clock)
    booked(linden, clock, days=8)
    assert len(service.send()) == 1
    first, second = Letter.select().order_by(Letter.id)
    assert first.due_at == second.due_at == clock.now + timedelta(minutes=10)
    assert (first.word, first.tries, second.tries) == ("503", 1, 0)
    service.server.answers = [answer(200)]
    clock.now += timedelta(minutes=10)
    assert len(service.send()) == 2


@ONE_DATABASE
def test_a_message_that_is_refused_ends_alone(linden, clock, service):
    service.server.answers = [answer(422), answer(200)]
    booked(linden, clock)
    booked(linden, clock, days=8)
    assert len(service.send()) == 2 and service.send() == []
    assert [row.phase for row in Letter.select().order_by(Letter.id)] == ["failed", "sent"]


@ONE_DATABASE
def test_a_lost_answer_leads_to_the_same_message_again(linden, clock, service):
    service.server.answers = [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Le", answer(200)]
    booked(linden, clock)
    (first,) = service.send()
    (row,) = Letter.select()
    assert (row.phase, row.word) == ("waiting", "broken")
    clock.now += timedelta(minutes=1)
    (again,) = service.send()
    assert (again.id, again.text) == (first.id, first.text)
    assert Letter.get().phase == "sent"


@ONE_DATABASE
@pytest.mark.parametrize(
    ("status", "became"), [(200, ("sent", "")), (500, ("waiting", "500")), (422, ("failed", "422"))]
)
def test_an_answer_without_an_end_is_one_that_was_given(linden, clock, service, status, became):
    """A page of errors may be long."""
    head = f"HTTP/1.1 {status} x\r\nContent-Length: 200000\r\n\r\n"
    service.server.answers = [head.encode() + b"x" * 200_000]
    booked(linden, clock)
    assert len(service.send()) == 1
    assert (Letter.get().phase, Letter.get().word) == became


@ONE_DATABASE
def test_an_address_that_may_not_be_asked_waits_for_the_operator(linden, clock, service):
    exchange.set_up(read_allowed(""))
    booked(linden, clock)
    assert service.send() == []
    assert (Letter.get().phase, Letter.get().word) == ("waiting", "plain")
    exchange.set_up(read_allowed("http://127.0.0.1"))
    clock.now += timedelta(minutes=1)
    assert len(service.send()) == 1


@ONE_DATABASE
def test_another_clinic_s_trouble_and_the_mail_server_s_are_their_own(
    linden, clock, service, letters
):
    linden.patient.change(None, email="m@client.test")
    LetterSettings.stored(linden.clinic).change(None, to_clients="all")
    service.server.answers = [answer(500)]
    booked(linden, clock)
    service.send()
    assert len(letters.send()) == 1  # mail goes on
    service.server.answers = [answer(200)]
    letters.server.plan = lambda stage, to: "451 later"
    booked(linden, clock, days=9)
    letters.send()
    clock.now += timedelta(minutes=1)
    assert len(service.send()) == 2
    assert Letter.select().where(Letter.queue == "mail", Letter.phase == "waiting").count() == 1


@ONE_DATABASE
def test_no_reminder_twice_none_at_night_and_none_for_a_cancelled_one(app, linden, clock, service):
    service.settings.change(None, kinds=["reminder"])
    made, gone = booked(linden, clock), booked(linden, clock, days=7.2)

    def at(wall):
        clock.now = datetime.fromisoformat(wall).replace(tzinfo=UTC)
        with app.app_context():
            reminders.write_due()
            reminders.write_due()
        return service.send()

    assert at("2026-11-26 08:30") == []
    at("2026-11-26 09:30")
    assert Letter.select().where(Letter.kind == texts.REMINDER).count() == 2
    Booking.get_by_id(gone.id).cancel(linden.olive)
    assert [one.kind for one in at("2026-11-26 10:00")] == ["reminder"]
    assert at("2026-11-26 10:30") == at("2026-11-27 09:00") == []
    assert made.status == "confirmed"


@ONE_DATABASE
def test_a_client_who_stopped_reminders_gets_no_text_either(app, linden, clock, service):
    booked(linden, clock)
    service.send()
    Patient.update(unreminded_at=clock.now).execute()
    clock.now = datetime(2026, 11, 26, 10, tzinfo=UTC)
    with app.app_context():
        reminders.write_due()
    assert service.send() == []


@ONE_DATABASE
def test_a_lost_key_is_told_and_loses_no_message(linden, clock, service):
    booked(linden, clock)
    TextSettings.update(sealed_url="gAAAA").execute()
    assert service.send() == []
    assert (Letter.get().phase, Letter.get().word) == ("waiting", "sealed")
    with pytest.raises(vault.CannotOpen):
        assert TextSettings.get().url


@ONE_DATABASE
def test_after_a_merge_the_wish_goes_with_the_number(linden, clock, service):
    kept = Patient.named(linden.clinic, linden.olive, "Malgorzata Other")
    booked(linden, clock, patient=linden.patient)
    done = merges.merge(kept, linden.patient, linden.olive, [])
    kept = Patient.get_by_id(kept.id)
    assert kept.texts and kept.phone == "07700 900123"
    assert len(service.send()) == 1
    merges.undo(done, linden.olive)
    assert not Patient.get_by_id(kept.id).texts
    other = Patient.named(linden.clinic, linden.olive, "Else", phone="020 7946 0000")
    merges.merge(other, Patient.get_by_id(linden.patient.id), linden.olive, [])
    assert not Patient.get_by_id(other.id).texts  # another number was kept


@ONE_DATABASE
def test_many_wait_their_turn(linden, clock, service, monkeypatch):
    monkeypatch.setattr(texting, "PER_MINUTE", 2)
    for days in (7, 8, 9):
        booked(linden, clock, days=days)
    assert len(service.send()) == 2
    clock.now += timedelta(seconds=61)
    assert len(service.send()) == 1
    assert scheduling.utc_now() == clock.now


@ONE_DATABASE
def test_visitors_ask_for_them_where_a_number_is_asked_for(app, linden, clock, service):
    from online_world import book, only_form, to_details

    browser = app.test_client()
    page = switch_on(linden, asks="phone")
    typed = {"name": "Nora Visitor", "phone": "07700 900456"}
    form = only_form(to_details(browser, page.path), "/details")
    refused = form.put(**{**typed, "phone": "12345678", "texts": "y"}).send(browser)
    assert refused.status_code == 422 and b"with its country code" in refused.data
    book(browser, page.path, {**typed, "texts": "y"})
    nora = Patient.get(Patient.first_name == "Nora")
    assert nora.texts
    assert [one.to for one in service.send()] == ["+447700900456"]
    book(browser, page.path, {"name": "Otto Other", "phone": "07700 900789"}, at=3)
    assert not Patient.get(Patient.first_name == "Otto").texts
    service.settings.change(None, is_on=False)
    assert b'name="texts"' not in to_details(browser, page.path, at=5).data


@ONE_DATABASE
def test_naming_somebody_does_not_send_messages_to_their_number(app, linden, clock, service):
    from online_world import book

    page = switch_on(linden, asks="either")
    known = Patient.named(
        linden.clinic, linden.olive, "Nora Visitor", email="n@v.test", phone="07700 900456"
    )
    said = {"name": "Nora Visitor", "email": "n@v.test", "texts": "y"}
    book(app.test_client(), page.path, {**said, "phone": "07700 900999"})
    assert not Patient.get_by_id(known.id).texts
    book(app.test_client(), page.path, {**said, "phone": "+44 7700 900456"}, at=3)
    assert Patient.get_by_id(known.id).texts
