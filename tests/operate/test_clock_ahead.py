"""A clock that was ahead for a while, and was set right, holds nobody up for longer than it was."""

import inspect
import re
from datetime import UTC, datetime, timedelta

import pytest
from client_world import booked

from base import jobs
from base.database import InstantField
from base.tables.audit import AuditEntry
from base.tables.faulty import FaultyRow
from base.tables.outbox import Letter
from base.tables.outside import ExternalEvent
from base.tables.texts import TextSettings
from free_times.online import holds
from models import Booking, Clinic, Feed, FeedRead, Patient, User
from operate import chores, clock_ahead, migrate, workers
from people import presses
from people.credentials import ResetRequest, Throttle
from people.mailed_codes import MailedCode
from people.security import SecurityEvent
from people.sessions import Session
from sync.tables import clocks
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.pace import Pace
from sync.tables.unread import CalendarTrouble

YEAR = timedelta(days=365)

# Columns in which a wrong instant holds nothing up: what people planned, what a page only shows,
# the history, and how long something that is over is kept. Those of sync are set right by their
# own room.
HARMLESS = {
    "agreement": {"agreed_at"},
    "account": {"consented_at", "created_at", "failing_since", "refresh_expires_at"},
    "address_proof": {"expires_at"},
    "audit_entry": {"at"},
    "booking": {"starts_at", "ends_at", "created_at", "updated_at"},
    "calendar_trouble": {"ended_at", "since", "told_at"},
    "channel": {"called_at", "expires_at"},
    "chore_turn": {"done_at"},  # in the future it does not count
    "client_merge": {"at", "undone_at"},
    "clinic": {"created_at", "overlaps_checked_at"},
    "earlier_offer": {"starts_at", "ends_at", "made_at", "expires_at", "ended_at"},
    "external_event": {"starts_at", "ends_at"},
    "feed": {"created_at", "revoked_at", "rotated_at", "suspended_at"},
    "feed_read": {"first_at", "last_at"},
    "guide_note": {"created_at"},
    "hold": {"starts_at", "ends_at"},
    "import": {"created_at"},
    "letter": {"created_at", "ended_at"},
    "mailed_code": {"expires_at"},
    "mapping": {"counted_at", "updated_at"},
    "note_version": {"at"},
    "notice": {"created_at", "settled_at"},
    "one_time_token": {"expires_at"},
    "online_booking": {"approve_by", "consented_at", "decided_at", "made_at", "moved_at"},
    "pace": {"limited_at"},
    "page_name": {"since", "until"},
    "patient": {"created_at", "unreminded_at"},
    "read_page": {"read_at"},
    "remote_calendar": {"asked_for_at", "gone_since", "unanswered_at", "window_from", "window_to"},
    "revocation": {"given_up_at"},
    "server_key": {"since"},
    "spent_proof": {"expires_at"},
    "sync_run": {"ended_at", "started_at", "wait_until"},
    "time_off": {"created_at", "removed_at", "updated_at"},
    "user": {"created_at", "left_at"},
    "waiting_entry": {"created_at", "ended_at"},
}


OF_SYNC = {Account, Channel, CalendarTrouble, ExternalEvent, MappingRow, Pace, RemoteCalendar}


def test_each_column_of_an_instant_is_decided_about():
    """A new one is set right after a clock was ahead, or is named here as one that holds nothing
    up.
    """
    of_sync = set(re.findall(r"\b\w+(?:_at|_until|_since)\b|\buntil\b", inspect.getsource(clocks)))
    undecided = {
        f"{table._meta.table_name}.{field.name}"
        for table in migrate.TABLES
        for field in table._meta.sorted_fields
        if isinstance(field, InstantField)
        and field.name not in HARMLESS.get(table._meta.table_name, ())
        and field.name not in clock_ahead.PAST.get(table, ())
        and field.name not in clock_ahead.WAITS.get(table, ())
        and not (
            table.__module__.startswith(("sync.", "base.tables.out")) and field.name in of_sync
        )
    }
    assert undecided == set()


@pytest.fixture
def in_a_year(clock, app):
    """`in_a_year(do)`: it happens while the clock is ahead; the hourly chore runs afterwards."""

    def go(*deeds):
        right = clock.now
        clock.now += YEAR
        for do in deeds:
            do()
        clock.now = right + timedelta(minutes=1)
        with app.app_context():
            chores.clean_up()
        clock.now += timedelta(minutes=2)

    return go


def test_whoever_mistyped_a_password_then_may_sign_in(linden, in_a_year):
    in_a_year(lambda: [Throttle.admit({"pair": 5}) for _try in range(9)])
    assert Throttle.wait_seconds(["pair"]) == 0 and Throttle.admit({"pair": 5}) == 0


