"""The database through its migrations: the same as in the models, never backwards, with faults as
sentences.
"""

import dataclasses
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from earlier import EARLIER, make
from peewee import SqliteDatabase

import models
from base.database import is_sqlite, open_database
from operate import migrate
from operate.commands import running

# ---- what the database holds ----


def facts(execute, is_sqlite: bool) -> set[str]:
    """Every column, index and constraint as a line of text."""
    return _sqlite_facts(execute) if is_sqlite else _postgres_facts(execute)


def _sqlite_facts(execute) -> set[str]:
    found = set()
    rows = execute(
        "SELECT type, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name NOT IN"
        " ('schema_migration', 'sqlite_sequence')"
    )
    for kind, table, sql in rows.fetchall():
        plain = " ".join(sql.replace("IF NOT EXISTS ", "").split())
        if kind == "table":  # commas inside brackets belong to one definition
            body = re.sub(
                r"\(([^()]*|\([^()]*\))*\)",
                lambda m: m[0].replace(",", "\0"),
                plain[plain.index("(") + 1 : -1],
            )
            parts = [part.strip().replace("\0", ",") for part in body.split(",")]
            # a column that was added says the same in another order
            parts = [re.sub(r"(CHECK \(.*\)) NOT NULL$", r"NOT NULL \1", part) for part in parts]
            for part in parts:  # a column that was added has its reference in its own line
                column = re.fullmatch(r'(("\w+") \w+) (REFERENCES .*)', part)
                both = (column[1], f"FOREIGN KEY ({column[2]}) {column[3]}") if column else (part,)
                found |= {f"{table}: {one}" for one in both}
        else:
            found.add(plain)
    return found


def _postgres_facts(execute) -> set[str]:
    columns = execute(
        "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,"
        " column_default FROM information_schema.columns WHERE table_schema = current_schema()"
    ).fetchall()
    checks = execute(
        "SELECT c.conrelid::regclass::text, pg_get_constraintdef(c.oid) FROM pg_constraint c "
        "WHERE c.connamespace = current_schema()::regnamespace"
    ).fetchall()
    indexes = execute(
        "SELECT tablename, regexp_replace(indexdef, ' ON [a-z]+\\.', ' ON ') FROM pg_indexes "
        "WHERE schemaname = current_schema()"
    ).fetchall()
    lines = {": ".join(map(str, row)) for row in (*columns, *checks, *indexes)}
    return {
        re.sub(r"nextval\('\w+\.?", "nextval('", line)
        for line in lines
        if not line.startswith("schema_migration")
    }


@contextmanager
def _as_models_say() -> Iterator[tuple]:
    """(execute, is_sqlite) of a database that the models made, undone afterwards."""
    if is_sqlite():
        with SqliteDatabase(":memory:") as fresh, fresh.bind_ctx(migrate.TABLES):
            fresh.create_tables(migrate.TABLES)
            yield fresh.execute_sql, True
    else:
        with models.database.atomic() as transaction:
            models.database.execute_sql("CREATE SCHEMA fresh")
            models.database.execute_sql("SET LOCAL search_path TO fresh")
            models.database.create_tables(migrate.TABLES, safe=False)
            migrate._give_defaults()  # as after the migrations
            yield models.database.execute_sql, False
            transaction.rollback()


def test_migrations_make_what_the_models_say(db):
    made = facts(models.database.execute_sql, is_sqlite())
    with _as_models_say() as (execute, on_sqlite):
        said = facts(execute, on_sqlite)
    assert len(said) > 100
    # They stand below the tables that they name, and leave this to the migration.
    tables = (
        "agreement",
        "audit_entry",
        "dated_hours",
        "external_event",
        "letter",
        "letter_settings",
        "note_version",
        "text_settings",
        "time_off",
    )
    deferred = {
        line for line in made if line.startswith(tuple(f"{table}: FOREIGN KEY" for table in tables))
    }
    assert len(deferred) == 17
    made -= deferred
    differences = [f"only the models:     {line}" for line in sorted(said - made)] + [
        f"only the migrations: {line}" for line in sorted(made - said)
    ]
    if differences:
        pytest.fail(
            "\n".join(["Models and migrations differ. Write a migration.", *differences]),
            pytrace=False,
        )


# ---- bringing it up to date ----


def test_an_empty_database_is_behind_then_current_and_migrating_again_does_nothing(empty):
    assert migrate.state() == "behind"
    assert migrate.migrate() == sorted(migrate.known())
    assert migrate.state() == "current"
    assert migrate.migrate() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_update_whose_backup_finds_no_room_says_what_to_do(
    empty, app, settings, tmp_path, monkeypatch
):
    make(models.database, EARLIER[1])
    nowhere = dataclasses.replace(
        settings, instance=Path("/proc/self"), database_url=f"sqlite:///{tmp_path / 'empty.db'}"
    )
    monkeypatch.setitem(app.config, "SETTINGS", nowhere)
    with app.app_context(), pytest.raises(click.ClickException) as caught:
        running._keep_before_update()
    assert caught.value.message.startswith("The update needs a backup first")
    assert "/proc/self" in caught.value.message


