"""A database that might only be read for a while is written again, by every connection."""

import subprocess
import threading
from collections.abc import Callable

import peewee
import pytest

import models
from base.database import connect_afresh, is_sqlite, open_database
from base.database_faults import trouble
from models import Clinic
from tests.conftest import lacking


def may_only_read() -> None:
    """This thread's connection, from now on."""
    models.database.execute_sql(
        "PRAGMA query_only = ON" if is_sqlite() else "SET default_transaction_read_only = on"
    )


def elsewhere(do: Callable[[], object]) -> None:
    """Call it in a thread with a connection of its own, which goes back to the pool."""

    def run() -> None:
        with models.database.connection_context():
            do()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def write() -> None:
    Clinic.insert(name="Linden").execute()


def write_together() -> None:
    with models.database.atomic():
        write()


def test_connections_of_the_pool_that_might_only_read_are_replaced(db):
    connect_afresh()
    elsewhere(may_only_read)
    may_only_read()
    models.database.close()
    for _ in range(3):
        elsewhere(write)
    assert Clinic.select().count() == 3


def test_no_more_than_one_transaction_is_refused_once_the_database_can_be_written(db):
    connect_afresh()
    elsewhere(may_only_read)
    may_only_read()
    models.database.close()
    refused = []

    def try_to_write() -> None:
        try:
            write_together()
        except peewee.PeeweeException as error:
            refused.append(trouble(error))

    for _ in range(4):
        elsewhere(try_to_write)
    # PostgreSQL says it only at the first write, when the transaction has begun
    assert refused == ([] if is_sqlite() else ["read-only"])
    assert Clinic.select().count() == 4 - len(refused)


def test_within_a_transaction_it_is_refused_and_afterwards_it_is_written(db):
    connect_afresh()
    with pytest.raises(peewee.PeeweeException) as caught, models.database.atomic():
        models.database.execute_sql(
            "PRAGMA query_only = ON" if is_sqlite() else "SET TRANSACTION READ ONLY"
        )
        write()
    assert trouble(caught.value) == "read-only"
    connect_afresh()
    write_together()
    assert [clinic.name for clinic in Clinic.select()] == ["Linden"]


def test_a_connection_of_another_thread_is_replaced_when_it_comes_back(db):
    read_only, written = threading.Event(), threading.Event()

    def hold() -> None:
        may_only_read()
        read_only.set()
        assert written.wait(20)

    thread = threading.Thread(target=elsewhere, args=(hold,))
    thread.start()
    assert read_only.wait(20)
    may_only_read()
    write()
    written.set()
    thread.join()
    for _ in range(2):
        elsewhere(write_together)
    assert Clinic.select().count() == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_opened_on_a_read_only_disk_writes_once_the_disk_can_be_written(db, tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    open_database(f"sqlite:///{folder / 'kalends.db'}")
    models.database.execute_sql("CREATE TABLE words (word TEXT)")
    for arguments in (["--bind", folder, folder], ["-o", "remount,ro,bind", folder]):
        done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
        if done.returncode:
            lacking("the right to mount a disk", "run the tests as root")

    def keep() -> None:
        models.database.execute_sql("INSERT INTO words VALUES ('kept')")

    faults = []

    def try_to_write() -> None:
        with pytest.raises(peewee.OperationalError) as caught:
            keep()
        faults.append(trouble(caught.value))

    elsewhere(try_to_write)
    subprocess.run(["umount", "-l", folder], check=True)
    assert faults == ["read-only"]
    for _ in range(2):
        elsewhere(keep)
    assert models.database.execute_sql("SELECT COUNT(*) FROM words").fetchone() == (2,)
