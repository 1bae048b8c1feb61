"""Who begins to write to a SQLite file next."""

import os
import sqlite3
import threading

import pytest

from base.sql import turns
from base.sql.turns import Turns

THREADS, EACH = 6, 15


def _connection(path) -> sqlite3.Connection:
    made = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    made.execute("PRAGMA journal_mode = wal")
    made.execute("PRAGMA busy_timeout = 10000")
    return made


def _until(is_so) -> None:
    """Wait until something is so."""
    while not is_so():
        threading.Event().wait(0.001)


def test_first_come_first_served():
    queue, order = Turns(10), []

    def come(number):
        with queue:
            order.append(number)

    threads = [threading.Thread(target=come, args=(number,)) for number in range(THREADS)]
    with queue:
        for count, thread in enumerate(threads, 1):
            thread.start()
            _until(lambda count=count: len(queue._waiting) == count)
    for thread in threads:
        thread.join()
    assert order == list(range(THREADS))


def test_nobody_waits_while_others_begin_again_and_again(tmp_path):
    """Between the wish to write and the turn each other thread goes once at most."""
    queue, path = Turns(10), tmp_path / "some.db"
    _connection(path).execute("CREATE TABLE one (n)")
    begun, waited = [], []

    def write(number):
        connection = _connection(path)
        for _ in range(EACH):
            before = len(begun)
            turns.begin(queue, connection, "BEGIN IMMEDIATE")
            waited.append(len(begun) - before)
            begun.append(number)
            connection.execute("INSERT INTO one VALUES (?)", (number,))
            connection.execute("COMMIT")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == THREADS * EACH
    # One that has begun and one at the door may be counted besides.
    assert max(waited) <= THREADS + 2


def test_a_writer_of_another_process_is_waited_for_and_no_longer_than_allowed(tmp_path):
    queue, path = Turns(10), tmp_path / "some.db"
    mine, other = _connection(path), _connection(path)
    other.execute("BEGIN IMMEDIATE")
    mine.execute("PRAGMA busy_timeout = 20")
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        turns.begin(queue, mine, "BEGIN IMMEDIATE")
    assert mine.execute("PRAGMA busy_timeout").fetchone() == (20,)
    mine.execute("PRAGMA busy_timeout = 10000")
    threading.Timer(0.02, other.execute, ("COMMIT",)).start()
    turns.begin(queue, mine, "BEGIN IMMEDIATE")
    assert mine.in_transaction


def test_whoever_gives_up_leaves_the_queue_to_the_others():
    queue, gave_up = Turns(0.01), []

    def come():
        try:
            with queue:
                pass
        except sqlite3.OperationalError as error:
            gave_up.append(str(error))

    thread = threading.Thread(target=come)
    with queue:
        thread.start()
        thread.join()
    assert gave_up == ["database is locked"]
    with queue:  # nobody was given the turn who is gone
        pass
    with queue:
        pass


def test_a_fault_while_beginning_leaves_the_turn(tmp_path):
    queue, connection = Turns(10), _connection(tmp_path / "some.db")
    with pytest.raises(sqlite3.OperationalError, match="syntax"):
        turns.begin(queue, connection, "BEGIN AT ONCE")
    turns.begin(queue, connection, "BEGIN IMMEDIATE")
    assert connection.in_transaction
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (10_000,)


def test_a_forked_process_does_not_wait_for_its_parents_threads(monkeypatch):
    queue = Turns(0.01)
    with queue, monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        with queue:
            pass
