"""From every earlier version to this one, with data in every table: nothing is lost, and values
derived from stored secrets stay the same.
"""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from earlier import EARLIER, FIRST_RELEASE, INSTALLATION, SALTS, UUIDS, counts, make, tables_of
from playhouse.migrate import SchemaMigrator
from playhouse.migrations import Migration, Runner
from program import TOP

import models
from base import vault
from base.database import is_sqlite
from base.tables import outbox
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter
from base.tables.outside import ExternalEvent
from free_times.rules import OnlineSettings
from letters import sending
from letters.mail_text import Text
from models import Booking, Feed, Patient, User
from operate import intake, migrate
from operate.intake.upload import Import
from people.credentials import OneTimeToken
from people.id_changes import IdChange
from sync.feeds import feed
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice

WORDS = "0021_words"


@pytest.fixture(params=EARLIER)
def upgraded(request, empty):
    """A database of an earlier version with data, brought to this one.

    (that version, rows by table before).
    """
    before = make(models.database, request.param)
    migrate.migrate()
    return request.param, before


def test_no_row_is_lost(upgraded):
    _version, before = upgraded
    assert migrate.state() == "current"
    assert counts(models.database, before) == before


def test_every_reference_leads_somewhere(upgraded):
    if is_sqlite():
        assert models.database.execute_sql("PRAGMA foreign_key_check").fetchall() == []
        assert models.database.execute_sql("PRAGMA foreign_keys").fetchone() == (1,)


def test_each_row_can_be_read_by_todays_program(upgraded):
    for table in migrate.TABLES:
        assert len([row.__data__ for row in table.select()]) == table.select().count()
    assert [row.notes for row in Booking.select().order_by(Booking.id)] == ["Bring a towel", ""]
    assert {row.email for row in User.select()} == {"olive@linden.test", "pat@linden.test"}


def test_internal_ids_stay_apart(upgraded):
    ids = [row.internal_id for row in Patient.select().order_by(Patient.id)]
    assert ids == ["K-2002", "k-2002-2"]
    assert [(row.was, row.patient.internal_id) for row in IdChange.select()] == [
        ("k-2002", "k-2002-2")
    ]


def test_private_links_keep_their_addresses(upgraded):
    rows = list(Feed.select().order_by(Feed.id))
    assert [(row.uuid, row.salt, row.revoked_at is None) for row in rows] == [
        (uuid.UUID(UUIDS[0]), SALTS[0], True),
        (uuid.UUID(UUIDS[1]), SALTS[1], False),
    ]
    assert feed.path("a key of the tests", rows[0]) == (
        "/api/calendar/6f1d5a3e-3c0b-4a51-9d0e-4f2b7d5c1a01/zhS1-DaeSCAdTC_M2EgHLxKano5sb9iRgI5LtixrFHw.ics"
    )


def test_two_way_sync_goes_on_where_it_was(upgraded):
    version, _ = upgraded
    if version == EARLIER[0]:
        assert Account.select().count() == 0
        return
    assert [(row.generation, row.phase) for row in Account.select().order_by(Account.id)] == [
        (2, "active"),
        (2, "active"),
    ]
    assert [
        (row.uid, row.remote_id, row.etag) for row in MappingRow.select().order_by(MappingRow.id)
    ] == [
        (UUIDS[0], "r1", "e"),
        (UUIDS[1], "r2", "e"),
    ]
    assert {row.clinic.installation for row in Account.select()} == {INSTALLATION}
    assert not any(row.time_off for row in Account.select())  # nothing new leaves by itself
    source = RemoteCalendar.get(RemoteCalendar.role == "source")
    assert source.sync_token == "token" and source.rules == {"busy": True, "all_day": False}
    assert ExternalEvent.select().where(ExternalEvent.blocks).count() == 2
    assert Notice.select().where(Notice.settled_at.is_null()).count() == 1


