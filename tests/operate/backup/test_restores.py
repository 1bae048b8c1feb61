"""Restores that are interrupted at any place, or meet damage, other programs and other users. There
is always one complete database with its own key, and the former one is kept.
"""

import dataclasses
import gzip
import io
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
from contextlib import closing, suppress
from pathlib import Path

import program
import psycopg
import pytest
from earlier import EARLIER, make
from program import KEY, OTHER, free_port, on_sqlite_alone, restore, until

import models
from base import vault
from base.database import is_sqlite, open_database
from models import Clinic, User
from operate import files, keys, migrate
from operate.backup import archive, backups, postgres_tools, restores
from people.credentials import OneTimeToken


@pytest.fixture
def founded(server):
    """A clinic whose key Kalends keeps in its folder."""
    migrate.migrate()
    (server.instance / "secret_key").write_text(KEY)
    clinic = Clinic.create(name="Linden")
    User.create(clinic=clinic, email="olive@linden.test", name="Olive", role="owner")
    keys.accept([KEY])
    return server


# ---- cut off ----


def lines_of(work, modules=(restores, archive, files)) -> list[tuple[str, int]]:
    """Each line of these modules that `work` comes by, once."""
    found = {}
    own = {module.__file__ for module in modules}

    def trace(frame, event, argument):
        if frame.f_code.co_filename not in own:
            return None
        if event == "line":
            found[frame.f_code.co_filename, frame.f_lineno] = True
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return list(found)


def killed_at(place: tuple[str, int], work) -> None:
    """Run `work` in a process of its own that ends, as if killed, when it first comes there."""
    if not (child := os.fork()):
        try:
            done_at(place, lambda: os._exit(9), work)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def done_at(place: tuple[str, int], act, work) -> None:
    """Run `work`, and `act` whenever it comes there."""

    def trace(frame, event, argument):
        if event == "line" and (frame.f_code.co_filename, frame.f_lineno) == place:
            act()
        return trace if frame.f_code.co_filename == place[0] else None

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)


@on_sqlite_alone
def test_a_restore_killed_at_any_line_leaves_one_database_with_its_own_key(founded, tmp_path):
    file = tmp_path / "kalends.tar.gz"
    backups.write(founded, file)
    Clinic.update(name="Harbour").execute()
    (founded.instance / "secret_key").write_text(OTHER)
    keys.accept([OTHER])
    models.database.close()
    models.database.obj.close_all()
    before = tmp_path / "before"
    shutil.copytree(founded.instance, before)

    def work():
        restores.restore(founded, file)
        restores.finish_restore(founded)

    seen = set()
    for place in lines_of(work):
        shutil.rmtree(founded.instance)
        shutil.copytree(before, founded.instance)
        models.database.obj.close_all()
        killed_at(place, work)
        restores.settle_key(founded)
        key = (founded.instance / "secret_key").read_text()
        with models.database.connection_context():
            name, found = Clinic.get().name, keys.state([key])
        restores.finish_restore(founded)
        seen.add((name, key, found))
        assert not restores.is_unfinished(founded), place
        models.database.obj.close_all()
    assert seen == {("Harbour", OTHER, "ours"), ("Linden", KEY, "ours")}


def test_a_restore_after_one_that_was_cut_off_keeps_what_goes_together(founded, tmp_path):
    """The second one keeps aside the database of the first one with the key of the first one."""
    file = tmp_path / "kalends.tar.gz"
    backups.write(founded, file)
    (founded.instance / "secret_key").write_text(OTHER)
    keys.accept([OTHER])
    models.database.close()
    models.database.obj.close_all()
    place = next(
        (name, number)
        for name, number in lines_of(lambda: restores.restore(founded, file))
        if "_end_what_must_not_return()" in Path(name).read_text().splitlines()[number - 1]
    )
    killed_at(place, lambda: restores.restore(founded, file))
    (founded.instance / "secret_key").write_text(OTHER)  # as if it had not come so far
    restore(founded, file)
    aside = max(founded.instance.glob("before-restore-*"))
    assert (founded.instance / "secret_key").read_text() == KEY
    assert {path.name for path in aside.iterdir()} >= {
        "kalends.db" if is_sqlite() else "kalends.dump"
    }
    assert not (aside / "secret_key").exists() or (aside / "secret_key").read_text() == KEY


# ---- refused ----


def spoilt(file: Path, into: Path, change) -> Path:
    """A copy of the backup whose parts went through `change(name, content)`."""
    with tarfile.open(file) as source, tarfile.open(into, "w:gz") as target:
        for member in source:
            content = change(member.name, source.extractfile(member).read())
            if content is not None:
                member.size = len(content)
                target.addfile(member, io.BytesIO(content))
    return into


