"""Backups across versions and faults: a restore brings back the same data, and loses nothing."""

import os
import shutil
import socket
import sqlite3
import stat
import tarfile
import time
from contextlib import closing, suppress
from datetime import timedelta
from types import SimpleNamespace

import program
import pytest
from earlier import EARLIER, counts, make, tables_of
from program import KEY, OTHER, free_port, on_sqlite_alone, restore, until

import models
from base import scheduling, vault
from base.bookings.client_letters import LetterSettings
from base.database import is_sqlite, open_database
from base.scheduling import Span
from base.tables import outbox
from base.tables.outbox import Letter
from letters import reminders
from models import Booking, Clinic, Patient, Practitioner, User, Venue
from operate import keys, migrate, processes
from operate.backup import backups, postgres_tools, restores
from people import founding
from people.sessions import Session
from sync.tables.accounts import Account


@pytest.mark.parametrize("version", EARLIER)
def test_an_earlier_backup_goes_over_the_updated_database_and_comes_up_to_date(
    server, tmp_path, version
):
    before = make(models.database, version)
    backups.write(server, tmp_path / "old.tar.gz")
    migrate.migrate()
    User.create(clinic=1, email="late@linden.test", name="Late")
    restore(server, tmp_path / "old.tar.gz")
    before["one_time_link"] -= 1  # a link to set a password may have been used since
    # The way back.
    assert counts(models.database, before) == before and migrate.applied() == {
        name for name in EARLIER if name <= version
    }
    migrate.migrate()
    assert counts(models.database, before) == before and migrate.state() == "current"
    assert not User.select().where(User.email == "late@linden.test").exists()
    assert Booking.get_by_id(1).notes == "Bring a towel"


def test_a_backup_of_today_leaves_no_table_of_an_earlier_database(server, tmp_path):
    before = make(models.database, EARLIER[1])
    backups.write(server, tmp_path / "old.tar.gz")
    migrate.migrate()
    backups.write(server, tmp_path / "new.tar.gz")
    restore(server, tmp_path / "old.tar.gz")
    restore(server, tmp_path / "new.tar.gz")
    assert not {"link", "one_time_link"} & tables_of(models.database)
    before["one_time_link"] -= 1  # of the restore, as above
    assert counts(models.database, before) == before and migrate.state() == "current"