def test_a_brake_of_an_hour_ahead_ends_with_the_clock_that_set_it(linden, clock):
    """The clock is set back by an hour: no chore has run since."""
    clock.now += timedelta(hours=1)
    for _try in range(9):
        Throttle.admit({"pair": 5})
    assert Throttle.wait_seconds(["pair"]) == 60
    clock.now -= timedelta(hours=1)
    assert Throttle.wait_seconds(["pair"]) == 0 and Throttle.admit({"pair": 5}) == 0
    for _try in range(9):
        Throttle.admit({"pair": 5})
    assert Throttle.wait_seconds(["pair"]) == 60, "counted by the right clock"


def test_the_hourly_chore_does_not_bring_such_a_brake_back(linden, clock):
    clock.now += timedelta(hours=1)
    for _try in range(9):
        Throttle.admit({"pair": 5})
    clock.now -= timedelta(hours=1)
    chores.clean_up()
    assert Throttle.wait_seconds(["pair"]) == 0


def test_letters_go_out_though_their_server_was_in_trouble_then(linden, clock, letters, in_a_year):
    def try_in_vain():
        letters.server.plan = lambda stage, to: "451 later" if stage == "greeting" else None
        ResetRequest.ask("pat", "here", True, "pat@linden.test")
        letters.send()

    in_a_year(try_in_vain)
    letters.server.plan = lambda stage, to: None
    ResetRequest.ask("quinn", "here", True, "quinn@linden.test")
    assert "quinn@linden.test" in [one["To"] for one in letters.send()]
    assert not Letter.select().where(Letter.phase == "waiting").exists()


def test_links_and_codes_can_be_asked_for(linden, clock, in_a_year):
    def ask(count):
        for _try in range(count):
            ResetRequest.ask("key", "here", True, "pat@linden.test")

    def send():
        for n in range(9):
            MailedCode.send(linden.clinic, f"visit {n}", "nora@visitor.test")

    in_a_year(lambda: ask(9), send)
    assert not MailedCode.send(linden.clinic, "a visit", "nora@visitor.test"), "enough in an hour"
    clock.now += timedelta(hours=1)
    before = ResetRequest.select().count()
    ask(1)
    assert ResetRequest.select().count() == before + 1
    assert MailedCode.send(linden.clinic, "a visit", "nora@visitor.test")


def test_sessions_end_in_their_time_and_events_are_told_apart(linden, clock, in_a_year):
    in_a_year(
        lambda: Session.begin(linden.pat, False, ""),
        lambda: SecurityEvent.note("refused", linden.clinic.id, None, "", ""),
    )
    clock.now += timedelta(hours=13)
    chores.clean_up()
    SecurityEvent.note("refused", linden.clinic.id, None, "", "")
    assert not Session.select().exists() and SecurityEvent.select().count() == 2


@pytest.fixture
def ahead_for_a_while(clock, app):
    """`ahead_for_a_while(length, do)`: it happens while the clock is ahead by that much. The sweep
    runs before, then and afterwards, and no other chore.
    """

    def go(length, *deeds):
        right = clock.now
        for clock.now in (right, right + length):
            with app.app_context():
                chores.sweep()
        for do in deeds:
            do()
        clock.now = right + timedelta(seconds=30)
        with app.app_context():
            chores.sweep()

    return go


AHEAD = [timedelta(minutes=20), timedelta(hours=1), timedelta(days=1)]


@pytest.mark.parametrize("length", AHEAD)
def test_waits_that_began_then_end_as_if_the_clock_had_been_right(
    linden, clock, letters, ahead_for_a_while, length
):
    def try_in_vain():
        letters.server.plan = lambda stage, to: "451 later" if stage == "greeting" else None
        ResetRequest.ask("pat", "here", True, "pat@linden.test")
        letters.send()
        FaultyRow.put_off("a chore", 1, 1)
        for _try in range(9):
            Throttle.admit({"pair": 5})

    ahead_for_a_while(length, try_in_vain)
    letters.server.plan = lambda stage, to: None
    clock.now += timedelta(minutes=1)
    assert [one["To"] for one in letters.send()] == ["pat@linden.test"]
    assert FaultyRow.put_off_now() == {}
    assert Throttle.wait_seconds(["pair"]) == 0


@pytest.mark.parametrize("length", AHEAD)
def test_a_letter_that_was_due_then_is_due_now_and_a_later_one_stays(
    linden, clock, letters, ahead_for_a_while, length
):
    def queue():
        Letter.write(linden.clinic, "invite", linden.pat, "now", "pat@linden.test")
        later = clock.now + timedelta(hours=2)
        Letter.write(linden.clinic, "invite", linden.pat, "later", "pat@linden.test", due_at=later)

    right = clock.now
    ahead_for_a_while(length, queue)
    clock.now += timedelta(minutes=1)
    assert [one.sequence for one in Letter.due(clock.now)] == ["now"]
    later = Letter.get(Letter.sequence == "later")
    assert later.due_at == right + length + timedelta(hours=2)


