"""Who begins to write to a SQLite file next."""

import os
import sqlite3
import threading
from collections import deque

import pytest

import models
from base.sql import write_order
from base.sql.write_order import ThreadTurns
from models import User

THREADS, EACH = 6, 15
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


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
    queue, order = ThreadTurns(10), []

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
    queue, path = ThreadTurns(10), tmp_path / "some.db"
    _connection(path).execute("CREATE TABLE one (n)")
    begun, waited, came, rounds = [], [], {}, 0

    class Line(deque):
        """Where those stand who wait; each notes how many had begun when it came."""

        def append(self, mine):
            came[threading.get_ident()] = len(begun)
            super().append(mine)

    queue._waiting = Line()

    def write(number):
        connection = _connection(path)
        for _ in range(EACH):
            write_order.begin_statement(queue, connection, "BEGIN IMMEDIATE")
            waited.append(len(begun) - came.pop(threading.get_ident(), len(begun)))
            begun.append(number)
            connection.execute("INSERT INTO one VALUES (?)", (number,))
            connection.execute("COMMIT")

    while not any(waited):  # on a busy machine they may go one after the other
        rounds += 1
        threads = [threading.Thread(target=write, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(begun) == THREADS * EACH * rounds and rounds < 50
    # One that has begun and one at the door may be counted besides.
    assert max(waited) <= THREADS + 2


def test_a_writer_of_another_process_is_waited_for_and_no_longer_than_allowed(tmp_path):
    queue, path = ThreadTurns(10), tmp_path / "some.db"
    mine, other = _connection(path), _connection(path)
    other.execute("BEGIN IMMEDIATE")
    mine.execute("PRAGMA busy_timeout = 20")
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        write_order.begin_statement(queue, mine, "BEGIN IMMEDIATE")
    assert mine.execute("PRAGMA busy_timeout").fetchone() == (20,)
    mine.execute("PRAGMA busy_timeout = 10000")
    threading.Timer(0.02, other.execute, ("COMMIT",)).start()
    write_order.begin_statement(queue, mine, "BEGIN IMMEDIATE")
    assert mine.in_transaction


def test_a_thread_that_gives_up_leaves_the_queue():
    queue, gave_up = ThreadTurns(0.01), []

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
    queue, connection = ThreadTurns(10), _connection(tmp_path / "some.db")
    with pytest.raises(sqlite3.OperationalError, match="syntax"):
        write_order.begin_statement(queue, connection, "BEGIN AT ONCE")
    write_order.begin_statement(queue, connection, "BEGIN IMMEDIATE")
    assert connection.in_transaction
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (10_000,)


def test_a_forked_process_does_not_wait_for_its_parents_threads(monkeypatch):
    queue = ThreadTurns(0.01)
    with queue, monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        with queue:
            pass


@ON_SQLITE
def test_a_loop_over_rows_may_write_after_others_have_written(linden, monkeypatch):
    """Such as a sweep: what it reads is of before, and it would wait for what never comes."""
    monkeypatch.setattr(models.database.obj, "_turns", ThreadTurns(0.5))
    models.database.execute_sql("PRAGMA busy_timeout = 500")
    names = [row.name for row in User.select().order_by(User.id)]

    def elsewhere(name):
        with models.database.connection_context():
            User.update(name=name).where(User.id == linden.pat.id).execute()

    seen = []
    for user in User.select().order_by(User.id).limit(3):
        other = threading.Thread(target=elsewhere, args=(f"Pat {len(seen)}",))
        other.start()
        other.join()
        with models.database.atomic():
            seen.append(user.name)
            User.update(name="Olive").where(User.id == linden.olive.id).execute()
    assert seen == names[:3]


@ON_SQLITE
def test_a_query_gives_its_rows_in_every_way_within_a_transaction_and_without(linden):
    statement = 'SELECT "name" FROM "user" ORDER BY "id"'
    names = [(row.name,) for row in User.select().order_by(User.id)]

    def ask():
        return models.database.execute_sql(statement)

    def look():
        one = ask()
        assert [one.fetchone(), *one.fetchall(), one.fetchone()] == [*names, None]
        assert list(ask()) == names and ask().fetchall() == names
        again = ask()
        again.execute('SELECT "name" FROM "user" WHERE "id" = ?', (linden.pat.id,))
        assert again.fetchall() == [(linden.pat.name,)] and again.fetchone() is None
        again.execute('UPDATE "user" SET "name" = \'Pat\' WHERE "id" = ?', (linden.pat.id,))
        assert again.rowcount == 1 and again.fetchall() == []
        linden.pat.save()

    look()
    with models.database.atomic():
        look()
