"""Rows that a chore fails at: they are put off, longer each time, and keep no others waiting."""

import logging
from datetime import timedelta

import peewee
import pytest

from base import jobs
from base.tables import faulty
from base.tables.faulty import FaultyRow
from models import Patient


@pytest.fixture
def rows(linden, clock):
    return [linden.patient, *(Patient.add(linden.clinic, None, first_name=n) for n in "ABC")]


@pytest.fixture
def chore(rows):
    """`chore()`: a pass over the clients by id, and which were done; `bad`: those that fail."""

    class Chore:
        def __init__(self):
            self.bad = {rows[0].id, rows[1].id}

        def __call__(self, given=None, **bounds):
            self.done, self.tried = [], []
            given = Patient.select().order_by(Patient.id) if given is None else given
            self.failed = faulty.each("a_chore", given, self.do, **bounds)
            return [rows.index(row) for row in self.done]

        def do(self, row):
            self.tried.append(rows.index(row))
            if row.id in self.bad:
                raise ValueError(row.last_name)
            self.done.append(row)

    return Chore()


@pytest.mark.parametrize("as_list", [False, True])
def test_what_is_wrong_with_one_keeps_no_others_waiting(chore, rows, caplog, as_list):
    given = rows if as_list else None
    with caplog.at_level(logging.ERROR):
        assert chore(given) == [2, 3] and chore.failed == 2
    assert [record.getMessage() for record in caplog.records] == [
        f"a_chore: row {row.id}: ValueError at test_faulty.py:"
        + record.getMessage().rpartition("test_faulty.py:")[2]
        for row, record in zip(rows, caplog.records, strict=False)
    ]
    assert "Wójcik" not in caplog.text
    assert chore(given) == [2, 3] and chore.failed == 0, "they are put off"


def test_each_failure_puts_it_off_for_longer_and_success_ends_that(chore, clock):
    waits = []
    for _try in range(12):
        chore()
        row = FaultyRow.select().order_by(FaultyRow.row).first()
        waits.append(row.retry_at - clock.now)
        clock.now = row.retry_at
    minutes = [wait / timedelta(minutes=1) for wait in waits]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
    chore.bad = set()
    assert chore() == [0, 1, 2, 3] and not FaultyRow.select().exists()


def test_faulty_rows_take_no_place_among_the_most_of_a_pass(chore):
    assert chore(most=1) == [2]
    assert chore(most=2) == [2, 3]


def test_a_pass_out_of_time_ends_and_the_next_begins_behind_those_that_failed(chore, monkeypatch):
    """However many are faulty, and though one of them alone takes all the time of a pass."""
    monkeypatch.setattr(faulty, "SECONDS", -1)
    assert [(chore(most=50), chore.tried)[1] for _pass in range(3)] == [[0], [1], [2]]


def test_one_that_has_nothing_to_do_yet_takes_no_place(rows):
    tried = []
    faulty.each("a_chore", rows, lambda row: tried.append(row) or len(tried) > 2, most=1)
    assert tried == rows[:3]


@pytest.mark.parametrize(
    "error", [jobs.JobTooLong(), peewee.OperationalError("database is locked")]
)
def test_what_concerns_all_ends_the_pass_and_puts_nothing_off(rows, error):
    def do(row):
        raise error

    with pytest.raises(type(error)):
        faulty.each("a_chore", rows, do)
    assert not FaultyRow.select().exists()


def test_what_a_failed_row_wrote_in_its_transaction_is_undone(rows, db):
    @db.atomic()
    def do(row):
        Patient.update(first_name="Half").where(Patient.id == row.id).execute()
        raise ValueError

    assert faulty.each("a_chore", rows, do) == len(rows)
    assert not Patient.select().where(Patient.first_name == "Half").exists()


def test_rows_that_nobody_asks_for_any_more_are_forgotten(chore, clock):
    chore()
    FaultyRow.put_off("another", 1, 1)
    clock.now += timedelta(minutes=1)
    FaultyRow.clean_up(clock.now)
    assert FaultyRow.select().count() == 3
    FaultyRow.clean_up(clock.now + faulty.KEPT + timedelta(seconds=1))
    assert not FaultyRow.select().exists()


def test_a_wait_of_a_clock_that_was_ahead_does_not_last(chore, clock):
    clock.now += timedelta(days=400)
    chore()
    clock.now -= timedelta(days=400)
    FaultyRow.clean_up(clock.now)
    assert not FaultyRow.select().exists()