def test_nobody_can_be_booked_online_by_an_upgrade(upgraded):
    assert OnlineSettings.select().count() == 0
    assert not any(OnlineSettings.of(clinic).is_on for clinic in models.Clinic.select())
    for service in models.Service.select():
        assert (service.online_choice, service.online_approval) == ("either", "clinic")
        assert service.online_notice_hours is service.online_horizon_days is None
    for calendar in models.Practitioner.select():
        assert calendar.takes_online and calendar.takes_new_online
        assert calendar.online_most is None


def test_a_database_of_the_first_release_becomes_todays(empty):
    before = make(models.database, FIRST_RELEASE)
    migrate.migrate()
    assert counts(models.database, before) == before
    for table in migrate.TABLES:
        columns = {column.name for column in models.database.get_columns(table._meta.table_name)}
        assert columns == {field.column_name for field in table._meta.sorted_fields}, table
    assert len([row.__data__ for row in Patient.select()]) == 2
    test_booking_goes_on((FIRST_RELEASE, before))


def test_booking_goes_on(upgraded):
    owner = User.get(User.email == "olive@linden.test")
    calendar = owner.practitioners.get()
    start = datetime(2027, 3, 1, 10, tzinfo=UTC)
    (made,) = Booking.book(calendar, [models.Span(start, start + timedelta(minutes=50))], owner)
    assert Booking.get_by_id(made.id).uuid == made.uuid


# ---- words that were replaced ----


@pytest.fixture
def before_the_words(empty):
    """A database as it was before its words followed the glossary, with each old word in it."""
    before = sorted(migrate.known())
    make(models.database, EARLIER[1])
    Runner(models.database.obj, str(migrate.DIRECTORY)).up(before[before.index(WORDS) - 1])
    told = "INSERT INTO notice (clinic_id, account_id, kind, topic, detail, created_at, settled_as)"
    for kind, topic in (("nudge", "nudge"), ("deletes", "hold")):
        models.database.execute_sql(f"{told} VALUES (1, 1, '{kind}', '{topic}', '{{}}', 1, '')")
    models.database.execute_sql(
        "INSERT INTO letter (clinic_id, kind, about, sequence, sealed_to, language, detail, phase,"
        " word, due_at, tries, is_held, created_at) VALUES (1, 'nudge', 1, '7 2026-11-24T10', '',"
        " 'en', '{}', 'waiting', '', 1, 1, false, 1)"
    )
    models.database.execute_sql(
        "INSERT INTO audit_entry (clinic_id, user_id, action, kind, subject, detail, at)"
        " VALUES (1, 1, 'account.nudged', 'account', 1, '{}', 1)"
    )


def _step():
    """The step that replaces the words, as the runner reads it."""
    (step,) = (one for one in Migration.load_directory(str(migrate.DIRECTORY)) if one.name == WORDS)
    return step.load()


def test_stored_words_are_replaced(before_the_words):
    migrate.migrate()
    told = Notice.select(Notice.kind, Notice.topic).order_by(Notice.id).offset(2).tuples()
    assert list(told) == [
        ("sync_reminder", "sync_reminder"),
        ("deletes", Notice.SAFETY_STOP),
    ]
    assert [row.kind for row in Letter.select()] == ["sync_reminder"]
    (entry,) = AuditEntry.select().where(AuditEntry.action.startswith("account."))
    assert entry.action == "account.reminded"


@pytest.fixture
def sender():
    before = outbox.setup()
    outbox.set_up(outbox.MailSetup(mail_from="kalends@linden.test"))
    yield
    outbox.set_up(before)


def test_a_reminder_that_was_tried_before_is_known_as_the_same_letter(before_the_words, sender):
    migrate.migrate()
    message = sending.compose(Letter.get(), Text("pat@linden.test", "Look", "Please."))
    assert message["Message-ID"].startswith("<03de023118127db85c08679977138d59@")


