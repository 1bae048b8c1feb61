"""Two different presses at the same moment: what they leave is what one after the other leaves, and
neither answer claims what did not happen.
"""

import itertools

import pytest
from external import known
from interrupted import Interruption
from online_world import book as online_book
from online_world import only_form, switch_on, text_of, times_of
from presses import booked, client, day, filled, sent

from base import scheduling
from base.bookings.client_letters import LetterSettings
from base.tables.audit import AuditEntry
from base.tables.outbox import MailSetup, set_up, setup
from base.tables.time_off import TimeOff
from free_times.earlier.entries import EarlierSettings, WaitingEntry
from free_times.online import by_letter
from models import Booking, Patient
from operate import intake
from operate.intake.upload import Import
from people.credentials import Throttle
from sync.tables.accounts import Account


@pytest.fixture
def world(linden, clock):
    before = setup()
    set_up(MailSetup("smtp://127.0.0.1:9", "kalends@linden.test"))
    linden.maya.change_sync(sync_allowed=True, identifier="initials")
    LetterSettings.stored(linden.clinic).change(None, to_clients="all")
    EarlierSettings.stored(linden.clinic).change(None, mode="hand", visitors_ask=True)
    yield linden
    set_up(before)


@pytest.fixture
def crossings(world, signed_in, monkeypatch):
    """`crossings(scene, first, other)`: the two answers for each moment of the press `first` at
    which `other` runs meanwhile, in `crossings.browsers`; `scene(n, browser)` makes both, anew each
    time.
    """
    maya = signed_in(world.maya)

    def each(scene, first, other, second=world.olive):
        browsers = each.browsers = [maya, signed_in(second)]
        interruption = Interruption(monkeypatch)
        for moment in itertools.count():
            Throttle.delete().execute()
            presses = scene(moment, browsers[0])
            send = [
                lambda one=one, press=presses[name]: one.post(press[0], data=press[1])
                for one, name in zip(browsers, (first, other), strict=True)
            ]
            answers = interruption.within(*send, moment)
            if answers[1] is None:
                assert moment > 1, "the press had several moments"
                return
            yield answers

    return each


# ---- a link of the former client, while the team gives the appointment to another one ----


def to_another(world, row, browser) -> tuple[str, dict]:
    other = Patient.add(world.clinic, world.maya, first_name="Bea", last_name="Vidal")
    return filled(browser, f"/bookings/{row.id}/edit", f"/bookings/{row.id}", patient=other.id)


def by_the_letter(world):
    def scene(n, browser):
        row = booked(world, n, patient=client(world, n, email=f"c{n}@client.test"))
        way = f"/appointment/{row.uuid}/{by_letter.token(row)}"
        return {
            "cancel": sent(only_form(browser.get(f"{way}/"), "/cancel")),
            "no reminders": sent(only_form(browser.get(f"{way}/reminders"), "/reminders")),
            "earlier": sent(only_form(browser.get(f"{way}/earlier"), "/earlier")),
            "give": to_another(world, row, browser),
        }

    return scene


def booked_online(world):
    def scene(n, browser):
        path = switch_on(world, change_hours=0, notice_hours=0).path
        typed = {"name": f"Nora Visitor{chr(97 + n)}", "email": f"n{n}@visitor.test"}
        way = online_book(browser, path, typed, at=n).location
        row = Booking.select().order_by(Booking.id.desc()).get()
        ask = browser.get(f"{way}/move")
        return {
            "cancel": sent(only_form(browser.get(f"{way}/cancel"), "/cancel")),
            "move": sent(only_form(ask, "/move").put(time=times_of(ask)[-1 - n])),
            "earlier": sent(only_form(browser.get(f"{way}/earlier"), "/earlier")),
            "give": to_another(world, row, browser),
        }

    return scene


PRESSES_OF_FORMER = [
    (by_the_letter, "cancel"),
    (by_the_letter, "no reminders"),
    (by_the_letter, "earlier"),
    (booked_online, "cancel"),
    (booked_online, "move"),
    (booked_online, "earlier"),
]