def test_defaults_that_a_killed_update_left_out_are_given_by_the_next(empty):
    migrate.migrate()
    if is_sqlite():
        return  # its columns carry them
    models.database.execute_sql("ALTER TABLE venue ALTER COLUMN country DROP DEFAULT")
    assert migrate.migrate() == []
    (default,) = models.database.execute_sql(
        "SELECT column_default FROM information_schema.columns WHERE column_name = 'country'"
        " AND table_name = 'venue' AND table_schema = current_schema()"
    ).fetchone()
    assert default


def test_a_part_alone_waits_for_a_database_that_is_behind(migrated_app):
    browser, name = migrated_app.test_client(), max(migrate.known())
    models.database.connect(reuse_if_open=True)
    models.database.execute_sql(f"DELETE FROM schema_migration WHERE name = '{name}'")
    migrate.guard()
    models.database.close()
    try:
        for path in ("/sign-in", "/readyz", "/book/linden/"):
            answer = browser.get(path)
            assert answer.status_code == 503 and answer.headers["Retry-After"]
        assert "flask --app app migrate" in browser.get("/sign-in").get_data(as_text=True)
        assert browser.get("/readyz").get_data(as_text=True) == "database is behind\n"
    finally:
        models.database.obj.guard, waiting = None, models.database.obj.guard
        with models.database.connection_context():
            models.database.execute_sql(
                "INSERT INTO schema_migration (name, applied) VALUES"
                f" ('{name}', '2026-01-01 00:00:00')"
            )
    models.database.obj.guard = waiting
    assert browser.get("/readyz").status_code == 200
    assert browser.get("/sign-in").status_code in (200, 303)
    assert models.database.obj.guard is None
    models.database.obj.close_all()


def test_a_part_keeps_no_connection_that_its_forks_would_share(migrated_app):
    models.database.obj.close_all()
    try:
        with migrated_app.app_context():
            running._check_part()
        assert not models.database.obj._connections and not models.database.obj._in_use
    finally:
        models.database.obj.guard = None


def test_a_database_of_a_newer_version_is_refused_and_left_alone(empty):
    migrate.migrate()
    models.database.execute_sql(
        "INSERT INTO schema_migration (name, applied) VALUES ('9999_from_the_future', '2031-01-01"
        " 00:00:00')"
    )
    assert migrate.state() == "newer"
    with pytest.raises(migrate.CannotMigrate, match="newer version of Kalends"):
        migrate.migrate()


@pytest.mark.parametrize(
    "database_url", ["postgresql"], indirect=True
)  # SQLite serves one machine, and `start` holds its folder
def test_two_programs_may_migrate_at_once(empty):
    done, faults = [], []

    def bring():
        try:
            done.append(migrate.migrate())
        except Exception as error:
            faults.append(error)
        finally:
            models.database.close()

    threads = [threading.Thread(target=bring) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == [] and sorted(map(len, done)) == [0, 0, len(migrate.known())]


def test_a_file_that_is_no_database_is_a_sentence(tmp_path, db, settings):
    (tmp_path / "kalends.db").write_text("This is a letter, not a database." * 100)
    open_database(f"sqlite:///{tmp_path / 'kalends.db'}")
    with pytest.raises(
        migrate.CannotMigrate, match=r"cannot be used: file is not a database\. Check"
    ):
        migrate.migrate()
    open_database(settings.database_url)


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path, db, settings):
    open_database(f"sqlite:///{tmp_path / 'none' / 'kalends.db'}")
    with pytest.raises(migrate.CannotMigrate, match="cannot be used: unable to open"):
        migrate.migrate()
    open_database(settings.database_url)


@contextmanager
def _nobody() -> Iterator[None]:
    """Root may write everything; be nobody meanwhile."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def test_a_database_that_may_not_be_written_is_refused_though_it_is_current(
    empty, settings, tmp_path
):
    migrate.migrate()
    models.database.close()
    if is_sqlite():
        models.database.execute_sql("PRAGMA journal_mode = DELETE")
        models.database.close()
        models.database.obj.close_all()
        (tmp_path / "empty.db").chmod(0o444)
        tmp_path.chmod(0o555)
        for parent in (tmp_path.parent, tmp_path.parent.parent, tmp_path.parent.parent.parent):
            parent.chmod(parent.stat().st_mode | 0o011)
        try:
            with (
                _nobody(),
                pytest.raises(
                    migrate.CannotMigrate,
                    match="cannot be used: attempt to write a readonly database",
                ),
            ):
                migrate.migrate()
        finally:
            tmp_path.chmod(0o755)
    else:
        models.database.obj.close_all()
        open_database(
            settings.database_url
            + ("&" if "?" in settings.database_url else "?")
            + "options=-csearch_path%3Dvoid%20-cdefault_transaction_read_only%3Don"
        )
        with pytest.raises(migrate.CannotMigrate, match="cannot be used: it is read-only"):
            migrate.migrate()