def without_its_sum(file: Path, into: Path) -> Path:
    """Its content arrived whole, and the sum over it is another's: one bit of it fell over."""
    octets = bytearray(file.read_bytes())
    octets[-8] ^= 1
    into.write_bytes(octets)
    return into


def cut_at_its_end(file: Path, into: Path) -> Path:
    into.write_bytes(file.read_bytes()[:-9])
    return into


DAMAGES = {
    "sum": without_its_sum,
    "end": cut_at_its_end,
    "no database": lambda file, into: spoilt(
        file, into, lambda name, content: None if name.startswith("kalends.") else content
    ),
    "an empty file": lambda file, into: spoilt(
        file, into, lambda name, content: b"" if name.startswith("kalends.") else content
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_backup_that_is_not_whole_changes_nothing(founded, tmp_path, damage):
    backups.write(founded, tmp_path / "good.tar.gz")
    bad = DAMAGES[damage](tmp_path / "good.tar.gz", tmp_path / "bad.tar.gz")
    User.create(clinic=1, email="late@linden.test", name="Late")
    models.database.close()
    there = {path.name for path in founded.instance.iterdir()}
    with pytest.raises(backups.BackupRefused):
        restores.restore(founded, bad)
    models.database.connect(reuse_if_open=True)
    assert User.select().where(User.email == "late@linden.test").exists()
    made = {path.name for path in founded.instance.iterdir()} - there
    assert made <= {"running", "in-use", "kalends.db-wal", "kalends.db-shm"}, made


def test_a_backup_that_was_unpacked_once_is_taken(founded, tmp_path):
    backups.write(founded, tmp_path / "good.tar.gz")
    (tmp_path / "good.tar").write_bytes(gzip.decompress((tmp_path / "good.tar.gz").read_bytes()))
    assert "Restored" in restore(founded, tmp_path / "good.tar")


@on_sqlite_alone
def test_a_backup_never_takes_the_place_of_another(founded, tmp_path):
    """Another is written meanwhile, once for each line at which that may happen."""
    refused = 0
    for place in lines_of(lambda: backups.write(founded, tmp_path / "first"), (archive, backups)):
        file = tmp_path / "kalends.tar.gz"
        file.unlink(missing_ok=True)
        was_faster = []

        def another(file=file, was_faster=was_faster):
            with suppress(FileExistsError), file.open("xb") as there:
                there.write(b"another's")
                was_faster.append(True)

        try:
            done_at(place, another, lambda file=file: backups.write(founded, file))
            said = ""
        except backups.BackupRefused as refusal:
            said = str(refusal)
            refused += 1
        assert ("exists already" in said) == bool(was_faster)
        assert (file.read_bytes() == b"another's") == bool(was_faster)
    assert refused > 20


# ---- others who work there ----


@on_sqlite_alone
def test_nothing_is_restored_under_a_part_or_command_that_works_there(founded, tmp_path):
    backups.write(founded, tmp_path / "kalends.tar.gz")
    with (
        files.used(founded.instance),
        files.used(founded.instance),
        pytest.raises(backups.BackupRefused, match="still uses"),
    ):
        restores.restore(founded, tmp_path / "kalends.tar.gz")
    with files.used(founded.instance, alone=True):
        done = program.run(
            "backup",
            str(tmp_path / "b"),
            KALENDS_INSTANCE=founded.instance,
            KALENDS_SECRET_KEY=KEY,
        )
    assert done.returncode == 1 and "A restore is at work here" in done.stderr
    assert "Restored" in restore(founded, tmp_path / "kalends.tar.gz")


@on_sqlite_alone
def test_a_database_elsewhere_is_replaced_where_it_is(founded, tmp_path):
    """A link in the instance folder leads to it, and stays one."""
    backups.write(founded, tmp_path / "kalends.tar.gz")
    models.database.close()
    models.database.obj.close_all()
    (tmp_path / "disk").mkdir()
    there = founded.instance / "kalends.db"
    shutil.move(there, tmp_path / "disk" / "kalends.db")
    there.symlink_to(tmp_path / "disk" / "kalends.db")
    restore(founded, tmp_path / "kalends.tar.gz")
    assert there.is_symlink() and Clinic.get().name == "Linden"
    assert [path.name for path in (tmp_path / "disk").glob(".*")] == []


@on_sqlite_alone
@pytest.mark.skipif(os.geteuid() != 0, reason="only root works in the folders of others")
def test_what_root_restores_is_still_the_services(founded, tmp_path):
    backups.write(founded, tmp_path / "kalends.tar.gz")
    models.database.close()
    models.database.obj.close_all()
    (founded.instance / "secret_key").write_text(OTHER)
    for path in (founded.instance, *founded.instance.rglob("*")):
        os.chown(path, 12345, 12345)
    restore(founded, tmp_path / "kalends.tar.gz")
    restores.finish_restore(founded)
    others = {
        str(path.relative_to(founded.instance))
        for path in founded.instance.rglob("*")
        if path.stat().st_uid != 12345
    }
    assert others == set()
    assert stat.S_IMODE((founded.instance / "secret_key").stat().st_mode) == 0o600


def test_a_link_to_set_a_password_that_was_used_since_stays_used(founded, tmp_path):
    user = User.get()
    used = OneTimeToken.issue(user, "reset", user, 1)
    unused = OneTimeToken.issue(user, "invite", user, 1)
    backups.write(founded, tmp_path / "kalends.tar.gz")
    OneTimeToken.find(used).use("correct horse battery")
    restore(founded, tmp_path / "kalends.tar.gz")
    assert OneTimeToken.find(used) is None and OneTimeToken.find(unused) is not None


# ---- PostgreSQL ----

on_postgresql_alone = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_what_only_a_newer_server_knows_is_left_out_of_the_head_alone():
    """pg_restore 17 and later write it whatever the server is."""
    script = (
        b"SET statement_timeout = 0;\nSET transaction_timeout = 0;\n"
        b"CREATE TABLE x (a text);\nCOPY x (a) FROM stdin;\nSET transaction_timeout = 0;\n\\.\n"
    )
    into = io.BytesIO()
    postgres_tools._copy_for_any_server(io.BytesIO(script), into)
    assert into.getvalue() == script.replace(b"SET transaction_timeout = 0;\n", b"", 1)


@on_postgresql_alone
def test_what_other_programs_keep_in_the_same_database_is_left_alone(founded, tmp_path):
    models.database.execute_sql("CREATE SCHEMA other")
    models.database.execute_sql("CREATE TABLE other.rows (number int)")
    backups.write(founded, tmp_path / "kalends.tar.gz")
    models.database.execute_sql("INSERT INTO other.rows VALUES (7)")
    restore(founded, tmp_path / "kalends.tar.gz")
    assert models.database.execute_sql("SELECT * FROM other.rows").fetchall() == [(7,)]


@on_postgresql_alone
def test_somebody_with_a_schema_and_no_more_rights_backs_up_and_restores(server, tmp_path):
    models.database.execute_sql("DROP ROLE IF EXISTS kalends_small")
    models.database.execute_sql("CREATE ROLE kalends_small LOGIN PASSWORD 'a:b\\c@'")
    models.database.execute_sql('CREATE SCHEMA "Small one" AUTHORIZATION kalends_small')
    models.database.execute_sql('CREATE TABLE public."not theirs" (number int)')
    parts = psycopg.conninfo.conninfo_to_dict(server.database_url)
    host = f"{parts.get('host', '')}".replace("/", "%2F")
    url = (
        f"postgresql://kalends_small:a%3Ab%5Cc%40@{host}:{parts.get('port', 5432)}"
        f"/{parts['dbname']}?options=-csearch_path%3D%22Small%5C%20one%22"
    )
    mine = dataclasses.replace(server, database_url=url)
    models.database.close()
    models.database.obj.close_all()
    open_database(url)
    try:
        make(models.database, EARLIER[1])
        backups.write(mine, tmp_path / "old.tar.gz")
        migrate.migrate()
        restore(mine, tmp_path / "old.tar.gz")
        migrate.migrate()
        assert Clinic.select().count() == 2
    finally:
        models.database.close()
        models.database.obj.close_all()
        open_database(server.database_url)
        for sql in (
            'DROP SCHEMA "Small one" CASCADE',
            'DROP TABLE public."not theirs"',
            "DROP OWNED BY kalends_small",
            "DROP ROLE kalends_small",
        ):
            models.database.execute_sql(sql)


@on_postgresql_alone
def test_without_a_password_in_the_address_the_tools_find_it_where_we_did(
    founded, tmp_path, monkeypatch
):
    """pg_dump as it is called; a file of passwords of ours would stand before ~/.pgpass."""
    some = tmp_path / "tools"
    some.mkdir()
    (some / "pg_dump").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path / "called"}\n')
    (some / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", f"{some}:{os.environ['PATH']}")
    parts = psycopg.conninfo.conninfo_to_dict(founded.database_url)
    postgres_tools.dump(founded.database_url, tmp_path / "one")
    assert ("passfile" in (tmp_path / "called").read_text()) == bool(parts.get("password"))
    assert (parts.get("password") or "no password") not in (tmp_path / "called").read_text()


@on_postgresql_alone
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_tool_ends_with_the_restore_that_began_it(founded, tmp_path):
    """What was killed replaces nothing any more."""
    some, code = tmp_path / "tools", "from operate.backup import postgres_tools; import sys;"
    some.mkdir()
    (some / "psql").write_text(f"#!/bin/sh\necho $$ > {tmp_path / 'psql'}\nexec sleep 60\n")
    (some / "psql").chmod(0o755)
    code += "postgres_tools._run('psql', sys.argv[1])"
    restoring = subprocess.Popen(
        [sys.executable, "-c", code, founded.database_url],
        cwd=program.TOP,
        env=program.environ(PATH=f"{some}:{os.environ['PATH']}"),
    )
    until(lambda: (tmp_path / "psql").exists() and (tmp_path / "psql").read_text().strip())
    psql = int((tmp_path / "psql").read_text())
    restoring.kill()
    restoring.wait()
    until(lambda: is_over(psql))


def is_over(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_the_fault_in_a_tools_output_is_reported():
    said = "psql:/x/whole.sql:1: NOTICE:  drop\npsql:/x/whole.sql:9: ERROR:  no room\n"
    assert postgres_tools._sentence("psql", said) == "psql refused: ERROR:  no room"


# ---- the key, compared late ----


@on_sqlite_alone
def test_a_part_with_another_key_that_was_there_before_its_database_answers_nothing(
    founded, tmp_path
):
    models.database.close()
    models.database.obj.close_all()
    late, output = tmp_path / "late", tmp_path / "said"
    late.mkdir()
    shutil.move(founded.instance / "kalends.db", late / "kalends.db")
    port = free_port()
    around = {
        "KALENDS_INSTANCE": founded.instance,
        "KALENDS_SECRET_KEY": OTHER,
        "KALENDS_PORT": port,
        "REDIS_URL": "redis://127.0.0.1:9",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'disk' / 'kalends.db'}",
    }
    web = program.begin("web", "--workers", "1", output=output, **around)
    try:
        until(lambda: answer(port, "/sign-in") == 503)  # there is no database yet
        late.rename(tmp_path / "disk")
        until(lambda: b"another secret key" in output.read_bytes() or answer(port, "/") != 503)
        feed = "/api/calendar/6f1d5a3e-3c0b-4a51-9d0e-4f2b7d5c1a01/" + "x" * 43 + ".ics"
        assert [answer(port, path) for path in ("/sign-in", "/readyz", feed)] == [503] * 3
    finally:
        web.terminate()
        web.wait(20)
    assert output.read_text().count("was used with another secret key") == 1
    done = program.run("worker", "--burst", **around)
    assert done.returncode == 1 and "was used with another secret key" in done.stderr


def answer(port: int, path: str) -> int:
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}{path}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return int(done.stdout or 0)


@on_sqlite_alone
def test_jobs_and_pages_open_no_database_under_another_key(founded):
    keys.guard([OTHER])
    models.database.close()
    vault.open_vault([OTHER])
    for _ in range(2):
        with pytest.raises(keys.WrongKey), models.database.connection_context():
            pass
        assert models.database.is_closed()
    keys.guard([OTHER, KEY])
    with models.database.connection_context():
        assert Clinic.get().name == "Linden" and models.database.obj.guard is None


@on_sqlite_alone
@pytest.mark.parametrize("version", EARLIER)
def test_the_state_of_the_key_can_be_asked_of_an_earlier_database(server, version):
    assert keys.state([KEY]) == "new"
    make(models.database, version)
    assert keys.state([KEY]) in ("unproved", "ours", "another")
    with closing(sqlite3.connect(server.instance / "kalends.db")) as there:
        tables = {name for (name,) in there.execute("SELECT name FROM sqlite_master")}
    assert "server_key" not in tables


@on_postgresql_alone
def test_a_restore_names_who_else_uses_the_database_and_changes_nothing(founded, tmp_path):
    """Parts on other machines do not lock the folder."""
    backups.write(founded, tmp_path / "good.tar.gz")
    models.database.close()
    with psycopg.connect(founded.database_url, application_name="Kalends 7 on desk") as elsewhere:
        elsewhere.execute("SELECT 1")
        with pytest.raises(backups.BackupRefused, match="Kalends 7 on desk"):
            restores.restore(founded, tmp_path / "good.tar.gz")
        assert not list(founded.instance.glob("before-restore-*"))
        assert not restores.is_unfinished(founded)
    assert "Restored" in restore(founded, tmp_path / "good.tar.gz")