@pytest.mark.parametrize(("scene", "press"), PRESSES_OF_FORMER)
def test_the_former_client_changes_nothing_of_the_new_ones(world, crossings, scene, press):
    switch_on(world, change_hours=0, notice_hours=0)
    seen = set()
    for answer, gave in crossings(scene(world), press, "give"):
        row = Booking.select().order_by(Booking.id.desc()).get()
        seen.add(answer.status_code)
        assert gave.status_code < 500
        if answer.status_code in (404, 410):
            assert (row.patient.first_name, row.status, row.sequence) == ("Bea", "confirmed", 0)
        elif row.patient.first_name == "Bea":  # the client was first
            assert AuditEntry.latest(row).user == world.olive
        assert row.patient.first_name != "Bea" or row.patient.unreminded_at is None
        assert not WaitingEntry.select().join(Patient).where(Patient.first_name == "Bea").exists()
    assert seen & {404, 410} and not seen & {500}


# ---- time off and a booking ----


def test_time_off_and_a_booking_at_once_meet_in_one_of_the_forms(world, crossings):
    def scene(n, browser):
        when = {"first_on": str(day(n)), "last_on": str(day(n)), "starts": "09:00", "ends": "10:00"}
        facts = {"calendar": world.calendar.id, "patient": world.patient.id, "rate": ""}
        hours = {"day": str(day(n)), "starts": "09:00", "ends": "09:50", "repeat": "once"}
        more = {"service": world.service.id, "status": "confirmed", "notes": ""}
        off = f"/time-off/?calendar={world.calendar.id}"
        return {
            "off": (off, {"key": f"k{n}", "kind": "lunch", **when}),
            "book": ("/bookings/", {"key": f"b{n}", **facts, **hours, **more}),
        }

    for first, other in (("off", "book"), ("book", "off")):
        for answers in crossings(scene, first, other):
            codes = sorted(one.status_code for one in answers)
            assert codes == [303, 422], [text_of(one)[-300:] for one in answers]
            assert Booking.select().count() + TimeOff.select().count() == 1
            Booking.delete().execute()
            TimeOff.delete().execute()
        Booking.delete().execute()
        TimeOff.delete().execute()


# ---- files and accounts ----


def test_a_question_about_a_file_that_is_deleted_at_once(world, crossings):
    def scene(n, browser):
        for row in Import.select().where(Import.phase.in_(Import.OPEN)):
            row.advance(Import.OPEN, "discarded", None)
        file = f"First name,Last name\nAda,Quist{n}\n".encode()
        row = intake.begin_import(world.clinic, world.maya, "clients", file)
        intake.check_file(row.id)
        return {
            "ask": (f"/settings/imports/{row.id}/questions", {}),
            "delete": (f"/settings/imports/{row.id}/disposal", {}),
        }

    for first, other in (("ask", "delete"), ("delete", "ask")):
        for answers in crossings(scene, first, other):
            assert [one.status_code for one in answers] == [303, 303]
            assert Import.select().order_by(Import.id.desc()).get().phase == "discarded"


def test_sync_that_is_ended_at_once_is_not_said_to_be_started(world, crossings):
    known("google")

    def scene(n, browser):
        Account.delete().execute()
        AuditEntry.delete().execute()
        facts = {"email": "maya@home.test", "sealed": "", "phase": "naming"}
        row = Account.create(clinic=world.clinic, user=world.maya, kind="google", **facts)
        row.put(listed_at=scheduling.utc_now())
        return {
            "start": filled(browser, "/sync/", f"/sync/accounts/{row.id}/start"),
            "end": (f"/sync/accounts/{row.id}/disconnection", {}),
        }

    for first, other in (("start", "end"), ("end", "start")):
        for answers in crossings(scene, first, other, world.maya):
            assert [one.status_code for one in answers] == [303, 303]
            assert not Account.get().is_active
            is_started = AuditEntry.select().where(AuditEntry.action == "account.started").exists()
            said = [text_of(one.get("/sync/")) for one in crossings.browsers]
            assert any("Started." in one for one in said) == is_started, said