@pytest.mark.parametrize("length", AHEAD)
def test_a_visitor_keeps_a_time_no_longer_and_a_client_as_long_as_was_said(
    linden, clock, ahead_for_a_while, length
):
    def hold(form_use, origin, lasts):
        times = clock.now + timedelta(days=3), clock.now + timedelta(days=3, hours=1)
        holds.keep(linden.calendar, linden.service, form_use, origin, times, clock.now + lasts)

    right = clock.now
    ahead_for_a_while(
        length,
        lambda: hold("a visitor", "somewhere", holds.LASTS),
        lambda: hold("an offer", holds.OF_OFFERS, timedelta(hours=3)),
    )
    clock.now = right + holds.LASTS + timedelta(minutes=1)
    assert holds.alive("a visitor") is None
    assert holds.alive("an offer").expires_at == right + length + timedelta(hours=3)


def test_a_clock_that_is_right_shortens_nothing(linden, clock, ahead_for_a_while):
    ahead_for_a_while(timedelta(minutes=4), lambda: FaultyRow.put_off("a chore", 1, 7))
    assert FaultyRow.get().retry_at == clock.now + timedelta(minutes=67, seconds=30)


def test_two_machines_whose_clocks_differ_do_not_shorten_all_waits(linden, clock):
    right = clock.now
    for _turn in range(3):
        clock.now = right
        clock_ahead.watch()
        clock.now = right - timedelta(minutes=20)
        clock_ahead.watch()
        FaultyRow.put_off("a chore", 1, 9)
        right += timedelta(minutes=2)
    assert FaultyRow.get().retry_at == clock.now + timedelta(minutes=256)
    clock.now = right
    clock_ahead.watch()
    clock.now = right - timedelta(minutes=20)
    clock_ahead.watch()
    assert FaultyRow.get().retry_at > clock.now + timedelta(minutes=250)


@pytest.mark.parametrize("length", AHEAD)
def test_a_press_of_then_is_not_the_one_of_now(linden, clock, ahead_for_a_while, length):
    settings = TextSettings.stored(linden.clinic)
    made = []
    ahead_for_a_while(length, lambda: made.append(settings.make_secret(linden.olive)))
    assert settings.make_secret(linden.olive) != made[0]
    assert AuditEntry.about(settings).where(AuditEntry.action == "texts.secret").count() == 2
    values = {"first_name": "Ada", "last_name": "Byron"}

    def add():
        return presses.once(
            Patient,
            linden.clinic,
            linden.olive,
            values,
            lambda: Patient.add(linden.clinic, linden.olive, **values),
        )

    ahead_for_a_while(length, add)
    _row, is_new = add()
    assert is_new


def test_nothing_starts_before_the_clock_is_set(clock):
    """A computer without a battery begins in 1970."""
    right, told = clock.now, []
    clock.now = datetime(1970, 1, 1, 0, 0, 9, tzinfo=UTC)

    def be_set(sentence):
        told.append(sentence)
        clock.now = right

    clock_ahead.wait_until_set(be_set, pause_seconds=0)
    clock_ahead.wait_until_set(told.append, pause_seconds=0)
    assert len(told) == 1 and "1 January 1970" in told[0]


def test_periodic_jobs_go_on_after_the_clock_was_set_back(queue, clock, monkeypatch):
    """By more than the longest period, so that nothing would be due before tomorrow."""
    monkeypatch.setattr("rq.cron.now", lambda: clock.now)
    turns = workers._Clock(queue)
    turns.register(jobs.carry_out, "chores", args=("operate.chores.sweep",), interval=10)
    assert len(turns.enqueue_jobs()) == 1 and turns.enqueue_jobs() == []
    clock.now -= timedelta(days=1)
    assert len(turns.enqueue_jobs()) == 1 and turns.enqueue_jobs() == []
    assert 0 < turns.calculate_sleep_interval() <= 10
    clock.now += timedelta(seconds=8)
    assert turns.enqueue_jobs() == []
    clock.now -= timedelta(seconds=2)
    assert turns.enqueue_jobs() == [], "a clock is corrected by seconds all the time"
    clock.now += timedelta(seconds=4)
    assert len(turns.enqueue_jobs()) == 1


def test_what_lies_ahead_by_right_stays(linden, clock):
    made = booked(linden, clock, days=300)
    chores.clean_up()
    assert Booking.get_by_id(made.id).starts_at == made.starts_at
    assert {Clinic, Feed, FeedRead, Patient, User}.isdisjoint(
        {*clock_ahead.PAST, *clock_ahead.WAITS}
    )
