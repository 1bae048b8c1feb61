"""Listeners are called once after the commit of a transaction, with all that it made due, and never
after a rollback.
"""

import threading
from datetime import UTC, datetime

import pytest

import letters
from base.scheduling import Span
from base.sql import after_commit
from models import Booking, Clinic, Patient
from sync.two_way import work

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


class Refused(Exception):
    pass


@pytest.fixture
def told(db):
    """What listeners were told, each time."""
    told = []
    after_commit.listen(lambda due: told.append({kind: set(ids) for kind, ids in due.items()}))
    yield told
    after_commit.listen(work.wake_due, letters.wake_due)


def test_a_transaction_tells_once_and_after_its_commit(db, told):
    with db.atomic():
        with db.atomic():
            db.will_wake("clinic", 1)
        db.will_wake("clinic", 2)
        db.will_wake("clinic", 1)
        db.will_wake("letter")
        assert told == []
    assert told == [{"clinic": {1, 2}, "letter": {0}}]
    with db.atomic():
        Clinic.select().count()
    assert len(told) == 1


def test_the_listener_sees_what_was_committed_and_stands_in_no_transaction(db, linden):
    seen = []

    def look(due):
        seen.append((Clinic.get().name, db.in_transaction()))
        with db.atomic():  # it may write
            Clinic.update(contact="seen").execute()

    after_commit.listen(look)
    try:
        linden.clinic.change(linden.olive, name="Lime")
    finally:
        after_commit.listen(work.wake_due, letters.wake_due)
    assert seen == [("Lime", False)] and Clinic.get().contact == "seen"


def test_without_a_transaction_it_is_told_at_once(db, told):
    db.will_wake("account", 3)
    assert told == [{"account": {3}}]


def test_nothing_is_told_of_what_was_rolled_back(db, told):
    with pytest.raises(Refused), db.atomic():
        db.will_wake("clinic", 1)
        raise Refused
    with db.atomic() as transaction:
        db.will_wake("clinic", 2)
        transaction.rollback()
        db.will_wake("clinic", 3)
    assert told == [{"clinic": {3}}]


def test_a_savepoint_that_is_rolled_back_takes_its_own_with_it(db, told):
    with db.atomic():
        db.will_wake("clinic", 1)
        with pytest.raises(Refused), db.atomic():
            db.will_wake("clinic", 2)
            with db.atomic():
                db.will_wake("clinic", 3)
            raise Refused
        with db.atomic():
            db.will_wake("clinic", 4)
    assert told == [{"clinic": {1, 4}}]


def test_nothing_is_told_after_a_savepoint_alone(db, told):
    with db.atomic(), pytest.raises(Refused), db.atomic():
        db.will_wake("clinic", 1)
        raise Refused
    assert told == []


def test_what_a_lost_connection_left_is_forgotten(db, told):
    with pytest.raises(Exception), db.atomic():  # noqa: B017, PT011  # each database says it otherwise
        db.will_wake("clinic", 1)
        db.connection().close()
    db.close()
    db.connect()
    with db.atomic():
        db.will_wake("clinic", 2)
    assert told == [{"clinic": {2}}]


def test_several_transactions_wake_together(db, told):
    with pytest.raises(Refused), db.waking_once():
        with db.atomic():
            db.will_wake("clinic", 1)
        with db.waking_once(), db.atomic():
            db.will_wake("account", 2)
        with db.atomic():
            db.will_wake("clinic", 3)
            raise Refused
    assert told == [{"clinic": {1}, "account": {2}}]


def test_a_listener_that_fails_fails_no_change_and_no_other_listener(linden, caplog):
    told = []

    def fail(due):
        raise ValueError("Anna Kowalska")

    after_commit.listen(fail, told.append)
    try:
        linden.clinic.change(linden.olive, name="Lime")
    finally:
        after_commit.listen(work.wake_due, letters.wake_due)
    assert Clinic.get().name == "Lime" and len(told) == 1
    assert "not woken: ValueError" in caplog.text and "Anna" not in caplog.text


def test_threads_tell_only_their_own(db, told):
    begun = threading.Event()

    def other():
        begun.wait(10)
        db.will_wake("account", 9)  # its own connection has no transaction
        db.close()

    thread = threading.Thread(target=other)
    thread.start()
    with db.atomic():
        db.will_wake("clinic", 1)
        begun.set()
        thread.join(10)
        assert told == [{"account": {9}}]
    assert told == [{"account": {9}}, {"clinic": {1}}]


@pytest.mark.parametrize(
    "change",
    [
        lambda it: Booking.book(it.calendar, [it.span], it.pat, patient=it.patient),
        lambda it: it.booking.cancel(it.pat),
        lambda it: Patient.get_by_id(it.patient.id).change(it.pat, first_name="Zofia"),
        lambda it: it.clinic.change(it.olive, name="Lime"),
        lambda it: it.pat.change_sync(identifier="initials"),
        lambda it: it.quinn.leave(it.olive),
        lambda it: it.street.change(
            it.olive,
            name="Lime Street",
            address="",
            zone_name="Europe/London",
            hours=it.street.hours,
        ),
    ],
    ids=["book", "cancel", "client", "clinic", "sync", "leave", "venue"],
)
def test_one_change_tells_once(linden, told, change):
    linden.booking = Booking.book(linden.calendar, [Span(NINE, NINE.replace(hour=10))], linden.pat)[
        0
    ]
    linden.span = Span(NINE.replace(hour=11), NINE.replace(hour=12))
    told.clear()
    change(linden)
    assert told == [{"clinic": {linden.clinic.id}}]