def test_a_one_time_link_from_before_still_works(before_the_words):
    (secret,) = vault.derived("one-time link", "2|reset|c2FsdA")
    assert secret == "o1yQ_1CCoxYWDxauF6tTO13kiD0Wzo0wJbqO3kRNoNc"
    models.database.execute_sql(
        "UPDATE one_time_link SET salt = 'c2FsdA', secret_hash ="
        f" '{hashlib.sha256(secret.encode()).hexdigest()}' WHERE id = 2"
    )
    migrate.migrate()
    row = OneTimeToken.get_by_id(2)
    assert row.secret == secret and OneTimeToken.find(secret) == row


def test_words_are_replaced_whole_or_not_at_all_and_twice_is_once(before_the_words):
    migrator = SchemaMigrator.from_database(models.database.obj)
    with models.database.atomic() as transaction:
        _step().up(migrator, models.database.obj)
        transaction.rollback()  # as a process that is killed leaves it
    assert {"link", "one_time_link"} < tables_of(models.database)
    with models.database.atomic():
        for _ in range(2):
            _step().up(migrator, models.database.obj)
    assert migrate.migrate()[0] == WORDS
    assert counts(models.database, ["link", "one_time_link"]) == {"link": 2, "one_time_link": 2}


# ---- phases of imports ----

PHASES = "0068_phases_of_imports"


def _begin_import(phase):
    """A row as earlier versions wrote it."""
    models.database.execute_sql(
        'INSERT INTO "import" (clinic_id, kind, phase, content, total, done, good, choices,'
        f" problems, created_at) VALUES (1, 'clients', '{phase}', '', 1, 0, 1, '{{}}', '{{}}', 1)"
    )


def test_phases_of_imports_are_replaced_and_come_back(empty):
    before = sorted(migrate.known())
    make(models.database, EARLIER[1])
    runner = Runner(models.database.obj, str(migrate.DIRECTORY))
    runner.up(before[before.index(PHASES) - 1])
    for phase in ("taking", "taken", "checked"):
        _begin_import(phase)
    rows = 'SELECT phase FROM "import" ORDER BY id'
    migrate.migrate()
    found = models.database.execute_sql(rows).fetchall()
    assert [phase for (phase,) in found][-3:] == ["importing", "imported", "checked"]
    runner.down(PHASES)
    found = models.database.execute_sql(rows).fetchall()
    assert [phase for (phase,) in found][-3:] == ["taking", "taken", "checked"]


def test_an_import_that_an_older_process_accepted_goes_on(upgraded):
    _begin_import("taking")
    row = Import.select().order_by(Import.id.desc()).get()
    assert row.phase == "importing" and row.is_running
    intake.sweep()
    assert row.advance(("importing",), "imported", None)


def test_a_process_of_the_version_before_can_go_on_adding_rows(upgraded, app):
    """One process after another is replaced: what the older ones do not know begins by itself, and
    their probe says that they are well.
    """
    if is_sqlite():
        return
    lacking = models.database.execute_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE is_nullable = 'NO'"
        " AND table_schema = current_schema() AND column_default IS NULL"
    ).fetchall()
    of_table = {table._meta.table_name: table._meta.columns for table in migrate.TABLES}
    begins = [
        (table, column)
        for table, column in lacking
        if table in of_table
        and (value := of_table[table][column].default) is not None
        and not callable(value)
    ]
    assert begins == []
    models.database.execute_sql(
        "INSERT INTO schema_migration (name, applied) VALUES ('9999_later', now())"
    )
    assert migrate.state() == "newer"
    assert app.test_client().get("/readyz").status_code == 200


def test_a_migration_that_was_released_is_never_edited_again():
    folder = TOP / "migrations"
    released = [line.split() for line in (folder / "released.sha256").read_text().splitlines()]
    edited = [
        name
        for digest, name in released
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    ]
    assert released and not edited, "installations have run them as they were: add another one"