def test_a_restore_that_fails_leaves_all_as_it_was(server, tmp_path):
    make(models.database, EARLIER[1])
    backups.write(server, tmp_path / "good.tar.gz")
    migrate.migrate()
    User.create(clinic=1, email="late@linden.test", name="Late")
    with tarfile.open(tmp_path / "good.tar.gz") as archive:
        archive.extractall(tmp_path / "parts")
    part = next(path for path in (tmp_path / "parts").iterdir() if path.name.startswith("kalends."))
    content = part.read_bytes()
    part.write_bytes(content[: len(content) // 2])
    with tarfile.open(tmp_path / "half.tar.gz", "w:gz") as archive:
        for path in (tmp_path / "parts").iterdir():
            archive.add(path, arcname=path.name)
    models.database.close()
    with pytest.raises(backups.BackupRefused):
        restores.restore(server, tmp_path / "half.tar.gz")
    models.database.connect(reuse_if_open=True)
    assert (
        migrate.state() == "current"
        and User.select().where(User.email == "late@linden.test").exists()
    )


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("tool", ["pg_dump", "pg_restore", "psql"])
def test_each_tool_that_is_missing_is_named_and_nothing_is_changed(
    server, tmp_path, monkeypatch, tool
):
    make(models.database, EARLIER[1])
    backups.write(server, tmp_path / "good.tar.gz")
    migrate.migrate()
    some = tmp_path / "tools"
    some.mkdir()
    for other in {"pg_dump", "pg_restore", "psql"} - {tool}:
        (some / other).symlink_to(shutil.which(other))
    monkeypatch.setenv("PATH", str(some))
    models.database.close()
    with pytest.raises(backups.BackupRefused, match=f"{tool} is not installed here"):
        restores.restore(server, tmp_path / "good.tar.gz")
    models.database.connect(reuse_if_open=True)
    assert migrate.state() == "current"


def test_a_server_newer_than_the_tools_is_told_in_versions():
    said = (
        "pg_dump: error: aborting because of server version mismatch\npg_dump: detail: server"
        " version: 18.1; pg_dump version: 15.18 (Debian)\n"
    )
    assert (
        postgres_tools._sentence("pg_dump", said)
        == "pg_dump here is version 15, the server's is 18. Install PostgreSQL's client tools of"
        " version 18."
    )


def test_who_signed_out_since_the_backup_stays_signed_out(server, tmp_path):
    make(models.database, EARLIER[1])
    migrate.migrate()
    row, secret = Session.begin(User.get(), True, "")
    backups.write(server, tmp_path / "kalends.tar.gz")
    row.delete_instance()
    restore(server, tmp_path / "kalends.tar.gz")
    assert User.select().exists() and Session.find(secret) is None


@pytest.fixture
def with_mail():
    before = outbox.setup()
    outbox.set_up(outbox.MailSetup("smtp://127.0.0.1:9", "kalends@linden.test"))
    yield
    outbox.set_up(before)


def to_be_reminded(clinic, zone="Europe/London"):
    """An appointment tomorrow, made long ago, of which its client was to be reminded by now."""
    LetterSettings.stored(clinic).change(
        None, to_clients="all", reminders=[{"days": 2, "at": "10:00"}]
    )
    person = User.create(clinic=clinic, email="pat@linden.test", name="Pat", role="practitioner")
    venue = Venue.create(clinic=clinic, name="Street", zone_name=zone, hours={})
    calendar = Practitioner.create(clinic=clinic, user=person, venue=venue, hours={})
    at = scheduling.utc_now()
    (made,) = Booking.book(
        calendar,
        [Span(at + timedelta(hours=30), at + timedelta(hours=31))],
        None,
        patient=Patient.add(clinic, None, first_name="Cleo", email="cleo@client.test"),
    )
    Booking.update(created_at=at - timedelta(days=5)).where(Booking.id == made.id).execute()
    Letter.delete().execute()
    return made


def test_who_was_reminded_since_the_backup_is_not_reminded_again(server, tmp_path, with_mail):
    migrate.migrate()
    clinic = Clinic.create(name="Linden")
    made = to_be_reminded(clinic)
    keys.accept([KEY])
    backups.write(server, tmp_path / "kalends.tar.gz")
    restore(server, tmp_path / "kalends.tar.gz")
    reminders.write_due()
    (letter,) = Letter.select().where(Letter.kind == "reminder")
    assert (letter.about, letter.phase, letter.word) == (made.id, "failed", "restored")

    # whatever is wrong with reminders, a restore ends
    Letter.delete().execute()
    Venue.update(zone_name="Nowhere").execute()
    backups.write(server, tmp_path / "spoiled.tar.gz")
    restore(server, tmp_path / "spoiled.tar.gz")
    restores.finish_restore(server)
    assert not restores.is_unfinished(server)


@on_sqlite_alone
def test_what_a_killed_backup_or_restore_left_is_cleared_away(server, tmp_path):
    make(models.database, EARLIER[1])
    yesterday = time.time() - 2 * 86400
    left = [
        server.instance / ".restore-killed",
        tmp_path / ".backup-killed",
        tmp_path / ".backup-at-work",
    ]
    for folder in left:
        folder.mkdir()
        (folder / "kalends.db").write_text("clients' records")
    os.utime(left[1], (yesterday, yesterday))
    backups.write(server, tmp_path / "kalends.tar.gz")
    restore(server, tmp_path / "kalends.tar.gz")
    assert [folder.name for folder in left if folder.exists()] == [".backup-at-work"]


@pytest.fixture
def killed():
    """Run a restore in a process of its own that kills itself at one step of it."""

    def restore_until(server, file, step):
        code = f"""
import os, signal, sys
import models
from base import vault
from base.database import is_sqlite, open_database
from operate.backup import backups, postgres_tools, restores
from base.config.settings import Settings
url, key, instance, file = sys.argv[1:5]
settings = Settings.from_env(
    dict(DATABASE_URL=url, KALENDS_SECRET_KEY=key, KALENDS_INSTANCE=instance)
)
vault.open_vault(settings.secret_keys)
open_database(url)
for place in (backups, restores, postgres_tools, models.Clinic):
    if hasattr(place, {step!r}):
        setattr(place, {step!r}, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
restores.restore(settings, backups.Path(file))
"""
        done = program.python(code, server.database_url, KEY, str(server.instance), str(file))
        assert done.returncode == -9, done.stderr

    return restore_until


@pytest.mark.parametrize("step", ["the database", "_end_what_must_not_return", "age_faces"])
def test_a_restore_that_is_killed_brings_no_session_back(server, tmp_path, killed, step):
    if step == "the database":
        step = "_replace_sqlite" if is_sqlite() else "replace"
    migrate.migrate()
    clinic = Clinic.create(name="Linden")
    user = User.create(clinic=clinic, email="olive@linden.test", name="Olive", role="owner")
    Session.begin(user, True, "")
    backups.write(server, tmp_path / "kalends.tar.gz")
    models.database.close()
    models.database.obj.close_all()
    killed(server, tmp_path / "kalends.tar.gz", step)
    models.database.connect()
    assert Session.select().count() == 1  # or nothing is proved
    restores.finish_restore(server)
    assert Session.select().count() == 0 and Clinic.get().void_rev is not None
    assert not list(server.instance.glob("restore-unfinished"))


@on_sqlite_alone
@pytest.mark.parametrize(
    "spoil",
    [
        lambda octets: b"no database" * 50,
        lambda octets: octets[:5000] + b"x" * 20_000 + octets[25_000:],
        lambda octets: b"",
    ],
    ids=["another file", "in the middle", "empty"],
)
def test_a_damaged_database_is_restored_over_and_kept_as_it_is(server, tmp_path, spoil):
    make(models.database, EARLIER[1])
    backups.write(server, tmp_path / "kalends.tar.gz")
    models.database.close()
    models.database.obj.close_all()
    there = server.instance / "kalends.db"
    spoilt = spoil(there.read_bytes())
    there.write_bytes(spoilt)
    for rest in ("-wal", "-shm"):
        there.with_name(f"kalends.db{rest}").unlink(missing_ok=True)
    restore(server, tmp_path / "kalends.tar.gz")
    assert Booking.select(Booking.id).count() > 0
    [aside] = server.instance.glob("before-restore-*/kalends.db")
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    if b"no database" in spoilt:
        assert aside.read_bytes() == spoilt


@on_sqlite_alone
def test_a_backup_into_a_folder_that_is_not_there_is_a_sentence(server, tmp_path):
    make(models.database, EARLIER[1])
    with pytest.raises(backups.BackupRefused, match=r"There is no folder .*nowhere"):
        backups.write(server, tmp_path / "nowhere" / "kalends.tar.gz")


@on_sqlite_alone
def test_only_one_of_two_restores_runs(server, tmp_path):
    make(models.database, EARLIER[1])
    backups.write(server, tmp_path / "kalends.tar.gz")
    with (
        processes.only_one(server.instance),
        pytest.raises(backups.BackupRefused, match="Stop it first"),
    ):
        restore(server, tmp_path / "kalends.tar.gz")
    restore(server, tmp_path / "kalends.tar.gz")


def test_what_is_restored_is_its_owners_alone(server, tmp_path):
    make(models.database, EARLIER[1])
    (server.instance / "secret_key").write_text(KEY)
    (server.instance / "secret_key").chmod(0o644)
    backups.write(server, tmp_path / "kalends.tar.gz")
    with tarfile.open(tmp_path / "kalends.tar.gz") as archive:
        assert {member.mode for member in archive} == {0o600}
    was = os.umask(0o022)
    try:
        restore(server, tmp_path / "kalends.tar.gz")
    finally:
        os.umask(was)
    for path in server.instance.rglob("*"):
        if path.name != "running":  # it holds a process number
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("filled", [False, True])
def test_a_database_without_a_clinic_is_not_backed_up(server, tmp_path, filled):
    if filled:
        migrate.migrate()
    models.database.close()
    with pytest.raises(
        backups.BackupRefused, match=r"There is no clinic in the database .* KALENDS_SETTINGS_FILE"
    ):
        backups.write(server, tmp_path / "kalends.tar.gz")
    assert not (tmp_path / "kalends.tar.gz").exists()


def test_before_the_first_clinic_a_nightly_backup_has_nothing_to_do(server, tmp_path):
    file = tmp_path / "kalends.tar.gz"
    models.database.connect(reuse_if_open=True)
    assert not backups.is_too_early(server, file)  # a database without tables may be the wrong one
    migrate.migrate()
    assert backups.is_too_early(server, file)
    (tmp_path / "kalends-yesterday.tar.gz").touch()  # so there was a clinic
    assert not backups.is_too_early(server, file)
    (tmp_path / "kalends-yesterday.tar.gz").unlink()
    models.Clinic.create(name="Linden")
    assert not backups.is_too_early(server, file)


def test_before_an_update_what_is_there_is_kept(server):
    assert backups.before_update(server) is None
    make(models.database, EARLIER[0])
    kept = backups.before_update(server)
    assert kept.parent == server.instance and backups.inspect(kept)


# ---- whose key it is ----


def test_a_new_database_belongs_to_the_key_of_its_first_clinic(server):
    migrate.migrate()
    assert keys.check_keys([OTHER]) == "new" and keys.check_keys([KEY]) == "new"
    founding.found("Linden", "Europe/London", "Olive", "olive@linden.test")
    assert (keys.check_keys([KEY]), keys.check_keys([OTHER])) == ("ours", "another")
    assert keys.check_keys([OTHER, KEY]) == "ours"  # a rotation
    assert keys.check_keys([OTHER]) == "ours"  # and its end


def test_an_earlier_key_alone_is_refused_once_a_newer_one_came(linden, clock):
    """What was made since then, links and credentials, opens under the newer one only."""
    keys.accept([KEY])
    clock.now += timedelta(days=30)
    assert keys.state([KEY]) == "ours"
    assert keys.check_keys([OTHER, KEY]) == "ours"  # a rotation
    assert keys.state([KEY]) == "another"
    assert [keys.state(given) for given in ([OTHER], [OTHER, KEY])] == ["ours", "ours"]
    clock.now -= timedelta(days=60)  # a clock that is wrong changes nothing
    assert [keys.check_keys([given]) for given in (OTHER, KEY)] == ["ours", "another"]
    third = "a third key"
    assert keys.check_keys([third, OTHER]) == "ours"
    assert [keys.state([given]) for given in (third, OTHER, KEY)] == ["ours", "another", "another"]


def test_an_earlier_database_is_only_sure_of_a_key_that_opened_something(server):
    make(models.database, EARLIER[1])
    migrate.migrate()
    assert (keys.check_keys([KEY]), keys.check_keys([OTHER])) == ("unproved", "unproved")
    Account.update(sealed=vault.seal("{}")).where(Account.id == 1).execute()
    vault.open_vault([OTHER])
    assert keys.check_keys([OTHER]) == "another"
    vault.open_vault([KEY])
    assert keys.check_keys([KEY]) == "ours"
    Account.update(sealed="").execute()
    assert (keys.check_keys([KEY]), keys.check_keys([OTHER])) == ("ours", "another")
    keys.accept([OTHER])
    assert (keys.check_keys([KEY]), keys.check_keys([OTHER])) == ("another", "ours")


@on_sqlite_alone
def test_every_command_tells_a_key_that_is_not_the_databases(own, tmp_path):
    foreign = {"KALENDS_SECRET_KEY": OTHER}
    for command in (
        ["backup", tmp_path / "b"],
        ["start"],
        ["web"],
        ["worker", "--burst"],
        ["clock"],
        ["migrate"],
        ["sync", "run"],
        ["reseal"],
        ["feed", "create", "owner@sample.test"],
        ["user", "password", "owner@sample.test", "--link"],
    ):
        said = own(*command, status=1, **foreign)
        assert "was used with another secret key" in said and "key accept" in said, command
    assert "FIX  This database was used with another secret key" in own(
        "doctor", status=1, **foreign
    )
    assert not (tmp_path / "b").exists()
    own("backup", tmp_path / "good")
    (tmp_path / "instance" / "secret_key").unlink()
    assert "not its secret key" in own("backup", tmp_path / "c", status=2)
    assert not (tmp_path / "instance" / "secret_key").exists()
    own("key", "accept", "--yes", **foreign)
    own("backup", tmp_path / "d", **foreign)


@on_sqlite_alone
def test_on_a_fresh_machine_a_backup_needs_only_its_key(own, tmp_path):
    own("key", "accept", "--yes", KALENDS_SECRET_KEY=OTHER)
    own("backup", tmp_path / "kalends.tar.gz", KALENDS_SECRET_KEY=OTHER)
    fresh = {"KALENDS_INSTANCE": tmp_path / "fresh" / "instance"}
    assert "Restored" in own(
        "restore", tmp_path / "kalends.tar.gz", "--yes", KALENDS_SECRET_KEY=OTHER, **fresh
    )
    with closing(sqlite3.connect(tmp_path / "fresh" / "instance" / "kalends.db")) as there:
        assert there.execute("SELECT void_rev = latest_rev FROM clinic").fetchall() == [(1,)], (
            "copies of feeds are not voided"
        )
    said = own(
        "restore", tmp_path / "kalends.tar.gz", "--yes", KALENDS_SECRET_KEY="a third key", **fresh
    )
    assert "Before you start it: This database was used with another secret key." in said
    keyless = tmp_path / "keyless" / "instance"
    said = own("restore", tmp_path / "kalends.tar.gz", "--yes", KALENDS_INSTANCE=keyless)
    assert "Before you start it: There is a database, but not its secret key." in said
    assert (keyless / "kalends.db").exists() and not (keyless / "secret_key").exists()


@on_sqlite_alone
def test_on_a_fresh_machine_a_backup_with_its_key_needs_nothing(own, tmp_path):
    own("backup", tmp_path / "kalends.tar.gz")
    fresh = {"KALENDS_INSTANCE": tmp_path / "fresh" / "instance"}
    said = own("restore", tmp_path / "kalends.tar.gz", "--yes", **fresh)
    assert "Restored" in said and "Before you start it" not in said
    key = (tmp_path / "fresh" / "instance" / "secret_key").read_text()
    assert key == (tmp_path / "instance" / "secret_key").read_text()


# ---- a part that runs alone after a restore that was killed ----

PARTS = {"web": ["--workers", "1"], "worker": [], "clock": []}


@pytest.fixture
def unfinished(server, tmp_path, killed):
    """A restore of an installation with a session in it, killed before the session was ended."""
    migrate.migrate()
    clinic = Clinic.create(name="Linden")
    user = User.create(clinic=clinic, email="olive@linden.test", name="Olive", role="owner")
    Session.begin(user, True, "")
    backups.write(server, tmp_path / "kalends.tar.gz")
    models.database.close()
    models.database.obj.close_all()
    killed(server, tmp_path / "kalends.tar.gz", "_end_what_must_not_return")
    return server


@pytest.fixture
def alone(unfinished, tmp_path):
    """`alone("web", …)` begins a part by itself; it is stopped in the end."""
    begun = []

    def begin(name: str, **environ) -> SimpleNamespace:
        output = tmp_path / f"{name}-said"
        around = {
            "KALENDS_INSTANCE": unfinished.instance,
            "KALENDS_SECRET_KEY": KEY,
            "KALENDS_PORT": free_port(),
            "REDIS_URL": "redis://127.0.0.1:9",
        }
        begun.append(program.begin(name, *PARTS[name], output=output, **around, **environ))
        return SimpleNamespace(output=output, port=around["KALENDS_PORT"])

    yield begin
    for running in begun:
        running.terminate()
        running.wait(20)


def sessions() -> int:
    with models.database.connection_context():
        return Session.select().count()


def test_parts_that_begin_at_once_finish_a_restore_together(unfinished, alone):
    assert sessions() == 1
    for name in PARTS:
        alone(name, DATABASE_URL=unfinished.database_url)
    until(lambda: not restores.is_unfinished(unfinished))
    assert sessions() == 0


@on_sqlite_alone
@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_there_before_the_database_waits_to_finish_a_restore(
    unfinished, alone, tmp_path, name
):
    """The disk of the database is mounted late."""
    there, late = tmp_path / "disk", tmp_path / "unmounted"
    late.mkdir()
    shutil.move(unfinished.instance / "kalends.db", late / "kalends.db")
    part = alone(name, DATABASE_URL=f"sqlite:///{there / 'kalends.db'}")
    until(lambda: b"database does not answer" in part.output.read_bytes())
    late.rename(there)
    until(lambda: not restores.is_unfinished(unfinished))
    open_database(f"sqlite:///{there / 'kalends.db'}")
    assert sessions() == 0


@on_sqlite_alone
def test_a_part_that_begins_during_a_restore_leaves_it_to_its_end(unfinished, alone):
    with processes.only_one(unfinished.instance):
        part = alone("web", DATABASE_URL=unfinished.database_url)
        until(lambda: b"it is still at work" in part.output.read_bytes())
        done = program.run("migrate", KALENDS_INSTANCE=unfinished.instance, KALENDS_SECRET_KEY=KEY)
        assert done.returncode == 1 and "already runs from" in done.stderr
        assert restores.is_unfinished(unfinished) and sessions() == 1
    until(lambda: not restores.is_unfinished(unfinished))
    assert sessions() == 0


@on_sqlite_alone
def test_a_part_does_not_run_over_a_restore_that_needs_an_update_first(unfinished, tmp_path):
    with models.database.connection_context():
        models.database.execute_sql(
            "DELETE FROM schema_migration WHERE name = (SELECT MAX(name) FROM schema_migration)"
        )
    for name in PARTS:
        done = program.run(
            name,
            KALENDS_INSTANCE=unfinished.instance,
            KALENDS_SECRET_KEY=KEY,
            KALENDS_PORT=free_port(),
            DATABASE_URL=unfinished.database_url,
        )
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert "A restore is not finished" in done.stderr and "migrate" in done.stderr
    assert restores.is_unfinished(unfinished) and sessions() == 1


@on_sqlite_alone
def test_a_part_without_a_restore_does_not_wait_for_its_database(unfinished, alone, tmp_path):
    """Private links are answered from their copies meanwhile."""
    (unfinished.instance / "restore-unfinished").unlink()
    part = alone("web", DATABASE_URL=f"sqlite:///{tmp_path / 'nowhere' / 'kalends.db'}")

    def answers() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", part.port), 1):
            return True
        return False

    until(answers)
